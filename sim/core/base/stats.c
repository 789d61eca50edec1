/* stats.c - Summarize samples: medians, spreads, and differences with the
 * interval within which they are known. */
#include "sim/core/base/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/error.h"
#include "sim/core/base/random.h"

struct spread stats_spread(const double *x, size_t n)
{
    struct spread s = { .n = n, .mean = nan(""), .sd = nan("") };
    double sum = 0, squares = 0;

    if (n == 0)
        return s;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    s.mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - s.mean) * (x[i] - s.mean);
    if (n > 1)
        s.sd = sqrt(squares / (double)(n - 1));
    return s;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void stats_sort(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_value);
}

double stats_median(double *x, size_t n)
{
    if (n == 0)
        return nan("");
    stats_sort(x, n);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

double stats_deviation(double *x, size_t n, double *median)
{
    *median = stats_median(x, n);
    for (size_t i = 0; i < n; i++)
        x[i] = fabs(x[i] - *median);
    return stats_median(x, n);
}

double stats_quantile(double *x, size_t n, double q)
{
    /* A product that is above a whole number only in its last bits is that
     * number. */
    double rank = ceil(q * (double)n * (1 - 1e-12));

    if (n == 0)
        return nan("");
    stats_sort(x, n);
    return x[rank < 1 ? 0 : rank > (double)n ? n - 1 : (size_t)rank - 1];
}

void stats_middle(double *x, size_t n, double *low, double *high)
{
    stats_sort(x, n);
    *low = x[n / 40];
    *high = x[n - 1 - n / 40];
}

/* Values above the last equal to x[i] come after it: a tie is one step. */
static size_t last_equal(const double *x, size_t n, size_t i)
{
    while (i + 1 < n && x[i + 1] == x[i])
        i++;
    return i;
}

size_t stats_distribution(double *x, size_t n, struct stats_step *out,
                          size_t limit)
{
    size_t distinct = 0, steps = 0, at = 0;

    stats_sort(x, n);
    for (size_t i = 0; i < n; i++)
        distinct += i == 0 || x[i] != x[i - 1];
    while (at < n) {
        at = last_equal(x, n, at);
        out[steps++] = (struct stats_step){ x[at],
                                            (double)(at + 1) / (double)n };
        at++;
        if (distinct > limit && steps < limit) {
            size_t even = (size_t)((double)(n - 1) * (double)steps /
                                   (double)(limit - 1));
            at = even > at ? even : at;
        }
    }
    return steps;
}

double stats_t95(double df)
{
    static const double table[] = {
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
         2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
         2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    };
    const size_t n = sizeof table / sizeof *table;
    const double z = 1.959964;         /* the normal distribution's 97.5 % */
    const double z3 = z * z * z;

    df = floor(df);
    if (df <= (double)n)
        return table[df < 1 ? 0 : (size_t)df - 1];
    return z + (z3 + z) / (4 * df) +
           (5 * z3 * z * z + 16 * z3 + 3 * z) / (96 * df * df);
}

static double away_from_0(double x)
{
    return fabs(x) < 1e-300 ? 1e-300 : x;
}

/* The continued fraction of the incomplete beta function, by Lentz's method
 * (Press et al., Numerical Recipes in C, 2nd ed., 1992, section 6.4). */
static double beta_fraction(double x, double a, double b)
{
    const double enough = 1e-15;
    double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), f = d;

    for (int m = 1; m < 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x /
                     ((a + 2 * m) * (a + 2 * m + 1));
        double before = f;
        d = 1 / away_from_0(1 + even * d);
        c = away_from_0(1 + even / c);
        f *= c * d;
        d = 1 / away_from_0(1 + odd * d);
        c = away_from_0(1 + odd / c);
        f *= c * d;
        if (fabs(f - before) < enough * f)
            break;
    }
    return f;
}

/* The share of the incomplete beta function below x. */
static double beta_share(double x, double a, double b)
{
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) +
                       b * log1p(-x));

    if (x <= 0 || x >= 1)
        return x > 0;
    return x < (a + 1) / (a + b + 2)
           ? front * beta_fraction(x, a, b) / a
           : 1 - front * beta_fraction(1 - x, b, a) / b;
}

/* The chance that |t| of `df` degrees of freedom exceeds t (Abramowitz and
 * Stegun 26.7.1). */
static double t_beyond(double t, double df)
{
    return beta_share(df / (df + t * t), df / 2, 0.5);
}

/* The t that |t| exceeds with that chance: bisection, to the last digits. */
static double t_of(double chance, double df)
{
    double low = 0, high = 1;

    while (t_beyond(high, df) > chance)
        high *= 2;
    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        *(t_beyond(middle, df) > chance ? &low : &high) = middle;
    }
    return high;
}

double stats_p(struct difference d)
{
    if (!isfinite(d.mean) || !(d.df >= 1))
        return nan("");
    if (d.error == 0)
        return d.mean == 0;
    return t_beyond(fabs(d.mean) / d.error, d.df);
}

double stats_p_below(struct difference d, double limit)
{
    const double far = limit - d.mean;

    if (!isfinite(d.mean) || !(d.df >= 1))
        return nan("");
    if (d.error == 0)
        return far <= 0;
    double half = t_beyond(fabs(far) / d.error, d.df) / 2;
    return far > 0 ? half : 1 - half;
}

double stats_p_within(struct difference d, double margin)
{
    double below = stats_p_below(d, margin);

    d.mean = -d.mean;
    return fmax(below, stats_p_below(d, margin));
}

double stats_seen(struct difference d, double level)
{
    const double missed = 0.2;         /* a power of 80 % */

    if (!isfinite(d.mean) || !(d.df >= 1))
        return nan("");
    return (t_of(level, d.df) + t_of(2 * missed, d.df)) * d.error;
}

/* Each p times how many are no smaller: Holm's factor. */
static double holm_factor(const double *p, size_t n, size_t i)
{
    double no_smaller = 0;

    for (size_t j = 0; j < n; j++)
        no_smaller += p[j] >= p[i];
    return no_smaller;
}

void stats_holm(double *p, size_t n)
{
    double *scaled = error_noted(malloc((n + 1) * sizeof *scaled));
    double *adjusted = error_noted(malloc((n + 1) * sizeof *adjusted));

    for (size_t i = 0; scaled && i < n; i++)
        scaled[i] = p[i] * holm_factor(p, n, i);
    for (size_t i = 0; scaled && adjusted && i < n; i++) {
        adjusted[i] = scaled[i];
        for (size_t j = 0; j < n; j++)
            if (p[j] <= p[i])
                adjusted[i] = fmax(adjusted[i], scaled[j]);
    }
    for (size_t i = 0; i < n; i++)
        p[i] = scaled && adjusted ? fmin(1, adjusted[i]) + 0 * p[i] : nan("");
    free(scaled);
    free(adjusted);
}

/* Nothing is known yet of a difference. */
static struct difference unknown(size_t n, double mean)
{
    return (struct difference){ .n = n, .mean = mean, .low = nan(""),
                                .high = nan("") };
}

/* Student's t interval. */
static void set_interval(struct difference *d, double error, double df)
{
    double half = stats_t95(df) * error;

    d->error = error;
    d->df = df;
    d->low = d->mean - half;
    d->high = d->mean + half;
}

/* The middle 95 % of the ratios of resampled sums; b NULL: of the means. */
static void bootstrap(struct difference *d, const double *a, const double *b)
{
    double ratio[STATS_BOOTSTRAP_ROUNDS];
    struct random random = random_seeded(1);

    for (size_t round = 0; round < STATS_BOOTSTRAP_ROUNDS; round++) {
        double over = 0, under = 0;
        for (size_t i = 0; i < d->n; i++) {
            uint32_t drawn = random_below(&random, (uint32_t)d->n);
            over += a[drawn];
            under += b ? b[drawn] : 1;
        }
        ratio[round] = over / under;
    }
    stats_middle(ratio, STATS_BOOTSTRAP_ROUNDS, &d->low, &d->high);
}

struct difference stats_mean_interval(struct spread s)
{
    struct difference d = unknown(s.n, s.mean);

    if (s.n >= 2)
        set_interval(&d, s.sd / sqrt((double)s.n), (double)s.n - 1);
    return d;
}

struct difference stats_paired(const double *a, const double *b, size_t n)
{
    struct difference d = unknown(n, nan(""));
    double *difference = error_noted(calloc(n ? n : 1, sizeof *difference));

    if (!difference)
        return d;
    for (size_t i = 0; i < n; i++)
        difference[i] = a[i] - b[i];
    d = stats_mean_interval(stats_spread(difference, n));
    if (n >= STATS_BOOTSTRAP_FROM)
        bootstrap(&d, difference, NULL);
    free(difference);
    return d;
}

struct difference stats_ratio(const double *a, const double *b, size_t n)
{
    struct difference d = unknown(n, nan(""));
    double over = 0, under = 0, squares = 0, half;

    for (size_t i = 0; i < n; i++) {
        over += a[i];
        under += b[i];
    }
    if (n == 0 || under == 0)
        return d;
    d.mean = over / under;
    for (size_t i = 0; i < n; i++)
        squares += (a[i] - d.mean * b[i]) * (a[i] - d.mean * b[i]);
    if (n > 1) {
        d.df = (double)n - 1;
        half = stats_t95(d.df) * (double)n / under *
               sqrt(squares / d.df / (double)n);
        d.error = half / stats_t95(d.df);
        d.low = d.mean - half;
        d.high = d.mean + half;
    }
    if (n >= STATS_BOOTSTRAP_FROM)
        bootstrap(&d, a, b);
    return d;
}

struct difference stats_welch(struct spread a, struct spread b)
{
    struct difference d = unknown(a.n < b.n ? a.n : b.n, a.mean - b.mean);
    const double va = a.sd * a.sd / (double)a.n;
    const double vb = b.sd * b.sd / (double)b.n;

    if (d.n >= 2)
        set_interval(&d, sqrt(va + vb), va + vb > 0
            ? (va + vb) * (va + vb) / (va * va / ((double)a.n - 1) +
                                       vb * vb / ((double)b.n - 1))
            : (double)d.n - 1);
    return d;
}

struct difference stats_two_factors(struct difference d,
                                    struct difference second)
{
    const double a = d.error * d.error, b = second.error * second.error;

    if (d.df >= 1 && second.df >= 1 && b > 0)
        set_interval(&d, sqrt(a + b),
                     (a + b) * (a + b) / (a * a / d.df + b * b / second.df));
    return d;
}

enum verdict stats_verdict(struct difference d, double p, double p_within)
{
    const double level = 0.05;

    if (d.n < STATS_FEWEST_SEEDS || isnan(p) || !isfinite(d.low) ||
        !isfinite(d.high))
        return VERDICT_UNKNOWN;
    if (p < level)
        return d.mean < 0 ? VERDICT_LOWER : VERDICT_HIGHER;
    return p_within < level ? VERDICT_SAME : VERDICT_OPEN;
}

/* The most values that may be cut at each end: the largest r for which at most
 * r of n fair coins show heads with a chance below 2.5 %.  -1: none may. */
static int cut_ranks(size_t n)
{
    double term = pow(0.5, (double)n), below = term;
    int r = -1;
    /* The normal approximation, where 2^-n is nothing: off by less than one
     * rank, towards the wider. */
    if (n > 500)
        return (int)floor((double)n / 2 - 0.98 * sqrt((double)n)) - 2;
    for (size_t i = 0; below < 0.025 && i < n; i++) {
        r = (int)i;
        term *= (double)(n - i) / (double)(i + 1);
        below += term;
    }
    return r;
}

struct difference stats_median_interval(const double *x, size_t n)
{
    struct difference d = unknown(n, nan(""));
    double *sorted = error_noted(malloc((n + 1) * sizeof *sorted));
    if (!sorted)
        return d;
    memcpy(sorted, x, n * sizeof *sorted);
    d.mean = stats_median(sorted, n);
    int cut = cut_ranks(n);
    if (cut >= 0) {
        d.low = sorted[cut];
        d.high = sorted[n - 1 - (size_t)cut];
    }
    free(sorted);
    return d;
}
