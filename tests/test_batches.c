/* test_batches.c - Price traces batch by batch: sums against whole steps, waking
 * and layers by hand, and what is refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "sim/core/model/plan.h"
#include "sim/price/batches.h"
#include "tests/priced.h"

/* Layer 1 of two is routed: four windows of four tokens, the last of three. */
static const char trace_text[] =
    "window,layer,part,tokens,kept\n"
    "0,1,block,4,0-1\n"
    "1,1,block,4,1 3\n"
    "2,1,block,4,\n"
    "3,1,block,3,0-2\n";

static enum status routes_from_text(struct routes **out, const char *text,
                                    int32_t n_layers, struct model_spec *spec,
                                    struct error *err)
{
    struct trace *trace;
    enum status status = trace_parse(&trace, text, strlen(text), "t.csv", err);
    return status == STATUS_OK
               ? routes_of_trace(out, trace, "t.csv", n_layers, spec, err)
               : status;
}

static struct routes *opened(const char *text, struct model_spec *spec)
{
    struct error err = { STATUS_OK, "" };
    struct routes *routes;

    cr_assert(eq(int, routes_from_text(&routes, text, 0, spec, &err),
                 STATUS_OK), "%s", err.text);
    return routes;
}

static struct batches of(const struct model_spec *spec,
                         const struct routes *routes, enum memory_phase phase,
                         int32_t B)
{
    const struct predict_question q = { .spec = *spec, .phase = phase,
                                        .n_sequences = B };
    struct batches b = { .n_layers = 0 };
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, batches_price(&b, routes, &q, NULL, NULL, NULL, &err),
                 STATUS_OK), "%s", err.text);
    return b;
}

static double sum(const struct samples *s)
{
    double total = 0;
    for (size_t i = 0; i < s->n; i++)
        total += s->x[i];
    return total;
}

/* Everything that a prefill or a decode step does is some token's. */
Test(batches, tokens_requests_and_steps_come_to_the_same_flops)
{
    for (int phase = 0; phase < 2; phase++) {
        struct model_spec spec = llama();
        struct routes *routes = opened(trace_text, &spec);
        struct batches b = of(&spec, routes, phase ? MEMORY_DECODE
                                                   : MEMORY_FORWARD, 2);
        const double flops = sum(&b.of[SPREAD_STEP_FLOPS]);
        cr_expect(gt(dbl, flops, 0));
        cr_expect(ieee_ulp_eq(dbl, sum(&b.of[SPREAD_TOKEN_FLOPS]), flops, 4));
        cr_expect(ieee_ulp_eq(dbl, sum(&b.of[SPREAD_REQUEST_FLOPS]), flops, 4));
        const struct cost total = ledger_sum(b.total, LEDGER_ANY, LEDGER_ANY,
                                             LEDGER_ANY, LEDGER_ANY);
        cr_expect(eq(dbl, cost_get(&total, METRIC_FLOPS), flops));
        cr_expect(eq(u64, b.of[SPREAD_TOKEN_FLOPS].n, 15));
        cr_expect(eq(u64, b.of[SPREAD_REQUEST_FLOPS].n, 4));
        cr_expect(eq(i64, b.n_steps, phase ? 8 : 2));
        batches_close(&b);
        routes_close(routes);
    }
}

/* What another path of the code says of the same routes: a step of two windows
 * of 4 tokens, of which layer 1 keeps 2 of each. */
Test(batches, a_prefill_is_priced_as_any_that_keeps_as_many)
{
    struct model_spec spec = llama();
    struct routes *routes = opened(trace_text, &spec);
    struct batches b = of(&spec, routes, MEMORY_FORWARD, 2);
    struct asked asked = { .spec = llama(), .B = 2, .T = 4, .phase = FORWARD,
                           .with = PREDICT_LAST };
    asked.spec.capacity[1] = 0.5;
    struct ledger *l = priced(asked);
    cr_expect(eq(dbl, b.of[SPREAD_STEP_FLOPS].x[0],
                 (double)flops(l, LEDGER_ANY, LEDGER_ANY, LEDGER_ALL)));
    cr_expect(eq(dbl, b.of[SPREAD_STEP_BYTES].x[0],
                 (double)bytes(l, LEDGER_ANY, LEDGER_ANY, LEDGER_ALL)));
    ledger_close(l);
    batches_close(&b);
    routes_close(routes);
}

/* Position 2 of windows 0 and 1: neither keeps its token, so layer 1 does no
 * more than score and choose: 2 * 163 flops (test_predict.c). */
Test(batches, a_decode_step_wakes_a_layer_or_not)
{
    struct model_spec spec = llama();
    struct routes *routes = opened(trace_text, &spec);
    struct batches b = of(&spec, routes, MEMORY_DECODE, 2);

    cr_expect(eq(dbl, b.flops[1].x[2], 2 * 163));
    cr_expect(gt(dbl, b.flops[1].x[1], b.flops[1].x[3]));
    const double kept[] = { .5, 1, 0, .5, .5, .5, .5, 0 };
    for (int i = 0; i < 8; i++)
        cr_expect(eq(dbl, b.choice[0].kept.x[i], kept[i]), "%d", i);
    batches_close(&b);
    routes_close(routes);
}

/* Windows side by side wait for each other: 0 and 1 for four steps, 3 leaves
 * before the last of 2. */
Test(batches, a_request_takes_the_seconds_of_its_steps)
{
    struct machine machine;
    struct model_spec spec = llama();
    struct routes *routes = opened(trace_text, &spec);
    const struct predict_question q = { .spec = spec, .n_sequences = 2,
                                        .phase = MEMORY_DECODE,
                                        .machine = &machine };
    struct batches b = { .n_layers = 0 };
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, machine_load(&machine, "configs/machines/h100-sxm.yaml",
                                   &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(int, batches_price(&b, routes, &q, NULL, NULL, NULL, &err),
                 STATUS_OK), "%s", err.text);
    const double *step = b.of[SPREAD_STEP_SECONDS].x;
    const double *request = b.of[SPREAD_REQUEST_SECONDS].x;
    const double first = step[0] + step[1] + step[2] + step[3];
    const double second = step[4] + step[5] + step[6];
    cr_expect(gt(dbl, first, 0));
    cr_expect(ieee_ulp_eq(dbl, request[0], first, 8));
    cr_expect(ieee_ulp_eq(dbl, request[1], first, 8));
    cr_expect(ieee_ulp_eq(dbl, request[2], second + step[7], 8));
    cr_expect(ieee_ulp_eq(dbl, request[3], second, 8));
    batches_close(&b);
    routes_close(routes);
}

/* Of windows 0 and 1, positions 0, 1 and 3 wake the layer; of 2 and 3, 0 to 2:
 * 6 of 8.  7 of 15 tokens are kept; seven positions have two windows and the
 * last has one. */
Test(batches, waking_is_counted_and_set_beside_independent_tokens)
{
    struct model_spec spec = llama();
    struct routes *routes = opened(trace_text, &spec);
    struct batches b = of(&spec, routes, MEMORY_FORWARD, 2);
    const double c = 7 / 15.;

    cr_expect(eq(dbl, batches_wakes(&b.choice[0]), 0.75));
    cr_expect(ieee_ulp_eq(dbl, batches_wakes_alone(&b, &b.choice[0]),
                          (7 * (1 - (1 - c) * (1 - c)) + c) / 8, 8));
    batches_close(&b);
    routes_close(routes);
}

/* Windows 2 and 3, of 4 tokens and of 3, of which layer 1 keeps none and all. */
Test(batches, imbalance_is_the_most_over_the_mean)
{
    struct model_spec spec = llama();
    struct routes *routes = opened(trace_text, &spec);
    struct batches b = of(&spec, routes, MEMORY_FORWARD, 2);
    const double *request = b.of[SPREAD_REQUEST_FLOPS].x;
    const double most = request[2] > request[3] ? request[2] : request[3];

    cr_expect(ne(dbl, request[2], request[3]));
    cr_expect(ieee_ulp_eq(dbl, b.of[SPREAD_STEP_IMBALANCE].x[1],
                          2 * most / (request[2] + request[3]), 8));
    batches_close(&b);
    routes_close(routes);
}

Test(batches, windows_that_fill_no_batch_are_left_out_and_said)
{
    struct model_spec spec = llama();
    struct routes *routes = opened(trace_text, &spec);
    struct batches b = of(&spec, routes, MEMORY_FORWARD, 3);

    cr_expect(eq(i64, b.n_batches, 1));
    cr_expect(eq(i64, b.n_left_out, 1));
    batches_close(&b);
    routes_close(routes);
}

/* Ranks of 1 to 200: the smallest that so many do not exceed. */
Test(batches, percentiles_are_values_that_are_there)
{
    struct samples s = { .n = 0 };

    for (int i = 200; i > 0; i--)
        cr_assert(eq(int, samples_take(&s, i, 2, NULL), STATUS_OK));
    const struct distribution d = samples_spread(&s);
    cr_expect(eq(dbl, d.p50, 100));
    cr_expect(eq(dbl, d.p95, 190));
    cr_expect(eq(dbl, d.p99, 198));
    cr_expect(eq(dbl, d.most, 200));
    cr_expect(eq(dbl, d.mean, 100.5));
    cr_expect(eq(dbl, d.dense, 2));
    free(s.x);
}

/* ---- other models ---- */

/* Layer 1 of 2 lies between the depths 1/2 and 1: layers 2 and 3 of 4. */
Test(batches, a_trace_of_another_depth_is_taken_by_relative_depth)
{
    struct model_spec spec = small_llama(4), dense = spec_dense(&spec);
    struct error err = { STATUS_OK, "" };
    struct routes *routes;
    struct allocation a;

    dense.norm_epsilon = 1e-5f;
    dense.rope_theta = 1e4f;
    cr_assert(eq(int, routes_from_text(&routes, trace_text, 2, &dense, &err),
                 STATUS_OK), "%s", err.text);
    for (int32_t l = 0; l < 4; l++) {
        cr_expect(eq(i32, routes_from(routes, l), l / 2));
        cr_expect(eq(int, dense.routed[l], l >= 2));
    }
    cr_expect(ieee_ulp_eq(dbl, dense.capacity[3], 7 / 15., 4));
    cr_assert(eq(int, allocation_open(&a, 4, 2, 4, &err), STATUS_OK));
    cr_assert(eq(int, routes_fill(&a, routes, 1, &err), STATUS_OK), "%s",
              err.text);
    cr_expect(eq(i32, allocation_count(&a, 1, 0), 4));
    cr_expect(eq(i32, allocation_count(&a, 2, 0), 2));
    cr_expect(eq(i32, allocation_kept(&a, 3, 0)[1], 3));
    cr_expect(eq(i32, allocation_count(&a, 3, 1), 0));
    allocation_close(&a);
    routes_close(routes);
}

/* ---- what is refused ---- */

static void expect_refused(const char *text, struct model_spec spec,
                           const char *said)
{
    struct error err = { STATUS_OK, "" };
    struct routes *routes;

    cr_expect(ne(int, routes_from_text(&routes, text, 0, &spec, &err),
                 STATUS_OK), "%s", said);
    cr_expect(ne(ptr, strstr(err.text, said), NULL), "%s\nnot: %s", err.text,
              said);
}

Test(batches, a_trace_that_does_not_fit_is_refused_by_name)
{
    struct model_spec shorter = llama(), other = llama(), part = llama();

    shorter.max_tokens = 3;
    expect_refused(trace_text, shorter, "t.csv: window 0 has 4 tokens; allowed"
                   " are the model's max_tokens, 3");
    other.routed[0] = true;
    expect_refused(trace_text, other, "t.csv: layer 0 is not in it, and the"
                   " model routes it");
    part.part = PART_FFN;
    expect_refused(trace_text, part, "t.csv: its choices are around part block,"
                   " and the model routes ffn");
    expect_refused("window,layer,part,tokens,kept\n0,2,block,4,0\n", llama(),
                   "t.csv: it routes layer 2; the model has layers 0 to 1");
}

Test(batches, more_sequences_than_windows_are_refused)
{
    struct model_spec spec = llama();
    struct routes *routes = opened(trace_text, &spec);
    struct predict_question q = { .spec = spec, .phase = MEMORY_DECODE,
                                  .n_sequences = 5 };
    struct batches b = { .n_layers = 0 };
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, batches_price(&b, routes, &q, NULL, NULL, NULL, &err),
                 STATUS_BAD_VALUE));
    cr_expect(eq(str, err.text, "--batch 5: there are 4 windows; allowed are up"
                 " to as many"));
    batches_close(&b);
    q.n_sequences = 1;
    q.n_tokens = 5;
    cr_expect(eq(int, batches_price(&b, routes, &q, NULL, NULL, NULL, &err),
                 STATUS_BAD_VALUE));
    cr_expect(eq(str, err.text, "--context 5: the longest window has 4 tokens;"
                 " allowed are up to as many"));
    batches_close(&b);
    routes_close(routes);
}
