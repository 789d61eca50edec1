/* generate.c - feed, choose, hand out, again. */
#include "models/generate.h"

#include "sim/core/command.h"

/* Tokens through the model, the prompt's or the one that was chosen; the logits
 * after the last, or NULL: enough. */
static const float *pass(const struct generation *g, const int32_t *ids,
                         int32_t n)
{
    const bool first = ids == g->prompt;
    const double started = clock_seconds();

    if (first)
        model_forward(g->model, &(struct model_input){
            .ids = ids, .n_sequences = 1, .n_tokens = n, .policy = g->policy,
            .cache = true }, g->meter, NULL);
    else
        model_decode(g->model, ids, NULL, g->meter);
    if (g->passed &&
        !g->passed(g->context, n, clock_seconds() - started))
        return NULL;
    return model_logits(g->model) +
           (size_t)(first ? n - 1 : 0) * (size_t)model_spec(g->model)->n_vocab;
}

int32_t generate(const struct generation *g)
{
    int32_t n = 0, id = 0;

    model_decode_reset(g->model);
    const float *logits = pass(g, g->prompt, g->n_prompt);
    while (logits && n < g->n_new) {
        id = sampler_choose(g->sampler, logits);
        if (!g->emit(g->context, id))
            break;
        if (++n < g->n_new)
            logits = pass(g, &id, 1);
    }
    return n;
}
