/* test_calibrate.c - Expect the known kernels to tell which counters can be
 * trusted. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "hwprof/counters/calibrate.h"
#include "tests/fake_tree.h"

static const struct known_kernel kernel = {
    .metric = METRIC_FLOPS, .name = "test kernel", .n = 1000, .each = 16,
    .tolerance = 0.02,
};

static struct calibration judge(double a, double b, double c, double empty)
{
    double counted[3] = { a, b, c };
    return calibration_judge(&kernel, 16000, counted, 3, empty);
}

Test(calibrate, an_exact_counter_is_trusted)
{
    struct calibration c = judge(16000, 16000, 16000, 0);

    cr_assert(c.qualified);
    cr_assert(eq(dbl, c.error, 0.0));
    cr_assert(eq(dbl, c.spread, 0.0));
    cr_assert(eq(str, c.reason, ""));
}

Test(calibrate, a_counter_five_percent_off_is_refused)
{
    struct calibration c = judge(16800, 16800, 16800, 0);

    cr_assert(not(c.qualified));
    cr_assert(epsilon_eq(dbl, c.error, 0.05, 1e-12));
    cr_assert(strstr(c.reason, "+5.0 % where 2 % is allowed") != NULL, "%s",
              c.reason);
}

Test(calibrate, a_counter_that_stands_still_is_dead)
{
    struct calibration c = judge(0, 0, 0, 0);

    cr_assert(not(c.qualified));
    cr_assert(strstr(c.reason, "dead: counted 0 of 16000") != NULL, "%s",
              c.reason);
}

/* The median is right, one repeat lost a tenth. */
Test(calibrate, a_counter_that_loses_some_is_unsteady)
{
    struct calibration c = judge(16000, 14400, 16000, 0);

    cr_assert(not(c.qualified));
    cr_assert(strstr(c.reason, "unsteady") != NULL);
    cr_assert(epsilon_eq(dbl, c.spread, 0.1, 1e-12));
}

/* 16480 is 3 % off, but an empty region counts 480 of them. */
Test(calibrate, what_an_empty_region_counts_is_taken_off)
{
    struct calibration c = judge(16480, 16480, 16480, 480);

    cr_assert(c.qualified);
    cr_assert(eq(dbl, c.counted, 16000.0));
    cr_assert(eq(dbl, c.empty, 480.0));
}

Test(calibrate, expectations_follow_from_rounds_and_bytes)
{
    struct known_kernel bytes = kernel;
    struct known_input in = { .n = 3, .n_bytes = 128 };

    bytes.data = KNOWN_IN_L2;
    bytes.each = 1;
    cr_assert(eq(dbl, known_kernel_expected(&kernel, &in), 48.0));
    cr_assert(eq(dbl, known_kernel_expected(&bytes, &in), 384.0));
}

/* ---- whole sessions, replayed ---- */

/* A record in which the metric counts `one` in a kernel: a start, a read, 101
 * empty regions, then five repeats of two readings. */
static struct calibration_set record(enum metric metric, double one,
                                     enum status *status)
{
    struct fake_tree tree = fake_tree_open();
    struct cpu_topology topology = { .memory_bytes = 1 << 30 };
    struct counter_session *session = NULL;
    struct calibration_set set = { 0 };
    char path[512];
    double total = 0;

    fake_tree_path(&tree, path, "trace");
    FILE *file = fopen(path, "w");
    fprintf(file, "isobath-counters 2\ncolumn %s 1 EVENT\n",
            metric_table[metric].column);
    for (int i = 0; i < 1 + 1 + CALIBRATE_EMPTY; i++)
        fprintf(file, "read 1 1 %.0f\n", total);
    for (int i = 0; i < CALIBRATE_REPEATS; i++) {
        fprintf(file, "read 1 1 %.0f\n", total);
        fprintf(file, "read 1 1 %.0f\n", total += one);
    }
    fclose(file);

    struct counter_options options = { .trace_path = path,
        .metrics = counter_bit(metric) };
    *status = counter_open(&session, &counter_recorded, &options, NULL);
    if (*status == STATUS_OK)
        *status = counter_start(session, NULL);
    if (*status == STATUS_OK)
        *status = calibrate_session(&set, session, &topology, NULL);
    counter_close(session);
    fake_tree_close(&tree);
    return set;
}

static struct calibration_set replayed(double percent, enum status *status)
{
    const struct known_kernel *flops = known_kernel_for(METRIC_FLOPS);
    struct known_input in = { .n = flops->n };

    return record(METRIC_FLOPS, percent / 100 *
                  known_kernel_expected(flops, &in), status);
}

/* 128 KiB, 32 times: L2's data is the same where the kernel knows no caches, as
 * on many an Arm board. */
Test(calibrate, the_second_cache_needs_no_known_size)
{
    enum status status;
    struct calibration l2 = record(METRIC_L2_BYTES, 32 * 128 * 1024,
                                   &status).metric[METRIC_L2_BYTES];

    cr_assert(eq(int, status, STATUS_OK));
    cr_assert(l2.qualified, "%s", l2.reason);
    l2 = record(METRIC_L2_BYTES, 0, &status).metric[METRIC_L2_BYTES];
    cr_assert(eq(str, l2.reason, "dead: counted 0 of 4194304 in the known kernel"
                 " (32 x read of what L2 holds and L1 does not)"));
    struct calibration dram = record(METRIC_DRAM_BYTES, 0,
                                     &status).metric[METRIC_DRAM_BYTES];
    cr_assert(strstr(dram.reason, "does not say how large") != NULL, "%s",
              dram.reason);
}

Test(calibrate, a_session_that_counts_right_qualifies)
{
    enum status status;
    struct calibration_set set = replayed(100, &status);

    cr_assert(eq(int, status, STATUS_OK));
    cr_assert(set.metric[METRIC_FLOPS].qualified, "%s",
              set.metric[METRIC_FLOPS].reason);
    cr_assert(set.read_seconds > 0);
    cr_assert(not(set.metric[METRIC_CYCLES].qualified));
    cr_assert(eq(str, set.metric[METRIC_CYCLES].reason,
                 "the recorded run does not hold it"));
}

Test(calibrate, a_session_that_is_five_percent_off_does_not)
{
    enum status status;
    struct calibration_set set = replayed(95, &status);

    cr_assert(eq(int, status, STATUS_OK));
    cr_assert(not(set.metric[METRIC_FLOPS].qualified));
    cr_assert(strstr(set.metric[METRIC_FLOPS].reason, "-5.0 %") != NULL);
}

Test(calibrate, a_dead_session_is_said_to_be_dead)
{
    enum status status;
    struct calibration_set set = replayed(0, &status);

    cr_assert(eq(int, status, STATUS_OK));
    cr_assert(strstr(set.metric[METRIC_FLOPS].reason, "dead") != NULL);
}

/* Every kernel of this CPU runs and returns. */
Test(calibrate, kernels_run)
{
    static float data[1024];
    struct known_input in = { .n = 10, .data = data, .n_bytes = sizeof data };
    int n = 0;

    for (int m = 0; m < METRIC_COUNT; m++) {
        const struct known_kernel *k = known_kernel_for((enum metric)m);
        if (k) {
            k->run(&in);
            cr_assert(eq(int, k->metric, m));
            n++;
        }
    }
    cr_assert(n >= 4);
}
