/* agreement.h - Compare the formulas' ledger with the executor's tally.  Both
 * are exact: where they differ, one of the two is wrong. */
#ifndef AGREEMENT_H
#define AGREEMENT_H

#include <stdbool.h>
#include "sim/core/ledger/ledger.h"

/* A cell in which the two differ. */
struct disagreement {
    int         pass;                /* LEDGER_ANY where a ledger does not */
    int32_t     layer, token;        /* resolve the axis */
    int         op;
    enum metric metric;              /* one that a formula predicts */
    struct cost predicted, counted;  /* of the cell; zero: nobody charged it */
};

/* Compare the counts that formulas predict (flops and bytes) as integers, cell
 * by cell, at the coarser of the two resolutions.  An amount that only one of
 * them knows is a difference.  Returns how many there are; out[] holds the first
 * `limit`, ordered by pass, layer, token, op and metric.  *compared (NULL: not
 * asked for) is the number of amounts that both know and are not both zero. */
size_t disagreements(const struct ledger *predicted,
                     const struct ledger *counted, struct disagreement *out,
                     size_t limit, size_t *compared);

/* True: there is none.  False: *first is the first. */
bool agreement(const struct ledger *predicted, const struct ledger *counted,
               struct disagreement *first);

/* "forward, layer 3, ffn.up: predicted 7 flops, counted 8" */
enum { DISAGREEMENT_SIZE = 160, EXACT_SIZE = 24 };
void disagreement_text(char out[DISAGREEMENT_SIZE],
                       const struct disagreement *d);

/* A count's digits, or "unknown". */
void exact_text(char out[EXACT_SIZE], const struct cost *cost,
                enum metric metric);

#endif
