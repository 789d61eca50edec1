/* step_charges.h - Keep what a step is charged, to be priced on one machine after
 * another: rows, formats and memory are worked out once. */
#ifndef STEP_CHARGES_H
#define STEP_CHARGES_H

#include <stdbool.h>
#include <stddef.h>
#include "sim/price/alike.h"

struct step_charge;              /* pricing_inside.h */

/* {0} holds none.  Release with free() of `charge`. */
struct step_charges {
    bool whole;                  /* all of the step's are there */
    double footprint_bytes, seldom_bytes, span_bytes;    /* pricing.h */
    struct alike alike;
    struct step_charge *charge;  /* [n] owned, in the order of the walk */
    size_t n, size;
};

#endif
