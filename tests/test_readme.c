/* test_readme.c - Hold the folders' READMEs to their word: they are short, their
 * shell examples run, and their C examples (gathered by the Makefile into
 * tests/readme.c) compile and hold. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/program.h"
#include "tests/readme.c"

enum { MOST_LINES = 60, README_PATH_SIZE = 128 };

struct readme {
    char path[README_PATH_SIZE];
};

static void release(struct criterion_test_params *params)
{
    cr_free(params->params);
}

/* Criterion hands each parameter to a process of its own, so it holds its path. */
ParameterizedTestParameters(readme, a_folder_is_explained_briefly_and_by_example)
{
    glob_t found;
    cr_assert(glob("*/README.md", 0, NULL, &found) == 0);
    cr_assert(glob("sim/*/README.md", GLOB_APPEND, NULL, &found) == 0);
    cr_assert(glob("configs/*/README.md", GLOB_APPEND, NULL, &found) == 0);
    struct readme *all = cr_malloc(found.gl_pathc * sizeof *all);
    for (size_t i = 0; i < found.gl_pathc; i++)
        snprintf(all[i].path, README_PATH_SIZE, "%s", found.gl_pathv[i]);
    const size_t n = found.gl_pathc;
    globfree(&found);
    return cr_make_param_array(struct readme, all, n, release);
}

/* The blocks between ```sh and ``` run one after another, in one shell that
 * stops at the first failure and finds this build's program as `isobath`. */
static int run_examples(FILE *readme, int *n_lines, int *n_examples)
{
    char line[1024], program[PROGRAM_SIZE], path[PROGRAM_SIZE + 1024];
    bool shell = false;

    program_path(program);
    *strrchr(program, '/') = '\0';
    snprintf(path, sizeof path, "%s:%s", program, getenv("PATH"));
    setenv("PATH", path, 1);
    FILE *sh = popen("sh -e >/dev/null", "w");
    cr_assert(sh != NULL);
    for (*n_lines = *n_examples = 0; fgets(line, sizeof line, readme);
         ++*n_lines) {
        if (strcmp(line, "```sh\n") == 0 || strcmp(line, "```c\n") == 0) {
            shell = line[3] == 's';
            ++*n_examples;
        } else if (strcmp(line, "```\n") == 0) {
            shell = false;
        } else if (shell) {
            fputs(line, sh);
        }
    }
    return pclose(sh);
}

ParameterizedTest(struct readme *readme, readme,
                  a_folder_is_explained_briefly_and_by_example)
{
    int n_lines, n_examples;
    FILE *file = fopen(readme->path, "r");

    cr_assert(file != NULL);
    int status = run_examples(file, &n_lines, &n_examples);
    fclose(file);
    cr_expect(le(int, n_lines, MOST_LINES), "%s", readme->path);
    cr_expect(gt(int, n_examples, 0), "%s has no example", readme->path);
    cr_expect(zero(int, status), "%s: an example failed", readme->path);
}

/* Every [text](path) of a page leads to a file, seen from the page. */
static void expect_links(const char *name)
{
    char line[1024], path[2048];
    const char *slash = strrchr(name, '/');
    FILE *page = fopen(name, "r");

    cr_assert(page != NULL, "%s", name);
    while (fgets(line, sizeof line, page))
        for (const char *at = line; (at = strstr(at, "](")) != NULL;) {
            at += 2;
            if (strncmp(at, "http", 4) == 0 || *at == '#')
                continue;
            snprintf(path, sizeof path, "%.*s%.*s",
                     slash ? (int)(slash - name) + 1 : 0, name,
                     (int)strcspn(at, ")#"), at);
            cr_expect(access(path, R_OK) == 0, "%s: %s", name, path);
        }
    fclose(page);
}

Test(readme, links_lead_somewhere)
{
    static const char *const pages[] = {
        "README.md", "scripts/tour.md", "reports/results/README.md",
        "reports/results/bench/README.md", "reports/page/reading.md",
        "hwprof/measure/trust.md", "tests/torture/README.md",
    };
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        expect_links(pages[i]);
}

Test(readme, the_first_page_is_short)
{
    enum { MOST = 150 };
    FILE *page = fopen("README.md", "r");
    int n = 0, c;

    cr_assert(page != NULL);
    while ((c = fgetc(page)) != EOF)
        n += c == '\n';
    fclose(page);
    cr_expect(le(int, n, MOST));
}
