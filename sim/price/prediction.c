/* prediction.c - Say how many tokens are kept, and price the step. */
#include "sim/price/prediction.h"

#include <stdlib.h>

#include "sim/core/model/plan.h"

static bool sees_skipped(const struct plan *plan, int32_t n_layers)
{
    bool sees = false;
    for (int32_t l = 0; l < n_layers; l++)
        sees |= plan_skipped_keys(plan, l) != SKIPPED_KEYS_ABSENT;
    return sees;
}

/* A token's price depends on its position where it sees the keys of skipped
 * ones. */
static bool needs_positions(const struct prediction *p, enum memory_phase phase)
{
    if (phase == MEMORY_DECODE)
        return false;
    if (p->tariff)
        return sees_skipped(&p->tariff->plan, p->spec.n_layers);
    const struct plan plan = plan_of(&p->spec);
    return sees_skipped(&plan, p->spec.n_layers);
}

/* Space the kept tokens evenly where they see the keys of skipped ones: how
 * many keys they run over depends on where they stand. */
static enum status open_positions(struct allocation *out,
                                  const struct model_spec *spec, int32_t B,
                                  int32_t T, struct error *err)
{
    enum status status = allocation_open(out, plan_n_choices(spec), B, T, err);
    if (status == STATUS_OK)
        allocation_fill(out, spec);
    return status;
}

/* Otherwise state only how many tokens are kept, not which. */
static enum status open_counts(struct allocation *out,
                               const struct model_spec *spec, int32_t B,
                               int32_t T, struct error *err)
{
    struct allocation a = { .n_choices = plan_n_choices(spec),
                            .n_sequences = B, .n_tokens = T, .alike = true };

    a.count = calloc((size_t)a.n_choices, sizeof *a.count);
    if (!a.count)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d choices",
                         a.n_choices);
    for (int32_t c = 0; c < a.n_choices; c++)
        a.count[c] = spec_kept(spec, plan_choice(spec, c).layer, T);
    *out = a;
    return STATUS_OK;
}

/* The model as it is run. */
static enum status prepare(struct prediction *out,
                           const struct predict_question *question,
                           const struct model_spec *spec, struct error *err)
{
    *out = (struct prediction){ .spec = *spec };
    if (question->regime.execution == EXECUTION_MASKED)
        spec_set_openness(&out->spec, 1.0);
    return regime_shard(&out->spec, &question->regime, err);
}

static enum status allocate(struct prediction *out,
                            const struct predict_question *question,
                            struct error *err)
{
    if ((int64_t)question->n_sequences * question->n_tokens > INT32_MAX)
        return error_set(err, STATUS_BAD_VALUE, "%d sequences of %d tokens:"
                         " allowed are up to 2^31 - 1 tokens together",
                         question->n_sequences, question->n_tokens);
    return (needs_positions(out, question->phase) ? open_positions
                                                  : open_counts)(
        &out->allocation, &out->spec, question->n_sequences,
        question->n_tokens, err);
}

static enum status price(struct prediction *out,
                         const struct predict_question *question,
                         struct error *err)
{
    /* A model that has predictors is served by them. */
    struct predict_job job = {
        .spec = &out->spec, .allocation = &out->allocation,
        .machine = question->machine, .predicted = out->spec.n_predictor > 0,
        .regime = question->regime, .tariff = out->tariff,
        .sum = out->sum, .charges = out->charges, .draws = question->draws,
        .n_draws = question->n_draws,
    };
    struct predict_range *range =
        question->n_draws == NO_DRAWS ? NULL : &out->range;

    switch (question->phase) {
    case MEMORY_TRAIN:
        return predict_train_step(out->ledger, &job, range, err);
    case MEMORY_FORWARD:
        return predict_forward(out->ledger, &job,
                               question->all_logits ? PREDICT_HEAD
                                                    : PREDICT_LAST,
                               range, err);
    default:
        return predict_decode_expected(out->ledger, &job, range, err);
    }
}

enum status prediction_open(struct prediction *out,
                            const struct predict_question *question,
                            const struct model_spec *spec, struct error *err)
{
    const struct ledger_shape shape = { .by_pass = true, .by_op = true,
                                        .n_layers = spec->n_layers };
    enum status status = prepare(out, question, spec, err);

    if (status == STATUS_OK)
        status = allocate(out, question, err);
    if (status == STATUS_OK)
        status = ledger_open(&out->ledger, shape, (struct cost){ 0 }, err);
    return status == STATUS_OK ? price(out, question, err) : status;
}

void prediction_close(struct prediction *prediction)
{
    ledger_close(prediction->ledger);
    if (prediction->sum)
        step_sum_close(prediction->sum);
    free(prediction->sum);
    if (prediction->charges)
        free(prediction->charges->charge);
    free(prediction->charges);
    free(prediction->tariff);
    allocation_close(&prediction->allocation);
    *prediction = (struct prediction){ 0 };
}

enum status prediction_begin(struct prediction *out,
                             const struct predict_question *question,
                             const struct model_spec *spec, struct error *err)
{
    enum status status = prepare(out, question, spec, err);

    if (status == STATUS_OK)
        status = tariff_open(&out->tariff, &out->spec, err);
    if (status != STATUS_OK)
        return status;
    out->sum = calloc(1, sizeof *out->sum);
    out->charges = calloc(1, sizeof *out->charges);
    return out->sum && out->charges
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "no memory for a prediction");
}

enum status prediction_price(struct prediction *p,
                             const struct predict_question *question,
                             struct error *err)
{
    enum status status = STATUS_OK;

    if (!question->other_machine || !p->charges->whole) {
        p->charges->whole = false;
        allocation_close(&p->allocation);
        status = allocate(p, question, err);
    }
    return status == STATUS_OK ? price(p, question, err) : status;
}

struct hold_question prediction_held(const struct prediction *p,
                                     const struct hold_question *question)
{
    struct hold_question held = *question;

    held.spec = &p->spec;
    held.fixed = p->tariff ? &p->tariff->fixed : NULL;
    return held;
}

struct cost prediction_total(const struct prediction *p)
{
    return p->sum ? p->sum->total
                     : ledger_sum(p->ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                  LEDGER_ANY);
}
