/* token_cost.c - Read tokens.csv of a profile. */
#include "reports/read/token_cost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/csv.h"

static enum status read_step(struct token_cost *cost, const struct csv *csv,
                             size_t r, struct error *err)
{
    struct token_step *out = &cost->step[r];
    const char *model = csv_text(csv, r, csv_column(csv, "model"));
    double tokens = nan("");
    const struct csv_number numbers[] = {
        { "kept", &out->kept }, { "tokens", &tokens },
        { "seconds", &out->seconds },
    };
    enum status status = csv_reals(csv, r, numbers,
                                   sizeof numbers / sizeof *numbers, err);

    const char *source = csv_text(csv, r, csv_column(csv, "seconds_source"));
    cost->busy |= strcmp(source, provenance_names[PROV_BUSY]) == 0;
    out->arm = strcmp(model, arm_names[ARM_MOD]) == 0 ? ARM_MOD : ARM_DENSE;
    if (status == STATUS_OK && !(isfinite(out->kept) && tokens >= 1))
        return error_set(err, STATUS_BAD_FORMAT, "%s:%d: no number of tokens,"
                         " or of routed layers that kept them", csv->path,
                         csv->line[r + 1]);
    out->kept /= tokens;
    cost->batch = fmax(cost->batch, tokens);
    cost->n = r + 1;
    return status;
}

enum status token_cost_read(struct token_cost *out, const struct run *run,
                            struct error *err)
{
    struct csv csv;
    enum status status = csv_open_in(&csv, run->path, "tokens.csv", err);

    *out = (struct token_cost){ .n = 0 };
    if (status != STATUS_OK)
        return status;
    out->step = calloc(csv.n_rows + 1, sizeof *out->step);
    if (!out->step)
        status = error_set(err, STATUS_NO_MEMORY, "no memory for tokens of %s",
                           csv.path);
    for (size_t c = 0; c < csv.n_columns; c++) {
        const bool kept = strncmp(csv.field[c], "kept_", 5) == 0;
        out->most += kept;
        out->apart |= kept && strchr(csv.field[c] + 5, '_') != NULL;
    }
    for (size_t r = 0; status == STATUS_OK && r < csv.n_rows; r++)
        status = read_step(out, &csv, r, err);
    csv_close(&csv);
    if (status != STATUS_OK)
        token_cost_close(out);
    return status;
}

const char *token_cost_layers(const struct token_cost *cost)
{
    return cost->apart ? "parts" : "layers";
}

void token_cost_close(struct token_cost *cost)
{
    free(cost->step);
    *cost = (struct token_cost){ .n = 0 };
}
