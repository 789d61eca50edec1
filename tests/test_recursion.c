/* test_recursion.c - Expect layers that share weights to compute what layers with
 * the same weights each do, to learn by the sum of their gradients, to cost what is
 * predicted, and to be held, moved and written once. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/executor/layer_copy.h"
#include "models/files/checkpoint.h"
#include "models/files/safetensors.h"
#include "sim/core/base/file.h"
#include "sim/core/config/model_config.h"
#include "sim/price/memory.h"
#include "sim/core/model/spec_check.h"
#include "sim/price/rival.h"
#include "tests/memory_block.h"
#include "tests/priced.h"
#include "tests/variant.h"
#include "tests/words.h"

/* The decoder in double routes around whole blocks; of other parts the sum below
 * is held to what test_gradient_parts.c knows. */
static bool in_double(const struct trial *t)
{
    return t->spec.part == PART_BLOCK &&
           t->spec.skipped_keys == SKIPPED_KEYS_ABSENT;
}

/* What is routed in one pass by a rule that knows the length is not decoded. */
static bool decodes(const struct trial *t)
{
    return spec_n_routed(&t->spec) == 0;
}

static const struct variant recursion = {
    .make = case_recursion, .n = N_RECURSION_CASES, .causal = "strided",
    .in_double = in_double, .decodes = decodes, .numbers = 5, .cells = 20,
};

static void open_trial(struct trial *t, int i, bool train)
{
    variant_open(t, &recursion, i, train, 2);
}

Test(recursion, logits_are_those_in_double)
{
    variant_expect_logits(&recursion);
}

Test(recursion, gradients_are_slopes_of_the_loss_in_double)
{
    variant_expect_slopes(&recursion);
}

Test(recursion, any_number_of_threads_gives_the_same_bits)
{
    variant_expect_same_bits(&recursion, 5);
}

Test(recursion, scoring_costs_what_is_predicted_token_by_token)
{
    variant_expect_scoring_cost(&recursion);
}

Test(recursion, training_steps_cost_what_is_predicted_token_by_token)
{
    variant_expect_training_cost(&recursion);
}

Test(recursion, decode_steps_say_and_cost_what_one_pass_does)
{
    variant_expect_decoding(&recursion);
}

/* The model whose layers have weights of their own, which are those. */
static struct model *unshared_of(const struct trial *t, bool train)
{
    const struct model_spec spec = spec_unshared(&t->spec);
    const struct model_options options = {
        .n_sequences = t->shape->n_sequences, .n_tokens = t->shape->n_tokens,
        .train = train, .n_threads = 1 };
    struct model *m = case_model(&spec, &options, 9);
    int32_t layer_of[SPEC_MAX_LAYERS];

    for (int32_t l = 0; l < spec.n_layers; l++)
        layer_of[l] = l;
    model_copy_layers(m, t->model, layer_of);
    return m;
}

Test(recursion, layers_that_share_run_as_layers_of_the_same_weights_bit_for_bit)
{
    for (int i = 0; i < N_RECURSION_CASES; i++) {
        struct trial t;
        double loss[2];
        open_trial(&t, i, false);
        struct model *each = unshared_of(&t, false);
        model_forward(t.model, &t.input, NULL, &loss[0]);
        model_forward(each, &t.input, NULL, &loss[1]);
        cr_expect(memcmp(model_logits(t.model), model_logits(each),
                         (size_t)(t.n * t.spec.n_vocab) * sizeof(float)) == 0,
                  "%s", t.what);
        model_close(each);
        model_close(t.model);
    }
}

/* Of all layers that run with the tensor. */
static double sum_of(struct model *each, const struct trial *t,
                     const struct tensor *of, size_t at)
{
    double sum = 0;

    for (int32_t l = of->layer; l >= 0; l = spec_runs_next(&t->spec, l)) {
        const struct tensor *own = tensor_find(model_tensors(each), l, of->id);
        sum += (double)model_gradients(each)[own->learned_at + at];
        if (!tensor_shared(of->id))
            break;
    }
    return sum;
}

Test(recursion, gradients_of_shared_weights_are_the_sum_of_each_layers)
{
    for (int i = 0; i < N_RECURSION_CASES; i++) {
        struct trial t;
        double loss, off = 0, size = 0;
        open_trial(&t, i, true);
        struct model *each = unshared_of(&t, true);
        model_forward(t.model, &t.input, NULL, &loss);
        model_backward(t.model, NULL);
        model_forward(each, &t.input, NULL, &loss);
        model_backward(each, NULL);
        for (int32_t j = 0; j < model_tensors(t.model)->n; j++) {
            const struct tensor *of = &model_tensors(t.model)->tensor[j];
            for (size_t k = 0; of->layer >= 0 && of->trained && k < of->n;
                 k++) {
                const double sum = sum_of(each, &t, of, k);
                off += pow((double)model_gradients(t.model)[of->learned_at + k]
                               - sum, 2);
                size += sum * sum;
            }
        }
        cr_expect(le(dbl, sqrt(off), 1e-6 * sqrt(size)), "%s: off by %g of %g",
                  t.what, sqrt(off), sqrt(size));
        model_close(each);
        model_close(t.model);
    }
}

Test(recursion, one_recursion_learns_as_the_model_that_shares_nothing_bit_for_bit)
{
    for (int i = 0; i < 8; i++) {
        struct trial plain, once;
        double loss[2];
        plain.spec = case_recursion(&plain.shape, plain.what, i);
        plain.spec = spec_unshared(&plain.spec);
        once = plain;
        once.spec.recursion = (struct recursion){ 0, 5, 1, 0 };
        trial_open(&plain, true, 1);
        trial_open(&once, true, 1);
        struct trial *both[] = { &plain, &once };
        for (int s = 0; s < 6; s++) {
            struct trial *t = both[s % 2];
            model_forward(t->model, &t->input, NULL, &loss[s % 2]);
            model_backward(t->model, NULL);
            model_update(t->model, &variant_update, NULL);
            cr_expect(s % 2 == 0 || memcmp(&loss[0], &loss[1],
                                           sizeof *loss) == 0,
                      "step %d: %.17g and %.17g", s / 2, loss[0], loss[1]);
        }
        model_close(plain.model);
        model_close(once.model);
    }
}

/* ---- what it costs ---- */

Test(recursion, parameters_and_memory_are_of_weights_once)
{
    for (int i = 0; i < N_RECURSION_CASES; i++) {
        struct trial t;
        uint64_t numbers = 0;
        open_trial(&t, i, true);
        for (int32_t j = 0; j < model_tensors(t.model)->n; j++)
            numbers += model_tensors(t.model)->tensor[j].n;
        cr_expect(eq(u64, numbers, memory_parameters(&t.spec)), "%s", t.what);
        const struct model_spec each = spec_unshared(&t.spec);
        cr_expect(lt(u64, numbers, memory_parameters(&each)), "%s", t.what);
        model_close(t.model);
    }
}

/* Weights, gradients and two moments of three layers instead of six. */
Test(recursion, the_predicted_block_is_the_one_taken)
{
    static const struct shape block = { 48, 3, 3, 16, 128, 256, 6, 2, 64 };
    for (int i = 0; i < 4; i++) {
        struct model_spec spec = case_spec(&block, contrasts[i % 2],
                                           i < 2 ? 0.0 : 0.5, PATTERN_ODD);
        spec.recursion = (struct recursion){ 0, 5, 2, 0 };
        const struct model_options options = { .n_sequences = 2,
            .n_tokens = 64, .train = true, .n_threads = 1 };
        struct model *m = case_model(&spec, &options, 1);
        const double has = (double)model_bytes(m);
        const double said = (double)memory_block_bytes(&spec, 2, 64,
                                                       MEMORY_TRAIN, 1);
        cr_expect(lt(dbl, fabs(said - has), 0.01 * has), "%.0f predicted, %.0f"
                  " taken", said, has);
        model_close(m);
    }
}

static uint64_t dram_bytes(const struct ledger *ledger, int32_t layer)
{
    return ledger_sum(ledger, PASS_FORWARD, layer, LEDGER_ANY,
                      OP_FFN_UP).count[METRIC_DRAM_BYTES];
}

/* 90 layers of 37 kB each, which a last cache of 1 MB does not hold from step to
 * step, and 15 spans of two that share: the first comes from memory as others do,
 * the next find its weights in the cache. */
Test(recursion, weights_come_from_memory_once_where_a_cache_holds_a_span)
{
    const struct machine m = machine();
    struct asked q = { .spec = small_llama(120), .B = 1, .T = 16,
                       .machine = &m, .phase = DECODE };

    q.spec.routed[119] = false;
    q.spec.recursion = (struct recursion){ 90, 119, 15, 0 };
    struct ledger *l = priced(q);
    const uint64_t own = dram_bytes(l, 50);
    cr_expect(gt(u64, own, 4 * 32 * 128 / 2));
    cr_expect(eq(u64, dram_bytes(l, 90), own));
    cr_expect(lt(u64, dram_bytes(l, 92), own / 10));
    cr_expect(eq(u64, dram_bytes(l, 118), dram_bytes(l, 92)));
    /* What an op reads and writes is the same in each. */
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 90, OP_FFN_UP),
                 bytes(l, PASS_FORWARD, 118, OP_FFN_UP)));
    ledger_close(l);
}

/* By hand, of the worked example of op.h: qkv.weight has 64 * 192 numbers and as
 * many gradients; those of the first layer start from the second's. */
Test(recursion, a_gradient_that_is_added_to_is_read)
{
    struct asked q = { .spec = gpt2(), .B = 1, .T = 16, .phase = TRAIN };

    q.spec = spec_dense(&q.spec);
    q.spec.recursion = (struct recursion){ 0, 1, 2, 0 };
    struct ledger *l = priced(q);
    cr_expect(eq(u64, bytes(l, PASS_BACKWARD, 0, OP_QKV) -
                          bytes(l, PASS_BACKWARD, 1, OP_QKV),
                 4 * (64 * 192 + 192)));
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 0, OP_QKV),
                 flops(l, PASS_BACKWARD, 1, OP_QKV)));
    /* 49984 parameters are updated once, under the layer that has them. */
    cr_expect(eq(u64, flops(l, PASS_UPDATE, 0, OP_ADAMW), 17 * 49984));
    cr_expect(eq(u64, flops(l, PASS_UPDATE, 1, OP_ADAMW), 0));
    ledger_close(l);
}

/* Six layers with the weights of two: a dense model of as many FLOPs has six, of
 * as many parameters two. */
Test(recursion, rivals_have_weights_of_their_own)
{
    static const struct { const char *asked; int32_t layers; } rivals[] = {
        { "dense", 6 }, { "equal-flops", 6 }, { "equal-params", 2 },
    };
    struct model_spec spec = small_llama(6);

    spec = spec_dense(&spec);
    spec.recursion = (struct recursion){ 0, 5, 3, 0 };
    for (size_t i = 0; i < sizeof rivals / sizeof *rivals; i++) {
        struct rival_asked asked;
        struct rival r;
        struct error err = { 0 };
        cr_assert(rival_read(&asked, rivals[i].asked, &err) == STATUS_OK);
        cr_assert(rival_make(&r, &asked, &spec, NULL, 16, &err) == STATUS_OK,
                  "%s", err.text);
        cr_expect(eq(dbl, r.layers, rivals[i].layers), "%s", rivals[i].asked);
        cr_expect(eq(int, spec_span(&r.end[0]), 0));
    }
}

/* ---- files ---- */

static char directory[64];

static const char *in_directory(const char *name)
{
    static char path[FILE_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static enum status import(struct model **out, struct error *err)
{
    const struct model_options options = { .n_sequences = 2, .n_tokens = 13,
                                           .n_threads = 1 };
    struct model_spec spec;
    struct hf_routing routing;

    cr_assert(hf_config_read(&spec, &routing, in_directory("config.json"),
                             err) == STATUS_OK, "%s", err->text);
    *out = case_model(&spec, &options, 99);
    return checkpoint_import(*out, directory, &routing, err);
}

/* Both have the same numbers, until here the first gets another. */
static void change_tensor(const char *copy, const char *of)
{
    enum { MOST = 128 };
    struct safetensors_tensor all[MOST];
    struct safetensors *file = NULL;
    const char *path = in_directory("model.safetensors");
    float *numbers = NULL;

    cr_assert(safetensors_open(&file, path, NULL) == STATUS_OK);
    const size_t n = safetensors_count(file);
    const struct safetensors_tensor *first = safetensors_find(file, of);
    cr_assert(n <= MOST && first);
    for (size_t i = 0; i < n; i++) {
        all[i] = *safetensors_at(file, i);
        if (strcmp(all[i].name, copy) != 0)
            continue;
        cr_expect(all[i].bytes == first->bytes &&
                  memcmp(all[i].data, first->data, first->bytes) == 0);
        numbers = memcpy(malloc(all[i].bytes), all[i].data, all[i].bytes);
        numbers[0] += 1;
        all[i].data = numbers;
    }
    cr_assert(numbers != NULL);
    cr_assert(safetensors_write(path, all, n, NULL, 0, NULL) == STATUS_OK);
    safetensors_close(file);
    free(numbers);
}

/* Each layer stands in the file, for readers that know of no recursion; and must be
 * what it is said to be. */
static void there_and_back(struct model_spec spec, const struct shape *shape)
{
    struct trial t;
    struct model *again;
    struct error err = { STATUS_OK, "" };
    double loss[2];
    char name[2][64];

    t = (struct trial){ .spec = spec, .shape = shape };
    trial_open(&t, false, 2);
    make_directory(directory);
    const char *policy = spec_n_routed(&spec) > 0 ? "expert_choice" : "dense";
    cr_assert(checkpoint_export(t.model, case_policy(policy), directory,
                                &err) == STATUS_OK, "%s", err.text);
    cr_assert(import(&again, &err) == STATUS_OK, "%s", err.text);
    cr_expect(memcmp(&model_spec(again)->recursion, &t.spec.recursion,
                     sizeof t.spec.recursion) == 0);
    cr_expect(model_spec(again)->nested == t.spec.nested &&
              model_spec(again)->depths == t.spec.depths);
    model_forward(t.model, &t.input, NULL, &loss[0]);
    model_forward(again, &t.input, NULL, &loss[1]);
    cr_expect(memcmp(&loss[0], &loss[1], sizeof *loss) == 0);
    model_close(again);

    const int32_t l = t.spec.recursion.last;
    snprintf(name[0], sizeof *name, "model.layers.%d.mlp.up_proj.weight", l);
    snprintf(name[1], sizeof *name, "model.layers.%d.mlp.up_proj.weight",
             spec_owner(&t.spec, l));
    change_tensor(name[0], name[1]);
    cr_expect(import(&again, &err) == STATUS_BAD_VALUE);
    cr_expect(strstr(err.text, "isobath.recursion") != NULL, "%s", err.text);
    model_close(again);
    model_close(t.model);
    remove_directory(directory);
}

Test(recursion, files_have_every_layer_and_are_read_back)
{
    for (int i = 0, seen = 0; seen < 5; i++) {
        const struct shape *shape;
        char what[CASE_NAME_SIZE];
        struct model_spec spec = seen < 2   ? case_recursion(&shape, what, i)
                                 : seen < 3 ? case_nested(&shape, what, i)
                                 : seen < 4 ? case_depths(&shape, what, i)
                                            : case_lent(&shape, what, i);
        if (spec_family(&spec) != FAMILY_LLAMA || spec.part != PART_BLOCK ||
            spec_span(&spec) == 0)
            continue;
        there_and_back(spec, shape);
        seen++;
    }
}

/* ---- what is said of it ---- */

static enum status read_spec(struct model_spec *spec, const char *keys,
                             struct error *err)
{
    char text[160];
    snprintf(text, sizeof text, "model={family: llama, layers: 8, channels: 16,"
             " heads: 2, %s}", keys);
    const struct config_setting settings[] = { { .text = text } };
    return model_config_load(spec, NULL, NULL, settings, 1, err);
}

Test(recursion, keys_say_which_layers_and_how_often)
{
    struct model_spec spec;
    struct error err;

    cr_assert(read_spec(&spec, "recursions: 3, recursion_first: 1,"
                        " recursion_last: 6", &err) == STATUS_OK, "%s",
              err.text);
    cr_expect(eq(int, spec_span(&spec), 2));
    static const int32_t owner[] = { 0, 1, 2, 1, 2, 1, 2, 7 };
    static const int32_t next[] = { -1, 3, 4, 5, 6, -1, -1, -1 };
    for (int32_t l = 0; l < 8; l++) {
        cr_expect(eq(int, spec_owner(&spec, l), owner[l]));
        cr_expect(eq(int, spec_runs_next(&spec, l), next[l]));
    }
    struct model_config config;
    model_config_of(&config, &spec, "dense");
    cr_expect(config.recursions == 3 && config.recursion_first == 1 &&
              config.recursion_last == 6);
    cr_assert(read_spec(&spec, "recursions: 4", &err) == STATUS_OK, "%s",
              err.text);
    cr_expect(eq(int, spec_span(&spec), 2));
    cr_assert(read_spec(&spec, "recursions: 1, recursion_first: 3", &err) ==
              STATUS_OK);
    cr_expect(eq(int, spec_span(&spec), 0));
}

Test(recursion, what_does_not_fit_is_refused_by_its_key)
{
    static const char *const bad[] = {
        "recursions: 3", "recursions: 2, recursion_first: 8",
        "recursions: 2, recursion_last: 8",
        "recursions: 2, recursion_first: 3, recursion_last: 2",
        "recursions: 2, experts: 4, expert_layers: \"0\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        cr_expect(read_spec(&spec, bad[i], &err) == STATUS_BAD_VALUE, "%s",
                  bad[i]);
        cr_expect(strstr(err.text, "model.recursions") != NULL, "%s: %s",
                  bad[i], err.text);
    }
    struct model_spec spec = spec_dense(&(struct model_spec){ 0 });
    cr_assert(read_spec(&spec, "recursions: 2", NULL) == STATUS_OK);
    spec.stored[5][MATRIX_DOWN] = NUMBER_BF16;
    trial_expect_refused(&spec, "model.recursions 2: matrices of layer 5");
}
