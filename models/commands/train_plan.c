/* train_plan.c - Work out the model, the text and the number of steps that a
 * config of isobath train asks for. */
#include "models/commands/train_job.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "models/files/hf_class.h"
#include "sim/core/answer/json.h"
#include "sim/core/base/file.h"
#include "sim/core/model/plan.h"
#include "sim/core/model/spec_check.h"
#include "sim/price/memory.h"
#include "sim/price/predict.h"

static enum status blame(struct train_job *s, const char *key,
                         struct error *err)
{
    return config_blame(&train_config_schema, s->origins, key, err);
}

struct train_job *train_begin(struct error *err)
{
    struct train_job *s = calloc(1, sizeof *s);

    if (!s) {
        error_set(err, STATUS_NO_MEMORY, "no memory");
        return NULL;
    }
    s->rundir.lock = -1;
    return s;
}

void train_close(struct train_job *s)
{
    load_watch_close(&s->watch);
    trainer_close(s->trainer);
    text_trace_close(s->trace);
    corpus_close(&s->corpus);
    tokenizer_close(s->tokenizer);
    ledger_close(s->predicted);
    allocation_close(&s->allocation);
    json_decref(s->config_json);
    free(s->machine);
    rundir_close(&s->rundir);
    free(s);
}

uint64_t train_predicted_bytes(const struct train_job *s)
{
    uint64_t bytes = memory_process_bytes(&s->spec, (int32_t)s->config.batch,
                                          (int32_t)s->config.tokens,
                                          MEMORY_TRAIN,
                                          s->arguments.common.threads);
    uint64_t beside = tokenizer_memory(s->tokenizer) +
                      sizeof(int32_t) * (uint64_t)corpus_tokens(&s->corpus);
    struct stat text;

    for (int32_t i = 0; i < s->config.data_path.n; i++)
        if (stat(s->config.data_path.value[i], &text) == 0)
            beside += (uint64_t)text.st_size;
    return memory_with_bytes(bytes, beside);
}

/* A message now is better than a process that the kernel kills in an hour. */
static enum status check_memory(struct train_job *s, struct error *err)
{
    const struct train_config *c = &s->config;
    uint64_t need = train_predicted_bytes(s);
    uint64_t have = command_memory_bytes();
    if (need <= have)
        return STATUS_OK;
    error_set(err, STATUS_BAD_VALUE, "train.batch %" PRId64 ": with data.tokens"
              " %" PRId64 " this model takes about %.3g GB to train, and the"
              " machine has %.3g GB", c->batch, c->tokens, (double)need / 1e9,
              (double)have / 1e9);
    return blame(s, "train.batch", err);
}

/* Read the shape and the routing of the model to begin with. */
static enum status read_init(struct train_job *s, struct error *err)
{
    struct train_config *c = &s->config;
    enum status status = source_read(&s->source, c->init, NULL, 0, err);

    if (*c->model.table)
        memcpy(s->source.table, c->model.table, sizeof c->model.table);
    if (status == STATUS_OK && !s->source.has_weights)
        status = error_set(err, STATUS_BAD_VALUE, "train.init %.200s: a shape"
                           " without weights; allowed is a directory, *.gguf or"
                           " *.bin of llama2.c", c->init);
    if (status == STATUS_OK &&
        s->source.spec.rope_scaling.kind > ROPE_SCALING_LLAMA3)
        status = error_set(err, STATUS_BAD_VALUE, "train.init %.200s: its"
                           " rotary frequencies have a factor each, or are"
                           " scaled by YaRN or dynamically, which is not"
                           " trained; run and profile take this model",
                           c->init);
    if (status != STATUS_OK)
        return blame(s, "train.init", err);
    s->spec = s->source.spec;
    return train_config_adopt(c, &s->spec, s->source.routing.policy->name,
                            s->origins, err);
}

static enum status read_spec(struct train_job *s, struct error *err)
{
    struct train_config *c = &s->config;
    enum status status = STATUS_OK;

    if (*c->init)
        status = read_init(s, err);
    else if (model_config_spec(&s->spec, &c->model, err) != STATUS_OK)
        status = model_config_blame(&train_config_schema, s->origins, err);
    if (status != STATUS_OK)
        return status;
    s->spec.backbone_frozen = c->freeze == FREEZE_BACKBONE;
    s->spec.kept_varies |= c->capacity_warmup > 0.0 &&
                           spec_n_routed(&s->spec) > 0;
    return spec_check(&s->spec, err) == STATUS_OK
               ? STATUS_OK
               : model_config_blame(&train_config_schema, s->origins, err);
}

const char *train_tokenizer_path(const struct train_job *s)
{
    return *s->config.tokenizer ? s->config.tokenizer : s->source.tokenizer;
}

static enum status open_tokenizer(struct train_job *s, struct error *err)
{
    const struct train_config *c = &s->config;
    const char *path = train_tokenizer_path(s);
    const int32_t vocab = s->spec.n_vocab;

    if (*path) {
        if (tokenizer_open(&s->tokenizer, path, vocab, err) == STATUS_OK)
            return STATUS_OK;
        return blame(s, *c->tokenizer ? "data.tokenizer" : "train.init", err);
    }
    if (*c->init && vocab != DATA_VOCAB) {
        error_set(err, STATUS_BAD_VALUE, "train.init %.200s: a vocabulary of %d"
                  " tokens; %d would be bytes, any other needs"
                  " data.tokenizer", c->init,
                  vocab, DATA_VOCAB);
        return blame(s, "train.init", err);
    }
    if (vocab < DATA_VOCAB) {
        error_set(err, STATUS_BAD_VALUE, "model.vocab %d: a text of bytes needs"
                  " at least %d", vocab, DATA_VOCAB);
        return blame(s, "model.vocab", err);
    }
    return STATUS_OK;
}

enum status train_read_model(struct train_job *s, struct error *err)
{
    const struct command_options *o = &s->arguments.common;
    enum status status = train_config_load(&s->config, s->arguments.config,
                                         o->setting, o->n_settings, s->origins,
                                         err);
    return status == STATUS_OK ? read_spec(s, err) : status;
}

enum status train_read_config(struct train_job *s, struct error *err)
{
    struct train_config *c = &s->config;
    enum status status = train_read_model(s, err);

    if (status != STATUS_OK || (status = open_tokenizer(s, err)))
        return status;
    if (model_config_check_training(&c->model, &s->spec, err) != STATUS_OK)
        return model_config_blame(&train_config_schema, s->origins, err);
    const struct hf_class *class;      /* that checkpoints are written as */
    if (hf_config_holds(&class, &s->spec, "model.family", err) != STATUS_OK)
        return blame(s, "model.family", err);
    if (c->tokens > s->spec.max_tokens) {
        error_set(err, STATUS_BAD_VALUE, "data.tokens %" PRId64 ": allowed is"
                  " at most model.max_tokens, %d", c->tokens,
                  s->spec.max_tokens);
        return blame(s, "data.tokens", err);
    }
    if (c->steps == 0 && c->budget_flops == 0.0)
        return error_set(err, STATUS_BAD_VALUE, "%s:1:1: the length of the"
                         " training is missing: give train.steps or"
                         " train.budget_flops, above 0",
                         s->arguments.config);
    if (c->steps > 0 && c->budget_flops > 0.0) {
        error_set(err, STATUS_BAD_VALUE, "train.budget_flops %g: there is"
                  " train.steps %" PRId64 " too; give one of them: --set"
                  " train.budget_flops=0 leaves the budget out, and --set"
                  " train.steps=0 the steps",
                  c->budget_flops, c->steps);
        return blame(s, "train.budget_flops", err);
    }
    if (c->tokens * c->batch > INT32_MAX) {
        error_set(err, STATUS_BAD_VALUE, "train.batch %" PRId64 ": with"
                  " data.tokens %" PRId64 " allowed is at most %" PRId64,
                  c->batch, c->tokens, INT32_MAX / c->tokens);
        return blame(s, "train.batch", err);
    }
    status = train_table_check(s, err);
    if (status == STATUS_OK)
        status = check_memory(s, err);
    if (status != STATUS_OK || c->machine[0] == '\0')
        return status;
    s->machine = malloc(sizeof *s->machine);
    if (!s->machine)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a machine");
    status = machine_load(s->machine, c->machine, err);
    /* A mistake inside a profile is already reported with its place. */
    return status == STATUS_BAD_VALUE && !file_exists(c->machine)
               ? blame(s, "machine", err) : status;
}

static enum status open_ledger(struct ledger **out, const struct train_job *s,
                               struct error *err)
{
    return ledger_open(out, (struct ledger_shape){
        .by_pass = true, .by_op = true, .n_layers = s->spec.n_layers },
        cost_zero(PROV_PREDICTED), err);
}

static double ledger_flops(const struct ledger *ledger)
{
    const struct cost sum = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY,
                                       LEDGER_ANY, LEDGER_ANY);
    return cost_get(&sum, METRIC_FLOPS);
}

/* The predicted flops of a step whose routed layers are so far open; leaves its
 * prediction in `ledger`, besides what is there. */
static enum status price_step(double *flops, struct train_job *s,
                              double openness, struct ledger *ledger,
                              struct error *err)
{
    struct model_spec spec = s->spec;
    const struct predict_job job = { .spec = &spec,
                                     .allocation = &s->allocation,
                                     .machine = s->machine };

    spec_set_openness(&spec, openness);
    allocation_fill(&s->allocation, &spec);
    const double before = ledger_flops(ledger);
    enum status status = predict_train_step(ledger, &job, NULL, err);
    *flops = ledger_flops(ledger) - before;
    return status;
}

/* The flops of the first steps of a run of `steps`, while layers are open;
 * steps that keep as many tokens cost the same. */
static enum status price_opening(double *flops, struct train_job *s,
                                 int64_t steps, struct error *err)
{
    const double share = s->config.capacity_warmup;
    const int64_t open = schedule_open_steps(share, steps);
    struct ledger *scratch = NULL;
    enum status status = open_ledger(&scratch, s, err);
    int32_t kept[SPEC_MAX_LAYERS] = { 0 };
    double step_flops = 0.0;

    *flops = 0.0;
    for (int64_t step = 1; step <= open && status == STATUS_OK; step++) {
        const double openness = schedule_openness(share, step, steps);
        bool changed = false;
        for (int32_t l = 0; l < s->spec.n_layers; l++) {
            int32_t k = spec_kept_at(&s->spec,
                                     spec_opened(&s->spec, l, openness),
                                     (int32_t)s->config.tokens);
            changed |= k != kept[l];
            kept[l] = k;
        }
        if (changed)
            status = price_step(&step_flops, s, openness, scratch, err);
        *flops += step_flops;
    }
    ledger_close(scratch);
    return status;
}

static enum status price_run(double *flops, struct train_job *s, int64_t steps,
                             double closed_step, struct error *err)
{
    enum status status = price_opening(flops, s, steps, err);
    *flops += closed_step * (double)(steps - schedule_open_steps(
                                                 s->config.capacity_warmup,
                                                 steps));
    return status;
}

/* Find the number of steps whose flops come nearest to the budget. */
static enum status spend_budget(struct train_job *s, double closed_step,
                                struct error *err)
{
    struct train_config *c = &s->config;
    int64_t fits = 0, above = llround(c->budget_flops / closed_step) + 1;
    double under = 0.0, over = (double)INFINITY;

    while (above - fits > 1) {
        const int64_t middle = fits + (above - fits) / 2;
        double flops;
        enum status status = price_run(&flops, s, middle, closed_step, err);
        if (status != STATUS_OK)
            return status;
        if (flops <= c->budget_flops)
            fits = middle, under = flops;
        else
            above = middle, over = flops;
    }
    c->steps = c->budget_flops - under < over - c->budget_flops ? fits : above;
    if (c->steps >= 1)
        return STATUS_OK;
    error_set(err, STATUS_BAD_VALUE, "train.budget_flops %g: one step takes"
              " %.3g flops", c->budget_flops, isfinite(over) ? over
                                                             : closed_step);
    return blame(s, "train.budget_flops", err);
}

/* The share by the size of the texts is what later programs have to repeat, not
 * the rule. */
static double held_out_of(const struct config_paths *texts)
{
    struct stat text;
    int64_t bytes = 0;

    for (int32_t i = 0; i < texts->n; i++)
        if (stat(texts->value[i], &text) == 0)
            bytes += text.st_size;
    return data_held_out(bytes);
}

enum status train_plan(struct train_job *s, struct error *err)
{
    struct train_config *c = &s->config;
    double closed_step;

    if (c->held_out == 0.0)
        c->held_out = held_out_of(&c->data_path);
    /* As given: other values that train_plan() works out stand beside it in the
     * summary. */
    s->config_json = config_json(c, &train_config_schema);
    enum status status = allocation_open(&s->allocation,
                                         plan_n_choices(&s->spec),
                                         (int32_t)c->batch, (int32_t)c->tokens,
                                         err);
    if (status == STATUS_OK)
        status = open_ledger(&s->predicted, s, err);
    if (status == STATUS_OK)
        status = price_step(&closed_step, s, 0.0, s->predicted, err);
    if (status == STATUS_OK && c->steps == 0)
        status = spend_budget(s, closed_step, err);
    if (status != STATUS_OK)
        return status;
    if (c->learning_rate == 0.0)
        c->learning_rate = train_config_default_rate(c);
    return s->config_json ? STATUS_OK
                          : error_set(err, STATUS_NO_MEMORY, "no memory");
}

/* A kept token's attention costs by where it stands. */
static bool sees_skipped(const struct model_spec *spec)
{
    return spec_n_routed(spec) > 0 &&
           (spec->skipped_keys != SKIPPED_KEYS_ABSENT ||
            spec->recursion.keys == RECURSION_KEYS_SHARED);
}

static bool steps_cost_unlike(const struct model_spec *spec)
{
    return spec->kept_varies || sees_skipped(spec) || spec->experts.n > 0;
}

enum status train_predict_step(struct train_job *s, struct error *err)
{
    const struct predict_job job = {
        .spec = &s->spec,
        .allocation = model_allocation(trainer_model(s->trainer)),
        .machine = s->machine,
    };

    return steps_cost_unlike(&s->spec)
               ? predict_train_step(s->predicted, &job, NULL, err) : STATUS_OK;
}

enum status train_predict_run(struct train_job *s, struct error *err)
{
    if (steps_cost_unlike(&s->spec) ||
        ledger_scale(s->predicted, (uint64_t)s->options.steps) == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_OVERFLOWED, "the predicted totals do not fit"
                     " in 64 bits");
}

/* Without experts, weights of their losses are of nothing, as they always
 * were. */
static void weigh_no_experts(json_t *model)
{
    json_object_set_new(model, "expert_balance_loss", json_real(0.0));
    json_object_set_new(model, "expert_z_loss", json_real(0.0));
}

/* What a table and a trace say stands for their names. */
static void route_by_content(const struct train_job *s, json_t *routing)
{
    json_object_del(routing, "table");
    if (*s->table_hash)
        json_object_set_new(routing, "table_hash", json_string(s->table_hash));
    if (*s->trace_hash)
        json_object_set_new(routing, "replay", json_string(s->trace_hash));
}

/* Same config, same data, same plan: only then may a checkpoint be continued.
 * The place of the data, how often it is saved and a machine's prices for it
 * change nothing.  A program of before has the later keys up to the last kept, and
 * knows only of those before the first kept that runs may lack them. */
static enum status take_fingerprint(char out[17], const struct train_job *s,
                                    int first_kept, int last_kept,
                                    struct error *err)
{
    json_t *same = json_deep_copy(s->config_json);
    json_t *data = json_object_get(same, "data");
    json_t *train = json_object_get(same, "train");
    json_object_del(data, "path");
    json_object_del(data, "tokenizer");
    json_object_del(train, "save_every");
    json_object_del(same, "machine");
    if (*s->config.init)
        json_object_del(train, "init_scheme");
    if (s->spec.experts.n == 0)
        weigh_no_experts(json_object_get(same, "model"));
    later_keys_forget(same, first_kept, last_kept);
    route_by_content(s, json_object_get(same, "routing"));
    if (s->tokenizer)
        json_object_set_new(same, "tokens_hash",
                            json_string(s->corpus.tokens_hash));
    json_object_set_new(same, "steps", json_integer(s->config.steps));
    json_object_set_new(same, "data_hash", json_string(s->corpus.hash));
    char *text = json_dumps(same, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(same);
    if (!text || error_memory_ran_out()) {
        free(text);
        return error_set(err, STATUS_NO_MEMORY, "no memory for the config");
    }
    snprintf(out, 17, "%016" PRIx64,
             (uint64_t)XXH64(text, strlen(text), 0));
    free(text);
    return STATUS_OK;
}

enum split train_judge_split(const struct train_config *config)
{
    return config->judge_split == JUDGE_TEST ? SPLIT_TEST : SPLIT_VALIDATION;
}

enum status train_fingerprints(char out[TRAIN_FINGERPRINTS][17], int *n,
                               const struct train_job *s, struct error *err)
{
    enum status status = take_fingerprint(out[0], s, 0, 0, err);

    *n = 1;
    for (int first = 0; first < later_keys_n(); first++)
        for (int last = first + 1; last <= later_keys_n() &&
                                   status == STATUS_OK; last++)
            status = take_fingerprint(out[(*n)++], s, first, last, err);
    return status;
}

/* Say how to come by a text that is not there. */
static void tell_of_texts(const struct config_paths *paths, struct error *err)
{
    char what[sizeof err->text];

    for (int32_t i = 0; i < paths->n; i++) {
        if (file_exists(paths->value[i]))
            continue;
        snprintf(what, sizeof what, "%s", err->text);
        error_set(err, err->status, "%.300s; 'isobath corpus kjv' and 'isobath"
                  " corpus mixed' lay texts below build/corpus, and --set"
                  " data.path=FILE takes another", what);
        return;
    }
}

enum status train_open_data(struct train_job *s, struct error *err)
{
    const struct train_config *c = &s->config;

    if (c->data_weights.n > 0 && c->data_weights.n != c->data_path.n) {
        error_set(err, STATUS_BAD_VALUE, "data.weights: %d numbers: allowed is"
                  " one for each of data.path, which has %d", c->data_weights.n,
                  c->data_path.n);
        return blame(s, "data.weights", err);
    }
    enum status status = corpus_open(&s->corpus, &c->data_path,
                                     &c->data_weights, (int32_t)c->tokens,
                                     s->tokenizer, c->held_out, err);
    if (status != STATUS_OK)
        tell_of_texts(&c->data_path, err);
    for (int32_t i = 0; status == STATUS_OK && i < s->corpus.n; i++)
        status = data_require(s->corpus.data[i], train_judge_split(c), err);
    if (status != STATUS_OK)
        return blame(s, "data.path", err);
    status = train_replay_open(s, err);
    if (status == STATUS_OK)
        status = train_table_hash(s->table_hash, s, err);
    if (status != STATUS_OK)
        return status;
    train_replay_hash(s->trace_hash, s);
    return take_fingerprint(s->fingerprint, s, 0, 0, err);
}

enum status train_open_trainer(struct train_job *s, struct error *err)
{
    const struct train_config *c = &s->config;
    const char *policy = spec_n_routed(&s->spec) > 0
                             ? model_config_policies[c->model.policy] : "dense";
    const bool varies = route_find(policy)->varies || sees_skipped(&s->spec);
    s->options = (struct trainer_options){
        .n_sequences = (int32_t)c->batch, .n_tokens = (int32_t)c->tokens,
        .steps = c->steps,
        .budget = varies ? c->budget_flops : 0.0, .beta1 = c->beta1, .beta2 = c->beta2,
        .epsilon = c->epsilon, .weight_decay = c->weight_decay, .clip = c->clip,
        .schedule = { (enum schedule_shape)c->schedule, c->learning_rate,
                      c->warmup, c->cooldown, c->floor },
        .hidden_rate = c->rate_scaling == RATE_MUP
                           ? TRAIN_CONFIG_MUP_WIDTH / s->spec.n_channels : 1.0,
        .router_rate = c->router_rate, .router_decay = c->router_decay,
        .threshold_decay = c->model.threshold_decay,
        .judge_every = c->judge_every, .curve_windows = c->curve_windows,
        .seed = (uint64_t)c->seed, .n_threads = s->arguments.common.threads,
        .policy = route_find(policy), .init = *c->init ? &s->source : NULL,
        .predicted = steps_cost_unlike(&s->spec) ? s->predicted : NULL,
        .init_scheme = (enum init_scheme)c->init_scheme,
        .router_deviation = c->router_deviation,
        .capacity_warmup = s->spec.kept_varies ? c->capacity_warmup : 0.0,
        .trace = s->trace,
    };
    if (steps_cost_unlike(&s->spec))
        ledger_clear(s->predicted);
    enum status status = trainer_open(&s->trainer, &s->spec, &s->options,
                                      &s->corpus, s->fingerprint, err);
    return status == STATUS_OK ? train_table_give(s, err) : status;
}
