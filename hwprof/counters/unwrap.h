/* unwrap.h - Turn a register that wraps around into a total that does not. */
#ifndef UNWRAP_H
#define UNWRAP_H

#include <stdint.h>
#include "sim/core/base/error.h"

struct unwrap {
    uint64_t range;     /* added when the register starts over; 0: it never
                         * does, so that going back is a fault */
    uint64_t last;      /* the latest reading */
    uint64_t total;     /* counted since unwrap_start() */
};

struct unwrap unwrap_start(uint64_t range, uint64_t first);

/* Take the next reading; *step (may be NULL) is what was counted since the last
 * one.  One wrap can be undone, two look like one: `limit` is the largest step
 * that the time since the last reading allows, UINT64_MAX for any.
 * STATUS_UNAVAILABLE: the register went back and cannot wrap, or the step is
 * past `limit`; the total is unchanged and the next step starts from `now`.
 * step = now - last, and now + (range - last) after a wrap, as the kernel's
 * Documentation/power/powercap/powercap.rst defines max_energy_range_uj. */
enum status unwrap_step(struct unwrap *unwrap, uint64_t now, uint64_t limit,
                        uint64_t *step, struct error *err) MUST_CHECK;

#endif
