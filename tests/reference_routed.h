/* reference_routed.h - Compute a decoder in double that routes: around whole
 * blocks, parts of them or both parts apart, with the keys of skipped tokens
 * absent, computed or carried, by routers or signals.  One sequence goes, token
 * by token, through every layer's definition in sim/core/ledger/op.h and
 * sim/core/model/spec.h; full attention, libm. */
#ifndef REFERENCE_ROUTED_H
#define REFERENCE_ROUTED_H

#include "models/executor/tensor.h"
#include "sim/core/model/route.h"

struct routed_sequence {
    const struct model_spec  *spec;
    const struct tensor_list *tensors;
    const double  *weights;        /* [tensors.floats] */
    const int32_t *ids;            /* [T] */
    int32_t        n_tokens;
    const bool    *kept;           /* [choices,T] who is routed through what */
    double        *score;          /* [choices,T] of routed layers, written; 0
                                    * where none scores */
    double        *logits;         /* [T,V] written */
    double        *exits;          /* [L,T,V] likewise, as read after each layer
                                    * that has an exit; NULL: none has */
    double        *foreseen;       /* [choices,T] predictors' logits of routed
                                    * layers, written; NULL: there are none */
};
void reference_routed(const struct routed_sequence *sequence);

#endif
