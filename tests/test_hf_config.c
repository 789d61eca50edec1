/* test_hf_config.c - Read and write config.json, ours and others'. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "sim/core/base/file.h"
#include "tests/hf_text.h"

static struct model_spec gpt2_mod(void)
{
    struct model_spec spec = {
        .traits = family_traits[FAMILY_GPT2],
        .n_layers = 4, .n_channels = 64, .n_heads = 2,
        .n_kv_heads = 2, .head_size = 32, .n_ffn = 200, .n_vocab = 256,
        .max_tokens = 512, .tied_head = true, .norm_epsilon = 1e-5f,
        .rope_theta = 10000.0f, .gate = GATE_RAW,
        .router_input = ROUTER_INPUT_RAW, .router_scores = true,
        .router_trained = true,
    };
    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        spec.capacity[l] = 1.0;
    spec.routed[1] = spec.routed[3] = true;
    spec.capacity[1] = 0.125;
    spec.capacity[3] = 1.0 / 3;
    return spec;
}

static struct model_spec llama_dense(void)
{
    struct model_spec spec = {
        .traits = family_traits[FAMILY_LLAMA],
        .n_layers = 2, .n_channels = 48, .n_heads = 4,
        .n_kv_heads = 2, .head_size = 16, .n_ffn = 128, .n_vocab = 300,
        .max_tokens = 64, .tied_head = false, .norm_epsilon = 1e-6f,
        .rope_theta = 1234.5f, .gate = GATE_ONE,
        .router_input = ROUTER_INPUT_NORMALISED,
    };
    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        spec.capacity[l] = 1.0;
    return spec;
}

static void expect_same(const struct model_spec *a, const struct model_spec *b)
{
    cr_expect(eq(int, spec_family(a), spec_family(b)));
    cr_expect(eq(i32, a->n_layers, b->n_layers));
    cr_expect(eq(i32, a->n_channels, b->n_channels));
    cr_expect(eq(i32, a->n_heads, b->n_heads));
    cr_expect(eq(i32, a->n_kv_heads, b->n_kv_heads));
    cr_expect(eq(i32, a->head_size, b->head_size));
    cr_expect(eq(i32, a->n_ffn, b->n_ffn));
    cr_expect(eq(i32, a->n_vocab, b->n_vocab));
    cr_expect(eq(i32, a->max_tokens, b->max_tokens));
    cr_expect(a->tied_head == b->tied_head);
    cr_expect(a->norm_epsilon == b->norm_epsilon);
    cr_expect(a->rope_theta == b->rope_theta);
    cr_expect(a->traits.qkv_bias == b->traits.qkv_bias);
    cr_expect(memcmp(&a->rope_scaling, &b->rope_scaling,
                     sizeof a->rope_scaling) == 0);
    cr_expect(eq(int, a->gate, b->gate));
    cr_expect(eq(int, a->router_input, b->router_input));
    cr_expect(a->router_scores == b->router_scores);
    cr_expect(a->router_trained == b->router_trained);
    cr_expect(memcmp(a->routed, b->routed, sizeof a->routed) == 0);
    cr_expect(memcmp(a->capacity, b->capacity, sizeof a->capacity) == 0);
    cr_expect(memcmp(a->exit_weight, b->exit_weight,
                     sizeof a->exit_weight) == 0);
    cr_expect(eq(i32, a->keep_first, b->keep_first));
    cr_expect(eq(dbl, a->aux_loss, b->aux_loss));
    cr_expect(eq(dbl, a->z_loss, b->z_loss));
    cr_expect(eq(dbl, a->balance_loss, b->balance_loss));
    cr_expect(eq(i32, a->n_predictor, b->n_predictor));
    cr_expect(eq(int, a->part, b->part));
    cr_expect(eq(int, a->skipped_keys, b->skipped_keys));
    cr_expect(eq(dbl, a->gate_scale, b->gate_scale));
    cr_expect(a->bypass_gated == b->bypass_gated);
    cr_expect(a->gates_output == b->gates_output);
    cr_expect(a->first_besides == b->first_besides);
}

/* Through a file and back; the file's text too, unless NULL. */
static void round_trip(struct model_spec *spec, struct hf_routing *routing,
                       json_t **json)
{
    char directory[] = "/tmp/isobath-test-XXXXXX", path[64];
    struct error err = { STATUS_OK, "" };

    cr_assert(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/config.json", directory);
    cr_assert(eq(int, hf_config_write(path, spec, routing, &err), STATUS_OK),
              "%s", err.text);
    *spec = (struct model_spec){ 0 };
    *routing = (struct hf_routing){ 0 };
    cr_expect(eq(int, hf_config_read(spec, routing, path, &err), STATUS_OK),
              "%s", err.text);
    if (json)
        *json = json_load_file(path, 0, NULL);
    unlink(path);
    rmdir(directory);
}

Test(hf_config, brings_a_routed_gpt2_back_whole)
{
    struct model_spec want = gpt2_mod(), got = want;
    struct hf_routing routing = {
        .policy = route_find("expert_choice"), .has_thresholds = true,
        .threshold = { [1] = 0.31f, [3] = -1e-20f },
    };

    round_trip(&got, &routing, NULL);
    expect_same(&got, &want);
    cr_assert_str_eq(routing.policy->name, "expert_choice");
    cr_assert(routing.has_thresholds);
    cr_assert(routing.threshold[1] == 0.31f);
    cr_assert(routing.threshold[3] == -1e-20f);
}

Test(hf_config, brings_the_first_tokens_and_losses_of_routers_back)
{
    struct model_spec want = gpt2_mod(), got;
    struct hf_routing routing = { .policy = route_find("expert_choice") };

    want.keep_first = 2;
    want.aux_loss = 0.1;
    want.z_loss = 1e-3;
    want.balance_loss = 2;
    want.n_predictor = 16;
    want.part = PART_ATTENTION;
    want.skipped_keys = SKIPPED_KEYS_CARRIED;
    want.gate_scale = 0.2;
    want.bypass_gated = true;
    got = want;
    round_trip(&got, &routing, NULL);
    expect_same(&got, &want);
    want.bypass_gated = false;
    want.gates_output = true;
    got = want;
    round_trip(&got, &routing, NULL);
    expect_same(&got, &want);
    routing.policy = route_find("threshold");      /* judges token by token */
    want.first_besides = true;
    got = want;
    round_trip(&got, &routing, NULL);
    expect_same(&got, &want);
}

Test(hf_config, brings_a_dense_llama_back_whole)
{
    struct model_spec want = llama_dense(), got;
    struct hf_routing routing = { .policy = route_find("dense") };

    want.exit_weight[0] = 0.3;
    got = want;
    round_trip(&got, &routing, NULL);
    expect_same(&got, &want);
    cr_assert_str_eq(routing.policy->name, "dense");
    cr_assert(not(routing.has_thresholds));
}

/* Biases, and each way to stretch frequencies. */
Test(hf_config, brings_variants_of_a_llama_back_whole)
{
    static const struct rope_scaling scaling[] = {
        { .kind = ROPE_SCALING_LINEAR, .factor = 2.5f },
        { .kind = ROPE_SCALING_LLAMA3, .factor = 8.0f, .low_frequency = 1.0f,
          .high_frequency = 4.0f, .original_tokens = 32 },
    };
    for (int i = 0; i < 4; i++) {
        struct model_spec want = llama_dense();
        want.traits.qkv_bias = i % 2;
        want.rope_scaling = scaling[i / 2];
        struct model_spec got = want;
        struct hf_routing routing = { .policy = route_find("dense") };
        json_t *root;

        round_trip(&got, &routing, &root);
        expect_same(&got, &want);
        cr_expect_str_eq(json_string_value(json_array_get(json_object_get(
                             root, "architectures"), 0)),
                         i % 2 ? "Qwen2ForCausalLM" : "LlamaForCausalLM");
        cr_expect_str_eq(json_string_value(json_object_get(json_object_get(
                             root, "rope_scaling"), "rope_type")),
                         i / 2 ? "llama3" : "linear");
        json_decref(root);
    }
}

static double number(const json_t *root, const char *key)
{
    return json_number_value(json_object_get(root, key));
}

Test(hf_config, writes_what_gpt2_is_called_by_transformers)
{
    struct model_spec spec = gpt2_mod();
    struct hf_routing routing = { .policy = route_find("expert_choice") };
    json_t *root;

    round_trip(&spec, &routing, &root);
    cr_expect_str_eq(json_string_value(json_object_get(root, "model_type")),
                     "gpt2");
    cr_expect_str_eq(json_string_value(json_array_get(
        json_object_get(root, "architectures"), 0)), "GPT2LMHeadModel");
    cr_expect_str_eq(json_string_value(json_object_get(
        root, "activation_function")), "gelu_new");
    cr_expect(eq(dbl, number(root, "n_embd"), 64));
    cr_expect(eq(dbl, number(root, "n_layer"), 4));
    cr_expect(eq(dbl, number(root, "n_head"), 2));
    cr_expect(eq(dbl, number(root, "n_inner"), 200));
    cr_expect(eq(dbl, number(root, "n_positions"), 512));
    cr_expect(eq(dbl, number(root, "layer_norm_epsilon"), 1e-5));
    cr_expect(json_object_get(root, "tie_word_embeddings") == json_true());
    cr_expect(json_object_get(json_object_get(root, "isobath"), "thresholds") ==
              json_null());
    json_decref(root);
}

Test(hf_config, writes_what_llama_is_called_by_transformers)
{
    struct model_spec spec = llama_dense();
    struct hf_routing routing = { .policy = route_find("dense") };
    json_t *root;

    round_trip(&spec, &routing, &root);
    cr_expect_str_eq(json_string_value(json_array_get(
        json_object_get(root, "architectures"), 0)), "LlamaForCausalLM");
    cr_expect_str_eq(json_string_value(json_object_get(root, "hidden_act")),
                     "silu");
    cr_expect_str_eq(json_string_value(json_object_get(root, "torch_dtype")),
                     "float32");
    cr_expect(eq(dbl, number(root, "hidden_size"), 48));
    cr_expect(eq(dbl, number(root, "intermediate_size"), 128));
    cr_expect(eq(dbl, number(root, "num_hidden_layers"), 2));
    cr_expect(eq(dbl, number(root, "num_attention_heads"), 4));
    cr_expect(eq(dbl, number(root, "num_key_value_heads"), 2));
    cr_expect(eq(dbl, number(root, "head_dim"), 16));
    cr_expect(eq(dbl, number(root, "max_position_embeddings"), 64));
    cr_expect(eq(dbl, number(root, "rms_norm_eps"), 1e-6));
    cr_expect(eq(dbl, number(root, "rope_theta"), 1234.5));
    json_decref(root);
}

/* As GPT-2's own file: much that does not matter here, n_inner left out. */
Test(hf_config, reads_a_gpt2_of_others)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, parse(&spec, "{" GPT2 ",\"activation_function\":"
        "\"gelu_new\",\"architectures\":[\"GPT2LMHeadModel\"],"
        "\"attn_pdrop\":0.1,\"n_ctx\":1024,\"n_inner\":null,"
        "\"summary_type\":\"cls_index\",\"task_specific_params\":{\"a\":{}}}",
        &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(i32, spec.n_ffn, 4 * 768));
    cr_assert(eq(i32, spec.n_kv_heads, 12));
    cr_assert(eq(i32, spec.head_size, 64));
    cr_assert(spec.tied_head);
    cr_assert(spec.norm_epsilon == 1e-5f);
    cr_assert(eq(i32, spec_n_routed(&spec), 0));
}

/* As SmolLM2-135M's: theta an integer, head_dim left out. */
Test(hf_config, reads_a_llama_of_others)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"num_key_value_heads\":3,"
        "\"rms_norm_eps\":1e-05,\"rope_scaling\":null,\"rope_theta\":100000,"
        "\"attention_bias\":false,\"tie_word_embeddings\":true,"
        "\"torch_dtype\":\"bfloat16\"}", &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(i32, spec.n_kv_heads, 3));
    cr_assert(eq(i32, spec.head_size, 64));
    cr_assert(spec.rope_theta == 100000.0f);
    cr_assert(spec.tied_head);
}

Test(hf_config, takes_the_defaults_of_the_class)
{
    struct model_spec spec;

    cr_assert(eq(int, parse(&spec, "{" LLAMA "}", NULL), STATUS_OK));
    cr_assert(eq(i32, spec.n_kv_heads, 9));
    cr_assert(spec.norm_epsilon == 1e-6f);
    cr_assert(spec.rope_theta == 10000.0f);
    cr_assert(not(spec.tied_head));
}

#define ISOBATH(blocks, capacity, rest)                                        \
    "{" GPT2 ",\"isobath\":{\"blocks\":" blocks ",\"capacity\":" capacity      \
    ",\"gate\":\"raw\",\"router_input\":\"raw\",\"router_scores\":true,"       \
    "\"router_trained\":true," rest "}}"
#define POLICY "\"policy\":\"expert_choice\""

static const struct refusal refusals[] = {
    { "", "config.json:1:0: " },
    { "{", "config.json:1:1: " },
    { "[]", "must be an object" },
    { "{\"model_type\":\"gpt2\",\"model_type\":\"gpt2\"}", "duplicate" },
    { "{}", "no model_type: supported are gpt2, llama, mistral, qwen2,"
      " qwen3, phi3, granite, smollm3, starcoder2, gemma, gemma2, gemma3_text,"
      " olmo2, gpt_neox, falcon, stablelm, phi, opt, mixtral, qwen2_moe,"
      " qwen3_moe and olmoe" },
    { "{\"model_type\":\"gemma3\"}", "model_type \"gemma3\":"
      " supported are gpt2, llama, mistral" },
    { "{" LLAMA ",\"architectures\":[\"Qwen2ForCausalLM\"]}",
      "supported is [\"LlamaForCausalLM\"]" },
    { "{" LLAMA ",\"rope_interleaved\":true}", "rope_interleaved true" },
    { "{" LLAMA ",\"partial_rotary_factor\":0.5}",
      "partial_rotary_factor 0.5: supported is 1.0" },
    { "{\"model_type\":\"gpt2\"}", "n_embd is missing" },
    { "{" GPT2 ",\"activation_function\":\"tanh\"}",
      "activation_function \"tanh\": supported is \"gelu_new\"" },
    { "{" GPT2 ",\"scale_attn_by_inverse_layer_idx\":true}",
      "scale_attn_by_inverse_layer_idx true: supported is false" },
    { "{" GPT2 ",\"add_cross_attention\":true}", "supported is false" },
    { "{" GPT2 ",\"architectures\":[\"GPT2ForTokenClassification\"]}",
      "supported is [\"GPT2LMHeadModel\"]" },
    { "{" GPT2 ",\"quantization_config\":{\"bits\":4}}",
      "priced are the quant_method awq, gptq, bitsandbytes, fp8" },
    { "{" GPT2 ",\"n_inner\":0}", "n_inner 0: must be a whole number from 1" },
    { "{" GPT2 ",\"n_inner\":3e3}", "n_inner 3000.0: must be a whole number" },
    { "{" GPT2 ",\"n_inner\":4294967297}", "must be a whole number from 1 to" },
    { "{" GPT2 ",\"layer_norm_epsilon\":0}", "must be a number above 0" },
    { "{" GPT2 ",\"layer_norm_epsilon\":\"1e-5\"}", "must be a number above" },
    { "{" GPT2 ",\"tie_word_embeddings\":1}", "must be true or false" },
    { "{\"model_type\":\"gpt2\",\"n_embd\":100,\"n_layer\":2,\"n_head\":3,"
      "\"n_positions\":8,\"vocab_size\":9}",
      "100 channels do not divide among 3 heads" },
    { "{" LLAMA ",\"hidden_act\":\"relu\"}",
      "hidden_act \"relu\": supported is \"silu\"" },
    { "{" LLAMA ",\"num_key_value_heads\":2}", "must divide" },
    { "{" LLAMA ",\"head_dim\":65}", "must be even" },
    { "{\"model_type\":\"gpt2\",\"n_embd\":8,\"n_layer\":1000,\"n_head\":2,"
      "\"n_positions\":8,\"vocab_size\":9}", "1000 layers: allowed are 256" },
    { "{" GPT2 ",\"isobath\":[]}", "isobath []: must be an object" },
    { ISOBATH("[1]", "[0.5]", POLICY ",\"depth\":1"), "another version" },
    { ISOBATH("[1]", "[0.5]", "\"policy\":\"mine\""),
      "isobath.policy \"mine\": no such routing policy" },
    { ISOBATH("[1]", "[0.5,0.5]", POLICY), "a list of 1 numbers" },
    { ISOBATH("[1]", "[\"a\"]", POLICY), "a list of 1 numbers" },
    { ISOBATH("[12]", "[0.5]", POLICY), "layers from 0 to 11" },
    { ISOBATH("[-1]", "[0.5]", POLICY), "layers from 0 to 11" },
    { ISOBATH("[3,1]", "[0.5,0.5]", POLICY), "ascending" },
    { ISOBATH("[1,1]", "[0.5,0.5]", POLICY), "ascending" },
    { ISOBATH("[1]", "[1.5]", POLICY), "allowed is (0, 1]" },
    { ISOBATH("[1]", "[0.5]", POLICY ",\"thresholds\":[]"),
      "thresholds []: must be a list of 1 numbers" },
};

Test(hf_config, refuses_what_it_cannot_compute_by_name)
{
    expect_refused(refusals, sizeof refusals / sizeof *refusals);
}

/* No class has both additions. */
Test(hf_config, traits_of_no_class_are_not_written)
{
    struct model_spec spec = llama_dense();
    const struct hf_routing routing = { .policy = route_find("dense") };
    struct error err = { STATUS_OK, "" };

    spec.traits.qkv_bias = spec.traits.qk_norm = true;
    cr_assert(eq(int, hf_config_write("/nowhere/config.json", &spec, &routing,
                                      &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "no class of transformers is qwen3 with"
                               " model.qkv_bias true") != NULL, "%s",
              err.text);
}

Test(hf_config, leaves_the_spec_alone_when_it_refuses)
{
    struct model_spec spec = { .n_layers = -7 };
    cr_assert(ne(int, parse(&spec, "{" LLAMA ",\"mlp_bias\":1}", NULL),
                 STATUS_OK));
    cr_assert(eq(i32, spec.n_layers, -7));
}

Test(hf_config, writes_nothing_that_it_would_not_read)
{
    struct hf_routing routing = { .policy = route_find("expert_choice") };
    struct model_spec uneven = gpt2_mod(), spec = gpt2_mod();
    struct error err;
    static const char path[] = "/tmp/isobath-test-never-written.json";

    struct model_spec factors = llama_dense();
    factors.rope_scaling.kind = ROPE_SCALING_FACTORS;
    cr_expect(eq(int, hf_config_write(path, &factors, &routing, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "no place in a config.json") != NULL);
    uneven.head_size = 16;
    cr_expect(eq(int, hf_config_write(path, &uneven, &routing, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "64 / 2, not 16") != NULL, "%s", err.text);
    routing.has_thresholds = true;
    routing.threshold[1] = -INFINITY;
    cr_expect(eq(int, hf_config_write(path, &spec, &routing, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "layer 1 is not finite") != NULL, "%s",
              err.text);
    cr_expect(not(file_exists(path)));
}
