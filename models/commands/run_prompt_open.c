/* run_prompt_open.c - Read a prompt, choose the rules, and open the model and the
 * ledgers that isobath run --prompt goes on with. */
#include "models/commands/run_prompt_session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/scoring/run_rule.h"
#include "models/scoring/run_source.h"
#include "models/scoring/run_text.h"
#include "sim/core/model/plan.h"
#include "sim/price/machine.h"
#include "sim/price/memory.h"

enum {
    USUAL_NEW = 128,
    MAX_PROMPT = 1 << 24,            /* bytes of stdin */
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
    struct chat_question *q = &s->question;

    if (!s->tokenizer)
        return error_set(err, STATUS_BAD_VALUE, "--chat: %s has no tokenizer,"
                         " so no form of chats", s->source.path);
    enum status status = tokenizer_ask(q, s->tokenizer, *text, *size, err);
    if (status != STATUS_OK)
        return status;
    free(*text);
    *text = q->text;
    *size = q->size;
    q->text = NULL;
    return STATUS_OK;
}

/* What the model's own template puts before a text is all there is before it. */
static bool takes_bos(const struct prompt_session *s, size_t size)
{
    const bool own = s->job->options.chat && !s->question.form;

    return (tokenizer_begins(s->tokenizer) && !own) ||
           (size == 0 && tokenizer_bos(s->tokenizer) >= 0);
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
        status = tokenizer_encode(s->tokenizer, text, size, takes_bos(s, size),
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
    const int32_t most = spec_most_decoded(&s->spec), prompt = s->n_prompt;
    const int64_t wish = s->job->options.n_new;
    const char *why = most < s->spec.max_tokens
                          ? ", as rope_scaling dynamic turns keys otherwise in"
                            " longer texts, which --text runs" : "";

    if (prompt > most)
        return error_set(err, STATUS_BAD_VALUE, "--prompt: %d tokens: %s has"
                         " positions for %d%s", prompt, s->source.path, most,
                         why);
    const int32_t room = most - prompt + 1;
    if (wish > room)
        return error_set(err, STATUS_BAD_VALUE, "-n %" PRId64 ": after a prompt"
                         " of %d tokens, %s has positions for %d more%s", wish,
                         prompt, s->source.path, room, why);
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

int32_t prompt_session_tokens(const struct prompt_session *s)
{
    return s->n_prompt + s->n_asked - 1;
}

uint64_t prompt_session_bytes(const struct prompt_session *s)
{
    const int32_t n_tokens = prompt_session_tokens(s);
    const int n_threads = s->job->common->threads;
    uint64_t bytes = memory_generate_bytes(&s->spec, s->n_prompt, n_tokens,
                                           n_threads);

    if (*s->rival.rival.asked)
        bytes = memory_joined_bytes(
            bytes, memory_generate_bytes(&s->rival.rival.spec, s->n_prompt,
                                         n_tokens, n_threads), n_threads);
    return memory_with_bytes(bytes, tokenizer_memory(s->tokenizer));
}

static enum status check_memory(const struct prompt_session *s,
                                struct error *err)
{
    uint64_t need = prompt_session_bytes(s), have = command_memory_bytes();
    return need <= have
               ? STATUS_OK
               : error_set(err, STATUS_BAD_VALUE, "%s: with %d tokens this"
                           " model takes about %.3g GB%s, and the machine has"
                           " %.3g GB", s->source.path, prompt_session_tokens(s),
                           (double)need / 1e9, *s->rival.rival.asked
                               ? " with its rival" : "",
                           (double)have / 1e9);
}

struct model_options prompt_session_options(const struct prompt_session *s)
{
    const struct speculation *speculation = &s->job->options.speculation;
    const int32_t verified = speculation->n_layers > 0
                                 ? speculation->n_drafts + 1 : 0;
    const int32_t tokens = prompt_session_tokens(s);
    const int32_t most = verified < tokens ? verified : tokens;

    return (struct model_options){
        .n_sequences = 1, .n_tokens = tokens, .n_verified = most,
        .n_prefill = s->n_prompt > most ? s->n_prompt : most, .decode = true,
        .last_only = true,
        .n_threads = s->job->common->threads,
    };
}

static enum status open_model(struct prompt_session *s, struct error *err)
{
    const struct model_options model = prompt_session_options(s);
    struct sampling sampling = s->job->options.sampling;
    const int32_t n_layers = s->job->options.speculation.n_layers;
    enum status status = check_memory(s, err);

    if (status == STATUS_OK && n_layers >= s->spec.n_layers)
        status = error_set(err, STATUS_BAD_VALUE, "--draft-layers %d: the others"
                           " of %d verify; allowed is 1 to %d", n_layers,
                           s->spec.n_layers, s->spec.n_layers - 1);
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
    const int32_t verified = prompt_session_options(s).n_verified;
    enum status status;

    if ((status = ledger_open(&s->predicted, by_op, predicted, err)) ||
        (status = ledger_open(&s->counted, by_op, cost_zero(PROV_COUNTED),
                              err)) ||
        (status = ledger_open(&s->measured, (struct ledger_shape){ 0 },
                              (struct cost){ 0 }, err)) ||
        (status = ledger_open(&s->pass, (struct ledger_shape){ .n_tokens = 1 + verified },
                              predicted, err)) ||
        (status = allocation_open(&s->kept_so_far, plan_n_choices(&s->spec), 1,
                                  prompt_session_tokens(s), err)) ||
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
    return o->output ? rundir_open_anew(&s->rundir, o->output, "run", err)
                     : STATUS_OK;
}

static enum status open_machine(struct prompt_session *s, struct error *err)
{
    const char *machine = s->job->config->machine;

    if (!*machine)
        return STATUS_OK;
    s->machine = malloc(sizeof *s->machine);
    return s->machine ? machine_load(s->machine, machine, err)
                      : error_set(err, STATUS_NO_MEMORY,
                                  "no memory for a machine");
}

static enum status choose_rival(struct prompt_session *s, struct error *err)
{
    const struct run_config *c = s->job->config;
    struct run_rival *rival = &s->rival.rival;
    enum status status = run_rival_open(rival, c, &s->spec,
                                        prompt_session_tokens(s), err);

    return status == STATUS_OK
               ? run_rival_check_tokens(rival, c, s->tokenizer, err) : status;
}

enum status prompt_session_open(struct prompt_session *s, struct error *err)
{
    enum status status = run_source_open(&s->source, s->job->config, err);

    if (status != STATUS_OK || (status = open_machine(s, err)) ||
        (status = choose_policy(s, err)) || (status = open_prompt(s, err)) ||
        (status = choose_length(s, err)) || (status = choose_rival(s, err)))
        return status;
    if ((status = open_model(s, err)) || (status = open_ledgers(s, err)) ||
        (status = prompt_rival_open(s, err)))
        return status;
    return open_output(s, err);
}

void prompt_session_close(struct prompt_session *s)
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
    prompt_rival_close(&s->rival);
    model_close(s->model);
    free(s->prompt);
    tokenizer_close(s->tokenizer);
    chat_question_free(&s->question);
    free(s->machine);
    free(s);
}
