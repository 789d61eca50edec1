/* record_table.c - Write JSON values that are much alike as a table, and read it
 * again. */
#include "sim/sweep/record_table.h"

#include <stdlib.h>
#include <string.h>

enum { NOTHING = 0, ABOVE = -1, SHORT_CELL = 5 };

/* True for what has parts: a place leads through it, and not to it. */
static bool has_parts(const json_t *value)
{
    return json_object_size(value) > 0 || json_array_size(value) > 0;
}

/* ---- columns ---- */

static void add_column(struct record_table *t, const json_t *place)
{
    char *text = json_dumps(place, JSON_COMPACT);

    if (text && !json_object_get(t->known, text)) {
        json_object_set_new(t->known, text, json_true());
        json_array_append_new(t->columns, json_deep_copy(place));
    }
    free(text);
}

static void step(json_t *place, json_t *part)
{
    json_array_append_new(place, part);
}

static void step_back(json_t *place)
{
    json_array_remove(place, json_array_size(place) - 1);
}

/* Columns for all that is in a value. */
static void add_all(struct record_table *t, json_t *place, const json_t *value)
{
    const char *key;
    json_t *part;
    size_t i;

    if (value && !has_parts(value))
        add_column(t, place);
    json_object_foreach((json_t *)value, key, part) {
        step(place, json_string(key));
        add_all(t, place, part);
        step_back(place);
    }
    json_array_foreach(value, i, part) {
        step(place, json_integer((json_int_t)i));
        add_all(t, place, part);
        step_back(place);
    }
}

static void add_differing(struct record_table *t, json_t *place,
                          const json_t *a, const json_t *b);

static void add_members(struct record_table *t, json_t *place,
                        const json_t *a, const json_t *b)
{
    const char *key;
    json_t *part;

    json_object_foreach((json_t *)a, key, part) {
        step(place, json_string(key));
        add_differing(t, place, part, json_object_get(b, key));
        step_back(place);
    }
    json_object_foreach((json_t *)b, key, part) {
        if (json_object_get(a, key))
            continue;
        step(place, json_string(key));
        add_all(t, place, part);
        step_back(place);
    }
}

/* Columns for each place where the two differ. */
static void add_differing(struct record_table *t, json_t *place,
                          const json_t *a, const json_t *b)
{
    const size_t n = json_array_size(a), m = json_array_size(b);

    if (json_object_size(a) > 0 && json_object_size(b) > 0) {
        add_members(t, place, a, b);
    } else if (n > 0 && m > 0) {
        for (size_t i = 0; i < n || i < m; i++) {
            step(place, json_integer((json_int_t)i));
            add_differing(t, place, json_array_get(a, i), json_array_get(b, i));
            step_back(place);
        }
    } else if (!json_equal(a, b)) {
        add_all(t, place, a);
        add_all(t, place, b);
    }
}

void record_table_look(struct record_table *t, const json_t *value)
{
    if (!t->like) {
        t->like = json_deep_copy(value);
        t->columns = json_array();
        t->known = json_object();
        return;
    }
    json_t *place = json_array();
    add_differing(t, place, t->like, value);
    json_decref(place);
}

/* ---- writing ---- */

/* What stands at a place; NULL: nothing, or what has parts. */
static json_t *at(const json_t *value, const json_t *place)
{
    json_t *part;
    size_t i;

    json_array_foreach(place, i, part)
        value = json_is_string(part)
                    ? json_object_get(value, json_string_value(part))
                    : json_array_get(value, (size_t)json_integer_value(part));
    return value && !has_parts(value) ? (json_t *)value : NULL;
}

static json_t *sign(json_int_t n)
{
    json_t *list = json_array();
    json_array_append_new(list, json_integer(n));
    return list;
}

/* The cell where a number or a text is longer than a sign for it. */
static json_t *cell_of(const struct record_table *t, const json_t *row, size_t c)
{
    json_t *cell = json_array_get(row, c);
    char *text = json_dumps(cell, JSON_ENCODE_ANY | JSON_COMPACT);
    const bool is_short = !text || strlen(text) < SHORT_CELL;

    free(text);
    if (is_short)
        return json_incref(cell);
    if (t->row && json_equal(cell, json_array_get(t->row, c)))
        return sign(ABOVE);
    for (size_t n = 1; n <= c && !json_is_string(cell); n++)
        if (json_equal(cell, json_array_get(row, c - n)))
            return sign((json_int_t)n);
    return json_incref(cell);
}

/* Numbers of items before names of members. */
static int by_place(const void *left, const void *right)
{
    const json_t *a = *(json_t *const *)left, *b = *(json_t *const *)right;
    const size_t n = json_array_size(a), m = json_array_size(b);

    for (size_t i = 0; i < n && i < m; i++) {
        const json_t *x = json_array_get(a, i), *y = json_array_get(b, i);
        const bool text = json_is_string(x);
        const int order = text != json_is_string(y)
            ? (text ? 1 : -1)
            : text ? strcmp(json_string_value(x), json_string_value(y))
            : (json_integer_value(x) > json_integer_value(y)) -
              (json_integer_value(x) < json_integer_value(y));
        if (order != 0)
            return order;
    }
    return (n > m) - (n < m);
}

/* Items of a list in the order of their numbers: a reader takes them out from the
 * last on. */
static void sort_columns(struct record_table *t)
{
    const size_t n = json_array_size(t->columns);
    json_t **place = error_noted(calloc(n + 1, sizeof(json_t *)));
    json_t *sorted = json_array();

    for (size_t c = 0; place && c < n; c++)
        place[c] = json_array_get(t->columns, c);
    if (place)
        qsort(place, n, sizeof *place, by_place);
    for (size_t c = 0; place && c < n; c++)
        json_array_append(sorted, place[c]);
    free(place);
    json_decref(t->columns);
    t->columns = sorted;
}

void record_table_head(FILE *file, struct record_table *t)
{
    sort_columns(t);
    fputs("\"like\": ", file);
    (void)json_dumpf(t->like, file, JSON_COMPACT | JSON_SORT_KEYS);
    fputs(",\n\"columns\": ", file);
    (void)json_dumpf(t->columns, file, JSON_COMPACT);
}

/* A number with as few digits as tell it from all others. */
static void write_cell(FILE *file, const json_t *cell)
{
    char text[40] = "";

    for (int digits = 6; json_is_real(cell) && digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, json_real_value(cell));
        if (strtod(text, NULL) == json_real_value(cell))
            break;
    }
    /* 1 would be read as a whole number. */
    if (*text && !strpbrk(text, ".e"))
        strcat(text, ".0");
    if (*text)
        fputs(text, file);
    else
        (void)json_dumpf(cell, file, JSON_COMPACT | JSON_ENCODE_ANY);
}

void record_table_write(FILE *file, struct record_table *t, const json_t *value)
{
    json_t *row = json_array(), *place;
    size_t c;

    json_array_foreach(t->columns, c, place) {
        json_t *cell = at(value, place);
        if (cell)
            json_array_append(row, cell);
        else
            json_array_append_new(row, sign(NOTHING));
    }
    for (c = 0; c < json_array_size(row); c++) {
        json_t *cell = cell_of(t, row, c);
        fputc(c ? ',' : '[', file);
        write_cell(file, cell);
        json_decref(cell);
    }
    fputs(c ? "]" : "[]", file);
    json_decref(t->row);
    t->row = row;
}

void record_table_close(struct record_table *t)
{
    json_decref(t->like);
    json_decref(t->columns);
    json_decref(t->known);
    json_decref(t->row);
    *t = (struct record_table){ .like = NULL };
}

/* ---- reading ---- */

static enum status no_table(struct error *err)
{
    return error_set(err, STATUS_BAD_FORMAT, "a row that does not fit its"
                     " columns");
}

/* Fill in what cells refer to; new, NULL: it cannot be. */
static json_t *whole_row(const json_t *row, const json_t *before)
{
    json_t *out = json_array(), *cell;
    size_t c;

    json_array_foreach(row, c, cell) {
        const json_int_t n = json_array_size(cell) == 1
            ? json_integer_value(json_array_get(cell, 0)) : NOTHING;
        if (n == ABOVE)
            cell = json_array_get(before, c);
        else if (n != NOTHING)
            cell = n > 0 && (size_t)n <= c ? json_array_get(out, c - (size_t)n)
                                           : NULL;
        if (!cell || json_array_append(out, cell) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static void take_out(json_t *value, const json_t *place)
{
    const size_t n = json_array_size(place);
    json_t *part = NULL;

    for (size_t i = 0; i < n; i++) {
        part = json_array_get(place, i);
        if (i + 1 < n)
            value = json_is_string(part)
                ? json_object_get(value, json_string_value(part))
                : json_array_get(value, (size_t)json_integer_value(part));
    }
    if (json_is_string(part))
        json_object_del(value, json_string_value(part));
    else
        json_array_remove(value, (size_t)json_integer_value(part));
}

/* Put a part into its whole, which has the form that the part asks for; an item
 * follows those that are there.  NULL: it cannot be. */
static json_t *put(json_t *value, const json_t *part, json_t *what)
{
    const size_t i = (size_t)json_integer_value(part);
    int failed = 1;

    if (json_is_string(part) && json_is_object(value))
        failed = json_object_set(value, json_string_value(part), what);
    else if (json_is_integer(part) && json_is_array(value))
        failed = i < json_array_size(value) ? json_array_set(value, i, what)
                 : i == json_array_size(value) ? json_array_append(value, what)
                                               : 1;
    json_decref(what);
    return failed ? NULL : what;
}

static bool put_at(json_t *value, const json_t *place, json_t *cell)
{
    const size_t n = json_array_size(place);

    for (size_t i = 0; i + 1 < n && value; i++) {
        const json_t *part = json_array_get(place, i);
        const bool is_list = json_is_integer(json_array_get(place, i + 1));
        json_t *next = json_is_string(part)
            ? json_object_get(value, json_string_value(part))
            : json_array_get(value, (size_t)json_integer_value(part));
        value = (is_list ? json_is_array(next) : json_is_object(next))
                    ? next : put(value, part, is_list ? json_array()
                                                      : json_object());
    }
    return n > 0 && value &&
           put(value, json_array_get(place, n - 1), json_deep_copy(cell));
}

static bool is_nothing(const json_t *cell)
{
    return json_array_size(cell) == 1;
}

enum status record_table_read(json_t **out, const json_t *like,
                              const json_t *columns, const json_t *row,
                              json_t **before, struct error *err)
{
    const size_t n = json_array_size(columns);
    json_t *whole = json_array_size(row) == n ? whole_row(row, *before) : NULL;
    json_t *value = json_deep_copy(like);
    bool fits = whole && value;

    /* From the last on, so that items keep their numbers. */
    for (size_t c = n; c-- > 0 && fits;)
        if (is_nothing(json_array_get(whole, c)))
            take_out(value, json_array_get(columns, c));
    for (size_t c = 0; c < n && fits; c++)
        if (!is_nothing(json_array_get(whole, c)))
            fits = put_at(value, json_array_get(columns, c),
                          json_array_get(whole, c));
    json_decref(*before);
    *before = whole;
    *out = value;
    if (fits)
        return STATUS_OK;
    json_decref(value);
    *out = NULL;
    return no_table(err);
}
