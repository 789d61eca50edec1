/* generate.c - feed, choose, hand out, again. */
#include "models/generate.h"

static void feed(const struct generation *g, const int32_t *id)
{
    model_decode(g->model, &(struct decode_input){ .ids = id }, g->meter);
}

int32_t generate(const struct generation *g)
{
    int32_t n = 0, id = 0;

    model_decode_reset(g->model);
    for (int32_t i = 0; i < g->n_prompt; i++)
        feed(g, &g->prompt[i]);
    while (n < g->n_new) {
        if (n > 0)
            feed(g, &id);
        id = sampler_choose(g->sampler, model_logits(g->model));
        if (!g->emit(g->context, id))
            break;
        n++;
    }
    return n;
}
