/* batches.c - Walk batches of known routes, price each, and keep what comes
 * out. */
#include "sim/price/batches_inside.h"

#include <math.h>
#include <string.h>

#include "sim/core/model/plan.h"

#define SPREAD_TEXT(id, of, quantity, unit) { of, quantity, unit },
const struct spread_row spread_rows[SPREAD_COUNT] = { SPREAD_MAP(SPREAD_TEXT) };

/* ---- the walk ---- */

static struct rival_steps steps_of_price(const struct step_price *p)
{
    return (struct rival_steps){ p->flops, p->bytes, p->seconds, p->joules };
}

static double between(const struct rival *r, double low, double high)
{
    return r->n_ends > 1 ? low + r->way * (high - low) : low;
}

/* Of a depth between whole ones, in proportion. */
static enum status price_rival(struct walk *w, const struct allocation *a)
{
    struct rival_steps x[2] = { { .flops = 0 }, { .flops = 0 } };
    struct step_price price;
    enum status status = STATUS_OK;

    for (int e = 0; w->rival && e < w->rival->n_ends && status == STATUS_OK;
         e++) {
        struct allocation *all = &w->rest[e];
        all->n_sequences = a->n_sequences;
        all->n_tokens = a->n_tokens;
        for (int32_t b = 0; b < a->n_sequences; b++)
            all->length[b] = a->length[b];
        status = step_price(&price, &w->end[e], w->question, all, w->err);
        x[e] = steps_of_price(&price);
    }
    if (w->rival)
        w->against = (struct rival_steps){
            between(w->rival, x[0].flops, x[1].flops),
            between(w->rival, x[0].bytes, x[1].bytes),
            between(w->rival, x[0].seconds, x[1].seconds),
            between(w->rival, x[0].joules, x[1].joules) };
    return status;
}

/* The twin's price depends on lengths alone, as the rival's does: it is that of the
 * step before, where both are of as many equal ones. */
static enum status price_twin(struct walk *w, const struct allocation *a)
{
    const int32_t T = allocation_length(a, 0);
    bool same = true;

    for (int32_t b = 1; b < a->n_sequences; b++)
        same &= allocation_length(a, b) == T;
    if (same && w->twin_B == a->n_sequences && w->twin_T == T)
        return STATUS_OK;
    w->twin_B = same ? a->n_sequences : 0;
    w->twin_T = T;
    enum status status = step_price(&w->then, &w->dense, w->question, a,
                                    w->err);
    return status == STATUS_OK ? price_rival(w, a) : status;
}

/* ---- what a step adds ---- */

static enum status add_step(struct walk *w)
{
    struct batches *out = w->out;
    const struct step_price *p = &w->now, *d = &w->then;
    const struct ledger_key any = { .layer = LEDGER_OUTSIDE,
                                    .token = LEDGER_SHARED };
    const double values[][2] = { { p->flops, d->flops }, { p->bytes, d->bytes },
                                 { p->seconds, d->seconds },
                                 { p->joules, d->joules } };
    enum status status = STATUS_OK;

    for (int i = 0; i < 4 && status == STATUS_OK; i++)
        status = samples_take(&out->of[SPREAD_STEP_FLOPS + i], values[i][0],
                      values[i][1], w->err);
    for (int32_t l = 0; l < out->n_layers && status == STATUS_OK; l++) {
        status = samples_take(&out->flops[l], p->layer_flops[l],
                              d->layer_flops[l], w->err);
        if (status == STATUS_OK)
            status = samples_take(&out->seconds[l], p->layer_seconds[l],
                          d->layer_seconds[l], w->err);
    }
    out->n_steps++;
    out->rival.flops += w->against.flops;
    out->rival.bytes += w->against.bytes;
    out->rival.seconds += w->against.seconds;
    out->rival.joules += w->against.joules;
    return status == STATUS_OK ? ledger_charge(out->total, any, &p->cost)
                               : status;
}

/* The most of n sequences over their mean. */
static double imbalance(const double *flops, int32_t n)
{
    double sum = 0, most = 0;

    for (int32_t i = 0; i < n; i++) {
        sum += flops[i];
        most = fmax(most, flops[i]);
    }
    return sum > 0 ? most * n / sum : 1;
}

static enum status add_token(struct walk *w, struct cost own, struct cost twin,
                             int32_t blocks)
{
    struct samples *of = w->out->of;
    const bool bytes = regime_is_fp32(&w->question->regime);
    enum status status = samples_take(&of[SPREAD_TOKEN_FLOPS],
                              cost_or_nan(&own, METRIC_FLOPS),
                              cost_or_nan(&twin, METRIC_FLOPS), w->err);

    if (status == STATUS_OK)
        status = samples_take(&of[SPREAD_TOKEN_BYTES],
                              bytes ? cost_or_nan(&own, METRIC_BYTES)
                                    : (double)NAN,
                              bytes ? cost_or_nan(&twin, METRIC_BYTES)
                                    : (double)NAN, w->err);
    return status == STATUS_OK
               ? samples_take(&of[SPREAD_TOKEN_BLOCKS], blocks,
                              w->out->n_choices, w->err)
               : status;
}

/* The tokens at which a choice wakes, over the windows of a batch. */
static void add_waking(struct walk *w, struct choice_spread *c)
{
    const struct allocation *a = &w->batch;
    int32_t n[2] = { 0, 0 };         /* of [0] windows so far, merged */
    int32_t *merged[2] = { w->scratch, w->scratch + a->n_tokens };
    int now = 0;

    for (int32_t b = 0; b < a->n_sequences; b++, now = !now) {
        const int32_t *kept = allocation_kept(a, c->choice, b);
        const int32_t n_kept = allocation_count(a, c->choice, b);
        int32_t i = 0, k = 0;
        n[!now] = 0;
        while (i < n[now] || k < n_kept) {
            const int32_t x = i < n[now] ? merged[now][i] : INT32_MAX;
            const int32_t y = k < n_kept ? kept[k] : INT32_MAX;
            merged[!now][n[!now]++] = x < y ? x : y;
            i += x <= y;
            k += y <= x;
        }
        c->kept_tokens += (uint64_t)n_kept;
        c->tokens += (uint64_t)allocation_length(a, b);
    }
    c->woken += (uint64_t)n[now];
}

static int32_t longest_of(const struct allocation *a)
{
    int32_t longest = 0;

    for (int32_t b = 0; b < a->n_sequences; b++)
        if (allocation_length(a, b) > longest)
            longest = allocation_length(a, b);
    return longest;
}

/* Windows of the batch that have a token at position t. */
static int32_t reach(const struct allocation *a, int32_t t)
{
    int32_t n = 0;

    for (int32_t b = 0; b < a->n_sequences; b++)
        n += allocation_length(a, b) > t;
    return n;
}

static void add_positions(struct walk *w)
{
    const int32_t T = longest_of(&w->batch);

    for (int32_t t = 0; t < T; t++)
        w->out->active[reach(&w->batch, t)]++;
    for (int32_t i = 0; i < w->out->n_choices; i++) {
        add_waking(w, &w->out->choice[i]);
        w->out->choice[i].steps += (uint64_t)T;
    }
}

static enum status add_request(struct walk *w, int32_t b)
{
    struct samples *of = w->out->of;
    enum status status = samples_take(&of[SPREAD_REQUEST_FLOPS], w->flops[b],
                              w->dense_flops[b], w->err);

    return status == STATUS_OK
               ? samples_take(&of[SPREAD_REQUEST_SECONDS], w->seconds[b],
                      w->dense_seconds[b], w->err)
               : status;
}

static void tell(struct walk *w, double steps)
{
    w->done++;
    if (w->at)
        w->at(w->context, w->done, steps);
}

/* ---- all tokens at once ---- */

/* Tokens of window b of the batch, priced as a batch of one. */
static enum status add_window(struct walk *w, int64_t window, int32_t b)
{
    struct allocation *one = &w->one;
    enum status status = routes_fill(one, w->routes, window, w->err);

    if (status == STATUS_OK)
        status = step_tokens(&w->model, w->question, one, w->err);
    w->all.length[0] = one->length[0];
    w->all.n_sequences = 1;
    if (status == STATUS_OK)
        status = step_tokens(&w->dense, w->question, &w->all, w->err);
    w->all.n_sequences = w->batch.n_sequences;
    w->flops[b] = w->dense_flops[b] = 0;
    memset(w->scratch, 0, (size_t)one->n_tokens * sizeof *w->scratch);
    for (int32_t i = 0; i < w->out->n_choices && status == STATUS_OK; i++) {
        const int32_t c = w->out->choice[i].choice;
        for (int32_t k = 0; k < allocation_count(one, c, 0); k++)
            w->scratch[allocation_kept(one, c, 0)[k]]++;
    }
    for (int32_t t = 0; t < one->length[0] && status == STATUS_OK; t++) {
        const struct cost own = step_token(&w->model, t);
        const struct cost twin = step_token(&w->dense, t);
        w->flops[b] += cost_or_nan(&own, METRIC_FLOPS);
        w->dense_flops[b] += cost_or_nan(&twin, METRIC_FLOPS);
        status = add_token(w, own, twin, w->scratch[t]);
    }
    return status;
}

static enum status together(struct walk *w, int64_t first, double steps)
{
    const int32_t B = w->batch.n_sequences;
    enum status status = step_price(&w->now, &w->model, w->question, &w->batch,
                                    w->err);

    for (int32_t b = 0; b < B; b++)
        w->all.length[b] = w->batch.length[b];
    if (status == STATUS_OK)
        status = price_twin(w, &w->all);
    if (status == STATUS_OK)
        status = add_step(w);
    for (int32_t i = 0; i < w->out->n_choices && status == STATUS_OK; i++) {
        struct choice_spread *c = &w->out->choice[i];
        const double rows = allocation_rows(&w->batch, c->choice);
        status = samples_take(&c->kept, rows / allocation_tokens(&w->batch), 1,
                              w->err);
    }
    for (int32_t b = 0; b < B && status == STATUS_OK; b++) {
        status = add_window(w, first + b, b);
        w->all.length[b] = w->batch.length[b];
        w->seconds[b] = w->now.seconds;
        w->dense_seconds[b] = w->then.seconds;
        if (status == STATUS_OK)
            status = add_request(w, b);
    }
    if (status == STATUS_OK)
        status = samples_take(&w->out->of[SPREAD_STEP_IMBALANCE],
                      imbalance(w->flops, B), imbalance(w->dense_flops, B),
                      w->err);
    tell(w, steps);
    return status;
}

/* ---- decode ---- */

/* The windows that have a token at position t, as a decode step finds them. */
static void set_step(struct walk *w, int32_t t, int32_t *window)
{
    const struct allocation *a = &w->batch;
    struct allocation *s = &w->step;
    int32_t n = 0;

    for (int32_t b = 0; b < a->n_sequences; b++)
        if (allocation_length(a, b) > t)
            window[n++] = b;
    s->n_sequences = w->all.n_sequences = n;
    s->n_tokens = w->all.n_tokens = t + 1;
    for (int32_t i = 0; i < n; i++) {
        s->length[i] = w->all.length[i] = t + 1;
        for (int32_t c = 0; c < s->n_choices; c++)
            s->count[c * n + i] = t + 1;
        for (int32_t k = 0; k < w->out->n_choices; k++) {
            const int32_t c = w->out->choice[k].choice;
            const int32_t *kept = allocation_kept(a, c, window[i]);
            int32_t *to = allocation_kept(s, c, i);
            int32_t m = 0;
            while (m < allocation_count(a, c, window[i]) && kept[m] <= t) {
                to[m] = kept[m];
                m++;
            }
            s->count[c * n + i] = m;
        }
    }
}

static bool keeps_newest(const struct allocation *s, int32_t choice, int32_t i)
{
    const int32_t n = allocation_count(s, choice, i);
    return n > 0 &&
           allocation_kept(s, choice, i)[n - 1] == allocation_length(s, i) - 1;
}

static enum status add_tokens_of_step(struct walk *w, const int32_t *window)
{
    const int32_t n = w->step.n_sequences;
    enum status status = step_tokens(&w->model, w->question, &w->step, w->err);

    if (status == STATUS_OK)
        status = step_tokens(&w->dense, w->question, &w->all, w->err);
    for (int32_t i = 0; i < n && status == STATUS_OK; i++) {
        const struct cost mine = step_token(&w->model, i);
        const struct cost twin = step_token(&w->dense, i);
        int32_t blocks = 0;
        for (int32_t k = 0; k < w->out->n_choices; k++)
            blocks += keeps_newest(&w->step, w->out->choice[k].choice, i);
        w->own[i] = cost_or_nan(&mine, METRIC_FLOPS);
        w->flops[window[i]] += w->own[i];
        w->dense_flops[window[i]] += cost_or_nan(&twin, METRIC_FLOPS);
        w->seconds[window[i]] += w->now.seconds;
        w->dense_seconds[window[i]] += w->then.seconds;
        status = add_token(w, mine, twin, blocks);
    }
    return status == STATUS_OK
               ? samples_take(&w->out->of[SPREAD_STEP_IMBALANCE],
                      imbalance(w->own, n), 1, w->err)
               : status;
}

static enum status decode_position(struct walk *w, int32_t t, int32_t *window)
{
    set_step(w, t, window);
    enum status status = step_price(&w->now, &w->model, w->question, &w->step,
                                    w->err);
    if (status == STATUS_OK)
        status = price_twin(w, &w->all);
    if (status == STATUS_OK)
        status = add_step(w);
    for (int32_t k = 0; k < w->out->n_choices && status == STATUS_OK; k++) {
        struct choice_spread *c = &w->out->choice[k];
        int32_t rows = 0;
        for (int32_t i = 0; i < w->step.n_sequences; i++)
            rows += keeps_newest(&w->step, c->choice, i);
        status = samples_take(&c->kept, (double)rows / w->step.n_sequences, 1,
                              w->err);
    }
    return status == STATUS_OK ? add_tokens_of_step(w, window) : status;
}

static enum status one_by_one(struct walk *w, double steps)
{
    const int32_t B = w->batch.n_sequences, T = longest_of(&w->batch);
    const int32_t only = w->question->n_tokens;
    int32_t *window = w->scratch + w->batch.n_tokens;    /* [B] */
    enum status status = STATUS_OK;

    for (int32_t b = 0; b < B; b++)
        w->flops[b] = w->dense_flops[b] = w->seconds[b] =
            w->dense_seconds[b] = 0;
    for (int32_t t = only > 0 ? only - 1 : 0;
         t < T && (only == 0 || t < only) && status == STATUS_OK; t++) {
        status = decode_position(w, t, window);
        tell(w, steps);
    }
    for (int32_t b = 0; b < B && only == 0 && status == STATUS_OK; b++)
        status = add_request(w, b);
    return status;
}

/* ---- all batches ---- */

/* Steps of all batches. */
static double steps_of(const struct walk *w, int64_t n_batches, int32_t B)
{
    double steps = 0;

    if (w->question->phase != MEMORY_DECODE || w->question->n_tokens > 0)
        return (double)n_batches;
    for (int64_t i = 0; i < n_batches; i++) {
        int32_t longest = 0;
        for (int32_t b = 0; b < B; b++) {
            const int32_t T = routes_length(w->routes, i * B + b);
            longest = T > longest ? T : longest;
        }
        steps += longest;
    }
    return steps;
}

static enum status walk_batches(struct walk *w)
{
    const int32_t B = w->question->n_sequences;
    const int64_t n = routes_windows(w->routes) / B;
    const double steps = steps_of(w, n, B);
    enum status status = STATUS_OK;

    w->out->n_left_out = routes_windows(w->routes) % B;
    for (int64_t i = 0; i < n && status == STATUS_OK; i++) {
        status = routes_fill(&w->batch, w->routes, i * B, w->err);
        if (status == STATUS_OK) {
            add_positions(w);
            status = w->question->phase == MEMORY_DECODE
                         ? one_by_one(w, steps) : together(w, i * B, steps);
        }
        w->out->n_batches++;
    }
    return status;
}

enum status batches_price(struct batches *out, const struct routes *routes,
                          const struct predict_question *question,
                          const struct rival *rival, batches_progress *at,
                          void *context, struct error *err)
{
    const int32_t B = question->n_sequences, T = routes_longest(routes);
    struct walk w = { .out = out, .routes = routes, .question = question,
                      .rival = rival, .at = at, .context = context,
                      .err = err };

    if (!rival)
        w.against = (struct rival_steps){ (double)NAN, (double)NAN, (double)NAN,
                                          (double)NAN };

    if (B > routes_windows(routes)) {
        error_set(err, STATUS_BAD_VALUE, "--batch %d: there are %lld windows;"
                  " allowed are up to as many", B,
                  (long long)routes_windows(routes));
        return STATUS_BAD_VALUE;
    }
    if (question->phase == MEMORY_DECODE && question->n_tokens > T) {
        error_set(err, STATUS_BAD_VALUE, "--context %d: the longest window has"
                  " %d tokens; allowed are up to as many", question->n_tokens,
                  T);
        return STATUS_BAD_VALUE;
    }
    enum status status = walk_open(&w, B, T);
    if (status == STATUS_OK)
        status = walk_batches(&w);
    walk_close(&w);
    return status;
}

/* ---- waking ---- */

double batches_wakes(const struct choice_spread *c)
{
    return (double)c->woken / (double)c->steps;
}

double batches_wakes_alone(const struct batches *b,
                           const struct choice_spread *c)
{
    const double share = (double)c->kept_tokens / (double)c->tokens;
    double sum = 0, positions = 0;

    for (int32_t n = 1; n <= b->n_sequences; n++) {
        sum += (double)b->active[n] * (1 - pow(1 - share, n));
        positions += (double)b->active[n];
    }
    return sum / positions;
}
