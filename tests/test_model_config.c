/* test_model_config.c - Make a whole shape from a few keys. */
#include <glob.h>
#include <string.h>

#include "sim/core/model/plan.h"
#include "sim/core/model/route.h"
#include "tests/config_text.h"

static const char tiny_gpt2[] =
    "model: {family: gpt2, layers: 4, channels: 64, heads: 2}\n";

Test(model_config, works_out_what_a_llama_leaves_open)
{
    struct model_spec spec = spec_of(tiny_llama, NULL);

    cr_assert(eq(int, spec_family(&spec), FAMILY_LLAMA));
    cr_assert(eq(i32, spec.n_layers, 6));
    cr_assert(eq(i32, spec.head_size, 16));       /* 48 / 3 */
    cr_assert(eq(i32, spec.n_kv_heads, 3));
    cr_assert(eq(i32, spec.n_ffn, 128));          /* 8/3 * 48 */
    cr_assert(eq(i32, spec.n_vocab, 256));
    cr_assert(eq(i32, spec.max_tokens, 512));
    cr_assert(spec.tied_head);
    cr_assert(eq(flt, spec.norm_epsilon, 1e-5f));
    cr_assert(eq(flt, spec.rope_theta, 10000.0f));
    cr_assert(eq(i32, spec_n_routed(&spec), 0));
    cr_assert(not(spec.router_scores));
}

Test(model_config, works_out_what_a_gpt2_leaves_open)
{
    struct model_spec spec = spec_of(tiny_gpt2, NULL);

    cr_assert(eq(int, spec_family(&spec), FAMILY_GPT2));
    cr_assert(eq(i32, spec.head_size, 32));       /* 64 / 2 */
    cr_assert(eq(i32, spec.n_ffn, 256));          /* 4 * 64 */
}

Test(model_config, rounds_the_feed_forward_of_a_llama_up_to_16)
{
    /* 8/3 * 64 = 170.7 -> 176; 8/3 * 40 = 106.7 -> 112; 8/3 * 24 = 64. */
    struct model_spec wide = spec_of(tiny_llama, SET("model.channels=64",
                                                     "model.heads=4"));
    struct model_spec middle = spec_of(tiny_llama, SET("model.channels=40",
                                                       "model.heads=2"));
    struct model_spec narrow = spec_of(tiny_llama, SET("model.channels=24"
                                                       , "model.heads=1"));
    cr_assert(eq(i32, wide.n_ffn, 176));
    cr_assert(eq(i32, middle.n_ffn, 112));
    cr_assert(eq(i32, narrow.n_ffn, 64));
}

Test(model_config, takes_what_is_stated)
{
    struct model_spec spec = spec_of(tiny_llama, SET("model.kv_heads=1",
        "model.head_size=32", "model.ffn=100", "model.tied_head=false"));

    cr_assert(eq(i32, spec.n_kv_heads, 1));
    cr_assert(eq(i32, spec_q(&spec), 96));
    cr_assert(eq(i32, spec.n_ffn, 100));
    cr_assert(not(spec.tied_head));
}

/* "dense layers as -, routed as +" */
static const char *pattern(const char *blocks, char *out)
{
    char setting[64];
    snprintf(setting, sizeof setting, "routing.blocks=%s", blocks);
    struct model_spec spec = spec_of(tiny_llama,
                                     SET(setting, "routing.capacity=0.5"));
    for (int32_t l = 0; l < spec.n_layers; l++)
        out[l] = spec.routed[l] ? '+' : '-';
    out[spec.n_layers] = '\0';
    return out;
}

Test(model_config, knows_patterns_and_lists_of_blocks)
{
    char out[8];
    cr_expect_str_eq(pattern("none", out), "------");
    cr_expect_str_eq(pattern("every", out), "++++++");
    cr_expect_str_eq(pattern("every-other", out), "-+-+-+");
    cr_expect_str_eq(pattern("3", out), "---+--");
    cr_expect_str_eq(pattern("0,2,5", out), "+-+--+");
    cr_expect_str_eq(pattern("1, 4", out), "-+--+-");
}

Test(model_config, routes_every_other_block_once_capacity_says_so)
{
    struct model_spec spec = spec_of(tiny_llama, SET("routing.capacity=0.125"));

    cr_assert(eq(i32, spec_n_routed(&spec), 3));
    cr_assert(eq(dbl, spec.capacity[1], 0.125));
    cr_assert(eq(dbl, spec.capacity[0], 1.0));
    cr_assert(eq(int, spec.gate, GATE_SIGMOID2));
    cr_assert(eq(int, spec.router_input, ROUTER_INPUT_NORMALISED));
    cr_assert(spec.router_scores);
    cr_assert(spec.router_trained);
}

Test(model_config, takes_a_capacity_per_block_and_routes_nothing_at_1)
{
    struct model_spec spec = spec_of(tiny_llama,
        SET("routing.capacity=[0.5, 1, 0.25]"));

    cr_assert(eq(i32, spec_n_routed(&spec), 2));
    cr_assert(eq(dbl, spec.capacity[1], 0.5));
    cr_assert(not(spec.routed[3]));
    cr_assert(eq(dbl, spec.capacity[5], 0.25));
}

Test(model_config, keeps_no_router_where_nobody_asks_it)
{
    struct model_spec spec = spec_of(tiny_llama, SET("routing.capacity=0.5",
        "routing.policy=random", "routing.gate=one"));
    cr_assert(eq(i32, spec_n_routed(&spec), 3));
    cr_assert(not(spec.router_scores));
    cr_assert(not(spec.router_trained));
}

Test(model_config, freezes_a_router_on_demand_and_under_gate_one)
{
    struct model_spec frozen = spec_of(tiny_llama, SET("routing.capacity=0.5",
                                                       "routing.router=frozen"));
    struct model_spec one = spec_of(tiny_llama, SET("routing.capacity=0.5",
                                                    "routing.gate=one"));
    struct model_spec detached = spec_of(tiny_llama, SET(
        "routing.capacity=0.5", "routing.router=frozen_detached"));
    cr_assert(frozen.router_scores && !frozen.router_trained);
    cr_assert(not(frozen.router_detached || one.router_detached));
    cr_assert(detached.router_detached && !detached.router_trained);
    cr_assert(one.router_scores && !one.router_trained);
}

static enum status check_training(const char *const *settings,
                                  struct error *err)
{
    struct model_config config;
    struct model_spec spec;

    cr_assert(eq(int, load(&spec, &config, tiny_llama, settings, err),
                 STATUS_OK), "%s", err->text);
    return model_config_check_training(&config, &spec, err);
}

/* Losses of their own train routers behind gate one; z_loss alone says nothing
 * of whom to choose. */
Test(model_config, refuses_a_router_that_nothing_trains)
{
    static const struct { const char *set; bool trained; } rows[] = {
        { "routing={capacity: 0.5, gate: one}", false },
        { "routing={capacity: 0.5, gate: one, aux_loss: 0.1}", true },
        { "routing={capacity: 0.5, gate: one, policy: token_choice,"
          " balance_loss: 1, z_loss: 0.1}", true },
        { "routing={capacity: 0.5, gate: one, policy: token_choice}", false },
    };
    struct error err;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct model_spec spec = spec_of(tiny_llama, SET(rows[i].set));
        cr_expect(spec.router_trained == rows[i].trained, "%s", rows[i].set);
        cr_expect(eq(int, check_training(SET(rows[i].set), &err),
                     rows[i].trained ? STATUS_OK : STATUS_BAD_VALUE));
        if (!rows[i].trained)
            cr_expect(strstr(err.text, "routing.gate one: the text's loss has no"
                             " gradient in the scores") == err.text, "%s",
                      err.text);
    }
}

Test(model_config, scales_gates_and_gates_bypasses)
{
    struct model_spec spec = spec_of(tiny_llama, SET(
        "routing={capacity: 0.5, gate: tanh, gate_scale: 0.2,"
        " bypass: gated}"));
    cr_expect(eq(dbl, spec.gate_scale, 0.2));
    cr_expect(spec.bypass_gated);
    spec = spec_of(tiny_llama, SET("routing={capacity: 0.5, gate_scale: 1}"));
    cr_expect(eq(dbl, spec.gate_scale, 0));
    cr_expect(not(spec.bypass_gated));
    cr_expect(not(spec.gates_output));
    spec = spec_of(tiny_llama, SET("routing={capacity: 0.5, gated: output}"));
    cr_expect(spec.gates_output);
    spec = spec_of(tiny_llama, SET("routing={capacity: 1, gated: output}"));
    cr_expect(not(spec.gates_output));
}

Test(model_config, routes_nothing_under_the_dense_policy)
{
    struct model_spec spec = spec_of(tiny_llama, SET("routing.capacity=0.5",
                                                     "routing.policy=dense"));
    cr_assert(eq(i32, spec_n_routed(&spec), 0));
    cr_assert(not(spec.router_scores));
}

/* A mistake on top of tiny_llama, and the message with its place. */
static const struct refusal { const char *setting[2], *words; } refusals[] = {
    { { "model.heads=5" }, "--set: model.heads 5: must divide model.channels"
                           " 48" },
    { { "model.kv_heads=2" }, "--set: model.kv_heads 2: must divide" },
    { { "model.head_size=15" }, "--set: model.head_size 15: RoPE" },
    { { "model.layers=0" }, "model.layers 0: allowed is" },
    { { "model.layers=257" }, "model.layers 257: allowed is" },
    { { "model.family=mamba" }, "gpt2, llama" },
    { { "model.chanels=3" }, "did you mean 'model.channels'?" },
    { { "routing.policy=topk" }, "expert_choice" },
    { { "routing.gate=softmax" }, "2*sigmoid" },
    { { "routing.capacity=0" }, "--set: routing.capacity 0: allowed is (0, 1]" },
    { { "routing.capacity=12.5" }, "for 12.5 % write 0.125" },
    /* Not "1: allowed is (0, 1]". */
    { { "routing.capacity=1.0000001" }, "routing.capacity 1.0000001: allowed" },
    { { "routing.capacity=-0.5" }, "--set: routing.capacity -0.5" },
    { { "routing.capacity=[0.5, 0.5]" },
      "--set: routing.capacity: 2 numbers for 3 routed blocks" },
    { { "routing.blocks=6" },
      "--set: routing.blocks: layer 6: this model has layers 0 to 5" },
    { { "routing.blocks=99999999999999999999" }, "has layers 0 to 5" },
    { { "routing.blocks=odd" }, "allowed is none, every, every-other" },
    { { "routing.blocks=1,,3" }, "allowed is none, every, every-other" },
    { { "routing.blocks=1," }, "allowed is none, every, every-other" },
    { { "routing.blocks=-1" }, "allowed is none, every, every-other" },
    { { "routing.blocks=1 3" }, "parted by commas" },
    { { "routing.blocks=3,1" }, "must ascend" },
    { { "routing.blocks=1,1" }, "must ascend" },
    { { "model.layers=1", "routing.capacity=0.5" },
      "routing.blocks every-other: names none of 1 layers" },
    { { "routing.threshold_decay=1" }, "routing.threshold_decay 1: allowed" },
};

Test(model_config, refuses_every_mistake_in_words)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *r = &refusals[i];
        struct error err = { STATUS_OK, "" };
        struct model_spec spec;

        cr_expect(eq(int, load(&spec, NULL, tiny_llama,
                               SET(r->setting[0], r->setting[1]), &err),
                     STATUS_BAD_VALUE), "%s", r->setting[0]);
        cr_expect(strstr(err.text, r->words) != NULL, "%s: %s", r->setting[0],
                  err.text);
    }
}

Test(model_config, points_at_the_line_that_is_wrong)
{
    struct model_spec spec;
    struct error err;

    cr_assert(eq(int, load(&spec, NULL,
        "model:\n"
        "  family: llama\n"
        "  layers: 4\n"
        "  channels: 32\n"
        "  heads: 2\n"
        "routing:\n"
        "  capacity: 0.5\n"
        "  blocks: 1,7\n", NULL, &err), STATUS_BAD_VALUE));
    cr_assert(strstr(err.text, "m.yaml:8:11: routing.blocks: layer 7") != NULL,
              "%s", err.text);
}

Test(model_config, wants_the_sizes_that_nothing_implies)
{
    struct model_spec spec;
    struct error err;

    cr_assert(eq(int, load(&spec, NULL, "model: {family: gpt2, layers: 2,"
                           " heads: 2}\n", NULL, &err), STATUS_BAD_VALUE));
    cr_assert(strstr(err.text, "model.channels") != NULL, "%s", err.text);
}

/* Four routed blocks of eight: falling 1 + cos(pi x) / 2 is 3/2, 5/4, 3/4, 1/2,
 * whose mean is 1; u: 3/2, 11/18, 11/18, 3/2, whose mean is 19/18. */
Test(model_config, spreads_a_capacity_over_blocks)
{
    static const struct { const char *name; double c[4]; } want[] = {
        { "routing.capacity_schedule=constant", { .2, .2, .2, .2 } },
        { "routing.capacity_schedule=falling", { .3, .25, .15, .1 } },
        { "routing.capacity_schedule=u",
          { .3 * 18 / 19, 2.2 / 19, 2.2 / 19, .3 * 18 / 19 } },
        { "routing.capacity_schedule=late", { 1, 1, .2, .2 } },
    };
    struct error err;

    for (int i = 0; i < 4; i++) {
        struct model_spec spec = spec_of(tiny_llama, SET(
            "model.layers=8", "routing.capacity=0.2", want[i].name));
        for (int b = 0; b < 4; b++) {
            cr_expect(ieee_ulp_eq(dbl, spec.capacity[2 * b + 1], want[i].c[b],
                                  8), "%s: %g", want[i].name,
                      spec.capacity[2 * b + 1]);
            cr_expect(eq(int, spec.routed[2 * b + 1], want[i].c[b] < 1));
        }
    }
    struct model_spec spec;
    cr_expect(eq(int, load(&spec, NULL, tiny_llama,
                           SET("routing.capacity=0.9",
                               "routing.capacity_schedule=falling"), &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "capacity 0.9 makes 1.35 in a block") != NULL,
              "%s", err.text);
}

Test(model_config, hands_back_the_keys_it_read)
{
    struct model_config config;
    struct model_spec spec;

    cr_assert(eq(int, load(&spec, &config, tiny_llama,
                           SET("routing.threshold_decay=0.9"), NULL),
                 STATUS_OK));
    cr_assert(eq(dbl, config.threshold_decay, 0.9));
    cr_assert_str_eq(model_config_policies[config.policy], "expert_choice");
}

Test(model_config, lists_every_policy_but_those_that_training_makes)
{
    static const char *const rules[] = { "sigmoid", "predictor" };
    enum { N_RULES = sizeof rules / sizeof *rules };
    int listed = 0, known = 0;

    for (const char *const *name = model_config_policies; *name; name++) {
        cr_expect(route_find(*name) != NULL, "%s", *name);
        for (int i = 0; i < N_RULES; i++)
            cr_expect(strcmp(*name, rules[i]) != 0);
        listed++;
    }
    for (const struct route_policy *p = route_policies; p->name; p++)
        known++;
    cr_assert(eq(int, listed, known - N_RULES));
}

Test(model_config, routers_get_losses_only_where_they_learn)
{
    struct model_spec spec = spec_of(tiny_llama, SET(
        "routing={capacity: 0.5, aux_loss: 0.1, z_loss: 0.01}"));
    cr_expect(eq(dbl, spec.aux_loss, 0.1));
    cr_expect(eq(dbl, spec.z_loss, 0.01));
    spec = spec_of(tiny_llama, SET("routing.aux_loss=0.1"));
    cr_expect(eq(dbl, spec.aux_loss, 0));         /* nothing is routed */
}

Test(model_config, sets_signals_parts_and_keys)
{
    struct model_spec spec = spec_of(tiny_llama, SET(
        "routing={policy: residual_change, capacity: 0.5, gate: one,"
        " part: attention, skipped_keys: computed}"));

    cr_expect(eq(int, spec.signal, SIGNAL_CHANGE));
    cr_expect(eq(int, spec.part, PART_ATTENTION));
    cr_expect(eq(int, spec.skipped_keys, SKIPPED_KEYS_COMPUTED));
    cr_expect(not(spec.router_scores || spec.router_trained));
    cr_expect(eq(i32, spec_n_routed(&spec), 3));
    /* around the feed-forward part no token skips attention: all keys are
     * computed, and none was skipped */
    spec = spec_of(tiny_llama, SET(
        "routing={policy: hash, capacity: 0.5, gate: one, part: ffn,"
        " skipped_keys: computed}"));
    cr_expect(eq(int, spec.part, PART_FFN));
    cr_expect(eq(int, spec.skipped_keys, SKIPPED_KEYS_ABSENT));
    /* apart, tokens skip attention as well */
    spec = spec_of(tiny_llama, SET(
        "routing={policy: hash, capacity: 0.5, gate: one, part: apart,"
        " skipped_keys: computed}"));
    cr_expect(eq(int, spec.part, PART_APART));
    cr_expect(eq(int, spec.skipped_keys, SKIPPED_KEYS_COMPUTED));
    cr_expect(eq(i32, plan_n_choices(&spec), 2 * spec.n_layers));
    /* where nothing is routed, none of it is left */
    spec = spec_of(tiny_llama, SET("routing.policy=hash",
                                   "routing.part=attention"));
    cr_expect(eq(int, spec.signal, SIGNAL_NONE));
    cr_expect(eq(int, spec.part, PART_BLOCK));
}

Test(model_config, keeps_the_first_tokens_within_k_or_besides)
{
    struct model_spec spec = spec_of(tiny_llama, SET(
        "routing={capacity: 0.5, keep_first: 4}"));

    cr_expect(eq(i32, spec.keep_first, 4));
    cr_expect(not(spec.first_besides));
    spec = spec_of(tiny_llama, SET("routing={policy: every_nth, gate: one,"
                                   " capacity: 0.5, keep_first: 4}"));
    cr_expect(eq(i32, spec.keep_first, 4));
    cr_expect(spec.first_besides);
    spec = spec_of(tiny_llama, SET("routing.keep_first=4"));
    cr_expect(eq(i32, spec.keep_first, 0));       /* nothing is routed */
}

Test(model_config, says_where_routing_is_wrong)
{
    static const struct { const char *routing, *words; } wrong[] = {
        { "  policy: attention_received\n  capacity: 0.5\n",
          "default: routing.gate 2*sigmoid: a model that goes by the signal"
          " received" },
        { "  policy: attention_received\n  capacity: 0.5\n  gate: one\n"
          "  blocks: every\n", "m.yaml:7:11: routing.blocks: layer 0" },
        { "  policy: hash\n  capacity: 0.5\n  gate: one\n  part: ffn\n"
          "  skipped_keys: carried\n",
          "m.yaml:8:17: routing.skipped_keys carried: with routing.part ffn" },
        { "  policy: hash\n  capacity: 0.5\n  gate: one\n  blocks: 0,2\n"
          "  skipped_keys: carried\n",
          "m.yaml:8:17: routing.skipped_keys carried: layer 0" },
        { "  policy: attention_received\n  capacity: 0.5\n  gate: one\n"
          "  part: apart\n", "m.yaml:7:9: routing.part apart: the attention"
          " received" },
        { "  part: half\n", "m.yaml:4:9: " },
        { "  policy: token_nrom\n", "did you mean 'token_norm'?" },
        { "  policy: replay\n  gate: one\n",
          "default: routing.replay: the policy replay needs a trace" },
        { "  policy: replay\n  gate: one\n  replay: gone.csv\n",
          "m.yaml:6:11: routing.replay: " },
        { "  policy: hash\n  gate: one\n  capacity: 0.5\n  replay: x.csv\n",
          "m.yaml:7:11: routing.replay: only the policy replay" },
        { "  policy: replay\n  replay: x.csv\n  capacity: 0.5\n",
          "m.yaml:6:13: routing.capacity 0.5: under replay" },
        { "  policy: replay\n  replay: x.csv\n  blocks: 1\n",
          "m.yaml:6:11: routing.blocks 1: under replay" },
        { "  policy: replay\n  replay: x.csv\n  keep_first: 1\n",
          "m.yaml:6:15: routing.keep_first 1: under replay" },
        { "  capacity: 0.01\n  keep_first: 300\n",
          "m.yaml:5:15: routing.keep_first 300: layer " },
        { "  keep_first: -1\n", "m.yaml:4:15: " },
        { "  capacity: 0.5\n  gate_scale: 0.5\n  gate: one\n",
          "m.yaml:5:15: routing.gate_scale: gate one is the factor 1" },
        { "  capacity: 0.5\n  gate_scale: -1\n", "m.yaml:5:15: " },
        { "  capacity: 0.5\n  z_loss: 0.1\n  router: frozen\n",
          "m.yaml:5:11: routing.z_loss 0.1: needs a router that is trained" },
        { "  aux_loss: -1\n", "m.yaml:4:13: " },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        char text[400];
        snprintf(text, sizeof text, "# a comment\n%srouting:\n%s", tiny_llama,
                 wrong[i].routing);
        cr_expect(eq(int, load(&spec, NULL, text, NULL, &err),
                     STATUS_BAD_VALUE), "%s", wrong[i].routing);
        cr_expect(strstr(err.text, wrong[i].words) != NULL, "%s: %s",
                  wrong[i].routing, err.text);
    }
}

Test(model_config, says_which_policies_train)
{
    struct error err;
    char setting[80];

    for (const char *const *name = model_config_policies; *name; name++) {
        if (strcmp(*name, "replay") == 0 || !route_find(*name)->trains)
            continue;
        snprintf(setting, sizeof setting, "routing.policy=%s", *name);
        cr_expect(eq(int, check_training(SET(setting, "routing.capacity=0.5",
                                             "routing.gate=one",
                                             "routing.router=frozen"), &err),
                     STATUS_OK), "%s", *name);
    }
    cr_expect(eq(int, check_training(SET("routing.policy=random",
        "routing.capacity=0.5", "routing.gate=one", "routing.part=ffn"), &err),
                 STATUS_OK));
    cr_expect(eq(int, check_training(SET("routing.policy=random",
        "routing.capacity=0.5", "routing.gate=one", "routing.part=apart",
        "routing.skipped_keys=carried"), &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(int, check_training(SET("routing.policy=hash"), &err),
                 STATUS_OK), "nothing is routed");
    cr_expect(eq(int, check_training(SET("routing.policy=confidence",
        "routing.exits=0"), &err), STATUS_BAD_VALUE));
    cr_expect(eq(int, check_training(SET("routing.exits=0"), &err), STATUS_OK),
              "%s", err.text);
}

/* The rows stand in larger tables too. */
struct wider {
    int64_t steps;
    struct model_config model;
};

Test(model_config, lies_anywhere_in_a_larger_config)
{
    static const struct config_key keys[] = {
        { "steps", CONFIG_INT, offsetof(struct wider, steps), 1, 100, "7", NULL,
          "", "steps" },
        MODEL_CONFIG_KEYS(offsetof(struct wider, model))
        { .name = NULL },
    };
    static const struct config_schema schema = { "run", keys };
    static const struct config_setting settings[] = {
        { .text = "model.family=llama" }, { .text = "model.layers=2" },
        { .text = "model.heads=2" }, { .text = "model.channels=32" },
        { .text = "routing.blocks=0" },
    };
    struct wider wider;
    struct model_spec spec;

    cr_assert(eq(int, config_load(&wider, &schema, NULL, settings, 5, NULL,
                                  NULL), STATUS_OK));
    cr_assert(eq(int, model_config_spec(&spec, &wider.model, NULL), STATUS_OK));
    cr_assert(eq(i64, wider.steps, 7));
    cr_assert(eq(i32, spec.n_channels, 32));
    cr_assert_str_eq(wider.model.blocks, "0");
}

Test(model_config, loads_every_model_that_ships)
{
    glob_t found;

    cr_assert(eq(int, glob("configs/models/*.yaml", 0, NULL, &found), 0));
    cr_assert(found.gl_pathc >= 14);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        cr_expect(eq(int, model_config_load(&spec, NULL, found.gl_pathv[i],
                                            NULL, 0, &err), STATUS_OK),
                  "%s", err.text);
    }
    globfree(&found);
}

Test(model_config, biases_and_stretched_frequencies_can_be_said)
{
    struct model_spec spec = spec_of(tiny_llama, SET(
        "model.qkv_bias=true", "model.rope_scaling=llama3",
        "model.rope_factor=32", "model.rope_high_frequency=3"));

    cr_assert(spec.traits.qkv_bias);
    cr_assert(eq(int, spec.rope_scaling.kind, ROPE_SCALING_LLAMA3));
    cr_assert(spec.rope_scaling.factor == 32.0f);
    cr_assert(spec.rope_scaling.low_frequency == 1.0f);
    cr_assert(spec.rope_scaling.high_frequency == 3.0f);
    cr_assert(eq(i32, spec.rope_scaling.original_tokens, 8192));
    /* Members that a kind does not use are not kept. */
    spec = spec_of(tiny_llama, SET("model.rope_scaling=linear"));
    cr_assert(spec.rope_scaling.factor == 8.0f);
    cr_assert(eq(i32, spec.rope_scaling.original_tokens, 0));
    spec = spec_of(tiny_llama, NULL);
    cr_assert(spec.rope_scaling.factor == 0.0f);
}
