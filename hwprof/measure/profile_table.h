/* profile_table.h - Print what is predicted, counted, measured of a phase. */
#ifndef PROFILE_TABLE_H
#define PROFILE_TABLE_H

#include <stdio.h>
#include "hwprof/measure/measure.h"
#include "sim/core/ledger/ledger.h"

/* Three ledgers of the same work; borrowed. */
struct profile_table {
    const struct ledger  *predicted, *counted, *measured;
    const struct measure *measure;   /* how far each is resolved; NULL: any */
};

/* A row an op, the slowest first; ops below 1 % of the time are folded into one
 * row.  >= is a lower bound; an amount that its regions are too small for has a
 * note that says so. */
enum status profile_table_print(FILE *file, const struct profile_table *w,
                                struct error *err) MUST_CHECK;

#endif
