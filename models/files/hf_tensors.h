/* hf_tensors.h - Name our tensors as the classes of transformers do. */
#ifndef HF_TENSORS_H
#define HF_TENSORS_H

#include "models/files/span.h"

/* Foreign tensors, a row each; %d is the layer, and a second one the expert.
 * GPT-2's Conv1D keeps [in,out] as we do; torch's Linear keeps [out,in]. */
struct foreign {
    enum tensor_id id;
    enum span      span;
    enum layout    layout;
    bool           vector;         /* one axis, not two */
    const char    *name;           /* NULL ends a table */
};

/* As we keep it, with so many axes; or a torch Linear, or its bias, of some
 * columns. */
#define HF_PLAIN(axes)  SPAN_ALL, LAYOUT_SAME, (axes) == 1
#define HF_LINEAR(span) SPAN_##span, LAYOUT_LINEAR, false
#define HF_VECTOR(span) SPAN_##span, LAYOUT_SAME, true

/* The table of the class that the model is read and written as; its first row is
 * TENSOR_WTE. */
const struct foreign *hf_tensors_of(const struct model_spec *spec);
/* "model.", which stands before the names of its layers or does not. */
const char *hf_tensors_prefix(const struct model_spec *spec);
const char *hf_tensors_head(const struct model_spec *spec);

#endif
