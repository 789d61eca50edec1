/* doubt.c - Correlate a ratio's draws with those of a machine's numbers. */
#include "sim/price/doubt.h"

#include <math.h>

/* Less its mean, over its spread; 0 where that is less than `least`, or unknown. */
static void standardise_if(double x[BILL_DRAWS], double least)
{
    double mean = 0, square = 0;

    for (int i = 0; i < BILL_DRAWS; i++)
        mean += x[i] / BILL_DRAWS;
    for (int i = 0; i < BILL_DRAWS; i++)
        square += (x[i] - mean) * (x[i] - mean) / BILL_DRAWS;
    const bool drawn = sqrt(square) > fmax(least, 1e-12 * fabs(mean));
    for (int i = 0; i < BILL_DRAWS; i++)
        x[i] = drawn ? (x[i] - mean) / sqrt(square) : 0;
}

/* Draws of one value differ by what rounding its mean does. */
static void standardise(double x[BILL_DRAWS])
{
    standardise_if(x, 0);
}

static double correlation(const double *x, const double *y)
{
    double sum = 0;

    for (int i = 0; i < BILL_DRAWS; i++)
        sum += x[i] * y[i] / BILL_DRAWS;
    return sum;
}

/* Of each part what those before it do not tell (Gram and Schmidt). */
static void tell_apart(double of[][BILL_DRAWS], int n)
{
    static const double nothing_left = 1e-6;

    for (int p = 1; p < n; p++) {
        for (int q = 0; q < p; q++) {
            const double r = correlation(of[p], of[q]);
            for (int i = 0; i < BILL_DRAWS; i++)
                of[p][i] -= r * of[q][i];
        }
        standardise_if(of[p], nothing_left);
    }
}

void doubt_draw(struct doubt_draws *out, const struct bill_draws *draws)
{
    for (int i = 0; i < BILL_DRAWS; i++)
        for (int n = 0, at = 0; n < RATES_NUMBERS; n++)
            for (int p = 0; p < rates_parts(n); p++)
                out->of[at++][i] = rates_part(&draws->drawn[i], n, p);
    for (int at = 0; at < DOUBT_PARTS; at++)
        standardise(out->of[at]);
    for (int n = 0, at = 0; n < RATES_NUMBERS; at += rates_parts(n++))
        tell_apart(out->of + at, rates_parts(n));
}

/* Of the variance of a ratio, what n parts explain beyond chance. */
static double share_of(const double of[][BILL_DRAWS], int n, const double *ratio)
{
    double explained = 0;
    int drawn = 0;

    for (int p = 0; p < n; p++) {
        const double r = correlation(of[p], ratio);
        explained += r * r;
        drawn += correlation(of[p], of[p]) > 0;
    }
    return fmax(0, 1 - (1 - explained) * (BILL_DRAWS - 1) /
                       (BILL_DRAWS - 1 - drawn));
}

struct doubt doubt_of(const struct doubt_draws *draws,
                      const struct predict_range *a,
                      const struct predict_range *b, enum metric metric)
{
    const bool joules = metric == METRIC_JOULES;
    const double *x = joules ? a->drawn_joules : a->drawn_seconds;
    const double *y = joules ? b->drawn_joules : b->drawn_seconds;
    double ratio[BILL_DRAWS];
    struct doubt doubt = { 0, 0, 0 };

    for (int i = 0; i < BILL_DRAWS; i++)
        ratio[i] = x[i] / y[i];
    if (isnan(ratio[0]))
        return (struct doubt){ 0, NAN, NAN };
    standardise(ratio);
    for (int n = 0, at = 0; n < RATES_NUMBERS; at += rates_parts(n++)) {
        const double share = share_of(draws->of + at, rates_parts(n), ratio);
        doubt.together += share;
        if (share > doubt.share)
            doubt.number = n, doubt.share = share;
    }
    /* Draws of two numbers that are alike by chance count twice. */
    doubt.together = fmin(doubt.together, 1);
    return doubt;
}
