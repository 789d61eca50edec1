/* json.c - Turn values that may be unknown into JSON, and print a document. */
#include "sim/core/answer/json.h"

#include <math.h>

#include "sim/core/base/file.h"

json_t *json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_known(double value, bool known)
{
    return known ? json_number(value) : json_null();
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

json_t *json_reason(const char *text)
{
    return json_text(text && *text ? text : NULL);
}

enum status json_print(const json_t *json, FILE *file, struct error *err)
{
    return json_dumpf(json, file, JSON_INDENT(2)) == 0 &&
                   fputc('\n', file) != EOF
               ? STATUS_OK
               : error_set(err, STATUS_IO, "writing the output failed");
}

enum status json_write(const json_t *json, const char *path, struct error *err)
{
    struct file_writer writer;
    enum status status = file_create(&writer, path, err);

    if (status != STATUS_OK)
        return status;
    /* A failed write shows in the stream; any other failure is lack of
     * memory. */
    if ((!json || json_dumpf(json, writer.stream, JSON_INDENT(2)) != 0) &&
        !ferror(writer.stream)) {
        file_abandon(&writer);
        return error_set(err, STATUS_NO_MEMORY, "no memory to write '%s'",
                         path);
    }
    fputc('\n', writer.stream);
    return file_commit(&writer, err);
}
