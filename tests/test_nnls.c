/* test_nnls.c - Solve least squares without negative coefficients, against
 * cases solved by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "sim/core/base/nnls.h"
#include "sim/core/base/random.h"

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fmax(1, fabs(b));
}

/* x + 2y = 5, 3x + 4y = 11: x = 1, y = 2. */
Test(nnls, two_equations_solved_by_hand)
{
    const double a[] = { 1, 2, 3, 4 }, b[] = { 5, 11 };
    double x[2];

    cr_assert(eq(int, nnls(x, a, b, 2, 2, NULL), STATUS_OK));
    cr_expect(near(x[0], 1) && near(x[1], 2), "%g %g", x[0], x[1]);
}

/* 2x + y = 4, x + 3y + z = 10, y + 2z = 8: x = 1, y = 2, z = 3. */
Test(nnls, three_equations_solved_by_hand)
{
    const double a[] = { 2, 1, 0, 1, 3, 1, 0, 1, 2 }, b[] = { 4, 10, 8 };
    double x[3];

    cr_assert(eq(int, nnls(x, a, b, 3, 3, NULL), STATUS_OK));
    cr_expect(near(x[0], 1) && near(x[1], 2) && near(x[2], 3), "%g %g %g",
              x[0], x[1], x[2]);
}

/* A line through (0,1), (1,3), (2,4), (3,4): slope 1, intercept 1.5, by the
 * sums n = 4, t = 6, tt = 14, y = 12, ty = 23: (4*23 - 6*12) / (4*14 - 36). */
Test(nnls, a_line_through_four_points)
{
    const double a[] = { 1, 0, 1, 1, 1, 2, 1, 3 }, b[] = { 1, 3, 4, 4 };
    double x[2];

    cr_assert(eq(int, nnls(x, a, b, 4, 2, NULL), STATUS_OK));
    cr_expect(near(x[0], 1.5) && near(x[1], 1), "%g %g", x[0], x[1]);
}

/* x + y = 1, y = 2 and x = 0: without the bound y = 5/3, x = -1/3, by the
 * normal equations 2x + y = 1, x + 2y = 3.  With it x = 0, and y the mean of
 * 1 and 2. */
Test(nnls, a_coefficient_held_at_zero)
{
    const double a[] = { 1, 1, 0, 1, 1, 0 }, b[] = { 1, 2, 0 };
    double x[2];

    cr_assert(eq(int, nnls(x, a, b, 3, 2, NULL), STATUS_OK));
    cr_expect(eq(dbl, x[0], 0));
    cr_expect(near(x[1], 1.5), "%g", x[1]);
}

/* b points away from both columns. */
Test(nnls, nothing_helps)
{
    const double a[] = { 1, 0, 0, 1 }, b[] = { -1, -2 };
    double x[2];

    cr_assert(eq(int, nnls(x, a, b, 2, 2, NULL), STATUS_OK));
    cr_expect(eq(dbl, x[0], 0));
    cr_expect(eq(dbl, x[1], 0));
}

/* Any one of two equal columns will do; together they make 3. */
Test(nnls, equal_columns_do_not_stop_it)
{
    const double a[] = { 1, 1, 1, 1, 1, 1 }, b[] = { 3, 3, 3 };
    double x[2];

    cr_assert(eq(int, nnls(x, a, b, 3, 2, NULL), STATUS_OK));
    cr_expect(near(x[0] + x[1], 3), "%g %g", x[0], x[1]);
}

/* Karush, Kuhn and Tucker: a'(b - ax) is 0 where x > 0, not above 0 where x is
 * 0.  That is the definition of the answer, on 200 random problems of which
 * most have bounds in force. */
Test(nnls, the_conditions_of_the_minimum_hold)
{
    struct random random = random_seeded(7);
    int n_bound = 0;

    for (int trial = 0; trial < 200; trial++) {
        enum { M = 20, N = 7 };
        double a[M * N], b[M], x[N];
        for (int i = 0; i < M; i++) {
            /* columns that look alike, so that some come and go again */
            double common = trial % 2 * 2 * random_normal(&random);
            for (int j = 0; j < N; j++)
                a[i * N + j] = common + random_normal(&random);
            b[i] = common + random_normal(&random);
        }
        cr_assert(eq(int, nnls(x, a, b, M, N, NULL), STATUS_OK));
        for (int j = 0; j < N; j++) {
            double pull = 0;
            for (int i = 0; i < M; i++) {
                double r = b[i];
                for (int k = 0; k < N; k++)
                    r -= a[i * N + k] * x[k];
                pull += a[i * N + j] * r;
            }
            cr_assert(x[j] >= 0);
            cr_assert(x[j] > 0 ? fabs(pull) < 1e-11 : pull < 1e-11,
                      "trial %d: x %g, pull %g", trial, x[j], pull);
            n_bound += x[j] <= 0;
        }
    }
    cr_assert(n_bound > 200, "%d bounds in force", n_bound);
}

/* (1,0) and (1,1): of the second 1 of sqrt(2) is not the first's; of the first,
 * by symmetry of the angle, as much.  The third is their sum, so none is its
 * own any more. */
Test(nnls, what_a_column_has_of_its_own)
{
    const double two[] = { 1, 1, 0, 1 };
    const double three[] = { 1, 1, 2, 0, 1, 1, 0, 0, 0 };
    const double apart[] = { 2, 0, 0, 0, 5, 0 };
    double own[3];

    cr_assert(eq(int, nnls_own(own, two, 2, 2, NULL), STATUS_OK));
    cr_expect(near(own[0], sqrt(0.5)) && near(own[1], sqrt(0.5)), "%g %g",
              own[0], own[1]);
    cr_assert(eq(int, nnls_own(own, three, 3, 3, NULL), STATUS_OK));
    for (int j = 0; j < 3; j++)
        cr_expect(own[j] < 1e-10, "%d: %g", j, own[j]);
    cr_assert(eq(int, nnls_own(own, apart, 2, 3, NULL), STATUS_OK));
    cr_expect(near(own[0], 1) && near(own[1], 1), "%g %g", own[0], own[1]);
    cr_expect(eq(dbl, own[2], 0));
}

/* diag(3, 4) turned: 4 / 3.  (1,1; 1,1): dependent. */
Test(nnls, condition_number)
{
    const double c = 0.6, s = 0.8;
    const double turned[] = { 3 * c, -4 * s, 3 * s, 4 * c };
    const double mixed[] = { 2, 1, 1, 2 };       /* singular values 3, 1 */
    const double same[] = { 1, 1, 1, 1 };

    cr_expect(near(nnls_condition(turned, 2, 2), 4.0 / 3));
    cr_expect(near(nnls_condition(mixed, 2, 2), 3.0));
    cr_expect(isinf(nnls_condition(same, 2, 2)));
}
