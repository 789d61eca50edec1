/* explain.h - Show how an op's price came about: formula, numbers, result. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdio.h>
#include "sim/core/ledger/ledger.h"
#include "sim/core/model/route.h"
#include "sim/core/model/spec.h"

/* The rows and keys that are told of the allocation. */
enum explain_rows {
    EXPLAIN_NO_ROWS,             /* they are expected, not known */
    EXPLAIN_LAST_LOGITS,         /* the final norm and the head have each
                                  * sequence's last row (PREDICT_LAST) */
    EXPLAIN_ALL_ROWS,
};

/* `ledger` is one that predict.h filled for this spec and allocation, resolved
 * by pass, layer and op.  Layers may store their matrices differently: the
 * formulas have the numbers of `layer`. */
void explain_op(FILE *file, const struct model_spec *spec,
                const struct allocation *allocation, enum explain_rows told,
                const struct ledger *ledger, enum op op, int32_t layer);

#endif
