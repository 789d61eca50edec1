/* test_window.c - Expect attention to the last tokens alone to be what it is in
 * double, and to cost what is predicted. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "models/executor/model.h"
#include "sim/core/model/spec_check.h"
#include "sim/price/memory.h"
#include "sim/price/predict.h"
#include "tests/cases.h"
#include "tests/reference.h"

enum { B = 2, T = 50, T_LONG = 150, V = 31 };

static struct model_spec windowed(int32_t window)
{
    static const struct shape shape = { .n_channels = 24, .n_heads = 4,
        .n_kv_heads = 2, .head_size = 6, .n_ffn = 20, .n_vocab = V,
        .n_layers = 3, .n_sequences = B, .n_tokens = T };
    struct model_spec spec = case_spec(&shape, FAMILY_LLAMA, 0, PATTERN_ALL);

    spec.window = window;
    spec.windowed[0] = spec.windowed[2] = true;
    spec.unturned[1] = true;
    return spec;
}

static double worst_logit(struct model *m, const int32_t *ids)
{
    double *weights = case_weights(m), worst = 0;
    double *logits = malloc((size_t)B * T * V * sizeof *logits);

    reference_loss(&(struct reference){
        .spec = model_spec(m), .tensors = model_tensors(m),
        .weights = weights, .ids = ids,
        .targets = ids, .n_sequences = B, .n_tokens = T,
        .allocation = model_allocation(m) }, NULL, logits);
    for (int i = 0; i < B * T * V; i++)
        worst = fmax(worst, fabs((double)model_logits(m)[i] - logits[i]));
    free(logits);
    free(weights);
    return worst;
}

Test(window, logits_and_costs_are_those_of_the_last_tokens)
{
    for (int32_t w = 1; w <= T + 1; w += w < 20 ? 1 : 7) {
        const struct model_spec spec = windowed(w);
        const struct model_options options = { .n_sequences = B, .n_tokens = T,
                                               .n_threads = 2 };
        struct model *m = case_model(&spec, &options, 3);
        struct ledger *counted = case_ledger(spec.n_layers, B * T,
                                             PROV_COUNTED);
        struct ledger *predicted = case_ledger(spec.n_layers, B * T,
                                               PROV_PREDICTED);
        struct ledger_meter meter = ledger_meter(counted);
        struct error err = { STATUS_OK, "" };
        int32_t ids[B * T], targets[B * T];
        char what[32];
        case_text(ids, targets, B * T, V, 7);
        model_forward(m, &(struct model_input){
            .ids = ids, .n_sequences = B, .n_tokens = T,
            .policy = route_find("dense") }, &meter.meter, NULL);
        snprintf(what, sizeof what, "window of %d", w);
        cr_expect(lt(dbl, worst_logit(m, ids), 2e-4), "%s", what);
        const struct predict_job job = { .spec = &spec,
                                         .allocation = model_allocation(m) };
        cr_assert(eq(int, predict_forward(predicted, &job, PREDICT_HEAD, NULL,
                                          &err), STATUS_OK), "%s", err.text);
        cr_expect(case_same_ledger(predicted, counted, what) > 0);
        ledger_close(predicted);
        ledger_close(counted);
        model_close(m);
    }
}

/* One new token of each sequence at a time, after `start` at once: by how much
 * any logit differs from those of one pass. */
static double worst_step(struct model *steps, struct model *whole,
                         const int32_t *ids, int32_t start, float *logits)
{
    int32_t first[B * T_LONG], column[B];
    double worst = 0;

    for (int b = 0; b < B; b++)
        memcpy(first + b * start, ids + b * T_LONG,
               (size_t)start * sizeof *first);
    model_decode_reset(steps);
    if (start > 0)
        model_forward(steps, &(struct model_input){
            .ids = first, .n_sequences = B, .n_tokens = start, .cache = true,
            .policy = route_find("dense") }, NULL, NULL);
    for (int32_t t = start; t < T_LONG; t++) {
        for (int b = 0; b < B; b++)
            column[b] = ids[b * T_LONG + t];
        model_decode(steps, &(struct decode_input){ .ids = column }, NULL);
        for (int b = 0; b < B; b++)
            for (int v = 0; v < V; v++)
                worst = fmax(worst, fabs(
                    (double)model_logits_of(steps, b, t)[v] -
                    (double)model_logits_of(whole, b, t)[v]));
    }
    memcpy(logits, model_logits(steps), B * V * sizeof *logits);
    return worst;
}

/* 150 tokens go round a ring of 16 nine times, and of 48 three. */
Test(window, a_ring_gives_after_many_turns_what_one_pass_gives)
{
    static const int32_t windows[] = { 1, 9, 16, 17, 31, 48, 70, T_LONG };
    static const int32_t starts[] = { 0, 13, 16, 101 };

    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        struct model_spec spec = windowed(windows[i]);
        spec.max_tokens = T_LONG;
        const struct model_options options = { .n_sequences = B,
            .n_tokens = T_LONG, .n_threads = 2 };
        struct model_options one = options, three = options;
        one.decode = three.decode = true;
        one.n_threads = 1;
        three.n_threads = 3;
        struct model *whole = case_model(&spec, &options, 3);
        struct model *steps = case_model(&spec, &one, 3);
        struct model *split = case_model(&spec, &three, 3);
        int32_t ids[B * T_LONG], targets[B * T_LONG];
        float alone[B * V], shared[B * V];
        case_text(ids, targets, B * T_LONG, V, 7);
        model_forward(whole, &(struct model_input){
            .ids = ids, .n_sequences = B, .n_tokens = T_LONG,
            .policy = route_find("dense") }, NULL, NULL);
        for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
            cr_expect(lt(dbl, worst_step(steps, whole, ids, starts[s], alone),
                         1e-4), "window of %d after %d", windows[i], starts[s]);
            worst_step(split, whole, ids, starts[s], shared);
            cr_expect(memcmp(alone, shared, sizeof alone) == 0,
                      "window of %d on threads", windows[i]);
        }
        model_close(split);
        model_close(steps);
        model_close(whole);
    }
}

/* Layer 1 carries the keys of tokens that it skips out of layer 0's ring. */
Test(window, keys_are_carried_out_of_a_ring)
{
    struct model_spec spec = windowed(9);
    bool keep[3 * B];
    int32_t ids[B * T_LONG], targets[B * T_LONG], column[B];
    double worst = 0;

    spec.max_tokens = T_LONG;
    spec.windowed[2] = false;
    spec.routed[1] = true;
    spec.capacity[1] = 0.5;
    spec.gate = GATE_ONE;
    spec.skipped_keys = SKIPPED_KEYS_CARRIED;
    const struct model_options options = { .n_sequences = B,
        .n_tokens = T_LONG, .n_threads = 2 };
    struct model_options decode = options;
    decode.decode = true;
    struct model *whole = case_model(&spec, &options, 3);
    struct model *steps = case_model(&spec, &decode, 3);
    case_text(ids, targets, B * T_LONG, V, 7);
    model_forward(whole, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = T_LONG,
        .policy = route_find("strided") }, NULL, NULL);
    const struct allocation *a = model_allocation(whole);
    model_decode_reset(steps);
    for (int32_t t = 0, n = 0; t < T_LONG; t++) {
        const bool kept = allocation_kept(a, 1, 0)[n] == t;
        n += kept && n + 1 < allocation_count(a, 1, 0);
        for (int i = 0; i < 3 * B; i++)
            keep[i] = i / B != 1 || kept;
        for (int b = 0; b < B; b++)
            column[b] = ids[b * T_LONG + t];
        model_decode(steps, &(struct decode_input){ .ids = column,
                     .keep = keep }, NULL);
        for (int b = 0; b < B; b++)
            for (int v = 0; v < V; v++)
                worst = fmax(worst, fabs(
                    (double)model_logits_of(steps, b, t)[v] -
                    (double)model_logits_of(whole, b, t)[v]));
    }
    cr_expect(lt(dbl, worst, 1e-4));
    model_close(steps);
    model_close(whole);
}

/* What a layer caches ends with its window, in the executor and in its price. */
Test(window, a_cache_takes_the_memory_of_the_window)
{
    const struct model_spec near = windowed(16), far = windowed(T);
    struct model_options options = { .n_sequences = B, .n_tokens = 48,
                                     .n_threads = 1, .decode = true };
    struct model *few = case_model(&near, &options, 3);
    struct model *all = case_model(&far, &options, 3);
    const uint64_t saved = 2 * (48 - 16) * B * 4 * (uint64_t)spec_cached(&near);

    /* The arena sets its pieces apart by up to a line. */
    cr_expect(le(dbl, fabs((double)(model_bytes(all) - model_bytes(few)) -
                           (double)saved), 4 * 64));
    cr_expect(eq(u64, memory_bytes(&far, B, 48, MEMORY_DECODE) -
                          memory_bytes(&near, B, 48, MEMORY_DECODE), saved));
    cr_expect(eq(u64, memory_generate_bytes(&far, 10, 48, 1) -
                          memory_generate_bytes(&near, 10, 48, 1),
                 saved / B));
    model_close(all);
    model_close(few);
}

Test(window, what_a_window_cannot_be_beside_is_refused_by_name)
{
    struct model_spec spec = windowed(20);
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, spec_check(&spec, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(int, spec_check_training(&spec, &err), STATUS_OK));
    spec.routed[2] = true;
    spec.capacity[2] = 0.5;
    spec.gate = GATE_ONE;
    cr_expect(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "layer 2 attends to the last 20") != NULL, "%s",
              err.text);
    spec.part = PART_FFN;
    cr_expect(eq(int, spec_check(&spec, &err), STATUS_OK), "%s", err.text);
    spec.window = 0;
    cr_expect(eq(int, spec_check(&spec, &err), STATUS_BAD_VALUE));
    /* One that spans every position is none. */
    spec = windowed(spec.max_tokens);
    cr_expect(not(spec_has_windows(&spec)));
    cr_expect(eq(int, spec_check_training(&spec, &err), STATUS_OK));
}

/* Whoever enters the feed-forward part, all attend, and through the window. */
Test(window, an_expected_step_of_a_routed_layer_attends_through_it)
{
    struct model_spec spec = windowed(20), dense = spec;
    struct allocation a;
    struct ledger *routed = case_ledger(spec.n_layers, 0, PROV_PREDICTED);
    struct ledger *none = case_ledger(spec.n_layers, 0, PROV_PREDICTED);
    struct error err = { STATUS_OK, "" };

    spec.routed[2] = true;
    spec.capacity[2] = 0.5;
    spec.part = PART_FFN;
    spec.gate = GATE_ONE;
    cr_assert(eq(int, allocation_open(&a, spec.n_layers, B, T, NULL),
                 STATUS_OK));
    for (int32_t c = 0; c < spec.n_layers; c++)
        for (int32_t b = 0; b < B; b++)
            a.count[c * B + b] = T;
    cr_assert(eq(int, predict_decode_expected(routed, &(struct predict_job){
        .spec = &spec, .allocation = &a }, NULL, &err), STATUS_OK), "%s",
        err.text);
    cr_assert(eq(int, predict_decode_expected(none, &(struct predict_job){
        .spec = &dense, .allocation = &a }, NULL, &err), STATUS_OK), "%s",
        err.text);
    for (int32_t l = 0; l < spec.n_layers; l++) {
        const struct ledger_key key = { PASS_FORWARD, l, LEDGER_SHARED,
                                        OP_ATTEND };
        for (int m = METRIC_FLOPS; m <= METRIC_BYTES; m++)
            cr_expect(eq(u64, ledger_at(routed, key)->count[m],
                         ledger_at(none, key)->count[m]), "layer %d", l);
        /* 4 heads of 6, a query at token 50: over 48 keys, or over 64; 20 are
         * read, or 50. */
        cr_expect(eq(u64, ledger_at(none, key)->count[METRIC_FLOPS],
                     (uint64_t)B * 4 * (2 * 6 + 15 + 1 + (l == 1 ? 64 : 48) *
                                            (4 * 6 + 18 + 2))), "%d", l);
    }
    allocation_close(&a);
    ledger_close(none);
    ledger_close(routed);
}
