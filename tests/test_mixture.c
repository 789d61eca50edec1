/* test_mixture.c - Expect mixtures of experts to compute what they compute in
 * double, to decode what one pass says, to cost what is predicted of the experts
 * that were entered, and one expert to be no mixture at all. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/price/memory.h"
#include "tests/variant.h"

/* A step drops nobody, and experts cannot choose in it. */
static bool decodes(const struct trial *t)
{
    return !spec_experts_choose(&t->spec) && !(t->spec.experts.capacity > 0) &&
           spec_n_routed(&t->spec) == 0;
}

static const struct variant mixture = {
    .make = case_experts, .n = N_EXPERT_CASES, .causal = "strided",
    .decodes = decodes, .numbers = 23, .cells = 9,
};

static void open_trial(struct trial *t, int i, bool train)
{
    variant_open(t, &mixture, i, train, 2);
}

Test(mixture, logits_are_those_in_double)
{
    variant_expect_logits(&mixture);
}

Test(mixture, gradients_are_slopes_of_the_loss_in_double)
{
    variant_expect_slopes(&mixture);
}

Test(mixture, any_number_of_threads_gives_the_same_bits)
{
    variant_expect_same_bits(&mixture, 3);
}

Test(mixture, scoring_costs_what_is_predicted_token_by_token)
{
    variant_expect_scoring_cost(&mixture);
}

Test(mixture, training_steps_cost_what_is_predicted_token_by_token)
{
    variant_expect_training_cost(&mixture);
}

Test(mixture, decode_steps_say_and_cost_what_one_pass_does)
{
    variant_expect_decoding(&mixture);
}

/* The dense model's feed-forward parts as those of the only expert. */
static void make_only_expert(struct model *to, struct model *from)
{
    static const enum tensor_id as[TENSOR_COUNT] = {
        [TENSOR_EXPERT_UP] = TENSOR_UP, [TENSOR_EXPERT_DOWN] = TENSOR_DOWN,
    };

    for (int32_t i = 0; i < model_tensors(to)->n; i++) {
        const struct tensor *t = &model_tensors(to)->tensor[i];
        const struct tensor *dense = tensor_find(model_tensors(from), t->layer,
                                                 as[t->id] ? as[t->id]
                                                           : t->id);
        if (dense)
            memcpy(model_weights(to) + t->offset,
                   model_weights(from) + dense->offset,
                   t->n * sizeof(float));
    }
}

/* Weights that sum to 1, and the softmax of one score: both are 1. */
Test(mixture, one_expert_is_the_model_without_experts_bit_for_bit)
{
    for (int i = 0; i < 8; i++) {
        struct trial dense, one;
        double loss[2];
        dense.shape = one.shape = &shapes[i % 2 ? 10 : 15];
        dense.spec = case_spec(dense.shape, i & 2 ? FAMILY_QWEN3 : FAMILY_LLAMA,
                               i & 4 ? 0.4 : 0, PATTERN_ODD);
        one.spec = dense.spec;
        one.spec.experts = (struct experts){ .n = 1, .active = 1,
            .width = dense.spec.n_ffn, .normalised = i % 2 };
        memset(one.spec.has_experts, true, sizeof one.spec.has_experts);
        trial_open(&dense, false, 1);
        trial_open(&one, false, 1);
        make_only_expert(one.model, dense.model);
        model_forward(dense.model, &dense.input, NULL, &loss[0]);
        model_forward(one.model, &one.input, NULL, &loss[1]);
        cr_expect(memcmp(model_logits(dense.model), model_logits(one.model),
                         (size_t)(dense.n * dense.spec.n_vocab) *
                             sizeof(float)) == 0, "case %d", i);
        cr_expect(loss[0] <= loss[1] && loss[0] >= loss[1]);
        model_close(dense.model);
        model_close(one.model);
    }
}

/* And its steps are those. */
Test(mixture, one_expert_learns_as_the_model_without_experts_bit_for_bit)
{
    struct trial dense = { .shape = &shapes[10] }, one = dense;
    double loss[2];

    dense.spec = one.spec = case_spec(dense.shape, FAMILY_LLAMA, 0.0,
                                      PATTERN_ODD);
    one.spec.experts = (struct experts){ .n = 1, .active = 1,
                                         .width = dense.spec.n_ffn };
    memset(one.spec.has_experts, true, sizeof one.spec.has_experts);
    trial_open(&dense, true, 1);
    trial_open(&one, true, 1);
    make_only_expert(one.model, dense.model);
    struct trial *both[] = { &dense, &one };
    for (int i = 0; i < 6; i++) {
        struct trial *t = both[i % 2];
        model_forward(t->model, &t->input, NULL, &loss[i % 2]);
        model_backward(t->model, NULL);
        model_update(t->model, &variant_update, NULL);
        cr_expect(i % 2 == 0 || (loss[0] <= loss[1] && loss[0] >= loss[1]),
                  "step %d: %.17g and %.17g", i / 2, loss[0], loss[1]);
    }
    model_close(dense.model);
    model_close(one.model);
}

static uint64_t missed(const struct trial *t, const struct allocation *a,
                       int32_t layer)
{
    uint64_t of[2][32] = { { 0 } }, sum = 0;

    cr_assert(le(int, spec_expert_scores(&t->spec), 32));
    dispatch_loads(&a->dispatch, layer, of[0], of[1]);
    for (int32_t e = 0; e < 32; e++)
        sum += of[1][e];
    return sum;
}

/* Choices of a layer's rows; or where experts make them, theirs. */
static uint64_t asked(const struct trial *t, const struct allocation *a,
                      int32_t layer, int32_t rows)
{
    const struct experts *x = &t->spec.experts;
    uint64_t sum = 0;

    if (!spec_experts_choose(&t->spec))
        return (uint64_t)(rows * x->active);
    for (int32_t s = 0; s < t->shape->n_sequences && rows > 0; s++)
        sum += (uint64_t)(x->n * spec_expert_room(&t->spec,
                                                  allocation_count(a, layer,
                                                                   s)));
    return sum;
}

Test(mixture, an_expert_takes_the_first_of_a_sequence_up_to_its_room)
{
    struct trial t;
    double loss;
    int seen = 0;

    for (int i = 0; i < N_EXPERT_CASES; i++) {
        open_trial(&t, i, false);
        const struct experts *x = &t.spec.experts;
        model_forward(t.model, &t.input, NULL, &loss);
        const struct dispatch *d = &model_allocation(t.model)->dispatch;
        const int32_t n = t.shape->n_tokens;
        if (x->rule == EXPERT_RULE_TOKENS && x->capacity > 0 &&
            t.spec.has_experts[0] && !t.spec.routed[0])
            for (int32_t e = 0; e < x->n; e++) {
                int32_t took = 0;
                const int32_t room = (int32_t)ceil(
                    n * x->active * x->capacity / (x->n + x->idle) - 1e-6);
                for (int32_t p = 0; p < n; p++)
                    for (int32_t k = 0; k < d->n_active; k++) {
                        const int32_t id = dispatch_of(d, 0, 0, p)[k];
                        took += id == e;
                        if (id == DISPATCH_MISSED - e)
                            cr_expect(eq(int, took, room), "%s: expert %d"
                                      " missed token %d", t.what, e, p);
                    }
                cr_expect(le(int, took, room), "%s", t.what);
                seen += took == room;
            }
        model_close(t.model);
    }
    cr_expect(gt(int, seen, 2), "some are full");
}

/* Room for every row is no limit. */
Test(mixture, room_for_all_is_the_mixture_that_drops_none_bit_for_bit)
{
    struct trial free = { .shape = &shapes[10] }, roomy = free;
    double loss[2];

    free.spec = case_spec(free.shape, FAMILY_LLAMA, 0.0, PATTERN_ODD);
    free.spec.experts = (struct experts){ .n = 4, .active = 2, .width = 16,
                                          .normalised = true,
                                          .balance_loss = 0.1 };
    memset(free.spec.has_experts, true, sizeof free.spec.has_experts);
    roomy.spec = free.spec;
    roomy.spec.experts.capacity = 2;
    trial_open(&free, true, 1);
    trial_open(&roomy, true, 1);
    struct trial *both[] = { &free, &roomy };
    for (int i = 0; i < 6; i++) {
        struct trial *t = both[i % 2];
        model_forward(t->model, &t->input, NULL, &loss[i % 2]);
        model_backward(t->model, NULL);
        model_update(t->model, &variant_update, NULL);
        cr_expect(i % 2 == 0 || (loss[0] <= loss[1] && loss[0] >= loss[1]),
                  "step %d: %.17g and %.17g", i / 2, loss[0], loss[1]);
    }
    model_close(free.model);
    model_close(roomy.model);
}

/* Tokens that a layer works on enter as many as they are to, each once. */
Test(mixture, who_enters_which_is_told)
{
    for (int i = 0; i < N_EXPERT_CASES; i++) {
        struct trial t;
        double loss;
        open_trial(&t, i, false);
        model_forward(t.model, &t.input, NULL, &loss);
        const struct allocation *a = model_allocation(t.model);
        for (int32_t l = 0; l < t.spec.n_layers; l++) {
            const struct dispatch_count n = dispatch_count(&a->dispatch, l);
            const int32_t rows = t.spec.has_experts[l] ? allocation_rows(a, l)
                                                       : 0;
            cr_expect(eq(u64, n.entries + missed(&t, a, l),
                         asked(&t, a, l, rows)), "%s", t.what);
            cr_expect(le(u64, n.tokens, (uint64_t)rows), "%s", t.what);
            cr_expect(le(u64, n.experts, (uint64_t)t.spec.experts.n));
            for (int32_t j = 0; j < t.n; j++) {
                const int32_t *e = dispatch_of(&a->dispatch, l,
                                               j / t.shape->n_tokens,
                                               j % t.shape->n_tokens);
                const int32_t entered = dispatch_entries(
                    &a->dispatch, l, j / t.shape->n_tokens,
                    j % t.shape->n_tokens);
                for (int32_t k = 1; k < entered; k++)
                    cr_expect(e[k] > e[k - 1] && e[k] < t.spec.experts.n);
            }
        }
        model_close(t.model);
    }
}

/* Of 18 experts the step of one sequence reads three: 2 products up, one down. */
Test(mixture, a_step_reads_the_weights_of_entered_experts_alone)
{
    struct trial t = { .shape = &shapes[9] };
    const struct experts e = { .n = 18, .active = 3, .width = 16 };
    struct ledger_shape by_op = { .by_op = true };
    struct ledger *ledger;
    const int32_t id[1] = { 1 };

    t.spec = case_spec(t.shape, FAMILY_LLAMA, 0.0, PATTERN_ODD);
    t.spec.experts = e;
    t.spec.has_experts[0] = true;
    cr_assert(eq(int, ledger_open(&ledger, by_op, cost_zero(PROV_COUNTED),
                                  NULL), STATUS_OK));
    const struct model_options options = { .n_sequences = 1, .n_tokens = 3,
                                           .decode = true, .n_threads = 1 };
    struct ledger_meter meter = ledger_meter(ledger);
    struct model *m = case_model(&t.spec, &options, 1);
    const uint64_t C = (uint64_t)t.spec.n_channels, F = (uint64_t)t.spec.n_ffn;
    model_decode_reset(m);
    model_decode(m, &(struct decode_input){ .ids = id }, &meter.meter);
    const struct cost up = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY,
                                      LEDGER_ANY, OP_FFN_UP);
    /* The other layer has one part. */
    cr_expect(eq(u64, up.count[METRIC_BYTES],
                 3 * (8 * C * 16 + 4 * C + 8 * 16) + 8 * C * F + 4 * C +
                     8 * F));
    ledger_close(ledger);
    model_close(m);
}

Test(mixture, parameters_and_memory_are_those_that_are_predicted)
{
    for (int i = 0; i < N_EXPERT_CASES; i++) {
        struct trial t;
        uint64_t numbers = 0;
        open_trial(&t, i, false);
        for (int32_t j = 0; j < model_tensors(t.model)->n; j++)
            numbers += model_tensors(t.model)->tensor[j].n;
        cr_expect(eq(u64, numbers, memory_parameters(&t.spec)), "%s", t.what);
        model_close(t.model);
    }
}

Test(mixture, a_step_by_expert_choice_is_refused_by_name)
{
    struct trial t = { .shape = &shapes[9] };
    const struct model_options options = { .n_sequences = 1, .n_tokens = 3,
                                           .decode = true, .n_threads = 1 };
    struct model *m = NULL;
    struct error err = { STATUS_OK, "" };

    t.spec = case_spec(t.shape, FAMILY_LLAMA, 0, PATTERN_ODD);
    t.spec.experts = (struct experts){ .n = 4, .active = 2, .width = 16,
                                       .rule = EXPERT_RULE_EXPERTS };
    memset(t.spec.has_experts, true, sizeof t.spec.has_experts);
    cr_expect(eq(int, model_open(&m, &t.spec, &options, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "model.expert_rule expert_choice") != NULL, "%s",
              err.text);
}

Test(mixture, what_experts_cannot_do_is_refused_by_name)
{
    const struct experts two = { .n = 4, .active = 2, .width = 8 };
    struct model_spec spec = case_spec(&shapes[2], FAMILY_GPT2, 0.0,
                                       PATTERN_ODD);
    spec.experts = two;
    trial_expect_refused(&spec, "model.experts 4: experts are SwiGLU without biases, after a"
            " norm, and gpt2 has others; allowed is 0, or the families llama,"
            " qwen2, qwen3 and stablelm");
    spec.traits = family_traits[FAMILY_OLMO2];
    trial_expect_refused(&spec, "model.experts 4: experts are SwiGLU");
    spec.traits = family_traits[FAMILY_LLAMA];
    spec.experts.active = 5;
    trial_expect_refused(&spec, "model.experts_per_token 5: allowed is 1 to 4");
    spec.experts.active = 2;
    spec.experts.width = 0;
    trial_expect_refused(&spec, "model.expert_ffn 0: allowed is 1 to 1048576");
    spec = case_spec(&shapes[2], FAMILY_LLAMA, 0.4, PATTERN_ODD);
    spec.experts = two;
    spec.backbone_frozen = true;
    trial_expect_refused(&spec, "train.freeze backbone: with model.experts 4 all is trained"
            " together");
}
