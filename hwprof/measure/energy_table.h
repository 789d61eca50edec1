/* energy_table.h - Print a fit and the run behind it, as text, JSON and CSV. */
#ifndef ENERGY_TABLE_H
#define ENERGY_TABLE_H

#include <jansson.h>
#include <stdio.h>
#include "hwprof/measure/energy_answer.h"
#include "sim/core/answer/table.h"

/* Coefficients with their intervals, which of them a profile takes, how well
 * kernels are predicted that the fit never saw, and what was left out and why.
 * An amount that is not resolved is `-`, null, or empty. */
enum status energy_table_text(FILE *file, const struct energy_answer *answer,
                              struct error *err) MUST_CHECK;
/* A new reference; NULL: no memory. */
json_t *energy_table_json(const struct energy_answer *answer);
/* Add rows of kind, name, threads, value, low, unit, source and reason to the
 * facts that isobath machine prints; a row of kind coefficient_high holds the
 * other end in `value`. */
void    energy_table_facts(struct table *t, const struct energy_answer *answer);

#endif
