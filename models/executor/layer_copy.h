/* layer_copy.h - Give a model the weights of another that it is made of, layer by
 * layer. */
#ifndef LAYER_COPY_H
#define LAYER_COPY_H

#include "models/executor/model.h"

/* Layer l of `model` gets what layer layer_of[l] of `from` has, as it is kept,
 * and what belongs to no layer is copied too.  `model` asks for no tensor that
 * `from` lacks, in the same shape and type, and both were opened for as many
 * tokens, T. */
void model_copy_layers(struct model *model, const struct model *from,
                       const int32_t layer_of[SPEC_MAX_LAYERS]);

#endif
