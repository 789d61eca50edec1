/* config_print.c - Print values as they would stand in a file. */
#include "sim/core/config/config_print.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/config/config_value.h"

/* Fewest digits that read as the same number, or where it was a float32, as the
 * same float32. */
static void print_real(FILE *file, double value)
{
    const bool single = (double)(float)value == value;
    char text[32];

    if (floor(value) == value && fabs(value) < 1e15) {
        fprintf(file, "%.0f", value);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value ||
            (single && strtof(text, NULL) == (float)value))
            break;
    }
    fputs(text, file);
}

static void print_value(FILE *file, const json_t *value)
{
    size_t i;
    json_t *element;

    switch (json_typeof(value)) {
    case JSON_REAL:
        print_real(file, json_real_value(value));
        break;
    case JSON_ARRAY:
        json_array_foreach(value, i, element) {
            fputs(i > 0 ? ", " : "[", file);
            print_value(file, element);
        }
        fputs(json_array_size(value) > 0 ? "]" : "[]", file);
        break;
    default:                     /* texts in quotes, which YAML takes as JSON */
        json_dumpf(value, file, JSON_ENCODE_ANY);
    }
}

static bool is_of(const char *section, const struct config_key *key)
{
    const size_t n = strlen(section);

    return strncmp(key->name, section, n) == 0 && key->name[n] == '.';
}

/* Numbers that were a float32 are the same if that is. */
static bool same(const json_t *a, const json_t *b)
{
    return json_equal(a, b) ||
           (json_is_real(a) && json_is_real(b) &&
            (float)json_real_value(a) == (float)json_real_value(b));
}

/* The value of the key unless it is the default, NULL. */
static enum status value_of(json_t **out, const void *target, void *usual,
                            const struct config_key *key, struct error *err)
{
    enum status status = key->fallback
                             ? config_parse(usual, key, key->fallback, err)
                             : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    json_t *value = config_value_json(target, key);
    json_t *other = key->fallback ? config_value_json(usual, key) : json_null();
    const bool usually = same(value, other);
    json_decref(other);
    *out = usually ? NULL : value;
    if (usually)
        json_decref(value);
    return value ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "no memory to"
                                         " print %s", key->name);
}

enum status config_print(FILE *file, const void *target, size_t size,
                         const struct config_schema *schema,
                         const char *section, struct error *err)
{
    void *usual = calloc(1, size);
    enum status status = STATUS_OK;
    bool any = false;

    if (!usual)
        return error_set(err, STATUS_NO_MEMORY, "no memory to print a config");
    for (const struct config_key *key = schema->keys;
         key->name && status == STATUS_OK; key++) {
        json_t *value = NULL;
        if (!is_of(section, key))
            continue;
        status = value_of(&value, target, usual, key, err);
        if (status != STATUS_OK || !value)
            continue;
        if (!any)
            fprintf(file, "%s:\n", section);
        any = true;
        fprintf(file, "  %s: ", key->name + strlen(section) + 1);
        if (key->type == CONFIG_CHOICE)
            fputs(json_string_value(value), file);
        else
            print_value(file, value);
        fputc('\n', file);
        json_decref(value);
    }
    free(usual);
    return status;
}
