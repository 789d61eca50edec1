/* table_text.c - Write a table as aligned text. */
#include "sim/core/answer/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/answer/escape.h"
#include "sim/core/answer/table_format.h"
#include "sim/core/base/file.h"

enum { GAP = 2 };              /* blanks between columns */

/* The cells as shown, a NUL behind each: the headings, then row after row.
 * They are walked twice, for their widths and to be printed. */
struct sheet {
    const struct table *table;
    struct layout layout[TABLE_MAX_COLUMNS];
    int    width[TABLE_MAX_COLUMNS];
    char  *cells;
    size_t size;
};

char *table_ascii(char *text)
{
    static const struct { const char *sign; char ascii; } signs[] = {
        { "−", '-' }, { "±", '+' }, { "µ", 'u' },
    };

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t size = strlen(signs[i].sign);
        for (char *at; (at = strstr(text, signs[i].sign));) {
            *at = signs[i].ascii;
            memmove(at + 1, at + size, strlen(at + size) + 1);
        }
    }
    return text;
}

static struct layout layout_of(const struct table *t, size_t c)
{
    struct layout layout = table_layout(t, c);

    if (t->decimals > 0)
        layout.decimals = t->decimals;
    return layout;
}

static void show_heading(const struct sheet *s, size_t c, FILE *out)
{
    const struct column *column = &s->table->column[c];
    char heading[128];

    table_heading(heading, column, s->layout[c]);
    if (table_same_over(s->table, c, c))
        snprintf(heading, sizeof heading, "%s", column->heading);
    fputs(table_ascii(heading), out);
    fputs(table_share_sign(column), out);
}

static void show_unknown(const struct cell *cell, struct notes *notes,
                         FILE *out)
{
    size_t note = cell->amount.reason ? table_note(notes, cell) : 0;

    putc('-', out);
    if (note > 0)
        fprintf(out, " [%zu]", note);
}

/* The 95 % interval of a difference or a share. */
static void show_interval(const struct sheet *s, const struct cell *cell,
                          size_t c, FILE *out)
{
    const struct column *column = &s->table->column[c];
    const double end[] = { cell->amount.low, cell->amount.high };
    char number[TABLE_NUMBER_SIZE];

    if ((column->style != COLUMN_SIGNED && column->style != COLUMN_SHARE) ||
        !isfinite(end[0]) || !isfinite(end[1]))
        return;
    for (int i = 0; i < 2; i++) {
        table_cell_number(number, end[i], column, s->layout[c], cell);
        fprintf(out, "%s%s", i ? ", " : " [", table_ascii(number));
    }
    putc(']', out);
}

static void show_cell(const struct sheet *s, size_t r, size_t c,
                      struct notes *notes, FILE *out)
{
    const struct table *t = s->table;
    const struct cell *cell = &t->cell[r * t->n_columns + c];
    const char *mark = table_ratio_mark(&t->column[c], cell->amount);
    char number[TABLE_NUMBER_SIZE];

    if (cell->text) {
        escape_write(out, BORDER_TERMINAL, cell->text);
    } else if (table_is_empty(cell)) {
        return;
    } else if (!amount_known(cell->amount)) {
        show_unknown(cell, notes, out);
    } else {
        table_cell_number(number, cell->amount.value, &t->column[c],
                          s->layout[c], cell);
        fprintf(out, "%s%s%s%s", mark, *mark ? " " : "",
                cell->amount.from == PROV_AT_LEAST ? ">="
                : cell->amount.from == PROV_BUSY ? "busy " : "",
                table_ascii(number));
        show_interval(s, cell, c, out);
    }
}

static bool show(struct sheet *s, struct notes *notes)
{
    const struct table *t = s->table;
    FILE *out = file_open_text(&s->cells, &s->size);

    if (!out)
        return false;
    for (size_t c = 0; c < t->n_columns; c++) {
        s->layout[c] = layout_of(t, c);
        show_heading(s, c, out);
        putc('\0', out);
    }
    for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
        show_cell(s, i / t->n_columns, i % t->n_columns, notes, out);
        putc('\0', out);
    }
    return file_close_text(out, &s->cells);
}

static void measure(struct sheet *s)
{
    const char *cell = s->cells;

    for (size_t i = 0; cell < s->cells + s->size; i++) {
        int *width = &s->width[i % s->table->n_columns];
        int w = escape_width(cell);
        *width = w > *width ? w : *width;
        cell += strlen(cell) + 1;
    }
}

/* Print text behind `*blanks`, which are held back until text follows, so that
 * no line ends in a blank. */
static void put(const char *text, int *blanks, FILE *out)
{
    if (!*text)
        return;
    fprintf(out, "%*s%s", *blanks > 0 ? *blanks : 0, "", text);
    *blanks = 0;
}

/* Print text to the left, numbers to the right.  Returns the next row's first
 * cell. */
static const char *print_row(const struct sheet *s, const char *cell, FILE *out)
{
    int blanks = 0;

    for (size_t c = 0; c < s->table->n_columns; c++) {
        int rest = s->width[c] - escape_width(cell);
        bool left = s->table->column[c].style == COLUMN_TEXT;
        blanks += (c ? GAP : 0) + (left ? 0 : rest);
        put(cell, &blanks, out);
        blanks += left ? rest : 0;
        cell += strlen(cell) + 1;
    }
    putc('\n', out);
    return cell;
}

/* The width of the columns from `c` up to `end` together. */
static int span_width(const struct sheet *s, size_t c, size_t end)
{
    int width = (int)(end - c - 1) * GAP;

    for (; c < end; c++)
        width += s->width[c];
    return width;
}

static void print_rule(const struct sheet *s, FILE *out)
{
    for (int i = span_width(s, 0, s->table->n_columns); i > 0; i--)
        putc('-', out);
    putc('\n', out);
}

/* Print "time, ms" at the right end of the columns that it stands over; a wider
 * heading moves the columns behind it. */
static void print_over(const struct sheet *s, FILE *out)
{
    const struct table *t = s->table;
    int blanks = 0;

    for (size_t c = 0, end; c < t->n_columns; c = end) {
        const struct column over = { .heading = t->over[c],
                                     .unit = t->column[c].unit };
        char heading[128] = "";
        for (end = c + 1; end < t->n_columns && table_same_over(t, c, end);)
            end++;
        if (t->over[c])
            table_heading(heading, &over, s->layout[c]);
        blanks += (c ? GAP : 0) + span_width(s, c, end) -
                  escape_width(table_ascii(heading));
        put(heading, &blanks, out);
    }
    putc('\n', out);
}

static void print(const struct sheet *s, const struct notes *notes, FILE *out)
{
    const struct table *t = s->table;
    const char *cell = s->cells;
    bool totals = false;

    if (*t->caption) {
        escape_write(out, BORDER_TERMINAL, t->caption);
        putc('\n', out);
    }
    if (t->over)
        print_over(s, out);
    cell = print_row(s, cell, out);
    print_rule(s, out);
    for (size_t r = 0; r < t->n_rows; r++) {
        if (t->kind[r] == ROW_TOTAL && !totals && r > 0)
            print_rule(s, out);
        totals |= t->kind[r] == ROW_TOTAL;
        cell = print_row(s, cell, out);
    }
    for (size_t i = 0; i < notes->n; i++) {
        fprintf(out, "[%zu] ", i + 1);
        escape_write(out, BORDER_TERMINAL, notes->reason[i]);
        putc('\n', out);
    }
}

enum status table_aligned(const struct table *t, FILE *out, struct error *err)
{
    struct sheet s = { .table = t };
    struct notes notes = { .n = 0 };
    bool shown = show(&s, &notes);

    if (shown) {
        measure(&s);
        print(&s, &notes, out);
    }
    free(s.cells);
    return shown ? STATUS_OK
                 : error_set(err, STATUS_NO_MEMORY, "no memory to print table"
                             " '%s'", t->name);
}
