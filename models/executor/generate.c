/* generate.c - Feed tokens to the model and choose the next one, in turns. */
#include "models/executor/generate.h"

#include "sim/core/base/clock.h"

/* Runs the prompt, or the one token that was chosen; returns the logits after
 * the last, or NULL if `passed` ended the generation. */
static const float *pass(const struct generation *g,
                         const struct route_policy *policy, const int32_t *ids,
                         int32_t n)
{
    const double started = clock_seconds();

    if (ids == g->prompt)
        model_forward(g->model, &(struct model_input){
            .ids = ids, .n_sequences = 1, .n_tokens = n, .policy = policy,
            .seed = g->seed, .cache = true, .last_only = true }, g->meter,
            NULL);
    else
        model_decode(g->model, &(struct decode_input){
            .ids = ids, .policy = policy, .seed = g->seed }, g->meter);
    if (g->passed &&
        !g->passed(g->context, n, clock_seconds() - started))
        return NULL;
    return model_logits(g->model);
}

int32_t generate(const struct generation *g)
{
    const struct route_policy *policy =
        g->policy ? g->policy : route_find("threshold");
    const struct route_policy *step = g->step_policy ? g->step_policy : policy;
    int32_t n = 0, id = 0;

    model_decode_reset(g->model);
    const float *logits = pass(g, policy, g->prompt, g->n_prompt);
    while (logits && n < g->n_new) {
        id = g->given ? g->given[n] : sampler_choose(g->sampler, logits);
        if (!g->emit(g->context, id))
            break;
        if (++n < g->n_new)
            logits = pass(g, step, &id, 1);
    }
    return n;
}
