/* test_model.c - Expect of the executor as a whole the numbers of the
 * reference, the same bits whatever the threads, and that it learns. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cases.h"
#include "tests/reference.h"

enum { MAX_TOKENS = 512 };

/* A model, its text, and how it is asked. */
struct trial {
    struct model_spec spec;
    struct model_options options;
    struct model *model;
    struct model_input input;
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    int32_t n;                   /* B T */
};

static struct trial *open_trial(const struct model_spec *spec,
                                const struct shape *shape,
                                const struct model_options *options)
{
    struct trial *t = calloc(1, sizeof *t);
    t->spec = *spec;
    t->options = *options;
    t->options.n_sequences = shape->n_sequences;
    t->options.n_tokens = shape->n_tokens;
    t->n = shape->n_sequences * shape->n_tokens;
    cr_assert(t->n <= MAX_TOKENS);
    case_text(t->ids, t->targets, t->n, shape->n_vocab, 21);
    t->model = case_model(spec, &t->options, 4);
    t->input = (struct model_input){
        .ids = t->ids, .targets = t->targets,
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .policy = case_policy("expert_choice"), .train = options->train,
        .entropy = !options->train,
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
    double loss = (double)NAN;
    model_forward(t->model, &t->input, NULL, &loss);
    return loss;
}

/* |a - b| / |b| over all n. */
static double distance(const float *a, const double *b, size_t n)
{
    double off = 0.0, size = 0.0;
    for (size_t i = 0; i < n; i++) {
        off += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += b[i] * b[i];
    }
    return sqrt(off / size);
}

/* The distance of logits, losses and entropies from the reference. */
static double distance_to_reference(struct trial *t)
{
    size_t v = (size_t)t->spec.n_vocab, n = (size_t)t->n;
    const struct tensor_list *tensors = model_tensors(t->model);
    double *weights = case_weights(t->model);
    double *logits = calloc(n * v, sizeof *logits);
    double *nats = calloc(n, sizeof *nats), *entropy = calloc(n, sizeof *nats);

    double loss = forward(t);
    struct reference r = {
        .spec = &t->spec, .tensors = tensors, .weights = weights,
        .ids = t->ids, .targets = t->targets,
        .n_sequences = t->input.n_sequences, .n_tokens = t->input.n_tokens,
        .allocation = model_allocation(t->model),
    };
    double expected = reference_loss(&r, nats, logits);
    for (size_t i = 0; i < n; i++)
        reference_nats(logits + i * v, (int32_t)v, t->targets[i], &entropy[i]);
    double worst = fabs(loss - expected) / expected;
    worst = fmax(worst, distance(model_logits(t->model), logits, n * v));
    worst = fmax(worst, distance(model_nats(t->model), nats, n));
    if (t->input.entropy)
        worst = fmax(worst, distance(model_entropy(t->model), entropy, n));
    free(entropy); free(nats); free(logits); free(weights);
    return worst;
}

/* ---- numbers */

static void check_family(enum family family)
{
    double worst = 0.0;
    for (int s = 0; s < N_SHAPES; s++)
        for (int c = 0; c < N_CAPACITIES; c++) {
            int i = s + 5 * c;
            struct model_spec spec = case_spec(
                &shapes[s], family, capacities[c],
                (enum pattern)(i % PATTERN_COUNT));
            struct model_options options = { .n_threads = 1,
                                             .train = i % 2 == 0 };
            spec.tied_head = i % 3 == 0;
            case_variant(&spec, s + c);
            if (spec_n_routed(&spec) > 0) {
                spec.gate = (enum gate)(i % GATE_COUNT);
                spec.router_input = (enum router_input)(i / 4 %
                                                        ROUTER_INPUT_COUNT);
            }
            struct trial *t = open_trial(&spec, &shapes[s], &options);
            double off = distance_to_reference(t);
            cr_expect(off <= 1e-5, "%s, shape %d, capacity %g: off by %g",
                      family_names[family], s, capacities[c], off);
            worst = fmax(worst, off);
            close_trial(t);
        }
    cr_log_info("%s: %d models, worst %.2g", family_names[family],
                N_SHAPES * N_CAPACITIES, worst);
}

Test(model, gpt2_is_the_reference_in_float)
{
    check_family(FAMILY_GPT2);
}

Test(model, llama_is_the_reference_in_float)
{
    check_family(FAMILY_LLAMA);
}

Test(model, every_instruction_set_agrees)
{
    static const char *const variants[] = { "generic", "avx2", "avx512" };
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int i = 0; i < 3; i++) {
            struct model_options options = {
                .n_threads = 1, .kernels = kernels_find(variants[i]),
            };
            if (!options.kernels)
                continue;
            struct model_spec spec = case_spec(&shapes[19], (enum family)f,
                                               0.5, PATTERN_ALL);
            struct trial *t = open_trial(&spec, &shapes[19], &options);
            double off = distance_to_reference(t);
            cr_log_info("%s, %s: %.2g", family_names[f], variants[i], off);
            cr_expect(off <= 1e-5, "%s, %s: off by %g", family_names[f],
                      variants[i], off);
            cr_expect(strcmp(model_isa(t->model), variants[i]) == 0);
            close_trial(t);
        }
}

/* A model may be asked for fewer sequences and tokens than it has room for. */
Test(model, a_short_text_in_a_large_model_is_the_same)
{
    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct model_spec spec = case_spec(&shapes[10], (enum family)f, 0.25,
                                           PATTERN_ALL);
        struct model_options options = { .n_threads = 1, .train = true };
        struct trial *large = open_trial(&spec, &shapes[10], &options);
        struct shape small_shape = shapes[10];
        small_shape.n_sequences = 1;
        small_shape.n_tokens = 13;
        struct trial *small = open_trial(&spec, &small_shape, &options);
        forward(large);                  /* leaves its traces */
        large->input.n_sequences = 1;
        large->input.n_tokens = 13;
        cr_expect(forward(large) == forward(small));
        model_backward(large->model, NULL);
        model_backward(small->model, NULL);
        cr_expect(memcmp(model_gradients(large->model),
                         model_gradients(small->model),
                         model_tensors(small->model)->floats *
                             sizeof(float)) == 0);
        close_trial(small);
        close_trial(large);
    }
}

/* ---- bits */

static const struct update adam = {
    .learning_rate = 3e-3, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8,
    .weight_decay = 0.1, .clip = 1.0,
};

/* Logits, gradients and norm of a step. */
struct bits {
    double loss, norm;
    float *logits, *gradients, *weights;
};

static struct bits three_steps(struct trial *t)
{
    struct bits bits = { 0 };
    size_t floats = model_tensors(t->model)->floats * sizeof(float);
    size_t logits = (size_t)t->n * (size_t)t->spec.n_vocab * sizeof(float);
    bits.logits = malloc(logits);
    bits.gradients = malloc(floats);
    bits.weights = malloc(floats);
    for (int step = 1; step <= 3; step++) {
        struct update update = adam;
        update.step = step;
        bits.loss = forward(t);
        memcpy(bits.logits, model_logits(t->model), logits);
        model_backward(t->model, NULL);
        memcpy(bits.gradients, model_gradients(t->model), floats);
        bits.norm = model_update(t->model, &update, NULL);
    }
    memcpy(bits.weights, model_weights(t->model), floats);
    return bits;
}

static void same_bits(const struct trial *t, const struct bits *a,
                      const struct bits *b, const char *what)
{
    size_t floats = model_tensors(t->model)->floats * sizeof(float);
    size_t logits = (size_t)t->n * (size_t)t->spec.n_vocab * sizeof(float);
    cr_expect(a->loss == b->loss && a->norm == b->norm, "%s: loss", what);
    cr_expect(memcmp(a->logits, b->logits, logits) == 0, "%s: logits", what);
    cr_expect(memcmp(a->gradients, b->gradients, floats) == 0,
              "%s: gradients", what);
    cr_expect(memcmp(a->weights, b->weights, floats) == 0, "%s: weights", what);
}

static void free_bits(struct bits *bits)
{
    free(bits->logits);
    free(bits->gradients);
    free(bits->weights);
}

/* Shapes whose rows, columns and heads do not divide by 2 or 3; 7 has rows
 * enough to be split by rows. */
Test(model, bits_do_not_depend_on_threads_or_on_the_run)
{
    static const int tried[] = { 2, 7, 10, 11, 15, 19 };
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++)
        for (int f = 0; f < FAMILY_COUNT; f++) {
            const struct shape *shape = &shapes[tried[i]];
            struct model_spec spec = case_spec(shape, (enum family)f,
                                               i % 3 ? 0.4 : 0.0, PATTERN_ODD);
            struct bits first = { 0 };
            for (int run = 0; run < 4; run++) {
                struct model_options options = {
                    .n_threads = run == 3 ? 1 : run + 1, .train = true,
                };
                struct trial *t = open_trial(&spec, shape, &options);
                struct bits bits = three_steps(t);
                if (run == 0) {
                    first = bits;
                } else {
                    char what[48];
                    snprintf(what, sizeof what, "%s, shape %d, %s",
                             family_names[f], tried[i],
                             run == 3 ? "again" : "threads");
                    same_bits(t, &first, &bits, what);
                    free_bits(&bits);
                }
                close_trial(t);
            }
            free_bits(&first);
        }
}

/* A meter that listens changes no bit. */
Test(model, a_meter_does_not_change_a_bit)
{
    struct model_spec spec = case_spec(&shapes[10], FAMILY_LLAMA, 0.25,
                                       PATTERN_ALL);
    struct model_options options = { .n_threads = 1, .train = true };
    struct trial *t = open_trial(&spec, &shapes[10], &options);
    struct ledger_shape all = { true, true, 2, t->n };
    struct ledger *ledger;
    cr_assert(ledger_open(&ledger, all, cost_zero(PROV_COUNTED), NULL) ==
              STATUS_OK);
    struct ledger_meter meter = ledger_meter(ledger);
    meter.meter.by_token = true;
    double plain = forward(t), metered;
    model_forward(t->model, &t->input, &meter.meter, &metered);
    cr_expect(plain == metered);
    ledger_close(ledger);
    close_trial(t);
}

/* ---- causality: what is said at t does not depend on what comes later */

/* Returns how many positions before `from` give other logits, and the most by
 * which they differ, once the text from there on is another. */
static int changed_before(struct trial *t, int32_t from, double *most)
{
    size_t v = (size_t)t->spec.n_vocab;
    float *before = malloc((size_t)t->n * v * sizeof *before);
    int changed = 0;
    forward(t);
    memcpy(before, model_logits(t->model), (size_t)t->n * v * sizeof *before);
    for (int32_t i = from; i < t->n; i++)
        t->ids[i] = (t->ids[i] + 1 + i) % t->spec.n_vocab;
    forward(t);
    *most = 0.0;
    for (size_t i = 0; i < (size_t)from; i++) {
        const float *a = before + i * v, *b = model_logits(t->model) + i * v;
        changed += memcmp(a, b, v * sizeof *a) != 0;
        for (size_t j = 0; j < v; j++)
            *most = fmax(*most, fabs((double)a[j] - (double)b[j]));
    }
    free(before);
    return changed;
}

/* Shape 16: C 40, two layers, one sequence of 23 tokens. */
static struct trial *causal_trial(enum family family, const char *policy)
{
    bool scored = case_policy(policy)->scored;
    bool dense = !case_policy(policy)->choose;
    struct model_spec spec = case_spec(&shapes[16], family, dense ? 0.0 : 0.5,
                                       PATTERN_ALL);
    if (!scored && !dense) {
        spec.gate = GATE_ONE;
        spec.router_scores = spec.router_trained = false;
        spec.signal = case_policy(policy)->signal;
    }
    spec.n_predictor = case_policy(policy)->predicted ? 16 : 0;
    struct model_options options = { .n_threads = 1 };
    struct trial *t = open_trial(&spec, &shapes[16], &options);
    t->input.policy = case_policy(policy);
    for (int32_t l = 0; l < spec.n_layers; l++)
        model_thresholds(t->model)[l] = 0.1f;
    return t;
}

Test(model, causal_policies_do_not_look_ahead)
{
    for (const struct route_policy *p = route_policies; p->name; p++)
        for (int f = 0; f < FAMILY_COUNT && p->causal &&
                        p->signal != SIGNAL_CONFIDENCE; f++)
            for (int32_t from = 1; from < 23; from += 7) {
                struct trial *t = causal_trial((enum family)f, p->name);
                double most;
                int changed = changed_before(t, from, &most);
                cr_expect(changed == 0, "%s, %s: %d of %d positions changed",
                          family_names[f], p->name, changed, from);
                close_trial(t);
            }
}

/* And top-k does: the price of choosing among all tokens of a sequence. */
Test(model, top_k_looks_ahead)
{
    int changed = 0, looked_at = 0;
    double most = 0.0;
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int32_t from = 2; from < 23; from += 3) {
            struct trial *t = causal_trial((enum family)f, "expert_choice");
            double here;
            changed += changed_before(t, from, &here);
            looked_at += from;
            most = fmax(most, here);
            close_trial(t);
        }
    cr_log_info("top-k: later text changed the logits of %d of %d positions, by"
                " up to %.2g", changed, looked_at, most);
    cr_expect(changed > 0 && most > 1e-3);
}

/* ---- learning */

/* Thirty steps on "abcabc..." take half of the surprise away, or more. */
Test(model, learns_a_text_that_repeats)
{
    static const double tried[] = { 0.0, 0.25 };
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int c = 0; c < 2; c++) {
            struct model_spec spec = case_spec(&shapes[13], (enum family)f,
                                               tried[c], PATTERN_ODD);
            struct model_options options = { .n_threads = 2, .train = true };
            struct trial *t = open_trial(&spec, &shapes[13], &options);
            model_init(t->model, INIT_GPT2, 1);
            for (int32_t i = 0; i < t->n; i++) {
                t->ids[i] = i % 3;
                t->targets[i] = (i + 1) % 3;
            }
            double first = forward(t), last = first;
            for (int step = 1; step <= 30; step++) {
                struct update update = adam;
                update.step = step;
                last = forward(t);
                model_backward(t->model, NULL);
                model_update(t->model, &update, NULL);
            }
            cr_log_info("%s, capacity %g: %.3f to %.3f nats", family_names[f],
                        tried[c], first, last);
            /* The first guess is even: ln 31 = 3.43. */
            cr_expect(fabs(first - log(31.0)) < 0.1 && last < 0.5 * first,
                      "%s: %g to %g", family_names[f], first, last);
            close_trial(t);
        }
}

/* The first step of Adam moves a number by its rate, whatever its gradient. */
Test(model, updates_matrices_of_layers_routers_and_the_rest_each_at_its_rate)
{
    struct model_spec spec = case_spec(&shapes[13], FAMILY_LLAMA, 0.25,
                                       PATTERN_ODD);
    struct model_options options = { .n_threads = 1, .train = true };
    struct trial *t = open_trial(&spec, &shapes[13], &options);
    const struct tensor_list *list = model_tensors(t->model);
    const struct update update = {
        .learning_rate = 1e-3, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-12,
        .step = 1, .hidden_rate = 4e-3, .router_rate = 1.6e-2 };
    float *before = calloc(list->floats, sizeof *before);

    model_init(t->model, INIT_FAN_IN, 1);
    memcpy(before, model_weights(t->model), list->floats * sizeof *before);
    forward(t);
    model_backward(t->model, NULL);
    model_update(t->model, &update, NULL);
    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *x = &list->tensor[i];
        const bool hidden = x->layer >= 0 && x->kind == TENSOR_MATRIX;
        double rate = x->id == TENSOR_ROUTER ? 1.6e-2 : hidden ? 4e-3 : 1e-3;
        double most = 0.0;
        for (size_t j = x->offset; j < x->offset + x->n; j++)
            most = fmax(most, fabs((double)model_weights(t->model)[j] -
                                   (double)before[j]));
        cr_expect(fabs(most / rate - 1.0) < 1e-2, "tensor %d: %g",
                  x->id, most);
    }
    free(before);
    close_trial(t);
}

/* Layer norm and embeddings in place, biases zero, matrices as said. */
static double drawn_deviation(const struct tensor *x, enum init_scheme scheme)
{
    if (scheme == INIT_GPT2 || x->id == TENSOR_ROUTER)
        return 0.02;
    return 1.0 / sqrt((double)(x->layer < 0 ? x->columns : x->rows));
}

static void starts_as_said(enum init_scheme scheme)
{
    struct model_spec spec = case_spec(&shapes[18], FAMILY_GPT2, 0.5,
                                       PATTERN_ALL);
    struct model_options options = { .n_threads = 1, .train = true };
    struct trial *t = open_trial(&spec, &shapes[18], &options);
    const struct tensor_list *list = model_tensors(t->model);
    model_init(t->model, scheme, 9);
    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *x = &list->tensor[i];
        const float *w = model_weights(t->model) + x->offset;
        double mean = 0.0, square = 0.0;
        double expected = drawn_deviation(x, scheme);
        for (size_t j = 0; j < x->n; j++) {
            mean += (double)w[j] / (double)x->n;
            square += (double)w[j] * (double)w[j] / (double)x->n;
        }
        if (x->id == TENSOR_FINAL_GAMMA || x->id == TENSOR_NORM1_GAMMA ||
            x->id == TENSOR_NORM2_GAMMA) {
            cr_expect(fabs(mean - 1.0) + fabs(square - 1.0) < 1e-12);
        } else if (x->rows > 1 || x->id == TENSOR_ROUTER) {
            if (scheme != INIT_FAN_IN &&
                (x->id == TENSOR_PROJECT || x->id == TENSOR_DOWN))
                expected /= sqrt(2.0 * spec.n_layers);
            cr_expect(fabs(sqrt(square) / expected - 1.0) <
                          4.0 / sqrt((double)x->n),
                      "tensor %d: deviation %g", x->id, sqrt(square));
        } else {
            cr_expect(square == 0.0);
        }
    }
    close_trial(t);
}

Test(model, starts_from_the_weights_that_model_h_names)
{
    starts_as_said(INIT_FAN_IN);
    starts_as_said(INIT_FAN_IN_DEPTH);
    starts_as_said(INIT_GPT2);
}

/* ---- what is refused */

Test(model, refuses_more_tokens_than_it_has_positions_for)
{
    struct model_spec spec = case_spec(&shapes[1], FAMILY_GPT2, 0.0,
                                       PATTERN_ALL);
    struct model_options options = {
        .n_sequences = 1, .n_tokens = spec.max_tokens + 1, .n_threads = 1,
    };
    struct model *model = NULL;
    struct error err;
    cr_expect(model_open(&model, &spec, &options, &err) == STATUS_BAD_VALUE);
    cr_expect(strstr(err.text, "model.max_tokens") != NULL, "%s", err.text);
    options.n_tokens = 0;
    cr_expect(model_open(&model, &spec, &options, &err) == STATUS_BAD_VALUE);
    cr_expect(model == NULL);
}

Test(model, refuses_a_shape_that_breaks_a_rule)
{
    struct model_spec spec = case_spec(&shapes[1], FAMILY_LLAMA, 0.0,
                                       PATTERN_ALL);
    struct model_options options = { .n_sequences = 1, .n_tokens = 4,
                                     .n_threads = 1 };
    struct model *model;
    struct error err;
    spec.head_size = 3;
    cr_expect(model_open(&model, &spec, &options, &err) == STATUS_BAD_VALUE);
    cr_expect(strstr(err.text, "head_size") != NULL, "%s", err.text);
}
