/* generate.h - Continue a text, one token at a time, from cached keys and
 * values. */
#ifndef GENERATE_H
#define GENERATE_H

#include "models/executor/model.h"
#include "models/executor/sampler.h"

/* All borrowed. */
struct generation {
    struct model   *model;       /* opened to decode one sequence, with room for
                                  * the prompt in n_prefill, and for n_prompt +
                                  * n_new - 1 tokens in all */
    struct sampler *sampler;     /* not used where `given` */
    const int32_t  *given;       /* [n_new], the new tokens; NULL: chosen */
    struct meter   *meter;       /* NULL: nobody listens */
    const struct route_policy *policy;   /* of routed layers; NULL: score at or
                                          * above threshold */
    const struct route_policy *step_policy;   /* of new tokens, one by one:
                                          * route_step_rule(); NULL: policy */
    uint64_t        seed;        /* for policies that draw */
    const struct speculation *speculation;   /* of new tokens, which are greedy
                                  * then, whatever the sampler; NULL: none */
    const int32_t  *prompt;      /* [n_prompt], at least one */
    int32_t         n_prompt;
    int32_t         n_new;       /* at most */
    /* Is called after each pass: the prompt's, of n_prompt tokens, then one for
     * each new token but the last, or each round of speculation, with the tokens
     * that were decoded and those that were drafted; returns false to end.  NULL:
     * never. */
    bool          (*passed)(void *context, int32_t n_tokens, int32_t n_drafts,
                            double seconds);
    /* Takes each new token as soon as it is chosen; returns false to end
     * without it (an end of text, an interrupt). */
    bool          (*emit)(void *context, int32_t id);
    void           *context;
};

/* Forgets what was decoded, runs the prompt in one forward and then each new
 * token by itself.  A routed layer whose rule is causal judges both alike.
 * Returns the number of new tokens. */
int32_t generate(const struct generation *generation);

#endif
