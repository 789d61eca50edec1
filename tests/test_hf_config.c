/* test_hf_config.c - Read and write config.json, ours and others'. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "models/files/hf_class.h"
#include "models/files/hf_config.h"
#include "sim/core/base/file.h"
#include "sim/price/memory.h"

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

static enum status parse(struct model_spec *spec, const char *text,
                         struct error *err)
{
    return hf_config_parse(spec, NULL, text, strlen(text), "config.json", err);
}

#define GPT2 "\"model_type\":\"gpt2\",\"n_embd\":768,\"n_layer\":12," \
             "\"n_head\":12,\"n_positions\":1024,\"vocab_size\":50257"
#define LLAMA "\"model_type\":\"llama\",\"hidden_size\":576," \
              "\"intermediate_size\":1536,\"num_hidden_layers\":30," \
              "\"num_attention_heads\":9,\"max_position_embeddings\":2048," \
              "\"vocab_size\":49152"

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

Test(hf_config, reads_rope_where_transformers_5_keeps_it)
{
    struct model_spec spec;

    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"rope_parameters\":"
        "{\"rope_type\":\"default\",\"rope_theta\":500000.0}}", NULL),
        STATUS_OK));
    cr_assert(spec.rope_theta == 500000.0f);
}

#define OF(type) "{\"model_type\":\"" type "\",\"vocab_size\":256,"           \
    "\"hidden_size\":48,\"intermediate_size\":80,\"num_hidden_layers\":2,"     \
    "\"num_attention_heads\":6,\"num_key_value_heads\":2,\"head_dim\":8,"      \
    "\"max_position_embeddings\":64,\"num_experts_per_tok\":2,"              \
    "\"moe_intermediate_size\":24,\"rms_norm_eps\":1e-6,"
#define ROPE(more) "\"rope_parameters\":{\"rope_type\":\"default\"," more "}"

/* What save_pretrained() of transformers 5.24 writes for each class. */
Test(hf_config, reads_what_transformers_5_writes)
{
    static const char *const same[] = {
        OF("gemma2") "\"use_bidirectional_attention\":null,"
            ROPE("\"rope_theta\":2e4") "}",
        OF("phi3") ROPE("\"rope_theta\":2e4,\"partial_rotary_factor\":0.5") "}",
        OF("stablelm") ROPE("\"partial_rotary_factor\":0.5,\"rope_theta\":2e4")
            "}",
        OF("phi") ROPE("\"rope_theta\":2e4,\"partial_rotary_factor\":0.5") "}",
        OF("gpt_neox") ROPE("\"rope_theta\":2e4,\"partial_rotary_factor\":0.5")
            "}",
        OF("smollm3") ROPE("\"rope_theta\":2e4") "}",
        OF("qwen3_moe") "\"num_local_experts\":7," ROPE("\"rope_theta\":2e4") "}",
        OF("gemma3_text") "\"rope_parameters\":{\"sliding_attention\":{"
            "\"rope_type\":\"default\",\"rope_theta\":700},\"full_attention\":{"
            "\"rope_type\":\"linear\",\"factor\":8,\"rope_theta\":2e4}}}",
    };
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        cr_assert(eq(int, parse(&spec, same[i], &err), STATUS_OK), "%s",
                  err.text);
        cr_expect(spec.rope_theta == 2e4f, "%s", same[i]);
        cr_expect(eq(i32, spec_rotary(&spec), i >= 1 && i <= 4 ? 4 : 8), "%s",
                  same[i]);
        cr_expect(eq(i32, spec.experts.n, i == 6 ? 7 : 0));
    }
    cr_expect(spec.local_theta == 700.0f);
    cr_expect(spec.rope_scaling.factor == 8.0f);
}

/* Llama 3.2's own words, and what older files call a linear one. */
Test(hf_config, reads_stretched_frequencies_of_others)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"rope_scaling\":{"
        "\"factor\":32.0,\"high_freq_factor\":4.0,\"low_freq_factor\":1.0,"
        "\"original_max_position_embeddings\":8192,"
        "\"rope_type\":\"llama3\"},\"rope_theta\":500000.0}", &err),
        STATUS_OK), "%s", err.text);
    cr_assert(eq(int, spec.rope_scaling.kind, ROPE_SCALING_LLAMA3));
    cr_assert(spec.rope_scaling.factor == 32.0f);
    cr_assert(spec.rope_scaling.low_frequency == 1.0f);
    cr_assert(spec.rope_scaling.high_frequency == 4.0f);
    cr_assert(eq(i32, spec.rope_scaling.original_tokens, 8192));

    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"rope_scaling\":"
        "{\"type\":\"linear\",\"factor\":2}}", NULL), STATUS_OK));
    cr_assert(eq(int, spec.rope_scaling.kind, ROPE_SCALING_LINEAR));
    cr_assert(spec.rope_scaling.factor == 2.0f);

    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"rope_parameters\":"
        "{\"rope_type\":\"linear\",\"factor\":4.0,\"rope_theta\":2e4}}",
        NULL), STATUS_OK));
    cr_assert(spec.rope_theta == 2e4f);
    cr_assert(spec.rope_scaling.factor == 4.0f);
}

#define QWEN2                                                                  \
    "\"model_type\":\"qwen2\",\"architectures\":[\"Qwen2ForCausalLM\"],"     \
    "\"hidden_size\":896,\"intermediate_size\":4864,"                          \
    "\"num_hidden_layers\":24,\"num_attention_heads\":14,"                     \
    "\"num_key_value_heads\":2,\"max_position_embeddings\":32768,"             \
    "\"vocab_size\":151936,\"rms_norm_eps\":1e-06,"                            \
    "\"rope_theta\":1000000.0,\"max_window_layers\":21"

/* As Qwen2.5-0.5B's: a window is named, and not used. */
Test(hf_config, qwen2_is_a_llama_with_biases)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, parse(&spec, "{" QWEN2 ",\"sliding_window\":32768,"
        "\"use_sliding_window\":false,\"tie_word_embeddings\":true}", &err),
        STATUS_OK), "%s", err.text);
    cr_assert(eq(int, spec_family(&spec), FAMILY_QWEN2));
    cr_assert(spec.traits.qkv_bias && spec.tied_head);
    cr_assert(eq(i32, spec.head_size, 64));
    cr_assert(eq(i32, spec.n_kv_heads, 2));
    cr_assert(spec.rope_theta == 1e6f);
}

#define QWEN3                                                                  \
    "\"model_type\":\"qwen3\",\"architectures\":[\"Qwen3ForCausalLM\"],"     \
    "\"hidden_size\":1024,\"intermediate_size\":3072,"                         \
    "\"num_hidden_layers\":28,\"num_attention_heads\":16,"                     \
    "\"num_key_value_heads\":8,\"max_position_embeddings\":40960,"             \
    "\"vocab_size\":151936,\"rope_theta\":1000000"

/* As Qwen3-0.6B's: heads are wider than the stream. */
Test(hf_config, qwen3_is_a_llama_with_norms_of_queries_and_keys)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, parse(&spec, "{" QWEN3 ",\"head_dim\":128,"
        "\"attention_bias\":false,\"sliding_window\":null,"
        "\"use_sliding_window\":false,\"max_window_layers\":28,"
        "\"tie_word_embeddings\":true}", &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(int, spec_family(&spec), FAMILY_QWEN3));
    cr_assert(spec.traits.qk_norm && !spec.traits.qkv_bias && spec.tied_head);
    cr_assert(eq(i32, spec_q(&spec), 2048));
    cr_assert(eq(i32, spec_e(&spec), 1024));
}

Test(hf_config, every_family_has_a_class)
{
    for (int f = 0; f < FAMILY_COUNT; f++) {
        const struct model_spec spec = { .traits = family_traits[f] };
        const struct hf_class *class = NULL;
        struct error err = { STATUS_OK, "" };

        cr_assert(eq(int, hf_class_of(&class, &spec, "x", &err), STATUS_OK),
                  "%s", err.text);
        cr_expect(eq(int, class->family, f));
        cr_expect(eq(int, hf_names_of(&spec), class->names));
        cr_expect(hf_class_find(class->type) == class);
        cr_expect(strstr(hf_class_types, class->type) != NULL);
    }
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

#define ISOBATH(blocks, capacity, rest)                                        \
    "{" GPT2 ",\"isobath\":{\"blocks\":" blocks ",\"capacity\":" capacity      \
    ",\"gate\":\"raw\",\"router_input\":\"raw\",\"router_scores\":true,"       \
    "\"router_trained\":true," rest "}}"
#define POLICY "\"policy\":\"expert_choice\""

#define MISTRAL                                                                \
    "\"model_type\":\"mistral\","                                              \
    "\"architectures\":[\"MistralForCausalLM\"],"                              \
    "\"hidden_size\":32,\"intermediate_size\":64,"                             \
    "\"num_hidden_layers\":1,\"num_attention_heads\":8,"                       \
    "\"num_key_value_heads\":2,\"max_position_embeddings\":8192,"              \
    "\"vocab_size\":9"

/* MistralConfig has a window of 4096 where the key is not there. */
Test(hf_config, mistral_has_the_window_that_it_says)
{
    static const struct { const char *text; int32_t window; } good[] = {
        { "{" MISTRAL ",\"sliding_window\":null}", 0 },
        { "{" MISTRAL ",\"sliding_window\":8192}", 0 },
        { "{" MISTRAL ",\"sliding_window\":512}", 512 },
        { "{" MISTRAL "}", 4096 },
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct model_spec spec;
        cr_assert(eq(int, parse(&spec, good[i].text, NULL), STATUS_OK));
        cr_expect(eq(int, spec_family(&spec), FAMILY_LLAMA));
        cr_expect(eq(i32, spec.n_kv_heads, 2));
        cr_expect(eq(i32, spec_window(&spec, 0), good[i].window));
    }
}

#define SMOLLM3 "\"model_type\":\"smollm3\",\"hidden_size\":64,"             \
    "\"intermediate_size\":96,\"num_hidden_layers\":8,"                        \
    "\"num_attention_heads\":4,\"num_key_value_heads\":2,"                     \
    "\"max_position_embeddings\":128,\"vocab_size\":9,\"rope_theta\":5e6"
#define GRANITE "\"model_type\":\"granite\",\"hidden_size\":64,"             \
    "\"intermediate_size\":96,\"num_hidden_layers\":2,"                        \
    "\"num_attention_heads\":4,\"num_key_value_heads\":2,"                     \
    "\"max_position_embeddings\":128,\"vocab_size\":9"

/* As Qwen2.5's card has it; and scaling by the length, which is none within it. */
Test(hf_config, yarn_has_its_usual_numbers)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"rope_scaling\":{\"factor\":4.0,"
        "\"original_max_position_embeddings\":512,\"type\":\"yarn\"}}", &err),
        STATUS_OK), "%s", err.text);
    cr_expect(spec.rope_scaling.kind == ROPE_SCALING_YARN &&
              spec.rope_scaling.original_tokens == 512 &&
              spec.rope_scaling.low_frequency == 1.0f &&
              spec.rope_scaling.high_frequency == 32.0f);
    /* 0.1 ln 4 + 1: Peng et al. 2023, equation 22. */
    cr_expect(fabsf(spec.rope_scaling.amplitude - 1.13862944f) < 1e-6f);
    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"rope_scaling\":{\"factor\":2.0,"
        "\"type\":\"dynamic\"},\"auto_map\":{\"AutoModel\":\"m.py\"}}", &err),
        STATUS_OK), "%s", err.text);
    cr_expect(eq(int, spec.rope_scaling.kind, ROPE_SCALING_DYNAMIC));
    cr_expect(eq(i32, spec.max_tokens,
                 2 * spec.rope_scaling.original_tokens));
    cr_expect(eq(i32, spec_most_decoded(&spec),
                 spec.rope_scaling.original_tokens));
}

Test(hf_config, layers_differ_as_the_file_says)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    /* Qwen2: layers from max_window_layers on slide. */
    cr_assert(eq(int, parse(&spec, "{" QWEN2 ",\"use_sliding_window\":true,"
        "\"sliding_window\":64}", &err), STATUS_OK), "%s", err.text);
    cr_expect(spec_window(&spec, 20) == 0 && spec_window(&spec, 21) == 64);
    /* SmolLM3: every fourth has no positions, or those of a list. */
    cr_assert(eq(int, parse(&spec, "{" SMOLLM3 "}", &err), STATUS_OK), "%s",
              err.text);
    cr_expect(spec_turns(&spec, 2) && !spec_turns(&spec, 3) &&
              spec_turns(&spec, 4) && !spec_turns(&spec, 7));
    cr_assert(eq(int, parse(&spec, "{" SMOLLM3 ",\"no_rope_layers\":"
        "[0,1,1,1,1,1,1,1]}", &err), STATUS_OK), "%s", err.text);
    cr_expect(spec_turns(&spec, 3) && !spec_turns(&spec, 0));
    /* Granite: 0.25 stands for 1 / sqrt(16), and changes nothing. */
    cr_assert(eq(int, parse(&spec, "{" GRANITE ",\"attention_multiplier\":0.25,"
        "\"logits_scaling\":8}", &err), STATUS_OK), "%s", err.text);
    cr_expect(spec.fold.scores == 1.0f && spec.fold.logits == 8.0f &&
              spec.fold.residual == 1.0f);
    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"attention_bias\":true,"
        "\"mlp_bias\":true}", &err), STATUS_OK), "%s", err.text);
    cr_expect(spec.traits.qkv_bias && spec.traits.project_bias &&
              spec.traits.ffn_bias);
}

/* The sizes of public models, and their parameters as Hugging Face shows them. */
Test(hf_config, public_models_have_their_number_of_parameters)
{
#define SIZES(type, c, f, l, h, g, v, more)                                    \
    "{\"model_type\":\"" type "\",\"hidden_size\":" #c ",\"intermediate_size\":"  \
    #f ",\"num_hidden_layers\":" #l ",\"num_attention_heads\":" #h                \
    ",\"num_key_value_heads\":" #g ",\"vocab_size\":" #v                        \
    ",\"max_position_embeddings\":4096," more "}"
    static const struct { const char *text; uint64_t parameters; } models[] = {
        /* Mistral-7B-v0.1 */
        { SIZES("mistral", 4096, 14336, 32, 32, 8, 32000,
                "\"sliding_window\":4096"), 7241732096 },
        /* Phi-3-mini-4k-instruct */
        { SIZES("phi3", 3072, 8192, 32, 32, 32, 32064,
                "\"sliding_window\":2047"), 3821079552 },
        /* starcoder2-3b */
        { SIZES("starcoder2", 3072, 12288, 30, 24, 2, 49152,
                "\"sliding_window\":4096"), 3030371328 },
        /* SmolLM3-3B */
        { SIZES("smollm3", 2048, 11008, 36, 16, 4, 128256,
                "\"rope_theta\":5000000.0,\"tie_word_embeddings\":true"),
          3075098624 },
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        cr_assert(eq(int, parse(&spec, models[i].text, &err), STATUS_OK), "%s",
                  err.text);
        cr_expect(eq(u64, memory_parameters(&spec), models[i].parameters),
                  "%s", models[i].text);
    }
}

static const struct refusal { const char *text, *words; } refusals[] = {
    { "", "config.json:1:0: " },
    { "{", "config.json:1:1: " },
    { "[]", "must be an object" },
    { "{\"model_type\":\"gpt2\",\"model_type\":\"gpt2\"}", "duplicate" },
    { "{}", "no model_type: supported are gpt2, llama, mistral, qwen2,"
      " qwen3, phi3, granite, smollm3, starcoder2, gemma, gemma2, gemma3_text,"
      " olmo2, gpt_neox, falcon, stablelm, phi, mixtral, qwen2_moe, qwen3_moe"
      " and olmoe" },
    { "{\"model_type\":\"gemma3\"}", "model_type \"gemma3\":"
      " supported are gpt2, llama, mistral" },
    { "{" QWEN3 "}", "head_dim is missing" },
    { "{" QWEN3 ",\"head_dim\":128,\"attention_bias\":true}",
      "attention_bias true: supported is false" },
    { "{" QWEN3 ",\"head_dim\":128,\"use_sliding_window\":true}",
      "max_window_layers is missing" },
    { "{" LLAMA ",\"use_sliding_window\":true}",
      "use_sliding_window true: supported is false" },
    { "{" QWEN2 ",\"attention_bias\":false}",
      "attention_bias false: supported is true" },
    { "{" MISTRAL ",\"sliding_window\":null,"
      "\"layer_types\":[\"sliding_attention\"]}",
      "layer_types \"sliding_attention\": no window is given for it" },
    { "{" MISTRAL ",\"layer_types\":[\"chunked_attention\"]}",
      "layer_types \"chunked_attention\": supported are" },
    { "{" MISTRAL ",\"layer_types\":[]}", "must be a list of 1" },
    { "{" QWEN2 ",\"layer_types\":1}", "layer_types 1: must be a list" },
    { "{" SMOLLM3 ",\"no_rope_layers\":[1]}", "must be a list of 8" },
    { "{" SMOLLM3 ",\"no_rope_layer_interval\":0}", "above 0" },
    { "{" QWEN2 ",\"mlp_bias\":true}", "mlp_bias true: supported is false" },
    { "{" LLAMA ",\"mlp_bias\":1}", "mlp_bias 1: must be true or false" },
    { "{" GRANITE ",\"logits_scaling\":0}", "must be a number above 0" },
    { "{" LLAMA ",\"architectures\":[\"Qwen2ForCausalLM\"]}",
      "supported is [\"LlamaForCausalLM\"]" },
    { "{" LLAMA ",\"rope_interleaved\":true}", "rope_interleaved true" },
    { "{" LLAMA ",\"partial_rotary_factor\":0.5}",
      "partial_rotary_factor 0.5: supported is 1.0" },
    { "{" MISTRAL ",\"sliding_window\":\"no\"}", "must be a whole number" },
    { "{\"model_type\":\"mistral\",\"hidden_size\":32,"
      "\"intermediate_size\":64,\"num_hidden_layers\":1,"
      "\"num_attention_heads\":8,\"max_position_embeddings\":64,"
      "\"vocab_size\":9,\"sliding_window\":null}",
      "num_key_value_heads is missing" },
    { "{\"model_type\":\"gpt2\"}", "n_embd is missing" },
    { "{" GPT2 ",\"activation_function\":\"relu\"}",
      "activation_function \"relu\": supported is \"gelu_new\"" },
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
    { "{" LLAMA ",\"rope_scaling\":{\"type\":\"ntk\",\"factor\":2.0}}",
      "supported are the types default, dynamic, linear, llama3, yarn and"
      " longrope" },
    { "{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"yarn\"}}",
      "factor is missing" },
    { "{" LLAMA ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,"
      "\"original_max_position_embeddings\":64,\"mscale\":1}}",
      "mscale is not supported" },
    { "{" LLAMA ",\"rope_scaling\":{\"type\":3}}", "supported are the types" },
    { "{" LLAMA ",\"rope_scaling\":\"linear\"}", "must be an object" },
    { "{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\"}}",
      "factor is missing" },
    { "{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":0.5}}",
      "model.rope_factor 0.5: allowed is 1" },
    { "{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2,"
      "\"truncate\":true}}", "truncate is not supported" },
    { "{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2},"
      "\"rope_parameters\":{\"rope_type\":\"default\"}}",
      "rope_scaling says it too" },
    { "{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"default\","
      "\"partial_rotary_factor\":0.5}}",
      "partial_rotary_factor 0.5: supported is 1.0" },
    { "{" LLAMA ",\"rope_parameters\":{\"full_attention\":{}}}",
      "full_attention is not supported" },
    { OF("gemma3_text") "\"rope_parameters\":{\"full_attention\":{},"
      "\"sliding_attention\":{\"rope_type\":\"linear\"}}}",
      "sliding_attention of the type default" },
    { OF("gemma3_text") "\"rope_parameters\":{\"full_attention\":{},"
      "\"chunked_attention\":{}}}", "supported are full_attention" },
    { "{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,"
      "\"low_freq_factor\":1,\"high_freq_factor\":4}}",
      "original_max_position_embeddings is missing" },
    { "{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,"
      "\"low_freq_factor\":4,\"high_freq_factor\":1,"
      "\"original_max_position_embeddings\":64}}",
      "model.rope_high_frequency 1: allowed is above" },
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
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };

        cr_expect(ne(int, parse(&spec, refusals[i].text, &err), STATUS_OK),
                  "%s", refusals[i].text);
        cr_expect(strstr(err.text, refusals[i].words) != NULL, "%s: %s",
                  refusals[i].text, err.text);
        cr_expect(strncmp(err.text, "config.json:", 12) == 0, "%s", err.text);
    }
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
