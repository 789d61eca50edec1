/* predict.c - Run isobath predict: price a model and its dense twin. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/files/source.h"
#include "sim/core/answer/summary.h"
#include "sim/core/base/file.h"
#include "sim/core/config/model_config.h"
#include "sim/price/explain.h"
#include "sim/commands/commands.h"
#include "sim/commands/predict_answer.h"

/* ---- arguments ---- */

static const char *const ops[] = { OP_MAP(NAMES_WORD) NULL };
static const char *const weights[] = { WEIGHTS_MAP(NAMES_WORD)
                                       NUMBER_MAP(NAMES_WORD)
                                       "fp8", "int8", "int4", NULL };
static const char *const logits[] = { [LOGITS_LAST] = "last",
                                      [LOGITS_ALL] = "all", NULL };

#define PREDICT(name, argument, with, TYPE, member, ...)                       \
    FLAG(name, argument, with, TYPE, struct predict_options, member,           \
         __VA_ARGS__)
enum { MOST = 1 << 24 };
static const struct flag flags[] = {
    FLAG_OPERAND("MODEL", "", "a model YAML or its name (configs/models/),"
        " a run config (configs/runs/), a run or checkpoint directory with"
        " config.json, a GGUF or a llama2.c file"),
    PREDICT("--phase", "PHASE", NULL, CHOICE, phase, 0, 0, "train",
        memory_phase_names, NULL, "what is priced: a training step, all tokens"
        " at once, or one new token of each sequence"),
    PREDICT("--batch", "N", NULL, INT, batch, 1, MOST, "", NULL, NULL,
        "how many sequences are processed at once; not given: as a run config"
        " says, else 1"),
    PREDICT("--machine", "FILE", NULL, PATHS, machines, 0, 0, "", NULL, NULL,
        "machine profile or its name; adds seconds, joules and bytes per level;"
        " given several times, the machines side by side; list: print the names"
        " of all, with their peaks and memory"),
    PREDICT("--weights", "TYPE", NULL, CHOICE, weights, 0, 0, "", weights, NULL,
        "the type that matrices are read in: float32, as MODEL's files store"
        " them, or one type for all; fp8, int8 and int4 without scales or"
        " widening; not given: as a model YAML's weights section says, else"
        " the format of --dtype, in training float32"),
    PREDICT("--dtype", "FORMAT", NULL, CHOICE, dtype, 0, 0, "", precision_names,
        NULL, "the format that products multiply in and that ops read and write"
        " rows in; not given: as a model YAML's formats section says, else"
        " fp32"),
    PREDICT("--kv", "FORMAT", NULL, CHOICE, kv, 0, 0, "", precision_names, NULL,
        "the format of cached keys and values; not given: likewise, else as"
        " --dtype"),
    PREDICT("--by", "ROWS", NULL, CHOICE, by, 0, 0, "op", predict_by_names,
        NULL, "print a row for each op, layer or pass, the total alone, or what"
        " memory is for"),
    PREDICT("--explain", "OP", NULL, CHOICE, explain, 0, 0, "", ops, NULL,
        "print one op's formula, the numbers put in, and the result"),
    FLAG_OUTPUT("FILE", "", "write the answer to FILE; not given: print it"),
    FLAG_FORMAT(NULL, format_names),
    FLAG_SET,
    PREDICT("--tokens", "N", "--phase train or prefill", INT, tokens, 1, MOST,
        "", NULL, NULL, "how many tokens a sequence has; not given:"
        " as a run config says, else model.max_tokens"),
    PREDICT("--logits", "ROWS", "--phase prefill", CHOICE, logits, 0, 0, "last",
        logits, NULL, "the rows whose logits are worked out: each sequence's"
        " last, as before a decode step, or all, as to score a text"),
    PREDICT("--context", "N", "--phase decode", INT, context, 1, MOST, "", NULL,
        NULL, "how many tokens a sequence has, with the new one; not given:"
        " model.max_tokens"),
    PREDICT("--execution", "HOW", NULL, CHOICE, execution, 0, 0, "gathered",
        execution_names, NULL, "how routed blocks run on the rows that they"
        " keep: on those alone, on a fixed number of rows as static graphs do,"
        " or on all rows with a mask, which saves nothing"),
    PREDICT("--tensor", "N", NULL, INT, tensor, 1, 1 << 10, "1", NULL, NULL,
        "devices that share the work of every layer, as an estimate; figures"
        " are then of one of them"),
    PREDICT("--data", "N", NULL, INT, data, 1, 1 << 20, "1", NULL, NULL,
        "devices, or groups of --tensor, that share --batch; likewise"),
    PREDICT("--measured", "SECONDS", "--machine", REAL, measured, 1e-9, 1e9, "",
        NULL, NULL, "say how a measured time of the step stands to what is"
        " predicted: inside its interval, outside, or impossible, as it beats"
        " the memory's rate or the peak"),
    PREDICT("--recompute", NULL, "--phase train", BOOL, recompute, 0, 0, "",
        NULL, NULL, "keep each layer's input alone, and work the rest of its"
        " forward pass out again before its backward pass"),
    PREDICT("--accumulate", "N", "--phase train", INT, accumulate, 1, MOST, "1",
        NULL, NULL, "take the batch in so many equal steps, whose gradients are"
        " summed before one update"),
    PREDICT("--convention", "NAME", "--phase train", TEXT, convention, 0, 0, "",
        NULL, NULL, "also print the FLOPs of the step by a paper's convention,"
        " or by all of them"),
    PREDICT("--layer", "N", "--explain", INT, layer, 0, MOST, "0", NULL, NULL,
        "the layer whose stored matrices are put into the formula"),
    FLAG_END
};

static enum status check_convention(const char *name, struct error *err)
{
    char all[256] = "all";

    if (strcmp(name, "all") == 0 || predict_convention_find(name))
        return STATUS_OK;
    for (const struct predict_convention *c = predict_conventions; c->name;
         c++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, ", %s", c->name);
    }
    return error_set(err, STATUS_BAD_VALUE, "--convention %s: allowed is one of"
                     " %s", name, all);
}

static enum status check(const struct predict_options *o, struct error *err)
{
    const struct command_options *c = &o->common;
    enum status status = STATUS_OK;

    if (o->phase == MEMORY_DECODE)
        status = flags_refuse(c, "--phase train or prefill", err);
    else
        status = flags_refuse(c, "--phase decode", err);
    if (status == STATUS_OK && o->phase != MEMORY_TRAIN)
        status = flags_refuse(c, "--phase train", err);
    if (status == STATUS_OK && o->phase != MEMORY_FORWARD)
        status = flags_refuse(c, "--phase prefill", err);
    if (status == STATUS_OK && o->explain < 0)
        status = flags_refuse(c, "--explain", err);
    if (status == STATUS_OK && o->machines.n != 1)
        status = flags_refuse(c, "--machine", err);
    if (status == STATUS_OK && o->machines.n > 1 &&
        (o->explain >= 0 || o->by == PREDICT_BY_MEMORY))
        status = error_set(err, STATUS_BAD_VALUE, "several --machine: leave"
                           " --explain and --by memory out");
    if (status == STATUS_OK && o->explain >= 0 && c->format != FORMAT_TEXT)
        status = error_set(err, STATUS_BAD_VALUE, "--explain is text: leave"
                           " --format out");
    return status == STATUS_OK && o->convention
               ? check_convention(o->convention, err) : status;
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

/* The settings of --set, for a model whose file states everything else. */
static json_t *settings_json(const struct command_options *o)
{
    json_t *list = json_array();
    for (size_t i = 0; i < o->n_settings; i++)
        json_array_append_new(list, json_string(o->setting[i].text));
    return list;
}

/* What is trained states all of its shape.  One that routes keeps its blocks and
 * routers; a dense one is priced as if it had been trained with those of --set. */
static enum status route(struct model_spec *spec,
                         const struct route_policy *policy, const char *name,
                         const struct command_options *o, struct error *err)
{
    char replay[CONFIG_TEXT_SIZE], table[CONFIG_TEXT_SIZE];

    return spec_n_routed(spec) > 0
               ? model_config_route(spec, &policy, replay, table, name,
                                    o->setting, o->n_settings, err)
               : model_config_suppose(spec, name, o->setting, o->n_settings,
                                      err);
}

static void tell_settings(json_t *config, const struct command_options *o)
{
    if (o->n_settings > 0)
        json_object_set_new(config, "set", settings_json(o));
}

static enum status load_json(struct predict_answer *a, const char *path,
                             struct error *err)
{
    const struct command_options *o = &a->options->common;
    struct hf_routing routing;
    size_t size;
    char *text;

    enum status status = hf_config_read(&a->question.spec, &routing, path, err);
    if (status == STATUS_OK)
        status = route(&a->question.spec, routing.policy, path, o, err);
    if (status == STATUS_OK)
        status = file_read(&text, &size, path, 1 << 20, err);
    if (status != STATUS_OK)
        return status;
    a->config = json_loadb(text, size, 0, NULL);
    free(text);
    tell_settings(a->config, o);
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
    if (status == STATUS_OK)
        a->formats = config.formats;
    return status;
}

static bool reads_stored(const struct predict_options *o)
{
    return o->weights == WEIGHTS_STORED;
}

/* A file with weights, or a directory whose own types are asked for. */
static enum status load_weights(struct predict_answer *a, struct error *err)
{
    const struct command_options *o = &a->options->common;
    struct source source;

    enum status status = source_read(&source, a->options->model, NULL, 0, err);
    if (status == STATUS_OK && reads_stored(a->options))
        status = source_keep(&source, WEIGHTS_STORED, err);
    if (status == STATUS_OK)
        status = route(&source.spec, source.routing.policy, a->options->model,
                       o, err);
    if (status != STATUS_OK)
        return status;
    a->question.spec = source.spec;
    a->config = summary_model(&source.spec);
    tell_settings(a->config, o);
    return STATUS_OK;
}

/* The machines' format that --weights names; PRECISION_COUNT: another type. */
static int format_of(const char *type)
{
    int p = 0;

    if (strcmp(type, weights[WEIGHTS_FLOAT32]) == 0)
        return PRECISION_FP32;
    while (p < PRECISION_COUNT && strcmp(type, precision_names[p]) != 0)
        p++;
    return p;
}

/* Store all matrices in the type that --weights names; formats of machines are
 * the regime's. */
static enum status store_as(struct model_spec *spec, const char *type,
                            struct error *err)
{
    struct stored_config config = { .all = NUMBER_F32 };
    struct error why;

    if (spec_check_runs(spec, &why) != STATUS_OK)
        return format_of(type) < PRECISION_COUNT
                   ? STATUS_OK
                   : error_set(err, STATUS_BAD_VALUE, "--weights %s: %s;"
                               " allowed are float32, bf16, fp8, int8 and int4",
                               type, why.text);

    if (strcmp(type, weights[WEIGHTS_FLOAT32]) != 0 &&
        !stored_config_find(&config, type))
        return STATUS_OK;                    /* stored: load_weights() has set
                                              * them */
    if (stored_config_apply(spec, &config, &why) == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_VALUE, "--weights %s: %s", type, why.text);
}

/* A choice of format_config_choices, or what holds by default. */
static enum precision chosen(int choice, enum precision otherwise)
{
    return choice > 0 ? (enum precision)(choice - 1) : otherwise;
}

static struct regime regime_of(const struct predict_answer *a)
{
    const struct predict_options *o = a->options;
    const struct format_config *f = &a->formats;
    const enum precision arithmetic =
        (enum precision)(o->dtype >= 0 ? o->dtype : f->activations);
    struct regime r = {
        .arithmetic = arithmetic,
        .weights = chosen(f->weights, o->phase == MEMORY_TRAIN ? PRECISION_FP32
                                                               : arithmetic),
        .kv = chosen(o->kv >= 0 ? o->kv + 1 : f->kv, arithmetic),
        .gradients = (enum precision)f->gradients,
        .moments = (enum precision)f->optimizer,
        .recompute = o->recompute, .accumulate = (int32_t)o->accumulate,
        .execution = (enum execution)o->execution,
        .tensor = (int32_t)o->tensor, .data = (int32_t)o->data,
    };

    if (o->weights >= 0 && format_of(weights[o->weights]) < PRECISION_COUNT)
        r.weights = (enum precision)format_of(weights[o->weights]);
    return r;
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
        status = predict_is_run(o->model) ? predict_load_run(a, err)
                                          : load_yaml(a, err);
    }
    if (a->options->batch == 0)
        a->options->batch = 1;
    return status == STATUS_OK && o->weights >= 0
               ? store_as(&a->question.spec, weights[o->weights], err) : status;
}

static enum status load(struct predict_answer *a, struct error *err)
{
    const struct predict_options *o = a->options;
    enum status status = load_model(a, err);

    if (status == STATUS_OK && o->batch % (o->accumulate * o->data) != 0)
        status = error_set(err, STATUS_BAD_VALUE, "--batch %" PRId64 ": allowed"
                           " are multiples of --data times --accumulate, %"
                           PRId64, o->batch, o->accumulate * o->data);
    if (status == STATUS_OK && o->layer >= a->question.spec.n_layers)
        status = error_set(err, STATUS_BAD_VALUE, "--layer %" PRId64 ": this"
                           " model has layers 0 to %d", o->layer,
                           a->question.spec.n_layers - 1);
    if (status != STATUS_OK || o->machines.n == 0)
        return status;
    a->machine = malloc(sizeof *a->machine);
    if (!a->machine)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a machine");
    a->question.machine = a->machine;
    return machine_load(a->machine, o->machines.value[0], err);
}

enum status predict_work_out(struct predict_answer *a, struct error *err)
{
    struct predict_question *q = &a->question;
    const struct predict_options *o = a->options;
    const struct model_spec dense = spec_dense(&q->spec);

    q->phase = (enum memory_phase)o->phase;
    q->all_logits = o->logits == LOGITS_ALL;
    q->regime = regime_of(a);
    struct error why;
    if ((o->explain >= 0 || o->convention) &&
        spec_check_runs(&q->spec, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_VALUE, "%s: %s",
                         o->convention ? "--convention" : "--explain",
                         why.text);
    if (o->explain >= 0 && (!regime_is_fp32(&q->regime) || o->execution > 0 ||
                            regime_devices(&q->regime) > 1))
        return error_set(err, STATUS_BAD_VALUE, "--explain: formulas are those"
                         " of float32 on one device, rows gathered; leave"
                         " others out");
    q->n_sequences = (int32_t)(o->batch / (o->accumulate * o->data));
    q->n_tokens = o->tokens ? (int32_t)o->tokens
                : o->context ? (int32_t)o->context : q->spec.max_tokens;
    if (q->phase == MEMORY_TRAIN &&
        spec_check_training(&q->spec, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_VALUE, "%s; ask for --phase prefill or"
                         " decode", why.text);
    enum status status = prediction_open(&a->model, q, &q->spec, err);
    if (status == STATUS_OK)
        status = prediction_open(&a->dense, q, &dense, err);
    if (status != STATUS_OK)
        return status;
    a->n_rows = predict_rows(a->rows, &a->model, &a->dense,
                             (enum predict_by)o->by);
    a->total = predict_total(&a->model, &a->dense);
    return STATUS_OK;
}

/* ---- the command ---- */

static enum explain_rows told_rows(const struct predict_question *q)
{
    return q->phase == MEMORY_DECODE ? EXPLAIN_NO_ROWS
           : q->phase == MEMORY_FORWARD && !q->all_logits ? EXPLAIN_LAST_LOGITS
                                                          : EXPLAIN_ALL_ROWS;
}

static bool wants_list(const struct predict_options *o)
{
    return o->machines.n == 1 && strcmp(o->machines.value[0], "list") == 0;
}

static enum status print(FILE *file, struct predict_answer *a, int argc,
                         char **argv, struct error *err)
{
    const struct predict_options *o = a->options;

    if (wants_list(o))
        return predict_machines_list(file, (enum format)o->common.format, err);
    if (o->machines.n > 1)
        return predict_machines_print(file, a, err);
    if (o->explain < 0 && o->common.format == FORMAT_TEXT)
        return predict_print_text(file, a, err);
    if (o->explain < 0 && o->common.format == FORMAT_CSV)
        return predict_print_csv(file, a, err);
    if (o->explain < 0)
        return predict_print_json(file, a, argc, argv, err);
    explain_op(file, &a->model.spec, &a->model.allocation,
               told_rows(&a->question), a->model.ledger, (enum op)o->explain,
               (int32_t)o->layer);
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

static enum status answer(struct predict_answer *a,
                          struct predict_options *o, struct error *err)
{
    enum status status = check(o, err);

    o->model = o->common.operand[0];
    a->options = o;
    if (status == STATUS_OK && !wants_list(o) && !o->model) {
        status = STATUS_BAD_VALUE;
        error_set(err, status, "MODEL is missing: what is to be priced");
    }
    if (status == STATUS_OK && !wants_list(o))
        status = load(a, err);
    if (status == STATUS_OK && !wants_list(o))
        status = predict_work_out(a, err);
    return status == STATUS_OK
               ? deliver(a, o->common.argc, o->common.argv, err) : status;
}

static int run(void *options)
{
    struct predict_answer *a = calloc(1, sizeof *a);
    struct error err = { STATUS_NO_MEMORY, "no memory" };

    if (!a)
        return command_fail(&err);
    command_end_on_signals();
    enum status status = answer(a, options, &err);
    prediction_close(&a->model);
    prediction_close(&a->dense);
    json_decref(a->config);
    free(a->machine);
    free(a);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command predict_command = {
    .name = "predict", .usage = "MODEL\n--machine list",
    .help = "price a model from its config; nothing is run",
    .about = "Price a model next to its dense twin: FLOPs, bytes, and on a"
        " machine seconds and joules.  Nothing is run.",
    .examples =
        "  isobath predict smollm-135m --machine h100-sxm --phase decode\n"
        "  isobath predict mod-220m-paper --by layer\n"
        "  isobath predict tiny-48-mod --set routing.capacity=0.25 --format json\n",
    .kinds = (const char *const[]){ "models", "runs", NULL },
    .flags = flags, .config = &model_config_schema,
    .options_size = sizeof(struct predict_options), .run = run,
};
