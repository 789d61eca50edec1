/* threshold_fit.h - Set thresholds so that a trained model keeps its capacity. */
#ifndef THRESHOLD_FIT_H
#define THRESHOLD_FIT_H

#include "models/executor/model.h"
#include "models/training/corpus.h"
#include "models/training/judge_watch.h"

struct threshold_fit {
    struct model        *model;       /* not opened to train */
    const struct corpus *corpus;
    const struct route_policy *policy;     /* of the training */
    int32_t  n_sequences, n_tokens;   /* B, T of a forward */
    uint64_t seed;
    int32_t *ids, *targets;           /* [B,T] to work in */
    struct judge_watch *watch;
};

/* Sets the thresholds of routed choices to the cuts that keep their capacity of
 * the training text under the weights as they are: scores of all tokens
 * together, of each text as many as its weight says.  Twice, since what a layer
 * keeps is what the next ones see: at first `policy` chooses, then the
 * threshold.  Where the watch ends it, thresholds are those of what was seen. */
enum status threshold_fit(const struct threshold_fit *job,
                          struct error *err) MUST_CHECK;

#endif
