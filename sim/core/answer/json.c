/* json.c - Turn values that may be unknown into JSON, and print a document. */
#include "sim/core/answer/json.h"

#include <math.h>

json_t *json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_whole(uint64_t value)
{
    return value > 0 ? json_integer((json_int_t)value) : json_null();
}

json_t *json_amount(const struct cost *cost, enum metric metric)
{
    if (!cost_known(cost, metric))
        return json_null();
    if ((int)metric >= (int)METRIC_FIRST_REAL)
        return json_real(cost_get(cost, metric));
    return cost->count[metric] <= INT64_MAX
               ? json_integer((json_int_t)cost->count[metric]) : NULL;
}

json_t *json_text(const char *text)
{
    json_t *string = text ? json_string(text) : json_null();
    return string ? string : json_string("(not UTF-8)");
}

enum status json_print(const json_t *json, FILE *file, struct error *err)
{
    return json_dumpf(json, file, JSON_INDENT(2)) == 0 &&
                   fputc('\n', file) != EOF
               ? STATUS_OK
               : error_set(err, STATUS_IO, "writing the output failed");
}
