/* json.c - Turn values that may be unknown into JSON; read and print a
 * document. */
#include "sim/core/answer/json.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* The end of the string, the number or word, or the one other character that
 * text[at] begins. */
static size_t token_end(const char *text, size_t size, size_t at)
{
    const char first = text[at++];

    if (first == '"')
        while (at < size && text[at] != '"')
            at += text[at] == '\\' ? 2 : 1;
    if (first == '"')
        return at < size ? at + 1 : size;
    while ((isalnum((unsigned char)first) || first == '-') && at < size &&
           (isalnum((unsigned char)text[at]) || text[at] == '.' ||
            text[at] == '+' || text[at] == '-'))
        at++;
    return at;
}

/* An integer beyond 63 bits. */
static bool is_wide(const char *text, size_t n)
{
    static const char most[] = "9223372036854775807", least[] =
        "9223372036854775808";
    const bool minus = text[0] == '-';
    const size_t digits = n - minus;

    for (size_t i = minus; i < n; i++)
        if (!isdigit((unsigned char)text[i]))
            return false;
    return digits > strlen(most) ||
           (digits == strlen(most) &&
            memcmp(text + minus, minus ? least : most, digits) > 0);
}

/* A copy in which such integers are reals, by "e0" behind them, of *n bytes.
 * NULL: no memory. */
static char *widen(const char *text, size_t size, size_t *n)
{
    char *copy;
    FILE *out = file_open_text(&copy, n);

    for (size_t at = 0, end; out && at < size; at = end) {
        end = token_end(text, size, at);
        fwrite(text + at, 1, end - at, out);
        if (is_wide(text + at, end - at))
            fputs("e0", out);
    }
    if (!out || file_close_text(out, &copy))
        return out ? copy : NULL;
    free(copy);
    return NULL;
}

/* Jansson's integers end at 63 bits, JSON's do not: Hugging Face writes
 * 1000000000000000019884624838656 for a length without limit. */
static json_t *load(const char *text, size_t size, json_error_t *error)
{
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, error);
    size_t n;
    char *copy = !json && json_error_code(error) == json_error_numeric_overflow
                     ? widen(text, size, &n) : NULL;

    if (copy)
        json = json_loadb(copy, n, JSON_REJECT_DUPLICATES, error);
    free(copy);
    return json;
}

enum status json_parse(json_t **out, const char *text, size_t size,
                       const char *name, struct error *err)
{
    static const char mark[] = "\xef\xbb\xbf";     /* of UTF-8; says nothing */
    const size_t skip = size >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;
    json_error_t error;
    json_t *json = load(text + skip, size - skip, &error);

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
                 : error_set(err, STATUS_IO, "cannot write the output: a"
                             " write failed, as on a full disk");
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
