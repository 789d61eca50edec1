/* test_mode_refusals.c - Expect what exits, nested choices, depths, recursions and
 * experts cannot be together with to be refused in so many words. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "tests/trial.h"

static const struct shape deep = { 12, 2, 1, 6, 20, 17, 6, 2, 13 };

static struct model_spec leaving(void)
{
    return case_leaving(&deep, FAMILY_LLAMA, 0, 0.5);
}

/* One layer a span, run five times. */
static struct model_spec nested(void)
{
    struct model_spec spec = case_spec(&deep, FAMILY_LLAMA, 0.5, PATTERN_ALL);

    spec.recursion = (struct recursion){ 1, 5, 5, 0 };
    spec.routed[0] = false;
    spec.capacity[0] = 1.0;
    spec.nested = true;
    return spec;
}

static struct model_spec spans(void)
{
    struct model_spec spec = nested();

    spec.recursion = (struct recursion){ 0, 5, 3, 0 };
    spec.routed[0] = true;
    spec.capacity[0] = 0.5;
    return spec;
}

static struct model_spec depths(void)
{
    struct model_spec spec = nested();

    spec.depths = true;
    spec.capacity[1] = 1.0;
    return spec;
}

static struct model_spec lent(void)
{
    struct model_spec spec = nested();

    spec.recursion.keys = RECURSION_KEYS_SHARED;
    spec.routed[1] = false;
    spec.capacity[1] = 1.0;
    return spec;
}

static struct model_spec experts(void)
{
    struct model_spec spec = case_spec(&deep, FAMILY_LLAMA, 0.0, PATTERN_ALL);

    spec.experts = (struct experts){ .n = 4, .active = 2, .width = 8 };
    memset(spec.has_experts, true, sizeof spec.has_experts);
    return spec;
}

#define REFUSED(make, spoil, says)                                             \
    do {                                                                       \
        struct model_spec s = make();                                          \
        spoil;                                                                 \
        trial_expect_refused(&s, says);                                        \
    } while (0)

Test(mode_refusals, of_tokens_that_leave)
{
    REFUSED(leaving, s.part = PART_FFN, "routing.policy confidence: whole"
            " blocks, gate one, and keys of skipped tokens computed");
    REFUSED(leaving, s.confidence = 0, "routing.confidence 0: allowed is above"
            " 0, to 1");
    REFUSED(leaving, s.routed[5] = false, "routing.policy confidence: layer 5"
            " is not routed; all after the first exit are, and no other");
}

Test(mode_refusals, of_nested_choices)
{
    REFUSED(nested, s.part = PART_ATTENTION, "routing.nested: not with"
            " routing.part; allowed are part block, skipped_keys absent and a"
            " policy that goes by a router");
    REFUSED(nested, s.skipped_keys = SKIPPED_KEYS_COMPUTED, "routing.nested:"
            " not with routing.skipped_keys; allowed are");
    REFUSED(nested, s.signal = SIGNAL_NORM, "routing.nested: not with the"
            " policy; allowed are");
    REFUSED(spans, s.n_predictor = 4, "routing.nested: spans of more than a"
            " layer are routed without routing.predictor, routing.bypass gated"
            " and train.freeze backbone");
    REFUSED(spans, s.routed[3] = false, "routing.nested: layer 3 is of one span"
            " with layer 2, and is routed otherwise");
}

Test(mode_refusals, of_depths)
{
    REFUSED(depths, s.nested = false, "routing.depths: of model.recursions,"
            " with routing.nested");
    REFUSED(depths, s.n_predictor = 4, "routing.depths: not with"
            " routing.predictor");
    REFUSED(depths, s.bypass_gated = true, "routing.depths: not with"
            " routing.bypass gated");
    REFUSED(depths, s.backbone_frozen = true, "routing.depths: not with"
            " train.freeze backbone");
    REFUSED(depths, { s.router_drawn = s.router_detached = true;
                      s.router_trained = false; },
            "routing.depths: not with routing.router drawn");
    REFUSED(depths, s.capacity[1] = 0.5, "routing.depths: layer 1:"
            " routing.blocks are those of the recursions, 1 to 5, the first of"
            " capacity 1");
}

Test(mode_refusals, of_recursions_and_their_keys)
{
    REFUSED(lent, s.backbone_frozen = true, "model.recursion_keys shared: not"
            " with train.freeze backbone");
    REFUSED(lent, { s.window = 5; s.windowed[1] = true; },
            "model.recursion_keys shared: layer 1 attends to the last 5"
            " tokens");
    REFUSED(lent, { s.routed[1] = true; s.capacity[1] = 0.5; },
            "model.recursion_keys shared: layer 1, of the first recursion, is"
            " routed, and has keys of some tokens alone");
    REFUSED(lent, s.recursion.times = 1, "model.recursion_keys shared: of"
            " model.recursions above 1");
    REFUSED(nested, s.recursion.last = 4, "model.recursions 5: layers 1 to 4"
            " are no 5 spans of equal length within the model's 6 layers");
    REFUSED(nested, s.latent = ((struct latent){ .kv = 8, .rotary = 2,
                                                 .value = 6 }),
            "model.recursions 5: not known of latent attention; allowed is 1");
}

Test(mode_refusals, of_experts)
{
    REFUSED(experts, s.experts.capacity = -1, "model.expert_capacity -1:"
            " allowed is 0 to ");
    REFUSED(experts, s.experts.balance_loss = -1, "model.expert_balance_loss"
            " -1: allowed is 0 to ");
    REFUSED(experts, s.experts.z_loss = -1, "model.expert_z_loss -1: allowed is"
            " 0 to ");
    REFUSED(experts, { s.experts.rule = EXPERT_RULE_EXPERTS;
                       s.experts.idle = 2; },
            "model.idle_experts 2: with model.expert_rule expert_choice they"
            " would choose tokens to do nothing with; allowed is 0");
    REFUSED(experts, { s.experts.rule = EXPERT_RULE_EXPERTS;
                       s.experts.normalised = true; },
            "model.expert_rule expert_choice: has no weights that sum to 1 and"
            " nothing to balance");
    REFUSED(experts, s.stored_embedding = NUMBER_BF16, "weights kept as stored:"
            " not known of a mixture of experts; allowed is float32");
}

static void expect_unopened(struct model_spec spec, int32_t n_sequences,
                            int32_t n_verified, const char *says)
{
    const struct model_options options = {
        .n_sequences = n_sequences, .n_tokens = 13, .decode = true,
        .n_verified = n_verified, .n_threads = 1 };
    struct model *m = NULL;
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, model_open(&m, &spec, &options, &err),
                 STATUS_BAD_VALUE));
    cr_expect(eq(str, err.text, (char *)says));
}

Test(mode_refusals, of_drafts)
{
    static const char *const of = "drafts: of models that route nothing, without"
        " windows, experts and keys that recursions share";

    expect_unopened(experts(), 1, 3, of);
    expect_unopened(nested(), 1, 3, of);
    expect_unopened(experts(), 2, 3, "3 tokens verified at once: allowed is up"
                    " to a forward's 13, of one sequence that is decoded");
}
