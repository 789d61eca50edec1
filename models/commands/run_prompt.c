/* run_prompt.c - Go on from a prompt; count every pass, predict it from what it
 * kept, and compare the two before the next. */
#include "models/commands/run_prompt_session.h"

#include <inttypes.h>
#include <stdlib.h>

#include "models/executor/generate.h"
#include "models/scoring/run_arm.h"
#include "sim/core/answer/json.h"
#include "sim/core/model/plan.h"
#include "sim/price/memory.h"
#include "sim/price/speculation.h"

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

/* Of a round, the same; it ran on tokens that were not accepted too. */
static enum status predict_round(struct prompt_session *s, int32_t n_tokens,
                                 int32_t n_drafts, struct error *err)
{
    const struct speculated round = {
        .n_layers = s->job->options.speculation.n_layers, .n_drafts = n_drafts,
        .n_before = model_decoded(s->model, 0) - n_tokens,
    };

    const struct predict_job job = { .spec = &s->spec, .machine = s->machine };

    ledger_clear(s->pass);
    enum status status = predict_speculation(s->predicted, &job, &round, err);
    return status == STATUS_OK
               ? predict_speculation(s->pass, &job, &round, err) : status;
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

struct prompt_pass prompt_pass_counted(const struct ledger *counted,
                                       struct cost *before)
{
    const struct cost now = ledger_sum(counted, LEDGER_ANY, LEDGER_ANY,
                                       LEDGER_ANY, LEDGER_ANY);
    const struct prompt_pass pass = {
        .flops = now.count[METRIC_FLOPS] - before->count[METRIC_FLOPS],
        .bytes = now.count[METRIC_BYTES] - before->count[METRIC_BYTES] };

    *before = now;
    return pass;
}

/* Note the prompt's pass, or that of the newest token. */
static void note_pass(struct prompt_session *s, bool first, int32_t n_tokens,
                      double seconds)
{
    const struct prompt_pass pass = prompt_pass_counted(s->counted, &s->before);

    if (first) {
        s->prefill_seconds = seconds;
        s->prefill_flops = pass.flops;
        s->prefill_bytes = pass.bytes;
        s->prompt_kept = share_of_prompt(s);
        return;
    }
    struct new_token *t = &s->token[s->n_new - 1];
    const struct ledger_key shared = { .layer = LEDGER_OUTSIDE,
                                       .token = LEDGER_SHARED };
    *t = (struct new_token){
        .id = t->id, .ran = true, .n_tokens = n_tokens, .seconds = seconds,
        .flops = pass.flops, .bytes = pass.bytes,
        .weight_bytes = ledger_at(s->pass, shared)->count[METRIC_BYTES],
    };
    for (int32_t i = 1; i < n_tokens; i++)     /* they are told next */
        t[i].ran = true;
    note_kept(s, s->kept + (s->n_new - 1) * s->n_kept);
}

static bool passed(void *context, int32_t n_tokens, int32_t n_drafts,
                   double seconds)
{
    struct prompt_session *s = context;
    const bool first = model_decoded(s->model, 0) == n_tokens;

    s->status = model_check(s->model, s->source.path, &s->why);
    if (s->status == STATUS_OK)
        s->status = s->job->options.speculation.n_layers > 0 && !first
                        ? predict_round(s, n_tokens, n_drafts, &s->why)
                        : predict_pass(s, first, &s->why);
    if (s->status == STATUS_OK && s->meter.status != STATUS_OK)
        s->status = error_set(&s->why, s->meter.status, "the tally overflowed");
    if (s->status != STATUS_OK)
        return false;
    if (s->agreed)
        s->agreed = agreement(s->predicted, s->counted, &s->first);
    note_pass(s, first, n_tokens, seconds);
    s->n_drafted += n_drafts;
    s->n_accepted += first ? 0 : n_tokens - 1;
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
    const struct speculation *speculation = &s->job->options.speculation;

    load_watch_begin(s->job->watch);
    (void)generate(&(struct generation){
        .model = s->model, .sampler = s->sampler, .meter = &s->meter.meter,
        .policy = s->policy, .step_policy = s->step_policy,
        .seed = run_pass_seed((uint64_t)s->job->config->seed, 0),
        .speculation = speculation->n_layers > 0 ? speculation : NULL,
        .prompt = s->prompt, .n_prompt = s->n_prompt, .n_new = s->n_asked,
        .passed = passed, .emit = emit, .context = s });
    if (s->status == STATUS_OK)
        s->status = prompt_rival_run(s, &s->why);
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
        .chat = !s->job->options.chat ? NULL
                : s->question.form    ? s->question.form : "template",
        .chat_why = s->question.why,
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
        .n_drafted = s->n_drafted, .n_accepted = s->n_accepted,
        .rival = s->rival.model ? &s->rival.rival : NULL,
        .rival_cost = s->rival.cost,
        .parameters = memory_parameters(&s->spec),
        .predicted_bytes = prompt_session_bytes(s),
        .allocated_bytes = model_bytes(s->model) +
                           (s->rival.model ? model_bytes(s->rival.model) : 0),
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
    const bool rivals = !s->rival.model || s->rival.agreed;
    char text[DISAGREEMENT_SIZE];

    if (!s->agreed || !rivals) {
        disagreement_text(text, s->agreed ? &s->rival.first : &s->first);
        return error_set(err, STATUS_FAILED, "counted and predicted differ%s:"
                         " %s", s->agreed ? " in the rival" : "", text);
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
    enum status status = prompt_session_open(s, err);
    if (status == STATUS_OK)
        status = go_on(s, err);
    if (status == STATUS_OK) {
        fill_measured(s);
        status = deliver(s, err);
    }
    if (status == STATUS_OK)
        status = verdict(s, err);
    prompt_session_close(s);
    return status;
}
