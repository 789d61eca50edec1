/* pricing.h - Charge one op after another, for the walk of sim/price/predict.c.
 *
 * This file knows rows, prices and machines, not the order of ops in a step. */
#ifndef PRICING_H
#define PRICING_H

#include "sim/core/ledger/ledger.h"
#include "sim/core/model/plan.h"
#include "sim/price/alike.h"
#include "sim/price/bill.h"
#include "sim/price/flops.h"
#include "sim/price/hold.h"
#include "sim/price/memory.h"
#include "sim/price/predict_job.h"

/* The rows of the layer being walked that an op works on; kept and skipped by
 * the choice that is followed. */
enum rows {
    ROWS_ALL,
    ROWS_KEPT,
    ROWS_SKIPPED,
    ROWS_LAST,                /* each sequence's last */
    ROWS_ENTRIES,             /* rows in experts, each once for every expert */
    ROWS_FURTHER,             /* of those, each row's but its first */
    ROWS_COUNT
};

/* The rows of a layer.  Where they are not known, the rows of one sequence that
 * keeps (or skips) its token; `times` is then how many such sequences are
 * expected in a step in which there is any. */
struct row_count {
    uint64_t rows;
    uint64_t keys;            /* sum over the rows of the keys they run over */
    uint64_t cached;          /* decode: sum of the keys they read */
    double   times;           /* 1 where they are known */
    double   chance;          /* probability that there is any; 1 where known */
};

struct pricing {
    struct ledger *ledger;
    struct predict_job job;
    struct tariff *own;       /* owned; NULL: the job brought one */
    const struct tariff *tariff;
    struct flops_list *stored;          /* owned: of the layer being walked, where
                                         * weights are stored; else NULL */
    const struct flops_list *prices;    /* those, or the tariff's */
    int32_t  priced;          /* a layer that costs what prices say; -1: none */
    enum memory_phase phase;
    bool     expected;        /* decode without routes */
    bool     by_token, by_layer;
    enum pass pass;           /* whose prices hold */
    enum pass filed;          /* under which they are charged */
    uint64_t repeats;         /* of each charge */
    struct alike alike;       /* layers that are walked in one */
    uint64_t n_alike;         /* of the layer being walked */
    bool     sums;            /* what is walked adds gradients of weights to those
                               * that are there */
    int32_t  stop;            /* backward's last layer, or LEDGER_OUTSIDE */
    int32_t  layer;           /* being walked, or LEDGER_OUTSIDE */
    int32_t  choice;          /* followed; of no meaning before any is */
    struct row_count count[ROWS_COUNT];   /* of `choice` */
    enum rows entering;       /* the rows that entries are of */
    double   experts;         /* that any of them enters */
    double   footprint_bytes;
    double   seldom_bytes;    /* of it: weights that a decode step is expected
                               * not to read */
    double   span_bytes;      /* that a span of shared layers holds */
    struct rates rates;       /* of the machine, if there is one */
    struct bill  bill;        /* of `range` */
    struct bill_draws *drawn; /* owned; NULL: the job brought them, or there is no
                               * range */
    struct predict_range *range;   /* NULL: not asked for */
    enum status status;       /* the first failure */
    struct error *err;
};

enum status pricing_begin(struct pricing *out, struct ledger *ledger,
                          const struct predict_job *job,
                          enum memory_phase phase, bool expected,
                          struct predict_range *range,
                          struct error *err) MUST_CHECK;
/* Sets *range, unless NULL; returns the first failure.  To be called whenever
 * pricing_begin() went well. */
enum status pricing_end(struct pricing *p);

/* Prices again what the job brought of this step; false: it brought nothing, and
 * the step has to be walked. */
bool pricing_repeats(struct pricing *p);

/* The layer is the first of those alike, which are walked in one. */
bool pricing_walks(const struct pricing *p, int32_t layer);

/* Behind the last layer of the job. */
int32_t pricing_end_layer(const struct pricing *p);

/* Begins a layer of a pass, in which no row is kept yet. */
void pricing_enter(struct pricing *p, enum pass pass, int32_t layer);

/* Begins it for forward's ops that backward works out again. */
void pricing_enter_again(struct pricing *p, int32_t layer);

/* Makes the rows that this choice keeps and skips those of the layer. */
void pricing_follow(struct pricing *p, int32_t choice);

/* Makes those rows of the layer the ones that enter its experts: as the
 * allocation's dispatch says, or where it is not known each as many, and experts
 * as are expected. */
void pricing_enter_experts(struct pricing *p, enum rows rows);

/* Charges rows times the op's price in this pass; charges nothing where the
 * model has no such op or the layer no row. */
void pricing_rows(struct pricing *p, enum op op, enum rows rows);

/* Charges the same at the price of another set. */
void pricing_rows_of(struct pricing *p, enum flops_set set, enum op op,
                     enum rows rows);

/* Where keys of skipped tokens are there, charges an op for kept rows and for all,
 * each at a price of its own; backward only if there are kept ones.  Attend is
 * one op: the queries of kept rows over keys of all. */
void pricing_kept_and_all(struct pricing *p, enum op op);
void pricing_attend_all(struct pricing *p, enum rows queries);

/* Charges an op on queries alone, of those rows. */
void pricing_queries(struct pricing *p, enum op op, enum rows rows);

/* Charges select: its price on all rows, and the extra for each kept one. */
void pricing_select(struct pricing *p);

/* Charges work that belongs to no token. */
void pricing_shared(struct pricing *p, enum op op, uint64_t flops,
                    uint64_t bytes);

#endif
