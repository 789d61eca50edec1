/* run_scoring.c - Open and close the window, the rules, the models and the
 * files of isobath run. */
#include "models/commands/run_scoring.h"

#include <inttypes.h>
#include <stdlib.h>

#include "models/scoring/run_rule.h"
#include "models/scoring/run_source.h"
#include "sim/core/model/plan.h"
#include "sim/price/machine.h"
#include "sim/price/memory.h"

/* Choose the rule that is metered, and for comparison that of training, unless
 * it replays a trace that is not there; it is not run beside a rival. */
static void choose_rules(struct run_scoring *s)
{
    const struct source *source = &s->source;
    const struct route_policy *own = source->routing.policy;
    const struct route_policy *rule = route_find(s->config.policy);
    struct run_arm *arm = &s->arm[PAIR_MODEL];

    arm->spec = source->spec;
    if (spec_n_routed(&source->spec) == 0)
        rule = own = route_find("dense");
    else if (!rule)
        rule = run_rule_usual(source);
    arm->score[arm->n_scores++].policy = rule;
    route_settle(&arm->spec, rule, arm->spec.keep_first);
    if (!rule->choose)
        arm->spec = spec_dense(&source->spec);
    else if (rule != own && !*s->config.against &&
             (own != route_find("replay") || *source->replay))
        arm->score[arm->n_scores++].policy = own;
    s->n_arms = 1;
}

static enum status open_rival(struct run_scoring *s, struct error *err)
{
    struct run_arm *arm = &s->arm[PAIR_RIVAL];
    enum status status = run_rival_open(&s->rival, &s->config,
                                        &s->arm[PAIR_MODEL].spec,
                                        (int32_t)s->config.window, err);

    if (status == STATUS_OK)
        status = run_rival_check_tokens(&s->rival, &s->config,
                                        s->text.tokenizer, err);
    if (status != STATUS_OK || !*s->rival.asked)
        return status;
    arm->name = s->rival.rival.name;
    arm->spec = s->rival.spec;
    arm->score[arm->n_scores++].policy = s->rival.policy;
    s->pairs.unscored = s->rival.unscored != NULL;
    s->n_arms = PAIR_COUNT;
    return STATUS_OK;
}

uint64_t run_scoring_bytes(const struct run_scoring *s)
{
    uint64_t alone[PAIR_COUNT] = { 0 };

    for (int i = 0; i < s->n_arms; i++)
        alone[i] = memory_process_bytes(&s->arm[i].spec, 1,
                                        (int32_t)s->config.window,
                                        MEMORY_FORWARD,
                                        s->flags.common.threads);
    if (s->n_arms > 1)
        alone[PAIR_MODEL] = memory_joined_bytes(alone[PAIR_MODEL],
                                                alone[PAIR_RIVAL],
                                                s->flags.common.threads);
    return memory_with_bytes(alone[PAIR_MODEL], run_text_memory(&s->text));
}

static enum status check_memory(const struct run_scoring *s, struct error *err)
{
    uint64_t need = run_scoring_bytes(s);
    uint64_t have = command_memory_bytes();
    return need <= have
               ? STATUS_OK
               : error_set(err, STATUS_BAD_VALUE, "%s: with windows of %" PRId64
                           " this model takes about %.3g GB%s, and the machine"
                           " has %.3g GB", s->source.path, s->config.window,
                           (double)need / 1e9, s->n_arms > 1
                               ? " with its rival" : "",
                           (double)have / 1e9);
}

static enum status open_models(struct run_scoring *s, struct error *err)
{
    struct model_options model = {
        .n_sequences = 1, .n_tokens = (int32_t)s->config.window,
        .n_threads = s->flags.common.threads,
    };
    enum status status = check_memory(s, err);
    const uint64_t seed = (uint64_t)s->config.seed;
    struct run_arm *arm = s->arm;

    if (status == STATUS_OK)
        status = run_arm_open(&arm[PAIR_MODEL], &s->source, &model, seed, err);
    if (status == STATUS_OK && s->n_arms > 1)
        status = run_arm_open(&arm[PAIR_RIVAL], NULL, &model, seed, err);
    if (status == STATUS_OK && s->n_arms > 1)
        status = run_rival_fill(&s->rival, arm[PAIR_RIVAL].model,
                                arm[PAIR_MODEL].model, seed, err);
    if (status == STATUS_OK && s->n_arms > 1)
        status = run_pairs_open(&s->pairs, s->windows, s->config.repeats, err);
    return status == STATUS_OK
               ? score_window_open(&s->window, s->config.window, err) : status;
}

static enum status open_ledgers(struct run_scoring *s, struct error *err)
{
    const struct ledger_shape by_token = {
        .n_tokens = (int32_t)s->config.window };
    enum status status;

    if ((status = ledger_open(&s->measured, (struct ledger_shape){ 0 },
                              (struct cost){ 0 }, err)) ||
        (status = ledger_open(&s->token_predicted, by_token,
                              cost_zero(PROV_PREDICTED), err)) ||
        (status = ledger_open(&s->token_counted, by_token,
                              cost_zero(PROV_COUNTED), err)))
        return status;
    s->token_meter = ledger_meter(s->token_counted);
    s->agreed = true;
    return STATUS_OK;
}

/* Without being asked, a table of tokens ends at so many rows: some 100 MB. */
enum { TOKENS_UNASKED = 1000000 };

/* With a rival losses.csv holds the tokens, and a second forward of each window
 * would stand between the two that are timed. */
static bool wants_tokens(const struct run_scoring *s)
{
    if (s->config.tokens || s->n_arms > 1)
        return s->config.tokens;
    if (s->windows <= TOKENS_UNASKED / s->config.stride)
        return true;
    command_warn("tokens.csv is left out: it would be over %d rows; --tokens"
                 " writes it, --limit shortens it", TOKENS_UNASKED);
    return false;
}

static enum status open_output(struct run_scoring *s, struct error *err)
{
    const char *output = s->flags.common.output;
    enum status status;

    if (!output)
        return s->config.tokens
                   ? run_config_fail(&s->config, "run.tokens", err, "where"
                                     " to? give -o DIR")
                   : STATUS_OK;
    if ((status = rundir_open_anew(&s->rundir, output, "run", err)))
        return status;
    if (s->n_arms > 1 &&
        (status = run_pairs_keep(&s->pairs, s->rundir.path, err)))
        return status;
    if (spec_n_routed(&s->arm[PAIR_MODEL].spec) > 0 &&
        (status = run_trace_keep(&s->trace, s->rundir.path, err)))
        return status;
    if (!wants_tokens(s))
        return STATUS_OK;
    s->token_scores = calloc((size_t)plan_n_choices(&s->arm[PAIR_MODEL].spec) *
                             (size_t)s->config.window, sizeof *s->token_scores);
    if (!s->token_scores)
        return error_set(err, STATUS_NO_MEMORY, "no memory for scores");
    status = file_create_in(&s->tokens, s->rundir.path, "tokens.csv", err);
    if (status == STATUS_OK)
        score_write_header(s->tokens.stream, &s->arm[PAIR_MODEL].spec);
    return status;
}

static enum status open_source(struct run_scoring *s, struct error *err)
{
    const char *machine = s->config.machine;
    enum status status = run_source_open(&s->source, &s->config, err);

    if (status != STATUS_OK || !*machine)
        return status;
    s->machine = malloc(sizeof *s->machine);
    if (!s->machine)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a machine");
    return machine_load(s->machine, machine, err);
}

enum status run_scoring_open(struct run_scoring *s, struct error *err)
{
    const struct run_config *c = &s->config;
    enum status status = run_config_need_text(c, "to score", err);

    if (status == STATUS_OK)
        status = open_source(s, err);
    if (status != STATUS_OK ||
        (status = run_text_open(&s->text, &s->config, &s->source, err)))
        return status;
    choose_rules(s);
    if ((status = open_rival(s, err)))
        return status;
    s->windows = score_windows(&s->text.windows);
    s->window.tokenizer = s->text.tokenizer;
    s->entropy = s->n_arms == 1 || c->tokens;
    if ((status = open_models(s, err)) || (status = open_ledgers(s, err)))
        return status;
    if (*s->source.replay &&
        (status = run_trace_replay(&s->trace, s->source.replay,
                                   &s->arm[PAIR_MODEL].spec, &s->text, err)))
        return status;
    return open_output(s, err);
}

void run_scoring_close(struct run_scoring *s)
{
    load_watch_close(&s->watch);
    file_abandon(&s->tokens);
    free(s->token_scores);
    run_trace_close(&s->trace);
    run_pairs_close(&s->pairs);
    if (s->rundir.lock >= 0)
        rundir_close(&s->rundir);
    ledger_close(s->token_counted);
    ledger_close(s->token_predicted);
    ledger_close(s->measured);
    score_window_close(&s->window);
    for (int i = 0; i < PAIR_COUNT; i++)
        run_arm_close(&s->arm[i]);
    run_text_close(&s->text);
    free(s->machine);
    free(s);
}
