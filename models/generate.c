/* generate.c - feed, choose, hand out, again. */
#include "models/generate.h"

#include <stddef.h>

static void feed_prompt(const struct generation *g,
                        const struct route_policy *policy)
{
    model_decode_reset(g->model);
    model_forward(g->model, &(struct model_input){
        .ids = g->prompt, .n_sequences = 1, .n_tokens = g->n_prompt,
        .policy = policy, .seed = g->seed, .cache = true, .last_only = true,
    }, g->meter, NULL);
}

static void feed(const struct generation *g, const struct route_policy *policy,
                 int32_t id)
{
    model_decode(g->model, &(struct decode_input){
        .ids = &id, .policy = policy, .seed = g->seed }, g->meter);
}

int32_t generate(const struct generation *g)
{
    const struct route_policy *policy =
        g->policy ? g->policy : route_find("threshold");
    int32_t n = 0, id = 0;

    feed_prompt(g, policy);
    while (n < g->n_new) {
        if (n > 0)
            feed(g, policy, id);
        id = sampler_choose(g->sampler, model_logits(g->model));
        if (!g->emit(g->context, id))
            break;
        n++;
    }
    return n;
}
