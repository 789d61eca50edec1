/* forward.c - from token ids to the loss, layer by layer. */
#include "models/model_state.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "sim/core/random.h"

static struct place place(enum op op, int32_t layer, const int32_t *token)
{
    return (struct place){ PASS_FORWARD, layer, op, token };
}

struct gemm product_of(const struct model *m, int32_t layer, enum tensor_id id,
                       const real *a, real *c, int32_t n_rows,
                       const real *from)
{
    const struct tensor *t = tensor_find(&m->tensors, layer, id);
    /* Every weight that has a bias is followed by it. */
    const real *bias = m->spec.family == FAMILY_GPT2
                           ? weight_of(m, layer, (enum tensor_id)(id + 1))
                           : NULL;
    int32_t k = (int32_t)t->rows, n = (int32_t)t->columns;
    return (struct gemm){
        .m = n_rows, .n = n, .k = k, .a = a, .a_row = k, .a_k = 1,
        .b = weight_of(m, layer, id), .b_k = n, .b_col = 1, .c = c, .c_row = n,
        .bias = bias, .from = from, .from_row = n,
        .stored = t->range, .n_stored = t->n_ranges,
    };
}

struct gemm head_of(const struct model *m, int32_t n_rows)
{
    const enum tensor_id id = m->spec.tied_head ? TENSOR_WTE : TENSOR_HEAD;
    const struct tensor *t = tensor_find(&m->tensors, -1, id);
    const int32_t c = m->spec.n_channels, v = m->spec.n_vocab;
    return (struct gemm){
        .m = n_rows, .n = v, .k = c, .a = m->final_normed, .a_row = c, .a_k = 1,
        .b = weight_of(m, -1, id), .b_k = 1, .b_col = c, .c = m->logits,
        .c_row = v, .stored = t->range, .n_stored = t->n_ranges,
    };
}

struct embedding embedding_of(const struct model *m, const int32_t *ids,
                              int32_t n_rows)
{
    const struct tensor *t = tensor_find(&m->tensors, -1, TENSOR_WTE);
    return (struct embedding){
        .ids = ids, .position = m->all_position,
        .wte = weight_of(m, -1, TENSOR_WTE),
        .stored = t->n_ranges > 0 ? t->range : NULL,
        .wpe = weight_of(m, -1, TENSOR_WPE), .out = m->stream[0],
        .n = n_rows, .width = m->spec.n_channels,
    };
}

struct attention attention_of(struct model *m, int32_t layer)
{
    struct layer_buffers *b = &m->layer[layer];
    return (struct attention){
        .rows = &b->rows, .n_heads = m->spec.n_heads,
        .n_kv_heads = m->spec.n_kv_heads, .head_size = m->spec.head_size,
        .qkv = b->qkv, .out = b->attended, .stats = b->softmax,
    };
}

struct router router_of(struct model *m, int32_t layer)
{
    struct layer_buffers *b = &m->layer[layer];
    return (struct router){
        .input = m->spec.router_input == ROUTER_INPUT_RAW ? ROUTER_RAW
                 : m->spec.family == FAMILY_LLAMA         ? ROUTER_RMS
                                                          : ROUTER_LAYER_NORM,
        .width = m->spec.n_channels, .epsilon = m->spec.norm_epsilon,
        .weight = weight_of(m, layer, TENSOR_ROUTER), .stats = b->router_stats,
        .score = b->score,
    };
}

struct gating gating_of(struct model *m, int32_t layer)
{
    struct layer_buffers *b = &m->layer[layer];
    return (struct gating){
        .gate = m->spec.gate == GATE_RAW       ? GATING_RAW
                : m->spec.gate == GATE_SIGMOID ? GATING_SIGMOID
                : m->spec.gate == GATE_ONE     ? GATING_ONE
                                               : GATING_SIGMOID2,
        .trained = m->spec.router_trained, .n = b->n_rows,
        .width = m->spec.n_channels, .token = b->token, .score = b->score,
        .value = b->gate, .y = b->y, .x = b->x,
    };
}

struct rope rope_of(struct model *m, int32_t layer, real *qkv)
{
    struct layer_buffers *b = &m->layer[layer];
    return (struct rope){
        .qkv = qkv, .rows = &b->rows, .n = b->n_rows,
        .n_heads = m->spec.n_heads + m->spec.n_kv_heads,
        .head_size = m->spec.head_size,
        .stride = spec_q(&m->spec) + 2 * spec_e(&m->spec), .table = m->rope,
    };
}

static void embed(struct model *m)
{
    const struct model_input *in = &m->input;
    struct embedding o = embedding_of(m, in->ids,
                                      in->n_sequences * in->n_tokens);
    op_embed(&m->ex, place(OP_EMBED, LEDGER_OUTSIDE, NULL), &o);
}

void forward_norm(struct model *m, int32_t layer, enum tensor_id gamma,
                  const real *x, real *out, real *stats, int32_t n,
                  const int32_t *token)
{
    struct norm o = {
        .rms = m->spec.family == FAMILY_LLAMA, .n = n,
        .width = m->spec.n_channels, .epsilon = m->spec.norm_epsilon, .x = x,
        .gamma = weight_of(m, layer, gamma),
        .beta = weight_of(m, layer, (enum tensor_id)(gamma + 1)), .out = out,
        .stats = stats,
    };
    op_norm(&m->ex, place(OP_NORM, layer, token), &o);
}

/* Against the rows' own keys, or, one row a sequence, against those kept. */
static void attend(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    struct place at = place(OP_ATTEND, l, b->rows.token);

    if (m->decoded_step) {
        struct cached_attention cached = {
            .n = b->n_rows, .n_heads = m->spec.n_heads,
            .n_kv_heads = m->spec.n_kv_heads, .head_size = m->spec.head_size,
            .capacity = m->cache_capacity, .sequence = b->token,
            .length = m->cache[l].length, .qkv = b->qkv, .out = b->attended,
            .keys = m->cache[l].keys, .values = m->cache[l].values,
        };
        op_attend_cached(&m->ex, at, &cached);
        return;
    }
    struct attention attention = attention_of(m, l);
    if (m->input.cache)
        op_attend_filling(&m->ex, at, &attention, &m->cache[l]);
    else
        op_attend(&m->ex, at, &attention);
}

/* y = block(x) on the layer's rows, residuals inside. */
void forward_block(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t n = b->n_rows, *token = b->rows.token;

    forward_norm(m, l, TENSOR_NORM1_GAMMA, b->x, b->normed1, b->stats1, n, token);
    struct gemm qkv = product_of(m, l, TENSOR_QKV, b->normed1, b->qkv, n, NULL);
    op_product(&m->ex, place(OP_QKV, l, token), &qkv);
    if (m->rope) {
        struct rope rope = rope_of(m, l, b->qkv);
        op_rope(&m->ex, place(OP_ROPE, l, token), &rope);
    }
    attend(m, l);
    struct gemm project = product_of(m, l, TENSOR_PROJECT, b->attended,
                                     b->middle, n, b->x);
    op_product(&m->ex, place(OP_PROJECT, l, token), &project);

    forward_norm(m, l, TENSOR_NORM2_GAMMA, b->middle, b->normed2, b->stats2, n, token);
    struct gemm up = product_of(m, l, TENSOR_UP, b->normed2, b->up, n, NULL);
    op_product(&m->ex, place(OP_FFN_UP, l, token), &up);
    struct activation act = { .family = m->spec.family, .x = b->up,
                              .out = b->act, .n = n, .width = m->spec.n_ffn };
    op_activation(&m->ex, place(OP_ACT, l, token), &act);
    struct gemm down = product_of(m, l, TENSOR_DOWN, b->act, b->y, n,
                                  b->middle);
    op_product(&m->ex, place(OP_FFN_DOWN, l, token), &down);
}

/* Ask the policy which tokens of each sequence the layer keeps. */
struct choice {
    struct model *m;
    int32_t       layer;
};

static void choose_part(void *argument, int part, int parts)
{
    const struct choice *c = argument;
    struct model *m = c->m;
    const struct model_input *in = &m->input;
    struct layer_buffers *b = &m->layer[c->layer];
    int32_t t = in->n_tokens;
    int32_t *scratch = m->choose_scratch +
                       (size_t)part * (size_t)m->options.n_tokens;

    for (int32_t s = part; s < in->n_sequences; s += parts) {
        const real *score = b->score ? b->score + (size_t)s * (size_t)t : NULL;
        struct route_input choose = {
            .score = score, .n_tokens = t,
            .n_keep = spec_kept(&m->spec, c->layer, t),
            .threshold = m->threshold[c->layer],
            .seed = random_mix(in->seed, (uint64_t)c->layer, (uint64_t)s, 1),
            .scratch = scratch,
        };
        m->allocation.count[c->layer * m->allocation.n_sequences + s] =
            in->policy->choose(&choose,
                               allocation_kept(&m->allocation, c->layer, s));
        if (in->train && m->spec.router_scores)
            b->cut[s] = route_cut(score, t, choose.n_keep,
                                  (float *)(void *)scratch);
    }
}

/* Kept positions of all sequences as the rows of one matrix. */
static void line_up(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    int32_t n = 0;
    for (int32_t s = 0; s < m->input.n_sequences; s++) {
        const int32_t *kept = allocation_kept(&m->allocation, l, s);
        int32_t count = allocation_count(&m->allocation, l, s);
        assert(!m->options.train ||
               count <= spec_kept(&m->spec, l, m->options.n_tokens));
        b->first[s] = n;
        for (int32_t i = 0; i < count; i++, n++) {
            b->position[n] = kept[i];
            b->token[n] = s * m->input.n_tokens + kept[i];
        }
    }
    b->first[m->input.n_sequences] = n;
    b->n_rows = n;
    b->rows = (struct rows){ m->input.n_sequences, b->first, b->position,
                             b->token };
}

static void track_threshold(struct model *m, int32_t l)
{
    float *at = &m->threshold[l];
    bool first = isnan(*at);
    struct layer_buffers *b = &m->layer[l];
    *at = m->ex.kernels->track(first ? b->cut[0] : *at, b->cut,
                               m->input.n_sequences,
                               first ? 1.0f : m->threshold_rate);
}

static void select_tokens(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    int32_t tokens = m->input.n_sequences * m->input.n_tokens;
    struct choice choice = { m, l };
    bool scored = m->spec.router_scores, track = m->input.train && scored;

    struct op_run run = op_begin(&m->ex, place(OP_SELECT, l, NULL));
    pool_run(m->pool, choose_part, &choice);
    line_up(m, l);
    if (track)
        track_threshold(m, l);
    struct tally shared = { track ? (uint64_t)m->input.n_sequences + 4 : 0, 0 };
    if (m->ex.meter && m->ex.meter->by_token) {
        memset(m->ex.extra, 0, (size_t)tokens * sizeof *m->ex.extra);
        for (int32_t i = 0; i < b->n_rows; i++)
            m->ex.extra[b->token[i]].bytes = 4;
        run.extra = m->ex.extra;
    }
    shared.bytes = 4 * (uint64_t)b->n_rows;   /* extra, in the total */
    op_end(&m->ex, &run, NULL, tokens,
           (struct tally){ 0, scored ? 4 : 0 }, shared);
}

void forward_score(struct model *m, int32_t l, int32_t n_rows)
{
    struct router router = router_of(m, l);
    router.n = n_rows;
    router.x = m->stream[l];
    if (m->spec.router_scores)
        op_route(&m->ex, place(OP_ROUTE, l, NULL), &router);
}

void forward_kept(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];

    if (b->n_rows == 0)
        return;
    op_gather(&m->ex, place(OP_GATHER, l, b->token), m->stream[l], b->x,
              b->n_rows, m->spec.n_channels);
    forward_block(m, l);
    struct gating gate = gating_of(m, l);
    gate.stream = m->stream[l];
    op_gate(&m->ex, place(OP_GATE, l, b->token), &gate);
}

static void run_routed(struct model *m, int32_t l)
{
    forward_score(m, l, m->input.n_sequences * m->input.n_tokens);
    select_tokens(m, l);
    forward_kept(m, l);
}

static void run_dense(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    b->rows = m->all_rows;
    b->n_rows = m->input.n_sequences * m->input.n_tokens;
    b->x = m->stream[l];
    b->y = m->stream[l + 1];
    forward_block(m, l);
}

static void run_head(struct model *m, double *mean_loss)
{
    const struct model_input *in = &m->input;
    const int32_t n = in->n_sequences * in->n_tokens;

    forward_norm(m, -1, TENSOR_FINAL_GAMMA, m->stream[m->spec.n_layers],
                 m->final_normed, m->final_stats, n, NULL);
    struct gemm head = head_of(m, n);
    op_product(&m->ex, place(OP_HEAD, LEDGER_OUTSIDE, NULL), &head);
    if (!in->targets)
        return;
    struct loss loss = {
        .n = n, .width = m->spec.n_vocab, .logits = m->logits,
        .target = in->targets, .nats = m->nats, .stats = m->loss_stats,
        .entropy = m->entropy,
    };
    op_loss(&m->ex, place(OP_LOSS, LEDGER_OUTSIDE, NULL), &loss, mean_loss);
    if (in->entropy)
        op_entropy(&m->ex, place(OP_ENTROPY, LEDGER_OUTSIDE, NULL), &loss);
}

static void number_tokens(struct model *m)
{
    const struct model_input *in = &m->input;
    for (int32_t s = 0; s <= in->n_sequences; s++)
        m->all_first[s] = s * in->n_tokens;
    for (int32_t s = 0; s < in->n_sequences; s++)
        for (int32_t t = 0; t < in->n_tokens; t++)
            m->all_position[s * in->n_tokens + t] = t;
    m->all_rows = (struct rows){ in->n_sequences, m->all_first,
                                 m->all_position, NULL };
}

void model_forward(struct model *m, const struct model_input *input,
                   struct meter *meter, double *mean_loss)
{
    m->input = *input;
    m->decoded_step = false;
    m->ex.meter = meter;
    m->allocation.n_sequences = input->n_sequences;
    m->allocation.n_tokens = input->n_tokens;
    number_tokens(m);
    embed(m);
    for (int32_t l = 0; l < m->spec.n_layers; l++) {
        if (m->spec.routed[l]) {
            run_routed(m, l);
            continue;
        }
        for (int32_t s = 0; s < input->n_sequences; s++) {
            m->allocation.count[l * input->n_sequences + s] = input->n_tokens;
            int32_t *kept = allocation_kept(&m->allocation, l, s);
            for (int32_t t = 0; t < input->n_tokens; t++)
                kept[t] = t;
        }
        run_dense(m, l);
    }
    if (input->cache)
        decode_note_prefill(m);
    run_head(m, mean_loss);
}
