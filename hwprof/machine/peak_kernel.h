/* peak_kernel.h - Run loops that keep the arithmetic units, or the loads,
 * full. */
#ifndef PEAK_KERNEL_H
#define PEAK_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

struct peak_kernel {
    bool      (*runs)(void);     /* on this CPU; NULL: on all */
    const char *name;
    double      flops;           /* per iteration of arithmetic() */
    /* `n` rounds of independent fused multiply-adds in registers. */
    void  (*arithmetic)(size_t n);
    /* Read n_bytes (a multiple of 1024) of aligned memory once. */
    void  (*read)(const float *data, size_t n_bytes);
};

/* The widest that this CPU runs. */
const struct peak_kernel *peak_kernel_choose(void);

#endif
