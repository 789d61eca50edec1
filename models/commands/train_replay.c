/* train_replay.c - Read the trace of the text that a training routes by, and
 * check that it is of this text. */
#include "models/commands/train_job.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool replays(const struct train_job *s)
{
    return spec_n_routed(&s->spec) > 0 &&
           strcmp(model_config_policies[s->config.model.policy], "replay") == 0;
}

static enum status blame(const struct train_job *s, const char *key,
                         struct error *err)
{
    return config_blame(&train_config_schema, s->origins, key, err);
}

/* The windows of training hold other tokens than those that were recorded. */
static enum status check_reading(const struct train_job *s,
                                 const struct text_trace_head *h,
                                 struct error *err)
{
    const struct train_config *c = &s->config;
    const char *tokens = s->tokenizer ? s->corpus.tokens_hash : "";

    if (strcmp(h->text_hash, s->corpus.hash) != 0)
        error_set(err, STATUS_BAD_VALUE, "routing.replay: %.200s is of another"
                  " text: of hash %s, and data.path has %s", c->model.replay,
                  h->text_hash, s->corpus.hash);
    else if (strcmp(h->tokens_hash, tokens) != 0)
        error_set(err, STATUS_BAD_VALUE, "routing.replay: %.200s is of other"
                  " tokens of this text; allowed is a trace made with the same"
                  " tokenizer and data.held_out", c->model.replay);
    else if (h->held_out != llround(c->held_out * 10))
        error_set(err, STATUS_BAD_VALUE, "routing.replay: %.200s was made with"
                  " 0.%d of the text held out, and data.held_out is %g; give"
                  " isobath route-trace the same --held-out", c->model.replay,
                  h->held_out, c->held_out);
    else if (h->window != c->tokens)
        error_set(err, STATUS_BAD_VALUE, "routing.replay: %.200s was made in"
                  " windows of %d tokens, and data.tokens is %" PRId64 "; give"
                  " isobath route-trace the same --window", c->model.replay,
                  h->window, c->tokens);
    else
        return STATUS_OK;
    return blame(s, "routing.replay", err);
}

static enum status check_config(const struct train_job *s, struct error *err)
{
    const struct train_config *c = &s->config;

    if (!*c->model.replay)
        error_set(err, STATUS_BAD_VALUE, "routing.replay: the policy replay"
                  " needs a text's trace, as isobath route-trace writes it");
    else if (s->corpus.n > 1)
        error_set(err, STATUS_BAD_VALUE, "routing.replay: a trace is of one"
                  " text, and data.path has %d", s->corpus.n);
    else
        return STATUS_OK;
    return blame(s, "routing.replay", err);
}

static enum status check_warmup(const struct train_job *s, struct error *err)
{
    if (s->config.capacity_warmup == 0.0)
        return STATUS_OK;
    error_set(err, STATUS_BAD_VALUE, "routing.capacity_warmup %g: under replay"
              " the trace says who is kept; leave it out",
              s->config.capacity_warmup);
    return blame(s, "routing.capacity_warmup", err);
}

static enum status read_trace(struct train_job *s, struct error *err)
{
    struct error why = { STATUS_OK, "" };
    enum status status = text_trace_read(&s->trace, s->config.model.replay,
                                         &why);

    if (status == STATUS_OK)
        status = text_trace_check(s->trace, &s->spec, &why);
    if (status == STATUS_OK)
        return STATUS_OK;
    error_set(err, status == STATUS_NO_MEMORY ? status : STATUS_BAD_VALUE,
              "routing.replay: %s", why.text);
    return status == STATUS_NO_MEMORY ? status
                                      : blame(s, "routing.replay", err);
}

enum status train_replay_open(struct train_job *s, struct error *err)
{
    enum status status;

    if (!replays(s))
        return STATUS_OK;
    if ((status = check_config(s, err)) || (status = check_warmup(s, err)) ||
        (status = read_trace(s, err)))
        return status;
    return check_reading(s, text_trace_head(s->trace), err);
}

void train_replay_hash(char out[17], const struct train_job *s)
{
    if (s->trace)
        snprintf(out, 17, "%016" PRIx64, text_trace_hash(s->trace));
}
