/* stats.h - Summarize samples: medians, spreads, and differences with the
 * interval within which they are known. */
#ifndef STATS_H
#define STATS_H

#include <stddef.h>
#include <stdint.h>

struct spread {
    size_t n;
    double mean;               /* NAN when n is 0 */
    double sd;                 /* of the sample; NAN when n < 2 */
};
struct spread stats_spread(const double *x, size_t n);

/* Sort in place, the smallest first. */
void stats_sort(double *x, size_t n);

/* The value in the middle, the mean of the middle two when n is even; NAN when
 * n is 0.  Sorts x. */
double stats_median(double *x, size_t n);

/* The median of |x - *median|.  Stores the median of x, and replaces x by those
 * distances, sorted. */
double stats_deviation(double *x, size_t n, double *median);

/* The value that |t| of `df` degrees of freedom stays below in 95 % of cases;
 * df is rounded down, at least 1.  NIST/SEMATECH e-Handbook, table 1.3.6.7.2;
 * past 30 the expansion of Abramowitz and Stegun 26.7.5, wrong by < 1e-4. */
double stats_t95(double df);

/* The smallest of the values that at least the share q, 0 < q <= 1, of them
 * does not exceed; NAN when n is 0.  Sorts x. */
double stats_quantile(double *x, size_t n, double q);

/* The interval that leaves out one value in 40 (rounded down) at each end: the
 * middle 95 %.  n is not 0; sorts x. */
void stats_middle(double *x, size_t n, double *low, double *high);

/* The share of values at or below x. */
struct stats_step {
    double x, share;
};

/* The empirical distribution of n values as at most `limit` (>= 2) steps: all
 * of its distinct values where they fit, else those at ranks evenly spaced from
 * the smallest to the largest.  Returns how many steps; sorts x. */
size_t stats_distribution(double *x, size_t n, struct stats_step *out,
                          size_t limit);

/* a - b with its 95 % interval, whose ends are NAN when nothing can be said. */
struct difference {
    size_t n;                  /* pairs; of independent samples the smaller n */
    double mean, low, high;
    double error, df;          /* standard error of the mean, and the degrees of
                                * freedom it is known with; df 0: not known */
};

/* The chance of a mean at least so far from 0 where the truth is 0, by
 * Student's t; NAN when the standard error is not known. */
double stats_p(struct difference difference);

/* The chance of a mean at least so far below `limit` where the truth is not
 * below it: Student's t, one-sided.  NAN when the standard error is not
 * known. */
double stats_p_below(struct difference difference, double limit);

/* The chance of a mean so near 0 where the truth is off by `margin` or more: of
 * two one-sided tests the larger p (TOST; Schuirmann, Journal of
 * Pharmacokinetics and Biopharmaceutics 15, 1987). */
double stats_p_within(struct difference difference, double margin);

/* The true difference that 4 of 5 such samples would tell from 0 at that level,
 * 0.05 say: the usual power of 80 % (Cohen, Statistical Power Analysis, 2nd
 * ed., 1988, section 2.4).  NAN when the standard error is not known. */
double stats_seen(struct difference difference, double level);

/* Replace each p by that of Holm's procedure (Scandinavian Journal of
 * Statistics 6, 1979): the chance of one false finding among all of them stays below the
 * level that each is compared with.  NAN: not tested, left as it is. */
void stats_holm(double *p, size_t n);

/* Student's t interval of a mean. */
struct difference stats_mean_interval(struct spread spread);

enum { STATS_BOOTSTRAP_FROM = 20, STATS_BOOTSTRAP_ROUNDS = 4000 };

/* a[i] and b[i] share a seed.  Student's t interval of the mean difference;
 * from STATS_BOOTSTRAP_FROM pairs on, the percentile bootstrap (Efron 1979),
 * drawn by a generator of fixed seed, so that a report repeats itself. */
struct difference stats_paired(const double *a, const double *b, size_t n);

/* Sum of a over sum of b, where a[i] and b[i] belong to one block of a text
 * that several share: b is its tokens, or a loss to compare with.  Interval
 * over blocks: Student's t on the residuals a - ratio b (Cochran, Sampling
 * Techniques, 3rd ed., 1977, section 6.4), from STATS_BOOTSTRAP_FROM blocks on
 * the percentile bootstrap. */
struct difference stats_ratio(const double *a, const double *b, size_t n);

/* An interval of the median at 95 % or a little more, from ranks alone, so
 * valid for any distribution (Conover, Practical Nonparametric Statistics, 3rd
 * ed., 1999, section 3.2).  mean holds the median; ends are NAN below 6 values,
 * which cannot give 95 %. */
struct difference stats_median_interval(const double *x, size_t n);

/* Independent samples: Welch's interval (Biometrika 34, 1947). */
struct difference stats_welch(struct spread a, struct spread b);

/* The same mean where a second factor varies too, independently of the first:
 * their variances add up, with Satterthwaite's degrees of freedom (Biometrics
 * Bulletin 2, 1946).  What both factors share is counted twice, as the pigeonhole
 * bootstrap does (Owen, Annals of Applied Statistics 1, 2007), so the interval is
 * rather too wide.  Without an error of the second: as it was. */
struct difference stats_two_factors(struct difference difference,
                                    struct difference second);

/* The conclusion that a difference allows. */
enum verdict {
    VERDICT_UNKNOWN,           /* nothing: too few samples, or no interval */
    VERDICT_OPEN,              /* neither told from 0 nor known to be small */
    VERDICT_SAME,              /* known to be within the margin */
    VERDICT_LOWER, VERDICT_HIGHER
};

/* Five pairs are the fewest whose t interval is within 1.5 times as wide as
 * that of many: 2.776 / 1.960 = 1.42, with four 1.62. */
enum { STATS_FEWEST_SEEDS = 5 };

/* p is that of the difference, p_within that of stats_p_within(), both corrected
 * where it is one of several. */
enum verdict stats_verdict(struct difference difference, double p,
                           double p_within);

#endif
