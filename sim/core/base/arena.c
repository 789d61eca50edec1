/* arena.c - Allocate by moving an offset through one anonymous mapping. */
#include "sim/core/base/arena.h"

#include <assert.h>
#include <sys/mman.h>

void *arena_take(struct arena *arena, size_t n, size_t size)
{
    size_t bytes, end;
    if (__builtin_mul_overflow(n, size, &bytes) ||
        __builtin_add_overflow(bytes, (size_t)ARENA_ALIGNMENT - 1, &bytes) ||
        __builtin_add_overflow(arena->used,
                               bytes / ARENA_ALIGNMENT * ARENA_ALIGNMENT,
                               &end)) {
        arena->overflowed = 1;
        return NULL;
    }
    char *at = arena->base ? arena->base + arena->used : NULL;
    assert(!arena->base || end <= arena->size);
    arena->used = end;
    return at;
}

enum status arena_map(struct arena *arena, struct error *err)
{
    size_t size = arena->used > 0 ? arena->used : ARENA_ALIGNMENT;
    void *base = MAP_FAILED;

    if (!arena->overflowed)
        base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return error_set(err, STATUS_NO_MEMORY,
                         "cannot take %.1f GB of memory", (double)size / 1e9);
#ifdef MADV_HUGEPAGE
    /* A page fault costs 10 us on a virtual machine; a refusal is harmless. */
    (void)madvise(base, size, MADV_HUGEPAGE);
#endif
    *arena = (struct arena){ .base = base, .size = size };
    return STATUS_OK;
}

/* Touch every page now, not in the first step: no fault is timed, and the
 * memory that a run holds is known from the start. */
void arena_touch(struct arena *arena, int part, int parts)
{
    const size_t page = 4096, pages = (arena->size + page - 1) / page;
    const size_t end = pages * (size_t)(part + 1) / (size_t)parts;

    for (size_t i = pages * (size_t)part / (size_t)parts; i < end; i++)
        *(volatile char *)(arena->base + i * page) = 0;
}

void arena_close(struct arena *arena)
{
    if (arena->base)
        munmap(arena->base, arena->size);
    *arena = (struct arena){ 0 };
}
