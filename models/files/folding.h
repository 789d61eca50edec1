/* folding.h - Say by what the numbers of a file are multiplied as they are read,
 * so that a model whose class has factors needs none (spec.h: fold). */
#ifndef FOLDING_H
#define FOLDING_H

#include "models/files/span.h"

/* Of the tensor's columns that the span is; 0: they stay. */
float folding_factor(const struct model_spec *spec, enum tensor_id id,
                     enum span span);

/* The spec keeps as stored what that tensor of a file has of it (fill.h), but for
 * numbers that change; of an embedding that would, rows are multiplied when they
 * are read. */
void folding_note_type(struct model_spec *spec, int32_t layer,
                       enum tensor_id id, enum span span, enum number type);

#endif
