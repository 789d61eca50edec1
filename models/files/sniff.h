/* sniff.h - Tell what a file is by how it begins, whatever its name. */
#ifndef SNIFF_H
#define SNIFF_H

#include "sim/core/base/error.h"

enum sniff {
    SNIFF_OTHER,                 /* not told: a YAML file, a first llama2.c one,
                                  * or there is no such file */
    SNIFF_GGUF,
    SNIFF_SAFETENSORS,
    SNIFF_LLAMA2C,               /* of a version that says so */
    SNIFF_NONE,                  /* nothing that is read */
};

/* What the i-th kind of file that is not read is, by how it begins; NULL: behind
 * the last. */
const char *sniff_refused(int i);

/* STATUS_BAD_VALUE: it is SNIFF_NONE, and what that is. */
enum status sniff_file(enum sniff *out, const char *path,
                       struct error *err) MUST_CHECK;

/* The status of a reader that went by a file's name; where it refused the file,
 * what that is, or NULL for out; of one that is SNIFF_NONE STATUS_BAD_VALUE.  A
 * file that is read is not looked at: SNIFF_OTHER. */
enum status sniff_refusal(enum sniff *out, enum status status, const char *path,
                          struct error *err) MUST_CHECK;

#endif
