/* head.h - Read the stream into logits, as the last layer leaves it or an earlier
 * one; the loss of what they say, and its gradients. */
#ifndef HEAD_H
#define HEAD_H

#include "models/executor/model_state.h"

/* Final norm and head, which belong to no layer, of n rows of the last layer's
 * stream: `row` (NULL: the first n), which are these tokens; `few`: see
 * head_of().  Where tokens leave at exits, of those that did not; theirs are
 * there already. */
void head_forward(struct model *m, int32_t n, const int32_t *row,
                  const int32_t *token, bool few);
/* The same of the stream as so many layers leave it, of its first n rows; outside
 * training. */
void head_read(struct model *m, int32_t n_layers, int32_t n,
               const int32_t *token);
/* The mean loss of all rows, and the entropies where the input asks. */
void head_loss(struct model *m, double *mean_loss);
/* The gradient of that loss in the last layer's stream, into dstream. */
void head_backward(struct model *m);

/* Before a choice by confidence: logits of the rows that are still there, and how
 * sure these are.  Where only last logits are read, nobody is. */
void head_judge(struct model *m, int32_t choice);

/* The same by the same weights at a layer's exit (spec.h: exit_weight), of all
 * rows of a training step; the gradient is added to that of what lies above, and
 * so are those of the weights. */
void exit_forward(struct model *m, int32_t layer);
void exit_backward(struct model *m, int32_t layer);

#endif
