/* load.c - Read CPU time, steal and run-queue delay, and probe the machine. */
#include "hwprof/machine/load.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "hwprof/machine/peak_threads.h"
#include "hwprof/machine/sysfs.h"
#include "sim/core/base/clock.h"

const double load_least_share = 0.88;

/* Long enough for the scheduler to give others their turns of about 3 ms
 * (sched_min_granularity_ns); reads that leave most cores' L2. */
static const double probe_seconds = 4e-3;
enum { PROBE_BYTES = 2 << 20 };

/* ---- times ---- */

/* The eighth number of "cpu  user nice system idle iowait irq softirq steal"
 * (proc(5)), in ticks. */
static double read_steal(const char *proc_root)
{
    char text[SYSFS_TEXT_SIZE];
    unsigned long long ticks;

    sysfs_text(text, sizeof text, proc_root, "stat");
    if (sscanf(text, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks) != 1)
        return (double)NAN;
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* The second number of a thread's schedstat, in ns
 * (Documentation/scheduler/sched-stats.rst), over the threads. */
static double read_waiting(const char *proc_root)
{
    char path[SYSFS_PATH_SIZE], text[128];
    unsigned long long waited;
    double seconds = 0;
    int n = 0;

    snprintf(path, sizeof path, "%s/self/task", proc_root);
    DIR *tasks = opendir(path);
    if (!tasks)
        error_note_errno();
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        sysfs_text(text, sizeof text, proc_root, "self/task/%s/schedstat",
                   task->d_name);
        if (sscanf(text, "%*u %llu", &waited) != 1)
            continue;
        seconds += 1e-9 * (double)waited;
        n++;
    }
    if (tasks)
        closedir(tasks);
    return n ? seconds : (double)NAN;
}

struct load_times load_times_now(const char *proc_root)
{
    const char *proc = proc_root ? proc_root : "/proc";
    struct timespec cpu;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (struct load_times){
        .wall = clock_seconds(),
        .cpu = (double)cpu.tv_sec + 1e-9 * (double)cpu.tv_nsec,
        .steal = read_steal(proc), .waiting = read_waiting(proc) };
}

struct load_times load_times_between(const struct load_times *before,
                                     const struct load_times *after)
{
    return (struct load_times){
        .wall = after->wall - before->wall, .cpu = after->cpu - before->cpu,
        .steal = after->steal - before->steal,
        .waiting = after->waiting - before->waiting };
}

/* ---- probes ---- */

struct real {
    int    n_threads;
    char  *data;                 /* [n_threads,PROBE_BYTES] */
    struct peak_work work[];     /* [n_threads] */
};

static double run(struct real *real, size_t n_bytes)
{
    for (int t = 0; t < real->n_threads; t++)
        real->work[t] = (struct peak_work){ .kernel = peak_kernel_choose(),
            .data = (const float *)(const void *)
                    (real->data + (size_t)t * PROBE_BYTES),
            .n_bytes = n_bytes, .seconds = probe_seconds };
    return peak_threads_run(real->work, real->n_threads);
}

static struct load_probe probe(void *context)
{
    struct load_probe probe = { .flops_per_second = run(context, 0) };

    probe.bytes_per_second = run(context, PROBE_BYTES);
    return probe;
}

enum status load_prober_open(struct load_prober *out, int n_threads,
                             struct error *err)
{
    size_t n = n_threads > 0 ? (size_t)n_threads : 1;
    struct real *real = calloc(1, sizeof *real + n * sizeof *real->work);
    void *data = aligned_alloc(4096, n * PROBE_BYTES);

    *out = (struct load_prober){ probe, real, { 0, 0 } };
    if (!real || !data || n > SYSFS_CPU_MAX) {
        free(real);
        free(data);
        *out = (struct load_prober){ 0 };
        return error_set(err, STATUS_NO_MEMORY, "no memory to probe %zu"
                         " threads", n);
    }
    memset(data, 0, n * PROBE_BYTES);
    real->n_threads = (int)n;
    real->data = data;
    /* cppcheck-suppress memleak ; *out owns it until load_prober_close() */
    return STATUS_OK;
}

void load_prober_close(struct load_prober *prober)
{
    struct real *real = prober->context;

    if (real)
        free(real->data);
    free(real);
    *prober = (struct load_prober){ 0 };
}

struct load_probe load_probe_take(struct load_prober *prober)
{
    struct load_probe now = prober->probe(prober->context);
    struct load_probe *best = &prober->best;

    best->flops_per_second = fmax(best->flops_per_second,
                                  now.flops_per_second);
    best->bytes_per_second = fmax(best->bytes_per_second,
                                  now.bytes_per_second);
    return now;
}

/* The lesser of two shares. */
static double share(const struct load_probe *probe,
                    const struct load_probe *best)
{
    return fmin(probe->flops_per_second / best->flops_per_second,
                probe->bytes_per_second / best->bytes_per_second);
}

double load_share(const struct load_prober *prober,
                  const struct load_probe *before,
                  const struct load_probe *after)
{
    return fmin(share(before, &prober->best), share(after, &prober->best));
}
