/* fma.c - Keep the multipliers of a core busy: more chains of multiply-adds than
 * their latency takes, and no memory. */
#include "tests/bench/fma.h"

#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* x = x a + b goes to 2, so that no number is large, or denormal. */
#define LOOP(name, target, type, lanes, chains, set, fma)                      \
    target static void name(double flops)                                      \
    {                                                                          \
        type x[chains], a = set(0.5f), b = set(1.0f);                          \
        for (int i = 0; i < (chains); i++)                                     \
            x[i] = b;                                                          \
        int64_t n = (int64_t)(flops / (2.0 * (lanes) * (chains)));             \
        for (; n > 0; n--)                                                     \
            _Pragma("GCC unroll 24")                                           \
            for (int i = 0; i < (chains); i++)                                 \
                x[i] = fma(x[i], a, b);                                        \
        for (int i = 0; i < (chains); i++)                                     \
            keep = ((const float *)&x[i])[0];                                  \
    }

/* What nobody reads would not be worked out. */
static volatile float keep;

#if defined(__x86_64__)
LOOP(loop_512, __attribute__((target("avx512f"))), __m512, 16, 20,
     _mm512_set1_ps, _mm512_fmadd_ps)
LOOP(loop_256, __attribute__((target("avx2,fma"))), __m256, 8, 12,
     _mm256_set1_ps, _mm256_fmadd_ps)

bool fma_run(double flops)
{
    bool wide = __builtin_cpu_supports("avx512f");
    bool narrow = __builtin_cpu_supports("fma");
    if (wide)
        loop_512(flops);
    else if (narrow)
        loop_256(flops);
    return wide || narrow;
}
#elif defined(__aarch64__)
static inline float32x4_t multiply_add(float32x4_t x, float32x4_t a,
                                       float32x4_t b)
{
    return vfmaq_f32(b, x, a);
}
LOOP(loop_128, , float32x4_t, 4, 20, vdupq_n_f32, multiply_add)

bool fma_run(double flops)
{
    loop_128(flops);
    return true;
}
#else
bool fma_run(double flops)
{
    (void)flops;
    return false;
}
#endif
