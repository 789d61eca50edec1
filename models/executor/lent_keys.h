/* lent_keys.h - Hold the first recursion's keys and values for the later ones. */
#ifndef LENT_KEYS_H
#define LENT_KEYS_H

#include "models/executor/model_state.h"

/* Tables of so many rows, and in training of their gradients. */
void lent_keys_take(struct model *m, size_t rows);

/* Before a layer of the last recursion goes back: the gradients of those keys, and
 * of the weights that make keys too, of which it writes those that make queries. */
void lent_keys_clear(struct model *m, int32_t layer);

#endif
