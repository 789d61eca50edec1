/* folding.h - Say by what the numbers of a file are multiplied as they are read,
 * so that a model whose class has factors needs none (spec.h: fold). */
#ifndef FOLDING_H
#define FOLDING_H

#include "models/files/span.h"

/* Of the tensor's columns that the span is; 0: they stay. */
float folding_factor(const struct model_spec *spec, enum tensor_id id,
                     enum span span);

/* Some of its columns change, so that it is not kept as stored. */
bool folding_moves(const struct model_spec *spec, enum tensor_id id);

#endif
