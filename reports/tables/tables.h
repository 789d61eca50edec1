/* tables.h - List the files that add tables to a report, in the order of the
 * page. */
#ifndef TABLES_H
#define TABLES_H

#include "reports/findings.h"
#include "reports/read/csv.h"

/* tables_NAME() of tables_NAME.c adds the tables that the findings can fill. */
#define TABLES_MAP(X)                                                          \
    X(answer)                                                                  \
    X(against)                                                                 \
    X(asked)                                                                   \
    X(flips)                                                                   \
    X(rates)                                                                   \
    X(claims)                                                                  \
    X(study)                                                                   \
    X(scaling)                                                                 \
    X(choices)                                                                 \
    X(tradeoff)                                                                \
    X(priced)                                                                  \
    X(traffic)                                                                 \
    X(cost)                                                                    \
    X(trust)                                                                   \
    X(validate)

#define X(name) void tables_##name(struct report *report);
TABLES_MAP(X)
#undef X

/* A number of a summary; unknown with a reason when none holds it. */
struct amount tables_known(double value, enum provenance from);
/* A cell of a plain column; NAN: the question has no sense there. */
void          tables_or_skip(struct table *table, double value,
                             enum provenance from);
/* The cells from column `first` on: what the row of the file has under their keys,
 * numbers with KEY_low and KEY_high, known as KEY_source says or else `from`.  An
 * empty field is a question that has no sense there. */
void          tables_fields(struct table *table, const struct csv *csv,
                            size_t row, size_t first, enum provenance from);

#endif
