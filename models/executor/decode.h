/* decode.h - Share a decode step with rounds of speculation. */
#ifndef DECODE_H
#define DECODE_H

#include "models/executor/model_state.h"

/* A step of single new tokens. */
extern const struct pass_functions decode_pass;

/* Runs queries of n of the layer's rows from `first` on over cached keys; their
 * own are put there, or `held` there already. */
void decode_attend(struct model *m, int32_t layer, int32_t first, int32_t n,
                   bool held);

#endif
