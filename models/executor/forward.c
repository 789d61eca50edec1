/* forward.c - from token ids to the loss, layer by layer. */
#include "models/executor/model_state.h"

#include <assert.h>
#include <string.h>

static struct place place(enum op op, int32_t layer, const int32_t *token)
{
    return (struct place){ PASS_FORWARD, layer, op, token };
}

struct gemm product_of(const struct model *m, int32_t layer, enum tensor_id id,
                       const real *a, real *c, int32_t n_rows,
                       const real *from)
{
    const struct tensor *t = tensor_find(&m->tensors, layer, id);
    /* Every product's weight is followed by its bias, where it has one. */
    const real *bias = weight_of(m, layer, (enum tensor_id)(id + 1));
    int32_t k = (int32_t)t->rows, n = (int32_t)t->columns;
    return (struct gemm){
        .m = n_rows, .n = n, .k = k, .a = a, .a_row = k, .a_k = 1,
        .b = weight_of(m, layer, id), .b_k = n, .b_col = 1, .c = c, .c_row = n,
        .bias = bias, .from = from, .from_row = n,
        .stored = t->range, .n_stored = t->n_ranges,
    };
}

struct gemm head_of(const struct model *m, int32_t n_rows, bool few)
{
    const enum tensor_id id = m->spec.tied_head ? TENSOR_WTE : TENSOR_HEAD;
    const struct tensor *t = tensor_find(&m->tensors, -1, id);
    const int32_t c = m->spec.n_channels, v = m->spec.n_vocab;
    struct gemm g = {
        .m = n_rows, .n = v, .k = c, .a = m->final_normed, .a_row = c, .a_k = 1,
        .b = weight_of(m, -1, id), .b_k = 1, .b_col = c, .c = m->logits,
        .c_row = v, .stored = t->range, .n_stored = t->n_ranges,
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
    return (struct embedding){
        .ids = m->input.ids, .position = m->all_position,
        .wte = weight_of(m, -1, TENSOR_WTE),
        .stored = t->n_ranges > 0 ? t->range : NULL,
        .wpe = weight_of(m, -1, TENSOR_WPE), .out = m->stream[0],
        .n = m->n_rows, .width = m->spec.n_channels,
    };
}

enum skipped_keys skipped_keys_of(const struct model *m, int32_t layer)
{
    return spec_routes_attention(&m->spec, layer) ? m->spec.skipped_keys
                                                  : SKIPPED_KEYS_ABSENT;
}

struct attention attention_of(struct model *m, int32_t layer)
{
    struct layer_buffers *b = &m->layer[layer];
    const int32_t q = spec_q(&m->spec), e = spec_e(&m->spec);
    struct attention o = {
        .rows = &b->rows, .n_heads = m->spec.n_heads,
        .n_kv_heads = m->spec.n_kv_heads, .head_size = m->spec.head_size,
        .qkv = b->qkv, .out = b->attended, .stats = b->softmax,
    };
    enum skipped_keys skipped = skipped_keys_of(m, layer);
    assert(skipped != SKIPPED_KEYS_CARRIED || layer > 0);
    if (skipped != SKIPPED_KEYS_ABSENT) {
        bool computed = skipped == SKIPPED_KEYS_COMPUTED;
        o.key_rows = &m->all_rows;
        o.kv = computed ? b->qkv + q : m->carried;
        o.kv_stride = computed ? q + 2 * e : 2 * e;
    }
    return o;
}

struct router router_of(struct model *m, int32_t layer)
{
    struct layer_buffers *b = &m->layer[layer];
    return (struct router){
        .input = m->spec.router_input == ROUTER_INPUT_RAW ? ROUTER_RAW
                 : m->spec.traits.norm == NORM_RMS        ? ROUTER_RMS
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
        .width = m->spec.n_channels, .token = b->row, .score = b->score,
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

struct qk_norm qk_norm_of(struct model *m, int32_t layer,
                          const struct rows *rows, int32_t first_head,
                          int32_t n_heads)
{
    struct layer_buffers *b = &m->layer[layer];
    const int32_t d = m->spec.head_size, left = m->spec.n_heads - first_head;
    const int32_t queries = left < n_heads ? left : n_heads;
    return (struct qk_norm){
        .rows = rows->first[rows->n_sequences],
        .n_heads = { queries, n_heads - queries }, .head_size = d,
        .stride = spec_q(&m->spec) + 2 * spec_e(&m->spec),
        .epsilon = m->spec.norm_epsilon,
        .gamma = { weight_of(m, layer, TENSOR_QUERY_GAMMA),
                   weight_of(m, layer, TENSOR_KEY_GAMMA) },
        .x = b->qkv + first_head * d, .scales = b->qk_scales,
        .unnormed = b->unnormed,
    };
}

void forward_embed(struct model *m)
{
    struct embedding o = embedding_of(m);
    op_embed(&m->ex, place(OP_EMBED, LEDGER_OUTSIDE, m->all_rows.token), &o);
}

static struct norm norm_of(const struct model *m, int32_t layer,
                           enum tensor_id gamma, const real *x, real *out,
                           real *stats, int32_t n)
{
    return (struct norm){
        .rms = m->spec.traits.norm == NORM_RMS, .n = n,
        .width = m->spec.n_channels, .epsilon = m->spec.norm_epsilon, .x = x,
        .gamma = weight_of(m, layer, gamma),
        .beta = weight_of(m, layer, (enum tensor_id)(gamma + 1)), .out = out,
        .stats = stats,
    };
}

void forward_norm(struct model *m, int32_t layer, enum tensor_id gamma,
                  const real *x, real *out, real *stats, int32_t n,
                  const int32_t *token)
{
    struct norm o = norm_of(m, layer, gamma, x, out, stats, n);
    op_norm(&m->ex, place(OP_NORM, layer, token), &o);
}

static void work_on(struct layer_buffers *b, struct rows rows)
{
    b->rows = rows;
    b->n_rows = rows.first[rows.n_sequences];
}

/* Columns first.. of a product: some of queries, keys and values, each of which
 * is a range of its own where they are stored. */
static struct gemm columns_of(struct gemm g, int32_t first, int32_t n)
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
    g.c += first;
    if (g.bias)
        g.bias += first;
    return g;
}

/* Heads first_head.. of queries and keys become what scores are made of:
 * normalised, then turned to their positions. */
static void place_heads(struct model *m, int32_t l, const struct rows *rows,
                        int32_t first_head, int32_t n_heads)
{
    if (m->spec.traits.qk_norm) {
        struct qk_norm norm = qk_norm_of(m, l, rows, first_head, n_heads);
        op_qk_norm(&m->ex, place(OP_QK_NORM, l, rows->token), &norm);
    }
    if (!m->rope)
        return;
    struct rope rope = rope_of(m, l, m->layer[l].qkv +
                               first_head * m->spec.head_size);
    rope.rows = rows;
    rope.n = rows->first[rows->n_sequences];
    rope.n_heads = n_heads;
    op_rope(&m->ex, place(OP_ROPE, l, rows->token), &rope);
}

/* Queries, keys and values of the layer's rows x. */
static void run_qkv(struct model *m, int32_t l, const real *x)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t n = b->n_rows, *token = b->rows.token;

    forward_norm(m, l, TENSOR_NORM1_GAMMA, x, b->normed1, b->stats1, n, token);
    struct gemm qkv = product_of(m, l, TENSOR_QKV, b->normed1, b->qkv, n, NULL);
    op_product(&m->ex, place(OP_QKV, l, token), &qkv);
    place_heads(m, l, &b->rows, 0, m->spec.n_heads + m->spec.n_kv_heads);
}

static void gather(struct model *m, int32_t l, const real *normed,
                   real *normed_out)
{
    struct layer_buffers *b = &m->layer[l];
    struct gathering o = {
        .row = b->row, .n = b->n_rows, .width = m->spec.n_channels,
        .x = { m->stream[l], normed }, .out = { b->x, normed_out },
    };
    op_gather(&m->ex, place(OP_GATHER, l, b->token), &o);
}

/* Keys and values of all rows, queries of the kept ones: those are rows 0.. of
 * the same matrix. */
static void run_keys_of_all(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t q = spec_q(&m->spec), e = spec_e(&m->spec);
    const int32_t *all = m->all_rows.token;

    forward_norm(m, l, TENSOR_NORM1_GAMMA, m->stream[l], b->normed1, b->stats1,
                 m->n_rows, all);
    struct gemm keys = columns_of(product_of(m, l, TENSOR_QKV, b->normed1,
                                             b->qkv, m->n_rows, NULL), q,
                                  2 * e);
    op_product(&m->ex, place(OP_QKV, l, all), &keys);
    place_heads(m, l, &m->all_rows, m->spec.n_heads, m->spec.n_kv_heads);
    if (b->n_rows == 0)
        return;
    gather(m, l, b->normed1, b->normed2);
    struct gemm queries = columns_of(product_of(m, l, TENSOR_QKV, b->normed2,
                                                b->qkv, b->n_rows, NULL), 0,
                                     q);
    op_product(&m->ex, place(OP_QKV, l, b->token), &queries);
    place_heads(m, l, &b->rows, 0, m->spec.n_heads);
}

/* What the layer after may carry on. */
static void put_keys(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t q = spec_q(&m->spec), e = spec_e(&m->spec);
    bool wanted = m->spec.skipped_keys == SKIPPED_KEYS_CARRIED &&
                  m->spec.part != PART_FFN && !m->decoded_step &&
                  (m->spec.routed[l] ||
                   (l + 1 < m->spec.n_layers && m->spec.routed[l + 1]));
    if (!wanted || b->n_rows == 0)
        return;
    struct scattering o = {
        .row = m->spec.routed[l] ? b->row : NULL, .n = b->n_rows,
        .width = 2 * e, .stride = q + 2 * e, .x = b->qkv + q,
        .out = m->carried,
    };
    op_scatter(&m->ex, place(OP_GATHER, l, b->rows.token), &o);
}

static void attend_cached(struct model *m, int32_t l, bool held)
{
    struct layer_buffers *b = &m->layer[l];
    struct cached_attention cached = {
        .n = b->n_rows, .n_heads = m->spec.n_heads,
        .n_kv_heads = m->spec.n_kv_heads, .head_size = m->spec.head_size,
        .capacity = m->cache_capacity, .sequence = b->rows.token,
        .length = m->cache[l].length, .qkv = b->qkv, .held = held,
        .out = b->attended, .stats = b->softmax, .keys = m->cache[l].keys,
        .values = m->cache[l].values,
    };
    op_attend_cached(&m->ex, place(OP_ATTEND, l, b->rows.token), &cached);
}

/* Against the rows' own keys, those of all tokens, or, one row a sequence, those
 * kept. */
static void attend(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];

    if (m->decoded_step) {
        bool held = decode_hold(m, l);
        if (b->n_rows > 0)
            attend_cached(m, l, held);
        return;
    }
    struct attention attention = attention_of(m, l);
    if (m->input.cache)
        fill_cache(&m->ex, &attention, &m->cache[l]);
    if (b->n_rows > 0)
        op_attend(&m->ex, place(OP_ATTEND, l, b->rows.token), &attention);
}

/* out = x + the mix of values, projected; out may be x. */
static void project(struct model *m, int32_t l, const real *x, real *out)
{
    struct layer_buffers *b = &m->layer[l];
    struct gemm product = product_of(m, l, TENSOR_PROJECT, b->attended, out,
                                     b->n_rows, x);
    op_product(&m->ex, place(OP_PROJECT, l, b->rows.token), &product);
}

/* out = x + ffn(norm(x)); out may be x. */
static void feed_forward(struct model *m, int32_t l, const real *x, real *out)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t n = b->n_rows, *token = b->rows.token;

    forward_norm(m, l, TENSOR_NORM2_GAMMA, x, b->normed2, b->stats2, n, token);
    struct gemm up = product_of(m, l, TENSOR_UP, b->normed2, b->up, n, NULL);
    op_product(&m->ex, place(OP_FFN_UP, l, token), &up);
    struct activation act = { .kind = m->spec.traits.activation, .x = b->up,
                              .out = b->act, .n = n, .width = m->spec.n_ffn };
    op_activation(&m->ex, place(OP_ACT, l, token), &act);
    struct gemm down = product_of(m, l, TENSOR_DOWN, b->act, out, n, x);
    op_product(&m->ex, place(OP_FFN_DOWN, l, token), &down);
}

/* Gate what became of the kept rows, and scatter it onto the stream. */
static void put_back(struct model *m, int32_t l, const real *y)
{
    struct gating gate = gating_of(m, l);
    gate.y = y;
    gate.stream = m->stream[l];
    op_gate(&m->ex, place(OP_GATE, l, m->layer[l].token), &gate);
}

/* The attention of kept rows, gathered into x, into middle; what it needs of the
 * others too. */
static void run_kept_attention(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];

    if (skipped_keys_of(m, l) == SKIPPED_KEYS_COMPUTED) {
        run_keys_of_all(m, l);
    } else if (b->n_rows > 0) {
        gather(m, l, NULL, NULL);
        run_qkv(m, l, b->x);
        put_keys(m, l);
    }
    attend(m, l);
    if (b->n_rows > 0)
        project(m, l, b->x, b->middle);
}

/* The feed-forward part of kept rows, from the stream and back onto it. */
static void run_kept_ffn(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];

    work_on(b, b->kept);
    if (b->n_rows == 0)
        return;
    gather(m, l, NULL, NULL);
    feed_forward(m, l, b->x, b->y);
    put_back(m, l, b->y);
}

static void choose(struct model *m, int32_t choice)
{
    routing_score(m, choice);
    routing_select(m, choice);
}

static void route_block(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    choose(m, spec_attention_choice(&m->spec, l));
    work_on(b, b->kept);
    run_kept_attention(m, l);
    if (b->n_rows == 0)
        return;
    feed_forward(m, l, b->middle, b->y);
    put_back(m, l, b->y);
}

/* Attention around its choice, back onto the stream. */
static void put_attention(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    choose(m, spec_attention_choice(&m->spec, l));
    work_on(b, b->kept);
    run_kept_attention(m, l);
    if (b->n_rows > 0)
        put_back(m, l, b->middle);
}

static void route_attention(struct model *m, int32_t l)
{
    put_attention(m, l);
    work_on(&m->layer[l], m->all_rows);
    feed_forward(m, l, m->stream[l], m->stream[l]);
}

/* Who is kept is chosen before attention has touched the stream. */
static void route_ffn(struct model *m, int32_t l)
{
    choose(m, spec_ffn_choice(&m->spec, l));
    work_on(&m->layer[l], m->all_rows);
    run_qkv(m, l, m->stream[l]);
    attend(m, l);
    project(m, l, m->stream[l], m->stream[l]);
    run_kept_ffn(m, l);
}

/* And here after: the second choice takes the place of the first. */
static void route_apart(struct model *m, int32_t l)
{
    put_attention(m, l);
    choose(m, spec_ffn_choice(&m->spec, l));
    run_kept_ffn(m, l);
}

static void run_dense(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    work_on(b, m->all_rows);
    b->x = m->stream[l];
    b->y = m->stream[l + 1];
    run_qkv(m, l, b->x);
    put_keys(m, l);
    attend(m, l);
    project(m, l, b->x, b->middle);
    feed_forward(m, l, b->middle, b->y);
}

void forward_layer(struct model *m, int32_t l)
{
    static void (*const route[PART_COUNT])(struct model *, int32_t) = {
        [PART_BLOCK] = route_block, [PART_ATTENTION] = route_attention,
        [PART_FFN] = route_ffn, [PART_APART] = route_apart,
    };
    if (m->spec.routed[l])
        route[m->spec.part](m, l);
    else
        run_dense(m, l);
}

/* The final norm and the head, of all rows or of each sequence's last. */
static void run_head(struct model *m, double *mean_loss)
{
    const struct model_input *in = &m->input;
    const bool last = in->last_only;
    const int32_t n = last ? in->n_sequences : m->n_rows;
    const int32_t *token = last ? m->last_token : m->all_rows.token;

    struct norm norm = norm_of(m, -1, TENSOR_FINAL_GAMMA,
                               m->stream[m->spec.n_layers], m->final_normed,
                               m->final_stats, n);
    norm.row = last ? m->last_row : NULL;
    op_norm(&m->ex, place(OP_NORM, LEDGER_OUTSIDE, token), &norm);
    /* A few rows before decoding: as decoding does it. */
    struct gemm head = head_of(m, n, last && in->cache);
    op_product(&m->ex, place(OP_HEAD, LEDGER_OUTSIDE, token), &head);
    if (!in->targets)
        return;
    assert(!last);
    struct loss loss = {
        .n = n, .width = m->spec.n_vocab, .logits = m->logits,
        .target = in->targets, .nats = m->nats, .stats = m->loss_stats,
        .entropy = m->entropy,
    };
    op_loss(&m->ex, place(OP_LOSS, LEDGER_OUTSIDE, token), &loss, mean_loss);
    if (in->entropy)
        op_entropy(&m->ex, place(OP_ENTROPY, LEDGER_OUTSIDE, token), &loss);
}

/* The tokens of all sequences as rows, one sequence after another. */
static void number_tokens(struct model *m)
{
    struct model_input *in = &m->input;
    int32_t n = 0;

    for (int32_t s = 0; s < in->n_sequences; s++) {
        int32_t length = in->length ? in->length[s] : in->n_tokens;
        assert(length >= 1 && length <= in->n_tokens);
        m->all_first[s] = n;
        m->allocation.length[s] = length;
        for (int32_t t = 0; t < length; t++, n++) {
            m->all_position[n] = t;
            m->all_token[n] = s * in->n_tokens + t;
            if (in->length)
                m->all_ids[n] = in->ids[m->all_token[n]];
            if (in->length && in->targets)
                m->all_targets[n] = in->targets[m->all_token[n]];
        }
        m->last_row[s] = n - 1;
        m->last_token[s] = m->all_token[n - 1];
    }
    m->all_first[in->n_sequences] = n;
    m->n_rows = n;
    m->all_rows = (struct rows){ in->n_sequences, m->all_first,
                                 m->all_position,
                                 in->length ? m->all_token : NULL };
    if (!in->length)
        return;
    in->ids = m->all_ids;
    if (in->targets)
        in->targets = m->all_targets;
}

static void keep_all(struct model *m, int32_t c)
{
    for (int32_t s = 0; s < m->input.n_sequences; s++) {
        int32_t length = m->allocation.length[s];
        int32_t *kept = allocation_kept(&m->allocation, c, s);
        m->allocation.count[c * m->input.n_sequences + s] = length;
        for (int32_t t = 0; t < length; t++)
            kept[t] = t;
    }
}

void model_forward(struct model *m, const struct model_input *input,
                   struct meter *meter, double *mean_loss)
{
    assert(!input->train || (!input->length && !input->last_only));
    assert(!m->options.last_only || input->last_only);
    m->input = *input;
    m->decoded_step = false;
    m->ex.meter = meter;
    m->allocation.n_sequences = input->n_sequences;
    m->allocation.n_tokens = input->n_tokens;
    number_tokens(m);
    for (int32_t c = 0; c < spec_n_choices(&m->spec); c++)
        if (!m->spec.routed[spec_choice_layer(&m->spec, c)])
            keep_all(m, c);
    forward_embed(m);
    for (int32_t l = 0; l < m->spec.n_layers; l++)
        forward_layer(m, l);
    if (input->cache)
        decode_note_prefill(m);
    run_head(m, mean_loss);
}
