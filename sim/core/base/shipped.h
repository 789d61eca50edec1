/* shipped.h - Find configs that come with the program, by their names.
 *
 * Their folders are those of the first of these that there is: $ISOBATH_CONFIGS;
 * configs beside the folder of the program, as in the tree; share/isobath/configs
 * there, as installed; configs.  Scripts lie beside them, in scripts and
 * libexec/isobath. */
#ifndef SHIPPED_H
#define SHIPPED_H

#include <stdbool.h>
#include "sim/core/base/error.h"
#include "sim/core/base/file.h"

/* The folder of a kind: "machines", "models", "runs", "studies", "counters".
 * False: there is none. */
bool shipped_folder(char out[FILE_PATH_SIZE], const char *kind);

/* The file that `name` means: one of that name, as it is; or, for a word without
 * a slash that is no file's name, NAME.yaml of the first of the kinds, NULL-ended,
 * that has it.  Where none has, a word with a dot is a file's; of another
 * STATUS_BAD_VALUE, with the nearest that there is. */
enum status shipped_find(char out[FILE_PATH_SIZE], const char *const *kinds,
                         const char *name, struct error *err) MUST_CHECK;

/* The same of a name alone, whatever files there are. */
enum status shipped_named(char out[FILE_PATH_SIZE], const char *const *kinds,
                          const char *name, struct error *err) MUST_CHECK;

/* The kinds whose names a key of a config takes, by its last word: machines for
 * "run.machine".  NULL: it takes files alone. */
const char *const *shipped_kinds(const char *key);

/* True if two such names are one, mean one file or directory, or files of equal
 * bytes. */
bool shipped_same(const char *const *kinds, const char *a, const char *b);

/* The script of that name, and the program's own file; false: it is not there. */
bool shipped_script(char out[FILE_PATH_SIZE], char self[FILE_PATH_SIZE],
                    const char *name);

/* True if the file is a shipped config that is installed.  What it names outside
 * of its folders, "../../build/corpus/kjv.txt", then lies below the working
 * directory, as for a program that is started in its tree. */
bool shipped_is_installed(const char *path);

/* True if the file is a shipped config of the tree.  Such a name that the tree
 * has not is looked for below the working directory too, where isobath corpus
 * lays its texts. */
bool shipped_is_in_tree(const char *path);

#endif
