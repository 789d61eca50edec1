/* fact.h - Print what isobath machine found as CSV, a row a fact. */
#ifndef FACT_H
#define FACT_H

#include "sim/core/answer/table.h"

/* A text that is NULL is an empty field, and so is an unknown number. */
struct fact {
    const char   *kind, *name, *threads;
    const char   *word;              /* NULL: `value` is a number */
    struct amount value, slowest;
    const char   *unit, *source, *reason;
};

/* Caller releases with table_close(). */
void facts_open(struct table *out);
void facts_add(struct table *facts, struct fact fact);

#endif
