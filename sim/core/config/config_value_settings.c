/* config_value_settings.c - Read values as --set takes them, and a section that is
 * read by another table. */
#include "sim/core/config/config_value_inside.h"

#include <string.h>

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
    enum status status = document_resolve(path, r->document, key, value, r->err);
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

enum status config_read_settings(const struct reading *r, void *member)
{
    struct config_settings *out = member;
    const char *text = document_text(r->node);
    enum status status = STATUS_OK;

    out->n = 0;
    if (text && !*text)
        return STATUS_OK;
    if (r->node->type != YAML_MAPPING_NODE)
        return config_value_refuse(r, "");
    for (ptrdiff_t i = 0; i < document_size(r->node) && status == STATUS_OK; i++)
        status = read_setting(r, i, out);
    return status;
}
