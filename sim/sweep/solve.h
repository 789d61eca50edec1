/* solve.h - Read what a row of a study leaves to be solved, so that it costs what
 * another row costs.
 *
 *     settings:
 *       - {name: dense, model.layers: 3}
 *       - {name: wide, model.layers: 2, solve: {width: forward_flops, as: dense}}
 *
 *     layers  model.layers
 *     width   model.channels and model.heads, in their proportion, so that heads
 *             stay as large as they are
 *     tokens  train.steps
 *
 * training_flops, forward_flops (a token, of a training step) or parameters come
 * as near to those of the other row as whole layers, heads or steps can; that row
 * is taken at the same values of all axes. */
#ifndef SOLVE_H
#define SOLVE_H

#include "sim/sweep/settings.h"

/* What may stand there. */
extern const struct file_key solve_said[];

/* Into row->solve; what is solved is appended to `own` without a value. */
enum status solve_read(struct study *s, struct settings *own, struct row *row,
                       const yaml_node_t *node, struct error *err) MUST_CHECK;

/* Each row that is solved names another one that is not. */
enum status solve_check(const struct study *s, struct error *err) MUST_CHECK;

#endif
