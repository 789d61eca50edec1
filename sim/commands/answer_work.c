/* answer_work.c - Price a model and its rivals in every cell. */
#include "sim/commands/answer_job.h"
#include "sim/core/model/spec_check.h"

#include <math.h>
#include <stdlib.h>

const enum memory_phase answer_phases[ANSWER_PHASES] = {
    MEMORY_TRAIN, MEMORY_FORWARD, MEMORY_DECODE };

static const enum metric explained[] = { METRIC_SECONDS, METRIC_JOULES };

static struct predict_question question_of(const struct answer_job *j,
                                           const struct answer_machine *m,
                                           enum memory_phase phase)
{
    const struct answer_options *o = j->options;
    struct predict_question q = {
        .spec = j->file.spec, .machine = &m->machine, .phase = phase,
        .regime = predict_formats(&j->file, &(struct predict_formats){
            .weights = o->weights, .dtype = (int)m->arithmetic, .kv = o->kv },
            phase),
    };

    q.regime.execution = (enum execution)o->execution;
    return q;
}

/* A prefill holds what the steps behind it read. */
static struct hold_question held(const struct predict_question *q,
                                 const struct answer_job *j)
{
    return (struct hold_question){
        .regime = &q->regime, .n_sequences = q->n_sequences,
        .n_tokens = q->n_tokens, .n_threads = j->options->common.threads,
        .phase = q->phase == MEMORY_FORWARD ? MEMORY_LAST : q->phase,
    };
}

static struct answer_side side_of_rival(const struct contender *c,
                                        const struct hold_question *q,
                                        const struct machine *machine)
{
    struct answer_side side = {
        .total = contender_total(c),
        .hold = contender_hold(c, q), .largest_batch = NAN,
    };

    side.fit = hold_fit(side.hold.total, machine);
    if (side.fit != FIT_UNKNOWN)
        side.largest_batch = contender_largest_batch(c, q,
            (uint64_t)machine->memory_bytes.low);
    return side;
}

static struct answer_side side_of_model(const struct prediction *p,
                                        const struct hold_question *asked,
                                        const struct machine *machine)
{
    struct hold_question q = *asked;
    struct answer_side side = {
        .total = prediction_total(p),
        .largest_batch = NAN,
    };

    q.spec = &p->spec;
    side.hold = hold_of(&q);
    side.fit = hold_fit(side.hold.total, machine);
    if (side.fit != FIT_UNKNOWN)
        side.largest_batch = hold_largest_batch(&q,
            (uint64_t)machine->memory_bytes.low);
    return side;
}

/* Why a metric is unknown on this machine, once for all its cells. */
static void note(struct answer_machine *m, const struct prediction *p)
{
    for (size_t i = 0; i < sizeof explained / sizeof *explained; i++) {
        const char *why = ledger_reason(p->ledger, explained[i]);
        snprintf(m->why[explained[i]], sizeof *m->why, "%s", why ? why : "");
    }
}

static enum status price(struct answer_cell *cell, const struct answer_job *j,
                         struct contest *contest, struct error *err)
{
    struct answer_machine *m = &j->machine[cell->machine];
    struct predict_question q = question_of(j, m, answer_phases[cell->phase]);

    q.n_sequences = cell->n_sequences;
    q.n_tokens = cell->n_tokens;
    const struct hold_question h = held(&q, j);
    enum status status = contest_open(contest, &q, j->rival, j->n_rivals, err);
    if (status == STATUS_OK) {
        note(m, &contest->model);
        cell->model = side_of_model(&contest->model, &h, &m->machine);
    }
    for (int r = 0; r < j->n_rivals && status == STATUS_OK; r++) {
        cell->rival[r] = side_of_rival(&contest->rival[r], &h, &m->machine);
        cell->pair[r] = (struct answer_pair){
            .flops = contest_ratio(contest, r, METRIC_FLOPS),
            .seconds = contest_ratio(contest, r, METRIC_SECONDS),
            .joules = contest_ratio(contest, r, METRIC_JOULES),
        };
    }
    contest_close(contest);
    return status;
}

/* A model that cannot be trained has two phases. */
static int first_phase(const struct answer_job *j)
{
    return *j->untrained ? 1 : 0;
}

static void lay_out(struct answer_job *j)
{
    const struct answer_options *o = j->options;
    struct answer_cell *cell = j->cell;

    for (int m = 0; m < j->n_machines; m++)
        for (int p = first_phase(j); p < ANSWER_PHASES; p++)
            for (int t = 0; t < o->contexts.n; t++)
                for (int b = 0; b < o->batches.n; b++)
                    *cell++ = (struct answer_cell){
                        .machine = m, .phase = p,
                        .n_tokens = (int32_t)o->contexts.value[t],
                        .n_sequences = (int32_t)o->batches.value[b],
                    };
}

static enum status serve(struct answer_job *j, const struct rival *model,
                         struct error *err)
{
    enum status status = STATUS_OK;

    for (int m = 0; m < j->n_machines; m++) {
        const struct predict_question q = question_of(j, &j->machine[m],
                                                      MEMORY_DECODE);
        for (int i = 0; i <= j->n_rivals && status == STATUS_OK; i++)
            status = serving_serve(&j->served[m].by[i], &j->mix,
                                   i == 0 ? model : &j->rival[i - 1], &q, err);
    }
    return status;
}

/* The model is served as any whole rival is. */
static enum status serve_all(struct answer_job *j, struct error *err)
{
    struct rival *model = calloc(1, sizeof *model);

    if (!model)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a model");
    model->end[0] = j->file.spec;
    model->n_ends = 1;
    snprintf(model->name, sizeof model->name, "the model");
    enum status status = serve(j, model, err);
    free(model);
    return status;
}

enum status answer_work_out(struct answer_job *j, struct error *err)
{
    const struct answer_options *o = j->options;
    struct contest *contest = calloc(1, sizeof *contest);
    enum status status = STATUS_OK;
    struct error why;

    if (spec_check_training(&j->file.spec, &why) != STATUS_OK)
        snprintf(j->untrained, sizeof j->untrained, "%.159s", why.text);
    j->n_cells = (size_t)j->n_machines *
                 (size_t)(ANSWER_PHASES - first_phase(j)) *
                 (size_t)o->contexts.n * (size_t)o->batches.n;
    j->cell = calloc(j->n_cells, sizeof *j->cell);
    j->served = calloc((size_t)j->n_machines, sizeof *j->served);
    if (!contest || !j->cell || !j->served) {
        free(contest);
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu cells",
                         j->n_cells);
    }
    lay_out(j);
    for (size_t i = 0; i < j->n_cells && status == STATUS_OK; i++)
        status = price(&j->cell[i], j, contest, err);
    free(contest);
    return status == STATUS_OK ? serve_all(j, err) : status;
}

/* ---- tallies ---- */

const struct estimate *answer_ratio(const struct answer_cell *cell, int rival,
                                    enum metric metric)
{
    const struct answer_pair *pair = &cell->pair[rival];
    return metric == METRIC_FLOPS    ? &pair->flops
           : metric == METRIC_JOULES ? &pair->joules : &pair->seconds;
}

static bool is_better(const struct answer_cell *cell,
                      const struct answer_cell *than, int rival,
                      enum metric metric, bool lower)
{
    if (!than)
        return true;
    const double x = answer_ratio(cell, rival, metric)->value,
                 y = answer_ratio(than, rival, metric)->value;
    return lower ? x < y : x > y;
}

static void count(struct answer_tally *t, const struct answer_cell *cell,
                  int rival, enum metric metric)
{
    const struct estimate *e = answer_ratio(cell, rival, metric);

    if (cell->model.fit == DOES_NOT_FIT)
        t->unfit++;
    else if (cell->rival[rival].fit == DOES_NOT_FIT)
        t->alone++;
    else if (isnan(e->value))
        t->unknown++;
    else {
        t->n++;
        t->saves += e->high < 1;
        t->costs += e->low > 1;
        if (is_better(cell, t->best, rival, metric, true))
            t->best = cell;
        if (is_better(cell, t->worst, rival, metric, false))
            t->worst = cell;
    }
}

struct answer_tally answer_tally(const struct answer_job *j, int phase,
                                 int rival, enum metric metric)
{
    struct answer_tally t = { 0 };

    for (size_t i = 0; i < j->n_cells; i++)
        if (j->cell[i].phase == phase)
            count(&t, &j->cell[i], rival, metric);
    return t;
}
