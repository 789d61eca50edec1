/* energy_share.c - Split joules without losing any. */
#include "hwprof/energy/energy_share.h"

#include <math.h>
#include <stdlib.h>

enum status energy_apportion(double *out, double joules, const double *weight,
                             int n, struct error *err)
{
    double sum = 0, before = 0, given = 0;

    if (!(joules >= 0) || !isfinite(joules))
        return error_set(err, STATUS_BAD_VALUE, "%g J to share out: allowed "
                         "is 0 or more", joules);
    for (int i = 0; i < n; i++) {
        if (!(weight[i] >= 0) || !isfinite(weight[i]))
            return error_set(err, STATUS_BAD_VALUE, "weight %d is %g: allowed "
                             "is 0 or more; an unknown one is not 0", i,
                             weight[i]);
        sum += weight[i];
    }
    if (!(sum > 0) || !isfinite(sum))
        return error_set(err, STATUS_BAD_VALUE, "weights add up to %g: allowed "
                         "is above 0", sum);

    /* Each gets what brings the sum so far to where it should be: rounding
     * never builds up, and the last step ends at joules itself. */
    for (int i = 0; i < n; i++) {
        if (weight[i] > 0) {
            before += weight[i];
            double due = before < sum ? joules * (before / sum) : joules;
            out[i] = fmax(due - given, 0);
        } else {
            out[i] = 0;
        }
        given += out[i];
    }
    return STATUS_OK;
}

/* ---- a ledger ---- */

struct cells {
    int     n;
    struct ledger_key *key;
    double *weight, *joules;
};

/* Calls fn for every cell of the shape, once. */
static enum status each_cell(struct ledger_shape shape,
                             enum status (*fn)(struct ledger_key, void *),
                             void *context)
{
    int n_passes = shape.by_pass ? PASS_COUNT : 1;
    int n_ops = shape.by_op ? OP_COUNT : 1;
    enum status status = STATUS_OK;

    for (int p = 0; p < n_passes; p++)
        for (int32_t l = LEDGER_OUTSIDE; l < shape.n_layers; l++)
            for (int32_t t = LEDGER_SHARED; t < shape.n_tokens; t++)
                for (int o = 0; status == STATUS_OK && o < n_ops; o++)
                    status = fn((struct ledger_key){ (enum pass)p, l, t,
                                                     (enum op)o }, context);
    return status;
}

struct walk {
    struct ledger *into;
    const struct ledger *weights;
    enum metric by;
    struct cells cells;
    struct error *err;
};

static enum status count_cell(struct ledger_key key, void *context)
{
    struct walk *walk = context;

    walk->cells.n += ledger_touched(walk->into, key);
    return STATUS_OK;
}

static enum status take_cell(struct ledger_key key, void *context)
{
    struct walk *walk = context;
    struct cells *cells = &walk->cells;

    if (!ledger_touched(walk->into, key))
        return STATUS_OK;
    const struct cost *cost = ledger_at(walk->weights, key);
    double weight = cost_get(cost, walk->by);
    if (cost->from[walk->by] == PROV_UNKNOWN || !(weight >= 0))
        return error_set(walk->err, STATUS_UNAVAILABLE, "%s of %s in layer "
                         "%d are unknown: energy cannot be shared out by them",
                         metric_table[walk->by].column, op_table[key.op].name,
                         (int)key.layer);
    cells->key[cells->n] = key;
    cells->weight[cells->n++] = weight;
    return STATUS_OK;
}

static bool same_shape(struct ledger_shape a, struct ledger_shape b)
{
    return a.by_pass == b.by_pass && a.by_op == b.by_op &&
           a.n_layers == b.n_layers && a.n_tokens == b.n_tokens;
}

static enum status share_cells(struct walk *walk, double joules)
{
    struct cells *cells = &walk->cells;
    struct ledger_shape shape = ledger_shape(walk->into);
    double sum = 0;

    cells->n = 0;
    enum status status = each_cell(shape, take_cell, walk);
    for (int i = 0; i < cells->n; i++)
        sum += cells->weight[i];
    if (status == STATUS_OK && !(sum > 0))
        status = error_set(walk->err, STATUS_UNAVAILABLE, "%s are 0 in every "
                           "cell: energy cannot be shared out by them",
                           metric_table[walk->by].column);
    if (status == STATUS_OK)
        status = energy_apportion(cells->joules, joules, cells->weight,
                                  cells->n, walk->err);
    for (int i = 0; status == STATUS_OK && i < cells->n; i++)
        ledger_set_real(walk->into, cells->key[i], METRIC_JOULES,
                        cells->joules[i], PROV_APPORTIONED);
    return status;
}

enum status energy_apportion_ledger(struct ledger *into,
                                    const struct ledger *weights,
                                    enum metric by, double joules,
                                    struct error *err)
{
    struct walk walk = { into, weights, by, { 0 }, err };
    struct cells *cells = &walk.cells;
    struct ledger_shape shape = ledger_shape(into);

    if (!same_shape(shape, ledger_shape(weights)))
        return error_set(err, STATUS_BAD_VALUE, "energy is shared out between "
                         "ledgers of the same shape");
    enum status status = each_cell(shape, count_cell, &walk);
    size_t n = cells->n > 0 ? (size_t)cells->n : 1;
    cells->key = calloc(n, sizeof *cells->key);
    cells->weight = calloc(2 * n, sizeof *cells->weight);
    if (cells->key && cells->weight) {
        cells->joules = cells->weight + n;
        if (status == STATUS_OK)
            status = share_cells(&walk, joules);
    } else {
        status = error_set(err, STATUS_NO_MEMORY, "no memory to share energy "
                           "out over %zu cells", n);
    }
    free(cells->key);
    free(cells->weight);
    return status;
}
