/* tables.h - Add the tables of a report to its findings. */
#ifndef TABLES_H
#define TABLES_H

#include "reports/findings.h"

/* Each file tables_*.c adds its tables. */
void tables_answer(struct report *report);
void tables_study(struct report *report);
void tables_tradeoff(struct report *report);
void tables_cost(struct report *report);
void tables_trust(struct report *report);
void tables_validate(struct report *report);

#endif
