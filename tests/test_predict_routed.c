/* test_predict_routed.c - Price parts, skipped keys and signals, worked by
 * hand.
 *
 * Two sequences, of 40 and of 20 tokens.  Layer 1 keeps 0-15, 20 and 33 of the
 * first, 3 and 17 of the second: K = 20 rows of N = 60.
 *   Keys of kept rows: 16 for the first 16 of a sequence, then 32:
 *     16*16 + 2*32 + 2*16 = 352.
 *   With the keys of skipped tokens, strips end at positions 15, 33 and 17:
 *     16*16 + 2*48 + 2*32 = 416.
 *   Of all rows: 16*16 + 16*32 + 8*48 + 16*16 + 4*32 = 1536.
 * Of a row, C = Q = 32, E = 16, H = 4, D = 8: attend 4(52n + 32) = 208n + 128
 * flops; its bytes are 8*32 + 8*4 = 288 and 8*16 = 128 of keys and values. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <string.h>

#include "sim/core/model/spec_check.h"
#include "sim/price/memory.h"
#include "tests/priced.h"

struct routed_case {
    enum routed_part  part;
    enum skipped_keys keys;
    enum signal       signal;
    struct { enum op op; uint64_t flops, bytes; } layer1[11];
    uint64_t gather0;         /* bytes of layer 0's gather */
};

#define K 20
#define N 60
#define ROWS(n, flops, bytes, shared) (n)*(flops), (n)*(bytes) + (shared)

static struct routed_case routed_cases[] = {
    { PART_BLOCK, SKIPPED_KEYS_ABSENT, SIGNAL_NONE, {
        { OP_ROUTE, 0, 0 }, { OP_SELECT, 0, 4*K }, { OP_GATHER, 0, 256*K },
        { OP_NORM, 2*K*147, 2*(K*260 + 128) },
        { OP_QKV, ROWS(K, 4096, 384, 8192) },
        { OP_ROPE, ROWS(K, 144, 416, 0) },
        { OP_ATTEND, 208*352 + K*128, K*416 },
        { OP_PROJECT, ROWS(K, 2048, 384, 4096) },
        { OP_FFN_UP, ROWS(K, 8192, 640, 16384) },
        { OP_FFN_DOWN, ROWS(K, 4096, 512, 8192) },
        { OP_GATE, 0, 256*K } }, 0 },
    /* norm: 2*32 + 15 */
    { PART_BLOCK, SKIPPED_KEYS_COMPUTED, SIGNAL_NORM, {
        { OP_ROUTE, ROWS(N, 79, 132, 0) }, { OP_SELECT, 0, 4*N + 4*K },
        { OP_GATHER, 0, 512*K },
        { OP_NORM, (N + K)*147, (N + K)*260 + 2*128 },
        /* 2*32*32 and 4*32*16 are both 2048; 4*32 + 4*32, 4*32 + 8*16; 4*32*32,
         * 8*32*16 */
        { OP_QKV, (K + N)*2048, (K + N)*256 + 2*4096 },
        /* 3*32, 8*32 + 4*8; 3*16, 8*16 + 4*8 */
        { OP_ROPE, K*96 + N*48, K*288 + N*160 },
        { OP_ATTEND, 208*416 + K*128, K*288 + N*128 },
        { OP_PROJECT, ROWS(K, 2048, 384, 4096) },
        { OP_FFN_UP, ROWS(K, 8192, 640, 16384) },
        { OP_ACT, ROWS(K, 1344, 768, 0) },
        { OP_GATE, 0, 256*K } }, 0 },
    /* change: 3*32 + 15, 12*32 + 4.  Layer 0 puts 16*16 bytes a row into the
     * table, layer 1 those of its kept rows. */
    { PART_BLOCK, SKIPPED_KEYS_CARRIED, SIGNAL_CHANGE, {
        { OP_ROUTE, ROWS(N, 111, 388, 0) }, { OP_SELECT, 0, 4*N + 4*K },
        { OP_GATHER, 0, 256*K + 256*K },
        { OP_NORM, 2*K*147, 2*(K*260 + 128) },
        { OP_QKV, ROWS(K, 4096, 384, 8192) },
        { OP_ROPE, ROWS(K, 144, 416, 0) },
        { OP_ATTEND, 208*416 + K*128, K*288 + N*128 },
        { OP_PROJECT, ROWS(K, 2048, 384, 4096) },
        { OP_FFN_UP, ROWS(K, 8192, 640, 16384) },
        { OP_FFN_DOWN, ROWS(K, 4096, 512, 8192) },
        { OP_GATE, 0, 256*K } }, 256*N },
    /* received: 2*32 a row and 4(2*8 + 18 + 3) = 148 a key of layer 0; 8*32 +
     * 8*16 + 8*4 + 4 */
    { PART_ATTENTION, SKIPPED_KEYS_ABSENT, SIGNAL_RECEIVED, {
        { OP_ROUTE, N*64 + 148*1536, N*420 }, { OP_SELECT, 0, 4*N + 4*K },
        { OP_GATHER, 0, 256*K },
        { OP_NORM, (K + N)*147, (K + N)*260 + 2*128 },
        { OP_QKV, ROWS(K, 4096, 384, 8192) },
        { OP_ROPE, ROWS(K, 144, 416, 0) },
        { OP_ATTEND, 208*352 + K*128, K*416 },
        { OP_PROJECT, ROWS(K, 2048, 384, 4096) },
        { OP_FFN_UP, ROWS(N, 8192, 640, 16384) },
        { OP_FFN_DOWN, ROWS(N, 4096, 512, 8192) },
        { OP_GATE, 0, 256*K } }, 0 },
    { PART_ATTENTION, SKIPPED_KEYS_COMPUTED, SIGNAL_HASH, {
        { OP_ROUTE, 0, 8*N }, { OP_SELECT, 0, 4*N + 4*K },
        { OP_GATHER, 0, 512*K },
        { OP_NORM, 2*N*147, 2*(N*260 + 128) },
        { OP_QKV, (K + N)*2048, (K + N)*256 + 2*4096 },
        { OP_ROPE, K*96 + N*48, K*288 + N*160 },
        { OP_ATTEND, 208*416 + K*128, K*288 + N*128 },
        { OP_PROJECT, ROWS(K, 2048, 384, 4096) },
        { OP_FFN_UP, ROWS(N, 8192, 640, 16384) },
        { OP_ACT, ROWS(N, 1344, 768, 0) },
        { OP_GATE, 0, 256*K } }, 0 },
    { PART_ATTENTION, SKIPPED_KEYS_CARRIED, SIGNAL_NONE, {
        { OP_ROUTE, 0, 0 }, { OP_SELECT, 0, 4*K },
        { OP_GATHER, 0, 256*K + 256*K },
        { OP_NORM, (K + N)*147, (K + N)*260 + 2*128 },
        { OP_QKV, ROWS(K, 4096, 384, 8192) },
        { OP_ROPE, ROWS(K, 144, 416, 0) },
        { OP_ATTEND, 208*416 + K*128, K*288 + N*128 },
        { OP_PROJECT, ROWS(K, 2048, 384, 4096) },
        { OP_FFN_UP, ROWS(N, 8192, 640, 16384) },
        { OP_FFN_DOWN, ROWS(N, 4096, 512, 8192) },
        { OP_GATE, 0, 256*K } }, 256*N },
    { PART_FFN, SKIPPED_KEYS_ABSENT, SIGNAL_NORM, {
        { OP_ROUTE, ROWS(N, 79, 132, 0) }, { OP_SELECT, 0, 4*N + 4*K },
        { OP_GATHER, 0, 256*K },
        { OP_NORM, (N + K)*147, (N + K)*260 + 2*128 },
        { OP_QKV, ROWS(N, 4096, 384, 8192) },
        { OP_ROPE, ROWS(N, 144, 416, 0) },
        { OP_ATTEND, 208*1536 + N*128, N*416 },
        { OP_PROJECT, ROWS(N, 2048, 384, 4096) },
        { OP_FFN_UP, ROWS(K, 8192, 640, 16384) },
        { OP_FFN_DOWN, ROWS(K, 4096, 512, 8192) },
        { OP_GATE, 0, 256*K } }, 0 },
};

static struct model_spec routed_spec(const struct routed_case *c)
{
    struct model_spec spec = llama();
    struct error err = { 0 };

    spec.router_scores = spec.router_trained = false;
    spec.gate = GATE_ONE;
    spec.part = c->part;
    spec.skipped_keys = c->keys;
    spec.signal = c->signal;
    cr_assert(eq(int, spec_check(&spec, &err), STATUS_OK), "%s", err.text);
    return spec;
}

static struct allocation uneven_routes(void)
{
    struct allocation a;
    int32_t *first, *second;

    cr_assert(eq(int, allocation_open(&a, L, 2, 40, NULL), STATUS_OK));
    a.length[1] = 20;
    a.count[0 * 2 + 1] = 20;
    first = allocation_kept(&a, 1, 0);
    second = allocation_kept(&a, 1, 1);
    a.count[1 * 2 + 0] = 18;
    first[16] = 20;
    first[17] = 33;
    a.count[1 * 2 + 1] = 2;
    second[0] = 3;
    second[1] = 17;
    return a;
}

#define ROUTED(name)                                                           \
    ParameterizedTestParameters(predict_routed, name)                          \
    {                                                                          \
        return cr_make_param_array(struct routed_case, routed_cases,           \
            sizeof routed_cases / sizeof *routed_cases);                       \
    }                                                                          \
    ParameterizedTest(struct routed_case *c, predict_routed, name)

ROUTED(a_layer_routed_this_way_by_hand)
{
    struct asked q = { .spec = routed_spec(c), .B = 2, .T = 40,
                       .phase = FORWARD };
    struct allocation a = uneven_routes();
    struct ledger *l = priced_for(&q, &a, NULL);

    for (size_t i = 0; i < sizeof c->layer1 / sizeof *c->layer1; i++) {
        enum op op = c->layer1[i].op;
        cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, op), c->layer1[i].flops),
                  "%s", op_table[op].name);
        cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, op), c->layer1[i].bytes),
                  "%s", op_table[op].name);
    }
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 0, OP_GATHER), c->gather0));
    /* the dense layer, of sequences of 40 and 20 */
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 0, OP_QKV), N*4096));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 0, OP_ATTEND), 208*1536 + N*128));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, LEDGER_OUTSIDE, OP_EMBED), N*260));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, LEDGER_OUTSIDE, OP_HEAD),
                 N*6400));
    ledger_close(l);
    allocation_close(&a);
}

ROUTED(folded_tokens_are_the_layer_and_each_pays_for_itself)
{
    struct machine m = machine();
    struct asked q = { .spec = routed_spec(c), .B = 2, .T = 40, .machine = &m,
                       .phase = FORWARD };
    struct allocation a = uneven_routes();
    struct ledger *coarse = priced_for(&q, &a, NULL);
    q.by_token = true;
    struct ledger *l = priced_for(&q, &a, NULL);
    const bool attends = c->part != PART_FFN, feeds = c->part != PART_ATTENTION;
    const bool seen = c->keys != SKIPPED_KEYS_ABSENT;
    const bool computed = c->keys == SKIPPED_KEYS_COMPUTED;
    const enum metric F = METRIC_FLOPS, B = METRIC_BYTES;

    for (int op = 0; op < OP_COUNT; op++)
        for (int32_t layer = 0; layer < L; layer++)
            for (int i = 0; i < METRIC_COUNT; i++) {
                struct cost x = ledger_sum(coarse, PASS_FORWARD, layer,
                                           LEDGER_ANY, op);
                struct cost y = ledger_sum(l, PASS_FORWARD, layer, LEDGER_ANY,
                                           op);
                double slack = i < METRIC_FIRST_REAL ? 0 : 1e-12;
                cr_expect(alike(cost_get(&x, (enum metric)i),
                                cost_get(&y, (enum metric)i),
                                slack * fabs(cost_get(&x, (enum metric)i))),
                          "%s %s", op_table[op].name, metric_table[i].column);
            }
    /* Sequence 0, position 33, the 18th kept: 32 keys, 48 with skipped ones and
     * 48 of all; position 25, skipped. */
    cr_expect(eq(u64, of_token(l, 33, OP_ATTEND, F),
                 208u * (seen || !attends ? 48 : 32) + 128));
    cr_expect(eq(u64, of_token(l, 33, OP_ATTEND, B), 416));
    cr_expect(eq(u64, of_token(l, 25, OP_ATTEND, F),
                 attends ? 0 : 208*32 + 128));
    cr_expect(eq(u64, of_token(l, 25, OP_ATTEND, B),
                 !attends ? 416 : seen ? 128 : 0));
    cr_expect(eq(u64, of_token(l, 33, OP_QKV, F), 4096));
    cr_expect(eq(u64, of_token(l, 25, OP_QKV, F),
                 !attends ? 4096 : computed ? 2048 : 0));
    cr_expect(eq(u64, of_token(l, 33, OP_NORM, F), 2*147));
    cr_expect(eq(u64, of_token(l, 25, OP_NORM, F),
                 147u * ((!attends || computed) + !feeds)));
    cr_expect(eq(u64, of_token(l, 25, OP_FFN_UP, F), feeds ? 0 : 8192));
    cr_expect(eq(u64, of_token(l, 25, OP_PROJECT, F), attends ? 0 : 2048));
    cr_expect(eq(u64, of_token(l, 25, OP_GATHER, B), 0));
    /* Sequence 1, position 17, the second kept. */
    cr_expect(eq(u64, of_token(l, 40 + 17, OP_ATTEND, F),
                 208u * (seen || !attends ? 32 : 16) + 128));
    /* It has no position 20. */
    for (int op = 0; op < OP_COUNT; op++)
        cr_expect(untouched(l, (struct ledger_key){ PASS_FORWARD, 1, 40 + 20,
                                                    (enum op)op }));
    ledger_close(coarse);
    ledger_close(l);
    allocation_close(&a);
}

/* A step of three sequences, of 20, 20 and 34 tokens.  Layer 1 keeps the newest
 * token of the first, its 5th, not of the second, and of the third, its 18th. */
static struct allocation uneven_step(void)
{
    struct allocation a;

    cr_assert(eq(int, allocation_open(&a, L, 3, 34, NULL), STATUS_OK));
    for (int32_t b = 0; b < 2; b++)
        a.length[b] = a.count[b] = 20;
    a.count[3] = 5;
    allocation_kept(&a, 1, 0)[4] = 19;
    a.count[4] = 3;
    a.count[5] = 18;
    allocation_kept(&a, 1, 2)[17] = 33;
    return a;
}

ROUTED(a_decode_step_of_such_a_layer_by_hand)
{
    struct asked q = { .spec = routed_spec(c), .B = 3, .T = 34,
                       .phase = DECODE };
    struct allocation a = uneven_step();
    const bool attends = c->part != PART_FFN, feeds = c->part != PART_ATTENTION;
    const bool computed = c->keys == SKIPPED_KEYS_COMPUTED;
    const bool carried = c->keys == SKIPPED_KEYS_CARRIED;
    if (c->signal == SIGNAL_RECEIVED) {
        struct predict_job job = { .spec = &q.spec, .allocation = &a };
        struct ledger *none;
        struct error err;
        cr_assert(eq(int, ledger_open(&none, (struct ledger_shape){ 0 },
                                      (struct cost){ 0 }, NULL), STATUS_OK));
        cr_expect(eq(int, predict_decode(none, &job, NULL, &err),
                     STATUS_BAD_VALUE));
        cr_expect(strstr(err.text, "looks ahead") != NULL);
        ledger_close(none);
        allocation_close(&a);
        return;
    }
    struct ledger *l = priced_for(&q, &a, NULL);

    if (!attends) {
        /* three queries: 32 + 32 + 48 keys, 20 + 20 + 34 read */
        cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ATTEND),
                     208*112 + 3*128));
        cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_ATTEND),
                     3*288 + 128*74));
    } else if (computed || carried) {
        cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ATTEND),
                     208*80 + 2*128));
        cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_ATTEND),
                     2*288 + 128*54));
    } else {
        /* 5 and 18 keys, 16 and 32 with the rest of the tile */
        cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ATTEND),
                     208*48 + 2*128));
        cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_ATTEND),
                     2*288 + 128*23));
    }
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_GATHER),
                 computed ? 2*512 : carried ? 2*256 + 256 : 2*256));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 0, OP_GATHER), 0));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_QKV),
                 computed ? 5*2048 : attends ? 2*4096 : 3*4096));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_QKV),
                 computed ? 5*256 + 2*4096
                 : (attends ? 2 : 3) * 384 + 8192));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_NORM),
                 147u * ((attends && !computed ? 2 : 3) + (feeds ? 2 : 3))));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_FFN_UP),
                 8192u * (feeds ? 2 : 3)));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_SELECT),
                 c->signal == SIGNAL_NONE ? 4*2 : 4*3 + 4*2));

    q.by_token = true;
    struct ledger *fine = priced_for(&q, &a, NULL);
    for (int op = 0; op < OP_COUNT; op++) {
        cr_expect(eq(u64, flops(fine, PASS_FORWARD, 1, op),
                     flops(l, PASS_FORWARD, 1, op)));
        cr_expect(eq(u64, bytes(fine, PASS_FORWARD, 1, op),
                     bytes(l, PASS_FORWARD, 1, op)));
    }
    /* the skipped one: its keys from cache to cache, or worked out */
    cr_expect(eq(u64, of_token(fine, 1, OP_GATHER, METRIC_BYTES),
                 carried ? 256 : 0));
    cr_expect(eq(u64, of_token(fine, 1, OP_QKV, METRIC_FLOPS),
                 computed ? 2048 : attends ? 0 : 4096));
    ledger_close(fine);
    ledger_close(l);
    allocation_close(&a);
}

Test(predict_routed, an_expected_step_reads_every_key_where_skipped_ones_are_seen)
{
    /* c = 1/4, B = 2, T = 40: half a row expected, 3/2 skipped; weights with
     * chance 7/16; 40 keys, 48 with the rest of the tile. */
    struct asked q = { .spec = routed_spec(&routed_cases[1]), .B = 2, .T = 40,
                       .phase = EXPECTED };
    struct ledger *l = priced(q);

    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ATTEND),
                 (208*48 + 128) / 2));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_ATTEND),
                 (288 + 128*40) / 2));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_QKV), 2048/2 + 2*2048));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_QKV),
                 256/2 + 4096*7/16 + 2*256 + 4096));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_GATHER), 512 / 2));
    ledger_close(l);
    q.spec = routed_spec(&routed_cases[2]);
    l = priced(q);
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_GATHER),
                 256/2 + 256*3/2));
    ledger_close(l);
    /* Feed-forward alone: two queries over 40 keys, half a row of the rest. */
    q.spec = routed_spec(&routed_cases[6]);
    l = priced(q);
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_ATTEND),
                 2 * (208*48 + 128)));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_FFN_UP), 8192 / 2));
    ledger_close(l);
    /* With every token kept, nothing is carried and nothing left to chance. */
    q.spec = routed_spec(&routed_cases[2]);
    q.spec.capacity[1] = 1.0;
    l = priced(q);
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_GATHER), 2*256));
    ledger_close(l);
}

Test(predict_routed, layers_in_a_row_carry_from_one_to_the_next)
{
    /* Layer 0 dense, 1 and 2 routed, 3 dense: 0, 1 and 2 put keys away. */
    struct asked q = { .spec = routed_spec(&routed_cases[2]), .B = 1, .T = 32,
                       .phase = FORWARD };
    q.spec.n_layers = 4;
    q.spec.routed[2] = true;
    q.spec.capacity[2] = q.spec.capacity[1] = 0.25;
    struct ledger *l = priced(q);
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 0, OP_GATHER), 32*256));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_GATHER), 8*256 + 8*256));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 2, OP_GATHER), 8*256 + 8*256));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 3, OP_GATHER), 0));
    ledger_close(l);
}

Test(predict_routed, a_layer_that_keeps_nobody_still_works_out_keys_and_its_other_part)
{
    struct asked q = { .spec = routed_spec(&routed_cases[4]), .B = 2, .T = 8,
                       .phase = FORWARD };
    struct allocation a;
    cr_assert(eq(int, allocation_open(&a, L, q.B, q.T, NULL), STATUS_OK));
    a.count[2] = a.count[3] = 0;
    struct ledger *l = priced_for(&q, &a, NULL);

    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_NORM), 2*16*147));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_QKV), 16*2048));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_QKV), 16*256 + 4096));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_ATTEND), 0));
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_PROJECT), 0));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_FFN_UP), 16*8192));
    ledger_close(l);
    allocation_close(&a);
}

Test(predict_routed, the_last_rows_alone_change_norm_and_head_and_nothing_else)
{
    struct asked q = { .spec = llama(), .B = 2, .T = 40, .phase = FORWARD };
    struct allocation a = uneven_routes();
    struct ledger *all = priced_for(&q, &a, NULL);
    q.with = PREDICT_LAST;
    struct ledger *last = priced_for(&q, &a, NULL);

    /* 4*32 + 4*100 a row; 4*32*100; the final norm 4*32 + 19 a row */
    cr_expect(eq(u64, flops(last, PASS_FORWARD, LEDGER_OUTSIDE, OP_HEAD),
                 2*6400));
    cr_expect(eq(u64, bytes(last, PASS_FORWARD, LEDGER_OUTSIDE, OP_HEAD),
                 2*528 + 12800));
    cr_expect(eq(u64, flops(last, PASS_FORWARD, LEDGER_ALL, LEDGER_ALL) +
                          58*(6400 + 147),
                 flops(all, PASS_FORWARD, LEDGER_ALL, LEDGER_ALL)));
    q.by_token = true;
    struct ledger *fine = priced_for(&q, &a, NULL);
    for (int32_t token = 0; token < 80; token++)
        cr_expect(ledger_touched(fine, (struct ledger_key){
            PASS_FORWARD, LEDGER_OUTSIDE, token, OP_HEAD }) ==
            (token == 39 || token == 40 + 19), "%d", token);

    struct predict_job job = { .spec = &q.spec, .allocation = &a };
    cr_expect(eq(int, predict_forward(last, &job, PREDICT_LAST | PREDICT_LOSS,
                                      NULL, NULL), STATUS_BAD_VALUE));
    ledger_close(fine);
    ledger_close(last);
    ledger_close(all);
    allocation_close(&a);
}

Test(predict_routed, sequences_of_unlike_lengths_cost_what_each_costs_alone)
{
    struct model_spec spec = llama();
    const int32_t lengths[] = { 40, 7, 23 };
    uint64_t apart = 0, weights = 0;
    struct allocation a;

    for (int phase = TRAIN; phase <= FORWARD; phase++) {
        apart = weights = 0;
        for (int32_t b = 0; b < 3; b++) {
            struct ledger *l = priced((struct asked){
                .spec = spec, .B = 1, .T = lengths[b],
                .phase = (enum phase)phase });
            apart += flops(l, PASS_FORWARD, LEDGER_ALL, LEDGER_ALL);
            weights += flops(l, PASS_BACKWARD, LEDGER_ALL, LEDGER_ALL);
            ledger_close(l);
        }
        cr_assert(eq(int, allocation_open(&a, L, 3, 40, NULL), STATUS_OK));
        memcpy(a.length, lengths, sizeof lengths);
        allocation_fill(&a, &spec);
        struct asked q = { .spec = spec, .B = 3, .T = 40,
                           .phase = (enum phase)phase };
        struct ledger *l = priced_for(&q, &a, NULL);
        /* the threshold moves once a step: B + 4, not B * (1 + 4) */
        cr_expect(eq(u64, flops(l, PASS_FORWARD, LEDGER_ALL, LEDGER_ALL) +
                              (phase == TRAIN ? 8 : 0), apart));
        cr_expect(eq(u64, flops(l, PASS_BACKWARD, LEDGER_ALL, LEDGER_ALL),
                     weights));
        ledger_close(l);
        allocation_close(&a);
    }
}

Test(predict_routed, queries_with_biases_read_them)
{
    struct model_spec spec = llama();
    spec.traits.qkv_bias = true;
    struct ledger *l = priced((struct asked){ .spec = spec, .B = 1, .T = 32,
                                              .phase = TRAIN });
    /* 4*(32 + 32) once; backward adds a row's 64 numbers up */
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 0, OP_QKV), 32*384 + 8192 + 256));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 0, OP_QKV), 32*4096));
    cr_expect(eq(u64, flops(l, PASS_BACKWARD, 0, OP_QKV), 32*(8192 + 64)));
    cr_expect(eq(u64, bytes(l, PASS_BACKWARD, 0, OP_QKV),
                 32*512 + 16384 + 256));
    cr_expect(eq(u64, flops(l, PASS_UPDATE, 0, OP_ADAMW), 17 * (9280 + 64)));
    ledger_close(l);
    struct routed_case computed = routed_cases[1];
    spec = routed_spec(&computed);
    spec.traits.qkv_bias = true;
    l = priced((struct asked){ .spec = spec, .B = 1, .T = 32,
                               .phase = FORWARD });
    /* 8 of 32 rows: 4*32 and 8*16 bytes of biases */
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_QKV),
                 (8 + 32)*256 + 2*4096 + 128 + 128));
    ledger_close(l);
}

Test(predict_routed, training_takes_every_part_and_all_skipped_keys)
{
    for (size_t i = 0; i < sizeof routed_cases / sizeof *routed_cases; i++) {
        struct model_spec spec = routed_spec(&routed_cases[i]);
        struct allocation a = uneven_routes();
        struct predict_job job = { .spec = &spec, .allocation = &a };
        struct ledger *l;
        struct error err = { 0 };
        cr_assert(eq(int, ledger_open(&l, (struct ledger_shape){ 0 },
                                      (struct cost){ 0 }, NULL), STATUS_OK));
        cr_expect(eq(int, predict_train_step(l, &job, NULL, &err),
                     STATUS_OK), "%zu", i);
        ledger_close(l);
        allocation_close(&a);
    }
}

Test(predict_routed, a_length_that_is_none_and_keys_without_positions_are_refused)
{
    struct model_spec spec = routed_spec(&routed_cases[1]);
    struct allocation a = uneven_routes(), counts = a;
    struct predict_job job = { .spec = &spec, .allocation = &counts };
    struct ledger *l;
    struct error err;

    cr_assert(eq(int, ledger_open(&l, (struct ledger_shape){ 0 },
                                  (struct cost){ 0 }, NULL), STATUS_OK));
    counts.kept = NULL;
    cr_expect(eq(int, predict_forward(l, &job, 0, NULL, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "without positions") != NULL, "%s", err.text);
    counts = a;
    a.length[1] = 0;
    cr_expect(eq(int, predict_forward(l, &job, 0, NULL, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "sequence 1 of 0 tokens: allowed is 1 to 40")
              != NULL, "%s", err.text);
    ledger_close(l);
    allocation_close(&a);
}

Test(predict_routed, keys_of_skipped_tokens_take_the_memory_of_all_tokens)
{
    struct model_spec absent = routed_spec(&routed_cases[0]);
    struct model_spec computed = routed_spec(&routed_cases[1]);
    struct model_spec carried = routed_spec(&routed_cases[2]);
    struct model_spec ffn = routed_spec(&routed_cases[6]);
    /* layer 1 keeps 32 of 128: 96 more rows of 2*16 numbers are cached; a row
     * of 32 more is compared where the signal is `change`; all three go by a
     * signal, so that 128 scores are kept in two layers */
    uint64_t of_all = memory_bytes(&absent, 1, 128, MEMORY_DECODE) + 4*96*32 +
                      4*2*128;

    cr_expect(eq(u64, memory_bytes(&computed, 1, 128, MEMORY_DECODE),
                 of_all));
    cr_expect(eq(u64, memory_bytes(&carried, 1, 128, MEMORY_DECODE),
                 of_all + 4*32));
    cr_expect(eq(u64, memory_bytes(&ffn, 1, 128, MEMORY_DECODE), of_all));
    /* prefill: 128 rows of 32 compared, and a table of 2*16 */
    uint64_t prefill = memory_bytes(&absent, 1, 128, MEMORY_FORWARD);
    cr_expect(eq(u64, memory_bytes(&computed, 1, 128, MEMORY_FORWARD),
                 prefill));
    cr_expect(eq(u64, memory_bytes(&carried, 1, 128, MEMORY_FORWARD),
                 prefill + 4*128*(32 + 32)));
    cr_expect(eq(u64, memory_bytes(&ffn, 1, 128, MEMORY_FORWARD), prefill));
}
