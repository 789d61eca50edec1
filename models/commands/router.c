/* router.c - Run isobath router: say what a model's routers know, against what
 * they might have been guessed from, and what they tell of the future. */
#include <inttypes.h>
#include <stdlib.h>

#include "models/commands/router_job.h"
#include "models/scoring/run_rule.h"
#include "models/scoring/run_source.h"
#include "sim/commands/commands.h"

static const struct flag flags[] = {
    FLAG_OPERAND("MODEL", NULL, "a directory of isobath train whose blocks"
        " route or have experts, another model with routing keys by --set, or a YAML file of"
        " isobath run that names one"),
    FLAG_KEY("--text", "FILE", NULL, "run.text"),
    FLAG_KEY("--split", "PART", NULL, "run.split"),
    FLAG_KEY("--limit", "N", NULL, "run.limit"),
    FLAG_KEY("--window", "T", NULL, "run.window"),
    FLAG_KEY("--tokenizer", "FILE", NULL, "run.tokenizer"),
    FLAG_KEY("--special", "HOW", NULL, "run.special"),
    FLAG_KEY("--policy", "NAME", NULL, "run.policy"),
    FLAG_KEY("--seed", "N", NULL, "run.seed"),
    FLAG("--positions", "N", NULL, INT, struct router_flags, positions, 0,
        1 << 24, "1000", NULL, NULL, "at how many positions to exchange the"
        " tokens behind for others and see what changes; 0: none"),
    FLAG_REPLACED("DIR", "", "the directory for summary.json and a CSV of each"
        " table"),
    FLAG_SET,
    FLAG_FORMAT(NULL, format_names),
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_END
};

static enum status read_config(struct router_job *j, struct error *err)
{
    struct command_options *o = &j->flags.common;
    const bool is_config = run_config_is(o->operand[0]);
    enum status status = is_config
        ? STATUS_OK
        : flags_set_key(o, "run.model", o->operand[0], "MODEL", err);

    if (status == STATUS_OK)
        status = run_config_read(&j->config, is_config ? o->operand[0] : NULL,
                                 o->setting, o->n_settings, err);
    if (status == STATUS_OK)
        status = run_config_need_text(&j->config, "to look at the routers with",
                                      err);
    return status;
}

static enum status open_model(struct router_job *j, struct error *err)
{
    const struct run_config *c = &j->config;
    const struct route_policy *own = j->source.routing.policy;
    const struct route_policy *rule = route_find(c->policy);
    struct model_options options = {
        .n_sequences = 1, .n_tokens = (int32_t)c->window,
        .n_threads = j->flags.common.threads,
    };

    rule = rule ? rule : run_rule_usual(&j->source);
    j->arm.spec = j->source.spec;
    route_settle(&j->arm.spec, rule, j->arm.spec.keep_first);
    enum status status = score_window_open(&j->window, c->window, err);
    if (status == STATUS_OK)
        status = run_arm_open(&j->arm, &j->source, &options, (uint64_t)c->seed,
                              err);
    if (status == STATUS_OK)
        status = expert_record_open(&j->experts, &j->arm.spec, err);
    return status == STATUS_OK
               ? router_record_open(&j->record, &j->arm.spec, own, rule,
                                    j->windows, options.n_tokens, err)
               : status;
}

static enum status open_job(struct router_job *j, struct error *err)
{
    const char *output = j->flags.common.output;
    enum status status;

    if ((status = read_config(j, err)) ||
        (status = run_source_open_choosing(&j->source, &j->config, err)) ||
        (status = run_text_open_once(&j->text, &j->config, &j->source, err)))
        return status;
    j->windows = score_windows(&j->text.windows);
    if (output && (status = rundir_open_anew(&j->rundir, output, "router", err)))
        return status;
    return open_model(j, err);
}

static void close_job(struct router_job *j)
{
    for (int i = 0; i < j->n_tables; i++)
        router_table_close(&j->table[i]);
    router_record_close(&j->record);
    expert_record_close(&j->experts);
    run_arm_close(&j->arm);
    score_window_close(&j->window);
    rundir_close(&j->rundir);
    run_text_close(&j->text);
}

static bool leak_is_asked_for(const struct router_job *j)
{
    return j->flags.positions > 0 && j->windows > 1 && j->record.n_choices > 0;
}

static bool tables_apply(const struct router_job *j)
{
    return j->record.n_choices > 0 &&
           router_tables_apply(j->windows, &j->arm.spec);
}

/* The next piece of the work runs so many windows, of all that there are. */
static void tell_share(struct router_job *j, struct progress *progress,
                       double windows)
{
    const double tables = tables_apply(j) ? ROUTE_TABLE_ORDER + 1 : 0;
    const double leaks = leak_is_asked_for(j) ? j->record.n_rules : 0;
    const double all = (double)j->windows * (1 + tables) +
                       (double)j->flags.positions * leaks;

    progress_tell(progress, j->told / all, (j->told + windows) / all);
    j->told += windows;
}

/* The window that was recorded last, whose newest pass was the causal rule's. */
static enum status record_experts(struct router_job *j, struct error *err)
{
    const struct router_record *r = &j->record;
    const int64_t first = r->first[r->windows - 1];
    enum token_kind *kind;

    if (j->experts.n_layers == 0)
        return STATUS_OK;
    kind = malloc((size_t)(r->n - first) * sizeof *kind);
    if (!kind)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a window");
    for (int64_t t = first; t < r->n; t++)
        kind[t - first] = router_kind(r, j->text.tokenizer, first, t);
    expert_record_add(&j->experts, j->arm.model, kind);
    free(kind);
    return STATUS_OK;
}

static enum status record(struct router_job *j, struct error *err)
{
    struct progress progress = progress_begin("recording", "window",
                                              (double)j->windows,
                                              j->flags.common.quiet);
    enum status status = STATUS_OK;

    tell_share(j, &progress, (double)j->windows);
    for (int64_t w = 0; w < j->windows && status == STATUS_OK &&
                        !command_interrupted; w++) {
        progress_at(&progress, (double)w, "");
        score_window(&j->text.windows, w, &j->window);
        status = router_record_add(&j->record, &j->arm, &j->window,
                                   (uint64_t)j->config.seed, err);
        if (status == STATUS_OK)
            status = record_experts(j, err);
    }
    progress_end(&progress);
    if (status == STATUS_OK)
        router_view(&j->view, &j->record, j->text.tokenizer);
    return status;
}

static bool watch(void *watcher, int64_t done)
{
    progress_at(watcher, (double)done, "");
    return !command_interrupted;
}

/* The causal rule is tried too: that nothing changes under it is what makes it
 * causal. */
static enum status measure_leak(struct router_job *j, struct error *err)
{
    enum status status = STATUS_OK;

    for (int i = 0; i < j->record.n_rules && status == STATUS_OK &&
                    !command_interrupted; i++) {
        struct progress progress = progress_begin("exchanging futures",
                                                  "position",
                                                  (double)j->flags.positions,
                                                  j->flags.common.quiet);
        const struct router_leak_job leak = {
            .record = &j->record, .arm = &j->arm, .rule = i,
            .positions = j->flags.positions,
            .seed = (uint64_t)j->config.seed, .go_on = watch,
            .watcher = &progress,
        };
        tell_share(j, &progress, (double)j->flags.positions);
        status = router_leak(&j->leak[i], &leak, err);
        progress_end(&progress);
    }
    return status;
}

static enum status replace(struct router_job *j, struct error *err)
{
    struct progress progress = progress_begin("replacing routers", "table",
                                              ROUTE_TABLE_ORDER + 1,
                                              j->flags.common.quiet);
    enum status status = STATUS_OK;

    tell_share(j, &progress, (double)j->windows * (ROUTE_TABLE_ORDER + 1));
    while (j->n_tables <= ROUTE_TABLE_ORDER && status == STATUS_OK &&
           !command_interrupted) {
        const int order = j->n_tables++;
        progress_at(&progress, order, "");
        status = router_table_open(&j->table[order], order, &j->record,
                                   &j->arm, err);
    }
    progress_end(&progress);
    return status;
}

static enum status look(struct router_job *j, struct error *err)
{
    enum status status = open_job(j, err);

    if (status == STATUS_OK)
        status = record(j, err);
    if (status == STATUS_OK && leak_is_asked_for(j))
        status = measure_leak(j, err);
    if (status == STATUS_OK && !command_interrupted && tables_apply(j))
        status = replace(j, err);
    if (status != STATUS_OK)
        return status;
    j->interrupted = command_interrupted;
    if (j->record.windows == 0)
        return error_set(err, STATUS_INTERRUPTED, "interrupted in the first of %"
                         PRId64 " windows; nothing is written", j->windows);
    status = router_deliver(j, err);
    if (status != STATUS_OK || !j->interrupted)
        return status;
    return error_set(err, STATUS_INTERRUPTED, "interrupted after %" PRId64 " of"
                     " %" PRId64 " windows; what they gave %s",
                     j->record.windows, j->windows, j->rundir.lock >= 0
                         ? "is written" : "is above");
}

static int run(void *job)
{
    struct router_job *j = job;
    struct error err;

    command_cap_threads(&j->flags.common);
    j->rundir.lock = -1;
    command_catch_signals();
    const enum status status = look(j, &err);
    close_job(j);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command router_command = {
    .name = "router",
    .usage = "MODEL --text FILE",
    .help = "what routers know: agreement, hardness, leak",
    .about = "Look at the routers of a trained model over a text: how well the"
        " causal rule agrees with the rule of training, beside guesses that"
        " need no router; what is lost when tables of the last 1 to 5 tokens"
        " choose in its place; which tokens are kept, and whether they are the"
        " hard ones; and what a rule that looks ahead tells of the future, in"
        " nats.  Of experts: how evenly they are entered, what is dropped, which"
        " kinds of token go to which, and where they have collapsed onto a few.",
    .examples =
        "  isobath router build/run --text build/corpus/kjv.txt --split validation\n"
        "  isobath router build/run --text build/corpus/kjv.txt -o build/router\n"
        "  isobath router build/run --text build/corpus/kjv.txt --positions 0 -f json\n",
    .kinds = (const char *const[]){ "models", NULL },
    .flags = flags, .config = &run_config_schema,
    .options_size = sizeof(struct router_job), .run = run,
};
