/* table_write.c - Write a table as CSV, JSON and Markdown. */
#include "sim/core/answer/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/answer/escape.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/table_format.h"
#include "sim/core/base/file.h"

/* Which columns have bounds beside their values; [n_columns]. */
static void note_intervals(bool out[TABLE_MAX_COLUMNS], const struct table *t)
{
    for (size_t c = 0; c < t->n_columns; c++)
        out[c] = table_has_interval(t, c);
}

static void csv_header(const struct table *t, const bool *interval, FILE *out)
{
    for (size_t c = 0; c < t->n_columns; c++) {
        const char *key = t->column[c].key;
        fprintf(out, "%s%s", c ? "," : "", key);
        if (t->column[c].style == COLUMN_TEXT)
            continue;
        if (interval[c])
            fprintf(out, ",%s_low,%s_high", key, key);
        if (!t->column[c].plain)
            fprintf(out, ",%s_source", key);
    }
    fputs("\r\n", out);
}

static void csv_number(const struct table *t, double value, FILE *out)
{
    if (isfinite(value))
        fprintf(out, "%.*g", t->digits, value);
}

static void csv_amount(const struct table *t, bool interval,
                       const struct cell *cell, FILE *out)
{
    bool known = amount_known(cell->amount);

    if (known && cell->exact)
        fprintf(out, "%" PRIu64, cell->count);
    else if (known)
        csv_number(t, cell->amount.value, out);
    if (!interval)
        return;
    putc(',', out);
    csv_number(t, known ? cell->amount.low : (double)NAN, out);
    putc(',', out);
    csv_number(t, known ? cell->amount.high : (double)NAN, out);
}

static void csv_cell(const struct table *t, size_t c, bool interval,
                     const struct cell *cell, FILE *out)
{
    if (cell->text)
        escape_write(out, BORDER_CSV, cell->text);
    if (t->column[c].style == COLUMN_TEXT)
        return;
    if (!cell->text)
        csv_amount(t, interval, cell, out);
    else if (interval)
        fputs(",,", out);
    if (!t->column[c].plain)
        fprintf(out, ",%s", cell->text || table_is_empty(cell)
                                ? "" : amount_word(cell->amount));
}

void table_csv(const struct table *t, FILE *out)
{
    bool interval[TABLE_MAX_COLUMNS];

    note_intervals(interval, t);
    csv_header(t, interval, out);
    for (size_t r = 0; r < t->n_rows; r++) {
        for (size_t c = 0; c < t->n_columns; c++) {
            if (c)
                putc(',', out);
            csv_cell(t, c, interval[c], &t->cell[r * t->n_columns + c], out);
        }
        fputs("\r\n", out);
    }
}

static json_t *json_cell(const struct column *column, const struct cell *cell)
{
    struct amount a = cell->amount;
    const char *unit = cell->unit ? cell->unit : column->unit;
    json_t *object = json_object();

    json_object_set_new(object, "value",
        cell->exact && cell->count <= INT64_MAX
            ? json_integer((json_int_t)cell->count)
            : json_number(amount_known(a) ? a.value : (double)NAN));
    json_object_set_new(object, "unit", json_string(*unit ? unit : "1"));
    json_object_set_new(object, "source", json_string(amount_word(a)));
    if (amount_known(a) && isfinite(a.low) && isfinite(a.high)) {
        json_object_set_new(object, "low", json_real(a.low));
        json_object_set_new(object, "high", json_real(a.high));
    }
    if (!amount_known(a))
        json_object_set_new(object, "reason", json_string(
            a.reason ? a.reason : "no reason was recorded"));
    return object;
}

/* Foreign bytes need not be UTF-8, and jansson takes nothing else. */
static json_t *json_clean(const char *text)
{
    char  *clean = NULL;
    size_t size = 0;
    FILE  *stream = file_open_text(&clean, &size);
    json_t *string;

    if (!stream)
        return NULL;
    escape_write(stream, BORDER_TERMINAL, text);
    string = file_close_text(stream, &clean) ? json_string(clean) : NULL;
    free(clean);
    return string;
}

enum status table_json(const struct table *t, FILE *out, struct error *err)
{
    json_t *rows = json_array();
    json_t *root = json_object();
    int failed;

    for (size_t r = 0; r < t->n_rows; r++) {
        json_t *row = json_object();
        for (size_t c = 0; c < t->n_columns; c++) {
            const struct cell *cell = &t->cell[r * t->n_columns + c];
            json_object_set_new(row, t->column[c].key,
                cell->text ? json_clean(cell->text)
                : table_is_empty(cell) ? json_null()
                : json_cell(&t->column[c], cell));
        }
        json_array_append_new(rows, row);
    }
    json_object_set_new(root, "name", json_string(t->name));
    json_object_set_new(root, "caption", json_clean(t->caption));
    failed = json_object_set_new(root, "rows", rows) ||
             error_memory_ran_out() ||
             json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
    putc('\n', out);
    json_decref(root);
    if (error_memory_ran_out())
        return error_set(err, STATUS_NO_MEMORY, "no memory for table '%s'",
                         t->name);
    return failed ? error_set(err, STATUS_IO, "table '%s' could not be written "
                              "as JSON", t->name)
                  : STATUS_OK;
}

static void markdown_cell(const struct column *column, struct layout layout,
                          const struct cell *cell, struct notes *notes,
                          FILE *out)
{
    char number[TABLE_NUMBER_SIZE];

    if (cell->text) {
        escape_write(out, BORDER_MARKDOWN, cell->text);
        return;
    }
    if (table_is_empty(cell))
        return;
    if (!amount_known(cell->amount)) {
        fprintf(out, "unknown [%zu]", table_note(notes, cell));
        return;
    }
    table_cell_number(number, cell->amount.value, column, layout, cell);
    if (cell->amount.from == PROV_AT_LEAST)
        fputs("≥ ", out);
    if (cell->amount.from == PROV_BUSY)
        fputs("busy ", out);
    fputs(number, out);
    if (isfinite(cell->amount.low) && isfinite(cell->amount.high)) {
        table_cell_number(number, cell->amount.low, column, layout,
                          cell);
        fprintf(out, " (%s to ", number);
        table_cell_number(number, cell->amount.high, column, layout,
                          cell);
        fprintf(out, "%s)", number);
    }
    if (*table_ratio_mark(column, cell->amount))
        fprintf(out, " %s", table_ratio_mark(column, cell->amount));
}

void table_markdown(const struct table *t, FILE *out)
{
    struct notes notes = { .n = 0 };
    struct layout layout[TABLE_MAX_COLUMNS];
    char heading[128];

    escape_write(out, BORDER_MARKDOWN, t->caption);
    fputs("\n\n|", out);
    for (size_t c = 0; c < t->n_columns; c++) {
        const char *word = table_column_word(t, c);
        layout[c] = table_layout(t, c);
        table_heading(heading, &t->column[c], layout[c]);
        fprintf(out, " %s%s%s%s%s |", heading, table_share_sign(&t->column[c]),
                word && *word ? " (" : "", word ? word : "",
                word && *word ? ")" : "");
    }
    fputs("\n|", out);
    for (size_t c = 0; c < t->n_columns; c++)
        fputs(t->column[c].style == COLUMN_TEXT ? "---|" : "---:|", out);
    for (size_t r = 0; r < t->n_rows; r++) {
        fputs("\n|", out);
        for (size_t c = 0; c < t->n_columns; c++) {
            putc(' ', out);
            markdown_cell(&t->column[c], layout[c],
                          &t->cell[r * t->n_columns + c], &notes, out);
            fputs(" |", out);
        }
    }
    putc('\n', out);
    for (size_t i = 0; i < notes.n; i++) {
        fprintf(out, "\n[%zu] ", i + 1);
        escape_write(out, BORDER_MARKDOWN, notes.reason[i]);
        putc('\n', out);
    }
}

enum status table_print(const struct table *t, enum format format, FILE *out,
                        struct error *err)
{
    if (t->status != STATUS_OK || error_memory_ran_out())
        return error_set(err, STATUS_NO_MEMORY, "no memory for table '%s'", t->name);
    if (format == FORMAT_TEXT)
        return table_aligned(t, out, err);
    if (format == FORMAT_JSON)
        return table_json(t, out, err);
    table_csv(t, out);
    return STATUS_OK;
}

enum status table_write(const struct table *t, enum format format,
                        const char *directory, const char *name,
                        struct error *err)
{
    struct file_writer writer;
    enum status status = file_create_in(&writer, directory, name, err);

    if (status != STATUS_OK)
        return status;
    status = table_print(t, format, writer.stream, err);
    return file_end(&writer, status, err);
}
