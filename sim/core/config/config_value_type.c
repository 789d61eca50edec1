/* config_value_type.c - Know of each type of value how its lists lie, how --set
 * takes it, and what is allowed. */
#include "sim/core/config/config_value_inside.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

static const char *const nouns[] = {
    [CONFIG_BOOL]      = "true or false",
    [CONFIG_INT]       = "an integer",
    [CONFIG_REAL]      = "a number",
    [CONFIG_CHOICE]    = "one of",
    [CONFIG_TEXT]      = "a text",
    [CONFIG_PATH]      = "a file name",
    [CONFIG_PATHS]     = "a file name, or a list of them",
    [CONFIG_WORDS]     = "words",
    [CONFIG_INT_LIST]  = "integers",
    [CONFIG_REAL_LIST] = "numbers",
    [CONFIG_QUANTITY]  = "{value, low, high, grade, source}",
    [CONFIG_SETTINGS]  = "key: value, indented",
};

const struct list_layout *config_list_layout(const struct config_key *key)
{
    static const struct list_layout layouts[] = {
        [CONFIG_PATHS]     = { CONFIG_TEXT_SIZE,
                               offsetof(struct config_paths, value), 1,
                               CONFIG_PATHS_MAX, true },
        [CONFIG_WORDS]     = { CONFIG_TEXT_SIZE,
                               offsetof(struct config_paths, value), 0,
                               CONFIG_PATHS_MAX, false },
        [CONFIG_INT_LIST]  = { sizeof(int64_t),
                               offsetof(struct config_int_list, value), 0,
                               CONFIG_LIST_MAX, false },
        [CONFIG_REAL_LIST] = { sizeof(double),
                               offsetof(struct config_real_list, value), 0,
                               CONFIG_LIST_MAX, false },
    };
    assert(key->type < sizeof layouts / sizeof *layouts &&
           layouts[key->type].size > 0);
    return &layouts[key->type];
}

bool config_value_literal(const struct config_key *key, const char *text)
{
    return key->type == CONFIG_TEXT || key->type == CONFIG_PATH ||
           key->type == CONFIG_CHOICE ||
           ((key->type == CONFIG_PATHS || key->type == CONFIG_WORDS) &&
            *text != '[');
}

static bool is_number(enum config_type type)
{
    return type != CONFIG_BOOL && type != CONFIG_CHOICE &&
           type != CONFIG_TEXT && type != CONFIG_PATH &&
           type != CONFIG_PATHS && type != CONFIG_WORDS &&
           type != CONFIG_SETTINGS;
}

/* ", 1 to 100", with the open ends and the bound DBL_MIN in words. */
static void describe_range(char *out, size_t size, const struct config_key *key)
{
    const char *above = key->min > 0 && key->min <= DBL_MIN ? "above " : "";
    double min = *above ? 0 : key->min;

    *out = '\0';
    if (!is_number(key->type) || !(key->min < key->max))
        return;
    if (isinf(key->max))
        snprintf(out, size, ", %s%.12g", *above ? above : "at least ", min);
    else if (isinf(key->min))
        snprintf(out, size, ", at most %.12g", key->max);
    else
        snprintf(out, size, ", %s%.12g to %.12g", above, min, key->max);
}

void config_value_allowed(char out[CONFIG_ALLOWED_SIZE],
                          const struct config_key *key)
{
    char range[64];
    size_t used;

    describe_range(range, sizeof range, key);
    used = (size_t)snprintf(out, CONFIG_ALLOWED_SIZE, "%s%s",
                            nouns[key->type], range);
    if (key->type == CONFIG_INT_LIST || key->type == CONFIG_REAL_LIST)
        used += (size_t)snprintf(out + used, CONFIG_ALLOWED_SIZE - used,
                                 ", at most %d", CONFIG_LIST_MAX);
    if (key->type == CONFIG_PATHS || key->type == CONFIG_WORDS)
        used += (size_t)snprintf(out + used, CONFIG_ALLOWED_SIZE - used,
                                 ", at most %d", CONFIG_PATHS_MAX);
    if (key->type == CONFIG_TEXT || key->type == CONFIG_PATH)
        used += (size_t)snprintf(out + used, CONFIG_ALLOWED_SIZE - used,
                                 " of at most %d bytes", CONFIG_TEXT_SIZE - 1);
    if (key->unit && *key->unit)
        used += (size_t)snprintf(out + used, CONFIG_ALLOWED_SIZE - used,
                                 ", in %s", key->unit);
    const bool word = key->type == CONFIG_WORDS;
    for (int i = 0; (word || key->type == CONFIG_CHOICE) && key->choices &&
                    key->choices[i] && used < CONFIG_ALLOWED_SIZE; i++)
        used += (size_t)snprintf(out + used, CONFIG_ALLOWED_SIZE - used,
                                 "%s %s", i ? "," : word ? ", of" : "",
                                 key->choices[i]);
}
