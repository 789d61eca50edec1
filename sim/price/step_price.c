/* step_price.c - Fill a ledger by layer and one by token, and read them. */
#include "sim/price/step_price.h"

#include <math.h>

enum status step_open(struct step_model *m, const struct model_spec *spec,
                      const struct predict_question *q, int32_t T,
                      struct error *err)
{
    const struct ledger_shape by_layer = { .n_layers = spec->n_layers };
    const struct ledger_shape by_token = {
        .n_tokens = q->phase == MEMORY_DECODE ? q->n_sequences : T };
    enum status status;

    m->spec = *spec;
    status = regime_shard(&m->spec, &q->regime, err);
    if (status == STATUS_OK)
        status = ledger_open(&m->by_layer, by_layer, (struct cost){ 0 }, err);
    return status == STATUS_OK
               ? ledger_open(&m->by_token, by_token, (struct cost){ 0 }, err)
               : status;
}

void step_close(struct step_model *m)
{
    ledger_close(m->by_layer);
    ledger_close(m->by_token);
}

double cost_or_nan(const struct cost *cost, enum metric metric)
{
    return cost_known(cost, metric) ? cost_get(cost, metric) : (double)NAN;
}

static enum status run(struct ledger *ledger, const struct step_model *m,
                       const struct predict_question *q,
                       const struct allocation *a, bool by_token,
                       struct error *err)
{
    struct predict_job job = {
        .spec = &m->spec, .allocation = a, .machine = q->machine,
        .predicted = m->spec.n_predictor > 0, .regime = q->regime,
    };

    if (by_token) {
        job.machine = NULL;
        job.regime = (struct regime){ 0 };
    }
    ledger_clear(ledger);
    if (q->phase == MEMORY_TRAIN)
        return predict_train_step(ledger, &job, NULL, err);
    if (q->phase == MEMORY_FORWARD)
        return predict_forward(ledger, &job, q->all_logits ? PREDICT_HEAD
                                                           : PREDICT_LAST,
                               NULL, err);
    return predict_decode(ledger, &job, NULL, err);
}

enum status step_price(struct step_price *out, const struct step_model *m,
                       const struct predict_question *q,
                       const struct allocation *a, struct error *err)
{
    enum status status = run(m->by_layer, m, q, a, false, err);

    if (status != STATUS_OK)
        return status;
    out->cost = ledger_sum(m->by_layer, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                           LEDGER_ANY);
    out->flops = cost_or_nan(&out->cost, METRIC_FLOPS);
    out->bytes = cost_or_nan(&out->cost, METRIC_BYTES);
    out->seconds = cost_or_nan(&out->cost, METRIC_SECONDS);
    out->joules = cost_or_nan(&out->cost, METRIC_JOULES);
    for (int32_t l = 0; l < m->spec.n_layers; l++) {
        const struct cost of = ledger_sum(m->by_layer, LEDGER_ANY, l,
                                          LEDGER_ANY, LEDGER_ANY);
        const bool idle = !cost_known(&of, METRIC_FLOPS);   /* no op ran */
        out->layer_flops[l] = idle ? 0 : cost_or_nan(&of, METRIC_FLOPS);
        out->layer_seconds[l] = idle && !isnan(out->seconds)
                                    ? 0 : cost_or_nan(&of, METRIC_SECONDS);
    }
    return STATUS_OK;
}

enum status step_tokens(const struct step_model *m,
                        const struct predict_question *q,
                        const struct allocation *a, struct error *err)
{
    return run(m->by_token, m, q, a, true, err);
}

struct cost step_token(const struct step_model *m, int32_t token)
{
    return *ledger_at(m->by_token, (struct ledger_key){
        .layer = LEDGER_OUTSIDE, .token = token });
}
