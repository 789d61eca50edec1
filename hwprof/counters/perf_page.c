/* perf_page.c - Read a counter through the sequence lock and the sign
 * extension of perf's page. */
#include "hwprof/counters/perf_page.h"

#include <stddef.h>

#if defined __x86_64__

static uint64_t rdpmc(uint32_t index)
{
    uint32_t low, high;
    __asm__ volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(index));
    return (uint64_t)high << 32 | low;
}
pmc_fn *const perf_page_pmc = rdpmc;
const uint32_t perf_page_n_pmc = UINT32_MAX;

#elif defined __aarch64__

/* Each has a register of its own: Arm Architecture Reference Manual,
 * PMEVCNTR<n>_EL0, PMCCNTR_EL0; numbered as Linux' Documentation/arm64/perf.rst
 * has it. */
#define COUNTER_MAP(X)                                                    \
    X(0)  X(1)  X(2)  X(3)  X(4)  X(5)  X(6)  X(7)  X(8)  X(9)  X(10) X(11) \
    X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) \
    X(24) X(25) X(26) X(27) X(28) X(29) X(30)

#define X(n)                                                              \
    static uint64_t counter_##n(void)                                     \
    {                                                                     \
        uint64_t value;                                                   \
        __asm__ volatile("mrs %0, pmevcntr" #n "_el0" : "=r"(value));     \
        return value;                                                     \
    }
COUNTER_MAP(X)
#undef X

static uint64_t counter_cycles(void)
{
    uint64_t value;
    __asm__ volatile("mrs %0, pmccntr_el0" : "=r"(value));
    return value;
}

static uint64_t (*const counters[])(void) = {
#define X(n) counter_##n,
    COUNTER_MAP(X)
#undef X
    counter_cycles,
};

static uint64_t read_counter(uint32_t index)
{
    return counters[index]();
}
pmc_fn *const perf_page_pmc = read_counter;
const uint32_t perf_page_n_pmc = sizeof counters / sizeof *counters;

#else
pmc_fn *const perf_page_pmc = NULL;
const uint32_t perf_page_n_pmc = 0;
#endif

/* Counters are narrower than 64 bits and run up from a negative number. */
static uint64_t extend(uint64_t value, unsigned width)
{
    uint64_t sign = UINT64_C(1) << (width - 1);
    uint64_t mask = sign | (sign - 1);
    return ((value & mask) ^ sign) - sign;
}

bool perf_page_read(const volatile struct perf_event_mmap_page *page,
                    pmc_fn *pmc, struct perf_page_value *out)
{
    uint32_t lock, index;
    bool     readable;

    do {
        lock = page->lock;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        index = page->index;
        readable = page->cap_user_rdpmc && index != 0 &&
                   index - 1 < perf_page_n_pmc &&
                   page->pmc_width >= 1 && page->pmc_width <= 64;
        *out = (struct perf_page_value){ (uint64_t)page->offset,
                                         page->time_enabled,
                                         page->time_running };
        if (readable)
            out->count += extend(pmc(index - 1), page->pmc_width);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    } while (page->lock != lock);
    return readable;
}
