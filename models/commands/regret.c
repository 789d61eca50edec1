/* regret.c - Run isobath regret: say what each decision of a model's routed
 * blocks was worth, and how far from the best ones they are. */
#include <inttypes.h>
#include <stdlib.h>

#include "models/commands/regret_job.h"
#include "models/commands/run_flags.h"
#include "models/scoring/run_rule.h"
#include "models/scoring/run_source.h"
#include "sim/commands/commands.h"
#include "sim/core/base/random.h"

enum { MOST = 1 << 24 };
static const struct flag flags[] = {
    FLAG_OPERAND("MODEL", NULL, "a directory of isobath train whose blocks"
        " route, or another model with routing keys by --set"),
    FLAG_KEY("--text", "FILE", NULL, "run.text"),
    FLAG_KEY("--split", "PART", NULL, "run.split"),
    FLAG_KEY("--limit", "N", NULL, "run.limit"),
    FLAG_KEY("--window", "T", NULL, "run.window"),
    FLAG_KEY("--tokenizer", "FILE", NULL, "run.tokenizer"),
    FLAG_KEY("--special", "HOW", NULL, "run.special"),
    FLAG_KEY("--policy", "NAME", NULL, "run.policy"),
    FLAG_KEY("--seed", "N", NULL, "run.seed"),
    FLAG("--windows", "N", NULL, INT, struct regret_flags, windows, 0, MOST,
        "8", NULL, NULL, "how many windows of the text to draw; 0: all"),
    FLAG("--positions", "N", NULL, INT, struct regret_flags, positions, 0, MOST,
        "64", NULL, NULL, "at how many tokens of a window every routed block"
        " decides otherwise, a pass over the window each; 0: at all"),
    FLAG_REPLACED("DIR", "", "the directory for summary.json, regret.csv,"
        " blocks.csv, allocations.csv and tokens.csv, which isobath report"
        " reads"),
    FLAG_SET,
    FLAG_FORMAT(NULL, format_names),
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_END
};

/* So many windows of the text, each as likely, in its order. */
static enum status draw_windows(struct regret_job *c, struct error *err)
{
    const int64_t all = score_windows(&c->text.windows);
    struct random random = random_seeded(random_mix((uint64_t)c->config.seed, 9,
                                                    0, 0));

    c->windows = c->flags.windows > 0 && c->flags.windows < all
                     ? c->flags.windows : all;
    c->which = calloc((size_t)c->windows + 1, sizeof *c->which);
    if (!c->which) {
        error_set(err, STATUS_NO_MEMORY, "no memory for %" PRId64 " windows",
                  c->windows);
        return STATUS_NO_MEMORY;
    }
    for (int64_t w = 0, n = 0; w < all && n < c->windows; w++)
        if (random_uniform(&random) * (double)(all - w) <
            (double)(c->windows - n))
            c->which[n++] = w;
    return STATUS_OK;
}

/* tokens.csv needs what each token cost, and the scores. */
static enum status open_tokens(struct regret_job *c, struct error *err)
{
    const struct ledger_shape by_token = { .n_tokens =
                                               (int32_t)c->config.window };
    enum status status = ledger_open(&c->counted, by_token,
                                     cost_zero(PROV_COUNTED), err);

    c->scores = calloc((size_t)plan_n_choices(&c->arm.spec) *
                           (size_t)c->config.window, sizeof *c->scores);
    if (status == STATUS_OK && !c->scores) {
        error_set(err, STATUS_NO_MEMORY, "no memory for scores");
        status = STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK)
        status = file_create_in(&c->tokens, c->rundir.path, "tokens.csv", err);
    if (status == STATUS_OK)
        score_write_header(c->tokens.stream, &c->arm.spec);
    return status;
}

static enum status open_model(struct regret_job *c, struct error *err)
{
    struct model_options options = {
        .n_tokens = (int32_t)c->config.window,
        .n_threads = c->flags.common.threads,
    };
    const struct route_policy *rule = route_find(c->config.policy);

    c->rule = rule ? rule : run_rule_usual(&c->source);
    c->arm.spec = c->source.spec;
    route_settle(&c->arm.spec, c->rule, c->arm.spec.keep_first);
    options.n_sequences = decisions_at_once(&c->arm.spec, options.n_tokens);
    enum status status = score_window_open(&c->window, c->config.window, err);
    c->window.tokenizer = c->text.tokenizer;
    if (status == STATUS_OK)
        status = run_arm_open(&c->arm, &c->source, &options,
                              (uint64_t)c->config.seed, err);
    if (status == STATUS_OK)
        status = regret_open(&c->regret, &c->arm, c->windows, options.n_tokens,
                             (int32_t)c->flags.positions, err);
    return status == STATUS_OK && c->rundir.lock >= 0 ? open_tokens(c, err)
                                                      : status;
}

static enum status open_job(struct regret_job *c, struct error *err)
{
    const char *output = c->flags.common.output;
    enum status status;

    if ((status = run_flags_model(&c->flags.common, &c->config,
                                  "to look at decisions with", err)) ||
        (status = run_source_open_alone(&c->source, &c->config, err)) ||
        (status = run_text_open_once(&c->text, &c->config, &c->source, err)) ||
        (status = draw_windows(c, err)))
        return status;
    if (output && (status = rundir_open_anew(&c->rundir, output, "regret", err)))
        return status;
    return open_model(c, err);
}

static void close_job(struct regret_job *c)
{
    file_abandon(&c->tokens);
    free(c->scores);
    ledger_close(c->counted);
    regret_close(&c->regret);
    free(c->which);
    run_arm_close(&c->arm);
    score_window_close(&c->window);
    rundir_close(&c->rundir);
    run_text_close(&c->text);
}

static bool watch(void *watcher, int64_t flips)
{
    struct regret_job *c = watcher;

    progress_at(&c->progress, (double)flips, "");
    return !command_interrupted;
}

static enum status write_tokens(struct regret_job *c, int64_t window,
                                struct error *err)
{
    struct ledger_meter meter = ledger_meter(c->counted);
    const struct run_pass pass = {
        .window = &c->window, .entropy = true, .scores = c->scores,
        .seed = run_pass_seed((uint64_t)c->config.seed, window),
    };
    const struct score_known known = { .counted = c->counted,
                                       .scores = c->scores };

    ledger_clear(c->counted);
    run_arm_forward(&c->arm, &pass, c->rule, &meter.meter);
    if (meter.status != STATUS_OK) {
        error_set(err, meter.status, "the tally overflowed");
        return meter.status;
    }
    score_write_tokens(c->tokens.stream, c->arm.model, &c->window, &known);
    return STATUS_OK;
}

/* A window that was interrupted is as if it had not been begun. */
static enum status look_at(struct regret_job *c, int64_t window,
                           struct error *err)
{
    const struct regret_pass pass = {
        .arm = &c->arm, .rule = c->rule, .window = &c->window,
        .seed = (uint64_t)c->config.seed, .go_on = watch, .watcher = c,
    };

    score_window(&c->text.windows, c->which[window], &c->window);
    enum status status = regret_add(&c->regret, &pass, err);
    return status == STATUS_OK && c->tokens.stream
               ? write_tokens(c, window, err) : status;
}

static enum status look(struct regret_job *c, struct error *err)
{
    enum status status = open_job(c, err);

    if (status != STATUS_OK)
        return status;
    c->progress = progress_begin("deciding otherwise", "pass",
                                 (double)c->regret.flips_most,
                                 c->flags.common.quiet);
    for (int64_t w = 0; w < c->windows && status == STATUS_OK; w++)
        status = look_at(c, w, err);
    progress_end(&c->progress);
    if (status != STATUS_OK && status != STATUS_INTERRUPTED)
        return status;
    if (c->regret.windows == 0) {
        error_set(err, STATUS_INTERRUPTED, "interrupted in the first of %"
                  PRId64 " windows; nothing is written", c->windows);
        return STATUS_INTERRUPTED;
    }
    const enum status delivered = regret_deliver(c, err);
    if (delivered != STATUS_OK || status == STATUS_OK)
        return delivered;
    error_set(err, STATUS_INTERRUPTED, "interrupted after %" PRId64 " of %"
              PRId64 " windows; what they gave %s", c->regret.windows,
              c->windows, c->rundir.lock >= 0 ? "is written" : "is above");
    return STATUS_INTERRUPTED;
}

static int run(void *job)
{
    struct regret_job *c = job;
    struct error err;

    command_cap_threads(&c->flags.common);
    c->rundir.lock = -1;
    command_catch_signals();
    const enum status status = look(c, &err);
    close_job(c);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command regret_command = {
    .name = "regret",
    .usage = "MODEL --text FILE",
    .help = "what each routing decision was worth, and the best ones",
    .about = "Turn routing decisions round, one at a time, and run the text"
        " again: what the loss of the token and of all behind it changes by is"
        " what the decision was worth, in nats per FLOP.  An oracle that has"
        " seen the answers swaps the most regretted of them, every block"
        " keeping as many tokens as before; that allocation is run too, and"
        " tells what better routing could gain at equal FLOPs, and which share"
        " of it each router has.",
    .examples =
        "  isobath regret build/run --text build/corpus/kjv.txt --split validation\n"
        "  isobath regret build/run --text build/corpus/kjv.txt -o build/regret\n"
        "  isobath regret build/run --text build/corpus/kjv.txt --windows 2 --positions 0\n",
    .kinds = (const char *const[]){ "models", NULL },
    .flags = flags, .config = &run_config_schema,
    .options_size = sizeof(struct regret_job), .run = run,
};
