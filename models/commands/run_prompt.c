/* run_prompt.c - Go on from a prompt; count every pass, predict it from what it
 * kept, and compare the two before the next. */
#include "models/commands/run_prompt.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/core/ledger/agreement.h"
#include "models/executor/generate.h"
#include "models/scoring/run_rule.h"
#include "models/scoring/run_source.h"
#include "models/scoring/run_text.h"
#include "models/tokens/chat.h"
#include "models/tokens/text_stream.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/rundir.h"
#include "sim/core/model/plan.h"
#include "sim/price/memory.h"
#include "sim/price/predict.h"

enum {
    USUAL_NEW = 128,
    MAX_PROMPT = 1 << 24,            /* bytes of stdin */
};

/* ---- the parts of a session, opened in this order ---- */

struct prompt_session {
    const struct run_prompt *job;
    struct source      source;
    struct model_spec  spec;             /* the source's, or its dense twin's */
    const struct route_policy *policy;   /* of the prompt */
    const struct route_policy *step_policy;   /* of new tokens */
    struct machine    *machine;          /* NULL: none */
    struct tokenizer  *tokenizer;        /* NULL: bytes */
    int32_t           *prompt;
    int32_t            n_prompt, n_asked;
    const struct chat_form *chat;        /* NULL: the prompt as it stands */
    bool               empty;            /* the prompt: the first new token
                                          * begins the text */
    uint64_t           start_bytes;      /* resident, with tokenizer and
                                          * prompt */
    struct rundir      rundir;
    struct model      *model;
    double             open_seconds;     /* the model, with its weights */
    struct sampler    *sampler;
    struct allocation  kept_so_far;      /* room for all tokens */
    struct ledger     *predicted, *counted, *measured;
    struct ledger     *pass;             /* predicted, of one pass; shared work
                                          * stands apart */
    struct ledger_meter meter;

    struct new_token  *token;            /* [n_asked] */
    bool              *kept;             /* [n_asked,n_kept] */
    int32_t            n_kept;           /* choices of routed layers */
    double             prompt_kept;      /* share of the prompt they kept */
    int32_t            n_new;
    struct text_stream out, copy;        /* stdout's, and the summary's */
    char              *text;
    size_t             text_size;
    struct load_seen   load;             /* with the prompt and new tokens */
    double             prefill_seconds;
    struct cost        before;           /* counted up to the last pass */
    uint64_t           prefill_flops, prefill_bytes;
    enum prompt_end    end;
    bool               agreed;
    struct disagreement first;           /* the first cell that differs */
    enum status        status;           /* of the passes */
    struct error       why;
};

static enum status read_prompt(char **text, size_t *size, const char *prompt,
                               struct error *err)
{
    if (strcmp(prompt, "-") == 0)
        return file_read(text, size, "/dev/stdin", MAX_PROMPT, err);
    *size = strlen(prompt);
    *text = strdup(prompt);
    return *text ? STATUS_OK
                 : error_set(err, STATUS_NO_MEMORY, "no memory for a prompt");
}

static enum status byte_tokens(struct prompt_session *s, const char *text,
                               size_t size, struct error *err)
{
    s->prompt = calloc(size + 1, sizeof *s->prompt);
    if (!s->prompt)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a prompt");
    for (size_t i = 0; i < size; i++)
        s->prompt[i] = (unsigned char)text[i];
    s->n_prompt = (int32_t)size;
    return STATUS_OK;
}

/* The prompt as a question; *text is another then. */
static enum status put_question(struct prompt_session *s, char **text,
                                size_t *size, struct error *err)
{
    char *question;
    enum status status;

    if (!s->tokenizer)
        return error_set(err, STATUS_BAD_VALUE, "--chat: %s has no tokenizer,"
                         " so no form of chats", s->source.path);
    status = tokenizer_chat(&s->chat, s->tokenizer, err);
    if (status == STATUS_OK)
        status = chat_apply(&question, size, s->chat, *text, *size, err);
    if (status != STATUS_OK)
        return status;
    free(*text);
    *text = question;
    return STATUS_OK;
}

/* An empty prompt is a BOS, where the tokenizer has one. */
static enum status open_prompt(struct prompt_session *s, struct error *err)
{
    const struct run_config *c = s->job->config;
    char *text = NULL;
    size_t size = 0, n = 0;
    enum status status = run_text_tokenizer(&s->tokenizer,
                                            *c->tokenizer ? c->tokenizer : NULL,
                                            &s->source, err);
    if (status == STATUS_OK)
        status = read_prompt(&text, &size, s->job->options.prompt, err);
    if (status == STATUS_OK && s->job->options.chat)
        status = put_question(s, &text, &size, err);
    if (status == STATUS_OK && !s->tokenizer)
        status = byte_tokens(s, text, size, err);
    else if (status == STATUS_OK) {
        bool bos = tokenizer_begins(s->tokenizer) ||
                   (size == 0 && tokenizer_bos(s->tokenizer) >= 0);
        status = tokenizer_encode(s->tokenizer, text, size, bos,
                                  (enum tokenizer_special)c->special,
                                  &s->prompt, &n, err);
        s->n_prompt = (int32_t)n;
    }
    free(text);
    s->empty = size == 0;
    if (status == STATUS_OK && s->n_prompt == 0)
        status = error_set(err, STATUS_BAD_VALUE, "--prompt: empty, and %s has"
                           " no token that begins a text", s->source.path);
    return status;
}

/* The last new token is not run, so it needs no position. */
static enum status choose_length(struct prompt_session *s, struct error *err)
{
    const int32_t most = s->spec.max_tokens, prompt = s->n_prompt;
    const int64_t wish = s->job->options.n_new;

    if (prompt > most)
        return error_set(err, STATUS_BAD_VALUE, "--prompt: %d tokens: %s has"
                         " positions for %d", prompt, s->source.path, most);
    const int32_t room = most - prompt + 1;
    if (wish > room)
        return error_set(err, STATUS_BAD_VALUE, "-n %" PRId64 ": after a prompt"
                         " of %d tokens, %s has positions for %d more", wish,
                         prompt, s->source.path, room);
    s->n_asked = wish > 0 ? (int32_t)wish
                          : room < USUAL_NEW ? room : USUAL_NEW;
    return STATUS_OK;
}

/* A new token is judged by itself: by the prompt's rule if that can judge so,
 * else by the causal one that belongs to it. */
static enum status choose_step_policy(struct prompt_session *s,
                                      struct error *err)
{
    s->step_policy = route_step_rule(s->policy);
    if (!s->step_policy)
        return error_set(err, STATUS_BAD_VALUE, "policy %s: it ranks a token by"
                         " the attention of later tokens, and a new token has"
                         " none after it; with --prompt allowed are others,"
                         " such as residual_change_top_k", s->policy->name);
    if (s->policy == route_find("replay"))
        return error_set(err, STATUS_BAD_VALUE, "policy replay: a trace holds"
                         " the tokens of a scored text, not new ones; --text"
                         " replays it");
    if (s->step_policy == route_find("threshold") &&
        !s->source.routing.has_thresholds)
        return error_set(err, STATUS_BAD_VALUE, "%s: the model has no"
                         " thresholds to judge a token by; --policy dense runs"
                         " all tokens through every layer", s->source.path);
    return STATUS_OK;
}

/* Choose the rule that was asked for; else the usual one, which is the trained
 * threshold, or the model's own rule if that is causal or has no threshold. */
static enum status choose_policy(struct prompt_session *s, struct error *err)
{
    const struct source *source = &s->source;
    const struct route_policy *rule = route_find(s->job->config->policy);

    s->spec = source->spec;
    s->policy = s->step_policy = route_find("dense");
    if (spec_n_routed(&source->spec) == 0)
        return STATUS_OK;
    if (rule && !rule->choose) {
        s->spec = spec_dense(&source->spec);
        return STATUS_OK;
    }
    s->policy = rule ? rule : run_rule_usual(source);
    route_settle(&s->spec, s->policy, s->spec.keep_first);
    enum status status = choose_step_policy(s, err);
    if (status == STATUS_OK)
        status = route_check(s->policy, &s->spec, err);
    return status == STATUS_OK ? route_check(s->step_policy, &s->spec, err)
                               : status;
}

static int32_t n_tokens_of(const struct prompt_session *s)
{
    return s->n_prompt + s->n_asked - 1;
}

static uint64_t predicted_bytes(const struct prompt_session *s)
{
    return memory_generate_bytes(&s->spec, s->n_prompt, n_tokens_of(s),
                                 s->job->common->threads, s->start_bytes);
}

static enum status check_memory(const struct prompt_session *s,
                                struct error *err)
{
    uint64_t need = predicted_bytes(s), have = command_memory_bytes();
    return need <= have
               ? STATUS_OK
               : error_set(err, STATUS_BAD_VALUE, "%s: with %d tokens this"
                           " model takes about %.3g GB, and the machine has"
                           " %.3g GB", s->source.path, n_tokens_of(s),
                           (double)need / 1e9, (double)have / 1e9);
}

static enum status open_model(struct prompt_session *s, struct error *err)
{
    const struct model_options model = {
        .n_sequences = 1, .n_tokens = n_tokens_of(s),
        .n_prefill = s->n_prompt, .decode = true, .last_only = true,
        .n_threads = s->job->common->threads,
    };
    struct sampling sampling = s->job->options.sampling;
    enum status status = check_memory(s, err);

    sampling.seed = (uint64_t)s->job->config->seed;
    const double started = clock_seconds();
    if (status == STATUS_OK)
        status = model_open(&s->model, &s->spec, &model, err);
    if (status == STATUS_OK)
        status = source_fill(&s->source, s->model,
                             (uint64_t)s->job->config->seed, err);
    s->open_seconds = clock_seconds() - started;
    if (status == STATUS_OK)
        status = sampler_open(&s->sampler, &sampling, s->spec.n_vocab, err);
    return status;
}

static enum status open_ledgers(struct prompt_session *s, struct error *err)
{
    const struct ledger_shape by_op = { .by_pass = true, .by_op = true,
                                        .n_layers = s->spec.n_layers };
    const struct cost predicted = cost_zero(PROV_PREDICTED);
    enum status status;

    if ((status = ledger_open(&s->predicted, by_op, predicted, err)) ||
        (status = ledger_open(&s->counted, by_op, cost_zero(PROV_COUNTED),
                              err)) ||
        (status = ledger_open(&s->measured, (struct ledger_shape){ 0 },
                              (struct cost){ 0 }, err)) ||
        (status = ledger_open(&s->pass, (struct ledger_shape){ .n_tokens = 1 },
                              predicted, err)) ||
        (status = allocation_open(&s->kept_so_far, plan_n_choices(&s->spec), 1,
                                  n_tokens_of(s), err)) ||
        (status = allocation_open_dispatch(&s->kept_so_far, &s->spec, false,
                                           err)))
        return status;
    s->meter = ledger_meter(s->counted);
    s->before = cost_zero(PROV_COUNTED);
    s->agreed = true;
    return STATUS_OK;
}

/* The text goes to the summary, and to stdout unless another format was asked
 * for. */
static enum status open_output(struct prompt_session *s, struct error *err)
{
    const struct command_options *o = s->job->common;
    const size_t n = (size_t)s->n_asked;

    s->token = calloc(n, sizeof *s->token);
    for (int32_t c = 0; c < plan_n_choices(&s->spec); c++)
        s->n_kept += plan_choice(&s->spec, c).routed;
    s->kept = calloc(n * (size_t)s->n_kept + 1, sizeof *s->kept);
    s->copy.file = file_open_text(&s->text, &s->text_size);
    if (!s->token || !s->kept || !s->copy.file)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu tokens", n);
    if (o->format == FORMAT_TEXT)
        s->out = (struct text_stream){ .file = stdout,
                                       .escape = isatty(STDOUT_FILENO) };
    return o->output ? rundir_open_own(&s->rundir, o->output, "run", err)
                     : STATUS_OK;
}

static enum status open_session(struct prompt_session *s, struct error *err)
{
    const struct run_config *c = s->job->config;
    enum status status = run_source_open(&s->source, c, err);

    if (status == STATUS_OK && *c->machine) {
        s->machine = malloc(sizeof *s->machine);
        status = s->machine ? machine_load(s->machine, c->machine, err)
                            : error_set(err, STATUS_NO_MEMORY,
                                        "no memory for a machine");
    }
    if (status != STATUS_OK || (status = choose_policy(s, err)) ||
        (status = open_prompt(s, err)) || (status = choose_length(s, err)))
        return status;
    s->start_bytes = command_start_bytes();
    if ((status = open_model(s, err)) || (status = open_ledgers(s, err)))
        return status;
    return open_output(s, err);
}

static void close_session(struct prompt_session *s)
{
    if (s->rundir.lock >= 0)
        rundir_close(&s->rundir);
    if (s->copy.file)
        fclose(s->copy.file);
    free(s->text);
    free(s->kept);
    free(s->token);
    allocation_close(&s->kept_so_far);
    ledger_close(s->pass);
    ledger_close(s->measured);
    ledger_close(s->counted);
    ledger_close(s->predicted);
    sampler_close(s->sampler);
    model_close(s->model);
    free(s->prompt);
    tokenizer_close(s->tokenizer);
    free(s->machine);
    free(s);
}

/* ---- passes ---- */

/* The choices of the layers over all tokens so far. */
static const struct allocation *take_allocation(struct prompt_session *s)
{
    s->kept_so_far.n_tokens = model_decoded(s->model, 0);
    s->kept_so_far.length[0] = s->kept_so_far.n_tokens;
    model_decode_allocation(s->model, NULL, &s->kept_so_far);
    return &s->kept_so_far;
}

/* The op ledgers hold all passes so far: if they are equal after each pass,
 * every pass agrees. */
static enum status predict_pass(struct prompt_session *s, bool first,
                                struct error *err)
{
    const struct predict_job job = {
        .spec = &s->spec, .allocation = take_allocation(s),
        .machine = s->machine,
        .predicted = (first ? s->policy : s->step_policy)->predicted
    };
    enum status status;

    ledger_clear(s->pass);
    if (first)
        return predict_forward(s->predicted, &job, PREDICT_LAST, NULL, err);
    status = predict_decode(s->predicted, &job, NULL, err);
    return status == STATUS_OK ? predict_decode(s->pass, &job, NULL, err)
                               : status;
}

/* Note which choices kept the last token: it is then the last that they
 * keep. */
static void note_kept(struct prompt_session *s, bool *kept)
{
    const struct allocation *a = &s->kept_so_far;
    for (int32_t c = 0; c < a->n_choices; c++) {
        int32_t n = allocation_count(a, c, 0);
        if (plan_choice(&s->spec, c).routed)
            *kept++ = n > 0 &&
                      allocation_kept(a, c, 0)[n - 1] == a->n_tokens - 1;
    }
}

/* NAN where nothing is routed. */
static double share_of_prompt(const struct prompt_session *s)
{
    const struct allocation *a = &s->kept_so_far;
    int64_t kept = 0;

    for (int32_t c = 0; c < a->n_choices; c++)
        if (plan_choice(&s->spec, c).routed)
            kept += allocation_count(a, c, 0);
    return (double)kept / ((double)s->n_kept * s->n_prompt);
}

/* Note the prompt's pass, or that of the newest token. */
static void note_pass(struct prompt_session *s, bool first, double seconds)
{
    const struct cost now = ledger_sum(s->counted, LEDGER_ANY, LEDGER_ANY,
                                       LEDGER_ANY, LEDGER_ANY);
    const uint64_t flops = now.count[METRIC_FLOPS] -
                           s->before.count[METRIC_FLOPS];
    const uint64_t bytes = now.count[METRIC_BYTES] -
                           s->before.count[METRIC_BYTES];

    s->before = now;
    if (first) {
        s->prefill_seconds = seconds;
        s->prefill_flops = flops;
        s->prefill_bytes = bytes;
        s->prompt_kept = share_of_prompt(s);
        return;
    }
    struct new_token *t = &s->token[s->n_new - 1];
    const struct ledger_key shared = { .layer = LEDGER_OUTSIDE,
                                       .token = LEDGER_SHARED };
    *t = (struct new_token){
        .id = t->id, .ran = true, .seconds = seconds, .flops = flops,
        .bytes = bytes,
        .weight_bytes = ledger_at(s->pass, shared)->count[METRIC_BYTES],
    };
    note_kept(s, s->kept + (s->n_new - 1) * s->n_kept);
}

/* No token follows from logits that are no numbers. */
static enum status check_logits(const struct prompt_session *s,
                                struct error *err)
{
    const float *logits = model_logits(s->model);

    for (int32_t i = 0; i < s->spec.n_vocab; i++)
        if (!isfinite(logits[i]))
            return error_set(err, STATUS_FAILED, "%s: the logits after token %d"
                             " are not numbers: its weights are damaged or"
                             " overflow float32", s->source.path,
                             model_decoded(s->model, 0) - 1);
    return STATUS_OK;
}

static bool passed(void *context, int32_t n_tokens, double seconds)
{
    struct prompt_session *s = context;
    const bool first = model_decoded(s->model, 0) == n_tokens;

    s->status = check_logits(s, &s->why);
    if (s->status == STATUS_OK)
        s->status = predict_pass(s, first, &s->why);
    if (s->status == STATUS_OK && s->meter.status != STATUS_OK)
        s->status = error_set(&s->why, s->meter.status, "the tally overflowed");
    if (s->status != STATUS_OK)
        return false;
    if (s->agreed)
        s->agreed = agreement(s->predicted, s->counted, &s->first);
    note_pass(s, first, seconds);
    if (command_interrupted)
        s->end = PROMPT_INTERRUPTED;
    return !command_interrupted;
}

static bool emit(void *context, int32_t id)
{
    struct prompt_session *s = context;
    char byte[1];
    size_t size;

    if (s->tokenizer && tokenizer_ends(s->tokenizer, id))
        s->end = PROMPT_END_OF_TEXT;
    if (command_interrupted)
        s->end = PROMPT_INTERRUPTED;
    if (s->end != PROMPT_LENGTH)
        return false;
    s->token[s->n_new++].id = id;
    const char *piece = run_prompt_piece(s->tokenizer, id,
                                         s->empty && s->n_new == 1, byte,
                                         &size);
    text_stream_put(&s->copy, piece, size);
    if (s->out.file) {
        text_stream_put(&s->out, piece, size);
        fflush(s->out.file);
    }
    return true;
}

static enum status go_on(struct prompt_session *s, struct error *err)
{
    load_watch_begin(s->job->watch);
    (void)generate(&(struct generation){
        .model = s->model, .sampler = s->sampler, .meter = &s->meter.meter,
        .policy = s->policy, .step_policy = s->step_policy,
        .seed = (uint64_t)s->job->config->seed,
        .prompt = s->prompt, .n_prompt = s->n_prompt, .n_new = s->n_asked,
        .passed = passed, .emit = emit, .context = s });
    s->load = load_watch_end(s->job->watch);
    text_stream_end(&s->copy);
    bool whole = file_close_text(s->copy.file, &s->text);
    s->copy.file = NULL;
    if (s->out.file) {
        text_stream_end(&s->out);
        /* The facts begin on a line of their own; a pipe gets the text only. */
        if (s->out.escape && s->text_size > 0 &&
            s->text[s->text_size - 1] != '\n')
            fputc('\n', s->out.file);
        fflush(s->out.file);
    }
    if (s->status != STATUS_OK)
        return error_set(err, s->status, "%s", s->why.text);
    return whole ? STATUS_OK
                 : error_set(err, STATUS_NO_MEMORY, "no memory for the text");
}

/* ---- results ---- */

static void fill_measured(struct prompt_session *s)
{
    double seconds = s->prefill_seconds;

    for (int32_t i = 0; i < s->n_new; i++)
        seconds += s->token[i].seconds;      /* 0 where no pass ran */
    ledger_set_clock(s->measured, seconds, load_seen_source(&s->load),
                     "run measures time only; isobath profile reads counters");
}

static struct run_prompt_answer result_of(const struct prompt_session *s)
{
    return (struct run_prompt_answer){
        .job = s->job, .source = &s->source, .spec = &s->spec,
        .policy = s->policy, .step_policy = s->step_policy,
        .tokenizer = s->tokenizer,
        .chat = s->chat ? chat_name(s->chat) : NULL,
        .isa = model_isa(s->model), .n_prompt = s->n_prompt,
        .n_new = s->n_new, .n_asked = s->n_asked, .token = s->token,
        .kept = s->kept, .n_kept = s->n_kept, .prompt_kept = s->prompt_kept,
        .text = s->text,
        .text_size = s->text_size,
        .open_seconds = s->open_seconds, .load = s->load,
        .prefill_seconds = s->prefill_seconds,
        .prefill_flops = s->prefill_flops, .prefill_bytes = s->prefill_bytes,
        .predicted = s->predicted, .counted = s->counted,
        .measured = s->measured, .end = s->end, .agreed = s->agreed,
        .parameters = memory_parameters(&s->spec),
        .predicted_bytes = predicted_bytes(s),
        .allocated_bytes = model_bytes(s->model),
        .peak_bytes = command_peak_bytes(),
    };
}

static enum status write_tokens(const struct prompt_session *s,
                                const struct run_prompt_answer *result,
                                struct error *err)
{
    struct file_writer writer;
    enum status status = file_create_in(&writer, s->rundir.path, "tokens.csv",
                                        err);
    if (status != STATUS_OK)
        return status;
    run_prompt_csv(writer.stream, result);
    return file_commit(&writer, err);
}

/* Write summary.json last: if it exists, all other files do. */
static enum status write_files(const struct prompt_session *s,
                               const struct run_prompt_answer *result,
                               json_t *summary, struct error *err)
{
    if (s->rundir.lock < 0)
        return STATUS_OK;
    rundir_clear(&s->rundir);
    enum status status = write_tokens(s, result, err);
    if (status == STATUS_OK)
        status = rundir_write_ledgers(&s->rundir, s->predicted, s->counted,
                                      s->measured, err);
    return status == STATUS_OK ? rundir_finish(&s->rundir, summary, err)
                               : status;
}

static enum status deliver(struct prompt_session *s, struct error *err)
{
    const struct command_options *o = s->job->common;
    const struct run_prompt_answer result = result_of(s);
    json_t *summary = NULL;
    enum status status = run_prompt_json(&summary, &result, err);

    if (status == STATUS_OK)
        status = write_files(s, &result, summary, err);
    if (status == STATUS_OK && o->format == FORMAT_JSON)
        status = json_print(summary, stdout, err);
    else if (status == STATUS_OK && o->format == FORMAT_CSV)
        run_prompt_csv(stdout, &result);
    else if (status == STATUS_OK && !o->quiet)
        run_prompt_text(stderr, &result);
    json_decref(summary);
    if (status == STATUS_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = error_set(err, STATUS_IO, "cannot write the output: a write"
                           " failed, as on a full disk");
    return status;
}

/* Say how the run ended, after the results are out. */
static enum status verdict(const struct prompt_session *s, struct error *err)
{
    char text[DISAGREEMENT_SIZE];

    if (!s->agreed) {
        disagreement_text(text, &s->first);
        return error_set(err, STATUS_FAILED, "counted and predicted differ: %s",
                         text);
    }
    if (s->end == PROMPT_INTERRUPTED)
        return error_set(err, STATUS_INTERRUPTED, "interrupted after %d of %d"
                         " new tokens", s->n_new, s->n_asked);
    return STATUS_OK;
}

enum status run_prompt(const struct run_prompt *job, struct error *err)
{
    struct prompt_session *s = calloc(1, sizeof *s);

    if (!s)
        return error_set(err, STATUS_NO_MEMORY, "no memory");
    s->job = job;
    s->rundir.lock = -1;
    enum status status = open_session(s, err);
    if (status == STATUS_OK)
        status = go_on(s, err);
    if (status == STATUS_OK) {
        fill_measured(s);
        status = deliver(s, err);
    }
    if (status == STATUS_OK)
        status = verdict(s, err);
    close_session(s);
    return status;
}
