/* prices.h - Read what a sweep of isobath predict priced. */
#ifndef PRICES_H
#define PRICES_H

#include "reports/read/run.h"

/* FLOPs, bytes, seconds, joules. */
enum { PRICED_METRICS = 4 };
extern const enum metric priced_metrics[PRICED_METRICS];

struct priced_point {
    const char *name;              /* borrowed from the sweep's table */
    struct amount per_token[PRICED_METRICS];
    struct amount of_twin[PRICED_METRICS], of_rival[PRICED_METRICS];
    double rival_layers, memory, parameters;           /* NAN: unknown */
};

/* Layers of a point that cost alike. */
struct priced_layers {
    size_t point;                  /* index of it */
    char   name[64];               /* "0", "1, 3, 5", "outside" */
    struct amount per_token[PRICED_METRICS], of_twin[PRICED_METRICS];
};

/* The points of all sweeps that were priced, in their order. */
struct prices {
    struct priced_point *point;    /* [n] */
    size_t n;
    struct priced_layers *layers;  /* [n_layers] in the order of the points */
    size_t n_layers;
    const struct run *run;         /* the first such sweep; NULL: there is none */
    char   rival[64];              /* of its points, as predict --against has it */
};

/* The runs must outlive it.  Errors name file and line. */
enum status prices_open(struct prices *out, const struct run *runs, size_t n,
                        struct error *err) MUST_CHECK;
void        prices_close(struct prices *priced);

#endif
