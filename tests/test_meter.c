/* test_meter.c - Expect listeners to hear every bracket, and to file exactly
 * what was tallied. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sim/core/ledger/meter.h"

static struct error err;

static struct ledger *open_ledger(int32_t n_tokens)
{
    struct ledger *ledger = NULL;
    struct ledger_shape shape = { true, true, 2, n_tokens };

    cr_assert(eq(int, ledger_open(&ledger, shape, cost_zero(PROV_COUNTED),
                                  &err), STATUS_OK));
    return ledger;
}

static const struct cost *at(const struct ledger *ledger, int32_t token)
{
    return ledger_at(ledger, (struct ledger_key){ PASS_FORWARD, 1, token,
                                                  OP_ATTEND });
}

Test(meter, nobody_may_listen)
{
    meter_begin(NULL, NULL);
    meter_end(NULL, NULL);
}

Test(meter, a_ledger_without_tokens_files_the_total)
{
    struct ledger *ledger = open_ledger(0);
    struct ledger_meter m = ledger_meter(ledger);
    struct op_run run = { .pass = PASS_FORWARD, .layer = 1, .op = OP_ATTEND,
                          .n_rows = 2, .total = { 100, 40 },
                          .each = { 10, 4 } };

    cr_assert(not(m.meter.by_token));
    meter_begin(&m.meter, &run);
    meter_end(&m.meter, &run);
    meter_end(&m.meter, &run);
    cr_assert(eq(u64, at(ledger, 0)->count[METRIC_FLOPS], 200));
    cr_assert(eq(u64, at(ledger, 0)->count[METRIC_BYTES], 80));
    cr_assert(eq(int, at(ledger, 0)->from[METRIC_FLOPS], PROV_COUNTED));
    cr_assert(eq(int, at(ledger, 0)->from[METRIC_SECONDS], PROV_UNKNOWN));
    ledger_close(ledger);
}

/* Rows 0 and 1 are tokens 3 and 0: each 10, and 1 and 2 more; 100 - 23 = 77 and
 * 40 - 8 = 32 belong to no token. */
Test(meter, a_ledger_with_tokens_splits_the_total_without_loss)
{
    static const int32_t row[] = { 3, 0 };
    static const struct tally extra[] = { { 1, 0 }, { 2, 0 } };
    struct ledger *ledger = open_ledger(4);
    struct ledger_meter m = ledger_meter(ledger);
    struct op_run run = { .pass = PASS_FORWARD, .layer = 1, .op = OP_ATTEND,
                          .n_rows = 2, .total = { 100, 40 },
                          .each = { 10, 4 }, .row = row, .extra = extra };

    cr_assert(m.meter.by_token);
    meter_end(&m.meter, &run);
    cr_assert(eq(u64, at(ledger, 3)->count[METRIC_FLOPS], 11));
    cr_assert(eq(u64, at(ledger, 0)->count[METRIC_FLOPS], 12));
    cr_assert(eq(u64, at(ledger, 1)->count[METRIC_FLOPS], 0));
    cr_assert(eq(u64, at(ledger, LEDGER_SHARED)->count[METRIC_FLOPS], 77));
    cr_assert(eq(u64, at(ledger, LEDGER_SHARED)->count[METRIC_BYTES], 32));
    ledger_close(ledger);
}

Test(meter, without_a_list_row_r_is_token_r)
{
    struct ledger *ledger = open_ledger(4);
    struct ledger_meter m = ledger_meter(ledger);
    struct op_run run = { .pass = PASS_FORWARD, .layer = 1, .op = OP_ATTEND,
                          .n_rows = 2, .total = { 20, 8 }, .each = { 10, 4 } };

    meter_end(&m.meter, &run);
    cr_assert(eq(u64, at(ledger, 1)->count[METRIC_FLOPS], 10));
    cr_assert(eq(u64, at(ledger, LEDGER_SHARED)->count[METRIC_FLOPS], 0));
    ledger_close(ledger);
}

Test(meter, the_first_overflow_is_kept)
{
    struct ledger *ledger = open_ledger(0);
    struct ledger_meter m = ledger_meter(ledger);
    struct op_run run = { .pass = PASS_FORWARD, .layer = 1, .op = OP_ATTEND,
                          .total = { UINT64_MAX, 0 } };

    meter_end(&m.meter, &run);
    cr_assert(eq(int, m.status, STATUS_OK));
    meter_end(&m.meter, &run);
    cr_assert(eq(int, m.status, STATUS_OVERFLOWED));
    ledger_close(ledger);
}
