/* peak_kernel.c - Run one arithmetic and one reading loop per instruction set.
 *
 * Twelve chains of fused multiply-adds cover two units of latency 4 (8 chains)
 * with room to spare; more would spill where there are 16 registers.  The sums
 * go through an empty asm statement, so that no compiler drops the loop. */
#include "hwprof/machine/peak_kernel.h"

#define CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
enum { N_CHAINS = 12, READ_STEP = 8 };

/* Keep a sum alive in a register. */
#if defined __x86_64__
#define KEEP(sum) __asm__ volatile("" : : "v"(sum))
#elif defined __aarch64__
#define KEEP(sum) __asm__ volatile("" : : "w"(sum))
#else
#define KEEP(sum) __asm__ volatile("" : : "m"(sum))
#endif

#define START(i)  vector a##i = { (float)i, 1, 2, 3 };
#define CHAIN(i)  a##i = MULTIPLY_ADD(a##i, x, y);
#define FINISH(i) KEEP(a##i);

/* Both loops for vectors of `width` floats; MULTIPLY_ADD stands for what it is
 * where the macro is used. */
#define LOOPS(name, attributes, width)                                         \
    attributes static void arithmetic_##name(size_t n)                         \
    {                                                                          \
        typedef float vector __attribute__((vector_size(4 * (width))));        \
        const vector zero = { 0 }, x = zero + 0.999f, y = zero + 0.001f;       \
        CHAINS(START)                                                          \
        for (size_t r = 0; r < n; r++) {                                       \
            CHAINS(CHAIN)                                                      \
        }                                                                      \
        CHAINS(FINISH)                                                         \
    }                                                                          \
    attributes static void read_##name(const float *data, size_t n_bytes)      \
    {                                                                          \
        typedef float vector __attribute__((vector_size(4 * (width))));        \
        vector sum[READ_STEP] = { { 0 } };                                     \
        const float *end = data + n_bytes / sizeof *data;                      \
        for (; data < end; data += (width) * READ_STEP)                        \
            _Pragma("GCC unroll 8")                                            \
            for (int i = 0; i < READ_STEP; i++)                                \
                sum[i] += *(const vector *)(const void *)(data + (width) * i); \
        for (int i = 0; i < READ_STEP; i++)                                    \
            KEEP(sum[i]);                                                      \
    }

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

#define MULTIPLY_ADD(a, x, y) _mm512_fmadd_ps(a, x, y)
LOOPS(avx512, __attribute__((target("avx512f"))), 16)
#undef MULTIPLY_ADD
#define MULTIPLY_ADD(a, x, y) _mm256_fmadd_ps(a, x, y)
LOOPS(avx2, __attribute__((target("avx2,fma"))), 8)
#undef MULTIPLY_ADD
#endif

/* Four floats: SSE, NEON, or whatever the compiler makes of it. */
#if defined __aarch64__
#include <arm_neon.h>
#define MULTIPLY_ADD(a, x, y) vfmaq_f32(y, a, x)
#else
#define MULTIPLY_ADD(a, x, y) ((a) * (x) + (y))
#endif
LOOPS(vec4, , 4)

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
