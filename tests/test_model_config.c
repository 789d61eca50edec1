/* test_model_config.c - from a few keys to a whole shape. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sim/core/model_config.h"
#include "sim/core/route.h"

static const char tiny_llama[] =
    "model: {family: llama, layers: 6, channels: 48, heads: 3}\n";
static const char tiny_gpt2[] =
    "model: {family: gpt2, layers: 4, channels: 64, heads: 2}\n";

enum { MAX_SETTINGS = 4 };

/* Load `text` with up to MAX_SETTINGS settings; the file is m.yaml in a
 * directory of its own. */
static enum status load(struct model_spec *spec, struct model_config *config,
                        const char *text, const char *const *settings,
                        struct error *err)
{
    char directory[] = "/tmp/isobath-test-XXXXXX", path[64];
    struct config_setting setting[MAX_SETTINGS];
    size_t n = 0;

    cr_assert(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/m.yaml", directory);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    for (; n < MAX_SETTINGS && settings && settings[n]; n++)
        setting[n].text = settings[n];
    enum status status = model_config_load(spec, config, path, setting, n, err);
    unlink(path);
    rmdir(directory);
    return status;
}

static struct model_spec spec_of(const char *text, const char *const *settings)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };
    enum status status = load(&spec, NULL, text, settings, &err);

    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    return spec;
}

#define SET(...) ((const char *const[MAX_SETTINGS + 1]){ __VA_ARGS__ })

Test(model_config, works_out_what_a_llama_leaves_open)
{
    struct model_spec spec = spec_of(tiny_llama, NULL);

    cr_assert(eq(int, spec.family, FAMILY_LLAMA));
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

    cr_assert(eq(int, spec.family, FAMILY_GPT2));
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
    cr_assert(frozen.router_scores && !frozen.router_trained);
    cr_assert(one.router_scores && !one.router_trained);
}

Test(model_config, routes_nothing_under_the_dense_policy)
{
    struct model_spec spec = spec_of(tiny_llama, SET("routing.capacity=0.5",
                                                     "routing.policy=dense"));
    cr_assert(eq(i32, spec_n_routed(&spec), 0));
    cr_assert(not(spec.router_scores));
}

/* What a mistake on top of tiny_llama says, and where. */
static const struct refusal { const char *setting[2], *words; } refusals[] = {
    { { "model.heads=5" }, "--set: model.heads 5: must divide model.channels"
                           " 48" },
    { { "model.kv_heads=2" }, "--set: model.kv_heads 2: must divide" },
    { { "model.head_size=15" }, "--set: model.head_size 15: RoPE" },
    { { "model.layers=0" }, "model.layers 0: allowed is" },
    { { "model.layers=257" }, "model.layers 257: allowed is" },
    { { "model.family=mamba" }, "gpt2, llama" },
    { { "model.chanels=3" }, "did you mean 'model.channels'?" },
    { { "routing.policy=threshold" }, "expert_choice" },
    { { "routing.gate=tanh" }, "2*sigmoid" },
    { { "routing.capacity=0" }, "--set: routing.capacity 0: allowed is (0, 1]" },
    { { "routing.capacity=12.5" }, "for 12.5 % write 0.125" },
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
    { { "routing.policy=random", "routing.capacity=0.5" },
      "routing.gate 2*sigmoid: needs a router" },
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

Test(model_config, lists_exactly_the_policies_that_can_train)
{
    int listed = 0, known = 0;

    for (const char *const *name = model_config_policies; *name; name++) {
        cr_expect(route_find(*name) != NULL, "%s", *name);
        cr_expect(strcmp(*name, "threshold") != 0);
        listed++;
    }
    for (const struct route_policy *p = route_policies; p->name; p++)
        known++;
    cr_assert(eq(int, listed, known - 1));
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
        { "model.family=llama" }, { "model.layers=2" }, { "model.heads=2" },
        { "model.channels=32" }, { "routing.blocks=0" },
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

    cr_assert(spec.qkv_bias);
    cr_assert(eq(int, spec.rope_scaling.kind, ROPE_SCALING_LLAMA3));
    cr_assert(spec.rope_scaling.factor == 32.0f);
    cr_assert(spec.rope_scaling.low_frequency == 1.0f);
    cr_assert(spec.rope_scaling.high_frequency == 3.0f);
    cr_assert(eq(i32, spec.rope_scaling.original_tokens, 8192));
    /* What a kind does not use is not kept. */
    spec = spec_of(tiny_llama, SET("model.rope_scaling=linear"));
    cr_assert(spec.rope_scaling.factor == 8.0f);
    cr_assert(eq(i32, spec.rope_scaling.original_tokens, 0));
    spec = spec_of(tiny_llama, NULL);
    cr_assert(spec.rope_scaling.factor == 0.0f);
}
