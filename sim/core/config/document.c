/* document.c - Read YAML with libyaml; put its errors into words. */
#include "sim/core/config/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/shipped.h"

enum status document_fail(const struct document *document,
                          const yaml_node_t *node, enum status status,
                          struct error *err, const char *format, ...)
{
    char what[sizeof err->text];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (!document->is_file)
        return error_set(err, status, "%s%s%s", document->path,
                         *document->path ? ": " : "", what);
    return error_set(err, status, "%s:%zu:%zu: %s", document->path,
                     node ? node->start_mark.line + 1 : 1,
                     node ? node->start_mark.column + 1 : 1, what);
}

static enum status fail_at(const struct document *document, yaml_mark_t mark,
                           struct error *err, const char *what)
{
    yaml_node_t at = { .start_mark = mark };
    return document_fail(document, &at, STATUS_BAD_FORMAT, err, "%s", what);
}

/* Say why the parser stopped.  A reader error (bad bytes) knows only an
 * offset. */
static enum status fail_parse(const struct document *document,
                              const yaml_parser_t *parser, const char *text,
                              struct error *err)
{
    char what[256];
    yaml_mark_t mark = parser->problem_mark;

    /* Whatever is wrong with a text has a name; libyaml does not say
     * YAML_MEMORY_ERROR everywhere. */
    if (parser->error == YAML_MEMORY_ERROR || !parser->problem)
        return error_set(err, STATUS_NO_MEMORY, "no memory to read %s",
                         document->path);
    if (parser->error == YAML_READER_ERROR) {
        mark = (yaml_mark_t){ 0 };
        for (size_t i = 0; i < parser->problem_offset; i++) {
            mark.column++;
            if (text[i] == '\n')
                mark.line++, mark.column = 0;
        }
    }
    snprintf(what, sizeof what, "%s%s%s", parser->problem,
             parser->context ? " " : "", parser->context ? parser->context : "");
    return fail_at(document, mark, err, what);
}

static const char *event_refused(const yaml_event_t *event, int n_documents)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;

    switch ((int)event->type) {
    case YAML_ALIAS_EVENT:
        return "an alias (*name): write the value out";
    case YAML_DOCUMENT_START_EVENT:
        return n_documents > 0 ? "a second document (---): one is allowed"
                               : NULL;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    default:
        break;
    }
    if (anchor)
        return "an anchor (&name): write values out where they belong";
    return tag ? "a tag (!name): the key already says the type" : NULL;
}

/* libyaml resolves aliases and merges documents silently, so its events are
 * looked at first. */
static enum status check_events(const struct document *document,
                                const char *text, size_t size,
                                struct error *err)
{
    yaml_parser_t parser;
    enum status status = STATUS_OK;
    int depth = 0, n_documents = 0;
    bool more = true;

    if (!yaml_parser_initialize(&parser))
        return error_set(err, STATUS_NO_MEMORY, "no memory to read %s",
                         document->path);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    while (more && status == STATUS_OK) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            status = fail_parse(document, &parser, text, err);
            break;
        }
        const char *refused = event_refused(&event, n_documents);
        depth += event.type == YAML_MAPPING_START_EVENT ||
                 event.type == YAML_SEQUENCE_START_EVENT;
        depth -= event.type == YAML_MAPPING_END_EVENT ||
                 event.type == YAML_SEQUENCE_END_EVENT;
        n_documents += event.type == YAML_DOCUMENT_START_EVENT;
        if (depth > DOCUMENT_MAX_DEPTH)
            refused = "nested too deeply";
        if (refused)
            status = fail_at(document, event.start_mark, err, refused);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return status;
}

static enum status load(struct document *document, const char *text,
                        size_t size, struct error *err)
{
    yaml_parser_t parser;
    enum status status = check_events(document, text, size, err);

    if (status != STATUS_OK)
        return status;
    if (!yaml_parser_initialize(&parser))
        return error_set(err, STATUS_NO_MEMORY, "no memory to read %s",
                         document->path);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    if (!yaml_parser_load(&parser, &document->yaml))
        status = fail_parse(document, &parser, text, err);
    yaml_parser_delete(&parser);
    return status;
}

static enum status begin(struct document **out, const char *name, bool is_file,
                         struct error *err)
{
    if (strlen(name) >= FILE_PATH_SIZE)
        return error_set(err, STATUS_BAD_VALUE, "file name of %zu bytes:"
                         " allowed are %d", strlen(name), FILE_PATH_SIZE - 1);
    struct document *document = calloc(1, sizeof *document);
    if (!document)
        return error_set(err, STATUS_NO_MEMORY, "no memory to read %s", name);
    strcpy(document->path, name);
    document->is_file = is_file;
    *out = document;
    return STATUS_OK;
}

static enum status open_text(struct document **out, const char *name,
                             bool is_file, const char *text, size_t size,
                             struct error *err)
{
    struct document *document = NULL;
    enum status status = begin(&document, name, is_file, err);

    if (status != STATUS_OK)
        return status;
    status = load(document, text, size, err);
    if (status != STATUS_OK) {
        free(document);
        return status;
    }
    *out = document;
    return STATUS_OK;
}

enum status document_read(struct document **out, const char *path,
                          struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    enum status status = file_read(&text, &size, path, DOCUMENT_MAX_BYTES, err);

    if (status == STATUS_OK)
        status = open_text(out, path, true, text, size, err);
    free(text);
    return status;
}

enum status document_parse(struct document **out, const char *name,
                           const char *text, struct error *err)
{
    return open_text(out, name, false, text, strlen(text), err);
}

enum status document_literal(struct document **out, const char *name,
                             const char *text, struct error *err)
{
    struct document *document = NULL;
    enum status status = begin(&document, name, false, err);

    if (status != STATUS_OK)
        return status;
    if (!yaml_document_initialize(&document->yaml, NULL, NULL, NULL, 1, 1) ||
        !yaml_document_add_scalar(&document->yaml, NULL,
                                  (const yaml_char_t *)text,
                                  (int)strlen(text),
                                  YAML_DOUBLE_QUOTED_SCALAR_STYLE)) {
        document_close(document);
        return error_set(err, STATUS_NO_MEMORY, "no memory to read %s", name);
    }
    *out = document;
    return STATUS_OK;
}

void document_close(struct document *document)
{
    if (!document)
        return;
    yaml_document_delete(&document->yaml);
    free(document);
}

/* libyaml's getters take a pointer to non-const but change nothing. */
const yaml_node_t *document_root(const struct document *document)
{
    return yaml_document_get_root_node((yaml_document_t *)&document->yaml);
}

const yaml_node_t *document_config(const struct document *document)
{
    const yaml_node_t *root = document_root(document), *base = NULL;

    if (root && root->type == YAML_MAPPING_NODE)
        base = document_find(document, root, document_size(root), "base");
    return base && base->type == YAML_MAPPING_NODE ? base : root;
}

static const yaml_node_t *node_of(const struct document *document, int index)
{
    return yaml_document_get_node((yaml_document_t *)&document->yaml, index);
}

ptrdiff_t document_size(const yaml_node_t *node)
{
    return node->type == YAML_MAPPING_NODE
               ? node->data.mapping.pairs.top - node->data.mapping.pairs.start
               : node->data.sequence.items.top -
                     node->data.sequence.items.start;
}

const yaml_node_t *document_item(const struct document *document,
                                 const yaml_node_t *list, ptrdiff_t i)
{
    return node_of(document, list->data.sequence.items.start[i]);
}

const yaml_node_t *document_key(const struct document *document,
                                const yaml_node_t *mapping, ptrdiff_t i)
{
    return node_of(document, mapping->data.mapping.pairs.start[i].key);
}

const yaml_node_t *document_value(const struct document *document,
                                  const yaml_node_t *mapping, ptrdiff_t i)
{
    return node_of(document, mapping->data.mapping.pairs.start[i].value);
}

const yaml_node_t *document_find(const struct document *document,
                                 const yaml_node_t *mapping, ptrdiff_t n,
                                 const char *key)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const char *text = document_text(document_key(document, mapping, i));
        if (text && strcmp(text, key) == 0)
            return document_value(document, mapping, i);
    }
    return NULL;
}

const char *document_text(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE)
        return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

void document_quote(char out[DOCUMENT_QUOTE_SIZE], const yaml_node_t *node)
{
    static const char *const kind[] = {
        [YAML_NO_NODE] = "nothing",       [YAML_SCALAR_NODE] = "a NUL byte",
        [YAML_SEQUENCE_NODE] = "a list",  [YAML_MAPPING_NODE] = "a mapping",
    };
    const char *text = document_text(node);

    if (!text)
        snprintf(out, DOCUMENT_QUOTE_SIZE, "%s", kind[node->type]);
    else if (!*text)
        snprintf(out, DOCUMENT_QUOTE_SIZE, "%s", "nothing");
    else
        snprintf(out, DOCUMENT_QUOTE_SIZE, "%.48s%s", text,
                 strlen(text) > 48 ? "..." : "");
}

/* What `key` takes, where no file of that name lies beside the document. */
static enum status resolve_shipped(char out[FILE_PATH_SIZE],
                                   const struct document *document,
                                   const char *key, const yaml_node_t *node,
                                   struct error *err)
{
    const char *const *kinds = shipped_kinds(key);
    char named[FILE_PATH_SIZE];
    struct error why;

    if (!kinds || file_exists(out) || strchr(document_text(node), '/'))
        return STATUS_OK;
    if (shipped_named(named, kinds, document_text(node), &why) == STATUS_OK)
        strcpy(out, named);
    else if (!strchr(document_text(node), '.'))
        return document_fail(document, node, STATUS_BAD_VALUE, err, "%s: %s",
                             key, why.text);
    return STATUS_OK;
}

enum status document_resolve(char out[FILE_PATH_SIZE],
                             const struct document *document, const char *key,
                             const yaml_node_t *node, struct error *err)
{
    const char *text = document_text(node);
    const char *slash = document->is_file ? strrchr(document->path, '/') : NULL;
    int length = slash ? (int)(slash - document->path) + 1 : 0;

    if (!text || !*text)
        return document_fail(document, node, STATUS_BAD_VALUE, err,
                             "a file name is missing here");
    if (*text == '/')
        length = 0;
    const char *below = strncmp(text, "../../", 6) == 0 ? text + 6 : NULL;
    if (below && shipped_is_installed(document->path)) {
        text = below;
        length = 0;
    }
    if (snprintf(out, FILE_PATH_SIZE, "%.*s%s", length, document->path, text)
        >= FILE_PATH_SIZE)
        return document_fail(document, node, STATUS_BAD_VALUE, err,
                             "a file name of more than %d bytes",
                             FILE_PATH_SIZE - 1);
    if (below && shipped_is_in_tree(document->path) && !file_exists(out) &&
        file_exists(below))
        strcpy(out, below);
    return resolve_shipped(out, document, key, node, err);
}

enum { HASH_MAX_DEPTH = 4 };     /* files that name files that ... */

/* FNV-1a (Fowler, Noll and Vo 1991), 64 bits. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return hash;
}

static enum status hash_file(uint64_t *hash, const char *path, int depth,
                             struct error *err);

/* What cannot be found counts as the word that it is. */
static enum status hash_scalar(uint64_t *hash, const struct document *document,
                               const char *key, const yaml_node_t *node,
                               int depth, struct error *err)
{
    char path[FILE_PATH_SIZE];
    struct error why;

    *hash = mix(*hash, node->data.scalar.value, node->data.scalar.length + 1);
    if (depth == HASH_MAX_DEPTH ||
        document_resolve(path, document, key, node, &why) != STATUS_OK)
        return STATUS_OK;
    const char *end = strrchr(path, '.');
    return end && strcmp(end, ".yaml") == 0 && file_exists(path)
               ? hash_file(hash, path, depth + 1, err) : STATUS_OK;
}

/* The value of a key, or one of the list that it is. */
static enum status hash_node(uint64_t *hash, const struct document *document,
                             const char *key, const yaml_node_t *node, int depth,
                             struct error *err)
{
    const char kind = (char)node->type;
    enum status status = STATUS_OK;

    *hash = mix(*hash, &kind, 1);
    if (node->type == YAML_SCALAR_NODE)
        return hash_scalar(hash, document, key, node, depth, err);
    for (ptrdiff_t i = 0; i < document_size(node) && status == STATUS_OK; i++) {
        if (node->type == YAML_SEQUENCE_NODE) {
            status = hash_node(hash, document, key,
                               document_item(document, node, i), depth, err);
            continue;
        }
        const yaml_node_t *name = document_key(document, node, i);
        const char *text = document_text(name);
        status = hash_node(hash, document, "", name, depth, err);
        if (status == STATUS_OK)
            status = hash_node(hash, document, text ? text : "",
                               document_value(document, node, i), depth, err);
    }
    *hash = mix(*hash, "", 1);   /* marks the end: [a], b is not [a, b] */
    return status;
}

static enum status hash_file(uint64_t *hash, const char *path, int depth,
                             struct error *err)
{
    struct document *document = NULL;
    enum status status = document_read(&document, path, err);

    if (status == STATUS_OK && document_root(document))
        status = hash_node(hash, document, "", document_root(document), depth, err);
    document_close(document);
    return status;
}

static const uint64_t hash_start = 0xcbf29ce484222325u;

enum status document_hash(uint64_t *out, const char *path, struct error *err)
{
    *out = hash_start;
    return hash_file(out, path, 0, err);
}

enum status document_hash_part(uint64_t *out, const struct document *document,
                               const yaml_node_t *node, struct error *err)
{
    *out = hash_start;
    return hash_node(out, document, "", node, 0, err);
}
