/* energy_answer.c - Run kernels beside a sensor and fit coefficients, with
 * the date. */
#include "hwprof/measure/energy_answer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include "hwprof/energy/energy_kernel.h"
#include "hwprof/energy/sensor.h"
#include "sim/core/answer/progress.h"

static const struct effort { int n_rounds; double seconds; } efforts[] = {
    { 6, 1.0 }, { 4, 0.25 },     /* full, quick */
};

static struct counter_options joules_only(const char *sysfs_root)
{
    return (struct counter_options){ .sysfs_root = sysfs_root,
                                     .metrics = counter_bit(METRIC_JOULES) };
}

enum status energy_answer_check(const char *sysfs_root, struct error *err)
{
    struct counter_options options = joules_only(sysfs_root);
    struct counter_session *session = NULL;
    enum status status = counter_open(&session, &counter_rapl, &options, err);

    if (status == STATUS_OK && !counter_sees(session, METRIC_JOULES))
        status = error_set(err, STATUS_UNAVAILABLE, "no coefficients can be "
                           "fitted: %s", session->reason[METRIC_JOULES]);
    counter_close(session);
    return status;
}

/* A platform's sensor sees the memory, a package's does not. */
static bool covers_dram(const char *sysfs_root, const char *source)
{
    struct sensor_list list;
    bool covers = false;

    sensor_list_open(&list, sysfs_root ? sysfs_root : "/sys");
    for (int i = 0; i < list.n; i++)
        if (list.sensor[i].scope == SENSOR_PLATFORM &&
            strstr(source, list.sensor[i].name))
            covers = true;
    sensor_list_close(&list);
    return covers;
}

static void tell(void *context, int n_done, int n_windows)
{
    (void)n_windows;
    progress_at(context, n_done, "");
}

static enum status run(struct energy_answer *a, struct energy_bench *bench,
                       const struct energy_answer_options *o, struct error *err)
{
    const struct effort *effort = &efforts[o->quick];
    int kernels[ENERGY_N_KERNELS];
    struct energy_run_options options = { .counter = joules_only(o->sysfs_root),
        .run = energy_bench_run, .context = bench, .kernels = kernels,
        .n_rounds = effort->n_rounds, .seconds = effort->seconds,
        .tell = tell };

    for (int k = 0; k < ENERGY_N_KERNELS; k++)
        if (energy_bench_has(bench, k))
            kernels[options.n_kernels++] = k;
    struct progress progress = progress_begin("fitting energy", "window",
        effort->n_rounds * options.n_kernels + 2, o->quiet);
    options.tell_context = &progress;
    progress_at(&progress, 0, "");
    enum status status = energy_run(&a->run, &options, err);
    progress_end(&progress);
    return status;
}

static void name_source(struct energy_answer *a)
{
    char date[16] = "";
    time_t now = time(NULL);
    struct tm day;

    if (gmtime_r(&now, &day))
        strftime(date, sizeof date, "%Y-%m-%d", &day);
    snprintf(a->source, sizeof a->source, "isobath machine --fit-energy, %s: "
             "%d windows of %.2g s, threads: %d; %.120s", date, a->run.n_rows,
             a->window_seconds, a->n_threads, a->run.source);
}

enum status energy_answer_take(struct energy_answer *out,
                               const struct cpu_topology *topology,
                               const struct energy_answer_options *o,
                               struct error *err)
{
    struct energy_fit_options fit = { .n_kernels = ENERGY_N_KERNELS,
                                      .n_threads = o->n_threads };
    struct energy_bench *bench = NULL;

    *out = (struct energy_answer){ .n_threads = o->n_threads,
        .window_seconds = efforts[o->quick].seconds };
    enum status status = energy_bench_open(&bench, topology, o->n_threads, err);
    if (status == STATUS_OK)
        status = run(out, bench, o, err);
    energy_bench_close(bench);
    if (status == STATUS_OK)
        status = energy_fit(&out->fit, out->run.row, out->run.n_rows, &fit,
                            err);
    name_source(out);
    out->profile = (struct machine_fit){ &out->fit, out->source,
        covers_dram(o->sysfs_root, out->run.source) };
    return status;
}

void energy_answer_close(struct energy_answer *answer)
{
    energy_run_close(&answer->run);
}
