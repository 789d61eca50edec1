/* pricing_inside.h - Declare what pricing.c, pricing_cost.c, pricing_rows.c and
 * pricing_step.c share: a charge, what it costs, and the rows that it is of. */
#ifndef PRICING_INSIDE_H
#define PRICING_INSIDE_H

#include "sim/price/lines.h"
#include "sim/price/pricing.h"

/* The first failure of a prediction stays. */
void pricing_fail(struct pricing *p, enum status status);
/* a*x + b*y in 64 bits, or the prediction fails. */
uint64_t pricing_weighted(struct pricing *p, uint64_t a, uint64_t x, uint64_t b,
                          uint64_t y);
/* count * factor, exact where nothing is left to chance. */
uint64_t pricing_times(uint64_t count, double factor);

/* ---- pricing_cost.c ---- */

/* One op about to be charged, given that it runs. */
struct charge {
    enum op op;
    uint64_t flops, row_bytes, shared_bytes; /* in float32, until formatted() */
    uint64_t read_bytes;   /* of shared_bytes: weights that are read */
    bool packed;           /* shared_bytes are of stored weights */
    uint64_t cached_bytes; /* of row_bytes: cached keys and values */
    uint64_t rows;
    uint64_t exchanged;    /* rows that devices sum up between them, if any */
    bool apart;    /* its rows pay prices of another set */
    enum lines_side side;
    bool last;     /* its rows are each sequence's last */
    bool seldom;   /* decode: its rows are those that a choice leaves it */
    double chance; /* probability that it runs */
};

/* And where it is filed, as struct pricing has it. */
struct step_charge {
    struct charge charge;  /* in the regime's formats */
    enum pass pass, filed;
    int32_t layer;
    uint64_t repeats, n_alike;
};

/* An op's lines of each level, seconds and joules. */
struct modelled {
    double fills[LEVEL_COUNT];
    double seconds;
    struct energy energy;
};

/* The cost of the op as a whole; the charge is in the regime's formats then. */
struct cost pricing_cost_of_op(struct pricing *p, struct charge *c,
                               struct modelled *m);
/* The part of an op's cost that is a row's. */
struct cost pricing_cost_of_row(const struct pricing *p, const struct charge *c,
                                const struct modelled *m, uint64_t flops,
                                uint64_t bytes);
/* Of all layers that are alike: each its own, or where the ledger does not tell
 * them apart, all at once. */
void pricing_file(struct pricing *p, enum op op, int32_t token,
                  const struct cost *cost);
/* What is left of a cost without a part of it: nothing, at the least. */
void pricing_take(struct cost *left, const struct cost *part);

/* ---- pricing_rows.c ---- */

/* A row: its token, the keys that it runs over, those that a decode step reads
 * for it, and how often it pays. */
struct row {
    int32_t token;
    uint64_t keys, cached, times;
};

/* Row i of sequence b, or false: there is none. */
bool pricing_row_at(const struct pricing *p, enum rows rows, int32_t b,
                    int32_t i, struct row *row);
/* Queries of the layer run over the keys of skipped tokens too. */
bool pricing_sees_skipped(const struct pricing *p);
/* Counts rows that are known.  An allocation that fits in memory keeps these
 * sums far below 2^64. */
struct row_count pricing_count_known(const struct pricing *p, enum rows rows);
/* Counts rows of a decode step whose routes are not known: every sequence keeps
 * its token with spec_chance(), each on its own, or skips it.  `share` is that
 * chance or the rest of it. */
struct row_count pricing_count_expected(const struct pricing *p, double share,
                                        uint64_t held);

#endif
