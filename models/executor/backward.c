/* backward.c - Work out the gradients of the mean loss, from the last layer to
 * the first, or with a frozen backbone to the lowest router. */
#include <string.h>

#include "models/executor/depths.h"
#include "models/executor/experts.h"
#include "models/executor/head.h"
#include "models/executor/layer.h"
#include "models/executor/lent_keys.h"
#include "models/executor/operands.h"

static void norm_backward(struct model *m, int32_t layer, enum tensor_id gamma,
                          const real *x, real *stats, const real *dout,
                          real *dx, int32_t n, const int32_t *token)
{
    struct norm o = {
        .rms = m->spec.traits.norm == NORM_RMS, .n = n,
        .width = m->spec.n_channels, .x = x,
        .gamma = weight_of(m, layer, gamma), .stats = stats, .dout = dout,
        .dx = dx, .dgamma = gradient_of(m, layer, gamma),
        .dbeta = gradient_of(m, layer, (enum tensor_id)(gamma + 1)),
        .sums = adds_to_later(m, layer),
    };
    op_norm_backward(&m->ex, place(OP_NORM, layer, token), &o);
}

/* Of the columns of rows that the forward product `g` made, from the first-th
 * of the tensor on; onto dx where it `adds`. */
static void columns_backward(struct model *m, enum op op, int32_t layer,
                             enum tensor_id id, const struct gemm *g,
                             int32_t first, const real *dout, real *dx,
                             bool adds, const int32_t *token)
{
    real *dw = gradient_of(m, layer, id);
    real *dbias = g->bias ? gradient_of(m, layer, (enum tensor_id)(id + 1))
                          : NULL;
    struct product_backward d = {
        .dout = dout ? dout + first : NULL, .dx = dx,
        .dw = dw ? dw + first : NULL,
        .dbias = dbias ? dbias + first : NULL, .adds = adds,
        .sums = adds_to_later(m, layer),
    };
    op_product_backward(&m->ex, place(op, layer, token), g, &d);
}

static void product_backward(struct model *m, enum op op, int32_t layer,
                             enum tensor_id id, const real *a, const real *dout,
                             real *dx, bool adds)
{
    const struct layer_buffers *b = &m->layer[layer];
    const struct gemm forward = product_of(m, layer, id, a, NULL, b->n_rows,
                                           NULL);
    columns_backward(m, op, layer, id, &forward, 0, dout, dx, adds,
                     b->rows.token);
}

/* Gradients of what a part gave, where a norm of it was added to the stream,
 * whose gradient is d; else d itself. */
static const real *added_backward(struct model *m, int32_t l,
                                  enum tensor_id gamma, const real *given,
                                  real *stats, const real *d)
{
    const int32_t n = m->layer[l].n_rows;

    if (!spec_norms_after(&m->spec))
        return d;
    memset(m->dgiven, 0,
           (size_t)n * (size_t)m->spec.n_channels * sizeof(real));
    norm_backward(m, l, gamma, given, stats, d, m->dgiven, n,
                  m->layer[l].rows.token);
    return m->dgiven;
}

/* Gradients of heads from first_head on, out of their positions and norms. */
static void heads_backward(struct model *m, int32_t l, const struct rows *rows,
                           int32_t first_head, int32_t n_heads)
{
    if (spec_turns(&m->spec, l)) {
        struct rope rope = rope_of(m, l, m->dqkv, rows, first_head, n_heads);
        op_rope(&m->ex, place(OP_ROPE, l, rows->token), &rope);
    }
    if (!m->spec.traits.qk_norm)
        return;
    struct qk_norm o = qk_norm_of(m, l, rows, first_head, n_heads);
    o.x = m->dqkv + first_head * m->spec.head_size;
    o.dgamma[0] = gradient_of(m, l, TENSOR_QUERY_GAMMA);
    o.dgamma[1] = gradient_of(m, l, TENSOR_KEY_GAMMA);
    o.sums = adds_to_later(m, l);
    op_qk_norm_backward(&m->ex, place(OP_QK_NORM, l, rows->token), &o);
}

/* From dgiven [N,C], the gradient of what one feed-forward part gave, to that of
 * the rows x that it read, onto dx where it `adds`. */
static void one_backward(struct model *m, int32_t l, const real *x,
                         const real *dgiven, real *dx, bool adds)
{
    struct layer_buffers *b = &m->layer[l];

    product_backward(m, OP_FFN_DOWN, l, TENSOR_DOWN, b->act, dgiven, m->dact,
                     false);
    struct activation act = { .kind = m->spec.traits.activation, .x = b->up,
                              .dout = m->dact, .dx = m->dup, .n = b->n_rows,
                              .width = m->spec.n_ffn };
    op_activation(&m->ex, place(OP_ACT, l, b->rows.token), &act);
    product_backward(m, OP_FFN_UP, l, TENSOR_UP, x, m->dup, dx, adds);
}

/* x [N,C]: what the part read.  d [N,C]: gradient of its output on entry, of its
 * input on return.  The residual path is d itself; norms add to it, and so do
 * products that read the stream without one.  Where both parts share a norm its
 * output's gradient is left for attention to add to. */
static void ffn_backward(struct model *m, int32_t l, const real *x, real *d)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t n = b->n_rows, *token = b->rows.token;
    const bool bare = !spec_norms_before(&m->spec);
    const bool joint = m->spec.traits.parallel == PARALLEL_NORM;
    const real *dgiven = added_backward(m, l, TENSOR_ADDED2_GAMMA, b->given2,
                                        b->given_stats2, d);

    if (m->spec.has_experts[l])
        experts_backward(m, l, b->normed2, dgiven, m->dnormed);
    else
        one_backward(m, l, bare ? x : joint ? b->normed1 : b->normed2, dgiven,
                     bare ? d : m->dnormed, bare);
    if (!bare && !joint)
        norm_backward(m, l, TENSOR_NORM2_GAMMA, x, b->stats2, m->dnormed, d, n,
                      token);
}

/* Keys of all rows and queries of the kept ones, to the gradient of the normed
 * stream. */
static void qkv_of_all_backward(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t q = spec_q(&m->spec), e = spec_e(&m->spec);
    const int32_t *all = m->all_rows.token;
    const struct gemm queries =
        columns_of(product_of(m, l, TENSOR_QKV, b->asking, NULL, b->n_rows,
                              NULL), 0, q);
    const struct gemm keys =
        columns_of(product_of(m, l, TENSOR_QKV, b->normed1, NULL, m->n_rows,
                              NULL), q, 2 * e);
    struct scattering asking = {
        .row = b->chosen->row, .n = b->n_rows, .width = m->spec.n_channels,
        .x = m->dasking, .out = m->dnormed,
    };

    heads_backward(m, l, &b->rows, 0, m->spec.n_heads);
    heads_backward(m, l, &m->all_rows, m->spec.n_heads, m->spec.n_kv_heads);
    columns_backward(m, OP_QKV, l, TENSOR_QKV, &queries, 0, m->dqkv, m->dasking,
                     false, b->rows.token);
    columns_backward(m, OP_QKV, l, TENSOR_QKV, &keys, q, m->dqkv, m->dnormed,
                     false, all);
    op_scatter_add(&m->ex, place(OP_GATHER, l, b->rows.token), &asking);
}

/* The newest keys' gradients come from the layers above that saw them, and
 * from this one's queries; what belongs to its own rows goes no further. */
static void attend_tabled_backward(struct model *m, int32_t l,
                                   struct attention *attention)
{
    const struct stage *stage = plan_stage(&m->plan, l, STAGE_ATTENTION);
    struct layer_buffers *b = &m->layer[l];
    const int32_t q = spec_q(&m->spec), e = spec_e(&m->spec);
    struct taking own = {
        .row = stage->rows == STAGE_KEPT ? b->chosen->row : NULL,
        .n = b->n_rows, .width = 2 * e, .stride = q + 2 * e, .x = b->dcarried,
        .out = m->dqkv + q,
    };

    attention->dkv = b->dcarried;
    attention->dkv_stride = 2 * e;
    attention->adds = true;
    op_attend_backward(&m->ex, place(OP_ATTEND, l, b->rows.token), attention);
    if (stage->keys_tabled)
        op_take(&m->ex, place(OP_GATHER, l, b->rows.token), &own);
}

static void project_backward(struct model *m, int32_t l, const real *d)
{
    struct layer_buffers *b = &m->layer[l];
    const real *dgiven = added_backward(m, l, TENSOR_ADDED1_GAMMA, b->given1,
                                        b->given_stats1, d);

    product_backward(m, OP_PROJECT, l, TENSOR_PROJECT, b->attended, dgiven,
                     m->dattended, false);
}

/* The rest of it; with computed keys, as far as the normed stream of all
 * rows. */
static void attention_backward(struct model *m, int32_t l, const real *x,
                               real *d)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t *token = b->rows.token;
    const bool bare = !spec_norms_before(&m->spec);
    const bool borrows = spec_borrows_keys(&m->spec, l);
    struct attention attention = attention_of(m, l);

    attention.dout = m->dattended;
    attention.dqkv = m->dqkv;
    if (plan_stage(&m->plan, l, STAGE_ATTENTION)->keys_tabled || borrows)
        attend_tabled_backward(m, l, &attention);
    else
        op_attend_backward(&m->ex, place(OP_ATTEND, l, token), &attention);
    if (plan_skipped_keys(&m->plan, l) == SKIPPED_KEYS_COMPUTED) {
        qkv_of_all_backward(m, l);
        return;
    }
    struct gemm made = product_of(m, l, TENSOR_QKV, bare ? x : b->normed1, NULL,
                                  b->n_rows, NULL);
    if (borrows)
        made = columns_of(made, 0, spec_q(&m->spec));
    heads_backward(m, l, &b->rows, 0, m->spec.n_heads +
                                          (borrows ? 0 : m->spec.n_kv_heads));
    columns_backward(m, OP_QKV, l, TENSOR_QKV, &made, 0, m->dqkv,
                     bare ? d : m->dnormed,
                     bare || m->spec.traits.parallel == PARALLEL_NORM, token);
    if (!bare)
        norm_backward(m, l, TENSOR_NORM1_GAMMA, x, b->stats1, m->dnormed, d,
                      b->n_rows, token);
}

/* Parts that read the same rows have the same gradient: attention's product
 * takes it before the feed-forward part adds to it. */
static void parts_backward(struct model *m, int32_t l, enum stage_parts parts,
                           const real *x, real *d)
{
    const bool parallel = m->spec.traits.parallel != PARALLEL_NONE;

    if (parallel)
        project_backward(m, l, d);
    if (parts & STAGE_FFN)
        ffn_backward(m, l, parts & STAGE_ATTENTION && !parallel
                               ? m->layer[l].middle : x, d);
    if (parts & STAGE_ATTENTION && !parallel)
        project_backward(m, l, d);
    if (parts & STAGE_ATTENTION)
        attention_backward(m, l, x, d);
}

static bool is_fed(enum tensor_id id)
{
    return (id >= TENSOR_NORM2_GAMMA && id <= TENSOR_DOWN_BIAS) ||
           id == TENSOR_ADDED2_GAMMA || id == TENSOR_ADDED2_BETA ||
           id == TENSOR_ROUTER_FFN || id >= TENSOR_EXPERT_ROUTER;
}

/* Parts that kept no token did nothing: their weights' gradients are zero, or
 * what a later layer left. */
static void clear_gradients(struct model *m, int32_t l, enum stage_parts parts)
{
    for (int id = 0; id < TENSOR_COUNT; id++) {
        const struct tensor *t = tensor_find(&m->tensors, l,
                                             (enum tensor_id)id);
        real *gradient = gradient_of(m, l, (enum tensor_id)id);
        const bool left = tensor_shared((enum tensor_id)id) &&
                          adds_to_later(m, l);
        if (gradient && !left && (parts & (is_fed((enum tensor_id)id)
                                               ? STAGE_FFN : STAGE_ATTENTION)))
            memset(gradient, 0, t->n * sizeof *gradient);
    }
}

/* Gradients of the kept rows' scores, or of all rows', pass to router and
 * stream. */
static void router_backward(struct model *m, int32_t l)
{
    struct choice_buffers *b = m->layer[l].chosen;
    const bool all = spec_scores_all_learn(&m->spec);
    struct router router = router_of(m, l);

    router.n = all ? m->n_rows : b->first[m->input.n_sequences];
    /* With part ffn what was gathered is not what the router saw. */
    router.in_stream = all || m->spec.part == PART_FFN;
    router.x = router.in_stream ? m->stream[l] : b->x;
    router.token = all ? m->all_rows.token : b->token;
    router.dscore = m->dscore;
    router.dx = m->dstream;
    router.dweight = gradient_of(m, l, router_tensor(m, l));
    op_route(&m->ex, place(OP_ROUTE, l, router.token), &router);
}

static real *predictor_gradient(struct model *m, int32_t l, enum tensor_id id)
{
    return gradient_of(m, l, predictor_tensor(m, l, id));
}

/* The cross-entropy of the predictor's logits passes to its weights, and no
 * further. */
static void predictor_backward(struct model *m, int32_t l)
{
    const struct place at = place(OP_PREDICT, l, m->all_rows.token);
    struct choice_buffers *b = m->layer[l].chosen;
    struct router_loss loss = router_loss_of(m, l);
    struct predictor predictor = predictor_of(m, l);

    loss.score = b->forecast;
    loss.entropy = (float)(1.0 / ((double)m->n_rows * plan_n_made_anew(&m->spec)));
    loss.square = 0.0f;
    loss.balanced = false;
    op_route_loss(&m->ex, place(OP_ROUTE_LOSS, l, at.token), &loss, NULL);
    predictor.dlogit = m->dscore;
    predictor.dweight = predictor_gradient(m, l, TENSOR_PREDICT_DOWN);
    predictor.dbias = predictor_gradient(m, l, TENSOR_PREDICT_DOWN_BIAS);
    op_predict(&m->ex, at, &predictor);
    struct gemm up = product_of(m, l, predictor_tensor(m, l, TENSOR_PREDICT_UP),
                                predictor_input(m, l), NULL, m->n_rows, NULL);
    struct product_backward d = {
        .dout = b->hidden, .dw = predictor_gradient(m, l, TENSOR_PREDICT_UP),
        .dbias = predictor_gradient(m, l, TENSOR_PREDICT_UP_BIAS),
    };
    op_product_backward(&m->ex, at, &up, &d);
}

/* Kept rows go through the gate and the stage's parts and are added to the
 * stream's gradient, which other rows pass unchanged; the norm of all rows, where
 * there is one, comes last.  Where only routers learn, no gradient is needed
 * before the lowest one. */
static void kept_backward(struct model *m, int32_t l, const struct stage *stage)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t *token = b->chosen->token;
    struct gating gate = gating_of(m, l);
    const bool gated = gate.gate != GATING_ONE;

    gate.dstream = m->dstream;
    gate.dy = m->dblock;
    gate.dpass = m->dpass;
    gate.dscore = m->spec.depths ? b->chosen->score : m->dscore;
    if (stage->gated)
        op_gate(&m->ex, place(OP_GATE, l, token), &gate);
    if (m->spec.backbone_frozen && l == m->lowest)
        return;
    parts_backward(m, l, stage->parts, layer_kept_rows(m, stage), m->dblock);
    if (!stage->gathers)
        return;
    op_gather_backward(&m->ex, place(OP_GATHER, l, token), m->dblock,
                       gated ? m->dpass : NULL, m->dstream, b->n_rows,
                       m->spec.n_channels);
    if (stage->skipped_keys == SKIPPED_KEYS_COMPUTED)
        norm_backward(m, l, TENSOR_NORM1_GAMMA, b->stream, b->stats1,
                      m->dnormed, m->dstream, m->n_rows, m->all_rows.token);
}

static void bypass_backward(struct model *m, int32_t l)
{
    struct gating gate = bypass_of(m, l);

    gate.dstream = m->dstream;
    gate.dscore = m->dscore;
    if (gate.n > 0)
        op_bypass(&m->ex, place(OP_GATE, l, m->layer[l].chosen->skipped_token),
                  &gate);
}

/* No layer above saw these keys, and this one or one below does. */
static void clear_carried(struct model *m, int32_t l, const struct stage *stage)
{
    const bool lent = spec_lends_keys(&m->spec, l),
        last = spec_borrows_keys(&m->spec, l) &&
               spec_runs_next(&m->spec, l) < 0;
    const bool above = l + 1 < m->spec.n_layers &&
        plan_skipped_keys(&m->plan, l + 1) == SKIPPED_KEYS_CARRIED;

    if (last)
        lent_keys_clear(m, l);
    else if (stage->keys_tabled && !lent && !above)
        memset(m->layer[l].dcarried, 0,
               (size_t)m->n_rows * 2 * (size_t)spec_e(&m->spec) *
                   sizeof(real));
}

/* Before gates, which add to the gradients of the scores; or write those of the
 * chances of kept rows, where others have none. */
static void scores_backward(struct model *m, int32_t l)
{
    struct router_loss loss = router_loss_of(m, l);

    if (m->spec.depths && !spec_gates_at_end(&m->spec))
        memset(m->layer[l].chosen->score, 0, (size_t)m->n_rows * sizeof(real));
    else if (spec_router_losses(&m->spec))
        op_route_loss(&m->ex, place(OP_ROUTE_LOSS, l, m->all_rows.token), &loss,
                      NULL);
}

static void choice_backward(struct model *m, int32_t l)
{
    const struct choice_buffers *b = m->layer[l].chosen;
    const bool works = b->first[m->input.n_sequences] > 0;
    real *gradient = gradient_of(m, l, router_tensor(m, l));

    if (m->spec.depths) {
        if (l == m->spec.recursion.first)
            depths_backward(m);          /* and that of all later choices */
        return;
    }
    if (spec_scores_learn(&m->spec) &&
        (works || spec_scores_all_learn(&m->spec)))
        router_backward(m, l);
    else if (gradient)
        memset(gradient, 0, (size_t)m->spec.n_channels * sizeof *gradient);
    if (m->spec.n_predictor > 0)
        predictor_backward(m, l);
}

static void stage_backward(struct model *m, int32_t l, int32_t i)
{
    const struct stage *stage = &m->plan.stage[l][i];
    struct layer_buffers *b = &m->layer[l];

    if (stage->ends)
        depths_end_backward(m, l);
    layer_begin_stage(m, l, i);
    clear_carried(m, l, stage);
    if (stage->gated)
        scores_backward(m, l);
    if (stage->gates_skipped)
        bypass_backward(m, l);
    if (stage->rows == STAGE_ALL)
        parts_backward(m, l, stage->parts, b->stream, m->dstream);
    else if (b->n_rows > 0)
        kept_backward(m, l, stage);
    else
        clear_gradients(m, l, stage->parts);
    if (stage->begins)
        depths_begin_backward(m);
    if (stage->chooses != PLAN_NO_CHOICE && !stage->follows)
        choice_backward(m, l);
}

static void layer_backward(struct model *m, int32_t l)
{
    for (int32_t i = m->plan.n_stages[l] - 1; i >= 0; i--)
        stage_backward(m, l, i);
}

static void embed_backward(struct model *m)
{
    const struct model_input *in = &m->input;
    struct embedding o = {
        .ids = in->ids, .position = m->all_position, .dout = m->dstream,
        .dwte = gradient_of(m, -1, TENSOR_WTE),
        .dwpe = gradient_of(m, -1, TENSOR_WPE),
        .clear_dwte = !m->spec.tied_head,
        .n = in->n_sequences * in->n_tokens, .width = m->spec.n_channels,
        .n_vocab = m->spec.n_vocab,
        .n_positions = spec_position_rows(&m->spec),
        .first_position = spec_first_position(&m->spec),
    };
    op_embed(&m->ex, place(OP_EMBED, LEDGER_OUTSIDE, NULL), &o);
}

void model_backward(struct model *m, struct meter *meter)
{
    m->ex.pass = PASS_BACKWARD;
    m->ex.meter = meter;
    head_backward(m);
    for (int32_t l = m->spec.n_layers - 1; l >= m->lowest; l--) {
        if (spec_exits(&m->spec, l))
            exit_backward(m, l);
        layer_backward(m, l);
    }
    if (!m->spec.backbone_frozen)
        embed_backward(m);
}
