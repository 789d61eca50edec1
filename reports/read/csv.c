/* csv.c - Read a table from an RFC 4180 file; reject one that is malformed. */
#include "reports/read/csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reader {
    struct csv *csv;
    char  *at, *end;
    int    line;
    size_t n, size;              /* fields stored, and room for */
    size_t rows, rows_size;
};

static enum status bad(const struct csv *csv, int line, struct error *err,
                       const char *what)
{
    return error_set(err, STATUS_BAD_FORMAT, "%s:%d: %s", csv->path, line,
                     what);
}

static enum status keep_field(struct reader *r, char *field, struct error *err)
{
    if (r->n == r->size) {
        size_t size = r->size ? 2 * r->size : 256;
        char **grown = realloc(r->csv->field, size * sizeof *grown);
        if (!grown)
            return error_set(err, STATUS_NO_MEMORY, "%s: no memory for %zu "
                             "fields", r->csv->path, size);
        r->csv->field = grown;
        r->size = size;
    }
    r->csv->field[r->n++] = field;
    return STATUS_OK;
}

static enum status keep_line(struct reader *r, struct error *err)
{
    if (r->rows == r->rows_size) {
        size_t size = r->rows_size ? 2 * r->rows_size : 64;
        int *grown = realloc(r->csv->line, size * sizeof *grown);
        if (!grown)
            return error_set(err, STATUS_NO_MEMORY, "%s: no memory for %zu "
                             "rows", r->csv->path, size);
        r->csv->line = grown;
        r->rows_size = size;
    }
    r->csv->line[r->rows++] = r->line;
    return STATUS_OK;
}

/* Unquote in place: text only shrinks. */
static enum status quoted_field(struct reader *r, struct error *err)
{
    char *to = ++r->at, *field = to;
    int opened = r->line;

    for (;;) {
        if (r->at == r->end)
            return bad(r->csv, opened, err, "a quote is never closed");
        if (*r->at == '"' && r->at + 1 < r->end && r->at[1] == '"')
            r->at++;
        else if (*r->at == '"')
            break;
        if (*r->at == '\n')
            r->line++;
        *to++ = *r->at++;
    }
    r->at++;
    if (r->at < r->end && *r->at != ',' && *r->at != '\r' && *r->at != '\n')
        return bad(r->csv, r->line, err, "text follows a closing quote");
    *to = 0;
    return keep_field(r, field, err);
}

static enum status plain_field(struct reader *r, struct error *err)
{
    char *field = r->at;

    while (r->at < r->end && *r->at != ',' && *r->at != '\r' && *r->at != '\n')
        if (*r->at++ == '"')
            return bad(r->csv, r->line, err,
                       "a quote inside a field that is not quoted");
    return keep_field(r, field, err);
}

/* Past the separator, which becomes the field's end; *last at the row's end. */
static void end_field(struct reader *r, bool *last)
{
    *last = r->at == r->end || *r->at != ',';
    if (r->at == r->end)
        return;
    if (*r->at == '\r' && r->at + 1 < r->end && r->at[1] == '\n')
        *r->at++ = 0;
    if (*last)
        r->line++;
    *r->at++ = 0;
}

static enum status read_row(struct reader *r, struct error *err)
{
    size_t before = r->n;
    int line = r->line;
    enum status status = keep_line(r, err);
    bool last = false;

    while (status == STATUS_OK && !last) {
        status = r->at < r->end && *r->at == '"' ? quoted_field(r, err)
                                                 : plain_field(r, err);
        if (status == STATUS_OK)
            end_field(r, &last);
    }
    if (status != STATUS_OK)
        return status;
    if (r->rows == 1)
        r->csv->n_columns = r->n;
    if (r->n > CSV_MAX_COLUMNS && r->rows == 1)
        return bad(r->csv, line, err, "more than 1024 columns");
    if (r->n - before != r->csv->n_columns)
        return error_set(err, STATUS_BAD_FORMAT, "%s:%d: %zu fields, the "
                         "header has %zu", r->csv->path, line, r->n - before,
                         r->csv->n_columns);
    return STATUS_OK;
}

static enum status check_header(const struct csv *csv, struct error *err)
{
    for (size_t i = 0; i < csv->n_columns; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(csv->field[i], csv->field[j]) == 0)
                return error_set(err, STATUS_BAD_FORMAT, "%s:1: column '%.64s' "
                                 "stands twice", csv->path, csv->field[i]);
    return STATUS_OK;
}

enum status csv_open(struct csv *out, const char *path, struct error *err)
{
    struct csv csv = { .text = NULL };
    struct reader r = { .csv = &csv, .line = 1 };
    size_t size = 0;
    enum status status = file_read(&csv.text, &size, path, CSV_MAX_BYTES, err);

    if (status != STATUS_OK)
        return status;
    snprintf(csv.path, sizeof csv.path, "%s", path);
    for (size_t i = 0; i < size; i++)
        if (!csv.text[i])
            csv.text[i] = (char)0xFF;
    r.at = csv.text;
    r.end = csv.text + size;
    if (size == 0)
        status = bad(&csv, 1, err, "empty, a header line is missing");
    while (status == STATUS_OK && r.at < r.end)
        status = read_row(&r, err);
    if (status == STATUS_OK)
        status = check_header(&csv, err);
    if (status != STATUS_OK) {
        csv_close(&csv);
        return status;
    }
    csv.n_rows = r.rows - 1;
    *out = csv;
    return STATUS_OK;
}

enum status csv_open_in(struct csv *out, const char *folder, const char *name,
                        struct error *err)
{
    char path[FILE_PATH_SIZE];
    enum status status = file_join(path, folder, name, err);

    *out = (struct csv){ .n_rows = 0 };
    return status == STATUS_OK && file_exists(path) ? csv_open(out, path, err)
                                                    : status;
}

void csv_close(struct csv *csv)
{
    if (!csv)
        return;
    free(csv->text);
    free(csv->field);
    free(csv->line);
    *csv = (struct csv){ .text = NULL };
}

int csv_column(const struct csv *csv, const char *name)
{
    for (size_t i = 0; i < csv->n_columns; i++)
        if (strcmp(csv->field[i], name) == 0)
            return (int)i;
    return -1;
}

const char *csv_text(const struct csv *csv, size_t row, int column)
{
    if (column < 0)
        return "";
    return csv->field[(row + 1) * csv->n_columns + (size_t)column];
}

static enum status not_a_number(const struct csv *csv, size_t row, int column,
                                const char *allowed, struct error *err)
{
    return error_set(err, STATUS_BAD_FORMAT, "%s:%d: %s is '%.40s', allowed is "
                     "%s or nothing", csv->path, csv->line[row + 1],
                     csv->field[column], csv_text(csv, row, column), allowed);
}

enum status csv_real(const struct csv *csv, size_t row, int column,
                     double *out, struct error *err)
{
    const char *text = csv_text(csv, row, column);
    char *end = NULL;
    double value;

    *out = nan("");
    if (!*text || strcmp(text, "-") == 0)
        return STATUS_OK;
    value = strtod(text, &end);
    if (end == text || *end)
        return not_a_number(csv, row, column, "a number", err);
    if (isfinite(value))
        *out = value;
    return STATUS_OK;
}

enum status csv_reals(const struct csv *csv, size_t row,
                      const struct csv_number *numbers, size_t n,
                      struct error *err)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        status = csv_real(csv, row, csv_column(csv, numbers[i].column),
                          numbers[i].to, err);
    return status;
}

enum status csv_count(const struct csv *csv, size_t row, int column,
                      uint64_t *out, bool *known, struct error *err)
{
    const char *text = csv_text(csv, row, column);
    char *end = NULL;

    *out = 0;
    *known = false;
    if (!*text || strcmp(text, "-") == 0 || strcasecmp(text, "nan") == 0)
        return STATUS_OK;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno == ERANGE)
        return not_a_number(csv, row, column, "a whole number below 2^64", err);
    *known = true;
    return STATUS_OK;
}
