/* experts.c - Send each row to its experts, and put together what comes back. */
#include "models/executor/experts.h"

#include <string.h>

#include "models/executor/operands.h"
#include "models/executor/ops_experts.h"
#include "sim/core/model/route.h"

/* ---- who enters which ---- */

static struct expert_choice choice_of(struct model *m, int32_t l)
{
    const struct experts *x = &m->spec.experts;
    struct expert_buffers *b = &m->layer[l].experts;
    return (struct expert_choice){
        .n = m->layer[l].n_rows, .n_experts = spec_expert_scores(&m->spec),
        .n_active = spec_expert_slots(&m->spec),
        .normalised = x->normalised, .chance = b->chance, .stats = b->stats,
        .expert = b->expert, .weight = b->weight,
    };
}

/* Which of its rows an expert takes of a sequence, where experts choose: those of
 * its highest chances, of equals the first. */
static void take_rows(struct model *m, int32_t l, int32_t sequence, int32_t e,
                      float *scratch)
{
    const struct rows *rows = &m->layer[l].rows;
    const struct expert_buffers *b = &m->layer[l].experts;
    const int32_t x = m->spec.experts.n, first = rows->first[sequence];
    const int32_t n = rows->first[sequence + 1] - first;
    real *chance = b->column + (size_t)e * (size_t)m->layer[l].n_rows + first;
    int32_t left = spec_expert_room(&m->spec, n);

    for (int32_t r = 0; r < n; r++)
        chance[r] = b->chance[(size_t)(first + r) * (size_t)x + (size_t)e];
    if (n == 0)
        return;
    const real cut = route_cut(chance, n, left, scratch);
    for (int32_t r = 0; r < n; r++)
        left -= chance[r] > cut;
    for (int32_t r = 0; r < n; r++) {
        const bool tie = chance[r] == cut && left > 0;
        left -= tie;
        b->at[(size_t)(first + r) * (size_t)x + (size_t)e] =
            chance[r] > cut || tie ? 0 : -1;
    }
}

struct taking_rows {
    struct model *m;
    int32_t       layer;
};

static void take_rows_part(void *argument, int part, int parts)
{
    const struct taking_rows *o = argument;
    struct model *m = o->m;
    const int32_t x = m->spec.experts.n;
    const int32_t n = m->layer[o->layer].rows.n_sequences * x;
    float *scratch = (float *)(void *)(m->choose_scratch + (size_t)part *
                                       (size_t)m->options.n_tokens);

    for (int32_t i = part; i < n; i += parts)
        take_rows(m, o->layer, i / x, i % x, scratch);
}

/* Which of its choices a row enters: no no-op, and no expert that took as many
 * as it may of the rows before. */
static void enter_in_order(struct model *m, int32_t l)
{
    const struct rows *rows = &m->layer[l].rows;
    const struct expert_buffers *b = &m->layer[l].experts;
    const int32_t x = m->spec.experts.n, slots = spec_expert_slots(&m->spec);

    for (int32_t s = 0; s < rows->n_sequences; s++) {
        const int32_t room = spec_expert_room(&m->spec, rows->first[s + 1] -
                                                            rows->first[s]);
        memset(b->taken, 0, (size_t)x * sizeof *b->taken);
        for (int32_t i = rows->first[s] * slots;
             i < rows->first[s + 1] * slots; i++) {
            const int32_t e = b->expert[i];
            b->at[i] = e < x && b->taken[e] < room ? 0 : -1;
            if (b->at[i] == 0)
                b->taken[e]++;
        }
    }
}

static void enter(struct model *m, int32_t l)
{
    struct taking_rows rows = { m, l };

    if (spec_experts_choose(&m->spec))
        pool_run(m->pool, take_rows_part, &rows);
    else
        enter_in_order(m, l);
}

/* Counts each expert's choices and entries: first[e] is where these begin. */
static void count_entries(const struct model *m, int32_t l)
{
    const struct expert_buffers *b = &m->layer[l].experts;
    const int32_t n = m->layer[l].n_rows * spec_expert_slots(&m->spec);

    memset(b->first, 0,
           ((size_t)m->spec.experts.n + 1) * sizeof *b->first);
    memset(b->chosen, 0,
           (size_t)spec_expert_scores(&m->spec) * sizeof *b->chosen);
    for (int32_t i = 0; i < n; i++) {
        b->chosen[b->expert[i]]++;
        if (b->at[i] == 0)
            b->first[b->expert[i] + 1]++;
    }
    for (int32_t e = 0; e < m->spec.experts.n; e++)
        b->first[e + 1] += b->first[e];
}

/* Makes the entries of each expert neighbours, in the order of their rows. */
static void line_up(struct model *m, int32_t l)
{
    const struct rows *rows = &m->layer[l].rows;
    struct expert_buffers *b = &m->layer[l].experts;
    const int32_t slots = spec_expert_slots(&m->spec);

    enter(m, l);
    count_entries(m, l);
    for (int32_t r = 0; r < m->layer[l].n_rows; r++)
        for (int32_t i = r * slots; i < (r + 1) * slots; i++) {
            if (b->at[i] < 0)
                continue;
            const int32_t at = b->first[b->expert[i]]++;
            b->at[i] = at;
            b->row[at] = r;
            b->token[at] = rows->token ? rows->token[r] : r;
            b->by[at] = b->weight[i];
        }
    /* Each first[e] is the next one's now. */
    for (int32_t e = m->spec.experts.n; e > 0; e--)
        b->first[e] = b->first[e - 1];
    b->first[0] = 0;
}

/* A row's entries, and what it chose besides; experts that did not choose it are
 * nothing that it missed. */
static void note_row(const struct model *m, int32_t l, int32_t r,
                     int32_t *expert)
{
    const struct expert_buffers *b = &m->layer[l].experts;
    const int32_t slots = spec_expert_slots(&m->spec);
    int32_t n = 0;

    for (int32_t i = r * slots; i < (r + 1) * slots; i++)
        if (b->at[i] >= 0)
            expert[n++] = b->expert[i];
    for (int32_t i = r * slots;
         i < (r + 1) * slots && !spec_experts_choose(&m->spec); i++)
        if (b->at[i] < 0)
            expert[n++] = DISPATCH_MISSED - b->expert[i];
}

static void note(struct model *m, int32_t l)
{
    const struct rows *rows = &m->layer[l].rows;

    for (int32_t s = 0; s < rows->n_sequences; s++)
        for (int32_t r = rows->first[s]; r < rows->first[s + 1]; r++)
            note_row(m, l, r, dispatch_of(&m->allocation.dispatch, l, s,
                                          rows->position[r]));
}

/* What the router is to learn besides: slopes of the layer's part in the
 * objective, and of what it is made of the means so far.  Who enters which is a
 * constant there. */
static void judge(struct model *m, int32_t l)
{
    const struct experts *x = &m->spec.experts;
    const struct expert_buffers *b = &m->layer[l].experts;
    const int32_t n = m->layer[l].n_rows;
    const bool even = x->balance_loss > 0.0, small = x->z_loss > 0.0;
    const struct expert_judging o = {
        .n = n, .n_experts = spec_expert_scores(&m->spec), .chance = b->chance,
        .stats = b->stats, .sum = even ? b->sum : NULL, .square = small ? m->nats : NULL };
    const double each = 1.0 / spec_n_expert_layers(&m->spec);
    const double by = o.n_experts / ((double)n * n) * each;
    double square = 0.0;

    if (!m->input.train || (!even && !small))
        return;
    op_judge_experts(&m->ex, place(OP_ROUTE_LOSS, l, m->layer[l].rows.token),
                     &o, &square);
    m->expert_square += square * each;
    for (int32_t e = 0; e < o.n_experts && even; e++) {
        b->slope[e] = (real)(x->balance_loss * by * b->chosen[e]);
        m->expert_balance += by * b->chosen[e] * (double)b->sum[e];
    }
}

static void look_at_scores(struct model *m, int32_t l, const real *score,
                           int32_t width)
{
    const struct seen_rows seen = {
        .op = OP_ROUTE, .layer = l, .n = m->layer[l].n_rows, .width = width,
        .x = score, .position = m->layer[l].rows.position,
    };

    overflow_look(&m->overflow, &seen);
}

static void choose(struct model *m, int32_t l, const real *x)
{
    const int32_t n = m->layer[l].n_rows, *token = m->layer[l].rows.token;
    const struct expert_choice o = choice_of(m, l);
    struct gemm scores = product_of(m, l, TENSOR_EXPERT_ROUTER, x, o.chance, n,
                                    NULL);

    op_product(&m->ex, place(OP_ROUTE, l, token), &scores);
    look_at_scores(m, l, o.chance, o.n_experts);
    op_softmax(&m->ex, place(OP_ROUTE, l, token), &o);
    struct op_run run = op_begin(&m->ex, place(OP_SELECT, l, token));
    const struct tally each = op_choose_experts(&m->ex, &o);
    line_up(m, l);
    op_end(&m->ex, &run, token, n, each, (struct tally){ 0, 0 });
    note(m, l);
    judge(m, l);
}

/* ---- what they make of it ---- */

static struct expert_product experts_product(const struct model *m, int32_t l,
                                             enum tensor_id id, const real *a,
                                             real *c, const real *from)
{
    const struct expert_buffers *b = &m->layer[l].experts;
    const int32_t n = b->first[m->spec.experts.n];
    return (struct expert_product){
        .all = product_of(m, l, id, a, c, n, from), .first = b->first,
        .n_experts = m->spec.experts.n,
    };
}

static void activate(struct model *m, struct place at, const real *x, real *out,
                     int32_t n, int32_t width)
{
    struct activation o = { .kind = m->spec.traits.activation, .x = x,
                            .out = out, .n = n, .width = width };
    op_activation(&m->ex, at, &o);
}

static void run_entries(struct model *m, int32_t l, const real *x,
                        const real *from, real *out)
{
    struct expert_buffers *b = &m->layer[l].experts;
    const int32_t n = b->first[m->spec.experts.n], width = m->spec.experts.width;
    const struct gathering gather = { .row = b->row, .n = n,
        .width = m->spec.n_channels, .x = { x }, .out = { b->x } };
    const struct weighing weigh = { .n = n, .width = width, .weight = b->by,
                                    .x = b->act, .out = b->weighed };
    const struct entries rows = { .n = m->layer[l].n_rows, .at = b->at,
        .n_active = spec_expert_slots(&m->spec), .width = m->spec.n_channels,
        .from = from, .y = m->entered, .out = out };
    const struct place whole = place(OP_GATE, l, m->layer[l].rows.token);

    op_gather(&m->ex, place(OP_GATHER, l, b->token), &gather);
    struct expert_product up = experts_product(m, l, TENSOR_EXPERT_UP, b->x,
                                               b->up, NULL);
    op_expert_product(&m->ex, place(OP_FFN_UP, l, b->token), &up);
    activate(m, place(OP_ACT, l, b->token), b->up, b->act, n, width);
    op_weigh(&m->ex, place(OP_GATE, l, b->token), &weigh);
    op_seed(&m->ex, whole, &rows);
    struct expert_product down = experts_product(m, l, TENSOR_EXPERT_DOWN,
                                                 b->weighed, m->entered,
                                                 m->entered);
    op_expert_product(&m->ex, place(OP_FFN_DOWN, l, b->token), &down);
    op_combine(&m->ex, whole, &rows);
}

static struct router shared_router(struct model *m, int32_t l, const real *x)
{
    return (struct router){
        .input = ROUTER_RAW, .n = m->layer[l].n_rows,
        .width = m->spec.n_channels, .x = x,
        .weight = weight_of(m, l, TENSOR_SHARED_GATE),
        .score = m->layer[l].experts.shared_score,
    };
}

/* What the shared part gives, by the sigmoid of its score. */
static const real *gate_shared(struct model *m, int32_t l, const real *x)
{
    struct expert_buffers *b = &m->layer[l].experts;
    const int32_t *token = m->layer[l].rows.token;
    const struct router router = shared_router(m, l, x);
    const struct weighing weigh = { .n = m->layer[l].n_rows,
        .width = m->spec.experts.shared, .sigmoid = true,
        .score = b->shared_score, .weight = b->shared_by, .x = b->shared_act,
        .out = b->shared_weighed };

    if (!m->spec.experts.shared_gate)
        return b->shared_act;
    op_route(&m->ex, place(OP_ROUTE, l, token), &router);
    look_at_scores(m, l, b->shared_score, 1);
    op_weigh(&m->ex, place(OP_GATE, l, token), &weigh);
    return b->shared_weighed;
}

static void run_shared(struct model *m, int32_t l, const real *x,
                       const real *from, real *out)
{
    struct expert_buffers *b = &m->layer[l].experts;
    const int32_t n = m->layer[l].n_rows, *token = m->layer[l].rows.token;

    struct gemm up = product_of(m, l, TENSOR_SHARED_UP, x, b->shared_up, n,
                                NULL);
    op_product(&m->ex, place(OP_FFN_UP, l, token), &up);
    activate(m, place(OP_ACT, l, token), b->shared_up, b->shared_act, n,
             m->spec.experts.shared);
    struct gemm down = product_of(m, l, TENSOR_SHARED_DOWN,
                                  gate_shared(m, l, x), out, n, from);
    op_product(&m->ex, place(OP_FFN_DOWN, l, token), &down);
}

void experts_forward(struct model *m, int32_t l, const real *x,
                     const real *from, real *out)
{
    const bool shared = m->spec.experts.shared > 0;

    choose(m, l, x);
    if (shared)
        run_shared(m, l, x, from, out);
    run_entries(m, l, x, shared ? out : from, out);
}

/* ---- backward ---- */

static void activate_backward(struct model *m, struct place at, const real *x,
                              int32_t n, int32_t width)
{
    struct activation o = { .kind = m->spec.traits.activation, .x = x,
                            .dout = m->dact, .dx = m->dup, .n = n,
                            .width = width };
    op_activation(&m->ex, at, &o);
}

static void experts_product_backward(struct model *m, int32_t l, enum op op,
                                     enum tensor_id id, const real *a,
                                     const real *dout, real *dx)
{
    const struct expert_product of = experts_product(m, l, id, a, NULL, NULL);
    const struct expert_product_backward d = {
        .of = &of, .dout = dout, .dx = dx, .dw = gradient_of(m, l, id),
        .sums = adds_to_later(m, l) };

    op_expert_product_backward(&m->ex,
                               place(op, l, m->layer[l].experts.token), &d);
}

/* Entries take the gradients of their rows, and rows those of their entries. */
static void entries_backward(struct model *m, int32_t l, const real *d,
                             real *dx)
{
    struct expert_buffers *b = &m->layer[l].experts;
    const int32_t n = b->first[m->spec.experts.n], width = m->spec.experts.width;
    const struct gathering gather = { .row = b->row, .n = n,
        .width = m->spec.n_channels, .x = { d }, .out = { m->entered } };
    const struct weighing weigh = { .n = n, .width = width, .weight = b->by,
                                    .x = b->act, .d = m->dact,
                                    .dweight = m->dby };
    const struct entries rows = { .n = m->layer[l].n_rows, .at = b->at,
        .n_active = spec_expert_slots(&m->spec), .width = m->spec.n_channels,
        .y = m->entered, .out = dx };

    op_gather(&m->ex, place(OP_GATHER, l, b->token), &gather);
    experts_product_backward(m, l, OP_FFN_DOWN, TENSOR_EXPERT_DOWN, b->weighed,
                             m->entered, m->dact);
    op_weigh(&m->ex, place(OP_GATE, l, b->token), &weigh);
    activate_backward(m, place(OP_ACT, l, b->token), b->up, n, width);
    experts_product_backward(m, l, OP_FFN_UP, TENSOR_EXPERT_UP, b->x, m->dup,
                             m->entered);
    op_combine(&m->ex, place(OP_GATHER, l, m->layer[l].rows.token), &rows);
}

/* Of a product that all rows of x went through. */
static void product_backward(struct model *m, int32_t l, enum op op,
                             enum tensor_id id, const real *x,
                             const real *dout, real *dx, bool adds)
{
    const struct gemm of = product_of(m, l, id, x, NULL, m->layer[l].n_rows,
                                      NULL);
    const struct product_backward d = { .dout = dout, .dx = dx,
                                        .dw = gradient_of(m, l, id),
                                        .adds = adds,
                                        .sums = adds_to_later(m, l) };
    op_product_backward(&m->ex, place(op, l, m->layer[l].rows.token), &of, &d);
}

static void shared_gate_backward(struct model *m, int32_t l)
{
    struct expert_buffers *b = &m->layer[l].experts;
    const struct weighing weigh = { .n = m->layer[l].n_rows,
        .width = m->spec.experts.shared, .sigmoid = true,
        .weight = b->shared_by, .x = b->shared_act, .d = m->dact,
        .dweight = m->dshared };

    op_weigh(&m->ex, place(OP_GATE, l, m->layer[l].rows.token), &weigh);
}

static void shared_backward(struct model *m, int32_t l, const real *x,
                            const real *d, real *dx)
{
    struct expert_buffers *b = &m->layer[l].experts;
    const int32_t n = m->layer[l].n_rows, *token = m->layer[l].rows.token;
    const bool gated = m->spec.experts.shared_gate;
    struct router router = shared_router(m, l, x);

    product_backward(m, l, OP_FFN_DOWN, TENSOR_SHARED_DOWN,
                     gated ? b->shared_weighed : b->shared_act, d, m->dact,
                     false);
    if (gated)
        shared_gate_backward(m, l);
    activate_backward(m, place(OP_ACT, l, token), b->shared_up, n,
                      m->spec.experts.shared);
    product_backward(m, l, OP_FFN_UP, TENSOR_SHARED_UP, x, m->dup, dx, true);
    if (!gated)
        return;
    router.dscore = m->dshared;
    router.dx = dx;
    router.dweight = gradient_of(m, l, TENSOR_SHARED_GATE);
    op_route(&m->ex, place(OP_ROUTE, l, token), &router);
}

void experts_backward(struct model *m, int32_t l, const real *x, const real *d,
                      real *dx)
{
    const int32_t *token = m->layer[l].rows.token;
    struct expert_choice choice = choice_of(m, l);

    choice.at = m->layer[l].experts.at;
    choice.dweight = m->dby;
    choice.dscore = m->dchance;
    choice.slope = m->spec.experts.balance_loss > 0.0
                       ? m->layer[l].experts.slope : NULL;
    choice.square = (float)(2.0 * m->spec.experts.z_loss /
                            m->layer[l].n_rows /
                            spec_n_expert_layers(&m->spec));
    entries_backward(m, l, d, dx);
    if (m->spec.experts.shared > 0)
        shared_backward(m, l, x, d, dx);
    op_choose_experts_backward(&m->ex, place(OP_ROUTE, l, token), &choice);
    product_backward(m, l, OP_ROUTE, TENSOR_EXPERT_ROUTER, x, m->dchance, dx,
                     true);
}
