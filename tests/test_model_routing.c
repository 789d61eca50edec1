/* test_model_routing.c - Check what Mixture of Depths promises: kept tokens go
 * through a block, and the others pass it untouched, forward and backward. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/random.h"
#include "sim/core/model/spec_check.h"
#include "tests/cases.h"

enum { MAX_TOKENS = 512 };

/* Shape 10: C 24, V 65, two layers, two sequences of 20. */
static const int plain_shape = 10;

struct trial {
    struct model_spec spec;
    struct model *model;
    struct model_input input;
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    int32_t n;                   /* B T */
};

static struct trial *open_trial(const struct model_spec *spec,
                                const struct shape *shape, const char *policy)
{
    struct trial *t = calloc(1, sizeof *t);
    struct model_options options = {
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .train = true, .n_threads = 1,
    };
    t->spec = *spec;
    t->n = shape->n_sequences * shape->n_tokens;
    case_text(t->ids, t->targets, t->n, shape->n_vocab, 31);
    t->model = case_model(spec, &options, 6);
    t->input = (struct model_input){
        .ids = t->ids, .targets = t->targets,
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .policy = case_policy(policy), .seed = 1, .train = true,
    };
    return t;
}

static void close_trial(struct trial *t)
{
    model_close(t->model);
    free(t);
}

static double forward(struct trial *t)
{
    double loss;
    model_forward(t->model, &t->input, NULL, &loss);
    return loss;
}

static void fill(struct trial *t, int32_t layer, enum tensor_id id, float value)
{
    const struct tensor *x = tensor_find(model_tensors(t->model), layer, id);
    for (size_t i = 0; x && i < x->n; i++)
        model_weights(t->model)[x->offset + i] = value;
}

/* A block whose products end in zero changes nothing. */
static void silence(struct trial *t, int32_t layer)
{
    fill(t, layer, TENSOR_PROJECT, 0.0f);
    fill(t, layer, TENSOR_PROJECT_BIAS, 0.0f);
    fill(t, layer, TENSOR_DOWN, 0.0f);
    fill(t, layer, TENSOR_DOWN_BIAS, 0.0f);
}

static bool same_logits(const struct trial *a, const struct trial *b)
{
    return memcmp(model_logits(a->model), model_logits(b->model),
                  (size_t)a->n * (size_t)a->spec.n_vocab * sizeof(float)) == 0;
}

/* ---- the two ends: everything is kept, nothing is changed */

/* Loss, logits and gradients; `exact`: these to the bit too. */
static void expect_dense(const struct model_spec *spec,
                         const struct shape *shape, const char *policy,
                         bool exact, const char *what)
{
    struct model_spec twin = spec_dense(spec);
    struct trial *routed = open_trial(spec, shape, policy);
    struct trial *dense = open_trial(&twin, shape, "dense");

    cr_expect(forward(routed) == forward(dense), "%s", what);
    cr_expect(same_logits(routed, dense), "%s", what);
    model_backward(routed->model, NULL);
    model_backward(dense->model, NULL);
    const struct tensor_list *list = model_tensors(dense->model);
    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *a = &list->tensor[i];
        const struct tensor *b = tensor_find(model_tensors(routed->model),
                                             a->layer, a->id);
        const float *x = model_gradients(dense->model) + a->offset;
        const float *y = model_gradients(routed->model) + b->offset;
        double off = 0.0, size = 0.0;
        for (size_t j = 0; j < a->n; j++) {
            off += pow((double)x[j] - (double)y[j], 2);
            size += pow((double)x[j], 2);
        }
        cr_expect(exact ? memcmp(x, y, a->n * sizeof(float)) == 0
                        : sqrt(off) <= 1e-5 * sqrt(size),
                  "%s: gradient of tensor %d, layer %d", what, a->id,
                  a->layer);
    }
    close_trial(dense);
    close_trial(routed);
}

Test(model_routing, capacity_one_with_gate_one_is_the_dense_model_bit_for_bit)
{
    for (int s = 0; s < N_SHAPES; s++)
        for (int f = 0; f < FAMILY_COUNT; f++) {
            struct model_spec spec = case_spec(&shapes[s], (enum family)f, 1.0,
                                               PATTERN_ALL);
            spec.gate = GATE_ONE;
            expect_dense(&spec, &shapes[s], "expert_choice", true,
                         family_names[f]);
        }
}

/* So are parts of blocks, and keys that nobody's are skipped; computed keys have
 * a product of their own, whose gradients are summed in another order. */
Test(model_routing, parts_and_keys_at_capacity_one_are_the_dense_model)
{
    for (int i = 0; i < PART_COUNT * SKIPPED_KEYS_COUNT * FAMILY_COUNT; i++) {
        const enum family family = (enum family)(i % FAMILY_COUNT);
        struct model_spec spec = case_spec(&keyed_shape, family, 1.0,
                                           PATTERN_ALL);
        char what[CASE_NAME_SIZE];

        spec.part = (enum routed_part)(i / FAMILY_COUNT % PART_COUNT);
        spec.skipped_keys =
            (enum skipped_keys)(i / FAMILY_COUNT / PART_COUNT);
        if (spec.part == PART_FFN && spec.skipped_keys != SKIPPED_KEYS_ABSENT)
            continue;
        spec.routed[0] = spec.skipped_keys != SKIPPED_KEYS_CARRIED;
        spec.gate = GATE_ONE;
        spec.router_scores = spec.router_trained = false;
        snprintf(what, sizeof what, "%s, %s, keys %s", family_names[family],
                 part_names[spec.part], skipped_keys_names[spec.skipped_keys]);
        if (spec_check(&spec, NULL) != STATUS_OK)
            continue;            /* not with parts side by side, say */
        expect_dense(&spec, &keyed_shape, "random",
                     spec.skipped_keys != SKIPPED_KEYS_COMPUTED, what);
    }
}

/* With the raw gate a score of 0 is g = 0: x' = x, whatever the block says. */
Test(model_routing, a_score_of_zero_through_the_raw_gate_is_identity)
{
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int r = 0; r < ROUTER_INPUT_COUNT; r++) {
            const struct shape *shape = &shapes[plain_shape];
            struct model_spec spec = case_spec(shape, (enum family)f, 0.5,
                                               PATTERN_ALL);
            spec.gate = GATE_RAW;
            spec.router_input = (enum router_input)r;
            struct model_spec twin = spec_dense(&spec);
            struct trial *routed = open_trial(&spec, shape, "expert_choice");
            struct trial *nothing = open_trial(&twin, shape, "dense");
            for (int32_t l = 0; l < spec.n_layers; l++) {
                fill(routed, l, TENSOR_ROUTER, 0.0f);
                silence(nothing, l);
            }
            cr_expect(forward(routed) == forward(nothing));
            cr_expect(same_logits(routed, nothing), "%s", family_names[f]);
            close_trial(nothing);
            close_trial(routed);
        }
}

/* ---- who is kept */

Test(model_routing, ties_keep_exactly_k_the_first_ones)
{
    static const struct { double capacity; int32_t kept; } of_20_tokens[] = {
        { 1.0 / 16, 2 }, { 0.125, 3 }, { 0.25, 5 }, { 0.5, 10 }, { 1.0, 20 },
    };
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int i = 0; i < 5; i++) {
            struct model_spec spec = case_spec(
                &shapes[plain_shape], (enum family)f, of_20_tokens[i].capacity,
                PATTERN_ALL);
            struct trial *t = open_trial(&spec, &shapes[plain_shape],
                                         "expert_choice");
            for (int32_t l = 0; l < spec.n_layers; l++)
                fill(t, l, TENSOR_ROUTER, 0.0f);      /* every score is 0 */
            forward(t);
            const struct allocation *a = model_allocation(t->model);
            for (int32_t l = 0; l < spec.n_layers; l++)
                for (int32_t b = 0; b < 2; b++) {
                    int32_t n = allocation_count(a, l, b);
                    cr_assert(n == of_20_tokens[i].kept, "%d kept", n);
                    for (int32_t j = 0; j < n; j++)
                        cr_expect(allocation_kept(a, l, b)[j] == j);
                }
            close_trial(t);
        }
}

/* The first layer routes on the embedding alone, so its scores can be worked out
 * by hand: w . (wte[id] + wpe[t]), with the raw input; two rows of OPT's table come
 * before that of the first token. */
static double score_by_hand(struct trial *t, int32_t b, int32_t at)
{
    const struct tensor_list *list = model_tensors(t->model);
    const float *w = model_weights(t->model);
    const struct tensor *wpe = tensor_find(list, -1, TENSOR_WPE);
    size_t c = (size_t)t->spec.n_channels;
    int32_t id = t->ids[b * t->input.n_tokens + at];
    size_t row = (size_t)at + (spec_family(&t->spec) == FAMILY_OPT ? 2 : 0);
    double score = 0.0;
    for (size_t i = 0; i < c; i++) {
        double x = (double)w[tensor_find(list, -1, TENSOR_WTE)->offset +
                             (size_t)id * c + i];
        if (wpe)
            x += (double)w[wpe->offset + row * c + i];
        score += x * (double)w[tensor_find(list, 0, TENSOR_ROUTER)->offset + i];
    }
    return score;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The K-th largest of a sequence's scores. */
static double cut_by_hand(struct trial *t, int32_t b, int32_t k)
{
    double score[MAX_TOKENS];
    for (int32_t i = 0; i < t->input.n_tokens; i++)
        score[i] = score_by_hand(t, b, i);
    qsort(score, (size_t)t->input.n_tokens, sizeof *score, by_value);
    return score[k - 1];
}

static struct trial *open_by_hand(enum family family)
{
    struct model_spec spec = case_spec(&shapes[plain_shape], family, 0.25,
                                       PATTERN_FIRST);
    spec.router_input = ROUTER_INPUT_RAW;
    return open_trial(&spec, &shapes[plain_shape], "expert_choice");
}

Test(model_routing, keeps_the_highest_scores_in_the_order_of_the_text)
{
    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct trial *t = open_by_hand((enum family)f);
        forward(t);
        const struct allocation *a = model_allocation(t->model);
        for (int32_t b = 0; b < 2; b++) {
            double cut = cut_by_hand(t, b, 5);
            const int32_t *kept = allocation_kept(a, 0, b);
            int32_t n = 0;
            cr_assert(allocation_count(a, 0, b) == 5);
            for (int32_t i = 0; i < 20; i++)
                if (score_by_hand(t, b, i) >= cut - 1e-6) {
                    cr_assert(n < 5);
                    cr_expect(kept[n] == i, "%s: kept %d, not %d",
                              family_names[f], kept[n], i);
                    n++;
                }
            cr_expect(n == 5);
        }
        close_trial(t);
    }
}

/* The first step sets the threshold to the mean of the sequences' cuts, later
 * ones move it toward theirs; forward passes that do not train leave it. */
Test(model_routing, the_threshold_follows_the_cut)
{
    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct trial *t = open_by_hand((enum family)f);
        const float *threshold = model_thresholds(t->model);
        cr_expect(isnan(threshold[0]));
        t->input.train = false;
        forward(t);
        cr_expect(isnan(threshold[0]));

        t->input.train = true;
        forward(t);
        double mean = (cut_by_hand(t, 0, 5) + cut_by_hand(t, 1, 5)) / 2.0;
        cr_expect(fabs((double)threshold[0] - mean) < 1e-5);

        model_set_threshold_rate(t->model, 0.25f);
        for (int i = 0; i < t->n; i++)
            t->ids[i] = (t->ids[i] + 7) % t->spec.n_vocab;
        forward(t);
        double next = (cut_by_hand(t, 0, 5) + cut_by_hand(t, 1, 5)) / 2.0;
        cr_expect(fabs((double)threshold[0] - (mean + 0.25 * (next - mean))) <
                  1e-5);
        cr_expect(fabs(next - mean) > 1e-3, "nothing to follow");
        close_trial(t);
    }
}

/* ---- the others */

/* Positions are embedded once each (one sequence), so a row of the position
 * embedding's gradient is the stream's gradient at that token.  Where the layer
 * does not keep the token, it is the gradient of a model whose block changes
 * nothing. */
Test(model_routing, skipped_tokens_pass_the_gradient_unchanged)
{
    const struct shape shape = { 24, 3, 3, 8, 64, 65, 1, 1, 37 };
    for (int g = 0; g < GATE_COUNT; g++) {
        struct model_spec spec = case_spec(&shape, FAMILY_GPT2, 0.25,
                                           PATTERN_ALL);
        spec.gate = (enum gate)g;
        struct model_spec twin = spec_dense(&spec);
        struct trial *routed = open_trial(&spec, &shape, "expert_choice");
        struct trial *nothing = open_trial(&twin, &shape, "dense");
        silence(nothing, 0);
        forward(routed);
        forward(nothing);
        model_backward(routed->model, NULL);
        model_backward(nothing->model, NULL);

        const struct allocation *a = model_allocation(routed->model);
        size_t at = tensor_find(model_tensors(routed->model), -1,
                                TENSOR_WPE)->offset;
        int32_t next = 0, same = 0;
        for (int32_t i = 0; i < shape.n_tokens; i++) {
            size_t row = at + (size_t)(i * shape.n_channels);
            bool equal = memcmp(model_gradients(routed->model) + row,
                                model_gradients(nothing->model) + row,
                                24 * sizeof(float)) == 0;
            bool kept = next < allocation_count(a, 0, 0) &&
                        allocation_kept(a, 0, 0)[next] == i;
            next += kept;
            same += equal;
            cr_expect(kept != equal, "gate %s: token %d", gate_names[g], i);
        }
        cr_expect(same == shape.n_tokens - 10, "%d of 37 skipped", same);
        close_trial(nothing);
        close_trial(routed);
    }
}

/* One layer, one sequence: its logits at a skipped token are those of no layer;
 * at a kept one they are not. */
Test(model_routing, skipped_tokens_pass_forward_unchanged)
{
    const struct shape shape = { 24, 3, 1, 8, 64, 65, 1, 1, 37 };
    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct model_spec spec = case_spec(&shape, (enum family)f, 0.25,
                                           PATTERN_ALL);
        struct model_spec twin = spec_dense(&spec);
        struct trial *routed = open_trial(&spec, &shape, "expert_choice");
        struct trial *nothing = open_trial(&twin, &shape, "dense");
        silence(nothing, 0);
        forward(routed);
        forward(nothing);
        const struct allocation *a = model_allocation(routed->model);
        int32_t next = 0;
        for (int32_t i = 0; i < shape.n_tokens; i++) {
            size_t row = (size_t)(i * shape.n_vocab);
            bool equal = memcmp(model_logits(routed->model) + row,
                                model_logits(nothing->model) + row,
                                65 * sizeof(float)) == 0;
            bool kept = next < 10 && allocation_kept(a, 0, 0)[next] == i;
            next += kept;
            cr_expect(kept != equal, "%s: token %d", family_names[f], i);
        }
        close_trial(nothing);
        close_trial(routed);
    }
}

/* ---- draws */

static struct trial *open_random(void)
{
    struct model_spec spec = case_spec(&shapes[plain_shape], FAMILY_GPT2, 0.5,
                                       PATTERN_ALL);
    spec.gate = GATE_ONE;
    spec.router_scores = spec.router_trained = false;
    return open_trial(&spec, &shapes[plain_shape], "random");
}

static bool same_draw(const struct allocation *a, int32_t layer_a,
                      int32_t sequence_a, const struct allocation *b,
                      int32_t layer_b, int32_t sequence_b)
{
    return memcmp(allocation_kept(a, layer_a, sequence_a),
                  allocation_kept(b, layer_b, sequence_b),
                  10 * sizeof(int32_t)) == 0;
}

Test(model_routing, random_draws_are_fresh_and_can_be_repeated)
{
    struct trial *one = open_random(), *other = open_random();
    const struct allocation *a = model_allocation(one->model);
    const struct allocation *b = model_allocation(other->model);
    forward(one);
    forward(other);
    cr_expect(same_draw(a, 0, 0, b, 0, 0) && same_draw(a, 1, 1, b, 1, 1));
    cr_expect(!same_draw(a, 0, 0, a, 0, 1), "two sequences alike");
    cr_expect(!same_draw(a, 0, 0, a, 1, 0), "two layers alike");
    other->input.seed = 2;
    forward(other);
    cr_expect(!same_draw(a, 0, 0, b, 0, 0), "two steps alike");
    close_trial(other);
    close_trial(one);
}

/* A router that no gradient reaches stays as it was drawn. */
Test(model_routing, a_fixed_router_stays)
{
    static const struct { enum gate gate; bool trained, moves; } rows[] = {
        { GATE_SIGMOID2, true, true }, { GATE_SIGMOID2, false, false },
        { GATE_RAW, false, false },    { GATE_ONE, true, false },
    };
    for (int i = 0; i < 4; i++) {
        struct model_spec spec = case_spec(&shapes[plain_shape], FAMILY_LLAMA,
                                           0.5, PATTERN_ODD);
        spec.gate = rows[i].gate;
        spec.router_trained = rows[i].trained;
        struct trial *t = open_trial(&spec, &shapes[plain_shape],
                                     "expert_choice");
        const struct tensor *router = tensor_find(model_tensors(t->model), 1,
                                                  TENSOR_ROUTER);
        float before[24];
        memcpy(before, model_weights(t->model) + router->offset, sizeof before);
        struct update update = {
            .learning_rate = 1e-2, .beta1 = 0.9, .beta2 = 0.99,
            .epsilon = 1e-8, .weight_decay = 0.1, .clip = 1.0, .step = 1 };
        forward(t);
        model_backward(t->model, NULL);
        model_update(t->model, &update, NULL);
        bool moved = memcmp(before, model_weights(t->model) + router->offset,
                            sizeof before) != 0;
        cr_expect(moved == rows[i].moves, "gate %s, trained %d",
                  gate_names[rows[i].gate], rows[i].trained);
        close_trial(t);
    }
}

/* Wide open, a routed layer whose gate is one is the layer itself; half way, it
 * keeps half of what is between its K and all. */
Test(model_routing, an_open_layer_is_dense_and_closes_to_its_capacity)
{
    struct model_spec spec = case_spec(&shapes[plain_shape], FAMILY_LLAMA, 0.5,
                                       PATTERN_ODD);
    spec.gate = GATE_ONE;
    spec.kept_varies = true;
    struct model_spec twin = spec_dense(&spec);
    struct trial *open = open_trial(&spec, &shapes[plain_shape],
                                    "expert_choice");
    struct trial *dense = open_trial(&twin, &shapes[plain_shape], "dense");

    open->input.openness = 1.0;
    cr_expect(forward(open) == forward(dense));
    open->input.openness = 0.5;
    forward(open);
    cr_expect(allocation_count(model_allocation(open->model), 1, 0) == 15);
    open->input.openness = 0.0;
    forward(open);
    cr_expect(allocation_count(model_allocation(open->model), 1, 0) == 10);
    close_trial(dense);
    close_trial(open);
}

/* Models of one shape start alike, routed or not, so that a comparison of the
 * two begins at the same point. */
Test(model_routing, routed_and_dense_models_are_drawn_alike)
{
    struct model_spec spec = case_spec(&shapes[plain_shape], FAMILY_GPT2, 0.5,
                                       PATTERN_ODD);
    struct model_spec twin = spec_dense(&spec);
    struct trial *routed = open_trial(&spec, &shapes[plain_shape],
                                      "expert_choice");
    struct trial *dense = open_trial(&twin, &shapes[plain_shape], "dense");
    model_init(routed->model, INIT_FAN_IN, 77);
    model_init(dense->model, INIT_FAN_IN, 77);
    const struct tensor_list *list = model_tensors(dense->model);
    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *a = &list->tensor[i];
        const struct tensor *b = tensor_find(model_tensors(routed->model),
                                             a->layer, a->id);
        cr_expect(memcmp(model_weights(dense->model) + a->offset,
                         model_weights(routed->model) + b->offset,
                         a->n * sizeof(float)) == 0);
    }
    close_trial(dense);
    close_trial(routed);
}

/* A model of the same weights keeps, by the rule of the predictor, whom it says:
 * two allocations tell how often it was right. */
Test(model_routing, what_predictors_foresaw_is_counted)
{
    const struct shape *shape = &shapes[plain_shape];
    struct model_spec spec = case_spec(shape, FAMILY_LLAMA, 0.3, PATTERN_ODD);
    int64_t counted[2][2], expected[2][2] = { { 0 } };

    spec.n_predictor = 24;
    struct trial *t = open_trial(&spec, shape, "expert_choice");
    struct model *said = case_model(&spec, &(struct model_options){
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .n_threads = 1 }, 6);
    struct model_input input = t->input;
    input.train = false;
    input.policy = case_policy("predictor");
    double loss;
    model_forward(said, &input, NULL, &loss);
    forward(t);
    for (int32_t b = 0; b < shape->n_sequences; b++) {
        bool is[2][MAX_TOKENS] = { { false } };
        const struct model *of[] = { t->model, said };
        for (int i = 0; i < 2; i++) {
            const struct allocation *a = model_allocation(of[i]);
            for (int32_t k = 0; k < allocation_count(a, 1, b); k++)
                is[i][allocation_kept(a, 1, b)[k]] = true;
        }
        for (int32_t p = 0; p < shape->n_tokens; p++)
            expected[is[0][p]][is[1][p]]++;
    }
    model_backward(t->model, NULL);
    model_foreseen(t->model, counted);
    cr_expect(memcmp(counted, expected, sizeof counted) == 0);
    cr_expect(expected[0][1] > 0 && expected[1][1] > 0);
    model_close(said);
    close_trial(t);
}
