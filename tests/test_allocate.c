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

/* ---- rounds ---- */

#define HASHED                                                                 \
    "--set", "routing.policy=hash", "--set", "routing.blocks=every", "--set",  \
        "routing.part=ffn", "--set", "routing.capacity=0.5"

static void measure_four(void)
{
    put_file("m.yaml", "model: {family: llama, layers: 4, channels: 32,"
             " heads: 4, kv_heads: 2, ffn: 64, vocab: 256, max_tokens: 64}\n");
    cr_assert(eq(int, ISOBATH("sensitivity", "m.yaml", HASHED, "--text", "text",
                              "--window", "32", "--limit", "128", "-o", "table",
                              "-q", "--capacities", "0,0.5,1"), 0), "%s",
              read_file("stderr", NULL));
}

#define ROUNDS(...)                                                            \
    ISOBATH("allocate", "m.yaml", HASHED, "--text", "text", "--window", "32",  \
            "--skip", "128", "--limit", "128", "-q", "--sensitivity", "table", "--budget", \
            "flops=92%", __VA_ARGS__)

/* What blocks lose together on the table's text falls from round to round, and is
 * what those capacities lose there when they are run as what is there. */
Test(allocate, rounds_lose_less_on_the_tables_text)
{
    measure_four();
    cr_assert(eq(int, ROUNDS("--rounds", "6", "-o", "out"), 0), "%s",
              read_file("stderr", NULL));
    json_t *s = summary_of("out");
    json_t *rows = at(s, "allocation.rounds.rows"), *row;
    double before = INFINITY, runs = 0;
    size_t i;

    cr_assert(gt(sz, json_array_size(rows), 0));
    json_array_foreach(rows, i, row) {
        const double more = json_number_value(at(row, "more.value"));
        if (!json_is_number(at(row, "more.value")))
            continue;                        /* a round that found nothing */
        cr_expect(lt(dbl, more, before));
        cr_expect(gt(dbl, json_number_value(at(row, "runs.value")), runs));
        before = more;
        runs = json_number_value(at(row, "runs.value"));
    }
    cr_expect(epsilon_eq(dbl, of_arm(s, "chosen", "predicted_more"), before,
                         1e-12));
    cr_expect(le(dbl, of_arm(s, "chosen", "cost_per_token"),
                 0.92 * json_number_value(at(s,
                     "allocation.all_blocks_per_token"))));
    cr_expect(isfinite(of_arm(s, "by the table alone", "more")));
    cr_expect(there("out/rounds.csv"));
    json_decref(s);
}

/* A number of the row of a block, in the summary's table of rows. */
static double of_block(json_t *rows, double layer, const char *key)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
        if (json_number_value(at(row, "layer.value")) >= layer)
            return json_number_value(at(row, key));
    return (double)NAN;
}

/* Of all blocks, that whose loss alone is least goes first, as the table has it. */
Test(allocate, blocks_are_dropped_by_what_the_rest_loses)
{
    measure_four();
    cr_assert(eq(int, ROUNDS("--rounds", "1", "-o", "out"), 0));
    json_t *s = summary_of("out"), *table = summary_of("table");
    json_t *rows = at(table, "sensitivity.table.rows"), *row;
    double least = INFINITY, first = 0;
    size_t i;

    json_array_foreach(rows, i, row) {
        const double more = json_number_value(at(row, "more.value"));
        if (i == 0 || json_number_value(at(row, "capacity.value")) > 0 ||
            more >= least)
            continue;
        least = more;
        first = json_number_value(at(row, "layer.value"));
    }
    cr_expect(eq(dbl, of_block(at(s, "allocation.capacities.rows"), first,
                               "dropped.value"), 0));
    cr_expect(isfinite(of_arm(s, "blocks dropped, no dearer",
                              "predicted_more")));
    json_decref(table);
    json_decref(s);
}

Test(allocate, rounds_need_the_text_of_the_table)
{
    measure_four();
    FILE *text = fopen("text", "a");
    fputs("and the end", text);
    fclose(text);
    expect_refused(ROUNDS("--rounds", "2", "-o", "out"), "--rounds: the text that"
                   " --sensitivity was measured on: text has changed since");
    cr_assert(eq(int, rename("text", "moved"), 0));
    cr_assert(eq(int, system("cp moved other"), 0));
    cr_expect(eq(int, ISOBATH("allocate", "m.yaml", HASHED, "--text", "other",
                              "--window", "32", "--skip", "128", "--limit",
                              "128", "-q", "--sensitivity", "table", "--budget",
                              "flops=92%", "--rounds", "2"), 2));
    expect_said("stderr", "--rounds: the text that --sensitivity was measured"
                " on: ");
}
