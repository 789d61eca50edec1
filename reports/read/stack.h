/* stack.h - Gather the ops of a ledger into a few kinds of work. */
#ifndef STACK_H
#define STACK_H

#include "reports/read/witness.h"

/* From the bottom of a bar to its top.  Dark and light alternate, so that grey
 * prints can be read. */
#define STACK_MAP(X)                                                           \
    X(PROJECTION, "attention projections")                                     \
    X(MIX,        "attention mix")                                             \
    X(UP,         "FFN up")                                                    \
    X(DOWN,       "FFN down")                                                  \
    X(ROUTING,    "router, gather")                                            \
    X(NORM,       "norm, activation")                                          \
    X(OTHER,      "head, loss, update")

enum stack {
#define X(id, name) STACK_##id,
    STACK_MAP(X)
#undef X
    STACK_COUNT
};
extern const char *const stack_names[STACK_COUNT];

struct stacked {
    double of[STACK_COUNT], whole;     /* known amounts alone; 0: none */
    enum provenance from;              /* the weakest that went in */
    bool   modelled;
};

/* Over the ops that match; LEDGER_ANY matches all.  The exact tally comes before
 * what counters saw of an op. */
struct stacked stack_sum(const struct witnesses *witnesses, enum metric metric,
                         int pass, int32_t layer);

/* "feed-forward", "attention": the part of a transformer with the most of it, and
 * its share of the whole. */
const char *stack_largest(const struct stacked *stacked, double *share);

#endif
