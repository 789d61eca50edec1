/* open_arena.h - Map an arena and make all of it resident. */
#ifndef OPEN_ARENA_H
#define OPEN_ARENA_H

#include "sim/core/base/arena.h"

static inline enum status arena_open(struct arena *arena, struct error *err)
{
    enum status status = arena_map(arena, err);

    if (status == STATUS_OK)
        arena_touch(arena, 0, 1);
    return status;
}

#endif
