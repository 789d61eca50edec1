/* stored_models.h - Models whose matrices are kept in stored formats. */
#ifndef STORED_MODELS_H
#define STORED_MODELS_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "models/files/fill.h"
#include "sim/core/model/plan.h"
#include "tests/cases.h"
#include "tests/stored_numbers.h"

static inline struct model_spec spec_of(enum family family, bool tied)
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

static inline void store_all(struct model_spec *spec, enum number type)
{
    memset(spec->stored, type, sizeof spec->stored);
    spec->stored_embedding = spec->stored_head = (uint8_t)type;
}

/* Every matrix of every layer something else. */
static inline void store_mixed(struct model_spec *spec)
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
static inline struct model_spec odd_spec(enum family family)
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
static inline void fill_matrix(struct model *m, const struct model_spec *types,
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
static inline void fill_model(struct model *m, const struct model_spec *types)
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

static inline struct model *open_model(const struct model_spec *spec,
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

static inline const struct route_policy *policy_of(const struct model_spec *spec)
{
    return case_policy(spec->part == PART_APART ? "residual_change"
                                                : "threshold");
}

static inline struct model_input prefill_of(const struct model_spec *spec,
                                     const int32_t *ids)
{
    return (struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = PREFILL,
        .policy = policy_of(spec), .cache = true,
    };
}

/* Layers 1 and 3 route by the threshold, the part and the keys as said; both
 * parts apart by the change of the stream. */
static inline struct model_spec apart_spec(enum family family, enum routed_part part,
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

#endif
