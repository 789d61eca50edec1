/* test_nested.c - Expect tokens that leave a recursion to stay away, and spans that
 * are routed as one to compute, learn and cost what their definition says. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/config/model_config.h"
#include "sim/core/model/plan.h"
#include "sim/core/model/spec_check.h"
#include "tests/memory_block.h"
#include "tests/variant.h"

static const struct variant nested = {
    .make = case_nested, .n = N_NESTED_CASES, .policy = "expert_choice",
    .causal = "threshold", .cut = 0.1f, .numbers = 5, .cells = 9,
};

static void open_trial(struct trial *t, int i, bool train)
{
    variant_open(t, &nested, i, train, 2);
}

Test(nested, logits_are_those_in_double)
{
    variant_expect_logits(&nested);
}

Test(nested, gradients_are_slopes_of_the_loss_in_double)
{
    variant_expect_slopes(&nested);
}

Test(nested, any_number_of_threads_gives_the_same_bits)
{
    variant_expect_same_bits(&nested, 5);
}

Test(nested, scoring_costs_what_is_predicted_token_by_token)
{
    variant_expect_scoring_cost(&nested);
}

Test(nested, training_steps_cost_what_is_predicted_token_by_token)
{
    variant_expect_training_cost(&nested);
}

/* By the trained cut. */
Test(nested, decode_steps_say_and_cost_what_one_pass_does)
{
    variant_expect_decoding(&nested);
}

static bool keeps(const struct allocation *a, int32_t choice, int32_t b,
                  int32_t t)
{
    const int32_t *kept = allocation_kept(a, choice, b);
    bool found = false;

    for (int32_t i = 0; i < allocation_count(a, choice, b); i++)
        found |= kept[i] == t;
    return found;
}

/* Who is not in the layer before is not in this one; and top-k keeps its k. */
static void expect_nested(const struct trial *t, const struct allocation *a,
                          bool k)
{
    for (int32_t l = 0; l < t->spec.n_layers; l++)
        for (int32_t b = 0; b < t->shape->n_sequences && t->spec.routed[l];
             b++) {
            const int32_t n = allocation_count(a, l, b);
            if (k)
                cr_expect(eq(int, n, spec_kept(&t->spec, l,
                                               t->shape->n_tokens)), "%s",
                          t->what);
            for (int32_t i = 0; i < n && l > 0; i++)
                cr_expect(keeps(a, l - 1, b, allocation_kept(a, l, b)[i]),
                          "%s", t->what);
            if (spec_follows(&t->spec, l))
                cr_expect(eq(int, n, allocation_count(a, l - 1, b)));
        }
}

/* Those that top-k leaves are the highest of those that were there. */
static void expect_highest(const struct trial *t, const struct allocation *a,
                           const float *score)
{
    for (int32_t l = 1; l < t->spec.n_layers; l++)
        for (int32_t r = 0; r < t->n && t->spec.routed[l]; r++) {
            const int32_t T = t->shape->n_tokens, b = r / T;
            for (int32_t o = b * T; o < (b + 1) * T; o++)
                if (keeps(a, l - 1, b, r % T) && keeps(a, l, b, o % T) &&
                    !keeps(a, l, b, r % T))
                    cr_expect(ge(flt, score[l * t->n + o],
                                 score[l * t->n + r]), "%s", t->what);
        }
}

Test(nested, who_left_stays_away)
{
    static const char *const policies[] = { "expert_choice", "threshold",
                                            "token_choice" };
    for (int i = 0; i < 3 * N_NESTED_CASES; i++) {
        struct trial t;
        double loss;
        open_trial(&t, i / 3, false);
        float *score = calloc((size_t)(t.spec.n_layers * t.n), sizeof *score);
        t.input.policy = case_policy(policies[i % 3]);
        t.input.scores = score;
        for (int32_t l = 0; l < t.spec.n_layers; l++)
            model_thresholds(t.model)[l] = -0.1f;
        model_forward(t.model, &t.input, NULL, &loss);
        expect_nested(&t, model_allocation(t.model), i % 3 == 0);
        if (i % 3 == 0)
            expect_highest(&t, model_allocation(t.model), score);
        free(score);
        model_close(t.model);
    }
}

/* All tokens in every recursion, and no gate: nothing is routed. */
Test(nested, a_gate_of_one_on_all_tokens_is_the_dense_model)
{
    for (int i = 0; i < N_NESTED_CASES; i += 3) {
        struct trial all, dense;
        double loss[2];
        all.spec = case_nested(&all.shape, all.what, i);
        all.spec.gate = GATE_ONE;
        for (int32_t l = 0; l < all.spec.n_layers; l++)
            all.spec.capacity[l] = 1.0;
        dense = all;
        dense.spec = spec_dense(&all.spec);
        trial_open(&all, false, 1);
        trial_open(&dense, false, 1);
        model_forward(all.model, &all.input, NULL, &loss[0]);
        model_forward(dense.model, &dense.input, NULL, &loss[1]);
        cr_expect(memcmp(model_logits(all.model), model_logits(dense.model),
                         (size_t)(all.n * all.spec.n_vocab) *
                             sizeof(float)) == 0, "%s", all.what);
        model_close(dense.model);
        model_close(all.model);
    }
}

Test(nested, the_predicted_block_is_the_one_taken)
{
    static const struct shape block = { 48, 3, 3, 16, 128, 256, 6, 2, 64 };
    for (int i = 0; i < 8; i++) {
        struct model_spec spec = case_spec(&block, contrasts[i % 2], 0.5,
                                           PATTERN_ALL);
        const bool train = i & 2;
        spec.nested = true;
        spec.recursion = (struct recursion){ 0, 5, i < 4 ? 2 : 3, 0 };
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

/* A router for each recursion that chooses, and none for layers that follow. */
Test(nested, a_span_has_one_router)
{
    struct trial t;
    int32_t routers = 0;

    open_trial(&t, 3, false);       /* three spans of two, the first whole */
    for (int32_t l = 0; l < t.spec.n_layers; l++)
        routers += tensor_find(model_tensors(t.model), l, TENSOR_ROUTER) != NULL;
    cr_expect(eq(int, spec_n_routed(&t.spec), 4));
    cr_expect(eq(int, routers, 2));
    cr_expect(eq(int, plan_n_made_anew(&t.spec), 2));
    model_close(t.model);
}

/* ---- what is said of it ---- */

static enum status read_spec(struct model_spec *spec, const char *model,
                             const char *routing, struct error *err)
{
    char text[2][160];
    snprintf(text[0], sizeof *text, "model={family: llama, layers: 8, channels:"
             " 16, heads: 2, %s}", model);
    snprintf(text[1], sizeof *text, "routing={nested: true, %s}", routing);
    const struct config_setting settings[] = { { .text = text[0] },
                                               { .text = text[1] } };
    return model_config_load(spec, NULL, NULL, settings, 2, err);
}

static const char middle[] = "recursions: 3, recursion_first: 1,"
                             " recursion_last: 6";

Test(nested, keys_say_how_many_recur)
{
    struct model_spec spec;
    struct error err;

    cr_assert(read_spec(&spec, middle, "blocks: \"3,4,5,6\", capacity: [0.67,"
                        " 0.67, 0.33, 0.33]", &err) == STATUS_OK, "%s",
              err.text);
    static const bool follows[] = { false, false, false, false, true, false,
                                    true, false };
    for (int32_t l = 0; l < 8; l++)
        cr_expect(spec_follows(&spec, l) == follows[l]);
    const struct plan plan = plan_of(&spec);
    cr_expect(plan.stage[3][0].gathers && !plan.stage[3][0].gated);
    cr_expect(plan.stage[4][0].gated && !plan.stage[4][0].gathers);
}

Test(nested, what_does_not_fit_is_refused_by_its_key)
{
    static const struct { const char *routing, *says; } bad[] = {
        { "blocks: \"3,5\", capacity: 0.5", "routing.nested: layer" },
        { "blocks: \"3,4\", capacity: [0.5, 0.4]", "routing.nested: layer" },
        { "blocks: \"3,4\", capacity: 0.5, policy: random", "routing.policy" },
        { "blocks: \"3,4\", capacity: 0.5, policy: running_quantile",
          "routing.policy" },
        { "blocks: \"3,4\", capacity: 0.5, part: ffn", "routing.nested" },
        { "blocks: \"3,4\", capacity: 0.5, skipped_keys: carried",
          "routing.nested" },
        { "blocks: \"3,4\", capacity: 0.5, predictor: 8", "routing.nested" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        cr_expect(read_spec(&spec, middle, bad[i].routing, &err) ==
                  STATUS_BAD_VALUE, "%s", bad[i].routing);
        cr_expect(strstr(err.text, bad[i].says) != NULL, "%s: %s",
                  bad[i].routing, err.text);
    }
}

/* ---- what a run says of who recursed how often ---- */

Test(nested, a_token_that_left_has_no_score_to_be_asked_by)
{
    struct trial t;
    double loss;
    int32_t asked = 0;

    open_trial(&t, 3, false);
    float *score = calloc((size_t)(t.spec.n_layers * t.n), sizeof *score);
    t.input.scores = score;
    model_forward(t.model, &t.input, NULL, &loss);
    for (int32_t l = 1; l < t.spec.n_layers; l++)
        for (int32_t r = 0; r < t.n && t.spec.routed[l]; r++) {
            const bool there = keeps(model_allocation(t.model), l - 1,
                                     r / t.shape->n_tokens,
                                     r % t.shape->n_tokens);
            cr_expect(there == (isfinite(score[l * t.n + r]) != 0));
            asked += there;
        }
    cr_expect(gt(int, asked, 0));
    free(score);
    model_close(t.model);
}
