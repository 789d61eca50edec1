/* curve.c - a training curve, one row a line of curve.csv. */
#include "reports/curve.h"

#include <stdlib.h>
#include "reports/csv.h"

static const struct { const char *name; size_t offset; } columns[] = {
    { "step",         offsetof(struct curve_row, step) },
    { "tokens",       offsetof(struct curve_row, tokens) },
    { "flops",        offsetof(struct curve_row, flops) },
    { "train_loss",   offsetof(struct curve_row, train_loss) },
    { "heldout_loss", offsetof(struct curve_row, heldout_loss) },
};

enum status curve_read(struct curve *out, const struct run *run,
                       struct error *err)
{
    char path[FILE_PATH_SIZE];
    struct curve curve = { .n = 0 };
    struct csv csv;
    enum status status;

    *out = curve;
    if (!run_has(run, "curve.csv", path))
        return STATUS_OK;
    if ((status = csv_open(&csv, path, err)) != STATUS_OK)
        return status;
    curve.n = csv.n_rows;
    curve.row = calloc(curve.n + 1, sizeof *curve.row);
    if (!curve.row)
        status = error_set(err, STATUS_NO_MEMORY, "%s: no memory", path);
    for (size_t r = 0; r < curve.n; r++)
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
            if (status == STATUS_OK)
                status = csv_real(&csv, r, csv_column(&csv, columns[c].name),
                                  (double *)((char *)&curve.row[r] +
                                             columns[c].offset), err);
    csv_close(&csv);
    if (status != STATUS_OK) {
        curve_close(&curve);
        return status;
    }
    *out = curve;
    return STATUS_OK;
}

void curve_close(struct curve *curve)
{
    free(curve->row);
    *curve = (struct curve){ .n = 0 };
}
