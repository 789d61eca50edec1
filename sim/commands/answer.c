/* answer.c - Run isobath answer: does it save in training, prefill or decode, on
 * which machines, at which batch and length, against whom? */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/commands/answer_job.h"
#include "sim/commands/commands.h"
#include "sim/commands/loss_rival.h"
#include "sim/commands/predict_trace.h"
#include "sim/commands/rival_load.h"
#include "sim/core/base/shipped.h"
#include "sim/core/config/model_config.h"

/* ---- arguments ---- */

/* Accelerators of a data centre and of a desk, a server's and a small CPU. */
static const char *const usual_machines[] = { "h100-sxm", "a100-80", "rtx-4090",
                                              "l4", "epyc-9654",
                                              "raspberry-pi-5" };
enum { N_USUAL = sizeof usual_machines / sizeof *usual_machines };

#define ANSWER(name, argument, with, TYPE, member, ...)                        \
    FLAG(name, argument, with, TYPE, struct answer_options, member, __VA_ARGS__)
enum { MOST = 1 << 24 };
static const struct flag flags[] = {
    FLAG_OPERAND("MODEL", NULL, "as isobath predict takes it: a model YAML or"
        " its name, a config.json, a run directory, a GGUF file; a dense one is"
        " priced by --set routing.* as if it had been trained so"),
    ANSWER("--machine", "FILE", NULL, PATHS, machines, 0, 0, "", NULL, NULL,
        "machine profile or its name, once for each; not given: h100-sxm,"
        " a100-80, rtx-4090, l4, epyc-9654 and raspberry-pi-5"),
    ANSWER("--against", "RIVAL", NULL, PATHS, against, 0, 0, "", NULL, NULL,
        "rivals beside the dense twin, once for each, equal-flops if nothing is"
        " said: " RIVAL_HELP "; a depth is solved for at the longest of"
        " --context"),
    ANSWER("--against-loss", "STUDY", NULL, TEXT, study, 0, 0, "", NULL, NULL,
        "also the dense model of equal loss, by the settings.csv that a report"
        " of trainings at one budget left in this folder; refused outside of"
        " what was trained there"),
    ANSWER("--trace", "FILE", NULL, TEXT, trace, 0, 0, "", NULL, NULL,
        "routes that were recorded, as isobath predict takes them: each routed"
        " layer keeps the share of tokens that it kept there, a dense MODEL is"
        " priced as if it routed so; which tokens they are is not priced"),
    ANSWER("--by-depth", NULL, "--trace", BOOL, by_depth, 0, 0, "", NULL, NULL,
        "MODEL may have other layers than the one that was recorded, as of"
        " isobath predict"),
    ANSWER("--batch", "B,...", NULL, INT_LIST, batches, 1, MOST, "1,16,64",
        NULL, NULL, "how many sequences are processed at once"),
    ANSWER("--context", "T,...", NULL, INT_LIST, contexts, 1, MOST, "",
        NULL, NULL, "how many tokens a sequence has; not given: 512, 2048 and"
        " 8192, as far as model.max_tokens goes"),
    ANSWER("--weights", "TYPE", NULL, CHOICE, weights, 0, 0, "",
        predict_weights, NULL, "as of isobath predict"),
    ANSWER("--dtype", "FORMAT", NULL, CHOICE, dtype, 0, 0, "", precision_names,
        NULL, "the format that products multiply in; not given: as a model"
        " YAML's formats section says, else the first of bf16, fp16 and fp32"
        " that the machine has a peak of"),
    ANSWER("--kv", "FORMAT", NULL, CHOICE, kv, 0, 0, "", precision_names, NULL,
        "the format of cached keys and values; not given: as --dtype"),
    ANSWER("--execution", "HOW", NULL, CHOICE, execution, 0, 0, "gathered",
        execution_names, NULL, "how routed blocks run on the rows that they"
        " keep, as of isobath predict"),
    FLAG_REPLACED("DIR", "", "also leave summary.json and its tables (answer.csv,"
        " mix.csv, flips.csv, waterfall.csv, doubts.csv, splits.csv) there, for"
        " isobath report"),
    FLAG_FORMAT(NULL, format_names),
    FLAG_SET,
    FLAG_QUIET,
    ANSWER("--prompt-tokens", "N", NULL, INT, n_prompt, 1, MOST, "", NULL, NULL,
        "of the request mix: tokens of a prompt; not given: 512, or three"
        " quarters of a shorter model.max_tokens"),
    ANSWER("--generate", "N", NULL, INT, n_new, 1, MOST, "", NULL, NULL,
        "new tokens of a request; not given: 128, or a quarter"),
    ANSWER("--concurrency", "N", NULL, INT, concurrency, 1, MOST, "16", NULL,
        NULL, "the most requests that are served at once"),
    ANSWER("--first-token-limit", "SECONDS", NULL, REAL, first_limit, 1e-9, 1e9,
        "", NULL, NULL, "fewer are served at once where the first token of a"
        " request would come later"),
    ANSWER("--next-token-limit", "SECONDS", NULL, REAL, next_limit, 1e-9, 1e9,
        "", NULL, NULL, "likewise for the time between two tokens of a request,"
        " on average"),
    FLAG_END
};

/* ---- what is asked ---- */

/* A number that is given twice is asked once: each cell counts once. */
static void numbers_once(struct config_int_list *list)
{
    int32_t n = 0;

    for (int32_t i = 0; i < list->n; i++) {
        int32_t same = 0;
        while (same < n && list->value[same] != list->value[i])
            same++;
        if (same == n)
            list->value[n++] = list->value[i];
    }
    list->n = n;
}

/* Likewise of names, which may mean one file of these kinds. */
static void names_once(struct config_paths *list, const char *const *kinds)
{
    int32_t n = 0;

    for (int32_t i = 0; i < list->n; i++) {
        int32_t same = 0;
        while (same < n &&
               !shipped_same(kinds, list->value[same], list->value[i]))
            same++;
        if (same == n && n++ != i)
            memcpy(list->value[same], list->value[i], sizeof list->value[i]);
    }
    list->n = n;
}

static void ask_once(struct answer_options *o)
{
    static const char *const machines[] = { "machines", NULL };
    static const char *const models[] = { "models", "runs", NULL };

    numbers_once(&o->batches);
    numbers_once(&o->contexts);
    names_once(&o->machines, machines);
    names_once(&o->against, models);
}

/* The first of these that a machine has is what models are served in. */
static const enum precision usual_formats[] = { PRECISION_BF16, PRECISION_FP16,
                                                PRECISION_FP32 };

static enum precision format_on(const struct answer_job *j,
                                const struct machine *machine)
{
    if (j->options->dtype >= 0)
        return (enum precision)j->options->dtype;
    if (j->file.formats.activations != PRECISION_FP32)
        return (enum precision)j->file.formats.activations;
    for (size_t i = 0; i < sizeof usual_formats / sizeof *usual_formats; i++)
        if (quantity_known(machine_peak(machine, usual_formats[i])))
            return usual_formats[i];
    return PRECISION_FP32;
}

/* Note the first number that is unknown. */
static void note(char out[160], const char *key,
                 const struct quantity *quantity)
{
    if (!quantity_known(quantity) && !*out)
        snprintf(out, 160, "%s: %.100s", key, quantity->source);
}

static enum status load_machine(struct answer_machine *m,
                                const struct answer_job *j, const char *name,
                                struct error *err)
{
    enum status status = machine_load(&m->machine, name, err);

    if (status != STATUS_OK)
        return status;
    m->arithmetic = format_on(j, &m->machine);
    bill_draw(&m->draws, &m->machine, m->arithmetic);
    note(m->unpriced, "price_per_hour", &m->machine.price_per_hour);
    note(m->unmetered, "pue", &m->machine.pue);
    note(m->unmetered, "grams_co2_per_kwh", &m->machine.grams_co2_per_kwh);
    return STATUS_OK;
}

static enum status load_machines(struct answer_job *j, struct error *err)
{
    const struct config_paths *asked = &j->options->machines;
    enum status status = STATUS_OK;

    j->n_machines = asked->n > 0 ? asked->n : N_USUAL;
    j->machine = calloc((size_t)j->n_machines, sizeof *j->machine);
    if (!j->machine)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d machines",
                         j->n_machines);
    for (int m = 0; m < j->n_machines && status == STATUS_OK; m++)
        status = load_machine(&j->machine[m], j,
                              asked->n > 0 ? asked->value[m]
                                           : usual_machines[m], err);
    return status;
}

static void default_contexts(struct answer_job *j)
{
    static const int64_t usual[] = { 512, 2048, 8192 };
    struct config_int_list *contexts = &j->options->contexts;
    const int32_t most = j->file.spec.max_tokens;

    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (usual[i] <= most)
            contexts->value[contexts->n++] = usual[i];
    if (contexts->n == 0)
        contexts->value[contexts->n++] = most;
}

static enum status check_tokens(const struct answer_job *j, struct error *err)
{
    const struct config_int_list *contexts = &j->options->contexts,
                                 *batches = &j->options->batches;
    const int32_t most = j->file.spec.max_tokens;

    for (int t = 0; t < contexts->n; t++) {
        if (contexts->value[t] > most)
            return error_set(err, STATUS_BAD_VALUE, "--context %" PRId64 ":"
                             " allowed is 1 to the model's max_tokens, %d",
                             contexts->value[t], most);
        for (int b = 0; b < batches->n; b++)
            if (contexts->value[t] * batches->value[b] > INT32_MAX)
                return error_set(err, STATUS_BAD_VALUE, "--batch %" PRId64
                                 ": with --context %" PRId64 " allowed are up"
                                 " to 2^31 - 1 tokens together",
                                 batches->value[b], contexts->value[t]);
    }
    return STATUS_OK;
}

static enum status take_mix(struct answer_job *j, struct error *err)
{
    enum { PROMPT = 512, NEW = 128 };
    const struct answer_options *o = j->options;
    const int32_t most = j->file.spec.max_tokens;
    const bool roomy = most >= PROMPT + NEW;

    j->mix = (struct serving){
        .n_prompt = o->n_prompt > 0 ? (int32_t)o->n_prompt
                    : roomy         ? PROMPT : most - most / 4,
        .n_new = o->n_new > 0 ? (int32_t)o->n_new : roomy ? NEW : most / 4,
        .concurrency = (int32_t)o->concurrency,
        .first_limit = o->first_limit, .next_limit = o->next_limit,
    };
    if (j->mix.n_new == 0)
        j->mix.n_new = 1;
    if ((int64_t)j->mix.n_prompt + j->mix.n_new > most)
        return error_set(err, STATUS_BAD_VALUE, "--prompt-tokens %d and"
                         " --generate %d: allowed are together up to the"
                         " model's max_tokens, %d", j->mix.n_prompt,
                         j->mix.n_new, most);
    if ((int64_t)most * j->mix.concurrency > INT32_MAX)
        return error_set(err, STATUS_BAD_VALUE, "--concurrency %d: allowed is"
                         " up to %d", j->mix.concurrency, INT32_MAX / most);
    return STATUS_OK;
}

static enum status load_rivals(struct answer_job *j, struct error *err)
{
    const struct config_paths *against = &j->options->against;
    int64_t longest = 0;
    enum status status = STATUS_OK;

    j->asked[j->n_rivals++] = rival_names[RIVAL_DENSE];
    if (against->n == 0)
        j->asked[j->n_rivals++] = rival_names[RIVAL_FLOPS];
    for (int i = 0; i < against->n; i++) {
        if (strcmp(against->value[i], rival_names[RIVAL_DENSE]) == 0)
            continue;
        if (j->n_rivals == ANSWER_RIVALS_MAX)
            return error_set(err, STATUS_BAD_VALUE, "--against: allowed are up"
                             " to %d rivals beside the dense twin",
                             ANSWER_RIVALS_MAX - 1);
        j->asked[j->n_rivals++] = against->value[i];
    }
    if (j->options->study && j->n_rivals == ANSWER_RIVALS_MAX)
        return error_set(err, STATUS_BAD_VALUE, "--against-loss: allowed are up"
                         " to %d rivals beside the dense twin",
                         ANSWER_RIVALS_MAX - 1);
    j->rival = calloc((size_t)j->n_rivals + 1, sizeof *j->rival);
    if (!j->rival)
        return error_set(err, STATUS_NO_MEMORY, "no memory for rivals");
    for (int t = 0; t < j->options->contexts.n; t++)
        if (j->options->contexts.value[t] > longest)
            longest = j->options->contexts.value[t];
    for (int r = 0; r < j->n_rivals && status == STATUS_OK; r++)
        status = rival_load(&j->rival[r], j->asked[r], &j->file.spec,
                            (int32_t)longest, err);
    if (status == STATUS_OK && j->options->study) {
        j->asked[j->n_rivals] = "equal-loss";
        status = loss_rival_make(&j->rival[j->n_rivals++], j->options->study,
                                 &j->file.spec, err);
    }
    return status;
}

static enum status take_routes(struct answer_job *j, struct error *err)
{
    const struct answer_options *o = j->options;
    struct routes *routes;

    if (!o->trace)
        return STATUS_OK;
    enum status status = predict_routes_recorded(&routes, o->trace, o->by_depth,
                                                 &j->file.spec, err);
    if (status != STATUS_OK)
        return status;
    routes_take_shares(routes, &j->file.spec);
    routes_close(routes);
    return STATUS_OK;
}

static enum status load(struct answer_job *j, struct error *err)
{
    const struct command_options *o = &j->options->common;
    enum status status = j->options->trace
                             ? STATUS_OK : flags_refuse(o, "--trace", err);

    if (status == STATUS_OK)
        status = predict_model_load(&j->file, &(struct predict_source){
            .name = o->operand[0], .setting = o->setting,
            .n_settings = o->n_settings, .weights = j->options->weights }, err);
    if (status == STATUS_OK)
        status = take_routes(j, err);
    if (status != STATUS_OK)
        return status;
    ask_once(j->options);
    if (j->options->contexts.n == 0)
        default_contexts(j);
    if ((status = check_tokens(j, err)) || (status = take_mix(j, err)) ||
        (status = load_rivals(j, err)))
        return status;
    return load_machines(j, err);
}

/* ---- the command ---- */

static void close_job(struct answer_job *j)
{
    predict_model_close(&j->file);
    free(j->machine);
    free(j->rival);
    free(j->cell);
    free(j->plane);
    free(j->fall);
    free(j->served);
    free(j);
}

static int run(void *options)
{
    struct answer_job *j = calloc(1, sizeof *j);
    struct error err = { STATUS_NO_MEMORY, "no memory" };

    if (!j)
        return command_fail(&err);
    command_end_on_signals();
    j->options = options;
    enum status status = load(j, &err);
    if (status == STATUS_OK)
        status = answer_work_out(j, &err);
    if (status == STATUS_OK)
        status = answer_deliver(j, &err);
    close_job(j);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command answer_command = {
    .name = "answer", .usage = "MODEL",
    .help = "does it save in training, prefill or decode, and against whom",
    .about = "Price training, prefill and decode of a model on several machines,"
        " batches and lengths, against its dense twin and the dense model of"
        " equal FLOPs, or other rivals; serve a mix of requests; and say in"
        " words where it saves, by how much, and where not.  Nothing is run.",
    .examples =
        "  isobath answer mod-220m-paper\n"
        "  isobath answer smollm-135m --set routing.capacity=0.125 --machine l4\n"
        "  isobath answer tiny-48-mod --against layers:3 --against exit:3 -f json\n",
    .kinds = (const char *const[]){ "models", "runs", NULL },
    .flags = flags, .config = &model_config_schema,
    .options_size = sizeof(struct answer_options), .run = run,
};
