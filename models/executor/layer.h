/* layer.h - Run one layer, stage by stage, on the rows of a pass. */
#ifndef LAYER_H
#define LAYER_H

#include "models/executor/model_state.h"

/* Takes stream[layer] to stream[layer + 1]. */
void layer_forward(struct model *m, int32_t layer);
/* Makes the rows of the layer's i-th stage those that are worked on; and the
 * stream as that stage found it the one that they come from. */
void layer_begin_stage(struct model *m, int32_t layer, int32_t i);

/* Both ends of the stream, which belong to no layer and to every pass.  The
 * final norm and head take n rows of it, `row` (NULL: the first n), which are
 * these tokens; `few`: see head_of(). */
void embed_forward(struct model *m);
void head_forward(struct model *m, int32_t n, const int32_t *row,
                  const int32_t *token, bool few);

#endif
