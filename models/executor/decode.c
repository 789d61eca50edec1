/* decode.c - Run one new token of each sequence against its cached keys. */
#include <assert.h>
#include <string.h>

#include "models/executor/decode.h"
#include "models/executor/head.h"
#include "models/executor/history.h"
#include "models/executor/layer.h"
#include "models/executor/operands.h"
#include "models/executor/routing.h"

/* A product with few rows reads its weight once, along its columns. */
static void turn_head(void *argument, int part, int parts)
{
    const struct model *m = argument;
    const real *head = weight_of(m, -1, m->spec.tied_head ? TENSOR_WTE
                                                          : TENSOR_HEAD);
    const int64_t c = m->spec.n_channels, v = m->spec.n_vocab, lots = v / 64;
    const int64_t from = lots * part / parts * 64;
    const int64_t to = part == parts - 1 ? v : lots * (part + 1) / parts * 64;

    for (int64_t i = from; i < to; i += 64)
        transpose(m->head_columns + i, v, head + i * c, c,
                  to - i < 64 ? to - i : 64);
}

void model_decode_reset(struct model *m)
{
    history_reset(m);
    for (int32_t l = 0; l < m->spec.n_layers; l++)
        memset(m->cache[l].length, 0,
               (size_t)m->options.n_sequences * sizeof(int32_t));
    if (m->head_columns)
        pool_run(m->pool, turn_head, m);
}

/* The choice keeps the sequence's new token, whose score is the newest of its
 * history. */
static bool keeps(const struct model *m, int32_t c, int32_t s)
{
    const struct decode_input *in = &m->step;
    const int32_t t = m->decoded[s];

    if (in->keep)
        return in->keep[c * m->options.n_sequences + s];
    if (m->spec.nested && c > 0 && !history_keeps_newest(m, c - 1, s))
        return false;
    const real *score = m->history ? history_scores(m, c, s) : NULL;
    const struct route_input judge = routing_input(m, c, s, t + 1, score);
    if (in->policy && in->policy->keep)
        return route_keeps(in->policy, &judge, t);
    assert(m->spec.router_scores && score);   /* else `keep` must say */
    return t < judge.keep_first || score[t] >= judge.threshold;
}

/* Makes a row of each sequence whose token is kept. */
static void line_up(struct model *m, int32_t c)
{
    struct choice_buffers *b = m->layer[plan_choice(&m->spec, c).layer].chosen;
    int32_t n = 0, sequences = m->input.n_sequences;

    for (int32_t s = 0; s < sequences; s++) {
        b->first[s] = n;
        if (m->all_first[s] == m->all_first[s + 1] || !keeps(m, c, s))
            continue;
        b->token[n] = s;
        b->row[n] = m->all_first[s];
        b->position[n++] = m->decoded[s];
        history_keep(m, c, s);
    }
    b->first[sequences] = n;
    b->kept = (struct rows){ sequences, b->first, b->position, b->token };
}

static void select_kept(struct model *m, int32_t c)
{
    const int32_t l = plan_choice(&m->spec, c).layer;

    if (m->spec.signal != SIGNAL_RECEIVED)   /* else the kernel adds its own */
        history_take_scores(m, c, m->step.policy);
    struct op_run run = op_begin(&m->ex, place(OP_SELECT, l, NULL));
    line_up(m, c);
    routing_end_select(m, l, &run, 0);
}

static void follow(struct model *m, int32_t c)
{
    const int32_t *first = m->choice[c].kept.first;

    history_take_scores(m, c, m->step.policy);
    for (int32_t s = 0; s < m->input.n_sequences; s++)
        if (first[s] < first[s + 1])
            history_keep(m, c, s);
}

/* Copies keys and values from the layer before, at the same place, for tokens
 * that this one skips. */
static void carry(struct model *m, int32_t l)
{
    const struct choice_buffers *b = m->layer[l].chosen;
    int32_t n = 0;

    for (int32_t s = 0; s < m->input.n_sequences; s++) {
        if (m->all_first[s] == m->all_first[s + 1] ||
            b->first[s] < b->first[s + 1])
            continue;
        m->skipped[n] = s;
        m->skipped_position[n++] = m->decoded[s];
        m->cache[l].length[s]++;
    }
    if (n == 0)
        return;
    struct carrying o = {
        .n = n, .n_kv_heads = m->spec.n_kv_heads,
        .head_size = m->spec.head_size,
        .from_capacity = m->cache[l - 1].capacity,
        .capacity = m->cache[l].capacity,
        .sequence = m->skipped, .position = m->skipped_position,
        .from_keys = m->cache[l - 1].keys,
        .from_values = m->cache[l - 1].values,
        .keys = m->cache[l].keys, .values = m->cache[l].values,
    };
    op_carry(&m->ex, place(OP_GATHER, l, m->skipped), &o);
}

/* Puts keys into the cache that attention does not put there itself; returns
 * true if all keys of the step are there then. */
static bool hold(struct model *m, int32_t l)
{
    const struct rows *rows = &m->layer[l].rows;
    struct attention attention = attention_of(m, l);

    switch (plan_skipped_keys(&m->plan, l)) {
    case SKIPPED_KEYS_SHARED:
        return true;                     /* the first recursion put them there */
    case SKIPPED_KEYS_COMPUTED:
        fill_cache(&m->ex, &attention, &m->cache[l]);
        return true;
    case SKIPPED_KEYS_CARRIED:
        attention.key_rows = NULL;           /* the kept rows' own */
        fill_cache(&m->ex, &attention, &m->cache[l]);
        carry(m, l);
        return true;
    default:
        for (int32_t s = 0; s < rows->n_sequences; s++)
            m->cache[l].length[s] += rows->first[s + 1] - rows->first[s];
        return false;
    }
}

void decode_attend(struct model *m, int32_t l, int32_t first, int32_t n,
                   bool held)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t q = spec_q(&m->spec), e = spec_e(&m->spec);
    const int32_t *sequence = b->rows.token + first;
    struct cached_attention cached = {
        .window = spec_window(&m->spec, l), .cap = m->spec.attention_cap,
        .n = n, .n_heads = m->spec.n_heads,
        .n_kv_heads = m->spec.n_kv_heads, .head_size = m->spec.head_size,
        .capacity = m->cache[l].capacity, .sequence = sequence,
        .length = m->cache[l].length, .held = held,
        .qkv = b->qkv + (size_t)first * (size_t)(q + 2 * e),
        .out = b->attended + (size_t)first * (size_t)q,
        .stats = b->softmax + 2 * (size_t)first * (size_t)m->spec.n_heads,
        .keys = m->cache[l].keys,
        .values = m->cache[l].values,
    };
    op_attend_cached(&m->ex, place(OP_ATTEND, l, sequence), &cached);
}

static void attend(struct model *m, int32_t l)
{
    const bool held = hold(m, l);

    if (m->layer[l].n_rows > 0)
        decode_attend(m, l, 0, m->layer[l].n_rows, held);
}

static void receive(struct model *m, int32_t choice)
{
    const int32_t l = plan_choice(&m->spec, choice).layer;
    struct layer_buffers *b = &m->layer[l];
    struct cached_reception o = {
        .n = m->n_rows, .n_heads = m->spec.n_heads,
        .n_kv_heads = m->spec.n_kv_heads, .head_size = m->spec.head_size,
        .capacity = m->cache_capacity, .sequence = m->all_token,
        .length = m->cache[l - 1].length, .qkv = b->qkv, .stats = b->softmax,
        .keys = m->cache[l - 1].keys,
        .drawn = history_scores(m, choice, 0),
        .score = b->chosen->signal,
    };
    op_receive_cached(&m->ex, place(OP_ROUTE, l, m->all_rows.token), &o);
}

const struct pass_functions decode_pass = { select_kept, follow, attend,
                                                 receive, true };

/* Dense layers keep every token of the step. */
static void keep_all(struct model *m, int32_t c)
{
    for (int32_t r = 0; r < m->n_rows; r++)
        history_keep(m, c, m->all_token[r]);
}

/* Makes a row of each sequence that goes on. */
static void number_tokens(struct model *m)
{
    const struct decode_input *in = &m->step;
    int32_t n = 0, sequences = m->options.n_sequences;

    for (int32_t s = 0; s < sequences; s++) {
        m->all_first[s] = n;
        if (in->active && !in->active[s])
            continue;
        assert(m->decoded[s] < m->options.n_tokens);
        m->all_ids[n] = in->ids[s];
        if (m->past)
            m->past[s * m->options.n_tokens + m->decoded[s]] = in->ids[s];
        m->all_token[n] = s;
        m->all_position[n++] = m->decoded[s];
    }
    m->all_first[sequences] = n;
    m->n_rows = n;
    m->all_rows = (struct rows){ sequences, m->all_first, m->all_position,
                                 m->all_token };
    m->input = (struct model_input){
        .ids = m->all_ids, .n_tokens = 1, .n_sequences = sequences,
        .seed = in->seed, .replayed = in->replayed, .policy = in->policy,
    };
}

void model_decode(struct model *m, const struct decode_input *in,
                  struct meter *meter)
{
    m->pass = &decode_pass;
    m->step = *in;
    m->ex.pass = PASS_FORWARD;
    m->ex.meter = meter;
    number_tokens(m);
    if (m->n_rows == 0)
        return;
    dispatch_begin(&m->allocation.dispatch, m->options.n_sequences, 1);
    for (int32_t c = 0; c < plan_n_choices(&m->spec); c++)
        if (!plan_choice(&m->spec, c).routed)
            keep_all(m, c);
    embed_forward(m);
    for (int32_t l = 0; l < m->spec.n_layers; l++)
        layer_forward(m, l);
    head_forward(m, m->n_rows, NULL, m->all_token, true);
    for (int32_t r = 0; r < m->n_rows; r++)
        m->decoded[m->all_token[r]]++;
}
