/* tail.h - Load and store the first n lanes of a register, 0 < n <=
 * REGISTER_LANES: the last columns of a row that is no whole number of them.
 * Nothing behind them is touched in memory; loaded lanes behind them are zero,
 * and their arithmetic is no work of the kernel's: tests/counting/vec.hpp, which
 * brings its own, does not count it. */
#ifndef TAIL_H
#define TAIL_H

#ifndef COUNTING

#include "models/kernels/vec.h"

#if defined(__AVX512F__)
static inline lanes lanes_load_first(const real *p, int n)
{
    return (lanes)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}

static inline void lanes_store_first(real *p, lanes v, int n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
}
#elif defined(__AVX__)
static inline __m256i lanes_first(int n)
{
    static const int32_t row[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };
    return _mm256_loadu_si256((const __m256i *)(const void *)(row + 8 - n));
}

static inline lanes lanes_load_first(const real *p, int n)
{
    return (lanes)_mm256_maskload_ps(p, lanes_first(n));
}

/* In pieces: AMD's CPUs take 12 cycles for a masked store (Zen 3). */
static inline void lanes_store_first(real *p, lanes v, int n)
{
    __m128 part = _mm256_castps256_ps128((__m256)v);
    if (n == REGISTER_LANES)
        lanes_store(p, v);
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps((__m256)v, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)(void *)p, part);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    if (n & 1)
        _mm_store_ss(p, part);
}
#else
static inline lanes lanes_load_first(const real *p, int n)
{
    lanes v = { 0 };
    if (n == 4)
        return lanes_load(p);
    v[0] = p[0];
    if (n > 1)
        v[1] = p[1];
    if (n > 2)
        v[2] = p[2];
    return v;
}

static inline void lanes_store_first(real *p, lanes v, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = v[i];
}
#endif

#endif

#endif
