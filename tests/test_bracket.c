/* test_bracket.c - Whole numbers around a target. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sim/core/base/bracket.h"

/* n squared over the target, and how often it was asked. */
struct squares {
    double target;
    int    asked;
    int64_t fails;               /* from here on */
};

static enum status share(double *out, void *context, int64_t n,
                         struct error *err)
{
    struct squares *s = context;

    s->asked++;
    if (n >= s->fails)
        return error_set(err, STATUS_FAILED, "no %d", (int)n);
    *out = (double)n * (double)n / s->target;
    return STATUS_OK;
}

static struct bracket find(double target, int64_t least, int64_t most)
{
    struct squares s = { target, 0, INT64_MAX };
    struct bracket b;

    cr_assert(eq(int, bracket_find(&b, share, &s, least, most, NULL),
                 STATUS_OK));
    cr_expect(lt(int, s.asked, 64));
    return b;
}

Test(bracket, neighbours_enclose_the_target)
{
    for (int64_t most = 100; most < 130; most++) {
        const struct bracket b = find(90.0 * 90 + 1, 1, most);
        cr_expect(eq(i64, b.low, 90));
        cr_expect(eq(i64, b.high, 91));
        cr_expect(eq(dbl, b.below, 8100 / 8101.0));
        cr_expect(eq(i64, bracket_nearest(&b), 90));
    }
    const struct bracket b = find(90.0 * 90 + 91, 1, 1000);
    cr_expect(eq(i64, bracket_nearest(&b), 91));
}

Test(bracket, a_number_that_meets_it_is_both)
{
    for (int n = 3; n < 40; n++) {
        const struct bracket b = find((double)n * n, 3, 40);
        cr_expect(eq(i64, b.low, n));
        cr_expect(eq(i64, b.high, n));
    }
}

Test(bracket, the_least_may_be_too_much)
{
    const struct bracket b = find(2, 5, 40);
    cr_expect(eq(i64, b.low, 5));
    cr_expect(eq(i64, b.high, 5));
    cr_expect(eq(dbl, b.below, 12.5));
}

Test(bracket, what_is_not_enough_or_fails_is_told)
{
    struct squares s = { 1601, 0, INT64_MAX };
    struct bracket b;
    struct error err;

    cr_assert(eq(int, bracket_find(&b, share, &s, 1, 40, &err),
                 STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "no number up to 40 comes to as much");
    s.fails = 16;
    cr_assert(eq(int, bracket_find(&b, share, &s, 1, 100, &err),
                 STATUS_FAILED));
    cr_expect_str_eq(err.text, "no 16");
}
