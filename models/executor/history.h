/* history.h - Remember which tokens each choice kept, and their scores, for the
 * decode steps that follow. */
#ifndef HISTORY_H
#define HISTORY_H

#include "models/executor/model_state.h"

/* Forgets everything. */
void history_reset(struct model *m);

/* The choice kept the token that is the sequence's next. */
bool history_keeps_newest(const struct model *m, int32_t choice,
                          int32_t sequence);
/* Adds the sequence's next token to those that the choice kept. */
void history_keep(struct model *m, int32_t choice, int32_t sequence);
/* Takes over the routes of a prefill, which is the first pass after a reset. */
void history_take_prefill(struct model *m);

/* The scores of a sequence's tokens so far, [capacity of the cache]. */
real *history_scores(const struct model *m, int32_t choice, int32_t sequence);
/* Copies the pass's scores of each sequence that the policy goes by behind those
 * before. */
void history_take_scores(struct model *m, int32_t choice,
                         const struct route_policy *policy);

#endif
