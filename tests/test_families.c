/* test_families.c - Expect every family to compute what it computes in double,
 * to learn by the slopes of that, to decode what one pass says, and to cost what
 * is predicted; and what a family cannot do to be refused by name. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/price/memory.h"
#include "tests/trial.h"

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
    spec.traits.qk_norm |= family == FAMILY_STABLELM && i > 1;
    snprintf(what, CASE_NAME_SIZE, "%s, shape %d", family_names[family],
             tried[i]);
    return spec;
}

static void open_trial(struct trial *t, int family, int i, bool train)
{
    t->spec = spec_of(family, i, t->what);
    t->shape = &shapes[tried[i]];
    trial_open(t, train, 2);
}

Test(families, logits_are_those_in_double)
{
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int i = 0; i < N_TRIED; i++) {
            struct trial t;
            open_trial(&t, f, i, i % 2);
            trial_expect_logits(&t);
            model_close(t.model);
        }
}

Test(families, gradients_are_slopes_of_the_loss_in_double)
{
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int i = 1; i < 4; i++) {
            struct trial t;
            open_trial(&t, f, i, true);
            trial_expect_slopes(&t, 11);
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
            double loss;
            open_trial(&t, f, i, true);
            const int32_t by = i % 3 ? 0 : t.n;
            struct ledger *counted = case_ledger(t.spec.n_layers, by,
                                                 PROV_COUNTED);
            struct ledger_meter meter = ledger_meter(counted);
            model_forward(t.model, &t.input, &meter.meter, &loss);
            model_backward(t.model, &meter.meter);
            model_update(t.model, &adam, &meter.meter);
            trial_expect_cost(&t, counted, model_allocation(t.model), by,
                              trial_step, 9);
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
    struct model_options options = { .n_sequences = b, .n_tokens = n,
                                     .decode = true, .n_threads = 1 };
    struct model *steps = case_model(&t.spec, &options, 1);
    int32_t ids[TRIAL_TOKENS];
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
    for (int32_t at = half; at < n; at++)
        worst = fmax(worst, trial_decode(&t, steps, at, 0, 5));
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

Test(families, what_a_family_cannot_do_is_refused_by_name)
{
    struct model_spec spec = case_spec(&shapes[2], FAMILY_GPT_NEOX, 0.5,
                                       PATTERN_ODD);
    spec.gate = GATE_ONE;
    spec.part = PART_FFN;
    trial_expect_refused(&spec, "routing.part ffn: both parts of a layer of gpt_neox");
    spec.part = PART_BLOCK;
    spec.skipped_keys = SKIPPED_KEYS_COMPUTED;
    trial_expect_refused(&spec, "routing.skipped_keys computed: goes with a norm before");
    spec = case_spec(&shapes[2], FAMILY_OLMO2, 0.5, PATTERN_ODD);
    spec.skipped_keys = SKIPPED_KEYS_COMPUTED;
    trial_expect_refused(&spec, "routing.skipped_keys computed: goes with a norm before"
            " attention alone, and olmo2 has none");
    spec = case_spec(&shapes[2], FAMILY_GEMMA2, 0.0, PATTERN_ODD);
    spec.attention_cap = -1.0f;
    trial_expect_refused(&spec, "attn_logit_softcapping -1: allowed is 0 to 1e9");
    spec = case_spec(&shapes[2], FAMILY_PHI, 0.0, PATTERN_ODD);
    spec.n_rotary = 3;
    trial_expect_refused(&spec, "model.rotary_size 3: allowed are even numbers up to");
    spec.n_rotary = 6;
    trial_expect_refused(&spec, "model.rotary_size 6: allowed are even numbers up to"
            " the head's size, 4");
}
