/* forward.c - Run whole sequences from token ids to logits and loss. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "models/executor/head.h"
#include "models/executor/history.h"
#include "models/executor/layer.h"
#include "models/executor/operands.h"
#include "models/executor/routing.h"

/* Puts keys and values of the rows, which are row[n] (NULL: all), into the
 * layer's table. */
static void put_keys(struct model *m, int32_t l, const int32_t *row, int32_t n,
                     const int32_t *token)
{
    const struct layer_buffers *b = &m->layer[l];
    const int32_t q = spec_q(&m->spec), e = spec_e(&m->spec);
    struct scattering o = {
        .row = row, .n = n, .width = 2 * e, .stride = q + 2 * e,
        .x = b->qkv + q, .out = b->carried,
    };
    op_scatter(&m->ex, place(OP_GATHER, l, token), &o);
}

/* And those that skipped tokens have in the table of the layer before, where
 * that is another. */
static void carry_keys(struct model *m, int32_t l)
{
    const struct choice_buffers *b = m->layer[l].chosen;
    struct scattering o = {
        .row = b->skipped_row, .n = b->n_skipped, .from_there = true,
        .width = 2 * spec_e(&m->spec), .stride = 2 * spec_e(&m->spec),
        .x = m->layer[l - 1].carried, .out = m->layer[l].carried,
    };
    op_scatter(&m->ex, place(OP_GATHER, l, b->skipped_token), &o);
}

static void fill_table(struct model *m, int32_t l)
{
    const struct stage *stage = plan_stage(&m->plan, l, STAGE_ATTENTION);
    const struct layer_buffers *b = &m->layer[l];
    const bool kept = stage->rows == STAGE_KEPT;

    if (b->n_rows > 0)
        put_keys(m, l, kept ? b->chosen->row : NULL, b->n_rows, b->rows.token);
    if (stage->skipped_keys == SKIPPED_KEYS_CARRIED && b->carried != m->layer[l - 1].carried &&
        b->chosen->n_skipped > 0)
        carry_keys(m, l);
}

/* Runs queries over the rows' own keys, or over those of all tokens. */
static void attend(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    struct attention attention = attention_of(m, l);

    if (plan_stage(&m->plan, l, STAGE_ATTENTION)->keys_tabled)
        fill_table(m, l);
    if (m->input.cache && !spec_borrows_keys(&m->spec, l))
        fill_cache(&m->ex, &attention, &m->cache[l]);
    if (b->n_rows > 0)
        op_attend(&m->ex, place(OP_ATTEND, l, b->rows.token), &attention);
}

static void hand_out_scores(const struct model *m, int32_t choice)
{
    const int32_t n = m->n_rows;

    if (m->input.scores && m->spec.nested && choice > 0)
        routing_active_scores(m, choice, m->input.scores +
                                             (size_t)choice * (size_t)n);
    else if (m->input.scores && spec_scored(&m->spec))
        memcpy(m->input.scores + (size_t)choice * (size_t)n,
               routing_scores(m, plan_choice(&m->spec, choice).layer,
                              m->input.policy),
               (size_t)n * sizeof *m->input.scores);
}

static void select_kept(struct model *m, int32_t choice)
{
    hand_out_scores(m, choice);
    if (m->input.cache)
        history_take_scores(m, choice, m->input.policy);
    routing_select(m, choice);
}

static void follow(struct model *m, int32_t choice)
{
    struct allocation *a = &m->allocation;

    hand_out_scores(m, choice);
    if (m->input.cache)
        history_take_scores(m, choice, m->input.policy);
    for (int32_t s = 0; s < a->n_sequences; s++) {
        const int32_t n = allocation_count(a, choice - 1, s);
        a->count[choice * a->n_sequences + s] = n;
        memcpy(allocation_kept(a, choice, s), allocation_kept(a, choice - 1, s),
               (size_t)n * sizeof *a->kept);
    }
}

static void receive(struct model *m, int32_t choice)
{
    const int32_t l = plan_choice(&m->spec, choice).layer;
    struct layer_buffers *before = &m->layer[l - 1];
    struct reception o = {
        .rows = &m->all_rows, .n_heads = m->spec.n_heads,
        .n_kv_heads = m->spec.n_kv_heads, .head_size = m->spec.head_size,
        .qkv = before->qkv, .stats = before->softmax,
        .queries = m->dattended ? m->dattended : before->attended,
        .score = m->choice[choice].signal,
    };
    op_receive(&m->ex, place(OP_ROUTE, l, m->all_rows.token), &o);
}

static const struct pass_functions whole_sequences = { select_kept, follow,
                                                       attend, receive, false };

/* Makes the tokens of all sequences rows, one sequence after another. */
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
    assert(!input->targets || !input->last_only);
    assert(!m->options.last_only || input->last_only);
    m->input = *input;
    m->pass = &whole_sequences;
    m->ex.pass = PASS_FORWARD;
    m->ex.meter = meter;
    m->router_nats = input->train && m->spec.aux_loss > 0.0 ? 0.0 : (double)NAN;
    m->predictor_nats = input->train && m->spec.n_predictor > 0 ? 0.0
                                                                : (double)NAN;
    m->expert_balance = input->train && m->spec.experts.balance_loss > 0.0
                            ? 0.0 : (double)NAN;
    m->expert_square = input->train && m->spec.experts.z_loss > 0.0
                           ? 0.0 : (double)NAN;
    m->allocation.n_sequences = input->n_sequences;
    m->allocation.n_tokens = input->n_tokens;
    dispatch_begin(&m->allocation.dispatch, input->n_sequences,
                   input->n_tokens);
    number_tokens(m);
    for (int32_t c = 0; c < plan_n_choices(&m->spec); c++)
        if (!plan_choice(&m->spec, c).routed)
            keep_all(m, c);
    embed_forward(m);
    for (int32_t l = 0; l < m->spec.n_layers; l++) {
        layer_forward(m, l);
        if (input->train && spec_exits(&m->spec, l))
            exit_forward(m, l);
    }
    if (input->cache)
        history_take_prefill(m);
    /* The few rows before decoding take the product that decoding takes. */
    if (input->last_only)
        head_forward(m, input->n_sequences, m->last_row, m->last_token,
                     input->cache);
    else
        head_forward(m, m->n_rows, NULL, m->all_rows.token, false);
    if (input->targets)
        head_loss(m, mean_loss);
}
