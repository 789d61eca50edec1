/* figure_isoflop.h - Hold the settings that the figure of loss against size draws;
 * for figure_isoflop.c and figure_isoflop_data.c alone. */
#ifndef FIGURE_ISOFLOP_H
#define FIGURE_ISOFLOP_H

#include "reports/figures/figures.h"

/* One setting in its place. */
struct dot {
    const struct setting *s;
    double size;               /* parameters */
    double x;                  /* where it is drawn: beside others of its size */
    struct difference loss;    /* mean under the causal rule, 95 % interval */
    bool   last;               /* of its curve, from the left */
};

struct isoflop {
    struct dot *dot;           /* [n] by budget, kind, capacity and size */
    int    n, n_capacities;
    double *capacity;          /* [n_capacities] of MoD, ascending */
    const struct study *study;
    double x0, x1, y0, y1;
    double end;                /* where the names of curves start */
    int    cut;                /* intervals that end outside of the frame */
};

double      isoflop_layers(const struct dot *dot);
double      isoflop_channels(const struct dot *dot);

/* "MoD 12.5%, 10 TFLOP": the curve of a dot, and its budget where there are
 * several. */
void        isoflop_name(char out[96], const struct isoflop *isoflop,
                         const struct dot *dot);

/* The number of dots of the curve that starts at the i-th. */
int         isoflop_length(const struct isoflop *isoflop, int i);

/* Five blocks a curve: seeds, means, lines that join means, the parabola through
 * all of its runs, and the parabola's lowest point, where it is between the
 * sizes.  Returns the number of those. */
int         isoflop_data(struct plot *plot, const struct isoflop *isoflop,
                         const struct scaling *scaling);

#endif
