/* test_random.c - Expect the same random numbers everywhere, of the right
 * distribution. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>

#include "sim/core/base/random.h"

/* By hand from the algorithm, with state {1, 2, 3, 4}: rotl(2 * 5, 7) * 9 =
 * 1280 * 9 = 11520; then s = {7, 0, 262146, rotl(6, 45)}, so rotl(0, 7) * 9 = 0;
 * then s[1] = 262146 ^ 7 = 262149, rotl(262149 * 5, 7) * 9 = 1509978240. */
Test(random, follows_the_published_algorithm)
{
    struct random random = { { 1, 2, 3, 4 } };

    cr_assert(eq(u64, random_next(&random), 11520));
    cr_assert(eq(u64, random_next(&random), 0));
    cr_assert(eq(u64, random_next(&random), 1509978240));
}

/* splitmix64 from 0: the first outputs of its authors' program. */
Test(random, is_seeded_through_splitmix64)
{
    struct random random = random_seeded(0);

    cr_assert(eq(u64, random.state[0], 0xe220a8397b1dcdafu));
    cr_assert(eq(u64, random.state[1], 0x6e789e6aa1b965f4u));
    cr_assert(eq(u64, random.state[2], 0x06c45d188009454fu));
    cr_assert(eq(u64, random.state[3], 0xf88bb8a8724c81ecu));
}

Test(random, a_copied_state_goes_on_with_the_same_sequence)
{
    struct random a = random_seeded(7);
    random_next(&a);
    struct random b = a;

    cr_assert(eq(u64, random_next(&a), random_next(&b)));
    cr_assert(eq(u64, random_next(&a), random_next(&b)));
}

Test(random, mixed_seeds_differ_in_every_index_and_in_their_order)
{
    uint64_t base = random_mix(1, 2, 3, 4);

    cr_assert(eq(u64, random_mix(1, 2, 3, 4), base));
    cr_assert(ne(u64, random_mix(0, 2, 3, 4), base));
    cr_assert(ne(u64, random_mix(1, 0, 3, 4), base));
    cr_assert(ne(u64, random_mix(1, 2, 0, 4), base));
    cr_assert(ne(u64, random_mix(1, 2, 3, 0), base));
    cr_assert(ne(u64, random_mix(1, 3, 2, 4), base));
}

/* The mean of 1e5 uniform numbers is 0.5 within 5 standard errors, 5 *
 * 0.2887 / sqrt(1e5) = 0.0046. */
Test(random, uniform_numbers_fill_the_unit_interval)
{
    struct random random = random_seeded(3);
    double sum = 0, low = 1, high = 0;

    for (int i = 0; i < 100000; i++) {
        double u = random_uniform(&random);
        sum += u;
        low = fmin(low, u);
        high = fmax(high, u);
    }
    cr_assert(ge(dbl, low, 0.0));
    cr_assert(lt(dbl, high, 1.0));
    cr_assert(epsilon_eq(dbl, sum / 1e5, 0.5, 0.0046));
    cr_assert(lt(dbl, low, 0.001));
    cr_assert(gt(dbl, high, 0.999));
}

/* Mean 0 within 5 / sqrt(1e5) = 0.0158, variance 1 within 5 * sqrt(2 / 1e5) =
 * 0.0224, and a share of 0.3173 outside one sigma within 0.0074. */
Test(random, normal_numbers_have_the_moments_of_a_normal)
{
    struct random random = random_seeded(4);
    double sum = 0, squares = 0, outside = 0;

    for (int i = 0; i < 100000; i++) {
        double x = random_normal(&random);
        sum += x;
        squares += x * x;
        outside += fabs(x) > 1;
    }
    cr_assert(epsilon_eq(dbl, sum / 1e5, 0.0, 0.0158));
    cr_assert(epsilon_eq(dbl, squares / 1e5, 1.0, 0.0224));
    cr_assert(epsilon_eq(dbl, outside / 1e5, 0.3173, 0.0074));
}

/* Each of 3 values 1e5 / 3 times, within 5 * sqrt(1e5 * 2 / 9) = 745. */
Test(random, numbers_below_a_limit_are_equally_likely)
{
    struct random random = random_seeded(5);
    int seen[3] = { 0 };

    for (int i = 0; i < 100000; i++)
        seen[random_below(&random, 3)]++;
    cr_assert(epsilon_eq(dbl, seen[0], 33333.3, 745));
    cr_assert(epsilon_eq(dbl, seen[1], 33333.3, 745));
    cr_assert(epsilon_eq(dbl, seen[2], 33333.3, 745));
}

Test(random, below_one_is_always_zero)
{
    struct random random = random_seeded(6);

    cr_assert(eq(u32, random_below(&random, 1), 0));
}
