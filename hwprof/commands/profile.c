/* profile.c - isobath profile: a model and its dense twin, in training,
 * prefill and decoding: predicted, counted and measured side by side. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hwprof/measure/measure_table.h"
#include "hwprof/commands/profile_session.h"
#include "hwprof/measure/profile_table.h"
#include "hwprof/measure/validate.h"
#include "models/training/data.h"
#include "models/files/source.h"
#include "sim/core/base/random.h"
#include "sim/price/machine.h"

int profile_command(int argc, char **argv);

static void arm_close(struct arm *arm)
{
    ledger_close(arm->measured);
    ledger_close(arm->counted);
    ledger_close(arm->predicted);
    measure_close(arm->measure);
    model_close(arm->model);
    free(arm->kept);
    free(arm->step);
}

/* The machine busy for a while, for energy sensors that may be dead. */
static void spin(void *context)
{
    volatile double *sink = context;
    for (double end = clock_seconds() + 0.02; clock_seconds() < end;)
        *sink = *sink + 1.0;
}

/* Before and after a phase: ten windows, each known to 2 %. */
static const double idle_seconds = 1;

static bool decodes(const struct phase *phase)
{
    return phase == &profile_phases[PHASE_DECODE];
}

/* A recorded run in place of counters: DIR/PHASE_ARM.counters, on the machine
 * whose /sys and /proc stand in DIR. */
static enum status use_record(struct measure_options *options,
                              char path[3][FILE_PATH_SIZE],
                              const char *directory, const struct phase *phase,
                              const char *arm, struct error *err)
{
    char name[64];
    enum status status;

    snprintf(name, sizeof name, "%s_%s.counters", phase->file, arm);
    if ((status = file_join(path[0], directory, name, err)) ||
        (status = file_join(path[1], directory, "sys", err)) ||
        (status = file_join(path[2], directory, "proc", err)))
        return status;
    options->backend = &counter_recorded;
    options->trace_path = path[0];
    if (file_exists(path[1]))
        options->sysfs_root = path[1];
    if (file_exists(path[2]))
        options->proc_root = path[2];
    return STATUS_OK;
}

/* A training step has room for what policies with a fixed k keep, no more; and
 * no text that a trace was made of is at hand. */
static enum status check_routing(const struct session *s,
                                 const struct phase *phase, struct error *err)
{
    const struct route_policy *policy = s->source->routing.policy;

    if (policy == route_find("replay"))
        return error_set(err, STATUS_BAD_VALUE, "routing.policy replay: a trace"
                         " belongs to a text, which isobath run scores");
    if (!phase->train)
        return STATUS_OK;
    if (spec_n_routed(&s->source->spec) == 0 || route_trains(policy))
        return spec_check_training(&s->source->spec, err);
    return error_set(err, STATUS_BAD_VALUE, "routing.policy %s: models are not"
                     " trained under it; ask for --phases prefill,decode",
                     policy->name);
}

/* What is simulated has the caches of the simulator, whatever the profile says
 * of them: predict for those.  The first and the last, nothing between. */
static void use_caches(struct machine *machine, const struct cpu_topology *t)
{
    static const enum level level[] = { LEVEL_L1, LEVEL_L2, LEVEL_L3 };

    for (size_t i = 0; i < sizeof level / sizeof *level; i++) {
        double size = (double)cpu_topology_cache(t, (int)i + 1);
        machine->level[level[i]].size_bytes = (struct quantity){
            .value = size, .low = size, .high = size };
    }
    machine->product_lanes = kernels_best()->lanes;
}

static enum status arm_open(struct session *s, const struct phase *phase,
                            struct arm *arm, int which, struct error *err)
{
    static double sink;
    const struct profile_arguments *a = &s->arguments;
    struct model_options model = {
        .n_sequences = (int32_t)a->batch, .n_tokens = (int32_t)a->tokens,
        .train = phase->train, .decode = phase->decode,
        .last_only = phase->decode,
        .n_threads = a->common.threads,
    };
    struct ledger_shape shape = { true, true, s->spec[which].n_layers, 0 };
    struct measure_options measure = {
        .sysfs_root = a->sysfs_root, .n_layers = shape.n_layers,
        .n_tokens = decodes(phase) ? (int32_t)a->steps : 0,
        .n_repeats = (int)a->repeats, .busy = spin, .busy_context = &sink,
        .bare = decodes(phase) || a->validate, .idle_seconds = idle_seconds,
    };
    enum status status = a->record ? use_record(&measure, arm->record,
                                                a->record,
                                                phase, profile_arms[which],
                                                err) : STATUS_OK;

    arm->name = profile_arms[which];
    arm->spec = &s->spec[which];
    if (status != STATUS_OK ||
        (status = check_routing(s, phase, err)) ||
        (status = model_open(&arm->model, arm->spec, &model, err)) ||
        (status = source_fill(s->source, arm->model, (uint64_t)a->seed,
                              err)) ||
        (status = ledger_open(&arm->predicted, shape,
                              cost_zero(PROV_PREDICTED), err)) ||
        (status = ledger_open(&arm->counted, shape, cost_zero(PROV_COUNTED),
                              err)) ||
        (status = ledger_open(&arm->measured, shape, (struct cost){ 0 }, err)))
        return status;
    status = measure_open(&arm->measure, &measure, err);
    if (status == STATUS_OK && s->machine && counter_host())
        use_caches(s->machine, measure_topology(arm->measure));
    return status;
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
    enum status status = decodes(phase) ? profile_count_steps(s, arm, err)
                                        : STATUS_OK;
    return status ? status : phase->predict(s, arm, err);
}

/* One accepted or rejected repeat of whichever pass the arm wants next. */
static bool measure_once(struct session *s, const struct phase *phase,
                         struct arm *arm)
{
    int pass = measure_next(arm->measure);
    struct error err;
    if (pass < 0)
        return false;
    pool_spin(model_pool(arm->model), !measure_counts(arm->measure, pass));
    phase->prepare(s, arm);
    enum status status = measure_begin(arm->measure, pass, &err);
    if (status == STATUS_OK) {
        s->listening = arm->measure;
        phase->work(s, arm, measure_meter(arm->measure));
        s->listening = NULL;
        while (measure_again(arm->measure)) {
            phase->prepare(s, arm);
            measure_resume(arm->measure);
            phase->work(s, arm, NULL);
        }
        status = measure_end(arm->measure, &err);
    }
    if (status != STATUS_OK && s->arguments.validate)
        command_warn("%s, %s: rejected: %s", phase->name, arm->name, err.text);
    return true;
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

/* An arm's seconds are those of whole repeats, with what happens between ops;
 * its ledger's are those of the ops, the cost of the clock taken off. */
static const char *repeats_of(const struct measure *measure)
{
    return isfinite(measure_overhead(measure).bare_seconds)
        ? "whole repeats, without a clock"
        : "whole repeats, with a clock around each op";
}

/* Totals come first: afterwards the ledger holds no amount that is too small
 * to stand by itself. */
static enum status arm_json(const struct session *s,
                            const struct phase *phase, struct arm *arm,
                            json_t **out, struct error *err)
{
    double seconds[MEASURE_REPEAT_MAX], bound[METRIC_COUNT];
    json_t *json = json_pack("{s:s, s:o}", "name", arm->name, "totals",
                             summary_no_totals());
    json_t *range = profile_range(seconds,
        measure_repeats(arm->measure, METRIC_SECONDS, seconds));
    enum status status;
    json_object_set_new(range, "of", json_string(repeats_of(arm->measure)));
    json_object_set_new(json, "seconds", range);
    status = summary_witnesses(json, arm->predicted, arm->counted,
                               arm->measured, err);
    if (status != STATUS_OK) {
        json_decref(json);
        return status;
    }
    measure_mask(arm->measure, arm->measured, bound);
    json_object_set_new(json, "measuring",
                        measure_table_json(arm->measure, bound));
    json_object_set_new(json, "energy", profile_energy(s, phase, arm));
    *out = json;
    return STATUS_OK;
}

/* Keep the first difference between what was predicted and what was counted. */
static void compare(struct session *s, const struct phase *phase,
                    const struct arm *arm)
{
    if (s->differs || agreement(arm->predicted, arm->counted, &s->first))
        return;
    s->differs = arm->name;
    s->differs_in = phase->name;
}

static enum status print_phase(struct session *s, const struct phase *phase,
                               const struct arm *arm, struct error *err)
{
    struct witnesses w = { arm->predicted, arm->counted, arm->measured,
                           arm->measure };
    if (s->arguments.common.quiet)
        return STATUS_OK;
    printf("\n%s, %s: batch %" PRId64 ", %" PRId64 " tokens\n", phase->name,
           arm->name, s->arguments.batch, s->arguments.tokens);
    enum status status = s->arguments.validate
        ? validate_print(stdout, &s->validation, phase->name, arm->name, err)
        : profile_table_print(stdout, &w, err);
    measure_table_print(stdout, arm->measure);
    profile_energy_print(stdout, s, phase, arm);
    return status;
}

static enum status run_phase(struct session *s, const struct phase *phase,
                             struct error *err)
{
    struct arm arm[ARM_COUNT] = { { 0 } };
    /* Without a routed layer the model is its own dense twin. */
    bool routed = spec_n_routed(&s->spec[ARM_MOD]) > 0, more = true;
    int n_arms = routed ? ARM_COUNT : 1;
    json_t *arms = json_array();
    enum status status = STATUS_OK;
    double done = 0;

    for (int i = 0; i < n_arms && status == STATUS_OK; i++) {
        status = arm_open(s, phase, &arm[i], i, err);
        if (status == STATUS_OK)
            status = count(s, phase, &arm[i], err);
    }
    struct progress progress = progress_begin(phase->name, "round",
        status ? 0 : (double)(measure_n_passes(arm[0].measure) *
                              s->arguments.repeats),
        s->arguments.common.quiet);
    while (status == STATUS_OK && more) {
        more = false;
        for (int i = 0; i < n_arms; i++)
            more |= measure_once(s, phase, &arm[i]);
        progress_at(&progress, ++done, "");
        if (command_interrupted)
            status = error_set(err, STATUS_INTERRUPTED, "interrupted in %s;"
                               " phases finished before are written",
                               phase->name);
    }
    progress_end(&progress);
    for (int i = 0; i < n_arms && status == STATUS_OK; i++) {
        json_t *json = NULL;
        measure_finish(arm[i].measure, arm[i].measured, arm[i].predicted);
        if (s->arguments.validate)
            status = validate_phase(&s->validation, &(struct validate_input){
                phase->name, arm[i].name, decodes(phase),
                s->arguments.common.threads, arm[i].predicted, arm[i].counted,
                arm[i].measure }, err);
        if (status != STATUS_OK)
            break;
        compare(s, phase, &arm[i]);
        if ((status = print_phase(s, phase, &arm[i], err)) ||
            (status = arm_json(s, phase, &arm[i], &json, err)) ||
            (status = write_ledgers(s, phase, &arm[i], i, err)))
            break;
        json_array_append_new(arms, json);
    }
    if (status == STATUS_OK) {
        json_t *json = json_pack("{s:s, s:I, s:I, s:I, s:O, s:s}", "name",
            phase->name, "batch", (json_int_t)s->arguments.batch, "tokens",
            (json_int_t)s->arguments.tokens, "steps",
            (json_int_t)(decodes(phase) ? s->arguments.steps : 1),
            "arms", arms, "policy",
            phase->train ? s->source->routing.policy->name
                         : profile_serving(s));
        json_object_set_new(json, "keep_first",
                            json_integer(s->source->spec.keep_first));
        if (routed) {
            json_object_set_new(json, "ratio", profile_paired(arm));
            status = profile_paired_print(phase, arm,
                                          s->arguments.common.quiet, err);
        }
        if (decodes(phase) && status == STATUS_OK) {
            json_object_set_new(json, "tokens_by_kept",
                                profile_tokens(s, arm, n_arms));
            status = profile_tokens_write(s, arm, n_arms, err);
        }
        json_array_append_new(s->phases, json);
    }
    for (int i = 0; i < ARM_COUNT; i++)
        arm_close(&arm[i]);
    json_decref(arms);
    return status;
}

static enum status read_tokens(struct session *s, struct error *err)
{
    struct profile_arguments *a = &s->arguments;
    const size_t n = (size_t)a->batch * (size_t)a->tokens;
    struct random random = random_seeded((uint64_t)a->seed);
    enum status status = STATUS_OK;

    s->ids = calloc(n, sizeof *s->ids);
    s->targets = calloc(n, sizeof *s->targets);
    s->column = calloc((size_t)a->batch, sizeof *s->column);
    if (!s->ids || !s->targets || !s->column)
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
                                          (uint32_t)s->source->spec.n_vocab);
        s->targets[i] = (int32_t)random_below(&random,
                                              (uint32_t)s->source->spec.n_vocab);
    }
    return STATUS_OK;
}

static enum status open_session(struct session *s, struct machine *machine,
                                struct error *err)
{
    struct profile_arguments *a = &s->arguments;
    enum status status = source_read(s->source, a->model, a->common.setting,
                                     a->common.n_settings, err);
    if (status != STATUS_OK ||
        (status = source_keep(s->source, (enum weights)a->weights, err)) != STATUS_OK)
        return status;
    s->spec[ARM_MOD] = s->source->spec;
    s->spec[ARM_DENSE] = spec_dense(&s->source->spec);
    s->has_thresholds = s->source->routing.has_thresholds &&
                        s->source->spec.router_scores;
    if (a->tokens > s->source->spec.max_tokens)
        return error_set(err, STATUS_BAD_VALUE, "--tokens %" PRId64 ": %s"
                         " covers at most %d", a->tokens, a->model,
                         s->source->spec.max_tokens);
    if (a->wanted[PHASE_DECODE] && a->steps >= a->tokens)
        return error_set(err, STATUS_BAD_VALUE, "--steps %" PRId64 ": must be"
                         " below --tokens %" PRId64, a->steps, a->tokens);
    if (a->machine) {
        status = machine_load(machine, a->machine, err);
        if (status != STATUS_OK)
            return status;
        s->machine = machine;
    }
    if (spec_n_routed(&s->spec[ARM_MOD]) == 0 && !a->common.quiet)
        printf("%s routes no layer: it is its own dense twin, and there is "
               "nothing to set it against\n", a->model);
    status = read_tokens(s, err);
    if (status == STATUS_OK)
        status = rundir_open(&s->rundir, a->common.output, err);
    return status;
}

/* By which back end counters were read, for the provenance; NULL: by none. */
static json_t *read_path_of(const json_t *arm)
{
    json_t *paths = json_object_get(json_object_get(arm, "measuring"),
                                    "read_paths"), *path;
    size_t i;

    json_array_foreach(paths, i, path)
        if (json_is_true(json_object_get(path, "chosen")))
            return json_object_get(path, "name");
    return NULL;
}

/* The first phase's MoD arm stands for the run. */
static enum status write_summary(struct session *s, int argc, char **argv,
                                 struct error *err)
{
    struct profile_arguments *a = &s->arguments;
    char weights[SOURCE_WEIGHTS_SIZE];
    source_weights_text(weights, &s->source->spec);
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
    json_t *path = read_path_of(last);
    json_object_set_new(json_object_get(summary, "provenance"),
                        "counters_read_by", path ? json_incref(path)
                                                 : json_null());
    json_object_set_new(summary, "tokens",
                        json_integer(a->batch * a->tokens));
    if (s->machine)
        json_object_set_new(summary, "ceilings", profile_ceilings(s->machine));
    if (a->validate)
        json_object_set_new(summary, "validation",
                            validate_json(&s->validation));
    enum status status = summary_write(&s->rundir, summary, err);
    json_decref(summary);
    if (status == STATUS_OK && a->validate)
        status = validate_write(s->rundir.path, &s->validation, err);
    return status;
}

/* Fail, after the results are out, where counted and predicted differ or a
 * figure is outside of its budget. */
static enum status verdict(const struct session *s, struct error *err)
{
    size_t n = validation_count(&s->validation, VALIDATE_OUTSIDE);
    char text[DISAGREEMENT_SIZE];

    if (s->arguments.validate)
        validate_print_sum(stdout, &s->validation);
    if (s->differs) {
        disagreement_text(text, &s->first);
        return error_set(err, STATUS_FAILED, "counted is not predicted: %s,"
                         " %s, %s", s->differs_in, s->differs, text);
    }
    return n == 0 ? STATUS_OK
                  : error_set(err, STATUS_UNAVAILABLE, "%zu figure%s outside of"
                              " the error budget: see %s/validate.csv", n,
                              n == 1 ? " is" : "s are", s->rundir.path);
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
    { "validate", 'V', NULL, 0, "Check every op and phase against the error"
      " budget of each metric; exit 1 when one is outside", 0 },
    { "recorded", 'C', "DIR", 0, "Counts of a recorded run in place of this"
      " machine's counters: DIR/PHASE_ARM.counters, DIR/sys, DIR/proc", 0 },
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

/* Of profile_phases[]; PHASE_COUNT: no such. */
static int find_phase(const char *name)
{
    int i = 0;
    while (i < PHASE_COUNT && strcmp(profile_phases[i].file, name) != 0)
        i++;
    return i;
}

static void want_phases(struct profile_arguments *a, const char *list,
                        struct argp_state *state)
{
    char copy[64], *rest = copy, *name;
    a->phases_given = true;
    memset(a->wanted, 0, sizeof a->wanted);
    if ((size_t)snprintf(copy, sizeof copy, "%s", list) >= sizeof copy)
        argp_error(state, "--phases %s: too long", list);
    while ((name = strsep(&rest, ","))) {
        int i = find_phase(name);
        if (i < PHASE_COUNT)
            a->wanted[i] = true;
        else
            argp_error(state, "--phases '%s': allowed are train, prefill,"
                       " decode", name);
    }
}

static void want_weights(struct profile_arguments *a, const char *text,
                         struct argp_state *state)
{
    enum weights weights = WEIGHTS_FLOAT32;

    if (!weights_find(&weights, text))
        argp_error(state, "--weights '%s': allowed are float32, stored", text);
    a->weights = weights;
}

/* Which phases there are, where none was asked for; and what cannot be. */
static void check_phases(struct profile_arguments *a, struct argp_state *state)
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
    struct profile_arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->common; return 0;
    case 't': a->text = text; return 0;
    case 'b': a->batch = whole(text, 1, 4096, "batch", state); return 0;
    case 'n': a->tokens = whole(text, 2, 1 << 20, "tokens", state); return 0;
    case 's': a->steps = whole(text, 1, 1 << 20, "steps", state); return 0;
    case 'r':
        a->repeats = whole(text, 1, MEASURE_REPEAT_MAX, "repeats", state);
        return 0;
    case 'p': want_phases(a, text, state); return 0;
    case 'm': a->machine = text; return 0;
    case 'S': a->seed = whole(text, 0, INT64_MAX, "seed", state); return 0;
    case 'V': a->validate = true; return 0;
    case 'C': a->record = text; return 0;
    case 'R': a->sysfs_root = text; return 0;
    case 'w':
        want_weights(a, text, state);
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
        " and decoding.\vMODEL is a run directory or a Hugging Face one, a GGUF"
        " or llama2.c file, or a model YAML file, which gets random weights.",
        children, NULL, NULL,
    };
    struct session *s = calloc(1, sizeof *s);
    struct machine machine;
    struct source source = { 0 };
    struct error err = { 0 };
    enum status status = STATUS_OK;

    if (!s)
        return command_fail(&(struct error){ STATUS_NO_MEMORY, "no memory" });
    s->rundir.lock = -1;
    s->source = &source;
    s->arguments = (struct profile_arguments){
        .batch = 1, .tokens = 256, .steps = 64, .repeats = 20, .seed = 1,
        .wanted = { true, true, true },
    };
    argp_parse(&argp, argc, argv, 0, NULL, &s->arguments);
    command_catch_signals();
    s->phases = json_array();
    status = open_session(s, &machine, &err);
    for (int i = 0; i < PHASE_COUNT && status == STATUS_OK; i++)
        if (s->arguments.wanted[i])
            status = run_phase(s, &profile_phases[i], &err);
    if ((status == STATUS_OK || status == STATUS_INTERRUPTED) &&
        json_array_size(s->phases) > 0) {
        struct error late;
        enum status written = write_summary(s, argc, argv, &late);
        if (status == STATUS_OK && written != STATUS_OK) {
            status = written;
            err = late;
        }
    }
    if (status == STATUS_OK)
        status = verdict(s, &err);
    json_decref(s->phases);
    validation_close(&s->validation);
    free(s->column);
    free(s->targets);
    free(s->ids);
    data_close(s->data);
    if (s->rundir.lock >= 0)
        rundir_close(&s->rundir);
    free(s);
    return status == STATUS_OK ? 0 : command_fail(&err);
}
