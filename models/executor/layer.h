/* layer.h - Run one layer on the rows of a pass. */
#ifndef LAYER_H
#define LAYER_H

#include "models/executor/model_state.h"

/* From stream[layer] to stream[layer + 1], stage by stage of the plan. */
void layer_forward(struct model *m, int32_t layer);

/* The two ends of the stream that are no layer's: every pass has them. */
void embed_forward(struct model *m);
void norm_forward(struct model *m, int32_t layer, enum tensor_id gamma,
                  const real *x, real *out, real *stats, int32_t n,
                  const int32_t *token);

#endif
