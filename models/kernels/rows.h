/* rows.h - Copy, add and scale a row, or columns [c0,c1) of one. */
#ifndef ROWS_H
#define ROWS_H

#include "models/kernels/vec.h"

static inline void copy_row(real *to, const real *from, int32_t n)
{
    memcpy(to, from, (size_t)n * sizeof *to);
}

static inline void add_row(real *to, const real *from, int32_t c0, int32_t c1)
{
    int32_t c = c0;
    for (; c + 16 <= c1; c += 16)
        REGISTERS(reg, at, c)
            lanes_store(to + at, lanes_load(to + at) + lanes_load(from + at));
    for (; c < c1; c++)
        to[c] = to[c] + from[c];
}

static inline void scale_row(real *to, real by, int32_t n)
{
    int32_t c = 0;
    for (; c + 16 <= n; c += 16)
        REGISTERS(reg, at, c)
            lanes_store(to + at, lanes_load(to + at) * lanes_set(by));
    for (; c < n; c++)
        to[c] = to[c] * by;
}

#endif
