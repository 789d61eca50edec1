/* experts.h - Run the feed-forward part of a layer that is a mixture of experts.
 *
 * Each row of x is scored by a router, enters the experts of its highest scores
 * and takes the sum of what they make of it, each by its weight; and what all
 * rows enter besides, if there is any.  No row is left out. */
#ifndef EXPERTS_H
#define EXPERTS_H

#include "models/executor/model_state.h"

/* out = from + experts(x), of the layer's rows [N,C]; out may be from.  Notes in
 * the model's allocation who entered which. */
void experts_forward(struct model *m, int32_t l, const real *x,
                     const real *from, real *out);

/* Backward from d [N,C], the gradient of what the experts gave, to dx [N,C], that
 * of x, which is overwritten; and the gradients of their weights. */
void experts_backward(struct model *m, int32_t l, const real *x, const real *d,
                      real *dx);

#endif
