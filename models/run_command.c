/* run_command.c - isobath run: how well a model predicts a text, and what the
 * answer cost: predicted and counted side by side. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/agreement.h"
#include "models/run_output.h"
#include "models/run_prompt.h"
#include "models/run_result.h"
#include "models/run_text.h"
#include "sim/core/command.h"
#include "sim/core/nearest.h"
#include "sim/core/rundir.h"
#include "sim/memory.h"
#include "sim/predict.h"

int run_command(int argc, char **argv);

enum {
    LARGEST_USUAL_WINDOW = 1024, /* by default: memory grows with it */
    ALL = SPLIT_COUNT,           /* a split: the whole text */
    MAX_RULES = 2,
};

/* ---- arguments ---- */

struct arguments {
    struct command_options common;
    const char *model, *text, *machine, *tokenizer;
    const struct route_policy *policy;     /* NULL: not given */
    int64_t window, stride, limit, seed;   /* 0: not given */
    int     split;                         /* enum split, or ALL */
    enum weights weights;
    bool    tokens;
    struct run_prompt_options prompt;
};

enum { KEY_TEXT = 256, KEY_WINDOW, KEY_STRIDE, KEY_POLICY, KEY_MACHINE,
       KEY_SPLIT, KEY_LIMIT, KEY_SEED, KEY_TOKENS, KEY_TOKENIZER, KEY_WEIGHTS };

static const struct argp_option options[] = {
    { "text", KEY_TEXT, "FILE", 0, "The text to score", 0 },
    { "tokenizer", KEY_TOKENIZER, "FILE", 0, "tokenizer.json, GGUF or llama2.c"
      " tokenizer; default: the one that lies with MODEL, else bytes", 0 },
    { "window", KEY_WINDOW, "T", 0, "Tokens the model sees at a time; default:"
      " as isobath train had it, else all its positions, but at most 1024", 0 },
    { "stride", KEY_STRIDE, "S", 0, "Tokens from window to window; only the last"
      " S of a window are scored, those before are context; default: T", 0 },
    { "policy", KEY_POLICY, "NAME", 0, "Who passes a routed block; default: the"
      " causal rule that goes with the training", 0 },
    { "split", KEY_SPLIT, "all|validation|test", 0, "All of the text (default),"
      " or what training on it leaves out", 0 },
    { "limit", KEY_LIMIT, "N", 0, "No more than the first so many tokens;"
      " of a split, whole windows, at least one", 0 },
    { "machine", KEY_MACHINE, "FILE", 0, "Machine profile: predicted seconds"
      " and joules", 0 },
    { "seed", KEY_SEED, "N", 0, "Of the weights where MODEL has none, of tokens"
      " that are drawn, and of policies that draw; default 1", 0 },
    { "weights", KEY_WEIGHTS, "float32|stored", 0, "Widen matrices when they"
      " are read (default), or keep them as the file stores them", 0 },
    { "tokens", KEY_TOKENS, NULL, 0, "Write tokens.csv, a row for each scored"
      " token; without it, up to a million rows", 0 },
    { 0 },
};

static int64_t whole(const char *option, const char *text, int64_t min,
                     struct argp_state *state)
{
    const int64_t max = (int64_t)1 << 50;
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);

    if (end == text || *end || errno || n < min || n > max)
        argp_error(state, "%s '%s': allowed is %" PRId64 " to %" PRId64, option,
                   text, min, max);
    return n;
}

static const struct route_policy *policy_named(const char *text,
                                               struct argp_state *state)
{
    const struct route_policy *found = route_find(text);
    struct nearest near = nearest_to(text);
    char all[256] = "";

    if (found)
        return found;
    for (const struct route_policy *p = route_policies; p->name; p++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "",
                 p->name);
        nearest_offer(&near, p->name);
    }
    argp_error(state, "--policy '%s': allowed is %s%s%s%s", text, all,
               near.name ? "; did you mean '" : "", near.name ? near.name : "",
               near.name ? "'?" : "");
    return NULL;
}

static int split_named(const char *text, struct argp_state *state)
{
    if (strcmp(text, split_names[SPLIT_VALIDATION]) == 0)
        return SPLIT_VALIDATION;
    if (strcmp(text, split_names[SPLIT_TEST]) == 0)
        return SPLIT_TEST;
    if (strcmp(text, "all") != 0)
        argp_error(state, "--split '%s': allowed is all, validation, test",
                   text);
    return ALL;
}

/* The first option given that only goes with a text; NULL: none. */
static const char *scoring_option(const struct arguments *a)
{
    return a->window ? "--window" : a->stride ? "--stride"
           : a->split != ALL ? "--split" : a->limit ? "--limit"
           : a->tokens ? "--tokens" : NULL;
}

static void check_arguments(const struct arguments *a, struct argp_state *state)
{
    if (!a->model)
        argp_error(state, "which MODEL? a directory of isobath train, or a"
                   " model YAML");
    else if (!a->text && !a->prompt.prompt)
        argp_error(state, "which text? give --text FILE to score one, or"
                   " --prompt TEXT to go on from");
    else if (a->text && a->prompt.prompt)
        argp_error(state, "--text scores a text, --prompt goes on from one:"
                   " give one of them");
    else if (a->text && a->prompt.first)
        argp_error(state, "%s: goes with --prompt", a->prompt.first);
    else if (a->prompt.prompt && scoring_option(a))
        argp_error(state, "%s: goes with --text", scoring_option(a));
    else if (a->window > 0 && a->stride > a->window)
        argp_error(state, "--stride %" PRId64 ": allowed is 1 to --window, %"
                   PRId64, a->stride, a->window);
    else if (a->split != ALL && a->stride > 0 && a->stride != a->window)
        argp_error(state, "--stride: a split is scored in the fixed windows of"
                   " training; leave it out");
    else if (a->tokens && !a->common.output)
        argp_error(state, "--tokens: where to? give -o DIR");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        state->child_inputs[1] = &a->prompt;
        a->split = ALL;
        a->seed = 1;
        return 0;
    case KEY_TEXT:
        a->text = text;
        return 0;
    case KEY_WINDOW:
        a->window = whole("--window", text, 1, state);
        return 0;
    case KEY_STRIDE:
        a->stride = whole("--stride", text, 1, state);
        return 0;
    case KEY_POLICY:
        a->policy = policy_named(text, state);
        return 0;
    case KEY_SPLIT:
        a->split = split_named(text, state);
        return 0;
    case KEY_LIMIT:
        a->limit = whole("--limit", text, 2, state);
        return 0;
    case KEY_MACHINE:
        a->machine = text;
        return 0;
    case KEY_SEED:
        a->seed = whole("--seed", text, 0, state);
        return 0;
    case KEY_TOKENS:
        a->tokens = true;
        return 0;
    case KEY_WEIGHTS:
        if (!weights_find(&a->weights, text))
            argp_error(state, "--weights '%s': allowed are float32, stored",
                       text);
        return 0;
    case KEY_TOKENIZER:
        a->tokenizer = text;
        return 0;
    case ARGP_KEY_ARG:
        if (a->model)
            argp_error(state, "'%s': one MODEL at a time", text);
        a->model = text;
        return 0;
    case ARGP_KEY_END:
        check_arguments(a, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- what a run is made of, opened in this order ---- */

struct session {
    struct arguments   arguments;
    uint64_t           start_bytes;     /* resident, before all of this */
    struct source      source;
    struct model_spec  spec;            /* the source's, or its dense twin's */
    struct machine    *machine;         /* NULL: none */
    struct run_text    text;
    int64_t            bytes;           /* of the tokens predicted so far */
    struct rundir      rundir;
    struct model      *model;
    struct score       score[MAX_RULES];   /* [0] is metered */
    int                n_scores;
    struct score_window window;
    struct ledger *predicted, *counted, *measured;    /* by pass, layer, op */
    struct ledger *token_predicted, *token_counted;   /* of one window */
    struct ledger_meter meter, token_meter;
    struct file_writer tokens;          /* stream NULL: not wanted */
    int64_t            done, windows;
    double             seconds;
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
    struct arguments *a = &s->arguments;
    const bool fixed = a->split != ALL;
    int64_t most = s->source.spec.max_tokens;

    if (a->window > most)
        return error_set(err, STATUS_BAD_VALUE, "--window %" PRId64 ": allowed"
                         " is 1 to the model's max_tokens, %" PRId64, a->window,
                         most);
    if (a->window == 0 && s->source.has_weights)
        a->window = trained_window(a->model);
    if (a->window < 1 || a->window > most)
        a->window = most < LARGEST_USUAL_WINDOW ? most : LARGEST_USUAL_WINDOW;
    if (a->stride == 0)
        a->stride = a->window;
    if (a->stride > a->window || (fixed && a->stride < a->window))
        return error_set(err, STATUS_BAD_VALUE, "--stride %" PRId64 ": allowed"
                         " is %s the window, %" PRId64, a->stride,
                         fixed ? "only" : "1 to", a->window);
    return STATUS_OK;
}

/* ---- rules ---- */

/* A rule needs what the model was trained to give it. */
static enum status check_policy(const struct session *s, struct error *err)
{
    const struct route_policy *p = s->arguments.policy;

    if (p && p == route_find("replay") && !*s->source.replay)
        return error_set(err, STATUS_BAD_VALUE, "--policy replay: give the"
                         " trace, --set routing.policy=replay --set"
                         " routing.replay=FILE");
    if (p && p->signal != SIGNAL_NONE && p->signal != s->source.spec.signal)
        return error_set(err, STATUS_BAD_VALUE, "--policy %s: it goes by the"
                         " signal %s, which %s is not set up for; a model that"
                         " does not route by itself takes --set"
                         " routing.policy=%s", p->name, signal_names[p->signal],
                         s->source.path, p->name);
    if (!p || !p->scored)
        return STATUS_OK;
    if (!s->source.spec.router_scores)
        return error_set(err, STATUS_BAD_VALUE, "--policy %s: it goes by router"
                         " scores, and %s has none (it was trained under %s)",
                         p->name, s->source.path,
                         s->source.routing.policy->name);
    if (p == route_find("threshold") && !s->source.routing.has_thresholds)
        return error_set(err, STATUS_BAD_VALUE, "--policy threshold: %s has no"
                         " thresholds, which training keeps",
                         s->source.path);
    return STATUS_OK;
}

/* The causal rule that goes with a model; where there is none, its own. */
static const struct route_policy *usual_policy(const struct source *source)
{
    const struct route_policy *own = source->routing.policy;
    if (own->causal || !source->spec.router_scores ||
        !source->routing.has_thresholds)
        return own;
    return route_find("threshold");
}

/* The rule that is metered, and for comparison the one of training. */
static void choose_rules(struct session *s)
{
    const struct source *source = &s->source;
    const struct route_policy *own = source->routing.policy;
    const struct route_policy *rule = s->arguments.policy;

    s->spec = source->spec;
    if (spec_n_routed(&source->spec) == 0)
        rule = own = route_find("dense");
    else if (!rule)
        rule = usual_policy(source);
    s->score[s->n_scores++].policy = rule;
    if (!rule->choose)
        s->spec = spec_dense(&source->spec);
    else if (rule != own)
        s->score[s->n_scores++].policy = own;
}

/* ---- opening ---- */

static uint64_t predicted_bytes(const struct session *s)
{
    return memory_process_bytes(&s->spec, 1, (int32_t)s->arguments.window,
                                MEMORY_FORWARD, s->arguments.common.threads,
                                s->start_bytes);
}

static enum status check_memory(const struct session *s, struct error *err)
{
    uint64_t need = predicted_bytes(s);
    uint64_t have = (uint64_t)sysconf(_SC_PHYS_PAGES) *
                    (uint64_t)sysconf(_SC_PAGESIZE);
    return need <= have
               ? STATUS_OK
               : error_set(err, STATUS_BAD_VALUE, "%s: with windows of %" PRId64
                           " this model takes about %.3g GB, and the machine"
                           " has %.3g GB", s->source.path, s->arguments.window,
                           (double)need / 1e9, (double)have / 1e9);
}

static enum status open_model(struct session *s, struct error *err)
{
    struct model_options model = {
        .n_sequences = 1, .n_tokens = (int32_t)s->arguments.window,
        .n_threads = s->arguments.common.threads,
    };
    enum status status = check_memory(s, err);
    if (status == STATUS_OK)
        status = model_open(&s->model, &s->spec, &model, err);
    if (status == STATUS_OK)
        status = source_fill(&s->source, s->model,
                             (uint64_t)s->arguments.seed, err);
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
    const struct ledger_shape by_op = { .by_pass = true, .by_op = true,
                                        .n_layers = s->spec.n_layers };
    const struct ledger_shape by_token = {
        .n_tokens = (int32_t)s->arguments.window };
    const struct cost predicted = cost_zero(PROV_PREDICTED);
    const struct cost counted = cost_zero(PROV_COUNTED);
    enum status status;

    if ((status = ledger_open(&s->predicted, by_op, predicted, err)) ||
        (status = ledger_open(&s->counted, by_op, counted, err)) ||
        (status = ledger_open(&s->measured, (struct ledger_shape){ 0 },
                              (struct cost){ 0 }, err)) ||
        (status = ledger_open(&s->token_predicted, by_token, predicted, err)) ||
        (status = ledger_open(&s->token_counted, by_token, counted, err)))
        return status;
    s->meter = ledger_meter(s->counted);
    s->token_meter = ledger_meter(s->token_counted);
    s->agreed = true;
    return STATUS_OK;
}

/* Without being asked, a table of tokens ends at so many rows: some 100 MB. */
enum { TOKENS_UNASKED = 1000000 };

static enum status open_output(struct session *s, struct error *err)
{
    const struct arguments *a = &s->arguments;
    char path[FILE_PATH_SIZE];
    enum status status;

    if (!a->common.output)
        return STATUS_OK;
    if ((status = run_output_open(&s->rundir, a->common.output, err)))
        return status;
    if (!a->tokens && s->windows > TOKENS_UNASKED / a->stride) {
        command_warn("tokens.csv is left out: it would be over %d rows;"
                     " --tokens writes it, --limit shortens it",
                     TOKENS_UNASKED);
        return STATUS_OK;
    }
    status = file_join(path, s->rundir.path, "tokens.csv", err);
    if (status == STATUS_OK)
        status = file_create(&s->tokens, path, err);
    if (status == STATUS_OK)
        score_write_header(s->tokens.stream, &s->spec);
    return status;
}

static enum status open_session(struct session *s, struct error *err)
{
    const struct arguments *a = &s->arguments;
    enum status status = source_read(&s->source, a->model, a->common.setting,
                                     a->common.n_settings, err);
    if (status != STATUS_OK ||
        (status = source_keep(&s->source, a->weights, err)) != STATUS_OK)
        return status;
    if (a->machine) {
        s->machine = malloc(sizeof *s->machine);
        if (!s->machine)
            return error_set(err, STATUS_NO_MEMORY, "no memory for a machine");
        if ((status = machine_load(s->machine, a->machine, err)))
            return status;
    }
    if ((status = check_policy(s, err)) || (status = choose_window(s, err)))
        return status;
    choose_rules(s);
    s->text.windows = (struct score_text){
        .split = (enum split)a->split, .window = (int32_t)a->window,
        .stride = (int32_t)a->stride, .limit = a->limit,
    };
    if ((status = run_text_open(&s->text, a->text, a->tokenizer, &s->source,
                                a->split != ALL, err)))
        return status;
    s->windows = score_windows(&s->text.windows);
    s->window.tokenizer = s->text.tokenizer;
    if ((status = open_model(s, err)) || (status = open_ledgers(s, err)))
        return status;
    return open_output(s, err);
}

static void close_session(struct session *s)
{
    file_abandon(&s->tokens);
    if (s->rundir.lock >= 0)
        rundir_close(&s->rundir);
    ledger_close(s->token_counted);
    ledger_close(s->token_predicted);
    ledger_close(s->measured);
    ledger_close(s->counted);
    ledger_close(s->predicted);
    free(s->window.targets);
    free(s->window.ids);
    model_close(s->model);
    run_text_close(&s->text);
    free(s->machine);
    free(s);
}

/* ---- scoring ---- */

static void forward(struct session *s, const struct score *score,
                    struct meter *meter)
{
    double mean;
    struct model_input input = {
        .ids = s->window.ids, .targets = s->window.targets, .n_sequences = 1,
        .n_tokens = s->window.n_tokens, .policy = score->policy,
        .seed = random_mix((uint64_t)s->arguments.seed, 3, (uint64_t)s->done,
                           0),
        .entropy = true,
    };
    model_forward(s->model, &input, meter, &mean);
}

static void compare(struct session *s, const struct ledger *predicted,
                    const struct ledger *counted)
{
    if (s->agreed)
        s->agreed = agreement(predicted, counted, &s->first);
}

/* What this window should have cost, given who was kept.  The op ledgers hold
 * all windows so far: equal after each, every window is. */
static enum status predict_window(struct session *s, struct error *err)
{
    struct predict_job job = { &s->spec, model_allocation(s->model),
                               s->machine };
    enum status status = predict_forward(s->predicted, &job,
                                         PREDICT_LOSS | PREDICT_ENTROPY, NULL,
                                         err);
    if (status == STATUS_OK)
        compare(s, s->predicted, s->counted);
    return status;
}

/* The listener by token takes its time, so it gets a forward of its own. */
static enum status write_tokens(struct session *s, struct error *err)
{
    struct predict_job job = { &s->spec, model_allocation(s->model),
                               s->machine };
    ledger_clear(s->token_counted);
    ledger_clear(s->token_predicted);
    forward(s, &s->score[0], &s->token_meter.meter);
    enum status status = predict_forward(s->token_predicted, &job,
                                         PREDICT_LOSS | PREDICT_ENTROPY, NULL,
                                         err);
    if (status != STATUS_OK)
        return status;
    compare(s, s->token_predicted, s->token_counted);
    score_write_tokens(s->tokens.stream, s->model, &s->window, s->token_counted,
                       s->machine ? s->token_predicted : NULL);
    return STATUS_OK;
}

static enum status score_one(struct session *s, struct error *err)
{
    enum status status;

    score_window(&s->text.windows, s->done, &s->window);
    double started = clock_seconds();
    forward(s, &s->score[0], &s->meter.meter);
    s->seconds += clock_seconds() - started;
    score_add(&s->score[0], s->model, &s->window);
    s->bytes += run_text_bytes(&s->text, &s->window);
    if ((status = predict_window(s, err)))
        return status;
    if (s->tokens.stream && (status = write_tokens(s, err)))
        return status;
    for (int i = 1; i < s->n_scores; i++) {
        forward(s, &s->score[i], NULL);
        score_add(&s->score[i], s->model, &s->window);
    }
    s->done++;
    return s->meter.status == STATUS_OK
               ? STATUS_OK
               : error_set(err, s->meter.status, "the tally overflowed");
}

static enum status score_all(struct session *s, struct error *err)
{
    struct progress progress = progress_begin("scoring", "window",
                                              (double)s->windows,
                                              s->arguments.common.quiet);
    enum status status = STATUS_OK;

    while (s->done < s->windows && status == STATUS_OK &&
           !command_interrupted) {
        char note[64] = "";
        if (s->done > 0)
            snprintf(note, sizeof note, "loss %.4f nats/byte",
                     s->score[0].nats / (double)s->bytes);
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
                    s->seconds, PROV_MEASURED);
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
        status = rundir_write_ledgers(&s->rundir, s->predicted, s->counted,
                                      s->measured, err);
    return status == STATUS_OK ? summary_write(&s->rundir, summary, err)
                               : status;
}

static struct run_result result_of(const struct session *s)
{
    const struct arguments *a = &s->arguments;
    return (struct run_result){
        .source = &s->source, .spec = &s->spec, .model = a->model,
        .text = a->text, .machine = a->machine,
        .split = a->split == ALL ? "all" : split_names[a->split],
        .isa = model_isa(s->model), .hash = s->text.hash, .window = a->window,
        .stride = a->stride, .limit = a->limit, .seed = a->seed,
        .threads = a->common.threads, .score = s->score,
        .n_scores = s->n_scores, .bytes = s->bytes, .predicted = s->predicted,
        .counted = s->counted, .measured = s->measured, .seconds = s->seconds,
        .finished = s->done == s->windows, .agreed = s->agreed,
        .parameters = memory_parameters(&s->spec),
        .predicted_bytes = predicted_bytes(s) + s->text.map.size,
        .allocated_bytes = model_bytes(s->model),
        .peak_bytes = command_peak_bytes(),
    };
}

static enum status print(const struct session *s,
                         const struct run_result *result,
                         const json_t *summary, struct error *err)
{
    const struct command_options *o = &s->arguments.common;

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
    const struct run_result result = result_of(s);
    json_t *summary = NULL;
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

static enum status score_text(struct session *s, int argc, char **argv,
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

static enum status go_on(const struct arguments *a, int argc, char **argv,
                         struct error *err)
{
    return run_prompt(&(struct run_prompt){
        .common = &a->common, .options = a->prompt, .model = a->model,
        .tokenizer = a->tokenizer, .machine = a->machine, .policy = a->policy,
        .seed = a->seed, .weights = a->weights, .argc = argc, .argv = argv },
        err);
}

int run_command(int argc, char **argv)
{
    static const struct argp_child children[] = {
        { &command_argp, 0, NULL, 0 },
        { &run_prompt_argp, 0, "Going on from a prompt:", 1 }, { 0 }
    };
    static const struct argp argp = {
        options, parse, "MODEL --text FILE\nMODEL --prompt TEXT",
        "Score a text: how well the model predicts every token from those"
        " before; or go on from a prompt.  And what that cost, predicted and"
        " counted."
        "\vMODEL is a directory of isobath train or of Hugging Face, a GGUF"
        " file, a llama2.c .bin file, or a model YAML: its weights are drawn"
        " then.  With -o DIR: summary.json, ledger.csv, tokens.csv.\n\n"
        "A prompt is taken as it stands: no chat template is put around it.",
        children, NULL, NULL,
    };
    struct error err = { STATUS_NO_MEMORY, "no memory" };
    struct session *s = calloc(1, sizeof *s);
    enum status status;

    if (!s)
        return command_fail(&err);
    s->rundir.lock = -1;
    s->start_bytes = command_peak_bytes();
    argp_parse(&argp, argc, argv, 0, NULL, &s->arguments);
    command_catch_signals();
    status = s->arguments.text ? score_text(s, argc, argv, &err)
                               : go_on(&s->arguments, argc, argv, &err);
    close_session(s);
    return status == STATUS_OK ? 0 : command_fail(&err);
}
