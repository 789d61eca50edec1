/* test_arena.c - Expect what was measured to fit, aligned and zeroed, and never
 * to be overrun. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "tests/open_arena.h"

static struct error err;

/* 3 floats take one line of 64 bytes, 100 bytes take two, none takes none. */
static void lay_out(struct arena *arena, char **floats, char **bytes)
{
    *floats = arena_take(arena, 3, sizeof(float));
    arena_take(arena, 0, 8);
    *bytes = arena_take(arena, 100, 1);
}

Test(arena, measuring_adds_up_whole_lines_and_gives_no_memory)
{
    struct arena arena = { 0 };
    char *floats, *bytes;

    lay_out(&arena, &floats, &bytes);
    cr_assert(eq(ptr, floats, NULL));
    cr_assert(eq(sz, arena.used, 3 * ARENA_ALIGNMENT));
}

Test(arena, the_same_calls_then_get_aligned_zeroed_and_separate_memory)
{
    struct arena arena = { 0 };
    char *floats, *bytes;

    lay_out(&arena, &floats, &bytes);
    cr_assert(eq(int, arena_open(&arena, &err), STATUS_OK));
    lay_out(&arena, &floats, &bytes);
    cr_assert(eq(sz, (size_t)(uintptr_t)floats % ARENA_ALIGNMENT, 0));
    cr_assert(eq(sz, (size_t)(bytes - floats), ARENA_ALIGNMENT));
    cr_assert(eq(int, bytes[99], 0));
    memset(bytes, 1, 100);
    cr_assert(eq(int, floats[0], 0));
    cr_assert(eq(sz, arena.used, arena.size));
    arena_close(&arena);
    cr_assert(eq(ptr, arena.base, NULL));
}

Test(arena, sizes_that_overflow_are_no_memory)
{
    struct arena arena = { 0 };

    arena_take(&arena, SIZE_MAX / 2, 4);
    cr_assert(eq(int, arena_open(&arena, &err), STATUS_NO_MEMORY));
}

Test(arena, more_than_the_machine_has_is_no_memory_and_says_how_much)
{
    struct arena arena = { 0 };

    arena_take(&arena, (size_t)1 << 60, 1);
    cr_assert(eq(int, arena_open(&arena, &err), STATUS_NO_MEMORY));
    cr_assert(ne(ptr, strstr(err.text, "1152921504.6 GB"), NULL), "%s",
              err.text);
}

Test(arena, an_empty_arena_opens_and_closes)
{
    struct arena arena = { 0 };

    cr_assert(eq(int, arena_open(&arena, &err), STATUS_OK));
    arena_close(&arena);
    arena_close(&arena);
}

Test(arena, taking_more_than_was_measured_is_a_broken_invariant,
     .signal = SIGABRT)
{
    struct arena arena = { 0 };

    arena_take(&arena, 1, 64);
    cr_assert(eq(int, arena_open(&arena, &err), STATUS_OK));
    arena_take(&arena, 1, 65);
}
