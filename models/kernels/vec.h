/* vec.h - Compute on a register of floats at a time, the same on every
 * instruction set.
 *
 * A row op always sums in 16 lanes, so its flops, and but for fused rounding
 * its bits, do not depend on the machine: one AVX-512 register, two of AVX2 or
 * four of SSE and NEON, one after another (REGISTERS).  No vector is wider than
 * a register: GCC 12 takes such through the stack in pieces, and the load of a
 * whole one that follows waits for their stores.
 *
 * With COUNTING defined this part steps aside: the build has included
 * tests/counting/vec.hpp before, which gives the same names to C++ classes
 * whose operators count their own work.  The kernels are therefore written in
 * what C11 and C++ have in common. */
#ifndef VEC_H
#define VEC_H

#ifndef COUNTING

#include <stdint.h>
#include <string.h>
#include "models/kernels/codes.h"
#include "models/kernels/half.h"
#if defined(__FMA__) || defined(__SSE4_1__)
#include <immintrin.h>
#elif defined(__ARM_FEATURE_FMA)
#include <arm_neon.h>
#endif

typedef float  real;    /* a number whose arithmetic counts */
typedef double wide;    /* likewise, for long sums */

#if defined(__AVX512F__)
#define REGISTER_LANES 16
#elif defined(__AVX__)
#define REGISTER_LANES 8
#else
#define REGISTER_LANES 4
#endif
typedef float   lanes     __attribute__((vector_size(4 * REGISTER_LANES)));
typedef int32_t lanes_int __attribute__((vector_size(4 * REGISTER_LANES)));

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
    return (lanes){ x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x };
#elif REGISTER_LANES == 8
    return (lanes){ x, x, x, x, x, x, x, x };
#else
    return (lanes){ x, x, x, x };
#endif
}

/* The lanes of two registers by turns, a[0] b[0] a[1] .. : the first half of
 * them, and the second. */
#if REGISTER_LANES == 16
#define ZIP(from)                                                              \
    from, from + 16, from + 1, from + 17, from + 2, from + 18, from + 3,       \
    from + 19, from + 4, from + 20, from + 5, from + 21, from + 6, from + 22,  \
    from + 7, from + 23
#elif REGISTER_LANES == 8
#define ZIP(from)                                                              \
    from, from + 8, from + 1, from + 9, from + 2, from + 10, from + 3, from + 11
#else
#define ZIP(from) from, from + 4, from + 1, from + 5
#endif

static inline lanes lanes_zip_low(lanes a, lanes b)
{
    return __builtin_shufflevector(a, b, ZIP(0));
}

static inline lanes lanes_zip_high(lanes a, lanes b)
{
    return __builtin_shufflevector(a, b, ZIP(REGISTER_LANES / 2));
}
#undef ZIP

/* One instruction where the CPU has one: GCC 12 finds none for a compare and a
 * choice. */
static inline lanes lanes_max(lanes a, lanes b)
{
#if defined(__AVX512F__)
    return (lanes)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
    return (lanes)_mm256_max_ps((__m256)a, (__m256)b);
#else
    lanes_int more = a > b;
    return (lanes)((more & (lanes_int)a) | (~more & (lanes_int)b));
#endif
}

static inline lanes lanes_min(lanes a, lanes b)
{
#if defined(__AVX512F__)
    return (lanes)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
    return (lanes)_mm256_min_ps((__m256)a, (__m256)b);
#else
    lanes_int less = a < b;
    return (lanes)((less & (lanes_int)a) | (~less & (lanes_int)b));
#endif
}

/* Ones in the first n lanes: in none below 1, in all from REGISTER_LANES on. */
static inline lanes_int lanes_mask(int n)
{
    static const int32_t row[32] = { -1, -1, -1, -1, -1, -1, -1, -1,
                                     -1, -1, -1, -1, -1, -1, -1, -1 };
    const int at = n < 0 ? 0 : n < REGISTER_LANES ? n : REGISTER_LANES;
    lanes_int mask;
    memcpy(&mask, row + 16 - at, sizeof mask);
    return mask;
}

/* The first n lanes of v, zero behind them; and -3e38, below every score. */
static inline lanes lanes_head(lanes v, int n)
{
    return (lanes)((lanes_int)v & lanes_mask(n));
}

static inline lanes lanes_head_low(lanes v, int n)
{
    const lanes_int mask = lanes_mask(n);
    return (lanes)((mask & (lanes_int)v) |
                   (~mask & (lanes_int)lanes_set(-3e38f)));
}

/* +-0.5, with the sign of x: no arithmetic. */
static inline lanes lanes_half_like(lanes x)
{
    return (lanes)(((lanes_int)x & (lanes_int)lanes_set(-0.0f)) |
                   (lanes_int)lanes_set(0.5f));
}

/* y in the lanes where x is above 0, else 0. */
static inline lanes lanes_above(lanes x, lanes y)
{
    return (lanes)((x > lanes_set(0.0f)) & (lanes_int)y);
}

/* Truncate x toward zero: returns it as a number and, by the exponent bits,
 * multiplies p by 2^x; moves and integer work only. */
static inline lanes lanes_truncate(lanes x)
{
    return __builtin_convertvector(__builtin_convertvector(x, lanes_int), lanes);
}

static inline lanes lanes_scale2(lanes p, lanes whole)
{
    return (lanes)((lanes_int)p +
                   (__builtin_convertvector(whole, lanes_int) << 23));
}

/* Sums of 16 lanes that a loop carries from turn to turn. */
enum { ROW_REGISTERS = 16 / REGISTER_LANES };
typedef struct {
    lanes at[ROW_REGISTERS];
} running;

static inline running running_set(real x)
{
    running r;
    for (int i = 0; i < ROW_REGISTERS; i++)
        r.at[i] = lanes_set(x);
    return r;
}

/* Their sum, in 15 additions and always in the same tree: also of a row too short
 * for a vector, whose zeros the compiler would leave out, if it saw them. */
static inline real running_fold(running r)
{
    typedef float four __attribute__((vector_size(16)));
#if REGISTER_LANES == 4
    four b = (r.at[0] + r.at[2]) + (r.at[1] + r.at[3]);
#else
    typedef float eight __attribute__((vector_size(32)));
#if REGISTER_LANES == 16
    eight low = (eight)_mm512_castps512_ps256((__m512)r.at[0]);
    eight high = (eight)_mm512_extractf32x8_ps((__m512)r.at[0], 1);
#else
    eight low = r.at[0], high = r.at[1];
#endif
    __asm__("" : "+x"(low), "+x"(high));
    eight a = low + high;
    four b = __builtin_shufflevector(a, a, 0, 1, 2, 3) +
             __builtin_shufflevector(a, a, 4, 5, 6, 7);
#endif
    return (b[0] + b[2]) + (b[1] + b[3]);
}

static inline void running_store(real *p, running r)
{
    for (int i = 0; i < ROW_REGISTERS; i++)
        lanes_store(p + REGISTER_LANES * i, r.at[i]);
}

static inline real running_largest(running r)
{
    for (int i = 1; i < ROW_REGISTERS; i++)
        r.at[0] = lanes_max(r.at[0], r.at[i]);
    real top = r.at[0][0];
    for (int i = 1; i < REGISTER_LANES; i++)
        top = r.at[0][i] > top ? r.at[0][i] : top;
    return top;
}

/* The same operations for one number. */
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

/* Numbers as they are stored, side by side, as integers and as floats: loads
 * and conversions, no arithmetic.  Of a `real`, one of them. */
typedef int32_t real_int;

/* GCC 12 splits these conversions in many steps when left to itself. */
#if defined(__AVX512F__)
#define LANES_WIDEN(type, load, sign, bits)                                    \
    (lanes_int)_mm512_cvtep##sign##bits##_epi32(load)
#define LANES_8(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#define LANES_16(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#elif defined(__AVX2__)
#define LANES_WIDEN(type, load, sign, bits)                                    \
    (lanes_int)_mm256_cvtep##sign##bits##_epi32(load)
#define LANES_8(p) _mm_loadl_epi64((const __m128i *)(const void *)(p))
#define LANES_16(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#elif defined(__SSE4_1__)
#define LANES_WIDEN(type, load, sign, bits)                                    \
    (lanes_int)_mm_cvtep##sign##bits##_epi32(load)
#define LANES_8(p) _mm_loadu_si32(p)
#define LANES_16(p) _mm_loadl_epi64((const __m128i *)(const void *)(p))
#else
#define LANES_WIDEN(type, load, sign, bits) lanes_widen_##type(load)
#define LANES_8(p) (p)
#define LANES_16(p) (p)
#define LANES_LOOP(type)                                                       \
    static inline lanes_int lanes_widen_##type(const uint8_t *p)               \
    {                                                                          \
        type##_t v __attribute__((vector_size(sizeof(type##_t) *               \
                                              REGISTER_LANES)));               \
        memcpy(&v, p, sizeof v);                                               \
        return __builtin_convertvector(v, lanes_int);                          \
    }
LANES_LOOP(int8) LANES_LOOP(uint8) LANES_LOOP(uint16)
#undef LANES_LOOP
#endif

static inline lanes_int lanes_i8(const uint8_t *p)
{
    return LANES_WIDEN(int8, LANES_8(p), i, 8);
}

static inline lanes_int lanes_u8(const uint8_t *p)
{
    return LANES_WIDEN(uint8, LANES_8(p), u, 8);
}

static inline lanes_int lanes_u16(const uint8_t *p)
{
    return LANES_WIDEN(uint16, LANES_16(p), u, 16);
}

static inline lanes lanes_of(lanes_int v)
{
    return __builtin_convertvector(v, lanes);
}

static inline lanes lanes_bf16(const uint8_t *p)
{
    return (lanes)(lanes_u16(p) << 16);
}

static inline lanes lanes_f16(const uint8_t *p)
{
#if defined(__AVX512F__)
    __m256i v;
    memcpy(&v, p, sizeof v);
    return (lanes)_mm512_cvtph_ps(v);
#elif defined(__F16C__)
    __m128i v;
    memcpy(&v, p, sizeof v);
    return (lanes)_mm256_cvtph_ps(v);
#else
    /* IEEE 754 binary16.  Subnormals: the fraction, converted, times 2^-24 by
     * its exponent bits. */
    lanes_int v = lanes_u16(p), size = v & 0x7fff;
    lanes_int normal = (size << 13) + ((127 - 15) << 23);
    lanes_int tiny = (lanes_int)lanes_of(size) - (24 << 23);
    lanes_int is_tiny = size < 0x0400, is_zero = size == 0;
    normal += (size >= 0x7c00) & ((127 - 15) << 23);
    lanes_int bits = (is_tiny & tiny & ~is_zero) | (~is_tiny & normal);
    return (lanes)(bits | (v & 0x8000) * -0x10000);      /* the sign's bit */
#endif
}

/* The low four bits less `less`. */
static inline lanes lanes_nibble(lanes_int v, int less)
{
#if defined(__AVX512F__)
    /* The number is its own place in a table. */
    const lanes t = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    const lanes u = { -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7 };
    return (lanes)_mm512_permutexvar_ps((__m512i)v, (__m512)(less ? u : t));
#else
    return lanes_of((v & 15) - less);
#endif
}

/* The same with another bit, that of column c + i in `bits` for lane i, as bit
 * `place`. */
static inline lanes lanes_joined(lanes_int v, uint16_t bits, int c, int place,
                                 int less)
{
#if REGISTER_LANES == 16
    const lanes_int lane = { 0, 1, 2, 3, 4, 5, 6, 7,
                             8, 9, 10, 11, 12, 13, 14, 15 };
#elif REGISTER_LANES == 8
    const lanes_int lane = { 0, 1, 2, 3, 4, 5, 6, 7 };
#else
    const lanes_int lane = { 0, 1, 2, 3 };
#endif
#if defined(__AVX512F__)
    (void)c;
    (void)lane;
    __m512i joined = _mm512_and_si512((__m512i)v, _mm512_set1_epi32(15));
    joined = _mm512_mask_or_epi32(joined, bits, joined,
                                  _mm512_set1_epi32(1 << place));
    return lanes_of((lanes_int)joined - less);
#else
    lanes_int one = (lanes_int){ 0 } + (bits >> c);
    return lanes_of((v & 15) + ((one >> lane & 1) << place) - less);
#endif
}

/* The low four bits are places of a table. */
static inline lanes lanes_coded(lanes_int v, const struct code *code)
{
#if defined(__AVX512F__)
    const __m512 table = _mm512_loadu_ps(code->number);
    return (lanes)_mm512_permutexvar_ps((__m512i)v, table);
#elif defined(__AVX2__)
    const __m256 low = _mm256_loadu_ps(code->number);
    const __m256 high = _mm256_loadu_ps(code->number + 8);
    return (lanes)_mm256_blendv_ps(
        _mm256_permutevar8x32_ps(low, (__m256i)v),
        _mm256_permutevar8x32_ps(high, (__m256i)v), (__m256)(v << 28));
#elif defined(__SSE4_1__)
    const __m128i bytes = _mm_loadu_si128(
        (const __m128i *)(const void *)code->byte);
    /* Of a lane the lowest byte alone is a place, and is spread over it. */
    return lanes_of((lanes_int)_mm_shuffle_epi8(bytes, (__m128i)(v & 15))
                        << 24 >> 24);
#elif defined(__ARM_FEATURE_FMA)
    const int8x16_t bytes = vld1q_s8(code->byte);
    return lanes_of((lanes_int)vqtbl1q_s8(bytes, (uint8x16_t)(v & 15))
                        << 24 >> 24);
#else
    lanes x = lanes_set(0.0f);
    for (int i = 0; i < REGISTER_LANES; i++)
        x[i] = code->number[v[i] & 15];
    return x;
#endif
}

/* code_scale() of a byte each. */
static inline lanes lanes_e8m0(const uint8_t *p)
{
    const lanes_int e = lanes_u8(p), tiny = e < 2;
    return (lanes)((tiny & (e + 1) * 0x00200000) |
                   (~tiny & (e - 1) * 0x00800000));
}

static inline real_int real_i8(const uint8_t *p)
{
    return (int8_t)*p;
}

static inline real_int real_u8(const uint8_t *p)
{
    return *p;
}

static inline real real_of(real_int v)
{
    return (real)v;
}

static inline real real_bf16(const uint8_t *p)
{
    return half_from_bf16(p);
}

static inline real real_f16(const uint8_t *p)
{
    return half_from_f16(p);
}

static inline real real_nibble(real_int v, int less)
{
    return (real)((v & 15) - less);
}

static inline real real_joined(real_int v, uint16_t bits, int c, int place,
                               int less)
{
    return (real)((v & 15) + ((bits >> c & 1) << place) - less);
}

static inline real real_coded(real_int v, const struct code *code)
{
    return code->number[v & 15];
}

static inline real real_e8m0(const uint8_t *p)
{
    return code_scale(p);
}

static inline real real_load(const real *p)
{
    return *p;
}

static inline real real_half_like(real x)
{
    return __builtin_copysignf(0.5f, x);
}

static inline real real_above(real x, real y)
{
    return x > 0.0f ? y : 0.0f;
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

static inline lanes lanes_sqrt(lanes x)
{
#if defined(__AVX512F__)
    return (lanes)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX__)
    return (lanes)_mm256_sqrt_ps((__m256)x);
#else
    for (int i = 0; i < REGISTER_LANES; i++)
        x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
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

/* Arithmetic that counts itself gains nothing from unrolled loops, and they
 * take long to compile. */
#ifdef COUNTING
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

/* The registers of the 16 numbers from `from` on, of which register `reg` begins
 * at `at`. */
#define REGISTERS(reg, at, from)                                               \
    UNROLL                                                                     \
    for (__typeof__(from) reg = 0, at = from; reg < ROW_REGISTERS;             \
         reg++, at += REGISTER_LANES)

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

/* The elementary functions, for the numbers of a register and for one. */
#define NUMBER lanes
#define OF(name) lanes_##name
#include "models/kernels/elementary.h"
#undef NUMBER
#undef OF
#define NUMBER real
#define OF(name) real_##name
#include "models/kernels/elementary.h"
#undef NUMBER
#undef OF

#endif
