/* predict.c - Price a model without running it: isobath predict. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/files/source.h"
#include "sim/core/answer/summary.h"
#include "sim/core/base/file.h"
#include "sim/core/config/model_config.h"
#include "sim/core/base/nearest.h"
#include "sim/price/explain.h"
#include "sim/commands/predict_session.h"

int predict_command(int argc, char **argv);

/* ---- arguments ---- */

enum { KEY_MACHINE = 256, KEY_PHASE, KEY_CONTEXT, KEY_BY, KEY_EXPLAIN,
       KEY_CONVENTION, KEY_LAYER, KEY_WEIGHTS };

static const struct argp_option option_table[] = {
    { "machine", KEY_MACHINE, "FILE", 0,
      "Machine profile: adds seconds, joules and bytes per level", 0 },
    { "phase", KEY_PHASE, "train|prefill|decode", 0,
      "A training step (default), all tokens at once, or one new token a"
      " sequence", 0 },
    { "batch", 'B', "N", 0, "Sequences; default 1", 0 },
    { "tokens", 'T', "N", 0,
      "Tokens a sequence, of train and prefill; default: model.max_tokens", 0 },
    { "context", KEY_CONTEXT, "N", 0,
      "Tokens a sequence has with the new one, of decode; default:"
      " model.max_tokens", 0 },
    { "by", KEY_BY, "op|layer|pass|total", 0, "Rows of the table", 0 },
    { "explain", KEY_EXPLAIN, "OP", 0,
      "Formula, numbers put in and result of one op", 0 },
    { "layer", KEY_LAYER, "N", 0,
      "The layer whose stored matrices --explain puts in; default 0", 0 },
    { "weights", KEY_WEIGHTS, "float32|stored|TYPE", 0,
      "What matrices are read as: float32, as MODEL's files store them, or all"
      " as f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k;"
      " default: as a model YAML's weights section says, else float32", 0 },
    { "convention", KEY_CONVENTION, "NAME", 0,
      "Also what a paper's convention calls the FLOPs of a training step, or"
      " all", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

/* Index of `text` among `names`, or a usage error that says what is allowed. */
static int one_of(const char *option, const char *text,
                  const char *const *names, struct argp_state *state)
{
    struct nearest near = nearest_to(text);
    char all[256] = "";

    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0)
            return i;
        nearest_offer(&near, names[i]);
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "",
                 names[i]);
    }
    argp_error(state, "%s '%s': allowed is %s%s%s%s", option, text, all,
               near.name ? "; did you mean '" : "", near.name ? near.name : "",
               near.name ? "'?" : "");
    return 0;
}

static int32_t positive(const char *option, const char *text,
                        struct argp_state *state)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);

    if (end == text || *end || errno || n < 1 || n > 1 << 24)
        argp_error(state, "%s '%s': allowed is 1 to %d", option, text, 1 << 24);
    return (int32_t)n;
}

static int op_named(const char *text, struct argp_state *state)
{
    const char *names[OP_COUNT + 1] = { NULL };

    for (int i = 0; i < OP_COUNT; i++)
        names[i] = op_table[i].name;
    return one_of("--explain", text, names, state);
}

static const char *convention_named(const char *text, struct argp_state *state)
{
    enum { MOST = 16 };
    const char *names[MOST + 2] = { "all" };

    for (int i = 0; i < MOST && predict_conventions[i].name; i++)
        names[i + 1] = predict_conventions[i].name;
    return names[one_of("--convention", text, names, state)];
}

static const char *weights_named(const char *text, struct argp_state *state)
{
    const char *names[WEIGHTS_COUNT + NUMBER_COUNT + 1] = { NULL };

    for (int i = 0; i < WEIGHTS_COUNT; i++)
        names[i] = weights_names[i];
    for (int i = 0; i < NUMBER_COUNT; i++)
        names[WEIGHTS_COUNT + i] = number_table[i].name;
    return names[one_of("--weights", text, names, state)];
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct predict_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->common;
        return 0;
    case KEY_MACHINE:
        o->machine = arg;
        return 0;
    case KEY_PHASE:
        o->phase = (enum memory_phase)one_of("--phase", arg,
                                             memory_phase_names, state);
        return 0;
    case 'B':
        o->batch = positive("--batch", arg, state);
        return 0;
    case 'T':
        o->tokens = positive("--tokens", arg, state);
        return 0;
    case KEY_CONTEXT:
        o->context = positive("--context", arg, state);
        return 0;
    case KEY_BY:
        o->by = (enum predict_by)one_of("--by", arg, predict_by_names, state);
        return 0;
    case KEY_EXPLAIN:
        o->explain = op_named(arg, state);
        return 0;
    case KEY_LAYER:
        o->layer = strcmp(arg, "0") == 0 ? 0 : positive("--layer", arg, state);
        return 0;
    case KEY_WEIGHTS:
        o->weights = weights_named(arg, state);
        return 0;
    case KEY_CONVENTION:
        o->convention = convention_named(arg, state);
        return 0;
    case ARGP_KEY_ARG:
        if (o->model)
            argp_error(state, "'%s': one MODEL at a time", arg);
        o->model = arg;
        return 0;
    case ARGP_KEY_END:
        if (!o->model)
            argp_error(state, "MODEL is missing: a model YAML, a directory with"
                       " config.json, a GGUF or a llama2.c file");
        else if (o->phase == MEMORY_DECODE && o->tokens)
            argp_error(state, "--tokens with --phase decode: give --context");
        else if (o->phase != MEMORY_DECODE && o->context)
            argp_error(state, "--context: only with --phase decode");
        else if (o->explain >= 0 && o->common.format != FORMAT_TEXT)
            argp_error(state, "--explain is text: leave --format out");
        else if (o->layer > 0 && o->explain < 0)
            argp_error(state, "--layer: goes with --explain");
        else if (o->phase != MEMORY_TRAIN && o->convention)
            argp_error(state, "--convention: only with --phase train");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The keys that --set knows, after the options. */
static char *add_keys(int key, const char *text, void *input)
{
    char *out = NULL;
    size_t size;
    FILE *file;

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC || !(file = open_memstream(&out, &size)))
        return (char *)(uintptr_t)text;
    fprintf(file, "%s\n\nKeys of a model, in its YAML or after --set:\n",
            text ? text : "");
    config_help(&model_config_schema, file);
    fclose(file);
    return out;
}

/* ---- input ---- */

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* What --set says of a model whose file says the rest. */
static json_t *settings_json(const struct command_options *o)
{
    json_t *list = json_array();
    for (size_t i = 0; i < o->n_settings; i++)
        json_array_append_new(list, json_string(o->setting[i].text));
    return list;
}

/* A checkpoint says all of its shape: only its routing is left to --set. */
static enum status load_json(struct predict_answer *a, const char *path,
                             struct error *err)
{
    const struct command_options *o = &a->options->common;
    char *text, replay[CONFIG_TEXT_SIZE];
    struct hf_routing routing;
    size_t size;

    enum status status = hf_config_read(&a->question.spec, &routing, path, err);
    if (status == STATUS_OK)
        status = model_config_route(&a->question.spec, &routing.policy, replay,
                                    path, o->setting, o->n_settings, err);
    if (status == STATUS_OK)
        status = file_read(&text, &size, path, 1 << 20, err);
    if (status != STATUS_OK)
        return status;
    a->config = json_loadb(text, size, 0, NULL);
    free(text);
    if (o->n_settings > 0)
        json_object_set_new(a->config, "set", settings_json(o));
    return STATUS_OK;
}

static enum status load_yaml(struct predict_answer *a, struct error *err)
{
    struct model_config config;
    const struct command_options *o = &a->options->common;

    enum status status = model_config_load(&a->question.spec, &config,
                                           a->options->model, o->setting,
                                           o->n_settings, err);
    if (status == STATUS_OK)
        a->config = config_json(&config, &model_config_schema);
    return status;
}

static bool reads_stored(const struct predict_options *o)
{
    return o->weights && strcmp(o->weights, weights_names[WEIGHTS_STORED]) == 0;
}

/* A file with weights, or a directory whose own types are asked for. */
static enum status load_weights(struct predict_answer *a, struct error *err)
{
    const struct command_options *o = &a->options->common;
    struct source source;

    enum status status = source_read(&source, a->options->model, o->setting,
                                     o->n_settings, err);
    if (status == STATUS_OK && reads_stored(a->options))
        status = source_keep(&source, WEIGHTS_STORED, err);
    if (status != STATUS_OK)
        return status;
    a->question.spec = source.spec;
    a->config = summary_model(&source.spec);
    if (o->n_settings > 0)
        json_object_set_new(a->config, "set", settings_json(o));
    return STATUS_OK;
}

/* All matrices as --weights names one type for them. */
static enum status store_as(struct model_spec *spec, const char *type,
                            struct error *err)
{
    struct stored_config config = { .all = NUMBER_F32 };
    struct error why;

    if (strcmp(type, weights_names[WEIGHTS_FLOAT32]) != 0 &&
        !stored_config_find(&config, type))
        return STATUS_OK;                    /* stored: load_weights() did it */
    if (stored_config_apply(spec, &config, &why) == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_VALUE, "--weights %s: %s", type, why.text);
}

static enum status load_model(struct predict_answer *a, struct error *err)
{
    const struct predict_options *o = a->options;
    char path[FILE_PATH_SIZE];
    enum status status;

    if (ends_with(o->model, ".gguf") || ends_with(o->model, ".bin") ||
        reads_stored(o)) {
        status = load_weights(a, err);
    } else if (is_directory(o->model)) {
        status = file_join(path, o->model, "config.json", err);
        if (status == STATUS_OK)
            status = load_json(a, path, err);
    } else if (ends_with(o->model, ".json")) {
        status = load_json(a, o->model, err);
    } else {
        status = load_yaml(a, err);
    }
    return status == STATUS_OK && o->weights
               ? store_as(&a->question.spec, o->weights, err) : status;
}

static enum status load(struct predict_answer *a, struct error *err)
{
    const struct predict_options *o = a->options;
    enum status status = load_model(a, err);

    if (status == STATUS_OK && o->layer >= a->question.spec.n_layers)
        status = error_set(err, STATUS_BAD_VALUE, "--layer %d: this model has"
                           " layers 0 to %d", o->layer,
                           a->question.spec.n_layers - 1);
    if (status != STATUS_OK || !o->machine)
        return status;
    a->machine = malloc(sizeof *a->machine);
    if (!a->machine)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a machine");
    a->question.machine = a->machine;
    return machine_load(a->machine, o->machine, err);
}

static enum status work_out(struct predict_answer *a, struct error *err)
{
    struct predict_question *q = &a->question;
    const struct predict_options *o = a->options;
    const struct model_spec dense = spec_dense(&q->spec);

    q->phase = o->phase;
    q->n_sequences = o->batch ? o->batch : 1;
    q->n_tokens = o->tokens ? o->tokens : o->context ? o->context
                                                     : q->spec.max_tokens;
    struct error why;
    if (q->phase == MEMORY_TRAIN &&
        spec_check_training(&q->spec, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_VALUE, "%s; ask for --phase prefill or"
                         " decode", why.text);
    enum status status = prediction_open(&a->model, q, &q->spec, err);
    if (status == STATUS_OK)
        status = prediction_open(&a->dense, q, &dense, err);
    if (status != STATUS_OK)
        return status;
    a->n_rows = predict_rows(a->rows, &a->model, &a->dense, o->by);
    a->total = predict_total(&a->model, &a->dense);
    return STATUS_OK;
}

/* ---- the command ---- */

static enum status print(FILE *file, struct predict_answer *a, int argc,
                         char **argv, struct error *err)
{
    const struct predict_options *o = a->options;

    if (o->explain < 0 && o->common.format == FORMAT_TEXT)
        return predict_print_text(file, a, err);
    if (o->explain < 0 && o->common.format == FORMAT_CSV)
        return predict_print_csv(file, a, err);
    if (o->explain < 0)
        return predict_print_json(file, a, argc, argv, err);
    explain_op(file, &a->model.spec, &a->model.allocation,
               o->phase != MEMORY_DECODE, a->model.ledger, (enum op)o->explain,
               o->layer);
    return STATUS_OK;
}

static enum status deliver(struct predict_answer *a, int argc, char **argv,
                           struct error *err)
{
    struct file_writer out;
    const char *path = a->options->common.output;

    if (!path)
        return print(stdout, a, argc, argv, err);
    enum status status = file_create(&out, path, err);
    if (status != STATUS_OK)
        return status;
    status = print(out.stream, a, argc, argv, err);
    if (status == STATUS_OK)
        return file_commit(&out, err);
    file_abandon(&out);
    return status;
}

int predict_command(int argc, char **argv)
{
    const struct argp_child children[] = { { &command_argp, 0, NULL, 0 },
                                           { NULL, 0, NULL, 0 } };
    const struct argp argp = {
        option_table, parse_option, "MODEL",
        "Price a model: FLOPs, bytes, and on a machine seconds and joules, next"
        " to its dense twin.  Nothing is run.\vMODEL is a model YAML"
        " (configs/models/), a run or checkpoint directory with config.json, a"
        " GGUF or a llama2.c file.", children, add_keys, NULL,
    };
    struct predict_options options = { .explain = -1 };
    struct predict_answer *a = calloc(1, sizeof *a);
    struct error err = { STATUS_NO_MEMORY, "no memory" };

    if (!a)
        return command_fail(&err);
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    a->options = &options;
    a->process_bytes = command_peak_bytes();
    enum status status = load(a, &err);
    if (status == STATUS_OK)
        status = work_out(a, &err);
    if (status == STATUS_OK)
        status = deliver(a, argc, argv, &err);
    prediction_close(&a->model);
    prediction_close(&a->dense);
    json_decref(a->config);
    free(a->machine);
    free(a);
    return status == STATUS_OK ? 0 : command_fail(&err);
}
