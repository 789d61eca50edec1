/* predict_table.h - Set a model beside its dense twin, row by row. */
#ifndef PREDICT_TABLE_H
#define PREDICT_TABLE_H

#include "sim/price/memory.h"
#include "sim/price/predict.h"

/* The question that `isobath predict` is asked. */
struct predict_question {
    struct model_spec    spec;
    const struct machine *machine;    /* NULL: none; borrowed */
    enum memory_phase    phase;       /* but MEMORY_LAST */
    bool                 all_logits;  /* of a prefill: logits of every row, not
                                       * of each sequence's last alone */
    struct regime        regime;
    int32_t              n_sequences; /* B of each of the regime's steps */
    int32_t              n_tokens;    /* T; of decode, keys with the new one */
};

/* One model's answer. */
struct prediction {
    struct model_spec    spec;
    struct allocation    allocation;  /* counts; where they matter, positions
                                       * that are evenly spaced */
    struct ledger       *ledger;      /* by pass, layer, op; blank unknown */
    struct predict_range range;
};

/* Caller releases with prediction_close(), also after a failure. */
enum status prediction_open(struct prediction *out,
                            const struct predict_question *question,
                            const struct model_spec *spec,
                            struct error *err) MUST_CHECK;
void        prediction_close(struct prediction *prediction);

#define PREDICT_BY_MAP(X)                                                      \
    X(PREDICT_BY_OP, "op")      X(PREDICT_BY_LAYER, "layer")                   \
    X(PREDICT_BY_PASS, "pass")  X(PREDICT_BY_TOTAL, "total")                   \
    X(PREDICT_BY_MEMORY, "memory")  /* no ledger has it: hold.h */

enum predict_by { PREDICT_BY_MAP(NAMES_ID) PREDICT_BY_COUNT };
extern const char *const predict_by_names[];         /* NULL ends */

/* Row i of the table, for both models; work that one of them does not do costs
 * it nothing.  A row that neither has is left out. */
struct predict_row {
    char name[24];
    struct cost model, dense;
};
enum { PREDICT_ROWS_MAX = SPEC_MAX_LAYERS + 1 };

/* Into rows[PREDICT_ROWS_MAX]; returns how many.  Sums over a pass or layer
 * that nobody charged are not rows. */
int predict_rows(struct predict_row *rows, const struct prediction *model,
                 const struct prediction *dense, enum predict_by by);
struct predict_row predict_total(const struct prediction *model,
                                 const struct prediction *dense);

/* model / dense of one metric; NAN when unknown or dense spends nothing. */
double predict_of_dense(const struct predict_row *row, enum metric metric);

#endif
