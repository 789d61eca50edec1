/* depths.c - Score ahead how many recursions a token passes through. */
#include "models/executor/depths.h"

#include <string.h>

#include "models/executor/operands.h"

/* The first layer of the i-th recursion, which is its choice's number too. */
static int32_t layer_at(const struct model *m, int32_t depth)
{
    return m->spec.recursion.first + depth * spec_span(&m->spec);
}

static struct router router_at(struct model *m, int32_t depth)
{
    const int32_t l = layer_at(m, depth);

    m->layer[l].chosen = &m->choice[l];
    struct router router = router_of(m, l);
    router.n = m->n_rows;
    router.x = m->stream[m->spec.recursion.first];
    return router;
}

/* All rows' scores and chances, under `route` of the first recursion. */
static void run_depths(struct model *m, const float *slope)
{
    real *score[SPEC_MAX_LAYERS], *chance[SPEC_MAX_LAYERS];
    const struct depths o = { .n = m->n_rows, .n_depths = spec_depths(&m->spec),
                              .score = score, .chance = chance,
                              .slope = slope };

    for (int32_t i = 0; i < o.n_depths; i++) {
        score[i] = m->choice[layer_at(m, i)].score;
        chance[i] = m->choice[layer_at(m, i)].chance;
    }
    op_depths(&m->ex, place(OP_ROUTE, layer_at(m, 0), m->all_rows.token), &o);
}

void depths_score(struct model *m)
{
    for (int32_t i = 0; i < spec_depths(&m->spec); i++) {
        const struct router router = router_at(m, i);
        const int32_t l = layer_at(m, i);
        const struct seen_rows seen = { .op = OP_ROUTE, .layer = l,
                                        .n = m->n_rows, .width = 1,
                                        .x = router.score,
                                        .position = m->all_position };
        op_route(&m->ex, place(OP_ROUTE, l, m->all_rows.token), &router);
        overflow_look(&m->overflow, &seen);
    }
    run_depths(m, NULL);
}

/* Of the squared differences of kept shares and capacities: the chance of a depth
 * is part of each share up to it. */
static const float *balance(const struct model *m, float *slope)
{
    const double each = 2.0 * m->spec.balance_loss /
                        ((double)m->n_rows * plan_n_made_anew(&m->spec));
    double sum = 0.0;

    for (int32_t i = 0; i < spec_depths(&m->spec); i++) {
        const int32_t l = layer_at(m, i);
        const int32_t kept = m->choice[l].first[m->input.n_sequences];
        sum += each * ((double)kept / m->n_rows -
                       spec_opened(&m->spec, l, m->input.openness));
        slope[i] = (float)sum;
    }
    return m->spec.balance_loss > 0.0 ? slope : NULL;
}

void depths_backward(struct model *m)
{
    float slope[SPEC_MAX_LAYERS];
    const bool learns = spec_scores_learn(&m->spec);

    if (learns)
        run_depths(m, balance(m, slope));
    for (int32_t i = 0; i < spec_depths(&m->spec); i++) {
        const int32_t l = layer_at(m, i);
        struct router router = router_at(m, i);
        real *gradient = gradient_of(m, l, TENSOR_ROUTER);
        router.in_stream = true;
        router.token = m->all_rows.token;
        router.dscore = router.score;
        router.dx = m->dstream;
        router.dweight = gradient;
        if (learns)
            op_route(&m->ex, place(OP_ROUTE, l, router.token), &router);
        else if (gradient)
            memset(gradient, 0, (size_t)m->spec.n_channels * sizeof *gradient);
    }
}
