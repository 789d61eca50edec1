/* test_unwrap.c - Undo the wraps of narrow registers. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "hwprof/counters/unwrap.h"

/* A register of 8 bits: 250, then 4, has counted 10. */
Test(unwrap, a_wrap_is_undone)
{
    struct unwrap u = unwrap_start(256, 250);
    uint64_t step = 0;

    cr_assert(eq(int, unwrap_step(&u, 4, UINT64_MAX, &step, NULL), STATUS_OK));
    cr_assert(eq(u64, step, 10));
    cr_assert(eq(u64, u.total, 10));
}

Test(unwrap, many_wraps_add_up)
{
    struct unwrap u = unwrap_start(256, 0);
    enum status worst = STATUS_OK;

    for (int i = 1; i <= 100; i++) {
        enum status status = unwrap_step(&u, (uint64_t)(i * 200 % 256),
                                         UINT64_MAX, NULL, NULL);
        worst = status > worst ? status : worst;
    }
    cr_assert(eq(int, worst, STATUS_OK));
    cr_assert(eq(u64, u.total, 20000));
}

Test(unwrap, standing_still_is_nothing)
{
    struct unwrap u = unwrap_start(256, 7);
    uint64_t step = 99;

    cr_assert(eq(int, unwrap_step(&u, 7, 0, &step, NULL), STATUS_OK));
    cr_assert(eq(u64, step, 0));
}

Test(unwrap, going_back_without_a_range_is_a_fault_and_counts_nothing)
{
    struct unwrap u = unwrap_start(0, 100);
    struct error err;

    cr_assert(eq(int, unwrap_step(&u, 90, UINT64_MAX, NULL, &err),
                 STATUS_UNAVAILABLE));
    cr_assert(eq(u64, u.total, 0));
    cr_assert(eq(int, unwrap_step(&u, 95, UINT64_MAX, NULL, &err), STATUS_OK));
    cr_assert(eq(u64, u.total, 5));
}

/* 100 back to 90 of 256 would be 246 forward; only 50 can have been. */
Test(unwrap, going_back_a_little_is_not_taken_for_a_wrap)
{
    struct unwrap u = unwrap_start(256, 100);

    cr_assert(eq(int, unwrap_step(&u, 90, 50, NULL, NULL), STATUS_UNAVAILABLE));
    cr_assert(eq(int, unwrap_step(&u, 80, 50, NULL, NULL), STATUS_UNAVAILABLE));
    cr_assert(eq(u64, u.total, 0));
}

Test(unwrap, a_value_past_its_range_is_refused)
{
    struct unwrap u = unwrap_start(256, 300);

    cr_assert(eq(int, unwrap_step(&u, 10, UINT64_MAX, NULL, NULL),
                 STATUS_UNAVAILABLE));
}

Test(unwrap, sixty_four_bits_do_not_overflow)
{
    struct unwrap u = unwrap_start(UINT64_MAX, UINT64_MAX - 1);
    uint64_t step = 0;

    cr_assert(eq(int, unwrap_step(&u, 5, UINT64_MAX, &step, NULL), STATUS_OK));
    cr_assert(eq(u64, step, 6));
}
