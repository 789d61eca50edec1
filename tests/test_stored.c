/* test_stored.c - Expect weights kept as stored to compute what the widened
 * weights do, bit for bit, in prefill and decoding. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/files/checkpoint.h"
#include "models/files/fill.h"
#include "models/files/safetensors.h"
#include "models/files/source.h"
#include "sim/core/model/spec_check.h"
#include "tests/stored_models.h"

static void same_logits(const struct model *a, const struct model *b,
                        int32_t n, const char *what, int32_t step)
{
    const size_t size = (size_t)n * (size_t)model_spec(a)->n_vocab;
    double sum = 0.0;

    for (size_t i = 0; i < size; i++)
        sum += fabs((double)model_logits(a)[i]);
    cr_assert(isfinite(sum) && sum > 0.0, "%s: logits of %g", what, sum);
    cr_assert(memcmp(model_logits(a), model_logits(b),
                     size * sizeof(float)) == 0,
              "%s: logits differ at step %d", what, step);
}

/* Prefill, then decoding, stored and widened, on two threads. */
static void same_model(const struct model_spec *types, const char *what)
{
    struct model_spec floats = *types;
    int32_t ids[B * T], ignored[B * T];

    store_all(&floats, NUMBER_F32);
    struct model *stored = open_model(types, types, NULL, 2);
    struct model *widened = open_model(&floats, types, NULL, 2);
    cr_assert(model_tensors(stored)->stored_bytes > 0);
    cr_assert(model_tensors(widened)->stored_bytes == 0);
    case_text(ids, ignored, B * T, types->n_vocab, 5);
    const struct model_input prefill = prefill_of(types, ids);
    model_forward(stored, &prefill, NULL, NULL);
    model_forward(widened, &prefill, NULL, NULL);
    same_logits(stored, widened, B * PREFILL, what, -1);
    for (int32_t t = PREFILL; t < T; t++) {
        const struct decode_input step = { .ids = ids + t * B,
                                           .policy = policy_of(types) };
        model_decode(stored, &step, NULL);
        model_decode(widened, &step, NULL);
        same_logits(stored, widened, B, what, t);
    }
    model_close(widened);
    model_close(stored);
}

Test(stored, a_model_of_each_type_has_the_logits_of_the_widened_one)
{
    for (int f = 0; f < N_CONTRASTS; f++)
        for (int t = 1; t < NUMBER_COUNT; t++) {
            struct model_spec spec = spec_of(contrasts[f], (t + f) % 2);
            store_all(&spec, (enum number)t);
            same_model(&spec, number_table[t].name);
        }
}

Test(stored, mixed_types_and_odd_sizes_have_them_too)
{
    for (int f = 0; f < N_CONTRASTS; f++) {
        struct model_spec spec = spec_of(contrasts[f], false);
        store_mixed(&spec);
        same_model(&spec, "mixed");
        spec = odd_spec(contrasts[f]);
        same_model(&spec, "odd");
    }
}

/* ---- parts and keys of skipped tokens ---- */

/* A prompt of unlike lengths, of which the last row's logits are wanted, and
 * steps that one of the sequences sits out at times. */
static void same_ragged(const struct model_spec *types, const char *what)
{
    static const int32_t length[B] = { PREFILL, 4 };
    struct model_spec floats = *types;
    int32_t ids[B * T], ignored[B * T];

    store_all(&floats, NUMBER_F32);
    struct model *stored = open_model(types, types, NULL, 2);
    struct model *widened = open_model(&floats, types, NULL, 2);
    case_text(ids, ignored, B * T, types->n_vocab, 5);
    struct model_input prefill = prefill_of(types, ids);
    prefill.length = length;
    prefill.last_only = true;
    model_forward(stored, &prefill, NULL, NULL);
    model_forward(widened, &prefill, NULL, NULL);
    same_logits(stored, widened, B, what, -1);
    for (int32_t t = PREFILL; t < T; t++) {
        const bool active[B] = { true, t % 3 > 0 };
        const struct decode_input step = { .ids = ids + t * B,
                                           .active = active,
                                           .policy = policy_of(types) };
        model_decode(stored, &step, NULL);
        model_decode(widened, &step, NULL);
        same_logits(stored, widened, active[1] ? B : 1, what, t);
    }
    model_close(widened);
    model_close(stored);
}

Test(stored, every_part_and_skipped_key_has_the_logits_of_the_widened_one)
{
    for (int f = 0; f < N_CONTRASTS; f++)
        for (int i = 0; i < N_APART; i++)
            for (int variant = 0; variant < 2; variant++) {
                const struct model_spec spec = apart_spec(
                    contrasts[f], apart[i].part, apart[i].keys, variant);
                same_model(&spec, part_names[apart[i].part]);
                same_ragged(&spec, skipped_keys_names[apart[i].keys]);
            }
}

Test(stored, both_parts_apart_have_the_logits_of_the_widened_ones)
{
    for (int f = 0; f < N_CONTRASTS; f++)
        for (int k = 0; k < SKIPPED_KEYS_COUNT; k++)
            for (int variant = 0; variant < 2; variant++) {
                const struct model_spec spec = apart_spec(
                    contrasts[f], PART_APART, (enum skipped_keys)k, variant);
                same_model(&spec, part_names[PART_APART]);
                same_ragged(&spec, skipped_keys_names[k]);
            }
}

/* ---- from files ---- */

/* The file again with all matrices but keys in bfloat16, the upper half of
 * their bits. */
static void halve(const char *path)
{
    struct safetensors *file = NULL;
    struct error err = { STATUS_OK, "" };

    cr_assert(safetensors_open(&file, path, &err) == STATUS_OK, "%s",
              err.text);
    const size_t n = safetensors_count(file);
    struct safetensors_tensor *out = calloc(n, sizeof *out);
    for (size_t i = 0; i < n; i++) {
        out[i] = *safetensors_at(file, i);
        if (out[i].rank < 2 || strstr(out[i].name, "k_proj"))
            continue;
        const size_t count = out[i].bytes / 4;
        const uint8_t *from = out[i].data;
        uint8_t *half = malloc(2 * count);
        for (size_t j = 0; j < count; j++)
            memcpy(half + 2 * j, from + 4 * j + 2, 2);
        out[i].dtype = SAFETENSORS_BF16;
        out[i].bytes = 2 * count;
        out[i].data = half;
    }
    cr_assert(safetensors_write(path, out, n, NULL, 0, &err) == STATUS_OK,
              "%s", err.text);
    for (size_t i = 0; i < n; i++)
        if (out[i].dtype == SAFETENSORS_BF16)
            free((void *)(uintptr_t)out[i].data);
    free(out);
    safetensors_close(file);
}

static struct model *open_source(const char *directory, enum weights weights,
                                 char text[SOURCE_WEIGHTS_SIZE])
{
    const struct model_options options = { .n_sequences = B, .n_tokens = T,
                                           .decode = true, .n_threads = 2 };
    struct source source;
    struct model *m = NULL;
    struct error err = { STATUS_OK, "" };

    cr_assert(source_read(&source, directory, NULL, 0, &err) == STATUS_OK,
              "%s", err.text);
    cr_assert(source_keep(&source, weights, &err) == STATUS_OK, "%s",
              err.text);
    source_weights_text(text, &source.spec);
    cr_assert(model_open(&m, &source.spec, &options, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(source_fill(&source, m, 1, &err) == STATUS_OK, "%s", err.text);
    model_decode_reset(m);
    return m;
}

/* GPT-2's matrices lie as [in,out] there, llama's as [out,in]. */
static void same_from_directory(enum family family, const char *expected)
{
    char directory[] = "/tmp/isobath-stored-XXXXXX", path[FILE_PATH_SIZE];
    char text[SOURCE_WEIGHTS_SIZE];
    struct model_spec spec = odd_spec(family);
    int32_t ids[B * T], ignored[B * T];
    struct error err = { STATUS_OK, "" };

    store_all(&spec, NUMBER_F32);
    spec = spec_dense(&spec);
    cr_assert(mkdtemp(directory) != NULL);
    const struct model_options options = { .n_sequences = 1, .n_tokens = 1,
                                           .n_threads = 1 };
    struct model *m = case_model(&spec, &options, 4);
    cr_assert(checkpoint_export(m, route_find("dense"), directory, &err) ==
              STATUS_OK, "%s", err.text);
    model_close(m);
    cr_assert(file_join(path, directory, "model.safetensors", &err) ==
              STATUS_OK);
    halve(path);

    struct model *widened = open_source(directory, WEIGHTS_FLOAT32, text);
    cr_expect(eq(str, text, "f32"));
    struct model *stored = open_source(directory, WEIGHTS_STORED, text);
    cr_expect(eq(str, text, (char *)expected));
    case_text(ids, ignored, B * T, spec.n_vocab, 5);
    struct model_input prefill = prefill_of(&spec, ids);
    prefill.policy = case_policy("dense");
    model_forward(stored, &prefill, NULL, NULL);
    model_forward(widened, &prefill, NULL, NULL);
    same_logits(stored, widened, B * PREFILL, "directory", -1);
    for (int32_t t = PREFILL; t < T; t++) {
        const struct decode_input step = { .ids = ids + t * B };
        model_decode(stored, &step, NULL);
        model_decode(widened, &step, NULL);
        same_logits(stored, widened, B, "directory", t);
    }
    model_close(stored);
    model_close(widened);
    unlink(path);
    cr_assert(file_join(path, directory, "config.json", &err) == STATUS_OK);
    unlink(path);
    rmdir(directory);
}

/* llama: of 4 layers, keys [24,96] in float32, 4*24*96 numbers of 4 bytes,
 * 36864; the rest 96*(96 + 24 + 96 + 3*100) a layer and 37*96, of 2 bytes:
 * 403392; 36864 of 440256 are 8.37 %. */
Test(stored, safetensors_in_bfloat16_llama)
{
    same_from_directory(FAMILY_LLAMA, "bf16 91.6 %, f32 8.37 %");
}

Test(stored, safetensors_in_bfloat16_gpt2)
{
    same_from_directory(FAMILY_GPT2, "bf16");
}

Test(stored, a_shape_has_nothing_stored)
{
    struct source source = { .kind = SOURCE_SHAPE, .path = "m.yaml" };
    struct error err;

    cr_expect(eq(int, source_keep(&source, WEIGHTS_STORED, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "m.yaml is a shape") != NULL, "%s", err.text);
}

Test(stored, training_and_export_are_refused)
{
    struct model_spec spec = spec_of(FAMILY_LLAMA, true);
    struct model *m = NULL;
    struct error err;
    struct model_options options = { .n_sequences = 1, .n_tokens = 4,
                                     .train = true, .n_threads = 1 };

    spec.stored[2][MATRIX_VALUE] = NUMBER_Q8_0;
    cr_assert(eq(int, model_open(&m, &spec, &options, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "cannot be trained") != NULL, "%s", err.text);
    options.train = false;
    cr_assert(eq(int, model_open(&m, &spec, &options, &err), STATUS_OK));
    cr_assert(eq(int, checkpoint_export(m, route_find("dense"), "/nowhere",
                                        &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "not exported") != NULL, "%s", err.text);
    model_close(m);
}

Test(stored, blocks_must_fit_the_inputs)
{
    struct model_spec spec = spec_of(FAMILY_LLAMA, true);
    struct error err;

    spec.n_ffn = 500;                /* 15.6 blocks of 32 */
    spec.stored[3][MATRIX_UP] = NUMBER_Q4_0;       /* 256 inputs: fine */
    cr_expect(eq(int, spec_check(&spec, &err), STATUS_OK));
    spec.stored[3][MATRIX_DOWN] = NUMBER_Q4_0;
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "down of layer 3: stored as q4_0, in blocks of"
                     " 32, with 500 inputs") != NULL, "%s", err.text);
    spec.stored[3][MATRIX_DOWN] = NUMBER_COUNT;
    cr_expect(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
}

Test(stored, another_type_than_the_model_was_opened_for_is_refused)
{
    struct model_spec spec = spec_of(FAMILY_LLAMA, true);
    struct error err;

    store_all(&spec, NUMBER_Q8_0);
    struct model *m = open_model(&spec, &spec, NULL, 1);
    uint8_t *data = draw(NUMBER_Q4_0, 256 * 512, 1);
    const struct foreign_numbers from = {
        .type = NUMBER_Q4_0, .span = SPAN_UP, .layout = LAYOUT_LINEAR,
        .data = data };
    cr_assert(eq(int, fill_tensor(m, tensor_find(model_tensors(m), 0,
                                                 TENSOR_UP), &from, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "q4_0") && strstr(err.text, "q8_0"), "%s",
              err.text);
    free(data);
    model_close(m);
}

/* A scale that is NaN or infinite makes a number of its block so, and no other
 * bits do: judged by the numbers themselves, over random bits. */
Test(stored, a_block_is_finite_if_all_of_its_numbers_are)
{
    enum { BLOCKS = 20000, MOST_BYTES = 256 };
    struct random random = random_seeded(7);

    for (int t = 0; t < NUMBER_COUNT; t++) {
        const struct number_info *info = &number_table[t];
        int finite = 0;
        for (int i = 0; i < BLOCKS; i++) {
            uint8_t block[MOST_BYTES];
            float number[256];
            bool all = true;
            for (int b = 0; b < info->bytes; b++)
                block[b] = (uint8_t)random_below(&random, 256);
            numbers_floats((enum number)t, number, info->block, block);
            for (int n = 0; n < info->block; n++)
                all &= isfinite(number[n]) != 0;
            cr_assert(numbers_finite((enum number)t, info->block, block) == all,
                      "%s", info->name);
            finite += all;
        }
        cr_expect(finite > 0 && finite < BLOCKS, "%s", info->name);
    }
}

/* The one block of a stored matrix that is spoilt is the last column's. */
Test(stored, an_infinite_scale_is_refused)
{
    struct model_spec spec = spec_of(FAMILY_LLAMA, true);
    struct error err;

    store_all(&spec, NUMBER_Q8_0);
    struct model *m = open_model(&spec, &spec, NULL, 2);
    const struct tensor *up = tensor_find(model_tensors(m), 0, TENSOR_UP);
    uint8_t *data = draw(NUMBER_Q8_0, up->n, 1);
    struct foreign_numbers from = {
        .type = NUMBER_Q8_0, .span = SPAN_ALL, .layout = LAYOUT_LINEAR,
        .data = data };
    cr_expect(eq(int, fill_tensor(m, up, &from, &err), STATUS_OK));
    data[numbers_bytes(NUMBER_Q8_0, up->n) - 33] = 0x7c;      /* its half */
    cr_expect(eq(int, fill_tensor(m, up, &from, &err), STATUS_FAILED));
    cr_expect(strstr(err.text, "NaN or infinite") != NULL, "%s", err.text);
    free(data);
    model_close(m);
}
