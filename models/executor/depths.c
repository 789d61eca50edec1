/* depths.c - Score ahead how many recursions a token passes through, and gate what
 * comes of all of them. */
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

/* ---- one gate after the last ---- */

void depths_begin(struct model *m)
{
    const int32_t l = m->spec.recursion.first;
    struct depth_buffers *b = &m->depths;
    const struct gathering o = {
        .row = b->row, .n = m->n_rows, .width = m->spec.n_channels,
        .x = { m->stream[l] }, .out = { b->before },
    };

    for (int32_t r = 0; r < m->n_rows; r++) {
        b->row[r] = r;
        b->chance[r] = 0.0f;
        b->deepest[r] = PLAN_NO_CHOICE;
    }
    op_gather(&m->ex, place(OP_GATHER, l, m->all_rows.token), &o);
}

void depths_note(struct model *m, int32_t l)
{
    const struct choice_buffers *by = m->layer[l].chosen;

    for (int32_t i = 0; i < m->layer[l].n_rows; i++) {
        m->depths.chance[by->row[i]] = by->chance[by->row[i]];
        m->depths.deepest[by->row[i]] = (int32_t)(by - m->choice);
    }
}

static struct gating end_of(struct model *m, int32_t l)
{
    const double scale = m->spec.gate_scale > 0.0 ? m->spec.gate_scale : 1.0;
    const struct depth_buffers *b = &m->depths;
    return (struct gating){
        .gate = GATING_RAW, .scale = (float)scale, .whole = true,
        .trained = !m->spec.router_detached, .spread = true, .n = m->n_rows,
        .width = m->spec.n_channels, .token = b->row, .score = b->chance,
        .value = b->gate, .y = m->stream[l], .x = b->before,
        .stream = m->stream[l + 1],
    };
}

void depths_end(struct model *m, int32_t l)
{
    const struct gating gate = end_of(m, l);

    op_gate(&m->ex, place(OP_GATE, l, m->all_rows.token), &gate);
}

void depths_end_backward(struct model *m, int32_t l)
{
    const struct depth_buffers *b = &m->depths;
    struct gating gate = end_of(m, l);

    gate.dstream = gate.dy = m->dstream;
    gate.dpass = b->dbefore;
    gate.dscore = m->dscore;
    op_gate(&m->ex, place(OP_GATE, l, m->all_rows.token), &gate);
    for (int32_t i = 0; i < spec_depths(&m->spec); i++)
        memset(m->choice[layer_at(m, i)].score, 0,
               (size_t)m->n_rows * sizeof(real));
    for (int32_t r = 0; r < m->n_rows && gate.trained; r++)
        if (b->deepest[r] != PLAN_NO_CHOICE)
            m->choice[b->deepest[r]].score[r] = m->dscore[r];
}

void depths_begin_backward(struct model *m)
{
    const struct scattering o = {
        .row = m->depths.row, .n = m->n_rows, .width = m->spec.n_channels,
        .x = m->depths.dbefore, .out = m->dstream,
    };

    op_scatter_add(&m->ex, place(OP_GATHER, m->spec.recursion.first,
                                 m->all_rows.token), &o);
}
