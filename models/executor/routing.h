/* routing.h - Score the stream's tokens; keep those that the policy says. */
#ifndef ROUTING_H
#define ROUTING_H

#include "models/executor/model_state.h"

/* Scores all rows of the stream, if there is a router, a signal or both. */
void routing_score(struct model *m, int32_t choice);
/* The scores of the layer's rows that the policy goes by: the signal, if it goes
 * by one, its predictor's logits or the router's scores; NULL: nothing
 * scores. */
const real *routing_scores(const struct model *m, int32_t layer,
                           const struct route_policy *policy);

/* out[N]: the scores of the tokens that the choice before keeps, those of others
 * below any. */
void routing_active_scores(const struct model *m, int32_t choice, real *out);

/* The cross-entropy of the scores against the choice, where training asks. */
void routing_loss(struct model *m, int32_t choice);

/* Makes the question to the pass's policy, with the first thread's scratch. */
struct route_input routing_input(const struct model *m, int32_t choice,
                                 int32_t sequence, int32_t n_tokens,
                                 const real *score);

/* Chooses among the tokens of whole sequences, under `select`, and lines up the
 * kept ones as the layer's rows. */
void routing_select(struct model *m, int32_t choice);
/* Lines up those that the choice before keeps, again. */
void routing_follow(struct model *m, int32_t choice);
/* Ends a bracket of `select`, once the kept rows are lined up. */
void routing_end_select(struct model *m, int32_t layer, struct op_run *run,
                        uint64_t shared_flops);

#endif
