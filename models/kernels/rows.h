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
    for (; c + REGISTER_LANES <= c1; c += REGISTER_LANES)
        lanes_store(to + c, lanes_load(to + c) + lanes_load(from + c));
    for (; c < c1; c++)
        to[c] = to[c] + from[c];
}

static inline void scale_row(real *to, real by, int32_t n)
{
    int32_t c = 0;
    for (; c + REGISTER_LANES <= n; c += REGISTER_LANES)
        lanes_store(to + c, lanes_load(to + c) * lanes_set(by));
    for (; c < n; c++)
        to[c] = to[c] * by;
}

#endif
