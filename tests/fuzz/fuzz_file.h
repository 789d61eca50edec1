/* fuzz_file.h - Lay an input down as a file, for readers that open one: in a
 * directory of its own, as its text may name others. */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fuzz_directory {
    char path[32];
};

struct fuzz_file {
    char path[64];
};

static inline struct fuzz_directory fuzz_directory_make(void)
{
    struct fuzz_directory d = { "/tmp/isobath-fuzz-XXXXXX" };

    if (!mkdtemp(d.path))
        abort();
    return d;
}

static inline struct fuzz_file fuzz_file_write(const struct fuzz_directory *d,
                                               const char *name,
                                               const uint8_t *bytes,
                                               size_t size)
{
    struct fuzz_file f;

    snprintf(f.path, sizeof f.path, "%s/%s", d->path, name);
    FILE *file = fopen(f.path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        abort();
    return f;
}

#endif
