/* test_ledger.c - Expect costs to be found under the key they were charged to,
 * and nowhere else. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/ledger/ledger.h"

static struct error err;

static struct ledger *open_ledger(struct ledger_shape shape, struct cost blank)
{
    struct ledger *ledger = NULL;
    cr_assert(eq(int, ledger_open(&ledger, shape, blank, &err), STATUS_OK));
    return ledger;
}

static struct ledger *open_full(void)
{
    return open_ledger((struct ledger_shape){ true, true, 3, 4 },
                       cost_zero(PROV_COUNTED));
}

static void charge(struct ledger *ledger, enum pass pass, int32_t layer,
                   int32_t token, enum op op, uint64_t flops)
{
    struct cost cost = cost_zero(PROV_COUNTED);
    struct ledger_key key = { pass, layer, token, op };

    cost_set_count(&cost, METRIC_FLOPS, flops, PROV_COUNTED);
    cr_assert(eq(int, ledger_charge(ledger, key, &cost), STATUS_OK));
}

static uint64_t flops(const struct ledger *ledger, int pass, int32_t layer,
                      int32_t token, int op)
{
    return ledger_sum(ledger, pass, layer, token, op).count[METRIC_FLOPS];
}

static struct ledger *charged(void)
{
    struct ledger *l = open_full();

    charge(l, PASS_FORWARD, 0, 0, OP_QKV, 1);
    charge(l, PASS_FORWARD, 0, 3, OP_QKV, 10);
    charge(l, PASS_FORWARD, 2, 3, OP_ATTEND, 100);
    charge(l, PASS_BACKWARD, 2, LEDGER_SHARED, OP_QKV, 1000);
    charge(l, PASS_FORWARD, LEDGER_OUTSIDE, 1, OP_HEAD, 10000);
    return l;
}

Test(ledger, sums_along_any_axis_find_exactly_what_was_charged)
{
    enum { ANY = LEDGER_ANY };
    struct ledger *l = charged();

    cr_assert(eq(u64, flops(l, ANY, ANY, ANY, ANY), 11111));
    cr_assert(eq(u64, flops(l, PASS_FORWARD, ANY, ANY, ANY), 10111));
    cr_assert(eq(u64, flops(l, ANY, 0, ANY, ANY), 11));
    cr_assert(eq(u64, flops(l, ANY, LEDGER_OUTSIDE, ANY, ANY), 10000));
    cr_assert(eq(u64, flops(l, ANY, ANY, 3, ANY), 110));
    cr_assert(eq(u64, flops(l, ANY, ANY, LEDGER_SHARED, ANY), 1000));
    cr_assert(eq(u64, flops(l, ANY, ANY, ANY, OP_QKV), 1011));
    cr_assert(eq(u64, flops(l, PASS_FORWARD, 0, 3, OP_QKV), 10));
    ledger_close(l);
}

Test(ledger, layers_sum_to_the_whole)
{
    struct ledger *l = charged();
    uint64_t sum = flops(l, LEDGER_ANY, LEDGER_OUTSIDE, LEDGER_ANY, LEDGER_ANY);

    for (int32_t layer = 0; layer < 3; layer++)
        sum += flops(l, LEDGER_ANY, layer, LEDGER_ANY, LEDGER_ANY);
    cr_assert(eq(u64, sum, 11111));
    ledger_close(l);
}

Test(ledger, an_axis_that_is_not_resolved_takes_every_index)
{
    struct ledger *l = open_ledger((struct ledger_shape){ 0 },
                                   cost_zero(PROV_COUNTED));

    charge(l, PASS_FORWARD, 7, 99, OP_QKV, 2);
    charge(l, PASS_UPDATE, LEDGER_OUTSIDE, LEDGER_SHARED, OP_ADAMW, 3);
    cr_assert(eq(u64, flops(l, PASS_FORWARD, 1, 1, OP_HEAD), 5));
    ledger_close(l);
}

Test(ledger, the_first_charge_replaces_an_unknown_blank)
{
    struct ledger *l = open_ledger((struct ledger_shape){ .by_op = true },
                                   (struct cost){ 0 });
    struct ledger_key key = { PASS_FORWARD, 0, 0, OP_QKV };

    cr_assert(eq(int, ledger_at(l, key)->from[METRIC_FLOPS], PROV_UNKNOWN));
    cr_assert(not(ledger_touched(l, key)));
    charge(l, PASS_FORWARD, 0, 0, OP_QKV, 4);
    charge(l, PASS_FORWARD, 0, 0, OP_QKV, 4);
    cr_assert(ledger_touched(l, key));
    cr_assert(eq(int, ledger_at(l, key)->from[METRIC_FLOPS], PROV_COUNTED));
    cr_assert(eq(u64, ledger_at(l, key)->count[METRIC_FLOPS], 8));
    ledger_close(l);
}

Test(ledger, a_sum_over_nothing_is_the_blank)
{
    struct ledger *knows = open_full();
    struct ledger *silent = open_ledger((struct ledger_shape){ 0 },
                                        (struct cost){ 0 });
    struct cost zero = ledger_sum(knows, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                  LEDGER_ANY);
    struct cost nothing = ledger_sum(silent, LEDGER_ANY, LEDGER_ANY,
                                     LEDGER_ANY, LEDGER_ANY);

    cr_assert(eq(dbl, cost_get(&zero, METRIC_FLOPS), 0.0));
    cr_assert(ne(int, isnan(cost_get(&nothing, METRIC_FLOPS)), 0));
    ledger_close(knows);
    ledger_close(silent);
}

Test(ledger, clearing_forgets_every_charge)
{
    struct ledger *l = charged();

    ledger_clear(l);
    cr_assert(eq(u64, flops(l, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY),
                 0));
    cr_assert(not(ledger_touched(l, (struct ledger_key){ PASS_FORWARD, 0, 0,
                                                         OP_QKV })));
    ledger_close(l);
}

static void charge_alike(struct ledger *ledger, int32_t layer, int32_t n_tokens,
                         uint64_t flops)
{
    struct cost cost = cost_zero(PROV_COUNTED);
    struct ledger_key key = { PASS_FORWARD, layer, 0, OP_QKV };

    cost_set_count(&cost, METRIC_FLOPS, flops, PROV_COUNTED);
    cr_assert(eq(int, ledger_charge_alike(ledger, key, n_tokens, &cost),
                 STATUS_OK));
}

/* Whoever reads finds what was charged to tokens alike in their cells. */
Test(ledger, tokens_charged_alike_are_charged_each)
{
    enum { ANY = LEDGER_ANY };
    struct ledger *l = open_full();
    const struct ledger_key last = { PASS_FORWARD, 1, 3, OP_QKV };

    charge_alike(l, 1, 4, 5);
    charge_alike(l, 1, 4, 7);
    charge(l, PASS_FORWARD, 1, 2, OP_QKV, 100);
    cr_expect(eq(u64, ledger_at(l, last)->count[METRIC_FLOPS], 12));
    charge_alike(l, 1, 3, 1);              /* fewer: not the last */
    charge_alike(l, 1, 4, 1000);
    charge_alike(l, 1, 0, 1);
    cr_expect(eq(u64, flops(l, ANY, 1, 2, ANY), 1113));
    cr_expect(eq(u64, flops(l, ANY, 1, 3, ANY), 1012));
    cr_expect(eq(u64, flops(l, ANY, 0, ANY, ANY), 0));
    cr_expect(not(ledger_touched(l, (struct ledger_key){
        PASS_FORWARD, 1, LEDGER_SHARED, OP_QKV })));
    charge_alike(l, 1, 4, 1);
    cr_assert(eq(int, ledger_scale(l, 2), STATUS_OK));
    cr_expect(eq(u64, ledger_at(l, last)->count[METRIC_FLOPS], 2026));
    charge_alike(l, 2, 4, 1);
    ledger_clear(l);
    cr_expect(eq(u64, flops(l, ANY, ANY, ANY, ANY), 0));
    charge(l, PASS_FORWARD, 1, 3, OP_QKV, UINT64_MAX);
    charge_alike(l, 1, 4, 1);
    cr_expect(eq(int, ledger_at(l, last)->from[METRIC_FLOPS], PROV_UNKNOWN));
    ledger_close(l);
}

Test(ledger, an_overflowing_charge_leaves_the_cell)
{
    struct ledger *l = open_full();
    struct cost one = cost_zero(PROV_COUNTED);
    struct ledger_key key = { PASS_FORWARD, 0, 0, OP_QKV };

    charge(l, PASS_FORWARD, 0, 0, OP_QKV, UINT64_MAX);
    one.count[METRIC_FLOPS] = 1;
    cr_assert(eq(int, ledger_charge(l, key, &one), STATUS_OVERFLOWED));
    cr_assert(eq(u64, ledger_at(l, key)->count[METRIC_FLOPS], UINT64_MAX));
    ledger_close(l);
}

Test(ledger, a_sum_too_large_to_hold_is_unknown_not_wrong)
{
    struct ledger *l = open_full();

    charge(l, PASS_FORWARD, 0, 0, OP_QKV, UINT64_MAX);
    charge(l, PASS_FORWARD, 1, 0, OP_QKV, 1);
    struct cost sum = ledger_sum(l, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    cr_assert(eq(int, sum.from[METRIC_FLOPS], PROV_UNKNOWN));
    ledger_close(l);
}

Test(ledger, setting_replaces_one_metric_and_keeps_the_rest)
{
    struct ledger *l = charged();
    struct ledger_key key = { PASS_FORWARD, 0, 3, OP_QKV };

    ledger_set_count(l, key, METRIC_CYCLES, 77, PROV_MEASURED);
    ledger_set_real(l, key, METRIC_SECONDS, 0.25, PROV_MEASURED);
    ledger_set_count(l, key, METRIC_CYCLES, 78, PROV_MEASURED);
    cr_assert(eq(u64, ledger_at(l, key)->count[METRIC_CYCLES], 78));
    cr_assert(eq(u64, ledger_at(l, key)->count[METRIC_FLOPS], 10));
    cr_assert(eq(dbl, cost_get(ledger_at(l, key), METRIC_SECONDS), 0.25));
    ledger_close(l);
}

Test(ledger, scaling_multiplies_every_amount)
{
    struct ledger *l = charged();

    ledger_set_real(l, (struct ledger_key){ PASS_FORWARD, 0, 0, OP_QKV },
                    METRIC_SECONDS, 0.5, PROV_MEASURED);
    cr_assert(eq(int, ledger_scale(l, 3), STATUS_OK));
    struct cost sum = ledger_sum(l, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    cr_assert(eq(u64, sum.count[METRIC_FLOPS], 33333));
    cr_assert(eq(dbl, cost_get(&sum, METRIC_SECONDS), 1.5));
    cr_assert(eq(int, ledger_scale(l, UINT64_MAX), STATUS_OVERFLOWED));
    ledger_close(l);
}

Test(ledger, reasons_are_copied_and_replaced)
{
    struct ledger *l = open_full();
    char reason[] = "no sensor";

    cr_assert(eq(ptr, (void *)ledger_reason(l, METRIC_JOULES), NULL));
    ledger_set_reason(l, METRIC_JOULES, reason);
    reason[0] = 'X';
    cr_assert_str_eq(ledger_reason(l, METRIC_JOULES), "no sensor");
    ledger_set_reason(l, METRIC_JOULES, "permission denied");
    cr_assert_str_eq(ledger_reason(l, METRIC_JOULES), "permission denied");
    ledger_close(l);
}

static char *written(const struct ledger *ledger, bool by_token)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    ledger_write_header(file, by_token);
    cr_assert(eq(int, ledger_write(ledger, "counted", file, &err), STATUS_OK));
    fclose(file);
    return text;
}

Test(ledger, the_table_has_a_row_a_touched_cell_and_empty_fields_for_unknown)
{
    struct ledger *l = open_ledger((struct ledger_shape){ true, true, 1, 0 },
                                   (struct cost){ 0 });
    struct cost cost = { 0 };

    cost_set_count(&cost, METRIC_FLOPS, 12, PROV_COUNTED);
    cr_assert(eq(int, ledger_charge(l, (struct ledger_key){
        PASS_BACKWARD, LEDGER_OUTSIDE, 0, OP_FFN_UP }, &cost), STATUS_OK));
    char *text = written(l, false);
    cr_assert_str_eq(text,
        "witness,pass,layer,op,flops,flops_source,bytes,bytes_source,l2_bytes,"
        "l2_bytes_source,l3_bytes,l3_bytes_source,dram_bytes,dram_bytes_source,"
        "instructions,instructions_source,cycles,cycles_source,seconds,"
        "seconds_source,joules,joules_source\r\n"
        "counted,backward,outside,ffn.up,12,counted,,unknown,,unknown,,unknown,"
        ",unknown,,unknown,,unknown,,unknown,,unknown\r\n");
    free(text);
    ledger_close(l);
}

Test(ledger, a_ledger_by_token_has_a_token_column)
{
    struct ledger *l = open_ledger((struct ledger_shape){ false, true, 0, 2 },
                                   cost_zero(PROV_COUNTED));

    charge(l, PASS_FORWARD, 0, 1, OP_NORM, 5);
    charge(l, PASS_FORWARD, 0, LEDGER_SHARED, OP_NORM, 6);
    char *text = written(l, true);
    cr_assert(eq(int, strncmp(text, "witness,pass,layer,token,op,flops,", 34),
                 0));
    cr_assert(ne(ptr, strstr(text, "\r\ncounted,all,all,1,norm,5,"), NULL));
    cr_assert(ne(ptr, strstr(text, "\r\ncounted,all,all,shared,norm,6,"),
                 NULL));
    free(text);
    ledger_close(l);
}

Test(ledger, closing_nothing_is_fine)
{
    ledger_close(NULL);
}

Test(ledger, a_ledger_too_large_for_memory_is_refused)
{
    struct ledger *l = NULL;

    cr_assert(eq(int, ledger_open(&l, (struct ledger_shape){
        true, true, INT32_MAX, INT32_MAX }, (struct cost){ 0 }, &err),
        STATUS_NO_MEMORY));
}
