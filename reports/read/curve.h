/* curve.h - Read a training curve, one row for each line of curve.csv. */
#ifndef CURVE_H
#define CURVE_H

#include "reports/read/run.h"

struct curve_row {             /* NAN: not written in this row */
    double flops, train_loss, heldout_loss;
};

struct curve {
    struct curve_row *row;     /* owned */
    size_t n;
};

/* Empty when the run wrote none. */
enum status curve_read(struct curve *out, const struct run *run,
                       struct error *err) MUST_CHECK;
void        curve_close(struct curve *curve);

#endif
