/* test_predict.c - Price whole steps: worked by hand, by law, and by a slow
 * loop. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/price/flops.h"
#include "sim/price/memory.h"
#include "tests/priced.h"

/* ---- worked by hand ---- */

Test(predict, one_row_of_the_worked_example_costs_110566_a_layer)
{
    struct model_spec routed = gpt2(), spec = spec_dense(&routed);
    struct ledger *l = priced((struct asked){ .spec = spec, .B = 1, .T = 1,
                                              .phase = FORWARD });
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 0, LEDGER_ALL), 110566));
    /* embed 64, final norm 547, head 2*64*256 */
    cr_expect(eq(u64, flops(l, PASS_FORWARD, LEDGER_OUTSIDE, LEDGER_ALL),
                 64 + 547 + 32768));
    ledger_close(l);
}

Test(predict, a_routed_layer_by_hand)
{
    /* B = 1, T = 32, so K = 8. */
    struct ledger *l = priced((struct asked){ .spec = llama(), .B = 1, .T = 32,
                                              .phase = TRAIN });
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ROUTE), 32 * 163));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_ROUTE), 32 * 136 + 128));
    /* the threshold update of a batch of one, 1 + 4 */
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_SELECT), 5));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_SELECT), 4 * 32 + 4 * 8));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_GATHER), 8 * 8 * 32));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_GATE), 8 * 117));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ATTEND), 8 * 3456));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_NORM), 2 * 8 * 147));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_NORM),
                 2 * (8 * 260 + 128)));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_QKV), 8 * 4096));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_QKV), 8 * 384 + 8192));
    /* backward: 5*32 + 15 + 1 + 4 a row; 13*32 + 16 a kept row */
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_GATE), 8 * 180));
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_ROUTE), 8 * 432));
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_GATHER), 8 * 32));
    /* 4(10*8*16 + 22*16 + 32 + 15) = 4 * 1679 */
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_ATTEND), 8 * 6716));
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_SELECT), 0));
    ledger_close(l);
}

Test(predict, losses_of_routers_by_hand)
{
    struct model_spec spec = llama();
    spec.aux_loss = 0.1;
    struct ledger *l = priced((struct asked){ .spec = spec, .B = 1, .T = 32,
                                              .phase = TRAIN });
    /* exp, log, 1 +, + max; 1 of the mean */
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ROUTE_LOSS),
                 32 * (18 + 27 + 2 + 1)));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_ROUTE_LOSS), 32 * 12));
    /* the sigmoid, - kept, times the weight */
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_ROUTE_LOSS),
                 32 * (18 + 2 + 1 + 1)));
    cr_expect(eq(u64, bytes(l, PASS_BACKWARD, 1, OP_ROUTE_LOSS), 32 * 12));
    /* One more sum, and a row put back; then all rows of the router. */
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_GATE), 8 * 181));
    cr_expect(eq(u64, bytes(l, PASS_BACKWARD, 1, OP_GATE),
                 8 * (24 * 32 + 12)));
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_ROUTE), 32 * 432));
    ledger_close(l);
    spec.z_loss = 0.1;
    l = priced((struct asked){ .spec = spec, .B = 1, .T = 32, .phase = TRAIN });
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_ROUTE_LOSS), 32 * 24));
    ledger_close(l);
    spec.aux_loss = 0.0;
    l = priced((struct asked){ .spec = spec, .B = 1, .T = 32, .phase = TRAIN });
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ROUTE_LOSS), 0));
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_ROUTE_LOSS), 32));
    cr_expect(eq(u64, bytes(l, PASS_BACKWARD, 1, OP_ROUTE_LOSS), 32 * 8));
    ledger_close(l);
}

Test(predict, a_predictor_by_hand)
{
    struct model_spec spec = llama();
    spec.n_predictor = 5;
    struct ledger *l = priced((struct asked){ .spec = spec, .B = 1, .T = 32,
                                              .phase = TRAIN });
    /* x * scale; 2*32*5; 2*5 + 15 + 1 */
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_PREDICT),
                 32 * (32 + 320 + 26)));
    /* rows in and out and a scale, in and hidden, hidden and logit; weights */
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_PREDICT),
                 32 * (260 + 148 + 24) + 4 * (160 + 5 + 5 + 1)));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ROUTE_LOSS),
                 32 * (18 + 27 + 2 + 1)));
    /* x * scale again; dW 2*32*5, its bias 5; 3*5 for the vector, 1 */
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_PREDICT),
                 32 * (32 + 325 + 16)));
    cr_expect(eq(u64, bytes(l, PASS_BACKWARD, 1, OP_PREDICT),
                 32 * (260 + 148 + 44) + 4 * (160 + 5 + 5 + 5 + 1)));
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_ROUTE_LOSS),
                 32 * (18 + 4)));
    /* Only kept rows pass the router; a row is put back. */
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_ROUTE), 8 * 432));
    cr_expect(eq(u64, bytes(l, PASS_BACKWARD, 1, OP_GATE), 8 * (24 * 32 + 8)));
    ledger_close(l);
    /* Serving, it runs where it chooses. */
    l = priced((struct asked){ .spec = spec, .B = 1, .T = 32,
                               .phase = FORWARD });
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_PREDICT), 0));
    ledger_close(l);
}

Test(predict, the_update_by_hand)
{
    struct ledger *l = priced((struct asked){ .spec = llama(), .B = 1, .T = 32,
                                              .phase = TRAIN });
    /* norms 2*32, qkv 32*64, project 32*32, up 32*128, down 64*32: 9280, all
     * of one chunk; layer 1 has a router of 32 more */
    cr_expect(eq(u64, flops(l, PASS_UPDATE, 0, OP_CLIP), 2 * 9280 + 6 * 16));
    cr_expect(eq(u64, flops(l, PASS_UPDATE, 1, OP_CLIP), 2 * 9312 + 7 * 16));
    cr_expect(eq(u64, flops(l, PASS_UPDATE, 0, OP_ADAMW), 17 * 9280));
    cr_expect(eq(u64, bytes(l, PASS_UPDATE, 1, OP_ADAMW), 28 * 9312));
    /* tokens 3200, gamma 32, head 3200, and 2 once */
    cr_expect(eq(u64, flops(l, PASS_UPDATE, LEDGER_OUTSIDE, OP_CLIP),
                 2 * 6432 + 3 * 16 + 2));
    ledger_close(l);
}

Test(predict, a_router_that_is_not_trained_is_not_updated)
{
    struct model_spec spec = llama();
    spec.router_trained = false;
    struct ledger *l = priced((struct asked){ .spec = spec, .B = 1, .T = 32,
                                              .phase = TRAIN });
    cr_expect(eq(u64, flops(l, PASS_UPDATE, 1, OP_ADAMW), 17 * 9280));
    /* 8 kept rows of 13*32 + 16: the gate's gradient passes its score. */
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_ROUTE), 8 * 432));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ROUTE), 32 * 163));
    ledger_close(l);
    spec.router_detached = true;
    l = priced((struct asked){ .spec = spec, .B = 1, .T = 32, .phase = TRAIN });
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_ROUTE), 0));
    ledger_close(l);
}

Test(predict, loss_and_entropy_cost_only_where_asked)
{
    struct asked q = { .spec = llama(), .B = 1, .T = 4, .phase = FORWARD };
    struct ledger *bare = priced(q);
    q.with = PREDICT_LOSS | PREDICT_ENTROPY;
    struct ledger *scored = priced(q);

    cr_expect(eq(u64, bytes(bare, PASS_FORWARD, LEDGER_OUTSIDE, OP_LOSS), 0));
    /* 20*100 + 15 + 27 + 3;  21*100 + 15 + 27 + 2 */
    cr_expect(eq(u64, flops(scored, PASS_FORWARD, LEDGER_OUTSIDE, OP_LOSS),
                 4 * 2045));
    cr_expect(eq(u64, flops(scored, PASS_FORWARD, LEDGER_OUTSIDE, OP_ENTROPY),
                 4 * 2144));
    ledger_close(bare);
    ledger_close(scored);
}

/* ---- laws ---- */

struct law_case {
    int family, gate;
};
static struct law_case law_cases[] = {
    { FAMILY_GPT2, GATE_RAW },  { FAMILY_GPT2, GATE_SIGMOID2 },
    { FAMILY_GPT2, GATE_ONE },  { FAMILY_LLAMA, GATE_SIGMOID },
    { FAMILY_LLAMA, GATE_ONE },
};

static struct model_spec law_spec(const struct law_case *c)
{
    struct model_spec spec = c->family == FAMILY_GPT2 ? gpt2() : llama();
    spec.gate = (enum gate)c->gate;
    return spec;
}

#define LAW(name)                                                              \
    ParameterizedTestParameters(predict, name)                                 \
    {                                                                          \
        return cr_make_param_array(struct law_case, law_cases,                 \
                                   sizeof law_cases / sizeof *law_cases);      \
    }                                                                          \
    ParameterizedTest(struct law_case *c, predict, name)

LAW(at_capacity_one_a_routed_layer_adds_routing_and_nothing_else)
{
    struct model_spec spec = law_spec(c);
    spec.capacity[1] = 1.0;
    struct ledger *routed = priced((struct asked){
        .spec = spec, .B = 3, .T = 40, .phase = TRAIN });
    struct ledger *dense = priced((struct asked){
        .spec = spec_dense(&spec), .B = 3, .T = 40, .phase = TRAIN });

    for (int pass = PASS_FORWARD; pass <= PASS_BACKWARD; pass++) {
        uint64_t extra = flops(routed, pass, 1, OP_ROUTE) +
                         flops(routed, pass, 1, OP_SELECT) +
                         flops(routed, pass, 1, OP_GATHER) +
                         flops(routed, pass, 1, OP_GATE);
        cr_expect(eq(u64, flops(routed, pass, LEDGER_ALL, LEDGER_ALL),
                     flops(dense, pass, LEDGER_ALL, LEDGER_ALL) + extra));
    }
    ledger_close(routed);
    ledger_close(dense);
}

LAW(twice_the_batch_is_twice_the_flops_but_the_same_weights)
{
    struct model_spec spec = law_spec(c);
    struct asked q = { .spec = spec, .T = 40, .phase = FORWARD };
    q.B = 2;
    struct ledger *once = priced(q);
    q.B = 4;
    struct ledger *twice = priced(q);
    uint64_t weights = flops_list(&spec).at[PASS_FORWARD][OP_QKV].shared_bytes;

    cr_expect(eq(u64, flops(twice, LEDGER_ALL, LEDGER_ALL, LEDGER_ALL),
                 2 * flops(once, LEDGER_ALL, LEDGER_ALL, LEDGER_ALL)));
    cr_expect(eq(u64, bytes(twice, PASS_FORWARD, 0, OP_QKV) + weights,
                 2 * bytes(once, PASS_FORWARD, 0, OP_QKV)));
    ledger_close(once);
    ledger_close(twice);
}

LAW(more_capacity_never_costs_less)
{
    struct model_spec spec = law_spec(c);
    uint64_t before = 0;

    for (double capacity = 1.0 / 32; capacity <= 1.0; capacity += 1.0 / 32) {
        spec.capacity[1] = capacity;
        uint64_t now = all_flops((struct asked){
            .spec = spec, .B = 1, .T = 64, .phase = TRAIN });
        cr_assert(ge(u64, now, before));
        before = now;
    }
}

LAW(folding_tokens_keeps_every_total)
{
    struct machine m = machine();
    struct asked q = { .spec = law_spec(c), .B = 2, .T = 40, .machine = &m,
                       .phase = TRAIN };
    struct ledger *coarse = priced(q);
    q.by_token = true;
    struct ledger *fine = priced(q);

    for (int pass = 0; pass < PASS_COUNT; pass++)
        for (int op = 0; op < OP_COUNT; op++) {
            struct cost a = ledger_sum(coarse, pass, 1, LEDGER_ANY, op);
            struct cost b = ledger_sum(fine, pass, 1, LEDGER_ANY, op);
            for (int i = 0; i < METRIC_COUNT; i++) {
                double x = cost_get(&a, (enum metric)i);
                double y = cost_get(&b, (enum metric)i);
                double slack = i < METRIC_FIRST_REAL ? 0 : 1e-12;
                cr_expect(alike(x, y, slack * fabs(x)),
                          "%s %s %s: %.17g, by token %.17g", pass_names[pass],
                          op_table[op].name, metric_table[i].column, x, y);
            }
        }
    ledger_close(coarse);
    ledger_close(fine);
}

/* ---- against a loop over every query and key ---- */

static uint64_t slow_attend(const struct model_spec *s,
                            const struct allocation *a, int32_t layer)
{
    uint64_t D = (uint64_t)s->head_size, H = (uint64_t)s->n_heads, sum = 0;

    for (int32_t b = 0; b < a->n_sequences; b++)
        for (int32_t i = 0; i < allocation_count(a, layer, b); i++) {
            uint64_t n = 0;
            for (int32_t first = 0; first <= i; first += 16)
                n += 16;
            for (uint64_t h = 0; h < H; h++)
                sum += 4 * D * n + 20 * n + 2 * D + 16;
        }
    return sum;
}

Test(predict, attention_equals_a_slow_loop_over_uneven_routes)
{
    struct asked q = { .spec = llama(), .B = 4, .T = 100, .phase = FORWARD };
    struct allocation a;
    cr_assert(eq(int, allocation_open(&a, L, q.B, q.T, NULL), STATUS_OK));
    const int32_t counts[] = { 0, 1, 33, 100 };
    for (int32_t b = 0; b < q.B; b++)
        a.count[L / 2 * q.B + b] = counts[b];

    struct ledger *ledger = priced_for(&q, &a, NULL);
    for (int32_t l = 0; l < L; l++)
        cr_expect(eq(u64, flops(ledger, PASS_FORWARD, l, OP_ATTEND),
                     slow_attend(&q.spec, &a, l)));
    ledger_close(ledger);
    allocation_close(&a);
}

Test(predict, a_token_pays_for_itself_alone)
{
    struct asked q = { .spec = llama(), .B = 2, .T = 40, .phase = FORWARD,
                       .by_token = true };
    struct ledger *l = priced(q);
    /* K = 10 of 40, strided: positions 0, 4, 8, ...; sequence 1, position 36 is
     * the 10th kept: n = 16; position 37 is skipped */
    struct ledger_key kept = { PASS_FORWARD, 1, 40 + 36, OP_ATTEND };
    struct ledger_key skipped = { PASS_FORWARD, 1, 40 + 37, OP_ATTEND };
    struct ledger_key last = { PASS_FORWARD, 0, 40 + 39, OP_ATTEND };

    cr_expect(eq(u64, ledger_at(l, kept)->count[METRIC_FLOPS], 3456));
    cr_expect(untouched(l, skipped));
    /* n = 48: 4(4*8*48 + 20*48 + 16 + 16) */
    cr_expect(eq(u64, ledger_at(l, last)->count[METRIC_FLOPS], 10112));
    kept.op = skipped.op = OP_SELECT;
    cr_expect(eq(u64, ledger_at(l, kept)->count[METRIC_BYTES], 8));
    cr_expect(eq(u64, ledger_at(l, skipped)->count[METRIC_BYTES], 4));
    skipped.op = OP_ROUTE;
    cr_expect(eq(u64, ledger_at(l, skipped)->count[METRIC_FLOPS], 163));
    ledger_close(l);
}

Test(predict, a_layer_without_rows_reads_no_weights)
{
    struct asked q = { .spec = llama(), .B = 2, .T = 8, .phase = FORWARD };
    struct allocation a;
    cr_assert(eq(int, allocation_open(&a, L, q.B, q.T, NULL), STATUS_OK));
    a.count[2] = a.count[3] = 0;
    struct ledger *l = priced_for(&q, &a, NULL);

    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_QKV), 0));
    cr_expect(untouched(l, (struct ledger_key){
        PASS_FORWARD, 1, LEDGER_SHARED, OP_QKV }));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ROUTE), 16 * 163));
    ledger_close(l);
    allocation_close(&a);
}

/* ---- decode ---- */

Test(predict, decoding_every_token_does_the_attention_of_one_prefill)
{
    struct asked q = { .spec = llama(), .B = 2, .T = 40, .phase = FORWARD };
    q.spec = spec_dense(&q.spec);
    struct ledger *l = priced(q);
    uint64_t prefill = flops(l, PASS_FORWARD, 0, OP_ATTEND), steps = 0;
    ledger_close(l);

    q.phase = DECODE;
    for (q.T = 1; q.T <= 40; q.T++) {
        l = priced(q);
        steps += flops(l, PASS_FORWARD, 0, OP_ATTEND);
        ledger_close(l);
    }
    cr_assert(eq(u64, steps, prefill));
}

Test(predict, a_decode_step_by_hand)
{
    /* Two sequences of 20 tokens; layer 1 kept 5 of the first, the newest among
     * them, and 3 of the second, the newest not. */
    struct asked q = { .spec = llama(), .B = 2, .T = 20, .phase = DECODE };
    struct allocation a;
    cr_assert(eq(int, allocation_open(&a, L, 2, 20, NULL), STATUS_OK));
    a.count[2] = 5;
    a.count[3] = 3;
    allocation_kept(&a, 1, 0)[4] = 19;
    struct ledger *l = priced_for(&q, &a, NULL);

    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_QKV), 4096));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_QKV), 384 + 8192));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ATTEND), 3456));
    /* 8*32 + 8*16*5 + 8*4 */
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_ATTEND), 928));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ROUTE), 2 * 163));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_SELECT), 2 * 4 + 4));
    /* the dense layer: 20 keys are two tiles, 4(32*32 + 20*32 + 32) */
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 0, OP_ATTEND), 2 * 6784));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, LEDGER_OUTSIDE, OP_HEAD),
                 2 * 6400));

    q.by_token = true;
    struct ledger *fine = priced_for(&q, &a, NULL);
    cr_expect(eq(u64, ledger_at(fine, (struct ledger_key){
        PASS_FORWARD, 1, 0, OP_ATTEND })->count[METRIC_BYTES], 928));
    cr_expect(untouched(fine, (struct ledger_key){
        PASS_FORWARD, 1, 1, OP_ATTEND }));
    cr_expect(eq(u64, bytes(fine, LEDGER_ALL, LEDGER_ALL, LEDGER_ALL),
                 bytes(l, LEDGER_ALL, LEDGER_ALL, LEDGER_ALL)));
    ledger_close(fine);
    ledger_close(l);
    allocation_close(&a);
}

Test(predict, an_expected_dense_step_is_the_dense_step)
{
    struct asked q = { .spec = gpt2(), .B = 3, .T = 50, .phase = DECODE };
    q.spec = spec_dense(&q.spec);
    struct ledger *exact = priced(q);
    q.phase = EXPECTED;
    struct ledger *expected = priced(q);

    for (int op = 0; op < OP_COUNT; op++) {
        cr_expect(eq(u64, flops(expected, PASS_FORWARD, 0, op),
                     flops(exact, PASS_FORWARD, 0, op)));
        cr_expect(eq(u64, bytes(expected, PASS_FORWARD, 0, op),
                     bytes(exact, PASS_FORWARD, 0, op)));
    }
    ledger_close(exact);
    ledger_close(expected);
}

Test(predict, the_weights_of_a_routed_block_are_read_if_any_sequence_needs_them)
{
    /* c = 1/4, B = 2: 1/2 row expected, weights with chance 1 - (3/4)^2 = 7/16.
     * 10 of 40 keys are held. */
    struct ledger *l = priced((struct asked){ .spec = llama(), .B = 2, .T = 40,
                                              .phase = EXPECTED });
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_QKV), 4096 / 2));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_QKV),
                 384 / 2 + 8192 * 7 / 16));
    /* 8*32 + 8*16*10 + 8*4 = 1568 */
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_ATTEND), 1568 / 2));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ROUTE), 2 * 163));
    ledger_close(l);
}

Test(predict, an_expected_step_knows_of_the_first_tokens)
{
    /* c = 1/4, B = 2, T = 40, of which the first 8 are 8 of the 10 kept: for
     * the last, 2 of 32 are left; both skip with (15/16)^2. */
    struct asked q = { .spec = llama(), .B = 2, .T = 40, .phase = EXPECTED };
    q.spec.keep_first = 8;
    struct ledger *l = priced(q);
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_QKV), 4096 / 8));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_QKV),
                 384 / 8 + 8192 * 31 / 256));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_ATTEND), 1568 / 8));
    ledger_close(l);
    /* besides: a chance of 1/4 again, and 8 + 32/4 keys: 8*32 + 8*16*16 + 8*4 */
    q.spec.first_besides = true;
    l = priced(q);
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_QKV), 4096 / 2));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_ATTEND), 2336 / 2));
    ledger_close(l);
}

/* ---- refusals ---- */

Test(predict, a_sum_past_64_bits_is_refused)
{
    struct model_spec spec = spec_dense(&(struct model_spec){
        .traits = family_traits[FAMILY_GPT2],
        .n_layers = 1, .n_channels = 1 << 16,
        .n_heads = 1, .n_kv_heads = 1, .head_size = 64, .n_ffn = 64,
        .n_vocab = 1 << 20, .max_tokens = 1 << 20 });
    /* head: 2 * 2^16 * 2^20 a row, 2^31 rows */
    int32_t *count = calloc(1 << 11, sizeof *count);
    struct allocation a = { .n_choices = 1, .n_sequences = 1 << 11,
                            .n_tokens = 1 << 20, .count = count };
    struct predict_job job = { .spec = &spec, .allocation = &a };
    struct ledger *ledger;
    struct error err;

    cr_assert(eq(int, ledger_open(&ledger, (struct ledger_shape){ 0 },
                                  (struct cost){ 0 }, NULL), STATUS_OK));
    cr_expect(eq(int, predict_forward(ledger, &job, PREDICT_HEAD, NULL, &err),
                 STATUS_OVERFLOWED));
    ledger_close(ledger);
    free(count);
}

Test(predict, routes_of_another_model_are_refused)
{
    struct model_spec spec = llama();
    struct allocation a = { .n_choices = L + 1, .n_sequences = 1,
                            .n_tokens = 8 };
    struct predict_job job = { .spec = &spec, .allocation = &a };
    struct ledger *ledger;
    struct error err;

    cr_assert(eq(int, ledger_open(&ledger, (struct ledger_shape){ 0 },
                                  (struct cost){ 0 }, NULL), STATUS_OK));
    cr_expect(eq(int, predict_train_step(ledger, &job, NULL, &err),
                 STATUS_BAD_VALUE));
    cr_expect(ne(ptr, strstr(err.text, "3 choices"), NULL), "%s", err.text);
    a.n_choices = L;
    a.n_tokens = 129;
    cr_expect(eq(int, predict_train_step(ledger, &job, NULL, &err),
                 STATUS_BAD_VALUE));
    cr_expect(ne(ptr, strstr(err.text, "max_tokens, 128"), NULL), "%s",
              err.text);
    ledger_close(ledger);
}

/* ---- what is known, and why not ---- */

Test(predict, without_a_machine_seconds_are_unknown_and_say_why)
{
    struct asked q = { .spec = llama(), .B = 1, .T = 8, .phase = TRAIN };
    struct ledger *l = priced(q);
    struct cost sum = ledger_sum(l, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);

    cr_expect(eq(int, sum.from[METRIC_FLOPS], PROV_PREDICTED));
    cr_expect(eq(int, sum.from[METRIC_SECONDS], PROV_UNKNOWN));
    cr_expect(eq(int, sum.from[METRIC_CYCLES], PROV_UNKNOWN));
    cr_expect(eq(str, (char *)ledger_reason(l, METRIC_SECONDS),
                 (char *)"no machine profile given"));
    ledger_close(l);
}

Test(predict, totals_lie_inside_their_interval)
{
    struct machine m = machine();
    struct asked q = { .spec = llama(), .B = 2, .T = 64, .machine = &m,
                       .phase = TRAIN };
    struct allocation a;
    struct predict_range range;
    cr_assert(eq(int, allocation_open(&a, L, q.B, q.T, NULL), STATUS_OK));
    allocation_fill(&a, &q.spec);
    struct ledger *l = priced_for(&q, &a, &range);
    struct cost sum = ledger_sum(l, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    double seconds = cost_get(&sum, METRIC_SECONDS);

    cr_expect(lt(dbl, fabs(seconds - range.seconds.value), 1e-12 * seconds));
    cr_expect(lt(dbl, range.seconds.low, seconds));
    cr_expect(gt(dbl, range.seconds.high, seconds));
    cr_expect(lt(dbl, range.joules.low, range.joules.value));
    cr_expect(gt(dbl, range.joules.high, range.joules.value));
    ledger_close(l);
    allocation_close(&a);
}

/* ---- conventions, by hand ---- */

static double convention(const char *name, const struct model_spec *spec,
                         int32_t B, int32_t T)
{
    struct allocation a;
    cr_assert(eq(int, allocation_open(&a, spec->n_layers, B, T, NULL),
                 STATUS_OK));
    allocation_fill(&a, spec);
    double value = predict_train_flops(predict_convention_find(name), spec, &a);
    allocation_close(&a);
    return value;
}

Test(predict, conventions_by_hand)
{
    /* Block matrices 32*64 + 32*32 + 32*128 + 64*32 = 9216.  B = 2, T = 8:
     * layer 0 16 rows, layer 1 K = 2, 4 rows.  Pairs, both sequences: exact
     * 2*36 + 2*3 = 78, full 2*64 + 2*4 = 136. */
    struct model_spec spec = llama();
    double linear = 2.0 * 9216 * 20, head = 2.0 * 32 * 100 * 16;

    cr_expect(eq(dbl, convention("matmul", &spec, 2, 8),
                 3 * (linear + 4.0 * 32 * 78 + head)));
    cr_expect(eq(dbl, convention("matmul-full", &spec, 2, 8),
                 3 * (linear + 4.0 * 32 * 136 + head)));
    cr_expect(eq(dbl, convention("matmul-half", &spec, 2, 8),
                 3 * (linear + 4.0 * 32 * 68 + head)));
    cr_expect(eq(dbl, convention("matmul-no-head", &spec, 2, 8),
                 3 * (linear + 4.0 * 32 * 78)));
    /* 6 * (9280*16 + 9312*4 + 6432*16) */
    cr_expect(eq(dbl, convention("6n", &spec, 2, 8), 1731840));
    cr_expect(eq(dbl, convention("6n-blocks", &spec, 2, 8),
                 1731840 - 6 * 6400 * 16.0));
    cr_expect(eq(dbl, convention("palm", &spec, 2, 8),
                 1731840 + 3 * 4.0 * 32 * 136));
    cr_expect(eq(dbl, convention("kaplan", &spec, 2, 8),
                 3 * linear + 3 * 4.0 * 32 * 68));
    cr_expect(eq(dbl, convention("chinchilla", &spec, 2, 8),
                 3 * (linear + 4.0 * 32 * 136 + 2 * head + 3.0 * 4 * 136)));
}

/* ---- routers alone ---- */

/* Two sequences of 16 tokens, of which the last layer keeps 4 each.  Backward:
 * head 32 * 2*32*100, final norm 32 * (10*32 + 16), loss 32 * (20*100 + 2), gate
 * 8 * (5*32 + 15 + 1 + 4), route 8 * (13*32 + 16), and nothing else. */
Test(predict, training_of_routers_ends_at_the_lowest_one)
{
    struct model_spec spec = llama();
    spec.backbone_frozen = true;
    struct ledger *l = priced((struct asked){ .spec = spec, .B = 2, .T = 16 });

    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_GATE), 1440));
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, OP_ROUTE), 3456));
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 1, LEDGER_ALL), 1440 + 3456));
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, LEDGER_ALL, LEDGER_ALL),
                 204800 + 10752 + 64064 + 1440 + 3456));
    cr_expect(eq(u64, bytes(l, PASS_BACKWARD, 0, LEDGER_ALL), 0));
    /* One tensor of 32: 2*32 + 16, and 2 once; 17*32. */
    cr_expect(eq(u64, flops(l, PASS_UPDATE, LEDGER_ALL, OP_CLIP), 80 + 2));
    cr_expect(eq(u64, flops(l, PASS_UPDATE, LEDGER_ALL, OP_ADAMW), 544));
    cr_expect(untouched(l, (struct ledger_key){ PASS_BACKWARD, LEDGER_OUTSIDE,
                                                LEDGER_SHARED, OP_EMBED }));
    cr_expect(untouched(l, (struct ledger_key){ PASS_UPDATE, 0, LEDGER_SHARED,
                                                OP_ADAMW }));
    ledger_close(l);
}

/* ---- memory ---- */

Test(predict, training_holds_four_copies_of_the_parameters)
{
    struct model_spec spec = llama();
    struct memory_item items[MEMORY_ITEMS_MAX];
    int n = memory_items(items, &spec, 2, 16, MEMORY_TRAIN);
    uint64_t copies = 0, numbers = 0;

    for (int i = 0; i < n; i++) {
        copies += items[i].numbers == 25024 ? items[i].rows : 0;
        numbers += items[i].numbers * items[i].rows;
    }
    /* 9280 + 9312 + 6432 */
    cr_expect(eq(u64, memory_parameters(&spec), 25024));
    cr_expect(eq(u64, copies, 4));
    cr_expect(eq(u64, memory_bytes(&spec, 2, 16, MEMORY_TRAIN), 4 * numbers));
}

Test(predict, routing_shrinks_the_cache_of_keys_with_the_capacity)
{
    struct model_spec spec = llama(), dense = spec_dense(&spec);
    /* layer 1 keeps 32 of 128: 96 rows of 2*16 numbers less a sequence; but a
     * router of 32, the scores of 128 tokens in two layers, and of the new row two
     * copies of 32, a score, 2 of its statistics, a gate and 3 places */
    uint64_t saved = 4 * 96 * 32;
    uint64_t spent = 4 * (32 + 2 * 128 + 2 * 32 + 1 + 2 + 4);
    cr_expect(eq(u64, memory_bytes(&spec, 1, 128, MEMORY_DECODE),
                 memory_bytes(&dense, 1, 128, MEMORY_DECODE) - saved + spent));
}

/* ---- speed: told, not judged ---- */

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

Test(predict, pricing_32_layers_takes_microseconds)
{
    struct machine m = machine();
    struct asked q = { .spec = llama(), .B = 1, .T = 128, .machine = &m,
                       .phase = TRAIN };
    struct allocation a;
    q.spec.n_layers = 32;
    cr_assert(eq(int, allocation_open(&a, 32, q.B, q.T, NULL), STATUS_OK));

    struct ledger *l = priced_for(&q, &a, NULL);
    struct predict_job job = { .spec = &q.spec, .allocation = &a };
    double best[2] = { 1, 1 };
    for (int i = 0; i < 40; i++) {
        job.machine = i % 2 ? &m : NULL;
        ledger_clear(l);
        double started = seconds_now();
        cr_assert(eq(int, predict_train_step(l, &job, NULL, NULL), STATUS_OK));
        best[i % 2] = fmin(best[i % 2], seconds_now() - started);
    }
    cr_log_info("a train step of 32 layers priced in %.1f us, with seconds and"
                " joules %.1f us\n", best[0] * 1e6, best[1] * 1e6);
    cr_expect(gt(u64, flops(l, LEDGER_ALL, LEDGER_ALL, LEDGER_ALL), 0));
    ledger_close(l);
    allocation_close(&a);
}
