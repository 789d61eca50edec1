/* agreement.c - Compare two ledgers, cell by cell. */
#include "sim/core/ledger/agreement.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static uint64_t amount(const struct ledger *ledger, struct ledger_key key,
                       enum metric metric)
{
    return ledger_touched(ledger, key) ? ledger_at(ledger, key)->count[metric]
                                       : 0;
}

static bool cell_agrees(const struct ledger *predicted,
                        const struct ledger *counted, struct ledger_key key,
                        struct disagreement *first)
{
    static const enum metric metrics[] = { METRIC_FLOPS, METRIC_BYTES };

    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        uint64_t p = amount(predicted, key, metrics[i]);
        uint64_t c = amount(counted, key, metrics[i]);
        if (p == c)
            continue;
        *first = (struct disagreement){ ledger_shape(predicted), key,
                                        metrics[i], p, c };
        return false;
    }
    return true;
}

/* An axis that is not resolved has one cell: its first index stands for all. */
bool agreement(const struct ledger *predicted, const struct ledger *counted,
               struct disagreement *first)
{
    const struct ledger_shape s = ledger_shape(predicted);
    const struct ledger_shape other = ledger_shape(counted);
    const int passes = s.by_pass ? PASS_COUNT : 1;
    const int ops = s.by_op ? OP_COUNT : 1;

    assert(s.by_pass == other.by_pass && s.by_op == other.by_op &&
           s.n_layers == other.n_layers && s.n_tokens == other.n_tokens);
    for (int p = 0; p < passes; p++)
        for (int32_t l = LEDGER_OUTSIDE; l < s.n_layers; l++)
            for (int32_t t = LEDGER_SHARED; t < s.n_tokens; t++)
                for (int o = 0; o < ops; o++)
                    if (!cell_agrees(predicted, counted, (struct ledger_key){
                            (enum pass)p, l, t, (enum op)o }, first))
                        return false;
    return true;
}

void disagreement_text(char out[DISAGREEMENT_SIZE],
                       const struct disagreement *d)
{
    char layer[32] = "", token[32] = "";

    if (d->shape.n_layers > 0 && d->key.layer < 0)
        snprintf(layer, sizeof layer, "outside the layers, ");
    else if (d->shape.n_layers > 0)
        snprintf(layer, sizeof layer, "layer %d, ", d->key.layer);
    if (d->shape.n_tokens > 0 && d->key.token < 0)
        snprintf(token, sizeof token, "no single token, ");
    else if (d->shape.n_tokens > 0)
        snprintf(token, sizeof token, "token %d, ", d->key.token);
    int n = snprintf(out, DISAGREEMENT_SIZE, "%s%s%s%s%s%s",
                     d->shape.by_pass ? pass_names[d->key.pass] : "",
                     d->shape.by_pass ? ", " : "", layer, token,
                     d->shape.by_op ? op_table[d->key.op].name : "",
                     d->shape.by_op ? ", " : "");
    /* The last ", " gives way to the difference itself. */
    n = n >= 2 ? n - 2 : 0;
    snprintf(out + n, (size_t)(DISAGREEMENT_SIZE - n), ": predicted %" PRIu64
             " %s, counted %" PRIu64, d->predicted,
             metric_table[d->metric].column, d->counted);
}
