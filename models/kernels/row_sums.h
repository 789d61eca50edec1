/* row_sums.h - Sum over a row as every norm does: 16 partial sums, their fold,
 * then the tail; and find its largest. */
#ifndef ROW_SUMS_H
#define ROW_SUMS_H

#include "models/kernels/vec.h"

/* The factor that makes a sum over a row a mean. */
static inline real share_of(int32_t width)
{
    return ONCE(1.0f / (float)width);
}

static inline real largest_of(const real *x, int32_t n)
{
    running top = running_set(-3e38f);
    int32_t c = 0;
    for (; c + 16 <= n; c += 16)
        REGISTERS(reg, at, c)
            top.at[reg] = lanes_max(top.at[reg], lanes_load(x + at));
    real m = running_largest(top);
    for (; c < n; c++)
        m = real_max(m, x[c]);
    return m;
}

static inline real sum_of(const real *x, int32_t n)
{
    running sum = running_set(0.0f);
    int32_t c = 0;
    for (; c + 16 <= n; c += 16)
        REGISTERS(reg, at, c)
            sum.at[reg] = sum.at[reg] + lanes_load(x + at);
    real total = running_fold(sum);
    for (; c < n; c++)
        total = total + x[c];
    return total;
}

static inline real squares_of(const real *x, int32_t n)
{
    running sum = running_set(0.0f);
    int32_t c = 0;
    for (; c + 16 <= n; c += 16)
        REGISTERS(reg, at, c)
            sum.at[reg] = lanes_add_product(sum.at[reg], lanes_load(x + at),
                                            lanes_load(x + at));
    real total = running_fold(sum);
    for (; c < n; c++)
        total = total + x[c] * x[c];
    return total;
}

static inline real deviations_of(const real *x, real mean, int32_t n)
{
    running sum = running_set(0.0f);
    lanes m = lanes_set(mean);
    int32_t c = 0;
    for (; c + 16 <= n; c += 16)
        REGISTERS(reg, at, c) {
            lanes d = lanes_load(x + at) - m;
            sum.at[reg] = lanes_add_product(sum.at[reg], d, d);
        }
    real total = running_fold(sum);
    for (; c < n; c++) {
        real d = x[c] - mean;
        total = total + d * d;
    }
    return total;
}

#endif
