/* shared.h - test data that lies beside the tree: models, vocabularies and what
 * other programs made of them. */
#ifndef SHARED_H
#define SHARED_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/core/file.h"

/* The path of a file in $ISOBATH_SHARED, or in ../shared/data; skips the test
 * where there is none. */
static inline void shared_path(char out[FILE_PATH_SIZE], const char *name)
{
    const char *root = getenv("ISOBATH_SHARED");
    snprintf(out, FILE_PATH_SIZE, "%s/%s", root ? root : "../shared/data",
             name);
    if (!file_exists(out))
        cr_skip("no shared data here: set ISOBATH_SHARED");
}

#endif
