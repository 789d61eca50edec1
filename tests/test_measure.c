/* test_measure.c - Measure by op: passes, repeats, tokens, and the reason why a
 * metric is missing. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <unistd.h>

#include "sim/core/base/clock.h"
#include "tests/fake_bench.h"

Test(measure, qualified_metrics_share_a_pass_after_the_time_pass)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_measure(&bench, 3);

    cr_assert(eq(int, measure_n_passes(m), 2));
    cr_assert(eq(str, (char *)measure_pass_name(m, 0), "time"));
    cr_assert(eq(str, (char *)measure_pass_name(m, 1), "flops l2_bytes"));
    measure_close(m);
    fake_tree_close(&bench.tree);
}

Test(measure, passes_fill_one_ledger)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_measure(&bench, 3);

    run_all(m, &bench);
    struct ledger *ledger = finish(m);
    const struct cost *cost = ledger_at(ledger, (struct ledger_key){
        PASS_FORWARD, 1, LEDGER_SHARED, OP_QKV });
    cr_assert(eq(u64, cost->count[METRIC_FLOPS], 3000));
    cr_assert(eq(u64, cost->count[METRIC_L2_BYTES], 192000));
    cr_assert(eq(int, cost->from[METRIC_FLOPS], PROV_MEASURED));
    cr_assert(eq(int, cost->from[METRIC_SECONDS], PROV_MEASURED));
    cr_assert(eq(int, cost->from[METRIC_CYCLES], PROV_UNKNOWN));
    cr_assert(eq(int, cost->from[METRIC_JOULES], PROV_UNKNOWN));
    cr_assert(not(ledger_touched(ledger, (struct ledger_key){
        PASS_BACKWARD, 1, LEDGER_SHARED, OP_QKV })));
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

Test(measure, every_unknown_metric_has_its_reason)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_measure(&bench, 1);

    run_all(m, &bench);
    struct ledger *ledger = finish(m);
    cr_assert(eq(str, (char *)ledger_reason(ledger, METRIC_CYCLES),
                 "made-up hardware does not count it"));
    cr_assert(strstr(ledger_reason(ledger, METRIC_BYTES), "operand bytes") !=
              NULL);
    cr_assert(strstr(ledger_reason(ledger, METRIC_JOULES), "no energy sensor")
              != NULL);
    cr_assert(ledger_reason(ledger, METRIC_FLOPS) == NULL);
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* Repeats count 1000, 1010 and 1002 flops in layer 0: median 1002, and since
 * flops must not differ at all, a lower bound. */
Test(measure, the_median_is_filed_and_the_spread_is_kept)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_measure(&bench, 3);
    struct measure_row row[METRIC_COUNT];

    cr_assert(eq(int, run_repeat(m, &bench, 1, 0, NULL), STATUS_OK));
    cr_assert(eq(int, run_repeat(m, &bench, 1, 10, NULL), STATUS_OK));
    cr_assert(eq(int, run_repeat(m, &bench, 1, 2, NULL), STATUS_OK));
    struct ledger *ledger = finish(m);
    struct measure_range range = measure_range(m, PASS_FORWARD, 0,
        LEDGER_SHARED, OP_QKV, METRIC_FLOPS);
    measure_report(m, row);
    cr_assert(eq(u64, flops_at(ledger, 0, LEDGER_SHARED, OP_QKV), 1002));
    cr_assert(eq(dbl, range.low, 1000.0));
    cr_assert(eq(dbl, range.high, 1010.0));
    cr_assert(eq(int, range.n, 3));
    cr_assert(row[METRIC_FLOPS].lower_bound);
    cr_assert(eq(int, ledger_at(ledger, (struct ledger_key){ PASS_FORWARD, 0,
        LEDGER_SHARED, OP_QKV })->from[METRIC_FLOPS], PROV_AT_LEAST));
    cr_assert(eq(int, ledger_at(ledger, (struct ledger_key){ PASS_FORWARD, 1,
        LEDGER_SHARED, OP_QKV })->from[METRIC_FLOPS], PROV_MEASURED));
    cr_assert(strstr(row[METRIC_FLOPS].reason, "differ by 10 flops") != NULL);
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

Test(measure, a_counter_five_percent_off_is_left_out_with_its_reason)
{
    struct bench bench = make_bench(false);
    struct measure_row row[METRIC_COUNT];

    bench.fake.factor = 0.95;
    struct measure *m = open_measure(&bench, 1);
    measure_report(m, row);
    cr_assert(eq(int, measure_n_passes(m), 1));
    cr_assert(not(row[METRIC_FLOPS].qualified));
    cr_assert(row[METRIC_FLOPS].reason[0] != '\0');
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* Right when opened, dead when checked: every attempt at the pass fails, the
 * time pass does not. */
Test(measure, a_counter_that_dies_takes_its_pass_along)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_measure(&bench, 2);

    bench.fake.check_factor = 0;
    run_all(m, &bench);
    struct ledger *ledger = finish(m);
    cr_assert(strstr(ledger_reason(ledger, METRIC_FLOPS),
                     "no repeat was accepted") != NULL);
    cr_assert(strstr(ledger_reason(ledger, METRIC_FLOPS), "dead") != NULL ||
              strstr(ledger_reason(ledger, METRIC_FLOPS), "wrong") != NULL);
    cr_assert(ledger_reason(ledger, METRIC_SECONDS) == NULL);
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

Test(measure, a_bad_reading_rejects_the_repeat_and_says_why)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_measure(&bench, 2);
    struct error err = { 0 };

    bench.fake.broken = true;
    cr_assert(eq(int, run_repeat(m, &bench, 1, 0, &err), STATUS_UNAVAILABLE));
    cr_assert(eq(str, err.text, "flops l2_bytes pass: multiplexed"));
    bench.fake.broken = false;
    cr_assert(eq(int, run_repeat(m, &bench, 1, 0, &err), STATUS_OK));
    cr_assert(eq(int, measure_range(m, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                    LEDGER_ANY, METRIC_FLOPS).n, 1));
    measure_close(m);
    fake_tree_close(&bench.tree);
}

Test(measure, rejected_repeats_are_counted_with_their_reason)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_measure(&bench, 2);
    const char *why;

    cr_assert(eq(int, measure_rejected(m, 1, &why), 0));
    bench.fake.broken = true;
    run_repeat(m, &bench, 1, 0, NULL);
    run_repeat(m, &bench, 1, 0, NULL);
    cr_assert(eq(int, measure_rejected(m, 1, &why), 2));
    cr_assert(eq(str, (char *)why, "multiplexed"));
    cr_assert(eq(int, measure_rejected(m, 0, &why), 0));
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* An empty region counts 12, always, so a tenth of that is its error bar and
 * ten bars are 12: of 5 flops nothing can be said, of their 320 bytes it can. */
Test(measure, what_is_below_resolution_is_taken_out)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_measure(&bench, 1);
    struct ledger_key small = { PASS_FORWARD, 0, LEDGER_SHARED, OP_NORM };
    struct ledger_key large = { PASS_FORWARD, 1, LEDGER_SHARED, OP_QKV };
    double bound[METRIC_COUNT];

    for (int pass; (pass = measure_next(m)) >= 0;) {
        cr_assert(eq(int, measure_begin(m, pass, NULL), STATUS_OK));
        run_op(measure_meter(m), &bench.fake, 0, OP_NORM, 5);
        run_op(measure_meter(m), &bench.fake, 1, OP_QKV, 3000);
        usleep(100);
        bench.fake.mode = FAKE_CHECK;
        bench.fake.n_read = 0;
        cr_assert(eq(int, measure_end(m, NULL), STATUS_OK));
    }
    struct ledger *ledger = finish(m);
    cr_assert(eq(u64, ledger_at(ledger, small)->count[METRIC_FLOPS], 5));
    cr_assert(eq(u64, measure_regions(m, PASS_FORWARD, 0, OP_NORM), 1));
    measure_mask(m, ledger, bound);
    cr_assert(eq(int, ledger_at(ledger, small)->from[METRIC_FLOPS],
                 PROV_BELOW));
    cr_assert(eq(u64, ledger_at(ledger, small)->count[METRIC_L2_BYTES], 320));
    cr_assert(eq(int, ledger_at(ledger, small)->from[METRIC_L2_BYTES],
                 PROV_MEASURED));
    cr_assert(eq(u64, ledger_at(ledger, large)->count[METRIC_FLOPS], 3000));
    cr_assert(epsilon_eq(dbl, bound[METRIC_FLOPS], 12.0, 1e-9));
    cr_assert(eq(dbl, bound[METRIC_L2_BYTES], 0.0));
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

static struct measure *open_tokens(struct bench *bench)
{
    struct measure *m = NULL;
    struct measure_options options = {
        .sysfs_root = bench->tree.root, .proc_root = bench->tree.root,
        .configs = "/nonexistent", .backend = &fake_backend, .n_layers = 2,
        .n_tokens = 2, .bare = true, .n_repeats = 1, .busy = busy,
        .busy_context = bench,
    };
    cr_assert(eq(int, measure_open(&m, &options, NULL), STATUS_OK));
    return m;
}

Test(measure, a_token_counts_what_its_ops_count)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_tokens(&bench);

    cr_assert(eq(int, measure_begin(m, 1, NULL), STATUS_OK));
    for (int t = 0; t < 2; t++) {
        measure_token(m, t);
        run_op(measure_meter(m), &bench.fake, 0, OP_QKV, 1000);
        run_op(measure_meter(m), &bench.fake, 1, OP_QKV, t ? 50 : 0);
    }
    bench.fake.mode = FAKE_CHECK;
    bench.fake.n_read = 0;
    cr_assert(eq(int, measure_end(m, NULL), STATUS_OK));
    for (int t = 0; t < 2; t++)
        cr_assert(eq(dbl, measure_range(m, LEDGER_ANY, LEDGER_ANY, t,
                                        LEDGER_ANY, METRIC_FLOPS).median,
                     t ? 1050.0 : 1000.0));
    cr_assert(eq(dbl, measure_range(m, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                    LEDGER_ANY, METRIC_FLOPS).median, 2050.0));
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* 3 ms and 1 ms at least; both within the repeat, which nobody listens to. */
Test(measure, a_bare_repeat_gives_each_token_its_seconds)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_tokens(&bench);
    double whole[MEASURE_REPEAT_MAX], sum = 0;

    cr_assert(eq(int, measure_n_passes(m), 3));
    cr_assert(eq(str, (char *)measure_pass_name(m, 2), "bare"));
    cr_assert(eq(int, measure_begin(m, 2, NULL), STATUS_OK));
    cr_assert(eq(ptr, measure_meter(m), NULL));
    usleep(2000);                        /* before any token */
    measure_token(m, 0);
    usleep(3000);
    measure_token(m, 1);
    usleep(1000);
    cr_assert(eq(int, measure_end(m, NULL), STATUS_OK));
    for (int t = 0; t < 2; t++) {
        struct measure_range range = measure_range(m, LEDGER_ANY, LEDGER_ANY,
            t, LEDGER_ANY, METRIC_SECONDS);
        cr_assert(eq(int, range.n, 1));
        cr_assert(range.median >= (t ? 0.001 : 0.003) - 1e-6);
        sum += range.median;
    }
    cr_assert(eq(int, measure_repeats(m, METRIC_SECONDS, whole), 1));
    cr_assert(whole[0] >= sum + 0.002 - 1e-6);
    cr_assert(eq(dbl, measure_overhead(m).bare_seconds, whole[0]));
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* ---- others on the machine ---- */

/* Probes answer with these rates, in their order. */
struct told {
    const struct load_probe *probe;
    int n;
    char order[16];              /* 'p': a probe, 'w': what comes before work */
};

static void note(struct told *told, char what)
{
    const size_t n = strlen(told->order);
    if (n + 1 < sizeof told->order)
        told->order[n] = what;
}

static struct load_probe tell(void *context)
{
    struct told *told = context;
    note(told, 'p');
    return told->probe[told->n++];
}

static const double preparing_seconds = 20e-3;

static void prepare(void *context)
{
    note(context, 'w');
    for (double end = clock_seconds() + preparing_seconds;
         clock_seconds() < end;)
        ;
}

static struct measure *time_three(struct bench *bench,
                                  struct load_prober *prober)
{
    struct measure *m = NULL;
    struct measure_options options = {
        .sysfs_root = bench->tree.root, .proc_root = bench->tree.root,
        .configs = "/nonexistent", .backend = &fake_backend, .n_layers = 2,
        .n_repeats = 3, .busy = busy, .busy_context = bench,
        .metrics = counter_bit(METRIC_SECONDS), .prober = prober,
        .prepare = prepare, .prepare_context = prober->context,
    };
    int pass;

    cr_assert(eq(int, measure_open(&m, &options, NULL), STATUS_OK));
    while ((pass = measure_next(m)) >= 0) {
        cr_assert(eq(int, measure_begin(m, pass, NULL), STATUS_OK));
        run_op(measure_meter(m), &bench->fake, 0, OP_QKV, 1);
        cr_assert(eq(int, measure_end(m, NULL), STATUS_OK));
    }
    return m;
}

/* What probing left in the caches is no part of the work, nor what mends it. */
Test(measure, work_is_prepared_after_a_probe_and_in_no_time_of_its_own)
{
    static const struct load_probe probe[] = {
        { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } };
    struct bench bench = make_bench(false);
    struct told told = { .probe = probe };
    struct load_prober prober = { tell, &told, { 0, 0 } };
    struct measure *m = time_three(&bench, &prober);
    double seconds[MEASURE_REPEAT_MAX];

    cr_expect(eq(str, told.order, "pwppwppwp"));
    cr_assert(eq(int, measure_repeats(m, METRIC_SECONDS, seconds), 3));
    for (int i = 0; i < 3; i++)
        cr_expect(lt(dbl, seconds[i], preparing_seconds));
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* The second repeat's arithmetic fell to half after it, the third's reads to
 * 87 % before it. */
Test(measure, a_repeat_that_others_disturbed_does_not_count)
{
    static const struct load_probe probe[] = { { 100, 50 }, { 95, 50 },
        { 90, 50 }, { 50, 50 }, { 100, 43.5 }, { 100, 50 } };
    struct bench bench = make_bench(false);
    struct told told = { .probe = probe };
    struct load_prober prober = { tell, &told, { 0, 0 } };
    struct measure *m = time_three(&bench, &prober);
    double seconds[MEASURE_REPEAT_MAX];

    cr_expect(eq(int, told.n, 6));
    cr_expect(measure_is_quiet(m, METRIC_SECONDS, 0));
    cr_expect(not(measure_is_quiet(m, METRIC_SECONDS, 1)));
    cr_expect(not(measure_is_quiet(m, METRIC_SECONDS, 2)));
    cr_expect(eq(int, measure_repeats(m, METRIC_SECONDS, seconds), 3));
    cr_expect(eq(int, measure_range(m, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                    LEDGER_ANY, METRIC_SECONDS).n, 1));
    struct measure_load load = measure_load(m);
    cr_expect(eq(int, load.n, 3));
    cr_expect(eq(int, load.n_quiet, 1));
    cr_expect(eq(dbl, load.least_share, 0.95));
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* Then the figure is of what there is, and says so. */
Test(measure, when_others_disturbed_every_repeat_it_is_busy)
{
    static const struct load_probe probe[] = { { 100, 50 }, { 60, 50 },
        { 60, 50 }, { 60, 50 }, { 60, 50 }, { 60, 50 } };
    struct bench bench = make_bench(false);
    struct told told = { .probe = probe };
    struct load_prober prober = { tell, &told, { 0, 0 } };
    struct measure *m = time_three(&bench, &prober);

    cr_expect(eq(int, measure_load(m).n_quiet, 0));
    struct measure_range range = measure_range(m, LEDGER_ANY, LEDGER_ANY,
                                               LEDGER_ANY, LEDGER_ANY,
                                               METRIC_SECONDS);
    cr_expect(eq(int, range.n, 3));
    cr_expect(eq(int, range.from, PROV_BUSY));
    struct ledger *ledger = open_ledger(2, 0);
    measure_finish(m, ledger, NULL);
    cr_expect(eq(int, ledger_at(ledger, (struct ledger_key){ PASS_FORWARD, 0,
        LEDGER_SHARED, OP_QKV })->from[METRIC_SECONDS], PROV_BUSY));
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

Test(load, the_kernel_tells_steal_and_the_wait_for_a_cpu)
{
    struct fake_tree tree = fake_tree_open();

    fake_tree_write(&tree, "stat", "cpu  1 2 3 4 5 6 7 800 9 10\n");
    fake_tree_write(&tree, "self/task/11/schedstat", "9 1500000000 3\n");
    fake_tree_write(&tree, "self/task/12/schedstat", "9 500000000 3\n");
    struct load_times before = load_times_now(tree.root);
    cr_expect(eq(dbl, before.steal, 800.0 / (double)sysconf(_SC_CLK_TCK)));
    cr_expect(eq(dbl, before.waiting, 2.0));
    fake_tree_write(&tree, "self/task/12/schedstat", "9 750000000 3\n");
    struct load_times after = load_times_now(tree.root);
    struct load_times took = load_times_between(&before, &after);
    cr_expect(eq(dbl, took.waiting, 0.25));
    cr_expect(eq(dbl, took.steal, 0.0));
    cr_expect(took.cpu >= 0);
    fake_tree_close(&tree);
}

Test(load, what_the_kernel_does_not_tell_is_not_zero)
{
    struct fake_tree tree = fake_tree_open();
    struct load_times now = load_times_now(tree.root);

    cr_expect(now.steal != now.steal);
    cr_expect(now.waiting != now.waiting);
    fake_tree_close(&tree);
}

/* Rates that are real, and no more than the best. */
Test(load, a_probe_runs_on_every_thread)
{
    struct load_prober prober;
    struct error err = { 0 };

    cr_assert(eq(int, load_prober_open(&prober, 2, &err), STATUS_OK), "%s",
              err.text);
    struct load_probe first = load_probe_take(&prober);
    struct load_probe second = load_probe_take(&prober);
    cr_expect(first.flops_per_second > 0);
    cr_expect(first.bytes_per_second > 0);
    double share = load_share(&prober, &first, &second);
    cr_expect(share > 0 && share <= 1);
    load_prober_close(&prober);
}

Test(measure, passes_take_turns)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_measure(&bench, 2);

    cr_assert(eq(int, measure_next(m), 0));
    cr_assert(eq(int, run_repeat(m, &bench, 0, 0, NULL), STATUS_OK));
    cr_assert(eq(int, measure_next(m), 1));
    cr_assert(eq(int, run_repeat(m, &bench, 1, 0, NULL), STATUS_OK));
    cr_assert(eq(int, measure_next(m), 0));
    run_all(m, &bench);
    cr_assert(eq(int, measure_next(m), -1));
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* ---- a simulator in the place of hardware ---- */

static bool fake_hosts(void)
{
    return true;
}

/* A first cache of 16 KiB and a last one of 256. */
static void fake_caches(const struct counter_session *session,
                        struct cpu_topology *topology)
{
    (void)session;
    topology->n_caches = 2;
    topology->cache[0] = (struct cache_level){ 1, 'd', 16 << 10, 64, 8, 1, 1 };
    topology->cache[1] = (struct cache_level){ 2, 'u', 256 << 10, 64, 16, 1,
                                                1 };
}

static const struct counter_backend fake_simulator = {
    .name = "fake", .what = "a made-up simulator", .open = fake_open,
    .start = fake_nothing, .read = fake_read, .stop = fake_nothing,
    .close = fake_close, .hosts = fake_hosts, .caches = fake_caches,
};

/* Qualified by the same kernels, and a lower grade than hardware all the same;
 * a clock and a sensor that work saw the simulator, not the work. */
Test(measure, what_a_simulator_counted_is_never_called_measured)
{
    struct bench bench = make_bench(true);
    bench.fake.simulates = true;
    bench.fake.n_opened = -1;    /* its caches are asked for before */
    struct measure *m = open_on(&fake_simulator, &bench, 3);
    char by[MEASURE_SIMULATED_SIZE];
    struct measure_row row[METRIC_COUNT];
    double seconds[MEASURE_REPEAT_MAX];

    run_all(m, &bench);
    struct ledger *ledger = finish(m);
    const struct cost *cost = ledger_at(ledger, (struct ledger_key){
        PASS_FORWARD, 1, LEDGER_SHARED, OP_QKV });
    cr_expect(eq(u64, cost->count[METRIC_FLOPS], 3000));
    cr_expect(eq(int, cost->from[METRIC_FLOPS], PROV_SIMULATED));
    cr_expect(eq(int, cost->from[METRIC_L2_BYTES], PROV_SIMULATED));
    cr_expect(eq(int, cost->from[METRIC_SECONDS], PROV_UNKNOWN));
    cr_expect(eq(int, cost->from[METRIC_JOULES], PROV_UNKNOWN));
    cr_expect(eq(int, measure_repeats(m, METRIC_SECONDS, seconds), 0));
    measure_report(m, row);
    cr_expect(strstr(row[METRIC_SECONDS].reason, "simulator at work") != NULL);
    cr_expect(strstr(row[METRIC_JOULES].reason, "simulator at work") != NULL);
    measure_simulated(m, by);
    cr_expect(eq(str, by, "fake, D1 16 KiB, 8 ways of 64 B, LL 256 KiB, 16 ways"
                          " of 64 B"));
    cr_expect(eq(u64, cpu_topology_cache(measure_topology(m), 2), 256 << 10));
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

static enum status open_to_calibrate(struct counter_session **out,
                                     const struct counter_options *options,
                                     struct error *err)
{
    ((struct fake *)options->busy_context)->n_opened = 0;
    return fake_open(out, options, err);
}

/* Reading a long list of instructions empties the caches of what is counted
 * beside it. */
Test(measure, what_disturbs_the_others_has_a_pass_of_its_own)
{
    struct counter_backend apart = fake_simulator;
    struct bench bench = make_bench(true);

    apart.apart = counter_bit(METRIC_FLOPS);
    apart.open = open_to_calibrate;
    bench.fake.simulates = true;
    struct measure *m = open_on(&apart, &bench, 1);
    cr_assert(eq(int, measure_n_passes(m), 3));
    cr_expect(eq(str, (char *)measure_pass_name(m, 1), "l2_bytes"));
    cr_expect(eq(str, (char *)measure_pass_name(m, 2), "flops"));
    measure_close(m);
    fake_tree_close(&bench.tree);
}

Test(measure, hardware_is_not_called_simulated)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_measure(&bench, 1);
    char by[MEASURE_SIMULATED_SIZE];

    measure_simulated(m, by);
    cr_expect(eq(str, by, ""));
    measure_close(m);
    fake_tree_close(&bench.tree);
}
