/* test_report_contents.c - Write a report over what an older one left. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <unistd.h>

#include "tests/report_made.h"

TestSuite(report_contents, .init = set_up, .fini = clean_up);

/* Names in figures/ and tables/ of a folder, a line each. */
static char *listing(const char *of)
{
    char command[2 * FILE_PATH_SIZE], *text = NULL;
    size_t size = 0;

    snprintf(command, sizeof command, "cd '%s' && ls figures tables",
             in_folder(of));
    FILE *shown = popen(command, "r"), *out = open_memstream(&text, &size);
    cr_assert(shown && out);
    for (int c; (c = fgetc(shown)) != EOF;)
        fputc(c, out);
    cr_assert(fclose(out) == 0 && pclose(shown) == 0);
    return text;
}

static void report_into(const char *of)
{
    char score[] = DATA "score", *path = score;

    report_close(&report);
    cr_assert(report_open(&report, &path, 1, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, in_folder(of), &err) == STATUS_OK, "%s",
              err.text);
}

static void expect_as_fresh(void)
{
    report_into("fresh");
    char *is = listing("out"), *fresh = listing("fresh");
    cr_expect_str_eq(is, fresh);
    free(fresh);
    free(is);
}

Test(report_contents, nothing_of_an_older_report_stays_beside_a_newer)
{
    report_of_all();
    cr_assert(file_exists(in_folder("out/figures/compute-loss.svg")));
    cr_assert(file_exists(in_folder("out/tables/phases.csv")));
    report_into("out");
    expect_as_fresh();
    setenv("PATH", "", 1);                   /* a picture of older numbers */
    report_into("out");
    cr_expect(not(file_exists(in_folder("out/figures/routing.svg"))));
    cr_expect(file_exists(in_folder("out/figures/routing.dat")));
}

Test(report_contents, what_a_killed_report_left_goes_and_what_others_laid_there_stays)
{
    static const char *const others[] = { "out/figures/mine.png",
        "out/figures/phases.txt", "out/tables/mine.csv", "victim.csv",
        "out/victim.csv" };

    make("out/figures");
    make("out/tables");
    put("out/figures/phases.svg", "half a report");
    put("out/tables/totals.md", "half a report");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        put(others[i], "precious");
    put("out/.contents", "figures/phases\ntables/totals\ntables/../../victim\n"
        "tables/../victim\n../victim\n/victim\ntables/\n\nfigures\n");
    report_into("out");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cr_expect(file_exists(in_folder(others[i])), "%s", others[i]);
        unlink(in_folder(others[i]));
    }
    expect_as_fresh();
}
