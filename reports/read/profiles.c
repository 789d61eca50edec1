/* profiles.c - Set profiles against the first of them, phase by phase. */
#include "reports/read/profiles.h"

#include <math.h>
#include <string.h>

const struct phase *profiles_phase(const struct run *profile, const char *name)
{
    for (size_t i = 0; i < profile->n_phases; i++)
        if (strcmp(profile->phase[i].name, name) == 0)
            return &profile->phase[i];
    return NULL;
}

/* The distance on a logarithmic axis, of the ratio, from its two parts'. */
static double distance(double a, double b)
{
    return exp(hypot(a, b));
}

struct amount profiles_ratio(const struct phase *first,
                             const struct phase *other, enum metric metric)
{
    const struct amount x = phase_total(first, phase_arm(first), metric);
    const struct amount y = phase_total(other, phase_arm(other), metric);
    struct amount ratio = amount_ratio(y, x);
    const double tokens = phase_tokens(first) / phase_tokens(other);

    if (!amount_known(ratio))
        return ratio;
    if (!isfinite(tokens))
        return amount_unknown("a profile does not say how many tokens it has");
    ratio.value *= tokens;
    if (ratio.from != PROV_MEASURED || !(x.low > 0) || !(y.low > 0))
        return ratio;
    ratio.low = ratio.value / distance(log(y.value / y.low),
                                       log(x.high / x.value));
    ratio.high = ratio.value * distance(log(y.high / y.value),
                                        log(x.value / x.low));
    return ratio;
}
