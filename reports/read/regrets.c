/* regrets.c - Read the regret of each token. */
#include "reports/read/regrets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Positions rise from row to row of tokens.csv; -1: none has that one. */
static long find(const double *position, size_t n, double wanted)
{
    size_t low = 0, high = n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (position[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && position[low] <= wanted ? (long)low : -1;
}

static enum status add_row(struct regrets *g, const struct csv *csv, size_t row,
                           const double *position, struct error *err)
{
    double at, kept, nats;
    const struct csv_number numbers[] = {
        { "position", &at }, { "kept", &kept }, { "regret_nats", &nats },
    };
    const enum status status = csv_reals(csv, row, numbers, 3, err);

    if (status != STATUS_OK)
        return status;
    const long i = find(position, g->tokens.n, at);
    if (i < 0 || !isfinite(kept) || !isfinite(nats)) {
        error_set(err, STATUS_BAD_FORMAT, "%s:%d: a decision about no token of"
                  " tokens.csv, or without kept and regret_nats", csv->path,
                  csv->line[row + 1]);
        return STATUS_BAD_FORMAT;
    }
    for (int k = 0; k < REGRETTED_COUNT; k++)
        if (!isfinite(g->nats[k][i]))
            g->nats[k][i] = 0;
    g->nats[kept > 0 ? REGRETTED_SPENT : REGRETTED_MISSED][i] += nats;
    return STATUS_OK;
}

static enum status read_rows(struct regrets *g, const struct csv *csv,
                             double *position, struct error *err)
{
    const struct csv_number number = { "position", NULL };
    enum status status = STATUS_OK;

    for (size_t i = 0; i < g->tokens.n && status == STATUS_OK; i++)
        status = csv_reals(&g->tokens.csv, i, &(struct csv_number){
                               number.column, &position[i] }, 1, err);
    for (size_t r = 0; r < csv->n_rows && status == STATUS_OK; r++)
        status = add_row(g, csv, r, position, err);
    return status;
}

enum status regrets_read(struct regrets *g, const struct run *run,
                         struct error *err)
{
    struct csv csv = { .n_rows = 0 };
    enum status status = tokens_read(&g->tokens, run, err);
    const size_t n = g->tokens.n;

    if (status != STATUS_OK || n == 0)
        return status;
    double *position = calloc(n, sizeof *position);
    bool opened = position != NULL;
    for (int k = 0; k < REGRETTED_COUNT; k++) {
        g->nats[k] = calloc(n, sizeof *g->nats[k]);
        opened &= g->nats[k] != NULL;
        for (size_t i = 0; i < n && g->nats[k]; i++)
            g->nats[k][i] = (double)NAN;
    }
    if (!opened) {
        free(position);
        error_set(err, STATUS_NO_MEMORY, "no memory for regret");
        return STATUS_NO_MEMORY;
    }
    status = csv_open_in(&csv, run->path, "regret.csv", err);
    if (status == STATUS_OK)
        status = read_rows(g, &csv, position, err);
    csv_close(&csv);
    free(position);
    return status;
}

void regrets_close(struct regrets *g)
{
    for (int k = 0; k < REGRETTED_COUNT; k++)
        free(g->nats[k]);
    tokens_close(&g->tokens);
}
