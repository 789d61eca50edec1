/* agreement.h - Check that the formulas and the executor's tally agree. */
#ifndef AGREEMENT_H
#define AGREEMENT_H

#include <stdbool.h>
#include "sim/core/ledger/ledger.h"

/* A cell in which the two ledgers differ. */
struct disagreement {
    struct ledger_shape shape;       /* of the ledgers: what they resolve */
    struct ledger_key   key;
    enum metric metric;              /* flops or bytes */
    uint64_t predicted, counted;     /* a cell that nobody charged is 0 */
};

/* True: flops and bytes are equal, as integers, in every cell of two ledgers of
 * one shape.  False: *first is the first cell that differs, in the order of
 * pass, layer, token and op. */
bool agreement(const struct ledger *predicted, const struct ledger *counted,
               struct disagreement *first);

/* "forward, layer 3, ffn.up: predicted 7 flops, counted 8" */
enum { DISAGREEMENT_SIZE = 160 };
void disagreement_text(char out[DISAGREEMENT_SIZE],
                       const struct disagreement *d);

#endif
