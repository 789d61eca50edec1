/* test_quantized.c - Expect configs of packed models to be priced by what their
 * files take, with scales and zeros, and refused for running by name. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "models/files/hf_config.h"
#include "models/files/source.h"
#include "sim/core/model/spec_check.h"
#include "sim/price/memory.h"
#include "sim/price/predict.h"
#include "tests/cases.h"
#include "tests/directory.h"

#define MISTRAL(type, packing)                                                 \
    "{\"model_type\":\"mistral\",\"vocab_size\":32000,\"hidden_size\":4096,"   \
    "\"intermediate_size\":14336,\"num_hidden_layers\":32,"                    \
    "\"num_attention_heads\":32,\"num_key_value_heads\":8,"                    \
    "\"max_position_embeddings\":32768,\"torch_dtype\":\"" type "\","          \
    "\"quantization_config\":{" packing "}}"
#define LLAMA2(packing)                                                        \
    "{\"model_type\":\"llama\",\"vocab_size\":32000,\"hidden_size\":4096,"     \
    "\"intermediate_size\":11008,\"num_hidden_layers\":32,"                    \
    "\"num_attention_heads\":32,\"num_key_value_heads\":32,"                   \
    "\"max_position_embeddings\":4096,\"torch_dtype\":\"float16\","            \
    "\"quantization_config\":{" packing "}}"

/* Numbers of the matrices of 32 layers, by hand; and of embedding or head. */
#define M7 (UINT64_C(32) * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336))
#define L7 (UINT64_C(32) * (4 * 4096 * 4096 + 3 * 4096 * 11008))
#define EMBED (UINT64_C(32000) * 4096)

/* Configs as public models have them. */
static const struct {
    const char *config;
    uint64_t bytes;              /* of all matrices */
} public[] = {
    /* 4 bits, and of 128 each a float16 and a zero of 4 bits.  The file of
     * Mistral-7B-v0.1-AWQ has 4.15 GB. */
    { MISTRAL("float16", "\"bits\":4,\"group_size\":128,\"quant_method\":\"awq\","
              "\"modules_to_not_convert\":null,\"version\":\"gemm\","
              "\"zero_point\":true"),
      M7 / 2 + M7 / 128 * 5 / 2 + 2 * 2 * EMBED },
    /* The same, and an int32 of each input; that of Llama-2-7B-GPTQ 3.90 GB. */
    { LLAMA2("\"bits\":4,\"group_size\":128,\"desc_act\":false,\"sym\":true,"
             "\"damp_percent\":0.01,\"quant_method\":\"gptq\","
             "\"modules_in_block_to_quantize\":null"),
      L7 / 2 + L7 / 128 * 5 / 2 + 32 * 4 * (6 * 4096 + 11008) + 2 * 2 * EMBED },
    /* One scale and zero an output; 32 layers of 2, 2 and 3 matrices. */
    { LLAMA2("\"bits\":8,\"group_size\":-1,\"quant_method\":\"gptq\""),
      L7 + 32 * 3 * (5 * 4096 + 2 * 11008) + 32 * 4 * (6 * 4096 + 11008) +
          2 * 2 * EMBED },
    /* A byte of each 64, a float32 of 256 of those, and both sets of values. */
    { MISTRAL("bfloat16", "\"load_in_4bit\":true,\"load_in_8bit\":false,"
              "\"bnb_4bit_use_double_quant\":true,"
              "\"bnb_4bit_quant_type\":\"nf4\",\"quant_method\":\"bitsandbytes\","
              "\"llm_int8_skip_modules\":null"),
      M7 / 2 + M7 / 64 + M7 / 64 / 256 * 4 + 32 * 7 * (16 + 256) * 4 +
          2 * 2 * EMBED },
    /* A float32 of each output. */
    { LLAMA2("\"load_in_8bit\":true,\"quant_method\":\"bitsandbytes\""),
      L7 + 32 * 4 * (5 * 4096 + 2 * 11008) + 2 * 2 * EMBED },
    /* A float32 of 128 x 128; the head is not named, so it is packed. */
    { MISTRAL("bfloat16", "\"activation_scheme\":\"dynamic\",\"fmt\":\"e4m3\","
              "\"quant_method\":\"fp8\",\"weight_block_size\":[128,128],"
              "\"modules_to_not_convert\":[\"visual\"]"),
      M7 + M7 / 128 / 128 * 4 + 2 * EMBED + EMBED + EMBED / 128 / 128 * 4 },
    { MISTRAL("bfloat16", "\"activation_scale_ub\":1200.0,"
              "\"quant_method\":\"fbgemm_fp8\",\"modules_to_not_convert\":"
              "[\"lm_head\",\"model.layers.0.mlp\",\"layers.31.mlp\"]"),
      M7 + 32 * 4 * (3 * 4096 + 2 * 1024 + 2 * 14336) + 2 * 2 * EMBED +
          2 * (UINT64_C(3) * 4096 * 14336 - 4 * (4096 + 2 * 14336)) },
    /* bfloat16 of 128; shapes. */
    { MISTRAL("bfloat16", "\"config_groups\":{\"group_0\":{\"targets\":"
              "[\"Linear\"],\"weights\":{\"num_bits\":4,\"type\":\"int\","
              "\"strategy\":\"group\",\"group_size\":128,\"symmetric\":true}}},"
              "\"format\":\"pack-quantized\",\"ignore\":[\"re:.*lm_head\"],"
              "\"quant_method\":\"compressed-tensors\""),
      M7 / 2 + M7 / 128 * 2 + 32 * 7 * 16 + 2 * 2 * EMBED },
    { MISTRAL("bfloat16", "\"config_groups\":{\"group_0\":{\"targets\":"
              "[\"Linear\"],\"weights\":{\"num_bits\":8,\"type\":\"float\","
              "\"strategy\":\"channel\",\"symmetric\":true}}},"
              "\"format\":\"float-quantized\",\"ignore\":[\"lm_head\"],"
              "\"quant_method\":\"compressed-tensors\""),
      M7 + 32 * 2 * (3 * 4096 + 2 * 1024 + 2 * 14336) + 2 * 2 * EMBED },
};

static struct model_spec parsed(const char *config)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, hf_config_parse(&spec, NULL, config, strlen(config),
                                      "config.json", &err), STATUS_OK), "%s",
              err.text);
    return spec;
}

static uint64_t stored_bytes(const struct model_spec *spec)
{
    struct memory_item items[MEMORY_ITEMS_MAX];
    const int n = memory_items(items, spec, 1, 16, MEMORY_FORWARD);
    uint64_t bytes = 0;

    for (int i = 0; i < n; i++)
        if (strcmp(items[i].name, "stored weights") == 0)
            bytes = memory_item_bytes(&items[i]);
    return bytes;
}

Test(quantized, a_packed_model_holds_what_its_file_does)
{
    for (size_t i = 0; i < sizeof public / sizeof *public; i++) {
        const struct model_spec spec = parsed(public[i].config);
        cr_expect(eq(u64, stored_bytes(&spec), public[i].bytes), "%s",
                  public[i].config);
    }
    /* As published, to three digits. */
    cr_expect(public[0].bytes / 10000000 == 415);
    cr_expect(public[1].bytes / 10000000 == 389);
}

/* Every op reads what its matrices take, and widens each number once. */
Test(quantized, a_step_reads_what_is_packed)
{
    struct model_spec spec = parsed(public[0].config), plain = spec;
    const struct ledger_key keys[] = {
        { PASS_FORWARD, 3, LEDGER_SHARED, OP_QKV },
        { PASS_FORWARD, 3, LEDGER_SHARED, OP_FFN_DOWN },
    };
    const uint64_t numbers[] = { 4096 * 6144, UINT64_C(4096) * 14336 };
    struct allocation a;
    struct error err = { STATUS_OK, "" };

    plain.packing = (struct packing){ .method = NULL };
    memset(plain.packed, 0, sizeof plain.packed);
    memset(plain.stored, NUMBER_F32, sizeof plain.stored);
    plain.stored_embedding = plain.stored_head = NUMBER_F32;
    cr_assert(eq(int, allocation_open(&a, spec.n_layers, 1, 8, NULL),
                 STATUS_OK));
    for (int32_t c = 0; c < spec.n_layers; c++)
        a.count[c] = 8;
    struct ledger *packed = case_ledger(spec.n_layers, 0, PROV_PREDICTED);
    struct ledger *dense = case_ledger(spec.n_layers, 0, PROV_PREDICTED);
    cr_assert(eq(int, predict_decode(packed, &(struct predict_job){
        .spec = &spec, .allocation = &a }, NULL, &err), STATUS_OK), "%s",
        err.text);
    cr_assert(eq(int, predict_decode(dense, &(struct predict_job){
        .spec = &plain, .allocation = &a }, NULL, &err), STATUS_OK), "%s",
        err.text);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct cost *is = ledger_at(packed, keys[i]);
        const struct cost *was = ledger_at(dense, keys[i]);
        cr_expect(eq(u64, was->count[METRIC_BYTES] - is->count[METRIC_BYTES],
                     4 * numbers[i] - numbers[i] / 2 - numbers[i] / 128 * 5 / 2));
        cr_expect(eq(u64, is->count[METRIC_FLOPS] - was->count[METRIC_FLOPS],
                     numbers[i]));
    }
    allocation_close(&a);
    ledger_close(dense);
    ledger_close(packed);
}

Test(quantized, such_a_model_is_refused_for_running_and_training_by_name)
{
    char directory[64], path[80];
    struct source source;
    struct error err = { STATUS_OK, "" };
    const struct model_spec spec = parsed(public[0].config);

    cr_expect(eq(int, spec_check_runs(&spec, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "weights packed by AWQ are priced") != NULL, "%s",
              err.text);
    cr_expect(eq(int, spec_check_training(&spec, &err), STATUS_BAD_VALUE));
    make_directory(directory);
    snprintf(path, sizeof path, "%s/config.json", directory);
    put_file(path, public[0].config);
    cr_expect(eq(int, source_read(&source, directory, NULL, 0, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "weights packed by AWQ are priced") != NULL, "%s",
              err.text);
    remove_directory(directory);
}

Test(quantized, what_is_not_known_is_refused_by_name)
{
    static const struct { const char *config, *says; } bad[] = {
        { LLAMA2("\"quant_method\":\"hqq\""), "priced are the quant_method" },
        { LLAMA2("\"bits\":4"), "priced are the quant_method" },
        { LLAMA2("\"quant_method\":\"awq\",\"version\":\"gemv\""),
          "quantization_config \"gemv\": version: supported is \"gemm\"" },
        { LLAMA2("\"quant_method\":\"awq\",\"bits\":3"), "bits: supported is 4" },
        { LLAMA2("\"quant_method\":\"gptq\",\"bits\":5"), "bits: supported are" },
        { LLAMA2("\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":0"),
          "group_size: must be" },
        { LLAMA2("\"quant_method\":\"bitsandbytes\""), "load_in_4bit: one of" },
        { LLAMA2("\"quant_method\":\"fp8\",\"weight_block_size\":[0,128]"),
          "weight_block_size: must be two numbers" },
        { LLAMA2("\"quant_method\":\"compressed-tensors\",\"config_groups\":{}"),
          "config_groups: supported is one group" },
        { LLAMA2("\"quant_method\":\"fbgemm_fp8\",\"modules_to_not_convert\":"
                 "[\"re:(\"]"), "a pattern that is not known" },
        { LLAMA2("\"quant_method\":\"fbgemm_fp8\",\"modules_to_not_convert\":"
                 "[3]"), "names of modules must be texts" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        cr_expect(eq(int, hf_config_parse(&spec, NULL, bad[i].config,
                                          strlen(bad[i].config), "config.json",
                                          &err), STATUS_BAD_VALUE), "%s",
                  bad[i].config);
        cr_expect(strstr(err.text, bad[i].says) != NULL, "%s", err.text);
    }
}
