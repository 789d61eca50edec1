/* predict.c - Run isobath predict: price a model and its dense twin. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/answer/outfile.h"
#include "sim/core/base/file.h"
#include "sim/core/config/model_config.h"
#include "sim/price/explain.h"
#include "sim/price/scores.h"
#include "sim/commands/commands.h"
#include "sim/commands/predict_answer.h"
#include "sim/commands/predict_grid.h"
#include "sim/commands/rival_load.h"
#include "sim/core/model/spec_check.h"

/* ---- arguments ---- */

static const char *const ops[] = { OP_MAP(NAMES_WORD) NULL };
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
    PREDICT("--weights", "TYPE", NULL, CHOICE, weights, 0, 0, "",
        predict_weights, NULL,
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
    PREDICT("--against", "RIVAL", NULL, TEXT, against, 0, 0, "", NULL, NULL,
        "what the model is set beside, its dense twin if nothing is said: "
        RIVAL_HELP),
    PREDICT("--by", "ROWS", NULL, CHOICE, by, 0, 0, "op", predict_by_names,
        NULL, "print a row for each op, layer or pass, the total alone, or what"
        " memory is for"),
    PREDICT("--explain", "OP", NULL, CHOICE, explain, 0, 0, "", ops, NULL,
        "print one op's formula, the numbers put in, and the result"),
    FLAG_REPLACED("FILE", "", "write the answer to FILE, and do not print"
        " it"),
    FLAG_FORMAT(NULL, format_names),
    FLAG_SET,
    FLAG_QUIET,
    PREDICT("--tokens", "N", "--phase train or prefill", INT, tokens, 1, MOST,
        "", NULL, NULL, "how many tokens a sequence has; not given:"
        " as a run config says, else model.max_tokens"),
    PREDICT("--logits", "ROWS", "--phase prefill", CHOICE, logits, 0, 0, "last",
        logits, NULL, "the rows whose logits are worked out: each sequence's"
        " last, as before a decode step, or all, as to score a text"),
    PREDICT("--context", "N", "--phase decode", INT, context, 1, MOST, "", NULL,
        NULL, "how many tokens a sequence has, with the new one; not given:"
        " model.max_tokens"),
    PREDICT("--draft-layers", "N", "--phase decode", INT, draft_layers, 1,
        SPEC_MAX_LAYERS, "", NULL, NULL, "also price new tokens that the first"
        " N layers draft and the others verify, as isobath run does it"),
    PREDICT("--drafts", "K", "--draft-layers", INT, drafts, 1, 1 << 10, "4",
        NULL, NULL, "drafts in a round"),
    PREDICT("--accepted", "P", "--draft-layers", REAL, accepted,
        1e-6, 1, "", NULL, NULL, "chance that a draft is right if those before"
        " it were; must be given: isobath run tells it"),
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
    PREDICT("--shard", "WHAT", "--phase train", CHOICE, sharding, 0, 0, "none",
        sharding_names, NULL, "what each device of --data holds its part of"
        " alone, and of what comes before it here: the stages of ZeRO; weights"
        " are fetched layer by layer"),
    PREDICT("--convention", "NAME", "--phase train", TEXT, convention, 0, 0, "",
        NULL, NULL, "also print the FLOPs of the step by a paper's convention,"
        " or by all of them"),
    PREDICT("--trace", "FILE", NULL, TEXT, trace, 0, 0, "", NULL, NULL,
        "routes that a run recorded: trace.csv of isobath run or of"
        " isobath.record(), or its directory; batches of its windows are priced"
        " one by one, and how costs spread is told; a dense MODEL is priced as"
        " if it routed so"),
    PREDICT("--synthetic", "SCORES", NULL, CHOICE, synthetic, 0, 0, "",
        scores_names, NULL, "the same for scores that are drawn, by which"
        " MODEL's policy chooses: each token by itself; bursts along the text;"
        " or one a token's identity, which Zipf's law draws"),
    PREDICT("--by-depth", NULL, "--trace", BOOL, by_depth, 0, 0, "", NULL, NULL,
        "MODEL may have other layers than the model that was recorded, whose"
        " config.json or summary.json lies beside the trace: each goes by that at its relative"
        " depth"),
    PREDICT("--windows", "N", "--synthetic", INT, windows, 1, MOST, "64", NULL,
        NULL, "how many sequences are drawn"),
    PREDICT("--seed", "N", "--synthetic", INT, seed, 0, 1e15, "1", NULL, NULL,
        "seed of all that is drawn"),
    PREDICT("--correlation", "R", "--synthetic", REAL, correlation, 0, 1, "0",
        NULL, NULL, "of the scores that two layers give one token"),
    PREDICT("--persistence", "R", "--synthetic bursty", REAL, persistence, 0,
        0.9999, "0.9", NULL, NULL, "how much of a token's score is that of the"
        " one before"),
    PREDICT("--exponent", "A", "--synthetic zipf", REAL, exponent, 0, 10, "1",
        NULL, NULL, "the k-th most frequent token is drawn as 1 / k^A"),
    PREDICT("--grid", "FILE", NULL, TEXT, grid, 0, 0, "", NULL, NULL,
        "price every combination of the axes in this file, or of that name in"
        " configs/grids ('isobath keys grid'), each beside its rivals, as CSV, a"
        " row each; if it is interrupted, -o FILE is kept as FILE.part, and the"
        " same command goes on"),
    PREDICT("--intervals", "N", "--grid", INT, intervals, 0, BILL_DRAWS, "0",
        NULL, NULL, "draws of a machine's numbers that the 80 % interval of each"
        " ratio rests on, 256 for those that predict prints alone; 0: there are"
        " no intervals"),
    PREDICT("--yaml", NULL, NULL, BOOL, yaml, 0, 0, "", NULL, NULL, "print MODEL"
        " as a model YAML instead, whatever file states it: what is not a"
        " default, in the keys of isobath keys predict; factors that are folded"
        " into weights when they are read have none"),
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
    enum status status = flags_refuse(c, "--grid", err);

    if (status == STATUS_OK)
        status = flags_refuse(c, o->phase == MEMORY_DECODE
                                     ? "--phase train or prefill"
                                     : "--phase decode", err);
    if (status == STATUS_OK && o->phase != MEMORY_TRAIN)
        status = flags_refuse(c, "--phase train", err);
    if (status == STATUS_OK && o->phase != MEMORY_FORWARD)
        status = flags_refuse(c, "--phase prefill", err);
    if (status == STATUS_OK && o->draft_layers == 0)
        status = flags_refuse(c, "--draft-layers", err);
    if (status == STATUS_OK && o->explain < 0)
        status = flags_refuse(c, "--explain", err);
    if (status == STATUS_OK && !o->trace)
        status = flags_refuse(c, "--trace", err);
    if (status == STATUS_OK && o->synthetic < 0)
        status = flags_refuse(c, "--synthetic", err);
    if (status == STATUS_OK && o->synthetic != SCORES_BURSTY)
        status = flags_refuse(c, "--synthetic bursty", err);
    if (status == STATUS_OK && o->synthetic != SCORES_ZIPF)
        status = flags_refuse(c, "--synthetic zipf", err);
    if (status == STATUS_OK && predict_knows_routes(o))
        status = predict_trace_check(o, err);
    if (status == STATUS_OK && o->machines.n != 1)
        status = flags_refuse(c, "--machine", err);
    if (status == STATUS_OK && o->machines.n > 1 &&
        (o->explain >= 0 || o->by == PREDICT_BY_MEMORY))
        status = error_set(err, STATUS_BAD_VALUE, "several --machine: leave"
                           " --explain and --by memory out");
    if (status == STATUS_OK && o->explain >= 0 && c->format != FORMAT_TEXT)
        status = error_set(err, STATUS_BAD_VALUE, "--explain is text: leave"
                           " --format out");
    if (status == STATUS_OK && o->yaml && c->format != FORMAT_TEXT)
        status = error_set(err, STATUS_BAD_VALUE, "--yaml is YAML: leave"
                           " --format out");
    return status == STATUS_OK && o->convention
               ? check_convention(o->convention, err) : status;
}

/* ---- input ---- */

static struct regime regime_of(const struct predict_answer *a)
{
    const struct predict_options *o = a->options;
    struct regime r = predict_formats(&a->file, &(struct predict_formats){
        .weights = o->weights, .dtype = o->dtype, .kv = o->kv },
        (enum memory_phase)o->phase);

    r.recompute = o->recompute;
    r.accumulate = (int32_t)o->accumulate;
    r.execution = (enum execution)o->execution;
    r.tensor = (int32_t)o->tensor;
    r.data = (int32_t)o->data;
    r.sharding = (enum sharding)o->sharding;
    return r;
}

/* What no flag says, a run config may. */
static void take(struct predict_options *o, const struct predict_model *file)
{
    if (o->batch == 0)
        o->batch = file->batch > 0 ? file->batch : 1;
    if (o->context == 0 && o->tokens == 0)
        o->tokens = file->tokens;
    if (o->machines.n == 0 && *file->machine)
        strcpy(o->machines.value[o->machines.n++], file->machine);
}

static enum status load_model(struct predict_answer *a, struct error *err)
{
    struct predict_options *o = a->options;
    enum status status = predict_model_load(&a->file, &(struct predict_source){
        .name = o->model, .setting = o->common.setting,
        .n_settings = o->common.n_settings, .weights = o->weights }, err);

    if (status != STATUS_OK)
        return status;
    a->question.spec = a->file.spec;
    take(o, &a->file);
    a->question.n_tokens = o->tokens    ? (int32_t)o->tokens
                           : o->context ? (int32_t)o->context
                                        : a->file.spec.max_tokens;
    return STATUS_OK;
}

/* The dense twin, and what --against names. */
static enum status load_rivals(struct predict_answer *a, struct error *err)
{
    const char *names[PREDICT_RIVALS] = { rival_names[RIVAL_DENSE],
                                          a->options->against };
    const bool other = a->options->against &&
                       strcmp(a->options->against, names[0]) != 0;
    enum status status = STATUS_OK;

    a->n_rivals = other ? 2 : 1;
    for (int i = 0; i < a->n_rivals && status == STATUS_OK; i++)
        status = rival_load(&a->rival[i], names[i], &a->question.spec,
                            a->question.n_tokens, err);
    return status;
}

static enum status load(struct predict_answer *a, struct error *err)
{
    const struct predict_options *o = a->options;
    enum status status = load_model(a, err);

    if (status == STATUS_OK && o->batch % (o->accumulate * o->data) != 0)
        status = error_set(err, STATUS_BAD_VALUE, "--batch %" PRId64 ": allowed"
                           " are multiples of --data times --accumulate, %"
                           PRId64, o->batch, o->accumulate * o->data);
    if (status == STATUS_OK && o->sharding != SHARDING_NONE && o->data < 2)
        status = error_set(err, STATUS_BAD_VALUE, "--shard %s: needs --data,"
                           " the devices that hold a part each",
                           sharding_names[o->sharding]);
    if (status == STATUS_OK && o->layer >= a->question.spec.n_layers)
        status = error_set(err, STATUS_BAD_VALUE, "--layer %" PRId64 ": this"
                           " model has layers 0 to %d", o->layer,
                           a->question.spec.n_layers - 1);
    if (status == STATUS_OK)
        status = load_rivals(a, err);
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

    if (o->yaml)
        return STATUS_OK;
    q->phase = (enum memory_phase)o->phase;
    q->all_logits = o->logits == LOGITS_ALL;
    q->regime = regime_of(a);
    struct error why;
    if ((o->explain >= 0 || o->convention) &&
        spec_check_plain(&q->spec, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_VALUE, "%s: %s",
                         o->convention ? "--convention" : "--explain",
                         why.text);
    if (o->explain >= 0 && (!regime_is_fp32(&q->regime) || o->execution > 0 ||
                            regime_devices(&q->regime) > 1))
        return error_set(err, STATUS_BAD_VALUE, "--explain: formulas are those"
                         " of float32 on one device, rows gathered; leave"
                         " others out");
    q->n_sequences = (int32_t)(o->batch / (o->accumulate * o->data));
    if (q->phase == MEMORY_TRAIN &&
        spec_check_training(&q->spec, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_VALUE, "%s; allowed are --phase prefill"
                         " and --phase decode, or --weights float32", why.text);
    if (predict_knows_routes(o))
        return STATUS_OK;                /* priced as they are told */
    enum status status = contest_open(&a->contest, q, a->rival, a->n_rivals,
                                      err);
    if (status != STATUS_OK)
        return status;
    a->n_rows = predict_rows(a->rows, &a->contest, (enum predict_by)o->by);
    a->total = predict_total(&a->contest);
    return predict_drafts_work_out(a, err);
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
    if (o->yaml)
        return predict_print_yaml(file, a, err);
    if (predict_knows_routes(o))
        return predict_trace_print(file, a, argc, argv, err);
    if (o->machines.n > 1)
        return predict_machines_print(file, a, err);
    if (o->explain < 0 && o->common.format == FORMAT_TEXT)
        return predict_print_text(file, a, err);
    if (o->explain < 0 && o->common.format == FORMAT_CSV)
        return predict_print_csv(file, a, err);
    if (o->explain < 0)
        return predict_print_json(file, a, argc, argv, err);
    const struct prediction *model = &a->contest.model;
    explain_op(file, &model->spec, &model->allocation, told_rows(&a->question),
               model->ledger, (enum op)o->explain, (int32_t)o->layer);
    return STATUS_OK;
}

/* Of each form that print() knows. */
static const struct outfile_heads own = { {
    "# Written by `isobath predict`", "model,phase,", "machine,model,phase,",
    "machine,fp32_flops_per_second,", "memory,bytes,dense_bytes,",
    "of,layer,part,quantity,unit,", "{\n  \"schema\": \"isobath-run-1\",",
    "{\n \"name\": \"predicted\",", "{\n \"name\": \"machines\",", NULL } };

static enum status deliver(struct predict_answer *a, int argc, char **argv,
                           struct error *err)
{
    struct file_writer out;
    const char *path = a->options->common.output;

    if (!path)
        return print(stdout, a, argc, argv, err);
    enum status status = outfile_create(&out, path, &own, err);
    if (status != STATUS_OK)
        return status;
    if (a->options->common.format == FORMAT_TEXT)
        fprintf(out.stream, "%s\n", own.head[0]);
    status = print(out.stream, a, argc, argv, err);
    return file_end(&out, status, err);
}

enum status predict_ask(struct predict_answer *a, struct predict_options *o,
                        struct error *err)
{
    enum status status = check(o, err);

    o->model = o->common.operand[0];
    a->options = o;
    if (status != STATUS_OK || wants_list(o))
        return status;
    if (!o->model)
        return error_set(err, STATUS_BAD_VALUE, "MODEL is missing: what is to be"
                         " priced");
    status = load(a, err);
    return status == STATUS_OK ? predict_work_out(a, err) : status;
}

void predict_answer_close(struct predict_answer *a)
{
    contest_close(&a->contest);
    predict_model_close(&a->file);
    free(a->machine);
}

static int run(void *options)
{
    struct predict_options *o = options;
    if (o->grid)
        return predict_grid_run(o);

    struct predict_answer *a = calloc(1, sizeof *a);
    struct error err = { STATUS_NO_MEMORY, "no memory" };

    if (!a)
        return command_fail(&err);
    command_end_on_signals();
    enum status status = predict_ask(a, o, &err);
    if (status == STATUS_OK)
        status = deliver(a, o->common.argc, o->common.argv, &err);
    predict_answer_close(a);
    free(a);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command predict_command = {
    .name = "predict", .usage = "MODEL\n--machine list\n--grid FILE",
    .help = "price a model from its config; nothing is run",
    .about = "Price a model next to its dense twin, or another rival: FLOPs,"
        " bytes, and on a machine seconds and joules.  Nothing is run.",
    .examples =
        "  isobath predict smollm-135m --machine h100-sxm --phase decode\n"
        "  isobath predict mod-220m-paper --by layer\n"
        "  isobath predict mod-220m-paper --machine a100-80 --against equal-flops\n"
        "  isobath predict tiny-48-mod --set routing.capacity=0.25 --format json\n"
        "  isobath predict tiny-48-mod --synthetic zipf --phase decode -B 16\n"
        "  isobath predict --grid paper -o build/grid.csv\n",
    .kinds = (const char *const[]){ "models", "runs", NULL },
    .flags = flags, .config = &model_config_schema, .also = &grid_schema,
    .options_size = sizeof(struct predict_options), .run = run,
};
