/* run_answer.c - Turn a session of isobath run into its summary, its files and
 * what it prints. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "models/commands/run_paired.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/table.h"
#include "sim/price/memory.h"

/* ---- summary.json ---- */

/* No rule is where experts choose their tokens. */
static bool is_causal(const struct run_arm *arm, const struct score *score)
{
    return score->policy->causal && !spec_experts_choose(&arm->spec);
}

static const struct score *causal_score(const struct run_arm *arm)
{
    for (int i = 0; i < arm->n_scores; i++)
        if (is_causal(arm, &arm->score[i]))
            return &arm->score[i];
    return NULL;
}

/* Loss per byte, whatever the tokens are, so that models compare. */
static double nats_per_byte(const struct run_scoring *s,
                            const struct score *score)
{
    return score->nats / (double)s->bytes;
}

/* The score under the rule of training; NULL: that rule was not run, or not on
 * the blocks that training routed. */
static const struct score *trained_score(const struct run_scoring *s)
{
    const struct run_arm *arm = &s->arm[PAIR_MODEL];
    const struct score *last = &arm->score[arm->n_scores - 1];

    return last->policy == s->source.routing.policy &&
           spec_n_routed(&arm->spec) == spec_n_routed(&s->source.spec)
               ? last : NULL;
}

/* Counted, of a token's forward under the i-th rule. */
static double rule_flops(const struct run_arm *arm, int i)
{
    return i == 0 ? run_per_row(arm, arm->counted, METRIC_FLOPS)
                  : (double)arm->score[i].flops / (double)arm->score[i].rows;
}

static json_t *rules_json(const struct run_scoring *s)
{
    const struct run_arm *arm = &s->arm[PAIR_MODEL];
    json_t *list = json_array();

    for (int i = 0; i < arm->n_scores; i++) {
        const struct score *score = &arm->score[i];
        double nats = nats_per_byte(s, score);
        json_array_append_new(list, json_pack(
            "{s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "rule", score->policy->name,
            "causal", is_causal(arm, score),
            "nats_per_byte", json_number(nats),
            "bits_per_byte", json_number(nats / M_LN2),
            "perplexity_per_byte", json_number(exp(nats)),
            "capacity_realised", json_number(score_capacity(score)),
            "flops_per_token", json_number(rule_flops(arm, i))));
    }
    return list;
}

static json_t *loss_json(const struct run_scoring *s)
{
    const struct run_arm *arm = &s->arm[PAIR_MODEL];
    const struct score *first = &arm->score[0];
    const struct score *causal = causal_score(arm), *own = trained_score(s);
    double nats = causal ? nats_per_byte(s, causal) : (double)NAN;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:I, s:I, s:o, s:o}",
        "heldout_causal", json_number(nats),
        "heldout_topk", json_number(own ? nats_per_byte(s, own) : (double)NAN),
        "bits_per_byte", json_number(nats / M_LN2),
        "perplexity_per_byte", json_number(exp(nats)),
        "entropy", json_number(s->entropy
                               ? first->entropy / (double)first->scored
                               : (double)NAN),
        "causal_rule", causal ? causal->policy->name : "none",
        "heldout_rule", s->source.routing.policy->name,
        "heldout_bytes", (json_int_t)s->bytes,
        "heldout_tokens", (json_int_t)first->scored,
        "nats_per_token", json_number(causal ? score_nats(causal)
                                             : (double)NAN),
        "rules", rules_json(s));
}

static json_t *routing_json(const struct run_scoring *s)
{
    const struct run_arm *arm = &s->arm[PAIR_MODEL];
    const struct model_spec *spec = &arm->spec;
    const struct score *first = &arm->score[0], *own = trained_score(s);

    return json_pack("{s:s, s:i, s:s, s:s, s:b, s:s, s:o, s:s, s:o, s:o, s:o}",
        "policy", s->source.routing.policy->name,
        "keep_first", (int)spec->keep_first,
        "part", part_names[spec->part],
        "skipped_keys", skipped_keys_names[spec->skipped_keys],
        "causal", is_causal(arm, first), "rule", first->policy->name,
        "blocks", summary_blocks(spec), "gate", gate_names[spec->gate],
        "capacity_nominal", summary_capacity(spec),
        "capacity_realised", json_number(score_capacity(first)),
        "capacity_realised_topk",
        json_number(own ? score_capacity(own) : (double)NAN));
}

static const char *split_name(const struct run_scoring *s)
{
    return s->config.split == RUN_ALL ? "all" : split_names[s->config.split];
}

/* The config in the form of a training config. */
static json_t *config_of(const struct run_scoring *s)
{
    const struct run_config *c = &s->config;
    const struct run_arm *arm = &s->arm[PAIR_MODEL];
    char weights[SOURCE_WEIGHTS_SIZE], stored[SOURCE_WEIGHTS_SIZE];
    json_t *settings = json_array();

    source_weights_text(weights, &arm->spec);
    source_stored_text(stored, &s->source);
    for (size_t i = 0; i < c->n_passed; i++)
        json_array_append_new(settings, json_text(c->passed[i].text));
    return json_pack(
        "{s:{s:o, s:o, s:I, s:I, s:s, s:I, s:I, s:s, s:o, s:I, s:b, s:s, s:o},"
        " s:o, s:o}",
        "run", "model", json_text(c->model), "text", json_text(c->text),
        "window", (json_int_t)c->window, "stride", (json_int_t)c->stride,
        "split", split_name(s), "limit", (json_int_t)c->limit,
        "skip", (json_int_t)c->skip, "policy", arm->score[0].policy->name,
        "machine", json_text(*c->machine ? c->machine : NULL),
        "seed", (json_int_t)c->seed,
        "random_weights", !s->source.has_weights, "weights", weights,
        "stored_weights", json_reason(stored),
        "model", summary_model(&arm->spec), "settings", settings);
}

static json_t *memory_json(const struct run_scoring *s)
{
    uint64_t allocated = 0;

    for (int i = 0; i < s->n_arms; i++)
        allocated += model_bytes(s->arm[i].model);
    return summary_memory(run_scoring_bytes(s), allocated,
                          command_peak_bytes());
}

static enum status make_summary(json_t **out, const struct run_scoring *s,
                                const struct run_paired *paired, int argc, char **argv,
                                struct error *err)
{
    const struct run_arm *arm = &s->arm[PAIR_MODEL];
    const struct run_spent spent = run_spent(s, PAIR_MODEL);
    json_t *j = *out = summary_open("run", config_of(s),
        provenance_json(argc, argv, s->flags.common.threads, s->config.seed,
                        model_isa(arm->model), s->config.text, s->text.hash));

    if (!j)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
    if (s->done < s->windows)
        json_object_set_new(j, "status", json_string("interrupted"));
    json_object_set_new(j, "counted_equals_predicted",
                        json_boolean(s->agreed));
    json_object_set_new(j, "tokens", json_integer(arm->score[0].rows));
    json_object_set_new(j, "parameters", json_integer(
        (json_int_t)memory_parameters(&arm->spec)));
    json_object_set_new(j, "flops_per_token_forward",
                        json_number(spent.flops_predicted));
    json_object_set_new(j, "per_token", run_spent_json(&spent));
    json_object_set_new(j, "against", run_paired_json(s, paired));
    json_object_set_new(j, "loss", loss_json(s));
    json_object_set_new(j, "routing", routing_json(s));
    json_object_set_new(j, "load", load_seen_json(&s->load));
    json_object_set_new(j, "memory", memory_json(s));
    return summary_witnesses(j, arm->predicted, arm->counted, s->measured, err);
}

/* ---- the directory ---- */

/* Write summary.json last: if it exists, all other files do. */
static enum status write_files(struct run_scoring *s, json_t *summary,
                               struct error *err)
{
    enum status status = STATUS_OK;

    if (s->rundir.lock < 0)
        return STATUS_OK;
    rundir_clear(&s->rundir);
    if (s->tokens.stream)
        status = file_commit(&s->tokens, err);
    if (status == STATUS_OK)
        status = run_trace_finish(&s->trace, err);
    if (status == STATUS_OK)
        status = run_pairs_commit(&s->pairs, err);
    if (status == STATUS_OK)
        status = rundir_write_ledgers(&s->rundir, s->arm[PAIR_MODEL].predicted,
                                      s->arm[PAIR_MODEL].counted, s->measured,
                                      err);
    return status == STATUS_OK ? rundir_finish(&s->rundir, summary, err)
                               : status;
}

/* ---- what is printed ---- */

static void put_rule(struct table *t, const struct run_scoring *s, int arm,
                     int i)
{
    const struct run_arm *a = &s->arm[arm];
    const struct score *score = &a->score[i];
    const bool unscored = arm == PAIR_RIVAL && s->rival.unscored;
    const double nats = unscored ? (double)NAN : nats_per_byte(s, score);

    table_row(t, ROW_PLAIN);
    table_text(t, arm == PAIR_RIVAL ? s->rival.asked : "model");
    table_text(t, score->policy->name);
    table_count(t, is_causal(a, score), PROV_COUNTED);
    table_count(t, (uint64_t)s->bytes, PROV_COUNTED);
    table_amount(t, amount_of(nats, PROV_MEASURED));
    table_amount(t, amount_of(nats / M_LN2, PROV_MEASURED));
    table_amount(t, amount_of(exp(nats), PROV_MEASURED));
    table_amount(t, amount_of(score_capacity(score), PROV_COUNTED));
    table_amount(t, amount_of(rule_flops(a, i), PROV_COUNTED));
}

/* Print a row a rule, and one of the rival, as text or as CSV. */
static enum status print_rules(const struct run_scoring *s, enum format format,
                               struct error *err)
{
    static const struct column columns[] = {
        { "model", "", "", COLUMN_TEXT, true },
        { "rule", "rule", "", COLUMN_TEXT, true },
        { "causal", "causal", "", COLUMN_YES, true },
        { "bytes", "bytes", "", COLUMN_WHOLE, true },
        { "nats_per_byte", "nats/byte", "", COLUMN_LOSS, true },
        { "bits_per_byte", "bits/byte", "", COLUMN_LOSS, true },
        { "perplexity_per_byte", "perplexity", "", COLUMN_LOSS, true },
        { "capacity_realised", "kept", "", COLUMN_LOSS, true },
        { "flops_per_token", "a token", "flop", COLUMN_SI, true },
    };
    struct table t;

    table_open(&t, "rules", columns, sizeof columns / sizeof *columns);
    t.digits = 9;
    for (int arm = 0; arm < s->n_arms; arm++)
        for (int i = 0; i < s->arm[arm].n_scores; i++)
            put_rule(&t, s, arm, i);
    enum status status = table_print(&t, format, stdout, err);
    table_close(&t);
    return status;
}

static void print_question(const struct run_scoring *s)
{
    const struct run_config *c = &s->config;
    const struct model_spec *spec = &s->arm[PAIR_MODEL].spec;
    char weights[SOURCE_WEIGHTS_SIZE];

    printf("%s%s on %s (%s): %" PRId64 " bytes in windows of %" PRId64 "%s\n",
           c->model, s->source.has_weights ? "" : ", random weights,", c->text,
           split_name(s), s->bytes, c->window,
           s->done == s->windows ? "" : "; interrupted, a part");
    source_weights_text(weights, spec);
    if (spec_stores(spec))
        printf("matrices kept as %s\n", weights);
    if (spec->keep_first > 0)
        printf("keep_first %d: routed layers keep this many tokens at the start"
               " of a window, whatever the rule says\n", spec->keep_first);
}

static enum status print_text(const struct run_scoring *s,
                              const struct run_paired *paired, struct error *err)
{
    const struct run_arm *arm = &s->arm[PAIR_MODEL];
    const struct score *first = &arm->score[0];
    struct cost sum = ledger_sum(arm->counted, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY, LEDGER_ANY);
    char seconds[TABLE_NUMBER_SIZE], rate[TABLE_NUMBER_SIZE];

    print_question(s);
    enum status status = print_rules(s, FORMAT_TEXT, err);
    if (s->bytes != first->scored)
        printf("%" PRId64 " tokens, %.6f nats/token under %s\n", first->scored,
               score_nats(first), first->policy->name);
    if (s->agreed)
        printf("counted == predicted: %" PRIu64 " flops, %" PRIu64 " bytes\n",
               sum.count[METRIC_FLOPS], sum.count[METRIC_BYTES]);
    table_si(seconds, arm->seconds, "s");
    table_si(rate, (double)s->bytes / arm->seconds, "B/s");
    printf("%s in the model under %s, %s\n", table_ascii(seconds),
           first->policy->name, rate);
    fputs("load: ", stdout);
    load_seen_print(stdout, &s->load);
    if (s->n_arms > 1)
        run_paired_print(s, paired);
    return status;
}

static enum status print(const struct run_scoring *s,
                         const struct run_paired *paired, const json_t *summary,
                         struct error *err)
{
    const struct command_options *o = &s->flags.common;

    if (o->format == FORMAT_CSV)
        return print_rules(s, FORMAT_CSV, err);
    if (o->format == FORMAT_JSON)
        return json_print(summary, stdout, err);
    /* Without a directory what is printed is all of the answer. */
    return o->quiet && o->output ? STATUS_OK : print_text(s, paired, err);
}

enum status run_scoring_deliver(struct run_scoring *s, int argc, char **argv,
                                struct error *err)
{
    struct run_paired paired = { 0 };
    json_t *summary = NULL;

    ledger_set_clock(s->measured, s->arm[PAIR_MODEL].seconds,
                     load_seen_source(&s->load),
                     "run measures time only; isobath profile reads counters");
    if (s->n_arms > 1 && !run_paired(&paired, s))
        return error_set(err, STATUS_NO_MEMORY, "no memory for %" PRId64
                         " pairs", s->pairs.n);
    enum status status = make_summary(&summary, s, &paired, argc, argv, err);

    if (status == STATUS_OK)
        status = write_files(s, summary, err);
    if (status == STATUS_OK)
        status = print(s, &paired, summary, err);
    json_decref(summary);
    return status;
}
