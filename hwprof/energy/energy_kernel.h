/* energy_kernel.h - Run loops that draw power for one thing at a time, and
 * mixes of them.
 *
 * Their counts follow from their code and from where their data fits; nothing
 * is read from counters. */
#ifndef ENERGY_KERNEL_H
#define ENERGY_KERNEL_H

#include "hwprof/energy/energy_fit.h"
#include "hwprof/machine/topology.h"

/* The work that a thread does.
 *   id         while it does so                                            */
#define ENERGY_WORK_MAP(X)                                                    \
    X(SLEEP)    /* not awake                                              */  \
    X(SPIN)     /* integers in registers: awake, nothing else counts      */  \
    X(FMA)      /* multiply-adds in registers                             */  \
    X(READ_L1)  /* reads a set that fits, an add for each float: see peak */  \
    X(READ_L2)                                                                \
    X(READ_L3)                                                                \
    X(READ_DRAM)

enum energy_work {
#define X(id) ENERGY_WORK_##id,
    ENERGY_WORK_MAP(X)
#undef X
    ENERGY_WORK_COUNT
};

/* Every thread does work[0] for 10 ms, then work[1], and so on. */
struct energy_kernel {
    const char *name;
    enum energy_work work[2];
};
/* The first one is idle.  Each work is there alone and in a mix, so that any
 * one kernel can be predicted from the others. */
enum { ENERGY_N_KERNELS = 13 };
extern const struct energy_kernel energy_kernels[ENERGY_N_KERNELS];

struct energy_bench;             /* opaque: energy_kernel.c */

/* Gets memory for n_threads; a quarter of a GiB and more.  Release with
 * energy_bench_close(); NULL is fine. */
enum status energy_bench_open(struct energy_bench **out,
                              const struct cpu_topology *topology,
                              int n_threads, struct error *err) MUST_CHECK;
void        energy_bench_close(struct energy_bench *bench);

/* True: this machine has what the kernel reads from; a DRAM set must be twice
 * the last cache. */
bool energy_bench_has(const struct energy_bench *bench, int kernel);

/* Run a kernel for about `seconds` on all threads; amount[], but for
 * ENERGY_IDLE, is what they did.  An energy_run_fn.  STATUS_UNAVAILABLE: others
 * had more than a tenth of the CPUs' time meanwhile. */
enum status energy_bench_run(void *bench, int kernel, double seconds,
                             double amount[ENERGY_TERM_COUNT],
                             struct error *err) MUST_CHECK;

#endif
