/* config_json.c - Tell resolved values as JSON. */
#include "sim/core/config/config.h"

#include <string.h>

#include "sim/core/config/config_inside.h"
#include "sim/core/config/config_value.h"

/* The object that holds the last part of a dotted name, made as needed. */
static json_t *enter(json_t *object, const char *name, const char **last)
{
    const char *dot;

    while (object && (dot = strchr(name, '.'))) {
        char part[CONFIG_NAME_SIZE];
        snprintf(part, sizeof part, "%.*s", (int)(dot - name), name);
        json_t *inner = json_object_get(object, part);
        if (!inner) {
            inner = json_object();
            if (json_object_set_new(object, part, inner) != 0)
                inner = NULL;
        }
        object = inner;
        name = dot + 1;
    }
    *last = name;
    return object;
}

json_t *config_json(const void *target, const struct config_schema *schema)
{
    json_t *root = json_object();

    for (const struct config_key *key = schema->keys; key->name; key++) {
        const char *last;
        json_t *object = enter(root, key->name, &last);
        if (!object || json_object_set_new(object, last,
                                           config_value_json(target, key))) {
            json_decref(root);
            return NULL;
        }
    }
    return root;
}
