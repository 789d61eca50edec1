/* compare.h - Compare the counted ledger of an execution with the predicted
 * one. */
#ifndef COMPARE_H
#define COMPARE_H

#include "reports/read/witness.h"

/* A cell where two exact witnesses disagree. */
struct mismatch {
    int     pass;             /* or LEDGER_ANY, where one does not resolve it */
    int32_t layer;
    int     op;
    enum metric metric;
    uint64_t predicted, counted;
};

/* FLOPs and bytes, cell by cell at the coarser of the two resolutions, as
 * integers; a cell nobody charged is 0.  Returns how many differ; the first
 * `limit` of them are in out[].  *compared: cells where both are known. */
size_t compare_exact(const struct witnesses *witnesses, struct mismatch *out,
                     size_t limit, size_t *compared);

#endif
