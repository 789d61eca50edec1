/* route_table.h - Count which tokens routed layers kept after the last few
 * tokens of a text, and route by the counts.
 *
 * CSV, a line for each context, the shortest first; tokens are ids, the oldest
 * first, and the last one is the token that is kept or not:
 *     context,count,kept_1,kept_3
 *     ,4096,512,512
 *     32,700,3,690
 *     101 32,81,0,81
 * count is how often the context was seen, kept_L how often layer L kept its
 * last token; where parts are apart, kept_L_attention and kept_L_ffn how often
 * each did.  Contexts that were seen once are left out: they say of one token
 * what it did.
 *
 * A context's share is (kept + p) / (count + 1), where p is the share of the
 * context without its oldest token: one token's worth of belief in that (a
 * hierarchical Dirichlet prior of weight 1; MacKay and Peto 1995, "A hierarchical
 * Dirichlet language model").  A token goes by the longest context that the
 * table has. */
#ifndef ROUTE_TABLE_H
#define ROUTE_TABLE_H

#include <stdint.h>
#include <stdio.h>
#include "sim/core/model/spec.h"

enum { ROUTE_TABLE_ORDER = 5 };   /* tokens of a context, at most */
#define ROUTE_TABLE_FILE "route_table.csv"    /* its name in a run directory */

struct route_table;               /* opaque: route_table.c */

/* An empty table of contexts of up to `order` tokens (1..ROUTE_TABLE_ORDER), for
 * the choices that `spec` makes (plan.h).  Caller releases with route_table_close(); NULL
 * is fine. */
enum status route_table_open(struct route_table **out,
                             const struct model_spec *spec, int order,
                             struct error *err) MUST_CHECK;
void        route_table_close(struct route_table *table);

/* Count a sequence: kept[i*n + t] says that the i-th of the table's choices kept
 * ids[t]. */
enum status route_table_count(struct route_table *table, const int32_t *ids,
                              const bool *kept, int32_t n,
                              struct error *err) MUST_CHECK;

/* STATUS_IO: the file failed. */
enum status route_table_write(const struct route_table *table, FILE *file,
                              struct error *err) MUST_CHECK;
/* STATUS_BAD_FORMAT: "file:line:column: what". */
enum status route_table_read(struct route_table **out, const char *path,
                             struct error *err) MUST_CHECK;

/* Set each choice's cut so that, over the tokens that were counted, the share
 * kept is as near the spec's capacity as the counts allow.  A part goes by its
 * own number, or by that of its layer.  STATUS_BAD_VALUE: the table lacks a choice
 * that the spec makes. */
enum status route_table_fit(struct route_table *table,
                            const struct model_spec *spec,
                            struct error *err) MUST_CHECK;
/* Of a fitted table: that share. */
double      route_table_share(const struct route_table *table, int32_t layer,
                              enum routed_part part);

/* Of a fitted table: the share of the context that ends in newest[0], less the
 * choice's cut: it keeps the token where this is 0 or more.  Tokens
 * newest[-1], newest[-2], ... came before, `before` of them in the sequence. */
float       route_table_score(const struct route_table *table, int32_t layer,
                              enum routed_part part, const int32_t *newest,
                              int32_t before);

int64_t     route_table_contexts(const struct route_table *table);
int         route_table_order(const struct route_table *table);

#endif
