/* span.h - Say which columns of our tensors a foreign tensor holds.
 *
 * We keep weights as [in,out], products that share an input side by side:
 * queries, keys and values in one tensor, gate and up in another.  Others keep
 * them apart, and mostly as [out,in]. */
#ifndef SPAN_H
#define SPAN_H

#include "models/executor/tensor.h"

enum span { SPAN_ALL, SPAN_Q, SPAN_K, SPAN_V, SPAN_GATE, SPAN_UP };

/* The order of the foreign numbers. */
enum layout {
    LAYOUT_SAME,             /* [in,out], as ours; also vectors and tables */
    LAYOUT_LINEAR,           /* [out,in], as torch's Linear */
    LAYOUT_PAIRS,            /* [out,in] of queries or keys whose RoPE turns
                              * neighbours (2i, 2i+1) of a head; ours turns
                              * halves (i, i + D/2) */
    LAYOUT_HEADS,            /* [out,in] of queries, keys and values: those of
                              * one key's heads after those of another */
};

/* The columns [*from, *to) of `tensor`. */
void span_columns(const struct model_spec *spec, const struct tensor *tensor,
                  enum span span, int64_t *from, int64_t *to);

/* The foreign row that our column `c` of a span of so many is, in a layout that
 * is not ours. */
int64_t span_row(int64_t c, enum layout layout, const struct model_spec *spec,
                 int64_t columns);

/* Our numbers, `ours` being the tensor's first, as foreign ones.  fill.h goes
 * the other way. */
void span_write(const float *ours, const struct tensor *tensor, int64_t from,
                int64_t to, enum layout layout, const struct model_spec *spec,
                float *theirs);

#endif
