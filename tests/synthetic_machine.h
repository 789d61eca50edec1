/* synthetic_machine.h - Simulate a machine whose joules are known, with its own
 * clock.
 *
 * It runs the kernels of energy_kernel.h in no time, and posts what they draw,
 * with noise, into two packages of a powercap tree: counters of microjoules
 * that wrap around, stop, or step back when told to.  The program reads it as
 * it reads any machine. */
#ifndef SYNTHETIC_MACHINE_H
#define SYNTHETIC_MACHINE_H

#include <inttypes.h>
#include <math.h>

#include "hwprof/counters/counter.h"
#include "hwprof/energy/energy_kernel.h"
#include "hwprof/energy/energy_run.h"
#include "sim/core/base/random.h"
#include "tests/fake_tree.h"

enum { SYNTHETIC_ZONES = 2, SYNTHETIC_THREADS = 8 };

struct synthetic {
    struct fake_tree tree;
    double   now;                              /* s */
    double   truth[ENERGY_TERM_COUNT];
    double   noise;                            /* of a window's joules, 1 sd */
    struct random random;
    uint64_t range;                            /* uJ; where a zone wraps */
    double   zone[SYNTHETIC_ZONES];            /* uJ, ever growing */
    bool     dead[SYNTHETIC_ZONES];
    int      n_windows, n_wraps;
    /* At these windows, counted from 1: the first zone steps back by 3 J, does
     * not move, or somebody else burns as much again.  0: never. */
    int      back_at, still_at, other_at;
    double   joules;                           /* truly drawn, all windows */
};

/* A socket of a small server's size: 20 W idle, 2.5 W a thread awake. */
static const double synthetic_truth[ENERGY_TERM_COUNT] = {
    [ENERGY_IDLE] = 20,    [ENERGY_AWAKE] = 2.5,  [ENERGY_FLOP] = 15e-12,
    [ENERGY_L1] = 4e-12,   [ENERGY_L2] = 8e-12,   [ENERGY_L3] = 20e-12,
    [ENERGY_DRAM] = 150e-12,
};

static inline void synthetic_post(struct synthetic *m)
{
    static const char *const zone[SYNTHETIC_ZONES] = { "intel-rapl:0",
                                                       "intel-rapl:1" };
    char path[128];

    for (int z = 0; z < SYNTHETIC_ZONES; z++) {
        snprintf(path, sizeof path, "class/powercap/%s/energy_uj", zone[z]);
        fake_tree_write(&m->tree, path, "%" PRIu64 "\n",
                        (uint64_t)m->zone[z] % m->range);
    }
}

/* 60 and 40 % of them. */
static inline void synthetic_draw(struct synthetic *m, double joules)
{
    static const double share[SYNTHETIC_ZONES] = { 0.6, 0.4 };

    for (int z = 0; z < SYNTHETIC_ZONES; z++) {
        double before = m->zone[z];
        if (!m->dead[z])
            m->zone[z] += 1e6 * share[z] * joules;
        m->n_wraps += (uint64_t)before / m->range !=
                      (uint64_t)m->zone[z] / m->range;
    }
    synthetic_post(m);
}

static inline struct synthetic synthetic_open(uint64_t seed, double noise)
{
    struct synthetic m = { .tree = fake_tree_open(), .noise = noise,
        .random = random_seeded(seed), .range = UINT64_C(5000000000),
        .zone = { 4.9e9, 1e9 } };

    memcpy(m.truth, synthetic_truth, sizeof m.truth);
    for (int z = 0; z < SYNTHETIC_ZONES; z++) {
        char path[128];
        snprintf(path, sizeof path, "class/powercap/intel-rapl:%d/name", z);
        fake_tree_write(&m.tree, path, "package-%d\n", z);
        snprintf(path, sizeof path,
                 "class/powercap/intel-rapl:%d/max_energy_range_uj", z);
        fake_tree_write(&m.tree, path, "%" PRIu64 "\n", m.range);
    }
    synthetic_post(&m);
    return m;
}

static inline void synthetic_close(struct synthetic *m)
{
    fake_tree_close(&m->tree);
}

static inline double synthetic_now(void *context)
{
    return ((struct synthetic *)context)->now;
}

/* Asleep: idle watts, with noise. */
static inline void synthetic_sleep(void *context, double seconds)
{
    struct synthetic *m = context;

    m->now += seconds;
    synthetic_draw(m, seconds * m->truth[ENERGY_IDLE] *
                      (1 + m->noise * random_normal(&m->random)));
}

/* While the sensors prove that they live. */
static inline void synthetic_busy(void *context)
{
    synthetic_sleep(context, 0.1);
}

/* The work of all threads in a second of one kind: 100 GFLOP/s a thread; 200,
 * 100, 50 and 10 GB/s, with an add for each float. */
static inline void synthetic_work(enum energy_work work, double seconds,
                                  double amount[ENERGY_TERM_COUNT])
{
    static const double rate[] = { 200e9, 100e9, 50e9, 10e9 };
    double threads = SYNTHETIC_THREADS * seconds;

    if (work == ENERGY_WORK_SLEEP)
        return;
    amount[ENERGY_AWAKE] += threads;
    if (work == ENERGY_WORK_FMA)
        amount[ENERGY_FLOP] += 100e9 * threads;
    if (work < ENERGY_WORK_READ_L1)
        return;
    double bytes = rate[work - ENERGY_WORK_READ_L1] * threads;
    amount[ENERGY_FLOP] += bytes / 4;
    for (int l = 0; l <= (int)work - ENERGY_WORK_READ_L1; l++)
        amount[ENERGY_L1 + l] += bytes;
}

/* An energy_run_fn. */
static inline enum status synthetic_run(void *context, int kernel,
                                        double seconds,
                                        double amount[ENERGY_TERM_COUNT],
                                        struct error *err)
{
    struct synthetic *m = context;
    const enum energy_work *work = energy_kernels[kernel].work;
    double joules = m->truth[ENERGY_IDLE] * seconds;

    (void)err;
    for (int t = 0; t < ENERGY_TERM_COUNT; t++)
        amount[t] = 0;
    for (int i = 0; i < 2; i++)
        synthetic_work(work[i], seconds / 2, amount);
    for (int t = ENERGY_AWAKE; t < ENERGY_TERM_COUNT; t++)
        joules += m->truth[t] * amount[t];
    joules *= 1 + m->noise * random_normal(&m->random);

    m->n_windows++;
    m->now += seconds;
    m->joules += joules;
    if (m->n_windows == m->other_at)
        joules *= 2;
    if (m->n_windows == m->still_at)
        return STATUS_OK;
    if (m->n_windows == m->back_at) {
        m->zone[0] -= 3e6;
        synthetic_post(m);
        return STATUS_OK;
    }
    synthetic_draw(m, joules);
    return STATUS_OK;
}

static inline struct energy_run_options synthetic_options(struct synthetic *m)
{
    static int all[ENERGY_N_KERNELS];

    for (int k = 0; k < ENERGY_N_KERNELS; k++)
        all[k] = k;
    return (struct energy_run_options){
        .counter = { .sysfs_root = m->tree.root, .busy = synthetic_busy,
                     .busy_context = m, .now = synthetic_now,
                     .now_context = m },
        .clock = { synthetic_now, synthetic_sleep, m },
        .run = synthetic_run, .context = m, .kernels = all,
        .n_kernels = ENERGY_N_KERNELS, .n_rounds = 10, .seconds = 1 };
}

#endif
