/* json.c - Turn values that may be unknown into JSON; read and print a
 * document. */
#include "sim/core/answer/json.h"

#include <math.h>
#include <stdlib.h>

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

static void *watched_malloc(size_t size)
{
    return error_noted(malloc(size));
}

void json_watch(void)
{
    json_set_alloc_funcs(watched_malloc, free);
}

static enum status fail_lost(const char *name, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for '%s'", name);
}

enum status json_parse(json_t **out, const char *text, size_t size,
                       const char *name, struct error *err)
{
    json_error_t error;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);

    if (!json && !error_memory_ran_out())
        return error_set(err, STATUS_BAD_FORMAT, "%.160s:%d:%d: %s", name,
                         error.line, error.column, error.text);
    if (error_memory_ran_out()) {
        json_decref(json);
        return fail_lost(name, err);
    }
    *out = json;
    return STATUS_OK;
}

enum status json_print(const json_t *json, FILE *file, struct error *err)
{
    bool whole = !error_memory_ran_out() &&
                 json_dumpf(json, file, JSON_INDENT(2)) == 0 &&
                 fputc('\n', file) != EOF;

    if (error_memory_ran_out())
        return fail_lost("the output", err);
    return whole ? STATUS_OK
                 : error_set(err, STATUS_IO, "writing the output failed");
}

enum status json_write(const json_t *json, const char *path, struct error *err)
{
    struct file_writer writer;
    enum status status = file_replace(&writer, path, err);

    if (status != STATUS_OK)
        return status;
    bool whole = json && json_dumpf(json, writer.stream, JSON_INDENT(2)) == 0;
    /* A failed write shows in the stream; any other failure is lack of
     * memory. */
    if (!whole && !ferror(writer.stream)) {
        file_abandon(&writer);
        return fail_lost(path, err);
    }
    fputc('\n', writer.stream);
    return file_commit(&writer, err);
}
