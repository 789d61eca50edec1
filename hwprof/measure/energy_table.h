/* energy_table.h - a fit and the run behind it, as text, JSON and CSV. */
#ifndef ENERGY_TABLE_H
#define ENERGY_TABLE_H

#include <jansson.h>
#include <stdio.h>
#include "hwprof/measure/energy_answer.h"

/* Coefficients with their intervals, which of them a profile takes, how well
 * kernels are predicted that the fit never saw, and what was left out and why.
 * What is not resolved is `-`, null, or empty. */
void    energy_table_text(FILE *file, const struct energy_answer *answer);
/* A new reference; NULL: no memory. */
json_t *energy_table_json(const struct energy_answer *answer);
/* Rows of kind,name,threads,value,low,unit,source,reason as `machine` has them;
 * a row of kind coefficient_high holds the other end in `value`. */
void    energy_table_csv(FILE *file, const struct energy_answer *answer);

#endif
