/* config_value_json.c - Write each type of value as JSON. */
#include "sim/core/config/config_value_inside.h"

#include <stdlib.h>
#include <string.h>

#include "sim/core/config/quantity.h"

typedef json_t *json_fn(const struct config_key *key, const void *member);

static json_t *json_of_bool(const struct config_key *key, const void *member)
{
    (void)key;
    return json_boolean(*(const bool *)member);
}

static json_t *json_of_int(const struct config_key *key, const void *member)
{
    (void)key;
    return json_integer(*(const int64_t *)member);
}

static json_t *json_of_real(const struct config_key *key, const void *member)
{
    (void)key;
    return json_real(*(const double *)member);
}

static json_t *json_of_choice(const struct config_key *key, const void *member)
{
    return json_string(key->choices[*(const int *)member]);
}

static json_t *json_of_text(const struct config_key *key, const void *member)
{
    (void)key;
    /* File names may be any bytes; JSON is UTF-8. */
    json_t *text = json_string(member);
    return text ? text : json_string_nocheck("(not UTF-8)");
}

static json_t *json_of_list(const struct config_key *key, const void *member)
{
    static json_fn *const elements[] = {
        [CONFIG_PATHS]    = json_of_text, [CONFIG_WORDS]     = json_of_text,
        [CONFIG_INT_LIST] = json_of_int,  [CONFIG_REAL_LIST] = json_of_real,
    };
    const struct list_layout *layout = config_list_layout(key);
    json_fn *const of = elements[key->type];
    const char *value = (const char *)member + layout->values;
    const int32_t n = *(const int32_t *)member;
    json_t *list = json_array();

    if (layout->single && n == 1) {
        json_decref(list);
        return of(key, value);
    }
    for (int32_t i = 0; i < n; i++)
        if (json_array_append_new(list, of(key, value + layout->size *
                                                        (size_t)i))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *json_of_quantity(const struct config_key *key,
                                const void *member)
{
    (void)key;
    return quantity_json(member);
}

static json_t *json_of_settings(const struct config_key *key,
                                const void *member)
{
    const struct config_settings *settings = member;
    json_t *object = json_object();

    for (int32_t i = 0; i < settings->n; i++) {
        const char *name = settings->of[i].text + strlen(key->name) + 1;
        size_t length = strcspn(name, "=");
        char part[CONFIG_TEXT_SIZE];
        snprintf(part, sizeof part, "%.*s", (int)length, name);
        if (json_object_set_new(object, part,
                                json_string(name + length + 1)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_fn *const writes[] = {
    [CONFIG_BOOL]      = json_of_bool,
    [CONFIG_INT]       = json_of_int,
    [CONFIG_REAL]      = json_of_real,
    [CONFIG_CHOICE]    = json_of_choice,
    [CONFIG_TEXT]      = json_of_text,
    [CONFIG_PATH]      = json_of_text,
    [CONFIG_PATHS]     = json_of_list,
    [CONFIG_WORDS]     = json_of_list,
    [CONFIG_INT_LIST]  = json_of_list,
    [CONFIG_REAL_LIST] = json_of_list,
    [CONFIG_QUANTITY]  = json_of_quantity,
    [CONFIG_SETTINGS]  = json_of_settings,
};

json_t *config_value_json(const void *target, const struct config_key *key)
{
    return writes[key->type](key, (const char *)target + key->offset);
}
