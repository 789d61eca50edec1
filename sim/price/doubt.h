/* doubt.h - Say which number of a machine makes the interval of a ratio.
 *
 * Every number of a profile is drawn by itself (rates.h), so the squared correlation
 * of its draws with the ratio's is the share of the ratio's variance that it explains,
 * as far as the ratio is linear in it (Saltelli et al. 2008, Global Sensitivity
 * Analysis, section 1.2.5: standardised regression coefficients).  What the shares
 * together lack of 1 is left to the ways in which numbers act together, and to the
 * launches of single kinds of work, of which the mean is one number. */
#ifndef DOUBT_H
#define DOUBT_H

#include "sim/price/bill.h"

/* The draws of a machine's numbers, those of bill_range(), each less its mean and
 * over its spread; of a number that is not drawn 0. */
struct doubt_draws {
    double of[RATES_NUMBERS][BILL_DRAWS];
};
void doubt_draw(struct doubt_draws *out, const struct machine *machine,
                enum precision products);

struct doubt {
    int    number;           /* that explains most: of rates_numbers */
    double share;            /* of the ratio's variance: 0 to 1 */
    double together;         /* of all numbers; NAN: the ratio is unknown */
};

/* Of a / b by METRIC_SECONDS or METRIC_JOULES; both have BILL_DRAWS draws. */
struct doubt doubt_of(const struct doubt_draws *draws,
                      const struct predict_range *a,
                      const struct predict_range *b, enum metric metric);

#endif
