/* test_report_capacities.c - Pages of what blocks lose at other capacities, and of
 * what was chosen by that. */
#include <criterion/criterion.h>

#include "tests/cli.h"

TestSuite(report_capacities, .init = set_up, .fini = leave_directory);

#define HASHED                                                                 \
    "--set", "routing.policy=hash", "--set", "routing.blocks=every", "--set",  \
        "routing.part=ffn", "--set", "routing.capacity=0.5", "--text", "text", \
        "--window", "32", "--limit", "128", "-q"

static void measure(void)
{
    put_file("m.yaml", "model: {family: llama, layers: 3, channels: 32,"
             " heads: 4, kv_heads: 2, ffn: 64, vocab: 256, max_tokens: 64}\n");
    cr_assert(eq(int, ISOBATH("sensitivity", "m.yaml", HASHED, "--capacities",
                              "0,0.5,1", "-o", "table"), 0), "%s",
              read_file("stderr", NULL));
}

static void allocate(const char *rounds)
{
    cr_assert(eq(int, ISOBATH("allocate", "m.yaml", HASHED, "--skip", "128",
                              "--sensitivity", "table", "--budget", "flops=90%",
                              "--rounds", rounds, "-o", "chosen"), 0), "%s",
              read_file("stderr", NULL));
}

static void report(const char *run)
{
    cr_assert(eq(int, STARTED("report", run, "-o", "page"), 0), "%s",
              read_file("stderr", NULL));
}

/* Lines of a file that begin so. */
static int lines(const char *path, const char *from)
{
    const size_t n = strlen(from);
    char *text = read_file(path, NULL);
    int found = 0;

    for (char *at = text; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        found += strncmp(at, from, n) == 0;
        if (*at == '\0')
            break;
    }
    free(text);
    return found;
}

Test(report_capacities, a_line_a_capacity_with_a_mark_a_block)
{
    measure();
    report("table");
    expect_said("page/index.html", "m: what each block is worth");
    expect_said("page/index.html", "How much each block works");
    expect_said("page/index.html", "Dropped alone, block ");
    cr_expect(strstr(read_file("page/index.html", NULL),
                     "Nothing here was executed") == NULL);
    expect_said("page/tables/sensitivity.csv", "run,layer,capacity,");
    for (int block = 0; block < 3; block++) {
        char mark[8];
        snprintf(mark, sizeof mark, "%d ", block);
        cr_expect(eq(int, lines("page/figures/sensitivity.dat", mark), 3));
    }
    cr_expect(eq(int, lines("page/figures/sensitivity.dat", "# capacity "), 3));
}

Test(report_capacities, what_was_chosen_stands_beside_its_rivals)
{
    measure();
    allocate("2");
    report("chosen");
    expect_said("page/index.html", "m: which block should get the compute");
    expect_said("page/index.html", "Within 90 % of the flops");
    expect_said("page/index.html", "The same capacity in all blocks loses ");
    expect_said("page/figures/allocation.dat", " 1 \"chosen\"");
    expect_said("page/figures/allocation.dat", " 0 \"by the table alone\"");
    expect_said("page/tables/allocation-rounds.csv", "run,round,by,runs,");
    cr_expect(eq(int, lines("page/figures/capacities.dat", "# block "), 4));
}

/* Nothing is drawn of what was not run. */
Test(report_capacities, without_rounds_there_is_no_first_choice)
{
    measure();
    allocate("0");
    report("chosen");
    expect_said("page/figures/capacities.dat",
                "# block  by the table alone\nNaN NaN\n");
    cr_expect(strstr(read_file("page/figures/capacities.gp", NULL),
                     "NAME1 = ") == NULL);
    cr_expect(not(there("page/tables/allocation-rounds.csv")));
}
