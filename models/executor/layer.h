/* layer.h - Run one layer, stage by stage, on the rows of a pass. */
#ifndef LAYER_H
#define LAYER_H

#include "models/executor/model_state.h"

/* Takes stream[layer] to stream[layer + 1]. */
void layer_forward(struct model *m, int32_t layer);
/* Makes the rows of the layer's i-th stage those that are worked on; and the
 * stream as that stage found it the one that they come from. */
void layer_begin_stage(struct model *m, int32_t layer, int32_t i);

/* The kept rows that the stage begins with: gathered, or as the layer before left
 * them. */
const real *layer_kept_rows(const struct model *m, const struct stage *stage);

/* The beginning of the stream, which belongs to no layer and to every pass; its
 * end is in head.h. */
void embed_forward(struct model *m);

#endif
