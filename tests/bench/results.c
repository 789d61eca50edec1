/* results.c - Print the same numbers for people and for tools. */
#include "tests/bench/results.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { CELL_SIZE = 64 };

struct results_line *results_add(struct results *results, const char *format,
                                 ...)
{
    if (results->n_lines < RESULTS_LINES)
        results->n_lines++;
    struct results_line *line = &results->line[results->n_lines - 1];
    va_list args;

    *line = (struct results_line){ 0 };
    for (int c = 0; c < RESULTS_COLUMNS; c++)
        line->target[c] = (double)NAN;
    va_start(args, format);
    vsnprintf(line->subject, sizeof line->subject, format, args);
    va_end(args);
    return line;
}

void results_note(struct results *results, const char *format, ...)
{
    size_t used = strlen(results->note);
    va_list args;

    va_start(args, format);
    vsnprintf(results->note + used, sizeof results->note - used, format, args);
    va_end(args);
}

static int n_columns(const struct results *results)
{
    int n = 0;
    while (results->column[n].name)
        n++;
    return n;
}

static bool met(const struct results_column *column, double median,
                double target)
{
    return column->wish == WISH_AT_LEAST ? median >= target : median <= target;
}

/* "52.1 [49.8..53.0] >= 50 pass", or "-" for what is not known. */
static void cell_text(char out[CELL_SIZE], const struct results_column *column,
                      const struct samples *cell, double target)
{
    double f = column->shown_factor;
    int d = column->decimals, at;

    if (cell->n == 0) {
        snprintf(out, CELL_SIZE, "-");
        return;
    }
    at = snprintf(out, CELL_SIZE, "%.*f", d, f * cell->median);
    if (column->extremes)
        at += snprintf(out + at, (size_t)(CELL_SIZE - at), " [%.*f..%.*f]", d,
                       f * cell->low, d, f * cell->high);
    if (!isnan(target))
        snprintf(out + at, (size_t)(CELL_SIZE - at), " %s %g %s",
                 column->wish == WISH_AT_LEAST ? ">=" : "<=", f * target,
                 met(column, cell->median, target) ? "pass" : "MISS");
}

static void head_text(char out[CELL_SIZE], const struct results_column *column)
{
    const char *unit = column->shown_unit;
    snprintf(out, CELL_SIZE, "%s%s%s", column->name, *unit ? ", " : "", unit);
}

/* The rounds of the cell that has the most: a figure that needs no rounds has
 * one. */
static int rounds_of(const struct results_line *line, int columns)
{
    int n = 0;
    for (int c = 0; c < columns; c++)
        if (line->cell[c].n > n)
            n = line->cell[c].n;
    return n;
}

void results_print(const struct results *results, FILE *file)
{
    int columns = n_columns(results), width[RESULTS_COLUMNS], subject = 0;
    char text[CELL_SIZE];

    for (int c = 0; c < columns; c++) {
        head_text(text, &results->column[c]);
        width[c] = (int)strlen(text);
    }
    for (int i = 0; i < results->n_lines; i++) {
        const struct results_line *line = &results->line[i];
        int length = (int)strlen(line->subject);
        subject = length > subject ? length : subject;
        for (int c = 0; c < columns; c++) {
            cell_text(text, &results->column[c], &line->cell[c],
                      line->target[c]);
            length = (int)strlen(text);
            width[c] = length > width[c] ? length : width[c];
        }
    }
    fprintf(file, "\n%s: %s\n  %-*s", results->section, results->title, subject,
            "");
    for (int c = 0; c < columns; c++) {
        head_text(text, &results->column[c]);
        fprintf(file, "  %*s", width[c], text);
    }
    fputs("    n  disturbed\n", file);
    bool busy = false;
    for (int i = 0; i < results->n_lines; i++) {
        const struct results_line *line = &results->line[i];
        fprintf(file, "  %-*s", subject, line->subject);
        for (int c = 0; c < columns; c++) {
            cell_text(text, &results->column[c], &line->cell[c],
                      line->target[c]);
            fprintf(file, "  %*s", width[c], text);
        }
        int n = rounds_of(line, columns);
        fprintf(file, "  %3d  %9d\n", n, line->disturbed);
        busy |= n == 0 && line->disturbed > 0;
    }
    if (busy)
        fputs("  -: other processes were busy in every round; try again later,"
              " or --noisy\n", file);
    if (*results->note)
        fprintf(file, "  %s\n", results->note);
    fflush(file);
}

void results_csv_header(FILE *file)
{
    fputs("section,subject,quantity,unit,n,disturbed,median,low,high,target,met"
          "\r\n", file);
}

/* Subjects hold commas, never quotes. */
void results_csv(const struct results *results, FILE *file)
{
    for (int i = 0; i < results->n_lines; i++) {
        const struct results_line *line = &results->line[i];
        for (int c = 0; results->column[c].name; c++) {
            const struct results_column *column = &results->column[c];
            const struct samples *s = &line->cell[c];
            fprintf(file, "%s,\"%s\",%s,%s,%d,%d,", results->section,
                    line->subject, column->name, column->unit, s->n,
                    line->disturbed);
            if (s->n > 0)
                fprintf(file, "%.9g,%.9g,%.9g,", s->median, s->low, s->high);
            else
                fputs(",,,", file);
            if (isnan(line->target[c]))
                fputs(",\r\n", file);
            else
                fprintf(file, "%.9g,%s\r\n", line->target[c],
                        s->n == 0 ? ""
                        : met(column, s->median, line->target[c]) ? "true"
                                                                  : "false");
        }
    }
}

static json_t *cell_json(const struct results_column *column,
                         const struct samples *s, double target)
{
    json_t *cell = json_pack("{s:s, s:i}", "unit", column->unit, "n", s->n);
    bool known = s->n > 0, wanted = !isnan(target);

    json_object_set_new(cell, "median",
                        known ? json_real(s->median) : json_null());
    json_object_set_new(cell, "low", known ? json_real(s->low) : json_null());
    json_object_set_new(cell, "high", known ? json_real(s->high) : json_null());
    if (wanted)
        json_object_set_new(cell, "target", json_real(target));
    if (wanted)
        json_object_set_new(cell, "met",
                            known ? json_boolean(met(column, s->median, target))
                                  : json_null());
    return cell;
}

json_t *results_json(const struct results *results)
{
    json_t *lines = json_array();

    for (int i = 0; i < results->n_lines; i++) {
        const struct results_line *line = &results->line[i];
        json_t *one = json_pack("{s:s, s:i}", "subject", line->subject,
                                "disturbed", line->disturbed);
        for (int c = 0; results->column[c].name; c++)
            json_object_set_new(one, results->column[c].name,
                                cell_json(&results->column[c], &line->cell[c],
                                          line->target[c]));
        json_array_append_new(lines, one);
    }
    return json_pack("{s:s, s:s, s:o, s:s}", "section", results->section,
                     "title", results->title, "lines", lines, "note",
                     results->note);
}
