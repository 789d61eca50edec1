/* amount.c - Carry a number together with how it is known. */
#include "sim/core/answer/amount.h"

#include <math.h>
#include <stddef.h>

struct amount amount_unknown(const char *reason)
{
    return (struct amount){ .value = nan(""), .low = nan(""), .high = nan(""),
                            .from = PROV_UNKNOWN, .reason = reason };
}

struct amount amount_of(double value, enum provenance from)
{
    if (!isfinite(value) || from <= PROV_BELOW)
        return amount_unknown(NULL);
    return (struct amount){ .value = value, .low = nan(""), .high = nan(""),
                            .from = from };
}

bool amount_is_model(enum metric metric, enum provenance from)
{
    return (from == PROV_PREDICTED &&
            metric_table[metric].predicted != PREDICTED_BY_FORMULA) ||
           from == PROV_SIMULATED;
}

bool amount_known(struct amount amount)
{
    return amount.from != PROV_UNKNOWN && isfinite(amount.value);
}

struct amount amount_ratio(struct amount a, struct amount b)
{
    struct amount ratio;

    if (!amount_known(a))
        return amount_unknown(a.reason);
    if (!amount_known(b))
        return amount_unknown(b.reason);
    if (b.value == 0)
        return amount_unknown("nothing to divide by: it is 0");
    ratio = amount_of(a.value / b.value, a.from < b.from ? a.from : b.from);
    ratio.modelled = a.modelled || b.modelled;
    return ratio;
}

const char *amount_word(struct amount amount)
{
    return amount.modelled ? "modelled" : provenance_names[amount.from];
}
