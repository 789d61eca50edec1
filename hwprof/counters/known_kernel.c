/* known_kernel.c - Run loops of known counts, in assembly where instructions
 * are counted, so that no compiler changes the number. */
#include "hwprof/counters/known_kernel.h"

#include <stdint.h>

#if defined __x86_64__

static bool has_fma(void)
{
    return __builtin_cpu_supports("fma");
}

/* A chained arithmetic instruction, two loads, a store, a branch never taken,
 * and the loop's: 8 instructions a round. */
#define EIGHT(name, before, arithmetic, after)                                 \
    static void name(const struct known_input *in)                             \
    {                                                                          \
        size_t n = in->n;                                                      \
        uint64_t memory[4] = { 0 };                                            \
        __asm__ volatile(before ".p2align 5\n1:\n\t" arithmetic                \
            "movq (%1), %%rax\n\tmovq 8(%1), %%rdx\n\tmovq %%rcx, 16(%1)\n\t"  \
            "testq %0, %0\n\tjz 2f\n\tdecq %0\n\tjnz 1b\n2:\n\t" after         \
            : "+r"(n) : "r"(memory)                                            \
            : "rax", "rdx", "rcx", "xmm0", "xmm1", "cc", "memory");            \
    }

/* A fused multiply-add of 8 floats: 16 flops a round; for CPUs without it an
 * add of 4: 4 flops. */
EIGHT(multiply_add, "vxorps %%xmm0, %%xmm0, %%xmm0\n\t"
      "vxorps %%xmm1, %%xmm1, %%xmm1\n\t",
      "vfmadd231ps %%ymm1, %%ymm1, %%ymm0\n\t", "vzeroupper")
EIGHT(add, "xorps %%xmm0, %%xmm0\n\t", "addps %%xmm0, %%xmm0\n\t", "")

/* Ten chained multiplications of latency 3: 30 cycles a round. */
static void chain(const struct known_input *in)
{
    size_t n = in->n;

    __asm__ volatile(
        "movl $3, %%eax\n\t"
        ".p2align 5\n"
        "1:\n\t"
        "imulq %%rax, %%rax\n\timulq %%rax, %%rax\n\t"
        "imulq %%rax, %%rax\n\timulq %%rax, %%rax\n\t"
        "imulq %%rax, %%rax\n\timulq %%rax, %%rax\n\t"
        "imulq %%rax, %%rax\n\timulq %%rax, %%rax\n\t"
        "imulq %%rax, %%rax\n\timulq %%rax, %%rax\n\t"
        "decq %0\n\t"
        "jnz 1b"
        : "+r"(n) : : "rax", "cc");
}

static const char multiply_source[] =
    "two flops for each of 8 lanes (one, of 4, for an add), 8 instructions, by "
    "construction; 100000 rounds stayed well within 2 % on Zen 3";
static const char chain_source[] =
    "imul r64 has latency 3: Fog, Instruction tables, Skylake to Golden Cove, "
    "Zen 1 to 5";

#elif defined __aarch64__

/* A chained fused multiply-add of 4 floats, two loads, a store, a branch never
 * taken, and the loop's: 7 instructions, 8 flops a round. */
static void multiply_add(const struct known_input *in)
{
    size_t n = in->n;
    uint64_t memory[4] = { 0 };

    __asm__ volatile(
        "movi v0.4s, #0\n\t"
        "movi v1.4s, #0\n"
        "1:\n\t"
        "fmla v0.4s, v1.4s, v1.4s\n\t"
        "ldr x9, [%1]\n\t"
        "ldr x10, [%1, #8]\n\t"
        "str x11, [%1, #16]\n\t"
        "cbz %0, 2f\n\t"
        "subs %0, %0, #1\n\t"
        "b.ne 1b\n"
        "2:"
        : "+r"(n)
        : "r"(memory)
        : "x9", "x10", "x11", "v0", "v1", "cc", "memory");
}

/* Ten chained additions of latency 1: 10 cycles a round. */
static void chain(const struct known_input *in)
{
    size_t n = in->n;

    __asm__ volatile(
        "mov x9, #3\n"
        "1:\n\t"
        "add x9, x9, x9\n\tadd x9, x9, x9\n\t"
        "add x9, x9, x9\n\tadd x9, x9, x9\n\t"
        "add x9, x9, x9\n\tadd x9, x9, x9\n\t"
        "add x9, x9, x9\n\tadd x9, x9, x9\n\t"
        "add x9, x9, x9\n\tadd x9, x9, x9\n\t"
        "subs %0, %0, #1\n\t"
        "b.ne 1b"
        : "+r"(n) : : "x9", "cc");
}

static const char multiply_source[] =
    "two flops for each of 4 lanes, seven instructions by construction";
static const char chain_source[] =
    "ADD has latency 1: Arm Neoverse N1 and V1 Software Optimization Guides, "
    "section 3.3";

#else

enum { LANES = 8 };

/* A multiplication and an addition on each of 8 floats: 16 flops a round; how
 * many instructions is up to the compiler. */
static void multiply_add(const struct known_input *in)
{
    volatile float keep[LANES];
    float sum[LANES] = { 0 };

    for (size_t i = 0; i < in->n; i++)
        for (int l = 0; l < LANES; l++)
            sum[l] = sum[l] * 0.5f + (float)l;
    for (int l = 0; l < LANES; l++)
        keep[l] = sum[l];
    (void)keep;
}

static const char multiply_source[] =
    "a multiplication and an addition on each of 8 floats";

#endif

enum { LINE_FLOATS = 16 };

/* One load from every line: each line comes in once a round. */
static void read_lines(const struct known_input *in)
{
    const volatile float *end = in->data + in->n_bytes / sizeof *in->data;

    for (size_t i = 0; i < in->n; i++)
        for (const volatile float *at = in->data; at < end; at += LINE_FLOATS)
            (void)*at;
}

static const char l2_source[] =
    "128 KiB fit every L2 and no L1: 1.000 to 1.003 lines filled for each line "
    "read, on Zen 3";
static const char far_source[] =
    "four times the next smaller cache: 0.88 (L3) to 1.005 (DRAM) lines for "
    "each line read, on Zen 3; shared with other tenants";

static const struct known_kernel kernels[] = {
#if defined __x86_64__
    { METRIC_FLOPS, "100000 x fused multiply-add of 8 floats", KNOWN_NO_DATA,
      100000, 16, 0.02, has_fma, multiply_add, multiply_source },
    { METRIC_FLOPS, "100000 x add of 4 floats", KNOWN_NO_DATA,
      100000, 4, 0.02, NULL, add, multiply_source },
    { METRIC_INSTRUCTIONS, "100000 x 8 instructions", KNOWN_NO_DATA,
      100000, 8, 0.02, NULL, add, multiply_source },
    { METRIC_CYCLES, "10000 x 10 chained multiplications", KNOWN_NO_DATA,
      10000, 30, 0.03, NULL, chain, chain_source },
#elif defined __aarch64__
    { METRIC_FLOPS, "100000 x fused multiply-add of 4 floats", KNOWN_NO_DATA,
      100000, 8, 0.02, NULL, multiply_add, multiply_source },
    { METRIC_INSTRUCTIONS, "100000 x 7 instructions", KNOWN_NO_DATA,
      100000, 7, 0.02, NULL, multiply_add, multiply_source },
    { METRIC_CYCLES, "30000 x 10 chained additions", KNOWN_NO_DATA,
      30000, 10, 0.03, NULL, chain, chain_source },
#else
    { METRIC_FLOPS, "100000 x multiply and add of 8 floats", KNOWN_NO_DATA,
      100000, 16, 0.02, NULL, multiply_add, multiply_source },
#endif
    { METRIC_L2_BYTES, "32 x read of what L2 holds and L1 does not",
      KNOWN_IN_L2, 32, 1, 0.02, NULL, read_lines, l2_source },
    { METRIC_L3_BYTES, "2 x read of what L3 holds and L2 does not", KNOWN_IN_L3,
      2, 1, 0.15, NULL, read_lines, far_source },
    { METRIC_DRAM_BYTES, "read of what no cache holds", KNOWN_IN_DRAM,
      1, 1, 0.15, NULL, read_lines, far_source },
};

const struct known_kernel *known_kernel_for(enum metric metric)
{
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (kernels[i].metric == metric &&
            (!kernels[i].runs || kernels[i].runs()))
            return &kernels[i];
    return NULL;
}

double known_kernel_expected(const struct known_kernel *kernel,
                             const struct known_input *in)
{
    double rounds = (double)in->n;

    return kernel->each * rounds *
           (kernel->data == KNOWN_NO_DATA ? 1 : (double)in->n_bytes);
}
