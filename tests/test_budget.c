/* test_budget.c - Choose within budgets, against trying every choice. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "sim/core/base/budget.h"
#include "sim/core/base/random.h"

enum { THINGS = 4, OPTIONS = 4, ALL = 256 /* OPTIONS^THINGS */ };

static struct budget_choice choose(struct budget_thing *thing, double budget)
{
    struct budget_choice c;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, budget_choose(thing, THINGS, budget, &c, &err),
                 STATUS_OK));
    return c;
}

/* Costs rise and losses fall. */
static void draw(struct budget_option option[THINGS][OPTIONS],
                 struct budget_thing thing[THINGS], struct random *random)
{
    for (int i = 0; i < THINGS; i++) {
        double cost = 0, loss = 5;
        for (int j = 0; j < OPTIONS; j++) {
            cost += 0.1 + random_uniform(random);
            loss -= random_uniform(random);
            option[i][j] = (struct budget_option){ cost, loss };
        }
        thing[i] = (struct budget_thing){ option[i], OPTIONS, 0 };
    }
}

/* The least of loss + multiplier * cost over every choice there is: what a
 * Lagrangian with that multiplier cannot go below. */
static double least_with(const struct budget_thing *thing, double multiplier)
{
    double least = INFINITY;

    for (int all = 0; all < ALL; all++) {
        double sum = 0;
        for (int i = 0, rest = all; i < THINGS; i++, rest /= OPTIONS)
            sum += thing[i].option[rest % OPTIONS].loss +
                   multiplier * thing[i].option[rest % OPTIONS].cost;
        least = fmin(least, sum);
    }
    return least;
}

/* The least loss within the budget, by trying all. */
static double least_within(const struct budget_thing *thing, double budget)
{
    double least = INFINITY;

    for (int all = 0; all < ALL; all++) {
        double loss = 0, cost = 0;
        for (int i = 0, rest = all; i < THINGS; i++, rest /= OPTIONS) {
            loss += thing[i].option[rest % OPTIONS].loss;
            cost += thing[i].option[rest % OPTIONS].cost;
        }
        if (cost <= budget)
            least = fmin(least, loss);
    }
    return least;
}

Test(budget, a_choice_fits_adds_up_and_is_within_a_step_of_the_best)
{
    struct random random = random_seeded(3);
    struct budget_option option[THINGS][OPTIONS];
    struct budget_thing thing[THINGS];

    for (int round = 0; round < 200; round++) {
        double cost = 0, loss = 0;
        draw(option, thing, &random);
        const double budget = 2 + 6 * random_uniform(&random);
        const struct budget_choice c = choose(thing, budget);
        if (!c.fits) {
            cr_expect(isinf(least_within(thing, budget)));
            continue;
        }
        for (int i = 0; i < THINGS; i++) {
            cost += thing[i].option[thing[i].chosen].cost;
            loss += thing[i].option[thing[i].chosen].loss;
        }
        cr_expect(epsilon_eq(dbl, c.cost, cost, 1e-12));
        cr_expect(epsilon_eq(dbl, c.loss, loss, 1e-12));
        cr_expect(c.cost <= budget);
        const double best = least_within(thing, budget);
        cr_expect(c.loss >= best - 1e-12);
        /* Weak duality bounds what any choice could lose less. */
        const double bound = least_with(thing, c.multiplier) -
                             c.multiplier * budget;
        cr_expect(bound <= best + 1e-12);
        double range = 0;
        for (int i = 0; i < THINGS; i++)
            range = fmax(range, option[i][0].loss -
                                    option[i][OPTIONS - 1].loss);
        cr_expect(c.loss - bound <= range);
    }
}

Test(budget, at_the_corners_of_the_hull_the_choice_is_the_best)
{
    struct random random = random_seeded(4);
    struct budget_option option[THINGS][OPTIONS];
    struct budget_thing thing[THINGS];

    for (int round = 0; round < 100; round++) {
        draw(option, thing, &random);
        const struct budget_choice c = choose(thing, 2 + 6 *
                                              random_uniform(&random));
        if (!c.fits)
            continue;
        /* Its own cost as the budget: what it skipped to fill up is gone. */
        const struct budget_choice again = choose(thing, c.cost);
        cr_expect(again.loss <= c.loss + 1e-12);
        cr_expect(again.cost <= c.cost + 1e-12);
    }
}

Test(budget, options_off_the_hull_fill_what_is_left)
{
    const struct budget_option bent[] = { { 0, 10 }, { 1, 9.5 }, { 2, 2 } };
    struct budget_thing thing[] = { { bent, 3, 0 } };
    struct budget_choice c;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, budget_choose(thing, 1, 1.5, &c, &err), STATUS_OK));
    cr_expect(eq(int, thing[0].chosen, 1));
    cr_expect(eq(dbl, c.loss, 9.5));
    cr_expect(eq(dbl, c.cost, 1));
    cr_expect(eq(dbl, c.multiplier, 4), "that of the hull, from 10 to 2");
    cr_assert(eq(int, budget_choose(thing, 1, 2, &c, &err), STATUS_OK));
    cr_expect(eq(int, thing[0].chosen, 2));
    cr_expect(eq(dbl, c.multiplier, 0));
}

Test(budget, what_does_not_fit_at_all_is_said)
{
    const struct budget_option one[] = { { 3, 1 }, { 2, 4 } };
    struct budget_thing thing[] = { { one, 2, 0 } };
    struct budget_choice c;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, budget_choose(thing, 1, 1, &c, &err), STATUS_OK));
    cr_expect(not(c.fits));
    cr_expect(eq(int, thing[0].chosen, 1));
    cr_expect(eq(dbl, c.cost, 2));
}
