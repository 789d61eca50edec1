/* test_schedule.c - Expect every schedule to rise as it says, and to waste no
 * step. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "models/training/schedule.h"

enum { STEPS = 1000, WARM = 30 };

static struct schedule of(enum schedule_shape shape, double floor)
{
    return (struct schedule){ shape, 2e-3, (double)WARM / STEPS, 0.2, floor };
}

Test(schedule, rises_evenly_to_the_peak_and_never_above_it)
{
    for (int s = SCHEDULE_COSINE; s <= SCHEDULE_COSINE_TO_LAST; s++) {
        const struct schedule schedule = of((enum schedule_shape)s, 0.0);
        for (int64_t step = 1; step <= STEPS; step++) {
            double rate = schedule_rate(&schedule, step, STEPS);
            if (step <= WARM)
                cr_expect(epsilon_eq(dbl, rate, 2e-3 * (double)step / WARM,
                                     1e-12));
            cr_expect(rate <= 2e-3);
        }
    }
}

Test(schedule, falls_to_the_floor_at_the_step_after_the_last)
{
    for (int s = SCHEDULE_COSINE; s < SCHEDULE_COSINE_TO_LAST; s++) {
        const struct schedule bare = of((enum schedule_shape)s, 0.0);
        const struct schedule floored = of((enum schedule_shape)s, 0.1);
        cr_expect(schedule_rate(&bare, STEPS, STEPS) > 0.0);
        cr_expect(epsilon_eq(dbl, schedule_rate(&bare, STEPS + 1, STEPS), 0.0,
                             1e-18));
        cr_expect(epsilon_eq(dbl, schedule_rate(&floored, STEPS + 1, STEPS),
                             2e-4, 1e-18));
        for (int64_t step = WARM + 1; step <= STEPS; step++)
            cr_expect(schedule_rate(&bare, step + 1, STEPS) <=
                      schedule_rate(&bare, step, STEPS));
    }
}

/* The formula of runs that stand in the tree. */
Test(schedule, a_cosine_to_the_last_step_is_what_it_was)
{
    const struct schedule schedule = of(SCHEDULE_COSINE_TO_LAST, 0.1);
    for (int64_t step = WARM + 1; step <= STEPS; step++) {
        double done = ((double)step - WARM) / ((double)STEPS - WARM);
        cr_expect(eq(dbl, schedule_rate(&schedule, step, STEPS),
                     2e-3 * (0.1 + (1.0 - 0.1) * 0.5 *
                                       (1.0 + cos(M_PI * done)))));
    }
}

Test(schedule, wsd_stays_at_the_peak_until_it_cools_down)
{
    const struct schedule schedule = of(SCHEDULE_WSD, 0.0);
    for (int64_t step = WARM; step <= 800; step++)
        cr_expect(eq(dbl, schedule_rate(&schedule, step, STEPS), 2e-3));
    /* A quarter of the way down, half of the rate is gone. */
    cr_expect(epsilon_eq(dbl, schedule_rate(&schedule, 851, STEPS), 1e-3,
                         1e-5));
}

Test(schedule, a_run_of_one_step_learns)
{
    for (int s = SCHEDULE_COSINE; s < SCHEDULE_COSINE_TO_LAST; s++) {
        struct schedule schedule = of((enum schedule_shape)s, 0.0);
        cr_expect(eq(dbl, schedule_rate(&schedule, 1, 1), 2e-3));
        schedule.warmup = 0.0;
        cr_expect(schedule_rate(&schedule, 1, 1) > 0.0);
    }
}

Test(schedule, routed_layers_close_by_half_a_cosine)
{
    cr_expect(eq(i64, schedule_open_steps(0.1, 995), 100));
    cr_expect(eq(dbl, schedule_openness(0.1, 1, 995), 1.0));
    cr_expect(epsilon_eq(dbl, schedule_openness(0.1, 51, 995), 0.5, 1e-12));
    cr_expect(schedule_openness(0.1, 100, 995) > 0.0);
    cr_expect(eq(dbl, schedule_openness(0.1, 101, 995), 0.0));
    cr_expect(eq(dbl, schedule_openness(0.0, 1, 995), 0.0));
}
