/* peak.c - Take the best of several runs on one thread, and on all at once. */
#include "hwprof/machine/peak.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "hwprof/machine/peak_threads.h"
#include "sim/core/base/stats.h"

#define X(id, name) [PEAK_##id] = name,
const char *const peak_level_names[PEAK_LEVEL_COUNT] = { PEAK_LEVEL_MAP(X) };
#undef X

enum { ROUND_BYTES = 1024 };     /* a read takes whole rounds */

#define DRAM_LEAST (UINT64_C(256) << 20)
#define DRAM_MOST  (UINT64_C(640) << 20)
#define DRAM_QUICK (UINT64_C(256) << 20)

/* Runs of each of the 10 rates, and their seconds: many short ones, for which a
 * kernel that shares a CPU out in turns of 3 ms and more now and then leaves
 * room. */
enum { RUNS_MAX = 40 };
static const struct effort { int n_runs; double seconds; } efforts[] = {
    { RUNS_MAX, 0.005 }, { 8, 0.004 },   /* full, quick */
};

struct bench {
    const struct peak_kernel *kernel;
    struct effort effort;
    struct peak_work *work;      /* [n_threads] */
    int           n_threads;
    char         *data;          /* one slice a thread */
    size_t        slice;
    struct load_prober prober;
};

static struct peak_rate measure_once(struct bench *bench, int n_threads,
                                     size_t n_bytes)
{
    struct peak_rate rate = { .before = load_probe_take(&bench->prober) };
    double runs[RUNS_MAX];

    for (int r = 0; r < bench->effort.n_runs; r++) {
        for (int t = 0; t < n_threads; t++)
            bench->work[t] = (struct peak_work){ .kernel = bench->kernel,
                .data = (const float *)(const void *)
                        (bench->data + (size_t)t * bench->slice),
                .n_bytes = n_bytes, .seconds = bench->effort.seconds };
        double now = peak_threads_run(bench->work, n_threads);
        if (now <= 0) {
            snprintf(rate.reason, sizeof rate.reason,
                     "%d threads could not be made", n_threads);
            break;
        }
        runs[rate.n_runs++] = now;
        rate.per_second = fmax(rate.per_second, now);
    }
    if (rate.n_runs)
        rate.worst = stats_quantile(runs, (size_t)rate.n_runs, 0.1);
    rate.after = load_probe_take(&bench->prober);
    return rate;
}

/* Again, a few times, while others run. */
static struct peak_rate measure(struct bench *bench, int n_threads,
                                size_t n_bytes)
{
    enum { ATTEMPTS = 3 };
    struct peak_rate best = { 0 };

    for (int i = 0; i < ATTEMPTS; i++) {
        struct peak_rate now = measure_once(bench, n_threads, n_bytes);
        if (i == 0 || now.per_second > best.per_second)
            best = now;
        if (load_share(&bench->prober, &now.before, &now.after) >=
            load_least_share)
            return now;
    }
    return best;
}

static size_t round_down(uint64_t bytes)
{
    return (size_t)(bytes / ROUND_BYTES * ROUND_BYTES);
}

/* Half of L1 and of L2; four L2s in L3, if that much of it is ours; past the
 * last cache four times its size, if memory allows.  0: no such set. */
size_t peak_set_bytes(const struct cpu_topology *topology,
                      enum peak_level level, int n_threads, size_t memory)
{
    uint64_t l2 = cpu_topology_cache(topology, 2);
    uint64_t l3 = cpu_topology_cache(topology, 3);

    switch (level) {
    case PEAK_L1:
        return round_down(cpu_topology_cache(topology, 1) / 2);
    case PEAK_L2:
        return round_down(l2 / 2);
    case PEAK_L3:
        if (l3 / 2 / (uint64_t)n_threads >= 4 * l2)
            return round_down(4 * l2);
        l3 = l3 / 2 / (uint64_t)n_threads;
        return l3 >= 2 * l2 ? round_down(l3) : 0;
    default:
        return round_down(memory / (size_t)n_threads);
    }
}

size_t peak_dram_bytes(const struct cpu_topology *topology, bool quick)
{
    uint64_t most = topology->memory_bytes / 8;
    uint64_t last = cpu_topology_last_cache(topology);
    uint64_t wanted = 4 * last > DRAM_LEAST ? 4 * last : DRAM_LEAST;
    if (most > (quick ? DRAM_QUICK : DRAM_MOST))
        most = quick ? DRAM_QUICK : DRAM_MOST;
    return round_down(wanted < most ? wanted : most);
}

void *peak_memory(size_t n_bytes)
{
    void *memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, n_bytes, MADV_HUGEPAGE);
    return memset(memory, 0, n_bytes);
}

static void measure_levels(struct peak *out, struct bench *bench,
                           const struct cpu_topology *topology, size_t memory)
{
    uint64_t last = cpu_topology_cache(topology, 3);

    for (int l = 0; l < PEAK_LEVEL_COUNT; l++) {
        enum peak_level level = (enum peak_level)l;
        size_t one = peak_set_bytes(topology, level, 1, memory);
        size_t all = peak_set_bytes(topology, level, bench->n_threads, memory);
        static const char none[] = "no such cache, or the kernel does not say "
                                   "its size";
        out->read_bytes[l] = one;
        if (one)
            out->read_one[l] = measure(bench, 1, one);
        else
            snprintf(out->read_one[l].reason, sizeof none, "%s", none);
        if (all)
            out->read_all[l] = measure(bench, bench->n_threads, all);
        else
            snprintf(out->read_all[l].reason, sizeof none, "%s", none);
    }
    if (last && memory < 2 * last)
        snprintf(out->read_one[PEAK_DRAM].reason,
                 sizeof out->read_one[PEAK_DRAM].reason,
                 "upper bound: %zu MiB do not exceed twice the last cache, "
                 "part comes from there", memory >> 20);
    memcpy(out->read_all[PEAK_DRAM].reason, out->read_one[PEAK_DRAM].reason,
           sizeof out->read_all[PEAK_DRAM].reason);
}

/* Once the best probe of all is known. */
static void settle(struct peak *out, const struct load_prober *prober)
{
    struct peak_rate *rate[] = { &out->flops_one, &out->flops_all };

    for (int i = 0; i < 2; i++)
        rate[i]->share = load_share(prober, &rate[i]->before, &rate[i]->after);
    for (int l = 0; l < PEAK_LEVEL_COUNT; l++) {
        out->read_one[l].share = load_share(prober, &out->read_one[l].before,
                                            &out->read_one[l].after);
        out->read_all[l].share = load_share(prober, &out->read_all[l].before,
                                            &out->read_all[l].after);
    }
}

bool peak_is_busy(const struct peak_rate *rate)
{
    return rate->n_runs && rate->share < load_least_share;
}

static void measure_all(struct peak *out, struct bench *bench,
                        const struct cpu_topology *topology, size_t memory)
{
    *out = (struct peak){ .kernel = bench->kernel->name,
                          .n_threads = bench->n_threads };
    out->flops_one = measure(bench, 1, 0);
    out->flops_all = measure(bench, bench->n_threads, 0);
    measure_levels(out, bench, topology, memory);
    settle(out, &bench->prober);
}

enum status peak_measure(struct peak *out, const struct cpu_topology *topology,
                         int n_threads, bool quick, struct error *err)
{
    size_t memory = peak_dram_bytes(topology, quick);
    struct bench bench = { .kernel = peak_kernel_choose(),
        .effort = efforts[quick],
        .n_threads = n_threads > 0 ? n_threads : topology->n_cpus };

    bench.slice = round_down(memory / (size_t)bench.n_threads);
    bench.work = calloc((size_t)bench.n_threads, sizeof *bench.work);
    bench.data = peak_memory(memory);
    enum status status = bench.work && bench.data
        ? load_prober_open(&bench.prober, bench.n_threads, err)
        : error_set(err, STATUS_NO_MEMORY, "no memory for a working set of %zu"
                    " MiB", memory >> 20);
    if (status == STATUS_OK)
        measure_all(out, &bench, topology, memory);
    load_prober_close(&bench.prober);
    if (bench.data)
        munmap(bench.data, memory);
    free(bench.work);
    return status;
}
