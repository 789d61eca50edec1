/* test_lines.c - Count the lines that come into a cache, worked out by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sim/price/lines.h"
#include "sim/price/roofline.h"

/* gpt2: C = Q = E = 80, F = U = 320, V = 256, 5 heads of 16, 128 positions. */
static struct model_spec shape(void)
{
    return (struct model_spec){
        .traits = family_traits[FAMILY_GPT2],
        .n_layers = 1, .n_channels = 80, .n_heads = 5,
        .n_kv_heads = 5, .head_size = 16, .n_ffn = 320, .n_vocab = 256,
        .max_tokens = 128, .tied_head = true,
    };
}

static struct lines_op op_of(const struct model_spec *spec, enum pass pass,
                             enum op op, uint64_t rows, uint64_t bytes)
{
    return (struct lines_op){ .spec = spec, .pass = pass, .op = op,
                              .rows = rows, .bytes = bytes,
                              .tokens = spec->max_tokens, .product_lanes = 8 };
}

Test(lines, a_result_on_top_of_its_operand_is_one_line)
{
    struct model_spec s = shape();
    struct lines_op adamw = op_of(&s, PASS_UPDATE, OP_ADAMW, 0, 28000);
    struct lines_op clip = op_of(&s, PASS_UPDATE, OP_CLIP, 0, 4000);
    struct lines_op loss = op_of(&s, PASS_BACKWARD, OP_LOSS, 10, 20600);
    struct lines_op up = op_of(&s, PASS_FORWARD, OP_FFN_UP, 10, 118400);

    /* weight, two moments and gradient come in; the first three go back out */
    cr_expect(eq(u64, lines_rewritten(&adamw), 12000));
    cr_expect(eq(u64, lines_rewritten(&clip), 0));
    cr_expect(eq(u64, lines_rewritten(&loss), 10 * 4 * 256));
    cr_expect(eq(u64, lines_rewritten(&up), 0));
}

/* Of the scores of three depths, 36 bytes a row, no stream's width is written. */
Test(lines, no_more_is_rewritten_than_half_of_the_operands)
{
    struct model_spec s = shape();
    struct lines_op stream = op_of(&s, PASS_BACKWARD, OP_ROUTE, 10, 10 * 968);
    struct lines_op depths = op_of(&s, PASS_BACKWARD, OP_ROUTE, 10, 10 * 36);

    cr_expect(eq(u64, lines_rewritten(&stream), 10 * 320));
    cr_expect(eq(u64, lines_rewritten(&depths), 10 * 18));
}

/* dx in one pass over the rows, dgamma and dbeta in another: x, dout and two
 * statistics come in again, 8 * 80 + 8 a row, unless all of it is held. */
Test(lines, norm_goes_over_its_rows_twice_backward)
{
    struct model_spec s = shape();
    struct lines_op norm = op_of(&s, PASS_BACKWARD, OP_NORM, 100, 129760);

    cr_expect(eq(dbl, lines_again(&norm, 32768), 64800));
    cr_expect(eq(dbl, lines_again(&norm, 129760), 0));
    cr_expect(eq(u64, lines_rewritten(&norm), 100 * 320));
    s.backbone_frozen = true;               /* no dgamma */
    cr_expect(eq(dbl, lines_again(&norm, 32768), 0));
}

/* 300 rows of a table of 256 and one of 128: 44 and 172 of them once more. */
/* Heads of queries and keys lie in 4 * 160 bytes a row.  Backward, dgamma takes
 * them, their gradient and ten scales, and then dx does.  Forward leaves the
 * scales and, in training, a copy. */
Test(lines, norms_of_heads_work_in_place_and_twice_backward)
{
    struct model_spec s = shape();
    s.traits.qk_norm = true;
    struct lines_op f = op_of(&s, PASS_FORWARD, OP_QK_NORM, 100, 132128);
    struct lines_op b = op_of(&s, PASS_BACKWARD, OP_QK_NORM, 100, 196256);

    cr_expect(eq(u64, lines_rewritten(&f), 100 * 640));
    cr_expect(eq(u64, lines_cold(&f), 100 * 40));
    f.training = true;
    cr_expect(eq(u64, lines_cold(&f), 100 * 680));
    cr_expect(eq(u64, lines_rewritten(&b), 100 * 640));
    cr_expect(eq(dbl, lines_again(&b, 1e5), 100 * 1320.0));
    cr_expect(eq(dbl, lines_again(&b, 1e6), 0.0));
    s.backbone_frozen = true;
    cr_expect(eq(dbl, lines_again(&b, 1e5), 0.0));
}

/* 12 queries' heads of 16 and 4 keys' heads: kept rows turn the first, all rows
 * the second, and none brings in more than it reads and writes. */
Test(lines, queries_and_keys_that_run_apart_are_lines_of_their_own)
{
    struct model_spec s = shape();
    s.traits.positions = POSITIONS_ROTARY;
    s.n_heads = 12;
    s.n_kv_heads = 4;
    struct lines_op rope = op_of(&s, PASS_FORWARD, OP_ROPE, 100,
                                 UINT64_C(100) * (8 * 16 * 16 + 4 * 16));

    cr_expect(eq(u64, lines_rewritten(&rope), UINT64_C(100) * 4 * 16 * 16));
    rope.side = LINES_QUERIES;
    cr_expect(eq(u64, lines_rewritten(&rope), UINT64_C(100) * 4 * 12 * 16));
    rope.side = LINES_KEYS;
    cr_expect(eq(u64, lines_rewritten(&rope), UINT64_C(100) * 4 * 4 * 16));
}

Test(lines, a_table_that_is_held_comes_in_once)
{
    struct model_spec s = shape();
    struct lines_op embed = op_of(&s, PASS_FORWARD, OP_EMBED, 300, 289200);
    struct lines_op back = op_of(&s, PASS_BACKWARD, OP_EMBED, 300, 529200);

    cr_expect(eq(dbl, lines_again(&embed, 16384), 0));
    /* 40 KiB of positions are held, 80 of the vocabulary are not */
    cr_expect(eq(dbl, lines_again(&embed, 65536), -172.0 * 320));
    cr_expect(eq(dbl, lines_again(&embed, 262144), -(172.0 + 44) * 320));
    /* and the positions' zeros are still there to be added to */
    cr_expect(eq(dbl, lines_again(&back, 65536), -(172.0 + 128) * 320));
    /* sequences of 100 share 100 positions: 200 of 300 once more */
    embed.tokens = 100;
    cr_expect(eq(dbl, lines_again(&embed, 65536), -200.0 * 320));
}

/* c [256,320] = a [256,80] b [80,320] on 8 lanes: 14 panels of 24 columns, the
 * last of 8.  Panels of 96 bytes from a multiple of 32 touch two lines each, the
 * 8 columns one: 27 lines of 64 for each row's 1280 bytes, 7 too many. */
Test(lines, a_product_reads_its_rows_for_each_panel)
{
    struct model_spec s = shape();
    struct lines_op up = op_of(&s, PASS_FORWARD, OP_FFN_UP, 256, 513280);
    double a = 4 * 256 * 80, b = 4 * 80 * 320, edges = 256 * 7 * 64;

    /* 81920 of a, a panel and its c do not fit; the packed copy comes in too */
    cr_expect(eq(dbl, lines_again(&up, 49152), 13 * a + edges + b));
    /* there a block of a, a panel and its c are held */
    cr_expect(eq(dbl, lines_again(&up, 262144), b));
    cr_expect(eq(dbl, lines_again(&up, 1 << 20), 0));
    up.product_lanes = 0;
    cr_expect(eq(dbl, lines_again(&up, 49152), 0));
}

/* 1024 rows are four blocks; the packed panels are read again for each but the
 * first where a block of a (80 KiB), the panels (100) and c (320) do not fit. */
Test(lines, packed_panels_come_in_again_for_each_block_of_rows)
{
    struct model_spec s = shape();
    struct lines_op up = op_of(&s, PASS_FORWARD, OP_FFN_UP, 1024, 1742080);
    double b = 4 * 80 * 320;

    cr_expect(eq(dbl, lines_again(&up, 480 << 10), b + 3 * b));
    cr_expect(eq(dbl, lines_again(&up, 520 << 10), b));
}

/* A token's product streams the weight once. */
Test(lines, one_row_brings_in_nothing_twice)
{
    struct model_spec s = shape();
    struct lines_op up = op_of(&s, PASS_FORWARD, OP_FFN_UP, 1, 105280);

    cr_expect(eq(dbl, lines_again(&up, 49152), 0));
}

/* 8 rows, b [80,256]: b packed is 80 KiB, to and fro, which 48 do not hold; where
 * b lies along its columns for rows that generation goes on from, it is not. */
Test(lines, a_turned_head_is_not_packed)
{
    struct model_spec s = shape();
    struct lines_op head = op_of(&s, PASS_FORWARD, OP_HEAD, 8, 92672);

    cr_expect(eq(dbl, lines_again(&head, 49152), 4 * 80 * 256));
    head.head_turned = true;
    cr_expect(eq(dbl, lines_again(&head, 49152), 0));
}

/* Forward writes to a place of its own; norm leaves 4C + 8 a row. */
Test(lines, what_forward_writes_was_not_seen_since_the_pass_before)
{
    struct model_spec s = shape();
    struct lines_op norm = op_of(&s, PASS_FORWARD, OP_NORM, 10, 7120);
    struct lines_op rope = op_of(&s, PASS_FORWARD, OP_ROPE, 10, 7120);
    struct lines_op back = op_of(&s, PASS_BACKWARD, OP_NORM, 10, 7120);

    cr_expect(eq(u64, lines_cold(&norm), 3280));
    cr_expect(eq(u64, lines_cold(&rope), 0));      /* in place */
    cr_expect(eq(u64, lines_cold(&back), 0));
}

/* The same through the levels: operands cross as bytes, lines come in. */
Test(lines, traffic_tells_lines_from_operands)
{
    struct model_spec s = shape();
    struct lines_op adamw = op_of(&s, PASS_UPDATE, OP_ADAMW, 0, 28000);
    struct machine m = { 0 };
    m.level[LEVEL_L1].size_bytes.value = 1000;
    m.level[LEVEL_L2].size_bytes.value = 5000;
    struct roofline_load load = { .stale_bytes = 28000,
                                  .footprint_bytes = 28000 };
    struct rates r = rates_of(&m, PRECISION_FP32);
    struct traffic t = roofline_traffic(&r, &load);
    double fills[LEVEL_COUNT];
    roofline_fills(fills, &r, &load, &adamw);

    cr_expect(eq(dbl, t.at[LEVEL_L2], 28000));
    cr_expect(epsilon_eq(dbl, fills[LEVEL_DRAM], 16000, 1e-6));
    cr_expect(epsilon_eq(dbl, fills[LEVEL_L2], 16000, 1e-6));
}
