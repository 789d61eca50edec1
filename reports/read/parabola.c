/* parabola.c - Fit loss against the logarithm of size, and find the lowest. */
#include "reports/read/parabola.h"

#include <math.h>

static int count_sizes(const double *size, size_t n)
{
    int found = 0;

    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen |= size[k] == size[i];
        found += !seen;
    }
    return found;
}

/* Polynomials that are orthogonal over the points: 1, u = log size less its mean,
 * and q = u^2 - (S3 / S2) u - S2 / n. */
struct parabola parabola_fit(const double *size, const double *loss, size_t n)
{
    struct parabola p = { nan(""), nan(""), nan(""), HUGE_VAL, 0,
                          count_sizes(size, n), false, false };
    double mean = 0, level = 0, s2 = 0, s3 = 0, uy = 0, qy = 0, qq = 0;

    for (size_t i = 0; i < n; i++) {
        p.first = fmin(p.first, size[i]);
        p.last = fmax(p.last, size[i]);
        mean += log(size[i]) / (double)n;
        level += loss[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        const double u = log(size[i]) - mean;
        s2 += u * u;
        s3 += u * u * u;
        uy += u * (loss[i] - level);
    }
    p.falls = uy < 0;
    if (p.n_sizes < 3)
        return p;
    for (size_t i = 0; i < n; i++) {
        const double u = log(size[i]) - mean;
        const double q = u * u - s3 / s2 * u - s2 / (double)n;
        qy += q * (loss[i] - level);
        qq += q * q;
    }
    const double slope = uy / s2, bend = qy / qq;
    const double u = (s3 / s2 - slope / bend) / 2;
    if (!(bend > 0))
        return p;
    p.bend = bend;
    p.size = exp(mean + u);
    p.loss = level + slope * u +
             bend * (u * u - s3 / s2 * u - s2 / (double)n);
    p.bracketed = p.size > p.first && p.size < p.last;
    return p;
}
