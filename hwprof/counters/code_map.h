/* code_map.h - Find the bytes of an instruction of this process by the file it
 * was loaded from and its address there. */
#ifndef CODE_MAP_H
#define CODE_MAP_H

#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/error.h"

enum { CODE_SEGMENTS_MAX = 256 };

struct code_map {
    int n;
    struct code_segment {
        char     *path;          /* without links */
        uintptr_t base, first, end;      /* of the file; of the segment */
    } segment[CODE_SEGMENTS_MAX];
};

/* The executable segments of the program and the libraries that are loaded.
 * Release with code_map_close(). */
enum status code_map_open(struct code_map *out, struct error *err) MUST_CHECK;
void        code_map_close(struct code_map *map);

/* `path` as it was opened, or "???", whose addresses are the process's own.
 * *n: how many bytes follow; NULL: none of them lies there. */
const uint8_t *code_map_find(const struct code_map *map, const char *path,
                             uint64_t address, size_t *n);

#endif
