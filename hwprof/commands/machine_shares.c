/* machine_shares.c - Time every op of small models; make curves of its rates. */
#include "hwprof/commands/machine_shares.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hwprof/commands/machine_points.h"
#include "hwprof/machine/load.h"
#include "models/executor/model.h"
#include "sim/core/base/clock.h"
#include "sim/core/base/random.h"
#include "sim/core/base/stats.h"
#include "sim/core/ledger/meter.h"
#include "sim/price/flops.h"
#include "sim/price/machine.h"

/* ---- what is run ---- */

/* What a shape is for.  Trained and decoded ones show what ops reach with their
 * operands where a step leaves them; near ones, one layer in the second cache,
 * what products of few rows and queries reach; heads, how attention depends on
 * the size of its heads; the rest, how work waits for operands in the last cache,
 * past it, and between. */
enum use { LAUNCHES, TRAINED, HEADS, DECODED, NEAR, CACHED, BETWEEN, PAST };

/* Of trained and decoded models every second layer routes 12.5 % of its tokens,
 * so that choosing and gathering are seen.  A decoded model has `tokens` before
 * the first step that is timed. */
static const struct shape {
    enum use use;
    enum family family;
    int32_t channels, head, layers, tokens, sequences, vocab;
    bool    quick;
} shapes[] = {
    { LAUNCHES, FAMILY_GPT2,   16, 16, 4,   16,  1,  256, true  },   /* first */
    { TRAINED, FAMILY_GPT2,   32, 16, 4,  128,  1,  256, true  },
    { TRAINED, FAMILY_LLAMA,  64, 32, 4,  128,  4,  256, true  },
    { TRAINED, FAMILY_GPT2,  128, 64, 4,  256,  1,  512, true  },
    { TRAINED, FAMILY_LLAMA, 128, 64, 4,  256,  8,  256, false },
    { TRAINED, FAMILY_GPT2,  256, 64, 4,  256,  4, 1024, false },
    { TRAINED, FAMILY_LLAMA, 256, 64, 4,  512,  2,  256, false },
    { TRAINED, FAMILY_GPT2,  512, 64, 4,  256,  4,  512, false },
    { HEADS,   FAMILY_GPT2,  128, 16, 2,  256,  4,   64, true  },
    { HEADS,   FAMILY_GPT2,  128, 32, 2,  256,  4,   64, true  },
    { HEADS,   FAMILY_GPT2,  128, 64, 2,  256,  4,   64, true  },
    { HEADS,   FAMILY_GPT2,  128, 128, 2, 256,  4,   64, true  },
    { DECODED, FAMILY_LLAMA,  64, 32, 4,   64,  1,  256, true  },
    { DECODED, FAMILY_GPT2,  128, 64, 4,  256,  1,  256, true  },
    { DECODED, FAMILY_GPT2,  256, 64, 4,  256,  4,  256, false },
    { DECODED, FAMILY_LLAMA, 256, 64, 4,  128, 16,  256, false },
    { NEAR,    FAMILY_GPT2,  128, 64, 1,   16,  1,   64, true  },
    { NEAR,    FAMILY_GPT2,  128, 64, 1,   16,  2,   64, true  },
    { NEAR,    FAMILY_GPT2,  128, 64, 1,   16,  3,   64, false },
    { NEAR,    FAMILY_GPT2,  128, 64, 1,   16,  4,   64, true  },
    { NEAR,    FAMILY_GPT2,  128, 64, 1,   16,  5,   64, false },
    { NEAR,    FAMILY_GPT2,  128, 64, 1,   16,  6,   64, false },
    { NEAR,    FAMILY_GPT2,  128, 64, 1,   16,  8,   64, true  },
    { NEAR,    FAMILY_GPT2,  128, 64, 1,   16, 12,   64, false },
    { NEAR,    FAMILY_GPT2,  128, 64, 1,   16, 16,   64, true  },
    { NEAR,    FAMILY_GPT2,  128, 64, 1,   16, 32,   64, false },
    { NEAR,    FAMILY_GPT2,  128, 64, 1,   16, 64,   64, true  },
    { NEAR,    FAMILY_LLAMA,  64, 32, 1,   64,  1,   64, true  },
    { NEAR,    FAMILY_LLAMA,  64, 32, 1,  256,  1,   64, true  },
    { NEAR,    FAMILY_LLAMA,  64, 32, 1, 1024,  1,   64, false },
    { NEAR,    FAMILY_GPT2,   64, 64, 1,   64,  1,   64, false },
    { NEAR,    FAMILY_GPT2,   64, 64, 1,  256,  1,   64, true  },
    { NEAR,    FAMILY_GPT2,   64, 64, 1, 1024,  1,   64, false },
    { CACHED,  FAMILY_GPT2,  128, 64, 4,  256,  1,  256, true  },
    { CACHED,  FAMILY_LLAMA, 128, 32, 4,  128,  4,  256, false },
    { CACHED,  FAMILY_GPT2,  128, 64, 4,   64,  8,  256, false },
    { BETWEEN, FAMILY_GPT2,  256, 64,  3,  64,  1,  256, false },
    { BETWEEN, FAMILY_GPT2,  256, 64,  4,  64,  1,  256, false },
    { BETWEEN, FAMILY_GPT2,  256, 64,  5,  64,  1,  256, true  },
    { BETWEEN, FAMILY_GPT2,  256, 64,  6,  64,  1,  256, false },
    { BETWEEN, FAMILY_GPT2,  256, 64,  8,  64,  1,  256, false },
    { BETWEEN, FAMILY_GPT2,  256, 64, 11,  64,  1,  256, false },
    { BETWEEN, FAMILY_GPT2,  256, 64, 16,  64,  1,  256, false },
    { BETWEEN, FAMILY_GPT2,  256, 64, 24,  64,  1,  256, false },
    { PAST,    FAMILY_GPT2,  512, 64, 12, 128,  1,  512, true  },
    { PAST,    FAMILY_LLAMA, 512, 64, 12, 256,  4,  512, false },
    { PAST,    FAMILY_GPT2,  512, 64, 12, 128, 16,  512, false },
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes, LAYERS_MAX = 24, STEPS = 8,
       ATTEMPTS = 3, SEQUENCES_MAX = 64 };
_Static_assert((int)N_SHAPES <= (int)MACHINE_SHAPES_MAX,
               "more shapes than points have room for");

static bool trains(const struct shape *shape)
{
    return shape->use == TRAINED || shape->use == HEADS;
}

static bool routes(const struct shape *shape)
{
    return shape->use == LAUNCHES || shape->use == TRAINED ||
           shape->use == DECODED;
}

static struct model_spec spec_of(const struct shape *shape)
{
    struct model_spec s = {
        .traits = family_traits[shape->family], .n_layers = shape->layers,
        .n_channels = shape->channels,
        .n_heads = shape->channels / shape->head,
        .n_kv_heads = shape->channels / shape->head, .head_size = shape->head,
        .n_ffn = 4 * shape->channels, .n_vocab = shape->vocab,
        .max_tokens = shape->tokens + STEPS, .tied_head = true,
        .norm_epsilon = 1e-5f, .rope_theta = 10000.0f, .gate = GATE_SIGMOID2,
        .router_scores = true, .router_trained = true,
    };
    for (int32_t l = 1; l < shape->layers && routes(shape); l += 2) {
        s.routed[l] = true;
        s.capacity[l] = 0.125;
    }
    return s;
}

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
    const struct shape *shape;
    struct model *model;
    int32_t *ids;                /* [B,T] */
    bool     keep[LAYERS_MAX * SEQUENCES_MAX];
    int64_t  step;
};

static enum status runner_open(struct runner *r, const struct shape *shape,
                               int n_threads, struct error *err)
{
    const struct model_spec spec = spec_of(shape);
    const struct model_options options = {
        .n_sequences = shape->sequences, .n_tokens = spec.max_tokens,
        .train = trains(shape), .decode = !trains(shape),
        .n_threads = n_threads,
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
    for (int i = 0; i < LAYERS_MAX * SEQUENCES_MAX; i++)
        r->keep[i] = true;
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

/* All sequences keep their tokens in every layer. */
static void decode(struct runner *r, struct meter *meter)
{
    const struct decode_input step = { .ids = r->ids, .keep = r->keep };

    if (model_decoded(r->model, 0) < r->shape->tokens ||
        model_decoded(r->model, 0) >= r->shape->tokens + STEPS) {
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
    (trains(r->shape) ? train : decode)(r, meter);
}

/* ---- points ---- */

struct seen {
    struct machine_points of[WORK_COUNT];
    struct load_prober prober;
    struct load_probe before[N_SHAPES], after[N_SHAPES];
    struct time_meter step[STEPS];   /* of the shape that runs */
    struct time_meter best;          /* of the attempt that took least: medians */
    double launch[OP_COUNT], select[N_SHAPES];
    int    n_launches, n_selects, n_shapes;
    double launch_seconds;
    double peak;                     /* measured; or above it, an op's rate */
};

/* Of each op the median step: what others take of a machine's caches and memory
 * is part of what its work takes here. */
static struct time_meter medians(const struct seen *seen)
{
    struct time_meter out = seen->step[0];

    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++)
            for (int r = 0; r < 2; r++) {
                double seconds[STEPS];
                for (int i = 0; i < STEPS; i++)
                    seconds[i] = seen->step[i].at[p][o][r].seconds;
                out.at[p][o][r].seconds = stats_median(seconds, STEPS);
            }
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

static struct flops_size size_of(const struct shape *shape,
                                 const struct timed *t)
{
    return (struct flops_size){ .flops = t->flops / t->runs,
                                .rows = t->rows / t->runs,
                                .sequences = shape->sequences,
                                .head = shape->head };
}

static enum work work_of(const struct shape *shape, enum pass pass, enum op op,
                         const struct timed *t)
{
    return flops_work(op, pass, !trains(shape), (uint64_t)(t->rows / t->runs));
}

/* An op that is all launch says nothing of its rate; one that waits for operands
 * says nothing of what near ones reach. */
static void add_point(struct seen *seen, const struct shape *shape,
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
        (flops_streams(work) && shape->use != NEAR))
        return;
    points->shape[points->n] = (int)(shape - shapes);
    points->head[points->n] = shape->head;
    points->heads_vary[points->n] = shape->use == HEADS;
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

/* What near work takes when its operands are not: a step of a far shape. */
static void take_far(const struct seen *seen, const struct shape *shape,
                     struct machine_far *far)
{
    struct machine_far_step *step = &far->step[far->n++];

    *step = (struct machine_far_step){ .spec = spec_of(shape),
                                       .n_sequences = shape->sequences,
                                       .n_tokens = shape->tokens + STEPS / 2,
                                       .lies = shape->use == PAST ? LIES_PAST
                                               : shape->use == CACHED
                                                   ? LIES_CACHED
                                                   : LIES_BETWEEN };
    for (int o = 0; o < OP_COUNT; o++)
        for (int r = 0; r < 2; r++) {
            const struct timed *t = &seen->best.at[PASS_FORWARD][o][r];
            if (t->runs > 0 &&
                flops_streams(work_of(shape, PASS_FORWARD, (enum op)o, t)))
                step->seconds[o] += t->seconds;
        }
}

static void take_points(struct seen *seen, const struct shape *shape,
                        struct machine_far *far)
{
    if (shape->use == LAUNCHES) {
        take_launch(seen);
        return;
    }
    if (shape->use >= CACHED)
        take_far(seen, shape, far);
    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++)
            for (int r = 0; r < 2; r++)
                if (seen->best.at[p][o][r].runs > 0)
                    add_point(seen, shape, (enum pass)p, (enum op)o,
                              &seen->best.at[p][o][r]);
}

static enum status run_shape(struct seen *seen, const struct shape *shape,
                             int n_threads, struct machine_far *far,
                             struct error *err)
{
    const int n = seen->n_shapes++;
    double least = HUGE_VAL;
    struct runner runner;
    enum status status = runner_open(&runner, shape, n_threads, err);

    if (status == STATUS_OK)
        step(&runner, NULL);
    for (int attempt = 0; attempt < ATTEMPTS && status == STATUS_OK;
         attempt++) {
        seen->before[n] = load_probe_take(&seen->prober);
        for (int i = 0; i < STEPS; i++) {
            seen->step[i] = (struct time_meter){
                .meter = { begin_op, end_op, false },
                .bracket = bracket_seconds() };
            step(&runner, &seen->step[i].meter);
        }
        seen->after[n] = load_probe_take(&seen->prober);
        const struct time_meter now = medians(seen);
        if (total_seconds(&now) < least)
            seen->best = now;
        least = fmin(least, total_seconds(&now));
        if (load_share(&seen->prober, &seen->before[n], &seen->after[n]) >=
            load_least_share)
            break;
    }
    if (status == STATUS_OK)
        take_points(seen, shape, far);
    runner_close(&runner);
    return status;
}

/* ---- curves ---- */

static struct machine_range range_of(double *x, int n)
{
    if (n == 0)
        return (struct machine_range){ NAN, NAN, NAN };
    stats_sort(x, (size_t)n);
    double low = x[0], high = x[n - 1];
    return (struct machine_range){ stats_median(x, (size_t)n), low, high };
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
        .share = 1, .flops_per_second = seen->peak,
        .serial_caches = { NAN, NAN, NAN }, .serial_memory = { NAN, NAN, NAN } };
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
    out->launch_seconds = range_of(seen->launch, seen->n_launches);
    out->select_rows = range_of(seen->select, seen->n_selects);
    for (int i = 0; i < seen->n_shapes; i++)
        out->share = fmin(out->share, load_share(&seen->prober, &seen->before[i],
                                                 &seen->after[i]));
}

enum status machine_shares_measure(struct machine_shares *out,
                                   struct machine_far *far,
                                   const struct peak *peak, bool quick,
                                   struct error *err)
{
    struct seen *seen = calloc(1, sizeof *seen);
    enum status status;

    if (!seen)
        return error_set(err, STATUS_NO_MEMORY, "no memory for rates");
    far->n = 0;
    seen->peak = peak->flops_all.per_second;
    status = load_prober_open(&seen->prober, peak->n_threads, err);
    for (int i = 0; i < N_SHAPES && status == STATUS_OK; i++)
        if (!quick || shapes[i].quick)
            status = run_shape(seen, &shapes[i], peak->n_threads, far, err);
    if (status == STATUS_OK)
        conclude(out, seen);
    load_prober_close(&seen->prober);
    free(seen);
    return status;
}
