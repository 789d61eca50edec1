/* test_browser.c - Look at a report as a browser shows it: tests/page/look.py. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/program.h"
#include "tests/report_folder.h"

/* Chromium takes seconds; beside much other work, a minute. */
TestSuite(browser, .init = set_up, .fini = clean_up);

static bool is_there(const char *program)
{
    char line[128];

    snprintf(line, sizeof line, "command -v %s >/dev/null", program);
    return system(line) == 0;
}

static void skip_without(const char *program, const char *package)
{
    if (!is_there(program))
        cr_skip("there is no %s (Debian: %s)", program, package);
}

/* Report on those, look at the page, and expect nothing wrong with it. */
static void look_at(char *const *paths, size_t n)
{
    char line[2 * FILE_PATH_SIZE], fault[512], faults[4096] = "";
    FILE *look;

    skip_without("python3", "python3");
    skip_without("chromium", "chromium");
    skip_without("chromedriver", "chromium-driver");
    skip_without("gnuplot", "gnuplot-nox");
    cr_assert(report_open(&report, paths, n, &err) == STATUS_OK, "%s", err.text);
    cr_assert(report_write(&report, in_folder("out"), &err) == STATUS_OK, "%s",
              err.text);
    snprintf(line, sizeof line, "tests/page/look.py '%s' 2>&1",
             in_folder("out/index.html"));
    look = popen(line, "r");
    cr_assert(look != NULL);
    while (fgets(fault, sizeof fault, look))
        if (strlen(faults) + strlen(fault) < sizeof faults)
            strcat(faults, fault);
    cr_expect(zero(int, pclose(look)), "%s", faults);
}

Test(browser, a_page_of_everything_is_right_at_every_width_in_the_dark_and_on_paper)
{
    char sweep[] = DATA "sweep", profile[] = DATA "profile";
    char score[] = DATA "score", router[] = DATA "router";
    char regret[] = DATA "regret";
    char *paths[] = { sweep, profile, score, router, regret };

    look_at(paths, 5);
}

/* Losses below the router's: bars that hang, with what they say below them, and
 * ticks for a phone. */
Test(browser, bars_below_zero_are_read_on_what_is_not_painted)
{
    char router[FILE_PATH_SIZE], table[FILE_PATH_SIZE], hash[17];
    char line[4 * FILE_PATH_SIZE];
    char *paths[] = { router };

    snprintf(router, sizeof router, "%s", in_folder("router"));
    snprintf(table, sizeof table, "%s", in_folder("router/replaced.csv"));
    snprintf(line, sizeof line, "cp -r " DATA "router '%s' && "
             "sed -i '/^last [45]/s/,[-0-9.e]*,[-0-9.e]*,[-0-9.e]*,measured,/,"
             "-0.008,-0.009,-0.007,measured,/' '%s' && grep -q ,-0.008, '%s'",
             router, table, table);
    cr_assert(zero(int, system(line)));
    cr_assert(file_hash(hash, table, &err) == STATUS_OK);
    snprintf(line, sizeof line, "sed -i '/\"replaced.csv\": /s/: \".*\"/: \"%s\"/'"
             " '%s/summary.json'", hash, router);
    cr_assert(zero(int, system(line)));
    look_at(paths, 1);
}

/* One phase of one arm, from a trace of PyTorch's profiler: what it says of work is
 * predicted, and its figures are low. */
Test(browser, the_page_of_an_imported_trace_is_right_too)
{
    char line[4 * FILE_PATH_SIZE], torch[FILE_PATH_SIZE], program[PROGRAM_SIZE];
    char *paths[] = { torch }, *gp = NULL;
    size_t size;

    snprintf(torch, sizeof torch, "%s", in_folder("torch"));
    program_path(program);
    snprintf(line, sizeof line, "%s import tests/data/torch/train.json -q -o '%s'"
             " --machine emerald-rapids-2core >'%s'", program, torch,
             in_folder("said"));
    cr_assert(zero(int, system(line)));
    look_at(paths, 1);
    cr_assert(file_read(&gp, &size, in_folder("out/figures/shares.gp"), 1 << 20,
                        &err) == STATUS_OK);
    cr_expect(strstr(gp, "'FLOPs and bytes predicted") != NULL);
    free(gp);
}

/* With figures of its own, against the rival that was asked for last. */
Test(browser, the_page_of_an_answer_is_right_too)
{
    char answer[] = "reports/results/answer-mod-220m-paper";
    char *paths[] = { answer };

    look_at(paths, 1);
}
