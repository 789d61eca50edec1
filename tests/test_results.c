/* test_results.c - Trace the figures of result tables to the files that they were
 * read from: reports/results/sources.csv says which.
 *
 *   readme   the page with the table
 *   row      how a row of it begins; rows are in the order of the page
 *   file     beside reports/results; "-": none, and `figures` says why
 *   key      of a CSV, its rows: COLUMN=VALUE;COLUMN=VALUE|VALUE;...
 *            of a JSON file, the path that all figures begin with
 *            of a .txt file, what a line begins with
 *   figures  of the numbers behind `row`, in their order, the columns: COLUMN,
 *            COLUMN*100, COLUMN/1000, COLUMN-COLUMN; of several rows with
 *            mean:, sd:, min: or max: in front; of a text its last number, last:
 *            of a .txt file, the places of numbers behind the key: 1, 2, ...
 *
 * Several lines of one row share its numbers.  Of a page that the file names,
 * every number of every table has its line. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/read/csv.h"
#include "sim/core/base/stats.h"

#define RESULTS "reports/results/"

enum { MOST_VALUES = 4096, LINE = 2048 };

/* ---- a page ---- */

struct page {
    char *text;
    const char *at;              /* of the row that was found last */
    const char *number;          /* where its next number may begin */
};

static struct page open_page(const char *path)
{
    struct page page = { NULL, NULL, NULL };
    size_t size;

    cr_assert(file_read(&page.text, &size, path, 1 << 20, NULL) == STATUS_OK,
              "%s", path);
    page.at = page.text;
    return page;
}

static bool begins_row(const char *line, const char *row)
{
    const size_t n = strlen(row);
    return strncmp(line, "| ", 2) == 0 && strncmp(line + 2, row, n) == 0 &&
           strncmp(line + 2 + n, " |", 2) == 0;
}

/* The row that begins so, from the last one on; false: there is none. */
static bool find_row(struct page *page, const char *row)
{
    for (const char *line = page->at; line; ) {
        if (begins_row(line, row)) {
            page->at = line;
            page->number = line + 2 + strlen(row);
            return true;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return false;
}

/* A number that stands alone: not that of "q4_1". */
static bool next_number(const char **at, double *number, int *decimals)
{
    const char *c = *at;

    while (*c && *c != '\n' &&
           !(isdigit((unsigned char)*c) && !isalnum((unsigned char)c[-1]) &&
             c[-1] != '_'))
        c++;
    if (!isdigit((unsigned char)*c))
        return false;
    const bool negative = c[-1] == '-' && c[-2] == ' ';
    char digits[64];
    size_t n = 0;
    for (; (isdigit((unsigned char)*c) || *c == ',' || *c == '.') &&
           n + 1 < sizeof digits; c++) {
        if ((*c == ',' || *c == '.') && !isdigit((unsigned char)c[1]))
            break;
        if (*c != ',')
            digits[n++] = *c;
    }
    digits[n] = '\0';
    const char *dot = strchr(digits, '.');
    *decimals = dot ? (int)strlen(dot + 1) : 0;
    *number = (negative ? -1 : 1) * strtod(digits, NULL);
    *at = c;
    return true;
}

/* ---- a file ---- */

static bool is_one_of(const char *text, const char *values, size_t n)
{
    while (n > 0) {
        const char *bar = memchr(values, '|', n);
        const size_t one = bar ? (size_t)(bar - values) : n;
        if (strlen(text) == one && strncmp(text, values, one) == 0)
            return true;
        values += one + (bar != NULL);
        n -= one + (bar != NULL);
    }
    return false;
}

static bool is_chosen(const struct csv *csv, size_t row, const char *key)
{
    while (*key) {
        char column[64];
        const size_t n = strcspn(key, "="), m = strcspn(key + n + 1, ";");
        snprintf(column, sizeof column, "%.*s", (int)n, key);
        cr_assert(csv_column(csv, column) >= 0, "no column %s", column);
        if (!is_one_of(csv_text(csv, row, csv_column(csv, column)), key + n + 1,
                       m))
            return false;
        key += n + 1 + m;
        key += *key == ';';
    }
    return true;
}

static double last_number(const char *text)
{
    double number = nan("");
    int decimals;
    char copy[256];
    const char *at = copy + 1;

    snprintf(copy, sizeof copy, " %s", text);
    while (next_number(&at, &number, &decimals))
        ;
    return number;
}

static double of_row(const struct csv *csv, size_t row, const char *column,
                     bool last)
{
    const char *minus = strchr(column, '-');
    char first[128];
    double a, b = 0;

    snprintf(first, sizeof first, "%.*s", minus ? (int)(minus - column) : 127,
             column);
    cr_assert(csv_column(csv, first) >= 0, "no column %s", first);
    if (last)
        return last_number(csv_text(csv, row, csv_column(csv, first)));
    cr_assert(csv_real(csv, row, csv_column(csv, first), &a, NULL) ==
              STATUS_OK);
    if (minus)
        cr_assert(csv_real(csv, row, csv_column(csv, minus + 1), &b, NULL) ==
                  STATUS_OK);
    return a - b;
}

static double of_csv(const struct csv *csv, const char *key, const char *of,
                     const char *column)
{
    static double value[MOST_VALUES];
    size_t n = 0;

    for (size_t row = 0; row < csv->n_rows; row++)
        if (is_chosen(csv, row, key) && n < MOST_VALUES)
            value[n++] = of_row(csv, row, column, strcmp(of, "last") == 0);
    cr_assert(n > 0, "no row has %s", key);
    const struct spread spread = stats_spread(value, n);
    double low = value[0], high = value[0];
    for (size_t i = 1; i < n; i++) {
        low = fmin(low, value[i]);
        high = fmax(high, value[i]);
    }
    if (strcmp(of, "mean") == 0)
        return spread.mean;
    if (strcmp(of, "sd") == 0)
        return spread.sd;
    if (strcmp(of, "min") == 0)
        return low;
    if (strcmp(of, "max") == 0)
        return high;
    cr_assert(eq(sz, n, 1), "%s: %zu rows", key, n);
    return value[0];
}

/* "ratio.seconds.median" below "phases.1", where 1 is the place in a list. */
static double of_json(const json_t *at, const char *key, const char *column)
{
    char path[256], *rest = path, *part;

    snprintf(path, sizeof path, "%s.%s", key, column);
    while ((part = strsep(&rest, ".")))
        at = json_is_array(at) ? json_array_get(at, strtoul(part, NULL, 10))
                               : json_object_get(at, part);
    cr_assert(at != NULL && json_is_number(at), "%s.%s is no number", key, column);
    return json_number_value(at);
}

/* The number at a place, "1" the first, behind what a line begins with. */
static double of_text(const char *whole, const char *key, const char *place)
{
    double number = nan("");
    int decimals;

    for (const char *line = whole; line; line = strchr(line + 1, '\n')) {
        const char *from = line + strspn(line, " \n");
        if (strncmp(from, key, strlen(key)) != 0)
            continue;
        from += strlen(key);
        for (long n = strtol(place, NULL, 10); n > 0; n--)
            cr_assert(next_number(&from, &number, &decimals) == true,
                      "'%s' has no number %s", key, place);
        return number;
    }
    cr_fatal("no line begins with '%s'", key);
}

/* ---- a line ---- */

/* "mean:loss*100", cut into its parts. */
struct figure {
    char of[8], column[128];
    double factor;
};

static struct figure read_figure(const char *text)
{
    struct figure f = { "", "", 1 };
    const char *colon = strchr(text, ':');

    if (colon) {
        snprintf(f.of, sizeof f.of, "%.*s", (int)(colon - text), text);
        text = colon + 1;
    }
    snprintf(f.column, sizeof f.column, "%.*s", (int)strcspn(text, "*/"), text);
    text += strcspn(text, "*/");
    if (*text)
        f.factor = *text == '*' ? strtod(text + 1, NULL)
                                : 1 / strtod(text + 1, NULL);
    return f;
}

static void check_line(struct page *page, const char *row, const char *file,
                       const char *key, const char *figures)
{
    char path[FILE_PATH_SIZE], list[LINE], *rest = list, *one;
    const bool json = strstr(file, ".json") != NULL;
    const bool lines = strstr(file, ".txt") != NULL;
    char *whole = NULL;
    size_t size;
    struct csv csv = { .n_rows = 0 };
    struct error err = { STATUS_OK, "" };
    json_t *root = NULL;

    snprintf(path, sizeof path, RESULTS "%s", file);
    if (json)
        root = json_load_file(path, 0, NULL);
    cr_assert(json == (root != NULL), "%s", path);
    cr_assert(lines == false || file_read(&whole, &size, path, 1 << 20, &err) ==
                            STATUS_OK, "%s", err.text);
    cr_assert(json || lines || csv_open(&csv, path, &err) == STATUS_OK, "%s",
              err.text);
    snprintf(list, sizeof list, "%s", figures);
    while ((one = strsep(&rest, " "))) {
        const struct figure f = read_figure(one);
        double shown, value = f.factor *
            (json    ? of_json(root, key, f.column)
             : lines ? of_text(whole, key, f.column)
                     : of_csv(&csv, key, f.of, f.column));
        int decimals;
        cr_assert(next_number(&page->number, &shown, &decimals),
                  "%s: no number for %s", row, one);
        cr_expect(fabs(value - shown) <= 0.5001 * pow(10, -decimals),
                  "%s: %.*f is shown, %s of %s has %.9g", row, decimals, shown,
                  one, path, value);
    }
    csv_close(&csv);
    json_decref(root);
    free(whole);
}

static void expect_no_more(const struct page *page, const char *row)
{
    const char *at = page->number;
    double number;
    int decimals;

    cr_expect(not(at && next_number(&at, &number, &decimals)),
              "%s: %g has no source", row, number);
}

static const char *text(const struct csv *csv, size_t row, const char *column)
{
    return csv_text(csv, row, csv_column(csv, column));
}

static bool is_listed(const struct csv *sources, const char *readme,
                      const char *line)
{
    for (size_t i = 0; i < sources->n_rows; i++)
        if (strcmp(text(sources, i, "readme"), readme) == 0 &&
            begins_row(line, text(sources, i, "row")))
            return true;
    return false;
}

/* ---- the tests ---- */

static struct csv sources;

static void open_sources(void)
{
    struct error err = { STATUS_OK, "" };

    cr_assert(csv_open(&sources, RESULTS "sources.csv", &err) == STATUS_OK,
              "%s", err.text);
}

static void close_sources(void)
{
    csv_close(&sources);
}

TestSuite(results, .init = open_sources, .fini = close_sources);

Test(results, a_figure_is_the_one_of_its_file_as_far_as_it_is_shown)
{
    struct page page = { NULL, NULL, NULL };
    const char *readme = "", *row = "";
    size_t checked = 0;

    for (size_t i = 0; i < sources.n_rows; i++) {
        const char *file = text(&sources, i, "file");
        const bool other = strcmp(readme, text(&sources, i, "readme")) != 0;
        const bool next = other || strcmp(row, text(&sources, i, "row")) != 0;
        if (next && page.number)
            expect_no_more(&page, row);
        row = text(&sources, i, "row");
        if (other) {
            free(page.text);
            readme = text(&sources, i, "readme");
            page = open_page(readme);
        }
        if (next)
            cr_assert(find_row(&page, row) == true, "%s: no row '%s'", readme, row);
        if (strcmp(file, "-") == 0)
            page.number = NULL;
        else if (page.number)
            check_line(&page, row, file, text(&sources, i, "key"),
                       text(&sources, i, "figures"));
        checked += page.number != NULL;
    }
    if (page.number)
        expect_no_more(&page, row);
    free(page.text);
    cr_expect(gt(sz, checked, 40));
}

Test(results, a_table_of_a_traced_page_has_no_other_numbers)
{
    for (size_t i = 0; i < sources.n_rows; i++) {
        const char *readme = text(&sources, i, "readme");
        if (i > 0 && strcmp(readme, text(&sources, i - 1, "readme")) == 0)
            continue;
        struct page page = open_page(readme);
        bool body = false;
        for (char *line = strtok(page.text, "\n"); line;
             line = strtok(NULL, "\n")) {
            body = *line == '|' && (body || strncmp(line, "|--", 3) == 0);
            const char *cell = body ? strchr(line + 1, '|') : NULL;
            double number;
            int decimals;
            if (cell && next_number(&cell, &number, &decimals))
                cr_expect(is_listed(&sources, readme, line), "%s: %s", readme,
                          line);
        }
        free(page.text);
    }
}
