/* run.c - Read the totals and facts of a run from its summary. */
#include "reports/read/run.h"

#include <math.h>
#include <string.h>
#include "reports/read/jsonpath.h"
#include "sim/core/model/route.h"

const char *const run_commands[RUN_KIND_COUNT] = {
#define X(id, command) [RUN_##id] = command,
    RUN_KIND_MAP(X)
#undef X
};

const char *const arm_titles[ARM_COUNT] = { "dense twin", "MoD" };

struct amount totals_best(const struct totals *totals, enum metric metric)
{
    static const enum witness order[] = { WITNESS_MEASURED, WITNESS_COUNTED };

    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (amount_known(totals->of[order[i]][metric]))
            return totals->of[order[i]][metric];
    return totals->of[WITNESS_PREDICTED][metric];
}

static struct amount read_total(const json_t *witness, enum witness w,
                                enum metric m)
{
    static const enum provenance usual[WITNESS_COUNT] = {
        [WITNESS_PREDICTED] = PROV_PREDICTED,
        [WITNESS_COUNTED]   = PROV_COUNTED,
        [WITNESS_MEASURED]  = PROV_MEASURED,
    };
    const char *column = metric_table[m].column;
    const char *source = jsonpath_text(json_object_get(witness, "sources"),
                                       column);
    const char *reason = jsonpath_text(json_object_get(witness, "reasons"),
                                       column);
    struct amount amount = amount_of(jsonpath_number(witness, column),
                                     usual[w]);

    for (int p = 0; source && amount_known(amount) && p < PROV_COUNT; p++)
        if (strcmp(source, provenance_names[p]) == 0)
            amount.from = (enum provenance)p;
    amount.modelled = amount_is_model(m, amount.from);
    if (!amount_known(amount))
        return amount_unknown(reason ? reason
                                     : "summary.json holds no number for it");
    return amount;
}

void totals_read(struct totals *out, const json_t *totals)
{
    for (int w = 0; w < WITNESS_COUNT; w++)
        for (int m = 0; m < METRIC_COUNT; m++)
            out->of[w][m] = read_total(json_object_get(totals,
                                                       witness_names[w]),
                                       (enum witness)w, (enum metric)m);
}

/* A number, or the mean of a list of them. */
static double number_at(const json_t *root, const char *path)
{
    const json_t *value = jsonpath_at(root, path), *item;
    double sum = 0;
    size_t i;

    if (!json_is_array(value) || json_array_size(value) == 0)
        return json_is_number(value) ? json_number_value(value) : nan("");
    json_array_foreach(value, i, item)
        sum += json_is_number(item) ? json_number_value(item) : nan("");
    return sum / (double)json_array_size(value);
}

/* The first of several names that holds a number. */
static double first_number(const json_t *root, const char *const *paths)
{
    double value = nan("");

    for (; *paths && !isfinite(value); paths++)
        value = number_at(root, *paths);
    return value;
}

static double nats_per_byte(const json_t *summary, const char *path)
{
    const json_t *value = jsonpath_at(summary, path);
    if (json_is_object(value))
        return jsonpath_number(value, "nats_per_byte");
    return json_is_number(value) ? json_number_value(value) : nan("");
}

bool capacity_strays(double realised, double nominal)
{
    return fabs(realised - nominal) > 0.05 * nominal;
}

/* Summaries of trainings once had the flops of the nominal share alone: no loss
 * under a rule that kept another share stands beside those. */
static void read_flops(struct facts *f, const json_t *s)
{
    const char *command = jsonpath_text(s, "command");
    const bool old = command && strcmp(command, "train") == 0 &&
                     !json_object_get(s, "flops_per_token_forward_topk");

    f->flops_forward = jsonpath_number(s, "flops_per_token_forward");
    f->flops_topk = old ? f->flops_forward
                        : jsonpath_number(s, "flops_per_token_forward_topk");
    if (old && capacity_strays(f->realised, f->capacity))
        f->flops_forward = nan("");
}

/* Layers of one kind, and what their blocks do besides; exits are no way to route
 * unless tokens leave there. */
static const char *mode_of(const json_t *s, bool routes, bool leaves)
{
    const char *exits = jsonpath_text(s, "config.routing.exits");

    if (jsonpath_number(s, "config.model.experts") > 0)
        return routes || jsonpath_number(s, "config.model.idle_experts") > 0
                   ? "MoDE" : "MoE";
    if (jsonpath_number(s, "config.model.recursions") > 1)
        return routes ? "MoR" : "recursion";
    return exits && strcmp(exits, "none") != 0 && (leaves || !routes)
               ? "early exit" : NULL;
}

void facts_read(struct facts *f, const json_t *s)
{
    static const char *const parameters[] = { "parameters", "n_parameters",
        "model.parameters", NULL };
    static const char *const seeds[] = { "seed", "config.train.seed",
        "provenance.seed", NULL };
    static const char *const nominal[] = { "routing.capacity_nominal",
        "config.routing.capacity", NULL };
    const json_t *blocks = jsonpath_at(s, "routing.blocks");
    const struct route_policy *policy;
    const char *router;

    static const char *const layers[] = { "config.model.layers",
        "model.layers", NULL };
    static const char *const channels[] = { "config.model.channels",
        "model.channels", NULL };
    f->n_layers = first_number(s, layers);
    f->n_channels = first_number(s, channels);
    f->n_parameters = first_number(s, parameters);
    f->seed = first_number(s, seeds);
    f->capacity = first_number(s, nominal);
    f->realised = number_at(s, "routing.capacity_realised");
    f->n_routed = json_is_array(blocks) ? (double)json_array_size(blocks)
                                        : jsonpath_number(s, "routing.blocks");
    f->policy = jsonpath_text(s, "config.routing.policy");
    if (!f->policy)
        f->policy = jsonpath_text(s, "routing.policy");
    f->rule = jsonpath_text(s, "routing.rule");
    if (!f->rule)
        f->rule = f->policy;
    f->loss_train = nats_per_byte(s, "loss.train");
    f->loss_causal = nats_per_byte(s, "loss.heldout_causal");
    f->loss_topk = nats_per_byte(s, "loss.heldout_topk");
    read_flops(f, s);
    f->tokens = jsonpath_number(s, "tokens");
    policy = f->policy ? route_find(f->policy) : NULL;
    f->dense = (policy && !policy->choose) || f->n_routed == 0 ||
               f->capacity >= 1 || !json_is_object(json_object_get(s,
                                                                "routing"));
    f->mode = mode_of(s, !f->dense,
                      policy && policy->signal == SIGNAL_CONFIDENCE);
    router = jsonpath_text(s, "config.routing.router");
    f->control = !f->dense && ((policy && !policy->scored) ||
                               (router && strncmp(router, "frozen", 6) == 0));
    if (f->control && policy && policy->scored)
        f->policy = "frozen router";
    if (f->dense) {                 /* no rule to choose: both losses are one */
        f->n_routed = 0;
        f->capacity = f->realised = 1;
        if (!isfinite(f->loss_causal))
            f->loss_causal = f->loss_topk;
    }
}

void run_path_name(char out[RUN_NAME_SIZE], const char *path)
{
    size_t n = strlen(path), start;

    while (n > 1 && path[n - 1] == '/')
        n--;
    for (start = n; start > 0 && path[start - 1] != '/'; start--)
        ;
    snprintf(out, RUN_NAME_SIZE, "%.*s", (int)(n - start), path + start);
}

void run_model(char out[RUN_NAME_SIZE], const struct run *run)
{
    static const char *const ends[] = { ".gguf", ".yaml", ".bin",
                                        ".safetensors" };
    const char *path = jsonpath_text(run->summary, "config.model");

    if (!path)
        path = jsonpath_text(run->summary, "config.run.model");
    if (!path && run->kind == RUN_ASKED)
        path = jsonpath_text(run->summary, "config.file");
    run_path_name(out, path && *path ? path : run->name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]), length = strlen(out);
        if (length > end && strcmp(out + length - end, ends[i]) == 0)
            out[length - end] = '\0';
    }
}

enum side phase_arm(const struct phase *phase)
{
    return phase->has[ARM_MOD] ? ARM_MOD : ARM_DENSE;
}

bool phase_has_twin(const struct phase *phase)
{
    return phase->has[ARM_DENSE] && phase->has[ARM_MOD];
}

double phase_tokens(const struct phase *phase)
{
    return phase->batch * (phase->steps > 1 ||
                           strcmp(phase->name, "decode step") == 0
                           ? phase->steps : phase->tokens);
}

struct amount phase_total(const struct phase *phase, enum side arm,
                          enum metric metric)
{
    const struct totals *totals = &phase->totals[arm];

    if (metric == METRIC_SECONDS)
        return phase->seconds[arm];
    return amount_known(totals->of[WITNESS_COUNTED][metric])
           ? totals->of[WITNESS_COUNTED][metric] : totals_best(totals, metric);
}

void phase_words(char out[PHASE_WORDS_SIZE], const struct phase *phase)
{
    if (phase->steps > 1)
        snprintf(out, PHASE_WORDS_SIZE, "run of %g %.24ss", phase->steps,
                 phase->name);
    else
        snprintf(out, PHASE_WORDS_SIZE, "%.40s", phase->name);
}

void phase_title(char out[96], const struct phase *phase)
{
    char words[PHASE_WORDS_SIZE];

    phase_words(words, phase);
    if (!isfinite(phase->batch) || !isfinite(phase->tokens))
        snprintf(out, 96, "%s", words);
    else if (phase->steps > 1)
        snprintf(out, 96, "%s, batch %g", words, phase->batch);
    else
        snprintf(out, 96, "%s, batch %g, %g token%s", words,
                 phase->batch, phase->tokens, phase->tokens == 1 ? "" : "s");
}

bool run_has(const struct run *run, const char *file, char path[FILE_PATH_SIZE])
{
    struct error ignored;
    return file_join(path, run->path, file, &ignored) == STATUS_OK &&
           file_exists(path);
}

enum status run_ledgers(struct witnesses *out, const struct run *run,
                        struct error *err)
{
    char path[FILE_PATH_SIZE];

    *out = (struct witnesses){ .n_layers = 0 };
    if (!run_has(run, "ledger.csv", path))
        return STATUS_OK;
    return witnesses_read(out, path, NULL, err);
}
