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

enum { BILL_DRAWS = 256, BILL_SEED = 0, BILL_KINDS_SEED = 1 };

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
    /* By each draw. */
    double drawn_seconds[BILL_DRAWS], drawn_joules[BILL_DRAWS];   /* [n_draws] */
};

/* The numbers of a machine that multiplies in one format: its values, and draws of
 * them, the same in all bills. */
struct bill_draws {
    const struct machine *machine;   /* borrowed */
    enum precision products;
    bool caches_drawn;               /* what a load moves is another by each draw */
    struct rates value, drawn[BILL_DRAWS];
};
void bill_draw(struct bill_draws *out, const struct machine *machine,
               enum precision products);

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
 * of them over the first so many draws, at most BILL_DRAWS, 0: so many; where the
 * value lies outside of those, the interval reaches to it. */
struct predict_range bill_range(const struct bill *bill,
                                const struct bill_draws *draws, int n_draws);

/* a / b of METRIC_SECONDS or METRIC_JOULES, draw by draw: both err together, so
 * the interval is far narrower than those of its parts.  NAN: unknown. */
struct estimate bill_ratio(const struct predict_range *a,
                           const struct predict_range *b, enum metric metric);

/* So often the one and so often the other, draw by draw. */
struct predict_range bill_mix(const struct predict_range *a, double times_a,
                              const struct predict_range *b, double times_b);

#endif
