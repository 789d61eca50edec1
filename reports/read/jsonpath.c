/* jsonpath.c - Find values of a JSON tree by dotted path. */
#include "reports/read/jsonpath.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

json_t *jsonpath_at(const json_t *root, const char *path)
{
    const json_t *at = root;
    char step[128];

    while (at && *path) {
        size_t n = strcspn(path, ".");
        if (snprintf(step, sizeof step, "%.*s", (int)n, path) >=
            (int)sizeof step)
            return NULL;
        at = json_object_get(at, step);
        path += n + (path[n] == '.');
    }
    return (json_t *)at;
}

double jsonpath_number(const json_t *root, const char *path)
{
    const json_t *value = jsonpath_at(root, path);
    return json_is_number(value) ? json_number_value(value) : nan("");
}

const char *jsonpath_text(const json_t *root, const char *path)
{
    return json_string_value(jsonpath_at(root, path));
}

struct amount jsonpath_amount(const json_t *root, const char *path,
                              enum provenance from)
{
    const json_t *at = jsonpath_at(root, path);

    if (!json_is_object(at))
        return amount_of(jsonpath_number(root, path), from);
    struct amount a = amount_of(jsonpath_number(at, "value"), from);
    a.low = jsonpath_number(at, "low");
    a.high = jsonpath_number(at, "high");
    return a;
}
