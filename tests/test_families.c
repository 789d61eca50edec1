/* test_families.c - Expect every family to compute what it computes in double,
 * to learn by the slopes of that, to decode what one pass says, and to cost what
 * is predicted; and what a family cannot do to be refused by name. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/model/spec_check.h"
#include "sim/price/memory.h"
#include "sim/price/predict.h"
#include "tests/cases.h"
#include "tests/reference.h"

enum { MOST = 128 };

static const int tried[] = { 2, 8, 10, 15, 18, 19 };
enum { N_TRIED = sizeof tried / sizeof *tried };

/* Odd and even shapes, dense and routed, with tied heads and without. */
static struct model_spec spec_of(int family, int i, char what[CASE_NAME_SIZE])
{
    struct model_spec spec = case_spec(&shapes[tried[i]], (enum family)family,
                                       i % 2 ? 0.4 : 0.0, PATTERN_ODD);
    case_vary(&spec, i + family);
    case_variant(&spec, i);
    for (int32_t l = 0; l < spec.n_layers && spec.local_theta > 0; l++)
        spec.windowed[l] = !spec.routed[l];
    spec.window = spec.local_theta > 0 ? 5 : spec.window;
    spec.traits.qkv_bias |= family_traits[family].qkv_bias;
    snprintf(what, CASE_NAME_SIZE, "%s, shape %d", family_names[family],
             tried[i]);
    return spec;
}

struct trial {
    struct model_spec spec;
    const struct shape *shape;
    struct model *model;
    int32_t ids[MOST], targets[MOST], n;
    struct model_input input;
    char what[CASE_NAME_SIZE];
};

static void open_trial(struct trial *t, int family, int i, bool train)
{
    t->spec = spec_of(family, i, t->what);
    t->shape = &shapes[tried[i]];
    const struct model_options options = {
        .n_sequences = t->shape->n_sequences, .n_tokens = t->shape->n_tokens,
        .train = train, .n_threads = 2 };
    t->n = t->shape->n_sequences * t->shape->n_tokens;
    cr_assert(t->n <= MOST);
    case_text(t->ids, t->targets, t->n, t->spec.n_vocab, 3);
    t->model = case_model(&t->spec, &options, 1);
    t->input = (struct model_input){
        .ids = t->ids, .targets = t->targets, .train = train,
        .n_sequences = t->shape->n_sequences, .n_tokens = t->shape->n_tokens,
        .policy = case_policy("expert_choice"), .seed = 5 };
}

static double *weights_of(struct model *m)
{
    const size_t n = model_tensors(m)->floats;
    double *weights = malloc(n * sizeof *weights);

    for (size_t i = 0; i < n; i++)
        weights[i] = (double)model_weights(m)[i];
    return weights;
}

static struct reference reference_of(const struct trial *t, double *weights)
{
    return (struct reference){
        .spec = &t->spec, .tensors = model_tensors(t->model),
        .weights = weights, .ids = t->ids, .targets = t->targets,
        .n_sequences = t->shape->n_sequences, .n_tokens = t->shape->n_tokens,
        .allocation = model_allocation(t->model) };
}

Test(families, logits_are_those_in_double)
{
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int i = 0; i < N_TRIED; i++) {
            struct trial t;
            double loss, worst = 0;
            open_trial(&t, f, i, i % 2);
            const size_t n = (size_t)t.n * (size_t)t.spec.n_vocab;
            double *logits = malloc(n * sizeof *logits);
            model_forward(t.model, &t.input, NULL, &loss);
            double *weights = weights_of(t.model);
            const struct reference r = reference_of(&t, weights);
            const double expected = reference_loss(&r, NULL, logits);
            for (size_t j = 0; j < n; j++)
                worst = fmax(worst, fabs((double)model_logits(t.model)[j] -
                                         logits[j]));
            cr_expect(lt(dbl, worst, 1e-4), "%s", t.what);
            cr_expect(lt(dbl, fabs(loss - expected), 1e-4 * expected), "%s",
                      t.what);
            free(weights);
            free(logits);
            model_close(t.model);
        }
}

/* A tensor's gradient, by norm, on some of its numbers. */
static void check_tensor(const struct trial *t, const struct reference *r,
                         double *weights, const struct tensor *of)
{
    const float *gradient = model_gradients(t->model) + of->learned_at;
    const size_t step = of->n / 11 + 1;
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

Test(families, gradients_are_slopes_of_the_loss_in_double)
{
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int i = 1; i < 4; i++) {
            struct trial t;
            double loss;
            open_trial(&t, f, i, true);
            model_forward(t.model, &t.input, NULL, &loss);
            model_backward(t.model, NULL);
            double *weights = weights_of(t.model);
            double *gate = calloc((size_t)(t.n * t.spec.n_layers),
                                  sizeof *gate);
            struct reference r = reference_of(&t, weights);
            if (!t.spec.router_trained && t.spec.router_scores) {
                r.gate = gate;          /* a constant where it is detached */
                reference_loss(&r, NULL, NULL);
                r.gate_held = t.spec.router_detached;
            }
            const struct tensor_list *list = model_tensors(t.model);
            for (int32_t j = 0; j < list->n; j++)
                if (list->tensor[j].trained)
                    check_tensor(&t, &r, weights, &list->tensor[j]);
            free(gate);
            free(weights);
            model_close(t.model);
        }
}

Test(families, training_steps_cost_what_is_predicted)
{
    static const struct update adam = { .learning_rate = 1e-3, .beta1 = 0.9,
        .beta2 = 0.99, .epsilon = 1e-8, .clip = 1.0, .step = 1 };

    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int i = 0; i < N_TRIED; i++) {
            struct trial t;
            struct error err = { STATUS_OK, "" };
            double loss;
            open_trial(&t, f, i, true);
            const int32_t by = i % 3 ? 0 : t.n;
            struct ledger *counted = case_ledger(t.spec.n_layers, by,
                                                 PROV_COUNTED);
            struct ledger *predicted = case_ledger(t.spec.n_layers, by,
                                                   PROV_PREDICTED);
            struct ledger_meter meter = ledger_meter(counted);
            model_forward(t.model, &t.input, &meter.meter, &loss);
            model_backward(t.model, &meter.meter);
            model_update(t.model, &adam, &meter.meter);
            const struct predict_job job = {
                .spec = &t.spec, .allocation = model_allocation(t.model) };
            cr_assert(eq(int, predict_train_step(predicted, &job, NULL, &err),
                         STATUS_OK), "%s", err.text);
            cr_expect(gt(u64, case_same_ledger(predicted, counted, t.what), 9));
            ledger_close(predicted);
            ledger_close(counted);
            model_close(t.model);
        }
}

/* The tensors are those whose numbers predict counts. */
Test(families, parameters_are_those_that_are_predicted)
{
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int i = 0; i < N_TRIED; i++) {
            struct trial t;
            uint64_t numbers = 0;
            open_trial(&t, f, i, false);
            for (int32_t j = 0; j < model_tensors(t.model)->n; j++)
                numbers += model_tensors(t.model)->tensor[j].n;
            cr_expect(eq(u64, numbers, memory_parameters(&t.spec)), "%s",
                      t.what);
            model_close(t.model);
        }
}

/* Windowed, local, capped, side by side: all of it a token at a time. */
static void check_steps(int family, int i)
{
    struct trial t;
    open_trial(&t, family, i, false);
    const int32_t b = t.shape->n_sequences, n = t.shape->n_tokens, half = n / 2;
    const int32_t v = t.spec.n_vocab;
    struct model_options options = { .n_sequences = b, .n_tokens = n,
                                     .decode = true, .n_threads = 1 };
    struct model *steps = case_model(&t.spec, &options, 1);
    int32_t ids[MOST];
    double worst = 0;

    t.input.policy = case_policy("strided");
    t.input.targets = NULL;
    model_forward(t.model, &t.input, NULL, NULL);
    for (int32_t s = 0; s < b; s++)
        memcpy(ids + s * half, t.ids + s * n, (size_t)half * sizeof *ids);
    model_decode_reset(steps);
    model_forward(steps, &(struct model_input){
        .ids = ids, .n_sequences = b, .n_tokens = half, .cache = true,
        .policy = case_policy("dense") }, NULL, NULL);
    for (int32_t at = half; at < n; at++) {
        struct ledger *counted = case_ledger(t.spec.n_layers, 0, PROV_COUNTED);
        struct ledger *predicted = case_ledger(t.spec.n_layers, 0,
                                               PROV_PREDICTED);
        struct ledger_meter meter = ledger_meter(counted);
        struct allocation held;
        struct error err = { STATUS_OK, "" };
        for (int32_t s = 0; s < b; s++)
            ids[s] = t.ids[s * n + at];
        model_decode(steps, &(struct decode_input){ .ids = ids },
                     &meter.meter);
        for (int32_t s = 0; s < b; s++)
            for (int32_t j = 0; j < v; j++)
                worst = fmax(worst, fabs((double)(
                    model_logits(steps)[s * v + j] -
                    model_logits(t.model)[(s * n + at) * v + j])));
        cr_assert(eq(int, allocation_open(&held, t.spec.n_layers, b, at + 1,
                                          NULL), STATUS_OK));
        model_decode_allocation(steps, NULL, &held);
        const struct predict_job job = { .spec = &t.spec,
                                         .allocation = &held };
        cr_assert(eq(int, predict_decode(predicted, &job, NULL, &err),
                     STATUS_OK), "%s", err.text);
        cr_expect(gt(u64, case_same_ledger(predicted, counted, t.what), 5));
        allocation_close(&held);
        ledger_close(predicted);
        ledger_close(counted);
    }
    cr_expect(lt(dbl, worst, 1e-4), "%s", t.what);
    model_close(steps);
    model_close(t.model);
}

Test(families, decode_steps_say_and_cost_what_one_pass_does)
{
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int i = 0; i < N_TRIED; i += 2)
            check_steps(f, i);
}

static void refused(const struct model_spec *spec, const char *begins)
{
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, spec_check(spec, &err), STATUS_BAD_VALUE));
    cr_expect(strncmp(err.text, begins, strlen(begins)) == 0, "%s", err.text);
}

Test(families, what_a_family_cannot_do_is_refused_by_name)
{
    struct model_spec spec = case_spec(&shapes[2], FAMILY_GPT_NEOX, 0.5,
                                       PATTERN_ODD);
    spec.gate = GATE_ONE;
    spec.part = PART_FFN;
    refused(&spec, "routing.part ffn: both parts of a layer of gpt_neox");
    spec.part = PART_BLOCK;
    spec.skipped_keys = SKIPPED_KEYS_COMPUTED;
    refused(&spec, "routing.skipped_keys computed: goes with a norm before");
    spec = case_spec(&shapes[2], FAMILY_OLMO2, 0.5, PATTERN_ODD);
    spec.skipped_keys = SKIPPED_KEYS_COMPUTED;
    refused(&spec, "routing.skipped_keys computed: goes with a norm before"
            " attention alone, and olmo2 has none");
    spec = case_spec(&shapes[2], FAMILY_GEMMA2, 0.0, PATTERN_ODD);
    spec.attention_cap = -1.0f;
    refused(&spec, "attn_logit_softcapping -1: allowed is 0 to 1e9");
    spec = case_spec(&shapes[2], FAMILY_PHI, 0.0, PATTERN_ODD);
    spec.n_rotary = 3;
    refused(&spec, "model.rotary_size 3: allowed are even numbers up to");
    spec.n_rotary = 6;
    refused(&spec, "model.rotary_size 6: allowed are even numbers up to"
            " the head's size, 4");
}
