/* shared.h - Find test data that lies beside the tree: models, vocabularies and
 * what other programs made of them. */
#ifndef SHARED_H
#define SHARED_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/core/base/file.h"

/* The absolute path of a file in $ISOBATH_SHARED, or in ../shared/data: it
 * holds for a program started elsewhere too.  Skips the test where there is no
 * such file. */
static inline void shared_path(char out[FILE_PATH_SIZE], const char *name)
{
    const char *root = getenv("ISOBATH_SHARED");
    char path[FILE_PATH_SIZE], *absolute;

    snprintf(path, sizeof path, "%s/%s", root ? root : "../shared/data", name);
    absolute = realpath(path, NULL);
    if (!absolute)
        cr_skip("no shared data here: set ISOBATH_SHARED");
    snprintf(out, FILE_PATH_SIZE, "%s", absolute);
    free(absolute);
}

#endif
