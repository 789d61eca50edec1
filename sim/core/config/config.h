/* config.h - Read YAML files through a table, one row per key.
 *
 * A key's full name is its path in the file, joined by dots: "train.steps".  A
 * section may be given in place or as the name of a file that holds its keys,
 * relative to the file that names it:
 *     model: ../models/tiny.yaml
 * That file may also be a whole config with the section in it under its name;
 * then its other sections count too, except where the naming file has its own.
 * Unknown, repeated and missing keys, wrong types and values out of range are
 * STATUS_BAD_VALUE / BAD_FORMAT with "file:line:col: what, and what is
 * allowed", and the nearest known key where one is near.
 *
 * Numbers are decimal: no 0x, no leading zeros, no .inf or .nan; an integer may
 * be written 1e6.  Booleans are true and false, not yes, no, on, off. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stddef.h>
#include <stdio.h>
#include <jansson.h>
#include "sim/core/base/error.h"
#include "sim/core/config/config_key.h"

struct config_schema {
    const char *kind;            /* "run", "model", "machine", "study" */
    const struct config_key *keys;
};

/* One --set key=value.  Texts and file names are taken as they stand behind the
 * '=', everything else as it would stand in the file: [1, 2] is a list, and so is
 * 1,2 for a key that takes lists.  For a
 * section the value is the name of the file that replaces it.  Of several
 * settings of one key the last holds; a key's outweighs its section's. */
struct config_setting {
    const char *text;            /* "train.steps=200" */
    const char *flag;            /* "--window": the flag that stands for the
                                  * key; NULL: --set */
    const char *place;           /* "study.yaml:4:12": stands for --set in
                                  * messages; NULL: it was --set */
};

/* The last setting that gives exactly this key a value; NULL: none does. */
const struct config_setting *config_sets(const struct config_setting *settings,
                                         size_t n_settings, const char *key);

/* The place that a resolved value came from, for messages of later checks. */
struct config_origin {
    char path[CONFIG_TEXT_SIZE];   /* "--set", "default", or a file, cut */
    int  line, column;             /* 1-based; 0 where there is no file */
};

/* Read `path` (NULL: defaults only) and then the settings into *target, which
 * need not be initialised.  `origins`, unless NULL, has one entry per key of
 * the table, in its order. */
enum status config_load(void *target, const struct config_schema *schema,
                        const char *path, const struct config_setting *settings,
                        size_t n_settings, struct config_origin *origins,
                        struct error *err) MUST_CHECK;

/* A later check failed for `key`: put "file:line:col: " (or "--set: ") before
 * what *err says already.  Returns err->status. */
enum status config_blame(const struct config_schema *schema,
                         const struct config_origin *origins, const char *key,
                         struct error *err);

/* The row of a key; NULL: there is none. */
const struct config_key *config_find(const struct config_schema *schema,
                                     const char *name);

/* ---- config_json.c, config_parse.c ---- */

/* The resolved values as nested JSON; caller decrefs.  NULL: no memory. */
json_t *config_json(const void *target, const struct config_schema *schema);

/* Read the text of one value into the key's member of *target, as --set would.
 * Messages begin with the key's name. */
enum status config_parse(void *target, const struct config_key *key,
                         const char *text, struct error *err) MUST_CHECK;

/* ---- config_help.c ---- */

/* The table as text: key, type and range, unit, default, help. */
void config_help(const struct config_schema *schema, FILE *file);

/* "a number, 0 to 1; default 0.5", cut at `size`. */
void config_describe(char *out, size_t size, const struct config_key *key);

/* The same of keys whose reader is no such table. */
void config_help_file(const struct file_key *keys, FILE *file);
void config_describe_file(char *out, size_t size, const struct file_key *key);

/* One row of help: the name, what describes it (or ""), and below, indented and
 * wrapped, the help. */
void config_help_row(FILE *file, const char *name, const char *described,
                     const char *help);

#endif
