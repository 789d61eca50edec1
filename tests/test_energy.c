/* test_energy.c - Work out joules by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "sim/price/roofline.h"

#define Q(x) { .value = x, .low = x / 2, .high = x * 2 }
static struct machine machine(void)
{
    struct machine m = {
        .joules_per_flop = { Q(2.0) }, .watts.standing = Q(10.0),
        .level = {
            { Q(1.0), Q(1.0), Q(1.0) },  { Q(1.0), Q(1.0), Q(3.0) },
            { Q(1.0), Q(1.0), Q(10.0) }, { Q(0.0), Q(1.0), Q(100.0) },
        },
    };
    return m;
}

Test(energy, is_flops_and_bytes_per_level_and_static_power_over_time)
{
    struct machine m = machine();
    struct traffic t = { .at = { 7, 5, 3, 1 } };
    struct rates r = rates_of(&m, PRECISION_FP32);
    struct energy e = energy_of(&r, WORK_MATMUL, 50, &t, 4);

    cr_expect(eq(dbl, e.flops, 100));
    /* 7*1 + 5*3 + 3*10 + 1*100 */
    cr_expect(eq(dbl, e.bytes, 152));
    cr_expect(eq(dbl, e.standing, 40));
    cr_expect(eq(dbl, energy_joules(&e), 292));
}

Test(energy, waiting_costs_static_power_alone)
{
    struct machine m = machine();
    struct traffic none = { .at = { 0 } };
    struct rates r = rates_of(&m, PRECISION_FP32);
    struct energy e = energy_of(&r, WORK_MATMUL, 0, &none, 2);
    cr_expect(eq(dbl, energy_joules(&e), 20));
}

Test(energy, a_run_that_skips_work_saves_less_energy_than_flops)
{
    /* Half the flops, but three quarters of the time. */
    struct machine m = machine();
    struct traffic none = { .at = { 0 } };
    struct rates r = rates_of(&m, PRECISION_FP32);
    struct energy full = energy_of(&r, WORK_MATMUL, 100, &none, 4);
    struct energy half = energy_of(&r, WORK_MATMUL, 50, &none, 3);
    cr_expect(gt(dbl, energy_joules(&half) / energy_joules(&full), 0.5));
}

Test(energy, what_rests_on_an_unknown_number_is_unknown)
{
    struct machine m = machine();
    m.joules_per_flop[PRECISION_BF16].value = NAN;
    struct traffic t = { .at = { 7, 5, 3, 1 } };
    struct rates r = rates_of(&m, PRECISION_BF16);
    struct energy e = energy_of(&r, WORK_MATMUL, 50, &t, 4);

    cr_expect(isnan(energy_joules(&e)));
    e = energy_of(&r, WORK_MATMUL, 0, &t, 4);             /* no flop, no price */
    cr_expect(eq(dbl, energy_joules(&e), 192));
    e = energy_of(&r, WORK_NORM, 50, &t, 4);              /* in fp32 */
    cr_expect(eq(dbl, energy_joules(&e), 292));
}

/* 100 J of flops and 52 J of caches, and of DRAM 100 J that the cap may cover,
 * beside 10 W, under 60 W: 50 W are left for them. */
Test(energy, what_passes_the_cap_is_throttled)
{
    struct machine m = machine();
    struct traffic t = { .at = { 7, 5, 3, 1 } };
    m.watts.cap = (struct quantity)Q(60.0);
    struct rates r = rates_of(&m, PRECISION_FP32);

    cr_expect(epsilon_eq(dbl, energy_throttled(&r, WORK_MATMUL, 50, &t, 2),
                         152.0 / 50, 1e-12));
    m.dram_within_cap = true;
    cr_expect(epsilon_eq(dbl, energy_throttled(&r, WORK_MATMUL, 50, &t, 2),
                         252.0 / 50, 1e-12));
    cr_expect(eq(dbl, energy_throttled(&r, WORK_MATMUL, 50, &t, 6), 6));
    r.cap = NAN;
    cr_expect(eq(dbl, energy_throttled(&r, WORK_MATMUL, 50, &t, 2), 2));
}
