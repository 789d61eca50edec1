/* test_decode.c - Expect decoding one token at a time to give what one forward
 * pass over all tokens gives, to keep keys only for tokens that entered a
 * block, and to cost what is predicted. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/executor/model.h"
#include "sim/core/model/plan.h"
#include "sim/price/predict.h"
#include "tests/cases.h"

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
    case_table(model);
    /* Deviation 0.02 makes all logits alike; ten times that tells them apart. */
    float *w = model_weights(model);
    for (size_t i = 0; i < model_tensors(model)->floats; i++)
        w[i] *= 10.0f;
    for (int32_t c = 0; c < plan_n_choices(spec); c++)
        model_thresholds(model)[c] = 0.2f;
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
 * ledger of each step with its prediction.  Without a rule, steps are told whom
 * a rule that knows the length keeps. */
static void check_spec(struct model_spec spec, const struct route_policy *rule,
                       int32_t start, const char *what)
{
    struct model *whole = open_model(&spec, false);
    struct model *steps = open_model(&spec, true);
    int32_t ids[B * T], first[B * T], column[B];
    double worst = 0.0;

    draw_ids(ids);
    model_forward(whole, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = T,
        .policy = rule ? rule : route_find("strided"), .seed = 5 }, NULL, NULL);
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
            .policy = rule ? rule : route_find("dense"), .seed = 5 }, NULL,
            NULL);
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
                     .keep = rule ? NULL : keep, .policy = rule, .seed = 5 },
                     &meter.meter);

        for (int b = 0; b < B; b++)
            for (int v = 0; v < V; v++)
                worst = fmax(worst, fabs((double)model_logits(steps)[b * V + v]
                    - (double)model_logits(whole)[(b * T + t) * V + v]));

        cr_assert(eq(int, allocation_open(&held, plan_n_choices(&spec), B,
                                          t + 1, NULL), 0));
        model_decode_allocation(steps, NULL, &held);
        struct predict_job job = { .spec = &spec, .allocation = &held,
                                   .predicted = rule && rule->predicted };
        cr_assert(eq(int, predict_decode(predicted, &job, NULL, NULL), 0));
        for (int32_t l = -1; l < spec.n_layers; l++)
            for (int o = 0; o < OP_COUNT; o++)
                for (int32_t b = -1; b < B; b++)
                    for (int m = METRIC_FLOPS; m <= METRIC_BYTES; m++) {
                        struct ledger_key key = { PASS_FORWARD, l, b,
                                                  (enum op)o };
                        cr_assert(eq(u64, ledger_at(counted, key)->count[m],
                                     ledger_at(predicted, key)->count[m]),
                                  "%s, t %d layer %d op %s token %d %s", what,
                                  t, l, op_table[o].name, b,
                                  metric_table[m].column);
                    }
        allocation_close(&held);
        ledger_close(predicted);
        ledger_close(counted);
    }
    cr_assert(lt(dbl, worst, 1e-4), "%s, prefill of %d", what, start);
    cr_assert(eq(int, model_decoded(steps, 0), T));
    model_close(steps);
    model_close(whole);
}

static void check(enum family family, bool routed, int32_t start)
{
    check_spec(shape(family, routed), NULL, start, family_names[family]);
}

/* Windows that end within a tile of keys, with one, and beyond the text. */
Test(decode, windows_end_where_they_end_in_one_pass)
{
    for (int32_t w = 1; w < 45; w += 4) {
        struct model_spec spec = shape(FAMILY_LLAMA, false);
        spec.window = w;
        spec.windowed[0] = spec.windowed[2] = true;
        check_spec(spec, NULL, w % 3 * 9, "windowed llama");
    }
}

/* Tokens are routed around the feed-forward part of a windowed layer. */
Test(decode, windowed_layers_route_their_feed_forward_part)
{
    struct model_spec spec = shape(FAMILY_LLAMA, true);
    spec.part = PART_FFN;
    spec.window = 16;
    spec.windowed[1] = spec.windowed[2] = true;
    check_spec(spec, NULL, 0, "windowed llama, routed");
}

Test(decode, dense_gpt2_from_the_start)      { check(FAMILY_GPT2, false, 0); }
Test(decode, dense_gpt2_after_a_prefill)     { check(FAMILY_GPT2, false, 20); }
Test(decode, dense_llama_after_a_prefill)    { check(FAMILY_LLAMA, false, 16); }
Test(decode, dense_qwen2_after_a_prefill)    { check(FAMILY_QWEN2, false, 16); }
Test(decode, dense_qwen3_after_a_prefill)    { check(FAMILY_QWEN3, false, 16); }
Test(decode, routed_qwen3_with_given_routes) { check(FAMILY_QWEN3, true, 0); }
Test(decode, routed_gpt2_with_given_routes)  { check(FAMILY_GPT2, true, 0); }
Test(decode, routed_llama_with_given_routes) { check(FAMILY_LLAMA, true, 0); }

/* ---- every rule that judges token by token ---- */

enum scorer { TRAINED, DRAWN, NONE, ROUTERS };

/* Two routed layers, of which the second follows a full one. */
static struct model_spec routed_by(const struct route_policy *rule,
                                   enum scorer router, enum family family,
                                   int32_t keep_first)
{
    struct model_spec spec = shape(family, true);

    spec.routed[2] = true;
    spec.capacity[2] = 0.5;
    spec.score_window = 9;
    spec.n_predictor = rule->predicted ? 16 : 0;
    if (router != TRAINED)
        spec.router_trained = false;
    if (router == DRAWN)
        spec.router_drawn = spec.router_detached = true;
    if (router == NONE) {
        spec.router_scores = false;
        spec.gate = GATE_ONE;
    }
    route_settle(&spec, rule, keep_first);
    return spec;
}

/* What is sampled is what was evaluated: the rule, the gate and the keys of a
 * step are those of one pass over the text, whatever follows. */
Test(decode, every_causal_rule_after_a_prefill_and_from_the_start)
{
    int rules = 0;

    for (const struct route_policy *p = route_policies; p->name; p++)
        for (int r = 0; r < ROUTERS && p->keep && p->causal; r++) {
            enum family family = r % 2 ? FAMILY_GPT2 : FAMILY_QWEN3;
            if ((r == NONE && p->scored) || (r == DRAWN && p->predicted) ||
                p->signal == SIGNAL_CONFIDENCE)     /* test_exits.c */
                continue;
            rules++;
            check_spec(routed_by(p, (enum scorer)r, family, 0), p, 0, p->name);
            check_spec(routed_by(p, (enum scorer)r, family, 2), p, 15, p->name);
            if (p->predicted)
                continue;
            struct model_spec apart = routed_by(p, (enum scorer)r, family, 1);
            apart.part = PART_APART;
            check_spec(apart, p, r * 9, p->name);
        }
    cr_expect(ge(int, rules, 22));
}

/* The decoder that nobody gives a rule: the first tokens, then those above. */
Test(decode, without_a_rule_the_thresholds_judge_as_the_rule_threshold_does)
{
    const struct route_policy *rule = route_find("threshold");
    const struct model_spec spec = routed_by(rule, TRAINED, FAMILY_LLAMA, 2);
    struct model *ruled = open_model(&spec, true), *bare = open_model(&spec, true);

    model_decode_reset(ruled);
    model_decode_reset(bare);
    for (int32_t t = 0; t < T; t++) {
        const int32_t ids[B] = { (7 * t + 3) % V, (5 * t + 1) % V };
        model_decode(ruled, &(struct decode_input){ .ids = ids, .policy = rule },
                     NULL);
        model_decode(bare, &(struct decode_input){ .ids = ids }, NULL);
        cr_assert(memcmp(model_logits(ruled), model_logits(bare),
                         B * V * sizeof(float)) == 0, "token %d", t);
    }
    model_close(bare);
    model_close(ruled);
}

/* Keys of a longer text turn by a base of its own length: those of a cache would
 * be another text's. */
Test(decode, a_text_whose_keys_turn_anew_with_each_token_is_not_decoded)
{
    struct model_spec spec = shape(FAMILY_LLAMA, false);
    struct model_options options = { .n_sequences = 1, .n_tokens = 33,
                                     .n_threads = 1 };
    struct model *model = NULL;
    struct error err = { 0 };

    spec.rope_scaling = (struct rope_scaling){
        .kind = ROPE_SCALING_DYNAMIC, .factor = 2.0f, .original_tokens = 32 };
    cr_assert(eq(int, model_open(&model, &spec, &options, &err), STATUS_OK),
              "%s", err.text);
    model_close(model);
    options.decode = true;
    cr_expect(eq(int, model_open(&model, &spec, &options, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "33 tokens to decode: rope_scaling dynamic") ==
              err.text, "%s", err.text);
    options.n_tokens = 32;
    cr_assert(eq(int, model_open(&model, &spec, &options, &err), STATUS_OK),
              "%s", err.text);
    model_close(model);
}
