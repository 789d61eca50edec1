/* test_cost.c - Add costs up; a sum never claims to know more than its
 * parts. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <math.h>

#include "sim/core/ledger/cost.h"

Test(cost, adding_to_nothing_gives_the_part)
{
    struct cost sum = cost_zero(PROV_MEASURED), part = { 0 };

    cost_set_count(&part, METRIC_FLOPS, 12, PROV_COUNTED);
    cost_set_real(&part, METRIC_SECONDS, 0.5, PROV_MEASURED);
    cr_assert(eq(int, cost_add(&sum, &part), STATUS_OK));
    cr_assert(eq(u64, sum.count[METRIC_FLOPS], 12));
    cr_assert(eq(int, sum.from[METRIC_FLOPS], PROV_COUNTED));
    cr_assert(eq(dbl, cost_get(&sum, METRIC_SECONDS), 0.5));
}

Test(cost, one_unknown_part_makes_the_sum_unknown)
{
    struct cost sum = cost_zero(PROV_MEASURED), silent = { 0 };

    cr_assert(eq(int, cost_add(&sum, &silent), STATUS_OK));
    cr_assert(ne(int, isnan(cost_get(&sum, METRIC_JOULES)), 0));
}

Test(cost, zero_work_is_known_and_nothing_known_is_not_zero)
{
    struct cost zero = cost_zero(PROV_COUNTED), nothing = { 0 };

    cr_assert(eq(dbl, cost_get(&zero, METRIC_FLOPS), 0.0));
    cr_assert(ne(int, isnan(cost_get(&nothing, METRIC_FLOPS)), 0));
}

Test(cost, an_overflowing_sum_is_refused_and_unchanged)
{
    struct cost sum = cost_zero(PROV_COUNTED), part = cost_zero(PROV_COUNTED);

    sum.count[METRIC_BYTES] = UINT64_MAX;
    sum.count[METRIC_FLOPS] = 1;
    part.count[METRIC_BYTES] = 1;
    part.count[METRIC_FLOPS] = 1;
    cr_assert(eq(int, cost_add(&sum, &part), STATUS_OVERFLOWED));
    cr_assert(eq(u64, sum.count[METRIC_BYTES], UINT64_MAX));
    cr_assert(eq(u64, sum.count[METRIC_FLOPS], 1));
}

struct pair {
    enum provenance a, b, weaker;
};

ParameterizedTestParameters(cost, a_sum_is_as_weak_as_its_weakest_part)
{
    static struct pair pairs[] = {
        { PROV_MEASURED,  PROV_MEASURED,    PROV_MEASURED },
        { PROV_MEASURED,  PROV_COUNTED,     PROV_COUNTED },
        { PROV_MEASURED,  PROV_APPORTIONED, PROV_APPORTIONED },
        { PROV_COUNTED,   PROV_SCALED,      PROV_SCALED },
        { PROV_SIMULATED, PROV_SCALED,      PROV_SIMULATED },
        { PROV_SCALED,    PROV_PREDICTED,   PROV_PREDICTED },
        { PROV_PREDICTED, PROV_UNKNOWN,     PROV_UNKNOWN },
        { PROV_AT_LEAST,  PROV_MEASURED,    PROV_AT_LEAST },
        { PROV_AT_LEAST,  PROV_BELOW,       PROV_BELOW },
        { PROV_BELOW,     PROV_UNKNOWN,     PROV_UNKNOWN },
    };
    return cr_make_param_array(struct pair, pairs,
                               sizeof pairs / sizeof *pairs);
}

ParameterizedTest(struct pair *p, cost, a_sum_is_as_weak_as_its_weakest_part)
{
    struct cost ab = cost_zero(p->a), ba = cost_zero(p->b);
    struct cost a = cost_zero(p->a), b = cost_zero(p->b);

    cr_assert(eq(int, cost_add(&ab, &b), STATUS_OK));
    cr_assert(eq(int, cost_add(&ba, &a), STATUS_OK));
    cr_assert(eq(int, ab.from[METRIC_SECONDS], p->weaker));
    cr_assert(eq(int, ba.from[METRIC_SECONDS], p->weaker));
}

Test(cost, what_is_below_resolution_is_no_number)
{
    struct cost cost = { 0 };

    cost_set_count(&cost, METRIC_FLOPS, 7, PROV_BELOW);
    cost_set_count(&cost, METRIC_CYCLES, 7, PROV_AT_LEAST);
    cr_assert(not(cost_known(&cost, METRIC_FLOPS)));
    cr_assert(isnan(cost_get(&cost, METRIC_FLOPS)));
    cr_assert(eq(dbl, cost_get(&cost, METRIC_CYCLES), 7.0));
}

Test(cost, every_metric_has_its_own_column_and_a_unit)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        cr_expect(ne(ptr, (void *)metric_table[m].column, NULL));
        cr_expect(ne(ptr, (void *)metric_table[m].unit, NULL));
    }
    cr_assert_str_eq(metric_table[METRIC_DRAM_BYTES].column, "dram_bytes");
    cr_assert_str_eq(metric_table[METRIC_JOULES].unit, "J");
    cr_assert_str_eq(provenance_names[PROV_UNKNOWN], "unknown");
}
