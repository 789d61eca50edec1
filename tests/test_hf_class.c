/* test_hf_class.c - Each class has the parts, windows and biases that its own
 * config.json says. */
#include "models/files/hf_class.h"
#include "sim/price/memory.h"
#include "tests/hf_text.h"

/* As Qwen2.5-0.5B's: a window is named, and not used. */
Test(hf_class, qwen2_is_a_llama_with_biases)
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

/* As Qwen3-0.6B's: heads are wider than the stream. */
Test(hf_class, qwen3_is_a_llama_with_norms_of_queries_and_keys)
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

Test(hf_class, every_family_has_a_class)
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

/* MistralConfig has a window of 4096 where the key is not there. */
Test(hf_class, mistral_has_the_window_that_it_says)
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

Test(hf_class, layers_differ_as_the_file_says)
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
Test(hf_class, public_models_have_their_number_of_parameters)
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

static const struct refusal refusals[] = {
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
    { "{" MISTRAL ",\"sliding_window\":\"no\"}", "must be a whole number" },
    { "{\"model_type\":\"mistral\",\"hidden_size\":32,"
      "\"intermediate_size\":64,\"num_hidden_layers\":1,"
      "\"num_attention_heads\":8,\"max_position_embeddings\":64,"
      "\"vocab_size\":9,\"sliding_window\":null}",
      "num_key_value_heads is missing" },
};

Test(hf_class, refuses_what_it_cannot_compute_by_name)
{
    expect_refused(refusals, sizeof refusals / sizeof *refusals);
}
