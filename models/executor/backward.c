/* backward.c - Work out the gradients of the mean loss, from the last layer to
 * the first, or with a frozen backbone to the lowest router. */
#include <string.h>

#include "models/executor/layer.h"
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
    };
    op_norm_backward(&m->ex, place(OP_NORM, layer, token), &o);
}

static void product_backward(struct model *m, enum op op, int32_t layer,
                             enum tensor_id id, const real *a, const real *dout,
                             real *dx)
{
    struct layer_buffers *b = &m->layer[layer];
    struct gemm forward = product_of(m, layer, id, a, NULL, b->n_rows, NULL);
    struct product_backward d = {
        .dout = dout, .dx = dx, .dw = gradient_of(m, layer, id),
        .dbias = forward.bias ? gradient_of(m, layer, (enum tensor_id)(id + 1))
                              : NULL,
    };
    op_product_backward(&m->ex, place(op, layer, b->rows.token), &forward, &d);
}

static void qk_norm_backward(struct model *m, int32_t l)
{
    const struct rows *rows = &m->layer[l].rows;
    struct qk_norm o = qk_norm_of(m, l, rows, 0,
                                  m->spec.n_heads + m->spec.n_kv_heads);
    o.x = m->dqkv;
    o.dgamma[0] = gradient_of(m, l, TENSOR_QUERY_GAMMA);
    o.dgamma[1] = gradient_of(m, l, TENSOR_KEY_GAMMA);
    op_qk_norm_backward(&m->ex, place(OP_QK_NORM, l, rows->token), &o);
}

/* x [N,C]: what the part came from.  d [N,C]: gradient of its output on entry, of
 * its input on return.  The residual path is d itself; norms add to it. */
static void ffn_backward(struct model *m, int32_t l, const real *x, real *d)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t n = b->n_rows, *token = b->rows.token;

    product_backward(m, OP_FFN_DOWN, l, TENSOR_DOWN, b->act, d, m->dact);
    struct activation act = { .kind = m->spec.traits.activation, .x = b->up,
                              .dout = m->dact, .dx = m->dup, .n = n,
                              .width = m->spec.n_ffn };
    op_activation(&m->ex, place(OP_ACT, l, token), &act);
    product_backward(m, OP_FFN_UP, l, TENSOR_UP, b->normed2, m->dup,
                     m->dnormed);
    norm_backward(m, l, TENSOR_NORM2_GAMMA, x, b->stats2, m->dnormed, d, n,
                  token);
}

static void attention_backward(struct model *m, int32_t l, const real *x,
                               real *d)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t n = b->n_rows, *token = b->rows.token;

    product_backward(m, OP_PROJECT, l, TENSOR_PROJECT, b->attended, d,
                     m->dattended);
    struct attention attention = attention_of(m, l);
    attention.dout = m->dattended;
    attention.dqkv = m->dqkv;
    op_attend_backward(&m->ex, place(OP_ATTEND, l, token), &attention);
    if (spec_turns(&m->spec, l)) {
        struct rope rope = rope_of(m, l, m->dqkv);
        op_rope(&m->ex, place(OP_ROPE, l, token), &rope);
    }
    if (m->spec.traits.qk_norm)
        qk_norm_backward(m, l);
    product_backward(m, OP_QKV, l, TENSOR_QKV, b->normed1, m->dqkv, m->dnormed);
    norm_backward(m, l, TENSOR_NORM1_GAMMA, x, b->stats1, m->dnormed, d, n,
                  token);
}

static void parts_backward(struct model *m, int32_t l, enum stage_parts parts,
                           const real *x, real *d)
{
    if (parts & STAGE_FFN)
        ffn_backward(m, l, parts & STAGE_ATTENTION ? m->layer[l].middle : x, d);
    if (parts & STAGE_ATTENTION)
        attention_backward(m, l, x, d);
}

static bool is_fed(enum tensor_id id)
{
    return id >= TENSOR_NORM2_GAMMA && id <= TENSOR_DOWN_BIAS;
}

/* Parts that kept no token did nothing: their weights' gradients are zero. */
static void clear_gradients(struct model *m, int32_t l, enum stage_parts parts)
{
    for (int id = TENSOR_FIRST_OF_LAYER; id < TENSOR_COUNT; id++) {
        const struct tensor *t = tensor_find(&m->tensors, l,
                                             (enum tensor_id)id);
        real *gradient = gradient_of(m, l, (enum tensor_id)id);
        if (gradient && (parts & (is_fed((enum tensor_id)id)
                                      ? STAGE_FFN : STAGE_ATTENTION)))
            memset(gradient, 0, t->n * sizeof *gradient);
    }
}

/* Gradients of the kept rows' scores, or of all rows', pass to router and
 * stream. */
static void router_backward(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    const bool all = spec_scores_all_learn(&m->spec);
    struct router router = router_of(m, l);

    router.n = all ? m->n_rows : b->first[m->input.n_sequences];
    /* With part ffn what was gathered is not what the router saw. */
    router.in_stream = all || m->spec.part == PART_FFN;
    router.x = router.in_stream ? m->stream[l] : b->x;
    router.token = all ? m->all_rows.token : b->token;
    router.dscore = m->dscore;
    router.dx = m->dstream;
    router.dweight = gradient_of(m, l, TENSOR_ROUTER);
    op_route(&m->ex, place(OP_ROUTE, l, router.token), &router);
}

/* The cross-entropy of the predictor's logits passes to its weights, and no
 * further. */
static void predictor_backward(struct model *m, int32_t l)
{
    const struct place at = place(OP_PREDICT, l, m->all_rows.token);
    struct layer_buffers *b = &m->layer[l];
    struct router_loss loss = router_loss_of(m, l);
    struct predictor predictor = predictor_of(m, l);

    loss.score = b->forecast;
    loss.entropy = (float)(1.0 / ((double)m->n_rows * spec_n_routed(&m->spec)));
    loss.square = 0.0f;
    loss.balanced = false;
    op_route_loss(&m->ex, place(OP_ROUTE_LOSS, l, at.token), &loss, NULL);
    predictor.dlogit = m->dscore;
    predictor.dweight = gradient_of(m, l, TENSOR_PREDICT_DOWN);
    predictor.dbias = gradient_of(m, l, TENSOR_PREDICT_DOWN_BIAS);
    op_predict(&m->ex, at, &predictor);
    struct gemm up = product_of(m, l, TENSOR_PREDICT_UP, predictor_input(m, l),
                                NULL, m->n_rows, NULL);
    struct product_backward d = {
        .dout = b->hidden, .dw = gradient_of(m, l, TENSOR_PREDICT_UP),
        .dbias = gradient_of(m, l, TENSOR_PREDICT_UP_BIAS),
    };
    op_product_backward(&m->ex, at, &up, &d);
}

/* Kept rows go through the gate and the stage's parts and are added to the
 * stream's gradient, which other rows pass unchanged.  Where only routers learn,
 * no gradient is needed before the lowest one. */
static void kept_backward(struct model *m, int32_t l, enum stage_parts parts)
{
    struct layer_buffers *b = &m->layer[l];
    const bool gated = m->spec.gate != GATE_ONE;

    struct gating gate = gating_of(m, l);
    gate.dstream = m->dstream;
    gate.dy = m->dblock;
    gate.dpass = m->dpass;
    gate.dscore = m->dscore;
    op_gate(&m->ex, place(OP_GATE, l, b->token), &gate);
    if (l > m->lowest || !m->spec.backbone_frozen) {
        parts_backward(m, l, parts, b->x, m->dblock);
        op_gather_backward(&m->ex, place(OP_GATHER, l, b->token), m->dblock,
                           gated ? m->dpass : NULL, m->dstream, b->n_rows,
                           m->spec.n_channels);
    }
}

static void bypass_backward(struct model *m, int32_t l)
{
    struct gating gate = bypass_of(m, l);

    gate.dstream = m->dstream;
    gate.dscore = m->dscore;
    if (gate.n > 0)
        op_bypass(&m->ex, place(OP_GATE, l, m->layer[l].skipped_token), &gate);
}

static void stage_backward(struct model *m, int32_t l, int32_t i)
{
    const struct stage *stage = &m->plan.stage[l][i];
    struct layer_buffers *b = &m->layer[l];

    layer_begin_stage(m, l, i);
    if (stage->gates_skipped)
        bypass_backward(m, l);
    if (stage->rows == STAGE_ALL)
        parts_backward(m, l, stage->parts, b->stream, m->dstream);
    else if (b->n_rows > 0)
        kept_backward(m, l, stage->parts);
    else
        clear_gradients(m, l, stage->parts);
}

/* Before the stages: they add to the gradients of the scores. */
static void scores_backward(struct model *m, int32_t l)
{
    if (!m->spec.routed[l] || !spec_router_losses(&m->spec))
        return;
    struct router_loss loss = router_loss_of(m, l);
    op_route_loss(&m->ex, place(OP_ROUTE_LOSS, l, m->all_rows.token), &loss,
                  NULL);
}

static void choice_backward(struct model *m, int32_t l)
{
    const struct layer_buffers *b = &m->layer[l];
    const bool works = b->first[m->input.n_sequences] > 0;

    if (spec_scores_learn(&m->spec) &&
        (works || spec_scores_all_learn(&m->spec)))
        router_backward(m, l);
    if (m->spec.n_predictor > 0)
        predictor_backward(m, l);
}

static void layer_backward(struct model *m, int32_t l)
{
    scores_backward(m, l);
    for (int32_t i = m->plan.n_stages[l] - 1; i >= 0; i--)
        stage_backward(m, l, i);
    if (m->spec.routed[l])
        choice_backward(m, l);
}

static void head_backward(struct model *m)
{
    const struct model_input *in = &m->input;
    const int32_t n = in->n_sequences * in->n_tokens, c = m->spec.n_channels;
    enum tensor_id id = m->spec.tied_head ? TENSOR_WTE : TENSOR_HEAD;

    struct loss loss = {
        .n = n, .width = m->spec.n_vocab, .logits = m->logits,
        .target = in->targets, .stats = m->loss_stats,
        .gradient = 1.0f / (float)n, .dlogits = m->logits,
    };
    op_loss_backward(&m->ex, place(OP_LOSS, LEDGER_OUTSIDE, NULL), &loss);
    struct gemm head = {
        .m = n, .n = m->spec.n_vocab, .k = c, .a = m->final_normed, .a_row = c,
        .a_k = 1, .b = weight_of(m, -1, id), .b_k = 1, .b_col = c,
    };
    struct product_backward d = { .dout = m->logits, .dx = m->dnormed,
                                  .dw = gradient_of(m, -1, id),
                                  .transposed = true };
    op_product_backward(&m->ex, place(OP_HEAD, LEDGER_OUTSIDE, NULL), &head,
                        &d);
    memset(m->dstream, 0, (size_t)n * (size_t)c * sizeof(real));
    norm_backward(m, -1, TENSOR_FINAL_GAMMA, m->stream[m->spec.n_layers],
                  m->final_stats, m->dnormed, m->dstream, n, NULL);
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
        .n_vocab = m->spec.n_vocab, .max_tokens = m->spec.max_tokens,
    };
    op_embed(&m->ex, place(OP_EMBED, LEDGER_OUTSIDE, NULL), &o);
}

void model_backward(struct model *m, struct meter *meter)
{
    m->ex.pass = PASS_BACKWARD;
    m->ex.meter = meter;
    head_backward(m);
    for (int32_t l = m->spec.n_layers - 1; l >= m->lowest; l--)
        layer_backward(m, l);
    if (!m->spec.backbone_frozen)
        embed_backward(m);
}
