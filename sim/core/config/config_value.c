/* config_value.c - Read each type of value. */
#include "sim/core/config/config_value_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/nearest.h"

enum status config_value_refuse(const struct reading *r, const char *hint)
{
    char value[DOCUMENT_QUOTE_SIZE], allowed[CONFIG_ALLOWED_SIZE];

    document_quote(value, r->node);
    config_value_allowed(allowed, r->key);
    return document_fail(r->document, r->node, STATUS_BAD_VALUE, r->err,
                         "%s %s: allowed is %s%s%s", r->what, value, allowed,
                         *hint ? "; " : "", hint);
}

/* The text of an unquoted scalar: "3" in quotes is a text, not a number. */
static const char *plain_text(const struct reading *r)
{
    return r->node->type == YAML_SCALAR_NODE &&
           r->node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
               ? document_text(r->node) : NULL;
}

static bool is_quoted(const struct reading *r)
{
    return r->node->type == YAML_SCALAR_NODE &&
           r->node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

static size_t n_digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* True if all of `text` is a decimal number: [+-] digits [. digits] [e [+-]
 * digits].  strtod alone would take 0x10, nan, inf and leading blanks. */
static bool is_decimal(const char *text)
{
    text += *text == '+' || *text == '-';
    size_t whole = n_digits(text), part = 0;
    if (whole > 1 && *text == '0')
        return false;
    text += whole;
    if (*text == '.') {
        part = n_digits(++text);
        text += part;
    }
    if (whole + part == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '+' || *text == '-';
        size_t exponent = n_digits(text);
        if (exponent == 0)
            return false;
        text += exponent;
    }
    return *text == '\0';
}

static const char *number_hint(const struct reading *r, const char *text)
{
    if (is_quoted(r))
        return "without quotes";
    if (!text)
        return "";
    text += *text == '+' || *text == '-';
    if (text[0] == '0' && n_digits(text) > 1)
        return "without leading zeros";
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return "in decimal";
    if (strpbrk(text, ",_") && n_digits(text) > 0)
        return "without separators";
    return "";
}

/* A finite double; a number too large or too small for one is refused. */
static enum status read_number(const struct reading *r, double *out)
{
    const char *text = plain_text(r);
    char *end;

    if (!text || !is_decimal(text))
        return config_value_refuse(r, number_hint(r, text));
    errno = 0;
    double value = strtod(text, &end);
    if (*end != '\0' || errno == ERANGE || !isfinite(value))
        return config_value_refuse(r, "and representable in double precision");
    *out = value;
    return STATUS_OK;
}

static bool in_range(const struct config_key *key, double value)
{
    return !(key->min < key->max) || (value >= key->min && value <= key->max);
}

enum status config_read_real(const struct reading *r, void *member)
{
    double value = 0;
    enum status status = read_number(r, &value);

    if (status != STATUS_OK)
        return status;
    if (!in_range(r->key, value))
        return config_value_refuse(r, "");
    memcpy(member, &value, sizeof value);
    return STATUS_OK;
}

static enum status read_int(const struct reading *r, void *member)
{
    double real = 0;
    enum status status = read_number(r, &real);
    if (status != STATUS_OK)
        return status;

    const char *text = plain_text(r);
    int64_t value;
    if (text[strcspn(text, ".eE")] == '\0') {
        errno = 0;
        value = strtoll(text, NULL, 10);
        if (errno == ERANGE)
            return config_value_refuse(r, "in 64 bits");
    } else {
        /* Up to 2^53 a double holds every integer, so 1e6 is exact. */
        if (real != nearbyint(real) || fabs(real) > 0x1p53)
            return config_value_refuse(r, "");
        value = (int64_t)real;
    }
    if (!in_range(r->key, (double)value))
        return config_value_refuse(r, "");
    memcpy(member, &value, sizeof value);
    return STATUS_OK;
}

static enum status read_bool(const struct reading *r, void *member)
{
    const char *text = plain_text(r);
    bool value = text && strcmp(text, "true") == 0;

    if (!value && !(text && strcmp(text, "false") == 0))
        return config_value_refuse(r, is_quoted(r) ? "without quotes" : "");
    memcpy(member, &value, sizeof value);
    return STATUS_OK;
}

enum status config_read_choice(const struct reading *r, void *member)
{
    const char *text = document_text(r->node);
    struct nearest near = nearest_to(text ? text : "");

    for (int i = 0; text && r->key->choices[i]; i++) {
        if (strcmp(text, r->key->choices[i]) == 0) {
            memcpy(member, &i, sizeof i);
            return STATUS_OK;
        }
        nearest_offer(&near, r->key->choices[i]);
    }
    char hint[64] = "";
    if (near.name)
        snprintf(hint, sizeof hint, "did you mean '%s'?", near.name);
    return config_value_refuse(r, hint);
}

/* A bare `key:` or `~` is YAML's null, most likely forgotten, so it is refused;
 * the empty text is written "". */
static bool is_null(const struct reading *r)
{
    const char *text = plain_text(r);
    return text && (!*text || strcmp(text, "~") == 0 ||
                    strcmp(text, "null") == 0);
}

enum status config_read_text(const struct reading *r, void *member)
{
    const char *text = document_text(r->node);

    if (!text || is_null(r) || strlen(text) >= CONFIG_TEXT_SIZE)
        return config_value_refuse(r, text && is_null(r) ? "in quotes" : "");
    strcpy(member, text);
    return STATUS_OK;
}

static enum status read_word(const struct reading *r, void *member)
{
    int choice = 0;

    if (!r->key->choices)
        return config_read_text(r, member);
    enum status status = config_read_choice(r, &choice);
    if (status == STATUS_OK)
        strcpy(member, r->key->choices[choice]);
    return status;
}

static enum status read_path(const struct reading *r, void *member)
{
    const char *text = document_text(r->node);
    char path[FILE_PATH_SIZE] = "";

    if (!text || is_null(r))
        return config_value_refuse(r, "");
    if (*text) {                 /* "" stands for no file */
        enum status status = document_resolve(path, r->document,
                                              r->key->name, r->node, r->err);
        if (status != STATUS_OK)
            return status;
    }
    if (strlen(path) >= CONFIG_TEXT_SIZE)
        return config_value_refuse(r, "");
    strcpy(member, path);
    return STATUS_OK;
}

/* A list, or one element that stands for a list of one. */
static enum status read_list(const struct reading *r, void *member)
{
    static config_read_fn *const elements[] = {
        [CONFIG_PATHS]    = read_path, [CONFIG_WORDS]     = read_word,
        [CONFIG_INT_LIST] = read_int,  [CONFIG_REAL_LIST] = config_read_real,
    };
    const struct list_layout *layout = config_list_layout(r->key);
    config_read_fn *const read = elements[r->key->type];
    char *value = (char *)member + layout->values;
    int32_t *n = member;

    if (r->node->type == YAML_MAPPING_NODE)
        return config_value_refuse(r, "");
    if (r->node->type == YAML_SCALAR_NODE) {
        *n = 1;
        return read(r, value);
    }
    if (document_size(r->node) > layout->most ||
        document_size(r->node) < layout->least)
        return config_value_refuse(r, "");
    *n = (int32_t)document_size(r->node);
    for (int32_t i = 0; i < *n; i++) {
        char what[96];
        struct reading element = *r;
        snprintf(what, sizeof what, "%s[%d]", r->what, i);
        element.what = what;
        element.node = document_item(r->document, r->node, i);
        enum status status = read(&element, value + layout->size * (size_t)i);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static config_read_fn *const reads[] = {
    [CONFIG_BOOL]      = read_bool,
    [CONFIG_INT]       = read_int,
    [CONFIG_REAL]      = config_read_real,
    [CONFIG_CHOICE]    = config_read_choice,
    [CONFIG_TEXT]      = config_read_text,
    [CONFIG_PATH]      = read_path,
    [CONFIG_PATHS]     = read_list,
    [CONFIG_WORDS]     = read_list,
    [CONFIG_INT_LIST]  = read_list,
    [CONFIG_REAL_LIST] = read_list,
    [CONFIG_QUANTITY]  = config_read_quantity,
    [CONFIG_SETTINGS]  = config_read_settings,
};

enum status config_value_read(void *target, const struct config_key *key,
                              const struct document *document,
                              const yaml_node_t *node, struct error *err)
{
    const struct reading reading = { key, document, node, key->name, err };
    return reads[key->type](&reading, (char *)target + key->offset);
}
