/* pricing_step.c - Begin and end the pricing of a step: check what is asked, find
 * prices, draws and memory, add it all up. */
#include "sim/price/pricing_inside.h"

#include <math.h>
#include <stdlib.h>

#include "sim/price/reasons.h"

static enum status check_job(const struct predict_job *job, bool by_token,
                             struct error *err)
{
    const struct allocation *a = job->allocation;
    const struct model_spec *spec = job->spec;

    if (by_token &&
        (!regime_is_fp32(&job->regime) || regime_steps(&job->regime) > 1))
        return error_set(err, STATUS_BAD_VALUE,
                         "a ledger by token is of one"
                         " step in float32");

    if (a->n_choices != plan_n_choices(spec))
        return error_set(err, STATUS_BAD_VALUE,
                         "an allocation of %d choices:"
                         " allowed is the model's number, %d",
                         a->n_choices, plan_n_choices(spec));
    if (a->n_sequences < 1)
        return error_set(err, STATUS_BAD_VALUE,
                         "%d sequences: allowed is at"
                         " least 1",
                         a->n_sequences);
    for (int32_t b = 0; b < (a->alike ? 1 : a->n_sequences); b++)
        if (allocation_length(a, b) < 1)
            return error_set(err, STATUS_BAD_VALUE,
                             "sequence %d of %d tokens:"
                             " allowed is 1 to %d",
                             b, allocation_length(a, b), a->n_tokens);
    if (a->n_tokens < 1 || a->n_tokens > spec->max_tokens)
        return error_set(err, STATUS_BAD_VALUE,
                         "%d tokens a sequence: allowed"
                         " is 1 to the model's max_tokens, %d",
                         a->n_tokens, spec->max_tokens);
    return STATUS_OK;
}

/* A kept token's cost, or that it is kept, may depend on its position. */
static bool has_positions(const struct model_spec *spec,
                          const struct plan *plan, enum memory_phase phase,
                          bool expected)
{
    bool positions = phase == MEMORY_DECODE;

    for (int32_t l = 0; l < spec->n_layers; l++)
        positions |= plan_skipped_keys(plan, l) != SKIPPED_KEYS_ABSENT;
    return positions && !expected && spec_n_routed(spec) > 0;
}

static enum status check_routes(const struct predict_job *job,
                                enum memory_phase phase, bool positions,
                                struct error *err)
{
    const struct model_spec *spec = job->spec;

    for (int32_t l = 0; l < spec->n_layers; l++)
        if (phase == MEMORY_DECODE && spec->routed[l] &&
            spec->signal == SIGNAL_RECEIVED)
            return error_set(err, STATUS_BAD_VALUE,
                             "the attention that a token"
                             " receives looks ahead: a decode step cannot go by"
                             " it");
    if (positions && !job->allocation->kept)
        return error_set(err, STATUS_BAD_VALUE,
                         "an allocation without"
                         " positions: what a kept token costs depends on its"
                         " own");
    return STATUS_OK;
}

/* The lowest router of a frozen backbone; LEDGER_OUTSIDE: all of it learns. */
static int32_t last_stop(const struct model_spec *spec)
{
    if (spec->backbone_frozen)
        for (int32_t l = 0; l < spec->n_layers; l++)
            if (spec->routed[l])
                return l;
    return LEDGER_OUTSIDE;
}

/* What a span of shared layers holds: its weights, and its share of what layers
 * have each for themselves; without backward they take turns in the rest. */
static double span_bytes(const struct pricing *p, const struct hold *hold)
{
    const struct model_spec *spec = p->job.spec;
    const int32_t first = spec->recursion.first, n = spec_span(spec);
    const double share = (double)n / spec->n_layers;
    const double turns = p->phase == MEMORY_TRAIN ? share : 1;
    double numbers = 0;

    if (n == 0)
        return 0;
    for (int32_t l = first; l < first + n; l++)
        numbers += (double)flops_own_parameters(spec, l);
    numbers /= (double)memory_parameters(spec);
    return numbers * (double)(hold->bytes[MEMORY_WEIGHTS] +
                              hold->bytes[MEMORY_GRADIENTS]) +
           share * (double)hold->bytes[MEMORY_KV] +
           turns * (double)(hold->bytes[MEMORY_ACTIVATIONS] +
                            hold->bytes[MEMORY_WORKSPACE]);
}

/* The chance that a decode step leaves a part's weights alone: that no sequence's
 * token enters any of the layers that run with them. */
static double left_alone(const struct pricing *p, int32_t layer, int32_t stage)
{
    const struct model_spec *spec = p->job.spec;
    const struct allocation *a = p->job.allocation;
    double left = spec_shares(spec, layer) ? 0 : 1;

    for (int32_t l = layer; l >= 0 && left > 0; l = spec_runs_next(spec, l))
        left *= p->tariff->plan.stage[l][stage].rows == STAGE_KEPT
                    ? pow(1.0 - spec_chance(spec, l, a->n_tokens),
                          a->n_sequences) : 0;
    return left;
}

/* Weights that a decode step is expected to leave alone. */
static double seldom_bytes(const struct pricing *p)
{
    static const enum op ops[] = { OP_QKV, OP_PROJECT, OP_FFN_UP, OP_FFN_DOWN };
    const struct model_spec *spec = p->job.spec;
    double bytes = 0;

    for (int32_t l = 0; l < spec->n_layers; l++)
        for (int32_t s = 0; s < p->tariff->plan.n_stages[l]; s++) {
            const struct stage *stage = &p->tariff->plan.stage[l][s];
            const double left = left_alone(p, l, s);
            for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
                if (stage->parts & (i < 2 ? STAGE_ATTENTION : STAGE_FFN))
                    bytes += left * (double)regime_bytes(
                        p->tariff->list.at[PASS_FORWARD][ops[i]].shared_bytes,
                        p->job.regime.weights);
        }
    return bytes;
}

/* What the job brought, or its own; a list of its own where layers' weights are
 * stored in other ways. */
static enum status find_prices(struct pricing *p, struct error *err)
{
    enum status status = STATUS_OK;

    if (!p->job.tariff)
        status = tariff_open(&p->own, p->job.spec, err);
    if (status != STATUS_OK)
        return status;
    p->tariff = p->own ? p->own : p->job.tariff;
    p->prices = &p->tariff->list;
    if (!p->tariff->stores)
        return STATUS_OK;
    p->stored = malloc(sizeof *p->stored);
    if (!p->stored)
        return error_set(err, STATUS_NO_MEMORY, "no memory for prices");
    p->prices = p->stored;
    return STATUS_OK;
}

/* What the job brought, or its own, where a range rests on them. */
static enum status find_draws(struct pricing *p, struct error *err)
{
    if (!p->range || !p->job.machine || p->job.draws)
        return STATUS_OK;
    p->drawn = malloc(sizeof *p->drawn);
    if (!p->drawn)
        return error_set(err, STATUS_NO_MEMORY, "no memory for draws");
    bill_draw(p->drawn, p->job.machine, p->job.regime.arithmetic);
    p->job.draws = p->drawn;
    return STATUS_OK;
}

static void close_prices(struct pricing *p)
{
    free(p->own);
    free(p->drawn);
    free(p->stored);
    bill_close(&p->bill);
}

static enum status check_all(const struct pricing *p, bool positions,
                             struct error *err)
{
    enum status status = check_job(&p->job, p->by_token, err);
    return status == STATUS_OK
               ? check_routes(&p->job, p->phase, positions, err) : status;
}

/* What a machine changes nothing of, from the charges that the job brought. */
static void take_kept(struct pricing *p, const struct step_charges *kept)
{
    p->footprint_bytes = kept->footprint_bytes;
    p->seldom_bytes = kept->seldom_bytes;
    p->span_bytes = kept->span_bytes;
    p->alike = kept->alike;
}

static void give_kept(struct step_charges *kept, const struct pricing *p)
{
    kept->footprint_bytes = p->footprint_bytes;
    kept->seldom_bytes = p->seldom_bytes;
    kept->span_bytes = p->span_bytes;
    kept->alike = p->alike;
}

/* Works it out. */
static enum status begin_walk(struct pricing *p, struct error *err)
{
    const struct predict_job *job = &p->job;
    const bool positions = has_positions(job->spec, &p->tariff->plan, p->phase,
                                         p->expected);
    const struct hold_question held = {
        .spec = job->spec,
        .regime = &job->regime,
        .fixed = &p->tariff->fixed,
        .phase = p->phase,
        .n_sequences = job->allocation->n_sequences,
        .n_tokens = job->allocation->n_tokens,
    };
    const enum status status = check_all(p, positions, err);

    if (status != STATUS_OK)
        return status;
    const struct hold hold = hold_buffers(&held);
    p->footprint_bytes = (double)hold.total;
    p->span_bytes = span_bytes(p, &hold);
    p->count[ROWS_ALL] = pricing_count_known(p, ROWS_ALL);
    p->count[ROWS_LAST] = pricing_count_known(p, ROWS_LAST);
    if (p->phase == MEMORY_DECODE)
        p->seldom_bytes = seldom_bytes(p);
    alike_find(&p->alike, &(struct alike_job){ .spec = job->spec,
                                               .kin = p->tariff->kin,
                                               .allocation = job->allocation,
                                               .first = job->first_layer,
                                               .end = pricing_end_layer(p),
                                               .stop = p->stop,
                                               .positions = positions,
                                               .apart = p->by_token });
    if (job->charges) {
        job->charges->n = 0;
        give_kept(job->charges, p);
    }
    return STATUS_OK;
}

enum status pricing_begin(struct pricing *out, struct ledger *ledger,
                          const struct predict_job *job,
                          enum memory_phase phase, bool expected,
                          struct predict_range *range, struct error *err)
{
    const struct ledger_shape shape = ledger ? ledger_shape(ledger)
                                             : (struct ledger_shape){ 0 };

    *out = (struct pricing){
        .ledger = ledger,
        .job = *job,
        .priced = -1,
        .phase = phase,
        .expected = expected,
        .by_token = shape.n_tokens > 0,
        .by_layer = shape.n_layers > 0,
        .range = range,
        .layer = LEDGER_OUTSIDE,
        .repeats = 1,
        .n_alike = 1,
        .stop = phase == MEMORY_TRAIN ? last_stop(job->spec) : LEDGER_OUTSIDE,
        .err = err,
    };
    enum status status = find_prices(out, err);
    if (status == STATUS_OK && job->charges && job->charges->whole)
        take_kept(out, job->charges);
    else if (status == STATUS_OK)
        status = begin_walk(out, err);
    if (status == STATUS_OK)
        status = find_draws(out, err);
    if (status != STATUS_OK) {
        close_prices(out);
        return status;
    }
    if (job->machine)
        out->rates = rates_of(job->machine, job->regime.arithmetic);
    if (job->sum)
        step_sum_clear(job->sum, job->spec->n_layers);
    else
        reasons_give(ledger, job->machine, &job->regime);
    return STATUS_OK;
}

enum status pricing_end(struct pricing *p)
{
    if (p->range && p->job.machine)
        *p->range =
            bill_range(&p->bill, p->job.draws, p->job.n_draws);
    else if (p->range)
        *p->range = (struct predict_range){ .seconds = { 0 } };
    if (p->job.sum && p->status == STATUS_OK &&
        step_sum_finish(p->job.sum, &p->alike, p->job.spec->n_layers) != STATUS_OK)
        pricing_fail(p, STATUS_OVERFLOWED);
    if (p->job.charges)
        p->job.charges->whole = p->status == STATUS_OK;
    close_prices(p);
    return p->status;
}
