/* table.c - Build a table and format its numbers. */
#include "sim/core/answer/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/answer/table_format.h"

void table_open(struct table *out, const char *name,
                const struct column *columns, size_t n_columns)
{
    *out = (struct table){ .column = columns, .n_columns = n_columns,
                           .digits = 15 };
    snprintf(out->name, sizeof out->name, "%s", name);
}

void table_close(struct table *table)
{
    for (size_t i = 0; i < table->n_rows * table->n_columns; i++)
        free(table->cell[i].text);
    free(table->cell);
    free(table->kind);
    *table = (struct table){ .status = STATUS_OK };
}

void table_caption(struct table *table, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(table->caption, sizeof table->caption, format, args);
    va_end(args);
}

static bool grow(struct table *t)
{
    size_t size = t->size ? 2 * t->size : 16;
    struct cell *cell = realloc(t->cell, size * t->n_columns * sizeof *cell);
    enum row_kind *kind;

    if (cell)
        t->cell = cell;
    kind = cell ? realloc(t->kind, size * sizeof *kind) : NULL;
    if (!error_noted(kind)) {
        t->status = STATUS_NO_MEMORY;
        return false;
    }
    t->kind = kind;
    t->size = size;
    return true;
}

void table_row(struct table *t, enum row_kind kind)
{
    if (t->status != STATUS_OK || (t->n_rows == t->size && !grow(t)))
        return;
    memset(&t->cell[t->n_rows * t->n_columns], 0,
           t->n_columns * sizeof *t->cell);
    t->kind[t->n_rows] = kind;
    t->n_cells = t->n_rows * t->n_columns;
    t->n_rows++;
}

static struct cell *next_cell(struct table *t)
{
    if (t->status != STATUS_OK || t->n_cells >= t->n_rows * t->n_columns)
        return NULL;
    return &t->cell[t->n_cells++];
}

void table_text(struct table *t, const char *text)
{
    struct cell *cell = next_cell(t);

    if (cell && !(cell->text = error_noted(strdup(text ? text : ""))))
        t->status = STATUS_NO_MEMORY;
}

void table_textf(struct table *t, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    table_text(t, text);
}

void table_amount(struct table *t, struct amount amount)
{
    struct cell *cell = next_cell(t);

    if (cell)
        cell->amount = amount;
}

void table_count(struct table *t, uint64_t count, enum provenance from)
{
    struct cell *cell = next_cell(t);

    if (cell) {
        cell->amount = amount_of((double)count, from);
        cell->exact = true;
        cell->count = count;
    }
}

void table_cost(struct table *t, const struct cost *cost, enum metric metric)
{
    enum provenance from = (enum provenance)cost->from[metric];

    if (cost_known(cost, metric) && (int)metric < (int)METRIC_FIRST_REAL)
        table_count(t, cost->count[metric], from);
    else
        table_amount(t, amount_of(cost_get(cost, metric), from));
}

void table_quantity(struct table *t, struct amount amount, const char *unit)
{
    struct cell *cell = next_cell(t);

    if (cell) {
        cell->amount = amount;
        cell->unit = unit;
    }
}

void table_skip(struct table *t)
{
    next_cell(t);
}

struct prefix prefix_for(double largest)
{
    static const struct prefix all[] = {
        { "E", 1e18 }, { "P", 1e15 }, { "T", 1e12 }, { "G", 1e9 },
        { "M", 1e6 }, { "k", 1e3 }, { "", 1 }, { "m", 1e-3 },
        { "µ", 1e-6 }, { "n", 1e-9 }, { "p", 1e-12 },
    };
    const size_t n = sizeof all / sizeof *all;

    if (!(largest > 0))
        return (struct prefix){ "", 1 };
    for (size_t i = 0; i < n; i++)
        if (largest >= all[i].factor * 0.9995)
            return all[i];
    return all[n - 1];
}

/* The decimals that make three digits in all. */
static int si_decimals(double scaled)
{
    return scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
}

void table_si(char out[TABLE_NUMBER_SIZE], double value, const char *unit)
{
    struct prefix prefix = prefix_for(fabs(value));
    double scaled = value / prefix.factor;

    if (!isfinite(value))
        snprintf(out, TABLE_NUMBER_SIZE, "unknown");
    else
        snprintf(out, TABLE_NUMBER_SIZE, "%.*f %s%s",
                 si_decimals(fabs(scaled)), scaled, prefix.letter, unit);
}

/* Print a number with a true minus sign, as in the figures. */
static void print(char out[TABLE_NUMBER_SIZE], int decimals, double value,
                  bool sign)
{
    double shown = value;
    const char *mark = signbit(value) ? "−" : sign ? "+" : "";
    double least = pow(10, -decimals);

    if (fabs(value) < least / 2)
        mark = sign ? "±" : "";
    if (value != 0 && fabs(value) < least / 2 && !sign) {
        snprintf(out, TABLE_NUMBER_SIZE, "<%.*f", decimals, least);
        return;
    }
    snprintf(out, TABLE_NUMBER_SIZE, "%s%.*f", mark, decimals, fabs(shown));
}

void table_number(char out[TABLE_NUMBER_SIZE], double value,
                  enum column_style style)
{
    static const struct { double scale; int decimals; bool sign; } rule[] = {
        [COLUMN_TEXT]   = { 1, 3, false },   [COLUMN_SI]     = { 1, 3, false },
        [COLUMN_SHARE]  = { 100, 1, false }, [COLUMN_RATIO]  = { 1, 3, false },
        [COLUMN_FACTOR] = { 1, 3, false },   [COLUMN_WHOLE]  = { 1, 0, false },
        [COLUMN_LOSS]   = { 1, 4, false },   [COLUMN_SIGNED] = { 1, 4, true },
        [COLUMN_YES]    = { 1, 0, false },
        [COLUMN_QUANTITY] = { 1, 3, false },
    };

    if (!isfinite(value))
        snprintf(out, TABLE_NUMBER_SIZE, "unknown");
    else if (style == COLUMN_YES)
        snprintf(out, TABLE_NUMBER_SIZE, "%s", value != 0 ? "yes" : "no");
    else
        print(out, rule[style].decimals, value * rule[style].scale,
              rule[style].sign);
}

bool table_same_over(const struct table *t, size_t a, size_t b)
{
    return t->over && t->over[a] && t->over[b] &&
           strcmp(t->over[a], t->over[b]) == 0;
}

static double largest_of(const struct table *t, size_t column)
{
    double largest = 0;

    for (size_t r = 0; r < t->n_rows; r++) {
        const struct cell *cell = &t->cell[r * t->n_columns + column];
        if (!cell->text && amount_known(cell->amount))
            largest = fmax(largest, fabs(cell->amount.value));
    }
    return largest;
}

struct layout table_layout(const struct table *t, size_t column)
{
    struct layout layout = { .prefix = { "", 1 } };
    double largest = 0, scaled;

    if (t->column[column].style != COLUMN_SI)
        return layout;
    for (size_t c = 0; c < t->n_columns; c++)
        if (c == column || table_same_over(t, c, column))
            largest = fmax(largest, largest_of(t, c));
    layout.prefix = prefix_for(largest);
    scaled = largest / layout.prefix.factor;
    layout.decimals = scaled >= 100 ? 1 : scaled >= 10 ? 2 : 3;
    return layout;
}

void table_heading(char out[128], const struct column *column,
                   struct layout layout)
{
    const char *unit = column->unit;

    if (strcmp(unit, "flop") == 0)
        unit = "FLOP";
    const char *comma = *column->heading && (*unit || *layout.prefix.letter)
                            ? ", " : "";

    snprintf(out, 128, "%s%s%s%s", column->heading, comma,
             layout.prefix.letter, unit);
}

void table_cell_number(char out[TABLE_NUMBER_SIZE], double value,
                       const struct column *column, struct layout layout,
                       const struct cell *cell)
{
    if (column->style == COLUMN_QUANTITY && strstr(cell->unit, " per "))
        table_number(out, value, COLUMN_LOSS);
    else if (column->style == COLUMN_QUANTITY)
        table_si(out, value, strcmp(cell->unit, "flop") == 0 ? "FLOP"
                                                              : cell->unit);
    else if (column->style == COLUMN_SI && isfinite(value))
        print(out, layout.decimals, value / layout.prefix.factor, false);
    else
        table_number(out, value, column->style);
}

void table_half_number(char out[TABLE_NUMBER_SIZE], double half, double value,
                       const struct column *column, struct layout layout,
                       const struct cell *cell)
{
    struct prefix prefix = prefix_for(fabs(value));

    if (column->style == COLUMN_QUANTITY && !strstr(cell->unit, " per ") &&
        isfinite(half))
        print(out, si_decimals(fabs(value) / prefix.factor),
              half / prefix.factor, false);
    else
        table_cell_number(out, half, column, layout, cell);
}

const char *table_ratio_mark(const struct column *column, struct amount amount)
{
    double off = fabs(amount.value - 1);

    if (column->style != COLUMN_RATIO || !amount_known(amount) || off <= 0.02)
        return "";
    return off <= 0.1 ? ">2%" : ">10%";
}

bool table_is_empty(const struct cell *cell)
{
    return !cell->text && cell->amount.from == PROV_UNKNOWN &&
           cell->amount.value == 0;
}

bool table_has_interval(const struct table *t, size_t column)
{
    for (size_t r = 0; r < t->n_rows; r++)
        if (!t->cell[r * t->n_columns + column].text &&
            isfinite(t->cell[r * t->n_columns + column].amount.low) &&
            !table_is_empty(&t->cell[r * t->n_columns + column]))
            return true;
    return false;
}

size_t table_note(struct notes *notes, const struct cell *cell)
{
    const char *why = cell->amount.reason ? cell->amount.reason
                                          : "no reason was recorded";

    for (size_t i = 0; i < notes->n; i++)
        if (strcmp(notes->reason[i], why) == 0)
            return i + 1;
    if (notes->n == TABLE_MAX_NOTES)
        return 0;
    notes->reason[notes->n++] = why;
    return notes->n;
}

const char *table_column_word(const struct table *t, size_t c)
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

const char *table_share_sign(const struct column *column)
{
    return column->style == COLUMN_SHARE ? ", %" : "";
}
