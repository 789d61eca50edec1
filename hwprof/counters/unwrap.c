/* unwrap.c - Undo a register's wrap-around; nothing else does. */
#include "hwprof/counters/unwrap.h"

#include <inttypes.h>
#include <stddef.h>

struct unwrap unwrap_start(uint64_t range, uint64_t first)
{
    return (struct unwrap){ .range = range, .last = first };
}

enum status unwrap_step(struct unwrap *unwrap, uint64_t now, uint64_t limit,
                        uint64_t *step, struct error *err)
{
    uint64_t last = unwrap->last, counted;

    unwrap->last = now;
    if (now >= last)
        counted = now - last;
    else if (unwrap->range == 0)
        return error_set(err, STATUS_UNAVAILABLE,
                         "went back from %" PRIu64 " to %" PRIu64
                         " and states no range to wrap around at", last, now);
    else if (last > unwrap->range)
        return error_set(err, STATUS_UNAVAILABLE,
                         "read %" PRIu64 ", past its range of %" PRIu64,
                         last, unwrap->range);
    else
        counted = now + (unwrap->range - last);

    if (counted > limit)
        return error_set(err, STATUS_UNAVAILABLE,
                         "jumped by %" PRIu64 " (%" PRIu64 " to %" PRIu64
                         "), at most %" PRIu64 " is possible in that time",
                         counted, last, now, limit);
    unwrap->total += counted;
    if (step)
        *step = counted;
    return STATUS_OK;
}
