/* route_table_inside.h - Hold a table of contexts, for what keeps it, reads it and
 * cuts it. */
#ifndef ROUTE_TABLE_INSIDE_H
#define ROUTE_TABLE_INSIDE_H

#include "sim/core/model/plan.h"
#include "sim/core/model/route_table.h"

struct context {
    int32_t id[ROUTE_TABLE_ORDER];    /* the oldest first */
    int32_t n;
    int64_t count;
};

/* Whose numbers stand in a column: a part's where parts are apart, else the
 * layer's, which is called its block. */
struct counted {
    int32_t layer;
    enum routed_part part;
};

struct route_table {
    struct counted counted[PLAN_MAX_CHOICES];   /* [n_columns], in the order of
                                       * choices */
    int32_t n_columns;
    int32_t column[SPEC_MAX_LAYERS][PART_APART];   /* -1: none */
    int     order;
    struct context *context;          /* [n] */
    int64_t *kept;                    /* [n,n_columns] */
    float   *score;                   /* likewise, of a fitted table */
    double   share[PLAN_MAX_CHOICES]; /* [n_columns] kept of the counted tokens */
    int64_t  n, room;
    int64_t *slot;                    /* [n_slots] of context + 1; 0: free */
    int64_t  n_slots;                 /* a power of 2, at least 2 n */
};

/* What a column of the part has behind its layer. */
extern const char *const route_table_suffixes[PART_APART];

/* Nothing counted, and no column yet; NULL: no memory, and err says so. */
struct route_table *route_table_new(struct error *err) MUST_CHECK;
void    route_table_add_column(struct route_table *t, int32_t layer,
                               enum routed_part part);
int32_t route_table_column(const struct route_table *t, int32_t layer,
                           enum routed_part part);
/* The context's place, new ones with nothing counted. */
enum status route_table_place(int64_t *out, struct route_table *t,
                              const int32_t *id, int32_t n,
                              struct error *err) MUST_CHECK;
/* Of those without their oldest token; -1: it is the empty one. */
int64_t     route_table_parent(const struct route_table *t, int64_t i);
enum status route_table_no_memory(const struct route_table *t,
                                  struct error *err);

#endif
