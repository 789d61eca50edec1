/* quantity.c - Hold the grades; write quantities as JSON. */
#include "sim/core/config/quantity.h"

#include <math.h>
#include <stddef.h>

const char *const grade_names[] = { GRADE_MAP(NAMES_WORD) NULL };

bool quantity_known(const struct quantity *q)
{
    return !isnan(q->value);
}

static json_t *number(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

json_t *quantity_json(const struct quantity *q)
{
    return json_pack("{s:o, s:o, s:o, s:s, s:s}", "value", number(q->value),
                     "low", number(q->low), "high", number(q->high),
                     "grade", q->grade, "source", q->source);
}
