/* perf_page.c - the sequence lock and the sign extension of perf's page. */
#include "hwprof/perf_page.h"

#include <stddef.h>

#if defined __x86_64__
static uint64_t rdpmc(uint32_t index)
{
    uint32_t low, high;
    __asm__ volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(index));
    return (uint64_t)high << 32 | low;
}
pmc_fn *const perf_page_pmc = rdpmc;
#else
pmc_fn *const perf_page_pmc = NULL;
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
