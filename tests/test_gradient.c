/* test_gradient.c - Compare the gradients of whole models, by the executor in
 * float, with central differences of a decoder in double that shares no code
 * with it. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/model/plan.h"
#include "tests/cases.h"
#include "tests/reference.h"
#include "tests/tensor_names.h"

enum { MAX_TOKENS = 64, ALONE = 2, FROZEN, DRAWN };

struct case_row {
    enum family family;
    int  shape;                  /* index into shapes */
    bool tied;
    double capacity;             /* 0: dense */
    enum pattern pattern;
    enum gate gate;
    enum router_input input;
    int  trained;                /* the router; ALONE: and nothing else;
                                  * FROZEN: not, but its score passes a
                                  * gradient; false: nor that; DRAWN: there is
                                  * none, and its scores are drawn */
    int  stride;                 /* of the elements looked at, large tensors */
    int  variant;                /* of case_variant() */
};

/* The error of gradients: a tensor's by norm, elements one by one. */
struct error_counts {
    double worst, worst_element;
    int    n_tensors, n_close;   /* close: within 1e-4 */
    int    n_elements;
};

/* One tensor; of a large one elements 0, stride, 2 stride, ..., at least 32. */
static void check_tensor(const struct reference *r, double *weights,
                         const float *gradients, const struct tensor *t,
                         int stride, struct error_counts *counts)
{
    const float *gradient = gradients + t->learned_at;
    if (t->n / 32 < (size_t)stride)
        stride = t->n < 64 ? 1 : (int)(t->n / 32);
    size_t n = (t->n + (size_t)stride - 1) / (size_t)stride;
    double *slope = calloc(n, sizeof *slope), squares = 0.0, off = 0.0;
    for (size_t i = 0; i < n; i++) {
        size_t at = t->offset + i * (size_t)stride;
        slope[i] = reference_slope(r, weights, at);
        double d = (double)gradient[i * (size_t)stride] - slope[i];
        squares += slope[i] * slope[i];
        off += d * d;
    }
    double size = sqrt(squares), error = sqrt(off) / (size + 1e-30);
    double floor = size / sqrt((double)n);          /* a typical element */
    for (size_t i = 0; i < n; i++) {
        size_t at = i * (size_t)stride;
        double e = fabs((double)gradient[at] - slope[i]) /
                   (fabs(slope[i]) + 0.01 * floor + 1e-30);
        counts->worst_element = fmax(counts->worst_element, e);
        cr_expect(e <= 1e-3, "%s of layer %d [%zu]: %.9g, not %.9g",
                  tensor_names[t->id], t->layer, at,
                  (double)gradient[at], slope[i]);
    }
    cr_expect(size > 1e-6, "%s of layer %d: nothing to compare",
              tensor_names[t->id], t->layer);
    cr_expect(error <= 1e-3, "%s of layer %d: off by %g",
              tensor_names[t->id], t->layer, error);
    counts->worst = fmax(counts->worst, error);
    counts->n_tensors++;
    counts->n_close += error <= 1e-4;
    counts->n_elements += (int)n;
    free(slope);
}

static struct model_spec spec_of(const struct case_row *row,
                                 const struct route_policy *policy)
{
    struct model_spec spec = case_spec(&shapes[row->shape], row->family,
                                       row->capacity, row->pattern);
    spec.tied_head = row->tied;
    case_variant(&spec, row->variant);
    if (row->capacity > 0.0) {
        spec.gate = row->gate;
        spec.router_input = row->input;
        spec.router_trained = row->trained && row->trained < FROZEN;
        spec.router_detached = !row->trained;
        spec.backbone_frozen = row->trained == ALONE;
    }
    if (row->capacity > 0.0) {
        spec.router_scores = policy->scored || spec.gate != GATE_ONE;
        spec.router_trained &= spec.router_scores;
        spec.router_drawn = row->trained == DRAWN;
        spec.router_detached |= spec.router_drawn;
        route_settle(&spec, policy, 0);
    }
    return spec;
}

/* The layer kept two tokens of a sequence: something comes through its queries,
 * which softmax hides where there is but one key. */
static bool works(const struct allocation *allocation, int32_t layer)
{
    bool works = layer < 0;
    for (int32_t b = 0; b < allocation->n_sequences && layer >= 0; b++)
        works |= allocation_count(allocation, layer, b) > 1;
    return works;
}

static void check_shape(const struct case_row *row, const struct shape *shape,
                        struct model_spec spec,
                        const struct route_policy *policy,
                        struct error_counts *counts)
{
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    int32_t n = shape->n_sequences * shape->n_tokens;
    cr_assert(n <= MAX_TOKENS);
    case_text(ids, targets, n, shape->n_vocab, 11);

    struct model_options options = {
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .train = true, .n_threads = 1,
    };
    struct model *model = case_model(&spec, &options, 2);
    struct model_input input = {
        .ids = ids, .targets = targets, .n_sequences = shape->n_sequences,
        .n_tokens = shape->n_tokens, .policy = policy, .train = true,
        .seed = 3, .scores = calloc((size_t)(spec.n_layers * n), sizeof(float)),
        .replayed = case_replayed(&spec, shape->n_sequences, shape->n_tokens),
    };
    for (int32_t l = 0; l < spec.n_layers; l++)
        model_thresholds(model)[l] = 0.0f;
    double loss;
    model_forward(model, &input, NULL, &loss);
    model_backward(model, NULL);

    const struct tensor_list *tensors = model_tensors(model);
    double *weights = case_weights(model);
    struct reference r = {
        .spec = &spec, .tensors = tensors, .weights = weights, .ids = ids,
        .targets = targets, .n_sequences = shape->n_sequences,
        .n_tokens = shape->n_tokens, .allocation = model_allocation(model),
        .gate = calloc((size_t)(spec.n_layers * n), sizeof *r.gate),
    };
    r.gate_held = spec.router_drawn;
    for (int32_t i = 0; i < spec.n_layers * n && r.gate_held; i++)
        r.gate[i] = reference_gate(spec.gate, spec.gate_scale,
                                   (double)input.scores[i]);
    double expected = reference_loss(&r, NULL, NULL);
    cr_expect(fabs(loss - expected) <= 1e-5 * expected, "loss %.9g, not %.9g",
              loss, expected);
    /* The gates of a detached router are constants to the stream. */
    r.gate_held |= !row->trained;
    for (int32_t i = 0; i < tensors->n; i++) {
        r.of_predictors = tensor_predicts(tensors->tensor[i].id);
        if (tensors->tensor[i].trained &&
            works(model_allocation(model), tensors->tensor[i].layer))
            check_tensor(&r, weights, model_gradients(model),
                         &tensors->tensor[i], row->stride, counts);
    }
    free(input.scores);
    free(r.gate);
    free(weights);
    model_close(model);
}

static void check_spec(const struct case_row *row, struct model_spec spec,
                       const struct route_policy *policy,
                       struct error_counts *counts)
{
    check_shape(row, &shapes[row->shape], spec, policy, counts);
}

static void check_policy(const struct case_row *row,
                         const struct route_policy *policy,
                         struct error_counts *counts)
{
    check_spec(row, spec_of(row, policy), policy, counts);
}

static void check_case(const struct case_row *row, struct error_counts *counts)
{
    check_policy(row, case_policy("expert_choice"), counts);
}

static void say_counts(const struct error_counts *counts, const char *what)
{
    cr_log_info("%s: %d tensors, %d elements; worst tensor %.2g, element %.2g;"
                " %d tensors within 1e-4", what, counts->n_tensors,
                counts->n_elements, counts->worst, counts->worst_element,
                counts->n_close);
    cr_expect(counts->n_close * 10 >= counts->n_tensors * 9,
              "most are to be within 1e-4: %d of %d", counts->n_close,
              counts->n_tensors);
}

static void check_cases(const struct case_row *rows, size_t n, const char *what)
{
    struct error_counts counts = { 0 };
    for (size_t i = 0; i < n; i++)
        check_case(&rows[i], &counts);
    say_counts(&counts, what);
}

#define CHECK(rows, what) check_cases(rows, sizeof(rows) / sizeof *(rows), what)

/* Shape 1: C 8, two heads of 4 (llama: one key/value head), F 12, V 17, two
 * layers, two sequences of 5; shape 2: C 12, three layers, 2 x 21; 9: C 20, head
 * size 10, four sequences of 7. */
#define FULL PATTERN_ALL, GATE_ONE, ROUTER_INPUT_RAW, true

Test(gradient, dense_models)
{
    static const struct case_row rows[] = {
        { FAMILY_GPT2,  1, true,  0, FULL, 1, 0 },
        { FAMILY_GPT2,  1, false, 0, FULL, 1, 0 },
        { FAMILY_LLAMA, 1, true,  0, FULL, 1, 0 },
        { FAMILY_LLAMA, 1, false, 0, FULL, 1, 0 },
        { FAMILY_GPT2,  2, true,  0, FULL, 61, 0 },
        { FAMILY_LLAMA, 2, false, 0, FULL, 61, 0 },
        { FAMILY_GPT2,  9, false, 0, FULL, 53, 0 },
        { FAMILY_LLAMA, 9, true,  0, FULL, 53, 0 },
    };
    CHECK(rows, "dense");
}

/* The loss at an exit reaches the layers below it, and the head that all share;
 * its gradients are added to those of the last layer's. */
Test(gradient, exits_with_losses_of_their_own)
{
    static const struct shape deep = { 8, 2, 1, 4, 12, 17, 3, 2, 5 };
    struct error_counts counts = { 0 };
    for (int f = 0; f < FAMILY_COUNT; f++) {
        const struct case_row row = { (enum family)f, 1, true, 0, FULL, 1, 0 };
        check_shape(&row, &deep, case_exits(&deep, row.family, f),
                    case_policy("dense"), &counts);
    }
    say_counts(&counts, "exits");
}

/* With rotary frequencies as they are, linear and Llama 3.1's. */
Test(gradient, norms_of_queries_and_keys)
{
    static const struct case_row rows[] = {
        { FAMILY_QWEN3, 1, true,  0,   FULL, 1, 0 },
        { FAMILY_QWEN3, 9, false, 0,   FULL, 53, 2 },
        { FAMILY_QWEN3, 2, true,  0,   FULL, 61, 4 },
        { FAMILY_QWEN3, 1, true,  0.5, PATTERN_ALL, GATE_SIGMOID2,
          ROUTER_INPUT_NORMALISED, true, 1, 0 },
        { FAMILY_QWEN3, 2, false, 0.9, PATTERN_ODD, GATE_RAW,
          ROUTER_INPUT_RAW, true, 61, 0 },
    };
    CHECK(rows, "normed heads");
}

/* Biased, with rotary frequencies as they are, linear and Llama 3.1's. */
Test(gradient, biases_of_queries_keys_and_values)
{
    static const struct case_row rows[] = {
        { FAMILY_LLAMA, 1, true,  0,   FULL, 1, 1 },
        { FAMILY_LLAMA, 9, false, 0,   FULL, 53, 3 },
        { FAMILY_LLAMA, 2, true,  0,   FULL, 61, 5 },
        { FAMILY_LLAMA, 1, true,  0.5, PATTERN_ODD, GATE_SIGMOID2,
          ROUTER_INPUT_NORMALISED, true, 1, 5 },
    };
    CHECK(rows, "biased");
}

Test(gradient, every_gate_and_router_input)
{
    struct error_counts counts = { 0 };
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int g = 0; g < GATE_COUNT; g++)
            for (int i = 0; i < ROUTER_INPUT_COUNT; i++) {
                struct case_row row = {
                    (enum family)f, 1, (g + i) % 2, 0.5,
                    g % 2 ? PATTERN_ALL : PATTERN_ODD, (enum gate)g,
                    (enum router_input)i, true, 1, 0,
                };
                check_case(&row, &counts);
            }
    cr_log_info("gates: %d tensors, %d elements; worst tensor %.2g, element"
                " %.2g; %d tensors within 1e-4", counts.n_tensors,
                counts.n_elements, counts.worst, counts.worst_element,
                counts.n_close);
    cr_expect(counts.n_close * 10 >= counts.n_tensors * 9);
}

static void check_bypass(int i, enum family family, enum gate gate,
                         struct error_counts *counts)
{
    static const char *const rules[] = { "expert_choice", "threshold" };
    const struct case_row row = {
        family, i % 3 == 1 ? 9 : 1, i % 2, 0.5,
        i / 2 % 2 ? PATTERN_ALL : PATTERN_ODD, gate,
        (enum router_input)(i % ROUTER_INPUT_COUNT),
        i == 7 ? false : i == 11 ? FROZEN : i % 8 == 3 ? ALONE : true,
        i % 3 == 1 ? 53 : 1, 0,
    };
    const struct route_policy *policy = case_policy(rules[i / 16]);
    struct model_spec spec = spec_of(&row, policy);

    spec.bypass_gated = i % 4 != 1;
    spec.gate_scale = i % 2 ? 1.4 : 0.0;
    spec.aux_loss = i % 5 == 4 && spec.router_trained ? 0.7 : 0.0;
    check_spec(&row, spec, policy, counts);
}

/* Skipped tokens' scores have a gradient where their stream is gated; a detached
 * router's have none. */
Test(gradient, gated_bypasses_and_scaled_gates)
{
    struct error_counts counts = { 0 };
    for (int i = 0; i < 32; i++)
        check_bypass(i, (enum family)(i % FAMILY_GEMMA2),
                     (enum gate)(i / 4 % GATE_ONE), &counts);
    /* Not by tanh: near 0 it leaves skipped rows so short that norms behind the
     * parts multiply float's rounding by a hundred. */
    for (int i = 0; i < 32; i++)
        check_bypass(i, (enum family)(FAMILY_GEMMA2 +
                                      i % (FAMILY_COUNT - FAMILY_GEMMA2)),
                     (enum gate)(i / 4 % GATE_TANH), &counts);
    say_counts(&counts, "bypasses");
}

/* With gate one the scores learn from losses of their own, and nothing else. */
Test(gradient, routers_that_choose_behind_gate_one)
{
    static const char *const rules[] = { "expert_choice", "token_choice" };
    struct error_counts counts = { 0 };
    for (int i = 0; i < 8; i++) {
        struct case_row row = {
            contrasts[i % 2], 1, i % 3 == 0, 0.5,
            i / 4 ? PATTERN_ALL : PATTERN_ODD, GATE_ONE,
            (enum router_input)(i / 2 % 2), true, 1, 0,
        };
        const struct route_policy *policy = case_policy(rules[i % 2]);
        struct model_spec spec = spec_of(&row, policy);
        spec.aux_loss = i % 2 ? 0.0 : 0.7;
        spec.balance_loss = i % 2 ? 4.0 : 0.0;
        check_spec(&row, spec, policy, &counts);
    }
    say_counts(&counts, "behind gate one");
}

/* Any number of a sequence's tokens is kept, by any rule that trains. */
Test(gradient, every_policy_that_trains)
{
    struct error_counts counts = { 0 };
    for (const struct route_policy *p = route_policies; p->name; p++)
        for (int f = 0; f < N_CONTRASTS && p->choose && p->trains; f++) {
            static const enum gate gates[] = { GATE_SIGMOID2, GATE_ONE };
            for (int g = 0; g < 3; g++) {
                const bool received = p->signal == SIGNAL_RECEIVED;
                struct case_row row = {
                    contrasts[f], 1, f, 0.6, received ? PATTERN_ODD
                                                      : PATTERN_ALL,
                    gates[g % 2],
                    ROUTER_INPUT_NORMALISED, g < 2 ? true : DRAWN, 1, 0,
                };
                if (received && g != 1)
                    continue;      /* there is no router for a gate */
                if (g == 2 && p->signal != SIGNAL_NONE)
                    continue;      /* the scores handed out are the signal */
                check_policy(&row, p, &counts);
            }
        }
    cr_expect(counts.n_tensors > 600);
    cr_expect(counts.n_close * 10 >= counts.n_tensors * 9);
}

/* The routed part's, and the router's; what runs on all tokens learns. */
static void check_idle(enum routed_part part)
{
    const struct shape *shape = &shapes[1];
    struct model_spec spec = case_spec(shape, FAMILY_LLAMA, 0.5, PATTERN_ALL);
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    struct model_options options = {
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .train = true, .n_threads = 1,
    };
    double loss;

    spec.part = part;
    route_settle(&spec, case_policy("threshold"), 0);
    struct model *model = case_model(&spec, &options, 2);
    case_text(ids, targets, shape->n_sequences * shape->n_tokens,
              shape->n_vocab, 11);
    for (int step = 0; step < 2; step++) {
        for (int32_t c = 0; c < plan_n_choices(&spec); c++)
            model_thresholds(model)[c] = step == 0 ? -1e9f : 1e9f;
        model_forward(model, &(struct model_input){
            .ids = ids, .targets = targets, .n_sequences = shape->n_sequences,
            .n_tokens = shape->n_tokens, .policy = case_policy("threshold"),
            .train = true }, NULL, &loss);
        model_backward(model, NULL);
    }
    for (int32_t i = 0; i < model_tensors(model)->n; i++) {
        const struct tensor *t = &model_tensors(model)->tensor[i];
        const bool feeds = t->id >= TENSOR_NORM2_GAMMA &&
                           t->id <= TENSOR_DOWN_BIAS;
        const bool runs = part == (feeds ? PART_ATTENTION : PART_FFN) &&
                          t->id != TENSOR_ROUTER;
        double sum = 0.0;
        for (size_t j = 0; j < t->n && t->layer >= 0; j++)
            sum += fabs((double)model_gradients(model)[t->learned_at + j]);
        cr_expect(t->layer < 0 || (sum > 0.0) == runs, "%s, %s of layer %d: %g",
                  part_names[part], tensor_names[t->id], t->layer, sum);
    }
    model_close(model);
}

Test(gradient, of_a_layer_that_kept_no_token_is_zero)
{
    check_idle(PART_BLOCK);
    check_idle(PART_ATTENTION);
    check_idle(PART_FFN);
    check_idle(PART_APART);
}

/* Of two choices one kept all in the first step and none in the second, the other
 * the other way round: what is left of the step before is nobody's. */
Test(gradient, of_parts_apart_each_stands_alone)
{
    const struct shape *shape = &shapes[1];
    struct model_spec spec = case_spec(shape, FAMILY_LLAMA, 0.5, PATTERN_ALL);
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    const struct model_options options = {
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .train = true, .n_threads = 1,
    };
    double loss;

    spec.part = PART_APART;
    route_settle(&spec, case_policy("threshold"), 0);
    case_text(ids, targets, shape->n_sequences * shape->n_tokens,
              shape->n_vocab, 11);
    for (int last = 0; last < 2; last++) {
        struct model *model = case_model(&spec, &options, 2);
        for (int step = 0; step < 2; step++) {
            for (int32_t c = 0; c < plan_n_choices(&spec); c++)
                model_thresholds(model)[c] = (c + step) % 2 == last ? 1e9f
                                                                    : -1e9f;
            model_forward(model, &(struct model_input){
                .ids = ids, .targets = targets,
                .n_sequences = shape->n_sequences,
                .n_tokens = shape->n_tokens,
                .policy = case_policy("threshold"), .train = true }, NULL,
                &loss);
            model_backward(model, NULL);
        }
        for (int32_t i = 0; i < model_tensors(model)->n; i++) {
            const struct tensor *t = &model_tensors(model)->tensor[i];
            const bool fed = (t->id >= TENSOR_NORM2_GAMMA &&
                              t->id <= TENSOR_DOWN_BIAS) ||
                             t->id == TENSOR_ROUTER_FFN;
            const bool runs = fed ? last == 1 : last == 0;
            double sum = 0.0;
            for (size_t j = 0; j < t->n && t->layer >= 0; j++)
                sum += fabs((double)model_gradients(model)[t->learned_at + j]);
            cr_expect(t->layer < 0 || (sum > 0.0) == runs, "%s of layer %d: %g",
                      tensor_names[t->id], t->layer, sum);
        }
        model_close(model);
    }
}

#define NORMALISED ROUTER_INPUT_NORMALISED
#define RAW ROUTER_INPUT_RAW

Test(gradient, routers_that_are_not_trained)
{
    static const struct case_row rows[] = {
        { FAMILY_GPT2,  1, true,  0.5, PATTERN_ODD, GATE_SIGMOID2, NORMALISED,
          false, 1, 0 },
        { FAMILY_LLAMA, 1, false, 0.5, PATTERN_ALL, GATE_SIGMOID, RAW, false,
          1, 0 },
        { FAMILY_LLAMA, 1, true,  0.5, PATTERN_ALL, GATE_RAW, NORMALISED,
          false, 1, 0 },
    };
    CHECK(rows, "detached routers");
    struct case_row frozen[3];
    memcpy(frozen, rows, sizeof frozen);
    for (int i = 0; i < 3; i++)
        frozen[i].trained = FROZEN;
    CHECK(frozen, "frozen routers");
}

/* Nothing but routers has a gradient; theirs come through frozen blocks, dense
 * and routed, from the lowest one on. */
Test(gradient, routers_of_frozen_backbones)
{
    struct error_counts counts = { 0 };
    for (int i = 0; i < 72; i++) {
        static const enum gate gates[] = { GATE_RAW, GATE_SIGMOID,
                                           GATE_SIGMOID2 };
        struct case_row row = {
            contrasts[i % 2], 1 + i / 2 % 2, i % 3 == 0, i % 5 ? 0.5 : 0.9,
            (enum pattern)(i / 4 % PATTERN_COUNT), gates[i / 12 % 3],
            (enum router_input)(i / 36), ALONE, 1, 0,
        };
        check_case(&row, &counts);
    }
    cr_log_info("frozen: %d tensors, %d elements; worst tensor %.2g, element"
                " %.2g; %d tensors within 1e-4", counts.n_tensors,
                counts.n_elements, counts.worst, counts.worst_element,
                counts.n_close);
    cr_expect(counts.n_tensors >= 72);
    cr_expect(counts.n_close * 10 >= counts.n_tensors * 9);
}

/* A row, the weights of the routers' losses, and a predictor's width. */
static const struct {
    struct case_row row;
    double aux, z, balance;
    int32_t n_predictor;
} judged_rows[] = {
    { { FAMILY_GPT2,  1, true,  0.5,  PATTERN_ALL, GATE_SIGMOID2, NORMALISED,
        true, 1, 0 }, 0.7, 0, 0, 0 },
    { { FAMILY_LLAMA, 1, false, 0.5,  PATTERN_ALL, GATE_RAW, RAW, true, 1, 0 },
      0, 0.3, 0, 6 },
    { { FAMILY_LLAMA, 2, true,  0.25, PATTERN_ALL, GATE_SIGMOID, NORMALISED,
        true, 61, 0 }, 0.7, 0.3, 0, 19 },
    { { FAMILY_QWEN3, 2, true,  0.25, PATTERN_ODD, GATE_SIGMOID2, RAW, true, 61,
        0 }, 0.7, 0, 2, 16 },
    { { FAMILY_GPT2,  9, false, 0.25, PATTERN_FIRST, GATE_SIGMOID2, NORMALISED,
        true, 53, 0 }, 2, 1, 3, 0 },
    { { FAMILY_GPT2,  2, true,  0.25, PATTERN_ALL, GATE_SIGMOID2, NORMALISED,
        ALONE, 1, 0 }, 0.7, 0.3, 0, 3 },
    { { FAMILY_LLAMA, 2, true,  0.25, PATTERN_ODD, GATE_RAW, NORMALISED, ALONE,
        1, 0 }, 0.7, 0, 4, 0 },
    { { FAMILY_GPT2,  2, true,  0.25, PATTERN_ALL, GATE_SIGMOID2, NORMALISED,
        true, 61, 0 }, 0, 0, 5, 0 },
    { { FAMILY_LLAMA, 9, true,  0.25, PATTERN_ALL, GATE_SIGMOID2, NORMALISED,
        FROZEN, 53, 0 }, 0, 0, 0, 8 },
};

Test(gradient, losses_of_routers)
{
    static const char *const rules[] = { "expert_choice", "threshold",
                                         "token_choice" };
    struct error_counts counts = { 0 };
    for (size_t i = 0; i < sizeof judged_rows / sizeof *judged_rows; i++)
        for (int p = 0; p < 3; p++) {
            const struct route_policy *policy = case_policy(rules[p]);
            struct model_spec spec = spec_of(&judged_rows[i].row, policy);
            spec.aux_loss = judged_rows[i].aux;
            spec.z_loss = judged_rows[i].z;
            spec.balance_loss = judged_rows[i].balance;
            spec.n_predictor = judged_rows[i].n_predictor;
            check_spec(&judged_rows[i].row, spec, policy, &counts);
        }
    say_counts(&counts, "losses of routers");
}

Test(gradient, capacities_and_lengths_beyond_one_key_tile)
{
    static const struct case_row rows[] = {
        { FAMILY_GPT2,  2, true,  0.9,   PATTERN_ALL, GATE_SIGMOID2, NORMALISED,
          true, 61, 0 },
        { FAMILY_LLAMA, 2, true,  0.125, PATTERN_FIRST, GATE_SIGMOID2,
          NORMALISED, true, 61, 0 },
        { FAMILY_GPT2,  9, false, 0.25,  PATTERN_ALL, GATE_RAW, RAW, true, 53,
          0 },
        { FAMILY_LLAMA, 9, true,  1.0,   PATTERN_ALL, GATE_SIGMOID, NORMALISED,
          true, 53, 0 },
        { FAMILY_LLAMA, 1, true,  0.1,   PATTERN_ALL, GATE_SIGMOID2, NORMALISED,
          true, 1, 0 },
    };
    CHECK(rows, "capacities");
}

/* The gradients of a step with so many threads; the caller frees them. */
static float *gradients_of(const struct model_spec *spec,
                           const struct shape *shape, const char *rule,
                           int threads, size_t *n)
{
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    const int32_t tokens = shape->n_sequences * shape->n_tokens;
    const struct model_options options = {
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .train = true, .n_threads = threads,
    };
    double loss;

    cr_assert(tokens <= MAX_TOKENS);
    case_text(ids, targets, tokens, shape->n_vocab, 11);
    struct model *model = case_model(spec, &options, 2);
    model_forward(model, &(struct model_input){
        .ids = ids, .targets = targets, .n_sequences = shape->n_sequences,
        .n_tokens = shape->n_tokens, .policy = case_policy(rule),
        .train = true, .seed = 3 }, NULL, &loss);
    model_backward(model, NULL);
    *n = model_tensors(model)->learned;
    float *out = calloc(*n, sizeof *out);
    memcpy(out, model_gradients(model), *n * sizeof *out);
    model_close(model);
    return out;
}

static void expect_same_bits(struct model_spec *spec, const struct shape *shape,
                             const char *rule, const char *what)
{
    size_t n, m;

    route_settle(spec, case_policy(rule), 0);
    float *one = gradients_of(spec, shape, rule, 1, &n);
    for (int threads = 2; threads <= 3; threads++) {
        float *more = gradients_of(spec, shape, rule, threads, &m);
        cr_expect(n == m && memcmp(one, more, n * sizeof *one) == 0,
                  "%s: %d threads", what, threads);
        free(more);
    }
    free(one);
}

Test(gradient, bits_do_not_depend_on_threads)
{
    char what[CASE_NAME_SIZE];

    for (int i = 0; i < N_KEYED_CASES; i += 3) {
        struct model_spec spec = case_keyed(what, i);
        expect_same_bits(&spec, &keyed_shape, spec.router_scores
                                                  ? "expert_choice"
                                                  : "token_norm", what);
    }
    for (int i = 0; i < N_GATED_CASES; i += 5) {
        struct model_spec spec = case_gated(what, i);
        expect_same_bits(&spec, &shapes[ROUTER_SHAPE], "threshold", what);
    }
    for (int i = 0; i < 4; i++) {
        struct model_spec spec = case_exits(&keyed_shape, contrasts[i % 2], i);
        expect_same_bits(&spec, &keyed_shape, "dense", "exits");
    }
}
