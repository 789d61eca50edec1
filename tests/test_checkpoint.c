/* test_checkpoint.c - Read back what was written, by this program and by
 * others' rules. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "models/files/checkpoint.h"
#include "models/files/safetensors.h"
#include "models/training/training_state.h"
#include "sim/core/base/file.h"
#include "sim/core/model/plan.h"
#include "tests/tiny_model.h"
#include "tests/words.h"

static void export_to(struct model *model, const char *policy)
{
    struct error err = { STATUS_OK, "" };
    make_directory(directory);
    cr_assert(eq(int, checkpoint_export(model, case_policy(policy), directory,
                                        &err), STATUS_OK), "%s", err.text);
}

/* ---- there and back ---- */

/* The weights of all tensors; the padding between them is not compared. */
static void expect_same_weights(struct model *a, struct model *b)
{
    struct tensor_list *list = model_tensors(a);
    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *t = &list->tensor[i];
        cr_expect(memcmp(model_weights(a) + t->offset,
                         model_weights(b) + t->offset,
                         t->n * sizeof(float)) == 0,
                  "tensor %d of layer %d", (int)t->id, t->layer);
    }
}

static void expect_same_spec(const struct model_spec *a,
                             const struct model_spec *b)
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
    cr_expect(eq(int, a->tied_head, b->tied_head));
    cr_expect(eq(flt, a->norm_epsilon, b->norm_epsilon));
    cr_expect(eq(flt, a->rope_theta, b->rope_theta));
    cr_expect(eq(int, a->traits.qkv_bias, b->traits.qkv_bias));
    cr_expect(eq(int, a->rope_scaling.kind, b->rope_scaling.kind));
    cr_expect(eq(int, a->gate, b->gate));
    cr_expect(eq(int, a->router_input, b->router_input));
    cr_expect(eq(int, a->router_scores, b->router_scores));
    cr_expect(eq(int, a->router_trained, b->router_trained));
    cr_expect(eq(int, a->router_detached, b->router_detached));
    cr_expect(eq(i32, a->n_predictor, b->n_predictor));
    for (int32_t l = 0; l < a->n_layers; l++) {
        cr_expect(eq(int, a->routed[l], b->routed[l]));
        cr_expect(eq(dbl, a->capacity[l], b->capacity[l]));
    }
}

static void there_and_back_of(struct model *model)
{
    struct model *again;
    struct model_options options = { .n_sequences = 1, .n_tokens = 6,
                                     .n_threads = 1 };
    struct model_spec spec;
    struct hf_routing routing;
    struct error err = { STATUS_OK, "" };

    /* Of layer 1. */
    const int32_t each = plan_choices_a_layer(model_spec(model));
    for (int32_t c = 0; c < each; c++)
        model_thresholds(model)[each + c] = 0.3125f * (float)(c + 1);
    export_to(model, "expert_choice");
    cr_assert(eq(int, hf_config_read(&spec, &routing,
                                     in_directory("config.json"), &err),
                 STATUS_OK), "%s", err.text);
    expect_same_spec(model_spec(model), &spec);
    cr_expect(routing.policy == case_policy("expert_choice"));
    again = case_model(&spec, &options, 99);
    cr_assert(eq(int, checkpoint_import(again, directory, &routing, &err),
                 STATUS_OK), "%s", err.text);
    expect_same_weights(model, again);
    for (int32_t c = 0; c < each; c++)
        cr_expect(eq(flt, model_thresholds(again)[each + c],
                     0.3125f * (float)(c + 1)));
    model_close(again);
    model_close(model);
    remove_directory(directory);
}

static void there_and_back(enum family family, bool tied)
{
    there_and_back_of(open_tiny(family, 0.5, tied, false));
}

/* Variant 5 of cases.h: biases and Llama 3.1's frequencies. */
Test(checkpoint, a_biased_llama_comes_back_bit_for_bit)
{
    struct model_spec spec = case_spec(&tiny, FAMILY_LLAMA, 0.5, PATTERN_ODD);
    const struct model_options options = { .n_sequences = 2, .n_tokens = 6,
                                           .n_threads = 1 };
    case_variant(&spec, 5);
    there_and_back_of(case_model(&spec, &options, 3));
}

Test(checkpoint, a_detached_router_stays_detached)
{
    struct model_spec spec = case_spec(&tiny, FAMILY_LLAMA, 0.5, PATTERN_ODD);
    const struct model_options options = { .n_sequences = 2, .n_tokens = 6,
                                           .n_threads = 1 };
    spec.router_trained = false;
    spec.router_detached = true;
    there_and_back_of(case_model(&spec, &options, 3));
}

Test(checkpoint, predictors_come_back_bit_for_bit)
{
    const struct model_options options = { .n_sequences = 2, .n_tokens = 6,
                                           .n_threads = 1 };
    for (int f = 0; f < N_CONTRASTS; f++) {
        struct model_spec spec = case_spec(&tiny, contrasts[f], 0.5,
                                           PATTERN_ODD);
        spec.n_predictor = 5;
        there_and_back_of(case_model(&spec, &options, 3));
        spec.part = PART_APART;
        there_and_back_of(case_model(&spec, &options, 3));
    }
}

Test(checkpoint, llama_comes_back_bit_for_bit)
{
    there_and_back(FAMILY_LLAMA, true);
}

Test(checkpoint, llama_with_a_head_of_its_own_comes_back_bit_for_bit)
{
    there_and_back(FAMILY_LLAMA, false);
}

Test(checkpoint, qwen3_comes_back_bit_for_bit)
{
    there_and_back(FAMILY_QWEN3, true);
}

Test(checkpoint, gpt2_comes_back_bit_for_bit)
{
    there_and_back(FAMILY_GPT2, true);
}

Test(checkpoint, gpt2_with_a_head_of_its_own_comes_back_bit_for_bit)
{
    there_and_back(FAMILY_GPT2, false);
}

Test(checkpoint, thresholds_that_nobody_kept_stay_unknown)
{
    struct model *model = open_tiny(FAMILY_LLAMA, 0.5, true, false);
    struct model_spec spec;
    struct hf_routing routing;

    export_to(model, "expert_choice");
    cr_assert(eq(int, hf_config_read(&spec, &routing,
                                     in_directory("config.json"), NULL),
                 STATUS_OK));
    cr_expect(not(routing.has_thresholds));
    model_close(model);
    remove_directory(directory);
}

/* Its config says "thresholds": [], and routers that are put on it begin with
 * none, not with 0. */
Test(checkpoint, a_dense_model_leaves_thresholds_untracked)
{
    struct model_spec spec = case_spec(&tiny, FAMILY_LLAMA, 0.5, PATTERN_ODD);
    const struct model_spec dense = spec_dense(&spec);
    const struct model_options options = { .n_sequences = 2, .n_tokens = 6,
                                           .n_threads = 1 };
    struct model *from = case_model(&dense, &options, 3);
    struct model *to = case_model(&spec, &options, 4);
    struct hf_routing routing;
    struct model_spec read;

    export_to(from, "dense");
    cr_assert(eq(int, hf_config_read(&read, &routing,
                                     in_directory("config.json"), NULL),
                 STATUS_OK));
    cr_assert(eq(int, checkpoint_import(to, directory, &routing, NULL),
                 STATUS_OK));
    cr_expect(not(routing.has_thresholds));
    cr_expect(isnan(model_thresholds(to)[1]));
    model_close(to);
    model_close(from);
    remove_directory(directory);
}

/* ---- the layout of Hugging Face ---- */

/* C 8, Q 8, E 4, F 12, V 11, and llama's max_tokens 9; layer 1 routes. */
struct expected {
    const char *name;
    int32_t     rank;
    uint64_t    shape[2];
};

static const struct expected llama_layout[] = {
    { "model.embed_tokens.weight", 2, { 11, 8 } },
    { "lm_head.weight", 2, { 11, 8 } },
    { "model.norm.weight", 1, { 8 } },
    { "model.layers.0.input_layernorm.weight", 1, { 8 } },
    { "model.layers.0.self_attn.q_proj.weight", 2, { 8, 8 } },
    { "model.layers.0.self_attn.k_proj.weight", 2, { 4, 8 } },
    { "model.layers.0.self_attn.v_proj.weight", 2, { 4, 8 } },
    { "model.layers.0.self_attn.o_proj.weight", 2, { 8, 8 } },
    { "model.layers.0.post_attention_layernorm.weight", 1, { 8 } },
    { "model.layers.0.mlp.gate_proj.weight", 2, { 12, 8 } },
    { "model.layers.0.mlp.up_proj.weight", 2, { 12, 8 } },
    { "model.layers.0.mlp.down_proj.weight", 2, { 8, 12 } },
    { "model.layers.1.input_layernorm.weight", 1, { 8 } },
    { "model.layers.1.self_attn.q_proj.weight", 2, { 8, 8 } },
    { "model.layers.1.self_attn.k_proj.weight", 2, { 4, 8 } },
    { "model.layers.1.self_attn.v_proj.weight", 2, { 4, 8 } },
    { "model.layers.1.self_attn.o_proj.weight", 2, { 8, 8 } },
    { "model.layers.1.post_attention_layernorm.weight", 1, { 8 } },
    { "model.layers.1.mlp.gate_proj.weight", 2, { 12, 8 } },
    { "model.layers.1.mlp.up_proj.weight", 2, { 12, 8 } },
    { "model.layers.1.mlp.down_proj.weight", 2, { 8, 12 } },
    { "model.layers.1.mod_router.weight", 2, { 1, 8 } },
};

/* GPT-2 keeps [in,out]; positions are 6 + 3. */
static const struct expected gpt2_layout[] = {
    { "transformer.wte.weight", 2, { 11, 8 } },
    { "transformer.wpe.weight", 2, { 9, 8 } },
    { "transformer.ln_f.weight", 1, { 8 } },
    { "transformer.ln_f.bias", 1, { 8 } },
    { "transformer.h.0.ln_1.weight", 1, { 8 } },
    { "transformer.h.0.ln_1.bias", 1, { 8 } },
    { "transformer.h.0.attn.c_attn.weight", 2, { 8, 24 } },
    { "transformer.h.0.attn.c_attn.bias", 1, { 24 } },
    { "transformer.h.0.attn.c_proj.weight", 2, { 8, 8 } },
    { "transformer.h.0.attn.c_proj.bias", 1, { 8 } },
    { "transformer.h.0.ln_2.weight", 1, { 8 } },
    { "transformer.h.0.ln_2.bias", 1, { 8 } },
    { "transformer.h.0.mlp.c_fc.weight", 2, { 8, 12 } },
    { "transformer.h.0.mlp.c_fc.bias", 1, { 12 } },
    { "transformer.h.0.mlp.c_proj.weight", 2, { 12, 8 } },
    { "transformer.h.0.mlp.c_proj.bias", 1, { 8 } },
    { "transformer.h.1.ln_1.weight", 1, { 8 } },
    { "transformer.h.1.ln_1.bias", 1, { 8 } },
    { "transformer.h.1.attn.c_attn.weight", 2, { 8, 24 } },
    { "transformer.h.1.attn.c_attn.bias", 1, { 24 } },
    { "transformer.h.1.attn.c_proj.weight", 2, { 8, 8 } },
    { "transformer.h.1.attn.c_proj.bias", 1, { 8 } },
    { "transformer.h.1.ln_2.weight", 1, { 8 } },
    { "transformer.h.1.ln_2.bias", 1, { 8 } },
    { "transformer.h.1.mlp.c_fc.weight", 2, { 8, 12 } },
    { "transformer.h.1.mlp.c_fc.bias", 1, { 12 } },
    { "transformer.h.1.mlp.c_proj.weight", 2, { 12, 8 } },
    { "transformer.h.1.mlp.c_proj.bias", 1, { 8 } },
    { "transformer.h.1.mod_router.weight", 2, { 1, 8 } },
};

static void expect_layout(const struct expected *want, size_t n)
{
    struct safetensors *file = NULL;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, safetensors_open(&file,
                                       in_directory("model.safetensors"),
                                       &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(sz, safetensors_count(file), n));
    cr_expect(strcmp(safetensors_metadata(file, "format"), "pt") == 0);
    for (size_t i = 0; i < n; i++) {
        const struct safetensors_tensor *t = safetensors_find(file,
                                                              want[i].name);
        cr_expect(t != NULL, "no %s", want[i].name);
        if (!t)
            continue;
        cr_expect(eq(int, t->dtype, SAFETENSORS_F32));
        cr_expect(eq(i32, t->rank, want[i].rank), "%s", want[i].name);
        cr_expect(eq(u64, t->shape[0], want[i].shape[0]), "%s", want[i].name);
        if (t->rank == 2)
            cr_expect(eq(u64, t->shape[1], want[i].shape[1]), "%s",
                      want[i].name);
    }
    safetensors_close(file);
}

Test(checkpoint, llama_has_the_names_and_shapes_of_torch)
{
    struct model *model = open_tiny(FAMILY_LLAMA, 0.5, false, false);
    export_to(model, "expert_choice");
    expect_layout(llama_layout, sizeof llama_layout / sizeof *llama_layout);
    model_close(model);
    remove_directory(directory);
}

Test(checkpoint, gpt2_has_the_names_and_shapes_of_torch)
{
    struct model *model = open_tiny(FAMILY_GPT2, 0.5, true, false);
    export_to(model, "expert_choice");
    expect_layout(gpt2_layout, sizeof gpt2_layout / sizeof *gpt2_layout);
    model_close(model);
    remove_directory(directory);
}

/* Our tensor of a layer, with 1000 * row + column at every place. */
static void number_tensor(struct model *model, enum tensor_id id)
{
    const struct tensor *t = tensor_find(model_tensors(model), 0, id);
    float *w = model_weights(model) + t->offset;
    for (size_t i = 0; i < t->n; i++)
        w[i] = (float)(1000 * (i / (size_t)t->columns) +
                       i % (size_t)t->columns);
}

static float element(const char *name, size_t row, size_t column)
{
    struct safetensors *file = NULL;
    float x;
    cr_assert(eq(int, safetensors_open(&file,
                                       in_directory("model.safetensors"),
                                       NULL), STATUS_OK));
    const struct safetensors_tensor *t = safetensors_find(file, name);
    memcpy(&x, (const char *)t->data +
                   (row * t->shape[1] + column) * sizeof x, sizeof x);
    safetensors_close(file);
    return x;
}

/* Biases lie side by side as their products do: q, k, v. */
Test(checkpoint, biases_of_queries_keys_and_values_are_three_tensors)
{
    static const struct expected biases[] = {
        { "model.layers.1.self_attn.q_proj.bias", 1, { 8 } },
        { "model.layers.1.self_attn.k_proj.bias", 1, { 4 } },
        { "model.layers.1.self_attn.v_proj.bias", 1, { 4 } },
    };
    struct model_spec spec = case_spec(&tiny, FAMILY_LLAMA, 0.0, PATTERN_ODD);
    const struct model_options options = { .n_sequences = 2, .n_tokens = 6,
                                           .n_threads = 1 };
    struct safetensors *file = NULL;

    spec.traits.qkv_bias = true;
    struct model *model = case_model(&spec, &options, 3);
    const struct tensor *t = tensor_find(model_tensors(model), 1,
                                         TENSOR_QKV_BIAS);
    export_to(model, "dense");
    cr_assert(eq(int, safetensors_open(&file, in_directory("model.safetensors"),
                                       NULL), STATUS_OK));
    size_t from = t->offset;
    for (int i = 0; i < 3; i++) {
        const struct safetensors_tensor *b = safetensors_find(file,
                                                              biases[i].name);
        cr_assert(b != NULL && b->rank == 1);
        cr_expect(eq(u64, b->shape[0], biases[i].shape[0]));
        cr_expect(memcmp(b->data, model_weights(model) + from, b->bytes) == 0);
        from += b->shape[0];
    }
    safetensors_close(file);
    model_close(model);
    remove_directory(directory);
}

Test(checkpoint, torch_linear_holds_outputs_by_inputs)
{
    struct model *model = open_tiny(FAMILY_LLAMA, 0.5, true, false);

    number_tensor(model, TENSOR_QKV);      /* [8, 8 + 4 + 4] in by out */
    number_tensor(model, TENSOR_UP);       /* [8, 12 + 12] */
    number_tensor(model, TENSOR_DOWN);     /* [12, 8] */
    export_to(model, "expert_choice");
    /* q: output 5, input 3 is our row 3, column 5; k begins at column 8, v at
     * 12; gate at 0, up at 12. */
    cr_expect(eq(flt, element("model.layers.0.self_attn.q_proj.weight", 5, 3),
                 3005));
    cr_expect(eq(flt, element("model.layers.0.self_attn.k_proj.weight", 2, 7),
                 7010));
    cr_expect(eq(flt, element("model.layers.0.self_attn.v_proj.weight", 3, 0),
                 15));
    cr_expect(eq(flt, element("model.layers.0.mlp.gate_proj.weight", 11, 1),
                 1011));
    cr_expect(eq(flt, element("model.layers.0.mlp.up_proj.weight", 4, 6),
                 6016));
    cr_expect(eq(flt, element("model.layers.0.mlp.down_proj.weight", 7, 11),
                 11007));
    model_close(model);
    remove_directory(directory);
}

Test(checkpoint, conv1d_of_gpt2_holds_inputs_by_outputs)
{
    struct model *model = open_tiny(FAMILY_GPT2, 0.5, true, false);

    number_tensor(model, TENSOR_QKV);
    export_to(model, "expert_choice");
    cr_expect(eq(flt, element("transformer.h.0.attn.c_attn.weight", 3, 17),
                 3017));
    model_close(model);
    remove_directory(directory);
}

/* What was trained is in the files, whatever their config says of the head. */
Test(checkpoint, a_head_of_its_own_is_not_tied_by_a_config)
{
    struct model *model = open_tiny(FAMILY_LLAMA, 0.5, false, false);
    struct model_spec spec = *model_spec(model);
    struct tensor_list *list = model_tensors(model);
    const float *embedding = NULL;
    float *head = NULL;
    size_t n = 0;

    export_to(model, "expert_choice");
    spec.tied_head = true;
    cr_assert(eq(int, checkpoint_untie(&spec, directory, NULL), STATUS_OK));
    cr_expect(not(spec.tied_head));
    remove_directory(directory);
    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *t = &list->tensor[i];
        float *at = model_weights(model) + t->offset;
        if (t->id == TENSOR_WTE)
            embedding = at;
        else if (t->id == TENSOR_HEAD)
            head = at, n = t->n;
    }
    cr_assert(embedding && head);
    memcpy(head, embedding, n * sizeof *head);
    export_to(model, "expert_choice");
    spec.tied_head = true;
    cr_assert(eq(int, checkpoint_untie(&spec, directory, NULL), STATUS_OK));
    cr_expect(spec.tied_head, "it is the embedding, stored twice");
    remove_directory(directory);
    model_close(model);
}

/* ---- foreign and damaged files ---- */

static void expect_refused(struct model *model, const char *needle)
{
    const struct hf_routing routing = { .policy = case_policy("dense") };
    struct error err = { STATUS_OK, "" };
    cr_expect(eq(int, checkpoint_import(model, directory, &routing, &err),
                 STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, needle) != NULL, "%s", err.text);
}

Test(checkpoint, a_tensor_that_is_missing_is_named)
{
    struct model *tied = open_tiny(FAMILY_LLAMA, 0.5, true, false);
    struct model *untied = open_tiny(FAMILY_LLAMA, 0.5, false, false);

    export_to(tied, "expert_choice");
    expect_refused(untied, "no tensor 'lm_head.weight'");
    model_close(untied);
    model_close(tied);
    remove_directory(directory);
}

Test(checkpoint, a_tensor_of_another_shape_is_named)
{
    struct model *model = open_tiny(FAMILY_LLAMA, 0.5, true, false);
    struct model_spec wide = *model_spec(model);
    struct model_options options = { .n_sequences = 1, .n_tokens = 6,
                                     .n_threads = 1 };

    export_to(model, "expert_choice");
    wide.n_ffn = 16;
    struct model *other = case_model(&wide, &options, 1);
    expect_refused(other, "'model.layers.0.mlp.gate_proj.weight' is [12,8];"
                          " config.json calls for [16,8]");
    model_close(other);
    model_close(model);
    remove_directory(directory);
}
