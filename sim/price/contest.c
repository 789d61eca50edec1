/* contest.c - Price rivals, and what lies between two depths. */
#include "sim/price/contest.h"

#include <math.h>

/* ---- pricing ---- */

typedef enum status opener(struct prediction *out,
                           const struct predict_question *question,
                           const struct model_spec *spec, struct error *err);

static enum status open_ends(struct contender *out, opener *open,
                             const struct predict_question *question,
                             const struct rival *rival, struct error *err)
{
    struct error why;
    enum status status = STATUS_OK;
    const bool whole = rival->is_part && question->phase == MEMORY_TRAIN;

    out->rival = *rival;
    out->end[0] = out->end[1] = (struct prediction){ 0 };
    for (int i = 0; i < rival->n_ends && status == STATUS_OK; i++)
        status = open(&out->end[i], question,
                      whole ? &rival->twin : &rival->end[i], &why);
    return status == STATUS_OK
               ? status
               : error_set(err, status, "%s: %s", rival->name, why.text);
}

static void set_range(struct contender *c)
{
    if (c->rival.n_ends > 1)
        c->range = bill_mix(&c->end[0].range, 1 - c->rival.way,
                            &c->end[1].range, c->rival.way);
    else
        c->range = c->end[0].range;
}

enum status contender_open(struct contender *out,
                           const struct predict_question *question,
                           const struct rival *rival, struct error *err)
{
    enum status status = open_ends(out, prediction_open, question, rival, err);

    if (status == STATUS_OK)
        set_range(out);
    return status;
}

void contender_close(struct contender *contender)
{
    prediction_close(&contender->end[0]);
    prediction_close(&contender->end[1]);
}

enum status contest_open(struct contest *out,
                         const struct predict_question *question,
                         const struct rival *rivals, int n, struct error *err)
{
    enum status status = prediction_open(&out->model, question,
                                         &question->spec, err);

    for (out->n = 0; out->n < n && status == STATUS_OK; out->n++)
        status = contender_open(&out->rival[out->n], question, &rivals[out->n],
                                err);
    return status;
}

void contest_close(struct contest *contest)
{
    prediction_close(&contest->model);
    for (int i = 0; i < contest->n; i++)
        contender_close(&contest->rival[i]);
    contest->n = 0;
}

/* ---- again and again ---- */

enum status contest_begin(struct contest *out,
                          const struct predict_question *question,
                          const struct rival *rivals, int n, struct error *err)
{
    enum status status = prediction_begin(&out->model, question,
                                          &question->spec, err);

    for (out->n = 0; out->n < n && status == STATUS_OK; out->n++)
        status = open_ends(&out->rival[out->n], prediction_begin, question,
                           &rivals[out->n], err);
    return status;
}

static enum status price_contender(struct contender *c,
                                   const struct predict_question *question,
                                   struct error *err)
{
    struct error why;
    enum status status = STATUS_OK;

    for (int i = 0; i < c->rival.n_ends && status == STATUS_OK; i++)
        status = prediction_price(&c->end[i], question, &why);
    if (status != STATUS_OK)
        return error_set(err, status, "%s: %s", c->rival.name, why.text);
    if (question->n_draws != NO_DRAWS)
        set_range(c);
    return STATUS_OK;
}

enum status contest_price(struct contest *contest,
                          const struct predict_question *question,
                          struct error *err)
{
    enum status status = prediction_price(&contest->model, question, err);

    for (int i = 0; i < contest->n && status == STATUS_OK; i++)
        status = price_contender(&contest->rival[i], question, err);
    return status;
}

/* ---- between two depths ---- */

static double between(double a, double b, double way)
{
    return a + (b - a) * way;
}

static struct cost sum_of(const struct prediction *p, int pass, int32_t layer,
                          int op)
{
    if (layer >= p->spec.n_layers)
        return (struct cost){ 0 };
    return ledger_sum(p->ledger, pass, layer, LEDGER_ANY, op);
}

/* Work that the shallower one does not do costs it nothing. */
static struct cost cost_between(const struct cost *a, const struct cost *b,
                                double way)
{
    struct cost out = { 0 };

    for (int m = 0; m < METRIC_COUNT; m++) {
        if (!cost_known(b, (enum metric)m))
            continue;
        const double x = cost_known(a, (enum metric)m)
                             ? cost_get(a, (enum metric)m) : 0;
        const double value = between(x, cost_get(b, (enum metric)m), way);
        if (m < METRIC_FIRST_REAL)
            cost_set_count(&out, (enum metric)m, (uint64_t)(value + 0.5),
                           PROV_PREDICTED);
        else
            cost_set_real(&out, (enum metric)m, value, PROV_PREDICTED);
    }
    return out;
}

struct cost contender_total(const struct contender *c)
{
    const struct cost below = prediction_total(&c->end[0]);

    if (c->rival.n_ends < 2)
        return below;
    const struct cost above = prediction_total(&c->end[1]);
    return cost_between(&below, &above, c->rival.way);
}

struct cost contender_sum(const struct contender *c, int pass, int32_t layer,
                          int op)
{
    const struct cost below = sum_of(&c->end[0], pass, layer, op);

    if (c->rival.n_ends < 2)
        return below;
    const struct cost above = sum_of(&c->end[1], pass, layer, op);
    return cost_between(&below, &above, c->rival.way);
}

/* ---- ratios ---- */

struct estimate contest_ratio(const struct contest *contest, int i,
                              enum metric metric)
{
    const struct contender *rival = &contest->rival[i];
    const struct cost a = prediction_total(&contest->model);
    const struct cost b = contender_total(rival);
    const double value = cost_get(&a, metric) / cost_get(&b, metric);
    struct estimate e = { value, value, value };

    if (metric == METRIC_SECONDS || metric == METRIC_JOULES) {
        const struct estimate drawn = bill_ratio(&contest->model.range,
                                                 &rival->range, metric);
        e.low = fmin(value, drawn.low);
        e.high = fmax(value, drawn.high);
    }
    return e;
}

/* ---- memory ---- */

/* Weights that an early exit keeps and does not use. */
static uint64_t idle_bytes(const struct contender *c,
                           const struct hold_question *question)
{
    if (c->rival.kind != RIVAL_EXIT || question->phase == MEMORY_TRAIN)
        return 0;
    struct hold_question whole = *question;
    struct model_spec twin = c->rival.twin;
    if (regime_shard(&twin, question->regime, NULL) != STATUS_OK)
        return 0;
    whole.spec = &twin;
    whole.fixed = NULL;
    const struct hold_question part = prediction_held(&c->end[0], question);
    return hold_of(&whole).bytes[MEMORY_WEIGHTS] -
           hold_of(&part).bytes[MEMORY_WEIGHTS];
}

struct hold contender_hold(const struct contender *c,
                           const struct hold_question *question)
{
    const struct hold_question first = prediction_held(&c->end[0], question);
    const uint64_t idle = idle_bytes(c, question);

    struct hold out = hold_of(&first);
    out.bytes[MEMORY_WEIGHTS] += idle;
    out.total += idle;
    if (c->rival.n_ends < 2)
        return out;
    const struct hold_question second = prediction_held(&c->end[1], question);
    const struct hold above = hold_of(&second);
    out.total = 0;
    for (int k = 0; k < MEMORY_KIND_COUNT; k++) {
        out.bytes[k] = (uint64_t)(between((double)out.bytes[k],
                                          (double)above.bytes[k],
                                          c->rival.way) + 0.5);
        out.total += out.bytes[k];
    }
    return out;
}

typedef int32_t largest(const struct hold_question *question, uint64_t bytes);

static double largest_of(const struct contender *c, largest *of,
                         const struct hold_question *question, uint64_t bytes)
{
    const struct hold_question first = prediction_held(&c->end[0], question);
    const uint64_t idle = idle_bytes(c, question);

    const double below = of(&first, bytes > idle ? bytes - idle : 0);
    if (c->rival.n_ends < 2)
        return below;
    const struct hold_question second = prediction_held(&c->end[1], question);
    return floor(between(below, of(&second, bytes), c->rival.way));
}

double contender_largest_batch(const struct contender *c,
                               const struct hold_question *question,
                               uint64_t bytes)
{
    return largest_of(c, hold_largest_batch, question, bytes);
}

double contender_largest_length(const struct contender *c,
                                const struct hold_question *question,
                                uint64_t bytes)
{
    return largest_of(c, hold_largest_length, question, bytes);
}
