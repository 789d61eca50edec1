/* answer_work.c - Price a model and its rivals in every cell. */
#include "sim/commands/answer_job.h"
#include "sim/core/model/spec_check.h"
#include "sim/price/reasons.h"

#include <math.h>
#include <stdlib.h>

const enum memory_phase answer_phases[ANSWER_PHASES] = {
    MEMORY_TRAIN, MEMORY_FORWARD, MEMORY_DECODE };

/* Of the plane: enough for the tenth and the ninetieth percentile. */
enum { PLANE_DRAWS = 64 };

static const enum metric explained[] = { METRIC_SECONDS, METRIC_JOULES };

struct predict_question answer_question(const struct answer_job *j,
                                        const struct answer_machine *m,
                                        enum memory_phase phase)
{
    const struct answer_options *o = j->options;
    struct predict_question q = {
        .spec = j->file.spec, .machine = &m->machine, .draws = &m->draws,
        .phase = phase,
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

/* `largest`: the largest batch is asked for. */
static struct answer_side side_of_rival(const struct contender *c,
                                        const struct hold_question *q,
                                        const struct machine *machine,
                                        bool largest)
{
    struct answer_side side = {
        .total = contender_total(c),
        .hold = contender_hold(c, q), .largest_batch = NAN,
    };

    side.fit = hold_fit(side.hold.total, machine);
    if (side.fit != FIT_UNKNOWN && largest)
        side.largest_batch = contender_largest_batch(c, q,
            (uint64_t)machine->memory_bytes.low);
    return side;
}

static struct answer_side side_of_model(const struct prediction *p,
                                        const struct hold_question *asked,
                                        const struct machine *machine,
                                        bool largest)
{
    const struct hold_question q = prediction_held(p, asked);
    struct answer_side side = {
        .total = prediction_total(p), .hold = hold_of(&q),
        .largest_batch = NAN,
    };

    side.fit = hold_fit(side.hold.total, machine);
    if (side.fit != FIT_UNKNOWN && largest)
        side.largest_batch = hold_largest_batch(&q,
            (uint64_t)machine->memory_bytes.low);
    return side;
}

/* Why a metric is unknown on this machine, once for all its cells. */
static void note(struct answer_machine *m, const struct regime *regime)
{
    for (size_t i = 0; i < sizeof explained / sizeof *explained; i++)
        reasons_text(m->why[explained[i]], sizeof *m->why, &m->machine, regime,
                     explained[i]);
}

static void compare(struct answer_pair *pair, const struct contest *contest,
                    int rival, const struct doubt_draws *draws)
{
    *pair = (struct answer_pair){
        .flops = contest_ratio(contest, rival, METRIC_FLOPS),
        .seconds = contest_ratio(contest, rival, METRIC_SECONDS),
        .joules = contest_ratio(contest, rival, METRIC_JOULES),
    };
    if (!draws)
        return;
    const struct predict_range *a = &contest->model.range,
                               *b = &contest->rival[rival].range;
    pair->seconds_doubt = doubt_of(draws, a, b, METRIC_SECONDS);
    pair->joules_doubt = doubt_of(draws, a, b, METRIC_JOULES);
}

/* `draws` NULL, of the plane: nobody asks what makes the intervals, for which fewer
 * draws do, nor how large a batch may be. */
static enum status price(struct answer_cell *cell, const struct answer_job *j,
                         struct contest *contest,
                         const struct doubt_draws *draws, struct error *err)
{
    const struct answer_machine *m = &j->machine[cell->machine];
    struct predict_question q = answer_question(j, m,
                                                answer_phases[cell->phase]);

    q.n_sequences = cell->n_sequences;
    q.n_tokens = cell->n_tokens;
    q.n_draws = draws ? BILL_DRAWS : PLANE_DRAWS;
    const struct hold_question h = held(&q, j);
    enum status status = contest_price(contest, &q, err);
    if (status != STATUS_OK)
        return status;
    cell->model = side_of_model(&contest->model, &h, &m->machine, draws);
    for (int r = 0; r < j->n_rivals; r++) {
        cell->rival[r] = side_of_rival(&contest->rival[r], &h, &m->machine,
                                       draws);
        compare(&cell->pair[r], contest, r, draws);
    }
    return status;
}

/* A model that cannot be trained has two phases. */
static int first_phase(const struct answer_job *j)
{
    return *j->untrained ? 1 : 0;
}

/* Phases from the first on. */
static size_t lay_out(struct answer_cell **out, const struct answer_job *j,
                      int first, const struct config_int_list *contexts,
                      const struct config_int_list *batches)
{
    const size_t n = (size_t)j->n_machines * (size_t)(ANSWER_PHASES - first) *
                     (size_t)contexts->n * (size_t)batches->n;
    struct answer_cell *cell = *out = calloc(n, sizeof *cell);

    for (int m = 0; m < j->n_machines && cell; m++)
        for (int p = first; p < ANSWER_PHASES; p++)
            for (int t = 0; t < contexts->n; t++)
                for (int b = 0; b < batches->n; b++)
                    *cell++ = (struct answer_cell){
                        .machine = m, .phase = p,
                        .n_tokens = (int32_t)contexts->value[t],
                        .n_sequences = (int32_t)batches->value[b],
                    };
    return n;
}

/* All cells of a list that are of that phase and machine. */
static enum status price_list(struct answer_cell *cell, size_t n, int phase,
                              int machine, const struct answer_job *j,
                              struct contest *contest,
                              const struct doubt_draws *draws,
                              struct error *err)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        if (cell[i].phase == phase && cell[i].machine == machine)
            status = price(&cell[i], j, contest, draws, err);
    return status;
}

static enum status price_machine(struct answer_job *j, int phase, int machine,
                                 struct contest *contest,
                                 struct doubt_draws *draws, struct error *err)
{
    struct answer_machine *m = &j->machine[machine];
    const struct predict_question q = answer_question(j, m,
                                                      answer_phases[phase]);

    note(m, &q.regime);
    doubt_draw(draws, &m->draws);
    enum status status = price_list(j->cell, j->n_cells, phase, machine, j,
                                    contest, draws, err);
    return status == STATUS_OK
               ? price_list(j->plane, j->n_plane, phase, machine, j, contest,
                            NULL, err)
               : status;
}

static enum status price_phase(struct answer_job *j, int phase,
                               struct contest *contest,
                               struct doubt_draws *draws, struct error *err)
{
    const struct predict_question q = answer_question(j, &j->machine[0],
                                                      answer_phases[phase]);
    enum status status = contest_begin(contest, &q, j->rival, j->n_rivals, err);

    for (int m = 0; m < j->n_machines && status == STATUS_OK; m++)
        status = price_machine(j, phase, m, contest, draws, err);
    contest_close(contest);
    return status;
}

static enum status price_all(struct answer_job *j, struct error *err)
{
    struct contest *contest = calloc(1, sizeof *contest);
    struct doubt_draws *draws = calloc(1, sizeof *draws);
    enum status status = STATUS_OK;

    if (!contest || !draws) {
        free(contest);
        free(draws);
        return error_set(err, STATUS_NO_MEMORY, "no memory for prices");
    }
    for (int p = first_phase(j); p < ANSWER_PHASES && status == STATUS_OK; p++)
        status = price_phase(j, p, contest, draws, err);
    free(contest);
    free(draws);
    return status;
}

/* Powers of two: batches of 1 to 256, and the seven longest contexts. */
static void plane_axes(struct answer_job *j)
{
    enum { N_BATCHES = 9, N_CONTEXTS = 7 };
    struct config_int_list *batches = &j->plane_batches,
                           *contexts = &j->plane_contexts;

    for (int b = 0; b < N_BATCHES; b++)
        batches->value[batches->n++] = INT64_C(1) << b;
    for (int t = N_CONTEXTS - 1; t >= 0; t--)
        if (j->file.spec.max_tokens >> t > 0)
            contexts->value[contexts->n++] = j->file.spec.max_tokens >> t;
}

static enum status serve(struct answer_job *j, const struct rival *model,
                         struct error *err)
{
    enum status status = STATUS_OK;

    for (int m = 0; m < j->n_machines; m++) {
        const struct predict_question q = answer_question(j, &j->machine[m],
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
    struct error why;

    if (spec_check_training(&j->file.spec, &why) != STATUS_OK)
        snprintf(j->untrained, sizeof j->untrained, "%.159s", why.text);
    plane_axes(j);
    j->n_cells = lay_out(&j->cell, j, first_phase(j), &o->contexts,
                         &o->batches);
    j->n_plane = lay_out(&j->plane, j, first_phase(j), &j->plane_contexts,
                         &j->plane_batches);
    j->served = calloc((size_t)j->n_machines, sizeof *j->served);
    if (!j->cell || !j->plane || !j->served)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu cells",
                         j->n_cells + j->n_plane);
    enum status status = price_all(j, err);
    if (status == STATUS_OK)
        status = serve_all(j, err);
    return status == STATUS_OK ? answer_fall(j, err) : status;
}

/* ---- tallies ---- */

const struct estimate *answer_ratio(const struct answer_cell *cell, int rival,
                                    enum metric metric)
{
    const struct answer_pair *pair = &cell->pair[rival];
    return metric == METRIC_FLOPS    ? &pair->flops
           : metric == METRIC_JOULES ? &pair->joules : &pair->seconds;
}

const char *const answer_stands[] = { ANSWER_STAND_MAP(NAMES_WORD) NULL };

enum answer_stand answer_stand(const struct answer_cell *cell, int rival,
                               enum metric metric)
{
    const struct estimate *e = answer_ratio(cell, rival, metric);

    return cell->model.fit == DOES_NOT_FIT ||
                   cell->rival[rival].fit == DOES_NOT_FIT ? STAND_UNFIT
           : isnan(e->value) ? STAND_UNKNOWN
           : e->high < 1     ? STAND_SAVES
           : e->low > 1      ? STAND_COSTS : STAND_OPEN;
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
