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
        .dram_share = { 2, { 1, 1 } },
        .dram_share_scale = { .value = 1, .low = 1, .high = 1 },
    };
    return m;
}

static struct traffic traffic_of(const struct machine *m,
                                 const struct roofline_load *load)
{
    const struct rates rates = rates_of(m, PRECISION_FP32);
    return roofline_traffic(&rates, load);
}

static double seconds_in(const struct machine *m, struct roofline_load load,
                         enum precision products)
{
    const struct rates rates = rates_of(m, products);
    const struct traffic traffic = roofline_traffic(&rates, &load);
    const struct flops_size size = { .flops = load.flops, .sequences = 1 };
    load.share = machine_efficiency(m, load.work, &size);
    return roofline_seconds(&rates, &load, &traffic);
}

static double seconds_of(const struct machine *m, struct roofline_load load)
{
    return seconds_in(m, load, PRECISION_FP32);
}

Test(roofline, operands_that_fit_come_from_where_they_fit)
{
    struct machine m = machine();
    struct roofline_load load = { .fresh_bytes = 80, .footprint_bytes = 1e6 };
    struct traffic t = traffic_of(&m, &load);

    cr_expect(eq(dbl, t.at[LEVEL_L1], 80));
    cr_expect(eq(dbl, t.at[LEVEL_L2], 0));
    cr_expect(eq(dbl, t.at[LEVEL_DRAM], 0));
}

Test(roofline, what_a_level_cannot_hold_comes_from_the_next)
{
    struct machine m = machine();
    struct roofline_load load = { .fresh_bytes = 4000,
                                  .footprint_bytes = 4000 };
    struct traffic t = traffic_of(&m, &load);

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
    struct traffic t = traffic_of(&m, &load);

    /* 90 bytes fit L1, but the stale 40 were pushed out of it and of the next;
     * the last, of 10000, holds a quarter of 40000 */
    cr_expect(eq(dbl, t.at[LEVEL_L1], 90));
    cr_expect(epsilon_eq(dbl, t.at[LEVEL_L2], 40, 1e-9));
    cr_expect(epsilon_eq(dbl, t.at[LEVEL_L3], 40, 1e-9));
    cr_expect(epsilon_eq(dbl, t.at[LEVEL_DRAM], 30, 1e-9));
}

Test(roofline, a_machine_without_l3_goes_from_l2_to_dram)
{
    struct machine m = machine();
    m.level[LEVEL_L3].size_bytes.value = 0;
    struct roofline_load load = { .fresh_bytes = 4000,
                                  .footprint_bytes = 4000 };
    struct traffic t = traffic_of(&m, &load);

    cr_expect(eq(dbl, t.at[LEVEL_L3], 0));
    cr_expect(epsilon_eq(dbl, t.at[LEVEL_DRAM], 3000, 1e-9));
}

Test(roofline, arithmetic_that_takes_longer_sets_the_time)
{
    struct machine m = machine();
    struct roofline_load load = { .flops = 500000000,  .fresh_bytes = 80,
                                  .footprint_bytes = 80 };
    double s = seconds_of(&m, load);

    /* 5e8 / (1e9 * 0.5) + 1e-3 */
    cr_expect(epsilon_eq(dbl, s, 1.001, 1e-12));
}

Test(roofline, the_slowest_level_sets_the_time_of_bytes)
{
    struct machine m = machine();
    struct roofline_load load = { .flops = 1, .fresh_bytes = 4000,
                                  .footprint_bytes = 4000 };
    double s = seconds_of(&m, load);

    /* L1 0.5 s, L2 4000/4e3 = 1 s, L3 4000/2e3 = 2 s */
    cr_expect(epsilon_eq(dbl, s, 2.001, 1e-9));
}

Test(roofline, no_scale_lifts_an_op_above_the_peak)
{
    struct machine m = machine();
    m.efficiency_scale = (struct quantity){ .value = 4, .low = 1, .high = 8 };
    struct roofline_load load = { .flops = 1000000000,  .fresh_bytes = 8,
                                  .footprint_bytes = 8 };
    double s = seconds_of(&m, load);

    cr_expect(epsilon_eq(dbl, s, 1.001, 1e-12));
}

Test(roofline, a_format_without_a_peak_takes_an_unknown_time)
{
    struct machine m = machine();
    m.peak_flops_per_second[PRECISION_FP8] =
        (struct quantity){ NAN, NAN, NAN, "unknown", "no such unit" };
    struct roofline_load load = { .flops = 1, .fresh_bytes = 80,
                                  .footprint_bytes = 80 };

    cr_expect(isnan(seconds_in(&m, load, PRECISION_FP8)));
    /* moving bytes needs no peak: 80 / 8e3, and the launch */
    load.flops = 0;
    cr_expect(epsilon_eq(dbl, seconds_in(&m, load, PRECISION_FP8), 0.011,
                         1e-12));
}

Test(roofline, a_cache_of_unknown_rate_holds_operands_and_bounds_no_time)
{
    struct machine m = machine();
    m.level[LEVEL_L2].bytes_per_second.value = NAN;
    struct roofline_load load = { .fresh_bytes = 800, .footprint_bytes = 800 };
    struct traffic t = traffic_of(&m, &load);
    double s = seconds_of(&m, load);

    cr_expect(epsilon_eq(dbl, t.at[LEVEL_L2], 800, 1e-9));
    cr_expect(eq(dbl, t.at[LEVEL_L3], 0));
    cr_expect(epsilon_eq(dbl, s, 0.101, 1e-9));     /* L1: 800 / 8e3 */
}

/* As victim caches, and first levels of many processors together, may be. */
Test(roofline, a_far_level_smaller_than_a_near_one_holds_nothing_more)
{
    struct machine m = machine();
    m.level[LEVEL_L3].size_bytes.value = 500;
    struct roofline_load load = { .fresh_bytes = 800, .footprint_bytes = 800 };
    struct traffic t = traffic_of(&m, &load);

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
    struct traffic t = traffic_of(&m, &load);

    cr_expect(eq(dbl, t.at[LEVEL_DRAM], 800));
}

Test(roofline, vectors_have_a_peak_of_their_own)
{
    struct machine m = machine();
    m.efficiency[WORK_VECTOR] = (struct config_real_list){ 2, { 1, 0.5 } };
    struct roofline_load load = { .work = WORK_ACT, .flops = 1000000000,
                                  .fresh_bytes = 8, .footprint_bytes = 8 };

    /* whatever the products' format: 1e9 / (1e9 * 0.5), that of fp32 */
    m.vector_flops_per_second.value = NAN;
    cr_expect(epsilon_eq(dbl, seconds_in(&m, load, PRECISION_BF16), 2.001,
                         1e-12));
    m.vector_flops_per_second = (struct quantity)Q(2e9);
    cr_expect(epsilon_eq(dbl, seconds_in(&m, load, PRECISION_BF16), 1.001,
                         1e-12));
}

/* The last cache loses as much as it has no room for, and no more at once. */
Test(roofline, what_comes_from_memory_grows_without_a_step)
{
    struct machine m = machine();
    double before = 0;

    for (double bytes = 100; bytes < 1e6; bytes *= 1.01) {
        struct roofline_load load = { .stale_bytes = bytes,
                                      .footprint_bytes = bytes };
        struct traffic t = traffic_of(&m, &load);
        cr_expect(ge(dbl, t.at[LEVEL_DRAM], before));
        cr_expect(epsilon_eq(dbl, t.at[LEVEL_DRAM], fmax(bytes - 10000, 0),
                             1e-6));
        before = t.at[LEVEL_DRAM];
    }
}

Test(roofline, choosing_takes_its_rows_over_their_rate)
{
    struct machine m = machine();
    struct roofline_load load = { .choices = 5000 };

    m.select_rows_per_second = (struct quantity)Q(1e4);
    cr_expect(epsilon_eq(dbl, seconds_of(&m, load), 0.501, 1e-12));
    m.select_rows_per_second.value = NAN;              /* bounds no time */
    cr_expect(epsilon_eq(dbl, seconds_of(&m, load), 0.001, 1e-12));
}

/* 600 bytes of 1000 B/s at half of it take 1.2 s. */
Test(roofline, memory_reaches_a_share_of_its_rate)
{
    struct machine m = machine();
    for (int i = 0; i < LEVEL_DRAM; i++)
        m.level[i].size_bytes.value = NAN;
    m.dram_share = (struct config_real_list){ 2, { 1, 0.5 } };
    cr_expect(epsilon_eq(dbl, seconds_of(&m, (struct roofline_load){
        .fresh_bytes = 600, .footprint_bytes = 600 }), 1.201, 1e-12));
}

/* Of a launch of 1 ms, 0.6 may hide behind the work. */
Test(roofline, work_hides_its_share_of_a_launch)
{
    struct machine m = machine();
    m.launch_overlap.value = 0.6;

    /* 8 of 8e3 B/s: 1 ms; then 0.8 and none */
    const double bytes[] = { 8, 6.4, 0 }, seconds[] = { 1.4e-3, 1.2e-3, 1e-3 };
    for (int i = 0; i < 3; i++)
        cr_expect(epsilon_eq(dbl, seconds_of(&m, (struct roofline_load){
            .fresh_bytes = bytes[i], .footprint_bytes = bytes[i] }),
            seconds[i], 1e-12));
}

/* 500 flops of 1e3 flop/s and half of it: 1 ms; two heads as long again. */
Test(roofline, heads_of_a_query_take_time_however_few_keys_they_have)
{
    struct machine m = machine();
    const struct roofline_load load = { .work = WORK_QUERY, .flops = 500000000,
                                        .query_heads = 2 };

    m.efficiency[WORK_ATTEND] = m.efficiency[WORK_MATMUL];
    const double before = seconds_of(&m, load);
    m.query_head_seconds = (struct quantity){ .value = 0.25 };
    cr_expect(epsilon_eq(dbl, seconds_of(&m, load), before + 0.5, 1e-9));
}

/* The last cache, of 10000 bytes, holds all of the step, but for what others took
 * while twice as many bytes were used as they need to take 63 %. */
Test(roofline, others_take_from_the_last_cache_what_is_not_used)
{
    struct machine m = machine();
    struct roofline_load load = { .stale_bytes = 6000, .footprint_bytes = 8000,
                                  .repeated_bytes = 400 };

    cr_expect(eq(dbl, traffic_of(&m, &load).at[LEVEL_DRAM], 0));
    m.aging_bytes = (struct quantity){ .value = 200 };
    cr_expect(epsilon_eq(dbl, traffic_of(&m, &load).at[LEVEL_DRAM],
                         6000 * (1 - exp(-2)), 1e-9));
    load.repeated_bytes = 0;
    cr_expect(eq(dbl, traffic_of(&m, &load).at[LEVEL_DRAM], 0));
    /* what a cache cannot hold at all is no more than lost */
    load.repeated_bytes = 400;
    load.footprint_bytes = 1e12;
    cr_expect(epsilon_eq(dbl, traffic_of(&m, &load).at[LEVEL_DRAM], 6000, 1e-3));
}

/* Few rows of near weights take 1 s; 4000 bytes of L3 2 s, of memory 4 s: of the
 * shorter the shares that do not hide come on top, level after level. */
Test(roofline, work_of_near_operands_waits_for_others_by_its_serial_shares)
{
    struct machine m = machine();
    struct roofline_load load = { .work = WORK_FEW, .flops = 500000000,
                                  .fresh_bytes = 4000, .footprint_bytes = 4000 };

    m.wait[WAIT_FEW].caches.value = 0.25;
    m.wait[WAIT_FEW].memory.value = 0.5;
    cr_expect(epsilon_eq(dbl, seconds_of(&m, load), 2 + 0.25 * 1 + 0.001, 1e-9));
    m.dram_reached = (struct config_real_list){ 2, { 1, 1 } };
    cr_expect(epsilon_eq(dbl, seconds_of(&m, load), 4 + 0.5 * 2.25 + 0.001,
                         1e-9));
    /* more rows wait in their own way, and so do queries, as few ones where they are
     * not told of; above 1 reading takes longer than a stream of as many bytes */
    m.serial_rows.value = 4;
    m.wait[WAIT_MANY].caches.value = m.wait[WAIT_MANY].memory.value = 0;
    m.wait[WAIT_QUERY].memory.value = NAN;
    load.rows = 4;
    cr_expect(epsilon_eq(dbl, seconds_of(&m, load), 4 + 0.5 * 2.25 + 0.001,
                         1e-9));
    load.rows = 5;
    cr_expect(epsilon_eq(dbl, seconds_of(&m, load), 4 + 0.001, 1e-9));
    load.work = WORK_QUERY;
    load.rows = 16;
    m.efficiency[WORK_ATTEND] = m.efficiency[WORK_MATMUL];
    cr_expect(epsilon_eq(dbl, seconds_of(&m, load), 4 + 0.5 * 2.25 + 0.001,
                         1e-9));
    m.wait[WAIT_QUERY].caches.value = 0;
    m.wait[WAIT_QUERY].memory.value = 1.5;
    cr_expect(epsilon_eq(dbl, seconds_of(&m, load), 1.5 * 4 + 2 + 0.001, 1e-9));
    /* other work hides the shorter time, unless a draw says otherwise */
    load.work = WORK_MATMUL;
    cr_expect(epsilon_eq(dbl, seconds_of(&m, load), 4.001, 1e-9));
}
