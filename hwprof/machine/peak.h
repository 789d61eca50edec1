/* peak.h - Measure the most this machine does: arithmetic, and reading from
 * each level.
 *
 * Best of several runs, with the worst beside it: other tenants of the machine
 * only ever make it slower.  The runs of a rate stand between two probes. */
#ifndef PEAK_H
#define PEAK_H

#include <stdbool.h>
#include <stddef.h>
#include "hwprof/machine/load.h"
#include "hwprof/machine/topology.h"
#include "sim/core/base/error.h"

/* The level that a working set lies in.
 *   id      name                                                            */
#define PEAK_LEVEL_MAP(X)                                                     \
    X(L1,   "L1")                                                             \
    X(L2,   "L2")                                                             \
    X(L3,   "L3")                                                             \
    X(DRAM, "DRAM")

enum peak_level {
#define X(id, name) PEAK_##id,
    PEAK_LEVEL_MAP(X)
#undef X
    PEAK_LEVEL_COUNT
};
extern const char *const peak_level_names[PEAK_LEVEL_COUNT];

struct peak_rate {
    double per_second;           /* best run; flop or byte */
    double worst;                /* a run of which a tenth were no faster */
    int    n_runs;               /* 0: not measured, see reason */
    char   reason[128];
    /* The least that the probes beside it reached of the best of all; below
     * load_least_share others ran, and the rate is no peak. */
    double share;
    struct load_probe before, after;
};

struct peak {
    const char *kernel;          /* "avx512: 12 chains of vfmadd, fp32" */
    int    n_threads;            /* of the "all" rates */
    struct peak_rate flops_one, flops_all;
    struct peak_rate read_one[PEAK_LEVEL_COUNT], read_all[PEAK_LEVEL_COUNT];
    uint64_t read_bytes[PEAK_LEVEL_COUNT];   /* working set of one thread */
};

/* Takes about 4 s, half of it to get memory; `quick` 1 s, with fewer and
 * shorter runs on less.  n_threads 0: every
 * online CPU. */
enum status peak_measure(struct peak *out, const struct cpu_topology *topology,
                         int n_threads, bool quick,
                         struct error *err) MUST_CHECK;

/* Other work ran beside it: the rate may be 1 / share as high. */
bool peak_is_busy(const struct peak_rate *rate);

/* The working sets that the rates above are of: bytes a thread reads to read
 * from that level, `memory` (peak_dram_bytes()) being what all the threads have
 * past the last cache.  0: no such level, or its size is not told. */
size_t peak_set_bytes(const struct cpu_topology *topology,
                      enum peak_level level, int n_threads, size_t memory);
size_t peak_dram_bytes(const struct cpu_topology *topology, bool quick);
/* So much memory, in large pages where there are any, written once; NULL: there
 * is none.  Release with munmap(). */
void  *peak_memory(size_t n_bytes);

#endif
