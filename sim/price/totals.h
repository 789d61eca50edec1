/* totals.h - Add up what a step costs without a ledger of it.
 *
 * A sum of floating-point numbers depends on its order.  This one has the bits of
 * ledger_sum() over a ledger by pass, layer and op, but keeps the layers that
 * cost alike as one: emptied and summed in a tenth of the time. */
#ifndef TOTALS_H
#define TOTALS_H

#include "sim/core/ledger/cost.h"
#include "sim/core/ledger/ledger.h"
#include "sim/core/model/spec.h"
#include "sim/price/alike.h"

struct totals {
    struct cost sum;          /* of all that was charged, by totals_sum() */
    struct cost *cell;        /* [n] owned: passes x layers that are unlike x their
                               * ops */
    int32_t n, size;
    /* Of a pass and the first of layers that are alike; the last is the work
     * outside of any. */
    uint64_t ops[PASS_COUNT][SPEC_MAX_LAYERS + 1];    /* a bit for each charged */
    int32_t at[PASS_COUNT][SPEC_MAX_LAYERS + 1][OP_COUNT];
};

/* Begins one; of {0}, or of totals that was summed before. */
void totals_clear(struct totals *totals, int32_t n_layers);
void totals_close(struct totals *totals);

/* One op of each layer that is like the key's, whatever its token.
 * STATUS_OVERFLOWED: a count.  STATUS_NO_MEMORY leaves the totals as they were. */
enum status totals_charge(struct totals *totals, struct ledger_key key,
                         const struct cost *cost) MUST_CHECK;

/* Sets totals->sum; `alike` of the same layers.  STATUS_OVERFLOWED. */
enum status totals_sum(struct totals *totals, const struct alike *alike,
                      int32_t n_layers) MUST_CHECK;

#endif
