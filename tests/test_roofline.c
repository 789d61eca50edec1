/* test_roofline.c - Work out seconds by hand, on a machine of round numbers. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "sim/price/roofline.h"

/* Half and twice of everything that can err. */
#define Q(x) { .value = x, .low = x / 2, .high = x * 2 }
static struct machine machine(void)
{
    struct machine m = {
        .peak_flops_per_second = { Q(1e9) }, .launch_seconds = Q(1e-3),
        .efficiency_scale = { .value = 1, .low = 1, .high = 1 },
        .level = {
            { Q(100.0), Q(8e3), Q(1.0) },  { Q(1000.0), Q(4e3), Q(1.0) },
            { Q(10000.0), Q(2e3), Q(1.0) }, { Q(0.0), Q(1e3), Q(1.0) },
        },
        .efficiency[WORK_MATMUL] = { 2, { 1, 0.5 } },
    };
    return m;
}

Test(roofline, operands_that_fit_come_from_where_they_fit)
{
    struct machine m = machine();
    struct roofline_load load = { .fresh_bytes = 80, .footprint_bytes = 1e6 };
    struct traffic t = roofline_traffic(&m, &load);

    cr_expect(eq(dbl, t.at[LEVEL_L1], 80));
    cr_expect(eq(dbl, t.at[LEVEL_L2], 0));
    cr_expect(eq(dbl, t.at[LEVEL_DRAM], 0));
}

Test(roofline, what_a_level_cannot_hold_comes_from_the_next)
{
    struct machine m = machine();
    struct roofline_load load = { .fresh_bytes = 4000,
                                  .footprint_bytes = 4000 };
    struct traffic t = roofline_traffic(&m, &load);

    /* 4000 in turns push each other out of 100 and of 1000, not of 10000 */
    cr_expect(epsilon_eq(dbl, t.at[LEVEL_L2], 4000, 1e-9));
    cr_expect(epsilon_eq(dbl, t.at[LEVEL_L3], 4000, 1e-9));
    cr_expect(eq(dbl, t.at[LEVEL_DRAM], 0));
}

Test(roofline, weights_come_from_as_far_as_the_whole_run_pushed_them)
{
    struct machine m = machine();
    struct roofline_load load = { .fresh_bytes = 50, .stale_bytes = 40,
                                  .footprint_bytes = 40000 };
    struct traffic t = roofline_traffic(&m, &load);

    /* 90 bytes fit L1, but the stale 40 were pushed out of all three */
    cr_expect(eq(dbl, t.at[LEVEL_L1], 90));
    cr_expect(epsilon_eq(dbl, t.at[LEVEL_L2], 40, 1e-9));
    cr_expect(epsilon_eq(dbl, t.at[LEVEL_DRAM], 40, 1e-9));
}

Test(roofline, a_machine_without_l3_goes_from_l2_to_dram)
{
    struct machine m = machine();
    m.level[LEVEL_L3].size_bytes.value = 0;
    struct roofline_load load = { .fresh_bytes = 4000,
                                  .footprint_bytes = 4000 };
    struct traffic t = roofline_traffic(&m, &load);

    cr_expect(eq(dbl, t.at[LEVEL_L3], 0));
    cr_expect(epsilon_eq(dbl, t.at[LEVEL_DRAM], 4000, 1e-9));
}

Test(roofline, arithmetic_that_takes_longer_sets_the_time)
{
    struct machine m = machine();
    struct roofline_load load = { .flops = 500000000,
                                  .size = 500000000, .fresh_bytes = 80,
                                  .footprint_bytes = 80 };
    struct traffic t = roofline_traffic(&m, &load);
    struct estimate s = roofline_seconds(&m, &load, &t);

    /* 5e8 / (1e9 * 0.5) + 1e-3 */
    cr_expect(epsilon_eq(dbl, s.value, 1.001, 1e-12));
    cr_expect(epsilon_eq(dbl, s.low, 0.5 + 0.5e-3, 1e-12));
    /* twice the arithmetic, then the bytes, 80 / 4e3, then twice the launch */
    cr_expect(epsilon_eq(dbl, s.high, 2.0 + 0.02 + 2e-3, 1e-12));
}

Test(roofline, the_slowest_level_sets_the_time_of_bytes)
{
    struct machine m = machine();
    struct roofline_load load = { .flops = 1, .fresh_bytes = 4000,
                                  .footprint_bytes = 4000 };
    struct traffic t = roofline_traffic(&m, &load);
    struct estimate s = roofline_seconds(&m, &load, &t);

    /* L1 0.5 s, L2 4000/4e3 = 1 s, L3 4000/2e3 = 2 s */
    cr_expect(epsilon_eq(dbl, s.value, 2.001, 1e-9));
}

Test(roofline, no_scale_lifts_an_op_above_the_peak)
{
    struct machine m = machine();
    m.efficiency_scale = (struct quantity){ .value = 4, .low = 1, .high = 8 };
    struct roofline_load load = { .flops = 1000000000,
                                  .size = 1000000000, .fresh_bytes = 8,
                                  .footprint_bytes = 8 };
    struct traffic t = roofline_traffic(&m, &load);
    struct estimate s = roofline_seconds(&m, &load, &t);

    cr_expect(epsilon_eq(dbl, s.value, 1.001, 1e-12));
}

Test(roofline, a_format_without_a_peak_takes_an_unknown_time)
{
    struct machine m = machine();
    m.peak_flops_per_second[PRECISION_FP8] =
        (struct quantity){ NAN, NAN, NAN, "unknown", "no such unit" };
    struct roofline_load load = { .flops = 1, .precision = PRECISION_FP8,
                                  .fresh_bytes = 80, .footprint_bytes = 80 };
    struct traffic t = roofline_traffic(&m, &load);
    struct estimate s = roofline_seconds(&m, &load, &t);

    cr_expect(isnan(s.value) && isnan(s.low) && isnan(s.high));
    /* moving bytes needs no peak: 80 / 8e3, and the launch */
    load.flops = 0;
    s = roofline_seconds(&m, &load, &t);
    cr_expect(epsilon_eq(dbl, s.value, 0.011, 1e-12));
}

Test(roofline, a_cache_of_unknown_rate_holds_operands_and_bounds_no_time)
{
    struct machine m = machine();
    m.level[LEVEL_L2].bytes_per_second.value = NAN;
    struct roofline_load load = { .fresh_bytes = 800, .footprint_bytes = 800 };
    struct traffic t = roofline_traffic(&m, &load);
    struct estimate s = roofline_seconds(&m, &load, &t);

    cr_expect(epsilon_eq(dbl, t.at[LEVEL_L2], 800, 1e-9));
    cr_expect(eq(dbl, t.at[LEVEL_L3], 0));
    cr_expect(epsilon_eq(dbl, s.value, 0.101, 1e-9));     /* L1: 800 / 8e3 */
}

/* As victim caches, and first levels of many processors together, may be. */
Test(roofline, a_far_level_smaller_than_a_near_one_holds_nothing_more)
{
    struct machine m = machine();
    m.level[LEVEL_L3].size_bytes.value = 500;
    struct roofline_load load = { .fresh_bytes = 800, .footprint_bytes = 800 };
    struct traffic t = roofline_traffic(&m, &load);

    cr_expect(eq(dbl, t.at[LEVEL_L2], 800));      /* 100 do not hold them */
    cr_expect(eq(dbl, t.at[LEVEL_L3], 0));        /* 1000 do */
    cr_expect(eq(dbl, t.at[LEVEL_DRAM], 0));
}

Test(roofline, a_machine_without_caches_takes_all_from_memory)
{
    struct machine m = machine();
    for (int i = 0; i < LEVEL_DRAM; i++)
        m.level[i].size_bytes.value = NAN;
    struct roofline_load load = { .fresh_bytes = 800, .footprint_bytes = 800 };
    struct traffic t = roofline_traffic(&m, &load);

    cr_expect(eq(dbl, t.at[LEVEL_DRAM], 800));
}

Test(roofline, vectors_have_a_peak_of_their_own)
{
    struct machine m = machine();
    m.efficiency[WORK_VECTOR] = (struct config_real_list){ 2, { 1, 0.5 } };
    struct roofline_load load = { .work = WORK_ACT, .flops = 1000000000,
                                  .precision = PRECISION_BF16,
                                  .fresh_bytes = 8, .footprint_bytes = 8 };
    struct traffic t = roofline_traffic(&m, &load);

    /* whatever the products' format: 1e9 / (1e9 * 0.5), that of fp32 */
    m.vector_flops_per_second.value = NAN;
    cr_expect(epsilon_eq(dbl, roofline_seconds(&m, &load, &t).value, 2.001,
                         1e-12));
    m.vector_flops_per_second = (struct quantity)Q(2e9);
    cr_expect(epsilon_eq(dbl, roofline_seconds(&m, &load, &t).value, 1.001,
                         1e-12));
}
