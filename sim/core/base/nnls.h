/* nnls.h - Solve least squares with coefficients that are not below zero. */
#ifndef NNLS_H
#define NNLS_H

#include "sim/core/base/error.h"

enum { NNLS_MAX = 16 };          /* unknowns */

/* x[n] >= 0 that makes |a x - b| least; a [m,n] by rows, m >= 1, 1 <= n <= 16.
 * Scale the columns alike first: what is too small to matter is judged beside
 * |b|.  Of columns that are multiples of each other one gets all.
 * The method: Lawson and Hanson, Solving Least Squares Problems, 1974, chapter
 * 23, algorithm NNLS; the inner problems by Householder's reflections, chapter
 * 11.  STATUS_NO_MEMORY; STATUS_FAILED when it does not settle. */
enum status nnls(double *x, const double *a, const double *b, int m, int n,
                 struct error *err) MUST_CHECK;

/* The share of each column that is its own: the length that remains when
 * everything the other columns can make of it is taken away, divided by its
 * whole length.  1: at right angles to them all; 0: it depends on them.  A
 * column of zeros has 0.  own[n]. */
enum status nnls_own(double *own, const double *a, int m, int n,
                     struct error *err) MUST_CHECK;

/* Largest by smallest singular value of a, HUGE_VAL when the columns depend on
 * each other: 1e8 is as far as it sees (it takes the eigenvalues of a'a, by
 * Jacobi's rotations). */
double nnls_condition(const double *a, int m, int n);

#endif
