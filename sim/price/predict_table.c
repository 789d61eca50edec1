/* predict_table.c - Fold predictions to the same rows. */
#include "sim/price/predict_table.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

const char *const predict_by_names[] = { PREDICT_BY_MAP(NAMES_WORD) NULL };

static bool is_known(const struct cost *cost)
{
    return cost->from[METRIC_FLOPS] != PROV_UNKNOWN;
}

/* The cells of row i. */
struct cells {
    int pass, op;
    int32_t layer;
};

static struct cells cells_of(enum predict_by by, int i, int32_t n_layers)
{
    return (struct cells){
        .pass = by == PREDICT_BY_PASS ? i : LEDGER_ANY,
        .op = by == PREDICT_BY_OP ? i : LEDGER_ANY,
        .layer = by != PREDICT_BY_LAYER ? LEDGER_ANY
                 : i < n_layers         ? i : LEDGER_OUTSIDE,
    };
}

static void name_row(struct predict_row *row, enum predict_by by, int i,
                     int32_t n_layers)
{
    if (by == PREDICT_BY_LAYER && i < n_layers)
        snprintf(row->name, sizeof row->name, "%d", i);
    else
        snprintf(row->name, sizeof row->name, "%s",
                 by == PREDICT_BY_OP     ? op_table[i].name
                 : by == PREDICT_BY_PASS ? pass_names[i]
                 : by == PREDICT_BY_TOTAL ? "total" : "outside");
}

static int32_t most_layers(const struct contest *contest)
{
    int32_t most = contest->model.spec.n_layers;

    for (int i = 0; i < contest->n; i++)
        for (int e = 0; e < contest->rival[i].rival.n_ends; e++) {
            const int32_t n = contest->rival[i].end[e].spec.n_layers;
            most = n > most ? n : most;
        }
    return most;
}

/* False: a row that no model has. */
static bool fill_row(struct predict_row *row, const struct contest *contest,
                     struct cells at)
{
    bool any = false;

    row->model = at.layer < contest->model.spec.n_layers
                     ? ledger_sum(contest->model.ledger, at.pass, at.layer,
                                  LEDGER_ANY, at.op)
                     : (struct cost){ 0 };
    any |= is_known(&row->model);
    for (int i = 0; i < contest->n; i++) {
        row->rival[i] = contender_sum(&contest->rival[i], at.pass, at.layer,
                                      at.op);
        any |= is_known(&row->rival[i]);
        if (!is_known(&row->rival[i]))
            row->rival[i] = cost_zero(PROV_PREDICTED);
    }
    if (!is_known(&row->model))
        row->model = cost_zero(PROV_PREDICTED);
    return any;
}

int predict_rows(struct predict_row *rows, const struct contest *contest,
                 enum predict_by by)
{
    const int32_t n_layers = most_layers(contest);
    const int n_of[PREDICT_BY_COUNT] = {
        [PREDICT_BY_OP] = OP_COUNT, [PREDICT_BY_LAYER] = n_layers + 1,
        [PREDICT_BY_PASS] = PASS_COUNT, [PREDICT_BY_TOTAL] = 1,
        [PREDICT_BY_MEMORY] = 0,
    };
    int n = 0;

    for (int i = 0; i < n_of[by]; i++)
        if (fill_row(&rows[n], contest, cells_of(by, i, n_layers)))
            name_row(&rows[n++], by, i, n_layers);
    return n;
}

struct predict_row predict_total(const struct contest *contest)
{
    struct predict_row row = { .name = "total" };

    if (predict_rows(&row, contest, PREDICT_BY_TOTAL) == 0)
        row = (struct predict_row){ .name = "total" };
    return row;
}

double predict_of_rival(const struct predict_row *row, int rival,
                        enum metric metric)
{
    double model = cost_get(&row->model, metric);
    double of = cost_get(&row->rival[rival], metric);
    return of > 0 ? model / of : (double)NAN;
}
