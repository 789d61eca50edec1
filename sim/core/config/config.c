/* config.c - Decide which value each key of the table gets, and from where. */
#include "sim/core/config/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/config/config_inside.h"
#include "sim/core/config/config_value.h"
#include "sim/core/config/document.h"
#include "sim/core/base/nearest.h"

/* A place in a document. */
struct place {
    const struct document *document;   /* NULL: nowhere */
    const yaml_node_t     *node;
};

/* The value found for one key of the table. */
struct slot {
    struct place value;
    struct place section;      /* the mapping it would stand in */
    size_t       section_length;
    bool         lent;         /* from a config that a section names */
};

struct loader {
    const struct config_schema  *schema;
    const struct config_setting *settings;
    size_t           n_settings, n_keys;
    struct slot     *slot;         /* [n_keys] */
    struct document *documents;    /* kept while nodes are in use */
    const char      *lends;        /* the section that named the whole config
                                    * being read: that fills in, never
                                    * overrules; NULL: reading none */
    struct error    *err;
};

static size_t count_keys(const struct config_schema *schema)
{
    size_t n = 0;
    while (schema->keys[n].name)
        n++;
    return n;
}

const struct config_key *config_find(const struct config_schema *schema,
                                     const char *name)
{
    for (const struct config_key *key = schema->keys; key->name; key++)
        if (strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

/* True if `key` lies in the section of that name; "" holds all keys. */
static bool lies_in(const struct config_key *key, const char *section)
{
    size_t length = strlen(section);
    return length == 0 || (strncmp(key->name, section, length) == 0 &&
                           key->name[length] == '.');
}

static bool is_section(const struct config_schema *schema, const char *name)
{
    for (const struct config_key *key = schema->keys; key->name; key++)
        if (lies_in(key, name))
            return true;
    return false;
}

/* Offer every section that `name` lies in, and the name itself. */
static void offer_prefixes(struct nearest *near, const char *name,
                           char best[CONFIG_NAME_SIZE])
{
    char part[CONFIG_NAME_SIZE];
    size_t length = 0;

    do {
        length += strcspn(name + length + (length > 0), ".") + (length > 0);
        snprintf(part, sizeof part, "%.*s", (int)length, name);
        nearest_offer(near, part);
        if (near->name == part)
            near->name = strcpy(best, part);
    } while (name[length]);
}

/* "unknown key 'x'", and the nearest one: by its full name, else the one with
 * the same last part, which most likely stands in the wrong section. */
static void describe_unknown(char *out, size_t size,
                             const struct config_schema *schema,
                             const char *name)
{
    struct nearest near = nearest_to(name);
    const char *last = strrchr(name, '.');
    char best[CONFIG_NAME_SIZE];

    last = last ? last + 1 : name;
    for (const struct config_key *key = schema->keys; key->name; key++)
        offer_prefixes(&near, key->name, best);
    for (const struct config_key *key = schema->keys;
         key->name && !near.name; key++) {
        const char *dot = strrchr(key->name, '.');
        if (dot && strcmp(dot + 1, last) == 0)
            near.name = key->name;
    }
    if (near.name)
        snprintf(out, size, "unknown key '%.64s', did you mean '%s'?", name,
                 near.name);
    else
        snprintf(out, size, "unknown key '%.64s': a %s config has none of that"
                 " name", name, schema->kind);
}

/* The name before '=' of a setting; "" when there is none. */
static void setting_name(char out[CONFIG_NAME_SIZE], const char *text)
{
    size_t length = strcspn(text, "=");
    snprintf(out, CONFIG_NAME_SIZE, "%.*s",
             length < CONFIG_NAME_SIZE && text[length] ? (int)length : 0, text);
}

const struct config_setting *config_sets(const struct config_setting *settings,
                                         size_t n_settings, const char *key)
{
    const size_t length = strlen(key);

    for (size_t i = n_settings; i-- > 0;)
        if (strncmp(settings[i].text, key, length) == 0 &&
            settings[i].text[length] == '=')
            return &settings[i];
    return NULL;
}

static struct document *keep(struct loader *l, struct document *document)
{
    document->next = l->documents;
    l->documents = document;
    return document;
}

static enum status collect_mapping(struct loader *l, struct place place,
                                   const char *section);

/* Remember where the keys of a section would stand, for "missing" messages;
 * the innermost section wins. */
static void mark_section(struct loader *l, struct place place,
                         const char *section)
{
    for (size_t i = 0; i < l->n_keys; i++)
        if (lies_in(&l->schema->keys[i], section) &&
            strlen(section) >= l->slot[i].section_length) {
            l->slot[i].section = place;
            l->slot[i].section_length = strlen(section);
        }
}

/* True if the file holds the section under its name, beside others, instead of
 * its keys.  The section must stand there in place, so that no file leads back
 * to itself. */
static bool names_section(struct place place, const char *section)
{
    const yaml_node_t *value =
        place.node && place.node->type == YAML_MAPPING_NODE
            ? document_find(place.document, place.node,
                            document_size(place.node), section) : NULL;
    return value && value->type == YAML_MAPPING_NODE;
}

/* A section in place, or in the file that is named here: its keys, or a whole
 * config that has it. */
static enum status collect_section(struct loader *l, struct place place,
                                   const char *section)
{
    char path[FILE_PATH_SIZE];
    struct document *document = NULL;

    assert(place.node);
    if (place.node->type != YAML_SCALAR_NODE)
        return collect_mapping(l, place, section);
    if (!document_text(place.node) || !*document_text(place.node))
        return document_fail(place.document, place.node, STATUS_BAD_VALUE,
                             l->err, "%s is empty: allowed are its keys, or the"
                             " name of a file that holds them", section);
    enum status status = document_resolve(path, place.document, section,
                                          place.node, l->err);
    if (status != STATUS_OK)
        return status;
    if (!file_exists(path))
        return document_fail(place.document, place.node, STATUS_BAD_VALUE,
                             l->err, "%s: no file '%s'", section, path);
    status = document_read(&document, path, l->err);
    if (status != STATUS_OK)
        return status;
    place = (struct place){ keep(l, document), document_config(document) };
    if (!names_section(place, section))
        return collect_mapping(l, place, section);
    /* A whole config of its own kind: the naming file's own keys come
     * first, wherever they stand. */
    l->lends = section;
    status = collect_mapping(l, place, "");
    l->lends = NULL;
    return status;
}

/* One `key: value` of a section. */
static enum status collect_pair(struct loader *l, struct place key,
                                const yaml_node_t *value, const char *section)
{
    char name[CONFIG_NAME_SIZE], quote[DOCUMENT_QUOTE_SIZE], what[256];
    struct place place = { key.document, value };

    document_quote(quote, key.node);
    snprintf(name, sizeof name, "%.60s%s%s", section, *section ? "." : "",
             quote);
    /* Dots join names in messages and settings, not in files: there would be
     * two ways to say one thing. */
    bool dotted = strchr(quote, '.') != NULL;
    const struct config_key *found = dotted ? NULL
                                            : config_find(l->schema, name);
    if (found) {
        struct slot *slot = &l->slot[found - l->schema->keys];
        bool given = slot->value.node != NULL && !slot->lent;
        if (!l->lends || !given) {
            slot->value = place;
            slot->lent = l->lends != NULL;
        }
        return STATUS_OK;
    }
    if (!dotted && is_section(l->schema, name))
        return config_sets(l->settings, l->n_settings, name) &&
                       !(l->lends && strcmp(l->lends, name) == 0)
                   ? STATUS_OK : collect_section(l, place, name);
    if (dotted)
        snprintf(what, sizeof what, "key '%s': in a file, write sections as"
                 " indented mappings", quote);
    else
        describe_unknown(what, sizeof what, l->schema, name);
    return document_fail(key.document, key.node, STATUS_BAD_VALUE, l->err,
                         "%s", what);
}

/* All keys of a section.  Sections only nest as deep as the table's names have
 * dots, so files that name each other cannot go round in circles. */
static enum status collect_mapping(struct loader *l, struct place place,
                                   const char *section)
{
    enum status status = STATUS_OK;

    mark_section(l, place, section);
    if (!place.node)             /* an empty file */
        return STATUS_OK;
    if (place.node->type != YAML_MAPPING_NODE)
        return document_fail(place.document, place.node, STATUS_BAD_VALUE,
                             l->err, "%s%sa %s config is a mapping, key: value",
                             section, *section ? ": " : "", l->schema->kind);
    for (ptrdiff_t i = 0; i < document_size(place.node) && status == STATUS_OK;
         i++) {
        struct place key = { place.document,
                             document_key(place.document, place.node, i) };
        const char *text = document_text(key.node);
        if (text && document_find(place.document, place.node, i, text))
            return document_fail(key.document, key.node, STATUS_BAD_VALUE,
                                 l->err, "repeated key '%.64s'", text);
        status = collect_pair(l, key, document_value(place.document,
                                                     place.node, i), section);
    }
    return status;
}

static enum status parse_value(struct loader *l, struct place *out,
                               const char *origin, const char *text,
                               bool literal)
{
    struct document *document = NULL;
    enum status status = config_value_document(&document, origin, text,
                                               literal, l->err);

    if (status == STATUS_OK)
        *out = (struct place){ keep(l, document), document_root(document) };
    return status;
}

/* The value of a setting. */
static enum status parse_setting(struct loader *l, struct place *out,
                                 const char *origin,
                                 const struct config_key *key,
                                 const char *value)
{
    char *list = NULL;

    if (!config_lacks_brackets(key, value))
        return parse_value(l, out, origin, value,
                           key ? config_value_literal(key, value)
                               : *value != '{');
    if (asprintf(&list, "[%s]", value) < 0)
        return error_set(l->err, STATUS_NO_MEMORY, "no memory for %s", value);
    enum status status = parse_value(l, out, origin, list, false);
    free(list);
    return status;
}

static enum status apply_setting(struct loader *l,
                                 const struct config_setting *setting)
{
    char name[CONFIG_NAME_SIZE], what[256];
    const char *text = setting->text;
    const char *origin = setting->place ? setting->place : "--set";
    struct place place = { NULL, NULL };

    setting_name(name, text);
    if (!*name)
        return error_set(l->err, STATUS_BAD_VALUE,
                         "%s: '%.64s': allowed is key=value", origin, text);
    const char *value = text + strlen(name) + 1;
    const struct config_key *key = config_find(l->schema, name);
    if (!key && !is_section(l->schema, name)) {
        describe_unknown(what, sizeof what, l->schema, name);
        return error_set(l->err, STATUS_BAD_VALUE, "%s: %s", origin, what);
    }
    if (config_sets(l->settings, l->n_settings, name) != setting)
        return STATUS_OK;
    enum status status = parse_setting(l, &place, origin, key, value);
    if (status != STATUS_OK)
        return status;
    if (!key)
        return collect_section(l, place, name);
    l->slot[key - l->schema->keys].value = place;
    return STATUS_OK;
}

/* Sections first, so that a key's own setting outweighs its section's. */
static enum status apply_settings(struct loader *l)
{
    enum status status = STATUS_OK;

    for (int keys = 0; keys <= 1; keys++)
        for (size_t i = 0; i < l->n_settings && status == STATUS_OK; i++) {
            char name[CONFIG_NAME_SIZE];
            setting_name(name, l->settings[i].text);
            if ((config_find(l->schema, name) != NULL) == (keys == 1))
                status = apply_setting(l, &l->settings[i]);
        }
    return status;
}

/* A help longer than a line would push what is allowed out of the message. */
static enum status missing(const struct loader *l, const struct config_key *key,
                           const struct slot *slot)
{
    enum { HELP_SIZE = 100 };
    char allowed[CONFIG_ALLOWED_SIZE], help[HELP_SIZE] = "";

    config_value_allowed(allowed, key);
    if (strlen(key->help) < sizeof help - sizeof " ()")
        snprintf(help, sizeof help, " (%s)", key->help);
    if (!slot->section.document)
        return error_set(l->err, STATUS_BAD_VALUE, "missing key '%s'%s:"
                         " give it with --set %s=...; allowed is %s",
                         key->name, help, key->name, allowed);
    return document_fail(slot->section.document, slot->section.node,
                         STATUS_BAD_VALUE, l->err,
                         "missing key '%s'%s: allowed is %s", key->name, help,
                         allowed);
}

static void note_origin(struct config_origin *origin, struct place place)
{
    assert(place.document && place.node);
    *origin = (struct config_origin){ .line = 0 };
    snprintf(origin->path, sizeof origin->path, "%.*s", CONFIG_TEXT_SIZE - 1,
             place.document->path);
    if (place.document->is_file) {
        origin->line = (int)place.node->start_mark.line + 1;
        origin->column = (int)place.node->start_mark.column + 1;
    }
}

/* Every key's value, or its default, into the target. */
static enum status resolve(struct loader *l, void *target,
                           struct config_origin *origins)
{
    for (size_t i = 0; i < l->n_keys; i++) {
        const struct config_key *key = &l->schema->keys[i];
        struct place place = l->slot[i].value;
        enum status status = STATUS_OK;

        if (!place.document && !key->fallback)
            return missing(l, key, &l->slot[i]);
        if (!place.document)
            status = parse_value(l, &place, "default", key->fallback,
                                 config_value_literal(key, key->fallback));
        if (status == STATUS_OK)
            status = config_value_read(target, key, place.document, place.node,
                                       l->err);
        if (status != STATUS_OK)
            return status;
        if (origins)
            note_origin(&origins[i], place);
    }
    return STATUS_OK;
}

static enum status load_base(struct loader *l, const char *path)
{
    struct document *document = NULL;
    enum status status;

    if (!path)
        return STATUS_OK;
    status = document_read(&document, path, l->err);
    if (status != STATUS_OK)
        return status;
    struct place root = { keep(l, document), document_config(document) };
    return collect_mapping(l, root, "");
}

enum status config_load(void *target, const struct config_schema *schema,
                        const char *path, const struct config_setting *settings,
                        size_t n_settings, struct config_origin *origins,
                        struct error *err)
{
    struct loader l = {
        .schema = schema, .settings = settings, .n_settings = n_settings,
        .n_keys = count_keys(schema), .err = err,
    };
    enum status status;

    l.slot = calloc(l.n_keys + 1, sizeof *l.slot);
    if (!l.slot)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a %s config",
                         schema->kind);
    status = load_base(&l, path);
    if (status == STATUS_OK)
        status = apply_settings(&l);
    if (status == STATUS_OK)
        status = resolve(&l, target, origins);
    while (l.documents) {
        struct document *next = l.documents->next;
        document_close(l.documents);
        l.documents = next;
    }
    free(l.slot);
    return status;
}

enum status config_blame(const struct config_schema *schema,
                         const struct config_origin *origins, const char *key,
                         struct error *err)
{
    const struct config_key *found = config_find(schema, key);
    char what[sizeof err->text];

    if (!found || !origins || !err)
        return err ? err->status : STATUS_BAD_VALUE;
    const struct config_origin *origin = &origins[found - schema->keys];
    snprintf(what, sizeof what, "%s", err->text);
    if (origin->line > 0)
        return error_set(err, err->status, "%s:%d:%d: %s", origin->path,
                         origin->line, origin->column, what);
    return error_set(err, err->status, "%s: %s", origin->path, what);
}
