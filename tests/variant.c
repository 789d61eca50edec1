/* variant.c - Try each case in turn. */
#include "tests/variant.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct update variant_update = { .learning_rate = 1e-3, .beta1 = 0.9,
    .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.1, .clip = 1.0,
    .step = 1 };

void variant_open(struct trial *t, const struct variant *v, int i, bool train,
                  int n_threads)
{
    t->spec = v->make(&t->shape, t->what, i);
    if (v->policy)
        route_settle(&t->spec, case_policy(v->policy), 0);
    trial_open(t, train, n_threads);
    if (v->policy)
        t->input.policy = case_policy(v->policy);
}

static bool known(bool (*knows)(const struct trial *t), const struct trial *t)
{
    return !knows || knows(t);
}

void variant_expect_logits(const struct variant *v)
{
    for (int i = 0; i < v->n; i++) {
        struct trial t;
        variant_open(&t, v, i, false, 2);
        if (known(v->in_double, &t))
            trial_expect_logits(&t);
        model_close(t.model);
    }
}

void variant_expect_slopes(const struct variant *v)
{
    int seen = 0;

    for (int i = 0; i < v->n; i++) {
        struct trial t;
        variant_open(&t, v, i, true, 2);
        if (known(v->in_double, &t))
            trial_expect_slopes(&t, v->numbers), seen++;
        model_close(t.model);
    }
    cr_expect(gt(int, seen, v->n / 2));
}

static void take_step(struct trial *t, struct meter *meter)
{
    double loss;

    model_forward(t->model, &t->input, meter, &loss);
    if (!t->input.train)
        return;
    model_backward(t->model, meter);
    model_update(t->model, &variant_update, meter);
}

void variant_expect_same_bits(const struct variant *v, int step)
{
    for (int i = 0; i < v->n; i += step) {
        float *first = NULL;
        for (int threads = 1; threads <= 3; threads++) {
            struct trial t;
            variant_open(&t, v, i, true, threads);
            const size_t bytes = model_tensors(t.model)->floats *
                                 sizeof *first;
            take_step(&t, NULL);
            if (!first)
                first = memcpy(malloc(bytes), model_weights(t.model), bytes);
            cr_expect(memcmp(first, model_weights(t.model), bytes) == 0,
                      "%s, %d threads", t.what, threads);
            model_close(t.model);
        }
        free(first);
    }
}

/* Together, and token by token. */
static void expect_cost(const struct variant *v, bool train)
{
    for (int i = 0; i < 2 * v->n; i++) {
        struct trial t;
        variant_open(&t, v, i / 2, train, 2);
        const int32_t by = i % 2 ? t.n : 0;
        struct ledger *counted = case_ledger(t.spec.n_layers, by,
                                             PROV_COUNTED);
        struct ledger_meter meter = ledger_meter(counted);
        take_step(&t, &meter.meter);
        trial_expect_cost(&t, counted, model_allocation(t.model), by,
                          train ? trial_step : trial_scoring, v->cells);
        ledger_close(counted);
        model_close(t.model);
    }
}

void variant_expect_scoring_cost(const struct variant *v)
{
    expect_cost(v, false);
}

void variant_expect_training_cost(const struct variant *v)
{
    expect_cost(v, true);
}

static void decode(struct trial *t, const struct variant *v)
{
    const int32_t b = t->shape->n_sequences, n = t->shape->n_tokens;
    const struct model_options options = { .n_sequences = b, .n_tokens = n,
                                           .decode = true, .n_threads = 1 };
    struct model *steps = case_model(&t->spec, &options, 1);
    double worst = 0;

    t->input.policy = case_policy(v->causal);
    t->input.targets = NULL;
    for (int32_t l = 0; l < t->spec.n_layers; l++)
        model_thresholds(t->model)[l] = model_thresholds(steps)[l] =
            -v->cut * (float)(l % 3);
    model_forward(t->model, &t->input, NULL, NULL);
    model_decode_reset(steps);
    for (int32_t at = 0; at < n; at++)
        worst = fmax(worst, trial_decode(t, steps, at, b, v->cells));
    cr_expect(lt(dbl, worst, 1e-4), "%s: %g", t->what, worst);
    model_close(steps);
}

void variant_expect_decoding(const struct variant *v)
{
    int seen = 0;

    for (int i = 0; i < v->n; i++) {
        struct trial t;
        variant_open(&t, v, i, false, 2);
        if (known(v->decodes, &t))
            decode(&t, v), seen++;
        model_close(t.model);
    }
    cr_expect(gt(int, seen, v->n / 3));
}
