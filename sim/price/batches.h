/* batches.h - Price routes that are known, batch by batch: what tokens, layers,
 * requests and steps cost, as distributions.
 *
 * Windows are taken in their order, B at a time; fewer than B at the end are left
 * out.  In prefill and training a batch is one step.  In decode the windows of a
 * batch are decoded side by side, a step for each position; one that has ended
 * leaves the batch. */
#ifndef BATCHES_H
#define BATCHES_H

#include "sim/price/predict_table.h"
#include "sim/price/rival.h"
#include "sim/price/routes.h"
#include "sim/price/spread.h"

/* What is spread, of whom, and in which unit.  A token's flops and bytes are of
 * its own rows (predict.h), which do not depend on the batch; bytes are known in
 * float32 alone.  A request's seconds are those of the steps that it takes part
 * in.  Imbalance is the most flops of a sequence in a step over their mean. */
#define SPREAD_MAP(X)                                                          \
    X(SPREAD_TOKEN_FLOPS,     "token",   "flops",   "flop")                    \
    X(SPREAD_TOKEN_BYTES,     "token",   "bytes",   "B")                       \
    X(SPREAD_TOKEN_BLOCKS,    "token",   "choices that keep it", "")           \
    X(SPREAD_STEP_FLOPS,      "step",    "flops",   "flop")                    \
    X(SPREAD_STEP_BYTES,      "step",    "bytes",   "B")                       \
    X(SPREAD_STEP_SECONDS,    "step",    "seconds", "s")                       \
    X(SPREAD_STEP_JOULES,     "step",    "joules",  "J")                       \
    X(SPREAD_STEP_IMBALANCE,  "step",    "imbalance", "")                      \
    X(SPREAD_REQUEST_FLOPS,   "request", "flops",   "flop")                    \
    X(SPREAD_REQUEST_SECONDS, "request", "seconds", "s")
#define SPREAD_ID(id, ...) id,
enum spread_of { SPREAD_MAP(SPREAD_ID) SPREAD_COUNT };
struct spread_row {
    const char *of, *quantity, *unit;
};
extern const struct spread_row spread_rows[SPREAD_COUNT];

/* Of one choice (plan.h) of a routed layer. */
struct choice_spread {
    int32_t choice;
    struct samples kept;     /* share of a step's tokens */
    uint64_t kept_tokens, tokens;
    uint64_t steps, woken;   /* positions of batches, and those at which any of
                              * the batch's windows keeps its token */
};

struct batches {
    struct samples of[SPREAD_COUNT];
    int32_t n_layers, n_choices;
    struct samples seconds[SPEC_MAX_LAYERS], flops[SPEC_MAX_LAYERS];
    struct choice_spread *choice;    /* [n_choices] of routed layers; owned */
    uint64_t *active;        /* [B+1] positions of batches by how many windows
                              * reach so far; owned */
    int64_t n_batches, n_steps, n_left_out;    /* the last: windows */
    int32_t n_sequences;     /* B that was priced */
    struct ledger *total;    /* of all steps, not resolved; owned */
    struct rival_steps {     /* the rival's, summed over the same steps: flops,
                              * bytes, seconds and joules; NAN: unknown, also
                              * where there is no rival */
        double flops, bytes, seconds, joules;
    } rival;
};

/* `question` has the phase, regime, machine and B; its n_tokens is read in
 * decode alone: the one position that is priced, counted from 1, or 0: all.  A
 * rival that routes nothing is priced for every step too; NULL: none is.
 * *out is {0}; release it with batches_close(), also after a failure.  `at` is told how many
 * steps are done of how many, and may be NULL. */
typedef void batches_progress(void *context, double done, double of);
enum status batches_price(struct batches *out, const struct routes *routes,
                          const struct predict_question *question,
                          const struct rival *rival, batches_progress *at, void *context,
                          struct error *err) MUST_CHECK;
void        batches_close(struct batches *batches);

/* How often a choice wakes in a decode step of B: seen, and if every token were
 * kept by itself with the same share c: the mean of 1 - (1-c)^b over the same
 * positions. */
double batches_wakes(const struct choice_spread *choice);
double batches_wakes_alone(const struct batches *batches,
                           const struct choice_spread *choice);

#endif
