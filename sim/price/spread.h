/* spread.h - Collect the values of one quantity beside those of the dense twin,
 * and tell how they spread: not means alone. */
#ifndef SPREAD_H
#define SPREAD_H

#include <stddef.h>
#include "sim/core/base/error.h"

/* Values of one quantity, and the sum of the dense twin's. */
struct samples {
    double *x;               /* [n] owned */
    size_t  n, size;
    double  dense;           /* NAN: it has none */
};
enum status samples_take(struct samples *samples, double value, double dense,
                         struct error *err) MUST_CHECK;

struct distribution {
    size_t n;                /* 0: the rest is NAN, unknown */
    double mean, p50, p95, p99, most;
    double dense;            /* the twin's mean */
};
/* Sorts the samples. */
struct distribution samples_spread(struct samples *samples);

#endif
