/* doubt.c - Correlate a ratio's draws with those of a machine's numbers. */
#include "sim/price/doubt.h"

#include <math.h>
#include <string.h>

/* Less its mean, over its spread; 0 where it has none, or is unknown. */
static void standardise(double x[BILL_DRAWS])
{
    double mean = 0, square = 0;

    for (int i = 0; i < BILL_DRAWS; i++)
        mean += x[i] / BILL_DRAWS;
    for (int i = 0; i < BILL_DRAWS; i++)
        square += (x[i] - mean) * (x[i] - mean) / BILL_DRAWS;
    /* Draws of one value differ by what rounding its mean does. */
    const bool drawn = sqrt(square) > 1e-12 * fabs(mean);
    for (int i = 0; i < BILL_DRAWS; i++)
        x[i] = drawn ? (x[i] - mean) / sqrt(square) : 0;
}

void doubt_draw(struct doubt_draws *out, const struct machine *machine,
                enum precision products)
{
    struct random random = random_seeded(BILL_SEED);
    struct random kinds = random_seeded(BILL_SEED_OF_KINDS);

    for (int i = 0; i < BILL_DRAWS; i++) {
        const struct rates rates = rates_drawn(machine, products, &random,
                                               &kinds);
        for (int n = 0; n < RATES_NUMBERS; n++)
            out->of[n][i] = rates_number(&rates, n);
    }
    for (int n = 0; n < RATES_NUMBERS; n++)
        standardise(out->of[n]);
    /* A number that stands for an unknown one counts once. */
    for (int n = 1; n < RATES_NUMBERS; n++)
        for (int k = 0; k < n; k++)
            if (memcmp(out->of[n], out->of[k], sizeof out->of[n]) == 0)
                memset(out->of[n], 0, sizeof out->of[n]);
}

static double correlation(const double *x, const double *y)
{
    double sum = 0;

    for (int i = 0; i < BILL_DRAWS; i++)
        sum += x[i] * y[i] / BILL_DRAWS;
    return sum;
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
    for (int n = 0; n < RATES_NUMBERS; n++) {
        const double r = correlation(draws->of[n], ratio), share = r * r;
        doubt.together += share;
        if (share > doubt.share)
            doubt.number = n, doubt.share = share;
    }
    return doubt;
}
