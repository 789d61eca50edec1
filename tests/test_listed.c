/* test_listed.c - What is listed twice is found at its second place. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sim/sweep/listed.h"

enum { MOST = 16 };

static ptrdiff_t twice(const char *const *texts, ptrdiff_t until, ptrdiff_t from)
{
    struct listed listed[MOST];
    ptrdiff_t n = 0;

    for (; texts[n]; n++)
        listed[n] = listed_value(texts[n], n);
    return listed_twice(listed, n, until < 0 ? n : until, from);
}
#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

Test(listed, numbers_are_alike_by_their_value_and_words_by_their_letters)
{
    cr_expect(twice(LIST("1", "2", "b", "3"), -1, 0) == -1);
    cr_expect(twice(LIST("1e-3", "2", ".001"), -1, 0) == 2);
    cr_expect(twice(LIST("9", "b", "2", "1", "b", "2.0", "9"), -1, 0) == 4);
    cr_expect(twice(LIST("nan", "1", "nan"), -1, 0) == 2);
    cr_expect(twice(LIST("NaN", "nan", "1x", "1"), -1, 0) == -1);
}

/* The lists 1 1 2 and 3 3 1: what each has twice is its own. */
Test(listed, two_lists_share_what_stands_on_both_sides)
{
    cr_expect(twice(LIST("1", "1", "2", "3", "3", "1"), 3, 3) == 5);
    cr_expect(twice(LIST("1", "1", "2", "3", "3", "4"), 3, 3) == -1);
}
