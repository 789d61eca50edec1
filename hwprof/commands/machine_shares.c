/* machine_shares.c - Time every op of small models; make curves of its rates. */
#include "hwprof/commands/machine_shares.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hwprof/machine/load.h"
#include "models/executor/model.h"
#include "sim/core/base/clock.h"
#include "sim/core/base/random.h"
#include "sim/core/base/stats.h"
#include "sim/core/ledger/meter.h"
#include "sim/price/flops.h"
#include "sim/price/machine.h"

/* ---- what is run ---- */

/* Every second layer routes 12.5 % of its tokens, so that choosing and gathering
 * are seen.  A decoded model has `tokens` before the first step that is timed. */
static const struct shape {
    enum family family;
    int32_t channels, tokens, sequences, vocab;
    bool    decode, quick;
} shapes[] = {
    { FAMILY_GPT2,   16,  16, 1,  256, true,  true  },   /* first: launches */
    { FAMILY_GPT2,   32, 128, 1,  256, false, true  },
    { FAMILY_LLAMA,  64, 128, 4,  256, false, true  },
    { FAMILY_GPT2,  128, 256, 1,  512, false, true  },
    { FAMILY_LLAMA, 128, 256, 8,  256, false, false },
    { FAMILY_GPT2,  256, 256, 4, 1024, false, false },
    { FAMILY_LLAMA, 256, 512, 2,  256, false, false },
    { FAMILY_GPT2,  512, 256, 4,  512, false, false },
    { FAMILY_LLAMA,  64,  64, 1,  256, true,  true  },
    { FAMILY_GPT2,  128, 256, 1,  256, true,  true  },
    { FAMILY_LLAMA, 256, 512, 1, 1024, true,  false },
    { FAMILY_GPT2,  256, 256, 4,  256, true,  false },
    { FAMILY_LLAMA, 256, 128, 16, 256, true,  false },
    { FAMILY_GPT2,  512, 512, 1,  512, true,  false },
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes, N_LAYERS = 4, STEPS = 8,
       ATTEMPTS = 3, POINTS_MAX = 512 };

static struct model_spec spec_of(const struct shape *shape)
{
    const int32_t head = shape->channels < 64 ? 16
                         : shape->channels < 128 ? 32 : 64;
    struct model_spec s = {
        .traits = family_traits[shape->family], .n_layers = N_LAYERS,
        .n_channels = shape->channels, .n_heads = shape->channels / head,
        .n_kv_heads = shape->channels / head, .head_size = head,
        .n_ffn = 4 * shape->channels, .n_vocab = shape->vocab,
        .max_tokens = shape->tokens + STEPS, .tied_head = true,
        .norm_epsilon = 1e-5f, .rope_theta = 10000.0f, .gate = GATE_SIGMOID2,
        .router_scores = true, .router_trained = true,
    };
    for (int32_t l = 1; l < N_LAYERS; l += 2) {
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
    struct timed at[PASS_COUNT][OP_COUNT][2];   /* 1: of one row */
};

static void begin_op(struct meter *meter, const struct op_run *run)
{
    (void)run;
    ((struct time_meter *)meter)->started = clock_seconds();
}

static void end_op(struct meter *meter, const struct op_run *run)
{
    const double now = clock_seconds();
    struct time_meter *m = (struct time_meter *)meter;
    struct timed *t = &m->at[run->pass][run->op][run->n_rows == 1];

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
    bool     keep[N_LAYERS * 16];
    int64_t  step;
};

static enum status runner_open(struct runner *r, const struct shape *shape,
                               int n_threads, struct error *err)
{
    const struct model_spec spec = spec_of(shape);
    const struct model_options options = {
        .n_sequences = shape->sequences, .n_tokens = spec.max_tokens,
        .train = !shape->decode, .decode = shape->decode,
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
    for (int i = 0; i < N_LAYERS * 16; i++)
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
    (r->shape->decode ? decode : train)(r, meter);
}

/* ---- points ---- */

struct points {
    int    n;
    double size[POINTS_MAX];
    double share[POINTS_MAX];    /* flop/s, until they are shares of the peak */
    double seconds[POINTS_MAX];  /* of a step */
    int    shape[POINTS_MAX];
};

struct seen {
    struct points of[WORK_COUNT];
    struct load_prober prober;
    struct load_probe before[N_SHAPES], after[N_SHAPES];
    struct time_meter best;          /* of each op the best step of a shape */
    double launch[OP_COUNT], select[N_SHAPES];
    int    n_launches, n_selects, n_shapes;
    double launch_seconds;
    double peak;                     /* measured; or above it, an op's rate */
};

static void keep_best(struct time_meter *best, const struct time_meter *now)
{
    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++)
            for (int one = 0; one < 2; one++) {
                struct timed *b = &best->at[p][o][one];
                const struct timed *t = &now->at[p][o][one];
                if (t->runs > 0 && (b->runs == 0 || t->seconds < b->seconds))
                    *b = *t;
            }
}

/* An op that is all launch says nothing of its rate. */
static void add_point(struct seen *seen, const struct shape *shape,
                      enum pass pass, enum op op, bool one_row,
                      const struct timed *t)
{
    const double rows = t->rows / t->runs, flops = t->flops / t->runs;
    const double took = t->seconds / t->runs - seen->launch_seconds;
    const enum work work = flops_work(op, pass, shape->decode, one_row);
    struct points *points = &seen->of[work];

    if (took < 0.5 * t->seconds / t->runs)
        return;
    if (op == OP_SELECT && rows > 0)
        seen->select[seen->n_selects++] = rows / took;
    if (!(flops > 0) || points->n == POINTS_MAX)
        return;
    points->shape[points->n] = (int)(shape - shapes);
    points->seconds[points->n] = took * t->runs;
    points->size[points->n] = flops_attends(work)
        ? flops / shape->sequences : flops;
    points->share[points->n++] = flops / took;
    seen->peak = fmax(seen->peak, flops / took);
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

static void take_points(struct seen *seen, const struct shape *shape)
{
    if (shape == shapes) {
        take_launch(seen);
        return;
    }
    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++)
            for (int one = 0; one < 2; one++)
                if (seen->best.at[p][o][one].runs > 0)
                    add_point(seen, shape, (enum pass)p, (enum op)o, one,
                              &seen->best.at[p][o][one]);
}

static enum status run_shape(struct seen *seen, const struct shape *shape,
                             int n_threads, struct error *err)
{
    const int n = seen->n_shapes++;
    struct runner runner;
    enum status status = runner_open(&runner, shape, n_threads, err);

    seen->best = (struct time_meter){ 0 };
    if (status == STATUS_OK)
        step(&runner, NULL);
    for (int attempt = 0; attempt < ATTEMPTS && status == STATUS_OK;
         attempt++) {
        seen->before[n] = load_probe_take(&seen->prober);
        for (int i = 0; i < STEPS; i++) {
            struct time_meter meter = { .meter = { begin_op, end_op, false },
                                        .bracket = bracket_seconds() };
            step(&runner, &meter.meter);
            keep_best(&seen->best, &meter);
        }
        seen->after[n] = load_probe_take(&seen->prober);
        if (load_share(&seen->prober, &seen->before[n], &seen->after[n]) >=
            load_least_share)
            break;
    }
    take_points(seen, shape);
    runner_close(&runner);
    return status;
}

/* ---- curves ---- */

/* The median share of each half decade of sizes. */
static void fit_curve(struct config_real_list *out, const struct points *points)
{
    enum { FIRST = 4, LAST = 26 };     /* 1e2 to 1e13 */

    out->n = 0;
    for (int bin = FIRST; bin <= LAST; bin++) {
        double share[POINTS_MAX], size = 0;
        size_t n = 0;
        for (int i = 0; i < points->n; i++)
            if (lround(2 * log10(points->size[i])) == bin) {
                share[n++] = points->share[i];
                size += log(points->size[i]);
            }
        if (n == 0)
            continue;
        out->value[out->n++] = exp(size / (double)n);
        out->value[out->n++] = stats_median(share, n);
    }
}

/* How far 80 % of the steps are off as wholes, when the curves price their
 * ops: the machine's coefficients err together. */
static struct machine_range scatter(const struct seen *seen,
                                    const struct machine *machine)
{
    double took[N_SHAPES] = { 0 }, priced[N_SHAPES] = { 0 }, ratio[N_SHAPES];
    size_t n = 0;

    for (int w = 0; w < WORK_COUNT; w++)
        for (int i = 0; i < seen->of[w].n && w != WORK_VECTOR; i++) {
            const struct points *p = &seen->of[w];
            took[p->shape[i]] += p->seconds[i];
            priced[p->shape[i]] += p->seconds[i] * p->share[i] /
                machine_efficiency(machine, (enum work)w, p->size[i]);
        }
    for (int s = 0; s < N_SHAPES; s++)
        if (took[s] > 0)
            ratio[n++] = priced[s] / took[s];
    if (n == 0)
        return (struct machine_range){ 1, 1, 1 };
    double low = stats_quantile(ratio, n, 0.1);
    double high = stats_quantile(ratio, n, 0.9);
    return (struct machine_range){ 1, fmin(1, low), fmax(1, high) };
}

static struct machine_range range_of(double *x, int n)
{
    if (n == 0)
        return (struct machine_range){ NAN, NAN, NAN };
    stats_sort(x, (size_t)n);
    double low = x[0], high = x[n - 1];
    return (struct machine_range){ stats_median(x, (size_t)n), low, high };
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
            struct points *all = &seen->of[WORK_VECTOR];
            if (all->n == POINTS_MAX)
                break;
            all->size[all->n] = seen->of[w].size[i];
            all->share[all->n++] = seen->of[w].share[i];
        }
    *out = (struct machine_shares){ .share = 1, .flops_per_second = seen->peak };
    for (int w = 0; w < WORK_COUNT; w++) {
        fit_curve(&machine.efficiency[w], &seen->of[w]);
        if (machine.efficiency[w].n > 0)
            out->curve[out->n_curves++] = (struct machine_curve){
                work_names[w], machine.efficiency[w] };
    }
    out->scale = scatter(seen, &machine);
    out->launch_seconds = range_of(seen->launch, seen->n_launches);
    out->select_rows = range_of(seen->select, seen->n_selects);
    for (int i = 0; i < seen->n_shapes; i++)
        out->share = fmin(out->share, load_share(&seen->prober, &seen->before[i],
                                                 &seen->after[i]));
}

enum status machine_shares_measure(struct machine_shares *out,
                                   const struct peak *peak, bool quick,
                                   struct error *err)
{
    struct seen *seen = calloc(1, sizeof *seen);
    enum status status;

    if (!seen)
        return error_set(err, STATUS_NO_MEMORY, "no memory for rates");
    seen->peak = peak->flops_all.per_second;
    status = load_prober_open(&seen->prober, peak->n_threads, err);
    for (int i = 0; i < N_SHAPES && status == STATUS_OK; i++)
        if (!quick || shapes[i].quick)
            status = run_shape(seen, &shapes[i], peak->n_threads, err);
    if (status == STATUS_OK)
        conclude(out, seen);
    load_prober_close(&seen->prober);
    free(seen);
    return status;
}
