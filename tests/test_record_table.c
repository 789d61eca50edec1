/* test_record_table.c - Write values that are alike as a table, and read them
 * again as they were. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdlib.h>
#include <string.h>

#include "sim/core/base/file.h"
#include "sim/sweep/record_table.h"

enum { MOST = 8 };

static json_t *value_of(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    cr_assert(value != NULL, "%s", text);
    return value;
}

/* {"like": ..., "columns": ..., "points": [rows]}; new. */
static json_t *tabled(json_t *const *value, int n)
{
    struct record_table table = { .like = NULL };
    char *text = NULL;
    size_t size;
    FILE *file = file_open_text(&text, &size);

    for (int i = 0; i < n; i++)
        record_table_look(&table, value[i]);
    fputs("{", file);
    record_table_head(file, &table);
    fputs(", \"points\": [", file);
    for (int i = 0; i < n; i++) {
        fputs(i ? ", " : "", file);
        record_table_write(file, &table, value[i]);
    }
    fputs("]}", file);
    cr_assert(file_close_text(file, &text));
    record_table_close(&table);
    json_t *out = value_of(text);
    free(text);
    return out;
}

struct alike {
    char value[MOST][160];
};

ParameterizedTestParameters(record_table, values_are_as_they_were)
{
    static struct alike cases[] = {
        { { "{\"a\": 1}" } },
        { { "{\"a\": 1, \"b\": \"long text\"}", "{\"a\": 2, \"b\": \"long text\"}",
            "{\"b\": \"long text\"}", "{\"a\": 1, \"c\": null}" } },
        /* Lists that are longer, shorter and none; places found out of order. */
        { { "{\"l\": [1, 2, 3, 4, 5, 6]}", "{\"l\": [1, 2, 3, 4, 5, 9]}",
            "{\"l\": [1, 2, 7, 4, 5, 6]}", "{\"l\": [1, 2]}", "{\"l\": []}",
            "{\"l\": [1, 2, 3, 4, 5, 6, 7, 8]}", "{\"m\": 1}",
            "{\"l\": \"none\"}" } },
        /* What was empty has parts, and what had parts is empty. */
        { { "{\"o\": {}, \"p\": {\"q\": 1}}", "{\"o\": {\"x\": 1}, \"p\": {}}",
            "{\"o\": [], \"p\": [{\"q\": 1}, {\"r\": [0]}]}",
            "{\"o\": {\"x\": {\"y\": 1.5}}, \"p\": {\"q\": {}}}" } },
        /* Names with dots, that are numbers, and that come in another order. */
        { { "{\"a.b\": 1, \"0\": 2}", "{\"0\": 3, \"a.b\": 1, \"a\": {\"b\": 2}}" } },
        /* Cells that repeat the row before, and one before them. */
        { { "{\"x\": 123456.5, \"y\": 123456.5, \"z\": \"word\"}",
            "{\"x\": 654321.5, \"y\": 654321.5, \"z\": \"another\"}",
            "{\"x\": 654321.5, \"y\": 123456.5, \"z\": \"another\"}",
            "{\"x\": 0.1, \"y\": -1, \"z\": \"word\"}" } },
    };
    return cr_make_param_array(struct alike, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct alike *c, record_table, values_are_as_they_were)
{
    json_t *value[MOST], *before = NULL;
    struct error err = { STATUS_OK, "" };
    int n = 0;

    for (; n < MOST && *c->value[n]; n++)
        value[n] = value_of(c->value[n]);
    json_t *table = tabled(value, n);
    for (int i = 0; i < n; i++) {
        json_t *read = NULL;
        cr_assert(eq(int, record_table_read(
            &read, json_object_get(table, "like"),
            json_object_get(table, "columns"),
            json_array_get(json_object_get(table, "points"), (size_t)i), &before,
            &err), STATUS_OK), "%s", c->value[i]);
        cr_expect(json_equal(read, value[i]), "%s: %s", c->value[i],
                  json_dumps(read, 0));
        json_decref(read);
        json_decref(value[i]);
    }
    json_decref(before);
    json_decref(table);
}

Test(record_table, what_all_have_alike_is_in_no_row)
{
    json_t *value[] = { value_of("{\"same\": [1, 2, {\"deep\": 3}], \"seed\": 1}"),
                        value_of("{\"same\": [1, 2, {\"deep\": 3}], \"seed\": 2}") };
    json_t *table = tabled(value, 2), *columns = value_of("[[\"seed\"]]");
    json_t *rows = value_of("[[1], [2]]");

    cr_expect(json_equal(json_object_get(table, "columns"), columns));
    cr_expect(json_equal(json_object_get(table, "points"), rows));
    json_decref(rows);
    json_decref(columns);
    json_decref(table);
    json_decref(value[0]);
    json_decref(value[1]);
}

struct bad {
    char like[64], columns[64], row[64];
};

ParameterizedTestParameters(record_table, what_is_no_table_is_refused)
{
    static struct bad cases[] = {
        { "{\"a\": 1}", "[[\"a\"]]", "[1, 2]" },     /* more than columns */
        { "{\"a\": 1}", "[[\"a\"]]", "{}" },
        { "{\"a\": 1}", "[[\"a\"]]", "[[-1]]" },     /* no row before */
        { "{\"a\": 1}", "[[\"a\"]]", "[[3]]" },      /* no column before */
        { "{\"a\": 1}", "[[\"a\"]]", "[[-7]]" },
        { "{\"a\": [1]}", "[[\"a\", 7]]", "[1]" },   /* a gap */
        { "{\"a\": 1}", "[[0]]", "[1]" },
        { "{\"a\": 1}", "[[]]", "[1]" },
        { "{\"a\": 1}", "[[\"a\", -1]]", "[1]" },
        { "[1]", "[[\"a\"]]", "[1]" },
        { "{\"a\": 1}", "[3]", "[1]" },
    };
    return cr_make_param_array(struct bad, cases, sizeof cases / sizeof *cases);
}

ParameterizedTest(struct bad *b, record_table, what_is_no_table_is_refused)
{
    json_t *like = value_of(b->like), *columns = value_of(b->columns);
    json_t *row = value_of(b->row), *out = NULL, *before = NULL;
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, record_table_read(&out, like, columns, row, &before, &err),
                 STATUS_BAD_FORMAT), "%s", b->columns);
    json_decref(before);
    json_decref(row);
    json_decref(columns);
    json_decref(like);
}
