/* energy_share.h - Split one reading of a whole package in proportion.
 *
 * A sensor sees milliseconds of a package, never an op.  Its joules are shared
 * out by a model's weights, labelled APPORTIONED, and always add up to what the
 * sensor counted. */
#ifndef ENERGY_SHARE_H
#define ENERGY_SHARE_H

#include "sim/core/ledger/ledger.h"

/* out[i] = joules * weight[i] / sum, so that out[0] + out[1] + ... in this
 * order is `joules`, to the last bit or two; a weight of 0 has exactly 0.  out
 * may be weight.  STATUS_BAD_VALUE, out untouched: joules that are negative or
 * not finite, such a weight (an unknown one is not 0), or no weight above 0. */
enum status energy_apportion(double *out, double joules, const double *weight,
                             int n, struct error *err) MUST_CHECK;

/* The same over a ledger: every cell of `into` that was touched gets METRIC_
 * JOULES, PROV_APPORTIONED, by what `weights`, of the same shape, holds of
 * `by` (METRIC_JOULES of the model's ledger; METRIC_SECONDS) in that cell.
 * STATUS_UNAVAILABLE, `into` untouched: a cell whose weight is unknown, or all
 * are 0; STATUS_BAD_VALUE: another shape, bad joules; STATUS_NO_MEMORY. */
enum status energy_apportion_ledger(struct ledger *into,
                                    const struct ledger *weights,
                                    enum metric by, double joules,
                                    struct error *err) MUST_CHECK;

#endif
