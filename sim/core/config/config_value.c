/* config_value.c - Read and write each type of value. */
#include "sim/core/config/config_value.h"

#include <assert.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/nearest.h"

/* A value being read.  `what` is the key's name, or an element's: "a.b[2]". */
struct reading {
    const struct config_key *key;
    const struct document   *document;
    const yaml_node_t       *node;
    const char              *what;
    struct error            *err;
};

typedef enum status read_fn(const struct reading *r, void *member);
typedef json_t     *json_fn(const struct config_key *key, const void *member);

static enum status refuse(const struct reading *r, const char *hint)
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
        return refuse(r, number_hint(r, text));
    errno = 0;
    double value = strtod(text, &end);
    if (*end != '\0' || errno == ERANGE || !isfinite(value))
        return refuse(r, "and representable in double precision");
    *out = value;
    return STATUS_OK;
}

static bool in_range(const struct config_key *key, double value)
{
    return !(key->min < key->max) || (value >= key->min && value <= key->max);
}

static enum status read_real(const struct reading *r, void *member)
{
    double value = 0;
    enum status status = read_number(r, &value);

    if (status != STATUS_OK)
        return status;
    if (!in_range(r->key, value))
        return refuse(r, "");
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
            return refuse(r, "in 64 bits");
    } else {
        /* Up to 2^53 a double holds every integer, so 1e6 is exact. */
        if (real != nearbyint(real) || fabs(real) > 0x1p53)
            return refuse(r, "");
        value = (int64_t)real;
    }
    if (!in_range(r->key, (double)value))
        return refuse(r, "");
    memcpy(member, &value, sizeof value);
    return STATUS_OK;
}

static enum status read_bool(const struct reading *r, void *member)
{
    const char *text = plain_text(r);
    bool value = text && strcmp(text, "true") == 0;

    if (!value && !(text && strcmp(text, "false") == 0))
        return refuse(r, is_quoted(r) ? "without quotes" : "");
    memcpy(member, &value, sizeof value);
    return STATUS_OK;
}

static enum status read_choice(const struct reading *r, void *member)
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
    return refuse(r, hint);
}

/* A bare `key:` or `~` is YAML's null, most likely forgotten, so it is refused;
 * the empty text is written "". */
static bool is_null(const struct reading *r)
{
    const char *text = plain_text(r);
    return text && (!*text || strcmp(text, "~") == 0 ||
                    strcmp(text, "null") == 0);
}

static enum status read_text(const struct reading *r, void *member)
{
    const char *text = document_text(r->node);

    if (!text || is_null(r) || strlen(text) >= CONFIG_TEXT_SIZE)
        return refuse(r, text && is_null(r) ? "in quotes" : "");
    strcpy(member, text);
    return STATUS_OK;
}

static enum status read_word(const struct reading *r, void *member)
{
    int choice = 0;

    if (!r->key->choices)
        return read_text(r, member);
    enum status status = read_choice(r, &choice);
    if (status == STATUS_OK)
        strcpy(member, r->key->choices[choice]);
    return status;
}

static enum status read_path(const struct reading *r, void *member)
{
    const char *text = document_text(r->node);
    char path[FILE_PATH_SIZE] = "";

    if (!text || is_null(r))
        return refuse(r, "");
    if (*text) {                 /* "" stands for no file */
        enum status status = document_resolve(path, r->document, r->node,
                                              r->err);
        if (status != STATUS_OK)
            return status;
    }
    if (strlen(path) >= CONFIG_TEXT_SIZE)
        return refuse(r, "");
    strcpy(member, path);
    return STATUS_OK;
}

/* How lists are laid out, and what they are lists of. */
struct list_kind {
    read_fn *read;               /* an element */
    json_fn *json;
    size_t   size;               /* of an element */
    size_t   values;             /* where the first lies; the count is first */
    int32_t  least, most;
    bool     single;             /* one is written as it is, without a list */
};
static const struct list_kind *list_kind(const struct config_key *key);

/* A list, or one element that stands for a list of one. */
static enum status read_list(const struct reading *r, void *member)
{
    const struct list_kind *kind = list_kind(r->key);
    char *value = (char *)member + kind->values;
    int32_t *n = member;

    if (r->node->type == YAML_MAPPING_NODE)
        return refuse(r, "");
    if (r->node->type == YAML_SCALAR_NODE) {
        *n = 1;
        return kind->read(r, value);
    }
    if (document_size(r->node) > kind->most ||
        document_size(r->node) < kind->least)
        return refuse(r, "");
    *n = (int32_t)document_size(r->node);
    for (int32_t i = 0; i < *n; i++) {
        char what[96];
        struct reading element = *r;
        snprintf(what, sizeof what, "%s[%d]", r->what, i);
        element.what = what;
        element.node = document_item(r->document, r->node, i);
        enum status status = kind->read(&element,
                                        value + kind->size * (size_t)i);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status read_grade(const struct reading *r, void *member)
{
    const struct config_key key = {
        .name = r->what, .type = CONFIG_CHOICE, .choices = grade_names, .unit = "",
    };
    struct reading grade = *r;
    int index = 0;

    grade.key = &key;
    enum status status = read_choice(&grade, &index);
    if (status == STATUS_OK)
        strcpy(member, grade_names[index]);
    return status;
}

static enum status read_source(const struct reading *r, void *member)
{
    const struct config_key key = {
        .name = r->what, .type = CONFIG_TEXT, .unit = "",
    };
    struct reading source = *r;
    char text[CONFIG_TEXT_SIZE] = "";

    source.key = &key;
    enum status status = read_text(&source, text);
    if (status != STATUS_OK)
        return status;
    if (!*text || strlen(text) >= sizeof ((struct quantity *)0)->source)
        return document_fail(r->document, r->node, STATUS_BAD_VALUE, r->err,
                             "%s: allowed are 1 to %zu bytes that say where"
                             " the number comes from", r->what,
                             sizeof ((struct quantity *)0)->source - 1);
    strcpy(member, text);
    return STATUS_OK;
}

static const struct {
    const char *name;
    read_fn    *read;
    size_t      offset;
} quantity_field[] = {
    { "value",  read_real,   offsetof(struct quantity, value) },
    { "low",    read_real,   offsetof(struct quantity, low) },
    { "high",   read_real,   offsetof(struct quantity, high) },
    { "grade",  read_grade,  offsetof(struct quantity, grade) },
    { "source", read_source, offsetof(struct quantity, source) },
};
enum { N_FIELDS = sizeof quantity_field / sizeof *quantity_field };

/* One `name: value` of a quantity; *seen collects a bit per field. */
static enum status read_field(const struct reading *r, void *member,
                              ptrdiff_t pair, unsigned *seen)
{
    struct reading field = *r;
    char what[96], name[DOCUMENT_QUOTE_SIZE];
    int i = 0;

    field.node = document_key(r->document, r->node, pair);
    document_quote(name, field.node);
    while (i < N_FIELDS && strcmp(name, quantity_field[i].name) != 0)
        i++;
    if (i == N_FIELDS || *seen & 1u << i)
        return document_fail(r->document, field.node, STATUS_BAD_VALUE, r->err,
                             "%s: %s '%s': allowed are value, low, high, grade"
                             " and source, once each", r->what,
                             i == N_FIELDS ? "unknown" : "repeated", name);
    *seen |= 1u << i;
    snprintf(what, sizeof what, "%s.%s", r->what, name);
    field.what = what;
    field.node = document_value(r->document, r->node, pair);
    return quantity_field[i].read(&field,
                                  (char *)member + quantity_field[i].offset);
}

/* {unknown: why} */
static bool is_unknown(const struct reading *r)
{
    const char *text = document_size(r->node) == 1
        ? document_text(document_key(r->document, r->node, 0)) : NULL;
    return text && strcmp(text, "unknown") == 0;
}

static enum status read_unknown(const struct reading *r, void *member)
{
    struct quantity q = { nan(""), nan(""), nan(""), "unknown", "" };
    struct reading why = *r;

    if (!r->key->fallback)
        return document_fail(r->document, r->node, STATUS_BAD_VALUE, r->err,
                             "%s is unknown: allowed is a number, without it"
                             " nothing can be worked out", r->what);
    why.node = document_value(r->document, r->node, 0);
    enum status status = read_source(&why, q.source);
    if (status == STATUS_OK)
        memcpy(member, &q, sizeof q);
    return status;
}

static enum status read_quantity(const struct reading *r, void *member)
{
    struct quantity q = { 0 };
    unsigned seen = 0;

    if (r->node->type != YAML_MAPPING_NODE)
        return refuse(r, "");
    if (is_unknown(r))
        return read_unknown(r, member);
    for (ptrdiff_t i = 0; i < document_size(r->node); i++) {
        enum status status = read_field(r, &q, i, &seen);
        if (status != STATUS_OK)
            return status;
    }
    for (int i = 0; i < N_FIELDS; i++)
        if (!(seen & 1u << i))
            return document_fail(r->document, r->node, STATUS_BAD_VALUE,
                                 r->err, "%s.%s is missing: allowed is {value:"
                                 " , low: , high: , grade: , source: }",
                                 r->what, quantity_field[i].name);
    if (!(q.low <= q.value && q.value <= q.high))
        return document_fail(r->document, r->node, STATUS_BAD_VALUE, r->err,
                             "%s: low %g, value %g, high %g: allowed is"
                             " low <= value <= high", r->what, q.low, q.value,
                             q.high);
    memcpy(member, &q, sizeof q);
    return STATUS_OK;
}

static enum status too_long(const struct document *document,
                            const yaml_node_t *node, struct error *err)
{
    return document_fail(document, node, STATUS_BAD_VALUE, err, "a value of"
                         " more than %d bytes", CONFIG_TEXT_SIZE - 1);
}

enum status config_value_text(char out[CONFIG_TEXT_SIZE],
                              const struct document *document,
                              const yaml_node_t *node, struct error *err)
{
    const char *text = document_text(node);
    size_t used = 0;

    if (!text && node->type != YAML_SEQUENCE_NODE)
        return document_fail(document, node, STATUS_BAD_VALUE, err,
                             "allowed is a value or a list; write a section's"
                             " key with a dot, train.steps: 10");
    if (text) {
        used = (size_t)snprintf(out, CONFIG_TEXT_SIZE, "%s", text);
        return used < CONFIG_TEXT_SIZE ? STATUS_OK
                                       : too_long(document, node, err);
    }
    for (ptrdiff_t i = 0; i < document_size(node); i++) {
        const yaml_node_t *item = document_item(document, node, i);
        if (!(text = document_text(item)))
            return document_fail(document, item, STATUS_BAD_VALUE, err,
                                 "allowed in a list that is one value are"
                                 " numbers and words");
        used += (size_t)snprintf(out + used, CONFIG_TEXT_SIZE - used, "%s%s",
                                 used ? ", " : "[", text);
        if (used >= CONFIG_TEXT_SIZE)
            return too_long(document, node, err);
    }
    used += (size_t)snprintf(out + used, CONFIG_TEXT_SIZE - used, "%s",
                             used ? "]" : "[]");
    return used < CONFIG_TEXT_SIZE ? STATUS_OK : too_long(document, node, err);
}

/* A value as --set takes it; if it names a file, that name is resolved from the
 * document's directory. */
static enum status setting_text(char text[CONFIG_TEXT_SIZE],
                                const struct reading *r, const char *key,
                                const yaml_node_t *value)
{
    bool is_file = false;
    char path[FILE_PATH_SIZE];

    for (const char *const *f = r->key->choices; f && *f && !is_file; f++)
        is_file = strcmp(*f, key) == 0;
    if (!is_file || !document_text(value) || !*document_text(value))
        return config_value_text(text, r->document, value, r->err);
    enum status status = document_resolve(path, r->document, value, r->err);
    if (status == STATUS_OK && strlen(path) >= CONFIG_TEXT_SIZE)
        return too_long(r->document, value, r->err);
    memcpy(text, path, status == STATUS_OK ? strlen(path) + 1 : 0);
    return status;
}

/* One `key: value` of a section that another table reads. */
static enum status read_setting(const struct reading *r, ptrdiff_t pair,
                                struct config_settings *out)
{
    const yaml_node_t *key = document_key(r->document, r->node, pair);
    const yaml_node_t *value = document_value(r->document, r->node, pair);
    char quote[DOCUMENT_QUOTE_SIZE], text[CONFIG_TEXT_SIZE] = "";
    enum status status;

    document_quote(quote, key);
    if (strpbrk(quote, ".=") || key->type != YAML_SCALAR_NODE)
        return document_fail(r->document, key, STATUS_BAD_VALUE, r->err,
                             "key '%s': allowed is the name of a key", quote);
    status = setting_text(text, r, quote, value);
    if (status != STATUS_OK)
        return status;
    if (out->n == CONFIG_SETTINGS_MAX)
        return document_fail(r->document, key, STATUS_BAD_VALUE, r->err,
                             "%s: more than %d keys", r->what,
                             CONFIG_SETTINGS_MAX);
    char *to = out->of[out->n].text, *place = out->of[out->n].place;
    if (snprintf(to, CONFIG_TEXT_SIZE, "%s.%s=%s", r->what, quote, text) >=
        CONFIG_TEXT_SIZE)
        return too_long(r->document, value, r->err);
    snprintf(place, sizeof out->of->place, "%.*s:%zu:%zu", CONFIG_TEXT_SIZE - 1,
             r->document->path, value->start_mark.line + 1,
             value->start_mark.column + 1);
    if (document_find(r->document, r->node, pair, quote))
        return document_fail(r->document, key, STATUS_BAD_VALUE, r->err,
                             "repeated key '%s'", quote);
    out->n++;
    return STATUS_OK;
}

static enum status read_settings(const struct reading *r, void *member)
{
    struct config_settings *out = member;
    const char *text = document_text(r->node);
    enum status status = STATUS_OK;

    out->n = 0;
    if (text && !*text)
        return STATUS_OK;
    if (r->node->type != YAML_MAPPING_NODE)
        return refuse(r, "");
    for (ptrdiff_t i = 0; i < document_size(r->node) && status == STATUS_OK; i++)
        status = read_setting(r, i, out);
    return status;
}

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
    const struct list_kind *kind = list_kind(key);
    const char *value = (const char *)member + kind->values;
    const int32_t n = *(const int32_t *)member;
    json_t *list = json_array();

    if (kind->single && n == 1) {
        json_decref(list);
        return kind->json(key, value);
    }
    for (int32_t i = 0; i < n; i++)
        if (json_array_append_new(list, kind->json(key, value + kind->size *
                                                            (size_t)i))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static const struct list_kind *list_kind(const struct config_key *key)
{
    static const struct list_kind kinds[] = {
        [CONFIG_PATHS]     = { read_path, json_of_text, CONFIG_TEXT_SIZE,
                               offsetof(struct config_paths, value), 1,
                               CONFIG_PATHS_MAX, true },
        [CONFIG_WORDS]     = { read_word, json_of_text, CONFIG_TEXT_SIZE,
                               offsetof(struct config_paths, value), 0,
                               CONFIG_PATHS_MAX, false },
        [CONFIG_INT_LIST]  = { read_int, json_of_int, sizeof(int64_t),
                               offsetof(struct config_int_list, value), 0,
                               CONFIG_LIST_MAX, false },
        [CONFIG_REAL_LIST] = { read_real, json_of_real, sizeof(double),
                               offsetof(struct config_real_list, value), 0,
                               CONFIG_LIST_MAX, false },
    };
    assert(key->type < sizeof kinds / sizeof *kinds && kinds[key->type].read);
    return &kinds[key->type];
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

static const struct {
    const char *noun;
    read_fn    *read;
    json_fn    *json;
} types[] = {
    [CONFIG_BOOL]      = { "true or false", read_bool, json_of_bool },
    [CONFIG_INT]       = { "an integer", read_int, json_of_int },
    [CONFIG_REAL]      = { "a number", read_real, json_of_real },
    [CONFIG_CHOICE]    = { "one of", read_choice, json_of_choice },
    [CONFIG_TEXT]      = { "a text", read_text, json_of_text },
    [CONFIG_PATH]      = { "a file name", read_path, json_of_text },
    [CONFIG_PATHS]     = { "a file name, or a list of them", read_list,
                           json_of_list },
    [CONFIG_WORDS]     = { "words", read_list, json_of_list },
    [CONFIG_INT_LIST]  = { "integers", read_list, json_of_list },
    [CONFIG_REAL_LIST] = { "numbers", read_list, json_of_list },
    [CONFIG_QUANTITY]  = { "{value, low, high, grade, source}", read_quantity,
                           json_of_quantity },
    [CONFIG_SETTINGS]  = { "key: value, indented", read_settings,
                           json_of_settings },
};

enum status config_value_read(void *target, const struct config_key *key,
                              const struct document *document,
                              const yaml_node_t *node, struct error *err)
{
    const struct reading reading = { key, document, node, key->name, err };
    return types[key->type].read(&reading, (char *)target + key->offset);
}

json_t *config_value_json(const void *target, const struct config_key *key)
{
    return types[key->type].json(key, (const char *)target + key->offset);
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
                            types[key->type].noun, range);
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
