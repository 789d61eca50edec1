/* energy_kernel.c - Run threads that take turns between two kinds of work. */
#include "hwprof/energy/energy_kernel.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "hwprof/energy/energy_idle.h"
#include "hwprof/machine/peak.h"
#include "hwprof/machine/peak_kernel.h"
#include "hwprof/machine/sysfs.h"
#include "sim/core/base/clock.h"

/* Between two looks at the clock. */
enum { SPIN_ROUNDS = 20000, FMA_ROUNDS = 10000, PIECE_BYTES = 1 << 20 };
static const double turn_seconds = 0.010;
/* A thread that gets less of its CPU shares it with somebody. */
static const double least_cpu_share = 0.9;

#define ALONE(work)     { ENERGY_WORK_##work, ENERGY_WORK_##work }
#define MIX(one, other) { ENERGY_WORK_##one, ENERGY_WORK_##other }
const struct energy_kernel energy_kernels[ENERGY_N_KERNELS] = {
    { "idle",         ALONE(SLEEP) },
    { "spin",         ALONE(SPIN) },
    { "fma",          ALONE(FMA) },
    { "L1",           ALONE(READ_L1) },
    { "L2",           ALONE(READ_L2) },
    { "L3",           ALONE(READ_L3) },
    { "DRAM",         ALONE(READ_DRAM) },
    { "spin + sleep", MIX(SPIN, SLEEP) },
    { "fma + spin",   MIX(FMA, SPIN) },
    { "fma + L1",     MIX(FMA, READ_L1) },
    { "fma + L2",     MIX(FMA, READ_L2) },
    { "fma + L3",     MIX(FMA, READ_L3) },
    { "fma + DRAM",   MIX(FMA, READ_DRAM) },
};

struct energy_bench {
    const struct peak_kernel *kernel;
    int    n_threads;
    char  *data;                 /* one slice a thread */
    size_t memory, slice;
    size_t set_bytes[ENERGY_WORK_COUNT];     /* a thread's; 0: none */
    struct worker *worker;       /* [n_threads] */
};

struct worker {
    const struct energy_bench *bench;
    const struct energy_kernel *kernel;
    const char *data;
    size_t offset;               /* where reading goes on */
    double end;                  /* of the window */
    double amount[ENERGY_TERM_COUNT];
    double cpu_seconds;          /* that the kernel gave while awake */
};

/* ---- one piece of each work ---- */

static void spin(struct worker *w)
{
    uint64_t x = 1;

    (void)w;
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        x = x * 3 + 1;
        __asm__ volatile("" : "+r"(x));
    }
}

static void multiply_add(struct worker *w)
{
    w->bench->kernel->arithmetic(FMA_ROUNDS);
    w->amount[ENERGY_FLOP] += FMA_ROUNDS * w->bench->kernel->flops;
}

static void read_set(struct worker *w, enum energy_work work)
{
    size_t set = w->bench->set_bytes[work];
    size_t piece = set < PIECE_BYTES ? set : PIECE_BYTES;
    size_t times = PIECE_BYTES / piece;

    for (size_t i = 0; i < times; i++) {
        if (w->offset + piece > set)
            w->offset = 0;
        w->bench->kernel->read(
            (const float *)(const void *)(w->data + w->offset), piece);
        w->offset += piece;
    }
    double bytes = (double)(times * piece);
    w->amount[ENERGY_FLOP] += bytes / sizeof(float);
    for (int t = ENERGY_L1; t <= ENERGY_L1 + (int)work - ENERGY_WORK_READ_L1;
         t++)
        w->amount[t] += bytes;
}

static void do_piece(struct worker *w, enum energy_work work)
{
    if (work == ENERGY_WORK_SPIN)
        spin(w);
    else if (work == ENERGY_WORK_FMA)
        multiply_add(w);
    else
        read_set(w, work);
}

/* ---- a window ---- */

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Until `end`; returns the time it stopped. */
static double take_turn(struct worker *w, enum energy_work work, double now,
                        double end)
{
    if (work == ENERGY_WORK_SLEEP) {
        energy_sleep(NULL, fmax(end - now, 0));
        return clock_seconds();
    }
    double started = now, cpu = cpu_seconds();
    w->offset = 0;
    do {
        do_piece(w, work);
        now = clock_seconds();
    } while (now < end);
    w->amount[ENERGY_AWAKE] += now - started;
    w->cpu_seconds += cpu_seconds() - cpu;
    return now;
}

static void *run_worker(void *argument)
{
    struct worker *w = argument;
    const enum energy_work *work = w->kernel->work;
    double now = clock_seconds();

    for (int turn = 0; now < w->end; turn ^= 1)
        now = take_turn(w, work[turn], now, work[0] == work[1]
                        ? w->end : fmin(now + turn_seconds, w->end));
    return NULL;
}

enum status energy_bench_run(void *context, int kernel, double seconds,
                             double amount[ENERGY_TERM_COUNT],
                             struct error *err)
{
    struct energy_bench *bench = context;
    pthread_t thread[SYSFS_CPU_MAX];
    double end = clock_seconds() + seconds, cpu = 0;
    int made = 1;

    for (int t = 0; t < bench->n_threads; t++)
        bench->worker[t] = (struct worker){ .bench = bench,
            .kernel = &energy_kernels[kernel], .end = end,
            .data = bench->data + (size_t)t * bench->slice };
    while (made < bench->n_threads &&
           pthread_create(&thread[made], NULL, run_worker,
                          &bench->worker[made]) == 0)
        made++;
    run_worker(&bench->worker[0]);
    for (int t = 1; t < made; t++)
        pthread_join(thread[t], NULL);
    if (made < bench->n_threads)
        return error_set(err, STATUS_FAILED, "%d threads could not be made",
                         bench->n_threads);

    memset(amount, 0, ENERGY_TERM_COUNT * sizeof *amount);
    for (int t = 0; t < made; t++) {
        cpu += bench->worker[t].cpu_seconds;
        for (int i = 0; i < ENERGY_TERM_COUNT; i++)
            amount[i] += bench->worker[t].amount[i];
    }
    if (cpu < least_cpu_share * amount[ENERGY_AWAKE])
        return error_set(err, STATUS_UNAVAILABLE, "other processes had more "
                         "than a tenth of the CPUs: let nothing else run");
    return STATUS_OK;
}

/* ---- memory ---- */

/* Two threads of a core share its L1 and its L2. */
static void choose_sets(struct energy_bench *bench,
                        const struct cpu_topology *topology)
{
    bool shared = topology->n_cores && bench->n_threads > topology->n_cores;

    for (int l = PEAK_L1; l < PEAK_LEVEL_COUNT; l++) {
        size_t *set = &bench->set_bytes[ENERGY_WORK_READ_L1 + l];
        *set = peak_set_bytes(topology, (enum peak_level)l, bench->n_threads,
                              bench->memory);
        if (shared && l <= PEAK_L2)
            *set = *set / 2048 * 1024;
        if (*set > PIECE_BYTES)
            *set = *set / PIECE_BYTES * PIECE_BYTES;
    }
    if (bench->memory < 2 * cpu_topology_last_cache(topology))
        bench->set_bytes[ENERGY_WORK_READ_DRAM] = 0;
}

bool energy_bench_has(const struct energy_bench *bench, int kernel)
{
    for (int i = 0; i < 2; i++) {
        enum energy_work work = energy_kernels[kernel].work[i];
        if (work >= ENERGY_WORK_READ_L1 && bench->set_bytes[work] == 0)
            return false;
    }
    return true;
}

enum status energy_bench_open(struct energy_bench **out,
                              const struct cpu_topology *topology,
                              int n_threads, struct error *err)
{
    struct energy_bench *bench = calloc(1, sizeof *bench);

    if (!bench)
        return error_set(err, STATUS_NO_MEMORY, "no memory for kernels");
    bench->kernel = peak_kernel_choose();
    bench->n_threads = n_threads > 0 ? n_threads : topology->n_cpus;
    if (bench->n_threads > SYSFS_CPU_MAX)
        bench->n_threads = SYSFS_CPU_MAX;
    bench->memory = peak_dram_bytes(topology, false);
    bench->slice = bench->memory / (size_t)bench->n_threads / 1024 * 1024;
    bench->worker = calloc((size_t)bench->n_threads, sizeof *bench->worker);
    bench->data = peak_memory(bench->memory);
    if (!bench->worker || !bench->data) {
        enum status status = error_set(err, STATUS_NO_MEMORY, "no memory for a "
                                       "working set of %zu MiB",
                                       bench->memory >> 20);
        energy_bench_close(bench);
        return status;
    }
    choose_sets(bench, topology);
    *out = bench;
    return STATUS_OK;
}

void energy_bench_close(struct energy_bench *bench)
{
    if (!bench)
        return;
    if (bench->data)
        munmap(bench->data, bench->memory);
    free(bench->worker);
    free(bench);
}
