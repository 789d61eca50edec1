/* curve.c - Read a training curve, one row for each line of curve.csv. */
#include "reports/read/curve.h"

#include <stdlib.h>
#include "reports/read/csv.h"

static enum status read_row(struct curve_row *out, const struct csv *csv,
                            size_t r, struct error *err)
{
    const struct csv_number numbers[] = {
        { "flops",        &out->flops },
        { "train_loss",   &out->train_loss },
        { "heldout_loss", &out->heldout_loss },
    };

    return csv_reals(csv, r, numbers, sizeof numbers / sizeof *numbers, err);
}

enum status curve_read(struct curve *out, const struct run *run,
                       struct error *err)
{
    struct csv csv;
    enum status status = csv_open_in(&csv, run->path, "curve.csv", err);

    *out = (struct curve){ .n = 0 };
    if (status != STATUS_OK)
        return status;
    out->row = calloc(csv.n_rows + 1, sizeof *out->row);
    if (!out->row)
        status = error_set(err, STATUS_NO_MEMORY, "%s: no memory", csv.path);
    for (; status == STATUS_OK && out->n < csv.n_rows; out->n++)
        status = read_row(&out->row[out->n], &csv, out->n, err);
    csv_close(&csv);
    if (status != STATUS_OK)
        curve_close(out);
    return status;
}

void curve_close(struct curve *curve)
{
    free(curve->row);
    *curve = (struct curve){ .n = 0 };
}
