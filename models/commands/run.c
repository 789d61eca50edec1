/* run.c - Run isobath run: score a text, or go on from a prompt, and set
 * predicted and counted cost side by side. */
#include <inttypes.h>
#include <stdlib.h>

#include "models/commands/run_prompt.h"
#include "models/commands/run_scoring.h"
#include "sim/commands/commands.h"
#include "sim/price/predict.h"

static struct run_pass pass_of(const struct run_scoring *s)
{
    return (struct run_pass){
        .window = &s->window, .entropy = s->entropy, .replayed = s->replayed,
        .seed = run_pass_seed((uint64_t)s->config.seed, s->done),
    };
}

static void compare(struct run_scoring *s, const struct ledger *predicted,
                    const struct ledger *counted)
{
    if (s->agreed)
        s->agreed = agreement(predicted, counted, &s->first);
}

static enum status predict(const struct run_scoring *s,
                           const struct run_arm *arm, struct ledger *ledger,
                           struct predict_range *range, struct error *err)
{
    struct predict_job job = {
        .spec = &arm->spec, .allocation = model_allocation(arm->model),
        .machine = s->machine,
        .predicted = arm->score[0].policy->predicted,
    };
    unsigned with = PREDICT_LOSS | (s->entropy ? PREDICT_ENTROPY : 0);
    return predict_forward(ledger, &job, with, range, err);
}

/* Predict the cost of this window, given the tokens that were kept.  The op
 * ledgers hold all windows so far: where they are equal after each, every
 * window agrees. */
static enum status predict_window(struct run_scoring *s, int i,
                                  struct error *err)
{
    struct run_arm *arm = &s->arm[i];
    struct predict_range range = { .joules = { 0 } };
    enum status status = predict(s, arm, arm->predicted, &range, err);

    if (status == STATUS_OK)
        compare(s, arm->predicted, arm->counted);
    s->joules[i].value += range.joules.value;
    s->joules[i].low += range.joules.low;
    s->joules[i].high += range.joules.high;
    return status;
}

/* The meter that resolves tokens takes its time, so it gets a forward of its
 * own. */
static enum status write_tokens(struct run_scoring *s, struct error *err)
{
    struct run_arm *arm = &s->arm[PAIR_MODEL];
    struct run_pass pass = pass_of(s);

    pass.scores = s->token_scores;
    ledger_clear(s->token_counted);
    ledger_clear(s->token_predicted);
    run_arm_forward(arm, &pass, arm->score[0].policy, &s->token_meter.meter);
    enum status status = predict(s, arm, s->token_predicted, NULL, err);
    if (status != STATUS_OK)
        return status;
    compare(s, s->token_predicted, s->token_counted);
    score_write_tokens(s->tokens.stream, arm->model, &s->window,
                       &(struct score_known){
                           .counted = s->token_counted,
                           .predicted = s->machine ? s->token_predicted : NULL,
                           .scores = s->token_scores });
    return STATUS_OK;
}

/* The first of the two to run changes from window to window, so that neither
 * always finds the caches as the other left them.  Before the first window each
 * runs once, untimed, to bring up the clock and the pages. */
static void score_arms(struct run_scoring *s)
{
    const struct run_pass pass = pass_of(s);

    for (int i = 0; i < s->n_arms && s->n_arms > 1 && s->done == 0; i++)
        run_arm_forward(&s->arm[i], &pass, s->arm[i].score[0].policy, NULL);
    for (int i = 0; i < s->n_arms; i++)
        run_arm_score(&s->arm[s->done % 2 ? s->n_arms - 1 - i : i], &pass);
}

/* Note the seconds of the pair's first time, and time it for the repeats. */
static void time_pair(struct run_scoring *s)
{
    const struct run_pass pass = pass_of(s);
    double seconds[PAIR_COUNT];

    for (int i = 0; i < PAIR_COUNT; i++)
        seconds[i] = s->arm[i].window_seconds;
    run_pairs_time(&s->pairs, seconds);
    for (int64_t n = 1; n < s->config.repeats; n++) {
        for (int i = 0; i < PAIR_COUNT; i++) {
            int at = (s->done + n) % 2 ? PAIR_COUNT - 1 - i : i;
            seconds[at] = run_arm_time(&s->arm[at], &pass);
        }
        run_pairs_time(&s->pairs, seconds);
    }
}

static void add_pair(struct run_scoring *s)
{
    const struct model *model[PAIR_COUNT];
    struct run_pair pair = { .tokens = s->window.n_tokens - s->window.first };

    for (int i = 0; i < PAIR_COUNT; i++) {
        model[i] = s->arm[i].model;
        pair.nats[i] = s->arm[i].window_nats;
        pair.seconds[i] = s->arm[i].window_seconds;
    }
    run_pairs_add(&s->pairs, &pair, &s->window, model);
}

/* Finite weights may still overflow, and stored ones hold what they hold. */
static enum status check_numbers(const struct run_scoring *s,
                                 struct error *err)
{
    enum status status = STATUS_OK;

    for (int i = 0; i < s->n_arms && status == STATUS_OK; i++)
        status = run_arm_check(&s->arm[i], err);
    return status;
}

static enum status score_one(struct run_scoring *s, struct error *err)
{
    struct run_arm *arm = &s->arm[PAIR_MODEL];

    score_window(&s->text.windows, s->done, &s->window);
    enum status status = run_trace_begin(&s->trace, s->done, s->window.n_tokens,
                                         &arm->spec, &s->replayed, err);
    if (status != STATUS_OK)
        return status;
    score_arms(s);
    s->bytes += run_text_bytes(&s->text, &s->window);
    status = check_numbers(s, err);
    for (int i = 0; i < s->n_arms && status == STATUS_OK; i++)
        status = predict_window(s, i, err);
    if (status == STATUS_OK)
        status = run_trace_end(&s->trace, s->done, &arm->spec,
                               model_allocation(arm->model), err);
    if (status != STATUS_OK)
        return status;
    if (s->n_arms > 1) {
        add_pair(s);
        time_pair(s);
    }
    if (s->tokens.stream && (status = write_tokens(s, err)))
        return status;
    const struct run_pass pass = pass_of(s);
    run_arm_score_others(&s->arm[PAIR_MODEL], &pass);
    s->done++;
    for (int i = 0; i < s->n_arms; i++)
        if (s->arm[i].meter.status != STATUS_OK)
            return error_set(err, s->arm[i].meter.status,
                             "the tally overflowed");
    return check_numbers(s, err);
}

static enum status score_all(struct run_scoring *s, struct error *err)
{
    struct progress progress = progress_begin("scoring", "window",
                                              (double)s->windows,
                                              s->flags.common.quiet);
    enum status status = STATUS_OK;

    progress_tell(&progress, 0, 1);
    while (s->done < s->windows && status == STATUS_OK &&
           !command_interrupted) {
        char note[64] = "";
        if (s->done > 0)
            snprintf(note, sizeof note, "loss %.4f nats/byte",
                     s->arm[PAIR_MODEL].score[0].nats / (double)s->bytes);
        progress_at(&progress, (double)s->done, note);
        status = score_one(s, err);
    }
    progress_end(&progress);
    return status;
}

/* Say how the run ended, after the results are out. */
static enum status verdict(const struct run_scoring *s, struct error *err)
{
    char text[DISAGREEMENT_SIZE];

    if (!s->agreed) {
        disagreement_text(text, &s->first);
        return error_set(err, STATUS_FAILED, "counted and predicted differ: %s",
                         text);
    }
    if (s->done < s->windows)
        return error_set(err, STATUS_INTERRUPTED, "interrupted after %" PRId64
                         " of %" PRId64 " windows; what they gave %s",
                         s->done, s->windows, s->rundir.lock >= 0
                             ? "is written" : "is above");
    return STATUS_OK;
}

static enum status score_a_text(struct run_scoring *s, struct error *err)
{
    const struct command_options *o = &s->flags.common;
    enum status status = run_scoring_open(s, err);

    if (status == STATUS_OK) {
        load_watch_begin(&s->watch);
        status = score_all(s, err);
        s->load = load_watch_end(&s->watch);
    }
    if (status == STATUS_OK && s->done > 0)
        status = run_scoring_deliver(s, o->argc, o->argv, err);
    return status == STATUS_OK ? verdict(s, err) : status;
}

static enum status go_on(struct run_scoring *s, struct error *err)
{
    const struct run_flags *f = &s->flags;
    const struct sampling sampling = { .temperature = f->temperature,
                                       .top_k = (int32_t)f->top_k,
                                       .top_p = f->top_p };
    return run_prompt(&(struct run_prompt){
        .watch = &s->watch, .common = &f->common,
        .options = { f->prompt, f->chat, f->n_new, sampling,
                     { (int32_t)f->draft_layers, (int32_t)f->drafts } },
        .config = &s->config, .argc = f->common.argc, .argv = f->common.argv },
        err);
}

static int run(void *options)
{
    struct error err = { STATUS_NO_MEMORY, "no memory" };
    struct run_scoring *s = calloc(1, sizeof *s);

    if (!s)
        return command_fail(&err);
    command_cap_threads(options);
    s->rundir.lock = -1;
    command_catch_signals();
    enum status status = run_flags_config(options, &s->config, &err);
    s->flags = *(struct run_flags *)options;
    if (status == STATUS_OK)
        status = load_watch_open(&s->watch, s->flags.common.threads, &err);
    if (status == STATUS_OK)
        status = s->flags.prompt ? go_on(s, &err) : score_a_text(s, &err);
    run_scoring_close(s);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command run_command = {
    .name = "run",
    .usage = "MODEL --text FILE\nMODEL --prompt TEXT\nCONFIG",
    .help = "score a text: loss, and what each token cost",
    .about = "Score a text (how well the model predicts every token from those"
        " before it), or continue a prompt; tell what that cost, predicted and"
        " counted.",
    .examples =
        "  isobath run build/run --text build/corpus/kjv.txt --split test -o build/score\n"
        "  isobath run build/run --prompt \"And God said\" -n 40\n"
        "  isobath run build/run --text build/corpus/kjv.txt --against layers:3 --limit 4096\n",
    .kinds = (const char *const[]){ "models", "runs", NULL },
    .flags = run_flags, .config = &run_config_schema,
    .options_size = sizeof(struct run_flags), .run = run,
};
