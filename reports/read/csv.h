/* csv.h - Read a table from an RFC 4180 file; reject one that is malformed. */
#ifndef CSV_H
#define CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/error.h"
#include "sim/core/base/file.h"

enum { CSV_MAX_BYTES = 1 << 28, CSV_MAX_COLUMNS = 1024 };

struct csv {
    char   path[FILE_PATH_SIZE];
    char  *text;                 /* the file, cut into fields in place; a NUL
                                  * byte is now 0xFF, which is no UTF-8 */
    char **field;                /* [1 + n_rows][n_columns]; the header first */
    int   *line;                 /* [1 + n_rows] 1-based */
    size_t n_rows, n_columns;
};

/* STATUS_BAD_FORMAT as "path:line: what" for a row of another length than the
 * header, an open quote, text after a quote, an empty file or a repeated column
 * name.  Caller closes with csv_close(). */
enum status csv_open(struct csv *out, const char *path,
                     struct error *err) MUST_CHECK;
/* A file of the folder; one that is not there is a table without rows. */
enum status csv_open_in(struct csv *out, const char *folder, const char *name,
                        struct error *err) MUST_CHECK;
void        csv_close(struct csv *csv);

/* Index of a column; -1 when there is none of that name. */
int         csv_column(const struct csv *csv, const char *name);

/* Row 0 is the first after the header.  Column -1 reads as empty, so that an
 * absent column is one whose every value is unknown. */
const char *csv_text(const struct csv *csv, size_t row, int column);
/* NAN for an empty field, "-", and anything spelt nan or inf. */
enum status csv_real(const struct csv *csv, size_t row, int column,
                     double *out, struct error *err) MUST_CHECK;
/* Likewise, each of n columns. */
struct csv_number {
    const char *column;
    double *to;
};
enum status csv_reals(const struct csv *csv, size_t row,
                      const struct csv_number *numbers, size_t n,
                      struct error *err) MUST_CHECK;
/* *known is false for an empty field. */
enum status csv_count(const struct csv *csv, size_t row, int column,
                      uint64_t *out, bool *known,
                      struct error *err) MUST_CHECK;

#endif
