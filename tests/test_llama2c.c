/* test_llama2c.c - Expect a model of llama2.c to compute what llama2.c
 * computes. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "models/files/llama2c.h"
#include "tests/shared.h"
#include "tests/words.h"

static struct model *load(const char *path, bool decode, int32_t n_tokens)
{
    struct model_spec spec;
    struct model *model = NULL;
    struct error err = { STATUS_OK, "" };
    struct model_options options = { .n_sequences = 1, .n_tokens = n_tokens,
                                     .decode = decode, .n_threads = 1 };

    cr_assert(eq(int, llama2c_spec(&spec, path, &err), STATUS_OK), "%s",
              err.text);
    cr_assert(eq(int, model_open(&model, &spec, &options, &err), STATUS_OK));
    cr_assert(eq(int, llama2c_import(model, path, &err), STATUS_OK), "%s",
              err.text);
    return model;
}

enum { ROOM = 64 };

static int32_t prompt_of(const json_t *root, int32_t ids[ROOM])
{
    json_t *tokens = json_object_get(root, "tokens");
    int32_t n = (int32_t)json_array_size(tokens);

    cr_assert(n > 0 && n <= ROOM);
    for (int32_t i = 0; i < n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(tokens, (size_t)i));
    return n;
}

/* The greatest distance of the logits behind each token to the recorded. */
static double distance(const json_t *entry, const float *logits, int32_t v)
{
    json_t *want = json_object_get(entry, "logits");
    double worst = 0.0;

    cr_assert(eq(sz, json_array_size(want), (size_t)v));
    for (int32_t i = 0; i < v; i++)
        worst = fmax(worst, fabs((double)logits[i] - json_number_value(
                                     json_array_get(want, (size_t)i))));
    return worst;
}

static void check_logits(const char *name, bool decode)
{
    char bin[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
    int32_t ids[ROOM];

    shared_path(bin, "llama2c/stories260K.bin");
    shared_path(path, name);
    json_t *root = json_load_file(path, 0, NULL);
    cr_assert(root != NULL);
    json_t *entries = json_object_get(root, "logits");
    int32_t n = prompt_of(root, ids);
    struct model *model = load(bin, decode, n);
    int32_t v = model_spec(model)->n_vocab;
    struct model_input input = { .ids = ids, .n_sequences = 1, .n_tokens = n,
                                 .policy = route_find("dense") };

    if (decode)
        model_decode_reset(model);
    else
        model_forward(model, &input, NULL, NULL);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        json_t *entry = json_array_get(entries, i);
        size_t at = (size_t)json_integer_value(json_object_get(entry, "pos"));
        cr_assert(at == i && at < (size_t)n);
        if (decode)
            model_decode(model, &(struct decode_input){ .ids = &ids[i] },
                         NULL);
        const float *logits =
            model_logits(model) + (decode ? 0 : at * (size_t)v);
        cr_expect(distance(entry, logits, v) < 1e-3, "%s: %zu: %g", name, i,
                  distance(entry, logits, v));
    }
    model_close(model);
    json_decref(root);
}

Test(llama2c, prefill_gives_the_logits_of_llama2c)
{
    check_logits("vectors/stories260K_logits_once.json", false);
    check_logits("vectors/stories260K_logits_unicode.json", false);
}

Test(llama2c, decoding_gives_the_logits_of_llama2c)
{
    check_logits("vectors/stories260K_logits_once.json", true);
    check_logits("vectors/stories260K_logits_unicode.json", true);
}

/* ---- files made here ---- */

/* 6 channels, 5 feed-forward, 2 layers, 3 heads of 2, 1 for keys, 4 tokens, 3
 * positions; the i-th float behind the header is i. */
enum {
    C = 6, F = 5, L = 2, H = 3, G = 1, V = 4, P = 3, D = C / H,
    LAYERS_AT = V * C, QK = L * (C + C * C + 2 * D * C),
    TIED = V * C + L * (2 * C + 2 * C * C + 2 * D * C + 3 * C * F) + C + P * D,
};

static void write_file(const char *path, const int32_t header[7], size_t n)
{
    FILE *file = fopen(path, "wb");

    cr_assert(file != NULL);
    cr_assert(fwrite(header, 4, 7, file) == 7);
    for (size_t i = 0; i < n; i++) {
        float x = (float)i;
        cr_assert(fwrite(&x, 4, 1, file) == 1);
    }
    cr_assert(fclose(file) == 0);
}

static float weight(struct model *m, int32_t layer, enum tensor_id id,
                    int64_t row, int64_t column)
{
    const struct tensor *t = tensor_find(model_tensors(m), layer, id);
    cr_assert(t && row < t->rows && column < t->columns);
    return model_weights(m)[t->offset + (size_t)(row * t->columns + column)];
}

Test(llama2c, every_tensor_lands_in_its_place)
{
    const int32_t header[] = { C, F, L, H, G, -V, P };
    char directory[64], path[96];
    make_directory(directory);
    snprintf(path, sizeof path, "%s/x.bin", directory);
    write_file(path, header, TIED + V * C);
    struct model *m = load(path, false, 2);

    cr_assert(model_spec(m)->tied_head == false);
    cr_expect(weight(m, -1, TENSOR_WTE, 1, 2) == 1 * C + 2);
    /* Norms of both layers, then all wq: [C,C] a layer, then wk, wv [D,C]. */
    float at = LAYERS_AT;
    cr_expect(weight(m, 1, TENSOR_NORM1_GAMMA, 0, 3) == at + C + 3);
    at += L * C;
    /* Heads of 2: pairs and halves are the same.  Row 5 of wq, column 4. */
    cr_expect(weight(m, 1, TENSOR_QKV, 4, 5) == at + C * C + 5 * C + 4);
    at += L * C * C;
    cr_expect(weight(m, 1, TENSOR_QKV, 4, C + 1) == at + D * C + 1 * C + 4);
    at += L * D * C;
    cr_expect(weight(m, 0, TENSOR_QKV, 4, C + D) == at + 4);
    at += L * D * C;
    cr_expect(weight(m, 1, TENSOR_PROJECT, 2, 3) == at + C * C + 3 * C + 2);
    at += L * C * C;
    cr_expect(weight(m, 0, TENSOR_NORM2_GAMMA, 0, 5) == at + 5);
    at += L * C;
    cr_expect(weight(m, 1, TENSOR_UP, 2, 3) == at + F * C + 3 * C + 2);
    at += L * C * F;
    cr_expect(weight(m, 1, TENSOR_DOWN, 3, 2) == at + C * F + 2 * F + 3);
    at += L * C * F;
    cr_expect(weight(m, 1, TENSOR_UP, 2, F + 3) == at + F * C + 3 * C + 2);
    at += L * C * F;
    cr_expect(weight(m, -1, TENSOR_FINAL_GAMMA, 0, 1) == at + 1);
    cr_expect(weight(m, -1, TENSOR_HEAD, 3, 5) == TIED + 3 * C + 5);
    model_close(m);
    remove_directory(directory);
}

/* The tensors in the order of version 0, and of versions 1 and 2. */
enum { WTE, NORM1, WQ, WK, WV, WO, NORM2, W1, W2, W3, FINAL, ROPE, TENSORS };
static const int32_t numbers[TENSORS] = {
    V * C, L * C, L * C * C, L * D * C, L * D * C, L * C * C, L * C, L * F * C,
    L * C * F, L * F * C, C, P * D };
static const int later[] = { NORM1, NORM2, FINAL, WTE, WQ, WK, WV, WO, W1, W2,
                             W3 };
enum { GROUP = 2 };

/* Number i of a tensor: an int8 times the scale of its group. */
static int8_t whole(int tensor, int32_t i)
{
    return (int8_t)((17 * tensor + 29 * i) % 251 - 125);
}
static float scale(int tensor, int32_t i)
{
    return 0.25f * (float)(1 + (tensor + i / GROUP) % 5);
}

static void write_tensor(FILE *file, int version, int tensor)
{
    const bool grouped = version == 2 && tensor != NORM1 && tensor != NORM2 &&
                         tensor != FINAL;

    /* A layer's scales stand behind its numbers. */
    const int32_t layers = tensor == WTE || tensor >= FINAL ? 1 : L;
    const int32_t n = numbers[tensor] / layers;

    for (int32_t from = 0; from < numbers[tensor]; from += n) {
        for (int32_t i = from; i < from + n; i++) {
            const int8_t q = whole(tensor, i);
            const float number = (float)q * scale(tensor, i);
            fwrite(grouped ? (const void *)&q : &number, grouped ? 1 : 4, 1,
                   file);
        }
        for (int32_t i = from; i < from + n && grouped; i += GROUP) {
            const float s = scale(tensor, i);
            fwrite(&s, 4, 1, file);
        }
    }
}

static struct model *written_as(int version, const char *path)
{
    const int32_t header[7] = { C, F, L, H, G, V, P };
    const int32_t magic[2] = { 0x616b3432, version };
    const int32_t group = version == 2 ? GROUP : 0;
    FILE *file = fopen(path, "wb");

    cr_assert(file != NULL);
    if (version > 0)
        fwrite(magic, sizeof magic, 1, file);
    fwrite(header, sizeof header, 1, file);
    if (version > 0) {
        fputc(1, file);
        fwrite(&group, sizeof group, 1, file);
        while (ftell(file) < 256)
            fputc(0, file);
    }
    if (version == 0)
        for (int i = 0; i < TENSORS; i++)
            write_tensor(file, version, i);
    else
        for (size_t i = 0; i < sizeof later / sizeof *later; i++)
            write_tensor(file, version, later[i]);
    cr_assert(fclose(file) == 0);
    return load(path, false, 1);
}

/* export.py writes one model in three ways. */
Test(llama2c, versions_of_the_format_hold_the_same_model)
{
    char directory[64], path[96];
    make_directory(directory);
    snprintf(path, sizeof path, "%s/x.bin", directory);
    struct model *first = written_as(0, path);
    const size_t n = model_tensors(first)->floats;

    for (int version = 1; version < 3; version++) {
        struct model *m = written_as(version, path);
        cr_assert(eq(sz, model_tensors(m)->floats, n));
        cr_expect(memcmp(model_weights(m), model_weights(first),
                         n * sizeof(float)) == 0, "version %d", version);
        model_close(m);
    }
    model_close(first);
    remove_directory(directory);
}

Test(llama2c, a_file_that_is_not_one_is_refused_in_words)
{
    static const struct {
        int32_t header[7];
        size_t n;
        const char *words;
    } bad[] = {
        { { C, F, L, H, G, V, P }, TIED - 1, "not what its header says" },
        { { C, F, L, H, G, V, P }, TIED + 1, "not what its header says" },
        { { C, F, L, H, G, -V, P }, TIED, "not what its header says" },
        { { 0, F, L, H, G, V, P }, TIED, "number 1 of the header is 0" },
        { { C, F, -1, H, G, V, P }, TIED, "number 3 of the header is -1" },
        { { C, F, L, H, G, INT32_MIN, P }, TIED, "number 6" },
        { { C, F, L, 4, G, V, P }, TIED, "a multiple of the heads" },
        { { C, F, 257, H, G, V, P }, TIED, "allowed are 256 layers" },
        { { C, F, L, H, 2, V, P }, TIED, "kv_heads 2: must divide" },
        { { INT32_MAX, INT32_MAX, 256, 1, 1, INT32_MAX, INT32_MAX }, 9,
          "model.channels 2147483647" },
        { { 0x616b3432, 1, C, F, L, H, G }, TIED, "number 6 of the header" },
        { { 0x616b3432, 1, C, F, L, 0, G }, TIED, "number 4 of the header" },
        { { 0x616b3432, 3, C, F, L, H, G }, TIED, "version 3 of llama2.c" },
        { { 0x616b3432, 2, C, F, L, H, G }, TIED, "number 6 of the header" },
    };
    char directory[64], path[96];
    make_directory(directory);
    snprintf(path, sizeof path, "%s/x.bin", directory);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        write_file(path, bad[i].header, bad[i].n);
        cr_expect(eq(int, llama2c_spec(&spec, path, &err), STATUS_BAD_FORMAT));
        cr_expect(strstr(err.text, bad[i].words) != NULL, "%zu: %s", i,
                  err.text);
    }
    cr_assert(truncate(path, 20) == 0);
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };
    cr_expect(eq(int, llama2c_spec(&spec, path, &err), STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, "too short") != NULL, "%s", err.text);
    remove_directory(directory);
}
