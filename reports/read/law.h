/* law.h - Fit how loss falls with what a model costs a token and with the tokens
 * that it saw: L = E + A / size^alpha + B / tokens^beta (Hoffmann et al. 2022,
 * arXiv 2203.15556, section 3.3).
 *
 * Size is parameters or FLOPs a token; then size times tokens is compute. */
#ifndef LAW_H
#define LAW_H

#include <stdbool.h>
#include <stddef.h>
#include "sim/core/base/error.h"

struct law_point {
    double size, tokens, loss;          /* all above 0 */
};

struct law {
    double e, a, b, alpha, beta;
};

/* Runs that a fit needs at the least: one more than it has numbers. */
enum { LAW_FEWEST = 6 };

/* The law with the least sum of Huber's loss of log(fitted / seen), which turns
 * linear at 1e-3 (as Hoffmann et al., section D.2): E, A and B are not below zero
 * and solved for each pair of exponents, of which the best is searched (variable
 * projection; Golub and Pereyra, SIAM Journal on Numerical Analysis 10, 1973).
 * `near` is the law of points like these, from which the search starts and which
 * it leaves to three digits, as intervals need; NULL: anywhere, and to six.
 * False: fewer points, or less than three sizes or numbers of tokens among them,
 * or no memory. */
bool   law_fit(struct law *out, const struct law_point *point, size_t n,
               const struct law *near);

double law_loss(const struct law *law, double size, double tokens);

/* The least loss of models whose size times tokens is this compute, and the size
 * of the model that has it (size may be NULL). */
double law_least(const struct law *law, double compute, double *size);

/* The compute whose least loss this is; NAN where the law never gets there. */
double law_compute(const struct law *law, double loss);

#endif
