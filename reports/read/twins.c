/* twins.c - Tell a model and its dense twin from any two runs. */
#include "reports/read/twins.h"

#include <stdlib.h>
#include <string.h>
#include "reports/read/jsonpath.h"

struct differences {
    char  *out;
    size_t size, used, n;
};

/* Strings without their quotation marks; a value that is not there is "none".
 */
static void put_value(char out[64], const json_t *value)
{
    char *text = json_is_string(value) ? NULL
               : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT |
                                   JSON_REAL_PRECISION(6));

    snprintf(out, 64, "%s", json_is_string(value) ? json_string_value(value)
                          : text ? text : "none");
    free(text);
}

static void compare(struct differences *d, const char *name, const json_t *a,
                    const json_t *b)
{
    char x[64], y[64];

    put_value(x, a);
    put_value(y, b);
    if (strcmp(x, y) == 0)
        return;
    d->n++;
    if (d->used < d->size)
        d->used += (size_t)snprintf(d->out + d->used, d->size - d->used,
                                    "%s%s %s and %s", d->n > 1 ? ", " : "",
                                    name, x, y);
}

/* Keys of a section that say nothing of the work: where a file lies, which its
 * hash tells better, what was routed, and by which profile it was priced. */
static bool is_free(const char *key)
{
    static const char *const names[] = { "path", "text", "policy", "machine",
                                         "seed" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return false;
}

static void compare_section(struct differences *d, json_t *a, json_t *b)
{
    const char *key;
    json_t *value;

    json_object_foreach(a, key, value)
        if (!is_free(key))
            compare(d, key, value, json_object_get(b, key));
    json_object_foreach(b, key, value)
        if (!is_free(key) && !json_object_get(a, key))
            compare(d, key, NULL, value);
}

size_t twins_differ(char *out, size_t size, const struct run *dense,
                    const struct run *mod)
{
    static const char *const sections[] = { "config.run", "config.model",
                                            "config.data" };
    static const struct { const char *path, *name; } alike[] = {
        { "provenance.data_hash", "text" }, { "provenance.cpu", "CPU" },
        { "provenance.isa", "instructions" },
        { "provenance.threads", "threads" },
    };
    struct differences d = { .out = out, .size = size };

    *out = '\0';
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        compare_section(&d, jsonpath_at(dense->summary, sections[i]),
                        jsonpath_at(mod->summary, sections[i]));
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++)
        compare(&d, alike[i].name, jsonpath_at(dense->summary, alike[i].path),
                jsonpath_at(mod->summary, alike[i].path));
    return d.n;
}
