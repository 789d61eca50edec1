/* layer.h - Run one layer, stage by stage, on the rows of a pass. */
#ifndef LAYER_H
#define LAYER_H

#include "models/executor/model_state.h"

/* Takes stream[layer] to stream[layer + 1]. */
void layer_forward(struct model *m, int32_t layer);

/* Both ends of the stream, which belong to no layer and to every pass. */
void embed_forward(struct model *m);
void norm_forward(struct model *m, int32_t layer, enum tensor_id gamma,
                  const real *x, real *out, real *stats, int32_t n,
                  const int32_t *token);

#endif
