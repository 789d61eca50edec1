/* sweep_price.h - Price the points of a study, each as isobath predict would, in
 * this process. */
#ifndef SWEEP_PRICE_H
#define SWEEP_PRICE_H

#include "sim/core/answer/flags.h"
#include "sim/sweep/sweep_folder.h"

/* Write points.csv, layers.csv and the summary of the points that match the filter
 * (sweep_matches()) into the directory that the options name; their state is
 * POINT_DONE then.  What an older process had priced there is not priced again
 * (sweep_price_part.h).
 *   STATUS_BAD_VALUE    one cannot be priced, which the message names; no table is
 *                       written
 *   STATUS_INTERRUPTED  what was priced until then is written, and the rest is
 *                       POINT_PENDING */
enum status sweep_price(const struct sweep *sweep, const char *filter,
                        const struct command_options *options,
                        enum point_state *state, struct error *err) MUST_CHECK;

#endif
