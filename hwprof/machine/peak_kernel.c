/* peak_kernel.c - Run one arithmetic and one reading loop per instruction set.
 *
 * Twelve chains of fused multiply-adds cover two units of latency 4 (8 chains)
 * with room to spare; more would spill where there are 16 registers.  The sums
 * go through an empty asm statement, so that no compiler drops the loop. */
#include "hwprof/machine/peak_kernel.h"

#define CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
enum { N_CHAINS = 12, READ_STEP = 8 };

#if defined __x86_64__
#include <immintrin.h>

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f");
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

__attribute__((target("avx512f")))
static void arithmetic_avx512(size_t n)
{
#define X(i) __m512 a##i = _mm512_set1_ps((float)i);
    CHAINS(X)
#undef X
    __m512 x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(0.001f);
    for (size_t r = 0; r < n; r++) {
#define X(i) a##i = _mm512_fmadd_ps(a##i, x, y);
        CHAINS(X)
#undef X
    }
#define X(i) __asm__ volatile("" : : "v"(a##i));
    CHAINS(X)
#undef X
}

__attribute__((target("avx512f")))
static void read_avx512(const float *data, size_t n_bytes)
{
    __m512 sum[READ_STEP];
    const float *end = data + n_bytes / sizeof *data;

    for (int i = 0; i < READ_STEP; i++)
        sum[i] = _mm512_setzero_ps();
    for (; data < end; data += 16 * READ_STEP)
#pragma GCC unroll 8
        for (int i = 0; i < READ_STEP; i++)
            sum[i] = _mm512_add_ps(sum[i], _mm512_load_ps(data + 16 * i));
    for (int i = 0; i < READ_STEP; i++)
        __asm__ volatile("" : : "v"(sum[i]));
}

__attribute__((target("avx2,fma")))
static void arithmetic_avx2(size_t n)
{
#define X(i) __m256 a##i = _mm256_set1_ps((float)i);
    CHAINS(X)
#undef X
    __m256 x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(0.001f);
    for (size_t r = 0; r < n; r++) {
#define X(i) a##i = _mm256_fmadd_ps(a##i, x, y);
        CHAINS(X)
#undef X
    }
#define X(i) __asm__ volatile("" : : "x"(a##i));
    CHAINS(X)
#undef X
}

__attribute__((target("avx2,fma")))
static void read_avx2(const float *data, size_t n_bytes)
{
    __m256 sum[READ_STEP];
    const float *end = data + n_bytes / sizeof *data;

    for (int i = 0; i < READ_STEP; i++)
        sum[i] = _mm256_setzero_ps();
    for (; data < end; data += 8 * READ_STEP)
#pragma GCC unroll 8
        for (int i = 0; i < READ_STEP; i++)
            sum[i] = _mm256_add_ps(sum[i], _mm256_load_ps(data + 8 * i));
    for (int i = 0; i < READ_STEP; i++)
        __asm__ volatile("" : : "x"(sum[i]));
}
#endif

/* Four floats: SSE, NEON, or whatever the compiler makes of it. */
typedef float vec4 __attribute__((vector_size(16)));

#if defined __x86_64__
#define KEEP(v) __asm__ volatile("" : : "x"(v))
#elif defined __aarch64__
#define KEEP(v) __asm__ volatile("" : : "w"(v))
#else
#define KEEP(v) __asm__ volatile("" : : "m"(v))
#endif

#if defined __aarch64__
#include <arm_neon.h>
#define MULTIPLY_ADD(a, x, y) ((vec4)vfmaq_f32((float32x4_t)(y), \
                               (float32x4_t)(a), (float32x4_t)(x)))
#else
#define MULTIPLY_ADD(a, x, y) ((a) * (x) + (y))
#endif

static void arithmetic_vec4(size_t n)
{
#define X(i) vec4 a##i = { (float)i, 1, 2, 3 };
    CHAINS(X)
#undef X
    vec4 x = { 0.999f, 0.999f, 0.999f, 0.999f };
    vec4 y = { 0.001f, 0.001f, 0.001f, 0.001f };
    for (size_t r = 0; r < n; r++) {
#define X(i) a##i = MULTIPLY_ADD(a##i, x, y);
        CHAINS(X)
#undef X
    }
#define X(i) KEEP(a##i);
    CHAINS(X)
#undef X
}

static void read_vec4(const float *data, size_t n_bytes)
{
    vec4 sum[READ_STEP] = { { 0 } };
    const float *end = data + n_bytes / sizeof *data;

    for (; data < end; data += 4 * READ_STEP)
#pragma GCC unroll 8
        for (int i = 0; i < READ_STEP; i++)
            sum[i] += *(const vec4 *)(data + 4 * i);
    for (int i = 0; i < READ_STEP; i++)
        KEEP(sum[i]);
}

static const struct peak_kernel kernels[] = {
#if defined __x86_64__
    { has_avx512, "avx512: 12 chains of 16-wide fp32 fused multiply-add",
      2.0 * 16 * N_CHAINS, arithmetic_avx512, read_avx512 },
    { has_avx2, "avx2: 12 chains of 8-wide fp32 fused multiply-add",
      2.0 * 8 * N_CHAINS, arithmetic_avx2, read_avx2 },
#endif
    { NULL, "128-bit: 12 chains of 4-wide fp32 multiply and add",
      2.0 * 4 * N_CHAINS, arithmetic_vec4, read_vec4 },
};

const struct peak_kernel *peak_kernel_choose(void)
{
    const struct peak_kernel *kernel = kernels;   /* best first */

    while (kernel->runs && !kernel->runs())
        kernel++;
    return kernel;
}
