/* contest.c - Price rivals, and what lies between two depths. */
#include "sim/price/contest.h"

#include <math.h>

/* ---- pricing ---- */

enum status contender_open(struct contender *out,
                           const struct predict_question *question,
                           const struct rival *rival, struct error *err)
{
    struct error why;
    enum status status = STATUS_OK;
    const bool whole = rival->is_part && question->phase == MEMORY_TRAIN;

    out->rival = *rival;
    out->end[0] = out->end[1] = (struct prediction){ 0 };
    for (int i = 0; i < rival->n_ends && status == STATUS_OK; i++)
        status = prediction_open(&out->end[i], question,
                                 whole ? &rival->twin : &rival->end[i], &why);
    if (status != STATUS_OK) {
        error_set(err, status, "%s: %s", rival->name, why.text);
        return status;
    }
    if (rival->n_ends > 1)
        out->range = bill_mix(&out->end[0].range, 1 - rival->way,
                              &out->end[1].range, rival->way);
    else
        out->range = out->end[0].range;
    return STATUS_OK;
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
    const struct cost a = ledger_sum(contest->model.ledger, LEDGER_ANY,
                                     LEDGER_ANY, LEDGER_ANY, LEDGER_ANY);
    const struct cost b = contender_sum(rival, LEDGER_ANY, LEDGER_ANY,
                                        LEDGER_ANY);
    const double value = cost_get(&a, metric) / cost_get(&b, metric);

    return metric == METRIC_SECONDS || metric == METRIC_JOULES
               ? bill_ratio(&contest->model.range, &rival->range, metric)
               : (struct estimate){ value, value, value };
}

/* ---- memory ---- */

/* Weights that an early exit keeps and does not use. */
static uint64_t idle_bytes(const struct contender *c,
                           const struct hold_question *question)
{
    struct hold_question whole = *question, part = *question;
    struct model_spec twin = c->rival.twin;

    if (c->rival.kind != RIVAL_EXIT || question->phase == MEMORY_TRAIN ||
        regime_shard(&twin, question->regime, NULL) != STATUS_OK)
        return 0;
    whole.spec = &twin;
    part.spec = &c->end[0].spec;
    return hold_of(&whole).bytes[MEMORY_WEIGHTS] -
           hold_of(&part).bytes[MEMORY_WEIGHTS];
}

struct hold contender_hold(const struct contender *c,
                           const struct hold_question *question)
{
    struct hold_question q = *question;
    const uint64_t idle = idle_bytes(c, question);

    q.spec = &c->end[0].spec;
    struct hold out = hold_of(&q);
    out.bytes[MEMORY_WEIGHTS] += idle;
    out.total += idle;
    if (c->rival.n_ends < 2)
        return out;
    q.spec = &c->end[1].spec;
    const struct hold above = hold_of(&q);
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
    struct hold_question q = *question;
    const uint64_t idle = idle_bytes(c, question);

    q.spec = &c->end[0].spec;
    const double below = of(&q, bytes > idle ? bytes - idle : 0);
    if (c->rival.n_ends < 2)
        return below;
    q.spec = &c->end[1].spec;
    return floor(between(below, of(&q, bytes), c->rival.way));
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
