/* generate.h - a text going on: tokens in, the next ones out, one at a time
 * against the keys and values kept so far. */
#ifndef GENERATE_H
#define GENERATE_H

#include "models/executor/model.h"
#include "models/executor/sampler.h"

/* All borrowed. */
struct generation {
    struct model   *model;       /* opened to decode one sequence, with n_prefill
                                  * for the prompt and room for n_prompt + n_new
                                  * - 1 tokens */
    struct sampler *sampler;
    struct meter   *meter;       /* NULL: nobody */
    const struct route_policy *policy;   /* of routed layers; NULL: score at or
                                          * above threshold */
    const struct route_policy *step_policy;   /* of new tokens, one by one:
                                          * route_step_rule(); NULL: policy */
    uint64_t        seed;        /* for policies that draw */
    const int32_t  *prompt;      /* [n_prompt], at least one */
    int32_t         n_prompt;
    int32_t         n_new;       /* at most */
    /* After each pass: the prompt's, of n_prompt tokens, then one for each new
     * token but the last; false: enough.  NULL: nobody asks. */
    bool          (*passed)(void *context, int32_t n_tokens, double seconds);
    /* Each new token as soon as it is chosen; false: enough, it does not count
     * (an end of text, an interrupt). */
    bool          (*emit)(void *context, int32_t id);
    void           *context;
};

/* Begins anew: the prompt in one forward, then each new token by itself.  A routed
 * layer whose rule is causal judges them alike.  Returns the number of new
 * tokens. */
int32_t generate(const struct generation *generation);

#endif
