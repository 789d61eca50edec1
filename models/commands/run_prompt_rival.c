/* run_prompt_rival.c - Run the rival on a prompt and on the new tokens that the
 * model chose after it. */
#include "models/commands/run_prompt_session.h"

#include <stdlib.h>
#include <string.h>

#include "models/executor/generate.h"
#include "models/scoring/run_arm.h"
#include "sim/core/base/clock.h"
#include "sim/core/base/stats.h"
#include "sim/core/model/plan.h"
#include "sim/price/predict.h"

/* Unless run.repeats says more, so many pairs, which give the median an interval
 * (stats_median_interval()), or as many as a second has room for. */
enum { PAIRS = 7 };

static int64_t pairs_room(const struct prompt_session *s)
{
    const int64_t repeats = s->job->config->repeats;

    return repeats > PAIRS ? repeats : PAIRS;
}

static enum status open_ledgers(struct prompt_rival *r, int32_t n_tokens,
                                struct error *err)
{
    const struct model_spec *spec = &r->rival.spec;
    const struct ledger_shape by_op = { .by_pass = true, .by_op = true,
                                        .n_layers = spec->n_layers };
    enum status status;

    if ((status = ledger_open(&r->predicted, by_op, cost_zero(PROV_PREDICTED),
                              err)) ||
        (status = ledger_open(&r->counted, by_op, cost_zero(PROV_COUNTED),
                              err)) ||
        (status = allocation_open(&r->kept_so_far, plan_n_choices(spec), 1,
                                  n_tokens, err)) ||
        (status = allocation_open_dispatch(&r->kept_so_far, spec, false,
                                           err)))
        return status;
    r->meter = ledger_meter(r->counted);
    r->before = cost_zero(PROV_COUNTED);
    r->agreed = true;
    return STATUS_OK;
}

static enum status open_model(struct prompt_session *s, struct error *err)
{
    struct prompt_rival *r = &s->rival;
    struct model_options options = prompt_session_options(s);
    const uint64_t seed = (uint64_t)s->job->config->seed;
    options.n_verified = 0;
    enum status status = model_open(&r->model, &r->rival.spec, &options, err);

    return status == STATUS_OK
               ? run_rival_fill(&r->rival, r->model, s->model, seed, err)
               : status;
}

static enum status choose_step_policy(struct prompt_rival *r,
                                      struct error *err)
{
    const struct route_policy *own = r->rival.policy;
    const struct route_policy *step = spec_n_routed(&r->rival.spec) > 0
                                          ? route_step_rule(own) : own;

    r->step_policy = step;
    if (step && (strcmp(step->name, "threshold") != 0 ||
                 r->rival.source.routing.has_thresholds))
        return STATUS_OK;
    return error_set(err, STATUS_BAD_VALUE, "--against %.64s: it cannot judge a"
                     " new token by itself: it has no thresholds",
                     r->rival.asked);
}

enum status prompt_rival_open(struct prompt_session *s, struct error *err)
{
    struct prompt_rival *r = &s->rival;
    const int32_t n_tokens = prompt_session_tokens(s);
    const size_t n = (size_t)s->n_asked;
    enum status status;

    if (!*r->rival.asked)
        return STATUS_OK;
    r->token = calloc(n, sizeof *r->token);
    r->given = calloc(n + 1, sizeof *r->given);
    r->ratio = calloc((size_t)pairs_room(s), sizeof *r->ratio);
    if (!r->token || !r->given || !r->ratio)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu tokens", n);
    if ((status = choose_step_policy(r, err)) ||
        (status = open_model(s, err)))
        return status;
    return open_ledgers(r, n_tokens, err);
}

void prompt_rival_close(struct prompt_rival *r)
{
    free(r->ratio);
    free(r->given);
    free(r->token);
    allocation_close(&r->kept_so_far);
    ledger_close(r->counted);
    ledger_close(r->predicted);
    model_close(r->model);
}

static enum status predict(struct prompt_rival *r, const struct machine *machine,
                           bool first, struct error *err)
{
    struct allocation *kept = &r->kept_so_far;
    const struct predict_job job = {
        .spec = &r->rival.spec, .allocation = kept, .machine = machine,
        .predicted = (first ? r->rival.policy : r->step_policy)->predicted,
    };

    kept->n_tokens = kept->length[0] = model_decoded(r->model, 0);
    model_decode_allocation(r->model, NULL, kept);
    return first ? predict_forward(r->predicted, &job, PREDICT_LAST, NULL, err)
                 : predict_decode(r->predicted, &job, NULL, err);
}

static void note(struct prompt_rival *r, bool first, double seconds)
{
    const struct prompt_pass pass = prompt_pass_counted(r->counted, &r->before);

    if (first) {
        r->cost = (struct prompt_cost){ .prefill_seconds = seconds,
                                        .prefill_flops = pass.flops,
                                        .prefill_bytes = pass.bytes,
                                        .token = r->token };
        return;
    }
    r->token[r->cost.n_new] = (struct new_token){
        .id = r->given[r->cost.n_new], .ran = true, .n_tokens = 1,
        .seconds = seconds, .flops = pass.flops, .bytes = pass.bytes };
    r->cost.n_new++;
}

static bool passed(void *context, int32_t n_tokens, int32_t n_drafts,
                   double seconds)
{
    (void)n_drafts;
    struct prompt_session *s = context;
    struct prompt_rival *r = &s->rival;
    const bool first = model_decoded(r->model, 0) == n_tokens;

    r->status = model_check(r->model, r->rival.rival.name, &r->why);
    if (r->status == STATUS_OK)
        r->status = predict(r, s->machine, first, &r->why);
    if (r->status == STATUS_OK && r->meter.status != STATUS_OK)
        r->status = error_set(&r->why, r->meter.status, "the tally overflowed");
    if (r->status != STATUS_OK)
        return false;
    if (r->agreed)
        r->agreed = agreement(r->predicted, r->counted, &r->first);
    note(r, first, seconds);
    return !command_interrupted;
}

static bool emit(void *context, int32_t id)
{
    (void)context, (void)id;
    return true;
}

static double time_prompt(const struct prompt_session *s, struct model *model,
                          const struct route_policy *policy)
{
    const double started = clock_seconds();

    model_decode_reset(model);
    model_forward(model, &(struct model_input){
        .ids = s->prompt, .n_sequences = 1, .n_tokens = s->n_prompt,
        .policy = policy, .cache = true, .last_only = true,
        .seed = run_pass_seed((uint64_t)s->job->config->seed, 0) }, NULL, NULL);
    return clock_seconds() - started;
}

/* The first pass of a model brings up its pages: the prompt's seconds are compared
 * in later ones, in turns. */
static void time_prompts(struct prompt_session *s)
{
    struct prompt_rival *r = &s->rival;
    const int64_t n = s->job->config->repeats;
    const double started = clock_seconds();
    int64_t done = 0;

    while ((done < n || (done < PAIRS && clock_seconds() - started < 1)) &&
           !command_interrupted) {
        double model = 0, rival;
        if (done % 2 == 0)
            model = time_prompt(s, s->model, s->policy);
        rival = time_prompt(s, r->model, r->rival.policy);
        if (done % 2 == 1)
            model = time_prompt(s, s->model, s->policy);
        r->ratio[done++] = model / rival;
    }
    r->cost.prefill_ratio = stats_median_interval(r->ratio, (size_t)done);
}

enum status prompt_rival_run(struct prompt_session *s, struct error *err)
{
    struct prompt_rival *r = &s->rival;
    int32_t n_run = 0;

    if (!r->model)
        return STATUS_OK;
    for (; n_run < s->n_new && s->token[n_run].ran; n_run++)
        r->given[n_run] = s->token[n_run].id;
    (void)generate(&(struct generation){
        .model = r->model, .given = r->given, .meter = &r->meter.meter,
        .policy = r->rival.policy, .step_policy = r->step_policy,
        .seed = run_pass_seed((uint64_t)s->job->config->seed, 0),
        .prompt = s->prompt, .n_prompt = s->n_prompt, .n_new = n_run + 1,
        .passed = passed, .emit = emit, .context = s });
    if (r->status == STATUS_OK)
        time_prompts(s);
    return r->status == STATUS_OK
               ? STATUS_OK : error_set(err, r->status, "%s", r->why.text);
}
