/* operands.c - Make the operands that forward and backward of an op share. */
#include "models/executor/operands.h"

#include <assert.h>

const real *weight_of(const struct model *m, int32_t layer, enum tensor_id id)
{
    const struct tensor *t = tensor_find(&m->tensors, layer, id);
    return t && t->n_ranges == 0 ? m->weights + t->offset : NULL;
}

real *gradient_of(struct model *m, int32_t layer, enum tensor_id id)
{
    const struct tensor *t = tensor_find(&m->tensors, layer, id);
    bool has = t && (t->trained || !m->spec.backbone_frozen);
    return has ? m->gradients + t->learned_at : NULL;
}

bool adds_to_later(const struct model *m, int32_t layer)
{
    return spec_runs_next(&m->spec, layer) >= 0;
}

struct gemm product_of(const struct model *m, int32_t layer, enum tensor_id id,
                       const real *a, real *c, int32_t n_rows,
                       const real *from)
{
    const struct tensor *t = tensor_find(&m->tensors, layer, id);
    /* Every product's weight is followed by its bias, where it has one. */
    const struct tensor *next = tensor_find(&m->tensors, layer,
                                            (enum tensor_id)(id + 1));
    const real *bias = next && next->kind == TENSOR_SHIFT
                           ? m->weights + next->offset : NULL;
    int32_t k = (int32_t)t->rows, n = (int32_t)t->columns;
    return (struct gemm){
        .m = n_rows, .n = n, .k = k, .a = a, .a_row = k, .a_k = 1,
        .b = weight_of(m, layer, id), .b_k = n, .b_col = 1, .c = c, .c_row = n,
        .bias = bias, .from = from, .from_row = n,
        .stored = t->range, .n_stored = t->n_ranges,
    };
}

struct gemm columns_of(struct gemm g, int32_t first, int32_t n)
{
    int32_t n_ranges = 0;

    if (g.n_stored == 0)
        g.b += first;
    for (int32_t at = 0; g.n_stored > 0 && at < first; g.n_stored--)
        at += g.stored++->columns;
    for (int32_t at = 0; n_ranges < g.n_stored && at < n; n_ranges++)
        at += g.stored[n_ranges].columns;
    g.n_stored = n_ranges;
    g.n = n;
    if (g.c)
        g.c += first;
    if (g.bias)
        g.bias += first;
    return g;
}

struct gemm head_of(const struct model *m, const struct head_buffers *b,
                    int32_t n_rows, bool few)
{
    const enum tensor_id id = m->spec.tied_head ? TENSOR_WTE : TENSOR_HEAD;
    const struct tensor *t = tensor_find(&m->tensors, -1, id);
    const int32_t c = m->spec.n_channels, v = m->spec.n_vocab;
    struct gemm g = {
        .m = n_rows, .n = v, .k = c, .a = b->normed, .a_row = c, .a_k = 1,
        .b = weight_of(m, -1, id), .b_k = 1, .b_col = c, .c = b->logits,
        .c_row = v, .bias = weight_of(m, -1, TENSOR_HEAD_BIAS),
        .stored = t->range, .n_stored = t->n_ranges,
    };
    if (few && m->head_columns) {
        g.b = m->head_columns;
        g.b_k = v;
        g.b_col = 1;
    }
    return g;
}

struct embedding embedding_of(const struct model *m)
{
    const struct tensor *t = tensor_find(&m->tensors, -1, TENSOR_WTE);
    const real *wpe = weight_of(m, -1, TENSOR_WPE);
    const ptrdiff_t spare = (ptrdiff_t)spec_first_position(&m->spec) *
                            m->spec.n_channels;
    return (struct embedding){
        .ids = m->input.ids, .position = m->all_position,
        .wte = weight_of(m, -1, TENSOR_WTE),
        .stored = t->n_ranges > 0 ? t->range : NULL,
        .scale = m->spec.embedding_scale,
        .wpe = wpe ? wpe + spare : NULL, .out = m->stream[0],
        .n = m->n_rows, .width = m->spec.n_channels,
    };
}

struct attention attention_of(struct model *m, int32_t layer)
{
    struct layer_buffers *b = &m->layer[layer];
    const int32_t q = spec_q(&m->spec), e = spec_e(&m->spec);
    struct attention o = {
        .rows = &b->rows, .n_heads = m->spec.n_heads,
        .n_kv_heads = m->spec.n_kv_heads, .head_size = m->spec.head_size,
        .qkv = b->qkv, .out = b->attended, .stats = b->softmax,
        .window = spec_window(&m->spec, layer), .cap = m->spec.attention_cap,
    };
    enum skipped_keys skipped = plan_skipped_keys(&m->plan, layer);
    assert(skipped != SKIPPED_KEYS_CARRIED || layer > 0);
    if (skipped != SKIPPED_KEYS_ABSENT) {
        bool computed = skipped == SKIPPED_KEYS_COMPUTED;
        o.key_rows = &m->all_rows;
        o.kv = computed ? b->qkv + q : b->carried;
        o.kv_stride = computed ? q + 2 * e : 2 * e;
    }
    return o;
}

/* The newest choice is the second of two. */
static bool is_second(const struct model *m, int32_t layer)
{
    const int32_t choice = (int32_t)(m->layer[layer].chosen - m->choice);

    return m->spec.part == PART_APART &&
           plan_choice(&m->spec, choice).part == PART_FFN;
}

enum tensor_id router_tensor(const struct model *m, int32_t layer)
{
    return is_second(m, layer) ? TENSOR_ROUTER_FFN : TENSOR_ROUTER;
}

enum tensor_id predictor_tensor(const struct model *m, int32_t layer,
                                enum tensor_id id)
{
    const int second = TENSOR_PREDICT_FFN_UP - TENSOR_PREDICT_UP;
    return (enum tensor_id)((int)id + (is_second(m, layer) ? second : 0));
}

struct router router_of(struct model *m, int32_t layer)
{
    struct choice_buffers *b = m->layer[layer].chosen;
    return (struct router){
        .input = m->spec.router_input == ROUTER_INPUT_RAW ? ROUTER_RAW
                 : m->spec.traits.norm == NORM_RMS        ? ROUTER_RMS
                                                          : ROUTER_LAYER_NORM,
        .width = m->spec.n_channels, .epsilon = m->spec.norm_epsilon,
        .weight = weight_of(m, layer, router_tensor(m, layer)),
        .stats = b->router_stats, .score = b->score,
    };
}

const real *predictor_input(struct model *m, int32_t layer)
{
    struct router router = router_of(m, layer);

    if (router.input == ROUTER_RAW)
        return m->stream[layer];
    router.n = m->n_rows;
    router.x = m->stream[layer];
    op_router_input(&m->ex, place(OP_PREDICT, layer, m->all_rows.token),
                    &router, m->predictor_input);
    return m->predictor_input;
}

struct predictor predictor_of(struct model *m, int32_t layer)
{
    struct choice_buffers *b = m->layer[layer].chosen;
    return (struct predictor){
        .n = m->n_rows, .width = m->spec.n_predictor, .hidden = b->hidden,
        .weight = weight_of(m, layer, predictor_tensor(m, layer,
                                                       TENSOR_PREDICT_DOWN)),
        .bias = weight_of(m, layer, predictor_tensor(
                              m, layer, TENSOR_PREDICT_DOWN_BIAS)),
        .logit = b->forecast,
    };
}

struct router_loss router_loss_of(struct model *m, int32_t layer)
{
    struct choice_buffers *b = m->layer[layer].chosen;
    const double each = 1.0 / ((double)m->n_rows * plan_n_made_anew(&m->spec));
    const int32_t kept = b->first[m->input.n_sequences];
    const double over = (double)kept / m->n_rows -
                        spec_opened(&m->spec, layer, m->input.openness);
    return (struct router_loss){
        .n = m->n_rows, .score = b->score, .place = b->place,
        .entropy = (float)(m->spec.aux_loss * each),
        .square = (float)(2.0 * m->spec.z_loss * each),
        .balanced = m->spec.balance_loss > 0.0,
        .share = (float)(2.0 * m->spec.balance_loss * over * each),
        .nats = m->nats,
        .dscore = m->dscore,
    };
}

struct gating gating_of(struct model *m, int32_t layer)
{
    const struct layer_buffers *b = &m->layer[layer];
    const struct choice_buffers *by = b->chosen;
    static const struct { enum gating_kind kind; double scale; } gates[] = {
        [GATE_RAW] = { GATING_RAW, 1.0 },
        [GATE_SIGMOID] = { GATING_SIGMOID, 1.0 },
        [GATE_SIGMOID2] = { GATING_SIGMOID, 2.0 },
        [GATE_TANH] = { GATING_TANH, 1.0 },
        [GATE_ONE] = { GATING_ONE, 1.0 },
    };
    const double scale = m->spec.gate_scale > 0.0 ? m->spec.gate_scale : 1.0;
    return (struct gating){
        .gate = spec_gates_at_end(&m->spec) ? GATING_ONE
                                            : gates[m->spec.gate].kind,
        .whole = m->spec.gates_output,
        .scale = (float)(gates[m->spec.gate].scale * scale),
        .trained = !m->spec.router_detached,
        .spread = spec_scores_all_learn(&m->spec),
        .adds = spec_router_losses(&m->spec),
        .restores = spec_puts_back(&m->spec), .stream = b->stream,
        .n = b->n_rows, .width = m->spec.n_channels, .token = by->row,
        .score = by->chance ? by->chance : by->score, .value = by->gate,
        .y = by->y, .x = by->x,
    };
}

struct gating bypass_of(struct model *m, int32_t layer)
{
    struct choice_buffers *b = m->layer[layer].chosen;
    struct gating o = gating_of(m, layer);
    o.n = b->n_skipped;
    o.token = b->skipped_row;
    o.value = b->bypass;
    o.y = NULL;
    o.x = b->skipped;
    return o;
}

struct rope rope_of(struct model *m, int32_t layer, real *qkv,
                    const struct rows *rows, int32_t first_head,
                    int32_t n_heads)
{
    return (struct rope){
        .qkv = qkv + first_head * m->spec.head_size, .rows = rows,
        .n = rows->first[rows->n_sequences], .n_heads = n_heads,
        .head_size = m->spec.head_size, .turned = spec_rotary(&m->spec),
        .stride = spec_q(&m->spec) + 2 * spec_e(&m->spec),
        .table = spec_local(&m->spec, layer) ? m->rope_local : m->rope,
    };
}

struct qk_norm qk_norm_of(struct model *m, int32_t layer,
                          const struct rows *rows, int32_t first_head,
                          int32_t n_heads)
{
    struct layer_buffers *b = &m->layer[layer];
    const int32_t d = m->spec.head_size, left = m->spec.n_heads - first_head;
    const int32_t queries = left < n_heads ? left : n_heads;
    const int32_t keys = n_heads - queries;
    const bool whole = m->spec.traits.qk_norm_rows;
    const size_t behind = b->room * (size_t)first_head;
    return (struct qk_norm){
        .rows = rows->first[rows->n_sequences],
        .n_groups = { whole ? queries > 0 : queries, whole ? keys > 0 : keys },
        .size = { whole ? spec_q(&m->spec) : d, whole ? spec_e(&m->spec) : d },
        .stride = spec_q(&m->spec) + 2 * spec_e(&m->spec),
        .centred = traits_centres_heads(&m->spec.traits),
        .epsilon = m->spec.norm_epsilon,
        .gamma = { weight_of(m, layer, TENSOR_QUERY_GAMMA),
                   weight_of(m, layer, TENSOR_KEY_GAMMA) },
        .x = b->qkv + first_head * d, .scales = b->qk_scales + behind,
        .unnormed = b->unnormed ? b->unnormed + behind * (size_t)d : NULL,
    };
}

struct norm norm_of(const struct model *m, int32_t layer, enum tensor_id gamma,
                    const real *x, real *out, real *stats, int32_t n)
{
    return (struct norm){
        .rms = m->spec.traits.norm == NORM_RMS, .n = n,
        .width = m->spec.n_channels, .epsilon = m->spec.norm_epsilon, .x = x,
        .gamma = weight_of(m, layer, gamma),
        .beta = weight_of(m, layer, (enum tensor_id)(gamma + 1)), .out = out,
        .stats = stats,
    };
}
