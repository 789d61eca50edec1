/* profile_phase.c - Do the work of training, prefill and decoding, and
 * predict it. */
#include "hwprof/commands/profile_job.h"

#include <inttypes.h>
#include <stdlib.h>
#include "models/executor/model.h"
#include "models/files/source.h"
#include "sim/core/base/random.h"
#include "sim/core/model/plan.h"
#include "sim/price/predict.h"

/* Training: forward, backward and an update that moves nothing, so that every
 * pass does the same work on the same weights. */
static void prepare_nothing(struct arm *arm)
{
    (void)arm;
}

static void work_train(struct arm *arm, struct meter *meter)
{
    const struct profile_job *s = arm->job;
    double loss;
    struct model_input input = {
        .ids = s->ids, .targets = s->targets,
        .n_sequences = (int32_t)s->arguments.batch,
        .n_tokens = (int32_t)s->arguments.tokens,
        .policy = s->source->routing.policy, .seed = 1, .train = true,
    };
    struct update still = { .beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-8,
                            .clip = 1.0, .step = 1 };
    model_forward(arm->model, &input, meter, &loss);
    model_backward(arm->model, meter);
    model_update(arm->model, &still, meter);
}

static struct predict_job job_of(const struct arm *arm,
                                 const struct allocation *allocation)
{
    return (struct predict_job){ .spec = arm->spec, .allocation = allocation,
                                 .machine = arm->job->machine };
}

static enum status predict_train(struct arm *arm, struct error *err)
{
    struct predict_job job = job_of(arm, model_allocation(arm->model));
    return predict_train_step(arm->predicted, &job, NULL, err);
}

/* The model's own rule where that is causal or goes by no router, and training
 * left the thresholds that it may need; else these; else tokens drawn for each
 * layer and sequence by itself: they cost what the capacity says, and sequences
 * of a batch do not skip a block together. */
static const struct route_policy *serving_policy(const struct profile_job *s)
{
    const struct route_policy *own = s->source->routing.policy;

    const struct route_policy *cut = route_find("threshold");

    if (own->choose && own != cut && (own->causal || !own->scored))
        return own;
    return s->has_thresholds ? cut : route_find("random");
}

/* Step by step: the same, or tokens drawn where it cannot judge one alone. */
static const struct route_policy *step_policy(const struct profile_job *s)
{
    const struct route_policy *serving = serving_policy(s);
    return serving->keep ? serving : route_find("drawn");
}

/* The head sees each sequence's last token, as in front of generation. */
static void prefill(struct arm *arm, int32_t n_tokens, struct meter *meter)
{
    const struct profile_job *s = arm->job;
    struct model_input input = {
        .ids = s->ids, .n_sequences = (int32_t)s->arguments.batch,
        .n_tokens = n_tokens, .policy = serving_policy(s),
        .seed = (uint64_t)s->arguments.seed, .cache = true, .last_only = true,
    };
    model_forward(arm->model, &input, meter, NULL);
}

/* Nobody's caches are warmed for counts, which a simulator or a record gives. */
static bool warms(const struct profile_job *s)
{
    return !s->arguments.record && !counter_host();
}

/* A few tokens bring the weights to where passes that go on leave them. */
static void prepare_prefill(struct arm *arm)
{
    enum { FEW = 16 };
    const int64_t tokens = arm->job->arguments.tokens;

    model_decode_reset(arm->model);
    if (!warms(arm->job))
        return;
    prefill(arm, tokens < FEW ? (int32_t)tokens : FEW, NULL);
    model_decode_reset(arm->model);
}

static void work_prefill(struct arm *arm, struct meter *meter)
{
    prefill(arm, (int32_t)arm->job->arguments.tokens, meter);
}

static enum status predict_prefill(struct arm *arm, struct error *err)
{
    struct predict_job job = job_of(arm, model_allocation(arm->model));
    return predict_forward(arm->predicted, &job, PREDICT_LAST, NULL, err);
}

static int64_t first_step(const struct profile_job *s)
{
    return s->arguments.tokens - s->arguments.steps;
}

static void decode_one(struct arm *arm, int64_t at, struct meter *meter)
{
    const struct profile_job *s = arm->job;
    const int64_t b = s->arguments.batch;

    for (int64_t i = 0; i < b; i++)
        s->column[i] = s->ids[i * s->arguments.tokens + at];
    struct decode_input step = {
        .ids = s->column, .policy = step_policy(s),
        .seed = (uint64_t)s->arguments.seed,
    };
    model_decode(arm->model, &step, meter);
}

/* Decoding: the last `steps` of `tokens` one by one, after as many that are not
 * looked at, and the rest at once: a step finds in the caches what steps before
 * it left there, not what a prompt did. */
static void prepare_decode(struct arm *arm)
{
    const int64_t first = first_step(arm->job), steps = arm->job->arguments.steps;
    const int64_t from = !warms(arm->job) ? first
                         : first > steps  ? first - steps : 1;

    model_decode_reset(arm->model);
    prefill(arm, (int32_t)from, NULL);
    for (int64_t t = from; t < first; t++)
        decode_one(arm, t, NULL);
}

static void work_decode(struct arm *arm, struct meter *meter)
{
    const struct profile_job *s = arm->job;

    for (int64_t t = first_step(s); t < s->arguments.tokens; t++) {
        if (s->listening)
            measure_token(s->listening, (int32_t)(t - first_step(s)));
        decode_one(arm, t, meter);
    }
}

/* Again, step by step: each step's keys are those after it. */
static enum status predict_steps(struct arm *arm, struct error *err)
{
    const struct profile_job *s = arm->job;
    enum status status = STATUS_OK;

    prepare_decode(arm);
    for (int64_t t = first_step(s);
         t < s->arguments.tokens && status == STATUS_OK; t++) {
        struct allocation held;
        decode_one(arm, t, NULL);
        status = allocation_open(&held, plan_n_choices(arm->spec),
                                 (int32_t)s->arguments.batch, (int32_t)t + 1,
                                 err);
        if (status != STATUS_OK)
            break;
        status = allocation_open_dispatch(&held, arm->spec, true, err);
        if (status != STATUS_OK) {
            allocation_close(&held);
            break;
        }
        model_decode_allocation(arm->model, NULL, &held);
        struct predict_job job = job_of(arm, &held);
        status = predict_decode(arm->predicted, &job, NULL, err);
        allocation_close(&held);
    }
    return status;
}

const struct workload profile_phases[PHASE_COUNT] = {
    { "train step", "train", true, false, prepare_nothing, work_train,
      predict_train },
    { "prefill", "prefill", false, true, prepare_prefill, work_prefill,
      predict_prefill },
    { "decode step", "decode", false, true, prepare_decode, work_decode,
      predict_steps },
};

const char *profile_serving(const struct profile_job *s)
{
    return serving_policy(s)->name;
}

/* Count the sequences whose token each choice kept, at each step. */
static enum status count_kept(struct arm *arm, struct error *err)
{
    const struct profile_job *s = arm->job;
    struct allocation held;
    enum status status = allocation_open(&held, plan_n_choices(arm->spec),
        (int32_t)s->arguments.batch, (int32_t)s->arguments.tokens, err);

    if (status != STATUS_OK)
        return status;
    model_decode_allocation(arm->model, NULL, &held);
    for (int32_t c = 0; c < held.n_choices; c++)
        for (int32_t b = 0; b < held.n_sequences; b++)
            for (int32_t i = 0; i < allocation_count(&held, c, b); i++) {
                int64_t step = allocation_kept(&held, c, b)[i] - first_step(s);
                if (step >= 0)
                    arm->kept[step * held.n_choices + c]++;
            }
    allocation_close(&held);
    return STATUS_OK;
}

/* Of a choice, over all steps where the phase decodes. */
static void add_kept(double *kept, double *tokens, const struct arm *arm,
                     int32_t choice)
{
    const int64_t steps = arm->kept ? arm->job->arguments.steps : 0;

    for (int64_t i = 0; i < steps; i++)
        *kept += arm->kept[i * plan_n_choices(arm->spec) + choice];
    *tokens += (double)(steps * arm->job->arguments.batch);
    if (arm->kept)
        return;
    *kept += allocation_rows(model_allocation(arm->model), choice);
    *tokens += allocation_tokens(model_allocation(arm->model));
}

double profile_kept(const struct arm *arm)
{
    double kept = 0.0, tokens = 0.0;

    for (int32_t c = 0; c < plan_n_choices(arm->spec); c++)
        if (plan_choice(arm->spec, c).routed)
            add_kept(&kept, &tokens, arm, c);
    return kept / tokens;
}

const char *profile_words(char out[PROFILE_WORDS_SIZE], const struct arm *arm)
{
    const int64_t steps = profile_decodes(arm->phase)
                              ? arm->job->arguments.steps : 1;

    if (steps > 1)
        snprintf(out, PROFILE_WORDS_SIZE, "run of %" PRId64 " %ss", steps,
                 arm->phase->name);
    else
        snprintf(out, PROFILE_WORDS_SIZE, "%s", arm->phase->name);
    return out;
}

enum status profile_count_steps(struct arm *arm, struct error *err)
{
    const size_t n = (size_t)arm->job->arguments.steps;
    struct ledger *ledger = NULL;

    arm->step = calloc(n, sizeof *arm->step);
    arm->kept = calloc(n * (size_t)plan_n_choices(arm->spec),
                       sizeof *arm->kept);
    if (!arm->step || !arm->kept)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu steps", n);
    enum status status = ledger_open(&ledger, (struct ledger_shape){ 0 },
                                     cost_zero(PROV_COUNTED), err);
    if (status != STATUS_OK)
        return status;
    struct ledger_meter meter = ledger_meter(ledger);
    prepare_decode(arm);
    for (size_t i = 0; i < n; i++) {
        ledger_clear(ledger);
        decode_one(arm, first_step(arm->job) + (int64_t)i, &meter.meter);
        arm->step[i] = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                  LEDGER_ANY);
    }
    ledger_close(ledger);
    return count_kept(arm, err);
}
