/* test_decode.c - Expect decoding one token at a time to give what one forward
 * pass over all tokens gives, to keep keys only for tokens that entered a
 * block, and to cost what is predicted. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/executor/model.h"
#include "sim/price/predict.h"

enum { B = 2, T = 37, V = 65 };

static struct model_spec shape(enum family family, bool routed)
{
    struct model_spec spec = {
        .traits = family_traits[family],
        .n_layers = 3, .n_channels = 40, .n_heads = 4,
        .n_kv_heads = family_traits[family].grouped ? 2 : 4, .head_size = 10,
        .n_ffn = 56, .n_vocab = V, .max_tokens = 48,
        .tied_head = family == FAMILY_GPT2, .norm_epsilon = 1e-5f,
        .rope_theta = 1000.0f, .gate = GATE_SIGMOID2,
        .router_input = ROUTER_INPUT_NORMALISED,
        .router_scores = routed, .router_trained = routed,
    };
    if (spec.traits.positions == POSITIONS_ROTARY)
        spec.rope_scaling = (struct rope_scaling){
            .kind = ROPE_SCALING_LLAMA3, .factor = 8.0f,
            .low_frequency = 1.0f, .high_frequency = 4.0f,
            .original_tokens = 32 };
    for (int l = 0; l < spec.n_layers; l++)
        spec.capacity[l] = 1.0;
    if (routed) {
        spec.routed[1] = true;
        spec.capacity[1] = 0.25;
    }
    return spec;
}

static struct model *open_model(const struct model_spec *spec, bool decode)
{
    struct model_options options = { .n_sequences = B, .n_tokens = T,
                                     .decode = decode, .n_threads = 2 };
    struct model *model = NULL;
    struct error err = { 0 };
    cr_assert(eq(int, model_open(&model, spec, &options, &err), 0), "%s",
              err.text);
    model_init(model, INIT_GPT2, 3);
    /* Deviation 0.02 makes all logits alike; ten times that tells them apart. */
    float *w = model_weights(model);
    for (size_t i = 0; i < model_tensors(model)->floats; i++)
        w[i] *= 10.0f;
    for (int32_t l = 0; l < spec->n_layers; l++) {
        const struct tensor *bias = tensor_find(model_tensors(model), l,
                                                TENSOR_QKV_BIAS);
        for (size_t i = 0; bias && i < bias->n; i++)
            w[bias->offset + i] = 0.3f * sinf((float)i);
    }
    return model;
}

static void draw_ids(int32_t *ids)
{
    for (int i = 0; i < B * T; i++)
        ids[i] = (i * 37 + i / 3) % V;
}

static bool kept_at(const struct allocation *a, int32_t layer, int32_t b,
                    int32_t t)
{
    const int32_t *kept = allocation_kept(a, layer, b);
    for (int32_t i = 0; i < allocation_count(a, layer, b); i++)
        if (kept[i] == t)
            return true;
    return false;
}

/* Prefill `start` tokens, decode the rest, compare every step's logits, and the
 * ledger of each step with its prediction. */
static void check(enum family family, bool routed, int32_t start)
{
    struct model_spec spec = shape(family, routed);
    struct model *whole = open_model(&spec, false);
    struct model *steps = open_model(&spec, true);
    int32_t ids[B * T], first[B * T], column[B];
    double worst = 0.0;

    draw_ids(ids);
    model_forward(whole, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = T,
        .policy = route_find("strided") }, NULL, NULL);
    const struct allocation *full = model_allocation(whole);
    model_decode_reset(steps);
    if (start > 0) {
        /* Prefill through the same steps' choice: strided over T tokens is not
         * strided over `start`, so only dense models prefill here. */
        for (int b = 0; b < B; b++)
            for (int t = 0; t < start; t++)
                first[b * start + t] = ids[b * T + t];
        model_forward(steps, &(struct model_input){
            .ids = first, .n_sequences = B, .n_tokens = start, .cache = true,
            .policy = route_find("dense") }, NULL, NULL);
    }
    for (int32_t t = start; t < T; t++) {
        bool keep[3 * B];
        struct ledger *counted, *predicted;
        struct ledger_shape by = { true, true, spec.n_layers, B };
        struct allocation held;
        for (int l = 0; l < spec.n_layers; l++)
            for (int b = 0; b < B; b++)
                keep[l * B + b] = kept_at(full, l, b, t);
        for (int b = 0; b < B; b++)
            column[b] = ids[b * T + t];
        cr_assert(eq(int, ledger_open(&counted, by, cost_zero(PROV_COUNTED),
                                      NULL), 0));
        cr_assert(eq(int, ledger_open(&predicted, by,
                                      cost_zero(PROV_PREDICTED), NULL), 0));
        struct ledger_meter meter = ledger_meter(counted);
        model_decode(steps, &(struct decode_input){ .ids = column,
                     .keep = keep }, &meter.meter);

        for (int b = 0; b < B; b++)
            for (int v = 0; v < V; v++)
                worst = fmax(worst, fabs((double)model_logits(steps)[b * V + v]
                    - (double)model_logits(whole)[(b * T + t) * V + v]));

        cr_assert(eq(int, allocation_open(&held, spec.n_layers, B, t + 1,
                                          NULL), 0));
        model_decode_allocation(steps, NULL, &held);
        struct predict_job job = { .spec = &spec, .allocation = &held };
        cr_assert(eq(int, predict_decode(predicted, &job, NULL, NULL), 0));
        for (int32_t l = -1; l < spec.n_layers; l++)
            for (int o = 0; o < OP_COUNT; o++)
                for (int32_t b = -1; b < B; b++)
                    for (int m = METRIC_FLOPS; m <= METRIC_BYTES; m++) {
                        struct ledger_key key = { PASS_FORWARD, l, b,
                                                  (enum op)o };
                        cr_assert(eq(u64, ledger_at(counted, key)->count[m],
                                     ledger_at(predicted, key)->count[m]),
                                  "t %d layer %d op %s token %d %s", t, l,
                                  op_table[o].name, b, metric_table[m].column);
                    }
        allocation_close(&held);
        ledger_close(predicted);
        ledger_close(counted);
    }
    cr_assert(lt(dbl, worst, 1e-4));
    cr_assert(eq(int, model_decoded(steps, 0), T));
    model_close(steps);
    model_close(whole);
}

Test(decode, dense_gpt2_from_the_start)      { check(FAMILY_GPT2, false, 0); }
Test(decode, dense_gpt2_after_a_prefill)     { check(FAMILY_GPT2, false, 20); }
Test(decode, dense_llama_after_a_prefill)    { check(FAMILY_LLAMA, false, 16); }
Test(decode, dense_qwen2_after_a_prefill)    { check(FAMILY_QWEN2, false, 16); }
Test(decode, dense_qwen3_after_a_prefill)    { check(FAMILY_QWEN3, false, 16); }
Test(decode, routed_qwen3_with_given_routes) { check(FAMILY_QWEN3, true, 0); }
Test(decode, routed_gpt2_with_given_routes)  { check(FAMILY_GPT2, true, 0); }
Test(decode, routed_llama_with_given_routes) { check(FAMILY_LLAMA, true, 0); }

/* A predictor that keeps some tokens, and not those that scores would. */
static void check_predictor(enum family family, int32_t start)
{
    struct model_spec spec = shape(family, true);
    const struct route_policy *policy = route_find("predictor");
    int32_t ids[B * T], first[B * T], column[B], kept = 0;
    double worst = 0.0;

    spec.n_predictor = 16;
    struct model *whole = open_model(&spec, false);
    struct model *steps = open_model(&spec, true);
    struct model *both[] = { whole, steps };
    for (int i = 0; i < 2; i++) {
        const struct tensor *bias = tensor_find(model_tensors(both[i]), 1,
                                                TENSOR_PREDICT_DOWN_BIAS);
        model_weights(both[i])[bias->offset] = 0.0f;
    }
    draw_ids(ids);
    model_forward(whole, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = T, .policy = policy },
        NULL, NULL);
    for (int b = 0; b < B; b++)
        kept += allocation_count(model_allocation(whole), 1, b);
    cr_assert(kept > 5 && kept < B * T - 5, "%d kept", kept);
    for (int b = 0; b < B; b++)
        memcpy(first + b * start, ids + b * T,
               (size_t)start * sizeof *first);
    model_decode_reset(steps);
    model_forward(steps, &(struct model_input){
        .ids = first, .n_sequences = B, .n_tokens = start, .cache = true,
        .policy = policy }, NULL, NULL);
    for (int32_t t = start; t < T; t++) {
        struct ledger *counted, *predicted;
        struct ledger_shape by = { true, true, spec.n_layers, B };
        struct allocation held;
        for (int b = 0; b < B; b++)
            column[b] = ids[b * T + t];
        cr_assert(eq(int, ledger_open(&counted, by, cost_zero(PROV_COUNTED),
                                      NULL), 0));
        cr_assert(eq(int, ledger_open(&predicted, by,
                                      cost_zero(PROV_PREDICTED), NULL), 0));
        struct ledger_meter meter = ledger_meter(counted);
        model_decode(steps, &(struct decode_input){ .ids = column,
                     .policy = policy }, &meter.meter);
        for (int b = 0; b < B; b++)
            for (int v = 0; v < V; v++)
                worst = fmax(worst, fabs((double)model_logits(steps)[b * V + v]
                    - (double)model_logits(whole)[(b * T + t) * V + v]));
        cr_assert(eq(int, allocation_open(&held, spec.n_layers, B, t + 1,
                                          NULL), 0));
        model_decode_allocation(steps, NULL, &held);
        struct predict_job job = { .spec = &spec, .allocation = &held,
                                   .predicted = true };
        cr_assert(eq(int, predict_decode(predicted, &job, NULL, NULL), 0));
        for (int b = -1; b < B; b++) {
            struct ledger_key key = { PASS_FORWARD, 1, b, OP_PREDICT };
            for (int m = METRIC_FLOPS; m <= METRIC_BYTES; m++)
                cr_expect(eq(u64, ledger_at(counted, key)->count[m],
                             ledger_at(predicted, key)->count[m]));
        }
        cr_expect(eq(u64, ledger_sum(counted, LEDGER_ANY, LEDGER_ANY,
                                     LEDGER_ANY, LEDGER_ANY)
                              .count[METRIC_FLOPS],
                     ledger_sum(predicted, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                LEDGER_ANY).count[METRIC_FLOPS]));
        allocation_close(&held);
        ledger_close(predicted);
        ledger_close(counted);
    }
    cr_assert(lt(dbl, worst, 1e-4));
    model_close(steps);
    model_close(whole);
}

Test(decode, predicted_gpt2_after_a_prefill)  { check_predictor(FAMILY_GPT2, 9); }
Test(decode, predicted_llama_after_a_prefill)
{
    check_predictor(FAMILY_LLAMA, 20);
}
