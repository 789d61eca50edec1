/* test_experts.c - Mixtures of experts and latent attention, read from the
 * config.json of published models and priced. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "models/files/checkpoint.h"
#include "models/files/hf_config.h"
#include "models/files/source.h"
#include "sim/core/config/model_config.h"
#include "sim/price/hold.h"
#include "tests/cases.h"
#include "tests/directory.h"
#include "tests/priced.h"

#define HEAD(type, head) "{\"model_type\": \"" type "\", \"architectures\": [\"" \
    head "ForCausalLM\"], \"rms_norm_eps\": 1e-6,"
#define SIZES(C, layers, heads, kv, F, V)                                      \
    "\"hidden_size\": " #C ", \"num_hidden_layers\": " #layers ","             \
    " \"num_attention_heads\": " #heads ", \"num_key_value_heads\": " #kv ","  \
    " \"intermediate_size\": " #F ", \"vocab_size\": " #V ","                  \
    " \"max_position_embeddings\": 4096, \"tie_word_embeddings\": false,"
#define EXPERTS(key, n, active, width)                                         \
    "\"" key "\": " #n ", \"num_experts_per_tok\": " #active ","               \
    " \"moe_intermediate_size\": " #width
#define LATENT(query)                                                          \
    ", \"kv_lora_rank\": 512, \"q_lora_rank\": " #query ","                    \
    " \"qk_nope_head_dim\": 128, \"qk_rope_head_dim\": 64, \"v_head_dim\": 128"

/* Parameters as their files have them (safetensors of mistralai, Qwen, allenai and
 * deepseek-ai; V3 without its extra prediction layer, which adds 14 thousand
 * numbers that bias the choice of experts).  Active ones are those less the
 * experts that a token leaves out.  Cached: numbers of a token in all layers. */
static const struct published {
    const char *name, *text;
    uint64_t parameters, active, cached;
    uint64_t idle_rest;       /* active ones that no product has: embedding, norms,
                               * biases, scores of experts and gates */
} published[] = {
    { "Mixtral-8x7B", HEAD("mixtral", "Mixtral")
      SIZES(4096, 32, 32, 8, 14336, 32000)
      "\"num_local_experts\": 8, \"num_experts_per_tok\": 2}",
      46702792704, 12879925248, 32 * 2 * 8 * 128,
      32000ull * 4096 + 65 * 4096 + 32 * 8 * 4096 },
    { "Qwen1.5-MoE-A2.7B", HEAD("qwen2_moe", "Qwen2Moe")
      SIZES(2048, 24, 16, 16, 5632, 151936)
      "\"shared_expert_intermediate_size\": 5632,"
      EXPERTS("num_experts", 60, 4, 1408) "}",
      14315784192, 2689173504, 24 * 2 * 2048,
      151936ull * 2048 + 49 * 2048 + 24 * (3 * 2048 + 60 * 2048 + 2048) },
    { "Qwen3-30B-A3B", HEAD("qwen3_moe", "Qwen3Moe")
      SIZES(2048, 48, 32, 4, 6144, 151936) "\"head_dim\": 128,"
      EXPERTS("num_experts", 128, 8, 768) "}",
      30532122624, 3353032704, 48 * 2 * 4 * 128,
      151936ull * 2048 + 97 * 2048 + 48 * (2 * 128 + 128 * 2048) },
    { "OLMoE-1B-7B", HEAD("olmoe", "Olmoe")
      SIZES(2048, 16, 16, 16, 1024, 50304)
      "\"num_experts\": 64, \"num_experts_per_tok\": 8}",
      6919161856, 1282017280, 16 * 2 * 2048,
      50304ull * 2048 + 33 * 2048 + 16 * (2 * 2048 + 64 * 2048) },
    { "DeepSeek-V2-Lite", HEAD("deepseek_v2", "DeepseekV2")
      SIZES(2048, 27, 16, 16, 10944, 102400) "\"n_shared_experts\": 2,"
      " \"first_k_dense_replace\": 1," EXPERTS("n_routed_experts", 64, 6, 1408)
      LATENT(null) "}",
      15706484224, 2661150208, 27 * 576,
      102400ull * 2048 + 55 * 2048 + 27 * 512 + 26 * 64 * 2048 },
    { "DeepSeek-V3", HEAD("deepseek_v3", "DeepseekV3")
      SIZES(7168, 61, 128, 128, 18432, 129280) "\"n_shared_experts\": 1,"
      " \"first_k_dense_replace\": 3,"
      EXPERTS("n_routed_experts", 256, 8, 2048) LATENT(1536) "}",
      671026419200, 37552297472, 61 * 576,
      129280ull * 7168 + 123 * 7168 + 61 * (1536 + 512) + 58 * (256 * 7169) },
};
enum { N_PUBLISHED = sizeof published / sizeof *published };

static struct model_spec spec_of(const struct published *p)
{
    struct model_spec spec;
    struct error err = { 0 };

    cr_assert(eq(int, hf_config_parse(&spec, NULL, p->text, strlen(p->text),
                                      p->name, &err), STATUS_OK), "%s",
              err.text);
    return spec;
}

Test(experts, published_models_have_their_parameters)
{
    for (int i = 0; i < N_PUBLISHED; i++) {
        const struct model_spec spec = spec_of(&published[i]);
        cr_expect(eq(u64, memory_parameters(&spec), published[i].parameters),
                  "%s", published[i].name);
        cr_expect(eq(u64, memory_active_parameters(&spec),
                     published[i].active), "%s", published[i].name);
    }
}

Test(experts, keys_and_values_or_one_vector_are_cached)
{
    const struct regime half = { .arithmetic = PRECISION_BF16,
                                 .weights = PRECISION_BF16,
                                 .kv = PRECISION_BF16 };

    for (int i = 0; i < N_PUBLISHED; i++) {
        const struct model_spec spec = spec_of(&published[i]);
        const struct hold_question q = { .spec = &spec, .regime = &half,
            .phase = MEMORY_DECODE, .n_sequences = 3, .n_tokens = 100 };
        cr_expect(eq(u64, hold_of(&q).bytes[MEMORY_KV],
                     2 * 300 * published[i].cached), "%s", published[i].name);
    }
}

static struct ledger *step_of(const struct model_spec *spec, int32_t B,
                              int32_t T, bool decodes)
{
    struct allocation a;
    struct ledger *ledger;
    struct predict_job job = { .spec = spec, .allocation = &a };

    cr_assert(eq(int, allocation_open(&a, spec->n_layers, B, T, NULL),
                 STATUS_OK));
    cr_assert(eq(int, ledger_open(&ledger, (struct ledger_shape){
        .by_pass = true, .by_op = true }, cost_zero(PROV_PREDICTED), NULL),
        STATUS_OK));
    enum status status =
        decodes ? predict_decode_expected(ledger, &job, NULL, NULL)
                : predict_train_step(ledger, &job, NULL, NULL);
    cr_assert(eq(int, status, STATUS_OK));
    allocation_close(&a);
    return ledger;
}

static uint64_t products(const struct ledger *l, int pass)
{
    static const enum op ops[] = { OP_QKV, OP_PROJECT, OP_FFN_UP, OP_FFN_DOWN,
                                   OP_HEAD };
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        sum += flops(l, pass, LEDGER_ALL, ops[i]);
    return sum;
}

/* Of a decoded token: two flops for each active parameter that a product has; and
 * in training six. */
Test(experts, products_are_of_the_active_parameters)
{
    for (int i = 0; i < N_PUBLISHED; i++) {
        const struct published *p = &published[i];
        const struct model_spec spec = spec_of(p);
        struct ledger *decoded = step_of(&spec, 1, 64, true),
            *trained = step_of(&spec, 2, 16, false);
        const uint64_t n = p->active - p->idle_rest;
        const uint64_t biases = spec.traits.qkv_bias ? 24 * 3 * 2048 : 0;

        cr_expect(eq(u64, products(decoded, PASS_FORWARD), 2 * n), "%s",
                  p->name);
        cr_expect(eq(u64, products(trained, PASS_FORWARD), 32 * 2 * n), "%s",
                  p->name);
        cr_expect(eq(u64, products(trained, PASS_BACKWARD),
                     32 * (4 * n + biases)), "%s", p->name);
        ledger_close(decoded);
        ledger_close(trained);
    }
}

/* Each of 8 tokens enters 2 of 8: 8 * (1 - 0.75^8) = 7.199 experts are read. */
Test(experts, weights_are_read_of_those_that_a_batch_enters)
{
    const struct model_spec spec = spec_of(&published[0]);
    struct ledger *l = step_of(&spec, 8, 64, true);
    const double C = 4096, F = 14336, entered = 8 * (1 - pow(0.75, 8));
    const double rows = 8 * (4 * C * 2 + 8 * 2 * F);

    cr_expect(epsilon_eq(dbl, spec_experts_entered(&spec, 8), entered, 1e-12));
    cr_expect(epsilon_eq(dbl, (double)bytes(l, PASS_FORWARD, LEDGER_ALL,
                                            OP_FFN_UP),
                         32 * (entered * 8 * C * F + rows), 32));
    ledger_close(l);
}

/* A cached vector of 576 numbers is read once for all heads. */
Test(experts, a_decode_step_reads_the_cached_vectors)
{
    const struct model_spec spec = spec_of(&published[4]);
    struct ledger *few = step_of(&spec, 1, 64, true),
        *many = step_of(&spec, 1, 128, true);

    cr_expect(eq(u64, bytes(many, PASS_FORWARD, LEDGER_ALL, OP_ATTEND) -
                      bytes(few, PASS_FORWARD, LEDGER_ALL, OP_ATTEND),
                 27 * 64 * 576 * 4));
    /* 16 heads: a score of 576 numbers, a mix of 512, an exp, a scale, a sum */
    cr_expect(eq(u64, flops(many, PASS_FORWARD, LEDGER_ALL, OP_ATTEND) -
                      flops(few, PASS_FORWARD, LEDGER_ALL, OP_ATTEND),
                 27 * 64 * 16 * (2 * 576 + 2 * 512 + OP_FLOPS_EXP + 2)));
    ledger_close(few);
    ledger_close(many);
}

Test(experts, running_latent_attention_is_refused_by_name)
{
    char directory[64], path[96];
    struct source source;
    struct error err = { 0 };

    make_directory(directory);
    snprintf(path, sizeof path, "%s/config.json", directory);
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL);
    fputs(published[4].text, file);
    cr_assert(fclose(file) == 0);
    cr_expect(eq(int, source_read(&source, directory, NULL, 0, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "latent attention is priced by isobath predict,"
                     " and not run") != NULL, "%s", err.text);
    remove_directory(directory);
}

static struct model *opened(const struct source *source,
                            struct model_spec *spec)
{
    const struct model_options options = { .n_sequences = 1, .n_tokens = 4,
                                           .n_threads = 1 };
    struct model *model = NULL;
    struct error err = { 0 };

    *spec = source->spec;
    cr_assert(eq(int, model_open(&model, spec, &options, &err), STATUS_OK),
              "%s", err.text);
    cr_assert(eq(int, source_fill(source, model, 1, &err), STATUS_OK), "%s",
              err.text);
    return model;
}

Test(experts, a_model_that_is_written_is_read_as_it_was)
{
    static const char *const all[] = { "mixtral", "qwen2_moe", "qwen3_moe",
                                       "olmoe" };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char directory[64], path[96];
        struct source from, back;
        struct model_spec spec, again;
        struct error err = { 0 };
        make_directory(directory);
        snprintf(path, sizeof path, "tests/data/classes/%s", all[i]);
        cr_assert(eq(int, source_read(&from, path, NULL, 0, &err), STATUS_OK),
                  "%s", err.text);
        struct model *wrote = opened(&from, &spec);
        cr_assert(eq(int, checkpoint_export(wrote, route_find("dense"),
                                            directory, &err), STATUS_OK),
                  "%s", err.text);
        cr_assert(eq(int, source_read(&back, directory, NULL, 0, &err),
                     STATUS_OK), "%s", err.text);
        struct model *read = opened(&back, &again);
        cr_expect(memcmp(&spec.experts, &again.experts,
                         sizeof spec.experts) == 0, "%s", all[i]);
        cr_expect(memcmp(spec.has_experts, again.has_experts,
                         sizeof spec.has_experts) == 0, "%s", all[i]);
        cr_expect(memcmp(model_weights(wrote), model_weights(read),
                         model_tensors(wrote)->floats * sizeof(float)) == 0,
                  "%s", all[i]);
        model_close(wrote);
        model_close(read);
        remove_directory(directory);
    }
}

/* What no class has stands beside what all have. */
Test(experts, who_chooses_and_how_many_survive_a_file)
{
    static const struct experts kinds[] = {
        { .n = 4, .active = 2, .width = 16, .normalised = true,
          .capacity = 1.25, .balance_loss = 0.01, .z_loss = 0.001 },
        { .n = 4, .active = 2, .width = 16, .rule = EXPERT_RULE_EXPERTS,
          .z_loss = 0.001 },
        { .n = 3, .active = 2, .width = 16, .normalised = true, .idle = 2,
          .balance_loss = 0.02 },
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char directory[64];
        struct source back;
        struct error err = { 0 };
        struct model_spec spec = case_spec(&shapes[9], FAMILY_LLAMA, 0.0,
                                           PATTERN_ODD);
        spec.experts = kinds[i];
        memset(spec.has_experts, true, (size_t)spec.n_layers);
        make_directory(directory);
        const struct model_options options = { .n_sequences = 1, .n_tokens = 4,
                                               .n_threads = 1 };
        struct model *wrote = case_model(&spec, &options, 1);
        cr_assert(eq(int, checkpoint_export(wrote, route_find("dense"),
                                            directory, &err), STATUS_OK),
                  "%s", err.text);
        cr_assert(eq(int, source_read(&back, directory, NULL, 0, &err),
                     STATUS_OK), "%s", err.text);
        cr_expect(memcmp(&back.spec.experts, &kinds[i], sizeof kinds[i]) == 0,
                  "%zu", i);
        model_close(wrote);
        remove_directory(directory);
    }
}

/* Without others there is nobody to choose among. */
Test(experts, idle_and_shared_ones_stand_beside_others)
{
    static const struct { const char *key, *says; } beside[] = {
        { "idle_experts: 4", "model.idle_experts 4: of model.experts above 0" },
        { "shared_experts: 1", "model.shared_experts 1: of model.experts above"
          " 0" },
    };
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        char text[96];
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        snprintf(text, sizeof text, "model={family: llama, layers: 2, channels:"
                 " 16, heads: 2, %s}", beside[i].key);
        const struct config_setting setting = { .text = text };
        cr_expect(eq(int, model_config_load(&spec, NULL, NULL, &setting, 1, &err),
                     STATUS_BAD_VALUE));
        cr_expect(strstr(err.text, beside[i].says) != NULL, "%s", err.text);
    }
}

Test(experts, what_a_class_needs_is_named)
{
    static const char text[] = HEAD("mixtral", "Mixtral")
        SIZES(64, 2, 2, 2, 64, 100) "\"num_experts_per_tok\": 2}";
    struct model_spec spec;
    struct error err = { 0 };

    cr_expect(eq(int, hf_config_parse(&spec, NULL, text, sizeof text - 1, "m",
                                      &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "num_local_experts is missing") != NULL, "%s",
              err.text);
}
