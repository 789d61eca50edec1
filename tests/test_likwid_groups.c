/* test_likwid_groups.c - Check LIKWID's groups: sections in their order, and no
 * formula with a counter that the group does not count. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 256, COUNTERS = 8 };
enum section { NONE, SHORT, EVENTSET, METRICS, LONG };

static const char *const headings[] = { "", "SHORT", "EVENTSET", "METRICS",
                                        "LONG" };

struct group {
    enum section section;
    int  n, n_metrics;
    char counter[COUNTERS][16], event[COUNTERS][64];
};

static bool counts(const struct group *g, const char *name, size_t length)
{
    for (int i = 0; i < g->n; i++)
        if (strlen(g->counter[i]) == length &&
            strncmp(g->counter[i], name, length) == 0)
            return true;
    return false;
}

static void read_event(struct group *g, const char *line, const char *path)
{
    char counter[16], event[64], more[2];

    cr_assert(g->n < COUNTERS, "%s", path);
    cr_assert(sscanf(line, "%15s %63s %1s", counter, event, more) == 2,
              "%s: %s", path, line);
    cr_assert(not(counts(g, counter, strlen(counter))), "%s: %s twice", path,
              counter);
    strcpy(g->counter[g->n], counter);
    strcpy(g->event[g->n++], event);
}

/* The formula is the last word; names in it begin with a letter. */
static void read_metric(struct group *g, const char *line, const char *path)
{
    const char *at = strrchr(line, ' ');

    cr_assert(at != NULL, "%s: %s", path, line);
    g->n_metrics++;
    while (*++at) {
        size_t length = 0;
        if (!isalpha((unsigned char)*at))
            continue;
        while (isalnum((unsigned char)at[length]))
            length++;
        cr_assert(counts(g, at, length) || strncmp(at, "time", length) == 0,
                  "%s: no counter for '%s'", path, at);
        at += length - 1;
    }
}

static void check(const char *path)
{
    struct group g = { NONE, 0, 0, { { 0 } }, { { 0 } } };
    char line[LINE];
    FILE *file = fopen(path, "r");

    cr_assert(file != NULL, "%s", path);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (g.section < LONG &&
            strncmp(line, headings[g.section + 1],
                    strlen(headings[g.section + 1])) == 0)
            g.section++;
        else if (g.section == EVENTSET && line[0])
            read_event(&g, line, path);
        else if (g.section == METRICS && line[0])
            read_metric(&g, line, path);
    }
    fclose(file);
    cr_assert(g.section == LONG, "%s: a section is missing", path);
    cr_assert(g.n > 0 && g.n_metrics > 1, "%s: it counts nothing", path);
}

Test(likwid_groups, formulas_use_what_is_counted)
{
    glob_t found;

    cr_assert(eq(int, glob("configs/counters/likwid/*/ISOBATH_*.txt", 0, NULL,
                           &found), 0));
    cr_assert(found.gl_pathc >= 17);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check(found.gl_pathv[i]);
    globfree(&found);
}
