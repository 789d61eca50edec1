/* calibrate.c - Measure what reading costs, then count known kernels: a counter
 * is trusted only if it counts them right. */
#include "hwprof/counters/calibrate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "sim/core/base/clock.h"
#include "sim/core/base/stats.h"

enum { LINE_BYTES = 64 };
static const uint64_t most_l2_data_bytes = 128 << 10;
static const uint64_t most_data_bytes = UINT64_C(1) << 30;

struct calibration calibration_judge(const struct known_kernel *kernel,
                                     double expected, double *counted,
                                     int n, double empty)
{
    struct calibration c = { .kernel = kernel->name, .expected = expected,
                             .empty = empty };

    c.counted = stats_median(counted, (size_t)n) - empty;
    double low = counted[0], high = counted[n - 1];
    c.error = c.counted / expected - 1;
    c.spread = (high - low) / expected;
    double worst = fmax(fabs((low - empty) / expected - 1),
                        fabs((high - empty) / expected - 1));

    if (high <= 0)
        snprintf(c.reason, sizeof c.reason, "dead: counted 0 of %.0f in the "
                 "known kernel (%s)", expected, kernel->name);
    else if (fabs(c.error) > kernel->tolerance)
        snprintf(c.reason, sizeof c.reason, "wrong: counted %.0f of %.0f in "
                 "the known kernel (%s), %+.1f %% where %.0f %% is allowed",
                 c.counted, expected, kernel->name, 100 * c.error,
                 100 * kernel->tolerance);
    else if (worst > 2 * kernel->tolerance)
        snprintf(c.reason, sizeof c.reason, "unsteady: repeats of the known "
                 "kernel (%s) spread over %.1f %%", kernel->name,
                 100 * c.spread);
    c.qualified = c.reason[0] == '\0';
    return c;
}

/* Every real L2 holds 128 KiB, whatever the kernel knows of it; a simulated one
 * may be smaller. */
static uint64_t in_l2(uint64_t l1, uint64_t l2)
{
    return l2 >= 2 * most_l2_data_bytes || l2 == 0 ? most_l2_data_bytes
                                                   : (l1 + l2) / 2;
}

/* Data that only the kernel's level holds; 0: `why` says why there is none. */
static uint64_t data_bytes(enum known_data data,
                           const struct cpu_topology *topology, char *why,
                           size_t size)
{
    uint64_t l1 = cpu_topology_cache(topology, 1);
    uint64_t l2 = cpu_topology_cache(topology, 2);
    uint64_t l3 = cpu_topology_cache(topology, 3), last = l3 ? l3 : l2;
    uint64_t bytes = data == KNOWN_IN_L2 ? in_l2(l1, l2)
                   : data == KNOWN_IN_L3 ? 4 * l2
                   : 4 * last <= most_data_bytes ? 4 * last : 2 * last;

    if (last == 0 && data != KNOWN_IN_L2)
        snprintf(why, size, "not qualified: the kernel does not say how large "
                 "the caches are");
    else if (data == KNOWN_IN_L3 && bytes > l3 / 2)
        snprintf(why, size, "not qualified: L3 is not much larger than L2");
    else if (data == KNOWN_IN_L2 && bytes < l1 + l1 / 4)
        snprintf(why, size, "not qualified: L2 is not much larger than L1");
    else if (bytes > most_data_bytes || bytes > topology->memory_bytes / 4)
        snprintf(why, size, "not qualified: its kernel would have to read "
                 "%.1f GB to get past the last cache",
                 (double)bytes * 1e-9);
    else
        return bytes / LINE_BYTES * LINE_BYTES;
    return 0;
}

/* Nine in ten empty regions lie within the bar of their median. */
static void settle_empty(struct calibration *c,
                         double count[CALIBRATE_EMPTY])
{
    stats_deviation(count, CALIBRATE_EMPTY, &c->empty);
    c->bar = fmax(stats_quantile(count, CALIBRATE_EMPTY, 0.9),
                  0.1 * c->empty);
}

enum status calibrate_empty(struct calibration_set *out,
                            struct counter_session *session,
                            struct error *err)
{
    double nanoseconds[CALIBRATE_EMPTY];
    double count[METRIC_COUNT][CALIBRATE_EMPTY];
    struct cost cost;
    enum status status = counter_read(session, &cost, err);

    for (int i = 0; status == STATUS_OK && i < CALIBRATE_EMPTY; i++) {
        int64_t start = clock_nanoseconds();
        status = counter_read(session, &cost, err);
        nanoseconds[i] = (double)(clock_nanoseconds() - start);
        for (int m = 0; m < METRIC_COUNT; m++)
            count[m][i] = cost.from[m] ? cost_get(&cost, (enum metric)m) : 0;
    }
    if (status != STATUS_OK)
        return status;
    out->read_seconds = 1e-9 * stats_median(nanoseconds, CALIBRATE_EMPTY);
    for (int m = 0; m < METRIC_COUNT; m++)
        if (counter_sees(session, (enum metric)m))
            settle_empty(&out->metric[m], count[m]);
    return STATUS_OK;
}

/* One run of the kernel between two reads. */
static enum status count_once(double *counted, struct counter_session *session,
                              const struct known_kernel *kernel,
                              const struct known_input *in, struct error *err)
{
    char label[48];
    double expected = known_kernel_expected(kernel, in);   /* has flops too */
    struct cost cost;

    snprintf(label, sizeof label, "kernel/%s",
             metric_table[kernel->metric].column);
    enum status status = counter_read(session, &cost, err);
    if (status != STATUS_OK)
        return status;
    kernel->run(in);
    counter_tell(session, (struct counter_note){
        label, expected });
    status = counter_read(session, &cost, err);
    if (status == STATUS_OK)
        *counted = cost_get(&cost, kernel->metric);
    return status;
}

/* counted[n] of the metric's kernel on its data, warmed up; in->n_bytes says
 * afterwards what it read.  `why` is filled where there can be no such data. */
static enum status run_kernel(double *counted, int n, struct known_input *in,
                              char why[COUNTER_REASON_SIZE],
                              struct counter_session *session,
                              const struct known_kernel *kernel,
                              const struct cpu_topology *topology,
                              struct error *err)
{
    enum status status = STATUS_OK;
    void *data = NULL;

    *in = (struct known_input){ .n = kernel->n };
    if (kernel->data != KNOWN_NO_DATA) {
        in->n_bytes = data_bytes(kernel->data, topology, why,
                                 COUNTER_REASON_SIZE);
        if (in->n_bytes == 0)
            return STATUS_OK;
        data = mmap(NULL, in->n_bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (data == MAP_FAILED)
            return error_set(err, STATUS_NO_MEMORY, "no memory for %zu bytes "
                             "to calibrate with", in->n_bytes);
        memset(data, 1, in->n_bytes);
        in->data = data;
    }
    kernel->run(in);
    for (int r = 0; status == STATUS_OK && r < n; r++)
        status = count_once(&counted[r], session, kernel, in, err);
    if (data)
        munmap(data, in->n_bytes);
    return status;
}

static enum status calibrate_metric(struct calibration *out,
                                    struct counter_session *session,
                                    const struct known_kernel *kernel,
                                    const struct cpu_topology *topology,
                                    struct error *err)
{
    double counted[CALIBRATE_REPEATS] = { 0 }, bar = out->bar;
    struct known_input in;

    out->kernel = kernel->name;
    enum status status = run_kernel(counted, CALIBRATE_REPEATS, &in,
                                    out->reason, session, kernel, topology,
                                    err);
    if (status == STATUS_OK && !out->reason[0])
        *out = calibration_judge(kernel, known_kernel_expected(kernel, &in),
                                 counted, CALIBRATE_REPEATS, out->empty);
    out->bar = bar;
    /* A simulator is exact: what it counts beyond the data are frames and
     * tables of the region itself, which the data pushed out of the caches. */
    if (counter_simulates(session->backend) && out->qualified)
        out->bar = fmax(bar, fabs(out->counted - out->expected));
    return status;
}

enum status calibrate_session(struct calibration_set *out,
                              struct counter_session *session,
                              const struct cpu_topology *topology,
                              struct error *err)
{
    *out = (struct calibration_set){ 0 };
    enum status status = calibrate_empty(out, session, err);

    for (int m = 0; status == STATUS_OK && m < METRIC_COUNT; m++) {
        struct calibration *c = &out->metric[m];
        const struct known_kernel *kernel = known_kernel_for((enum metric)m);
        if (!counter_sees(session, (enum metric)m))
            memcpy(c->reason, session->reason[m], sizeof c->reason);
        else if (!kernel)
            snprintf(c->reason, sizeof c->reason, "not qualified: no known "
                     "kernel for it on this CPU");
        else
            status = calibrate_metric(c, session, kernel, topology, err);
    }
    return status;
}

static bool quick(const struct known_kernel *kernel)
{
    return kernel->data == KNOWN_NO_DATA || kernel->data == KNOWN_IN_L2;
}

enum status calibrate_check(const struct calibration_set *set,
                            struct counter_session *session,
                            const struct cpu_topology *topology,
                            struct error *err)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        const struct known_kernel *kernel = known_kernel_for((enum metric)m);
        char why[COUNTER_REASON_SIZE] = "";
        struct known_input in;
        double counted = 0;

        if (!set->metric[m].qualified || !kernel || !quick(kernel))
            continue;
        enum status status = run_kernel(&counted, 1, &in, why, session, kernel,
                                        topology, err);
        if (status != STATUS_OK)
            return status;
        struct calibration c = calibration_judge(
            kernel, known_kernel_expected(kernel, &in), &counted, 1,
            set->metric[m].empty);
        if (!c.qualified)
            return error_set(err, STATUS_UNAVAILABLE, "%s: %s",
                             metric_table[m].column, c.reason);
    }
    return STATUS_OK;
}
