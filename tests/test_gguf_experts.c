/* test_gguf_experts.c - A mixture of experts is read from a GGUF file as the files
 * of llama.cpp have it: the experts of a layer behind one another in one tensor
 * (gguf-py/gguf/constants.py, FFN_GATE_EXP and its like), Mixtral among the
 * llamas. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/gguf_model.h"
#include "tests/cases.h"
#include "tests/gguf_writer.h"

/* What the writer is to say of a model. */
struct trial {
    const char *name;            /* general.architecture */
    enum family family;
    bool norms_rows, pairs, own_width;
    struct experts experts;
    bool apart;                  /* a tensor for each expert, as files had it until
                                  * April 2024 */
};
static const struct trial trials[] = {
    { "llama", FAMILY_LLAMA, false, true, false,
      { .n = 4, .active = 2, .normalised = true }, false },
    { "llama", FAMILY_LLAMA, false, true, false,
      { .n = 3, .active = 2, .normalised = true }, true },
    { "qwen2moe", FAMILY_QWEN2, false, false, true,
      { .n = 5, .active = 2, .width = 12, .shared = 20, .shared_gate = true },
      false },
    { "qwen3moe", FAMILY_QWEN3, false, false, true,
      { .n = 3, .active = 2, .width = 8, .normalised = true }, false },
    { "olmoe", FAMILY_LLAMA, true, false, false,
      { .n = 6, .active = 3 }, false },
};
enum { N_TRIALS = sizeof trials / sizeof *trials };

static struct model_spec spec_of(const struct trial *t)
{
    struct model_spec spec = case_spec(&shapes[9], t->family, 0.0, PATTERN_ODD);

    spec.tied_head = false;
    spec.experts = t->experts;
    if (!t->own_width)
        spec.experts.width = spec.n_ffn;
    if (t->norms_rows)
        spec.traits.qk_norm = spec.traits.qk_norm_rows = true;
    memset(spec.has_experts, true, (size_t)spec.n_layers);
    return spec;
}

/* Our [rows,columns] from a column on, as [columns,rows]; of heads whose rows are
 * in pairs, row 2j + s is that of column s * D / 2 + j. */
static void put_turned(struct writer *w, const char *name, const float *x,
                       const struct tensor *t, int64_t from, int64_t columns,
                       int64_t head_size)
{
    const uint64_t n = (uint64_t)(columns * t->rows * t->stacked);
    float *out = malloc(n * sizeof *out);

    for (int32_t e = 0; e < t->stacked; e++)
        for (int64_t c = 0; c < columns; c++)
            for (int64_t r = 0; r < t->rows; r++) {
                const int64_t j = c % (head_size ? head_size : 1);
                const int64_t of = head_size ? c - j + j % 2 * head_size / 2 +
                                                   j / 2 : c;
                out[(e * columns + c) * t->rows + r] =
                    x[(e * t->rows + r) * t->columns + from + of];
            }
    if (t->stacked > 1) {
        put_text(w->infos, name);
        put32(w->infos, 3);
        put64(w->infos, (uint64_t)t->rows);
        put64(w->infos, (uint64_t)columns);
        put64(w->infos, (uint64_t)t->stacked);
        put32(w->infos, GGUF_F32);
        put64(w->infos, (uint64_t)ftell(w->data));
        fwrite(out, sizeof *out, n, w->data);
        while (ftell(w->data) % 32)
            fputc(0, w->data);
        w->n_tensors++;
    } else {
        put_tensor(w, name, (uint64_t)columns, (uint64_t)t->rows, out);
    }
    free(out);
}

static const struct {
    enum tensor_id id;
    char part;                   /* q, k, v; g, u of two halves; a: all, turned;
                                  * w: all as it is; s: a vector */
    const char *name, *of_one;   /* NULL: it is of no expert */
} written[] = {
    { TENSOR_WTE, 'w', "token_embd.weight", NULL },
    { TENSOR_HEAD, 'w', "output.weight", NULL },
    { TENSOR_FINAL_GAMMA, 's', "output_norm.weight", NULL },
    { TENSOR_NORM1_GAMMA, 's', "blk.%d.attn_norm.weight", NULL },
    { TENSOR_QKV, 'q', "blk.%d.attn_q.weight", NULL },
    { TENSOR_QKV, 'k', "blk.%d.attn_k.weight", NULL },
    { TENSOR_QKV, 'v', "blk.%d.attn_v.weight", NULL },
    { TENSOR_QKV_BIAS, 'Q', "blk.%d.attn_q.bias", NULL },
    { TENSOR_QKV_BIAS, 'K', "blk.%d.attn_k.bias", NULL },
    { TENSOR_QKV_BIAS, 'V', "blk.%d.attn_v.bias", NULL },
    { TENSOR_QUERY_GAMMA, 's', "blk.%d.attn_q_norm.weight", NULL },
    { TENSOR_KEY_GAMMA, 's', "blk.%d.attn_k_norm.weight", NULL },
    { TENSOR_PROJECT, 'a', "blk.%d.attn_output.weight", NULL },
    { TENSOR_NORM2_GAMMA, 's', "blk.%d.ffn_norm.weight", NULL },
    { TENSOR_EXPERT_ROUTER, 'a', "blk.%d.ffn_gate_inp.weight", NULL },
    { TENSOR_EXPERT_UP, 'g', "blk.%d.ffn_gate_exps.weight",
      "blk.%d.ffn_gate.%d.weight" },
    { TENSOR_EXPERT_UP, 'u', "blk.%d.ffn_up_exps.weight",
      "blk.%d.ffn_up.%d.weight" },
    { TENSOR_EXPERT_DOWN, 'a', "blk.%d.ffn_down_exps.weight",
      "blk.%d.ffn_down.%d.weight" },
    { TENSOR_SHARED_UP, 'g', "blk.%d.ffn_gate_shexp.weight", NULL },
    { TENSOR_SHARED_UP, 'u', "blk.%d.ffn_up_shexp.weight", NULL },
    { TENSOR_SHARED_DOWN, 'a', "blk.%d.ffn_down_shexp.weight", NULL },
    { TENSOR_SHARED_GATE, 's', "blk.%d.ffn_gate_inp_shexp.weight", NULL },
};

/* The names hold at most two %d each: the table above says so. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void put_weights(struct writer *w, struct model *m,
                        const struct trial *trial)
{
    const bool pairs = trial->pairs;
    const struct model_spec *s = model_spec(m);
    const int64_t q = spec_q(s), e = spec_e(s);

    for (int32_t l = -1; l < s->n_layers; l++)
        for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
            const struct tensor *t = tensor_find(model_tensors(m), l,
                                                 written[i].id);
            char name[GGUF_MAX_NAME + 1];
            if (!t || tensor_outside(t->id) != (l < 0))
                continue;
            const float *x = model_weights(m) + t->offset;
            const int64_t half = t->columns / 2;
            const int64_t turned = pairs ? s->head_size : 0;
            snprintf(name, sizeof name, written[i].name, l);
            for (int32_t n = 0; n < t->stacked && trial->apart &&
                                written[i].of_one; n++) {
                const struct tensor one = tensor_stacked(t, n);
                const bool whole = written[i].part == 'a';
                snprintf(name, sizeof name, written[i].of_one, l, n);
                put_turned(w, name, model_weights(m) + one.offset, &one,
                           written[i].part == 'u' ? half : 0,
                           whole ? one.columns : half, 0);
            }
            if (trial->apart && written[i].of_one)
                continue;
            switch (written[i].part) {
            case 'q': put_turned(w, name, x, t, 0, q, turned); break;
            case 'k': put_turned(w, name, x, t, q, e, turned); break;
            case 'v': put_turned(w, name, x, t, q + e, e, 0); break;
            case 'Q': put_tensor(w, name, 0, (uint64_t)q, x); break;
            case 'K': put_tensor(w, name, 0, (uint64_t)e, x + q); break;
            case 'V': put_tensor(w, name, 0, (uint64_t)e, x + q + e); break;
            case 'g': put_turned(w, name, x, t, 0, half, 0); break;
            case 'u': put_turned(w, name, x, t, half, half, 0); break;
            case 'a': put_turned(w, name, x, t, 0, t->columns, 0); break;
            case 's': put_tensor(w, name, 0, t->n, x); break;
            default:
                put_tensor(w, name, (uint64_t)t->rows, (uint64_t)t->columns, x);
            }
        }
}
#pragma GCC diagnostic pop

static void put_keys(struct writer *w, const struct trial *t,
                     const struct model_spec *s)
{
    const struct { const char *key; int32_t value; } keys[] = {
        { "context_length", s->max_tokens },
        { "embedding_length", s->n_channels }, { "block_count", s->n_layers },
        { "feed_forward_length", s->n_ffn },
        { "attention.head_count", s->n_heads },
        { "attention.head_count_kv", s->n_kv_heads },
        { "attention.key_length", s->head_size },
        { "attention.value_length", s->head_size },
        { "expert_count", s->experts.n },
        { "expert_used_count", s->experts.active },
        { "expert_feed_forward_length", t->own_width ? s->experts.width : 0 },
        { "expert_shared_feed_forward_length", s->experts.shared },
    };
    char name[96];

    put_word(w, "general.architecture", t->name);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        snprintf(name, sizeof name, "%s.%s", t->name, keys[i].key);
        if (keys[i].value > 0)
            put_int(w, name, (uint32_t)keys[i].value);
    }
    snprintf(name, sizeof name, "%s.attention.layer_norm_rms_epsilon", t->name);
    put_real(w, name, s->norm_epsilon);
    snprintf(name, sizeof name, "%s.rope.freq_base", t->name);
    put_real(w, name, s->rope_theta);
}

static const struct model_options options = { .n_sequences = 1, .n_tokens = 5,
                                              .n_threads = 1 };

Test(gguf_experts, a_file_of_experts_is_the_model_that_was_written)
{
    for (int i = 0; i < N_TRIALS; i++) {
        const struct trial *t = &trials[i];
        const struct model_spec spec = spec_of(t);
        struct model *wrote = case_model(&spec, &options, 3), *read = NULL;
        struct model_spec found;
        struct gguf *file = NULL;
        struct writer w;
        size_t size;
        struct error err = { STATUS_OK, "" };

        open_writer(&w);
        put_keys(&w, t, &spec);
        put_weights(&w, wrote, t);
        char *image = finish(&w, &size);
        cr_assert(eq(int, gguf_parse(&file, image, size, "x", &err), STATUS_OK),
                  "%s: %s", t->name, err.text);
        cr_assert(eq(int, gguf_model_spec(&found, file, &err), STATUS_OK),
                  "%s: %s", t->name, err.text);
        cr_expect(memcmp(&found.experts, &spec.experts, sizeof spec.experts) ==
                  0, "%s", t->name);
        cr_expect(traits_equal(&found.traits, &spec.traits), "%s", t->name);
        cr_assert(eq(int, model_open(&read, &found, &options, &err), STATUS_OK),
                  "%s", err.text);
        cr_assert(eq(int, gguf_model_import(read, file, &err), STATUS_OK),
                  "%s: %s", t->name, err.text);
        cr_assert(eq(sz, model_tensors(read)->floats,
                     model_tensors(wrote)->floats));
        cr_expect(memcmp(model_weights(read), model_weights(wrote),
                         model_tensors(read)->floats * sizeof(float)) == 0,
                  "%s", t->name);
        model_close(read);
        model_close(wrote);
        gguf_close(file);
        free(image);
    }
}

Test(gguf_experts, a_file_without_the_tensors_of_its_experts_is_refused)
{
    const struct trial *t = &trials[0];
    struct model_spec spec = spec_of(t), found;
    struct gguf *file = NULL;
    struct writer w;
    size_t size;
    struct error err = { STATUS_OK, "" };

    struct model_spec dense = spec;
    dense.experts = (struct experts){ 0 };
    memset(dense.has_experts, 0, sizeof dense.has_experts);
    struct model *m = case_model(&dense, &options, 3);
    open_writer(&w);
    put_keys(&w, t, &spec);
    put_weights(&w, m, t);
    char *image = finish(&w, &size);
    cr_assert(eq(int, gguf_parse(&file, image, size, "x", &err), STATUS_OK));
    cr_expect(eq(int, gguf_model_spec(&found, file, &err), STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, "no tensor blk.0.ffn_gate_inp.weight") != NULL,
              "%s", err.text);
    model_close(m);
    gguf_close(file);
    free(image);
}
