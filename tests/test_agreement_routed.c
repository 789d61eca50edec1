/* test_agreement_routed.c - Expect the executor to count what the formulas
 * predict for every part of a block that is routed, every way to treat the keys
 * of skipped tokens and every policy that needs no router: whole sequences,
 * sequences of unlike lengths, and decode steps, as integers by (layer, op) and
 * by token; with weights in float32, and kept as stored; with the first tokens
 * kept in any case, or not. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "sim/core/base/random.h"
#include "sim/core/model/plan.h"
#include "sim/price/predict.h"
#include "tests/cases.h"

enum { B = 3, T = 37, STEPS = 5, ROOM = 48, V = 29, L = 3 };
static const int32_t ragged[B] = { 37, 9, 18 };

static struct model_spec spec_of(enum family family, bool all,
                                 enum routed_part part,
                                 enum skipped_keys keys, enum signal signal)
{
    struct model_spec s = {
        .traits = family_traits[family],
        .n_layers = L, .n_channels = 24, .n_heads = 4,
        .n_kv_heads = family_traits[family].grouped ? 2 : 4, .head_size = 6,
        .n_ffn = 20, .n_vocab = V, .max_tokens = ROOM, .norm_epsilon = 1e-5f,
        .rope_theta = 1000.0f, .gate = GATE_ONE, .part = part,
        .skipped_keys = keys, .signal = signal, .tied_head = all,
        .routed = { false, true, all }, .capacity = { 1.0, 0.4, 0.7 },
    };
    return s;
}

/* Another type for every matrix and layer, one of them float32 beside others.
 * Inputs of 32 are a block of all of them; a llama's keys are half a tile. */
static void store(struct model_spec *s)
{
    static const uint8_t types[] = {
        NUMBER_Q8_0, NUMBER_F32, NUMBER_Q4_1, NUMBER_BF16, NUMBER_Q5_0,
        NUMBER_F16, NUMBER_Q4_0, NUMBER_Q5_1,
    };
    enum { N = sizeof types / sizeof *types };
    s->n_channels = s->n_ffn = 32;
    s->head_size = 8;
    s->n_kv_heads = s->traits.grouped ? 1 : 4;
    for (int32_t l = 0; l < L; l++)
        for (int i = 0; i < MATRIX_COUNT; i++)
            s->stored[l][i] = types[(3 * l + i) % N];
    s->stored_embedding = NUMBER_Q4_1;
    s->stored_head = NUMBER_Q8_0;
}

/* Halves of 2^-7 to 2^-3, whatever they are the halves of; and nibbles. */
static void fill_stored(struct model *model)
{
    const struct tensor_list *list = model_tensors(model);
    struct random random = random_seeded(5);
    for (int32_t i = 0; i < list->n; i++)
        for (int32_t r = 0; r < list->tensor[i].n_ranges; r++) {
            const struct stored *s = &list->tensor[i].range[r];
            uint8_t *to = (uint8_t *)(uintptr_t)s->data;
            size_t n = (size_t)stored_groups(s) * stored_group_bytes(s);
            for (size_t j = 0; j < n; j++)
                to[j] = (uint8_t)(0x20 | random_below(&random, 16));
        }
}

static void prefill_agrees(struct model *model, const struct model_spec *spec,
                           const struct model_input *input, const char *what)
{
    struct ledger *counted = case_ledger(L, B * T, PROV_COUNTED);
    struct ledger *predicted = case_ledger(L, B * T, PROV_PREDICTED);
    struct ledger_meter meter = ledger_meter(counted);
    double loss = 0.0;
    model_decode_reset(model);
    model_forward(model, input, &meter.meter, &loss);
    struct predict_job job = { .spec = spec,
                               .allocation = model_allocation(model) };
    struct error err = { STATUS_OK, "" };
    unsigned with = input->last_only ? PREDICT_LAST
                                     : PREDICT_LOSS | PREDICT_ENTROPY;
    cr_assert(predict_forward(predicted, &job, with, NULL, &err) == STATUS_OK,
              "%s: %s", what, err.text);
    case_same_ledger(predicted, counted, what);
    ledger_close(predicted);
    ledger_close(counted);
}

/* Steps in which the second sequence takes part only at even ones. */
static void steps_agree(struct model *model, const struct model_spec *spec,
                        const struct route_policy *policy, const char *what)
{
    int32_t ids[B] = { 3, 4, 5 };
    for (int step = 0; step < STEPS; step++) {
        bool active[B] = { true, step % 2 == 0, true };
        bool keep[2 * L * B];
        int32_t n = step % 2 == 0 ? B : B - 1, longest = 0;
        for (int i = 0; i < 2 * L * B; i++)
            keep[i] = (step + i) % 3 == 0;
        struct ledger *counted = case_ledger(L, 0, PROV_COUNTED);
        struct ledger *predicted = case_ledger(L, 0, PROV_PREDICTED);
        struct ledger_meter meter = ledger_meter(counted);
        model_decode(model, &(struct decode_input){
            .ids = ids, .active = active, .policy = policy, .seed = 7,
            .replayed = case_replayed(spec, B, ROOM),
            .keep = policy->keep ? NULL : keep }, &meter.meter);
        for (int b = 0; b < B; b++)
            if (active[b] && model_decoded(model, b) > longest)
                longest = model_decoded(model, b);
        struct allocation a;
        cr_assert(allocation_open(&a, plan_n_choices(spec), n, longest,
                                  NULL) == STATUS_OK);
        model_decode_allocation(model, active, &a);
        struct predict_job job = { .spec = spec, .allocation = &a };
        struct error err = { STATUS_OK, "" };
        cr_assert(predict_decode(predicted, &job, NULL, &err) == STATUS_OK,
                  "%s: %s", what, err.text);
        case_same_ledger(predicted, counted, what);
        allocation_close(&a);
        ledger_close(predicted);
        ledger_close(counted);
    }
}

/* The shortest sequence has 9 tokens, of which layer 1 keeps 4 by capacity. */
static void first_are_kept(const struct model *model, int32_t first,
                           const char *what)
{
    const struct allocation *a = model_allocation(model);
    for (int32_t b = 0; b < B; b++)
        for (int32_t t = 0; t < first; t++)
            cr_assert(allocation_count(a, 1, b) >= first &&
                      allocation_kept(a, 1, b)[t] == t, "%s", what);
}

static void policy_agrees(const struct route_policy *p, enum family family,
                          enum routed_part part, enum skipped_keys keys,
                          bool stored, int32_t first)
{
    int32_t ids[B * T], targets[B * T];
    bool received = p->signal == SIGNAL_RECEIVED;
    struct model_spec spec = spec_of(family, !received, part, keys, p->signal);
    struct model_options options = { .n_sequences = B, .n_tokens = ROOM,
                                     .decode = true, .n_threads = 1 };
    if (stored)
        store(&spec);
    route_settle(&spec, p, first);
    struct model *model = case_model(&spec, &options, 1);
    cr_assert((model_tensors(model)->stored_bytes > 0) == stored);
    fill_stored(model);
    model_decode_reset(model);
    char what[160];
    case_text(ids, targets, B * T, V, 3);
    for (int shape = 0; shape < 3; shape++) {
        snprintf(what, sizeof what, "%s%s, %s, part %s, keys %s, first %d,"
                 " shape %d", family_names[family], stored ? ", stored" : "",
                 p->name, part_names[part], skipped_keys_names[keys], first,
                 shape);
        struct model_input input = {
            .ids = ids, .n_sequences = B, .n_tokens = T, .policy = p,
            .seed = 7, .cache = shape > 0, .last_only = shape == 2,
            .targets = shape == 2 ? NULL : targets, .entropy = shape != 2,
            .length = shape == 0 ? NULL : ragged,
            .replayed = case_replayed(&spec, B, ROOM),
        };
        prefill_agrees(model, &spec, &input, what);
        first_are_kept(model, first, what);
    }
    if (p->keep || p->signal == SIGNAL_NONE)
        steps_agree(model, &spec, p, what);
    model_close(model);
}

#define AGREES(test, family, stored, first)                                    \
    Test(agreement_routed, test)                                               \
    {                                                                          \
        int tried = 0;                                                         \
        for (const struct route_policy *p = route_policies; p->name; p++)      \
            for (int part = 0; part < PART_COUNT; part++)                      \
                for (int keys = 0; keys < SKIPPED_KEYS_COUNT; keys++) {        \
                    if (!p->choose || p->scored ||                             \
                        p->signal == SIGNAL_CONFIDENCE ||   /* test_exits */   \
                        (part == PART_FFN && keys != SKIPPED_KEYS_ABSENT) ||   \
                        (part == PART_APART &&                                 \
                         p->signal == SIGNAL_RECEIVED))                        \
                        continue;                                              \
                    policy_agrees(p, family, (enum routed_part)part,           \
                                  (enum skipped_keys)keys, stored, first);     \
                    tried++;                                                   \
                }                                                              \
        cr_assert(tried >= 11 * 7);                                            \
    }

AGREES(gpt2, FAMILY_GPT2, false, 0)
AGREES(llama, FAMILY_LLAMA, false, 0)
AGREES(qwen3, FAMILY_QWEN3, false, 0)
AGREES(gpt2_stored, FAMILY_GPT2, true, 0)
AGREES(qwen3_stored, FAMILY_QWEN3, true, 0)
AGREES(gpt2_keeps_the_first, FAMILY_GPT2, false, 3)
AGREES(llama_keeps_the_first, FAMILY_LLAMA, false, 3)
AGREES(stored_keeps_the_first, FAMILY_LLAMA, true, 3)
