/* test_results.c - Trace every number of the result pages to the file that it
 * was read from: reports/results/sources.csv says which.
 *
 *   readme   the page; PAGE#SECTION: of that section alone; "*": all pages
 *   row      how a row of a table begins; rows are in the order of the page.
 *            Else words of the text with their numbers, wherever they stand;
 *            "*": all of the page
 *   file     beside reports/results; /FILE: from the root; "-": none, and
 *            `figures` says why, or the command that says the number
 *   key      of a CSV, its rows: COLUMN=VALUE;COLUMN=VALUE|BEGINNING*;...
 *            KEY less KEY: differences, paired by train.seed
 *            KEY over KEY: what is divided by is the mean of the second
 *            of a JSON file, the path that all figures begin with
 *            of any other file, what a line begins with
 *   figures  of the numbers of the words, or behind `row`, in their order, the
 *            columns: COLUMN, COLUMN*100, COLUMN/1000, COLUMN-COLUMN,
 *            COLUMN/COLUMN; of several rows with mean:, sd:, min:,
 *            max: or sum: in front, count: the values that differ, low: and
 *            high: the 95 % interval of the mean, p: that it is not 0 by
 *            Student's t; of a text its last number, last:
 *            of a file that is neither CSV nor JSON, the places of numbers
 *            behind the key: 1, 2, ...
 *
 * Several lines of one row share its numbers. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <glob.h>
#include <jansson.h>
#include <math.h>
#include <unistd.h>

#include "reports/read/csv.h"
#include "sim/core/base/stats.h"
#include "tests/page_numbers.h"

#define RESULTS "reports/results/"

enum { MOST_VALUES = 4096, LINE = 2048 };

/* ---- a file ---- */

static bool is_one_of(const char *text, const char *values, size_t n)
{
    if (n == 0)
        return *text == '\0';
    while (n > 0) {
        const char *bar = memchr(values, '|', n);
        const size_t one = bar ? (size_t)(bar - values) : n;
        if (values[one - 1] == '*' && strncmp(text, values, one - 1) == 0)
            return true;
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
    while (next_number(&at, NULL, &number, &decimals))
        ;
    return number;
}

/* "mean:loss/dense*100", cut into its parts. */
struct figure {
    char of[8], column[128], over[64];
    double factor;
};

static struct figure read_figure(const char *text)
{
    struct figure f = { "", "", "", 1 };
    const char *colon = strchr(text, ':');

    if (colon) {
        snprintf(f.of, sizeof f.of, "%.*s", (int)(colon - text), text);
        text = colon + 1;
    }
    snprintf(f.column, sizeof f.column, "%.*s", (int)strcspn(text, "*/"), text);
    text += strcspn(text, "*/");
    if (*text == '/' && isalpha((unsigned char)text[1])) {
        snprintf(f.over, sizeof f.over, "%.*s", (int)strcspn(text + 1, "*/"),
                 text + 1);
        text += 1 + strlen(f.over);
    }
    if (*text)
        f.factor = *text == '*' ? strtod(text + 1, NULL)
                                : 1 / strtod(text + 1, NULL);
    return f;
}

static double of_column(const struct csv *csv, size_t row, const char *name,
                        size_t n)
{
    char column[128];
    double value;

    snprintf(column, sizeof column, "%.*s", (int)n, name);
    cr_assert(csv_column(csv, column) >= 0, "no column %s", column);
    cr_assert(csv_real(csv, row, csv_column(csv, column), &value, NULL) ==
              STATUS_OK);
    return value;
}

static double of_row(const struct csv *csv, size_t row, const struct figure *f)
{
    const size_t n = strcspn(f->column, "-");

    if (strcmp(f->of, "last") == 0)
        return last_number(csv_text(csv, row, csv_column(csv, f->column)));
    const double a = of_column(csv, row, f->column, n),
        b = f->column[n] ? of_column(csv, row, f->column + n + 1, 127) : 0;
    return a - b;
}

struct values {
    double value[MOST_VALUES], seed[MOST_VALUES];
    size_t n;
};

/* Of the rows chosen; seeds are those of the column train.seed, if any. */
static void choose(const struct csv *csv, const char *key,
                   const struct figure *f, struct values *out)
{
    const int seed = csv_column(csv, "train.seed");

    out->n = 0;
    for (size_t row = 0; row < csv->n_rows; row++) {
        if (!is_chosen(csv, row, key))
            continue;
        cr_assert(lt(sz, out->n, MOST_VALUES));
        out->seed[out->n] =
            seed < 0 ? 0 : of_column(csv, row, "train.seed", 127);
        out->value[out->n++] = of_row(csv, row, f);
    }
    cr_assert(out->n > 0, "no row has %s", key);
}

static void pair(struct values *a, const struct values *b)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++)
        for (size_t j = 0; j < b->n; j++)
            if (a->seed[i] == b->seed[j])
                a->value[n++] = a->value[i] - b->value[j];
    cr_assert(eq(sz, n, a->n), "each seed has one pair");
}

static double of_values(struct values *v, const struct figure *f,
                        const char *key)
{
    const struct spread spread = stats_spread(v->value, v->n);
    const struct difference interval = stats_mean_interval(spread);
    size_t differ = 0;

    if (*f->of == '\0' || strcmp(f->of, "last") == 0)
        cr_assert(eq(sz, v->n, 1), "%s: %zu rows", key, v->n);
    stats_sort(v->value, v->n);
    for (size_t i = 0; i < v->n; i++)
        differ += i == 0 || v->value[i] != v->value[i - 1];
    const struct { const char *of; double value; } known[] = {
        { "", v->value[0] },          { "last", v->value[0] },
        { "min", v->value[0] },       { "max", v->value[v->n - 1] },
        { "mean", spread.mean },      { "sd", spread.sd },
        { "low", interval.low },      { "high", interval.high },
        { "count", (double)differ },  { "p", stats_p(interval) },
        { "sum", spread.mean * (double)v->n },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].of, f->of) == 0)
            return known[i].value;
    cr_fatal("no '%s:' is known", f->of);
}

/* Of the rows of a key; " less " and " over " part it in two. */
static double of_csv(const struct csv *csv, const char *key,
                     const struct figure *f)
{
    static struct values a, b;
    const char *less = strstr(key, " less "), *over = strstr(key, " over ");
    const char *cut = less ? less : over;
    const char *second = cut ? cut + strlen(" less ") : key;
    char first[512];
    double divisor = 1;

    snprintf(first, sizeof first, "%.*s", cut ? (int)(cut - key) : 511, key);
    choose(csv, first, f, &a);
    if (*f->over) {
        struct figure below = { "mean", "", "", 1 };
        snprintf(below.column, sizeof below.column, "%s", f->over);
        choose(csv, second, &below, &b);
        if (cut)
            divisor = of_values(&b, &below, key);
        else
            for (size_t i = 0; i < a.n; i++)
                a.value[i] /= b.value[i];
    }
    if (less) {
        choose(csv, second, f, &b);
        pair(&a, &b);
    }
    return of_values(&a, f, key) / divisor;
}

/* "ratio.seconds.median" below "phases.1", where 1 is the place in a list. */
static double of_json(const json_t *at, const char *key, const char *column)
{
    char path[256], *rest = path, *part;

    snprintf(path, sizeof path, "%s%s%s", key, *key ? "." : "", column);
    while ((part = strsep(&rest, ".")))
        at = json_is_array(at) ? json_array_get(at, strtoul(part, NULL, 10))
                               : json_object_get(at, part);
    cr_assert(at != NULL && json_is_number(at), "%s.%s is no number", key,
              column);
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
            cr_assert(next_number(&from, NULL, &number, &decimals) == true,
                      "'%s' has no number %s", key, place);
        return number;
    }
    cr_fatal("no line begins with '%s'", key);
}

/* ---- a line ---- */

struct source {
    enum { TABLE, TREE, TEXT } kind;
    struct csv csv;
    json_t *root;
    char *whole;
};

static struct source open_source(const char *file, char path[FILE_PATH_SIZE])
{
    struct source s = { .kind = strstr(file, ".csv")    ? TABLE
                                : strstr(file, ".json") ? TREE : TEXT };
    struct error err = { STATUS_OK, "" };
    size_t size;

    snprintf(path, FILE_PATH_SIZE, "%s%s", *file == '/' ? "." : RESULTS, file);
    if (s.kind == TREE)
        s.root = json_load_file(path, 0, NULL);
    cr_assert(s.kind != TREE || s.root, "%s", path);
    cr_assert(s.kind != TABLE || csv_open(&s.csv, path, &err) == STATUS_OK,
              "%s", err.text);
    cr_assert(s.kind != TEXT ||
              file_read(&s.whole, &size, path, 1 << 20, &err) == STATUS_OK,
              "%s", err.text);
    return s;
}

static void close_source(struct source *s)
{
    if (s->kind == TABLE)
        csv_close(&s->csv);
    json_decref(s->root);
    free(s->whole);
}

static void check_line(struct page *page, const char *row, const char *file,
                       const char *key, const char *figures)
{
    char path[FILE_PATH_SIZE], list[LINE], *rest = list, *one;
    struct source source = open_source(file, path);

    snprintf(list, sizeof list, "%s", figures);
    while ((one = strsep(&rest, " "))) {
        const struct figure f = read_figure(one);
        double shown, value = f.factor *
            (source.kind == TREE    ? of_json(source.root, key, f.column)
             : source.kind == TABLE ? of_csv(&source.csv, key, &f)
                                    : of_text(source.whole, key, f.column));
        int decimals;
        cr_assert(next_number(&page->number, page->end, &shown, &decimals),
                  "%s: no number for %s", row, one);
        cr_expect(fabs(value - shown) <= 0.5001 * pow(10, -decimals),
                  "%s: %.*f is shown, %s of %s has %.9g", row,
                  decimals > 0 ? decimals : 0, shown, one, path, value);
    }
    close_source(&source);
}

static void expect_no_more(struct page *page, const char *row)
{
    double number;
    int decimals;

    if (page->number)
        cr_expect(not(next_number(&page->number, page->end, &number,
                                  &decimals)),
                  "%s: %g has no source", row, number);
    page->number = NULL;
}

/* ---- the sources ---- */

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

static const char *text(size_t row, const char *column)
{
    return csv_text(&sources, row, csv_column(&sources, column));
}

static bool same(size_t i, size_t j, const char *column)
{
    return strcmp(text(i, column), text(j, column)) == 0;
}

/* What has a source is taken off page->left; what differs fails. */
static void check_page(struct page *page, size_t first)
{
    const char *row = "";

    for (size_t i = first;
         i < sources.n_rows && same(i, first, "readme"); i++) {
        const char *file = text(i, "file");
        if (i == first || !same(i, i - 1, "row")) {
            expect_no_more(page, row);
            row = text(i, "row");
            cr_assert(find_row(page, row) || find_words(page, row),
                      "%s: nowhere '%s'", text(i, "readme"), row);
            blank(page->left + (page->number - page->numbers),
                  page->left + (page->end - page->numbers));
        }
        if (strcmp(file, "-") == 0)
            page->number = NULL;
        else
            check_line(page, row, file, text(i, "key"), text(i, "figures"));
    }
    expect_no_more(page, row);
}

static void expect_none_left(const struct page *page, const char *name)
{
    double number;
    int decimals;

    for (const char *line = page->text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *at = page->left + (line - page->text);
        while (next_number(&at, NULL, &number, &decimals))
            cr_expect(false, "%s: %g has no source: %.*s", name, number,
                      (int)strcspn(line, "\n"), line);
    }
}

/* A table of the program's own, beside the same as CSV. */
static bool is_made(const char *path, const char *name)
{
    char csv[FILE_PATH_SIZE];

    snprintf(csv, sizeof csv, "%.*s.csv", (int)(strlen(path) - strlen(".md")),
             path);
    return strcmp(name, "README.md") != 0 && access(csv, R_OK) == 0;
}

/* ---- the tests ---- */

Test(results, a_number_has_its_sign_and_is_no_part_of_a_name)
{
    static const char *const line = "x GPT-2 q4_1 3x40 (-0.3 to 1.1) |"
        " -1,024 |[2..3] 4.3e-3 SmolLM2-135M 10-20 64.";
    static const double read[] = { -0.3, 1.1, -1024, 2, 3, 4.3e-3, 10, 20,
                                   64 };
    static const int decimals[] = { 1, 1, 0, 0, 0, 4, 0, 0, 0 };
    const char *at = line + 1;
    double number;
    int d;

    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        cr_assert(next_number(&at, NULL, &number, &d) == true);
        cr_expect(epsilon_eq(dbl, number, read[i], 1e-12));
        cr_expect(eq(int, d, decimals[i]));
    }
    cr_expect(not(next_number(&at, NULL, &number, &d)));
}

Test(results, each_number_of_a_page_is_the_one_of_its_file_or_says_why_not)
{
    size_t pages = 0, everywhere = 0;

    while (everywhere < sources.n_rows &&
           strcmp(text(everywhere, "readme"), "*") == 0)
        everywhere++;
    for (size_t i = everywhere; i < sources.n_rows; i++) {
        if (i > everywhere && same(i, i - 1, "readme"))
            continue;
        struct page page = open_page(text(i, "readme"));
        check_page(&page, i);
        for (size_t all = 0; all < everywhere; all++)
            (void)find_words(&page, text(all, "row"));
        expect_none_left(&page, text(i, "readme"));
        close_page(&page);
        pages++;
    }
    cr_expect(ge(sz, pages, 10));
}

Test(results, each_page_of_results_is_traced)
{
    glob_t found;

    cr_assert(eq(int, glob(RESULTS "*/*.md", 0, NULL, &found), 0));
    for (size_t f = 0; f < found.gl_pathc; f++) {
        const char *path = found.gl_pathv[f], *name = strrchr(path, '/') + 1;
        bool traced = is_made(path, name);
        for (size_t i = 0; i < sources.n_rows && !traced; i++)
            traced = strcmp(text(i, "readme"), path) == 0;
        cr_expect(traced == true, "%s is not in " RESULTS "sources.csv", path);
    }
    globfree(&found);
}
