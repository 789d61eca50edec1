/* peak_kernel.h - loops that keep the arithmetic units, or the loads, full. */
#ifndef PEAK_KERNEL_H
#define PEAK_KERNEL_H

#include <stddef.h>
#include "hwprof/topology.h"

struct peak_kernel {
    enum isa    isa;             /* needed; ISA_COUNT: none */
    const char *name;
    double      flops;           /* per iteration of arithmetic() */
    /* `n` rounds of independent fused multiply-adds in registers. */
    void  (*arithmetic)(size_t n);
    /* Read n_bytes (a multiple of 1024) of aligned memory once. */
    void  (*read)(const float *data, size_t n_bytes);
};

/* Best first; the last needs nothing. */
extern const struct peak_kernel peak_kernels[];
const struct peak_kernel *
peak_kernel_choose(const struct cpu_topology *topology);

#endif
