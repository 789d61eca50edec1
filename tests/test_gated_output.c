/* test_gated_output.c - Expect gates of what blocks give, and not of their change, to
 * compute, learn and cost what their definition says. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/model/plan.h"
#include "sim/core/model/spec_check.h"
#include "tests/memory_block.h"
#include "tests/variant.h"

enum { N_CASES = 66 };

/* Blocks that are routed each by itself. */
static struct model_spec case_blocks(const struct shape **shape,
                                     char what[CASE_NAME_SIZE], int i)
{
    static const enum pattern patterns[] = { PATTERN_ODD, PATTERN_ALL };
    static const struct shape deep = { 12, 2, 1, 6, 20, 17, 3, 2, 13 };

    *shape = &deep;
    struct model_spec spec = case_spec(&deep, (enum family)(i % FAMILY_COUNT),
                                       0.5, patterns[i % 2]);
    case_vary(&spec, i);
    snprintf(what, CASE_NAME_SIZE, "case %d: %s", i,
             family_names[spec_family(&spec)]);
    return spec;
}

/* Those, recursions that are chosen for one by one, and depths that are scored
 * ahead, with exits between them now and then. */
static struct model_spec case_output(const struct shape **shape,
                                     char what[CASE_NAME_SIZE], int i)
{
    static struct model_spec (*const make[])(
        const struct shape **, char[CASE_NAME_SIZE], int) = {
        case_blocks, case_nested, case_depths,
    };
    struct model_spec spec = make[i % 3](shape, what, i / 3);

    spec.gate = spec.depths              ? GATE_RAW
                : spec.gate == GATE_ONE ? GATE_SIGMOID : spec.gate;
    spec.gate_scale = i % 4 == 1 ? 0.1 : i % 4 == 2 ? 1.5 : 0.0;
    spec.gates_output = true;
    for (int32_t l = 0; l + 1 < spec.n_layers && i % 5 == 0; l++)
        spec.exit_weight[l] = spec_is_followed(&spec, l) ? 0.0 : 0.5;
    snprintf(what + strlen(what), CASE_NAME_SIZE - strlen(what), ", %s x %g of"
             " output", gate_names[spec.gate], spec.gate_scale);
    return spec;
}

static const struct variant output = {
    .make = case_output, .n = N_CASES, .policy = "threshold",
    .causal = "threshold", .cut = 0.1f, .numbers = 5, .cells = 9,
};

Test(gated_output, logits_are_those_in_double)
{
    variant_expect_logits(&output);
}

Test(gated_output, gradients_are_slopes_of_the_loss_in_double)
{
    variant_expect_slopes(&output);
}

Test(gated_output, any_number_of_threads_gives_the_same_bits)
{
    variant_expect_same_bits(&output, 5);
}

Test(gated_output, scoring_costs_what_is_predicted_token_by_token)
{
    variant_expect_scoring_cost(&output);
}

Test(gated_output, training_steps_cost_what_is_predicted_token_by_token)
{
    variant_expect_training_cost(&output);
}

Test(gated_output, decode_steps_say_and_cost_what_one_pass_does)
{
    variant_expect_decoding(&output);
}

/* Dense layers move the stream, and so does the gate after the last recursion. */
Test(gated_output, depths_are_gated_once_and_by_the_last)
{
    for (int i = 2; i < N_CASES; i += 12) {
        struct trial t;
        variant_open(&t, &output, i, false, 1);
        const struct plan plan = plan_of(&t.spec);
        const struct recursion *r = &t.spec.recursion;
        for (int32_t l = 0; l < t.spec.n_layers; l++) {
            cr_expect(plan.stage[l][0].begins == (l == r->first));
            cr_expect(plan.stage[l][0].ends == (l == r->last));
            cr_expect(plan_moves(&plan, l) == (l == r->last || l < r->first ||
                                               l > r->last));
        }
        model_close(t.model);
    }
}

Test(gated_output, the_predicted_block_is_the_one_taken)
{
    static const struct shape block = { 48, 3, 3, 16, 128, 256, 6, 2, 64 };

    for (int i = 0; i < 8; i++) {
        struct model_spec spec = case_spec(&block, contrasts[i % 2], 0.5,
                                           PATTERN_ALL);
        const bool train = i & 2;
        spec.nested = spec.depths = spec.gates_output = true;
        spec.gate = GATE_RAW;
        spec.recursion = (struct recursion){ 0, 5, i < 4 ? 2 : 3, 0 };
        for (int32_t l = 0; l < spec_span(&spec); l++)
            spec.capacity[l] = 1.0;
        const struct model_options options = { .n_sequences = 2,
            .n_tokens = 64, .train = train, .n_threads = 1 };
        struct model *m = case_model(&spec, &options, 1);
        const double has = (double)model_bytes(m);
        const double said = (double)memory_block_bytes(
            &spec, 2, 64, train ? MEMORY_TRAIN : MEMORY_FORWARD, 1);
        cr_expect(lt(dbl, fabs(said - has), 0.01 * has), "%.0f predicted, %.0f"
                  " taken", said, has);
        model_close(m);
    }
}

Test(gated_output, what_does_not_fit_is_refused_by_its_key)
{
    struct trial t;

    t.spec = case_output(&t.shape, t.what, 0);
    t.spec.gate = GATE_ONE;
    t.spec.gate_scale = 0.0;
    trial_expect_refused(&t.spec, "routing.gated output: gate one gates nothing;"
                         " allowed is change");
    t.spec = case_output(&t.shape, t.what, 0);
    t.spec.bypass_gated = true;
    trial_expect_refused(&t.spec, "routing.gated output: routing.bypass gated is"
                         " of a token that is g of the block and 1 - g of"
                         " itself; allowed is change");
    t.spec = case_output(&t.shape, t.what, 2);
    t.spec.gate = GATE_SIGMOID;
    trial_expect_refused(&t.spec, "routing.gated output: with routing.depths the"
                         " gate is the softmax itself, raw; allowed is change");
}
