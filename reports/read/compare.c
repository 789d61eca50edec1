/* compare.c - Compare the counted ledger of an execution with the predicted
 * one. */
#include "reports/read/compare.h"

struct axes {
    bool    by_pass, by_op;
    int32_t n_layers;          /* 0: one cell for all */
};

static struct axes common_axes(const struct ledger *a, const struct ledger *b)
{
    struct ledger_shape x = ledger_shape(a), y = ledger_shape(b);
    int32_t fewer = x.n_layers < y.n_layers ? x.n_layers : y.n_layers;
    int32_t more = x.n_layers < y.n_layers ? y.n_layers : x.n_layers;

    return (struct axes){ x.by_pass && y.by_pass, x.by_op && y.by_op,
                          fewer > 0 ? more : 0 };
}

/* A witness that charged nothing to a cell saw no work there. */
static bool exact(const struct ledger *ledger, int pass, int32_t layer, int op,
                  enum metric metric, uint64_t *out)
{
    struct cost sum;

    *out = 0;
    if (layer >= 0 && layer >= ledger_shape(ledger).n_layers)
        return true;
    sum = ledger_sum(ledger, pass, layer, LEDGER_ANY, op);
    if (sum.from[metric] != PROV_UNKNOWN) {
        *out = sum.count[metric];
        return true;
    }
    /* Nothing touched reads as the blank, unknown in every metric. */
    for (int m = 0; m < METRIC_COUNT; m++)
        if (sum.from[m] != PROV_UNKNOWN)
            return false;
    return true;
}

static bool knows(const struct ledger *ledger, enum metric metric)
{
    struct cost sum = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    return sum.from[metric] != PROV_UNKNOWN;
}

size_t compare_exact(const struct witnesses *w, struct mismatch *out,
                     size_t limit, size_t *compared)
{
    static const enum metric metrics[] = { METRIC_FLOPS, METRIC_BYTES };
    const struct ledger *p = w->ledger[WITNESS_PREDICTED];
    const struct ledger *c = w->ledger[WITNESS_COUNTED];
    size_t n = 0;
    struct axes axes;

    *compared = 0;
    if (!p || !c)
        return 0;
    axes = common_axes(p, c);
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        if (!knows(p, metrics[i]) || !knows(c, metrics[i]))
            continue;
        for (int pass = 0; pass < (axes.by_pass ? PASS_COUNT : 1); pass++)
            for (int32_t y = axes.n_layers ? LEDGER_OUTSIDE : 0;
                 y < (axes.n_layers ? axes.n_layers : 1); y++)
                for (int op = 0; op < (axes.by_op ? OP_COUNT : 1); op++) {
                    struct mismatch m = { axes.by_pass ? pass : LEDGER_ANY,
                        axes.n_layers ? y : LEDGER_ANY,
                        axes.by_op ? op : LEDGER_ANY, metrics[i], 0, 0 };
                    if (!exact(p, m.pass, m.layer, m.op, m.metric,
                               &m.predicted) ||
                        !exact(c, m.pass, m.layer, m.op, m.metric, &m.counted))
                        continue;
                    *compared += m.predicted || m.counted;
                    if (m.predicted != m.counted && n++ < limit)
                        out[n - 1] = m;
                }
    }
    return n;
}
