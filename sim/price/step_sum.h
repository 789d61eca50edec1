/* step_sum.h - Add up what a step costs without a ledger of it.
 *
 * A sum of floating-point numbers depends on its order.  This one has the bits of
 * ledger_sum() over a ledger by pass, layer and op, but keeps the layers that
 * cost alike as one: emptied and summed in a tenth of the time. */
#ifndef STEP_SUM_H
#define STEP_SUM_H

#include "sim/core/ledger/cost.h"
#include "sim/core/ledger/ledger.h"
#include "sim/core/model/spec.h"
#include "sim/price/alike.h"

struct step_sum {
    struct cost total;        /* of all that was charged, by step_sum_finish() */
    struct cost *cell;        /* [n] owned: passes x layers that are unlike x their
                               * ops */
    int32_t n, size;
    /* Of a pass and the first of layers that are alike; at 0 is the work outside
     * of any. */
    uint64_t ops[PASS_COUNT][SPEC_MAX_LAYERS + 1];    /* a bit for each charged */
    int32_t at[PASS_COUNT][SPEC_MAX_LAYERS + 1][OP_COUNT];
};

/* Begins one; of {0}, or of a sum that was finished before. */
void step_sum_clear(struct step_sum *sum, int32_t n_layers);
void step_sum_close(struct step_sum *sum);

/* One op of each layer that is like the key's, whatever its token.
 * STATUS_OVERFLOWED: a count.  STATUS_NO_MEMORY leaves the sum as it was. */
enum status step_sum_charge(struct step_sum *sum, struct ledger_key key,
                            const struct cost *cost) MUST_CHECK;

/* Sets sum->total; `alike` of the same layers.  STATUS_OVERFLOWED. */
enum status step_sum_finish(struct step_sum *sum, const struct alike *alike,
                            int32_t n_layers) MUST_CHECK;

#endif
