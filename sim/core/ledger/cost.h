/* cost.h - State what work costs, metric by metric, and how each amount is
 * known. */
#ifndef COST_H
#define COST_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/core/base/error.h"

/* By what a metric is predicted.  A formula is exact, and the executor tallies
 * the same amount: the two have to be equal. */
enum metric_prediction { PREDICTED_BY_NOTHING, PREDICTED_BY_FORMULA,
                         PREDICTED_BY_MACHINE /* profile */ };

/* By what a metric is measured.  A counter has to count a known kernel right
 * before it is trusted: hwprof/counters/known_kernel.c. */
enum metric_instrument { MEASURED_BY_NOTHING, MEASURED_BY_COUNTER,
                         MEASURED_BY_CLOCK, MEASURED_BY_SENSOR };

/* With what a measured amount is compared. */
enum metric_budget { BUDGET_NONE,
                     BUDGET_WORK,        /* the executor's tally */
                     BUDGET_TRAFFIC,     /* the byte model */
                     BUDGET_REPEATS };   /* other repeats of the same work */

/* One row a metric.  Counts come first: they are exact 64-bit integers; reals
 * follow.  FLOPS: a multiply-add is 2, see op.h.  BYTES: operands, once per op.
 * L2_BYTES: filled into L1, from L2 on.  L3_BYTES: filled from L3 to the core.
 * DRAM_BYTES: past the last cache.  CYCLES: of the core clock.
 *   id            column          unit    predicted  measured  budget        */
#define METRIC_COUNT_MAP(X)                                                    \
    X(FLOPS,        "flops",        "flop", FORMULA,   COUNTER,  WORK)         \
    X(BYTES,        "bytes",        "B",    FORMULA,   NOTHING,  WORK)         \
    X(L2_BYTES,     "l2_bytes",     "B",    MACHINE,   COUNTER,  TRAFFIC)      \
    X(L3_BYTES,     "l3_bytes",     "B",    MACHINE,   COUNTER,  TRAFFIC)      \
    X(DRAM_BYTES,   "dram_bytes",   "B",    MACHINE,   COUNTER,  TRAFFIC)      \
    X(INSTRUCTIONS, "instructions", "1",    NOTHING,   COUNTER,  REPEATS)      \
    X(CYCLES,       "cycles",       "1",    NOTHING,   COUNTER,  REPEATS)
#define METRIC_REAL_MAP(X)                                                     \
    X(SECONDS,      "seconds",      "s",    MACHINE,   CLOCK,    NONE)         \
    X(JOULES,       "joules",       "J",    MACHINE,   SENSOR,   NONE)

enum metric {
#define X(id, ...) METRIC_##id,
    METRIC_COUNT_MAP(X)
    METRIC_REAL_MAP(X)
#undef X
    METRIC_COUNT
};
#define X(id, ...) + 1
enum { METRIC_FIRST_REAL = 0 METRIC_COUNT_MAP(X) };
#undef X

struct metric_info {
    const char *column;   /* "dram_bytes": file headers, JSON keys */
    const char *unit;     /* base SI */
    enum metric_prediction predicted;
    enum metric_instrument measured;
    enum metric_budget     budget;
};
extern const struct metric_info metric_table[METRIC_COUNT];
int metric_find(const char *column);     /* enum metric; -1: no such */

/* Ways to know an amount, weakest first: a sum is as weak as its weakest part.
 *   id           word             it came from                               */
#define PROVENANCE_MAP(X)                                                      \
    X(PROV_UNKNOWN,     "unknown")      /* nowhere.  Never the same as zero */ \
    X(PROV_BELOW,       "below_resolution") /* measured, too small to be told  \
        * from what reading costs: no number */                                \
    X(PROV_AT_LEAST,    "at_least")     /* by a counter that loses some */     \
    X(PROV_BUSY,        "busy")         /* a clock or a sensor, while others   \
        * ran: no conclusion rests on it */                                    \
    X(PROV_PREDICTED,   "predicted")    /* a closed formula */                 \
    X(PROV_SIMULATED,   "simulated")    /* a model of the hardware, run */     \
    X(PROV_APPORTIONED, "apportioned")  /* its share of a wider reading */     \
    X(PROV_SCALED,      "scaled")       /* a sample or a part, extrapolated */ \
    X(PROV_COUNTED,     "counted")      /* the executor's tally of its loops */\
    X(PROV_MEASURED,    "measured")     /* a counter read around just this */

enum provenance { PROVENANCE_MAP(NAMES_ID) PROV_COUNT };
extern const char *const provenance_names[];         /* NULL ends */

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
