/* predict_table.h - Set a model beside its rivals, row by row. */
#ifndef PREDICT_TABLE_H
#define PREDICT_TABLE_H

#include "sim/price/contest.h"

#define PREDICT_BY_MAP(X)                                                      \
    X(PREDICT_BY_OP, "op")      X(PREDICT_BY_LAYER, "layer")                   \
    X(PREDICT_BY_PASS, "pass")  X(PREDICT_BY_TOTAL, "total")                   \
    X(PREDICT_BY_MEMORY, "memory")  /* no ledger has it: hold.h */

enum predict_by { PREDICT_BY_MAP(NAMES_ID) PREDICT_BY_COUNT };
extern const char *const predict_by_names[];         /* NULL ends */

/* Row i of the table, for all models; work that one of them does not do costs it
 * nothing.  A row that none has is left out. */
struct predict_row {
    char name[24];
    struct cost model, rival[CONTEST_RIVALS_MAX];    /* [contest->n] */
};
enum { PREDICT_ROWS_MAX = SPEC_MAX_LAYERS + 1 };

/* Into rows[PREDICT_ROWS_MAX]; returns how many.  Sums over a pass or layer
 * that nobody charged are not rows. */
int predict_rows(struct predict_row *rows, const struct contest *contest,
                 enum predict_by by);
struct predict_row predict_total(const struct contest *contest);

/* The model's over a rival's, of one metric; NAN when unknown or the rival spends
 * nothing. */
double predict_of_rival(const struct predict_row *row, int rival,
                        enum metric metric);

#endif
