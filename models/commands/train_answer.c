/* train_answer.c - Judge a trained model, write its files and print its losses
 * and its cost. */
#include "models/commands/train_job.h"

#include <inttypes.h>
#include <math.h>

#include "sim/core/answer/table.h"
#include "sim/core/ledger/agreement.h"
#include "models/files/checkpoint.h"
#include "sim/core/answer/json.h"
#include "sim/price/memory.h"

static json_t *routing_json(const struct train_job *s,
                            const struct verdict *causal,
                            const struct verdict *topk)
{
    json_t *out = json_pack("{s:s, s:i, s:o, s:s, s:o, s:o, s:o}", "policy",
                     s->options.policy->name, "keep_first",
                     (int)s->spec.keep_first, "blocks",
                     summary_blocks(&s->spec), "gate",
                     gate_names[s->spec.gate], "capacity_nominal",
                     summary_capacity(&s->spec),
                     "capacity_realised", json_number(causal->capacity),
                     "capacity_realised_topk", json_number(topk->capacity));
    if (s->trace)
        json_object_set_new(out, "replayed_rule", json_string(
            text_trace_head(s->trace)->rule));
    if (s->spec.n_predictor > 0) {
        json_object_set_new(out, "predictor_accuracy", json_number(
            trainer_recent_accuracy(s->trainer)));
        json_object_set_new(out, "predictor_balanced", json_number(
            trainer_recent_balanced(s->trainer)));
    }
    return out;
}

static enum status measured_ledger(struct ledger **out,
                                   const struct train_job *s,
                                   struct error *err)
{
    enum status status = ledger_open(out, (struct ledger_shape){ 0 },
                                     (struct cost){ 0 }, err);
    if (status == STATUS_OK)
        ledger_set_clock(*out, trainer_state(s->trainer)->seconds,
                         load_seen_source(&s->load),
                         "train measures time only; isobath profile reads"
                         " counters");
    return status;
}

/* Of the steps that this process did: others came before a resumption. */
static json_t *load_json(const struct train_job *s)
{
    json_t *load = load_seen_json(&s->load);

    json_object_set_new(load, "steps",
                        json_integer(trainer_state(s->trainer)->step -
                                     s->first_step));
    return load;
}

static json_t *memory_json(const struct train_job *s)
{
    return summary_memory(train_predicted_bytes(s), trainer_bytes(s->trainer),
                          command_peak_bytes());
}

/* The two losses on held-out text. */
struct verdicts {
    const struct route_policy *causal_rule;    /* NULL: there is none */
    struct verdict causal, topk;               /* topk: as trained */
    bool           compared;                   /* a frozen backbone's: */
    struct verdict dense, drawn;               /* nothing routed; routers as
                                                * drawn, under the same rule */
};

/* How often the held-out text is gone through: by the rule of training, and by
 * the causal one where that is another. */
static int n_judgings(const struct train_job *s)
{
    const struct route_policy *causal = trainer_causal_policy(s->trainer);
    return causal && causal != s->options.policy ? 2 : 1;
}

/* A window of a step costs a forward pass and a backward pass of twice that. */
double train_share_of_steps(const struct train_job *s)
{
    const int64_t most = s->config.judge_windows;
    const double work = 3.0 * (double)(s->options.steps * s->config.batch);
    double windows = 0;

    for (int32_t i = 0; i < s->corpus.n; i++) {
        const int64_t all = data_windows(s->corpus.data[i],
                                         train_judge_split(&s->config),
                                         (int32_t)s->config.tokens);
        windows += (double)(most > 0 && most < all ? most : all);
    }
    return work / (work + n_judgings(s) * windows);
}

struct judging {
    struct judge_watch watch;        /* first: downcast */
    struct progress    progress;
    double  from, each;              /* shares: where this judging begins, and
                                      * what each is; fitting thresholds is
                                      * none */
    int64_t done;                    /* of it */
};

static bool go_on(struct judge_watch *watch, int64_t done, int64_t of)
{
    struct judging *j = (struct judging *)watch;
    if (done < j->done)              /* the next one */
        j->from += j->each;
    j->done = done;
    progress_tell(&j->progress, j->from, j->from + j->each);
    j->progress.total = (double)of;
    progress_at(&j->progress, (double)done, NULL);
    return !command_interrupted;
}

static enum status judge(struct train_job *s, struct verdicts *v,
                         struct error *err)
{
    struct judging j = { .watch = { go_on }, .progress = progress_begin(
        "judging", "window", 0, s->arguments.common.quiet) };
    j.from = train_share_of_steps(s);
    int64_t windows = s->config.judge_windows;
    enum split split = train_judge_split(&s->config);

    v->causal_rule = trainer_causal_policy(s->trainer);
    if (s->config.thresholds == THRESHOLDS_FITTED &&
        v->causal_rule == route_find("threshold")) {
        enum status fitted = trainer_fit_thresholds(s->trainer, &j.watch, err);
        if (fitted != STATUS_OK)
            return fitted;
    }
    j.done = 0;
    j.each = (1 - j.from) / n_judgings(s);
    v->causal = (struct verdict){ .nats = (double)NAN,
                                  .capacity = (double)NAN,
                                  .flops = (double)NAN };
    v->topk = trainer_judge(s->trainer, split, s->options.policy,
                            windows, &j.watch);
    if (v->causal_rule == s->options.policy)
        v->causal = v->topk;
    else if (v->causal_rule)
        v->causal = trainer_judge(s->trainer, split, v->causal_rule,
                                  windows, &j.watch);
    enum status status = trainer_check(s->trainer, err);
    v->compared = trainer_drew_routers(s->trainer);
    if (v->compared && status == STATUS_OK)
        status = trainer_judge_dense(s->trainer, split, windows,
                                     &j.watch, &v->dense, err);
    if (v->compared && status == STATUS_OK)
        status = trainer_judge_drawn(s->trainer, split,
                                     s->options.policy, windows, &j.watch,
                                     &v->drawn, err);
    if (status == STATUS_OK)
        status = trainer_check(s->trainer, err);
    progress_end(&j.progress);
    if (status != STATUS_OK)
        return status;
    return command_interrupted
               ? error_set(err, STATUS_INTERRUPTED, "interrupted while judging;"
                           " training is done and saved, go on with --resume")
               : STATUS_OK;
}

/* The share of the loss increase under the routers as drawn that training
 * brought back; unknown if there was none. */
static double share_recovered(const struct verdicts *v)
{
    double cost = v->drawn.nats - v->dense.nats;
    return cost > 0.0 ? (v->drawn.nats - v->topk.nats) / cost : (double)NAN;
}

/* Of a verdict that was not made, an unknown. */
static json_t *source_nats(const struct verdict *v, int32_t text)
{
    return json_number(isfinite(v->nats) ? v->source_nats[text] : (double)NAN);
}

static json_t *sources_json(const struct train_job *s, const struct verdicts *v)
{
    json_t *sources = json_array();

    for (int32_t i = 0; i < s->corpus.n; i++)
        json_array_append_new(sources, json_pack(
            "{s:o, s:s, s:f, s:o, s:o, s:I}",
            "path", json_text(s->config.data_path.value[i]),
            "hash", data_hash(s->corpus.data[i]),
            "weight", s->corpus.weight[i],
            "heldout_causal", source_nats(&v->causal, i),
            "heldout_topk", source_nats(&v->topk, i),
            "heldout_bytes", (json_int_t)v->topk.source_bytes[i]));
    return sources;
}

/* To the seven digits of the float32 losses that were summed: more are noise, and
 * every record of a study would hold them. */
static json_t *rounded(double nats)
{
    char text[32];

    snprintf(text, sizeof text, "%.7g", nats);
    return json_number(strtod(text, NULL));
}

/* The blocks of the held-out text: their bytes, and the nats that each rule lost
 * on them. */
static json_t *blocks_json(const struct verdicts *v)
{
    const struct { const char *name; const struct verdict *of; } rules[] = {
        { "nats_causal", &v->causal }, { "nats_topk", &v->topk },
    };
    json_t *out = json_object(), *bytes = json_array();

    for (int b = 0; b < v->topk.n_blocks; b++)
        json_array_append_new(bytes, json_integer(v->topk.block[b].bytes));
    json_object_set_new(out, "bytes", bytes);
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
        json_t *nats = json_array();
        for (int b = 0; b < rules[r].of->n_blocks; b++)
            json_array_append_new(nats, rounded(rules[r].of->block[b].nats));
        json_object_set_new(out, rules[r].name, nats);
    }
    return out;
}

static json_t *loss_json(const struct train_job *s,
                         const struct verdicts *v)
{
    json_t *loss = json_pack(
        "{s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:I, s:I}",
        "train", json_number(trainer_recent_loss(s->trainer)),
        "heldout_causal", json_number(v->causal.nats),
        "heldout_topk", json_number(v->topk.nats),
        "bits_per_byte", json_number(v->causal.nats / M_LN2),
        "causal_rule", v->causal_rule ? v->causal_rule->name : "none",
        "heldout_rule", s->options.policy->name,
        "heldout_split", split_names[train_judge_split(&s->config)],
        "heldout_bytes", (json_int_t)v->topk.bytes,
        "heldout_tokens", (json_int_t)v->topk.tokens);
    json_object_set_new(loss, "blocks", blocks_json(v));
    if (s->spec.aux_loss > 0.0)
        json_object_set_new(loss, "train_router", json_number(
            model_router_nats(trainer_model(s->trainer))));
    if (s->spec.n_predictor > 0)
        json_object_set_new(loss, "train_predictor", json_number(
            model_predictor_nats(trainer_model(s->trainer))));
    if (s->spec.experts.balance_loss > 0.0)
        json_object_set_new(loss, "train_expert_balance", json_number(
            model_expert_balance(trainer_model(s->trainer))));
    if (s->spec.experts.z_loss > 0.0)
        json_object_set_new(loss, "train_expert_z", json_number(
            model_expert_square(trainer_model(s->trainer))));
    if (v->compared) {
        json_object_set_new(loss, "heldout_dense", json_number(v->dense.nats));
        json_object_set_new(loss, "heldout_routers_drawn",
                            json_number(v->drawn.nats));
        json_object_set_new(loss, "share_recovered",
                            json_number(share_recovered(v)));
    }
    if (s->corpus.n > 1)
        json_object_set_new(loss, "sources", sources_json(s, v));
    return loss;
}

/* Both ledgers are exact, so a difference means that one of them is wrong. */
static bool agrees(const struct train_job *s, const struct ledger *counted)
{
    struct disagreement first;
    char text[DISAGREEMENT_SIZE];
    if (agreement(s->predicted, counted, &first))
        return true;
    disagreement_text(text, &first);
    command_warn("counted and predicted differ: %s", text);
    return false;
}

/* Name the file that the text was encoded by, and the copy beside the
 * weights. */
static json_t *tokenizer_json(const struct train_job *s)
{
    if (!s->tokenizer)
        return json_null();
    return json_pack("{s:o, s:s, s:s, s:I, s:s}",
                     "file", json_text(train_tokenizer_path(s)),
                     "kind", tokenizer_kind(s->tokenizer),
                     "copied_as", s->copied.name,
                     "bytes", (json_int_t)s->copied.bytes,
                     "xxh64", s->copied.hash);
}

/* What the config's keys name, by its content: a path may be spelt in many
 * ways. */
static void put_hashes(json_t *provenance, const struct train_job *s)
{
    const struct { const char *key, *hash; } of[] = {
        { "routing.table", s->table_hash }, { "routing.replay", s->trace_hash },
        { "train.init", trainer_init_hash(s->trainer) },
        { "data.tokenizer", s->copied.hash },
    };
    json_t *hashes = json_object();

    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (*of[i].hash)
            json_object_set_new(hashes, of[i].key, json_string(of[i].hash));
    if (json_object_size(hashes) > 0)
        json_object_set(provenance, "hashes", hashes);
    json_decref(hashes);
}

static json_t *make_summary(const struct train_job *s,
                            const struct verdicts *v, bool agreed, int argc,
                            char **argv)
{
    const int64_t steps = trainer_state(s->trainer)->step;
    json_t *out = summary_open("train", json_incref(s->config_json),
        provenance_json(argc, argv, s->options.n_threads, s->config.seed,
                        model_isa(trainer_model(s->trainer)),
                        s->config.data_path.value[0], s->corpus.hash));
    put_hashes(json_object_get(out, "provenance"), s);
    json_object_set_new(out, "fingerprint", json_string(s->fingerprint));
    json_object_set_new(out, "counted_equals_predicted", json_boolean(agreed));
    json_object_set_new(out, "tokens", json_integer(
        steps * s->config.batch * s->config.tokens));
    json_object_set_new(out, "steps", json_integer(steps));
    json_object_set_new(out, "learning_rate",
                        json_real(s->options.schedule.peak));
    json_object_set_new(out, "parameters",
                        json_integer((json_int_t)memory_parameters(&s->spec)));
    json_object_set_new(out, "flops_per_token_forward",
                        json_number(v->causal.flops));
    json_object_set_new(out, "flops_per_token_forward_topk",
                        json_number(v->topk.flops));
    json_object_set_new(out, "tokenizer", tokenizer_json(s));
    json_object_set_new(out, "loss", loss_json(s, v));
    json_object_set_new(out, "routing", routing_json(s, &v->causal, &v->topk));
    json_object_set_new(out, "load", load_json(s));
    json_object_set_new(out, "memory", memory_json(s));
    return out;
}

/* A rule that keeps another share than asked for costs otherwise, which is
 * said. */
#define CAPACITY_OFF 0.05

/* The mean over routed layers; 0: none. */
static double nominal_capacity(const struct model_spec *spec)
{
    double sum = 0.0;
    for (int32_t l = 0; l < spec->n_layers; l++)
        sum += spec->routed[l] ? spec->capacity[l] : 0.0;
    return spec_n_routed(spec) > 0 ? sum / spec_n_routed(spec) : 0.0;
}

/* A loss stands with what it cost: the share of tokens that routed blocks kept
 * under its rule, and the flops of that. */
static void print_verdict(const struct train_job *s,
                          const struct route_policy *rule,
                          const struct verdict *v)
{
    const double nominal = nominal_capacity(&s->spec);
    char flops[TABLE_NUMBER_SIZE];

    table_si(flops, v->flops, "FLOP");
    printf("held-out loss: %.4f nats per byte under %s%s, %s a token",
           v->nats, rule->name,
           rule == trainer_causal_policy(s->trainer) ? ""
                                                     : ", which looks ahead",
           flops);
    if (isfinite(v->capacity))
        printf(", %.1f %% kept in routed blocks", 100 * v->capacity);
    if (fabs(v->capacity - nominal) > CAPACITY_OFF * nominal)
        printf(", not the %.1f %% that were asked for", 100 * nominal);
    putchar('\n');
}

static enum status print_result(const struct train_job *s,
                                const struct verdicts *v,
                                const struct ledger *counted,
                                const json_t *summary, struct error *err)
{
    const int64_t steps = trainer_state(s->trainer)->step;
    char flops[TABLE_NUMBER_SIZE];

    if (s->arguments.common.format == FORMAT_JSON)
        return json_print(summary, stdout, err);
    if (s->arguments.common.quiet)
        return STATUS_OK;
    table_si(flops, (double)ledger_sum(counted, LEDGER_ANY, LEDGER_ANY,
                                       LEDGER_ANY,
                                       LEDGER_ANY).count[METRIC_FLOPS], "FLOP");
    printf("%s: %" PRId64 " steps, %" PRId64 " tokens, %s counted\n",
           s->rundir.path, steps, steps * s->config.batch * s->config.tokens,
           flops);
    fputs("load: ", stdout);
    load_seen_print(stdout, &s->load);
    if (v->causal_rule && v->causal_rule != s->options.policy)
        print_verdict(s, v->causal_rule, &v->causal);
    print_verdict(s, s->options.policy, &v->topk);
    if (s->spec.n_predictor > 0)
        printf("predictors: %.1f %% of tokens foretold as %s chose, %.1f %%"
               " where kept and skipped ones weigh alike, over the last tenth"
               " of the steps\n",
               100.0 * trainer_recent_accuracy(s->trainer),
               s->options.policy->name,
               100.0 * trainer_recent_balanced(s->trainer));
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

static enum status write_files(struct train_job *s,
                               const struct ledger *counted,
                               const struct ledger *measured,
                               struct error *err)
{
    enum status status;
    if ((status = checkpoint_export(trainer_model(s->trainer),
                                    s->options.policy, s->rundir.path, err)) ||
        (s->tokenizer &&
         (status = tokenizer_copy(&s->copied, train_tokenizer_path(s),
                                  s->rundir.path, err))) ||
        (status = train_table_write(s, err)) ||
        (status = trainer_write_curve(s->trainer, s->rundir.path, err)))
        return status;
    return rundir_write_ledgers(&s->rundir, s->predicted, counted, measured, err);
}

enum status train_finish(struct train_job *s, int argc, char **argv,
                         struct error *err)
{
    const struct ledger *counted = trainer_state(s->trainer)->counted;
    struct ledger *measured = NULL;
    struct verdicts verdicts;
    json_t *summary = NULL;
    enum status status;

    if ((status = judge(s, &verdicts, err)))
        goto out;
    if ((status = train_predict_run(s, err)))
        goto out;
    if ((status = measured_ledger(&measured, s, err)) ||
        (status = write_files(s, counted, measured, err)))
        goto out;
    bool agreed = agrees(s, counted);
    summary = make_summary(s, &verdicts, agreed, argc, argv);
    if (!summary) {
        status = error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
        goto out;
    }
    if ((status = summary_witnesses(summary, s->predicted, counted, measured,
                                    err)) ||
        (status = rundir_finish(&s->rundir, summary, err)) ||
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
