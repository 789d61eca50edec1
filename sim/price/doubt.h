/* doubt.h - Say which number of a machine makes the interval of a ratio.
 *
 * Every number of a profile is drawn by itself (rates.h), so the squared correlation
 * of its draws with the ratio's is the share of the ratio's variance that it explains,
 * as far as the ratio is linear in it (Saltelli et al. 2008, Global Sensitivity
 * Analysis, section 1.2.5: standardised regression coefficients).  Of a number of
 * several parts, the launches of kinds of work, it is what a regression on all of
 * them explains.  Both are less what as many draws of nothing would explain by chance
 * (Ezekiel's adjusted R squared).  What the shares together lack of 1 is left to the
 * ways in which numbers act together. */
#ifndef DOUBT_H
#define DOUBT_H

#include "sim/price/bill.h"

/* The draws of a machine's numbers, those of intervals, part after part, each less
 * its mean and over its spread; of a later part of a number what earlier ones do not
 * tell.  Of what is not drawn 0. */
enum { DOUBT_PARTS = RATES_NUMBERS - 1 + WORK_COUNT };
struct doubt_draws {
    double of[DOUBT_PARTS][BILL_DRAWS];
};
void doubt_draw(struct doubt_draws *out, const struct bill_draws *draws);

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
