/* arena.h - Hold one block of memory, laid out once, never grown.
 *
 * Lay out twice with the same code: first into a measuring arena, which only
 * adds sizes up, then into the real one. */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>
#include "sim/core/base/error.h"

enum { ARENA_ALIGNMENT = 64 };    /* one cache line, one AVX-512 register */

struct arena {
    char  *base;                  /* NULL while measuring */
    size_t size, used;
    int    overflowed;            /* a size did not fit: size is meaningless */
};

/* Returns n * size bytes, aligned; while measuring, NULL.  Never fails: the
 * sizes were measured by the same calls. */
void *arena_take(struct arena *arena, size_t n, size_t size);

/* Turn a measuring arena into a real one, zeroed, on huge pages where the kernel
 * offers them; STATUS_NO_MEMORY names the size asked for.  Touch, by one of
 * several threads at once: its part becomes resident. */
enum status arena_map(struct arena *arena, struct error *err) MUST_CHECK;
void        arena_touch(struct arena *arena, int part, int parts);
void        arena_close(struct arena *arena);

#endif
