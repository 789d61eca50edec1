/* bill.h - Keep the loads that a prediction charged, to price them again with
 * other coefficients: the interval of a total.
 *
 * All ops of a draw have the same coefficients, which err together (a launch's in
 * part, rates.h); so the interval of a sum is as wide as they are, and that of a
 * ratio is narrow. */
#ifndef BILL_H
#define BILL_H

#include "sim/core/ledger/cost.h"
#include "sim/price/roofline.h"

enum { BILL_DRAWS = 256 };

struct estimate {
    double value, low, high;         /* 80 % of the draws, and the value */
};

/* Totals of one prediction; 0 without a machine. */
struct predict_range {
    struct estimate seconds, joules;
    /* Less than these no such machine can take: all products at the highest peak
     * of their format; what the largest last cache does not hold at the highest
     * rate of its memory.  NAN: unknown. */
    double least_arithmetic, least_memory;
    int n_draws;
    /* By each draw; draw i has the same numbers of the machine in all bills of the
     * same formats. */
    double drawn_seconds[BILL_DRAWS], drawn_joules[BILL_DRAWS];   /* [n_draws] */
};

struct bill_item {
    struct roofline_load load;
    double times;                    /* how often; or the chance that it is */
};

struct bill {
    struct bill_item *item;          /* [n] owned; alike ones are one */
    size_t n, size;
};

/* STATUS_NO_MEMORY leaves the bill as it was.  {0} is an empty one; release with
 * bill_close(). */
enum status bill_add(struct bill *bill, const struct roofline_load *load,
                     double times) MUST_CHECK;
void        bill_close(struct bill *bill);

/* The totals by a machine's values, and the tenth and the ninetieth percentile
 * of them over so many seeded draws, at most BILL_DRAWS, 0: so many; where the
 * value lies outside of those, the interval reaches to it. */
struct predict_range bill_range(const struct bill *bill,
                                const struct machine *machine,
                                enum precision products, int n_draws);

/* a / b of METRIC_SECONDS or METRIC_JOULES, draw by draw: both err together, so
 * the interval is far narrower than those of its parts.  NAN: unknown. */
struct estimate bill_ratio(const struct predict_range *a,
                           const struct predict_range *b, enum metric metric);

/* So often the one and so often the other, draw by draw. */
struct predict_range bill_mix(const struct predict_range *a, double times_a,
                              const struct predict_range *b, double times_b);

#endif
