/* test_sort.c - Run a trained model of GPT-2's architecture that sorts six
 * letters: compare every stage of its first block with what PyTorch recorded,
 * and sort all 729 inputs. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/executor/model_state.h"
#include "models/files/fill.h"
#include "tests/shared.h"

enum { L = 3, H = 3, C = 48, V = 3, P = 11, LETTERS = 6 };

/* ---- the files: JSON of {"shape", "dtype", "data": base64 of f32} ---- */

static int digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Exactly n floats; the caller frees. */
static float *floats_of(const json_t *root, const char *name, size_t n)
{
    const char *text = json_string_value(
        json_object_get(json_object_get(root, name), "data"));
    unsigned char *bytes = calloc(n + 1, sizeof(float));
    size_t size = 0;
    uint32_t bits = 0;
    int held = 0;

    cr_assert(text != NULL, "%s", name);
    for (; digit(*text) >= 0; text++) {
        bits = bits << 6 | (uint32_t)digit(*text);
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        cr_assert(size < n * sizeof(float), "%s", name);
        bytes[size++] = (unsigned char)(bits >> held);
    }
    cr_assert(eq(sz, size, n * sizeof(float)), "%s", name);
    return (float *)(void *)bytes;
}

static json_t *open_json(const char *name)
{
    char path[FILE_PATH_SIZE];
    shared_path(path, name);
    json_t *root = json_load_file(path, 0, NULL);
    cr_assert(root != NULL, "%s", path);
    return root;
}

static void fill(struct model *m, const json_t *root, int32_t layer,
                 enum tensor_id id, enum layout layout, const char *name)
{
    const struct tensor *t = tensor_find(model_tensors(m), layer, id);
    char full[96];

    if (layer < 0)
        snprintf(full, sizeof full, "%s", name);
    else
        snprintf(full, sizeof full, "transformer.h.%d.%s", layer, name);
    float *theirs = floats_of(root, full, t->n);
    const struct foreign_numbers from = { .type = NUMBER_F32, .span = SPAN_ALL,
                                          .layout = layout, .data = theirs };
    struct error err;
    cr_assert(fill_tensor(m, t, &from, &err) == STATUS_OK, "%s", err.text);
    free(theirs);
}

static struct model *open_model(int32_t n_sequences, bool train)
{
    static const struct {
        enum tensor_id id;
        enum layout layout;
        const char *name;
    } part[] = {
        { TENSOR_NORM1_GAMMA, LAYOUT_SAME, "ln_1.weight" },
        { TENSOR_NORM1_BETA, LAYOUT_SAME, "ln_1.bias" },
        { TENSOR_QKV, LAYOUT_LINEAR, "attn.c_attn.weight" },
        { TENSOR_QKV_BIAS, LAYOUT_SAME, "attn.c_attn.bias" },
        { TENSOR_PROJECT, LAYOUT_LINEAR, "attn.c_proj.weight" },
        { TENSOR_PROJECT_BIAS, LAYOUT_SAME, "attn.c_proj.bias" },
        { TENSOR_NORM2_GAMMA, LAYOUT_SAME, "ln_2.weight" },
        { TENSOR_NORM2_BETA, LAYOUT_SAME, "ln_2.bias" },
        { TENSOR_UP, LAYOUT_LINEAR, "mlp.c_fc.weight" },
        { TENSOR_UP_BIAS, LAYOUT_SAME, "mlp.c_fc.bias" },
        { TENSOR_DOWN, LAYOUT_LINEAR, "mlp.c_proj.weight" },
        { TENSOR_DOWN_BIAS, LAYOUT_SAME, "mlp.c_proj.bias" },
    };
    struct model_spec spec = {
        .traits = family_traits[FAMILY_GPT2],
        .n_layers = L, .n_channels = C, .n_heads = H,
        .n_kv_heads = H, .head_size = C / H, .n_ffn = 4 * C, .n_vocab = V,
        .max_tokens = P, .norm_epsilon = 1e-5f, .rope_theta = 10000.0f,
    };
    const struct model_options options = { .n_sequences = n_sequences,
                                           .n_tokens = P, .train = train,
                                           .n_threads = 1 };
    json_t *root = open_json("gpt2-sort/gpt-nano-sort-model.json");
    struct model *m = NULL;

    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        spec.capacity[l] = 1.0;
    cr_assert(eq(int, model_open(&m, &spec, &options, NULL), STATUS_OK));
    fill(m, root, -1, TENSOR_WTE, LAYOUT_SAME, "transformer.wte.weight");
    fill(m, root, -1, TENSOR_WPE, LAYOUT_SAME, "transformer.wpe.weight");
    fill(m, root, -1, TENSOR_HEAD, LAYOUT_SAME, "lm_head.weight");
    fill(m, root, -1, TENSOR_FINAL_GAMMA, LAYOUT_SAME,
         "transformer.ln_f.weight");
    fill(m, root, -1, TENSOR_FINAL_BETA, LAYOUT_SAME, "transformer.ln_f.bias");
    for (int32_t l = 0; l < L; l++)
        for (size_t i = 0; i < sizeof part / sizeof *part; i++)
            fill(m, root, l, part[i].id, part[i].layout, part[i].name);
    json_decref(root);
    return m;
}

/* ---- stages ---- */

static void expect_stage(const json_t *root, const char *name,
                         const float *have, size_t n)
{
    float *want = floats_of(root, name, n);
    double worst = 0.0;

    for (size_t i = 0; i < n; i++)
        worst = fmax(worst, fabs((double)have[i] - (double)want[i]));
    cr_expect(worst < 1e-5, "%s: %g", name, worst);
    free(want);
}

/* A model that trains keeps what each stage computed. */
Test(sort, every_stage_is_that_of_pytorch)
{
    enum { B = 3, N = B * P };
    json_t *root = open_json("gpt2-sort/gpt-nano-sort-t0-partials.json");
    struct model *m = open_model(B, true);
    const struct layer_buffers *first = &m->layer[0];
    float *index = floats_of(root, "idx", N);
    int32_t ids[N];

    for (int i = 0; i < N; i++)
        ids[i] = (int32_t)index[i];
    model_forward(m, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = P, .train = true,
        .policy = route_find("dense") }, NULL, NULL);
    expect_stage(root, "x", m->stream[0], N * C);
    expect_stage(root, "ln1", first->normed1, N * C);
    expect_stage(root, "qkv", first->qkv, N * 3 * C);
    expect_stage(root, "y", first->attended, N * C);
    expect_stage(root, "attnResid", first->middle, N * C);
    expect_stage(root, "ln2", first->normed2, N * C);
    expect_stage(root, "fc", first->up, N * 4 * C);
    expect_stage(root, "gelu", first->act, N * 4 * C);
    expect_stage(root, "block0", m->stream[1], N * C);
    expect_stage(root, "block1", m->stream[2], N * C);
    expect_stage(root, "block2", m->stream[3], N * C);
    expect_stage(root, "ln_f", m->head.normed, N * C);
    expect_stage(root, "lm_head", model_logits(m), N * V);
    free(index);
    model_close(m);
    json_decref(root);
}

/* ---- sorting ---- */

static int compare(const void *a, const void *b)
{
    const int32_t *l = a, *r = b;
    return (*l > *r) - (*l < *r);
}

static int32_t likeliest(const float *logits)
{
    int32_t best = 0;
    for (int32_t v = 1; v < V; v++)
        best = logits[v] > logits[best] ? v : best;
    return best;
}

/* Six letters in, six out: each answer is fed back, but for the last. */
Test(sort, all_729_inputs_come_out_sorted)
{
    enum { N = 729 };
    struct model *m = open_model(N, false);
    int32_t (*letter)[2 * LETTERS] = calloc(N, sizeof *letter);
    int32_t *ids = calloc(N * P, sizeof *ids);
    int sorted = 0;

    for (int i = 0; i < N; i++)
        for (int j = 0, rest = i; j < LETTERS; j++, rest /= V)
            letter[i][j] = rest % V;
    for (int32_t n = LETTERS; n < 2 * LETTERS; n++) {
        for (int i = 0; i < N; i++)
            memcpy(&ids[i * n], letter[i], (size_t)n * sizeof *ids);
        model_forward(m, &(struct model_input){
            .ids = ids, .n_sequences = N, .n_tokens = n,
            .policy = route_find("dense") }, NULL, NULL);
        for (int i = 0; i < N; i++)
            letter[i][n] = likeliest(model_logits(m) + (i * n + n - 1) * V);
    }
    for (int i = 0; i < N; i++) {
        qsort(letter[i], LETTERS, sizeof **letter, compare);
        sorted += memcmp(letter[i], letter[i] + LETTERS,
                         LETTERS * sizeof **letter) == 0;
    }
    cr_expect(eq(int, sorted, N));
    free(ids);
    free(letter);
    model_close(m);
}
