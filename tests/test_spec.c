/* test_spec.c - Derive a shape, take its dense twin, and refuse it with the
 * rule it breaks. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <string.h>

#include "sim/core/model/spec.h"
#include "sim/core/model/spec_check.h"

static struct model_spec tiny(void)
{
    struct model_spec spec = {
        .traits = family_traits[FAMILY_LLAMA],
        .n_layers = 4, .n_channels = 64, .n_heads = 4,
        .n_kv_heads = 2, .head_size = 16, .n_ffn = 128, .n_vocab = 256,
        .max_tokens = 256, .gate = GATE_SIGMOID2, .router_scores = true,
        .router_trained = true,
    };
    spec.routed[1] = spec.routed[3] = true;
    spec.capacity[1] = spec.capacity[3] = 0.125;
    return spec;
}

Test(spec, widths_are_derived_from_heads_and_family)
{
    struct model_spec spec = tiny();

    cr_assert(eq(i32, spec_q(&spec), 64));
    cr_assert(eq(i32, spec_e(&spec), 32));
    cr_assert(eq(i32, spec_up(&spec), 256));
    spec.traits = family_traits[FAMILY_GPT2];
    cr_assert(eq(i32, spec_up(&spec), 128));
}

struct kept {
    double  capacity;
    int32_t n_tokens, kept;
};

/* ceil(c * T), between 1 and T; 0.1 * 30 is 3.0000000000000004 in binary. */
ParameterizedTestParameters(spec, a_routed_layer_keeps_its_share_rounded_up)
{
    static struct kept cases[] = {
        { 0.125, 256, 32 }, { 0.125, 1, 1 },    { 0.125, 9, 2 },
        { 0.1, 30, 3 },     { 1.0, 256, 256 },  { 0.0625, 15, 1 },
        { 0.5, 3, 2 },      { 0.001, 100, 1 },  { 0.7, 10, 7 },
    };
    return cr_make_param_array(struct kept, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct kept *k, spec,
                  a_routed_layer_keeps_its_share_rounded_up)
{
    struct model_spec spec = tiny();

    spec.capacity[1] = k->capacity;
    cr_assert(eq(i32, spec_kept(&spec, 1, k->n_tokens), k->kept));
    cr_assert(eq(i32, spec_kept(&spec, 0, k->n_tokens), k->n_tokens));
}

/* Decoding expects of the last token the share that a prefill keeps of all: of
 * 1e-9 one token, so 1 of 40; of 1/4 of 10 tokens 3. */
Test(spec, the_chance_of_a_token_is_the_share_that_is_kept)
{
    struct model_spec spec = tiny();

    spec.capacity[1] = 1e-9;
    cr_expect(eq(dbl, spec_chance(&spec, 1, 40), 1.0 / 40));
    spec.capacity[1] = 0.25;
    cr_expect(eq(dbl, spec_chance(&spec, 1, 10), 0.3));
    cr_expect(eq(dbl, spec_chance(&spec, 1, 40), 0.25));
}

/* c = 1/4 of 40 tokens are 10; with the first 8 besides, 8 and a quarter of 32;
 * with the first 8 of the 10, 2 of 32 are left. */
Test(spec, the_first_tokens_count_within_k_or_besides)
{
    struct model_spec spec = tiny();

    spec.capacity[1] = 0.25;
    spec.keep_first = 8;
    cr_expect(eq(i32, spec_kept(&spec, 1, 40), 10));
    cr_expect(eq(dbl, spec_chance(&spec, 1, 40), 2.0 / 32));
    cr_expect(eq(dbl, spec_chance(&spec, 1, 30), 0.0));     /* 8 are K */
    cr_expect(eq(dbl, spec_chance(&spec, 1, 8), 1.0));
    spec.first_besides = true;
    cr_expect(eq(i32, spec_kept(&spec, 1, 40), 16));
    cr_expect(eq(i32, spec_kept(&spec, 1, 8), 8));
    cr_expect(eq(i32, spec_kept(&spec, 1, 3), 3));
    cr_expect(eq(dbl, spec_chance(&spec, 1, 40), 0.25));
    cr_expect(eq(dbl, spec_chance(&spec, 1, 8), 1.0));
    spec = spec_dense(&spec);
    cr_expect(eq(i32, spec.keep_first, 0));
}

Test(spec, no_more_tokens_come_first_than_a_layer_keeps)
{
    struct model_spec spec = tiny();
    struct error err = { STATUS_OK, "" };

    spec.max_tokens = 64;
    spec.capacity[1] = 0.25;
    spec.capacity[3] = 0.5;
    spec.keep_first = 16;
    cr_expect(eq(int, spec_check(&spec, &err), STATUS_OK), "%s", err.text);
    spec.keep_first = 17;
    cr_expect(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "routing.keep_first 17: layer 1 keeps 16 of 64"
                     " tokens; allowed is 0 to 16") == err.text, "%s",
              err.text);
    spec.first_besides = true;
    cr_expect(eq(int, spec_check(&spec, &err), STATUS_OK), "%s", err.text);
}

Test(spec, the_dense_twin_routes_nothing_and_has_no_router)
{
    struct model_spec spec = tiny(), twin = spec_dense(&spec);

    cr_assert(eq(i32, spec_n_routed(&spec), 2));
    cr_assert(eq(i32, spec_n_routed(&twin), 0));
    cr_assert(not(twin.router_scores));
    cr_assert(eq(i32, spec_kept(&twin, 1, 256), 256));
    cr_assert(eq(i32, twin.n_channels, spec.n_channels));
}

Test(spec, a_sound_shape_passes)
{
    struct model_spec spec = tiny();
    struct error err;

    cr_assert(eq(int, spec_check(&spec, &err), STATUS_OK));
}

struct fault {
    size_t  offset;              /* of an int32_t */
    int32_t value;
    char    says[48];
};

ParameterizedTestParameters(spec, sizes_out_of_range_are_refused_by_name)
{
    static struct fault faults[] = {
        { offsetof(struct model_spec, n_layers), 0, "model.layers 0: allowed" },
        { offsetof(struct model_spec, n_layers), 257, "1 to 256" },
        { offsetof(struct model_spec, n_channels), -1, "model.channels -1" },
        { offsetof(struct model_spec, n_kv_heads), 3, "must divide" },
        { offsetof(struct model_spec, head_size), 15, "must be even" },
        { offsetof(struct model_spec, n_vocab), 1, "model.vocab 1" },
        { offsetof(struct model_spec, max_tokens), 0, "model.max_tokens 0" },
    };
    return cr_make_param_array(struct fault, faults,
                               sizeof faults / sizeof *faults);
}

ParameterizedTest(struct fault *f, spec, sizes_out_of_range_are_refused_by_name)
{
    struct model_spec spec = tiny();
    struct error err;

    memcpy((char *)&spec + f->offset, &f->value, sizeof f->value);
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
    cr_assert(ne(ptr, strstr(err.text, f->says), NULL), "%s", err.text);
}

Test(spec, a_capacity_is_a_share_of_tokens)
{
    struct model_spec spec = tiny();
    struct error err;

    spec.capacity[3] = 12.5;
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "routing.capacity 12.5 of layer 3: allowed is"
                               " (0, 1]; for 12.5% write 0.125");
    spec.capacity[3] = 0;
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
}

Test(spec, a_gate_on_the_score_needs_a_router)
{
    struct model_spec spec = tiny();
    struct error err;

    spec.router_scores = false;
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
    spec.gate = GATE_ONE;
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_OK));
    spec.bypass_gated = true;
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "routing.bypass gated: gate one is the factor 1"
                               " of kept and skipped tokens alike; allowed is"
                               " another routing.gate");
    spec.bypass_gated = false;
    spec.gate_scale = 0.5;
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
}

/* Gate, losses, detached; whether scores have a gradient, and all of them. */
Test(spec, scores_learn_from_gates_and_from_losses)
{
    static const struct {
        enum gate gate;
        bool bypass, detached;
        double aux, balance;
        bool learn, all;
    } rows[] = {
        { GATE_SIGMOID, false, false, 0, 0, true,  false },
        { GATE_SIGMOID, true,  false, 0, 0, true,  true },
        { GATE_SIGMOID, false, false, 1, 0, true,  true },
        { GATE_SIGMOID, true,  true,  0, 0, false, false },
        { GATE_ONE,     false, false, 0, 0, false, false },
        { GATE_ONE,     false, false, 1, 0, true,  true },
        { GATE_ONE,     false, false, 0, 1, true,  true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct model_spec spec = tiny();
        spec.gate = rows[i].gate;
        spec.bypass_gated = rows[i].bypass;
        spec.router_detached = rows[i].detached;
        spec.aux_loss = rows[i].aux;
        spec.balance_loss = rows[i].balance;
        cr_expect(spec_scores_learn(&spec) == rows[i].learn, "row %zu", i);
        cr_expect(spec_scores_all_learn(&spec) == rows[i].all, "row %zu", i);
    }
}

Test(spec, a_family_is_found_by_its_traits)
{
    struct model_spec spec = tiny();

    for (int f = 0; f < FAMILY_COUNT; f++) {
        spec.traits = family_traits[f];
        cr_expect(eq(int, spec_family(&spec), f), "%s", family_names[f]);
    }
}

Test(spec, traits_that_make_no_family_are_of_the_one_they_differ_from_in_least)
{
    struct model_spec spec = tiny();

    spec.traits = family_traits[FAMILY_GPT2];
    spec.traits.qk_norm = true;
    cr_expect(eq(int, spec_family(&spec), FAMILY_GPT2));
    spec.traits = family_traits[FAMILY_QWEN2];
    spec.traits.qk_norm = true;
    cr_expect(eq(int, spec_family(&spec), FAMILY_QWEN3));
    cr_expect(not(traits_equal(&spec.traits, &family_traits[FAMILY_QWEN3])));
    /* The three that configs set apart from their family's. */
    for (int f = 0; f < FAMILY_COUNT; f++) {
        static const enum activation_kind plain[] = {
            ACTIVATION_GELU, ACTIVATION_GELU_ERF, ACTIVATION_RELU };
        spec.traits = family_traits[f];
        for (int i = 0; i < 3 && !spec_gated(&spec); i++) {
            spec.traits.activation = plain[i];
            cr_expect(eq(int, spec_family(&spec), f), "%s", family_names[f]);
        }
    }
    spec.traits = family_traits[FAMILY_FALCON];
    spec.traits.parallel = PARALLEL_NORMS;
    cr_expect(eq(int, spec_family(&spec), FAMILY_FALCON));
    spec.traits = family_traits[FAMILY_GPT_NEOX];
    spec.traits.parallel = PARALLEL_NONE;
    cr_expect(eq(int, spec_family(&spec), FAMILY_GPT_NEOX));
    spec.traits = family_traits[FAMILY_STABLELM];
    spec.traits.parallel = PARALLEL_NORM;
    cr_expect(eq(int, spec_family(&spec), FAMILY_STABLELM));
    spec.traits = family_traits[FAMILY_LLAMA];
    spec.traits.norms = NORMS_AFTER;
    cr_expect(eq(int, spec_family(&spec), FAMILY_LLAMA));
}

Test(spec, two_rows_of_opts_positions_are_spare)
{
    struct model_spec spec = tiny();

    spec.max_tokens = 9;
    spec.traits = family_traits[FAMILY_OPT];
    cr_expect(eq(i32, spec_position_rows(&spec), 11));
    cr_expect(eq(i32, spec_first_position(&spec), 2));
    spec.traits = family_traits[FAMILY_GPT2];
    cr_expect(eq(i32, spec_position_rows(&spec), 9));
    cr_expect(eq(i32, spec_first_position(&spec), 0));
    spec.traits = family_traits[FAMILY_LLAMA];
    cr_expect(eq(i32, spec_position_rows(&spec), 0));
}

/* A scale for each number of each head, or of one for all. */
Test(spec, heads_of_layer_norm_have_scales_of_their_own)
{
    struct model_spec spec = tiny();

    spec.head_size = 6;
    spec.traits = family_traits[FAMILY_QWEN3];
    cr_expect(eq(i32, spec_head_norms(&spec, 4), 4));
    cr_expect(eq(i32, spec_head_scales(&spec, 4), 6));
    spec.traits = family_traits[FAMILY_OLMO2];
    cr_expect(eq(i32, spec_head_norms(&spec, 4), 1));
    cr_expect(eq(i32, spec_head_scales(&spec, 4), 24));
    spec.traits = family_traits[FAMILY_STABLELM];
    spec.traits.qk_norm = true;
    cr_expect(eq(i32, spec_head_norms(&spec, 4), 4));
    cr_expect(eq(i32, spec_head_scales(&spec, 4), 24));
}

struct stretch {
    enum family         family;
    struct rope_scaling scaling;
    char                says[64];        /* "": sound */
};

ParameterizedTestParameters(spec, rotary_frequencies_stretch_within_bounds)
{
#define LLAMA3(low, high, tokens)                                              \
    { .kind = ROPE_SCALING_LLAMA3, .factor = 8, .low_frequency = low,          \
      .high_frequency = high, .original_tokens = tokens }
    static struct stretch cases[] = {
        { FAMILY_LLAMA, { .kind = ROPE_SCALING_LINEAR, .factor = 1 }, "" },
        { FAMILY_LLAMA, LLAMA3(1, 4, 8192), "" },
        { FAMILY_LLAMA, { .kind = ROPE_SCALING_FACTORS }, "" },
        { FAMILY_LLAMA, { .kind = ROPE_SCALING_LINEAR, .factor = 0.5f },
          "model.rope_factor 0.5: allowed is 1" },
        { FAMILY_LLAMA, LLAMA3(0, 4, 8192),
          "model.rope_low_frequency 0: allowed is above 0" },
        { FAMILY_LLAMA, LLAMA3(4, 4, 8192),
          "model.rope_high_frequency 4: allowed is above" },
        { FAMILY_LLAMA, LLAMA3(1, 4, 0),
          "model.rope_original_tokens 0: allowed is 1" },
        { FAMILY_GPT2, { .kind = ROPE_SCALING_LINEAR, .factor = 2 },
          "model.rope_scaling linear: gpt2 has no rotary" },
    };
    return cr_make_param_array(struct stretch, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct stretch *s, spec,
                  rotary_frequencies_stretch_within_bounds)
{
    struct model_spec spec = tiny();
    struct error err = { STATUS_OK, "" };

    spec.traits = family_traits[s->family];
    spec.n_kv_heads = spec.n_heads;
    spec.rope_scaling = s->scaling;
    enum status status = spec_check(&spec, &err);
    cr_assert(eq(int, status, *s->says ? STATUS_BAD_VALUE : STATUS_OK));
    cr_assert(ne(ptr, strstr(err.text, s->says), NULL), "%s", err.text);
}

Test(spec, a_frozen_backbone_needs_routers_that_learn)
{
    struct model_spec spec = tiny(), broken;
    struct error err;

    spec.gate = GATE_SIGMOID2;
    spec.router_scores = spec.router_trained = spec.backbone_frozen = true;
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_OK), "%s", err.text);
    broken = spec;
    broken.router_trained = false;
    cr_expect(eq(int, spec_check(&broken, &err), STATUS_BAD_VALUE));
    broken = spec;
    broken.gate = GATE_ONE;
    cr_expect(eq(int, spec_check(&broken, &err), STATUS_BAD_VALUE));
    broken = spec;
    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        broken.routed[l] = false;
    cr_expect(eq(int, spec_check(&broken, &err), STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "train.freeze backbone: nothing is left to train,"
                               " as no block is routed");
    broken = spec_dense(&spec);
    cr_expect(eq(int, spec_check(&broken, &err), STATUS_OK));
}

Test(spec, gpt2_has_a_key_head_for_every_head)
{
    struct model_spec spec = tiny();
    struct error err;

    spec.traits = family_traits[FAMILY_GPT2];
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
    spec.n_kv_heads = spec.n_heads;
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_OK));
}

/* ---- routing without a trained router ---- */

struct rule {
    enum signal       signal;
    enum routed_part  part;
    enum skipped_keys keys;
    char pattern[8];             /* a '+' for every routed layer */
    char scores;                 /* t trained router, f frozen, '-' none */
    char says[64];               /* "": it is sound */
};

ParameterizedTestParameters(spec, routing_keeps_its_rules)
{
    static struct rule rules[] = {
        { SIGNAL_NORM, PART_BLOCK, SKIPPED_KEYS_ABSENT, "++++", '-', "" },
        { SIGNAL_CHANGE, PART_FFN, SKIPPED_KEYS_ABSENT, "++++", '-', "" },
        { SIGNAL_HASH, PART_ATTENTION, SKIPPED_KEYS_COMPUTED, "++++", '-',
          "" },
        { SIGNAL_NONE, PART_BLOCK, SKIPPED_KEYS_CARRIED, "-+++", '-', "" },
        { SIGNAL_NONE, PART_BLOCK, SKIPPED_KEYS_CARRIED, "+-+-", '-',
          "routing.skipped_keys carried: layer 0" },
        { SIGNAL_NONE, PART_FFN, SKIPPED_KEYS_COMPUTED, "-+-+", '-',
          "routing.skipped_keys computed: with routing.part ffn" },
        { SIGNAL_NONE, PART_FFN, SKIPPED_KEYS_CARRIED, "-+-+", '-',
          "routing.skipped_keys carried: with routing.part ffn" },
        /* received: the layer before attends over all tokens */
        { SIGNAL_RECEIVED, PART_BLOCK, SKIPPED_KEYS_ABSENT, "-+-+", '-', "" },
        { SIGNAL_RECEIVED, PART_FFN, SKIPPED_KEYS_ABSENT, "-+++", '-', "" },
        { SIGNAL_RECEIVED, PART_BLOCK, SKIPPED_KEYS_ABSENT, "+-+-", '-',
          "routing.blocks: layer 0" },
        { SIGNAL_RECEIVED, PART_BLOCK, SKIPPED_KEYS_COMPUTED, "-++-", '-',
          "routing.blocks: layer 2" },
        { SIGNAL_RECEIVED, PART_ATTENTION, SKIPPED_KEYS_ABSENT, "-+++", '-',
          "routing.blocks: layer 2" },
        /* apart: nobody receives for a part alone */
        { SIGNAL_CHANGE, PART_APART, SKIPPED_KEYS_COMPUTED, "++++", '-', "" },
        { SIGNAL_NONE, PART_APART, SKIPPED_KEYS_CARRIED, "-+++", '-', "" },
        { SIGNAL_NONE, PART_APART, SKIPPED_KEYS_CARRIED, "+-+-", '-',
          "routing.skipped_keys carried: layer 0" },
        { SIGNAL_NONE, PART_APART, SKIPPED_KEYS_ABSENT, "-+-+", 'f', "" },
        { SIGNAL_NONE, PART_APART, SKIPPED_KEYS_ABSENT, "-+-+", 't', "" },
        { SIGNAL_RECEIVED, PART_APART, SKIPPED_KEYS_ABSENT, "-+-+", '-',
          "routing.part apart: the attention received" },
        /* a router or a signal, not both */
        { SIGNAL_NORM, PART_BLOCK, SKIPPED_KEYS_ABSENT, "-+-+", 'f', "" },
        { SIGNAL_RECEIVED, PART_BLOCK, SKIPPED_KEYS_ABSENT, "-+-+", 'f',
          "routing.gate one: a model that goes by" },
        { SIGNAL_NONE, PART_BLOCK, SKIPPED_KEYS_ABSENT, "-+-+", 't', "" },
        { SIGNAL_NONE, PART_FFN, SKIPPED_KEYS_ABSENT, "-+-+", 't', "" },
        { SIGNAL_NONE, PART_BLOCK, SKIPPED_KEYS_COMPUTED, "-+-+", 't', "" },
        { SIGNAL_NONE, PART_FFN, SKIPPED_KEYS_ABSENT, "-+-+", 'f', "" },
        /* nothing is routed: nothing to keep */
        { SIGNAL_RECEIVED, PART_FFN, SKIPPED_KEYS_CARRIED, "----", 'f', "" },
    };
    return cr_make_param_array(struct rule, rules,
                               sizeof rules / sizeof *rules);
}

ParameterizedTest(struct rule *r, spec, routing_keeps_its_rules)
{
    struct model_spec spec = tiny();
    struct error err = { STATUS_OK, "" };

    spec.signal = r->signal;
    spec.part = r->part;
    spec.skipped_keys = r->keys;
    spec.router_scores = r->scores != '-';
    spec.router_trained = r->scores == 't';
    spec.gate = GATE_ONE;
    for (int32_t l = 0; l < 4; l++) {
        spec.routed[l] = r->pattern[l] == '+';
        spec.capacity[l] = 0.5;
    }
    cr_expect(eq(int, spec_check(&spec, &err),
                 *r->says ? STATUS_BAD_VALUE : STATUS_OK), "%s: %s", r->pattern,
              err.text);
    cr_expect(strstr(err.text, r->says) == err.text, "%s: %s", r->says,
              err.text);
}

Test(spec, a_gate_goes_by_a_router_whatever_chooses)
{
    struct model_spec spec = tiny();
    struct error err;

    spec.router_scores = spec.router_trained = false;
    spec.signal = SIGNAL_NORM;
    spec.gate = GATE_SIGMOID;
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "routing.gate sigmoid: needs a router, and this"
                               " model has none, so the gate must be one");
    spec.router_scores = true;
    cr_expect(eq(int, spec_check(&spec, &err), STATUS_OK));
    spec.router_drawn = true;
    cr_expect(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "routing.router: ") == err.text);
}

/* Of two rows and two experts, one a row, each expert takes one at most: chosen
 * alike, both fall on the same in half of all cases. */
Test(spec, entries_are_expected_of_what_experts_may_take)
{
    struct model_spec spec = { .experts = { .n = 2, .active = 1 } };

    cr_expect(epsilon_eq(dbl, spec_expert_share(&spec, 2), 1, 1e-12));
    cr_expect(epsilon_eq(dbl, spec_expert_any(&spec, 2), 1, 1e-12));
    spec.experts.capacity = 1;
    cr_expect(eq(i32, spec_expert_room(&spec, 2), 1));
    cr_expect(epsilon_eq(dbl, spec_expert_share(&spec, 2), 0.75, 1e-12));
    cr_expect(epsilon_eq(dbl, spec_expert_any(&spec, 2), 0.75, 1e-12));
    cr_expect(epsilon_eq(dbl, spec_expert_share(&spec, 1), 1, 1e-12));
    spec.experts = (struct experts){ .n = 3, .idle = 1, .active = 2 };
    cr_expect(epsilon_eq(dbl, spec_expert_share(&spec, 9), 1.5, 1e-12));
    cr_expect(eq(i32, spec_expert_room(&spec, 9), 9));
    spec.experts = (struct experts){ .n = 4, .active = 2, .capacity = 1.5,
                                     .rule = EXPERT_RULE_EXPERTS };
    /* ceil(7 * 2 / 4 * 1.5) = 6 of 7 */
    cr_expect(eq(i32, spec_expert_room(&spec, 7), 6));
    cr_expect(epsilon_eq(dbl, spec_expert_share(&spec, 7), 24.0 / 7, 1e-12));
    cr_expect(epsilon_eq(dbl, spec_expert_share(&spec, 1), 3, 1e-12));
    cr_expect(eq(u64, spec_expert_entries(&spec, 1, 7), 25));
}
