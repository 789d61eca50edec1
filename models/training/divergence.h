/* divergence.h - Say where training went out of bounds. */
#ifndef DIVERGENCE_H
#define DIVERGENCE_H

#include "models/executor/model.h"

/* STATUS_FAILED, for what happened at that step ("the norm of the gradients is not
 * a number"); names the first tensor, of weights or else of gradients, that holds
 * one which is none, if any does. */
enum status divergence_fail(struct model *model, int64_t step, const char *what,
                            double learning_rate, struct error *err);

#endif
