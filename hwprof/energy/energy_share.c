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

/* The cells of a ledger that somebody charged. */
struct cells {
    int     n;
    struct ledger_key *key;
    double *weight;              /* then their joules */
};

static enum status take_cell(struct cells *cells, const struct ledger *into,
                             const struct ledger *weights, enum metric by,
                             struct ledger_key key, struct error *err)
{
    const struct cost *cost = ledger_at(weights, key);
    double weight = cost_get(cost, by);

    if (!ledger_touched(into, key))
        return STATUS_OK;
    if (cost->from[by] == PROV_UNKNOWN || !(weight >= 0))
        return error_set(err, STATUS_UNAVAILABLE, "%s of %s in layer "
                         "%d are unknown: energy cannot be shared out by them",
                         metric_table[by].column, op_table[key.op].name,
                         (int)key.layer);
    cells->key[cells->n] = key;
    cells->weight[cells->n++] = weight;
    return STATUS_OK;
}

static enum status take_cells(struct cells *cells, const struct ledger *into,
                              const struct ledger *weights, enum metric by,
                              struct error *err)
{
    struct ledger_shape shape = ledger_shape(into);
    int n_passes = shape.by_pass ? PASS_COUNT : 1;
    int n_ops = shape.by_op ? OP_COUNT : 1;
    enum status status = STATUS_OK;
    double sum = 0;

    for (int p = 0; p < n_passes; p++)
        for (int32_t l = LEDGER_OUTSIDE; l < shape.n_layers; l++)
            for (int32_t t = LEDGER_SHARED; t < shape.n_tokens; t++)
                for (int o = 0; status == STATUS_OK && o < n_ops; o++)
                    status = take_cell(cells, into, weights, by,
                                       (struct ledger_key){ (enum pass)p, l, t,
                                                            (enum op)o }, err);
    for (int i = 0; i < cells->n; i++)
        sum += cells->weight[i];
    return status != STATUS_OK || sum > 0 ? status
        : error_set(err, STATUS_UNAVAILABLE, "%s are 0 in every cell: energy "
                    "cannot be shared out by them", metric_table[by].column);
}

static bool same_shape(struct ledger_shape a, struct ledger_shape b)
{
    return a.by_pass == b.by_pass && a.by_op == b.by_op &&
           a.n_layers == b.n_layers && a.n_tokens == b.n_tokens;
}

enum status energy_apportion_ledger(struct ledger *into,
                                    const struct ledger *weights,
                                    enum metric by, double joules,
                                    struct error *err)
{
    struct ledger_shape shape = ledger_shape(into);
    size_t n = (size_t)PASS_COUNT * OP_COUNT * ((size_t)shape.n_layers + 1) *
               ((size_t)shape.n_tokens + 1);
    struct cells cells = { 0, calloc(n, sizeof *cells.key),
                           calloc(n, sizeof *cells.weight) };
    enum status status = STATUS_OK;

    if (!same_shape(shape, ledger_shape(weights)))
        status = error_set(err, STATUS_BAD_VALUE, "energy is shared out between"
                           " ledgers of the same shape");
    if (!cells.key || !cells.weight) {
        status = STATUS_NO_MEMORY;
        error_set(err, status, "no memory to share energy out over %zu cells",
                  n);
    }
    if (status == STATUS_OK)
        status = take_cells(&cells, into, weights, by, err);
    if (status == STATUS_OK)
        status = energy_apportion(cells.weight, joules, cells.weight, cells.n,
                                  err);
    for (int i = 0; status == STATUS_OK && i < cells.n; i++)
        ledger_set_real(into, cells.key[i], METRIC_JOULES, cells.weight[i],
                        PROV_APPORTIONED);
    free(cells.key);
    free(cells.weight);
    return status;
}
