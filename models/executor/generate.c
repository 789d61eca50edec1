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
        !g->passed(g->context, n, 0, clock_seconds() - started))
        return NULL;
    return model_logits(g->model);
}

/* The same, several new tokens at a time. */
static int32_t speculate(const struct generation *g, int32_t id)
{
    int32_t next[SPECULATION_MAX], n = 0;

    for (int32_t left; g->emit(g->context, id) && (left = g->n_new - ++n) > 0;) {
        struct speculation how = *g->speculation;
        const double started = clock_seconds();
        /* No more than there is room for, as the last is not run. */
        how.n_drafts = how.n_drafts < left - 1 ? how.n_drafts : left - 1;
        const int32_t found = model_speculate(g->model, &how, id, next,
                                              g->meter);
        if (g->passed && !g->passed(g->context, found, how.n_drafts,
                                    clock_seconds() - started))
            break;
        for (int32_t i = 0; i < found - 1; i++, n++)
            if (!g->emit(g->context, next[i]))
                return n;
        id = next[found - 1];
    }
    return n;
}

int32_t generate(const struct generation *g)
{
    const struct route_policy *policy =
        g->policy ? g->policy : route_find("threshold");
    const struct route_policy *step = g->step_policy ? g->step_policy : policy;
    int32_t n = 0, id = 0;

    model_decode_reset(g->model);
    const float *logits = pass(g, policy, g->prompt, g->n_prompt);
    if (logits && g->speculation)
        return speculate(g, sampler_likeliest(logits,
                                    model_spec(g->model)->n_vocab));
    while (logits && n < g->n_new) {
        id = g->given ? g->given[n] : sampler_choose(g->sampler, logits);
        if (!g->emit(g->context, id))
            break;
        if (++n < g->n_new)
            logits = pass(g, step, &id, 1);
    }
    return n;
}
