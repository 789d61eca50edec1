/* test_hf_families.c - Expect configs of public models to have the parameters that
 * their files have, and what a class asks besides to be read, written back, or
 * refused by name. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/checkpoint.h"
#include "models/files/hf_class.h"
#include "models/files/hf_config.h"
#include "sim/price/memory.h"
#include "tests/cases.h"
#include "tests/words.h"

static enum status parse(struct model_spec *spec, const char *text,
                         struct error *err)
{
    return hf_config_parse(spec, NULL, text, strlen(text), "config.json", err);
}

#define SHAPE(type, v, c, f, l, h)                                             \
    "{\"model_type\":\"" type "\",\"vocab_size\":" #v ",\"hidden_size\":" #c   \
    ",\"intermediate_size\":" #f ",\"num_hidden_layers\":" #l                  \
    ",\"num_attention_heads\":" #h ",\"max_position_embeddings\":4096"
#define OPT(c, f, l, h)                                                        \
    "{\"model_type\":\"opt\",\"vocab_size\":50272,\"hidden_size\":" #c         \
    ",\"ffn_dim\":" #f ",\"num_hidden_layers\":" #l                            \
    ",\"num_attention_heads\":" #h ",\"max_position_embeddings\":2048,"        \
    "\"word_embed_proj_dim\":" #c ",\"do_layer_norm_before\":true,"            \
    "\"activation_function\":\"relu\""
#define KV(n) ",\"num_key_value_heads\":" #n
#define HEAD(n) ",\"head_dim\":" #n

/* Numbers of parameters as the safetensors of each on the hub add up to. */
static const struct { const char *name, *config; uint64_t n; } public[] = {
    { "gemma-2-2b", SHAPE("gemma2", 256000, 2304, 9216, 26, 8) KV(4) HEAD(256)
      "}", 2614341888 },
    { "gemma-2-9b", SHAPE("gemma2", 256000, 3584, 14336, 42, 16) KV(8)
      HEAD(256) "}", 9241705984 },
    { "gemma-2-27b", SHAPE("gemma2", 256000, 4608, 36864, 46, 32) KV(16)
      HEAD(128) ",\"query_pre_attn_scalar\":144}", 27227128320 },
    { "gemma-3-270m", SHAPE("gemma3_text", 262144, 640, 2048, 18, 4) KV(1)
      HEAD(256) "}", 268098176 },
    { "gemma-3-1b", SHAPE("gemma3_text", 262144, 1152, 6912, 26, 4) KV(1)
      HEAD(256) "}", 999885952 },
    { "gemma-2b", SHAPE("gemma", 256000, 2048, 16384, 18, 8) KV(1) HEAD(256)
      ",\"hidden_act\":\"gelu\"}", 2506172416 },
    { "gemma-7b", SHAPE("gemma", 256000, 3072, 24576, 28, 16) KV(16) HEAD(256)
      "}", 8537680896 },
    { "OLMo-2-1B", SHAPE("olmo2", 100352, 2048, 8192, 16, 16) "}", 1484916736 },
    { "OLMo-2-7B", SHAPE("olmo2", 100352, 4096, 11008, 32, 32) "}",
      7298617344 },
    { "OLMo-2-13B", SHAPE("olmo2", 100352, 5120, 13824, 40, 40) "}",
      13716198400 },
    { "pythia-70m", SHAPE("gpt_neox", 50304, 512, 2048, 6, 8) "}", 70426624 },
    { "pythia-160m", SHAPE("gpt_neox", 50304, 768, 3072, 12, 12) "}",
      162322944 },
    { "pythia-1.4b", SHAPE("gpt_neox", 50304, 2048, 8192, 24, 16) "}",
      1414647808 },
    { "pythia-12b", SHAPE("gpt_neox", 50688, 5120, 20480, 36, 40) "}",
      11846072320 },
    { "gpt-neox-20b", SHAPE("gpt_neox", 50432, 6144, 24576, 44, 64)
      ",\"hidden_act\":\"gelu_fast\"}", 20554567680 },
    { "falcon-7b", SHAPE("falcon", 65024, 4544, 0, 32, 71)
      ",\"num_kv_heads\":71,\"multi_query\":true,\"alibi\":false,\"bias\":false,"
      "\"auto_map\":{\"AutoConfig\":\"configuration_falcon.FalconConfig\"}}",
      6921720704 },
    { "falcon-40b", SHAPE("falcon", 65024, 8192, 0, 60, 128)
      ",\"num_kv_heads\":8,\"new_decoder_architecture\":true}", 41303293952 },
    { "stablelm-3b-4e1t", SHAPE("stablelm", 50304, 2560, 6912, 32, 32) KV(32)
      "}", 2795443200 },
    { "stablelm-2-1_6b", SHAPE("stablelm", 100352, 2048, 5632, 24, 32) KV(32)
      ",\"use_qkv_bias\":true}", 1644515328 },
    { "stablelm-2-12b", SHAPE("stablelm", 100352, 5120, 13824, 40, 32) KV(8)
      ",\"qk_layernorm\":true,\"use_parallel_residual\":true}", 12143185920 },
    { "phi-1_5", SHAPE("phi", 51200, 2048, 8192, 24, 32) "}", 1418270720 },
    { "phi-2", SHAPE("phi", 51200, 2560, 10240, 32, 32)
      ",\"partial_rotary_factor\":0.4}", 2779683840 },
    { "Phi-3-mini", SHAPE("phi3", 32064, 3072, 8192, 32, 32) "}", 3821079552 },
    { "SmolLM3-3B", SHAPE("smollm3", 128256, 2048, 11008, 36, 16) KV(4)
      ",\"rope_theta\":5e6}", 3075098624 },
    { "opt-125m", OPT(768, 3072, 12, 12) "}", 125239296 },
    { "opt-1.3b", OPT(2048, 8192, 24, 32) "}", 1315758080 },
    { "opt-2.7b", OPT(2560, 10240, 32, 32) "}", 2651596800 },
    { "opt-6.7b", OPT(4096, 16384, 32, 32) "}", 6658473984 },
    { "opt-13b", OPT(5120, 20480, 40, 40) "}", 12853473280 },
    { "opt-30b", OPT(7168, 28672, 48, 56) "}", 29974540288 },
    { "opt-66b", OPT(9216, 36864, 64, 72) "}", 65719701504 },
};
enum { N_PUBLIC = sizeof public / sizeof *public };

static const struct model_spec *public_spec(struct model_spec *out,
                                            const char *name)
{
    struct error err = { STATUS_OK, "" };
    size_t i = 0;

    while (i < N_PUBLIC && strcmp(public[i].name, name) != 0)
        i++;
    cr_assert(lt(sz, i, N_PUBLIC), "%s", name);
    cr_assert(eq(int, parse(out, public[i].config, &err), STATUS_OK), "%s",
              err.text);
    return out;
}

Test(hf_families, public_models_have_their_parameters)
{
    for (size_t i = 0; i < N_PUBLIC; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        cr_assert(eq(int, parse(&spec, public[i].config, &err), STATUS_OK),
                  "%s: %s", public[i].name, err.text);
        cr_expect(eq(u64, memory_parameters(&spec), public[i].n), "%s",
                  public[i].name);
    }
}

Test(hf_families, what_a_file_leaves_out_is_what_its_class_has)
{
    struct model_spec spec;

    public_spec(&spec, "gemma-2-27b");
    cr_expect(eq(flt, spec.attention_cap, 50.0f));
    cr_expect(eq(flt, spec.logit_cap, 30.0f));
    cr_expect(eq(i32, spec_window(&spec, 0), 0), "of all there are");
    cr_expect(epsilon_eq(flt, spec.fold.scores, sqrtf(128.0f / 144.0f), 1e-6f));
    cr_expect(eq(flt, spec.fold.embedding, sqrtf(4608.0f)));
    public_spec(&spec, "gemma-3-1b");
    cr_expect(eq(flt, spec.attention_cap, 0.0f));
    cr_expect(eq(flt, spec.local_theta, 1e4f));
    for (int32_t l = 0; l < 26; l++)
        cr_expect(eq(int, spec_local(&spec, l), l % 6 != 5), "%d", l);
    cr_expect(eq(i32, spec_rotary(public_spec(&spec, "pythia-70m")), 16));
    cr_expect(eq(i32, spec_rotary(public_spec(&spec, "phi-2")), 32));
    public_spec(&spec, "stablelm-2-12b");
    cr_expect(spec.traits.qk_norm && spec.traits.parallel == PARALLEL_NORM);
    cr_expect(eq(i32, spec_rotary(&spec), 40));
    public_spec(&spec, "opt-125m");
    cr_expect(spec.norm_epsilon == 1e-5f && spec.tied_head);
    cr_expect(eq(int, spec.traits.activation, ACTIVATION_RELU));
    /* PretrainedConfig ties what a class says nothing of. */
    public_spec(&spec, "SmolLM3-3B");
    cr_expect(spec.tied_head);
    cr_expect(not(spec_turns(&spec, 3)));
    cr_expect(spec_turns(&spec, 4));
}

Test(hf_families, what_is_not_computed_is_refused_by_name)
{
    static const struct { const char *config, *says; } bad[] = {
        { SHAPE("gemma2", 256, 48, 80, 2, 6) KV(2) "}", "head_dim is missing" },
        { SHAPE("gemma2", 256, 48, 80, 2, 6) KV(2) HEAD(8)
          ",\"attn_logit_softcapping\":-1}",
          "attn_logit_softcapping -1: must be a number above 0" },
        { SHAPE("gemma3_text", 256, 48, 80, 2, 6) KV(2) HEAD(8)
          ",\"use_bidirectional_attention\":true}",
          "use_bidirectional_attention true: supported is false" },
        { SHAPE("gemma3_text", 256, 48, 80, 2, 6) KV(2) HEAD(8)
          ",\"sliding_window_pattern\":0}",
          "sliding_window_pattern 0: must be a whole number above 0" },
        { SHAPE("gpt_neox", 256, 48, 80, 2, 6)
          ",\"use_parallel_residual\":0}",
          "use_parallel_residual 0: must be true or false" },
        { SHAPE("gpt_neox", 256, 48, 80, 2, 6) ",\"hidden_act\":\"gelu_10\"}",
          "hidden_act \"gelu_10\": supported is \"gelu_new\"," },
        { SHAPE("gemma2", 256, 48, 80, 2, 6) KV(2) HEAD(8)
          ",\"hidden_activation\":\"gelu\"}",
          "hidden_activation \"gelu\": supported is \"gelu_new\"," },
        { SHAPE("falcon", 256, 48, 80, 2, 6) ",\"alibi\":true}",
          "alibi true: supported is false" },
        { SHAPE("falcon", 256, 48, 80, 2, 6) ",\"bias\":true}",
          "bias true: supported is false" },
        { SHAPE("falcon", 256, 48, 80, 2, 6) ",\"parallel_attn\":false}",
          "parallel_attn false: supported is true" },
        { SHAPE("falcon", 256, 48, 80, 2, 6) ",\"num_ln_in_parallel_attn\":2}",
          "num_ln_in_parallel_attn 2: supported is 1, and with" },
        { SHAPE("llama", 256, 12, 80, 2, 6)
          ",\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}}",
          "model.rope_scaling dynamic: turns at least 4 numbers of a head" },
        { SHAPE("gpt_neox", 256, 48, 80, 2, 6) ",\"rotary_pct\":0.1}",
          "turns 0 of 8 numbers of a head: at least 2 are turned" },
        { SHAPE("stablelm", 256, 48, 80, 2, 6) KV(2) ",\"qk_layernorm\":1}",
          "qk_layernorm 1: must be true or false" },
        { SHAPE("phi", 256, 48, 80, 2, 6) ",\"qk_layernorm\":true}",
          "qk_layernorm true: supported is false" },
        { OPT(48, 80, 2, 6) ",\"enable_bias\":false}",
          "enable_bias false: supported is true" },
        { OPT(48, 80, 2, 6) ",\"layer_norm_elementwise_affine\":false}",
          "layer_norm_elementwise_affine false: supported is true" },
        { OPT(48, 80, 2, 6) ",\"_remove_final_layer_norm\":true}",
          "_remove_final_layer_norm true: supported is false" },
        /* opt-350m has both. */
        { "{\"model_type\":\"opt\",\"vocab_size\":50272,\"hidden_size\":1024,"
          "\"ffn_dim\":4096,\"num_hidden_layers\":24,"
          "\"num_attention_heads\":16,\"max_position_embeddings\":2048,"
          "\"word_embed_proj_dim\":512,\"do_layer_norm_before\":false}",
          "do_layer_norm_before false: supported is true: norms before" },
        { "{\"model_type\":\"opt\",\"vocab_size\":50272,\"hidden_size\":1024,"
          "\"ffn_dim\":4096,\"num_hidden_layers\":24,"
          "\"num_attention_heads\":16,\"max_position_embeddings\":2048,"
          "\"word_embed_proj_dim\":512}",
          "word_embed_proj_dim 512: supported is hidden_size, 1024" },
        { SHAPE("phi", 256, 48, 80, 2, 6) ",\"partial_rotary_factor\":1.5}",
          "partial_rotary_factor 1.5: must be a number above 0, up to 1" },
        { SHAPE("phi", 256, 48, 80, 2, 6) ",\"partial_rotary_factor\":0.4}",
          "model.rotary_size 3: allowed are even numbers up to" },
        { SHAPE("phi3", 256, 48, 80, 2, 6)
          ",\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1],"
          "\"long_factor\":[1,1,1,1]}}",
          "short_factor must be a list of 4 numbers" },
        { SHAPE("phi3", 256, 48, 80, 2, 6)
          ",\"rope_scaling\":{\"type\":\"su\",\"short_factor\":[1,1,1,1],"
          "\"long_factor\":[1,1,0,1]}}",
          "long_factor: number 2 is 0: allowed is above 0" },
        { SHAPE("phi3", 256, 48, 80, 2, 6)
          ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2,"
          "\"short_factor\":[1,1,1,1]}}",
          "short_factor goes with the type longrope alone" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        cr_expect(eq(int, parse(&spec, bad[i].config, &err), STATUS_BAD_VALUE),
                  "%s", bad[i].says);
        cr_expect(strstr(err.text, bad[i].says) != NULL, "%s", err.text);
    }
}

/* What is written is what was read, whatever the class has. */
Test(hf_families, a_config_is_written_as_it_was_read)
{
    char directory[64], path[128];
    const struct hf_routing routing = { .policy = route_find("dense") };

    make_directory(directory);
    snprintf(path, sizeof path, "%s/config.json", directory);
    for (size_t i = 0; i < N_PUBLIC; i++) {
        struct model_spec spec, again;
        struct error err = { STATUS_OK, "" };
        cr_assert(eq(int, parse(&spec, public[i].config, &err), STATUS_OK));
        if (spec.traits.qkv_bias &&
            !family_traits[spec_family(&spec)].qkv_bias)
            continue;            /* no family has it */
        cr_assert(eq(int, hf_config_write(path, &spec, &routing, &err),
                     STATUS_OK), "%s: %s", public[i].name, err.text);
        cr_assert(eq(int, hf_config_read(&again, NULL, path, &err), STATUS_OK),
                  "%s: %s", public[i].name, err.text);
        cr_expect(eq(u64, memory_parameters(&again), public[i].n));
        cr_expect(eq(flt, again.attention_cap, spec.attention_cap));
        cr_expect(eq(flt, again.local_theta, spec.local_theta));
        cr_expect(eq(i32, again.n_rotary, spec.n_rotary));
        cr_expect(memcmp(again.windowed, spec.windowed,
                         sizeof spec.windowed) == 0);
        cr_expect(eq(int, spec_family(&again), spec_family(&spec)));
        cr_expect(traits_equal(&again.traits, &spec.traits), "%s",
                  public[i].name);
    }
    remove_directory(directory);
}

/* Factors, scales less one and heads in turn go out as they came in. */
Test(hf_families, a_model_that_is_written_is_read_as_it_was)
{
    for (int f = 0; f < FAMILY_COUNT; f++) {
        const struct model_spec spec = case_spec(&shapes[10], (enum family)f,
                                                 0.5, PATTERN_ODD);
        const struct model_options options = { .n_sequences = 1, .n_tokens = 4,
                                               .n_threads = 1 };
        struct model *wrote = case_model(&spec, &options, 4), *read = NULL;
        struct model_spec again;
        struct hf_routing routing;
        struct error err = { STATUS_OK, "" };
        char directory[64], path[128];
        double worst = 0;

        make_directory(directory);
        snprintf(path, sizeof path, "%s/config.json", directory);
        cr_assert(eq(int, checkpoint_export(wrote, route_find("expert_choice"),
                                            directory, &err), STATUS_OK),
                  "%s: %s", family_names[f], err.text);
        cr_assert(eq(int, hf_config_read(&again, &routing, path, &err),
                     STATUS_OK), "%s: %s", family_names[f], err.text);
        cr_assert(eq(int, model_open(&read, &again, &options, &err),
                     STATUS_OK), "%s", err.text);
        cr_assert(eq(int, checkpoint_import(read, directory, &routing, &err),
                     STATUS_OK), "%s: %s", family_names[f], err.text);
        cr_assert(eq(sz, model_tensors(read)->floats,
                     model_tensors(wrote)->floats));
        for (size_t i = 0; i < model_tensors(read)->floats; i++)
            worst = fmax(worst, fabs((double)(model_weights(read)[i] -
                                              model_weights(wrote)[i])));
        cr_expect(lt(dbl, worst, 2e-6), "%s", family_names[f]);
        model_close(read);
        model_close(wrote);
        remove_directory(directory);
    }
}
