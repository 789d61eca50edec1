/* profile_command.c - isobath profile: a model and its dense twin, in training,
 * prefill and decoding: predicted, counted and measured side by side. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hwprof/measure.h"
#include "hwprof/profile_table.h"
#include "models/data.h"
#include "models/source.h"
#include "reports/stats.h"
#include "sim/core/command.h"
#include "sim/core/random.h"
#include "sim/core/rundir.h"
#include "sim/predict.h"

int profile_command(int argc, char **argv);

enum { ARM_DENSE, ARM_MOD, ARM_COUNT };
static const char *const arm_names[ARM_COUNT] = { "dense", "mod" };

enum { MAX_REPEATS = MEASURE_REPEAT_MAX };

/* One arm of one phase: a model at work, and what is known of it. */
struct arm {
    const struct model_spec *spec;
    struct model   *model;
    struct measure *measure;
    struct ledger  *predicted, *counted, *measured;
    double          seconds[MAX_REPEATS];   /* of time passes, in order */
    int             n_seconds;
};

struct session;
struct phase {
    const char *name, *file;      /* "train step", "train" */
    bool        train, decode;
    /* The work that is measured, and what must come before it. */
    void      (*prepare)(struct session *s, struct arm *arm);
    void      (*work)(struct session *s, struct arm *arm, struct meter *meter);
    enum status (*predict)(struct session *s, struct arm *arm,
                           struct error *err);
};

struct arguments {
    struct command_options common;
    const char *model, *text, *machine, *sysfs_root;
    int64_t     batch, tokens, steps, repeats, seed;
    enum weights weights;
    bool        wanted[3], phases_given;
};

struct session {
    struct arguments  arguments;
    struct source     source;
    struct model_spec spec[ARM_COUNT];
    struct machine    machine;
    bool              has_machine, has_thresholds;
    struct rundir     rundir;
    struct data      *data;
    int32_t          *ids, *targets;
    int32_t          *column;     /* [B] one step's tokens */
    bool             *keep;       /* [L,B] */
    json_t           *phases;
};

/* Training: forward, backward and an update that moves nothing, so that every
 * pass does the same work on the same weights. */
static void prepare_nothing(struct session *s, struct arm *arm)
{
    (void)s;
    (void)arm;
}

static void work_train(struct session *s, struct arm *arm, struct meter *meter)
{
    double loss;
    struct model_input input = {
        .ids = s->ids, .targets = s->targets,
        .n_sequences = (int32_t)s->arguments.batch,
        .n_tokens = (int32_t)s->arguments.tokens,
        .policy = s->source.routing.policy, .seed = 1, .train = true,
    };
    struct update still = { .beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-8,
                            .clip = 1.0, .step = 1 };
    model_forward(arm->model, &input, meter, &loss);
    model_backward(arm->model, meter);
    model_update(arm->model, &still, meter);
}

static struct predict_job job_of(struct session *s, struct arm *arm,
                                 const struct allocation *allocation)
{
    return (struct predict_job){ arm->spec, allocation,
                                 s->has_machine ? &s->machine : NULL };
}

static enum status predict_train(struct session *s, struct arm *arm,
                                 struct error *err)
{
    struct predict_job job = job_of(s, arm, model_allocation(arm->model));
    return predict_train_step(arm->predicted, &job, NULL, err);
}

/* The causal rule where training left thresholds; else tokens drawn for each
 * layer and sequence by itself: they cost what the capacity says, and sequences
 * of a batch do not skip a block together. */
static const struct route_policy *serving_policy(const struct session *s)
{
    return route_find(s->has_thresholds ? "threshold" : "random");
}

static bool drawn(const struct session *s, int32_t layer, int64_t sequence,
                  int64_t token, double capacity)
{
    struct random random = random_seeded(random_mix(
        (uint64_t)s->arguments.seed, (uint64_t)layer, (uint64_t)sequence,
        (uint64_t)token));
    return random_uniform(&random) < capacity;
}

static void prefill(struct session *s, struct arm *arm, int32_t n_tokens,
                    struct meter *meter)
{
    struct model_input input = {
        .ids = s->ids, .n_sequences = (int32_t)s->arguments.batch,
        .n_tokens = n_tokens, .policy = serving_policy(s),
        .seed = (uint64_t)s->arguments.seed, .cache = true,
    };
    model_forward(arm->model, &input, meter, NULL);
}

static void prepare_reset(struct session *s, struct arm *arm)
{
    (void)s;
    model_decode_reset(arm->model);
}

static void work_prefill(struct session *s, struct arm *arm,
                         struct meter *meter)
{
    prefill(s, arm, (int32_t)s->arguments.tokens, meter);
}

static enum status predict_prefill(struct session *s, struct arm *arm,
                                   struct error *err)
{
    struct predict_job job = job_of(s, arm, model_allocation(arm->model));
    return predict_forward(arm->predicted, &job, PREDICT_HEAD, NULL, err);
}

/* Decoding: the last `steps` of `tokens` one by one, after the rest at once. */
static void prepare_decode(struct session *s, struct arm *arm)
{
    model_decode_reset(arm->model);
    prefill(s, arm, (int32_t)(s->arguments.tokens - s->arguments.steps), NULL);
}

static void decode_one(struct session *s, struct arm *arm, int64_t at,
                       struct meter *meter)
{
    const struct model_spec *spec = arm->spec;
    const int64_t b = s->arguments.batch;
    for (int64_t i = 0; i < b; i++)
        s->column[i] = s->ids[i * s->arguments.tokens + at];
    for (int32_t l = 0; l < spec->n_layers; l++)
        for (int64_t i = 0; i < b; i++)
            s->keep[l * b + i] = drawn(s, l, i, at, spec->capacity[l]);
    struct decode_input step = {
        .ids = s->column, .keep = s->has_thresholds ? NULL : s->keep,
    };
    model_decode(arm->model, &step, meter);
}

static void work_decode(struct session *s, struct arm *arm, struct meter *meter)
{
    for (int64_t t = s->arguments.tokens - s->arguments.steps;
         t < s->arguments.tokens; t++)
        decode_one(s, arm, t, meter);
}

/* Again, step by step: each step's keys are those after it. */
static enum status predict_steps(struct session *s, struct arm *arm,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    prepare_decode(s, arm);
    for (int64_t t = s->arguments.tokens - s->arguments.steps;
         t < s->arguments.tokens && status == STATUS_OK; t++) {
        struct allocation held;
        decode_one(s, arm, t, NULL);
        status = allocation_open(&held, arm->spec->n_layers,
                                 (int32_t)s->arguments.batch, (int32_t)t + 1,
                                 err);
        if (status != STATUS_OK)
            break;
        model_decode_allocation(arm->model, NULL, &held);
        struct predict_job job = job_of(s, arm, &held);
        status = predict_decode(arm->predicted, &job, NULL, err);
        allocation_close(&held);
    }
    return status;
}

static const struct phase phases[] = {
    { "train step", "train", true, false, prepare_nothing, work_train,
      predict_train },
    { "prefill", "prefill", false, true, prepare_reset, work_prefill,
      predict_prefill },
    { "decode step", "decode", false, true, prepare_decode, work_decode,
      predict_steps },
};
enum { N_PHASES = sizeof phases / sizeof *phases };

static void arm_close(struct arm *arm)
{
    ledger_close(arm->measured);
    ledger_close(arm->counted);
    ledger_close(arm->predicted);
    measure_close(arm->measure);
    model_close(arm->model);
}

/* The machine busy for a while, for energy sensors that may be dead. */
static void spin(void *context)
{
    volatile double *sink = context;
    for (double end = clock_seconds() + 0.02; clock_seconds() < end;)
        *sink = *sink + 1.0;
}

static enum status arm_open(struct session *s, const struct phase *phase,
                            struct arm *arm, int which, struct error *err)
{
    static double sink;
    const struct arguments *a = &s->arguments;
    struct model_options model = {
        .n_sequences = (int32_t)a->batch, .n_tokens = (int32_t)a->tokens,
        .train = phase->train, .decode = phase->decode,
        .n_threads = a->common.threads,
    };
    struct ledger_shape shape = { true, true, s->spec[which].n_layers, 0 };
    struct measure_options measure = {
        .sysfs_root = a->sysfs_root, .n_layers = shape.n_layers,
        .n_repeats = (int)a->repeats, .busy = spin, .busy_context = &sink,
    };
    enum status status;

    arm->spec = &s->spec[which];
    if ((status = model_open(&arm->model, arm->spec, &model, err)) ||
        (status = source_fill(&s->source, arm->model, (uint64_t)a->seed,
                              err)) ||
        (status = ledger_open(&arm->predicted, shape,
                              cost_zero(PROV_PREDICTED), err)) ||
        (status = ledger_open(&arm->counted, shape, cost_zero(PROV_COUNTED),
                              err)) ||
        (status = ledger_open(&arm->measured, shape, (struct cost){ 0 }, err)))
        return status;
    return measure_open(&arm->measure, &measure, err);
}

/* Warm up, count and price: the same run. */
static enum status count(struct session *s, const struct phase *phase,
                         struct arm *arm, struct error *err)
{
    struct ledger_meter meter = ledger_meter(arm->counted);
    phase->prepare(s, arm);
    phase->work(s, arm, NULL);
    phase->prepare(s, arm);
    phase->work(s, arm, &meter.meter);
    if (meter.status != STATUS_OK)
        return error_set(err, meter.status, "the tally of %s overflowed",
                         phase->name);
    return phase->predict(s, arm, err);
}

/* One accepted or rejected repeat of whichever pass the arm wants next. */
static bool measure_once(struct session *s, const struct phase *phase,
                         struct arm *arm)
{
    int pass = measure_next(arm->measure);
    struct error err;
    if (pass < 0)
        return false;
    phase->prepare(s, arm);
    if (measure_begin(arm->measure, pass, &err) != STATUS_OK)
        return true;
    double started = clock_seconds();
    phase->work(s, arm, measure_meter(arm->measure));
    double seconds = clock_seconds() - started;
    if (measure_end(arm->measure, &err) == STATUS_OK && pass == 0 &&
        arm->n_seconds < MAX_REPEATS)
        arm->seconds[arm->n_seconds++] = seconds;
    return true;
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *range_json(const double *x, int n)
{
    struct difference d = stats_median_interval(x, (size_t)n);
    return json_pack("{s:o, s:o, s:o, s:i}", "median", number(d.mean), "low",
                     number(d.low), "high", number(d.high), "n", n);
}

static enum status write_ledgers(struct session *s, const struct phase *phase,
                                 const struct arm *arm, int which,
                                 struct error *err)
{
    char name[64], path[FILE_PATH_SIZE];
    struct file_writer file;
    snprintf(name, sizeof name, "ledger_%s%s.csv", phase->file,
             which == ARM_DENSE ? "_dense" : "");
    enum status status = file_join(path, s->rundir.path, name, err);
    if (status == STATUS_OK)
        status = file_create(&file, path, err);
    if (status != STATUS_OK)
        return status;
    ledger_write_header(file.stream, false);
    if ((status = ledger_write(arm->predicted, "predicted", file.stream, err)) ||
        (status = ledger_write(arm->counted, "counted", file.stream, err)) ||
        (status = ledger_write(arm->measured, "measured", file.stream, err))) {
        file_abandon(&file);
        return status;
    }
    return file_commit(&file, err);
}

static enum status arm_json(struct arm *arm, int which, json_t **out,
                            struct error *err)
{
    json_t *json = json_pack("{s:s, s:o}", "name", arm_names[which], "totals",
                             summary_no_totals());
    enum status status;
    json_object_set_new(json, "seconds",
                        range_json(arm->seconds, arm->n_seconds));
    if ((status = summary_totals(json, "predicted", arm->predicted, err)) ||
        (status = summary_totals(json, "counted", arm->counted, err)) ||
        (status = summary_totals(json, "measured", arm->measured, err)))
        return status;
    *out = json;
    return STATUS_OK;
}

static double total(const struct ledger *ledger, enum metric metric)
{
    struct cost sum = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    return cost_get(&sum, metric);
}

/* MoD over dense, pair by pair. */
static json_t *ratio_json(const struct phase *phase, struct arm arm[ARM_COUNT])
{
    const struct arm *dense = &arm[ARM_DENSE], *mod = &arm[ARM_MOD];
    int n = dense->n_seconds < mod->n_seconds ? dense->n_seconds
                                              : mod->n_seconds;
    double ratio[MAX_REPEATS];
    for (int i = 0; i < n; i++)
        ratio[i] = mod->seconds[i] / dense->seconds[i];
    double flops = total(mod->counted, METRIC_FLOPS) /
                   total(dense->counted, METRIC_FLOPS);
    double bytes = total(mod->counted, METRIC_BYTES) /
                   total(dense->counted, METRIC_BYTES);
    double joules = total(mod->predicted, METRIC_JOULES) /
                    total(dense->predicted, METRIC_JOULES);
    struct difference d = stats_median_interval(ratio, (size_t)n);
    printf("%-12s flops %5.1f %%   bytes %5.1f %%   time %5.1f %%  [%.1f, %.1f]"
           "   joules %s%.1f %%%s\n", phase->name, 100 * flops, 100 * bytes,
           100 * d.mean, 100 * d.low, 100 * d.high,
           isfinite(joules) ? "" : "- ", isfinite(joules) ? 100 * joules : 0.0,
           isfinite(joules) ? " (modelled)" : "");
    return json_pack("{s:f, s:f, s:o, s:o}", "flops", flops, "bytes", bytes,
                     "seconds", range_json(ratio, n), "joules", number(joules));
}

static void print_phase(struct session *s, const struct phase *phase,
                        const struct arm *arm, int which)
{
    struct witnesses w = { arm->predicted, arm->counted, arm->measured };
    char text[256];
    if (s->arguments.common.quiet)
        return;
    printf("\n%s, %s: batch %" PRId64 ", %" PRId64 " tokens\n", phase->name,
           arm_names[which], s->arguments.batch, s->arguments.tokens);
    profile_table_print(stdout, &w);
    if (profile_table_differs(&w, arm->spec->n_layers, text, sizeof text))
        command_warn("%s", text);
}

static enum status run_phase(struct session *s, const struct phase *phase,
                             struct error *err)
{
    struct arm arm[ARM_COUNT] = { { 0 } };
    bool routed = spec_n_routed(&s->spec[ARM_MOD]) > 0, more = true;
    int n_arms = routed ? ARM_COUNT : 1;
    json_t *arms = json_array();
    enum status status = STATUS_OK;
    struct progress progress = progress_begin(phase->name, "repeat",
        (double)(n_arms * s->arguments.repeats), s->arguments.common.quiet);

    for (int i = 0; i < n_arms && status == STATUS_OK; i++) {
        status = arm_open(s, phase, &arm[i], i, err);
        if (status == STATUS_OK)
            status = count(s, phase, &arm[i], err);
    }
    while (status == STATUS_OK && more) {
        more = false;
        for (int i = 0; i < n_arms; i++)
            more |= measure_once(s, phase, &arm[i]);
        progress_at(&progress, arm[0].n_seconds + arm[n_arms - 1].n_seconds,
                    "");
        if (command_interrupted)
            status = error_set(err, STATUS_INTERRUPTED, "interrupted in %s;"
                               " phases finished before are written",
                               phase->name);
    }
    progress_end(&progress);
    for (int i = 0; i < n_arms && status == STATUS_OK; i++) {
        json_t *json = NULL;
        measure_finish(arm[i].measure, arm[i].measured);
        print_phase(s, phase, &arm[i], i);
        if ((status = write_ledgers(s, phase, &arm[i], i, err)) ||
            (status = arm_json(&arm[i], i, &json, err)))
            break;
        json_array_append_new(arms, json);
    }
    if (status == STATUS_OK) {
        json_t *json = json_pack("{s:s, s:I, s:I, s:I, s:O, s:s}", "name",
            phase->name, "batch", (json_int_t)s->arguments.batch, "tokens",
            (json_int_t)s->arguments.tokens, "steps",
            (json_int_t)(phase->work == work_decode ? s->arguments.steps : 1),
            "arms", arms, "policy",
            phase->train ? s->source.routing.policy->name
                         : serving_policy(s)->name);
        if (routed)
            json_object_set_new(json, "ratio", ratio_json(phase, arm));
        json_array_append_new(s->phases, json);
    }
    for (int i = 0; i < ARM_COUNT; i++)
        arm_close(&arm[i]);
    json_decref(arms);
    return status;
}

static enum status read_tokens(struct session *s, struct error *err)
{
    struct arguments *a = &s->arguments;
    const size_t n = (size_t)a->batch * (size_t)a->tokens;
    struct random random = random_seeded((uint64_t)a->seed);
    enum status status = STATUS_OK;

    s->ids = calloc(n, sizeof *s->ids);
    s->targets = calloc(n, sizeof *s->targets);
    s->column = calloc((size_t)a->batch, sizeof *s->column);
    s->keep = calloc((size_t)a->batch * SPEC_MAX_LAYERS, sizeof *s->keep);
    if (!s->ids || !s->targets || !s->column || !s->keep)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu tokens", n);
    if (a->text) {
        status = data_open(&s->data, a->text, (int32_t)a->tokens, err);
        if (status == STATUS_OK)
            data_batch(s->data, SPLIT_VALIDATION, &random, (int32_t)a->batch,
                       s->ids, s->targets);
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        s->ids[i] = (int32_t)random_below(&random,
                                          (uint32_t)s->source.spec.n_vocab);
        s->targets[i] = (int32_t)random_below(&random,
                                              (uint32_t)s->source.spec.n_vocab);
    }
    return STATUS_OK;
}

static enum status open_session(struct session *s, struct error *err)
{
    struct arguments *a = &s->arguments;
    enum status status = source_read(&s->source, a->model, a->common.setting,
                                     a->common.n_settings, err);
    if (status != STATUS_OK ||
        (status = source_keep(&s->source, a->weights, err)) != STATUS_OK)
        return status;
    s->spec[ARM_MOD] = s->source.spec;
    s->spec[ARM_DENSE] = spec_dense(&s->source.spec);
    s->has_thresholds = s->source.routing.has_thresholds &&
                        s->source.spec.router_scores;
    if (a->tokens > s->source.spec.max_tokens)
        return error_set(err, STATUS_BAD_VALUE, "--tokens %" PRId64 ": %s"
                         " covers at most %d", a->tokens, a->model,
                         s->source.spec.max_tokens);
    if (a->steps >= a->tokens)
        return error_set(err, STATUS_BAD_VALUE, "--steps %" PRId64 ": must be"
                         " below --tokens %" PRId64, a->steps, a->tokens);
    if (a->machine) {
        status = machine_load(&s->machine, a->machine, err);
        if (status != STATUS_OK)
            return status;
        s->has_machine = true;
    }
    status = read_tokens(s, err);
    if (status == STATUS_OK)
        status = rundir_open(&s->rundir, a->common.output, err);
    return status;
}

/* The first phase's MoD arm stands for the run. */
static enum status write_summary(struct session *s, int argc, char **argv,
                                 struct error *err)
{
    struct arguments *a = &s->arguments;
    char weights[SOURCE_WEIGHTS_SIZE];
    source_weights_text(weights, &s->source.spec);
    json_t *config = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s?}", "model",
        a->model, "weights", weights, "batch", (json_int_t)a->batch, "tokens",
        (json_int_t)a->tokens, "decode_steps", (json_int_t)a->steps, "repeats",
        (json_int_t)a->repeats, "machine", a->machine);
    json_t *summary = summary_open("profile", config, provenance_json(
        argc, argv, a->common.threads, a->seed, kernels_best()->name, a->text,
        s->data ? data_hash(s->data) : NULL));
    if (!summary)
        return error_set(err, STATUS_NO_MEMORY, "no memory");
    json_t *phase = json_array_get(s->phases, 0);
    json_t *arms = json_object_get(phase, "arms");
    json_t *last = json_array_get(arms, json_array_size(arms) - 1);
    json_object_set(summary, "totals", json_object_get(last, "totals"));
    json_object_set(summary, "phases", s->phases);
    json_object_set_new(summary, "tokens",
                        json_integer(a->batch * a->tokens));
    enum status status = summary_write(&s->rundir, summary, err);
    json_decref(summary);
    return status;
}

static const struct argp_option options[] = {
    { "text", 't', "FILE", 0, "Tokens from the held-out part of this text"
      " (default: random ones)", 0 },
    { "batch", 'b', "B", 0, "Sequences at once (1)", 0 },
    { "tokens", 'n', "T", 0, "Tokens of a sequence (256)", 0 },
    { "steps", 's', "N", 0, "Decoding: the last N of the tokens, one by one"
      " (64)", 0 },
    { "repeats", 'r', "N", 0, "Repeats of every pass, arms in turns (20)", 0 },
    { "phases", 'p', "LIST", 0, "Of train,prefill,decode (all)", 0 },
    { "machine", 'm', "FILE", 0, "Profile for predicted seconds and joules",
      0 },
    { "seed", 'S', "N", 0, "Of tokens and, without weights, of the model (1)",
      0 },
    { "weights", 'w', "float32|stored", 0, "Widen matrices when they are read"
      " (default), or keep them as the file stores them; such cannot be"
      " trained, so then the default phases are prefill,decode", 0 },
    { "sysfs-root", 'R', "DIR", OPTION_HIDDEN, "A recorded /sys", 0 },
    { 0 },
};

static int64_t whole(const char *text, int64_t low, int64_t high,
                     const char *name, struct argp_state *state)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || value < low || value > high)
        argp_error(state, "--%s %s: allowed is %" PRId64 " to %" PRId64, name,
                   text, low, high);
    return value;
}

/* Of phases[]; N_PHASES: no such. */
static int find_phase(const char *name)
{
    int i = 0;
    while (i < N_PHASES && strcmp(phases[i].file, name) != 0)
        i++;
    return i;
}

static void want_phases(struct arguments *a, const char *list,
                        struct argp_state *state)
{
    char copy[64], *rest = copy, *name;
    a->phases_given = true;
    memset(a->wanted, 0, sizeof a->wanted);
    if ((size_t)snprintf(copy, sizeof copy, "%s", list) >= sizeof copy)
        argp_error(state, "--phases %s: too long", list);
    while ((name = strsep(&rest, ","))) {
        int i = find_phase(name);
        if (i < N_PHASES)
            a->wanted[i] = true;
        else
            argp_error(state, "--phases '%s': allowed are train, prefill,"
                       " decode", name);
    }
}

/* Which phases there are, where none was asked for; and what cannot be. */
static void check_phases(struct arguments *a, struct argp_state *state)
{
    const int train = find_phase("train");

    if (a->weights == WEIGHTS_FLOAT32)
        return;
    if (!a->phases_given)
        a->wanted[train] = false;
    else if (a->wanted[train])
        argp_error(state, "--phases train: weights kept as stored cannot be"
                   " trained; leave --weights out");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->common; return 0;
    case 't': a->text = text; return 0;
    case 'b': a->batch = whole(text, 1, 4096, "batch", state); return 0;
    case 'n': a->tokens = whole(text, 2, 1 << 20, "tokens", state); return 0;
    case 's': a->steps = whole(text, 1, 1 << 20, "steps", state); return 0;
    case 'r':
        a->repeats = whole(text, 1, MAX_REPEATS, "repeats", state);
        return 0;
    case 'p': want_phases(a, text, state); return 0;
    case 'm': a->machine = text; return 0;
    case 'S': a->seed = whole(text, 0, INT64_MAX, "seed", state); return 0;
    case 'R': a->sysfs_root = text; return 0;
    case 'w':
        if (!weights_find(&a->weights, text))
            argp_error(state, "--weights '%s': allowed are float32, stored",
                       text);
        return 0;
    case ARGP_KEY_ARG:
        if (a->model)
            argp_error(state, "one MODEL, not also '%s'", text);
        a->model = text;
        return 0;
    case ARGP_KEY_END:
        if (!a->model)
            argp_error(state, "which MODEL? a run directory or a model YAML");
        if (!a->common.output)
            argp_error(state, "where to? give -o DIR");
        check_phases(a, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int profile_command(int argc, char **argv)
{
    static const struct argp_child children[] = {
        { &command_argp, 0, NULL, 0 }, { 0 }
    };
    static const struct argp argp = {
        options, parse, "MODEL -o DIR",
        "Run a model and its dense twin in turns and set predicted, counted"
        " and measured side by side, per layer and op, in training, prefill"
        " and decoding.\vMODEL is a run directory with weights, or a model"
        " YAML file, which gets random ones.", children, NULL, NULL,
    };
    struct session *s = calloc(1, sizeof *s);
    struct error err = { 0 };
    enum status status = STATUS_OK;

    if (!s)
        return command_fail(&(struct error){ STATUS_NO_MEMORY, "no memory" });
    s->rundir.lock = -1;
    s->arguments = (struct arguments){
        .batch = 1, .tokens = 256, .steps = 64, .repeats = 20, .seed = 1,
        .wanted = { true, true, true },
    };
    argp_parse(&argp, argc, argv, 0, NULL, &s->arguments);
    command_catch_signals();
    s->phases = json_array();
    status = open_session(s, &err);
    for (int i = 0; i < N_PHASES && status == STATUS_OK; i++)
        if (s->arguments.wanted[i])
            status = run_phase(s, &phases[i], &err);
    if ((status == STATUS_OK || status == STATUS_INTERRUPTED) &&
        json_array_size(s->phases) > 0) {
        struct error late;
        enum status written = write_summary(s, argc, argv, &late);
        if (status == STATUS_OK && written != STATUS_OK) {
            status = written;
            err = late;
        }
    }
    json_decref(s->phases);
    free(s->keep);
    free(s->column);
    free(s->targets);
    free(s->ids);
    data_close(s->data);
    if (s->rundir.lock >= 0)
        rundir_close(&s->rundir);
    free(s);
    return status == STATUS_OK ? 0 : command_fail(&err);
}
