/* vec.h - 16 floats at a time, the same on every instruction set.
 *
 * A row op always sums in 16 lanes, so its flops, and but for fused rounding its
 * bits, do not depend on the machine.  The compiler lowers a 64-byte vector to
 * one AVX-512, two AVX2 or four SSE/NEON registers.
 *
 * With COUNTING defined this part steps aside: the build has included
 * tests/counting/vec.hpp before, which gives the same names to C++ classes whose
 * operators count what they do.  The kernels are therefore written in what C11
 * and C++ have in common. */
#ifndef VEC_H
#define VEC_H

#ifndef COUNTING

#include <stdint.h>
#include <string.h>
#if defined(__FMA__)
#include <immintrin.h>
#elif defined(__ARM_FEATURE_FMA)
#include <arm_neon.h>
#endif

typedef float  real;    /* a number whose arithmetic counts */
typedef double wide;    /* likewise, for long sums */
typedef float   vec  __attribute__((vector_size(64)));
typedef float   vec8 __attribute__((vector_size(32)));
typedef float   vec4 __attribute__((vector_size(16)));
typedef int32_t ivec __attribute__((vector_size(64)));

/* One register, for matrix products, where no lane meets another. */
#if defined(__AVX512F__)
#define REGISTER_LANES 16
typedef vec lanes;
#elif defined(__AVX__)
#define REGISTER_LANES 8
typedef vec8 lanes;
#else
#define REGISTER_LANES 4
typedef float lanes __attribute__((vector_size(16)));
#endif

static inline vec vec_load(const real *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void vec_store(real *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

static inline vec8 vec8_load(const real *p)
{
    vec8 v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void vec8_store(real *p, vec8 v)
{
    memcpy(p, &v, sizeof v);
}

static inline vec vec_set(real x)
{
    return (vec){ x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x };
}

static inline vec8 vec8_set(real x)
{
    return (vec8){ x, x, x, x, x, x, x, x };
}

static inline lanes lanes_load(const real *p)
{
    lanes v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void lanes_store(real *p, lanes v)
{
    memcpy(p, &v, sizeof v);
}

static inline lanes lanes_set(real x)
{
#if REGISTER_LANES == 16
    return vec_set(x);
#elif REGISTER_LANES == 8
    return vec8_set(x);
#else
    return (lanes){ x, x, x, x };
#endif
}

static inline vec vec_choose(ivec mask, vec yes, vec no)
{
    return (vec)((mask & (ivec)yes) | (~mask & (ivec)no));
}

/* One instruction where there is one: GCC 12 finds none in a compare and a
 * choice, and moves vectors wider than a register through memory. */
#if defined(__AVX512F__)
static inline vec vec_max(vec a, vec b)
{
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
}

static inline vec vec_min(vec a, vec b)
{
    return (vec)_mm512_min_ps((__m512)a, (__m512)b);
}
#elif defined(__AVX__)
static inline vec vec_max(vec a, vec b)
{
    __m256 x[2], y[2];
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
    x[0] = _mm256_max_ps(x[0], y[0]);
    x[1] = _mm256_max_ps(x[1], y[1]);
    memcpy(&a, x, sizeof a);
    return a;
}

static inline vec vec_min(vec a, vec b)
{
    __m256 x[2], y[2];
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
    x[0] = _mm256_min_ps(x[0], y[0]);
    x[1] = _mm256_min_ps(x[1], y[1]);
    memcpy(&a, x, sizeof a);
    return a;
}
#else
static inline vec vec_max(vec a, vec b)
{
    return vec_choose(a > b, a, b);
}

static inline vec vec_min(vec a, vec b)
{
    return vec_choose(a < b, a, b);
}
#endif

/* Ones in the first n lanes, 0 <= n <= 16. */
static inline ivec vec_first(int n)
{
    static const int32_t row[32] = { -1, -1, -1, -1, -1, -1, -1, -1,
                                     -1, -1, -1, -1, -1, -1, -1, -1 };
    ivec mask;
    memcpy(&mask, row + 16 - n, sizeof mask);
    return mask;
}

/* The first n lanes of v, zero behind them. */
static inline vec vec_head(vec v, int n)
{
    return (vec)((ivec)v & vec_first(n));
}

/* The first n lanes of v, -3e38 behind them: below every score. */
static inline vec vec_head_low(vec v, int n)
{
    return vec_choose(vec_first(n), v, vec_set(-3e38f));
}

/* 15 additions, always in the same tree. */
static inline real vec_fold(vec v)
{
    vec8 half[2];
    memcpy(half, &v, sizeof half);
    vec8 a = half[0] + half[1];
    vec4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) +
             __builtin_shufflevector(a, a, 4, 5, 6, 7);
    return (b[0] + b[2]) + (b[1] + b[3]);
}

static inline real vec_largest(vec v)
{
    vec8 half[2];
    memcpy(half, &v, sizeof half);
    real top = v[0];
#if defined(__AVX__)
    half[0] = (vec8)_mm256_max_ps((__m256)half[0], (__m256)half[1]);
    for (int i = 0; i < 8; i++)
        top = half[0][i] > top ? half[0][i] : top;
#else
    for (int i = 1; i < 16; i++)
        top = v[i] > top ? v[i] : top;
#endif
    return top;
}

/* +-0.5, with the sign of x: no arithmetic. */
static inline vec vec_half_like(vec x)
{
    return (vec)(((ivec)x & (ivec)vec_set(-0.0f)) | (ivec)vec_set(0.5f));
}

/* x toward zero, as a number and, times 2^x by the exponent bits, applied to
 * p: moves and integer work only. */
static inline vec vec_truncate(vec x)
{
    return __builtin_convertvector(__builtin_convertvector(x, ivec), vec);
}

static inline vec vec_scale2(vec p, vec whole)
{
    return (vec)((ivec)p + (__builtin_convertvector(whole, ivec) << 23));
}

/* The same for one number. */
static inline real real_max(real a, real b)
{
    return a > b ? a : b;
}

static inline real real_min(real a, real b)
{
    return a < b ? a : b;
}

static inline real real_set(real x)
{
    return x;
}

/* sum + a b, 2 flops: fused on every machine that can, and then in registers of
 * every width, so that an element of a product has the same bits wherever in a
 * tile it is worked out.  Left to the compiler, some loops are fused and others
 * not. */
static inline real real_add_product(real sum, real a, real b)
{
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return __builtin_fmaf(a, b, sum);
#else
    return sum + a * b;
#endif
}

static inline vec8 vec8_add_product(vec8 sum, vec8 a, vec8 b)
{
#if defined(__FMA__)
    return (vec8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
#else
    return sum + a * b;
#endif
}

static inline lanes lanes_add_product(lanes sum, lanes a, lanes b)
{
#if defined(__AVX512F__)
    return (lanes)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)sum);
#elif defined(__FMA__)
    return (lanes)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
#elif defined(__ARM_FEATURE_FMA)
    return (lanes)vfmaq_f32((float32x4_t)sum, (float32x4_t)a, (float32x4_t)b);
#else
    return sum + a * b;
#endif
}

static inline real real_half_like(real x)
{
    return __builtin_copysignf(0.5f, x);
}

static inline real real_truncate(real x)
{
    return (real)(int32_t)x;
}

static inline real real_scale2(real p, real whole)
{
    int32_t bits;
    memcpy(&bits, &p, sizeof bits);
    bits += (int32_t)((uint32_t)(int32_t)whole << 23);
    memcpy(&p, &bits, sizeof p);
    return p;
}

/* x = m * 2^e with m in [sqrt(1/2), sqrt(2)); bits only. */
static inline real real_mantissa(real x, real *exponent)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t e = (int32_t)(bits >> 23) - 126;
    bits = (bits & 0x007fffffu) | 0x3f000000u;    /* [0.5, 1) */
    if (bits < 0x3f3504f3u) {                     /* sqrt(1/2) */
        bits += 0x00800000u;
        e--;
    }
    memcpy(&x, &bits, sizeof x);
    *exponent = (real)e;
    return x;
}

static inline real real_sqrt(real x)
{
    return __builtin_sqrtf(x);
}

static inline vec vec_sqrt(vec x)
{
    for (int i = 0; i < 16; i++)
        x[i] = __builtin_sqrtf(x[i]);
    return x;
}

static inline wide wide_sqrt(wide x)
{
    return __builtin_sqrt(x);
}

static inline wide wide_of(real x)
{
    return (wide)x;
}

static inline double wide_double(wide x)
{
    return x;
}

static inline float real_float(real x)
{
    return x;
}

/* Marks a scalar that depends on shapes and settings alone and is worked out
 * once a part: not an op's work.  All other arithmetic of a kernel is. */
#define ONCE(expression) (expression)

#endif

/* Natural logarithm of a positive number: Cephes logf (Moshier 1989), a
 * polynomial of degree 8: OP_FLOPS_LOG. */
static inline real real_log(real x)
{
    real e;
    real f = real_mantissa(x, &e) - 1.0f;
    real z = f * f;
    real y = f * 7.0376836292e-2f + -1.1514610310e-1f;
    y = y * f + 1.1676998740e-1f;
    y = y * f + -1.2420140846e-1f;
    y = y * f + 1.4249322787e-1f;
    y = y * f + -1.6668057665e-1f;
    y = y * f + 2.0000714765e-1f;
    y = y * f + -2.4999993993e-1f;
    y = y * f + 3.3333331174e-1f;
    y = y * f * z;
    y = y + e * -2.12194440e-4f;
    y = y - z * 0.5f;
    return (f + y) + e * 0.693359375f;
}

/* The elementary functions, for 16 numbers and for one. */
#define NUMBER vec
#define OF(name) vec_##name
#include "models/kernels/elementary.h"
#undef NUMBER
#undef OF
#define NUMBER real
#define OF(name) real_##name
#include "models/kernels/elementary.h"
#undef NUMBER
#undef OF

#endif
