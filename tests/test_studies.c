/* test_studies.c - Run studies that ship, a few points of a few steps each, up to
 * their report.  scripts/studies-quick does so for all of them, where texts and
 * models are. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "tests/cli.h"

#include "reports/read/csv.h"

TestSuite(studies, .init = set_up, .fini = leave_directory);

struct quick {
    char name[24], filter[16];
    char set[4][40];             /* of --set; "": no more */
    char table[24];              /* of the report, with a row for a point or a
                                  * setting of some */
};

ParameterizedTestParameters(studies, a_study_that_ships_runs_up_to_its_report)
{
    static struct quick quick[] = {
        { "capacity-demo", "seed=1", { "data.path=text",
          "train.budget_flops=3e8", "train.judge_windows=20" }, "settings" },
        { "causal-3e11", "seed=1", { "data.path=text",
          "train.budget_flops=3e8", "train.judge_windows=20" }, "settings" },
        { "isoflop", "seed=11", { "data.path=text", "train.budget_flops=1e9",
          "train.judge_windows=20" }, "settings" },
        { "recipe-1e12", "mup", { "data.path=text", "train.budget_flops=3e8",
          "train.judge_windows=20" }, "settings" },
        { "traffic", "12.5", { "model.channels=32", "model.heads=2",
          "profile.tokens=32", "profile.steps=2" }, "traffic" },
        { "priced", "phase=decode", { "" }, "priced" },
    };
    return cr_make_param_array(struct quick, quick,
                               sizeof quick / sizeof *quick);
}

/* A text that is long enough to hold some of it out. */
static void put_text(void)
{
    static const char *const word[] = { "and ", "the ", "light ", "in ", "river ",
                                        "went ", "out ", "of ", "Eden.\n" };
    FILE *file = fopen("text", "w");
    unsigned random = 1;

    cr_assert(file != NULL);
    for (int i = 0; i < 80000; i++) {
        random = random * 1103515245u + 12345u;
        fputs(word[(random >> 16) % 9], file);
    }
    fclose(file);
}

/* The points that the filter lets through. */
static size_t listed(const char *study, const char *filter)
{
    cr_assert(eq(int, ISOBATH("sweep", study, "--list", "--filter", filter,
                              "--format", "json"), 0));
    json_t *list = json_load_file("stdout", 0, NULL);
    const size_t n = json_array_size(list);
    json_decref(list);
    return n;
}

static size_t done_in(const char *path)
{
    struct error err = { STATUS_OK, "" };
    struct csv csv;
    size_t n = 0;

    cr_assert(csv_open(&csv, path, &err) == STATUS_OK, "%s", err.text);
    for (size_t r = 0; r < csv.n_rows; r++)
        n += strcmp(csv_text(&csv, r, csv_column(&csv, "status")), "done") == 0;
    csv_close(&csv);
    return n;
}

ParameterizedTest(struct quick *q, studies,
                  a_study_that_ships_runs_up_to_its_report)
{
    char table[64], study[PATH_SIZE];
    const char *arguments[MOST_ARGUMENTS] = {
        "sweep", study, "-o", "out", "-q", "--filter", q->filter,
        strcmp(q->name, "traffic") == 0 ? "--set" : NULL,
        "profile.repeats=1", NULL };
    size_t n = arguments[7] ? 9 : 7;

    snprintf(study, sizeof study, "%s/configs/studies/%s.yaml", started_in,
             q->name);
    for (int i = 0; i < 4 && *q->set[i]; i++) {
        arguments[n++] = "--set";
        arguments[n++] = q->set[i];
    }
    arguments[n] = NULL;
    put_text();
    const size_t points = listed(study, q->filter);
    cr_assert(gt(sz, points, 2), "%s", q->name);
    cr_assert(eq(int, finish(start(arguments, (struct limits){ 0 })), 0),
              "%s: %s", q->name, read_file("stderr", NULL));
    cr_expect(eq(sz, done_in("out/points.csv"), points), "%s", q->name);
    /* Drawn where there is a gnuplot. */
    cr_assert(eq(int, STARTED("report", "out", "-o", "page", "-q"), 0));
    cr_expect(there("page/index.html"));
    snprintf(table, sizeof table, "page/tables/%s.csv", q->table);
    cr_expect(there(table), "%s: %s", q->name, table);
}
