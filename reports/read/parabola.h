/* parabola.h - Fit loss against the logarithm of size, and find the lowest. */
#ifndef PARABOLA_H
#define PARABOLA_H

#include <stdbool.h>
#include <stddef.h>

struct parabola {
    double size, loss;           /* of the vertex; NAN: it opens downwards, or
                                  * less than three sizes were tried */
    double bend;                 /* loss rises from there by that, times the
                                  * square of log(size / vertex) */
    double first, last;          /* the smallest and the largest size tried */
    int    n_sizes;
    bool   bracketed;            /* the vertex is a minimum between those two */
    bool   falls;                /* else: at the larger end loss is lower */
};

/* Least squares; size[n] > 0, loss[n]. */
struct parabola parabola_fit(const double *size, const double *loss, size_t n);

#endif
