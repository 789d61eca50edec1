/* machine_shares.c - Time every op of small models; make curves of its rates. */
#include "hwprof/commands/machine_shares.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hwprof/commands/machine_points.h"
#include "hwprof/commands/machine_shape.h"
#include "hwprof/machine/load_watch.h"
#include "models/executor/model.h"
#include "sim/core/answer/progress.h"
#include "sim/core/base/clock.h"
#include "sim/core/base/random.h"
#include "sim/core/base/stats.h"
#include "sim/core/ledger/meter.h"
#include "sim/price/flops.h"
#include "sim/price/machine.h"

/* ---- the clock around an op ---- */

struct timed { double seconds, flops, rows; int runs; };

struct time_meter {
    struct meter meter;          /* first: downcast */
    double started, bracket;     /* seconds of reading the clock */
    struct timed at[PASS_COUNT][OP_COUNT][2];   /* 1: of a layer that routes */
};

/* The cell of an op: layers that route have other rows. */
static struct timed *cell_of(struct time_meter *m, const struct op_run *run)
{
    return &m->at[run->pass][run->op][run->layer >= 0 && run->layer % 2 == 1];
}

static void begin_op(struct meter *meter, const struct op_run *run)
{
    (void)run;
    ((struct time_meter *)meter)->started = clock_seconds();
}

static void end_op(struct meter *meter, const struct op_run *run)
{
    const double now = clock_seconds();
    struct time_meter *m = (struct time_meter *)meter;
    struct timed *t = cell_of(m, run);

    t->seconds += now - m->started - m->bracket;
    t->flops += (double)run->total.flops;
    t->rows += run->n_rows;
    t->runs++;
}

/* The least that two readings lie apart. */
static double bracket_seconds(void)
{
    double least = HUGE_VAL;

    for (int i = 0; i < 1000; i++) {
        double from = clock_seconds();
        least = fmin(least, clock_seconds() - from);
    }
    return least;
}

/* ---- a model ---- */

struct runner {
    const struct machine_shape *shape;
    struct model *model;
    int32_t *ids;                /* [B,T] */
    bool     keep[MACHINE_LAYERS_MAX * MACHINE_SEQUENCES_MAX];
    int64_t  step;
};

static enum status runner_open(struct runner *r,
                               const struct machine_shape *shape,
                               int n_threads, struct error *err)
{
    const struct model_spec spec = machine_shape_spec(shape);
    const struct model_options options = {
        .n_sequences = shape->sequences, .n_tokens = spec.max_tokens,
        .train = machine_shape_trains(shape),
        .decode = !machine_shape_trains(shape), .n_threads = n_threads,
    };
    const size_t n = (size_t)shape->sequences * (size_t)spec.max_tokens;
    struct random random = random_seeded(1);

    *r = (struct runner){ .shape = shape };
    enum status status = model_open(&r->model, &spec, &options, err);
    if (status != STATUS_OK)
        return status;
    model_init(r->model, INIT_GPT2, 1);
    r->ids = calloc(n, sizeof *r->ids);
    if (!r->ids)
        return error_set(err, STATUS_NO_MEMORY, "no memory for tokens");
    for (size_t i = 0; i < n; i++)
        r->ids[i] = (int32_t)random_below(&random, (uint32_t)spec.n_vocab);
    return STATUS_OK;
}

static void runner_close(struct runner *r)
{
    model_close(r->model);
    free(r->ids);
}

static void train(struct runner *r, struct meter *meter)
{
    const struct model_input input = {
        .ids = r->ids, .targets = r->ids,
        .n_sequences = r->shape->sequences, .n_tokens = r->shape->tokens,
        .policy = route_find("expert_choice"), .seed = 1, .train = true,
    };
    const struct update update = {
        .learning_rate = 1e-5, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8,
        .weight_decay = 0.1, .clip = 1.0, .step = ++r->step,
    };
    double loss;

    model_forward(r->model, &input, meter, &loss);
    model_backward(r->model, meter);
    (void)model_update(r->model, &update, meter);
}

/* The routed layers of all sequences keep a token in each period together. */
static void decode(struct runner *r, struct meter *meter)
{
    const struct decode_input step = { .ids = r->ids, .keep = r->keep };
    const int32_t first = r->shape->tokens,
                  decoded = model_decoded(r->model, 0),
                  room = r->shape->period + machine_shape_steps(r->shape);

    for (int i = 0; i < MACHINE_LAYERS_MAX * MACHINE_SEQUENCES_MAX; i++)
        r->keep[i] = decoded % r->shape->period == 0;
    if (decoded < first || decoded >= first + room) {
        const struct model_input before = {
            .ids = r->ids, .n_sequences = r->shape->sequences,
            .n_tokens = r->shape->tokens, .cache = true, .last_only = true,
            .policy = route_find("expert_choice"), .seed = 1,
        };
        model_decode_reset(r->model);
        model_forward(r->model, &before, NULL, NULL);
    }
    model_decode(r->model, &step, meter);
}

static void step(struct runner *r, struct meter *meter)
{
    (machine_shape_trains(r->shape) ? train : decode)(r, meter);
}

/* ---- points ---- */

struct seen {
    struct machine_points of[WORK_COUNT];
    struct load_watch watch;
    double ends;                     /* when the clock says so */
    struct time_meter step[MACHINE_STEPS];   /* of the shape that runs */
    struct time_meter best;          /* of the attempt that took least: medians */
    bool   busy[USE_COUNT];          /* while a shape of that use ran */
    double launch[OP_COUNT], select[MACHINE_SHAPES_MAX];
    int    n_launches, n_selects, n_steps;
    double launch_seconds;
    double peak;                     /* measured; or above it, an op's rate */
};

/* Over the steps that it ran in. */
static struct timed median_of(const struct seen *seen, int n_steps, int pass,
                              int op, int routed)
{
    struct timed out = { .runs = 0 };
    double seconds[MACHINE_STEPS];
    size_t n = 0;

    for (int i = 0; i < n_steps; i++) {
        const struct timed *t = &seen->step[i].at[pass][op][routed];
        if (t->runs == 0)
            continue;
        seconds[n++] = t->seconds;
        out = *t;
    }
    if (n > 0)
        out.seconds = stats_median(seconds, n);
    return out;
}

/* Of each op the median step: what others take of a machine's caches and memory
 * is part of what its work takes here. */
static struct time_meter medians(const struct seen *seen, int n_steps)
{
    struct time_meter out = seen->step[0];

    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++)
            for (int r = 0; r < 2; r++)
                out.at[p][o][r] = median_of(seen, n_steps, p, o, r);
    return out;
}

static double total_seconds(const struct time_meter *meter)
{
    double sum = 0;

    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++)
            sum += meter->at[p][o][0].seconds + meter->at[p][o][1].seconds;
    return sum;
}

static struct flops_size size_of(const struct machine_shape *shape,
                                 const struct timed *t)
{
    return (struct flops_size){ .flops = t->flops / t->runs,
                                .rows = t->rows / t->runs,
                                .sequences = shape->sequences,
                                .head = shape->head };
}

static enum work work_of(const struct machine_shape *shape, enum pass pass,
                         enum op op, const struct timed *t)
{
    const struct model_spec spec = machine_shape_spec(shape);
    return flops_work_stored(flops_work(op, pass, !machine_shape_trains(shape),
                                        (uint64_t)(t->rows / t->runs)),
                             &spec, op == OP_HEAD ? LEDGER_OUTSIDE : 0, op);
}

/* An op that is all launch says nothing of its rate; one that waits for operands
 * says nothing of what near ones reach. */
static void add_point(struct seen *seen, const struct machine_shape *shape,
                      enum pass pass, enum op op, const struct timed *t)
{
    const struct flops_size size = size_of(shape, t);
    const double took = t->seconds / t->runs - seen->launch_seconds;
    const enum work work = work_of(shape, pass, op, t);
    struct machine_points *points = &seen->of[work];

    if (took < 0.5 * t->seconds / t->runs)
        return;
    if (op == OP_SELECT && size.rows > 0)
        seen->select[seen->n_selects++] = size.rows / took;
    if (!(size.flops > 0) || points->n == MACHINE_POINTS_MAX ||
        (flops_streams(work) && shape->use != USE_NEAR &&
         shape->use != USE_QUERY && shape->use != USE_STORED8 &&
         shape->use != USE_STORED4))
        return;
    points->shape[points->n] = (int)(shape - machine_shapes);
    points->head[points->n] = shape->head;
    points->heads[points->n] = machine_shape_spec(shape).n_heads;
    points->heads_vary[points->n] = shape->use == USE_HEADS ||
                                    shape->use == USE_QUERY;
    points->seconds[points->n] = took * t->runs;
    points->size[points->n] = flops_size_of(work, &size);
    points->share[points->n++] = size.flops / took;
    seen->peak = fmax(seen->peak, size.flops / took);
}

/* The first shape's ops are too small to take longer than their launch. */
static void take_launch(struct seen *seen)
{
    double sorted[OP_COUNT];
    int n = 0;

    for (int o = 0; o < OP_COUNT; o++) {
        const struct timed *t = &seen->best.at[PASS_FORWARD][o][1];
        if (t->runs > 0 && t->seconds > 0)
            seen->launch[n++] = t->seconds / t->runs;
    }
    memcpy(sorted, seen->launch, sizeof sorted);
    seen->n_launches = n;
    seen->launch_seconds = n ? stats_median(sorted, (size_t)n) : 0;
}

/* What near work takes when its operands are not: a step of a far shape, which
 * comes after all near ones. */
static void take_far(const struct seen *seen, const struct machine_shape *shape,
                     struct machine_far *far)
{
    struct machine_far_step *step = &far->step[far->n++];

    *step = (struct machine_far_step){
        .id = (int)(shape - machine_shapes), .spec = machine_shape_spec(shape), .n_sequences = shape->sequences,
        .n_tokens = shape->tokens + machine_shape_steps(shape) / 2,
        .lies = shape->use >= USE_PAST      ? LIES_PAST
                : shape->use == USE_CACHED  ? LIES_CACHED
                : shape->use == USE_SELDOM  ? LIES_SELDOM : LIES_BETWEEN,
        .period = shape->period,
        .busy = seen->busy[shape->use] || seen->busy[USE_NEAR] };
    /* Of a model whose layers are all like those that are seldom entered. */
    const bool seldom = step->lies == LIES_SELDOM;
    memset(step->spec.routed, 0, sizeof step->spec.routed);
    for (int o = 0; o < OP_COUNT; o++)
        for (int r = seldom; r < 2; r++) {
            const struct timed *t = &seen->best.at[PASS_FORWARD][o][r];
            if (t->runs > 0 &&
                flops_streams(work_of(shape, PASS_FORWARD, (enum op)o, t)))
                step->seconds[o] += seldom ? t->seconds / t->runs * shape->layers
                                           : t->seconds;
        }
}

static void take_points(struct seen *seen, const struct machine_shape *shape,
                        struct machine_far *far)
{
    if (shape->use == USE_LAUNCHES) {
        take_launch(seen);
        return;
    }
    if (shape->use >= USE_SELDOM)
        take_far(seen, shape, far);
    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++)
            for (int r = 0; r < 2; r++)
                if (seen->best.at[p][o][r].runs > 0)
                    add_point(seen, shape, (enum pass)p, (enum op)o,
                              &seen->best.at[p][o][r]);
}

/* The probes before a run lasted so long that others took the last cache: what a
 * layer left there is told by how long it was not entered alone. */
static void warm(struct runner *runner)
{
    if (runner->shape->use != USE_SELDOM)
        return;
    model_decode_reset(runner->model);
    for (int i = 0; i < runner->shape->period; i++)
        step(runner, NULL);
}

/* The steps that come before the clock says `ends`, one at least. */
static int run_steps(struct seen *seen, struct runner *runner, double ends)
{
    int n = 0;

    while (n == 0 || (n < machine_shape_steps(runner->shape) &&
                      clock_seconds() < ends)) {
        seen->step[n] = (struct time_meter){
            .meter = { begin_op, end_op, false },
            .bracket = bracket_seconds() };
        step(runner, &seen->step[n++].meter);
    }
    return n;
}

/* Again, a few times, while others run or a turn of theirs would be all that was
 * seen, and while there is time. */
static bool run_attempts(struct seen *seen, struct runner *runner, double ends)
{
    enum { ATTEMPTS = 3 };
    static const double turn_seconds = 10e-3;
    double least = HUGE_VAL, took = 0;
    bool busy = true;

    for (int i = 0; (busy || took < turn_seconds) && i < ATTEMPTS &&
                    (i == 0 || clock_seconds() < ends); i++) {
        load_watch_begin(&seen->watch);
        warm(runner);
        const int n = run_steps(seen, runner, ends);
        busy &= load_watch_end(&seen->watch).busy;
        const struct time_meter now = medians(seen, n);
        if (total_seconds(&now) < least)
            seen->best = now;
        least = fmin(least, total_seconds(&now));
        took += n * total_seconds(&now);
        seen->n_steps += n;
    }
    return busy;
}

static enum status run_shape(struct seen *seen, const struct machine_shape *shape,
                             double ends, int n_threads, struct machine_far *far,
                             struct error *err)
{
    struct runner runner;
    enum status status = runner_open(&runner, shape, n_threads, err);

    if (status == STATUS_OK) {
        step(&runner, NULL);
        seen->busy[shape->use] |= run_attempts(seen, &runner, ends);
        take_points(seen, shape, far);
    }
    runner_close(&runner);
    return status;
}

/* What others take of the last cache comes in bursts of seconds: what lies there,
 * or may, is looked at three times. */
enum { ROUNDS = 3 };
static bool goes_by(const struct machine_effort *effort,
                    const struct machine_shape *shape, int round)
{
    return effort->quick ? round == 0 && shape->quick
                         : round == 0 || (shape->use >= USE_SELDOM &&
                                          shape->use <= USE_BETWEEN);
}

/* Each has its part of the time that is left; what the short ones leave of theirs
 * the later ones have. */
static enum status run_shapes(struct seen *seen,
                              const struct machine_effort *effort, int n_threads,
                              struct machine_far *far, struct error *err)
{
    const double ends = clock_seconds() + effort->seconds;
    enum status status = STATUS_OK;
    int n = 0, done = 0;

    for (int i = 0; i < ROUNDS * machine_n_shapes; i++)
        n += goes_by(effort, &machine_shapes[i % machine_n_shapes],
                     i / machine_n_shapes);
    struct progress progress = progress_begin("measuring", "model", n,
                                              effort->quiet);
    for (int i = 0; i < ROUNDS * machine_n_shapes && status == STATUS_OK; i++) {
        const struct machine_shape *shape = &machine_shapes[i % machine_n_shapes];
        if (!goes_by(effort, shape, i / machine_n_shapes))
            continue;
        progress_at(&progress, done, "");
        const double now = clock_seconds();
        status = run_shape(seen, shape, now + (ends - now) / (n - done++),
                           n_threads, far, err);
    }
    progress_end(&progress);
    return status;
}

/* ---- curves ---- */

static struct machine_range range_of(double *x, int n, bool busy)
{
    if (n == 0)
        return MACHINE_RANGE_UNKNOWN;
    stats_sort(x, (size_t)n);
    double low = x[0], high = x[n - 1];
    return (struct machine_range){ stats_median(x, (size_t)n), low, high, busy };
}

static void add_curve(struct machine_shares *out, const char *name,
                      const struct config_real_list *points)
{
    if (points->n > 0)
        out->curve[out->n_curves++] = (struct machine_curve){ name, *points };
}

/* Every kind of work that was seen, and the vectors' together, which the others
 * fall back on. */
static void conclude(struct machine_shares *out, struct seen *seen)
{
    static struct machine machine;     /* large; of it the curves alone */
    const struct machine_query query =
        machine_points_query(&seen->of[WORK_QUERY]);

    for (int w = 0; w < WORK_COUNT; w++)
        for (int i = 0; i < seen->of[w].n; i++)
            seen->of[w].share[i] /= seen->peak;
    for (int w = WORK_NORM; w < WORK_COUNT; w++)
        for (int i = 0; i < seen->of[w].n; i++) {
            struct machine_points *all = &seen->of[WORK_VECTOR];
            if (all->n == MACHINE_POINTS_MAX)
                break;
            all->size[all->n] = seen->of[w].size[i];
            all->share[all->n++] = seen->of[w].share[i];
        }
    *out = (struct machine_shares){
        .flops_per_second = seen->peak, .n_steps = seen->n_steps,
        .aging = MACHINE_RANGE_UNKNOWN };
    out->half_head_query = query.half;
    out->query_head_seconds = query.head_seconds;
    out->half_head = machine_points_half(&seen->of[WORK_ATTEND]);
    out->half_head_backward = machine_points_half(&seen->of[WORK_ATTEND_BACK]);
    machine_points_level(&seen->of[WORK_ATTEND], out->half_head.value);
    machine_points_level(&seen->of[WORK_ATTEND_BACK],
                         out->half_head_backward.value);
    for (int w = 0; w < WORK_COUNT; w++) {
        machine_points_curve(&machine.efficiency[w], &seen->of[w], (enum work)w);
        add_curve(out, work_names[w], &machine.efficiency[w]);
    }
    out->scale = machine_points_scatter(seen->of, &machine);
    out->launch_seconds = range_of(seen->launch, seen->n_launches,
                                   seen->busy[USE_LAUNCHES]);
    out->select_rows = range_of(seen->select, seen->n_selects,
                                seen->busy[USE_TRAINED] ||
                                    seen->busy[USE_DECODED]);
    out->half_head.busy = out->half_head_backward.busy = seen->busy[USE_HEADS];
    out->half_head_query.busy = out->query_head_seconds.busy =
        seen->busy[USE_QUERY];
    for (int u = 0; u < USE_COUNT; u++)
        out->scale.busy |= seen->busy[u];
}

enum status machine_shares_measure(struct machine_shares *out,
                                   struct machine_far *far,
                                   const struct peak *peak,
                                   const struct machine_effort *effort,
                                   struct error *err)
{
    struct seen *seen = calloc(1, sizeof *seen);
    enum status status;

    if (!seen)
        return error_set(err, STATUS_NO_MEMORY, "no memory for rates");
    far->n = 0;
    seen->peak = peak->flops_all.per_second;
    status = load_watch_open(&seen->watch, peak->n_threads, err);
    if (status == STATUS_OK)
        status = run_shapes(seen, effort, peak->n_threads, far, err);
    if (status == STATUS_OK)
        conclude(out, seen);
    load_watch_close(&seen->watch);
    free(seen);
    return status;
}
