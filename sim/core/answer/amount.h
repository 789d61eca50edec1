/* amount.h - Carry a number together with how it is known.
 *
 * The tables, figures and sentences of a report take amounts, not doubles. */
#ifndef AMOUNT_H
#define AMOUNT_H

#include <stdbool.h>
#include "sim/core/ledger/cost.h"

struct amount {
    double value;              /* NAN: unknown */
    double low, high;          /* 95 % interval; NAN: none is stated */
    enum provenance from;
    bool modelled;             /* from a machine model, whose coefficients are
                                * uncertain; `predicted` alone is a formula that
                                * has to hold exactly */
    const char *reason;        /* why it is unknown, or NULL; borrowed */
};

struct amount amount_unknown(const char *reason);
/* NAN and infinity are unknown. */
struct amount amount_of(double value, enum provenance from);
/* True if a prediction of this metric comes from a machine model. */
bool          amount_is_model(enum metric metric, enum provenance from);
bool          amount_known(struct amount amount);

/* a / b, as weak as the weaker of the two; unknown when either is, or b is 0.
 * The ratio has no interval: its interval comes from paired measurements. */
struct amount amount_ratio(struct amount a, struct amount b);

/* The word that tables print: "predicted", "counted", "measured",
 * "modelled"... */
const char   *amount_word(struct amount amount);

#endif
