/* test_predict_apart.c - Check prices of layers whose parts are routed apart, by
 * hand from sim/core/ledger/op.h, and by the law that such a layer is one that
 * routes its attention and one that routes its feed-forward part, less one that
 * routes nothing. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/random.h"
#include "sim/core/model/spec_check.h"
#include "sim/price/flops.h"
#include "sim/price/memory.h"
#include "tests/priced.h"

enum { ATTENTION = 2, FFN = 3 };    /* the choices of layer 1 */

static struct model_spec apart(enum family family, enum skipped_keys keys,
                               enum signal signal)
{
    return without_router(small_of(family, L), PART_APART, keys, signal);
}

static struct ledger *priced_at(const struct model_spec *spec,
                                const struct allocation *a, enum phase phase,
                                bool by_token)
{
    const struct asked q = { .spec = *spec, .B = a->n_sequences,
                             .T = a->n_tokens, .phase = phase,
                             .by_token = by_token, .with = PREDICT_HEAD };
    struct error err = { 0 };

    cr_assert(eq(int, spec_check(spec, &err), STATUS_OK), "%s", err.text);
    return priced_for(&q, a, NULL);
}

static uint64_t of(const struct ledger *l, int32_t layer, int op,
                   enum metric metric)
{
    return ledger_sum(l, PASS_FORWARD, layer, LEDGER_ANY, op).count[metric];
}

static void expect(const struct ledger *l, int32_t layer, enum op op,
                   uint64_t flops, uint64_t bytes)
{
    cr_expect(eq(u64, of(l, layer, op, METRIC_FLOPS), flops), "layer %d, %s",
              layer, op_table[op].name);
    cr_expect(eq(u64, of(l, layer, op, METRIC_BYTES), bytes), "layer %d, %s",
              layer, op_table[op].name);
}

static void expect_token(const struct ledger *l, int32_t token, enum op op,
                         uint64_t flops, uint64_t bytes)
{
    cr_expect(eq(u64, of_token(l, token, op, METRIC_FLOPS), flops),
              "token %d, %s", token, op_table[op].name);
    cr_expect(eq(u64, of_token(l, token, op, METRIC_BYTES), bytes),
              "token %d, %s", token, op_table[op].name);
}

static struct allocation open_routes(int32_t n_choices, int32_t B, int32_t T)
{
    struct allocation a;
    cr_assert(eq(int, allocation_open(&a, n_choices, B, T, NULL), STATUS_OK));
    return a;
}

static void keep(struct allocation *a, int32_t choice, int32_t sequence,
                 int32_t n, const int32_t *at)
{
    a->count[choice * a->n_sequences + sequence] = n;
    memcpy(allocation_kept(a, choice, sequence), at, (size_t)n * sizeof *at);
}
#define KEEP(a, choice, sequence, ...)                                         \
    keep(a, choice, sequence,                                                  \
         sizeof (int32_t[]){ __VA_ARGS__ } / sizeof(int32_t),                  \
         (int32_t[]){ __VA_ARGS__ })

/* ---- the worked example of op.h, its parts apart ----
 *
 * One sequence of one token.  Attention's part of 110566 is 547 + 24576 + 4896 +
 * 8256 = 38275, the feed-forward part's 547 + 32768 + 6144 + 32832 = 72291.  The
 * signal norm is 2*64 + 15 = 143, for either choice. */

static uint64_t one_row(enum skipped_keys keys, bool attention, bool ffn)
{
    const struct model_spec spec = apart(FAMILY_GPT2, keys, SIGNAL_NORM);
    struct allocation a = open_routes(2 * L, 1, 1);
    a.count[ATTENTION] = attention;
    a.count[FFN] = ffn;
    struct ledger *l = priced_at(&spec, &a, FORWARD, false);
    cr_expect(eq(u64, of(l, 0, LEDGER_ANY, METRIC_FLOPS), 110566));
    uint64_t flops = of(l, 1, LEDGER_ANY, METRIC_FLOPS);
    ledger_close(l);
    allocation_close(&a);
    return flops;
}

Test(predict_apart, one_row_of_the_worked_example)
{
    cr_expect(eq(u64, one_row(SKIPPED_KEYS_ABSENT, true, true), 110566 + 286));
    cr_expect(eq(u64, one_row(SKIPPED_KEYS_ABSENT, true, false), 38275 + 286));
    cr_expect(eq(u64, one_row(SKIPPED_KEYS_ABSENT, false, true), 72291 + 286));
    cr_expect(eq(u64, one_row(SKIPPED_KEYS_ABSENT, false, false), 286));
    /* the first norm, and keys and values alone: 4*64*64 */
    cr_expect(eq(u64, one_row(SKIPPED_KEYS_COMPUTED, false, false),
                 286 + 547 + 16384));
    cr_expect(eq(u64, one_row(SKIPPED_KEYS_COMPUTED, true, true),
                 110566 + 286));
    cr_expect(eq(u64, one_row(SKIPPED_KEYS_CARRIED, false, true), 72291 + 286));
}

/* ---- a layer by hand ----
 *
 * Sequences of 40 and of 20 tokens, N = 60 rows.  Attention keeps 0-15, 20 and
 * 33 of the first, 3 and 17 of the second: A = 20 rows.  The feed-forward part
 * keeps 5, 20 and 39 of the first, 17 of the second: F = 4.
 *   Keys of kept queries: 16*16 + 2*32 + 2*16 = 352; with those of skipped
 *   tokens strips end at 15, 33 and 17: 16*16 + 2*48 + 2*32 = 416.
 *   Attend is 4(52n + 32) = 208n + 128 flops. */

#define A 20
#define F 4
#define N 60
#define ROWS(n, flops, bytes, shared) (n)*(flops), (n)*(bytes) + (shared)

struct apart_case {
    enum skipped_keys keys;
    enum signal       signal;
    struct { enum op op; uint64_t flops, bytes; } layer1[12];
    uint64_t gather0;         /* bytes of layer 0's gather */
};

static struct apart_case apart_cases[] = {
    { SKIPPED_KEYS_ABSENT, SIGNAL_NONE, {
        { OP_ROUTE, 0, 0 }, { OP_SELECT, 0, 4*A + 4*F },
        { OP_GATHER, 0, 256*A + 256*F },
        { OP_NORM, (A + F)*147, (A + F)*260 + 2*128 },
        { OP_QKV, ROWS(A, 4096, 384, 8192) },
        { OP_ROPE, ROWS(A, 144, 416, 0) },
        { OP_ATTEND, 208*352 + A*128, A*416 },
        { OP_PROJECT, ROWS(A, 2048, 384, 4096) },
        { OP_FFN_UP, ROWS(F, 8192, 640, 16384) },
        { OP_ACT, ROWS(F, 1344, 768, 0) },
        { OP_FFN_DOWN, ROWS(F, 4096, 512, 8192) },
        { OP_GATE, 0, 256*A + 256*F } }, 0 },
    /* change, by either: 3*32 + 15, 12*32 + 4 */
    { SKIPPED_KEYS_ABSENT, SIGNAL_CHANGE, {
        { OP_ROUTE, ROWS(2*N, 111, 388, 0) },
        { OP_SELECT, 0, 2*4*N + 4*A + 4*F },
        { OP_GATHER, 0, 256*A + 256*F },
        { OP_NORM, (A + F)*147, (A + F)*260 + 2*128 },
        { OP_QKV, ROWS(A, 4096, 384, 8192) },
        { OP_ROPE, ROWS(A, 144, 416, 0) },
        { OP_ATTEND, 208*352 + A*128, A*416 },
        { OP_PROJECT, ROWS(A, 2048, 384, 4096) },
        { OP_FFN_UP, ROWS(F, 8192, 640, 16384) },
        { OP_ACT, ROWS(F, 1344, 768, 0) },
        { OP_FFN_DOWN, ROWS(F, 4096, 512, 8192) },
        { OP_GATE, 0, 256*A + 256*F } }, 0 },
    /* norm: 2*32 + 15, 4*32 + 4.  Attention gathers normed rows too, the
     * feed-forward part the stream alone. */
    { SKIPPED_KEYS_COMPUTED, SIGNAL_NORM, {
        { OP_ROUTE, ROWS(2*N, 79, 132, 0) },
        { OP_SELECT, 0, 2*4*N + 4*A + 4*F },
        { OP_GATHER, 0, 512*A + 256*F },
        { OP_NORM, (N + F)*147, (N + F)*260 + 2*128 },
        { OP_QKV, (A + N)*2048, (A + N)*256 + 2*4096 },
        { OP_ROPE, A*96 + N*48, A*288 + N*160 },
        { OP_ATTEND, 208*416 + A*128, A*288 + N*128 },
        { OP_PROJECT, ROWS(A, 2048, 384, 4096) },
        { OP_FFN_UP, ROWS(F, 8192, 640, 16384) },
        { OP_ACT, ROWS(F, 1344, 768, 0) },
        { OP_FFN_DOWN, ROWS(F, 4096, 512, 8192) },
        { OP_GATE, 0, 256*A + 256*F } }, 0 },
    /* Keys and values of 16*16 bytes a row go by attention's choice. */
    { SKIPPED_KEYS_CARRIED, SIGNAL_HASH, {
        { OP_ROUTE, ROWS(2*N, 0, 8, 0) },
        { OP_SELECT, 0, 2*4*N + 4*A + 4*F },
        { OP_GATHER, 0, 256*A + 256*A + 256*F },
        { OP_NORM, (A + F)*147, (A + F)*260 + 2*128 },
        { OP_QKV, ROWS(A, 4096, 384, 8192) },
        { OP_ROPE, ROWS(A, 144, 416, 0) },
        { OP_ATTEND, 208*416 + A*128, A*288 + N*128 },
        { OP_PROJECT, ROWS(A, 2048, 384, 4096) },
        { OP_FFN_UP, ROWS(F, 8192, 640, 16384) },
        { OP_ACT, ROWS(F, 1344, 768, 0) },
        { OP_FFN_DOWN, ROWS(F, 4096, 512, 8192) },
        { OP_GATE, 0, 256*A + 256*F } }, 256*N },
};

static struct allocation uneven_routes(void)
{
    struct allocation a = open_routes(2 * L, 2, 40);

    a.length[1] = 20;
    for (int32_t c = 0; c < 2; c++)
        a.count[2 * c + 1] = 20;
    KEEP(&a, ATTENTION, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
         20, 33);
    KEEP(&a, ATTENTION, 1, 3, 17);
    KEEP(&a, FFN, 0, 5, 20, 39);
    KEEP(&a, FFN, 1, 17);
    return a;
}

#define APART(name)                                                            \
    ParameterizedTestParameters(predict_apart, name)                           \
    {                                                                          \
        return cr_make_param_array(struct apart_case, apart_cases,             \
            sizeof apart_cases / sizeof *apart_cases);                         \
    }                                                                          \
    ParameterizedTest(struct apart_case *c, predict_apart, name)

APART(a_layer_by_hand)
{
    const struct model_spec spec = apart(FAMILY_LLAMA, c->keys, c->signal);
    struct allocation a = uneven_routes();
    struct ledger *l = priced_at(&spec, &a, FORWARD, false);

    for (size_t i = 0; i < sizeof c->layer1 / sizeof *c->layer1; i++)
        expect(l, 1, c->layer1[i].op, c->layer1[i].flops, c->layer1[i].bytes);
    cr_expect(eq(u64, of(l, 0, OP_GATHER, METRIC_BYTES), c->gather0));
    cr_expect(eq(u64, of(l, 0, OP_GATE, METRIC_BYTES), 0));
    expect(l, 0, OP_NORM, 2*N*147, 2*(N*260 + 128));
    expect(l, 0, OP_FFN_UP, ROWS(N, 8192, 640, 16384));
    ledger_close(l);
    allocation_close(&a);
}

APART(a_token_pays_for_what_kept_it)
{
    const struct model_spec spec = apart(FAMILY_LLAMA, c->keys, c->signal);
    const bool seen = c->keys != SKIPPED_KEYS_ABSENT;
    const bool computed = c->keys == SKIPPED_KEYS_COMPUTED;
    const bool carried = c->keys == SKIPPED_KEYS_CARRIED;
    const uint64_t scored = c->signal == SIGNAL_NONE ? 0 : 8;
    struct allocation a = uneven_routes();
    struct ledger *sum = priced_at(&spec, &a, FORWARD, false);
    struct ledger *l = priced_at(&spec, &a, FORWARD, true);

    for (int32_t layer = LEDGER_OUTSIDE; layer < L; layer++)
        for (int op = 0; op < OP_COUNT; op++)
            for (int m = METRIC_FLOPS; m <= METRIC_BYTES; m++)
                cr_expect(eq(u64, of(l, layer, op, (enum metric)m),
                             of(sum, layer, op, (enum metric)m)),
                          "layer %d, %s", layer, op_table[op].name);
    /* Position 20 of the first: by both.  The 17th of attention, so 32 keys, or
     * with skipped ones 48 as the strip ends at 33. */
    expect_token(l, 20, OP_SELECT, 0, scored + 4 + 4);
    expect_token(l, 20, OP_GATHER, 0, 2*256 + (computed || carried ? 256 : 0));
    expect_token(l, 20, OP_NORM, 2*147, 2*260);
    expect_token(l, 20, OP_ATTEND, 208u * (seen ? 48 : 32) + 128, 416);
    expect_token(l, 20, OP_FFN_UP, 8192, 640);
    expect_token(l, 20, OP_GATE, 0, 2*256);
    /* 33: by attention alone. */
    expect_token(l, 33, OP_SELECT, 0, scored + 4);
    expect_token(l, 33, OP_GATHER, 0, 256 + (computed || carried ? 256 : 0));
    expect_token(l, 33, OP_NORM, 147, 260);
    expect_token(l, 33, OP_PROJECT, 2048, 384);
    expect_token(l, 33, OP_FFN_UP, 0, 0);
    expect_token(l, 33, OP_GATE, 0, 256);
    /* 39: by the feed-forward part alone; its keys are there all the same, or
     * nothing of its attention is. */
    expect_token(l, 39, OP_SELECT, 0, scored + 4);
    expect_token(l, 39, OP_GATHER, 0, 256);
    expect_token(l, 39, OP_NORM, 147u * (1 + computed),
                 260u * (1 + computed));
    expect_token(l, 39, OP_QKV, computed ? 2048 : 0, computed ? 256 : 0);
    expect_token(l, 39, OP_ATTEND, 0, seen ? 128 : 0);
    expect_token(l, 39, OP_FFN_DOWN, 4096, 512);
    expect_token(l, 39, OP_GATE, 0, 256);
    /* 25: by neither. */
    expect_token(l, 25, OP_SELECT, 0, scored);
    expect_token(l, 25, OP_GATHER, 0, 0);
    expect_token(l, 25, OP_NORM, 147u * computed, 260u * computed);
    expect_token(l, 25, OP_ACT, 0, 0);
    expect_token(l, 25, OP_GATE, 0, 0);
    /* Position 17 of the second: by both; it has no position 20. */
    expect_token(l, 40 + 17, OP_ATTEND, 208u * (seen ? 32 : 16) + 128, 416);
    expect_token(l, 40 + 17, OP_ACT, 1344, 768);
    for (int op = 0; op < OP_COUNT; op++)
        expect_token(l, 40 + 20, (enum op)op, 0, 0);
    ledger_close(sum);
    ledger_close(l);
    allocation_close(&a);
}

/* ---- a decode step by hand ----
 *
 * Three sequences, of 20, 20 and 34 tokens.  Attention keeps the newest of the
 * first, its 5th, not of the second, and of the third, its 18th; the
 * feed-forward part not of the first, of the second and of the third. */

static struct allocation uneven_step(void)
{
    struct allocation a = open_routes(2 * L, 3, 34);

    for (int32_t b = 0; b < 2; b++)
        for (int32_t c = 0; c < 2; c++)
            a.length[b] = a.count[3 * c + b] = 20;
    KEEP(&a, ATTENTION, 0, 0, 1, 2, 3, 19);
    KEEP(&a, ATTENTION, 1, 0, 1, 2);
    KEEP(&a, ATTENTION, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
         16, 33);
    KEEP(&a, FFN, 0, 0, 18);
    KEEP(&a, FFN, 1, 19);
    KEEP(&a, FFN, 2, 7, 30, 33);
    return a;
}

APART(a_decode_step_by_hand)
{
    const struct model_spec spec = apart(FAMILY_LLAMA, c->keys, c->signal);
    const bool computed = c->keys == SKIPPED_KEYS_COMPUTED;
    const bool carried = c->keys == SKIPPED_KEYS_CARRIED;
    const uint64_t route = c->layer1[0].flops / (2*N);     /* a row's */
    struct allocation a = uneven_step();
    struct ledger *l = priced_at(&spec, &a, DECODE, false);
    struct ledger *fine = priced_at(&spec, &a, DECODE, true);

    expect(l, 1, OP_ROUTE, 2*3 * route, c->layer1[0].bytes / (2*N) * 2*3);
    expect(l, 1, OP_SELECT, 0,
           (c->signal == SIGNAL_NONE ? 0 : 2 * 4*3) + 4*2 + 4*2);
    /* Carried: the second's keys from cache to cache, 256. */
    expect(l, 1, OP_GATHER, 0, 2*256 + (computed ? 2*512
                                        : carried ? 2*256 + 256 : 2*256));
    expect(l, 1, OP_NORM, 147u * (computed ? 3 + 2 : 2 + 2),
           260u * (computed ? 3 + 2 : 2 + 2) + 2*128);
    if (computed)
        expect(l, 1, OP_QKV, 5*2048, 5*256 + 2*4096);
    else
        expect(l, 1, OP_QKV, ROWS(2, 4096, 384, 8192));
    /* 5 and 18 keys, run over 16 and 32; or 20 and 34, over 32 and 48 */
    if (computed || carried)
        expect(l, 1, OP_ATTEND, 208*80 + 2*128, 2*288 + 128*54);
    else
        expect(l, 1, OP_ATTEND, 208*48 + 2*128, 2*288 + 128*23);
    expect(l, 1, OP_PROJECT, ROWS(2, 2048, 384, 4096));
    expect(l, 1, OP_FFN_UP, ROWS(2, 8192, 640, 16384));
    expect(l, 1, OP_ACT, ROWS(2, 1344, 768, 0));
    expect(l, 1, OP_GATE, 0, 2*256 + 2*256);
    cr_expect(eq(u64, of(l, 0, OP_GATHER, METRIC_BYTES), 0));

    for (int op = 0; op < OP_COUNT; op++)
        for (int m = METRIC_FLOPS; m <= METRIC_BYTES; m++)
            cr_expect(eq(u64, of(fine, 1, op, (enum metric)m),
                         of(l, 1, op, (enum metric)m)), "%s",
                      op_table[op].name);
    expect_token(fine, 0, OP_FFN_UP, 0, 0);
    expect_token(fine, 0, OP_PROJECT, 2048, 384);
    expect_token(fine, 1, OP_FFN_UP, 8192, 640);
    expect_token(fine, 1, OP_PROJECT, 0, 0);
    expect_token(fine, 1, OP_QKV, computed ? 2048 : 0, computed ? 256 : 0);
    expect_token(fine, 1, OP_GATHER, 0, 256 + (carried ? 256 : 0));
    expect_token(fine, 2, OP_GATE, 0, 2*256);
    ledger_close(fine);
    ledger_close(l);
    allocation_close(&a);
}

/* Nobody kept by either: no weights of theirs are read. */
Test(predict_apart, a_step_that_all_skip)
{
    const struct model_spec spec = apart(FAMILY_LLAMA, SKIPPED_KEYS_ABSENT,
                                         SIGNAL_NORM);
    struct allocation a = open_routes(2 * L, 2, 8);

    for (int32_t b = 0; b < 2; b++) {
        KEEP(&a, ATTENTION, b, 3);
        KEEP(&a, FFN, b, 6);
    }
    struct ledger *l = priced_at(&spec, &a, DECODE, false);
    expect(l, 1, OP_ROUTE, 4*79, 4*132);
    expect(l, 1, OP_SELECT, 0, 4*4);
    cr_expect(eq(u64, of(l, 1, LEDGER_ANY, METRIC_FLOPS), 4*79));
    cr_expect(eq(u64, of(l, 1, LEDGER_ANY, METRIC_BYTES), 4*132 + 4*4));
    ledger_close(l);
    allocation_close(&a);
}

/* c = 1/4, B = 2, T = 40: of either choice half a row is expected, and weights
 * with chance 1 - (3/4)^2 = 7/16; attention holds 10 keys, or sees 40. */
Test(predict_apart, an_expected_step_takes_both_choices_by_themselves)
{
    struct model_spec spec = apart(FAMILY_LLAMA, SKIPPED_KEYS_ABSENT,
                                   SIGNAL_CHANGE);
    struct allocation a = open_routes(2 * L, 2, 40);
    struct ledger *l = priced_at(&spec, &a, EXPECTED, false);

    expect(l, 1, OP_ROUTE, 2*2*111, 2*2*388);
    expect(l, 1, OP_SELECT, 0, 2 * (2*4 + 4/2));
    expect(l, 1, OP_GATHER, 0, 2 * 256/2);
    expect(l, 1, OP_GATE, 0, 2 * 256/2);
    expect(l, 1, OP_QKV, 4096/2, 384/2 + 8192*7/16);
    expect(l, 1, OP_ATTEND, (208*16 + 128)/2, (288 + 128*10)/2);
    expect(l, 1, OP_FFN_UP, 8192/2, 640/2 + 16384*7/16);
    ledger_close(l);

    spec.skipped_keys = SKIPPED_KEYS_COMPUTED;
    l = priced_at(&spec, &a, EXPECTED, false);
    expect(l, 1, OP_GATHER, 0, 512/2 + 256/2);
    expect(l, 1, OP_ATTEND, (208*48 + 128)/2, (288 + 128*40)/2);
    expect(l, 1, OP_FFN_UP, 8192/2, 640/2 + 16384*7/16);
    ledger_close(l);

    /* 3/2 of a row skips attention, and its keys are copied. */
    spec.skipped_keys = SKIPPED_KEYS_CARRIED;
    l = priced_at(&spec, &a, EXPECTED, false);
    expect(l, 1, OP_GATHER, 0, 256/2 + 256*3/2 + 256/2);
    ledger_close(l);
    allocation_close(&a);
}

/* ---- the law ---- */

static struct allocation drawn_routes(const int32_t *length, int32_t B,
                                      int32_t T, struct random *random)
{
    struct allocation a = open_routes(2 * L, B, T);

    for (int32_t c = 0; c < a.n_choices; c++)
        for (int32_t b = 0; b < B; b++) {
            int32_t n = 0;
            a.length[b] = length[b];
            for (int32_t t = 0; t < length[b]; t++)
                if (c < ATTENTION || random_below(random, 3) == 0)
                    allocation_kept(&a, c, b)[n++] = t;
            a.count[c * B + b] = n;
        }
    return a;
}

/* The same with one choice a layer: of layer 1 the one given. */
static struct allocation one_choice(const struct allocation *a, int32_t choice)
{
    struct allocation out = open_routes(L, a->n_sequences, a->n_tokens);

    for (int32_t b = 0; b < a->n_sequences; b++) {
        out.length[b] = allocation_length(a, b);
        keep(&out, 0, b, allocation_count(a, 0, b), allocation_kept(a, 0, b));
        keep(&out, 1, b, allocation_count(a, choice, b),
             allocation_kept(a, choice, b));
    }
    return out;
}

struct twins {
    struct ledger *apart, *attention, *ffn, *dense;
};

static struct twins open_twins(const struct model_spec *spec,
                               const struct allocation *a, enum phase phase)
{
    const bool by_token = phase != EXPECTED;
    const struct model_spec dense = spec_dense(spec);
    struct model_spec attention = *spec, ffn = *spec;
    struct allocation first = one_choice(a, ATTENTION);
    struct allocation second = one_choice(a, FFN);

    attention.part = PART_ATTENTION;
    ffn.part = PART_FFN;
    ffn.skipped_keys = SKIPPED_KEYS_ABSENT;
    struct twins t = {
        priced_at(spec, a, phase, by_token),
        priced_at(&attention, &first, phase, by_token),
        priced_at(&ffn, &second, phase, by_token),
        priced_at(&dense, &first, phase, by_token),
    };
    allocation_close(&first);
    allocation_close(&second);
    return t;
}

static void close_twins(struct twins *t)
{
    ledger_close(t->apart);
    ledger_close(t->attention);
    ledger_close(t->ffn);
    ledger_close(t->dense);
}

static uint64_t at(const struct ledger *l, struct ledger_key key, int metric)
{
    return ledger_touched(l, key) ? ledger_at(l, key)->count[metric] : 0;
}

static void compare(const struct twins *t, const char *what)
{
    const int32_t n = ledger_shape(t->apart).n_tokens;

    for (int32_t layer = LEDGER_OUTSIDE; layer < L; layer++)
        for (int op = 0; op < OP_COUNT; op++)
            for (int32_t token = LEDGER_SHARED; token < n; token++)
                for (int m = METRIC_FLOPS; m <= METRIC_BYTES; m++) {
                    struct ledger_key key = { PASS_FORWARD, layer, token,
                                              (enum op)op };
                    cr_assert(eq(u64, at(t->apart, key, m) +
                                          at(t->dense, key, m),
                                 at(t->attention, key, m) +
                                     at(t->ffn, key, m)),
                              "%s: layer %d, token %d, %s", what, layer, token,
                              op_table[op].name);
                }
}

Test(predict_apart, it_is_either_part_routed_less_none_routed)
{
    static const int32_t length[3] = { 60, 1, 33 };
    struct random random = random_seeded(11);
    char what[80];

    for (int round = 0; round < 4; round++)
        for (int family = 0; family < FAMILY_COUNT; family++)
            for (int keys = 0; keys < SKIPPED_KEYS_COUNT; keys++)
                for (int signal = 0; signal < SIGNAL_COUNT; signal++)
                    for (int phase = FORWARD; phase <= EXPECTED; phase++) {
                        struct allocation a = drawn_routes(length, 3, 60,
                                                           &random);
                        struct model_spec spec =
                            apart((enum family)family, 
                                (enum skipped_keys)keys, (enum signal)signal);
                        /* Not every family is routed so: test_families.c */
                        if (signal != SIGNAL_RECEIVED &&
                            spec_check(&spec, NULL) == STATUS_OK) {
                            struct twins t = open_twins(&spec, &a,
                                                        (enum phase)phase);
                            snprintf(what, sizeof what, "%s, keys %s, %s,"
                                     " phase %d", family_names[family],
                                     skipped_keys_names[keys],
                                     signal_names[signal], phase);
                            compare(&t, what);
                            close_twins(&t);
                        }
                        allocation_close(&a);
                    }
}

/* ---- memory ----
 *
 * Against a model that routes its attention alone, by the same signal. */

static uint64_t more_than_attention(struct model_spec spec, int32_t B,
                                    int32_t T, enum memory_phase phase)
{
    uint64_t apart = memory_bytes(&spec, B, T, phase);
    spec.part = PART_ATTENTION;
    return apart - memory_bytes(&spec, B, T, phase);
}

Test(predict_apart, memory_holds_two_choices_a_layer)
{
    const struct model_spec change = apart(FAMILY_LLAMA, SKIPPED_KEYS_ABSENT,
                                           SIGNAL_CHANGE);
    const struct model_spec hash = apart(FAMILY_LLAMA, SKIPPED_KEYS_CARRIED,
                                         SIGNAL_HASH);
    const struct model_spec none = apart(FAMILY_LLAMA, SKIPPED_KEYS_COMPUTED,
                                         SIGNAL_NONE);

    /* Two layers' routes of 32 rows once more, and a copy of the stream. */
    cr_expect(eq(u64, more_than_attention(change, 2, 16, MEMORY_FORWARD),
                 4 * (2*32 + 32*32)));
    cr_expect(eq(u64, more_than_attention(hash, 2, 16, MEMORY_FORWARD),
                 4 * 2*32));
    /* Of 100 tokens: the new row's routes, 101 places, 112 scores (7 tiles) and
     * a number of kept tokens, each of two layers; a copy of one row. */
    cr_expect(eq(u64, more_than_attention(change, 1, 100, MEMORY_DECODE),
                 4 * (2 * (1 + 101 + 112 + 1) + 32)));
    cr_expect(eq(u64, more_than_attention(none, 1, 100, MEMORY_DECODE),
                 4 * 2 * (1 + 101 + 1)));
}

/* A prompt of 10 tokens, 50 in all: routes and copies of 10, 64 scores, 50
 * places and two numbers, each of two layers. */
Test(predict_apart, a_prompt_takes_two_choices_a_layer)
{
    struct model_spec spec = apart(FAMILY_LLAMA, SKIPPED_KEYS_ABSENT,
                                   SIGNAL_CHANGE);
    const uint64_t apart = memory_generate_bytes(&spec, 10, 50, 1);
    spec.part = PART_ATTENTION;
    cr_expect(eq(u64, apart - memory_generate_bytes(&spec, 10, 50, 1),
                 4 * (2*10 + 32*10 + 2*64 + 2*52)));
}

/* ---- what does not fit ---- */

Test(predict_apart, one_choice_a_layer_is_refused)
{
    const struct model_spec spec = apart(FAMILY_LLAMA, SKIPPED_KEYS_ABSENT,
                                         SIGNAL_NORM);
    struct allocation a = open_routes(L, 1, 8);
    struct predict_job job = { .spec = &spec, .allocation = &a };
    struct ledger *ledger;
    struct error err;

    cr_assert(eq(int, ledger_open(&ledger, (struct ledger_shape){ 0 },
                                  (struct cost){ 0 }, NULL), STATUS_OK));
    cr_expect(eq(int, predict_forward(ledger, &job, PREDICT_HEAD, NULL, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "an allocation of 2 choices: allowed is the"
                     " model's number, 4") != NULL, "%s", err.text);
    ledger_close(ledger);
    allocation_close(&a);
}

/* The layer by hand, backward: products twice, attend 4(102n + 47) = 408n + 188;
 * with gate one kept rows are copied, out of the stream and onto it. */
Test(predict_apart, backward_goes_part_by_part)
{
    const struct model_spec spec = apart(FAMILY_LLAMA, SKIPPED_KEYS_ABSENT,
                                         SIGNAL_NONE);
    static const struct { enum op op; uint64_t flops, bytes; } rows[] = {
        { OP_GATE, 0, 256*A + 256*F }, { OP_GATHER, 0, 256*A + 256*F },
        { OP_ATTEND, 408*352 + A*188, A*800 },
        { OP_QKV, A*8192, A*512 + 16384 }, { OP_ROPE, A*144, A*416 },
        { OP_FFN_UP, F*16384, F*768 + 32768 }, { OP_ROUTE, 0, 0 },
    };
    struct allocation a = uneven_routes();
    struct predict_job job = { .spec = &spec, .allocation = &a };
    struct ledger *l;
    struct error err;

    cr_assert(eq(int, ledger_open(&l, (struct ledger_shape){
        .n_layers = L, .by_pass = true, .by_op = true }, (struct cost){ 0 },
        NULL), STATUS_OK));
    cr_assert(eq(int, predict_train_step(l, &job, NULL, &err), STATUS_OK),
              "%s", err.text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cost cost = ledger_sum(l, PASS_BACKWARD, 1, LEDGER_ANY,
                                      (int)rows[i].op);
        cr_expect(eq(u64, cost.count[METRIC_FLOPS], rows[i].flops), "%s",
                  op_table[rows[i].op].name);
        cr_expect(eq(u64, cost.count[METRIC_BYTES], rows[i].bytes), "%s",
                  op_table[rows[i].op].name);
    }
    ledger_close(l);
    allocation_close(&a);
}
