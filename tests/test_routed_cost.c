/* test_routed_cost.c - Work out by hand, from the tables of
 * sim/core/ledger/op.h, what is tallied for routing around parts of a block,
 * with each way to treat the keys of skipped tokens and each signal. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "sim/core/ledger/meter.h"
#include "tests/cases.h"

/* llama: C 8, H 2, G 1, D 4, so Q 8, E 4; F 12, U 24; V 17.  Layer 1 keeps
 * tokens 3 and 18 of 20. */
enum { T = 20, V = 17, ROOM = 24 };

static int32_t choose_two(const struct route_input *in, int32_t *kept)
{
    static const int32_t at[2] = { 3, 18 };
    int32_t n = 0;
    while (n < 2 && at[n] < in->n_tokens) {
        kept[n] = at[n];
        n++;
    }
    return n;
}

static const struct route_policy two = { .name = "two", .choose = choose_two };

static struct model_spec shape(enum routed_part part, enum skipped_keys keys,
                               enum signal signal)
{
    return (struct model_spec){
        .traits = family_traits[FAMILY_LLAMA],
        .n_layers = 2, .n_channels = 8, .n_heads = 2,
        .n_kv_heads = 1, .head_size = 4, .n_ffn = 12, .n_vocab = V,
        .max_tokens = ROOM, .norm_epsilon = 1e-5f, .rope_theta = 1000.0f,
        .gate = GATE_ONE, .part = part, .skipped_keys = keys,
        .signal = signal, .routed = { false, true }, .capacity = { 1.0, 0.1 },
    };
}

struct bench {
    struct model *model;
    struct ledger *ledger;           /* resolves tokens */
    int32_t n_tokens;                /* rows of the ledger */
};

static struct bench open_bench(const struct model_spec *spec, int32_t b)
{
    struct model_options options = { .n_sequences = b, .n_tokens = ROOM,
                                     .decode = true, .n_threads = 1 };
    struct bench bench = { .model = case_model(spec, &options, 1),
                           .n_tokens = b * T };
    struct ledger_shape by = { true, true, spec->n_layers, b * T };
    cr_assert(eq(int, ledger_open(&bench.ledger, by, cost_zero(PROV_COUNTED),
                                  NULL), 0));
    model_decode_reset(bench.model);
    return bench;
}

static void close_bench(struct bench *bench)
{
    ledger_close(bench->ledger);
    model_close(bench->model);
}

static void prefill(struct bench *bench, int32_t b, const int32_t *length,
                    bool last_only)
{
    int32_t ids[3 * T], targets[3 * T];
    struct ledger_meter meter = ledger_meter(bench->ledger);
    case_text(ids, targets, b * T, V, 1);
    model_forward(bench->model, &(struct model_input){
        .ids = ids, .n_sequences = b, .n_tokens = T, .length = length,
        .policy = &two, .cache = true, .last_only = last_only }, &meter.meter,
        NULL);
    cr_assert(eq(int, meter.status, 0));
}

static uint64_t cell(const struct bench *bench, int32_t layer, enum op op,
                     int32_t token, enum metric metric)
{
    struct ledger_key key = { PASS_FORWARD, layer, token, op };
    return ledger_at(bench->ledger, key)->count[metric];
}

/* Over all tokens and what is shared. */
static void expect(const struct bench *bench, int32_t layer, enum op op,
                   uint64_t flops, uint64_t bytes)
{
    uint64_t has[2] = { 0, 0 };
    for (int32_t t = -1; t < bench->n_tokens; t++) {
        has[0] += cell(bench, layer, op, t, METRIC_FLOPS);
        has[1] += cell(bench, layer, op, t, METRIC_BYTES);
    }
    cr_expect(eq(u64, has[0], flops), "layer %d, %s, flops", layer,
              op_table[op].name);
    cr_expect(eq(u64, has[1], bytes), "layer %d, %s, bytes", layer,
              op_table[op].name);
}

static void expect_token(const struct bench *bench, int32_t layer, enum op op,
                         int32_t token, uint64_t flops, uint64_t bytes)
{
    cr_expect(eq(u64, cell(bench, layer, op, token, METRIC_FLOPS), flops),
              "layer %d, %s, token %d, flops", layer, op_table[op].name, token);
    cr_expect(eq(u64, cell(bench, layer, op, token, METRIC_BYTES), bytes),
              "layer %d, %s, token %d, bytes", layer, op_table[op].name, token);
}

/* Two kept rows cost behind attention, whatever the keys: project 2QC = 128
 * each, 4Q + 8C = 96 and 4QC = 256; up 2CU = 384, 4C + 4U = 128 and 4CU = 768;
 * act 21 F = 252, 12F = 144; down 2FC = 192, 4F + 8C = 112 and 4FC = 384. */
static void expect_rest(const struct bench *bench, int32_t attention_rows,
                        int32_t ffn_rows)
{
    uint64_t a = (uint64_t)attention_rows, f = (uint64_t)ffn_rows;
    expect(bench, 1, OP_PROJECT, 128 * a, 96 * a + 256);
    expect(bench, 1, OP_FFN_UP, 384 * f, 128 * f + 768);
    expect(bench, 1, OP_ACT, 252 * f, 144 * f);
    expect(bench, 1, OP_FFN_DOWN, 192 * f, 112 * f + 384);
    expect(bench, 1, OP_GATE, 0, 2 * 64);
}

/* Both queries are of one strip, whose last stands at 18: 32 keys.
 * 2 (4*4*32 + 20*32 + 2*4 + 16) = 2352; 8Q + 8H = 80, and 8E = 32 of all. */
static void expect_attend_apart(const struct bench *bench)
{
    expect(bench, 1, OP_ATTEND, 2 * 2352, 2 * 80 + 20 * 32);
    expect_token(bench, 1, OP_ATTEND, 3, 2352, 80 + 32);
    expect_token(bench, 1, OP_ATTEND, 18, 2352, 80 + 32);
    expect_token(bench, 1, OP_ATTEND, 5, 0, 32);
}

/* Norm: 4C + 19 = 51 a row, 8C + 4 = 68, 4C = 32 a bracket. */
Test(routed_cost, computed_keys)
{
    struct model_spec spec = shape(PART_BLOCK, SKIPPED_KEYS_COMPUTED,
                                   SIGNAL_CHANGE);
    struct bench bench = open_bench(&spec, 1);
    prefill(&bench, 1, NULL, false);

    expect(&bench, 1, OP_ROUTE, 20 * (3 * 8 + 15), 20 * (12 * 8 + 4));
    expect(&bench, 1, OP_SELECT, 0, 20 * 4 + 2 * 4);
    expect(&bench, 1, OP_NORM, 22 * 51, 22 * 68 + 2 * 32);
    expect(&bench, 1, OP_GATHER, 0, 2 * 16 * 8);
    /* Kept 2CQ = 128, 64 and 4CQ = 256; all 4CE = 128, 64 and 8CE = 256. */
    expect(&bench, 1, OP_QKV, 2 * 128 + 20 * 128, 2 * 64 + 20 * 64 + 512);
    expect_token(&bench, 1, OP_QKV, 3, 256, 128);
    expect_token(&bench, 1, OP_QKV, 4, 128, 64);
    expect_token(&bench, 1, OP_QKV, LEDGER_SHARED, 0, 512);
    /* Kept 3Q = 24, 8Q + 4D = 80; all 3E = 12, 8E + 4D = 48. */
    expect(&bench, 1, OP_ROPE, 2 * 24 + 20 * 12, 2 * 80 + 20 * 48);
    expect_attend_apart(&bench);
    expect_rest(&bench, 2, 2);
    expect(&bench, 0, OP_GATHER, 0, 0);
    close_bench(&bench);
}

Test(routed_cost, carried_keys)
{
    struct model_spec spec = shape(PART_BLOCK, SKIPPED_KEYS_CARRIED,
                                   SIGNAL_NORM);
    struct bench bench = open_bench(&spec, 1);
    prefill(&bench, 1, NULL, false);

    expect(&bench, 1, OP_ROUTE, 20 * (2 * 8 + 15), 20 * (4 * 8 + 4));
    expect(&bench, 1, OP_NORM, 4 * 51, 4 * 68 + 2 * 32);
    /* 8C for the stream, 16E for keys and values into the table. */
    expect(&bench, 1, OP_GATHER, 0, 2 * 64 + 2 * 64);
    expect(&bench, 0, OP_GATHER, 0, 20 * 64);
    expect(&bench, 1, OP_QKV, 2 * 256, 2 * 96 + 512);
    expect(&bench, 1, OP_ROPE, 2 * 36, 2 * 112);
    expect_attend_apart(&bench);
    expect_rest(&bench, 2, 2);
    close_bench(&bench);
}

/* Attention alone is routed: two rows in it, all behind it. */
Test(routed_cost, attention_with_absent_keys_by_received_attention)
{
    struct model_spec spec = shape(PART_ATTENTION, SKIPPED_KEYS_ABSENT,
                                   SIGNAL_RECEIVED);
    struct bench bench = open_bench(&spec, 1);
    prefill(&bench, 1, NULL, false);

    /* 16 queries on 16 keys and 4 on 32: 384; a key 2 (2*4 + 21) = 58, a row
     * 2Q = 16; 8Q + 8E + 8H + 4 = 116. */
    expect(&bench, 1, OP_ROUTE, 384 * 58 + 20 * 16, 20 * 116);
    expect_token(&bench, 1, OP_ROUTE, 15, 16 * 58 + 16, 116);
    expect_token(&bench, 1, OP_ROUTE, 16, 32 * 58 + 16, 116);
    expect(&bench, 1, OP_NORM, 22 * 51, 22 * 68 + 2 * 32);
    expect(&bench, 1, OP_GATHER, 0, 2 * 64);
    /* Indices 0 and 1 of the kept: 16 keys; 8Q + 8E + 8H = 112. */
    expect(&bench, 1, OP_ATTEND, 2 * 2 * (4 * 4 * 16 + 20 * 16 + 8 + 16),
           2 * 112);
    expect_rest(&bench, 2, 20);
    close_bench(&bench);
}

Test(routed_cost, feed_forward_by_hash)
{
    struct model_spec spec = shape(PART_FFN, SKIPPED_KEYS_ABSENT, SIGNAL_HASH);
    struct bench bench = open_bench(&spec, 1);
    prefill(&bench, 1, NULL, false);

    expect(&bench, 1, OP_ROUTE, 0, 20 * 8);
    expect(&bench, 1, OP_NORM, 22 * 51, 22 * 68 + 2 * 32);
    expect(&bench, 1, OP_GATHER, 0, 2 * 64);
    expect(&bench, 1, OP_QKV, 20 * 256, 20 * 96 + 512);
    expect(&bench, 1, OP_ATTEND,
           2 * ((16 * 16 + 4 * 32) * (4 * 4 + 20) + 20 * (8 + 16)), 20 * 112);
    expect_rest(&bench, 20, 2);
    close_bench(&bench);
}

/* ---- one more token, at position 20 ---- */

static void step(struct bench *bench, bool kept)
{
    const int32_t id = 1;
    const bool keep[2] = { true, kept };
    struct ledger_meter meter = ledger_meter(bench->ledger);
    ledger_clear(bench->ledger);
    model_decode(bench->model, &(struct decode_input){ .ids = &id,
                 .keep = keep }, &meter.meter);
}

static struct bench after_prefill(enum skipped_keys keys)
{
    struct model_spec spec = shape(PART_BLOCK, keys, SIGNAL_NORM);
    struct bench bench = open_bench(&spec, 1);
    prefill(&bench, 1, NULL, true);
    return bench;
}

Test(routed_cost, a_step_with_computed_keys)
{
    struct bench bench = after_prefill(SKIPPED_KEYS_COMPUTED);
    step(&bench, false);
    expect(&bench, 1, OP_NORM, 51, 68 + 32);
    expect(&bench, 1, OP_QKV, 128, 64 + 256);
    expect(&bench, 1, OP_ROPE, 12, 48);
    expect(&bench, 1, OP_GATHER, 0, 0);
    expect(&bench, 1, OP_ATTEND, 0, 0);
    expect(&bench, 1, OP_FFN_UP, 0, 0);
    expect(&bench, 1, OP_SELECT, 0, 4);
    step(&bench, true);                    /* at 21: 22 keys, 32 run over */
    expect(&bench, 1, OP_NORM, 2 * 51, 2 * (68 + 32));
    expect(&bench, 1, OP_GATHER, 0, 128);
    expect(&bench, 1, OP_QKV, 256, 128 + 512);
    expect(&bench, 1, OP_ATTEND, 2352, 80 + 22 * 32);
    expect(&bench, 1, OP_SELECT, 0, 8);
    close_bench(&bench);
}

Test(routed_cost, a_step_with_carried_keys)
{
    struct bench bench = after_prefill(SKIPPED_KEYS_CARRIED);
    step(&bench, false);
    expect(&bench, 1, OP_NORM, 0, 0);
    expect(&bench, 1, OP_QKV, 0, 0);
    expect(&bench, 1, OP_GATHER, 0, 64);
    expect(&bench, 0, OP_GATHER, 0, 0);
    step(&bench, true);
    expect(&bench, 1, OP_GATHER, 0, 64);   /* its stream */
    expect(&bench, 1, OP_ATTEND, 2352, 80 + 22 * 32);
    close_bench(&bench);
}

Test(routed_cost, a_step_with_absent_keys)
{
    struct bench bench = after_prefill(SKIPPED_KEYS_ABSENT);
    step(&bench, true);                    /* the third key there */
    expect(&bench, 1, OP_ATTEND, 2 * (16 * 36 + 8 + 16), 80 + 3 * 32);
    close_bench(&bench);
}

/* ---- sequences of unlike lengths ---- */

/* 20, 7 and 1 tokens are 28 rows; of the last two, 3 is kept of one. */
Test(routed_cost, no_row_is_padding)
{
    static const int32_t length[3] = { 20, 7, 1 };
    struct model_spec spec = shape(PART_BLOCK, SKIPPED_KEYS_ABSENT,
                                   SIGNAL_HASH);
    struct bench bench = open_bench(&spec, 3);
    prefill(&bench, 3, length, false);

    expect(&bench, LEDGER_OUTSIDE, OP_EMBED, 0, 28 * (4 + 64));
    expect(&bench, 0, OP_QKV, 28 * 256, 28 * 96 + 512);
    expect(&bench, 1, OP_QKV, 3 * 256, 3 * 96 + 512);
    expect(&bench, 1, OP_SELECT, 0, 28 * 4 + 3 * 4);
    /* A row is filed under b*T + t. */
    expect_token(&bench, 0, OP_QKV, T + 6, 256, 96);
    expect_token(&bench, 0, OP_QKV, T + 7, 0, 0);
    expect_token(&bench, 0, OP_QKV, 2 * T, 256, 96);
    expect_token(&bench, 1, OP_QKV, T + 3, 256, 96);
    expect_token(&bench, 1, OP_SELECT, T + 3, 0, 8);
    expect_token(&bench, 1, OP_SELECT, T + 4, 0, 4);
    expect(&bench, LEDGER_OUTSIDE, OP_HEAD, 28 * 272, 28 * 100 + 544);
    close_bench(&bench);
}

/* 2CV = 272, 4C + 4V = 100 a row, 4CV = 544. */
Test(routed_cost, the_head_of_the_last_tokens_alone)
{
    static const int32_t length[3] = { 20, 7, 1 };
    struct model_spec spec = shape(PART_BLOCK, SKIPPED_KEYS_ABSENT,
                                   SIGNAL_HASH);
    struct bench bench = open_bench(&spec, 3);
    prefill(&bench, 3, length, true);
    expect(&bench, LEDGER_OUTSIDE, OP_NORM, 3 * 51, 3 * 68 + 32);
    expect(&bench, LEDGER_OUTSIDE, OP_HEAD, 3 * 272, 3 * 100 + 544);
    expect_token(&bench, LEDGER_OUTSIDE, OP_HEAD, 19, 272, 100);
    expect_token(&bench, LEDGER_OUTSIDE, OP_HEAD, T + 6, 272, 100);
    expect_token(&bench, LEDGER_OUTSIDE, OP_HEAD, T + 5, 0, 0);

    /* A step of the first and the last: rows are filed under sequences, and the
     * one that waits costs nothing. */
    const int32_t ids[3] = { 1, -1, 2 };
    const bool active[3] = { true, false, true };
    const bool keep[6] = { true, true, true, true, true, false };
    struct ledger_meter meter = ledger_meter(bench.ledger);
    ledger_clear(bench.ledger);
    model_decode(bench.model, &(struct decode_input){ .ids = ids,
                 .active = active, .keep = keep }, &meter.meter);
    expect(&bench, 0, OP_QKV, 2 * 256, 2 * 96 + 512);
    expect(&bench, 1, OP_QKV, 256, 96 + 512);
    expect_token(&bench, 0, OP_QKV, 1, 0, 0);
    expect_token(&bench, 1, OP_QKV, 0, 256, 96);
    /* 21 and 2 keys in layer 0. */
    expect_token(&bench, 0, OP_ATTEND, 0, 2 * (32 * 36 + 24), 80 + 21 * 32);
    expect_token(&bench, 0, OP_ATTEND, 2, 2 * (16 * 36 + 24), 80 + 2 * 32);
    expect(&bench, LEDGER_OUTSIDE, OP_HEAD, 2 * 272, 2 * 100 + 544);

    /* Those two alone as an allocation: layer 1 kept 3, 18, 20; and nothing. */
    static const int32_t kept[3] = { 3, 18, 20 };
    struct allocation held;
    cr_assert(eq(int, allocation_open(&held, 2, 2, 21, NULL), 0));
    model_decode_allocation(bench.model, active, &held);
    cr_expect(eq(int, allocation_length(&held, 0), 21));
    cr_expect(eq(int, allocation_length(&held, 1), 2));
    cr_expect(eq(int, allocation_count(&held, 0, 1), 2));
    cr_expect(eq(int, allocation_count(&held, 1, 0), 3));
    cr_expect(eq(int, allocation_count(&held, 1, 1), 0));
    cr_expect(memcmp(allocation_kept(&held, 1, 0), kept, sizeof kept) == 0);
    allocation_close(&held);
    close_bench(&bench);
}
