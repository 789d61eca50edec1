/* routing.c - Score the stream's tokens; keep those that the policy says. */
#include "models/executor/routing.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "models/executor/depths.h"
#include "models/executor/head.h"
#include "models/executor/operands.h"
#include "sim/core/base/random.h"

/* ---- scores ---- */

static bool routes_before(const struct model *m, int32_t layer)
{
    for (int32_t l = 0; l < layer; l++)
        if (m->spec.routed[l])
            return true;
    return false;
}

static void run_signal(struct model *m, int32_t c)
{
    const int32_t l = plan_choice(&m->spec, c).layer;
    struct choice_buffers *b = m->layer[l].chosen;
    struct place at = place(OP_ROUTE, l, m->all_rows.token);

    if (m->spec.signal == SIGNAL_HASH) {
        op_hash(&m->ex, at, c, m->input.ids, m->n_rows, b->signal);
        return;
    }
    if (m->spec.signal == SIGNAL_TABLE) {
        struct looking_up o = {
            .table = model_table(m), .part = plan_choice(&m->spec, c).part,
            .rows = &m->all_rows,
            .ids = m->pass->past ? m->past : m->input.ids,
            .stride = m->pass->past ? m->options.n_tokens : 0,
            .score = b->signal,
        };
        op_look_up(&m->ex, at, &o);
        return;
    }
    if (m->spec.signal == SIGNAL_CONFIDENCE) {
        head_judge(m, c);
        return;
    }
    if (m->spec.signal == SIGNAL_RECEIVED) {
        assert(l > 0);
        m->pass->receive(m, c);
        return;
    }
    struct stream_signal o = {
        .n = m->n_rows, .width = m->spec.n_channels, .x = m->stream[l],
        .left = m->spec.signal == SIGNAL_CHANGE
                    ? m->left[c % plan_choices_a_layer(&m->spec)] : NULL,
        .first = !routes_before(m, l), .score = b->signal,
    };
    op_stream_signal(&m->ex, at, &o);
}

static bool goes_by_predictor(const struct route_policy *policy)
{
    return policy && policy->predicted;
}

static void look_at_scores(struct model *m, enum op op, int32_t l,
                           const real *score)
{
    const struct seen_rows seen = { .op = op, .layer = l, .n = m->n_rows,
                                    .width = 1, .x = score,
                                    .position = m->all_position };

    overflow_look(&m->overflow, &seen);
}

static void predict(struct model *m, int32_t l)
{
    const struct place at = place(OP_PREDICT, l, m->all_rows.token);
    const real *x = predictor_input(m, l);
    struct gemm up = product_of(m, l, predictor_tensor(m, l, TENSOR_PREDICT_UP),
                                x, m->layer[l].chosen->hidden, m->n_rows, NULL);
    struct predictor predictor = predictor_of(m, l);

    op_product(&m->ex, at, &up);
    op_predict(&m->ex, at, &predictor);
    look_at_scores(m, OP_PREDICT, l, m->layer[l].chosen->forecast);
}

void routing_score(struct model *m, int32_t c)
{
    const int32_t l = plan_choice(&m->spec, c).layer;

    m->layer[l].chosen = &m->choice[c];
    if (m->spec.depths) {
        if (l == m->spec.recursion.first)
            depths_score(m);             /* and that of all later choices */
    } else if (spec_has_router(&m->spec)) {
        struct router router = router_of(m, l);
        router.n = m->n_rows;
        router.x = m->stream[l];
        op_route(&m->ex, place(OP_ROUTE, l, m->all_rows.token), &router);
        look_at_scores(m, OP_ROUTE, l, router.score);
        if (m->spec.n_predictor > 0 &&
            (m->input.train || goes_by_predictor(m->input.policy)))
            predict(m, l);
    } else if (m->spec.router_drawn) {
        struct drawing o = {
            .seed = random_mix(m->input.seed, (uint64_t)c, 0, 3),
            .rows = &m->all_rows, .score = m->layer[l].chosen->score,
        };
        op_draw(&m->ex, place(OP_ROUTE, l, m->all_rows.token), &o);
    }
    if (m->spec.signal != SIGNAL_NONE) {
        run_signal(m, c);
        look_at_scores(m, OP_ROUTE, l, m->layer[l].chosen->signal);
    }
}

const real *routing_scores(const struct model *m, int32_t layer,
                           const struct route_policy *policy)
{
    const struct choice_buffers *b = m->layer[layer].chosen;

    return !spec_scored(&m->spec) ? NULL
           : policy && policy->signal != SIGNAL_NONE ? b->signal
           : goes_by_predictor(policy)               ? b->forecast
                                                     : b->score;
}

/* ---- choice ---- */

struct route_input routing_input(const struct model *m, int32_t choice,
                                 int32_t sequence, int32_t n_tokens,
                                 const real *score)
{
    const int32_t l = plan_choice(&m->spec, choice).layer;
    const double capacity = spec_opened(&m->spec, l, m->input.openness);

    return (struct route_input){
        .score = score, .n_tokens = n_tokens,
        .n_keep = spec_kept_at(&m->spec, capacity, n_tokens),
        .keep_first = m->spec.keep_first,
        .threshold = spec_leaves(&m->spec) ? (float)m->spec.confidence
                                           : m->threshold[choice],
        .window = m->spec.score_window,
        .seed = random_mix(m->input.seed, (uint64_t)choice, (uint64_t)sequence,
                           1),
        .capacity = capacity, .sequence = sequence,
        .choice = choice, .replayed = m->input.replayed,
        .scratch = m->choose_scratch,
    };
}

/* Asks the policy which tokens of each sequence are kept. */
struct choice {
    struct model *m;
    int32_t       choice, layer;
};

/* Of a sequence's tokens those that the choice before keeps have their scores, the
 * others what is below any; returns how many it keeps. */
static int32_t active_scores(const struct model *m, int32_t choice,
                             int32_t sequence, const real *score, real *out)
{
    const struct allocation *a = &m->allocation;
    const int32_t n = allocation_count(a, choice - 1, sequence);
    const int32_t *active = allocation_kept(a, choice - 1, sequence);

    for (int32_t t = 0; t < a->length[sequence]; t++)
        out[t] = -(real)INFINITY;
    for (int32_t i = 0; i < n; i++)
        out[active[i]] = score[active[i]];
    return n;
}

void routing_active_scores(const struct model *m, int32_t choice, real *out)
{
    const real *score = routing_scores(m, plan_choice(&m->spec, choice).layer,
                                       m->input.policy);

    for (int32_t s = 0; s < m->input.n_sequences; s++)
        active_scores(m, choice, s, score + m->all_first[s],
                      out + m->all_first[s]);
}

/* The question among those alone. */
static void ask_among_active(const struct model *m, struct route_input *in,
                             const real *score, real *room)
{
    const int32_t n = active_scores(m, in->choice, in->sequence, score, room);

    in->score = room;
    in->n_keep = in->n_keep < n ? in->n_keep : n;
}

static void choose_part(void *argument, int part, int parts)
{
    const struct choice *c = argument;
    struct model *m = c->m;
    const struct model_input *in = &m->input;
    struct choice_buffers *b = m->layer[c->layer].chosen;

    for (int32_t s = part; s < in->n_sequences; s += parts) {
        const real *score = routing_scores(m, c->layer, in->policy);
        struct route_input choose = routing_input(
            m, c->choice, s, m->allocation.length[s],
            score ? score + m->all_first[s] : NULL);
        const size_t room = (size_t)part * (size_t)m->options.n_tokens;
        const bool nested = score && m->spec.nested && c->choice > 0;
        choose.scratch += room;
        if (nested)
            ask_among_active(m, &choose, choose.score, m->active_scores + room);
        m->allocation.count[c->choice * m->allocation.n_sequences + s] =
            route_choose(in->policy, &choose,
                         allocation_kept(&m->allocation, c->choice, s));
        if (!in->train || !m->spec.router_scores)
            continue;
        choose.score = b->score + m->all_first[s];
        if (nested)
            ask_among_active(m, &choose, choose.score, m->active_scores + room);
        b->cut[s] = choose.n_keep > 0 ? route_cut_of(&choose)
                                      : m->threshold[c->choice];
    }
}

/* Makes the kept positions of all sequences the rows of one matrix. */
static void line_up(struct model *m, int32_t c)
{
    const int32_t l = plan_choice(&m->spec, c).layer;
    struct choice_buffers *b = m->layer[l].chosen;
    int32_t n = 0;
    for (int32_t s = 0; s < m->input.n_sequences; s++) {
        const int32_t *kept = allocation_kept(&m->allocation, c, s);
        int32_t count = allocation_count(&m->allocation, c, s);
        assert(!m->options.train ||
               count <= spec_room(&m->spec, l, m->options.n_tokens));
        b->first[s] = n;
        for (int32_t i = 0; i < count; i++, n++) {
            b->position[n] = kept[i];
            b->row[n] = m->all_first[s] + kept[i];
            b->token[n] = s * m->input.n_tokens + kept[i];
        }
    }
    if (b->place) {
        for (int32_t r = 0; r < m->n_rows; r++)
            b->place[r] = -1;
        for (int32_t i = 0; i < n; i++)
            b->place[b->row[i]] = i;
    }
    b->first[m->input.n_sequences] = n;
    b->kept = (struct rows){ m->input.n_sequences, b->first, b->position,
                             b->token };
}

static void track_threshold(struct model *m, int32_t c)
{
    float *at = &m->threshold[c];
    bool first = isnan(*at);
    const struct choice_buffers *b = &m->choice[c];
    *at = m->ex.kernels->track(first ? b->cut[0] : *at, b->cut,
                               m->input.n_sequences,
                               first ? 1.0f : m->threshold_rate);
}

/* What is left of the stream's rows once the kept ones, which ascend, are taken
 * out. */
static void line_up_skipped(struct model *m, struct choice_buffers *b)
{
    const int32_t kept = b->first[m->input.n_sequences];
    const int32_t *token = m->all_rows.token;

    b->n_skipped = 0;
    for (int32_t r = 0, i = 0; r < m->n_rows; r++) {
        if (i < kept && b->row[i] == r) {
            i++;
            continue;
        }
        b->skipped_row[b->n_skipped] = r;
        b->skipped_token[b->n_skipped++] = token ? token[r] : r;
    }
}

void routing_end_select(struct model *m, int32_t l, struct op_run *run,
                        uint64_t shared_flops)
{
    struct choice_buffers *b = m->layer[l].chosen;
    const int32_t kept = b->first[m->input.n_sequences];

    if (b->skipped_row)
        line_up_skipped(m, b);
    if (m->ex.meter && m->ex.meter->by_token) {
        memset(m->ex.extra, 0, (size_t)m->n_rows * sizeof *m->ex.extra);
        for (int32_t i = 0; i < kept; i++)
            m->ex.extra[b->row[i]].bytes = 4;
        run->extra = m->ex.extra;
    }
    /* The total has 4 bytes more for each kept row. */
    op_end(&m->ex, run, m->all_rows.token, m->n_rows,
           (struct tally){ 0, spec_scored(&m->spec) ? 4 : 0 },
           (struct tally){ shared_flops, 4 * (uint64_t)kept });
}

void routing_select(struct model *m, int32_t c)
{
    const int32_t l = plan_choice(&m->spec, c).layer;
    struct choice choice = { m, c, l };
    bool track = m->input.train && m->spec.router_scores;

    struct op_run run = op_begin(&m->ex, place(OP_SELECT, l, NULL));
    pool_run(m->pool, choose_part, &choice);
    line_up(m, c);
    if (track)
        track_threshold(m, c);
    routing_end_select(m, l, &run,
                       track ? (uint64_t)m->input.n_sequences + 4 : 0);
}

void routing_follow(struct model *m, int32_t c)
{
    const int32_t l = plan_choice(&m->spec, c).layer;
    struct choice_buffers *b = &m->choice[c];

    assert(b->row == m->choice[c - 1].row);     /* all lie in one place */
    b->kept = m->choice[c - 1].kept;
    if (m->input.train && m->spec.router_scores)
        m->threshold[c] = m->threshold[c - 1];
    m->layer[l].chosen = b;
}

static double cross_entropy(struct model *m, int32_t l, const real *logit)
{
    struct router_loss o = router_loss_of(m, l);
    double mean;

    o.score = logit;
    op_route_loss(&m->ex, place(OP_ROUTE_LOSS, l, m->all_rows.token), &o,
                  &mean);
    return mean / plan_n_made_anew(&m->spec);
}

void routing_loss(struct model *m, int32_t c)
{
    const int32_t l = plan_choice(&m->spec, c).layer;

    if (!m->input.train)
        return;
    if (m->spec.aux_loss > 0.0)
        m->router_nats += cross_entropy(m, l, m->layer[l].chosen->score);
    if (m->spec.n_predictor > 0)
        m->predictor_nats += cross_entropy(m, l, m->layer[l].chosen->forecast);
}

void model_foreseen(const struct model *m, int64_t n[2][2])
{
    memset(n, 0, 4 * sizeof **n);
    for (int32_t c = 0; c < plan_n_choices(&m->spec); c++) {
        const struct choice_buffers *b = &m->choice[c];
        for (int32_t r = 0; b->place && b->forecast && r < m->n_rows; r++)
            n[b->place[r] >= 0][b->forecast[r] > 0.0f]++;
    }
}
