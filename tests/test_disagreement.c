/* test_disagreement.c - Find and name the cell that holds one flop more. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "sim/core/ledger/agreement.h"

static struct ledger *open_ledger(int32_t n_layers, int32_t n_tokens)
{
    struct ledger *ledger = NULL;
    const bool by_op = n_tokens == 0;
    const struct ledger_shape shape = { by_op, by_op, n_layers, n_tokens };
    cr_assert(eq(int, ledger_open(&ledger, shape, cost_zero(PROV_COUNTED),
                                  NULL), STATUS_OK));
    return ledger;
}

static void set(struct ledger *ledger, struct ledger_key key,
                enum metric metric, uint64_t value)
{
    ledger_set_count(ledger, key, metric, value, PROV_COUNTED);
}

static void expect_text(const struct ledger *predicted,
                        const struct ledger *counted, const char *want)
{
    struct disagreement first;
    char text[DISAGREEMENT_SIZE];
    cr_assert(not(agreement(predicted, counted, &first)));
    disagreement_text(text, &first);
    cr_expect(strcmp(text, want) == 0, "%s", text);
}

static const struct ledger_key up = { PASS_BACKWARD, 3, LEDGER_SHARED,
                                      OP_FFN_UP };

Test(disagreement, equal_ledgers_agree)
{
    struct ledger *a = open_ledger(4, 0), *b = open_ledger(4, 0);
    struct disagreement first;

    cr_expect(agreement(a, b, &first));
    set(a, up, METRIC_FLOPS, 5);
    set(b, up, METRIC_FLOPS, 5);
    cr_expect(agreement(a, b, &first));
    ledger_close(b);
    ledger_close(a);
}

Test(disagreement, a_cell_nobody_charged_is_zero)
{
    struct ledger *a = open_ledger(4, 0), *b = open_ledger(4, 0);
    struct disagreement first;

    set(a, up, METRIC_FLOPS, 0);
    cr_expect(agreement(a, b, &first));
    ledger_close(b);
    ledger_close(a);
}

Test(disagreement, the_first_cell_that_differs_is_named)
{
    struct ledger *a = open_ledger(4, 0), *b = open_ledger(4, 0);
    const struct ledger_key adamw = { PASS_UPDATE, LEDGER_OUTSIDE,
                                      LEDGER_SHARED, OP_ADAMW };

    set(a, adamw, METRIC_FLOPS, 1);
    expect_text(a, b, "update, outside the layers, adamw: predicted 1 flops,"
                      " counted 0");
    set(a, up, METRIC_BYTES, 7);
    set(b, up, METRIC_BYTES, 8);
    expect_text(a, b, "backward, layer 3, ffn.up: predicted 7 bytes, counted"
                      " 8");
    ledger_close(b);
    ledger_close(a);
}

/* Layers 0 to 3 of one are the whole of the other. */
Test(disagreement, ledgers_are_compared_at_the_coarser_resolution)
{
    struct ledger *a = open_ledger(4, 0), *b = open_ledger(0, 0);
    const struct ledger_key down = { PASS_BACKWARD, 1, LEDGER_SHARED,
                                     OP_FFN_UP };
    struct disagreement first;

    set(a, up, METRIC_FLOPS, 3);
    set(a, down, METRIC_FLOPS, 4);
    set(b, up, METRIC_FLOPS, 7);
    cr_expect(agreement(a, b, &first));
    set(b, up, METRIC_FLOPS, 8);
    expect_text(a, b, "backward, ffn.up: predicted 7 flops, counted 8");
    ledger_close(b);
    ledger_close(a);
}

Test(disagreement, a_layer_that_only_one_has_is_compared_with_no_work)
{
    struct ledger *a = open_ledger(2, 0), *b = open_ledger(4, 0);

    set(b, up, METRIC_FLOPS, 8);
    expect_text(a, b, "backward, layer 3, ffn.up: predicted 0 flops, counted"
                      " 8");
    ledger_close(b);
    ledger_close(a);
}

Test(disagreement, unknown_is_not_zero)
{
    struct ledger *a = open_ledger(4, 0), *b = open_ledger(4, 0);

    ledger_set_count(a, up, METRIC_FLOPS, 0, PROV_UNKNOWN);
    expect_text(a, b, "backward, layer 3, ffn.up: predicted unknown flops,"
                      " counted 0");
    ledger_close(b);
    ledger_close(a);
}

Test(disagreement, all_are_counted_and_the_first_are_listed)
{
    struct ledger *a = open_ledger(4, 0), *b = open_ledger(4, 0);
    struct disagreement found[1];
    size_t compared = 0;

    set(a, up, METRIC_FLOPS, 1);
    set(a, up, METRIC_BYTES, 2);
    set(b, up, METRIC_BYTES, 3);
    cr_expect(eq(sz, disagreements(a, b, found, 1, &compared), 2));
    cr_expect(eq(sz, compared, 2));
    cr_expect(eq(int, (int)found[0].metric, METRIC_FLOPS));
    ledger_close(b);
    ledger_close(a);
}

Test(disagreement, an_axis_that_is_not_resolved_is_not_named)
{
    struct ledger *a = open_ledger(0, 6), *b = open_ledger(0, 6);

    set(b, (struct ledger_key){ .token = 5 }, METRIC_FLOPS, 2);
    expect_text(a, b, "token 5: predicted 0 flops, counted 2");
    ledger_close(b);
    ledger_close(a);
}
