/* test_allocate.c - Choose capacities within budgets, and refuse what cannot be
 * chosen by. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "tests/cli.h"

TestSuite(allocate, .init = set_up, .fini = leave_directory);

static void measure(void)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q"), 0));
    cr_assert(eq(int, ISOBATH("sensitivity", "a", "--text", "text", "--limit",
                              "321", "-o", "table", "-q"), 0), "%s",
              read_file("stderr", NULL));
}

#define ALLOCATE(...) \
    ISOBATH("allocate", "a", "--text", "text", "--limit", "321", "-q",        \
            __VA_ARGS__)
#define UNSEEN "--skip", "321", "--sensitivity", "table"

/* A number of the arm in the summary's table. */
static double of_arm(json_t *summary, const char *arm, const char *key)
{
    const json_t *rows = at(summary, "allocation.arms.rows"), *row;
    size_t i;

    json_array_foreach(rows, i, row)
        if (strcmp(json_string_value(json_object_get(row, "allocation")),
                   arm) == 0)
            return json_number_value(json_object_get(json_object_get(row, key),
                                                     "value"));
    return (double)NAN;
}

/* FLOPs a token with the one routed block on all tokens, as they were counted
 * for the table. */
static double all_counted(void)
{
    json_t *table = summary_of("table");
    const json_t *rows = at(table, "sensitivity.table.rows");
    const json_t *last = json_array_get(rows, json_array_size(rows) - 1);
    const double flops = json_number_value(json_object_get(
        json_object_get(last, "flops_per_token"), "value"));

    json_decref(table);
    return flops;
}

/* Top-k keeps K, so that what is counted is what was predicted. */
Test(allocate, what_is_chosen_costs_no_more_than_the_budget)
{
    static const char *const budgets[] = { "flops=95%", "flops=80%",
                                           "bytes=85%" };

    measure();
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        cr_assert(eq(int, ALLOCATE(UNSEEN, "--budget", budgets[i], "-o", "out"),
                     0), "%s", read_file("stderr", NULL));
        json_t *summary = summary_of("out");
        const bool flops = strncmp(budgets[i], "flops", 5) == 0;
        const double share = atof(strchr(budgets[i], '=') + 1) / 100;
        const double cost = of_arm(summary, "chosen", "cost_per_token");
        const double all = json_number_value(at(
            summary, "allocation.all_blocks_per_token"));

        cr_expect(cost > 0 && cost <= share * all, "%s: %g of %g", budgets[i],
                  cost, all);
        cr_expect(of_arm(summary, "the same in all blocks", "cost_per_token") <=
                  cost);
        if (flops) {
            cr_expect(eq(dbl, all, all_counted()));
            cr_expect(eq(dbl, cost, of_arm(summary, "chosen",
                                           "flops_per_token")));
        }
        json_decref(summary);
    }
}

Test(allocate, a_dropped_rival_lies_on_either_side)
{
    measure();
    cr_assert(eq(int, ALLOCATE(UNSEEN, "--budget", "flops=90%", "-o", "out"),
                 0), "%s", read_file("stderr", NULL));
    json_t *summary = summary_of("out");
    const double chosen = of_arm(summary, "chosen", "cost_per_token");

    cr_expect(of_arm(summary, "blocks dropped, no dearer", "cost_per_token") <=
              chosen);
    cr_expect(of_arm(summary, "blocks dropped, one fewer", "cost_per_token") >
              chosen);
    cr_expect(of_arm(summary, "chosen", "nats_per_token") > 0);
    json_decref(summary);
}

static void expect_refused(int code, const char *said)
{
    cr_expect(eq(int, code, 2), "%s", said);
    expect_said("stderr", said);
}

Test(allocate, what_cannot_be_chosen_by_is_refused)
{
    measure();
    expect_refused(ALLOCATE("--budget", "flops=80%"),
                   "first run isobath sensitivity");
    expect_refused(ALLOCATE("--sensitivity", "a", "--budget", "flops=80%"),
                   "isobath sensitivity did not write it");
    expect_refused(ALLOCATE("--sensitivity", "table", "--budget", "flops=80%"),
                   "the table was measured on it");
    expect_refused(ALLOCATE("--skip", "100", "--sensitivity", "table",
                            "--budget", "flops=80%"),
                   "the table was measured on it");
    expect_refused(ALLOCATE(UNSEEN, "--budget", "flop=80%"),
                   "--budget flop=80%: allowed are flops=");
    expect_refused(ALLOCATE(UNSEEN, "--budget", "flops=-1"), "allowed are");
    expect_refused(ALLOCATE(UNSEEN, "--budget", "joules=80%"),
                   "on which machine");
    expect_refused(ALLOCATE(UNSEEN, "--budget", "flops=1%"),
                   "which the smallest capacities of the table");
    expect_refused(ALLOCATE(UNSEEN, "--budget", "flops=80%", "--policy",
                            "running_quantile"), "another policy");
    expect_refused(ALLOCATE(UNSEEN, "--budget", "flops=80%", "--window", "16"),
                   "another length");
    expect_refused(ALLOCATE(UNSEEN, "--budget", "flops=80%", "--policy",
                            "threshold"), "whatever the capacity");
}
