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
    vec top = vec_set(-3e38f);
    int32_t c = 0;
    for (; c + 16 <= n; c += 16)
        top = vec_max(top, vec_load(x + c));
    real m = vec_largest(top);
    for (; c < n; c++)
        m = real_max(m, x[c]);
    return m;
}

static inline real sum_of(const real *x, int32_t n)
{
    vec sum = vec_set(0.0f);
    int32_t c = 0;
    for (; c + 16 <= n; c += 16)
        sum = sum + vec_load(x + c);
    real total = vec_fold(sum);
    for (; c < n; c++)
        total = total + x[c];
    return total;
}

static inline real squares_of(const real *x, int32_t n)
{
    vec sum = vec_set(0.0f);
    int32_t c = 0;
    for (; c + 16 <= n; c += 16)
        sum = sum + vec_load(x + c) * vec_load(x + c);
    real total = vec_fold(sum);
    for (; c < n; c++)
        total = total + x[c] * x[c];
    return total;
}

static inline real deviations_of(const real *x, real mean, int32_t n)
{
    vec sum = vec_set(0.0f), m = vec_set(mean);
    int32_t c = 0;
    for (; c + 16 <= n; c += 16) {
        vec d = vec_load(x + c) - m;
        sum = sum + d * d;
    }
    real total = vec_fold(sum);
    for (; c < n; c++) {
        real d = x[c] - mean;
        total = total + d * d;
    }
    return total;
}

#endif
