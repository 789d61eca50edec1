/* config_help.c - Tell a table of keys as text. */
#include "sim/core/config/config.h"

#include "sim/core/base/wrap.h"
#include "sim/core/config/config_value.h"

void config_help_row(FILE *file, const char *name, const char *described,
                     const char *help)
{
    char row[4 * CONFIG_ALLOWED_SIZE];

    snprintf(row, sizeof row, "%s%s%s", name, *described ? ": " : "",
             described);
    wrap_text(file, 2, 6, row);
    wrap_text(file, 6, 6, help);
}

void config_describe(char *out, size_t size, const struct config_key *key)
{
    char allowed[CONFIG_ALLOWED_SIZE];
    const char *fallback = key->fallback;

    if (fallback && !*fallback &&
        (key->type == CONFIG_TEXT || key->type == CONFIG_PATH))
        fallback = "\"\"";
    config_value_allowed(allowed, key);
    snprintf(out, size, "%s%s%.200s", allowed,
             !fallback ? "; required" : *fallback ? "; default " : "",
             fallback ? fallback : "");
}

void config_describe_file(char *out, size_t size, const struct file_key *key)
{
    const char *fallback = key->fallback;

    snprintf(out, size, "%s%s%s", key->allowed,
             !fallback ? "; required" : *fallback ? "; default " : "",
             fallback ? fallback : "");
}

void config_help_file(const struct file_key *keys, FILE *file)
{
    char described[2 * CONFIG_ALLOWED_SIZE];

    for (; keys->name; keys++) {
        config_describe_file(described, sizeof described, keys);
        config_help_row(file, keys->name, described, keys->help);
    }
}

void config_help(const struct config_schema *schema, FILE *file)
{
    char described[2 * CONFIG_ALLOWED_SIZE];

    for (const struct config_key *key = schema->keys; key->name; key++) {
        config_describe(described, sizeof described, key);
        config_help_row(file, key->name, described, key->help);
    }
}
