/* bracket.h - Find the whole numbers between which an amount that grows with them
 * comes to a target. */
#ifndef BRACKET_H
#define BRACKET_H

#include <stdint.h>
#include "sim/core/base/error.h"

/* Neighbours; or the same number twice, where it meets the target or is the least
 * that may be tried and already too much. */
struct bracket {
    int64_t low, high;
    double  below, above;        /* shares of the target that they come to */
};

/* The share of the target that n comes to; it grows with n. */
typedef enum status bracket_share(double *share, void *context, int64_t n,
                                  struct error *err);

/* Tries from `least` to `most`: doubles until it is too much, then halves.
 * STATUS_BAD_VALUE: `most` is not enough; or what a try failed with. */
enum status bracket_find(struct bracket *out, bracket_share *share,
                         void *context, int64_t least, int64_t most,
                         struct error *err) MUST_CHECK;

/* The one of the two that is nearer to the target. */
int64_t bracket_nearest(const struct bracket *bracket);

#endif
