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
#include "tests/cases.h"
#include "tests/words.h"

static const struct shape tiny = { .n_channels = 8, .n_heads = 2,
    .n_kv_heads = 1, .head_size = 4, .n_ffn = 12, .n_vocab = 11, .n_layers = 2,
    .n_sequences = 2, .n_tokens = 6 };

static char directory[64];

static struct model *open_tiny(enum family family, double capacity, bool tied,
                               bool train)
{
    struct model_spec spec = case_spec(&tiny, family, capacity, PATTERN_ODD);
    struct model_options options = { .n_sequences = 2, .n_tokens = 6,
                                     .train = train, .n_threads = 1 };
    spec.tied_head = tied;
    return case_model(&spec, &options, 3);
}

static void export_to(struct model *model, const char *policy)
{
    struct error err = { STATUS_OK, "" };
    make_directory(directory);
    cr_assert(eq(int, checkpoint_export(model, case_policy(policy), directory,
                                        &err), STATUS_OK), "%s", err.text);
}

static const char *in_directory(const char *name)
{
    static char path[FILE_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
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

/* ---- the state of training ---- */

enum { ROWS = 3 };
static double curve[ROWS][TRAINING_CURVE_COLUMNS];

static struct training_state some_state(struct ledger *ledger)
{
    struct training_state state = {
        .step = 41, .seconds = 1.0 / 3.0, .random = random_seeded(5),
        .fingerprint = "0123456789abcdef", .n_curve = 2, .curve = &curve[0][0],
        .counted = ledger,
    };
    return state;
}

static struct ledger *open_ledger(int32_t n_layers)
{
    struct ledger *ledger = NULL;
    cr_assert(eq(int, ledger_open(&ledger, (struct ledger_shape){
        .by_pass = true, .by_op = true, .n_layers = n_layers },
        cost_zero(PROV_COUNTED), NULL), STATUS_OK));
    return ledger;
}

/* A model with numbers in every place, and a state, on disk. */
static struct model *saved(struct ledger *ledger)
{
    struct model *model = open_tiny(FAMILY_GPT2, 0.5, true, true);
    struct training_state state = some_state(ledger);
    struct error err = { STATUS_OK, "" };

    make_directory(directory);
    model_moments(model, 0)[3] = 0.1f;
    model_moments(model, 1)[5] = -0.0f;
    model_thresholds(model)[1] = 0.75f;
    curve[1][2] = (double)NAN;
    curve[1][3] = 1e-300;
    ledger_set_count(ledger, (struct ledger_key){ PASS_BACKWARD, 1, 0,
                     OP_QKV }, METRIC_FLOPS, UINT64_MAX, PROV_COUNTED);
    ledger_set_count(ledger, (struct ledger_key){ PASS_BACKWARD, 1, 0,
                     OP_QKV }, METRIC_BYTES, 7, PROV_COUNTED);
    cr_assert(eq(int, training_state_save(model, &state, in_directory("state"),
                                          &err), STATUS_OK), "%s", err.text);
    return model;
}

Test(checkpoint, the_state_of_training_comes_back_bit_for_bit)
{
    struct ledger *ledger = open_ledger(2), *other = open_ledger(2);
    struct model *model = saved(ledger);
    struct model *again = open_tiny(FAMILY_GPT2, 0.5, true, true);
    struct training_state state = some_state(other);
    struct error err = { STATUS_OK, "" };
    const struct ledger_key key = { PASS_BACKWARD, 1, 0, OP_QKV };
    const size_t bytes = model_tensors(model)->floats * sizeof(float);

    memset(curve, 0, sizeof curve);
    memset(model_weights(again), 0, bytes);
    state.step = 0;
    state.seconds = 0;
    state.random = random_seeded(6);
    state.n_curve = 0;
    cr_assert(eq(int, training_state_resume(again, &state, ROWS,
                                            in_directory("state"), &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(memcmp(model_weights(again), model_weights(model), bytes) == 0);
    for (int i = 0; i < 2; i++)
        cr_expect(memcmp(model_moments(again, i), model_moments(model, i),
                         bytes) == 0);
    cr_expect(eq(flt, model_thresholds(again)[1], 0.75f));
    cr_expect(eq(i64, state.step, 41));
    cr_expect(state.seconds == 1.0 / 3.0);
    struct random expected = random_seeded(5);
    cr_expect(memcmp(&state.random, &expected, sizeof expected) == 0);
    cr_expect(eq(i64, state.n_curve, 2));
    cr_expect(isnan(curve[1][2]));
    cr_expect(curve[1][3] == 1e-300);
    cr_expect(eq(u64, ledger_at(other, key)->count[METRIC_FLOPS], UINT64_MAX));
    cr_expect(eq(u64, ledger_at(other, key)->count[METRIC_BYTES], 7));
    /* Cycles were not counted. */
    cr_expect(eq(int, ledger_at(other, key)->from[METRIC_CYCLES],
                 PROV_UNKNOWN));
    model_close(again);
    model_close(model);
    ledger_close(other);
    ledger_close(ledger);
    remove_directory(directory);
}

static void expect_no_resume(struct model *model, struct training_state state,
                             enum status want, const char *needle)
{
    struct error err = { STATUS_OK, "" };
    float first = model_weights(model)[0];

    model_weights(model)[0] = 5.0f;
    cr_expect(eq(int, training_state_resume(model, &state, ROWS,
                                            in_directory("state"), &err), want));
    cr_expect(strstr(err.text, needle) != NULL, "%s", err.text);
    cr_expect(eq(flt, model_weights(model)[0], 5.0f), "the model was touched");
    model_weights(model)[0] = first;
}

Test(checkpoint, a_state_of_another_config_is_refused)
{
    struct ledger *ledger = open_ledger(2);
    struct model *model = saved(ledger);
    struct training_state state = some_state(ledger);

    strcpy(state.fingerprint, "fedcba9876543210");
    expect_no_resume(model, state, STATUS_BAD_VALUE, "another config");
    model_close(model);
    ledger_close(ledger);
    remove_directory(directory);
}

Test(checkpoint, a_state_that_was_cut_short_is_refused)
{
    struct ledger *ledger = open_ledger(2);
    struct model *model = saved(ledger);
    struct stat file;

    cr_assert(stat(in_directory("state"), &file) == 0);
    cr_assert(truncate(in_directory("state"), file.st_size - 4) == 0);
    expect_no_resume(model, some_state(ledger), STATUS_BAD_FORMAT, "state");
    cr_assert(truncate(in_directory("state"), 0) == 0);
    expect_no_resume(model, some_state(ledger), STATUS_BAD_FORMAT, "state");
    model_close(model);
    ledger_close(ledger);
    remove_directory(directory);
}

Test(checkpoint, a_state_with_one_bit_turned_is_refused)
{
    struct ledger *ledger = open_ledger(2);
    struct model *model = saved(ledger);
    FILE *file = fopen(in_directory("state"), "r+b");

    cr_assert(file != NULL);
    fseek(file, -5, SEEK_END);
    int c = fgetc(file);
    fseek(file, -5, SEEK_END);
    fputc(c ^ 0x10, file);
    fclose(file);
    expect_no_resume(model, some_state(ledger), STATUS_BAD_FORMAT, "damaged");
    model_close(model);
    ledger_close(ledger);
    remove_directory(directory);
}

Test(checkpoint, a_curve_longer_than_its_room_is_refused)
{
    struct ledger *ledger = open_ledger(2);
    struct model *model = saved(ledger);
    struct training_state state = some_state(ledger);
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, training_state_resume(model, &state, 1,
                                            in_directory("state"), &err),
                 STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, "'curve'") != NULL, "%s", err.text);
    model_close(model);
    ledger_close(ledger);
    remove_directory(directory);
}

static size_t read_whole(char *out, size_t room)
{
    FILE *file = fopen(in_directory("state"), "rb");
    size_t n = fread(out, 1, room, file);
    fclose(file);
    return n;
}

/* A limit on the size of files stands for a full disk. */
Test(checkpoint, a_full_disk_leaves_the_older_state_alone)
{
    static char before[1 << 20], after[1 << 20];
    struct ledger *ledger = open_ledger(2);
    struct model *model = saved(ledger);
    struct training_state state = some_state(ledger);
    struct error err = { STATUS_OK, "" };
    const struct rlimit small = { 5000, 5000 };
    size_t n = read_whole(before, sizeof before);

    signal(SIGXFSZ, SIG_IGN);
    cr_assert(setrlimit(RLIMIT_FSIZE, &small) == 0);
    state.step = 42;
    cr_expect(eq(int, training_state_save(model, &state, in_directory("state"),
                                          &err), STATUS_IO));
    cr_expect(strstr(err.text, "too large") != NULL, "%s", err.text);
    cr_expect(eq(sz, read_whole(after, sizeof after), n));
    cr_expect(memcmp(before, after, n) == 0);
    model_close(model);
    ledger_close(ledger);
    remove_directory(directory);
}
