/* test_measure_energy.c - Measure energy by op: shared out, gross and net,
 * short work, sensors that fail. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "hwprof/energy/energy_totals.h"
#include "tests/fake_bench.h"

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

Test(measure_energy, energy_is_shared_out_by_time_and_adds_up)
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

Test(measure_energy, a_window_too_short_for_a_sensor_gives_no_energy)
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

static struct measure *open_beside(struct bench *bench, int n_repeats,
                                   struct load_prober *prober)
{
    struct measure *m = NULL;
    struct error err = { 0 };
    struct measure_options options = {
        .sysfs_root = bench->tree.root, .proc_root = bench->tree.root,
        .configs = "/nonexistent", .backend = &fake_backend, .n_layers = 2,
        .n_repeats = n_repeats, .busy = busy, .busy_context = bench,
        .idle_seconds = 0.5, .clock = { bench_now, bench_sleep, bench },
        .prober = prober,
    };
    bench->now = 100;
    cr_assert(eq(int, measure_open(&m, &options, &err), STATUS_OK), "%s",
              err.text);
    return m;
}

/* Half a second's baseline is 4 windows of 125 ms. */
static struct measure *open_idling(struct bench *bench, int n_repeats)
{
    return open_beside(bench, n_repeats, NULL);
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
Test(measure_energy, gross_and_net_by_hand)
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

/* ---- others on the machine ---- */

struct told {
    const struct load_probe *probe;
    int n;
};

static struct load_probe tell(void *context)
{
    struct told *told = context;
    return told->probe[told->n++];
}

/* Two repeats of 0.5 s, with 3 J and, as others ran beside the second one, 9. */
static struct ledger *measure_two(struct measure **out, struct bench *bench,
                                  const struct load_probe *probe)
{
    static struct told told;
    static struct load_prober prober;

    told = (struct told){ probe, 0 };
    prober = (struct load_prober){ tell, &told, { 0, 0 } };
    bench->idle_watts = 2;
    *out = open_beside(bench, 2, &prober);
    repeat(*out, bench, 0.5, 3);
    repeat(*out, bench, 0.5, 9);
    return finish(*out);
}

Test(measure_energy, joules_of_a_disturbed_repeat_do_not_count)
{
    static const struct load_probe probe[] = { { 100, 50 }, { 98, 50 },
                                               { 60, 50 }, { 60, 50 } };
    struct bench bench = make_bench(true);
    struct measure *m;
    struct ledger *ledger = measure_two(&m, &bench, probe);
    struct measure_energy e = measure_energy(m);
    double each[MEASURE_REPEAT_MAX];

    cr_expect(epsilon_eq(dbl, e.joules, 3, 1e-9));
    cr_expect(epsilon_eq(dbl, e.high, 3, 1e-9));
    cr_expect(epsilon_eq(dbl, joules_in_all(ledger), 3, 1e-9));
    cr_expect(eq(int, ledger_at(ledger, key_a)->from[METRIC_JOULES],
                 PROV_APPORTIONED));
    cr_expect(eq(int, measure_repeats(m, METRIC_JOULES, each), 2));
    cr_expect(measure_is_quiet(m, METRIC_JOULES, 0));
    cr_expect(not(measure_is_quiet(m, METRIC_JOULES, 1)));
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

Test(measure_energy, joules_are_busy_where_every_repeat_was)
{
    static const struct load_probe probe[] = { { 100, 50 }, { 60, 50 },
                                               { 60, 50 }, { 60, 50 } };
    struct bench bench = make_bench(true);
    struct measure *m;
    struct ledger *ledger = measure_two(&m, &bench, probe);

    cr_expect(epsilon_eq(dbl, measure_energy(m).joules, 6, 1e-9));
    cr_expect(eq(int, ledger_at(ledger, key_a)->from[METRIC_JOULES],
                 PROV_BUSY));
    cr_expect(eq(int, ledger_at(ledger, key_b)->from[METRIC_JOULES],
                 PROV_BUSY));
    ledger_close(ledger);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* 31.25 ms: three are too short for a window, four are 125 ms.  What lies
 * between them is in no window, and only the first is listened to. */
Test(measure_energy, short_work_is_done_again_until_a_sensor_sees_it)
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
Test(measure_energy, a_model_shares_energy_out)
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
Test(measure_energy, a_model_without_joules_leaves_it_to_seconds)
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
Test(measure_energy, a_dead_baseline_leaves_net_unknown)
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
Test(measure_energy, a_long_pause_between_repeats_loses_no_energy)
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
Test(measure_energy, work_that_takes_too_long_to_repeat_has_no_energy)
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

Test(measure_energy, a_sensor_that_stands_still_gives_no_energy)
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

Test(measure_energy, without_a_sensor_nothing_is_done_again)
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
