/* test_depths.c - Expect tokens that are given their depth ahead to pass through as
 * many recursions, and that choice to compute, learn and cost what its definition
 * says. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/config/model_config.h"
#include "sim/core/model/spec_check.h"
#include "tests/memory_block.h"
#include "tests/variant.h"

static const struct variant depths = {
    .make = case_depths, .n = N_DEPTH_CASES, .policy = "token_choice",
    .causal = "token_choice", .numbers = 5, .cells = 9,
};

Test(depths, logits_are_those_in_double)
{
    variant_expect_logits(&depths);
}

Test(depths, gradients_are_slopes_of_the_loss_in_double)
{
    variant_expect_slopes(&depths);
}

Test(depths, any_number_of_threads_gives_the_same_bits)
{
    variant_expect_same_bits(&depths, 5);
}

Test(depths, scoring_costs_what_is_predicted_token_by_token)
{
    variant_expect_scoring_cost(&depths);
}

Test(depths, training_steps_cost_what_is_predicted_token_by_token)
{
    variant_expect_training_cost(&depths);
}

Test(depths, decode_steps_say_and_cost_what_one_pass_does)
{
    variant_expect_decoding(&depths);
}

/* The scores of a token, from the weights: of the stream before any recursion,
 * which of a recursion from layer 0 on is the embedding. */
static int32_t deepest(const struct trial *t, const double *weights, int32_t r)
{
    const struct tensor_list *list = model_tensors(t->model);
    const int32_t c = t->spec.n_channels;
    const double *x = weights + tensor_find(list, -1, TENSOR_WTE)->offset +
                      t->ids[r] * c;
    double best = -INFINITY, size = 0;
    int32_t depth = 0;

    for (int32_t j = 0; j < c; j++)
        size += x[j] * x[j];
    for (int32_t i = 0; i < spec_depths(&t->spec); i++) {
        const struct tensor *of = tensor_find(list, i * spec_span(&t->spec),
                                              TENSOR_ROUTER);
        double score = 0;
        for (int32_t j = 0; j < c; j++)
            score += weights[of->offset + (size_t)j] * x[j] / sqrt(size / c);
        if (score > best)
            best = score, depth = i;
    }
    return depth;
}

static bool keeps(const struct allocation *a, int32_t choice, int32_t b,
                  int32_t t)
{
    bool found = false;

    for (int32_t i = 0; i < allocation_count(a, choice, b); i++)
        found |= allocation_kept(a, choice, b)[i] == t;
    return found;
}

Test(depths, a_token_passes_through_as_many_recursions_as_its_highest_score_says)
{
    int32_t of_depth[SPEC_MAX_LAYERS] = { 0 };

    for (int i = 0; i < N_DEPTH_CASES; i++) {
        struct trial t;
        double loss;
        variant_open(&t, &depths, i, false, 1);
        if (t.spec.recursion.first > 0 ||
            t.spec.traits.positions != POSITIONS_ROTARY ||
            t.spec.traits.norm != NORM_RMS) {
            model_close(t.model);
            continue;
        }
        double *weights = case_weights(t.model);
        model_forward(t.model, &t.input, NULL, &loss);
        for (int32_t r = 0; r < t.n; r++) {
            const int32_t n = t.shape->n_tokens;
            const int32_t depth = deepest(&t, weights, r);
            of_depth[depth]++;
            for (int32_t l = 0; l < t.spec.n_layers; l++)
                cr_expect(keeps(model_allocation(t.model), l, r / n, r % n) ==
                          (l / spec_span(&t.spec) <= depth), "%s", t.what);
        }
        free(weights);
        model_close(t.model);
    }
    for (int32_t d = 0; d < 3; d++)
        cr_expect(gt(int, of_depth[d], 20));
}

/* All tokens in every recursion, and no gate: nothing is routed. */
Test(depths, all_recursions_of_all_tokens_are_the_dense_model)
{
    for (int i = 0; i < N_DEPTH_CASES; i += 6) {
        struct trial all, dense;
        double loss[2];
        all.spec = case_depths(&all.shape, all.what, i);
        all.spec.gate = GATE_ONE;
        all.spec.gate_scale = 0.0;
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

/* Steps whose shares are held to capacities come nearer to them than others. */
static double off_after(double balance, int32_t steps)
{
    static struct trial t;
    double loss, off = 0;

    t.spec = case_depths(&t.shape, t.what, 2);
    t.spec.recursion = (struct recursion){ 0, 5, 3, 0 };
    for (int32_t l = 0; l < 6; l++) {
        const int32_t recursion = l / 2;
        t.spec.routed[l] = true;
        t.spec.capacity[l] = 1.0 - recursion / 3.0;
    }
    t.spec.gate = GATE_RAW;
    t.spec.balance_loss = balance;
    route_settle(&t.spec, case_policy("token_choice"), 0);
    trial_open(&t, true, 1);
    t.input.policy = case_policy("token_choice");
    for (int32_t s = 0; s < steps; s++) {
        struct update update = variant_update;
        update.learning_rate = 1e-2;
        update.step = s + 1;
        model_forward(t.model, &t.input, NULL, &loss);
        model_backward(t.model, NULL);
        model_update(t.model, &update, NULL);
    }
    for (int32_t l = 2; l < 6; l += 2)
        off += fabs(allocation_rows(model_allocation(t.model), l) /
                        (double)t.n - t.spec.capacity[l]);
    model_close(t.model);
    return off;
}

Test(depths, a_balance_loss_holds_shares_to_capacities)
{
    const double free = off_after(0, 60), held = off_after(20, 60);

    cr_expect(lt(dbl, held, 0.2));
    cr_expect(lt(dbl, held, free));
}

Test(depths, the_predicted_block_is_the_one_taken)
{
    static const struct shape block = { 48, 3, 3, 16, 128, 256, 6, 2, 64 };
    for (int i = 0; i < 8; i++) {
        struct model_spec spec = case_spec(&block, contrasts[i % 2], 0.5,
                                           PATTERN_ALL);
        const bool train = i & 2;
        spec.nested = spec.depths = true;
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

static enum status read_spec(struct model_spec *spec, const char *routing,
                             struct error *err)
{
    char text[160];
    snprintf(text, sizeof text, "routing={depths: true, %s}", routing);
    const struct config_setting settings[] = {
        { .text = "model={family: llama, layers: 8, channels: 16, heads: 2,"
                  " recursions: 3, recursion_first: 1, recursion_last: 6}" },
        { .text = text },
    };
    return model_config_load(spec, NULL, NULL, settings, 2, err);
}

Test(depths, what_does_not_fit_is_refused_by_its_key)
{
    static const struct { const char *routing, *says; } bad[] = {
        { "blocks: \"1,2,3,4,5,6\", capacity: [1, 1, 0.6, 0.6, 0.3, 0.3]",
          "with routing.nested" },
        { "nested: true, blocks: \"3,4,5,6\", capacity: 0.5", "routing.blocks" },
        { "nested: true, blocks: \"1,2,3,4,5,6\", capacity: 0.5",
          "routing.blocks" },
        { "nested: true, blocks: \"1,2,3,4,5,6\", z_loss: 0.1, capacity: [1, 1,"
          " 0.6, 0.6, 0.3, 0.3]", "routing.z_loss" },
        { "nested: true, blocks: \"1,2,3,4,5,6\", aux_loss: 0.1, capacity: [1,"
          " 1, 0.6, 0.6, 0.3, 0.3]", "routing.aux_loss" },
    };
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_expect(read_spec(&spec, "nested: true, blocks: \"1,2,3,4,5,6\", policy:"
                        " token_choice, gate: raw, capacity: [1, 1, 0.6, 0.6,"
                        " 0.3, 0.3]", &err) == STATUS_OK, "%s", err.text);
    cr_expect(eq(int, spec_depths(&spec), 3));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = (struct error){ STATUS_OK, "" };
        cr_expect(read_spec(&spec, bad[i].routing, &err) == STATUS_BAD_VALUE,
                  "%s", bad[i].routing);
        cr_expect(strstr(err.text, "routing.depths") &&
                  strstr(err.text, bad[i].says), "%s: %s", bad[i].routing,
                  err.text);
    }
}
