/* profile.c - isobath profile: run a model and its dense twin in turns, and set
 * predicted, counted and measured amounts side by side. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hwprof/commands/profile_job.h"
#include "hwprof/measure/validate.h"
#include "models/training/data.h"
#include "models/files/source.h"
#include "sim/commands/commands.h"
#include "sim/commands/rival_load.h"
#include "sim/core/answer/json.h"
#include "sim/core/base/random.h"
#include "sim/core/config/model_config.h"
#include "sim/price/machine.h"
#include "sim/price/memory.h"

static enum status read_tokens(struct profile_job *s, struct error *err)
{
    struct profile_arguments *a = &s->arguments;
    const size_t n = (size_t)a->batch * (size_t)a->tokens;
    const uint32_t n_vocab = (uint32_t)s->source->spec.n_vocab;
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
        s->ids[i] = (int32_t)random_below(&random, n_vocab);
        s->targets[i] = (int32_t)random_below(&random, n_vocab);
    }
    return STATUS_OK;
}

/* What nobody asked for is no more than the model covers. */
static void fit_tokens(struct profile_arguments *a, int64_t most)
{
    enum { TOKENS = 256, STEPS = 64 };

    if (a->tokens == 0)
        a->tokens = most < TOKENS ? most : TOKENS;
    if (a->steps == 0)
        a->steps = a->tokens > STEPS ? STEPS : a->tokens - 1;
}

static enum status open_session(struct profile_job *s, struct machine *machine,
                                struct error *err)
{
    struct profile_arguments *a = &s->arguments;
    enum status status = source_read(s->source, a->model, a->common.setting,
                                     a->common.n_settings, err);
    if (status != STATUS_OK ||
        (status = source_keep(s->source, (enum weights)a->weights, err)))
        return status;
    s->spec[ARM_MOD] = s->source->spec;
    /* The only arm of a model that routes no layer is the model, exits and all. */
    s->spec[ARM_DENSE] = spec_n_routed(&s->source->spec) > 0
                             ? spec_dense(&s->source->spec) : s->source->spec;
    s->has_thresholds = s->source->routing.has_thresholds &&
                        s->source->spec.router_scores;
    fit_tokens(a, s->source->spec.max_tokens);
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
    if ((status = profile_rival_open(s, err)) != STATUS_OK)
        return status;
    if (spec_n_routed(&s->spec[ARM_MOD]) == 0 && !s->rival && !a->common.quiet)
        printf("%s routes no layer: there is no dense twin to set it against"
               "\n", a->model);
    status = read_tokens(s, err);
    if (status == STATUS_OK)
        status = load_prober_open(&s->prober, (int)a->common.threads, err);
    if (status == STATUS_OK)
        status = rundir_open_anew(&s->rundir, a->common.output, "profile",
                                 err);
    return status;
}

json_t *profile_ceilings(const struct machine *machine)
{
    json_t *json = json_pack("{s:s, s:I, s:o}", "machine", machine->name,
        "cores", (json_int_t)machine->cores, "flops_per_second",
        quantity_json(machine_peak(machine, PRECISION_FP32)));

    for (int i = 0; i < LEVEL_COUNT; i++) {
        char key[32];
        if (!machine_has_level(machine, (enum level)i))
            continue;
        snprintf(key, sizeof key, "%s_bytes_per_second", level_names[i]);
        json_object_set_new(json, key,
                            quantity_json(&machine->level[i].bytes_per_second));
    }
    return json;
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
static enum status write_summary(struct profile_job *s, bool interrupted,
                                 struct error *err)
{
    struct profile_arguments *a = &s->arguments;
    char weights[SOURCE_WEIGHTS_SIZE], stored[SOURCE_WEIGHTS_SIZE];

    source_weights_text(weights, &s->source->spec);
    source_stored_text(stored, s->source);
    json_t *config = json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:s?}", "model",
        a->model, "weights", weights, "stored_weights",
        json_reason(stored), "batch", (json_int_t)a->batch, "tokens",
        (json_int_t)a->tokens, "decode_steps", (json_int_t)a->steps, "repeats",
        (json_int_t)a->repeats, "machine", a->machine);
    json_t *summary = summary_open("profile", config, provenance_json(
        a->common.argc, a->common.argv, a->common.threads, a->seed,
        kernels_best()->name, a->text, s->data ? data_hash(s->data) : NULL));
    if (!summary)
        return error_set(err, STATUS_NO_MEMORY, "no memory");
    if (interrupted)
        json_object_set_new(summary, "status", json_string("interrupted"));
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
    json_object_set_new(summary, "model", summary_model(&s->source->spec));
    json_object_set_new(summary, "parameters", json_integer(
        (json_int_t)memory_parameters(&s->source->spec)));
    if (s->machine)
        json_object_set_new(summary, "ceilings", profile_ceilings(s->machine));
    if (a->validate)
        json_object_set_new(summary, "validation",
                            validate_json(&s->validation));
    enum status status = a->validate
        ? validate_write(s->rundir.path, &s->validation, err) : STATUS_OK;
    if (status == STATUS_OK)
        status = rundir_finish(&s->rundir, summary, err);
    if (status == STATUS_OK && a->common.format == FORMAT_JSON)
        status = json_print(summary, stdout, err);
    json_decref(summary);
    return status;
}

/* Fail, after the results are out, where counted and predicted differ or a
 * figure is outside of its budget. */
static enum status verdict(const struct profile_job *s, struct error *err)
{
    size_t n = validation_count(&s->validation, VALIDATE_OUTSIDE);
    char text[DISAGREEMENT_SIZE];

    if (s->arguments.validate && s->arguments.common.format == FORMAT_TEXT)
        validate_print_sum(stdout, &s->validation);
    if (s->differs) {
        disagreement_text(text, &s->first);
        return error_set(err, STATUS_FAILED, "counted and predicted differ: %s,"
                         " %s, %s", s->differs_in, s->differs, text);
    }
    return n == 0 ? STATUS_OK
                  : error_set(err, STATUS_UNAVAILABLE, "%zu figure%s outside of"
                              " the error budget: see %s/validate.csv", n,
                              n == 1 ? " is" : "s are", s->rundir.path);
}

/* The tables are files in DIR, so there is no CSV to print. */
static const char *const formats[] = { "text", "json", NULL };

const char *const profile_counters[] = { "perf", "rdpmc", "papi", "likwid",
                                         "callgrind", "recorded", NULL };

#define PROFILE(name, argument, TYPE, member, ...)                             \
    FLAG(name, argument, NULL, TYPE, struct profile_arguments, member,         \
         __VA_ARGS__)
static const struct flag flags[] = {
    FLAG_OPERAND("MODEL", NULL, "a run directory or one of Hugging Face, a GGUF"
        " or llama2.c file, or a model YAML, which gets random weights"),
    FLAG_REPLACED("DIR", NULL, "the directory for ledgers, tokens.csv and"
        " summary.json"),
    PROFILE("--text", "FILE", TEXT, text, 0, 0, "", NULL, NULL, "take the"
        " tokens from the held-out part of this text; without it, they are"
        " random"),
    PROFILE("--batch", "B", INT, batch, 1, 4096, "1", NULL, NULL,
        "how many sequences are processed at once"),
    PROFILE("--tokens", "T", INT, tokens, 2, 1 << 20, "", NULL, NULL,
        "how many tokens a sequence has; not given: 256, or as many as the"
        " model covers"),
    PROFILE("--steps", "N", INT, steps, 1, 1 << 20, "", NULL, NULL,
        "decode the last N of the tokens, one by one; not given: 64, or all"
        " but the first"),
    PROFILE("--repeats", "N", INT, repeats, 1, MEASURE_REPEAT_MAX, "20", NULL,
        NULL, "how often every pass is repeated, the model and its dense twin"
        " in turns"),
    PROFILE("--phases", "LIST", TEXT, phases, 0, 0, "", NULL, NULL,
        "measure these of train, prefill and decode, with commas between them;"
        " without it, all that the model can do"),
    PROFILE("--machine", "FILE", TEXT, machine, 0, 0, "", NULL, NULL,
        "machine profile to predict seconds and joules with"),
    PROFILE("--against", "RIVAL", TEXT, against, 0, 0, "", NULL, NULL, "run a"
        " rival in turns with them, with weights that are drawn, and of a depth"
        " between whole ones the nearest: " RIVAL_HELP),
    PROFILE("--seed", "N", INT, seed, 0, 1e15, "1", NULL, NULL, "seed of random"
        " tokens, and of the weights of a model that has none"),
    PROFILE("--weights", "HOW", CHOICE, weights, 0, 0, "float32", weights_names,
        NULL, "widen matrices when they are read, or keep them as the file"
        " stores them; matrices that are kept so cannot be trained, so there is"
        " no phase train"),
    PROFILE("--validate", NULL, BOOL, validate, 0, 0, "", NULL, NULL, "check"
        " every op and phase against the error budget of each metric, and exit"
        " with 1 where one is outside"),
    PROFILE("--counters", "NAME", CHOICE, counters, 0, 0, "", profile_counters,
        NULL, "read this back end and no other; without it perf, rdpmc or papi,"
        " whichever counts right and is cheapest, or the simulator that runs"
        " this process.  isobath machine says what each one counts here"),
    PROFILE("--recorded", "DIR", TEXT, record, 0, 0, "", NULL, NULL, "take the"
        " counts of a recorded run in place of this machine's counters:"
        " DIR/PHASE_ARM.counters, DIR/sys, DIR/proc"),
    PROFILE("--sysfs-root", "DIR", TEXT, sysfs_root, 0, 0, "", NULL, NULL,
        "read topology and energy sensors from DIR instead of /sys"),
    FLAG_SET,
    FLAG_FORMAT(NULL, formats),
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_END
};

/* Of profile_phases[]; PHASE_COUNT: no such. */
static int find_phase(const char *name)
{
    int i = 0;
    while (i < PHASE_COUNT && strcmp(profile_phases[i].file, name) != 0)
        i++;
    return i;
}

static enum status want_phases(struct profile_arguments *a, struct error *err)
{
    const char *rest = a->phases;
    char name[16];

    for (size_t n; *rest; rest += n + (rest[n] == ',')) {
        n = strcspn(rest, ",");
        snprintf(name, sizeof name, "%.*s", (int)n, rest);
        if (find_phase(name) == PHASE_COUNT)
            return error_set(err, STATUS_BAD_VALUE, "--phases %s: allowed are"
                             " train, prefill and decode, with commas between"
                             " them", a->phases);
        a->wanted[find_phase(name)] = true;
    }
    return STATUS_OK;
}

/* Take all phases that can be where none was asked for. */
static enum status choose_phases(struct profile_arguments *a, struct error *err)
{
    const bool trains = a->weights == WEIGHTS_FLOAT32;

    if (!a->phases)
        a->phases = trains ? "train,prefill,decode" : "prefill,decode";
    enum status status = want_phases(a, err);
    if (status == STATUS_OK && a->wanted[PHASE_TRAIN] && !trains)
        return error_set(err, STATUS_BAD_VALUE, "--phases train: weights kept"
                         " as stored cannot be trained; leave --weights out");
    return status;
}

/* Refuse a back end that cannot be read at all; one that sees nothing here says
 * so for each metric. */
static enum status check_counters(const struct profile_arguments *a,
                                  struct error *err)
{
    const char *name = a->counters < 0 ? NULL : profile_counters[a->counters];
    const struct counter_backend *backend = name ? counter_find(name) : NULL;

    if (!name)
        return STATUS_OK;
    if (!backend)
        return error_set(err, STATUS_BAD_VALUE, "--counters %s: this build has"
                         " it not; install its library and make again", name);
    if ((backend == &counter_recorded) != (a->record != NULL))
        return error_set(err, STATUS_BAD_VALUE, "--counters %s%s --recorded:"
                         " recorded counts and --recorded DIR go together",
                         name, a->record ? " beside" : " without");
    if (counter_simulates(backend) && !backend->hosts())
        return error_set(err, STATUS_BAD_VALUE, "--counters %s: it does not run"
                         " this process; allowed is valgrind --tool=callgrind"
                         " --cache-sim=yes isobath profile ...", name);
    return STATUS_OK;
}

static enum status run_phases(struct profile_job *s, struct machine *machine,
                              struct error *err)
{
    enum status status = open_session(s, machine, err);

    for (int i = 0; i < PHASE_COUNT && status == STATUS_OK; i++)
        if (s->arguments.wanted[i])
            status = profile_run(s, &profile_phases[i], err);
    if ((status == STATUS_OK || status == STATUS_INTERRUPTED) &&
        json_array_size(s->phases) > 0) {
        struct error late;
        enum status written = write_summary(s, status == STATUS_INTERRUPTED,
                                            &late);
        if (status == STATUS_OK && written != STATUS_OK) {
            status = written;
            *err = late;
        }
    }
    return status ? status : verdict(s, err);
}

static int run(void *options)
{
    struct profile_job *s = calloc(1, sizeof *s);
    struct machine machine;
    struct source source = { 0 };
    struct error err = { STATUS_NO_MEMORY, "no memory" };

    if (!s)
        return command_fail(&err);
    command_cap_threads(options);
    s->rundir.lock = -1;
    s->source = &source;
    s->arguments = *(struct profile_arguments *)options;
    s->arguments.common.quiet |= s->arguments.common.format == FORMAT_JSON;
    s->arguments.model = s->arguments.common.operand[0];
    s->phases = json_array();
    command_catch_signals();
    enum status status = choose_phases(&s->arguments, &err);
    if (status == STATUS_OK)
        status = check_counters(&s->arguments, &err);
    if (status == STATUS_OK)
        status = run_phases(s, &machine, &err);
    json_decref(s->phases);
    validation_close(&s->validation);
    load_prober_close(&s->prober);
    free(s->rival);
    free(s->column);
    free(s->targets);
    free(s->ids);
    data_close(s->data);
    if (s->rundir.lock >= 0)
        rundir_close(&s->rundir);
    free(s);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command profile_command = {
    .name = "profile", .usage = "MODEL -o DIR",
    .help = "predicted, counted, measured, beside the dense twin",
    .about = "Run a model and its dense twin in turns and set predicted,"
        " counted and measured side by side, per layer and op, in training,"
        " prefill and decoding.",
    .examples =
        "  isobath profile build/run -o build/profile\n"
        "  isobath profile build/run -o build/prefill -p prefill --machine emerald-rapids-2core\n"
        "  isobath profile build/run -o build/decode -p decode -q -f json\n",
    .kinds = (const char *const[]){ "models", NULL },
    .flags = flags, .config = &model_config_schema,
    .options_size = sizeof(struct profile_arguments), .run = run,
};
