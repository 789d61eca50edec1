/* padding.h - Work out the flops that run beyond the columns of products, and are
 * no work of theirs: the last register of a row is computed whole.
 *
 * Of dense products and attention, whose matrices a spec describes; of layers that
 * attend to keys which skipped a block nothing is known. */
#ifndef PADDING_H
#define PADDING_H

#include "sim/core/ledger/ledger.h"
#include "sim/core/model/spec.h"

/* How many more than `counted` holds for an op of a pass (LEDGER_ANY: of all)
 * registers of so many lanes do.  The rows that ran are told by the counted
 * flops. */
double padding_flops(const struct model_spec *spec, const struct ledger *counted,
                     int pass, int op, int lanes);

#endif
