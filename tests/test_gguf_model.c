/* test_gguf_model.c - Read models from GGUF files: every part lands in its
 * place, or the file is refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/gguf_model.h"
#include "models/files/span.h"
#include "tests/directory.h"
#include "tests/gguf_writer.h"

/* ---- models as files ---- */

static struct model_spec spec_of(enum family family, bool tied)
{
    const bool gpt2 = family == FAMILY_GPT2;
    struct model_spec spec = {
        .traits = family_traits[family],
        .n_layers = 2, .n_channels = 24, .n_heads = 4,
        .n_kv_heads = gpt2 ? 4 : 2, .head_size = 6, .n_ffn = 40, .n_vocab = 19,
        .max_tokens = 9, .tied_head = tied, .norm_epsilon = 0.25f,
        .rope_theta = gpt2 ? 10000.0f : 500.0f,
        .gate = GATE_SIGMOID2, .router_input = ROUTER_INPUT_NORMALISED,
    };
    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        spec.capacity[l] = 1.0;
    return spec;
}

/* Every weight different. */
static struct model *model_of(const struct model_spec *spec, bool filled)
{
    const struct model_options options = { .n_sequences = 1, .n_tokens = 9,
                                           .n_threads = 1 };
    struct model *m = NULL;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, model_open(&m, spec, &options, &err), STATUS_OK), "%s",
              err.text);
    for (int32_t i = 0; filled && i < model_tensors(m)->n; i++) {
        const struct tensor *t = &model_tensors(m)->tensor[i];
        for (size_t j = 0; j < t->n; j++)
            model_weights(m)[t->offset + j] = (float)(t->offset + j) * 1e-5f;
    }
    return m;
}

/* Takes the second layer's tensors, where there is one. */
static struct writer *behind_first;

static void put_part(struct writer *w, struct model *m, int32_t layer,
                     enum tensor_id id, enum span span, enum layout layout,
                     const char *name)
{
    const struct tensor *t = tensor_find(model_tensors(m), layer, id);
    float theirs[2048];
    int64_t from, to;
    char full[GGUF_MAX_NAME];

    if (!t)
        return;
    span_columns(model_spec(m), t, span, &from, &to);
    cr_assert(t->rows * (to - from) <= 2048);
    span_write(model_weights(m) + t->offset, t, from, to, layout,
               model_spec(m), theirs);
    if (layer < 0)
        snprintf(full, sizeof full, "%s", name);
    else
        snprintf(full, sizeof full, "blk.%d.%s", layer, name);
    if (behind_first && layer == 1)
        w = behind_first;
    uint64_t rows = (uint64_t)t->rows, columns = (uint64_t)(to - from);
    if (layout != LAYOUT_SAME)
        put_tensor(w, full, columns, rows, theirs);
    else
        put_tensor(w, full, strstr(name, "embd") || strstr(name, "output.w")
                                ? rows : 0, columns, theirs);
}

/* A model under one of the names that a llama goes by. */
static void put_llama(struct writer *w, struct model *m, const char *name)
{
    static const struct { const char *key; uint32_t n; } sizes[] = {
        { "context_length", 9 }, { "embedding_length", 24 },
        { "block_count", 2 }, { "feed_forward_length", 40 },
        { "attention.head_count", 4 }, { "attention.head_count_kv", 2 },
        { "rope.dimension_count", 6 }, { "vocab_size", 19 },
    };
    const struct traits *has = &model_spec(m)->traits;
    const enum layout turned = strncmp(name, "qwen", 4) == 0 ? LAYOUT_LINEAR
                                                            : LAYOUT_PAIRS;

    put_word(w, "general.architecture", name);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        put_int(w, behind(name, sizes[i].key), sizes[i].n);
    put_real(w, behind(name, "attention.layer_norm_rms_epsilon"), 0.25f);
    put_real(w, behind(name, "rope.freq_base"), 500.0f);
    put_part(w, m, -1, TENSOR_WTE, SPAN_ALL, LAYOUT_SAME, "token_embd.weight");
    put_part(w, m, -1, TENSOR_FINAL_GAMMA, SPAN_ALL, LAYOUT_SAME,
             "output_norm.weight");
    put_part(w, m, -1, TENSOR_HEAD, SPAN_ALL, LAYOUT_SAME, "output.weight");
    for (int32_t l = 0; l < 2; l++) {
        put_part(w, m, l, TENSOR_NORM1_GAMMA, SPAN_ALL, LAYOUT_SAME,
                 "attn_norm.weight");
        put_part(w, m, l, TENSOR_QKV, SPAN_Q, turned, "attn_q.weight");
        put_part(w, m, l, TENSOR_QKV, SPAN_K, turned, "attn_k.weight");
        put_part(w, m, l, TENSOR_QKV, SPAN_V, LAYOUT_LINEAR, "attn_v.weight");
        put_part(w, m, l, TENSOR_PROJECT, SPAN_ALL, LAYOUT_LINEAR,
                 "attn_output.weight");
        put_part(w, m, l, TENSOR_NORM2_GAMMA, SPAN_ALL, LAYOUT_SAME,
                 "ffn_norm.weight");
        put_part(w, m, l, TENSOR_UP, SPAN_GATE, LAYOUT_LINEAR,
                 "ffn_gate.weight");
        put_part(w, m, l, TENSOR_UP, SPAN_UP, LAYOUT_LINEAR, "ffn_up.weight");
        put_part(w, m, l, TENSOR_DOWN, SPAN_ALL, LAYOUT_LINEAR,
                 "ffn_down.weight");
        if (has->qk_norm) {
            put_part(w, m, l, TENSOR_QUERY_GAMMA, SPAN_ALL, LAYOUT_SAME,
                     "attn_q_norm.weight");
            put_part(w, m, l, TENSOR_KEY_GAMMA, SPAN_ALL, LAYOUT_SAME,
                     "attn_k_norm.weight");
        }
        if (!has->qkv_bias)
            continue;
        put_part(w, m, l, TENSOR_QKV_BIAS, SPAN_Q, LAYOUT_SAME, "attn_q.bias");
        put_part(w, m, l, TENSOR_QKV_BIAS, SPAN_K, LAYOUT_SAME, "attn_k.bias");
        put_part(w, m, l, TENSOR_QKV_BIAS, SPAN_V, LAYOUT_SAME, "attn_v.bias");
    }
}

static void put_gpt2(struct writer *w, struct model *m)
{
    static const struct {
        enum tensor_id id;
        enum layout layout;
        const char *name;
    } part[] = {
        { TENSOR_NORM1_GAMMA, LAYOUT_SAME, "attn_norm.weight" },
        { TENSOR_NORM1_BETA, LAYOUT_SAME, "attn_norm.bias" },
        { TENSOR_QKV, LAYOUT_LINEAR, "attn_qkv.weight" },
        { TENSOR_QKV_BIAS, LAYOUT_SAME, "attn_qkv.bias" },
        { TENSOR_PROJECT, LAYOUT_LINEAR, "attn_output.weight" },
        { TENSOR_PROJECT_BIAS, LAYOUT_SAME, "attn_output.bias" },
        { TENSOR_NORM2_GAMMA, LAYOUT_SAME, "ffn_norm.weight" },
        { TENSOR_NORM2_BETA, LAYOUT_SAME, "ffn_norm.bias" },
        { TENSOR_UP, LAYOUT_LINEAR, "ffn_up.weight" },
        { TENSOR_UP_BIAS, LAYOUT_SAME, "ffn_up.bias" },
        { TENSOR_DOWN, LAYOUT_LINEAR, "ffn_down.weight" },
        { TENSOR_DOWN_BIAS, LAYOUT_SAME, "ffn_down.bias" },
    };
    put_word(w, "general.architecture", "gpt2");
    put_int(w, "gpt2.context_length", 9);
    put_int(w, "gpt2.embedding_length", 24);
    put_int(w, "gpt2.block_count", 2);
    put_int(w, "gpt2.feed_forward_length", 40);
    put_int(w, "gpt2.attention.head_count", 4);
    put_real(w, "gpt2.attention.layer_norm_epsilon", 0.25f);
    put_part(w, m, -1, TENSOR_WTE, SPAN_ALL, LAYOUT_SAME, "token_embd.weight");
    put_part(w, m, -1, TENSOR_WPE, SPAN_ALL, LAYOUT_SAME,
             "position_embd.weight");
    put_part(w, m, -1, TENSOR_HEAD, SPAN_ALL, LAYOUT_SAME, "output.weight");
    put_part(w, m, -1, TENSOR_FINAL_GAMMA, SPAN_ALL, LAYOUT_SAME,
             "output_norm.weight");
    put_part(w, m, -1, TENSOR_FINAL_BETA, SPAN_ALL, LAYOUT_SAME,
             "output_norm.bias");
    for (int32_t l = 0; l < 2; l++)
        for (size_t i = 0; i < sizeof part / sizeof *part; i++)
            put_part(w, m, l, part[i].id, SPAN_ALL, part[i].layout,
                     part[i].name);
}

/* Read back: shape and weights are the same, bit for bit. */
static void check_return(const char *architecture, enum family family,
                         bool tied)
{
    const struct model_spec spec = spec_of(family, tied);
    struct model_spec found;
    struct model *from = model_of(&spec, true), *to;
    struct writer w;
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };
    size_t size;

    open_writer(&w);
    if (family == FAMILY_GPT2)
        put_gpt2(&w, from);
    else
        put_llama(&w, from, architecture);
    char *image = finish(&w, &size);
    cr_assert(eq(int, gguf_parse(&file, image, size, "x", &err), STATUS_OK),
              "%s", err.text);
    cr_assert(eq(int, gguf_model_spec(&found, file, &err), STATUS_OK), "%s",
              err.text);
    cr_expect(memcmp(&found, &spec, sizeof spec) == 0);
    to = model_of(&found, false);
    cr_assert(eq(int, gguf_model_import(to, file, &err), STATUS_OK), "%s",
              err.text);
    cr_expect(memcmp(model_weights(from), model_weights(to),
                     model_tensors(from)->floats * sizeof(float)) == 0);
    gguf_close(file);
    free(image);
    model_close(to);
    model_close(from);
}

Test(gguf_model, every_architecture_comes_back_as_it_went)
{
    static const struct { const char *name; enum family family; } all[] = {
        { "llama", FAMILY_LLAMA }, { "mistral", FAMILY_LLAMA },
        { "qwen2", FAMILY_QWEN2 }, { "qwen3", FAMILY_QWEN3 },
        { "gpt2", FAMILY_GPT2 },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        check_return(all[i].name, all[i].family, true);
        check_return(all[i].name, all[i].family, false);
    }
}

/* The model read from a llama's file with something added; *found is its
 * spec. */
static struct model *read_with(void (*add)(struct writer *),
                               struct model_spec *found, enum status *status,
                               struct error *err)
{
    const struct model_spec spec = spec_of(FAMILY_LLAMA, true);
    struct model *from = model_of(&spec, true), *to = NULL;
    struct writer w;
    struct gguf *file = NULL;
    size_t size;

    open_writer(&w);
    put_llama(&w, from, "llama");
    add(&w);
    char *image = finish(&w, &size);
    cr_assert(eq(int, gguf_parse(&file, image, size, "x", err), STATUS_OK),
              "%s", err->text);
    *status = gguf_model_spec(found, file, err);
    if (*status == STATUS_OK) {
        to = model_of(found, false);
        *status = gguf_model_import(to, file, err);
    }
    gguf_close(file);
    free(image);
    model_close(from);
    return to;
}

static void add_split(struct writer *w)
{
    put_int(w, "split.no", 0);
    put_int(w, "split.count", 2);
}
static void add_whole(struct writer *w)
{
    put_int(w, "split.count", 1);
}

Test(gguf_model, a_part_of_a_model_is_refused_by_name)
{
    struct model_spec found;
    enum status status;
    struct error err = { STATUS_OK, "" };

    cr_expect(read_with(add_split, &found, &status, &err) == NULL);
    cr_expect(eq(int, status, STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "split.count 2: this file is one part") != NULL,
              "%s", err.text);
    model_close(read_with(add_whole, &found, &status, &err));
    cr_expect(eq(int, status, STATUS_OK));
}

static void put_image(const char *name, struct writer *w)
{
    size_t size;
    char *image = finish(w, &size);
    FILE *file = fopen(name, "wb");

    cr_assert(file && fwrite(image, size, 1, file) == 1 && fclose(file) == 0);
    free(image);
}

Test(gguf_model, a_model_in_parts_is_the_model)
{
    static const char first[] = "m-00001-of-00002.gguf";
    const struct model_spec spec = spec_of(FAMILY_LLAMA, false);
    struct model_spec found;
    struct model *from = model_of(&spec, true), *to;
    struct writer w, rest;
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };

    enter_directory();
    open_writer(&w);
    open_writer(&rest);
    behind_first = &rest;
    put_llama(&w, from, "llama");
    add_split(&w);
    put_image(first, &w);
    put_int(&rest, "split.no", 1);
    put_int(&rest, "split.count", 2);
    put_image("m-00002-of-00002.gguf", &rest);
    cr_assert(eq(int, gguf_open(&file, first, &err), STATUS_OK), "%s",
              err.text);
    cr_assert(eq(int, gguf_model_spec(&found, file, &err), STATUS_OK), "%s",
              err.text);
    to = model_of(&found, false);
    cr_assert(eq(int, gguf_model_import(to, file, &err), STATUS_OK), "%s",
              err.text);
    cr_expect(memcmp(model_weights(from), model_weights(to),
                     model_tensors(from)->floats * sizeof(float)) == 0);
    gguf_close(file);
    model_close(to);
    model_close(from);
    leave_directory();
}

static void add_linear(struct writer *w)
{
    put_word(w, "llama.rope.scaling.type", "linear");
    put_real(w, "llama.rope.scaling.factor", 4.0f);
    put_int(w, "llama.rope.scaling.original_context_length", 2);
}
static void add_old_linear(struct writer *w)
{
    put_real(w, "llama.rope.scale_linear", 4.0f);
}
static void add_none(struct writer *w)
{
    put_word(w, "llama.rope.scaling.type", "none");
    put_real(w, "llama.rope.scaling.factor", 4.0f);
}

/* llama.cpp takes a factor without a type for linear. */
Test(gguf_model, linear_scaling_has_two_names)
{
    static const struct {
        void (*add)(struct writer *);
        enum rope_scaling_kind kind;
    } cases[] = {
        { add_linear, ROPE_SCALING_LINEAR },
        { add_old_linear, ROPE_SCALING_LINEAR },
        { add_none, ROPE_SCALING_NONE },
    };
    for (int i = 0; i < 3; i++) {
        struct error err = { STATUS_OK, "" };
        struct model_spec spec;
        enum status status;
        struct model *m = read_with(cases[i].add, &spec, &status, &err);

        cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
        cr_expect(eq(int, spec.rope_scaling.kind, cases[i].kind));
        cr_expect(cases[i].kind == ROPE_SCALING_NONE ||
                  spec.rope_scaling.factor == 4.0f);
        model_close(m);
    }
}

static void add_lengthless(struct writer *w)
{
    put_word(w, "llama.rope.scaling.type", "yarn");
    put_real(w, "llama.rope.scaling.factor", 4.0f);
}
static void add_yarn(struct writer *w)
{
    add_lengthless(w);
    put_int(w, "llama.rope.scaling.original_context_length", 2);
}
static void add_turns(struct writer *w)
{
    add_yarn(w);
    put_real(w, "llama.rope.scaling.yarn_beta_fast", 16.0f);
}

/* As _compute_yarn_parameters() of transformers has it, where a config says no
 * more. */
Test(gguf_model, yarn_has_the_usual_turns_and_amplitude)
{
    struct error err = { STATUS_OK, "" };
    struct model_spec spec;
    enum status status;
    struct model *m = read_with(add_yarn, &spec, &status, &err);

    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    cr_expect(eq(int, spec.rope_scaling.kind, ROPE_SCALING_YARN));
    cr_expect(eq(i32, spec.rope_scaling.original_tokens, 2));
    cr_expect(epsilon_eq(flt, spec.rope_scaling.factor, 4, 0));
    cr_expect(epsilon_eq(flt, spec.rope_scaling.low_frequency, 1, 0));
    cr_expect(epsilon_eq(flt, spec.rope_scaling.high_frequency, 32, 0));
    cr_expect(epsilon_eq(flt, spec.rope_scaling.amplitude, 1.1386294f, 1e-6f));
    model_close(m);
}

static void add_factors(struct writer *w)
{
    static const float factors[] = { 1.0f, 2.0f, 8.0f };
    put_tensor(w, "rope_freqs.weight", 0, 3, factors);
}

/* test_rotary.c checks what factors mean; here, those of the file arrive. */
Test(gguf_model, factors_divide_frequencies)
{
    struct error err = { STATUS_OK, "" };
    struct model_spec spec;
    enum status status;
    struct model *m = read_with(add_factors, &spec, &status, &err);
    const int32_t ids[] = { 3, 1, 4, 1, 5, 9, 2, 6, 5 };
    struct model_input input = { .ids = ids, .n_sequences = 1, .n_tokens = 9,
                                 .policy = route_find("dense") };

    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    cr_assert(eq(int, spec.rope_scaling.kind, ROPE_SCALING_FACTORS));
    for (size_t i = 0; i < model_tensors(m)->floats; i++)
        model_weights(m)[i] = sinf((float)i);      /* attention that chooses */
    model_forward(m, &input, NULL, NULL);
    float with = model_logits(m)[8 * 19];
    model_set_rope_factors(m, (const float[]){ 1.0f, 1.0f, 1.0f });
    model_forward(m, &input, NULL, NULL);
    float without = model_logits(m)[8 * 19];
    model_set_rope_factors(m, (const float[]){ 1.0f, 2.0f, 8.0f });
    model_forward(m, &input, NULL, NULL);
    cr_expect(model_logits(m)[8 * 19] == with);
    cr_expect(with != without);
    model_close(m);
}

/* Two keys of 2 numbers for four heads: theirs are q0 q1 k0 v0, then q2 q3 k1 v1. */
Test(gguf_model, heads_of_a_key_stand_together)
{
    static const int their_row[] = { 0, 1, 2, 3, 8, 9, 10, 11,      /* queries */
                                     4, 5, 12, 13, 6, 7, 14, 15 };
    const struct model_spec spec = { .head_size = 2, .n_kv_heads = 2 };

    for (int i = 0; i < 16; i++)
        cr_expect(span_row(i, LAYOUT_HEADS, &spec, 16) == their_row[i], "%d",
                  i);
}

/* Heads of 6: their rows 0 1 2 3 4 5 are pairs (0,1), (2,3), (4,5); ours turn
 * 0 with 3, 1 with 4, 2 with 5. */
Test(gguf_model, pairs_of_a_head_become_halves)
{
    static const int their_row[] = { 0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11 };
    const struct model_spec spec = { .head_size = 6 };

    for (int i = 0; i < 12; i++)
        cr_expect(span_row(i, LAYOUT_PAIRS, &spec, 12) == their_row[i], "%d",
                  i);
}

/* A file with matrices in bfloat16, kept so and widened: the same logits. */
static void check_kept(enum family family, bool tied)
{
    struct model_spec spec = spec_of(family, tied), kept;
    struct model *from = model_of(&spec, true), *m[2];
    const int32_t ids[9] = { 3, 1, 4, 1, 5, 9, 2, 6, 18 };
    struct writer w;
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };
    size_t size;

    matrix_type = GGUF_BF16;
    open_writer(&w);
    if (family == FAMILY_GPT2)
        put_gpt2(&w, from);
    else
        put_llama(&w, from, family_names[family]);
    char *image = finish(&w, &size);
    matrix_type = GGUF_F32;
    cr_assert(eq(int, gguf_parse(&file, image, size, "x", &err), STATUS_OK),
              "%s", err.text);
    kept = spec;
    cr_assert(eq(int, gguf_model_keep(&kept, file, &err), STATUS_OK), "%s",
              err.text);
    cr_expect(kept.stored_embedding == NUMBER_BF16);
    cr_expect(kept.stored_head == (tied ? NUMBER_F32 : NUMBER_BF16));
    for (int l = 0; l < 2; l++)
        for (int i = 0; i < MATRIX_COUNT; i++)
            cr_expect(kept.stored[l][i] ==
                      (family == FAMILY_GPT2 && i == MATRIX_GATE
                           ? NUMBER_F32 : NUMBER_BF16));
    for (int i = 0; i < 2; i++) {
        const struct model_input input = {
            .ids = ids, .n_sequences = 1, .n_tokens = 9,
            .policy = route_find("dense"),
        };
        m[i] = model_of(i == 0 ? &spec : &kept, false);
        cr_assert(eq(int, gguf_model_import(m[i], file, &err), STATUS_OK),
                  "%s", err.text);
        model_forward(m[i], &input, NULL, NULL);
    }
    cr_expect(model_tensors(m[1])->stored_bytes > 0);
    cr_expect(memcmp(model_logits(m[0]), model_logits(m[1]),
                     sizeof(float) * 9 * 19) == 0);
    gguf_close(file);
    free(image);
    for (int i = 0; i < 2; i++)
        model_close(m[i]);
    model_close(from);
}

Test(gguf_model, matrices_are_kept_as_the_file_has_them)
{
    /* StarCoder2 is read from Hugging Face's files alone. */
    for (int f = 0; f < FAMILY_STARCODER2; f++)
        for (int tied = 0; tied < 2; tied++)
            check_kept((enum family)f, tied);
}

/* ---- refusals ---- */

static const float zeros[1024];

static void add_scaling(struct writer *w)
{
    put_word(w, "llama.rope.scaling.type", "llama3");
}
static void add_small_factor(struct writer *w)
{
    put_real(w, "llama.rope.scaling.factor", 0.25f);
}
static void add_both_scalings(struct writer *w)
{
    add_linear(w);
    add_factors(w);
}
static void add_two_factors(struct writer *w)
{
    put_tensor(w, "rope_freqs.weight", 0, 2, (const float[]){ 1.0f, 2.0f });
}
static void add_magnitude(struct writer *w)
{
    put_real(w, "llama.rope.scaling.attn_factor", 1.2f);
}
static void add_experts(struct writer *w)
{
    put_int(w, "llama.expert_count", 8);
}
static void add_window(struct writer *w)
{
    put_int(w, "llama.attention.sliding_window", 8);
}
static void add_unknown(struct writer *w)
{
    put_real(w, "llama.logit_scale", 2.0f);
}
static void add_partial_rope(struct writer *w)
{
    put_int(w, "llama.attention.value_length", 8);
}
static void add_bias(struct writer *w)
{
    put_tensor(w, "blk.0.attn_q.bias", 0, 24, zeros);
}
static void add_zero_factors(struct writer *w)
{
    put_tensor(w, "rope_freqs.weight", 0, 3, zeros);
}
static void add_third_layer(struct writer *w)
{
    put_tensor(w, "blk.2.attn_norm.weight", 0, 24, zeros);
}
/* Values that mean "none" are accepted. */
static void add_nothing(struct writer *w)
{
    put_word(w, "llama.rope.scaling.type", "none");
    put_real(w, "llama.rope.scaling.factor", 1.0f);
    put_int(w, "llama.expert_count", 0);
    put_word(w, "general.name", "whatever");
    put_real(w, "tokenizer.ggml.bos_token_id", 1.0f);
}

Test(gguf_model, what_changes_the_arithmetic_is_refused_by_name)
{
    static const struct {
        void (*add)(struct writer *);
        const char *words;
    } cases[] = {
        { add_scaling, "llama.rope.scaling.type 'llama3': supported are 'none',"
                       " 'linear' and 'yarn'" },
        { add_lengthless, "llama.rope.scaling.original_context_length" },
        { add_turns, "llama.rope.scaling.yarn_beta_fast: not supported" },
        { add_small_factor, "model.rope_factor 0.25: allowed is 1" },
        { add_both_scalings, "rope_freqs.weight beside a linear" },
        { add_magnitude, "llama.rope.scaling.attn_factor 1.2" },
        { add_experts, "model.experts_per_token 0: allowed is 1 to 8" },
        { add_window, "llama.attention.sliding_window 8: supported are 0" },
        { add_unknown, "llama.logit_scale: not supported" },
        { add_partial_rope, "llama.attention.value_length 8: allowed is 6" },
        { add_bias, "tensor blk.0.attn_q.bias: not supported" },
        { add_zero_factors, "rope_freqs.weight: number 0 is 0: must be above" },
        { add_third_layer, "tensor blk.2.attn_norm.weight: not supported" },
        { add_nothing, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = { STATUS_OK, "" };
        struct model_spec found;
        enum status status;
        struct model *m = read_with(cases[i].add, &found, &status, &err);

        cr_expect(eq(int, status, cases[i].words ? STATUS_BAD_VALUE
                                                 : STATUS_OK), "%zu: %s", i,
                  err.text);
        cr_expect(cases[i].words == NULL ||
                  strstr(err.text, cases[i].words) != NULL, "%s", err.text);
        model_close(m);
    }
}

Test(gguf_model, factors_are_as_many_as_pairs)
{
    struct error err = { STATUS_OK, "" };
    struct model_spec found;
    enum status status;

    model_close(read_with(add_two_factors, &found, &status, &err));
    cr_assert(eq(int, status, STATUS_BAD_FORMAT));
    cr_assert(strstr(err.text, "rope_freqs.weight: must be 3 numbers") != NULL,
              "%s", err.text);
}

static enum status try_bare(const char *architecture, struct error *err)
{
    struct model_spec found;
    struct writer w;
    struct gguf *file = NULL;
    size_t size;

    open_writer(&w);
    put_word(&w, "general.architecture", architecture);
    char *image = finish(&w, &size);
    cr_assert(eq(int, gguf_parse(&file, image, size, "x", NULL), STATUS_OK));
    enum status status = gguf_model_spec(&found, file, err);
    gguf_close(file);
    free(image);
    return status;
}

/* Metadata may claim any size; the tensors tell before memory is taken. */
Test(gguf_model, metadata_that_claims_more_than_the_file_holds_is_refused)
{
    const struct model_spec spec = spec_of(FAMILY_LLAMA, true);
    struct model *model = model_of(&spec, true);
    struct model_spec found;
    struct writer w;
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };
    size_t size;

    open_writer(&w);
    put_llama(&w, model, "llama");
    char *image = finish(&w, &size);
    char *at = memmem(image, size, "llama.feed_forward_length", 25);
    cr_assert(at != NULL);
    memcpy(at + 25 + 4, &(uint32_t){ 1 << 20 }, 4);
    cr_assert(eq(int, gguf_parse(&file, image, size, "x", &err), STATUS_OK));
    cr_expect(eq(int, gguf_model_spec(&found, file, &err), STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, "tensor blk.0.ffn_gate.weight has 2 axes, the"
                     " first of 40") != NULL, "%s", err.text);
    gguf_close(file);
    free(image);
    model_close(model);
}

Test(gguf_model, another_architecture_and_a_missing_key_are_named)
{
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, try_bare("mamba", &err), STATUS_BAD_VALUE));
    cr_assert(strstr(err.text, "'mamba': supported are llama, mistral, qwen2,"
                               " qwen3, qwen2moe, qwen3moe, olmoe, gpt2, phi3, granite, smollm3,"
                               " starcoder2, gemma, gemma2, gemma3, olmo2, gptneox,"
                               " falcon, stablelm and phi2") != NULL, "%s", err.text);
    cr_assert(eq(int, try_bare("qwen2", &err), STATUS_BAD_VALUE));
    cr_assert(strstr(err.text, "no qwen2.context_length") != NULL);
    cr_assert(eq(int, try_bare("llama", &err), STATUS_BAD_VALUE));
    cr_assert(strstr(err.text, "no llama.context_length") != NULL);
}

/* A tensor left out, or of another shape. */
Test(gguf_model, a_tensor_that_does_not_fit_is_named)
{
    const struct model_spec spec = spec_of(FAMILY_LLAMA, true);
    struct model_spec more = spec;
    struct model *model = model_of(&spec, true), *longer, *wider;
    struct writer w;
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };
    size_t size;

    open_writer(&w);
    put_llama(&w, model, "llama");
    char *image = finish(&w, &size);
    cr_assert(eq(int, gguf_parse(&file, image, size, "x", NULL), STATUS_OK));
    more.n_layers = 3;
    longer = model_of(&more, false);
    cr_assert(eq(int, gguf_model_import(longer, file, &err),
                 STATUS_BAD_FORMAT));
    cr_assert(strstr(err.text, "no tensor blk.2.attn_norm.weight") != NULL);
    more = spec;
    more.n_ffn = 48;
    wider = model_of(&more, false);
    cr_assert(eq(int, gguf_model_import(wider, file, &err),
                 STATUS_BAD_FORMAT));
    cr_assert(strstr(err.text, "ffn_gate.weight") != NULL, "%s", err.text);
    model_close(wider);
    model_close(longer);
    model_close(model);
    gguf_close(file);
    free(image);
}
