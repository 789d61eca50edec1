/* test_doubt.c - The number that makes an interval is found, and its share. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "sim/price/doubt.h"

static struct quantity surely(double value)
{
    return (struct quantity){ .value = value, .low = value, .high = value };
}

static struct quantity from_to(double low, double value, double high)
{
    return (struct quantity){ .value = value, .low = low, .high = high };
}

/* Nothing hides, no cache: a launch of 1 s, 10 flop/s and 1 B/s. */
static struct machine plain(void)
{
    struct machine m = {
        .efficiency_scale = surely(1), .dram_share_scale = surely(1),
        .launch_seconds = surely(1), .launch_overlap = surely(0),
        .watts = { .standing = surely(2), .cap = surely((double)NAN) },
    };

    for (int p = 0; p < PRECISION_COUNT; p++) {
        m.peak_flops_per_second[p] = surely(10);
        m.joules_per_flop[p] = surely(0.1);
    }
    m.vector_flops_per_second = surely(10);
    for (int i = 0; i < LEVEL_COUNT; i++) {
        m.level[i].bytes_per_second = surely(1);
        m.level[i].joules_per_byte = surely(1);
    }
    return m;
}

static const struct bill_draws *draws_of(const struct machine *m)
{
    static struct bill_draws draws;

    bill_draw(&draws, m, PRECISION_FP32);
    return &draws;
}

/* Of work that is bound by arithmetic, and launched so often. */
static struct predict_range range_of_work(const struct machine *m, enum work work,
                                          double flops, double times)
{
    const struct roofline_load load = { .work = work, .flops = flops,
                                        .share = 1 };
    struct bill bill = { 0 };

    cr_assert(bill_add(&bill, &load, times) == STATUS_OK);
    const struct predict_range range = bill_range(&bill, draws_of(m), 0);
    bill_close(&bill);
    return range;
}

static struct predict_range range_of(const struct machine *m, double flops,
                                     double times)
{
    return range_of_work(m, WORK_MATMUL, flops, times);
}

static struct doubt doubt_on(const struct machine *m, enum metric metric)
{
    static struct doubt_draws draws;
    const struct predict_range few = range_of(m, 1000, 1),
                               many = range_of(m, 10, 80);

    doubt_draw(&draws, draws_of(m));
    return doubt_of(&draws, &few, &many, metric);
}

static void expect_number(const struct doubt *doubt, const char *name)
{
    cr_expect_str_eq(rates_numbers[doubt->number], name);
}

/* 100 s and 1 launch against 80 s and 80: the launch alone is uncertain. */
Test(doubt, a_number_that_alone_is_drawn_explains_nearly_all)
{
    struct machine m = plain();

    m.launch_seconds = from_to(0.9, 1, 1.1);
    const struct doubt d = doubt_on(&m, METRIC_SECONDS);
    expect_number(&d, "launch_seconds");
    cr_expect(gt(dbl, d.share, 0.98));
    cr_expect(lt(dbl, fabs(d.together - d.share), 0.05));
}

/* Launches of two kinds of work, of which one is drawn by itself half the time: their
 * mean over all kinds would tell little of what makes the ratio. */
Test(doubt, launches_of_one_kind_of_work_are_found)
{
    static struct doubt_draws draws;
    struct machine m = plain();

    m.launch_seconds = from_to(0.5, 1, 1.5);
    const struct predict_range a = range_of_work(&m, WORK_VECTOR, 1, 80),
                               b = range_of_work(&m, WORK_MATMUL, 1, 80);
    doubt_draw(&draws, draws_of(&m));
    const struct doubt d = doubt_of(&draws, &a, &b, METRIC_SECONDS);
    expect_number(&d, "launch_seconds");
    cr_expect(gt(dbl, d.share, 0.85), "%g", d.share);
}

/* No number that is drawn touches it: what chance explains is taken off. */
Test(doubt, what_chance_explains_is_no_share)
{
    struct machine m = plain();

    m.launch_seconds = from_to(0.5, 1, 1.5);
    m.watts.standing = from_to(1, 2, 3);
    const struct doubt d = doubt_on(&m, METRIC_SECONDS);
    cr_expect(lt(dbl, d.together, 1.03), "%g", d.together);
}

Test(doubt, a_wide_number_outweighs_a_narrow_one)
{
    struct machine m = plain();

    m.launch_seconds = from_to(0.999, 1, 1.001);
    for (int p = 0; p < PRECISION_COUNT; p++)
        m.peak_flops_per_second[p] = from_to(9, 10, 11);
    const struct doubt d = doubt_on(&m, METRIC_SECONDS);
    expect_number(&d, "peak_flops_per_second");
    cr_expect(gt(dbl, d.share, 0.9));
}

/* Time knows no watts: what makes its interval is what hides work, which is drawn
 * on every machine, and energy's is the static power. */
Test(doubt, energy_has_numbers_of_its_own)
{
    struct machine m = plain();

    m.watts.standing = from_to(1, 2, 3);
    const struct doubt d = doubt_on(&m, METRIC_JOULES);
    expect_number(&d, "watts.static");
    cr_expect(gt(dbl, d.share, 0.95));
    const struct doubt none = doubt_on(&m, METRIC_SECONDS);
    cr_expect(lt(dbl, none.share, 0.2));
}

Test(doubt, of_an_unknown_ratio_is_unknown)
{
    struct machine m = plain();

    m.watts.standing = surely((double)NAN);
    cr_expect(isnan(doubt_on(&m, METRIC_JOULES).share));
    cr_expect(not(isnan(doubt_on(&m, METRIC_SECONDS).share)));
}

/* Every number is told by a name of its own. */
Test(doubt, numbers_have_names)
{
    for (int i = 0; i < RATES_NUMBERS; i++)
        for (int k = 0; k < i; k++)
            cr_expect(strcmp(rates_numbers[i], rates_numbers[k]) != 0);
}
