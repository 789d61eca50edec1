/* table_write.c - a table as CSV, JSON, Markdown and HTML. */
#include "reports/table.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/escape.h"
#include "reports/table_format.h"

static void csv_header(const struct table *t, FILE *out)
{
    for (size_t c = 0; c < t->n_columns; c++) {
        const char *key = t->column[c].key;
        fprintf(out, "%s%s", c ? "," : "", key);
        if (t->column[c].style == COLUMN_TEXT)
            continue;
        if (table_has_interval(t, c))
            fprintf(out, ",%s_low,%s_high", key, key);
        if (!t->column[c].plain)
            fprintf(out, ",%s_source", key);
    }
    fputs("\r\n", out);
}

static void csv_number(FILE *out, double value)
{
    putc(',', out);
    if (isfinite(value))
        fprintf(out, "%.15g", value);
}

static void csv_cell(const struct table *t, size_t c, const struct cell *cell,
                     FILE *out)
{
    bool interval = table_has_interval(t, c);
    bool known = !cell->text && amount_known(cell->amount);

    if (cell->text)
        escape_write(out, BORDER_CSV, cell->text);
    if (t->column[c].style == COLUMN_TEXT)
        return;
    if (known)
        fprintf(out, "%.15g", cell->amount.value);
    if (interval) {
        csv_number(out, known ? cell->amount.low : (double)NAN);
        csv_number(out, known ? cell->amount.high : (double)NAN);
    }
    if (!t->column[c].plain)
        fprintf(out, ",%s", cell->text || table_is_empty(cell)
                                ? "" : amount_word(cell->amount));
}

void table_csv(const struct table *t, FILE *out)
{
    csv_header(t, out);
    for (size_t r = 0; r < t->n_rows; r++) {
        for (size_t c = 0; c < t->n_columns; c++) {
            if (c)
                putc(',', out);
            csv_cell(t, c, &t->cell[r * t->n_columns + c], out);
        }
        fputs("\r\n", out);
    }
}

static json_t *json_amount(const struct column *column,
                           const struct cell *cell)
{
    struct amount a = cell->amount;
    const char *unit = cell->unit ? cell->unit : column->unit;
    json_t *object = json_object();

    json_object_set_new(object, "value", amount_known(a) ? json_real(a.value)
                                                         : json_null());
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
    FILE  *stream = open_memstream(&clean, &size);
    json_t *string;

    if (!stream)
        return NULL;
    escape_write(stream, BORDER_TERMINAL, text);
    fclose(stream);
    string = json_string(clean);
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
                : json_amount(&t->column[c], cell));
        }
        json_array_append_new(rows, row);
    }
    json_object_set_new(root, "name", json_string(t->name));
    json_object_set_new(root, "caption", json_clean(t->caption));
    failed = json_object_set_new(root, "rows", rows) ||
             json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
    putc('\n', out);
    json_decref(root);
    return failed ? error_set(err, STATUS_IO, "table '%s' could not be written "
                              "as JSON", t->name)
                  : STATUS_OK;
}

/* "12.3 ±0.4" shows the wider half of an interval. */
static double half_width(struct amount a)
{
    return fmax(a.high - a.value, a.value - a.low);
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

/* The word all known amounts of a column share; NULL when they differ. */
static const char *column_word(const struct table *t, size_t c)
{
    const char *word = t->column[c].plain ? "" : NULL;

    for (size_t r = 0; r < t->n_rows; r++) {
        const struct cell *cell = &t->cell[r * t->n_columns + c];
        if (t->column[c].plain || cell->text || !amount_known(cell->amount))
            continue;
        if (word && strcmp(word, amount_word(cell->amount)) != 0)
            return NULL;
        word = amount_word(cell->amount);
    }
    return word;
}

static const char *share_sign(const struct column *column)
{
    return column->style == COLUMN_SHARE ? ", %" : "";
}

void table_markdown(const struct table *t, FILE *out)
{
    struct notes notes = { .n = 0 };
    struct layout layout[TABLE_MAX_COLUMNS];
    char heading[128];

    escape_write(out, BORDER_MARKDOWN, t->caption);
    fputs("\n\n|", out);
    for (size_t c = 0; c < t->n_columns; c++) {
        const char *word = column_word(t, c);
        layout[c] = table_layout(t, c);
        table_heading(heading, &t->column[c], layout[c]);
        fprintf(out, " %s%s%s%s%s |", heading, share_sign(&t->column[c]),
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

/* The page's four tags; the class letter draws the border. */
void table_tag(FILE *out, const char *word)
{
    static const struct { const char *word, *letter, *tag, *title; } tags[] = {
        { "predicted", "p", "pred", "predicted: a closed formula of the shapes" },
        { "modelled", "d", "model", "modelled: a machine model with assumed or "
          "fitted coefficients" },
        { "simulated", "d", "model", "modelled: a model of the hardware, run" },
        { "apportioned", "d", "share", "apportioned: this part's share of a "
          "wider reading" },
        { "scaled", "d", "scaled", "scaled: a part, extrapolated" },
        { "counted", "c", "count", "counted: the executor's tally of its own "
          "loops" },
        { "measured", "m", "meas", "measured: read from a clock, a counter or "
          "held-out text" },
    };

    for (size_t i = 0; word && i < sizeof tags / sizeof *tags; i++)
        if (strcmp(tags[i].word, word) == 0)
            fprintf(out, " <abbr class=\"pv %s\" title=\"%s\">%s</abbr>",
                    tags[i].letter, tags[i].title, tags[i].tag);
}

static void html_head(const struct table *t, const struct layout *layout,
                      FILE *out)
{
    char heading[128];

    fputs("<thead><tr>", out);
    for (size_t c = 0; c < t->n_columns; c++) {
        table_heading(heading, &t->column[c], layout[c]);
        fprintf(out, "<th scope=\"col\"%s>",
                t->column[c].style == COLUMN_TEXT ? " class=\"l\"" : "");
        escape_write(out, BORDER_HTML, heading);
        fputs(share_sign(&t->column[c]), out);
        table_tag(out, column_word(t, c));
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
}

static void html_known(const struct column *column, struct layout layout,
                       const struct cell *cell, bool tag, FILE *out)
{
    const struct amount a = cell->amount;
    const char *unit = cell->unit ? cell->unit : column->unit;
    char number[TABLE_NUMBER_SIZE];
    const char *mark = table_ratio_mark(column, a);

    fprintf(out, "<td class=\"n%s\" data-v=\"%.15g\" data-u=\"%s\" "
            "data-s=\"%s\"", *mark ? " warn" : "", a.value,
            *unit ? unit : "1", amount_word(a));
    if (isfinite(a.low) && isfinite(a.high))
        fprintf(out, " data-lo=\"%.15g\" data-hi=\"%.15g\"", a.low, a.high);
    table_cell_number(number, a.value, column, layout, cell);
    fprintf(out, ">%s%s", *number == '<' ? "&lt;" : "",
            *number == '<' ? number + 1 : number);
    if (isfinite(a.low) && isfinite(a.high)) {
        table_cell_number(number, half_width(a), column, layout, cell);
        fprintf(out, " <i>±%s</i>", *number == '<' ? number + 1
                : strncmp(number, "+", 1) == 0 ? number + 1
                : strncmp(number, "±", 2) == 0 ? number + 2 : number);
    }
    if (*mark)
        fprintf(out, " &gt;%s", mark + 1);
    if (tag)
        table_tag(out, amount_word(a));
    fputs("</td>", out);
}

static void html_cell(const struct table *t, const struct layout *layout,
                      size_t r, size_t c, struct notes *notes, FILE *out)
{
    const struct cell *cell = &t->cell[r * t->n_columns + c];

    if (cell->text) {
        fputs("<td>", out);
        escape_write(out, BORDER_HTML, cell->text);
        fputs("</td>", out);
    } else if (table_is_empty(cell)) {
        fputs("<td></td>", out);
    } else if (!amount_known(cell->amount)) {
        fprintf(out, "<td class=\"n unk\">unknown<sup>%zu</sup></td>",
                table_note(notes, cell));
    } else {
        html_known(&t->column[c], layout[c], cell, !column_word(t, c), out);
    }
}

static bool same_group(const struct table *t, size_t r, size_t s)
{
    const char *a = t->cell[r * t->n_columns].text;
    const char *b = t->cell[s * t->n_columns].text;
    return t->grouped && a && b && strcmp(a, b) == 0;
}

static void html_row_head(const struct table *t, size_t r, FILE *out)
{
    const char *text = t->cell[r * t->n_columns].text;
    size_t span = 1;

    if (r > 0 && same_group(t, r, r - 1))
        return;
    while (r + span < t->n_rows && same_group(t, r, r + span))
        span++;
    fputs("<th scope=\"row\"", out);
    if (span > 1)
        fprintf(out, " rowspan=\"%zu\"", span);
    putc('>', out);
    escape_write(out, BORDER_HTML, text ? text : "");
    fputs("</th>", out);
}

void table_html(const struct table *t, FILE *out)
{
    static const char *const classes[] = { "", " class=\"mod\"",
                                           " class=\"total\"" };
    struct notes notes = { .n = 0 };
    struct layout layout[TABLE_MAX_COLUMNS];

    for (size_t c = 0; c < t->n_columns; c++)
        layout[c] = table_layout(t, c);
    fprintf(out, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
            "aria-label=\"Table %s\">\n<table><caption><span class=\"cap\">", t->name);
    escape_write(out, BORDER_HTML, t->caption);
    fputs("</span></caption>\n", out);
    html_head(t, layout, out);
    for (size_t r = 0; r < t->n_rows; r++) {
        fprintf(out, "<tr%s>", classes[t->kind[r]]);
        html_row_head(t, r, out);
        for (size_t c = 1; c < t->n_columns; c++)
            html_cell(t, layout, r, c, &notes, out);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    if (notes.n)
        fputs("<p class=\"notes\">", out);
    for (size_t i = 0; i < notes.n; i++) {
        fprintf(out, "%s<sup>%zu</sup> ", i ? "<br>" : "", i + 1);
        escape_write(out, BORDER_HTML, notes.reason[i]);
    }
    if (notes.n)
        fputs("</p>\n", out);
    fprintf(out, "<p class=\"files\">Table as <a href=\"tables/%s.csv\">CSV</a>"
            " <a href=\"tables/%s.json\">JSON</a> <a href=\"tables/%s.md\">"
            "Markdown</a></p>\n", t->name, t->name, t->name);
}
