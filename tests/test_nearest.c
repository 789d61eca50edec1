/* test_nearest.c - Suggest a near name, or none. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <string.h>

#include "sim/core/base/nearest.h"

struct guess {
    char wanted[16], found[16];
};

/* Among predict, profile, report, run, sweep: at most a third of the letters. */
ParameterizedTestParameters(nearest, finds_the_nearest_name_or_none)
{
    static struct guess guesses[] = {
        { "profle", "profile" },   { "swepe", "sweep" },
        { "predict", "predict" },  { "rnu", "run" },
        { "reprot", "report" },    { "PREDICT", "" },
        { "xyz", "" },             { "", "" },
    };
    return cr_make_param_array(struct guess, guesses,
                               sizeof guesses / sizeof *guesses);
}

ParameterizedTest(struct guess *g, nearest, finds_the_nearest_name_or_none)
{
    static const char *const names[] = { "predict", "profile", "report", "run",
                                         "sweep" };
    struct nearest near = nearest_to(g->wanted);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        nearest_offer(&near, names[i]);
    cr_assert_str_eq(near.name ? near.name : "", g->found, "%s", g->wanted);
}

Test(nearest, very_long_names_have_no_neighbours)
{
    char text[1000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct nearest near = nearest_to(text);

    nearest_offer(&near, "aaaa");
    cr_assert(eq(ptr, (void *)near.name, NULL));
}

/* h100 is a letter from v100, and all that one needs to type of h100-sxm. */
Test(nearest, the_beginning_of_a_name_is_nearest)
{
    struct nearest near = nearest_to("h100");

    nearest_offer(&near, "v100");
    nearest_offer(&near, "h100-sxm");
    nearest_offer(&near, "h100-pcie");
    cr_assert_str_eq(near.name, "h100-sxm");
}
