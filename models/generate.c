/* generate.c - feed, choose, hand out, again. */
#include "models/generate.h"

int32_t generate(const struct generation *g)
{
    int32_t n = 0, id = 0;

    model_decode_reset(g->model);
    for (int32_t i = 0; i < g->n_prompt; i++)
        model_decode(g->model, &g->prompt[i], NULL, g->meter);
    while (n < g->n_new) {
        if (n > 0)
            model_decode(g->model, &id, NULL, g->meter);
        id = sampler_choose(g->sampler, model_logits(g->model));
        if (!g->emit(g->context, id))
            break;
        n++;
    }
    return n;
}
