/* profile.c - isobath profile: run a model and its dense twin in turns, and set
 * predicted, counted and measured amounts side by side. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hwprof/commands/profile_session.h"
#include "hwprof/measure/validate.h"
#include "models/training/data.h"
#include "models/files/source.h"
#include "sim/core/base/random.h"
#include "sim/price/machine.h"

int profile_command(int argc, char **argv);

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
            status = profile_run(s, &profile_phases[i], &err);
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
