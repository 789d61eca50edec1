/* test_stored.c - Expect weights kept as stored to compute what the widened
 * weights do, bit for bit, in prefill and decoding, and to cost what is
 * predicted and what the kernels execute. */
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
#include "sim/core/model/plan.h"
#include "sim/core/model/spec_check.h"
#include "sim/price/memory.h"
#include "sim/price/predict.h"
#include "tests/cases.h"
#include "tests/counting/counting.h"
#include "tests/stored_numbers.h"
#include "tests/memory_block.h"

/* ---- models ---- */

static struct model_spec spec_of(enum family family, bool tied)
{
    const bool gpt2 = family == FAMILY_GPT2;
    struct model_spec spec = {
        .traits = family_traits[family],
        .n_layers = 4, .n_channels = 256, .n_heads = 8,
        .n_kv_heads = gpt2 ? 8 : 1, .head_size = 32, .n_ffn = 512,
        .n_vocab = 67, .max_tokens = 40, .tied_head = tied,
        .norm_epsilon = 1e-5f, .rope_theta = 10000.0f, .gate = GATE_SIGMOID2,
        .router_input = ROUTER_INPUT_NORMALISED, .router_scores = true,
    };
    for (int32_t l = 0; l < spec.n_layers; l++) {
        spec.routed[l] = l % 2;
        spec.capacity[l] = l % 2 ? 0.25 : 1.0;
    }
    return spec;
}

static void store_all(struct model_spec *spec, enum number type)
{
    memset(spec->stored, type, sizeof spec->stored);
    spec->stored_embedding = spec->stored_head = (uint8_t)type;
}

/* Every matrix of every layer something else. */
static void store_mixed(struct model_spec *spec)
{
    for (int32_t l = 0; l < spec->n_layers; l++)
        for (int i = 0; i < MATRIX_COUNT; i++)
            spec->stored[l][i] =
                (uint8_t)((l * 5 + i * (l + 1)) % NUMBER_COUNT);
    spec->stored_embedding = NUMBER_Q6_K;
    spec->stored_head = NUMBER_Q5_1;
}

/* Widths that are no multiples of a tile; types without blocks where a matrix'
 * inputs are no multiple of 32. */
static struct model_spec odd_spec(enum family family)
{
    struct model_spec spec = spec_of(family, true);
    spec.n_channels = 96;
    spec.n_heads = 4;
    spec.head_size = 24;
    spec.n_kv_heads = family == FAMILY_GPT2 ? 4 : 1;
    spec.n_ffn = 100;
    spec.n_vocab = 37;
    store_all(&spec, NUMBER_Q4_1);
    for (int32_t l = 0; l < spec.n_layers; l++) {
        spec.stored[l][MATRIX_DOWN] = l % 2 ? NUMBER_BF16 : NUMBER_F16;
        spec.stored[l][MATRIX_KEY] = NUMBER_Q8_0;
    }
    return spec;
}

/* The numbers of one matrix, as `types` stores them, into the model. */
static void fill_matrix(struct model *m, const struct model_spec *types,
                        const struct tensor *t, enum span span, int i,
                        bool pairs)
{
    struct model_spec copy = *types;
    struct tensor_matrix matrix[3];
    struct error err;
    const bool table = t->id == TENSOR_WTE || t->id == TENSOR_HEAD;

    tensor_matrices(matrix, &copy, t->layer, t->id);
    const size_t inputs = (size_t)(table ? t->columns : t->rows);
    const enum number type = (enum number)*matrix[i].type;
    uint8_t *data = draw(type, inputs * (size_t)matrix[i].columns,
                         random_mix(9, (uint64_t)(t->layer + 1),
                                    (uint64_t)t->id, (uint64_t)i));
    const struct foreign_numbers from = {
        .type = type, .span = span, .data = data,
        .layout = table ? LAYOUT_SAME : pairs ? LAYOUT_PAIRS : LAYOUT_LINEAR,
    };
    cr_assert(fill_tensor(m, t, &from, &err) == STATUS_OK, "%s", err.text);
    free(data);
}

/* The same weights, whatever the model keeps them as: those that the spec
 * `types` stores. */
static void fill_model(struct model *m, const struct model_spec *types)
{
    const struct tensor_list *list = model_tensors(m);
    const bool llama = spec_gated(types);

    case_fill(m, 3);
    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *t = &list->tensor[i];
        if (t->id == TENSOR_QKV) {
            fill_matrix(m, types, t, SPAN_Q, 0, llama);
            fill_matrix(m, types, t, SPAN_K, 1, llama);
            fill_matrix(m, types, t, SPAN_V, 2, false);
        } else if (t->id == TENSOR_UP && llama) {
            fill_matrix(m, types, t, SPAN_GATE, 0, false);
            fill_matrix(m, types, t, SPAN_UP, 1, false);
        } else if (t->id == TENSOR_WTE || t->id == TENSOR_HEAD ||
                   t->id == TENSOR_PROJECT || t->id == TENSOR_UP ||
                   t->id == TENSOR_DOWN) {
            fill_matrix(m, types, t, SPAN_ALL, 0, false);
        }
    }
    for (int32_t l = 0; l < types->n_layers; l++)
        model_thresholds(m)[l] = 0.1f;
}

enum { B = 2, T = 21, PREFILL = 9 };

static struct model *open_model(const struct model_spec *spec,
                                const struct model_spec *types,
                                const struct kernels *kernels, int n_threads)
{
    const struct model_options options = {
        .n_sequences = B, .n_tokens = T, .decode = true,
        .n_threads = n_threads, .kernels = kernels,
    };
    struct model *m = NULL;
    struct error err;

    cr_assert(model_open(&m, spec, &options, &err) == STATUS_OK, "%s",
              err.text);
    fill_model(m, types);
    model_decode_reset(m);
    return m;
}

static const struct route_policy *policy_of(const struct model_spec *spec)
{
    return case_policy(spec->part == PART_APART ? "residual_change"
                                                : "threshold");
}

static struct model_input prefill_of(const struct model_spec *spec,
                                     const int32_t *ids)
{
    return (struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = PREFILL,
        .policy = policy_of(spec), .cache = true,
    };
}

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

/* Layers 1 and 3 route by the threshold, the part and the keys as said; both
 * parts apart by the change of the stream. */
static struct model_spec apart_spec(enum family family, enum routed_part part,
                                    enum skipped_keys keys, int variant)
{
    struct model_spec spec = variant == 0 ? odd_spec(family)
                                          : spec_of(family, false);
    if (variant == 1)
        store_mixed(&spec);
    spec.traits.qkv_bias = variant == 1;
    spec.part = part;
    spec.skipped_keys = keys;
    spec.router_trained = false;
    if (part == PART_APART) {
        spec.gate = GATE_ONE;
        spec.router_scores = false;
        spec.signal = SIGNAL_CHANGE;
    }
    return spec;
}

static const struct { enum routed_part part; enum skipped_keys keys; }
apart[] = {
    { PART_BLOCK, SKIPPED_KEYS_COMPUTED }, { PART_BLOCK, SKIPPED_KEYS_CARRIED },
    { PART_ATTENTION, SKIPPED_KEYS_COMPUTED },
    { PART_ATTENTION, SKIPPED_KEYS_ABSENT }, { PART_FFN, SKIPPED_KEYS_ABSENT },
    { PART_APART, SKIPPED_KEYS_ABSENT }, { PART_APART, SKIPPED_KEYS_COMPUTED },
    { PART_APART, SKIPPED_KEYS_CARRIED },
};
enum { N_APART = sizeof apart / sizeof *apart };

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

/* ---- what it costs ---- */

struct witness {
    struct ledger_meter ledger;      /* first: downcast */
    void (*on_end)(struct meter *meter, const struct op_run *run);
    const char *what;
    uint64_t at_begin, n_ops;
};

static void on_begin(struct meter *meter, const struct op_run *run)
{
    struct witness *w = (struct witness *)meter;
    (void)run;
    w->at_begin = counting_flops;
}

/* Expects the tallies to be what the arithmetic counted; then files them. */
static void on_end(struct meter *meter, const struct op_run *run)
{
    struct witness *w = (struct witness *)meter;
    cr_assert(run->total.flops == counting_flops - w->at_begin,
              "%s: %s of layer %d: tallied %llu flops, executed %llu", w->what,
              op_table[run->op].name, run->layer,
              (unsigned long long)run->total.flops,
              (unsigned long long)(counting_flops - w->at_begin));
    w->n_ops++;
    w->on_end(meter, run);
}

static struct witness witness_of(struct ledger *ledger, const char *what)
{
    struct witness w = { .ledger = ledger_meter(ledger), .what = what };
    w.on_end = w.ledger.meter.end;
    w.ledger.meter.begin = on_begin;
    w.ledger.meter.end = on_end;
    return w;
}

/* Prefill and decode steps: executed == counted == predicted, by token. */
static void costs_agree(const struct model_spec *spec,
                        const struct kernels *kernels, const char *what)
{
    int32_t ids[B * T], ignored[B * T];
    struct error err = { STATUS_OK, "" };
    struct model *m = open_model(spec, spec, kernels, 1);
    struct ledger *counted = case_ledger(spec->n_layers, B * PREFILL,
                                         PROV_COUNTED);
    struct ledger *predicted = case_ledger(spec->n_layers, B * PREFILL,
                                           PROV_PREDICTED);
    struct witness w = witness_of(counted, what);

    case_text(ids, ignored, B * T, spec->n_vocab, 5);
    const struct model_input prefill = prefill_of(spec, ids);
    model_forward(m, &prefill, &w.ledger.meter, NULL);
    struct predict_job job = { .spec = spec, .allocation = model_allocation(m) };
    cr_assert(predict_forward(predicted, &job, PREDICT_HEAD, NULL, &err) ==
              STATUS_OK, "%s", err.text);
    case_same_ledger(predicted, counted, what);
    ledger_close(counted);
    ledger_close(predicted);

    for (int32_t t = PREFILL; t < PREFILL + 4; t++) {
        struct allocation now;
        counted = case_ledger(spec->n_layers, B, PROV_COUNTED);
        predicted = case_ledger(spec->n_layers, B, PROV_PREDICTED);
        w = witness_of(counted, what);
        model_decode(m, &(struct decode_input){ .ids = ids + t * B,
                                                .policy = policy_of(spec) },
                     &w.ledger.meter);
        cr_assert(allocation_open(&now, plan_n_choices(spec), B, t + 1,
                                  &err) == STATUS_OK);
        model_decode_allocation(m, NULL, &now);
        job.allocation = &now;
        cr_assert(predict_decode(predicted, &job, NULL, &err) == STATUS_OK,
                  "%s", err.text);
        case_same_ledger(predicted, counted, what);
        allocation_close(&now);
        ledger_close(counted);
        ledger_close(predicted);
    }
    cr_assert(w.n_ops > 0);
    model_close(m);
}

Test(stored, executed_counted_and_predicted_are_one_number)
{
    static const struct kernels *const all[] = {
        &kernels_counting4, &kernels_counting8, &kernels_counting16,
    };
    for (int f = 0; f < N_CONTRASTS; f++)
        for (int t = 1; t < NUMBER_COUNT; t++) {
            struct model_spec spec = spec_of(contrasts[f], (t + f) % 2);
            store_all(&spec, (enum number)t);
            costs_agree(&spec, all[(t + f) % 3], number_table[t].name);
        }
}

Test(stored, so_they_are_with_mixed_types_and_odd_sizes)
{
    for (int f = 0; f < N_CONTRASTS; f++) {
        struct model_spec spec = spec_of(contrasts[f], false);
        store_mixed(&spec);
        costs_agree(&spec, &kernels_counting16, "mixed");
        spec = odd_spec(contrasts[f]);
        costs_agree(&spec, &kernels_counting8, "odd");
        spec.embedding_scale = 3.0f;
        costs_agree(&spec, &kernels_counting8, "scaled");
    }
}

Test(stored, so_they_are_with_every_part_and_skipped_key)
{
    for (int f = 0; f < N_CONTRASTS; f++)
        for (int i = 0; i < N_APART; i++) {
            const struct model_spec spec = apart_spec(
                contrasts[f], apart[i].part, apart[i].keys, (i + f) % 2);
            costs_agree(&spec, i % 2 ? &kernels_counting16
                                     : &kernels_counting8,
                        skipped_keys_names[apart[i].keys]);
        }
}

/* By hand: queries of a llama with C = 96, H D = 96, E = 24, all rows.  Q4_1 has
 * 20 bytes and 64 flops a block of 32: three blocks a column.  Queries and
 * values: 96 and 24 (tiles: 32) columns; keys in Q8_0, 34 bytes and 32 flops. */
Test(stored, qkv_of_a_layer_worked_out_by_hand)
{
    const struct model_spec spec = odd_spec(FAMILY_LLAMA);
    struct flops_list list = flops_list(&spec);

    flops_store(&list, &spec, 0);
    const struct flops_price *qkv = &list.at[PASS_FORWARD][OP_QKV];
    cr_expect(eq(u64, qkv->flops, 2 * 96 * (96 + 48)));
    cr_expect(eq(u64, qkv->bytes, 4 * 96 + 4 * (96 + 48)));
    cr_expect(eq(u64, qkv->shared_bytes,
                 96 * 3 * 20 + 24 * 3 * 34 + 24 * 3 * 20));
    cr_expect(eq(u64, qkv->shared_flops,
                 96 * 3 * 64 + 32 * 3 * 32 + 32 * 3 * 64));
    /* If keys of skipped tokens are computed: queries of kept rows, keys and
     * values of all. */
    struct model_spec computed = spec;
    computed.skipped_keys = SKIPPED_KEYS_COMPUTED;
    computed.traits.qkv_bias = true;
    struct flops_list parts = flops_list(&computed);
    flops_store(&parts, &computed, 0);
    const struct flops_price *kept = &parts.at[FLOPS_OF_KEPT][OP_QKV];
    const struct flops_price *all = &parts.at[FLOPS_OF_ALL][OP_QKV];
    cr_expect(eq(u64, kept->flops, 2 * 96 * 96));
    cr_expect(eq(u64, kept->shared_bytes, 96 * 3 * 20 + 4 * 96));
    cr_expect(eq(u64, kept->shared_flops, 96 * 3 * 64));
    cr_expect(eq(u64, all->flops, 2 * 96 * 48));
    cr_expect(eq(u64, all->shared_bytes,
                 24 * 3 * 34 + 24 * 3 * 20 + 4 * 48));
    cr_expect(eq(u64, all->shared_flops, 32 * 3 * 32 + 32 * 3 * 64));
    /* A row of the embedding: 3 blocks; the head: 37 columns, 48 widened. */
    const struct flops_price *embed = &list.at[PASS_FORWARD][OP_EMBED];
    cr_expect(eq(u64, embed->flops, 3 * 64));
    cr_expect(eq(u64, embed->bytes, 4 + 4 * 96 + 3 * 20));
    const struct flops_price *head = &list.at[PASS_FORWARD][OP_HEAD];
    cr_expect(eq(u64, head->shared_bytes, 37 * 3 * 20));
    cr_expect(eq(u64, head->shared_flops, 48 * 3 * 64));
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

/* ---- memory and refusals ---- */

/* A model without routing, whose activations are the same on both sides. */
Test(stored, memory_is_as_predicted)
{
    for (int f = 0; f < N_CONTRASTS; f++)
        for (int odd = 0; odd < 2; odd++) {
            struct model_spec spec = odd ? odd_spec(contrasts[f])
                                         : spec_of(contrasts[f], false);
            struct error err;
            struct model *m = NULL;
            if (!odd)
                store_mixed(&spec);
            spec = spec_dense(&spec);
            const struct model_options options = {
                .n_sequences = B, .n_tokens = T, .n_threads = 2,
            };
            cr_assert(model_open(&m, &spec, &options, &err) == STATUS_OK,
                      "%s", err.text);
            const double has = (double)model_bytes(m);
            const double said = (double)memory_block_bytes(
                &spec, B, T, MEMORY_FORWARD, 2);
            cr_expect(fabs(has - said) < 0.02 * has, "%g bytes, predicted %g",
                      has, said);
            struct memory_item items[MEMORY_ITEMS_MAX];
            const int n = memory_items(items, &spec, B, T, MEMORY_FORWARD);
            uint64_t stored = 0;
            for (int i = 0; i < n; i++)
                if (strcmp(items[i].name, "stored weights") == 0)
                    stored = 4 * items[i].numbers * items[i].rows;
            cr_expect(eq(u64, stored, model_tensors(m)->stored_bytes));
            model_close(m);
        }
}

/* One sequence, 200 tokens at once and then up to 500: what a prompt takes. */
Test(stored, memory_of_a_prompt_is_as_predicted)
{
    for (int f = 0; f < N_CONTRASTS; f++)
        for (int kept = 0; kept < 2; kept++)
            for (int scored = 0; scored < 2; scored++) {
                struct model_spec spec = odd_spec(contrasts[f]);
                struct error err;
                struct model *m = NULL;
                spec.max_tokens = 600;
                spec.n_vocab = 5003;
                if (!kept)
                    store_all(&spec, NUMBER_F32);
                if (!scored)
                    spec = spec_dense(&spec);
                const struct model_options options = {
                    .n_sequences = 1, .n_tokens = 500, .n_prefill = 200,
                    .decode = true, .last_only = true, .n_threads = 2,
                };
                cr_assert(model_open(&m, &spec, &options, &err) == STATUS_OK,
                          "%s", err.text);
                const double has = (double)model_bytes(m);
                /* But for ids, targets and the routes of 4 layers, which lie
                 * elsewhere, and the process around it. */
                const double said = (double)memory_generate_bytes(
                    &spec, 200, 500, 2) - MEMORY_PROCESS_BYTES -
                    2 * MEMORY_PROBE_BYTES -
                    4.0 * (2 + 4) * 200;
                cr_expect(fabs(has - said) < 0.005 * has, "%s, %s: %.0f bytes,"
                          " predicted %.0f", family_names[f],
                          kept ? "stored" : "float32", has, said);
                model_close(m);
            }
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
