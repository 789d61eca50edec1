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
    struct energy e = energy_of(&m, PRECISION_FP32, 50, &t,
                                (struct estimate){ 4, 3, 6 });
    struct estimate joules = energy_joules(&e);

    cr_expect(eq(dbl, e.flops.value, 100));
    /* 7*1 + 5*3 + 3*10 + 1*100 */
    cr_expect(eq(dbl, e.bytes.value, 152));
    cr_expect(eq(dbl, e.standing.value, 40));
    cr_expect(eq(dbl, joules.value, 292));
    /* half of each coefficient, 5 W for 3 s; twice, 20 W for 6 s */
    cr_expect(eq(dbl, joules.low, 50 + 76 + 15));
    cr_expect(eq(dbl, joules.high, 200 + 304 + 120));
}

Test(energy, waiting_costs_static_power_alone)
{
    struct machine m = machine();
    struct traffic none = { .at = { 0 } };
    struct energy e = energy_of(&m, PRECISION_FP32, 0, &none,
                                (struct estimate){ 2, 2, 2 });
    cr_expect(eq(dbl, energy_joules(&e).value, 20));
}

Test(energy, a_run_that_skips_work_saves_less_energy_than_flops)
{
    /* Half the flops, but three quarters of the time. */
    struct machine m = machine();
    struct traffic none = { .at = { 0 } };
    struct energy full = energy_of(&m, PRECISION_FP32, 100, &none,
                                   (struct estimate){ 4, 4, 4 });
    struct energy half = energy_of(&m, PRECISION_FP32, 50, &none,
                                   (struct estimate){ 3, 3, 3 });
    cr_expect(gt(dbl, energy_joules(&half).value / energy_joules(&full).value,
                 0.5));
}

Test(energy, what_rests_on_an_unknown_number_is_unknown)
{
    struct machine m = machine();
    m.joules_per_flop[PRECISION_BF16].value = NAN;
    struct traffic t = { .at = { 7, 5, 3, 1 } };
    struct estimate seconds = { 4, 3, 6 };
    struct energy e = energy_of(&m, PRECISION_BF16, 50, &t, seconds);

    cr_expect(isnan(energy_joules(&e).value));
    e = energy_of(&m, PRECISION_BF16, 0, &t, seconds);    /* no flop, no price */
    cr_expect(eq(dbl, energy_joules(&e).value, 192));
}
