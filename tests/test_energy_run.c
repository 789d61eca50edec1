/* test_energy_run.c - Recover a synthetic machine's coefficients from its
 * counters, through the code that reads real sensors. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/synthetic_machine.h"

static bool near(double a, double b, double share)
{
    return fabs(a - b) <= share * fabs(b);
}

static const struct energy_fit_options fit_options = {
    .n_kernels = ENERGY_N_KERNELS, .n_threads = SYNTHETIC_THREADS,
    .n_resamples = 40 };

static void expect_truth(const struct synthetic *m,
                         const struct energy_fit *fit, double share)
{
    for (int t = 0; t < ENERGY_TERM_COUNT; t++) {
        const struct energy_coefficient *c = &fit->term[t];
        cr_expect(c->resolved, "%s: %s", energy_terms[t].name, c->reason);
        cr_expect(near(c->value, m->truth[t], share), "%s: %g, truly %g",
                  energy_terms[t].name, c->value, m->truth[t]);
    }
    cr_expect(near(fit->standing.value, 20 + 8 * 2.5, share));
}

/* Without noise only whole microjoules stand between the fit and the truth. */
Test(energy_run, without_noise_the_truth_comes_back)
{
    struct synthetic m = synthetic_open(1, 0);
    struct energy_run_options options = synthetic_options(&m);
    struct energy_run run;
    struct energy_fit fit;
    struct error err = { 0 };

    options.n_rounds = 2;
    cr_assert(eq(int, energy_run(&run, &options, &err), STATUS_OK), "%s",
              err.text);
    cr_expect(eq(int, run.n_rejected, 0));
    cr_expect(eq(int, run.n_rows, 2 * ENERGY_N_KERNELS + 2));
    cr_expect(eq(str, run.source,
                 "intel-rapl:0 package-0 + intel-rapl:1 package-1"));
    cr_expect(near(run.idle_before, 20, 1e-6));
    cr_expect(near(run.idle_after, 20, 1e-6));
    cr_assert(eq(int, energy_fit(&fit, run.row, run.n_rows, &fit_options, &err),
                 STATUS_OK), "%s", err.text);
    expect_truth(&m, &fit, 1e-5);
    cr_expect(eq(int, fit.n_held_out, ENERGY_N_KERNELS));
    cr_expect(fit.worst_held_out < 1e-5, "%g", fit.worst_held_out);
    cr_expect(fit.condition < 50, "%g", fit.condition);
    energy_run_close(&run);
    synthetic_close(&m);
}

/* 1 % of noise, counters that wrap around every 100 s or so. */
Test(energy_run, coefficients_within_five_percent_at_one_percent_of_noise)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct synthetic m = synthetic_open(seed, 0.01);
        struct energy_run_options options = synthetic_options(&m);
        struct energy_run run;
        struct energy_fit fit;
        struct error err = { 0 };
        double joules = 0;

        options.n_rounds = 200;
        cr_assert(eq(int, energy_run(&run, &options, &err), STATUS_OK), "%s",
                  err.text);
        cr_expect(m.n_wraps >= 20, "%d wraps", m.n_wraps);
        cr_expect(eq(int, run.n_rejected, 0));
        for (int i = 0; i < run.n_rows; i++)
            joules += run.row[i].joules;
        /* a microjoule a zone and window, of 40 J */
        cr_expect(near(joules, m.joules, 1e-7), "%.9g J, truly %.9g", joules,
                  m.joules);
        cr_assert(eq(int, energy_fit(&fit, run.row, run.n_rows, &fit_options,
                                     &err), STATUS_OK), "%s", err.text);
        expect_truth(&m, &fit, 0.05);
        cr_expect(fit.worst_held_out < 0.02, "%g", fit.worst_held_out);
        cr_expect(near(fit.residual, 0.01, 0.1), "%g", fit.residual);
        energy_run_close(&run);
        synthetic_close(&m);
    }
}

static bool says(const struct energy_run *run, const char *words)
{
    for (int i = 0; i < run->n_reasons; i++)
        if (strstr(run->rejection[i].reason, words))
            return true;
    return false;
}

/* One window steps back, one stands still, and in one another process works:
 * three windows are out, each for its reason, and the rest gives the truth. */
Test(energy_run, what_cannot_be_is_left_out_and_said)
{
    struct synthetic m = synthetic_open(3, 0.001);
    struct energy_run_options options = synthetic_options(&m);
    struct energy_run run;
    struct energy_fit fit;
    struct error err = { 0 };

    m.back_at = 20;
    m.still_at = 40;
    m.other_at = 60;
    cr_assert(eq(int, energy_run(&run, &options, &err), STATUS_OK), "%s",
              err.text);
    cr_expect(eq(int, run.n_rejected, 3));
    cr_expect(eq(int, run.n_rows, run.n_windows - 3));
    cr_expect(says(&run, "jumped by"));
    cr_expect(says(&run, "dead, which is not 0 J"));
    cr_expect(says(&run, "something else ran"));
    cr_assert(eq(int, energy_fit(&fit, run.row, run.n_rows, &fit_options, &err),
                 STATUS_OK), "%s", err.text);
    expect_truth(&m, &fit, 0.05);
    energy_run_close(&run);
    synthetic_close(&m);
}

Test(energy_run, a_dead_zone_is_refused_with_its_reason)
{
    struct synthetic m = synthetic_open(1, 0);
    struct energy_run_options options = synthetic_options(&m);
    struct energy_run run;
    struct error err = { 0 };

    m.dead[1] = true;
    cr_assert(eq(int, energy_run(&run, &options, &err), STATUS_UNAVAILABLE));
    cr_expect(strstr(err.text, "intel-rapl:1 package-1: dead: its energy did "
                     "not change") != NULL, "%s", err.text);
    cr_expect(eq(int, run.n_rows, 0));
    energy_run_close(&run);
    synthetic_close(&m);
}

/* From one moment on neither zone moves: five windows, and it gives up. */
static enum status stop_dead(void *context, int kernel, double seconds,
                             double amount[ENERGY_TERM_COUNT],
                             struct error *err)
{
    struct synthetic *m = context;

    enum status status = synthetic_run(context, kernel, seconds, amount, err);
    if (m->n_windows >= 8)
        m->dead[0] = m->dead[1] = true;
    return status;
}

Test(energy_run, a_sensor_that_dies_on_the_way_ends_the_run)
{
    struct synthetic m = synthetic_open(1, 0);
    struct energy_run_options options = synthetic_options(&m);
    struct energy_run run;
    struct error err = { 0 };

    options.run = stop_dead;
    cr_assert(eq(int, energy_run(&run, &options, &err), STATUS_UNAVAILABLE));
    cr_expect(strstr(err.text, "dead") != NULL, "%s", err.text);
    for (int i = 0; i < run.n_rows; i++)
        cr_assert(run.row[i].joules > 0);
    energy_run_close(&run);
    synthetic_close(&m);
}

Test(energy_run, no_sensor_no_run)
{
    struct fake_tree tree = fake_tree_open();
    struct energy_run_options options = { .counter.sysfs_root = tree.root,
        .run = synthetic_run, .kernels = (const int[]){ 0 }, .n_kernels = 1,
        .n_rounds = 1, .seconds = 1 };
    struct energy_run run;
    struct error err = { 0 };

    cr_assert(eq(int, energy_run(&run, &options, &err), STATUS_UNAVAILABLE));
    cr_expect(strstr(err.text, "no energy sensor") != NULL, "%s", err.text);
    energy_run_close(&run);
    options.seconds = 0.05;
    cr_assert(eq(int, energy_run(&run, &options, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "at least 0.1 s") != NULL, "%s", err.text);
    energy_run_close(&run);
    fake_tree_close(&tree);
}

/* The same from a recorded run: idle and awake only, 20 and 4 * 2.5 W more, in
 * a register of units of 1/1000 J that wraps at 100000. */
static enum status recorded(void *context, int kernel, double seconds,
                            double amount[ENERGY_TERM_COUNT], struct error *err)
{
    double *now = context;

    (void)err;
    for (int t = 0; t < ENERGY_TERM_COUNT; t++)
        amount[t] = 0;
    amount[ENERGY_AWAKE] = kernel ? 4 * seconds : 0;
    *now += seconds;
    return STATUS_OK;
}

static double recorded_now(void *context)
{
    return *(double *)context;
}

Test(energy_run, a_recorded_run_gives_its_coefficients)
{
    struct fake_tree tree = fake_tree_open();
    char path[512], text[2048] = "";
    double now = 0;
    uint64_t total = 90000;
    const int kernels[] = { 0, 1 };
    struct energy_run_options options = { .backend = &counter_recorded,
        .counter.trace_path = path, .clock = { recorded_now, NULL, &now },
        .run = recorded, .context = &now, .kernels = kernels, .n_kernels = 2,
        .n_rounds = 4, .seconds = 1 };
    const struct energy_fit_options two = { .n_kernels = 2, .n_threads = 4 };
    /* idle; rounds that begin with 0, 1, 0, 1; idle */
    static const int order[] = { 0, 0, 1, 1, 0, 0, 1, 1, 0, 0 };
    struct energy_run run;
    struct energy_fit fit;
    struct error err = { 0 };
    size_t used = 0;

    /* the start, then a reading before and one after each window */
    used += (size_t)snprintf(text, sizeof text, "read 1 1 %" PRIu64 "\n",
                             total);
    for (int i = 0; i < 10; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "read %d 1 %" PRIu64 "\n", 1, total % 100000);
        total += order[i] ? 30000 : 20000;
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "read %d 1 %" PRIu64 "\n", 1, total % 100000);
    }
    fake_tree_path(&tree, path, "trace");
    fake_tree_write(&tree, "trace", "isobath-counters 2\n"
                    "column joules 1e-3 package-0 wrap 100000\n%s", text);
    cr_assert(eq(int, energy_run(&run, &options, &err), STATUS_OK), "%s",
              err.text);
    cr_assert(eq(int, energy_fit(&fit, run.row, run.n_rows, &two, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(near(fit.term[ENERGY_IDLE].value, 20, 1e-9));
    cr_expect(near(fit.term[ENERGY_AWAKE].value, 2.5, 1e-9));
    cr_expect(near(fit.standing.value, 30, 1e-9));
    energy_run_close(&run);

    /* a round more than was recorded: it ends there, and does not begin anew */
    options.n_rounds = 5;
    now = 0;
    cr_assert(eq(int, energy_run(&run, &options, &err), STATUS_UNAVAILABLE));
    cr_expect(strstr(err.text, "recorded run ends") != NULL, "%s", err.text);
    energy_run_close(&run);
    fake_tree_close(&tree);
}

/* ---- the loops themselves, on whatever this is ---- */

/* Counts against the clock: no thread takes less than 2 ps a flop, or reads L1
 * at more than 10 TB/s; and levels are within each other. */
Test(energy_run, the_kernels_do_what_they_say)
{
    struct cpu_topology topology;
    struct energy_bench *bench = NULL;
    double amount[ENERGY_TERM_COUNT];
    struct error err = { 0 };

    cr_assert(eq(int, cpu_topology_read(&topology, NULL, NULL, &err),
                 STATUS_OK), "%s", err.text);
    cr_assert(eq(int, energy_bench_open(&bench, &topology, 1, &err), STATUS_OK),
              "%s", err.text);
    for (int k = 0; k < ENERGY_N_KERNELS; k++) {
        const enum energy_work *work = energy_kernels[k].work;
        if (!energy_bench_has(bench, k))
            continue;
        enum status status = energy_bench_run(bench, k, 0.05, amount, &err);
        /* a busy machine may take the CPU away; what was counted stands */
        cr_assert(status == STATUS_OK || status == STATUS_UNAVAILABLE, "%s",
                  err.text);
        double awake = amount[ENERGY_AWAKE];
        cr_expect(awake < 1, "%s: %g s", energy_kernels[k].name, awake);
        if (work[0] == ENERGY_WORK_SLEEP) {
            cr_expect(eq(dbl, awake, 0));
        } else {
            cr_expect(awake > 0.002, "%s: %g s", energy_kernels[k].name, awake);
        }
        bool computes = work[0] != ENERGY_WORK_SLEEP &&
                        work[0] != ENERGY_WORK_SPIN;
        cr_expect(computes == (amount[ENERGY_FLOP] > 1e5), "%s: %g flops",
                  energy_kernels[k].name, amount[ENERGY_FLOP]);
        cr_expect(amount[ENERGY_FLOP] < 5e11 * (awake + 0.01));
        for (int l = 0; l < 4; l++) {
            bool reads = (int)work[1] >= ENERGY_WORK_READ_L1 + l;
            /* who lost the CPU may not have come to its second turn */
            if (status == STATUS_OK || !reads)
                cr_expect(reads == (amount[ENERGY_L1 + l] > 0), "%s: level %d",
                          energy_kernels[k].name, l);
            cr_expect(l == 0 || amount[ENERGY_L1 + l] <=
                                amount[ENERGY_L1 + l - 1]);
        }
        cr_expect(amount[ENERGY_L1] < 1e13 * (awake + 0.01));
    }
    energy_bench_close(bench);
}

/* Left out one at a time, every kernel's work is still shown by another. */
Test(energy_run, every_work_is_there_alone_and_in_a_mix)
{
    for (int w = 0; w < ENERGY_WORK_COUNT; w++) {
        int alone = 0, mixed = 0;
        for (int k = 0; k < ENERGY_N_KERNELS; k++) {
            const enum energy_work *work = energy_kernels[k].work;
            bool in = (int)work[0] == w || (int)work[1] == w;
            alone += in && work[0] == work[1];
            mixed += in && work[0] != work[1];
        }
        cr_expect(alone == 1 && mixed >= 1, "work %d: %d, %d", w, alone, mixed);
    }
}
