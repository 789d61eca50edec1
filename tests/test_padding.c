/* test_padding.c - Flops beyond the columns of products, worked by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "hwprof/measure/padding.h"

static struct ledger *counted;

static void open_counted(void)
{
    cr_assert(eq(int, ledger_open(&counted, (struct ledger_shape){
        .by_pass = true, .by_op = true }, cost_zero(PROV_COUNTED), NULL),
        STATUS_OK));
}

static void close_counted(void)
{
    ledger_close(counted);
}

TestSuite(padding, .init = open_counted, .fini = close_counted);

static void count(enum pass pass, enum op op, uint64_t flops)
{
    struct cost cost = cost_zero(PROV_COUNTED);

    cost.count[METRIC_FLOPS] = flops;
    cr_assert(eq(int, ledger_charge(counted, (struct ledger_key){
        pass, LEDGER_OUTSIDE, LEDGER_SHARED, op }, &cost), STATUS_OK));
}

/* 4 heads of 11 columns; 16 rows of it ran. */
enum { ROWS = 16, C = 44, F = 90, V = 100, H = 4, D = 11 };

static struct model_spec shape(enum family family)
{
    return (struct model_spec){
        .traits = family_traits[family], .n_layers = 1, .n_channels = C,
        .n_heads = H, .n_kv_heads = H, .head_size = D, .n_ffn = F,
        .n_vocab = V,
    };
}

static void expect_padding(const struct model_spec *spec, int pass,
                           int op, int lanes, double flops)
{
    cr_expect(ieee_ulp_eq(dbl, padding_flops(spec, counted, pass, op, lanes),
                          flops, 8), "op %d", op);
}

/* Queries, keys and values have 132 columns, which 17 registers of 8 hold with 4
 * lanes to spare, and 9 of 16 with 12; the two halves of a SwiGLU's 180 have as
 * many with 4. */
Test(padding, forward_it_is_the_columns_up_to_whole_registers)
{
    struct model_spec spec = shape(FAMILY_LLAMA);

    count(PASS_FORWARD, OP_QKV, 2 * ROWS * C * 132);
    count(PASS_FORWARD, OP_FFN_UP, 2 * ROWS * C * 180);
    count(PASS_FORWARD, OP_NORM, 12345);
    expect_padding(&spec, PASS_FORWARD, OP_QKV, 8, 2 * ROWS * C * 4);
    expect_padding(&spec, PASS_FORWARD, OP_QKV, 16, 2 * ROWS * C * 12);
    expect_padding(&spec, PASS_FORWARD, OP_QKV, 4, 0);
    expect_padding(&spec, PASS_FORWARD, OP_FFN_UP, 8, 2 * ROWS * C * 4);
    expect_padding(&spec, PASS_FORWARD, OP_NORM, 8, 0);
    expect_padding(&spec, LEDGER_ANY, LEDGER_ANY, 8, 2 * 2 * ROWS * C * 4);
}

/* GPT-2's 44 columns of 90 inputs begin with a bias and the stream: an addition
 * each, of 48 columns.  Backward, the inputs' gradient has 90 columns, 96 with the
 * spare ones, and the weights' 44; the biases' is a sum of numbers. */
Test(padding, backward_both_gradients_have_their_own_columns)
{
    struct model_spec spec = shape(FAMILY_GPT2);

    count(PASS_FORWARD, OP_FFN_DOWN, ROWS * C * (2 * F + 1));
    count(PASS_BACKWARD, OP_FFN_DOWN, ROWS * C * (4 * F + 1));
    expect_padding(&spec, PASS_FORWARD, OP_FFN_DOWN, 8, ROWS * 4 * (2 * F + 1));
    expect_padding(&spec, PASS_BACKWARD, OP_FFN_DOWN, 8,
                   2 * ROWS * C * 6 + 2 * ROWS * F * 4);
}

/* The head's matrix lies as [V,C], and so does its gradient. */
Test(padding, the_head_has_the_width_for_columns_going_back)
{
    struct model_spec spec = shape(FAMILY_LLAMA);

    count(PASS_FORWARD, OP_HEAD, 2 * ROWS * C * V);
    count(PASS_BACKWARD, OP_HEAD, 4 * ROWS * C * V);
    expect_padding(&spec, PASS_FORWARD, OP_HEAD, 8, 2 * ROWS * C * 4);
    expect_padding(&spec, PASS_BACKWARD, OP_HEAD, 8,
                   2 * ROWS * V * 4 + 2 * ROWS * V * 4);
}

/* One strip of 16 queries over a tile of 16 keys: of the products with 11 columns,
 * weights by values forward, and three backward, each has 5 to spare of 16. */
Test(padding, attention_pads_the_products_that_have_a_heads_columns)
{
    struct model_spec spec = shape(FAMILY_LLAMA);
    const uint64_t pairs = 16 * ROWS;

    count(PASS_FORWARD, OP_PROJECT, 2 * ROWS * C * C);
    count(PASS_FORWARD, OP_ATTEND, ROWS * H * (2 * D + 15 + 1) +
                                       pairs * H * (4 * D + 18 + 2));
    count(PASS_BACKWARD, OP_ATTEND, ROWS * H * (4 * D + 15) +
                                        pairs * H * (10 * D + 18 + 4));
    expect_padding(&spec, PASS_FORWARD, OP_ATTEND, 8, 2.0 * pairs * H * 5);
    expect_padding(&spec, PASS_BACKWARD, OP_ATTEND, 8, 6.0 * pairs * H * 5);
}
