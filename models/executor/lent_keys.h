/* lent_keys.h - Let later recursions see the first's keys and values. */
#ifndef LENT_KEYS_H
#define LENT_KEYS_H

#include "models/executor/model_state.h"

/* Before a layer of the last recursion goes back: the gradients of those keys, and
 * of the weights that make keys too, of which it writes those that make queries. */
void lent_keys_clear(struct model *m, int32_t layer);

#endif
