/* cost.h - Hold the cost of work, and how each amount came to be known. */
#ifndef COST_H
#define COST_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/core/base/error.h"

/* Counts come first: they are exact 64-bit integers; reals follow.
 *   id            column          unit                                       */
#define METRIC_COUNT_MAP(X)                                                    \
    X(FLOPS,        "flops",        "flop") /* multiply-add is 2: see op.h */  \
    X(BYTES,        "bytes",        "B")    /* operands, once per op       */  \
    X(L2_BYTES,     "l2_bytes",     "B")    /* filled into L1, from L2 on  */  \
    X(L3_BYTES,     "l3_bytes",     "B")    /* filled from L3 to the core  */  \
    X(DRAM_BYTES,   "dram_bytes",   "B")    /* past the last cache         */  \
    X(INSTRUCTIONS, "instructions", "1")                                       \
    X(CYCLES,       "cycles",       "1")    /* of the core clock           */
#define METRIC_REAL_MAP(X)                                                     \
    X(SECONDS,      "seconds",      "s")                                       \
    X(JOULES,       "joules",       "J")

enum metric {
#define X(id, column, unit) METRIC_##id,
    METRIC_COUNT_MAP(X)
    METRIC_REAL_MAP(X)
#undef X
    METRIC_COUNT
};
enum { METRIC_FIRST_REAL = METRIC_SECONDS };

struct metric_info {
    const char *column;   /* "dram_bytes": file headers, JSON keys */
    const char *unit;     /* base SI */
};
extern const struct metric_info metric_table[METRIC_COUNT];
int metric_find(const char *column);     /* enum metric; -1: no such */

/* Ways to know an amount, weakest first: a sum is as weak as its weakest part.
 *   id           word             it came from                               */
#define PROVENANCE_MAP(X)                                                      \
    X(UNKNOWN,     "unknown")      /* nowhere.  Never the same as zero      */ \
    X(BELOW,       "below_resolution") /* measured, too small to be told    */ \
                                   /* from what reading costs: no number    */ \
    X(AT_LEAST,    "at_least")     /* measured by a counter that loses some */ \
    X(PREDICTED,   "predicted")    /* a closed formula                      */ \
    X(SIMULATED,   "simulated")    /* a model of the hardware, run          */ \
    X(APPORTIONED, "apportioned")  /* this op's share of a wider reading    */ \
    X(SCALED,      "scaled")       /* a sample or a part, extrapolated      */ \
    X(COUNTED,     "counted")      /* the executor's tally of its own loops */ \
    X(MEASURED,    "measured")     /* a counter read around exactly this    */

enum provenance {
#define X(id, word) PROV_##id,
    PROVENANCE_MAP(X)
#undef X
    PROV_COUNT
};
extern const char *const provenance_names[PROV_COUNT];

/* One amount per metric.  {0} knows nothing. */
struct cost {
    uint64_t count[METRIC_FIRST_REAL];
    double   real[METRIC_COUNT - METRIC_FIRST_REAL];
    uint8_t  from[METRIC_COUNT];   /* enum provenance */
};

/* The cost of no work at all, every metric known to that degree. */
struct cost cost_zero(enum provenance known);

/* State one metric.  `metric` must be a count, or a real, as named. */
void cost_set_count(struct cost *cost, enum metric metric, uint64_t value,
                    enum provenance from);
void cost_set_real(struct cost *cost, enum metric metric, double value,
                   enum provenance from);

/* True if there is a number: neither unknown nor below resolution. */
bool cost_known(const struct cost *cost, enum metric metric);

/* *sum += *part.  A metric unknown in either is unknown in the sum.
 * STATUS_OVERFLOWED leaves *sum as it was. */
enum status cost_add(struct cost *sum, const struct cost *part) MUST_CHECK;

/* One metric as a double; NAN when there is no number. */
double cost_get(const struct cost *cost, enum metric metric);

#endif
