/* explain.h - Show how an op's price came about: formula, numbers, result. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdio.h>
#include "sim/core/ledger/ledger.h"
#include "sim/core/model/route.h"
#include "sim/core/model/spec.h"

/* `ledger` is one that predict.h filled for this spec and allocation, resolved
 * by pass, layer and op; rows and keys are printed where `known_rows`.  Layers
 * may store their matrices differently: the formulas have the numbers of
 * `layer`. */
void explain_op(FILE *file, const struct model_spec *spec,
                const struct allocation *allocation, bool known_rows,
                const struct ledger *ledger, enum op op, int32_t layer);

#endif
