/* table_html.c - Write a table as HTML. */
#include "sim/core/answer/table.h"

#include <math.h>
#include <string.h>
#include "sim/core/answer/escape.h"
#include "sim/core/answer/table_format.h"

/* "12.3 ±0.4" shows the wider half of an interval. */
static double half_width(struct amount a)
{
    return fmax(a.high - a.value, a.value - a.low);
}

/* The page's four tags; the class letter draws the border. */
void table_tag(FILE *out, const char *word)
{
    static const struct { const char *word, *letter, *tag, *title; } tags[] = {
        { "predicted", "p", "pred", "predicted: a closed formula of the "
          "shapes" },
        { "modelled", "d", "model", "modelled: a machine model with assumed or "
          "fitted coefficients" },
        { "simulated", "d", "sim", "simulated: counted on a model of the "
          "hardware that ran" },
        { "apportioned", "d", "share", "apportioned: this part's share of a "
          "wider reading" },
        { "scaled", "d", "scaled", "scaled: a part, extrapolated" },
        { "counted", "c", "count", "counted: the executor's tally of its own "
          "loops" },
        { "at_least", "m", "at least", "at least: measured by a counter that "
          "loses some" },
        { "busy", "m", "busy", "busy: measured while other work ran on the "
          "machine; no conclusion rests on it" },
        { "measured", "m", "meas", "measured: read from a clock, a counter or "
          "held-out text" },
    };

    for (size_t i = 0; word && i < sizeof tags / sizeof *tags; i++)
        if (strcmp(tags[i].word, word) == 0)
            fprintf(out, " <abbr class=\"pv %s\" title=\"%s\">%s</abbr>",
                    tags[i].letter, tags[i].title, tags[i].tag);
}

enum { WIDE = 8 };             /* columns that a page shows without scrolling */

/* True for a column that no row knows: a note says as much in a wide table, and
 * where nothing was asked there is nothing to say. */
static bool is_blank(const struct table *t, size_t c)
{
    bool unknown = false;

    if (c == 0)
        return false;
    for (size_t r = 0; r < t->n_rows; r++) {
        const struct cell *cell = &t->cell[r * t->n_columns + c];
        if ((cell->text && *cell->text) || amount_known(cell->amount))
            return false;
        unknown |= !cell->text && !table_is_empty(cell);
    }
    return !unknown || t->n_columns > WIDE;
}

/* True where a reason is at hand for what no row knows. */
static bool is_unknown(const struct table *t, size_t c)
{
    bool unknown = false;

    for (size_t r = 0; r < t->n_rows; r++) {
        const struct cell *cell = &t->cell[r * t->n_columns + c];
        unknown |= !cell->text && !table_is_empty(cell);
    }
    return unknown && is_blank(t, c);
}

/* True for a setting, or a ratio, that is one number in every row of a wide table:
 * a note says it once. */
static bool is_constant(const struct table *t, size_t c)
{
    const struct cell *first = &t->cell[c];

    if (c == 0 || t->n_columns <= WIDE || t->n_rows < 3 ||
        !(t->column[c].plain || t->column[c].style == COLUMN_RATIO))
        return false;
    for (size_t r = 0; r < t->n_rows; r++) {
        const struct cell *cell = &t->cell[r * t->n_columns + c];
        if (cell->text || !amount_known(cell->amount) ||
            cell->amount.value != first->amount.value)
            return false;
    }
    return true;
}

static bool is_shown(const struct table *t, size_t c)
{
    return !is_blank(t, c) && !is_constant(t, c);
}

/* "flops measured" of the key flops_measured. */
static void html_key(const char *key, FILE *out)
{
    for (; *key; key++)
        putc(*key == '_' ? ' ' : *key, out);
}

static const char *first_reason(const struct table *t, size_t c)
{
    for (size_t r = 0; r < t->n_rows; r++) {
        const struct cell *cell = &t->cell[r * t->n_columns + c];
        if (!table_is_empty(cell) && cell->amount.reason)
            return cell->amount.reason;
    }
    return "no reason was recorded";
}

/* Name the columns that no row knows, those of one reason together. */
static void html_blanks(const struct table *t, FILE *out)
{
    size_t n = 0;

    for (size_t c = 1; c < t->n_columns; c++) {
        const char *reason = first_reason(t, c);
        bool told = false;
        for (size_t b = 1; b < c; b++)
            told |= is_unknown(t, b) && strcmp(first_reason(t, b), reason) == 0;
        if (!is_unknown(t, c) || told)
            continue;
        fputs(n++ ? "; " : "<p class=\"notes\">Not known here: ", out);
        html_key(t->column[c].key, out);
        for (size_t b = c + 1; b < t->n_columns; b++)
            if (is_unknown(t, b) && strcmp(first_reason(t, b), reason) == 0) {
                fputs(", ", out);
                html_key(t->column[b].key, out);
            }
        fputs(" (", out);
        escape_write(out, BORDER_HTML, reason);
        putc(')', out);
    }
    if (n)
        fputs(".</p>\n", out);
}

/* The heading, for a reader who sees no head above the cell. */
static void html_label(const struct table *t, const struct layout *layout,
                       size_t c, FILE *out)
{
    char heading[128];

    table_heading(heading, &t->column[c], layout[c]);
    fputs(" data-h=\"", out);
    escape_write(out, BORDER_HTML, heading);
    fputs(table_share_sign(&t->column[c]), out);
    if (table_column_word(t, c) && *table_column_word(t, c))
        fprintf(out, " (%s)", table_column_word(t, c));
    putc('"', out);
}

static void cell_text(char out[TABLE_NUMBER_SIZE], const struct table *t, size_t c,
                      struct layout layout, const struct cell *cell);

/* Say once what is the same in every row. */
static void html_constants(const struct table *t, const struct layout *layout,
                           FILE *out)
{
    char heading[128], number[TABLE_NUMBER_SIZE];
    size_t n = 0;

    for (size_t c = 1; c < t->n_columns; c++) {
        if (!is_constant(t, c))
            continue;
        table_heading(heading, &t->column[c], layout[c]);
        cell_text(number, t, c, layout[c], &t->cell[c]);
        fputs(n++ ? "; " : "<p class=\"notes\">In every row: ", out);
        escape_write(out, BORDER_HTML, heading);
        fprintf(out, "%s %s", table_share_sign(&t->column[c]), number);
    }
    if (n)
        fputs(".</p>\n", out);
}

static void html_head(const struct table *t, const struct layout *layout,
                      FILE *out)
{
    char heading[128];

    fputs("<thead><tr>", out);
    for (size_t c = 0; c < t->n_columns; c++) {
        if (!is_shown(t, c))
            continue;
        table_heading(heading, &t->column[c], layout[c]);
        fprintf(out, "<th scope=\"col\"%s><span>",
                t->column[c].style == COLUMN_TEXT ? " class=\"l\"" : "");
        escape_write(out, BORDER_HTML, heading);
        fputs(table_share_sign(&t->column[c]), out);
        table_tag(out, table_column_word(t, c));
        fputs("</span></th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
}

/* A ratio that should be 1 as what it is off: "+6.6 %", "x 12", "0". */
static void off_number(char out[TABLE_NUMBER_SIZE], double ratio)
{
    if (ratio == 1)
        snprintf(out, TABLE_NUMBER_SIZE, "0");
    else if (ratio < 2)
        snprintf(out, TABLE_NUMBER_SIZE, "%s%.1f %%", ratio < 1 ? "\u2212" : "+",
                 100 * fabs(ratio - 1));
    else
        snprintf(out, TABLE_NUMBER_SIZE, "\u00d7 %.*f", ratio < 10 ? 1 : 0, ratio);
}

static void cell_text(char out[TABLE_NUMBER_SIZE], const struct table *t, size_t c,
                      struct layout layout, const struct cell *cell)
{
    if (t->column[c].style == COLUMN_RATIO)
        off_number(out, cell->amount.value);
    else
        table_cell_number(out, cell->amount.value, &t->column[c], layout, cell);
}

static void html_known(const struct column *column, struct layout layout,
                       const struct cell *cell, bool tag, FILE *out)
{
    const struct amount a = cell->amount;
    const char *unit = cell->unit ? cell->unit : column->unit;
    char number[TABLE_NUMBER_SIZE];
    const char *mark = table_ratio_mark(column, a);

    fprintf(out, " class=\"n%s\" data-v=\"%.15g\" data-u=\"%s\" "
            "data-s=\"%s\"", strcmp(mark, ">10%") == 0 ? " far" : *mark ? " off" : "", a.value,
            *unit ? unit : "1", amount_word(a));
    if (isfinite(a.low) && isfinite(a.high))
        fprintf(out, " data-lo=\"%.15g\" data-hi=\"%.15g\"", a.low, a.high);
    if (column->style == COLUMN_RATIO)
        off_number(number, a.value);
    else
        table_cell_number(number, a.value, column, layout, cell);
    fprintf(out, ">%s%s%s", a.from == PROV_AT_LEAST ? "≥ " : "",
            *number == '<' ? "&lt;" : "",
            *number == '<' ? number + 1 : number);
    if (isfinite(a.low) && isfinite(a.high)) {
        if (column->style == COLUMN_RATIO)
            snprintf(number, sizeof number, "%.1f", 100 * half_width(a));
        else
            table_half_number(number, half_width(a), a.value, column, layout,
                              cell);
        fprintf(out, " <i>±%s</i>", *number == '<' ? number + 1
                : strncmp(number, "+", 1) == 0 ? number + 1
                : strncmp(number, "±", 2) == 0 ? number + 2 : number);
    }
    if (tag)
        table_tag(out, amount_word(a));
    fputs("</td>", out);
}

enum { LONG_TEXT = 60 };       /* longer texts may be broken into lines */

static bool names_model(const struct column *column)
{
    return strcmp(column->key, "model") == 0 ||
           strcmp(column->key, "setting") == 0;
}

static void html_cell(const struct table *t, const struct layout *layout,
                      size_t r, size_t c, struct notes *notes, FILE *out)
{
    const struct cell *cell = &t->cell[r * t->n_columns + c];

    if (table_is_empty(cell)) {
        fputs("<td></td>", out);
        return;
    }
    fputs("<td", out);
    html_label(t, layout, c, out);
    if (cell->text) {
        fputs(t->kind[r] == ROW_MOD && names_model(&t->column[c])
              ? " class=\"m\">" : strlen(cell->text) > LONG_TEXT
              ? " class=\"w\">" : ">", out);
        escape_write(out, BORDER_HTML, cell->text);
        fputs("</td>", out);
    } else if (!amount_known(cell->amount)) {
        fprintf(out, " class=\"n unk\">unknown<sup>%zu</sup></td>",
                table_note(notes, cell));
    } else {
        html_known(&t->column[c], layout[c], cell,
                   !table_column_word(t, c), out);
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
    struct notes notes = { .n = 0 };
    struct layout layout[TABLE_MAX_COLUMNS] = { 0 };
    bool shown[TABLE_MAX_COLUMNS] = { false };

    for (size_t c = 0; c < t->n_columns; c++) {
        layout[c] = table_layout(t, c);
        shown[c] = is_shown(t, c);
    }
    fprintf(out, "<div class=\"table\" role=\"region\" tabindex=\"0\" "
            "aria-label=\"Table %s\">\n<table><caption><span class=\"cap\">",
            t->name);
    escape_write(out, BORDER_HTML, t->caption);
    fputs("</span></caption>\n", out);
    html_head(t, layout, out);
    for (size_t r = 0; r < t->n_rows; r++) {
        fputs(t->kind[r] == ROW_TOTAL ? "<tr class=\"total\">" : "<tr>", out);
        html_row_head(t, r, out);
        for (size_t c = 1; c < t->n_columns; c++)
            if (shown[c])
                html_cell(t, layout, r, c, &notes, out);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    html_constants(t, layout, out);
    html_blanks(t, out);
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
