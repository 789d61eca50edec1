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

static void note(struct differences *d, const char *name, const char *a,
                 const char *b)
{
    d->n++;
    if (d->used < d->size)
        d->used += (size_t)snprintf(d->out + d->used, d->size - d->used,
                                    "%s%s %s and %s", d->n > 1 ? ", " : "",
                                    name, a, b);
}

static void compare(struct differences *d, const char *name, const json_t *a,
                    const json_t *b)
{
    char x[64], y[64];

    put_value(x, a);
    put_value(y, b);
    if (strcmp(x, y) != 0)
        note(d, name, x, y);
}

static void compare_alike(struct differences *d, const struct run *a,
                          const struct run *b)
{
    static const struct { const char *path, *name; } alike[] = {
        { "provenance.data_hash", "text" }, { "provenance.cpu", "CPU" },
        { "provenance.isa", "instructions" },
        { "provenance.threads", "threads" },
    };

    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++)
        compare(d, alike[i].name, jsonpath_at(a->summary, alike[i].path),
                jsonpath_at(b->summary, alike[i].path));
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
    struct differences d = { .out = out, .size = size };

    *out = '\0';
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        compare_section(&d, jsonpath_at(dense->summary, sections[i]),
                        jsonpath_at(mod->summary, sections[i]));
    compare_alike(&d, dense, mod);
    return d.n;
}

size_t twins_differ_as_profiles(char *out, size_t size, const struct run *first,
                                const struct run *other)
{
    static const char *const keys[] = { "weights", "batch", "tokens",
                                        "decode_steps" };
    struct differences d = { .out = out, .size = size };
    char name[2][RUN_NAME_SIZE];

    *out = '\0';
    run_model(name[0], first);
    run_model(name[1], other);
    if (strcmp(name[0], name[1]) != 0)
        note(&d, "model", name[0], name[1]);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char path[32];
        snprintf(path, sizeof path, "config.%s", keys[i]);
        compare(&d, keys[i], jsonpath_at(first->summary, path),
                jsonpath_at(other->summary, path));
    }
    compare_alike(&d, first, other);
    return d.n;
}
