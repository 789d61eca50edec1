/* budget.h - Choose an option of each of several things, so that together they
 * lose least within a budget. */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include "sim/core/base/error.h"

struct budget_option {
    double cost, loss;
};

struct budget_thing {
    const struct budget_option *option;    /* [n], at least one; borrowed */
    int n;
    int chosen;                    /* index of the option */
};

struct budget_choice {
    double cost, loss;             /* summed over what was chosen */
    double multiplier;             /* loss that a unit more would save: of the
                                    * best step that did not fit; 0: all did */
    bool   fits;                   /* false: the cheapest of each cost more than
                                    * the budget; they are chosen then */
};

/* From the cheapest option of each, take the steps along the lower convex hull
 * of its options that save most loss for a unit of cost, while they fit: the
 * optimum of the relaxed problem (a Lagrangian of this multiplier; Everett
 * 1963, Operations Research 11), and within one step of that of the whole one.
 * What is left of the budget then goes to single changes, whatever saves most
 * first.  STATUS_NO_MEMORY. */
enum status budget_choose(struct budget_thing *thing, int n, double budget,
                          struct budget_choice *out,
                          struct error *err) MUST_CHECK;

#endif
