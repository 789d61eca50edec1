/* run_command.c - isobath run: how well a model predicts a text, and what the
 * answer cost: predicted and counted side by side. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/agreement.h"
#include "models/run_arm.h"
#include "models/run_flags.h"
#include "models/run_output.h"
#include "models/run_pairs.h"
#include "models/run_result.h"
#include "models/run_rule.h"
#include "models/run_text.h"
#include "models/run_trace.h"
#include "reports/stats.h"
#include "sim/core/rundir.h"
#include "sim/memory.h"
#include "sim/predict.h"

int run_command(int argc, char **argv);

enum {
    LARGEST_USUAL_WINDOW = 1024, /* by default: memory grows with it */
};

/* ---- what a run is made of, opened in this order ---- */

struct session {
    struct run_flags    flags;
    struct score_config config;
    uint64_t            start_bytes;    /* resident, before all of this */
    struct source       source;
    struct machine     *machine;        /* NULL: none */
    struct run_text     text;
    int64_t             bytes;          /* of the tokens predicted so far */
    struct rundir       rundir;
    struct run_arm      arm[PAIR_COUNT];   /* the model, and its dense twin */
    int                 n_arms;
    struct estimate     joules[PAIR_COUNT];
    struct run_pairs    pairs;          /* with a twin */
    struct run_trace    trace;
    const struct allocation *replayed;  /* of the window at hand, or NULL */
    struct score_window window;
    struct ledger *measured;
    struct ledger *token_predicted, *token_counted;   /* of one window */
    struct ledger_meter token_meter;
    struct file_writer tokens;          /* stream NULL: not wanted */
    int64_t            done, windows;
    bool               entropy;         /* wanted */
    bool               agreed;          /* counted == predicted so far */
    struct disagreement first;          /* where not */
};

/* The window that the model was trained with, where its run tells. */
static int64_t trained_window(const char *directory)
{
    json_t *summary = NULL;
    struct error ignored;
    int64_t tokens = 0;

    if (summary_read(&summary, directory, &ignored) == STATUS_OK)
        tokens = json_integer_value(json_object_get(json_object_get(
            json_object_get(summary, "config"), "data"), "tokens"));
    json_decref(summary);
    return tokens;
}

static enum status choose_window(struct session *s, struct error *err)
{
    struct score_config *c = &s->config;
    const bool fixed = c->split != SCORE_ALL;
    int64_t most = s->source.spec.max_tokens;

    if (c->window > most)
        return score_config_fail(c, "run.window", err, "%" PRId64 ": allowed"
                                 " is 1 to the model's max_tokens, %" PRId64,
                                 c->window, most);
    if (c->window == 0 && s->source.has_weights)
        c->window = trained_window(c->model);
    if (c->window < 1 || c->window > most)
        c->window = most < LARGEST_USUAL_WINDOW ? most : LARGEST_USUAL_WINDOW;
    if (c->stride == 0)
        c->stride = c->window;
    if (c->stride > c->window || (fixed && c->stride < c->window))
        return score_config_fail(c, "run.stride", err, "%" PRId64 ": allowed"
                                 " is %s the window, %" PRId64, c->stride,
                                 fixed ? "only" : "1 to", c->window);
    return STATUS_OK;
}

/* ---- rules ---- */

/* The rule that is metered, and for comparison the one of training; the twin
 * has none. */
static void choose_rules(struct session *s)
{
    const struct source *source = &s->source;
    const struct route_policy *own = source->routing.policy;
    const struct route_policy *rule = route_find(s->config.policy);
    struct run_arm *arm = &s->arm[PAIR_MODEL], *twin = &s->arm[PAIR_TWIN];

    arm->spec = source->spec;
    if (spec_n_routed(&source->spec) == 0)
        rule = own = route_find("dense");
    else if (!rule)
        rule = run_rule_usual(source);
    arm->score[arm->n_scores++].policy = rule;
    route_keep_first(&arm->spec, rule, arm->spec.keep_first);
    if (!rule->choose)
        arm->spec = spec_dense(&source->spec);
    else if (rule != own && !s->config.twin)
        arm->score[arm->n_scores++].policy = own;
    twin->spec = spec_dense(&source->spec);
    twin->score[twin->n_scores++].policy = route_find("dense");
    s->n_arms = s->config.twin ? PAIR_COUNT : 1;
}

/* ---- opening ---- */

static uint64_t predicted_bytes(const struct session *s)
{
    uint64_t bytes = 0, alone;

    for (int i = 0; i < s->n_arms; i++) {
        alone = memory_process_bytes(&s->arm[i].spec, 1,
                                     (int32_t)s->config.window, MEMORY_FORWARD,
                                     s->flags.common.threads,
                                     s->start_bytes);
        bytes += i == 0 || alone < s->start_bytes ? alone
                                                  : alone - s->start_bytes;
    }
    return bytes;
}

static enum status check_memory(const struct session *s, struct error *err)
{
    uint64_t need = predicted_bytes(s);
    uint64_t have = (uint64_t)sysconf(_SC_PHYS_PAGES) *
                    (uint64_t)sysconf(_SC_PAGESIZE);
    return need <= have
               ? STATUS_OK
               : error_set(err, STATUS_BAD_VALUE, "%s: with windows of %" PRId64
                           " this model takes about %.3g GB%s, and the machine"
                           " has %.3g GB", s->source.path, s->config.window,
                           (double)need / 1e9, s->n_arms > 1
                               ? " with its dense twin" : "",
                           (double)have / 1e9);
}

static enum status open_models(struct session *s, struct error *err)
{
    struct model_options model = {
        .n_sequences = 1, .n_tokens = (int32_t)s->config.window,
        .n_threads = s->flags.common.threads,
    };
    enum status status = check_memory(s, err);
    for (int i = 0; i < s->n_arms && status == STATUS_OK; i++)
        status = run_arm_open(&s->arm[i], &s->source, &model,
                              (uint64_t)s->config.seed, err);
    if (status == STATUS_OK && s->n_arms > 1)
        status = run_pairs_open(&s->pairs, s->windows, s->config.repeats, err);
    if (status != STATUS_OK)
        return status;
    s->window.ids = calloc((size_t)model.n_tokens, sizeof *s->window.ids);
    s->window.targets = calloc((size_t)model.n_tokens,
                               sizeof *s->window.targets);
    return s->window.ids && s->window.targets
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "no memory for a window");
}

static enum status open_ledgers(struct session *s, struct error *err)
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

/* With a twin losses.csv holds the tokens, and a second forward of each window
 * would stand between the two that are timed. */
static bool wants_tokens(const struct session *s)
{
    if (s->config.tokens || s->n_arms > 1)
        return s->config.tokens;
    if (s->windows <= TOKENS_UNASKED / s->config.stride)
        return true;
    command_warn("tokens.csv is left out: it would be over %d rows; --tokens"
                 " writes it, --limit shortens it", TOKENS_UNASKED);
    return false;
}

static enum status open_output(struct session *s, struct error *err)
{
    const char *output = s->flags.common.output;
    char path[FILE_PATH_SIZE];
    enum status status;

    if (!output)
        return s->config.tokens
                   ? score_config_fail(&s->config, "run.tokens", err, "where"
                                       " to? give -o DIR")
                   : STATUS_OK;
    if ((status = run_output_open(&s->rundir, output, err)))
        return status;
    if (s->n_arms > 1 &&
        (status = run_pairs_keep(&s->pairs, s->rundir.path, err)))
        return status;
    if (spec_n_routed(&s->arm[PAIR_MODEL].spec) > 0 &&
        (status = run_trace_keep(&s->trace, s->rundir.path, err)))
        return status;
    if (!wants_tokens(s))
        return STATUS_OK;
    status = file_join(path, s->rundir.path, "tokens.csv", err);
    if (status == STATUS_OK)
        status = file_create(&s->tokens, path, err);
    if (status == STATUS_OK)
        score_write_header(s->tokens.stream, &s->arm[PAIR_MODEL].spec);
    return status;
}

static enum status open_source(struct session *s, struct error *err)
{
    const struct score_config *c = &s->config;
    enum status status = source_read(&s->source, c->model, c->passed,
                                     c->n_passed, err);
    if (status != STATUS_OK)
        return score_config_blame(c, err);
    status = source_keep(&s->source, (enum weights)c->weights, err);
    if (status != STATUS_OK)
        return status;
    if (!*c->machine)
        return STATUS_OK;
    s->machine = malloc(sizeof *s->machine);
    if (!s->machine)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a machine");
    return machine_load(s->machine, c->machine, err);
}

static enum status open_session(struct session *s, struct error *err)
{
    const struct score_config *c = &s->config;
    enum status status = STATUS_OK;

    if (!*c->text)
        status = score_config_fail(c, "run.text", err, "is missing: the text to"
                                   " score");
    if (status == STATUS_OK)
        status = open_source(s, err);
    if (status != STATUS_OK ||
        (status = run_rule_check(c, &s->source, err)) ||
        (status = choose_window(s, err)))
        return status;
    choose_rules(s);
    s->text.skip = c->skip;
    s->text.windows = (struct score_text){
        .split = (enum split)c->split, .window = (int32_t)c->window,
        .stride = (int32_t)c->stride, .limit = c->limit,
    };
    if ((status = run_text_open(&s->text, c->text,
                                *c->tokenizer ? c->tokenizer : NULL, &s->source,
                                c->split != SCORE_ALL, err)))
        return status;
    s->windows = score_windows(&s->text.windows);
    s->window.tokenizer = s->text.tokenizer;
    s->entropy = s->n_arms == 1 || c->tokens;
    if ((status = open_models(s, err)) || (status = open_ledgers(s, err)))
        return status;
    if (*s->source.replay &&
        (status = run_trace_replay(&s->trace, s->source.replay,
                                   &s->arm[PAIR_MODEL].spec,
                                   (int32_t)c->window, err)))
        return status;
    return open_output(s, err);
}

static void close_session(struct session *s)
{
    file_abandon(&s->tokens);
    run_trace_close(&s->trace);
    run_pairs_close(&s->pairs);
    if (s->rundir.lock >= 0)
        rundir_close(&s->rundir);
    ledger_close(s->token_counted);
    ledger_close(s->token_predicted);
    ledger_close(s->measured);
    free(s->window.targets);
    free(s->window.ids);
    for (int i = 0; i < PAIR_COUNT; i++)
        run_arm_close(&s->arm[i]);
    run_text_close(&s->text);
    free(s->machine);
    run_flags_close(&s->flags);
    free(s);
}

/* ---- scoring ---- */

static struct run_pass pass_of(const struct session *s)
{
    return (struct run_pass){
        .window = &s->window, .entropy = s->entropy, .replayed = s->replayed,
        .seed = random_mix((uint64_t)s->config.seed, 3, (uint64_t)s->done, 0),
    };
}

static void compare(struct session *s, const struct ledger *predicted,
                    const struct ledger *counted)
{
    if (s->agreed)
        s->agreed = agreement(predicted, counted, &s->first);
}

static enum status predict(const struct session *s, const struct run_arm *arm,
                           struct ledger *ledger, struct predict_range *range,
                           struct error *err)
{
    struct predict_job job = { &arm->spec, model_allocation(arm->model),
                               s->machine };
    unsigned with = PREDICT_LOSS | (s->entropy ? PREDICT_ENTROPY : 0);
    return predict_forward(ledger, &job, with, range, err);
}

/* What this window should have cost, given who was kept.  The op ledgers hold
 * all windows so far: equal after each, every window is. */
static enum status predict_window(struct session *s, int i, struct error *err)
{
    struct run_arm *arm = &s->arm[i];
    struct predict_range range = { .joules = { 0 } };
    enum status status = predict(s, arm, arm->predicted, &range, err);

    if (status == STATUS_OK)
        compare(s, arm->predicted, arm->counted);
    s->joules[i] = estimate_add(s->joules[i], range.joules);
    return status;
}

/* The listener by token takes its time, so it gets a forward of its own. */
static enum status write_tokens(struct session *s, struct error *err)
{
    struct run_arm *arm = &s->arm[PAIR_MODEL];
    const struct run_pass pass = pass_of(s);

    ledger_clear(s->token_counted);
    ledger_clear(s->token_predicted);
    run_arm_forward(arm, &pass, arm->score[0].policy, &s->token_meter.meter);
    enum status status = predict(s, arm, s->token_predicted, NULL, err);
    if (status != STATUS_OK)
        return status;
    compare(s, s->token_predicted, s->token_counted);
    score_write_tokens(s->tokens.stream, arm->model, &s->window,
                       s->token_counted,
                       s->machine ? s->token_predicted : NULL);
    return STATUS_OK;
}

/* Who goes first changes from window to window, so that neither always finds
 * the caches as the other left them.  Before the first, one of each for the
 * clock and the pages alone. */
static void score_arms(struct session *s)
{
    const struct run_pass pass = pass_of(s);

    for (int i = 0; i < s->n_arms && s->n_arms > 1 && s->done == 0; i++)
        run_arm_forward(&s->arm[i], &pass, s->arm[i].score[0].policy, NULL);
    for (int i = 0; i < s->n_arms; i++)
        run_arm_score(&s->arm[s->done % 2 ? s->n_arms - 1 - i : i], &pass);
}

/* The pair's first time, and the others. */
static void time_pair(struct session *s)
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

static void add_pair(struct session *s)
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

static enum status score_one(struct session *s, struct error *err)
{
    struct run_arm *arm = &s->arm[PAIR_MODEL];

    score_window(&s->text.windows, s->done, &s->window);
    enum status status = run_trace_begin(&s->trace, s->done, s->window.n_tokens,
                                         &arm->spec, &s->replayed, err);
    if (status != STATUS_OK)
        return status;
    score_arms(s);
    s->bytes += run_text_bytes(&s->text, &s->window);
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
    return STATUS_OK;
}

static enum status score_all(struct session *s, struct error *err)
{
    struct progress progress = progress_begin("scoring", "window",
                                              (double)s->windows,
                                              s->flags.common.quiet);
    enum status status = STATUS_OK;

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

/* ---- results ---- */

static void fill_measured(struct session *s)
{
    static const char *const why =
        "run measures time only; isobath profile reads counters";
    ledger_set_real(s->measured, (struct ledger_key){ 0 }, METRIC_SECONDS,
                    s->arm[PAIR_MODEL].seconds, PROV_MEASURED);
    for (int m = 0; m < METRIC_COUNT; m++)
        if (m != METRIC_SECONDS)
            ledger_set_reason(s->measured, (enum metric)m, why);
}

/* summary.json comes last: where it stands, all stands. */
static enum status write_files(struct session *s, json_t *summary,
                               struct error *err)
{
    enum status status = STATUS_OK;

    if (s->rundir.lock < 0)
        return STATUS_OK;
    run_output_clear(&s->rundir);
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
    return status == STATUS_OK ? summary_write(&s->rundir, summary, err)
                               : status;
}

/* Per row of a forward, loss and entropy left out. */
static double per_row(const struct run_arm *arm, const struct ledger *ledger,
                      enum metric metric)
{
    static const int without[] = { OP_LOSS, OP_ENTROPY };
    struct cost sum = ledger_sum(ledger, PASS_FORWARD, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    double amount = cost_get(&sum, metric);
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        struct cost part = ledger_sum(ledger, PASS_FORWARD, LEDGER_ANY,
                                      LEDGER_ANY, without[i]);
        amount -= cost_get(&part, metric);
    }
    return amount / (double)arm->score[0].rows;
}

static struct run_spent spent_by(const struct session *s, int i)
{
    const struct run_arm *arm = &s->arm[i];
    const double rows = (double)arm->score[0].rows;
    const struct estimate *j = &s->joules[i];
    const double unknown = s->machine ? 0 : (double)NAN;

    return (struct run_spent){
        .nats = score_nats(&arm->score[0]),
        .flops = per_row(arm, arm->counted, METRIC_FLOPS),
        .flops_predicted = per_row(arm, arm->predicted, METRIC_FLOPS),
        .bytes = per_row(arm, arm->counted, METRIC_BYTES),
        .seconds = arm->seconds / rows,
        .joules = { j->value / rows + unknown, j->low / rows + unknown,
                    j->high / rows + unknown },
    };
}

static struct run_range range_of(struct difference d)
{
    return (struct run_range){ d.mean, d.low, d.high };
}

/* Coefficients err together: all at their low, or all at their high. */
static struct run_range joules_ratio(const struct run_spent *a,
                                     const struct run_spent *b)
{
    double low = a->joules.low / b->joules.low;
    double high = a->joules.high / b->joules.high;
    double value = a->joules.value / b->joules.value;

    return (struct run_range){ value, fmin(value, fmin(low, high)),
                               fmax(value, fmax(low, high)) };
}

/* What the pairs say; false: no memory for them. */
static bool twin_of(struct run_twin *out, const struct session *s)
{
    const struct run_spent model = spent_by(s, PAIR_MODEL);
    const size_t n = (size_t)s->pairs.n;
    double *x = calloc(3 * n + 1, sizeof *x);

    if (!x)
        return false;
    double *more = x + n, *dense = more + n;
    for (size_t i = 0; i < n; i++) {
        const struct run_pair *p = &s->pairs.pair[i];
        x[i] = p->tokens;
        more[i] = p->nats[PAIR_MODEL] - p->nats[PAIR_TWIN];
        dense[i] = p->nats[PAIR_TWIN];
    }
    *out = (struct run_twin){ .spent = spent_by(s, PAIR_TWIN),
                              .windows = s->pairs.n,
                              .times = s->pairs.n_ratios };
    out->difference = range_of(stats_ratio(more, x, n));
    out->increase = range_of(stats_ratio(more, dense, n));
    out->seconds = range_of(stats_median_interval(s->pairs.ratio, (size_t)
                                                  s->pairs.n_ratios));
    out->flops = model.flops / out->spent.flops;
    out->bytes = model.bytes / out->spent.bytes;
    out->joules = joules_ratio(&model, &out->spent);
    free(x);
    return true;
}

static struct run_result result_of(const struct session *s)
{
    const struct score_config *c = &s->config;
    const struct run_arm *arm = &s->arm[PAIR_MODEL];
    uint64_t allocated = 0;

    for (int i = 0; i < s->n_arms; i++)
        allocated += model_bytes(s->arm[i].model);
    return (struct run_result){
        .source = &s->source, .spec = &arm->spec, .model = c->model,
        .text = c->text, .machine = *c->machine ? c->machine : NULL,
        .split = c->split == SCORE_ALL ? "all" : split_names[c->split],
        .isa = model_isa(arm->model), .hash = s->text.hash,
        .window = c->window, .stride = c->stride, .limit = c->limit,
        .skip = c->skip, .seed = c->seed, .threads = s->flags.common.threads,
        .score = arm->score, .n_scores = arm->n_scores, .bytes = s->bytes,
        .predicted = arm->predicted, .counted = arm->counted,
        .measured = s->measured, .seconds = arm->seconds,
        .spent = spent_by(s, PAIR_MODEL), .entropy = s->entropy,
        .setting = c->passed, .n_settings = c->n_passed,
        .finished = s->done == s->windows, .agreed = s->agreed,
        .parameters = memory_parameters(&arm->spec),
        .predicted_bytes = predicted_bytes(s) + s->text.map.size,
        .allocated_bytes = allocated,
        .peak_bytes = command_peak_bytes(),
    };
}

static enum status print(const struct session *s,
                         const struct run_result *result,
                         const json_t *summary, struct error *err)
{
    const struct command_options *o = &s->flags.common;

    if (o->format == FORMAT_CSV)
        run_result_csv(stdout, result);
    else if (o->format == FORMAT_TEXT && !o->quiet)
        run_result_text(stdout, result);
    if (o->format == FORMAT_JSON &&
        (json_dumpf(summary, stdout, JSON_INDENT(2)) != 0 ||
         putchar('\n') == EOF))
        return error_set(err, STATUS_IO, "writing the output failed");
    return STATUS_OK;
}

static enum status deliver(struct session *s, int argc, char **argv,
                           struct error *err)
{
    struct run_result result = result_of(s);
    struct run_twin twin;
    json_t *summary = NULL;

    if (s->n_arms > 1 && !twin_of(&twin, s))
        return error_set(err, STATUS_NO_MEMORY, "no memory for %" PRId64
                         " pairs", s->pairs.n);
    result.twin = s->n_arms > 1 ? &twin : NULL;
    enum status status = run_result_json(&summary, &result, argc, argv, err);

    if (status == STATUS_OK)
        status = write_files(s, summary, err);
    if (status == STATUS_OK)
        status = print(s, &result, summary, err);
    json_decref(summary);
    return status;
}

/* After the results are out: how it ended. */
static enum status verdict(const struct session *s, struct error *err)
{
    char text[DISAGREEMENT_SIZE];

    if (!s->agreed) {
        disagreement_text(text, &s->first);
        return error_set(err, STATUS_FAILED, "counted is not predicted: %s",
                         text);
    }
    if (s->done < s->windows)
        return error_set(err, STATUS_INTERRUPTED, "interrupted after %" PRId64
                         " of %" PRId64 " windows; what they gave %s",
                         s->done, s->windows, s->rundir.lock >= 0
                             ? "is written" : "is above");
    return STATUS_OK;
}

static enum status score_a_text(struct session *s, int argc, char **argv,
                                struct error *err)
{
    enum status status = open_session(s, err);

    if (status == STATUS_OK)
        status = score_all(s, err);
    if (status == STATUS_OK && s->done > 0) {
        fill_measured(s);
        status = deliver(s, argc, argv, err);
    }
    return status == STATUS_OK ? verdict(s, err) : status;
}

static enum status go_on(const struct session *s, int argc, char **argv,
                         struct error *err)
{
    const struct score_config *c = &s->config;
    return run_prompt(&(struct run_prompt){
        .common = &s->flags.common, .options = s->flags.prompt,
        .config = c, .argc = argc, .argv = argv }, err);
}

int run_command(int argc, char **argv)
{
    struct error err = { STATUS_NO_MEMORY, "no memory" };
    struct session *s = calloc(1, sizeof *s);
    enum status status;

    if (!s)
        return command_fail(&err);
    s->rundir.lock = -1;
    s->start_bytes = command_peak_bytes();
    run_flags_read(&s->flags, argc, argv);
    command_catch_signals();
    status = run_flags_config(&s->flags, &s->config, &err);
    if (status == STATUS_OK)
        status = s->flags.prompt.prompt ? go_on(s, argc, argv, &err)
                                        : score_a_text(s, argc, argv, &err);
    close_session(s);
    return status == STATUS_OK ? 0 : command_fail(&err);
}
