/* test_disagreement.c - one flop more in one cell is found and named. */
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

Test(disagreement, an_axis_that_is_not_resolved_is_not_named)
{
    struct ledger *a = open_ledger(0, 6), *b = open_ledger(0, 6);

    set(b, (struct ledger_key){ .token = 5 }, METRIC_FLOPS, 2);
    expect_text(a, b, "token 5: predicted 0 flops, counted 2");
    ledger_close(b);
    ledger_close(a);
}
