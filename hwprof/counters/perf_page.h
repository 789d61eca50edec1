/* perf_page.h - Read a counter without a system call, through the page that
 * perf shares.
 *
 * On bare metal it is the cheapest way; on a virtual machine that traps the
 * instruction it can be the dearest.  Source: perf_event_open(2), "struct
 * perf_event_mmap_page". */
#ifndef PERF_PAGE_H
#define PERF_PAGE_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>

/* Value of hardware counter `index`, raw. */
typedef uint64_t pmc_fn(uint32_t index);

/* The instruction of this CPU; NULL where the build knows none. */
extern pmc_fn *const perf_page_pmc;
/* Counters from here on have no such instruction. */
extern const uint32_t perf_page_n_pmc;

struct perf_page_value {
    uint64_t count, enabled, running;      /* ns */
};

/* false: the event is not on a counter now, or user space may not look. */
bool perf_page_read(const volatile struct perf_event_mmap_page *page,
                    pmc_fn *pmc, struct perf_page_value *out);

#endif
