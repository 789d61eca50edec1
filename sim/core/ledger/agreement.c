/* agreement.c - Compare two exact ledgers cell by cell. */
#include "sim/core/ledger/agreement.h"

#include <inttypes.h>
#include <stdio.h>

/* The indices of an axis; one that is not resolved has a single one. */
struct axis {
    int32_t from, to;
};

/* An index from 0, or from -1 where an axis has a row for what is outside. */
static struct axis axis_of(bool resolved, int32_t first, int32_t n)
{
    return resolved ? (struct axis){ first, n }
                    : (struct axis){ LEDGER_ANY, LEDGER_ANY + 1 };
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* A witness that charged nothing to a cell saw no work there. */
static struct cost work_at(const struct ledger *ledger,
                           const struct disagreement *at)
{
    const struct ledger_shape shape = ledger_shape(ledger);
    struct cost sum = { 0 };

    if (at->layer < shape.n_layers && at->token < shape.n_tokens)
        sum = ledger_sum(ledger, at->pass, at->layer, at->token, at->op);
    for (int m = 0; m < METRIC_COUNT; m++)
        if (sum.from[m] != PROV_UNKNOWN)
            return sum;
    return cost_zero(PROV_COUNTED);
}

static bool differs(const struct disagreement *d)
{
    enum metric m = d->metric;

    return cost_known(&d->predicted, m) != cost_known(&d->counted, m) ||
           d->predicted.count[m] != d->counted.count[m];
}

struct comparison {
    const struct ledger *predicted, *counted;
    struct disagreement *out;
    size_t limit, n, compared;
};

static void compare_cell(struct comparison *c, struct disagreement at)
{
    at.predicted = work_at(c->predicted, &at);
    at.counted = work_at(c->counted, &at);
    for (int i = 0; i < METRIC_FIRST_REAL; i++) {
        enum metric m = at.metric = (enum metric)i;
        if (metric_table[m].predicted != PREDICTED_BY_FORMULA)
            continue;
        c->compared += cost_known(&at.predicted, m) &&
                       cost_known(&at.counted, m) &&
                       (at.predicted.count[m] || at.counted.count[m]);
        if (differs(&at) && c->n++ < c->limit)
            c->out[c->n - 1] = at;
    }
}

size_t disagreements(const struct ledger *predicted,
                     const struct ledger *counted, struct disagreement *out,
                     size_t limit, size_t *compared)
{
    const struct ledger_shape a = ledger_shape(predicted);
    const struct ledger_shape b = ledger_shape(counted);
    const struct axis pass = axis_of(a.by_pass && b.by_pass, 0, PASS_COUNT);
    const struct axis op = axis_of(a.by_op && b.by_op, 0, OP_COUNT);
    const struct axis layer = axis_of(a.n_layers && b.n_layers, LEDGER_OUTSIDE,
                                      larger(a.n_layers, b.n_layers));
    const struct axis token = axis_of(a.n_tokens && b.n_tokens, LEDGER_SHARED,
                                      larger(a.n_tokens, b.n_tokens));
    struct comparison c = { predicted, counted, out, limit, 0, 0 };

    for (int p = pass.from; p < pass.to; p++)
        for (int32_t l = layer.from; l < layer.to; l++)
            for (int32_t t = token.from; t < token.to; t++)
                for (int o = op.from; o < op.to; o++)
                    compare_cell(&c, (struct disagreement){
                        .pass = p, .layer = l, .token = t, .op = o });
    if (compared)
        *compared = c.compared;
    return c.n;
}

bool agreement(const struct ledger *predicted, const struct ledger *counted,
               struct disagreement *first)
{
    return disagreements(predicted, counted, first, 1, NULL) == 0;
}

void exact_text(char out[EXACT_SIZE], const struct cost *cost,
                enum metric metric)
{
    if (cost_known(cost, metric))
        snprintf(out, EXACT_SIZE, "%" PRIu64, cost->count[metric]);
    else
        snprintf(out, EXACT_SIZE, "unknown");
}

void disagreement_text(char out[DISAGREEMENT_SIZE],
                       const struct disagreement *d)
{
    char layer[32] = "", token[32] = "";
    char predicted[EXACT_SIZE], counted[EXACT_SIZE];

    exact_text(predicted, &d->predicted, d->metric);
    exact_text(counted, &d->counted, d->metric);
    if (d->layer == LEDGER_OUTSIDE)
        snprintf(layer, sizeof layer, "outside the layers, ");
    else if (d->layer >= 0)
        snprintf(layer, sizeof layer, "layer %d, ", d->layer);
    if (d->token == LEDGER_SHARED)
        snprintf(token, sizeof token, "no single token, ");
    else if (d->token >= 0)
        snprintf(token, sizeof token, "token %d, ", d->token);
    int n = snprintf(out, DISAGREEMENT_SIZE, "%s%s%s%s%s%s",
                     d->pass >= 0 ? pass_names[d->pass] : "",
                     d->pass >= 0 ? ", " : "", layer, token,
                     d->op >= 0 ? op_table[d->op].name : "",
                     d->op >= 0 ? ", " : "");
    /* The last ", " gives way to what differs. */
    n = n >= 2 ? n - 2 : 0;
    snprintf(out + n, (size_t)(DISAGREEMENT_SIZE - n),
             ": predicted %s %s, counted %s", predicted,
             metric_table[d->metric].column, counted);
}
