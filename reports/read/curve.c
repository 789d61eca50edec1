/* curve.c - Read a training curve, one row for each line of curve.csv. */
#include "reports/read/curve.h"

#include <stdlib.h>
#include "reports/read/csv.h"

static enum status read_row(struct curve_row *out, const struct csv *csv,
                            size_t r, struct error *err)
{
    const struct { const char *name; double *to; } columns[] = {
        { "step",         &out->step },
        { "tokens",       &out->tokens },
        { "flops",        &out->flops },
        { "train_loss",   &out->train_loss },
        { "heldout_loss", &out->heldout_loss },
    };
    enum status status = STATUS_OK;

    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
        if (status == STATUS_OK)
            status = csv_real(csv, r, csv_column(csv, columns[c].name),
                              columns[c].to, err);
    return status;
}

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
    for (size_t r = 0; status == STATUS_OK && r < curve.n; r++)
        status = read_row(&curve.row[r], &csv, r, err);
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
