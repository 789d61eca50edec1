/* router_tables.h - Put tables of the last few tokens in a router's place, and
 * see what a prediction loses by it.
 *
 * A table (sim/core/model/route_table.h) is counted on the first half of a
 * record's windows, from the choices of the rule of training, and judged on the
 * second: it needs no stream, no score and no look ahead.  Beside the tables
 * stands a control that draws. */
#ifndef ROUTER_TABLES_H
#define ROUTER_TABLES_H

#include "models/scoring/router_view.h"
#include "sim/core/model/route_table.h"

struct router_table {
    int      order;                /* tokens of a context, at most; 0: no
                                    * table, a choice keeps each token with the
                                    * chance `capacity` of the spec */
    int64_t  contexts;             /* that the table holds */
    struct confusion found[PLAN_MAX_CHOICES];   /* guesses of the choices of the
                                    * rule of training, by choice */
    double   auc[PLAN_MAX_CHOICES];
    double   capacity;             /* share kept by all choices */
    uint64_t flops;                /* counted, without loss */
    float   *nats;                 /* [judged] of the record's tokens from
                                    * router_judged() on */
};

/* True if a record of so many windows can be halved, and each routed layer makes
 * one choice. */
bool router_tables_apply(int64_t n_windows, const struct model_spec *spec);

/* Count, fit and judge a table of contexts of up to `order` tokens, 0 to
 * ROUTE_TABLE_ORDER.  Release with router_table_close() whatever came back. */
enum status router_table_open(struct router_table *out, int order,
                              const struct router_record *record,
                              struct run_arm *arm,
                              struct error *err) MUST_CHECK;
void        router_table_close(struct router_table *table);

#endif
