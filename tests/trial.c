/* trial.c - Set a small model beside a decoder in double and its prediction. */
#include "tests/trial.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/model/spec_check.h"
#include "tests/reference.h"

void trial_open(struct trial *t, bool train, int n_threads)
{
    const struct model_options options = {
        .n_sequences = t->shape->n_sequences, .n_tokens = t->shape->n_tokens,
        .train = train, .n_threads = n_threads };

    t->n = t->shape->n_sequences * t->shape->n_tokens;
    cr_assert(t->n <= TRIAL_TOKENS);
    case_text(t->ids, t->targets, t->n, t->spec.n_vocab, 3);
    if (spec_experts_choose(&t->spec))
        case_begin_unlike(t->ids, t->shape);
    t->model = case_model(&t->spec, &options, 1);
    t->input = (struct model_input){
        .ids = t->ids, .targets = t->targets, .train = train,
        .n_sequences = t->shape->n_sequences, .n_tokens = t->shape->n_tokens,
        .policy = case_policy("expert_choice"), .seed = 5 };
}

static struct reference reference_of(const struct trial *t, double *weights)
{
    return (struct reference){
        .spec = &t->spec, .tensors = model_tensors(t->model),
        .weights = weights, .ids = t->ids, .targets = t->targets,
        .n_sequences = t->shape->n_sequences, .n_tokens = t->shape->n_tokens,
        .allocation = model_allocation(t->model) };
}

void trial_expect_logits(struct trial *t)
{
    const size_t n = (size_t)t->n * (size_t)t->spec.n_vocab;
    double *logits = calloc(n, sizeof *logits), loss, worst = 0;

    model_forward(t->model, &t->input, NULL, &loss);
    double *weights = case_weights(t->model);
    const struct reference r = reference_of(t, weights);
    const double expected = reference_loss(&r, NULL, logits);
    for (size_t i = 0; i < n; i++)
        worst = fmax(worst, fabs((double)model_logits(t->model)[i] -
                                 logits[i]));
    cr_expect(lt(dbl, worst, 1e-4), "%s", t->what);
    cr_expect(lt(dbl, fabs(loss - expected), 1e-4 * expected), "%s", t->what);
    free(weights);
    free(logits);
}

static void expect_slope(const struct trial *t, const struct reference *r,
                         double *weights, const struct tensor *of,
                         size_t numbers)
{
    const float *gradient = model_gradients(t->model) + of->learned_at;
    const size_t step = of->n / numbers + 1;
    double off = 0, size = 0;

    for (size_t i = 0; i < of->n; i += step) {
        const double slope = reference_slope(r, weights, of->offset + i);
        off += pow((double)gradient[i] - slope, 2);
        size += slope * slope;
    }
    cr_expect(lt(dbl, sqrt(off), 1e-3 * sqrt(size) + 1e-7), "%s: tensor %d of"
              " layer %d: off by %g of %g", t->what, of->id, of->layer,
              sqrt(off), sqrt(size));
}

void trial_expect_slopes(struct trial *t, size_t numbers)
{
    double *gate = calloc((size_t)(t->n * t->spec.n_layers), sizeof *gate);
    double loss;

    model_forward(t->model, &t->input, NULL, &loss);
    model_backward(t->model, NULL);
    double *weights = case_weights(t->model);
    struct reference r = reference_of(t, weights);
    if (!t->spec.router_trained && t->spec.router_scores) {
        r.gate = gate;                  /* a constant where it is detached */
        reference_loss(&r, NULL, NULL);
        r.gate_held = t->spec.router_detached;
    }
    const struct tensor_list *list = model_tensors(t->model);
    for (int32_t i = 0; i < list->n; i++)
        if ((r.of_predictors = tensor_predicts(list->tensor[i].id)) ||
            list->tensor[i].trained)
            expect_slope(t, &r, weights, &list->tensor[i], numbers);
    free(weights);
    free(gate);
}

enum status trial_scoring(struct ledger *ledger, const struct predict_job *job,
                          struct error *err)
{
    return predict_forward(ledger, job, PREDICT_LOSS, NULL, err);
}

enum status trial_step(struct ledger *ledger, const struct predict_job *job,
                       struct error *err)
{
    return predict_train_step(ledger, job, NULL, err);
}

enum status trial_decoding(struct ledger *ledger, const struct predict_job *job,
                           struct error *err)
{
    return predict_decode(ledger, job, NULL, err);
}

/* On a machine the same work has a time, and bytes past each cache that are no
 * difference of more than there are. */
static void expect_priced(const struct trial *t, struct predict_job job,
                          trial_predict *predict, uint64_t flops)
{
    static struct machine machine;
    struct ledger *priced = case_ledger(t->spec.n_layers, 0, PROV_PREDICTED);
    struct error err = { STATUS_OK, "" };

    if (machine.cores == 0)
        cr_assert(eq(int, machine_load(&machine, "epyc-milan-2core", &err),
                     STATUS_OK), "%s", err.text);
    job.machine = &machine;
    cr_assert(eq(int, predict(priced, &job, &err), STATUS_OK), "%s: %s", t->what,
              err.text);
    const struct cost sum = ledger_sum(priced, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                       LEDGER_ANY);
    cr_expect(eq(u64, sum.count[METRIC_FLOPS], flops));
    cr_expect(gt(dbl, cost_get(&sum, METRIC_SECONDS), 0), "%s", t->what);
    for (int i = METRIC_L2_BYTES; i <= METRIC_DRAM_BYTES; i++)
        cr_expect(lt(u64, sum.count[i], (uint64_t)1 << 40), "%s: %s", t->what,
                  metric_table[i].column);
    ledger_close(priced);
}

void trial_expect_cost(const struct trial *t, const struct ledger *counted,
                       const struct allocation *allocation, int32_t by,
                       trial_predict *predict, uint64_t cells)
{
    struct ledger *predicted = case_ledger(t->spec.n_layers, by,
                                           PROV_PREDICTED);
    const struct predict_job job = { .spec = &t->spec,
                                     .allocation = allocation };
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, predict(predicted, &job, &err), STATUS_OK), "%s",
              err.text);
    cr_expect(gt(u64, case_same_ledger(predicted, counted, t->what), cells));
    expect_priced(t, job, predict,
                  ledger_sum(predicted, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                             LEDGER_ANY).count[METRIC_FLOPS]);
    ledger_close(predicted);
}

double trial_decode(const struct trial *t, struct model *steps, int32_t at,
                    int32_t by, uint64_t cells)
{
    const int32_t b = t->shape->n_sequences, n = t->shape->n_tokens;
    const int32_t v = t->spec.n_vocab;
    struct ledger *counted = case_ledger(t->spec.n_layers, by, PROV_COUNTED);
    struct ledger_meter meter = ledger_meter(counted);
    struct allocation held;
    int32_t ids[TRIAL_TOKENS];
    double worst = 0;

    for (int32_t s = 0; s < b; s++)
        ids[s] = t->ids[s * n + at];
    model_decode(steps, &(struct decode_input){ .ids = ids }, &meter.meter);
    for (int32_t s = 0; s < b; s++)
        for (int32_t i = 0; i < v; i++)
            worst = fmax(worst, fabs((double)(
                model_logits(steps)[s * v + i] -
                model_logits(t->model)[(s * n + at) * v + i])));
    cr_assert(eq(int, allocation_open(&held, t->spec.n_layers, b, at + 1,
                                      NULL), STATUS_OK));
    cr_assert(eq(int, allocation_open_dispatch(&held, &t->spec, true, NULL),
                 STATUS_OK));
    model_decode_allocation(steps, NULL, &held);
    trial_expect_cost(t, counted, &held, by, trial_decoding, cells);
    allocation_close(&held);
    ledger_close(counted);
    return worst;
}

void trial_expect_refused(const struct model_spec *spec, const char *begins)
{
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, spec_check(spec, &err), STATUS_BAD_VALUE));
    cr_expect(strncmp(err.text, begins, strlen(begins)) == 0, "%s", err.text);
}
