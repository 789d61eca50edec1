/* sweep_price.h - Price the points of a study, each as isobath predict would, in
 * this process. */
#ifndef SWEEP_PRICE_H
#define SWEEP_PRICE_H

#include "sim/core/answer/progress.h"
#include "sim/sweep/sweep_folder.h"

struct sweep_price {
    const struct sweep *sweep;
    const char *directory;
    struct progress *progress;
};

/* Write DIRECTORY/points.csv and layers.csv of the points whose state is
 * POINT_DONE.  STATUS_BAD_VALUE: one cannot be priced, which the message names;
 * nothing is written. */
enum status sweep_price(const struct sweep_price *price,
                        const enum point_state *state,
                        struct error *err) MUST_CHECK;

#endif
