/* overflow.h - Notice where numbers stop being numbers: scores, logits and losses
 * that are Inf or NaN, and rows that a norm cannot scale. */
#ifndef OVERFLOW_H
#define OVERFLOW_H

#include "models/kernels/kernels.h"
#include "sim/core/ledger/op.h"

/* The first that was met; later ones follow from it. */
struct overflow {
    bool    met;
    enum op op;
    int32_t layer;           /* or LEDGER_OUTSIDE */
    int32_t position;        /* of the token in its sequence */
};

/* Results of an op, [N,width]; row r is of the token at position[r], or with
 * `row` at position[row[r]]. */
struct seen_rows {
    enum op        op;
    int32_t        layer, n, width;
    const real    *x;
    const int32_t *position, *row;
};
void overflow_look(struct overflow *first, const struct seen_rows *rows);

/* The same of a norm's rows, after it ran, by their scales alone: that of a row
 * whose squares or whose sum overflow is 0 or no number. */
void overflow_look_normed(struct overflow *first, int32_t layer,
                          const struct norm *norm, const int32_t *position);

/* In words; NULL: none was met. */
enum { OVERFLOW_SIZE = 128 };
const char *overflow_text(char out[OVERFLOW_SIZE],
                          const struct overflow *overflow);

#endif
