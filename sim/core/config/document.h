/* document.h - Hold one YAML document in memory; name the place of an error.
 *
 * Plain YAML only: no anchors, aliases, tags or second document, at most
 * DOCUMENT_MAX_BYTES and DOCUMENT_MAX_DEPTH, so that a document means just what
 * its text shows. */
#ifndef DOCUMENT_H
#define DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <yaml.h>
#include "sim/core/base/error.h"
#include "sim/core/base/file.h"

enum { DOCUMENT_MAX_BYTES = 1 << 20, DOCUMENT_MAX_DEPTH = 16 };

struct document {
    yaml_document_t  yaml;
    char             path[FILE_PATH_SIZE];   /* its name in messages */
    bool             is_file;    /* messages add line and column */
    struct document *next;       /* for its owner's list */
};

/* Caller releases with document_close().  STATUS_BAD_VALUE: no such file;
 * STATUS_BAD_FORMAT: "file:line:col: what is wrong". */
enum status document_read(struct document **out, const char *path,
                          struct error *err) MUST_CHECK;
/* Not from a file: `name` stands in messages instead ("--set"), unless "". */
enum status document_parse(struct document **out, const char *name,
                           const char *text, struct error *err) MUST_CHECK;
/* A document that is one piece of text, taken as it is. */
enum status document_literal(struct document **out, const char *name,
                             const char *text, struct error *err) MUST_CHECK;
void        document_close(struct document *document);

/* NULL for an empty document. */
const yaml_node_t *document_root(const struct document *document);
/* The config that the document is, or that a study holds under base:; NULL as
 * above. */
const yaml_node_t *document_config(const struct document *document);

/* Items of a list, or pairs of a mapping: how many; the i-th; and the value of a
 * key among the first n, NULL where it is not there. */
ptrdiff_t document_size(const yaml_node_t *node);
const yaml_node_t *document_item(const struct document *document,
                                 const yaml_node_t *list, ptrdiff_t i);
const yaml_node_t *document_key(const struct document *document,
                                const yaml_node_t *mapping, ptrdiff_t i);
const yaml_node_t *document_value(const struct document *document,
                                  const yaml_node_t *mapping, ptrdiff_t i);
const yaml_node_t *document_find(const struct document *document,
                                 const yaml_node_t *mapping, ptrdiff_t n,
                                 const char *key);

/* The text of a scalar; NULL for lists, mappings and text with NUL inside. */
const char *document_text(const yaml_node_t *node);

/* A message quotes a node by its text, cut, or as "a list", "a mapping",
 * "nothing". */
enum { DOCUMENT_QUOTE_SIZE = 64 };
void document_quote(char out[DOCUMENT_QUOTE_SIZE], const yaml_node_t *node);

/* "path:line:col: TEXT" into *err; node NULL: line 1, column 1. */
enum status document_fail(const struct document *document,
                          const yaml_node_t *node, enum status status,
                          struct error *err, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A hash of the contents of a file and of the .yaml files that it names, by path
 * or as shipped configs;
 * comments and layout do not count. */
enum status document_hash(uint64_t *out, const char *path,
                          struct error *err) MUST_CHECK;
/* The same of a part of a document. */
enum status document_hash_part(uint64_t *out, const struct document *document,
                               const yaml_node_t *node,
                               struct error *err) MUST_CHECK;

/* Resolve a file name that stands in the document as the value of `key`: it is
 * relative to the file that names it.  A word that is no file's name there may
 * be the name of a shipped config of a kind that the key takes, as on the
 * command line: STATUS_BAD_VALUE if it is not. */
enum status document_resolve(char out[FILE_PATH_SIZE],
                             const struct document *document, const char *key,
                             const yaml_node_t *node,
                             struct error *err) MUST_CHECK;

#endif
