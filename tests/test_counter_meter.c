/* Ops, passes and repeats measured with made-up hardware. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "hwprof/counter_meter.h"
#include "hwprof/energy_totals.h"
#include "hwprof/measure.h"
#include "tests/fake_tree.h"

/* ---- a back end that counts what it is told ---- */

enum { FAKE_EMPTY = 12 };        /* what a read itself adds */
#define SEEN (counter_bit(METRIC_FLOPS) | counter_bit(METRIC_L2_BYTES))

/* Whoever calls reads in an order that is known: when opened for the first time
 * it is calibrated, later it is checked; the rest is ops. */
enum fake_mode { FAKE_CALIBRATE, FAKE_CHECK, FAKE_RUN };

struct fake {
    enum fake_mode mode;
    int    n_opened, n_read, n_reads_in_ops;
    double factor;               /* of the truth in the kernels */
    double check_factor;         /* of the truth in later checks */
    uint64_t pending[METRIC_FIRST_REAL];
    bool   broken;               /* reads fail */
    bool   simulates;            /* grades what it counts so */
};

struct fake_session {
    struct counter_session base;
    struct fake *fake;
    uint32_t metrics;
};

static const enum metric fake_metrics[] = { METRIC_FLOPS, METRIC_L2_BYTES };

static double truth(enum metric metric)
{
    const struct known_kernel *kernel = known_kernel_for(metric);
    struct known_input in = { .n = kernel->n, .n_bytes = 128 << 10 };
    return known_kernel_expected(kernel, &in);
}

static enum status fake_open(struct counter_session **out,
                             const struct counter_options *options,
                             struct error *err)
{
    struct fake_session *s = calloc(1, sizeof *s);

    (void)err;
    s->fake = options->busy_context;
    s->metrics = options->metrics & SEEN;
    counter_unseen(&s->base, "made-up hardware does not count it");
    for (int i = 0; i < 2; i++)
        if (s->metrics & counter_bit(fake_metrics[i])) {
            s->base.reason[fake_metrics[i]][0] = '\0';
            strcpy(s->base.source[fake_metrics[i]], "FAKE");
        }
    s->fake->mode = s->fake->n_opened++ ? FAKE_CHECK : FAKE_CALIBRATE;
    s->fake->n_read = 0;
    *out = &s->base;
    return STATUS_OK;
}

/* Which metric's kernel ran before this reading; -1: none. */
static int kernel_before(struct fake_session *s)
{
    struct fake *fake = s->fake;
    int k = fake->n_read++, each = 2, n = __builtin_popcount(s->metrics);

    if (fake->mode == FAKE_CALIBRATE) {
        k -= 1 + CALIBRATE_EMPTY;
        each = 2 * CALIBRATE_REPEATS;
    }
    if (fake->mode == FAKE_CHECK && k == 2 * n - 1)
        fake->mode = FAKE_RUN;   /* after this one */
    if (k < 0 || k % 2 == 0)
        return -1;
    return k / each + (s->metrics & counter_bit(METRIC_FLOPS) ? 0 : 1);
}

static enum status fake_read(struct counter_session *session, struct cost *cost,
                             struct error *err)
{
    struct fake_session *s = (struct fake_session *)session;
    bool checking = s->fake->mode == FAKE_CHECK;
    bool running = s->fake->mode == FAKE_RUN;
    int kernel = running ? -1 : kernel_before(s);

    if (s->fake->broken && running)
        return error_set(err, STATUS_UNAVAILABLE, "multiplexed");
    *cost = (struct cost){ 0 };
    for (int i = 0; i < 2; i++) {
        enum metric m = fake_metrics[i];
        double factor = checking ? s->fake->check_factor : s->fake->factor;
        uint64_t count = FAKE_EMPTY;
        if (!(s->metrics & counter_bit(m)))
            continue;
        if (kernel == i)
            count += (uint64_t)(factor * truth(m));
        if (running)
            count += s->fake->pending[m];
        s->fake->pending[m] = running ? 0 : s->fake->pending[m];
        cost_set_count(cost, m, count, s->fake->simulates ? PROV_SIMULATED
                                                          : PROV_MEASURED);
    }
    s->fake->n_reads_in_ops += running;
    return STATUS_OK;
}

static enum status fake_nothing(struct counter_session *session,
                                struct error *err)
{
    (void)session;
    (void)err;
    return STATUS_OK;
}

static void fake_close(struct counter_session *session)
{
    free(session);
}

static const struct counter_backend fake_backend = {
    .name = "fake", .what = "made-up hardware", .open = fake_open,
    .start = fake_nothing, .read = fake_read, .stop = fake_nothing,
    .close = fake_close,
};

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
    topology->cache[0] = (struct cache_level){ 1, 'd', 16 << 10, 64, 8, 1 };
    topology->cache[1] = (struct cache_level){ 2, 'u', 256 << 10, 64, 16, 1 };
}

static const struct counter_backend fake_simulator = {
    .name = "fake", .what = "a made-up simulator", .open = fake_open,
    .start = fake_nothing, .read = fake_read, .stop = fake_nothing,
    .close = fake_close, .hosts = fake_hosts, .caches = fake_caches,
};

/* One op that makes the hardware count `flops` and 64 bytes a flop. */
static void run_op(struct meter *meter, struct fake *fake, int32_t layer,
                   enum op op, uint64_t flops)
{
    struct op_run run = { .pass = PASS_FORWARD, .layer = layer, .op = op };

    meter_begin(meter, &run);
    fake->pending[METRIC_FLOPS] += flops;
    fake->pending[METRIC_L2_BYTES] += 64 * flops;
    meter_end(meter, &run);
}

/* ---- the meter alone ---- */

static struct ledger *open_ledger(int32_t n_layers, int32_t n_tokens)
{
    struct ledger *ledger = NULL;
    struct ledger_shape shape = { true, true, n_layers, n_tokens };

    cr_assert(eq(int, ledger_open(&ledger, shape, (struct cost){ 0 }, NULL),
                 STATUS_OK));
    return ledger;
}

static struct counter_session *open_fake(struct fake *fake)
{
    struct counter_session *session = NULL;
    struct counter_options options = { .metrics = SEEN,
                                       .busy_context = fake };

    cr_assert(eq(int, counter_open(&session, &fake_backend, &options, NULL),
                 STATUS_OK));
    fake->mode = FAKE_RUN;
    return session;
}

static uint64_t flops_at(const struct ledger *ledger, int32_t layer,
                         int32_t token, enum op op)
{
    return ledger_at(ledger, (struct ledger_key){ PASS_FORWARD, layer, token,
                                                  op })->count[METRIC_FLOPS];
}

static struct cost empty_cost(void)
{
    struct cost empty = { 0 };
    cost_set_count(&empty, METRIC_FLOPS, FAKE_EMPTY, PROV_MEASURED);
    cost_set_count(&empty, METRIC_L2_BYTES, FAKE_EMPTY, PROV_MEASURED);
    return empty;
}

Test(counter_meter, an_op_is_charged_what_it_counted_less_an_empty_region)
{
    struct fake fake = { 0 };
    struct ledger *ledger = open_ledger(2, 0);
    struct counter_session *s = open_fake(&fake);
    struct counter_meter m = counter_meter(s, ledger, empty_cost());

    run_op(&m.meter, &fake, 0, OP_QKV, 1000);
    run_op(&m.meter, &fake, 1, OP_QKV, 500);
    run_op(&m.meter, &fake, 1, OP_QKV, 500);
    cr_assert(eq(u64, flops_at(ledger, 0, LEDGER_SHARED, OP_QKV), 1000));
    cr_assert(eq(u64, flops_at(ledger, 1, LEDGER_SHARED, OP_QKV), 1000));
    cr_assert(eq(u64, m.n_regions, 3));
    cr_assert(eq(int, m.status, STATUS_OK));
    counter_close(s);
    ledger_close(ledger);
}

/* 3 ops: with glue of any length shared, one reading each and one to begin. */
Test(counter_meter, neighbouring_ops_share_a_reading)
{
    struct fake fake = { 0 };
    struct ledger *ledger = open_ledger(1, 0);
    struct counter_session *s = open_fake(&fake);
    struct counter_meter m = counter_meter(s, ledger, empty_cost());

    m.glue_seconds = 10;
    run_op(&m.meter, &fake, 0, OP_NORM, 1);
    run_op(&m.meter, &fake, 0, OP_QKV, 1);
    run_op(&m.meter, &fake, 0, OP_ATTEND, 1);
    cr_assert(eq(int, fake.n_reads_in_ops, 4));
    counter_close(s);
    ledger_close(ledger);
}

Test(counter_meter, work_between_ops_belongs_to_none)
{
    struct fake fake = { 0 };
    struct ledger *ledger = open_ledger(1, 0);
    struct counter_session *s = open_fake(&fake);
    struct counter_meter m = counter_meter(s, ledger, empty_cost());

    m.glue_seconds = 0;
    run_op(&m.meter, &fake, 0, OP_QKV, 100);
    fake.pending[METRIC_FLOPS] += 99999;
    run_op(&m.meter, &fake, 0, OP_ATTEND, 100);
    cr_assert(eq(u64, flops_at(ledger, 0, LEDGER_SHARED, OP_ATTEND), 100));
    counter_close(s);
    ledger_close(ledger);
}

Test(counter_meter, an_op_smaller_than_an_empty_region_is_zero_not_huge)
{
    struct fake fake = { 0 };
    struct ledger *ledger = open_ledger(1, 0);
    struct counter_session *s = open_fake(&fake);
    struct cost more = { 0 };

    cost_set_count(&more, METRIC_FLOPS, 1000, PROV_MEASURED);
    struct counter_meter m = counter_meter(s, ledger, more);
    run_op(&m.meter, &fake, 0, OP_QKV, 3);
    cr_assert(eq(u64, flops_at(ledger, 0, LEDGER_SHARED, OP_QKV), 0));
    counter_close(s);
    ledger_close(ledger);
}

Test(counter_meter, a_failed_reading_is_kept_and_nothing_is_filed_after)
{
    struct fake fake = { .broken = true };
    struct ledger *ledger = open_ledger(1, 0);
    struct counter_session *s = open_fake(&fake);
    struct counter_meter m = counter_meter(s, ledger, empty_cost());

    run_op(&m.meter, &fake, 0, OP_QKV, 3);
    cr_assert(eq(int, m.status, STATUS_UNAVAILABLE));
    cr_assert(eq(str, m.error.text, "multiplexed"));
    cr_assert(eq(u64, m.n_regions, 0));
    counter_close(s);
    ledger_close(ledger);
}

Test(counter_meter, a_token_may_be_named)
{
    struct fake fake = { 0 };
    struct ledger *ledger = open_ledger(1, 0), *tokens = open_ledger(0, 3);
    struct counter_session *s = open_fake(&fake);
    struct counter_meter m = counter_meter(s, ledger, empty_cost());

    m.tokens = tokens;
    m.token = 2;
    run_op(&m.meter, &fake, 0, OP_QKV, 7);
    cr_assert(eq(u64, flops_at(ledger, 0, LEDGER_SHARED, OP_QKV), 7));
    cr_assert(eq(u64, flops_at(tokens, 0, 2, OP_QKV), 7));
    cr_assert(eq(u64, flops_at(tokens, 0, 1, OP_QKV), 0));
    counter_close(s);
    ledger_close(tokens);
    ledger_close(ledger);
}

Test(time_meter, an_op_takes_the_time_between_its_brackets)
{
    struct ledger *ledger = open_ledger(1, 0);
    struct time_meter m = time_meter(ledger);
    struct op_run run = { .pass = PASS_FORWARD, .layer = 0, .op = OP_QKV };

    meter_begin(&m.meter, &run);
    usleep(2000);
    meter_end(&m.meter, &run);
    double seconds = cost_get(ledger_at(ledger, (struct ledger_key){
        PASS_FORWARD, 0, LEDGER_SHARED, OP_QKV }), METRIC_SECONDS);
    cr_assert(seconds >= 0.002 - 1e-6 && seconds < 1);
    ledger_close(ledger);
}

/* ---- passes and repeats ---- */

/* A tree with one CPU, and one package whose energy `busy` moves. */
struct bench {
    struct fake fake;            /* first: busy_context is both */
    struct fake_tree tree;
    uint64_t microjoules;
    bool sensor;
    double now, idle_watts;      /* by a clock of its own */
};

static void post_energy(struct bench *bench, uint64_t microjoules)
{
    bench->microjoules += microjoules;
    fake_tree_write(&bench->tree, "class/powercap/intel-rapl:0/energy_uj",
                    "%llu\n", (unsigned long long)bench->microjoules);
}

static void busy(void *context)
{
    struct bench *bench = context;
    if (bench->sensor)
        post_energy(bench, 1000);
}

static struct bench make_bench(bool sensor)
{
    struct bench bench = { .fake = { .factor = 1, .check_factor = 1 },
                           .tree = fake_tree_open(), .sensor = sensor };

    fake_tree_write(&bench.tree, "devices/system/cpu/online", "0\n");
    fake_tree_write(&bench.tree, "devices/system/cpu/cpu0/cache/index0/level",
                    "2\n");
    fake_tree_write(&bench.tree, "devices/system/cpu/cpu0/cache/index0/size",
                    "1024K\n");
    fake_tree_write(&bench.tree, "devices/system/cpu/cpu0/cache/index0/type",
                    "Unified\n");
    fake_tree_write(&bench.tree, "meminfo", "MemTotal: 8388608 kB\n");
    if (!sensor)
        return bench;
    fake_tree_write(&bench.tree, "class/powercap/intel-rapl:0/name",
                    "package-0\n");
    fake_tree_write(&bench.tree,
                    "class/powercap/intel-rapl:0/max_energy_range_uj",
                    "262143328850\n");
    post_energy(&bench, 1000);
    return bench;
}

static struct measure *open_on(const struct counter_backend *backend,
                               struct bench *bench, int n_repeats)
{
    struct measure *m = NULL;
    struct error err = { 0 };
    struct measure_options options = {
        .sysfs_root = bench->tree.root, .proc_root = bench->tree.root,
        .configs = "/nonexistent", .backend = backend, .n_layers = 2,
        .n_repeats = n_repeats, .busy = busy, .busy_context = bench,
    };
    cr_assert(eq(int, measure_open(&m, &options, &err), STATUS_OK), "%s",
              err.text);
    return m;
}

static struct measure *open_measure(struct bench *bench, int n_repeats)
{
    return open_on(&fake_backend, bench, n_repeats);
}

/* A model of two ops: 1000 + extra flops in layer 0, 3000 in layer 1. */
static enum status run_repeat(struct measure *m, struct bench *bench, int pass,
                              uint64_t extra, struct error *err)
{
    enum status status = measure_begin(m, pass, err);

    if (status != STATUS_OK)
        return status;
    run_op(measure_meter(m), &bench->fake, 0, OP_QKV, 1000 + extra);
    run_op(measure_meter(m), &bench->fake, 1, OP_QKV, 3000);
    bench->fake.mode = FAKE_CHECK;
    bench->fake.n_read = 0;
    return measure_end(m, err);
}

static void run_all(struct measure *m, struct bench *bench)
{
    for (int pass; (pass = measure_next(m)) >= 0;)
        run_repeat(m, bench, pass, 0, NULL);
}

static struct ledger *finish(struct measure *m)
{
    struct ledger *ledger = open_ledger(2, 0);
    measure_finish(m, ledger, NULL);
    return ledger;
}

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

/* ---- energy ---- */

/* One repeat of the time pass that takes 120 ms and 2 J, a third of the time in
 * layer 0. */
static void run_energy(struct measure *m, struct bench *bench, useconds_t unit)
{
    struct op_run a = { .pass = PASS_FORWARD, .layer = 0, .op = OP_QKV };
    struct op_run b = { .pass = PASS_FORWARD, .layer = 1, .op = OP_HEAD };

    cr_assert(eq(int, measure_begin(m, 0, NULL), STATUS_OK));
    meter_begin(measure_meter(m), &a);
    usleep(unit);
    meter_end(measure_meter(m), &a);
    meter_begin(measure_meter(m), &b);
    usleep(2 * unit);
    meter_end(measure_meter(m), &b);
    post_energy(bench, 2000000);
    cr_assert(eq(int, measure_end(m, NULL), STATUS_OK));
}

Test(measure, energy_is_shared_out_by_time_and_adds_up)
{
    struct bench bench = make_bench(true);
    struct measure *m = open_measure(&bench, 1);

    run_energy(m, &bench, 40000);
    struct ledger *ledger = finish(m);
    struct cost total = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                   LEDGER_ANY);
    struct cost first = ledger_sum(ledger, LEDGER_ANY, 0, LEDGER_ANY,
                                   LEDGER_ANY);
    cr_assert(epsilon_eq(dbl, cost_get(&total, METRIC_JOULES), 2.0, 1e-9));
    cr_assert(epsilon_eq(dbl, cost_get(&first, METRIC_JOULES), 2.0 / 3, 0.1));
    cr_assert(eq(int, total.from[METRIC_JOULES], PROV_APPORTIONED));
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

Test(measure, a_window_too_short_for_a_sensor_gives_no_energy)
{
    struct bench bench = make_bench(true);
    struct measure *m = open_measure(&bench, 1);

    run_energy(m, &bench, 1000);
    struct ledger *ledger = finish(m);
    cr_assert(strstr(ledger_reason(ledger, METRIC_JOULES), "need 100 ms") !=
              NULL);
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* From here on time is the bench's own: all figures can be exact. */
static double bench_now(void *context)
{
    return ((struct bench *)context)->now;
}

static void spend(struct bench *bench, double seconds, double joules)
{
    bench->now += seconds;
    post_energy(bench, (uint64_t)llround(1e6 * joules));
}

static void bench_sleep(void *context, double seconds)
{
    struct bench *bench = context;
    spend(bench, seconds, bench->idle_watts * seconds);
}

/* Half a second's baseline is 4 windows of 125 ms. */
static struct measure *open_idling(struct bench *bench, int n_repeats)
{
    struct measure *m = NULL;
    struct error err = { 0 };
    struct measure_options options = {
        .sysfs_root = bench->tree.root, .proc_root = bench->tree.root,
        .configs = "/nonexistent", .backend = &fake_backend, .n_layers = 2,
        .n_repeats = n_repeats, .busy = busy, .busy_context = bench,
        .idle_seconds = 0.5, .clock = { bench_now, bench_sleep, bench },
    };
    bench->now = 100;
    cr_assert(eq(int, measure_open(&m, &options, &err), STATUS_OK), "%s",
              err.text);
    return m;
}

static const struct ledger_key key_a = { PASS_FORWARD, 0, LEDGER_SHARED,
                                         OP_QKV };
static const struct ledger_key key_b = { PASS_FORWARD, 1, LEDGER_SHARED,
                                         OP_HEAD };

/* Two ops of 1 ms each, by the wall clock; `seconds` and `joules` in all. */
static void work(struct measure *m, struct bench *bench, bool heard,
                 double seconds, double joules)
{
    const struct op_run run[] = {
        { .pass = key_a.pass, .layer = key_a.layer, .op = key_a.op },
        { .pass = key_b.pass, .layer = key_b.layer, .op = key_b.op } };
    struct meter *meter = heard ? measure_meter(m) : NULL;

    for (int i = 0; i < 2; i++) {
        meter_begin(meter, &run[i]);
        usleep(1000);
        meter_end(meter, &run[i]);
    }
    spend(bench, seconds, joules);
}

/* A repeat; what comes before the work again takes 1 s and 7 J. */
static void repeat(struct measure *m, struct bench *bench, double seconds,
                   double joules)
{
    cr_assert(eq(int, measure_begin(m, 0, NULL), STATUS_OK));
    work(m, bench, true, seconds, joules);
    while (measure_again(m)) {
        spend(bench, 1, 7);
        measure_resume(m);
        work(m, bench, false, seconds, joules);
    }
    cr_assert(eq(int, measure_end(m, NULL), STATUS_OK));
}

static double joules_at(const struct ledger *ledger, struct ledger_key key)
{
    return cost_get(ledger_at(ledger, key), METRIC_JOULES);
}

static double joules_in_all(const struct ledger *ledger)
{
    struct cost sum = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    return cost_get(&sum, METRIC_JOULES);
}

/* 3 J in 0.5 s on a machine that idles at 2 W: 1 J of idling, 2 J net; 4 tokens
 * generated of 8. */
Test(measure, gross_and_net_by_hand)
{
    struct bench bench = make_bench(true);
    bench.idle_watts = 2;
    struct measure *m = open_idling(&bench, 1);

    repeat(m, &bench, 0.5, 3);
    struct ledger *ledger = finish(m);
    struct measure_energy e = measure_energy(m);
    cr_assert(epsilon_eq(dbl, e.joules, 3, 1e-12));
    cr_assert(epsilon_eq(dbl, e.seconds, 0.5, 1e-12));
    cr_assert(eq(i64, e.times, 1));
    cr_assert(eq(int, e.shared_by, METRIC_SECONDS));
    cr_assert(eq(int, e.idle->n_windows, 8));     /* 4 before, 4 after */
    struct energy_totals t = energy_totals(e.joules, e.seconds, e.idle, 4, 8);
    cr_assert(epsilon_eq(dbl, t.net, 2, 1e-9));
    cr_assert(epsilon_eq(dbl, t.gross_per_output, 0.75, 1e-9));
    cr_assert(epsilon_eq(dbl, t.net_per_output, 0.5, 1e-9));
    cr_assert(epsilon_eq(dbl, t.gross_per_token, 0.375, 1e-9));
    cr_assert(epsilon_eq(dbl, t.net_per_token, 0.25, 1e-9));
    cr_assert(epsilon_eq(dbl, joules_in_all(ledger), 3, 1e-9));
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* 31.25 ms: three are too short for a window, four are 125 ms.  What lies
 * between them is in no window, and only the first is listened to. */
Test(measure, short_work_is_done_again_until_a_sensor_sees_it)
{
    struct bench bench = make_bench(true);
    bench.idle_watts = 2;
    struct measure *m = open_idling(&bench, 2);

    repeat(m, &bench, 0.03125, 0.25);
    repeat(m, &bench, 0.03125, 0.75);
    struct ledger *ledger = finish(m);
    struct measure_energy e = measure_energy(m);
    double each[MEASURE_REPEAT_MAX];
    cr_assert(eq(i64, e.times, 4));
    cr_assert(epsilon_eq(dbl, e.joules, 0.5, 1e-9));
    cr_assert(epsilon_eq(dbl, e.low, 0.25, 1e-9));
    cr_assert(epsilon_eq(dbl, e.high, 0.75, 1e-9));
    cr_assert(epsilon_eq(dbl, e.seconds, 0.03125, 1e-9));
    cr_assert(epsilon_eq(dbl, joules_in_all(ledger), 0.5, 1e-9));
    cr_assert(eq(u64, measure_regions(m, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY),
                 2));
    cr_assert(eq(int, measure_repeats(m, METRIC_JOULES, each), 2));
    cr_assert(epsilon_eq(dbl, each[0], 0.25, 1e-9));
    cr_assert(epsilon_eq(dbl, each[1], 0.75, 1e-9));
    cr_assert(eq(int, measure_repeats(m, METRIC_SECONDS, each), 2));
    cr_assert(each[0] >= 0.002 && each[0] < 0.25);   /* by the wall: once */
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* The model has 1 and 3 J for ops that take the same time: 2 J are 0.5 and 1.5,
 * and stay even where their seconds are too small to be told. */
Test(measure, a_model_shares_energy_out)
{
    struct bench bench = make_bench(true);
    struct measure *m = open_idling(&bench, 1);
    struct ledger *ledger = open_ledger(2, 0), *model = open_ledger(2, 0);
    double bound[METRIC_COUNT];

    ledger_set_real(model, key_a, METRIC_JOULES, 1, PROV_PREDICTED);
    ledger_set_real(model, key_b, METRIC_JOULES, 3, PROV_PREDICTED);
    repeat(m, &bench, 0.5, 2);
    measure_finish(m, ledger, model);
    measure_mask(m, ledger, bound);
    cr_assert(eq(int, measure_energy(m).shared_by, METRIC_JOULES));
    cr_assert(epsilon_eq(dbl, joules_at(ledger, key_a), 0.5, 1e-9));
    cr_assert(epsilon_eq(dbl, joules_at(ledger, key_b), 1.5, 1e-9));
    cr_assert(epsilon_eq(dbl, joules_in_all(ledger), 2, 1e-9));
    cr_assert(eq(int, ledger_at(ledger, key_b)->from[METRIC_JOULES],
                 PROV_APPORTIONED));
    ledger_close(model);
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* A model without a machine knows no joules. */
Test(measure, a_model_without_joules_leaves_it_to_seconds)
{
    struct bench bench = make_bench(true);
    struct measure *m = open_idling(&bench, 1);
    struct ledger *ledger = open_ledger(2, 0), *model = open_ledger(2, 0);

    ledger_set_count(model, key_a, METRIC_FLOPS, 1, PROV_PREDICTED);
    ledger_set_count(model, key_b, METRIC_FLOPS, 1, PROV_PREDICTED);
    repeat(m, &bench, 0.5, 2);
    measure_finish(m, ledger, model);
    cr_assert(eq(int, measure_energy(m).shared_by, METRIC_SECONDS));
    cr_assert(epsilon_eq(dbl, joules_in_all(ledger), 2, 1e-9));
    ledger_close(model);
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* Windows of 0 J: what the sensor counted stands, net of idling does not. */
Test(measure, a_dead_baseline_leaves_net_unknown)
{
    struct bench bench = make_bench(true);
    struct measure *m = open_idling(&bench, 1);

    repeat(m, &bench, 0.5, 3);
    struct ledger *ledger = finish(m);
    struct measure_energy e = measure_energy(m);
    struct energy_totals t = energy_totals(e.joules, e.seconds, e.idle, 4, 8);
    cr_assert(epsilon_eq(dbl, t.gross, 3, 1e-9));
    cr_assert(isnan(t.net));
    cr_assert(strstr(t.reason, "dead, which is not 0 W") != NULL, "%s",
              t.reason);
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* 262 kJ are 131 s of 2 kW: after an hour of other passes the counter may have
 * wrapped around more than once, which is nothing to a window that starts now. */
Test(measure, a_long_pause_between_repeats_loses_no_energy)
{
    struct bench bench = make_bench(true);
    bench.idle_watts = 2;
    struct measure *m = open_idling(&bench, 2);

    repeat(m, &bench, 0.5, 3);
    spend(&bench, 3600, 5000);
    repeat(m, &bench, 0.5, 5);
    spend(&bench, 3600, 5000);
    struct ledger *ledger = finish(m);
    struct measure_energy e = measure_energy(m);
    cr_assert(epsilon_eq(dbl, e.joules, 4, 1e-9));
    cr_assert(eq(int, e.idle->n_windows, 8));
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* 1 ms, and 1 s of other work before each time: a window of 101 would take
 * 100 s more. */
Test(measure, work_that_takes_too_long_to_repeat_has_no_energy)
{
    struct bench bench = make_bench(true);
    bench.idle_watts = 2;
    struct measure *m = open_idling(&bench, 1);

    repeat(m, &bench, 0.001, 0.01);
    struct ledger *ledger = finish(m);
    cr_assert(bench.now < 104, "%g s", bench.now - 100);
    cr_assert(isnan(measure_energy(m).joules));
    cr_assert(strstr(ledger_reason(ledger, METRIC_JOULES), "too short for a "
                     "sensor: 101 times in a repeat") != NULL, "%s",
              ledger_reason(ledger, METRIC_JOULES));
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

Test(measure, a_sensor_that_stands_still_gives_no_energy)
{
    struct bench bench = make_bench(true);
    bench.idle_watts = 2;
    struct measure *m = open_idling(&bench, 1);

    repeat(m, &bench, 0.5, 0);
    struct ledger *ledger = finish(m);
    cr_assert(isnan(measure_energy(m).joules));
    cr_assert(strstr(ledger_reason(ledger, METRIC_JOULES), "not 0 J") != NULL);
    cr_assert(isnan(joules_in_all(ledger)));
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

Test(measure, without_a_sensor_nothing_is_done_again)
{
    struct bench bench = make_bench(false);
    struct measure *m = open_idling(&bench, 1);
    double each[MEASURE_REPEAT_MAX];

    cr_assert(eq(int, measure_begin(m, 0, NULL), STATUS_OK));
    cr_assert(not(measure_again(m)));
    cr_assert(eq(int, measure_end(m, NULL), STATUS_OK));
    struct ledger *ledger = finish(m);
    cr_assert(eq(dbl, bench.now, 100));           /* nor slept */
    cr_assert(isnan(measure_energy(m).joules));
    cr_assert(eq(int, measure_energy(m).idle->n_windows, 0));
    cr_assert(eq(int, measure_repeats(m, METRIC_JOULES, each), 0));
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}
