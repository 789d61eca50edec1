/* counter_meter.h - Listen to ops, and file what hardware says about each.
 *
 * Time and counts come from different passes over the same tokens: reading
 * counters takes microseconds, which a clock would see.  One thread brackets
 * the ops, the one that opened the session; many may share the work. */
#ifndef COUNTER_METER_H
#define COUNTER_METER_H

#include "hwprof/counters/counter.h"
#include "hwprof/counters/flop_mix.h"
#include "hwprof/counters/region_count.h"
#include "sim/core/ledger/meter.h"

/* Charges each op with what the session counted in all threads between begin
 * and end, less what an empty region counts.  Neighbouring ops share a reading:
 * what happens between them in less than `glue_nanoseconds` goes to the second.
 * Use &counter_meter.meter between counter_start() and counter_stop(). */
struct counter_meter {
    struct meter  meter;               /* first: downcast */
    struct counter_session *session;   /* borrowed, started */
    struct ledger *ledger;             /* borrowed */
    struct ledger *tokens;             /* borrowed; a row a token; NULL: none */
    struct flop_mix (*mix)[OP_COUNT];  /* borrowed, [PASS_COUNT]; NULL: none */
    struct cost   empty;               /* what an empty region counts */
    int32_t       token;               /* row of `tokens` */
    int64_t       glue_nanoseconds;
    int64_t       last_nanoseconds;    /* clock at the last reading; whole
                                        * numbers, so that no flop of ours is
                                        * counted with the op's */
    uint64_t      n_regions;
    enum status   status;              /* the first failure, and its words */
    struct error  error;
};
struct counter_meter counter_meter(struct counter_session *session,
                                   struct ledger *ledger, struct cost empty);

/* Charges each op with the seconds between begin and end (CLOCK_MONOTONIC),
 * less what an empty bracket takes.  Calls `poll`, unless NULL, every 10 s.
 * Empty brackets differ: `bar` is what most of them lie within. */
struct time_meter {
    struct meter   meter;              /* first: downcast */
    struct ledger *ledger;             /* borrowed */
    struct region_count *regions;      /* borrowed; NULL: not counted */
    double         empty_seconds, bar_seconds;
    double         started, polled;
    void         (*poll)(void *context);
    void          *poll_context;
    uint64_t       n_regions;
    enum status    status;
};
struct time_meter time_meter(struct ledger *ledger);

#endif
