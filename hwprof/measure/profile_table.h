/* profile_table.h - predicted | counted | measured of one phase, as text. */
#ifndef PROFILE_TABLE_H
#define PROFILE_TABLE_H

#include <stdio.h>
#include "hwprof/measure/measure.h"
#include "sim/core/ledger/ledger.h"

/* Three ledgers of the same work; borrowed. */
struct witnesses {
    const struct ledger  *predicted, *counted, *measured;
    const struct measure *measure;   /* how far each is resolved; NULL: any */
};

/* A row an op, the slowest first; ops below 1 % of the time are folded into one
 * row.  Ratios outside 2 % are marked !, outside 10 % !!.  >= is a lower bound;
 * an amount that its regions are too small for is "below res.". */
void profile_table_print(FILE *file, const struct witnesses *w);

#endif
