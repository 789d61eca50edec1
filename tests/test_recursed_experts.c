/* test_recursed_experts.c - Expect recursions whose layers have experts to compute,
 * learn and cost what their definitions say, each expert's gradients being those of
 * all recursions that entered it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/variant.h"

/* A step drops nobody, and experts cannot choose in it. */
static bool decodes(const struct trial *t)
{
    return !spec_experts_choose(&t->spec) && !(t->spec.experts.capacity > 0);
}

static const struct variant recursed = {
    .make = case_recursed_experts, .n = N_RECURSED_CASES,
    .policy = "threshold", .causal = "threshold", .cut = 0.1f,
    .decodes = decodes, .numbers = 7, .cells = 9,
};

Test(recursed_experts, logits_are_those_in_double)
{
    variant_expect_logits(&recursed);
}

Test(recursed_experts, gradients_are_slopes_of_the_loss_in_double)
{
    variant_expect_slopes(&recursed);
}

Test(recursed_experts, any_number_of_threads_gives_the_same_bits)
{
    variant_expect_same_bits(&recursed, 5);
}

Test(recursed_experts, scoring_costs_what_is_predicted_token_by_token)
{
    variant_expect_scoring_cost(&recursed);
}

Test(recursed_experts, training_steps_cost_what_is_predicted_token_by_token)
{
    variant_expect_training_cost(&recursed);
}

Test(recursed_experts, decode_steps_say_and_cost_what_one_pass_does)
{
    variant_expect_decoding(&recursed);
}

Test(recursed_experts, what_does_not_fit_is_refused_by_its_key)
{
    struct trial t;

    t.spec = case_recursed_experts(&t.shape, t.what, 0);
    t.spec.experts.shared = 8;
    t.spec.experts.shared_gate = true;
    t.spec.recursion = (struct recursion){ 0, 5, 2, 0 };
    trial_expect_refused(&t.spec, "model.recursions 2: not known of a gate of"
                         " what all tokens enter besides their experts; allowed"
                         " is 1");
    t.spec.experts.shared_gate = false;
    t.spec.has_experts[4] = !t.spec.has_experts[1];
    trial_expect_refused(&t.spec, "model.recursions 2: of layers 1 and 4, whose"
                         " weights are the same, model.expert_layers names one");
}
