/* train_command.c - isobath train: a model, a text, a budget of flops. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "models/agreement.h"
#include "models/run_config.h"
#include "models/run_result.h"
#include "models/source.h"
#include "models/tokenizer.h"
#include "models/tokenizer_copy.h"
#include "models/trainer.h"
#include "sim/core/command.h"
#include "sim/core/rundir.h"
#include "sim/memory.h"
#include "sim/predict.h"

int train_command(int argc, char **argv);

struct arguments {
    struct command_options common;
    const char *config;
    bool        resume;
};

static const struct argp_option options[] = {
    { "resume", 'r', NULL, 0,
      "Go on from the checkpoint in DIR, bit for bit; with none, begin", 0 },
    { 0 },
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case 'r':
        a->resume = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->config)
            argp_error(state, "one CONFIG, not also '%s'", text);
        a->config = text;
        return 0;
    case ARGP_KEY_END:
        if (!a->config)
            argp_error(state, "which CONFIG? e.g. configs/runs/demo.yaml");
        if (!a->common.output)
            argp_error(state, "where to? give -o DIR");
        if (a->common.format == FORMAT_CSV)
            argp_error(state, "--format csv: the tables are files in DIR;"
                       " allowed is text or json");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The keys, printed after the options: the same table that reads the file. */
static char *help(int key, const char *text, void *input)
{
    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(uintptr_t)text;
    char *out = NULL;
    size_t size;
    FILE *stream = open_memstream(&out, &size);
    if (!stream)
        return NULL;
    fputs("Keys of CONFIG, and of --set KEY=VALUE:\n", stream);
    config_help(&run_config_schema, stream);
    fclose(stream);
    return out;
}

/* All that a run is made of, opened in this order. */
struct session {
    struct arguments   arguments;
    struct run_config  config;
    struct config_origin origins[RUN_CONFIG_KEYS_MAX];
    struct source      source;        /* train.init, where there is one */
    struct model_spec  spec;
    struct machine     machine;
    bool               has_machine;
    struct rundir      rundir;
    struct tokenizer  *tokenizer;     /* NULL: bytes */
    struct tokenizer_copy copied;     /* of it, for who reads the checkpoint */
    struct data       *data;
    struct trainer    *trainer;
    struct ledger     *step;          /* predicted, of one step */
    struct allocation  allocation;    /* of one step */
    struct trainer_options options;
    json_t            *config_json;
    uint64_t           start_bytes;   /* resident, before all of this */
    char               fingerprint[17];
    char               state_path[FILE_PATH_SIZE];
};

static enum status blame(struct session *s, const char *key, struct error *err)
{
    return config_blame(&run_config_schema, s->origins, key, err);
}

/* Of the whole process at its peak, without the text. */
static uint64_t predicted_bytes(const struct session *s)
{
    return memory_process_bytes(&s->spec, (int32_t)s->config.batch,
                                (int32_t)s->config.tokens, MEMORY_TRAIN,
                                s->arguments.common.threads, s->start_bytes);
}

/* Sooner a clear word than the kernel's axe an hour later. */
static enum status check_memory(struct session *s, struct error *err)
{
    const struct run_config *c = &s->config;
    uint64_t need = predicted_bytes(s);
    uint64_t have = (uint64_t)sysconf(_SC_PHYS_PAGES) *
                    (uint64_t)sysconf(_SC_PAGESIZE);
    if (need <= have)
        return STATUS_OK;
    error_set(err, STATUS_BAD_VALUE, "train.batch %" PRId64 ": with data.tokens"
              " %" PRId64 " this model takes about %.3g GB to train, and the"
              " machine has %.3g GB", c->batch, c->tokens, (double)need / 1e9,
              (double)have / 1e9);
    return blame(s, "train.batch", err);
}

/* The shape and the routing of the model to begin with. */
static enum status read_init(struct session *s, struct error *err)
{
    struct run_config *c = &s->config;
    enum status status = source_read(&s->source, c->init, NULL, 0, err);

    if (status == STATUS_OK && !s->source.has_weights)
        status = error_set(err, STATUS_BAD_VALUE, "train.init %.200s: a shape"
                           " without weights; allowed is a directory, *.gguf or"
                           " *.bin of llama2.c", c->init);
    if (status == STATUS_OK &&
        s->source.spec.rope_scaling.kind == ROPE_SCALING_FACTORS)
        status = error_set(err, STATUS_BAD_VALUE, "train.init %.200s: rotary"
                           " frequencies with a factor each, which a checkpoint"
                           " here does not hold; run and profile take it",
                           c->init);
    if (status != STATUS_OK)
        return blame(s, "train.init", err);
    s->spec = s->source.spec;
    return run_config_adopt(c, &s->spec, s->source.routing.policy->name,
                            s->origins, err);
}

static enum status read_spec(struct session *s, struct error *err)
{
    struct run_config *c = &s->config;
    enum status status = STATUS_OK;

    if (*c->init)
        status = read_init(s, err);
    else if (model_config_spec(&s->spec, &c->model, err) != STATUS_OK)
        status = model_config_blame(&run_config_schema, s->origins, err);
    if (status != STATUS_OK)
        return status;
    s->spec.backbone_frozen = c->freeze == FREEZE_BACKBONE;
    return spec_check(&s->spec, err) == STATUS_OK
               ? STATUS_OK
               : model_config_blame(&run_config_schema, s->origins, err);
}

/* Its own, or the one that lies with the model to begin with; "": bytes. */
static const char *tokenizer_path(const struct session *s)
{
    return *s->config.tokenizer ? s->config.tokenizer : s->source.tokenizer;
}

static enum status open_tokenizer(struct session *s, struct error *err)
{
    const struct run_config *c = &s->config;
    const char *path = tokenizer_path(s);
    const int32_t vocab = s->spec.n_vocab;

    if (*path) {
        if (tokenizer_open(&s->tokenizer, path, vocab, err) == STATUS_OK)
            return STATUS_OK;
        return blame(s, *c->tokenizer ? "data.tokenizer" : "train.init", err);
    }
    if (*c->init && vocab != DATA_VOCAB) {
        error_set(err, STATUS_BAD_VALUE, "train.init %.200s: a vocabulary of %d;"
                  " %d would be bytes, any other needs data.tokenizer", c->init,
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

static enum status read_config(struct session *s, struct error *err)
{
    const struct command_options *o = &s->arguments.common;
    enum status status = run_config_load(&s->config, s->arguments.config,
                                         o->setting, o->n_settings, s->origins,
                                         err);
    struct run_config *c = &s->config;
    if (status != STATUS_OK || (status = read_spec(s, err)) ||
        (status = open_tokenizer(s, err)))
        return status;
    if (model_config_check_training(&c->model, &s->spec, err) != STATUS_OK)
        return model_config_blame(&run_config_schema, s->origins, err);
    if (c->tokens > s->spec.max_tokens) {
        error_set(err, STATUS_BAD_VALUE, "data.tokens %" PRId64 ": allowed is"
                  " at most model.max_tokens, %d", c->tokens,
                  s->spec.max_tokens);
        return blame(s, "data.tokens", err);
    }
    if (c->steps == 0 && c->budget_flops == 0.0)
        return error_set(err, STATUS_BAD_VALUE, "%s:1:1: how long? give"
                         " train.steps or train.budget_flops, above 0",
                         s->arguments.config);
    if (c->steps > 0 && c->budget_flops > 0.0) {
        error_set(err, STATUS_BAD_VALUE, "train.budget_flops %g: there is"
                  " train.steps %" PRId64 " too; give one of them",
                  c->budget_flops, c->steps);
        return blame(s, "train.budget_flops", err);
    }
    if (c->tokens * c->batch > INT32_MAX) {
        error_set(err, STATUS_BAD_VALUE, "train.batch %" PRId64 ": with"
                  " data.tokens %" PRId64 " allowed is at most %" PRId64,
                  c->batch, c->tokens, INT32_MAX / c->tokens);
        return blame(s, "train.batch", err);
    }
    status = check_memory(s, err);
    if (status != STATUS_OK || c->machine[0] == '\0')
        return status;
    status = machine_load(&s->machine, c->machine, err);
    s->has_machine = status == STATUS_OK;
    /* What is wrong inside a profile already says where. */
    return status == STATUS_BAD_VALUE && !file_exists(c->machine)
               ? blame(s, "machine", err) : status;
}

/* What a step costs, and so how many the budget pays for. */
static enum status plan(struct session *s, struct error *err)
{
    struct run_config *c = &s->config;
    /* As given: what plan() works out stands beside it in the summary. */
    s->config_json = config_json(c, &run_config_schema);
    enum status status = allocation_open(&s->allocation, s->spec.n_layers,
                                         (int32_t)c->batch, (int32_t)c->tokens,
                                         err);
    if (status == STATUS_OK)
        status = ledger_open(&s->step, (struct ledger_shape){
            .by_pass = true, .by_op = true, .n_layers = s->spec.n_layers },
            cost_zero(PROV_PREDICTED), err);
    if (status != STATUS_OK)
        return status;
    allocation_fill(&s->allocation, &s->spec);
    struct predict_job job = { &s->spec, &s->allocation,
                               s->has_machine ? &s->machine : NULL };
    status = predict_train_step(s->step, &job, NULL, err);
    if (status != STATUS_OK)
        return status;
    struct cost sum = ledger_sum(s->step, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    double flops = cost_get(&sum, METRIC_FLOPS);
    if (c->steps == 0) {
        c->steps = llround(c->budget_flops / flops);
        if (c->steps < 1) {
            error_set(err, STATUS_BAD_VALUE, "train.budget_flops %g: one step"
                      " takes %.3g flops", c->budget_flops, flops);
            return blame(s, "train.budget_flops", err);
        }
    }
    if (c->learning_rate == 0.0)
        c->learning_rate = run_config_default_rate(c->model.channels,
                                                   (enum freeze)c->freeze);
    return s->config_json ? STATUS_OK
                          : error_set(err, STATUS_NO_MEMORY, "no memory");
}

/* Same config, same data, same plan: only then may a checkpoint be continued.
 * Where the data lies, how often it is saved and what a machine would pay for
 * it change nothing. */
static enum status take_fingerprint(struct session *s, struct error *err)
{
    json_t *same = json_deep_copy(s->config_json);
    json_t *data = json_object_get(same, "data");
    json_t *train = json_object_get(same, "train");
    json_object_del(data, "path");
    json_object_del(data, "tokenizer");
    json_object_del(train, "save_every");
    json_object_del(same, "machine");
    /* Runs of old, which knew of neither, can be continued. */
    if (!*s->config.init)
        json_object_del(train, "init");
    if (s->config.freeze == FREEZE_NONE)
        json_object_del(train, "freeze");
    if (s->tokenizer)
        json_object_set_new(same, "tokens_hash",
                            json_string(data_tokens_hash(s->data)));
    json_object_set_new(same, "steps", json_integer(s->config.steps));
    json_object_set_new(same, "data_hash", json_string(data_hash(s->data)));
    char *text = json_dumps(same, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(same);
    if (!text)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the config");
    snprintf(s->fingerprint, sizeof s->fingerprint, "%016" PRIx64,
             (uint64_t)XXH64(text, strlen(text), 0));
    free(text);
    return STATUS_OK;
}

static enum status open_data(struct session *s, struct error *err)
{
    enum status status = data_open_tokens(&s->data, s->config.data_path,
                                          (int32_t)s->config.tokens,
                                          s->tokenizer, err);
    if (status != STATUS_OK)
        return blame(s, "data.path", err);
    return take_fingerprint(s, err);
}

static enum status open_trainer(struct session *s, struct error *err)
{
    const struct run_config *c = &s->config;
    const char *policy = spec_n_routed(&s->spec) > 0
                             ? model_config_policies[c->model.policy] : "dense";
    s->options = (struct trainer_options){
        .n_sequences = (int32_t)c->batch, .n_tokens = (int32_t)c->tokens,
        .steps = c->steps, .learning_rate = c->learning_rate,
        .warmup = c->warmup, .floor = c->floor, .beta1 = c->beta1,
        .beta2 = c->beta2, .epsilon = c->epsilon,
        .weight_decay = c->weight_decay, .clip = c->clip,
        .threshold_decay = c->model.threshold_decay,
        .judge_every = c->judge_every, .curve_windows = c->curve_windows,
        .seed = (uint64_t)c->seed, .n_threads = s->arguments.common.threads,
        .policy = route_find(policy), .init = *c->init ? &s->source : NULL,
    };
    return trainer_open(&s->trainer, &s->spec, &s->options, s->data,
                        s->fingerprint, err);
}

/* About a minute of work between checkpoints, unless the config says. */
static bool save_due(const struct session *s, int64_t step, double *saved)
{
    int64_t every = s->config.save_every;
    if (every > 0 ? step % every == 0 : clock_seconds() - *saved > 60.0) {
        *saved = clock_seconds();
        return true;
    }
    return false;
}

static enum status train(struct session *s, struct error *err)
{
    struct progress progress = progress_begin("training", "step",
                                              (double)s->options.steps,
                                              s->arguments.common.quiet);
    const struct training_state *state = trainer_state(s->trainer);
    double saved = clock_seconds();
    enum status status = STATUS_OK;

    while (state->step < s->options.steps && status == STATUS_OK) {
        char note[64];
        if (command_interrupted) {
            status = trainer_save(s->trainer, s->state_path, err);
            if (status == STATUS_OK)
                status = error_set(err, STATUS_INTERRUPTED, "interrupted at"
                                   " step %" PRId64 " of %" PRId64 "; saved,"
                                   " go on with --resume", state->step,
                                   s->options.steps);
            break;
        }
        status = trainer_step(s->trainer, err);
        snprintf(note, sizeof note, "loss %.4f nats/byte",
                 trainer_last_loss(s->trainer));
        progress_at(&progress, (double)state->step, note);
        if (status == STATUS_OK && save_due(s, state->step, &saved))
            status = trainer_save(s->trainer, s->state_path, err);
    }
    progress_end(&progress);
    return status;
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *routing_json(const struct session *s,
                            const struct verdict *causal,
                            const struct verdict *topk)
{
    const struct model_spec *spec = &s->spec;
    json_t *blocks = json_array();
    double nominal = 0.0;
    for (int32_t l = 0; l < spec->n_layers; l++)
        if (spec->routed[l]) {
            json_array_append_new(blocks, json_integer(l));
            nominal += spec->capacity[l];
        }
    int32_t routed = spec_n_routed(spec);
    return json_pack("{s:s, s:i, s:o, s:s, s:o, s:o, s:o}", "policy",
                     s->options.policy->name, "keep_first",
                     (int)s->spec.keep_first, "blocks", blocks, "gate",
                     gate_names[spec->gate], "capacity_nominal",
                     routed ? json_real(nominal / routed) : json_null(),
                     "capacity_realised", number(causal->capacity),
                     "capacity_realised_topk", number(topk->capacity));
}

static enum status measured_ledger(struct ledger **out, const struct session *s,
                                   struct error *err)
{
    static const char *const why =
        "train measures time only; isobath profile reads counters";
    enum status status = ledger_open(out, (struct ledger_shape){ 0 },
                                     (struct cost){ 0 }, err);
    if (status != STATUS_OK)
        return status;
    ledger_set_real(*out, (struct ledger_key){ 0 }, METRIC_SECONDS,
                    trainer_state(s->trainer)->seconds, PROV_MEASURED);
    for (int m = 0; m < METRIC_COUNT; m++)
        if (m != METRIC_SECONDS)
            ledger_set_reason(*out, (enum metric)m, why);
    return STATUS_OK;
}

static json_t *memory_json(const struct session *s)
{
    struct stat text;
    uint64_t peak = command_peak_bytes(), bytes = predicted_bytes(s);
    if (stat(s->config.data_path, &text) == 0)
        bytes += (uint64_t)text.st_size;
    bytes += sizeof(int32_t) * (uint64_t)data_tokens(s->data);
    return json_pack("{s:I, s:I, s:o}", "predicted_bytes", (json_int_t)bytes,
                     "allocated_bytes", (json_int_t)trainer_bytes(s->trainer),
                     "peak_resident_bytes",
                     peak > 0 ? json_integer((json_int_t)peak) : json_null());
}

/* Predicted forward flops of a token, head included, loss not. */
static double forward_flops(const struct session *s)
{
    struct cost sum = ledger_sum(s->step, PASS_FORWARD, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    struct cost loss = ledger_sum(s->step, PASS_FORWARD, LEDGER_ANY, LEDGER_ANY,
                                  OP_LOSS);
    return (cost_get(&sum, METRIC_FLOPS) - cost_get(&loss, METRIC_FLOPS)) /
           (double)(s->config.batch * s->config.tokens);
}

/* The two losses on what was held out. */
struct verdicts {
    const struct route_policy *causal_rule;    /* NULL: there is none */
    struct verdict causal, topk;               /* topk: as trained */
    bool           compared;                   /* a frozen backbone's: */
    struct verdict dense, drawn;               /* nothing routed; routers as
                                                * drawn, under the same rule */
};

struct judging {
    struct judge_watch watch;        /* first: downcast */
    struct progress    progress;
};

static bool go_on(struct judge_watch *watch, int64_t done, int64_t of)
{
    struct judging *j = (struct judging *)watch;
    j->progress.total = (double)of;
    progress_at(&j->progress, (double)done, NULL);
    return !command_interrupted;
}

static enum status judge(struct session *s, struct verdicts *v,
                         struct error *err)
{
    struct judging j = { { go_on }, progress_begin("judging", "window", 0,
                                            s->arguments.common.quiet) };
    int64_t windows = s->config.judge_windows;

    v->causal_rule = trainer_causal_policy(s->trainer);
    v->causal = (struct verdict){ (double)NAN, (double)NAN, 0, 0, 0 };
    v->topk = trainer_judge(s->trainer, SPLIT_VALIDATION, s->options.policy,
                            windows, &j.watch);
    if (v->causal_rule == s->options.policy)
        v->causal = v->topk;
    else if (v->causal_rule)
        v->causal = trainer_judge(s->trainer, SPLIT_VALIDATION, v->causal_rule,
                                  windows, &j.watch);
    enum status status = STATUS_OK;
    v->compared = trainer_drew_routers(s->trainer);
    if (v->compared)
        status = trainer_judge_dense(s->trainer, SPLIT_VALIDATION, windows,
                                     &j.watch, &v->dense, err);
    if (v->compared && status == STATUS_OK)
        status = trainer_judge_drawn(s->trainer, SPLIT_VALIDATION,
                                     s->options.policy, windows, &j.watch,
                                     &v->drawn, err);
    progress_end(&j.progress);
    if (status != STATUS_OK)
        return status;
    return command_interrupted
               ? error_set(err, STATUS_INTERRUPTED, "interrupted while judging;"
                           " training is done and saved, go on with --resume")
               : STATUS_OK;
}

/* Of what routing by the routers as drawn cost: unknown where it cost nothing. */
static double share_recovered(const struct verdicts *v)
{
    double cost = v->drawn.nats - v->dense.nats;
    return cost > 0.0 ? (v->drawn.nats - v->topk.nats) / cost : (double)NAN;
}

static json_t *loss_json(const struct session *s, const struct verdicts *v)
{
    json_t *loss = json_pack(
        "{s:o, s:o, s:o, s:o, s:s, s:s, s:I, s:I}",
        "train", number(trainer_recent_loss(s->trainer)),
        "heldout_causal", number(v->causal.nats),
        "heldout_topk", number(v->topk.nats),
        "bits_per_byte", number(v->causal.nats / M_LN2),
        "causal_rule", v->causal_rule ? v->causal_rule->name : "none",
        "heldout_rule", s->options.policy->name,
        "heldout_bytes", (json_int_t)v->topk.bytes,
        "heldout_tokens", (json_int_t)v->topk.tokens);
    if (v->compared) {
        json_object_set_new(loss, "heldout_dense", number(v->dense.nats));
        json_object_set_new(loss, "heldout_routers_drawn",
                            number(v->drawn.nats));
        json_object_set_new(loss, "share_recovered",
                            number(share_recovered(v)));
    }
    return loss;
}

/* Both are exact: where they differ, one of the two is wrong. */
static bool agrees(const struct session *s, const struct ledger *counted)
{
    struct disagreement first;
    char text[DISAGREEMENT_SIZE];
    if (agreement(s->step, counted, &first))
        return true;
    disagreement_text(text, &first);
    command_warn("counted is not predicted: %s", text);
    return false;
}

/* The file that the text was encoded by, and the copy beside the weights. */
static json_t *tokenizer_json(const struct session *s)
{
    if (!s->tokenizer)
        return json_null();
    return json_pack("{s:o, s:s, s:s, s:I, s:s}",
                     "file", run_result_name(tokenizer_path(s)),
                     "kind", tokenizer_kind(s->tokenizer),
                     "copied_as", s->copied.name,
                     "bytes", (json_int_t)s->copied.bytes,
                     "xxh64", s->copied.hash);
}

static json_t *make_summary(const struct session *s, const struct verdicts *v,
                            bool agreed, int argc, char **argv)
{
    const int64_t steps = s->options.steps;
    json_t *out = summary_open("train", json_incref(s->config_json),
        provenance_json(argc, argv, s->options.n_threads, s->config.seed,
                        model_isa(trainer_model(s->trainer)),
                        s->config.data_path, data_hash(s->data)));
    json_object_set_new(out, "fingerprint", json_string(s->fingerprint));
    json_object_set_new(out, "counted_equals_predicted", json_boolean(agreed));
    json_object_set_new(out, "tokens", json_integer(
        steps * s->config.batch * s->config.tokens));
    json_object_set_new(out, "steps", json_integer(steps));
    json_object_set_new(out, "learning_rate",
                        json_real(s->options.learning_rate));
    json_object_set_new(out, "parameters",
                        json_integer((json_int_t)memory_parameters(&s->spec)));
    json_object_set_new(out, "flops_per_token_forward",
                        number(forward_flops(s) / (double)steps));
    json_object_set_new(out, "tokenizer", tokenizer_json(s));
    json_object_set_new(out, "loss", loss_json(s, v));
    json_object_set_new(out, "routing", routing_json(s, &v->causal, &v->topk));
    json_object_set_new(out, "memory", memory_json(s));
    return out;
}

static enum status print_result(const struct session *s,
                                const struct verdicts *v,
                                const struct ledger *counted,
                                const json_t *summary, struct error *err)
{
    if (s->arguments.common.format == FORMAT_JSON)
        return json_dumpf(summary, stdout, JSON_INDENT(2)) == 0 &&
                       putchar('\n') != EOF
                   ? STATUS_OK
                   : error_set(err, STATUS_IO, "writing the output failed");
    if (s->arguments.common.quiet)
        return STATUS_OK;
    printf("%s: %" PRId64 " steps, %" PRId64 " tokens, %.4g flops counted\n",
           s->rundir.path, s->options.steps,
           s->options.steps * s->config.batch * s->config.tokens,
           (double)ledger_sum(counted, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                              LEDGER_ANY).count[METRIC_FLOPS]);
    printf("held-out loss, nats per byte: ");
    if (v->causal_rule != s->options.policy) {
        if (v->causal_rule)
            printf("%.4f causal (%s), ", v->causal.nats, v->causal_rule->name);
        printf("%.4f under %s%s\n", v->topk.nats, s->options.policy->name,
               s->options.policy->causal ? "" : ", which looks ahead");
    } else {
        printf("%.4f (%s)\n", v->topk.nats, s->options.policy->name);
    }
    if (v->compared) {
        printf("before: %.4f with nothing routed, %.4f under %s with routers as"
               " drawn", v->dense.nats, v->drawn.nats, s->options.policy->name);
        if (isfinite(share_recovered(v)))
            printf("; of the difference %.0f %% came back",
                   100.0 * share_recovered(v));
        putchar('\n');
    }
    return STATUS_OK;
}

static enum status write_files(struct session *s,
                               const struct ledger *counted,
                               const struct ledger *measured,
                               struct error *err)
{
    char path[FILE_PATH_SIZE];
    enum status status;
    if ((status = checkpoint_export(trainer_model(s->trainer),
                                    s->options.policy, s->rundir.path, err)) ||
        (s->tokenizer && (status = tokenizer_copy(&s->copied, tokenizer_path(s),
                                                  s->rundir.path, err))) ||
        (status = file_join(path, s->rundir.path, "curve.csv", err)) ||
        (status = trainer_write_curve(s->trainer, path, err)))
        return status;
    return rundir_write_ledgers(&s->rundir, s->step, counted, measured, err);
}

/* summary.json comes last: where it stands, all stands. */
static enum status finish(struct session *s, int argc, char **argv,
                          struct error *err)
{
    const struct ledger *counted = trainer_state(s->trainer)->counted;
    struct ledger *measured = NULL;
    struct verdicts verdicts;
    json_t *summary = NULL;
    enum status status;

    if ((status = judge(s, &verdicts, err)))
        goto out;
    if ((status = ledger_scale(s->step, (uint64_t)s->options.steps))) {
        error_set(err, status, "the predicted totals do not fit in 64 bits");
        goto out;
    }
    if ((status = measured_ledger(&measured, s, err)) ||
        (status = write_files(s, counted, measured, err)))
        goto out;
    bool agreed = agrees(s, counted);
    summary = make_summary(s, &verdicts, agreed, argc, argv);
    if (!summary) {
        status = error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
        goto out;
    }
    if ((status = summary_totals(summary, "predicted", s->step, err)) ||
        (status = summary_totals(summary, "counted", counted, err)) ||
        (status = summary_totals(summary, "measured", measured, err)) ||
        (status = summary_write(&s->rundir, summary, err)) ||
        (status = print_result(s, &verdicts, counted, summary, err)))
        goto out;
    if (!agreed)
        status = error_set(err, STATUS_FAILED, "all is written, but the counts"
                           " cannot be trusted: see the warning above");
out:
    json_decref(summary);
    ledger_close(measured);
    return status;
}

/* A finished run is never run again; one of another config is none of ours. */
static enum status check_finished(const struct session *s, struct error *err)
{
    json_t *summary = NULL;
    enum status status = summary_read(&summary, s->rundir.path, err);
    if (status != STATUS_OK)
        return status;
    const char *print = json_string_value(json_object_get(summary,
                                                          "fingerprint"));
    if (!print || strcmp(print, s->fingerprint) != 0)
        status = error_set(err, STATUS_BAD_VALUE, "%s: holds a finished run of"
                           " another config or other data; give another"
                           " directory", s->rundir.path);
    else if (s->arguments.common.format == FORMAT_JSON)
        json_dumpf(summary, stdout, JSON_INDENT(2));
    else if (!s->arguments.common.quiet)
        printf("%s: finished already\n", s->rundir.path);
    json_decref(summary);
    return status;
}

static enum status look_around(struct session *s, bool *done, struct error *err)
{
    char path[FILE_PATH_SIZE];
    enum status status = file_join(path, s->rundir.path, "summary.json", err);
    if (status == STATUS_OK)
        status = file_join(s->state_path, s->rundir.path, "state.safetensors",
                           err);
    if (status != STATUS_OK)
        return status;
    *done = file_exists(path);
    if ((*done || file_exists(s->state_path)) && !s->arguments.resume)
        return error_set(err, STATUS_BAD_VALUE,
                         "%s: holds a run already; go on with --resume, or"
                         " give another directory", s->rundir.path);
    return *done ? check_finished(s, err) : STATUS_OK;
}

int train_command(int argc, char **argv)
{
    static const struct argp_child children[] = {
        { &command_argp, 0, NULL, 0 }, { 0 }
    };
    static const struct argp argp = {
        options, parse, "CONFIG -o DIR",
        "Train a model on a text and write its loss, its curve and what it"
        " cost: predicted, counted and, for time, measured.  train.init begins"
        " with the weights of another model; train.freeze backbone trains"
        " nothing but the routers put into it."
        "\v", children, help, NULL,
    };
    struct session *s = calloc(1, sizeof *s);
    struct error err = { 0 };
    bool done = false;
    enum status status = STATUS_NO_MEMORY;

    if (!s)
        return command_fail(&(struct error){ status, "no memory" });
    s->rundir.lock = -1;
    s->start_bytes = command_peak_bytes();
    argp_parse(&argp, argc, argv, 0, NULL, &s->arguments);
    command_catch_signals();
    if ((status = read_config(s, &err)) || (status = plan(s, &err)) ||
        (status = open_data(s, &err)) ||
        (status = rundir_open(&s->rundir, s->arguments.common.output, &err)) ||
        (status = look_around(s, &done, &err)))
        goto out;
    if (done)
        goto out;
    rundir_remove_leftovers(&s->rundir);
    if ((status = open_trainer(s, &err)))
        goto out;
    if (s->arguments.resume && file_exists(s->state_path) &&
        (status = trainer_resume(s->trainer, s->state_path, &err)))
        goto out;
    if ((status = train(s, &err)) ||
        (status = trainer_save(s->trainer, s->state_path, &err)))
        goto out;
    status = finish(s, argc, argv, &err);
out:
    trainer_close(s->trainer);
    data_close(s->data);
    tokenizer_close(s->tokenizer);
    ledger_close(s->step);
    allocation_close(&s->allocation);
    json_decref(s->config_json);
    if (s->rundir.lock >= 0)
        rundir_close(&s->rundir);
    free(s);
    return status == STATUS_OK ? 0 : command_fail(&err);
}
