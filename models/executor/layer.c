/* layer.c - Run one layer, stage by stage, on the rows of a pass. */
#include "models/executor/layer.h"

#include "models/executor/depths.h"
#include "models/executor/experts.h"
#include "models/executor/operands.h"
#include "models/executor/routing.h"

void embed_forward(struct model *m)
{
    struct embedding o = embedding_of(m);
    op_embed(&m->ex, place(OP_EMBED, LEDGER_OUTSIDE, m->all_rows.token), &o);
}

static void norm_rows(struct model *m, int32_t l, const struct norm *o,
                      const struct rows *rows)
{
    op_norm(&m->ex, place(OP_NORM, l, rows->token), o);
    overflow_look_normed(&m->overflow, l, o, rows->position);
}

static void run_norm(struct model *m, int32_t l, enum tensor_id gamma,
                     const real *x, real *out, real *stats,
                     const struct rows *rows)
{
    struct norm o = norm_of(m, l, gamma, x, out, stats,
                            rows->first[rows->n_sequences]);
    norm_rows(m, l, &o, rows);
}

/* out = from + norm(given); out may be from. */
static void add_normed(struct model *m, int32_t l, enum tensor_id gamma,
                       const real *given, real *stats, const real *from,
                       real *out)
{
    const struct layer_buffers *b = &m->layer[l];
    struct norm o = norm_of(m, l, gamma, given, out, stats, b->n_rows);
    o.from = from;
    norm_rows(m, l, &o, &b->rows);
}

void layer_begin_stage(struct model *m, int32_t l, int32_t i)
{
    const struct stage *stage = &m->plan.stage[l][i];
    const bool moved = i > 0 && stage[-1].rows == STAGE_ALL;
    struct layer_buffers *b = &m->layer[l];

    if (stage->choice != PLAN_NO_CHOICE)
        b->chosen = &m->choice[stage->choice];
    b->rows = stage->rows == STAGE_KEPT ? b->chosen->kept : m->all_rows;
    b->n_rows = b->rows.first[b->rows.n_sequences];
    b->stream = m->stream[moved ? l + 1 : l];
}

/* Heads from first_head on become what scores are made of: normalised, then
 * turned to their positions. */
static void place_heads(struct model *m, int32_t l, const struct rows *rows,
                        int32_t first_head, int32_t n_heads)
{
    if (m->spec.traits.qk_norm) {
        struct qk_norm norm = qk_norm_of(m, l, rows, first_head, n_heads);
        op_qk_norm(&m->ex, place(OP_QK_NORM, l, rows->token), &norm);
    }
    if (!spec_turns(&m->spec, l))
        return;
    struct rope rope = rope_of(m, l, m->layer[l].qkv, rows, first_head,
                               n_heads);
    op_rope(&m->ex, place(OP_ROPE, l, rows->token), &rope);
}

/* Queries, keys and values of the layer's rows x. */
static void run_qkv(struct model *m, int32_t l, const real *x)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t n = b->n_rows, *token = b->rows.token;
    const bool normed = spec_norms_before(&m->spec);

    if (normed)
        run_norm(m, l, TENSOR_NORM1_GAMMA, x, b->normed1, b->stats1, &b->rows);
    struct gemm qkv = product_of(m, l, TENSOR_QKV, normed ? b->normed1 : x,
                                 b->qkv, n, NULL);
    op_product(&m->ex, place(OP_QKV, l, token), &qkv);
    place_heads(m, l, &b->rows, 0, m->spec.n_heads + m->spec.n_kv_heads);
}

static void gather(struct model *m, int32_t l, const real *normed,
                   real *normed_out)
{
    struct layer_buffers *b = &m->layer[l];
    struct gathering o = {
        .row = b->chosen->row, .n = b->n_rows, .width = m->spec.n_channels,
        .x = { b->stream, normed }, .out = { b->chosen->x, normed_out },
    };
    op_gather(&m->ex, place(OP_GATHER, l, b->chosen->token), &o);
}

/* Queries alone: keys are those that the first recursion made. */
static void run_queries(struct model *m, int32_t l, const real *x)
{
    struct layer_buffers *b = &m->layer[l];
    const bool normed = spec_norms_before(&m->spec);

    if (normed)
        run_norm(m, l, TENSOR_NORM1_GAMMA, x, b->normed1, b->stats1, &b->rows);
    struct gemm queries = columns_of(product_of(m, l, TENSOR_QKV,
                                                normed ? b->normed1 : x,
                                                b->qkv, b->n_rows, NULL), 0,
                                     spec_q(&m->spec));
    op_product(&m->ex, place(OP_QKV, l, b->rows.token), &queries);
    place_heads(m, l, &b->rows, 0, m->spec.n_heads);
}

/* Keys and values of all rows, queries of the kept ones: those are rows 0.. of
 * the same matrix. */
static void run_keys_of_all(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t q = spec_q(&m->spec), e = spec_e(&m->spec);
    const int32_t *all = m->all_rows.token;

    run_norm(m, l, TENSOR_NORM1_GAMMA, m->stream[l], b->normed1, b->stats1,
             &m->all_rows);
    struct gemm keys = columns_of(product_of(m, l, TENSOR_QKV, b->normed1,
                                             b->qkv, m->n_rows, NULL), q,
                                  2 * e);
    op_product(&m->ex, place(OP_QKV, l, all), &keys);
    place_heads(m, l, &m->all_rows, m->spec.n_heads, m->spec.n_kv_heads);
    if (b->n_rows == 0)
        return;
    gather(m, l, b->normed1, b->asking);
    struct gemm queries = columns_of(product_of(m, l, TENSOR_QKV, b->asking,
                                                b->qkv, b->n_rows, NULL), 0,
                                     q);
    op_product(&m->ex, place(OP_QKV, l, b->chosen->token), &queries);
    place_heads(m, l, &b->rows, 0, m->spec.n_heads);
}

/* out = x + the mix of values, projected; or a norm of that. */
static void project(struct model *m, int32_t l, const real *x, real *out)
{
    struct layer_buffers *b = &m->layer[l];
    const bool after = spec_norms_after(&m->spec);
    struct gemm product = product_of(m, l, TENSOR_PROJECT, b->attended,
                                     after ? b->given1 : out, b->n_rows,
                                     after ? NULL : x);
    op_product(&m->ex, place(OP_PROJECT, l, b->rows.token), &product);
    if (after)
        add_normed(m, l, TENSOR_ADDED1_GAMMA, b->given1, b->given_stats1, x,
                   out);
}

/* The rows that the first feed-forward product reads: x normalised, or as it is,
 * or as attention's norm left what both read. */
static const real *feed(struct model *m, int32_t l, const real *x)
{
    struct layer_buffers *b = &m->layer[l];

    if (!spec_norms_before(&m->spec))
        return x;
    if (m->spec.traits.parallel == PARALLEL_NORM)
        return b->normed1;
    run_norm(m, l, TENSOR_NORM2_GAMMA, x, b->normed2, b->stats2, &b->rows);
    return b->normed2;
}

/* out = from (NULL: zeros) + one feed-forward part of x. */
static void run_ffn(struct model *m, int32_t l, const real *x, const real *from,
                    real *out)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t n = b->n_rows, *token = b->rows.token;

    struct gemm up = product_of(m, l, TENSOR_UP, x, b->up, n, NULL);
    op_product(&m->ex, place(OP_FFN_UP, l, token), &up);
    struct activation act = { .kind = m->spec.traits.activation, .x = b->up,
                              .out = b->act, .n = n, .width = m->spec.n_ffn };
    op_activation(&m->ex, place(OP_ACT, l, token), &act);
    struct gemm down = product_of(m, l, TENSOR_DOWN, b->act, out, n, from);
    op_product(&m->ex, place(OP_FFN_DOWN, l, token), &down);
}

/* out = from + ffn(norm(x)); out may be from or x. */
static void feed_forward(struct model *m, int32_t l, const real *x,
                         const real *from, real *out)
{
    struct layer_buffers *b = &m->layer[l];
    const bool after = spec_norms_after(&m->spec);

    (m->spec.has_experts[l] ? experts_forward : run_ffn)(
        m, l, feed(m, l, x), after ? NULL : from, after ? b->given2 : out);
    if (after)
        add_normed(m, l, TENSOR_ADDED2_GAMMA, b->given2, b->given_stats2, from,
                   out);
}

/* out = x + attention(norm(x)); out may be x.  Where no row is kept, later
 * tokens may still want keys of those that are skipped. */
static void attention(struct model *m, int32_t l, const real *x, real *out)
{
    const int32_t n = m->layer[l].n_rows;

    if (plan_skipped_keys(&m->plan, l) == SKIPPED_KEYS_COMPUTED)
        run_keys_of_all(m, l);
    else if (n > 0)
        (spec_borrows_keys(&m->spec, l) ? run_queries : run_qkv)(m, l, x);
    m->pass->attend(m, l);
    if (n > 0)
        project(m, l, x, out);
}

/* Gates the change of the kept rows onto the stream. */
static void put_back(struct model *m, int32_t l)
{
    struct gating gate = gating_of(m, l);
    op_gate(&m->ex, place(OP_GATE, l, m->layer[l].chosen->token), &gate);
    if (spec_gates_at_end(&m->spec))
        depths_note(m, l);
}

/* Gates the rows that the stage skips, which leaves a copy for backward. */
static void pass_by(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    struct gating gate = bypass_of(m, l);

    if (b->chosen->n_skipped == 0)
        return;
    if (m->input.train) {
        struct gathering o = {
            .row = b->chosen->skipped_row, .n = b->chosen->n_skipped,
            .width = m->spec.n_channels, .x = { b->stream },
            .out = { b->chosen->skipped },
        };
        op_gather(&m->ex, place(OP_GATHER, l, b->chosen->skipped_token), &o);
    }
    op_bypass(&m->ex, place(OP_GATE, l, b->chosen->skipped_token), &gate);
}

const real *layer_kept_rows(const struct model *m, const struct stage *stage)
{
    const struct choice_buffers *own = &m->choice[stage->choice];
    return stage->gathers ? own->x : own[-1].y;
}

/* No row enters the stage, and nobody wants keys of those that skip it. */
static bool is_idle(const struct model *m, int32_t l, const struct stage *stage)
{
    return m->layer[l].n_rows == 0 &&
           (stage->skipped_keys == SKIPPED_KEYS_ABSENT ||
            stage->skipped_keys == SKIPPED_KEYS_SHARED) && !stage->keys_tabled;
}

/* Takes rows of the stream, all or gathered, through the stage's parts and puts
 * them back. */
static void run_stage(struct model *m, int32_t l, int32_t i)
{
    const struct stage *stage = &m->plan.stage[l][i];
    struct layer_buffers *b = &m->layer[l];
    const bool kept = stage->rows == STAGE_KEPT;
    const bool attends = stage->parts & STAGE_ATTENTION;
    const bool feeds = stage->parts & STAGE_FFN;
    if (stage->begins)
        depths_begin(m);
    if (stage->follows) {
        routing_follow(m, stage->choice);
        m->pass->follow(m, stage->choice);
    } else if (stage->chooses != PLAN_NO_CHOICE) {
        routing_score(m, stage->chooses);
        m->pass->select(m, stage->chooses);
        routing_loss(m, stage->chooses);
    }
    layer_begin_stage(m, l, i);
    if (is_idle(m, l, stage)) {
        if (stage->gates_skipped)
            pass_by(m, l);
        return;
    }
    const real *x = kept ? layer_kept_rows(m, stage) : b->stream;
    real *out = kept ? b->chosen->y : m->stream[l + 1];
    real *middle = feeds ? b->middle : out;
    const bool parallel = m->spec.traits.parallel != PARALLEL_NONE;
    /* Computed keys come first, so that normed rows are gathered too. */
    if (stage->gathers && b->n_rows > 0 &&
        stage->skipped_keys != SKIPPED_KEYS_COMPUTED)
        gather(m, l, NULL, NULL);
    if (attends)
        attention(m, l, x, middle);     /* and its residual: middle = x + ... */
    if (feeds && b->n_rows > 0)                         /* likewise, out */
        feed_forward(m, l, attends && !parallel ? middle : x,
                     attends ? middle : x, out);
    if (stage->gated && b->n_rows > 0)
        put_back(m, l);                 /* stream = stream + g * (out - x) */
    if (stage->gates_skipped)
        pass_by(m, l);                  /* stream = g * stream */
}

void layer_forward(struct model *m, int32_t l)
{
    for (int32_t i = 0; i < m->plan.n_stages[l]; i++) {
        run_stage(m, l, i);
        if (m->plan.stage[l][i].ends)
            depths_end(m, l);
    }
}
