/* test_pool.c - Expect every part of every job to run, once, and the caller to
 * see what the parts wrote. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <time.h>

#include "models/executor/pool.h"

enum { MAX_THREADS = 8 };

struct tick {
    int        parts;                    /* as the job saw them */
    atomic_int started[MAX_THREADS];
    long       plain[MAX_THREADS];       /* written without synchronisation */
};

static void tick_part(void *argument, int part, int parts)
{
    struct tick *tick = argument;
    if (part == 0)
        tick->parts = parts;
    atomic_fetch_add(&tick->started[part], 1);
    tick->plain[part]++;
}

static struct pool *open_pool(int n_threads)
{
    struct pool *pool;
    struct error err;
    enum status status = pool_open(&pool, n_threads, &err);
    cr_assert(status == STATUS_OK, "%s", err.text);
    return pool;
}

static void expect_ticks(const struct tick *tick, int n_threads, int n_jobs)
{
    cr_expect(tick->parts == n_threads);
    for (int i = 0; i < MAX_THREADS; i++) {
        int expected = i < n_threads ? n_jobs : 0;
        cr_expect(tick->started[i] == expected && tick->plain[i] == expected,
                  "part %d of %d ran %d times, not %d", i, n_threads,
                  tick->started[i], expected);
    }
}

Test(pool, runs_every_part_once)
{
    for (int n = 1; n <= MAX_THREADS; n++) {
        struct pool *pool = open_pool(n);
        struct tick tick = { 0 };
        cr_expect(pool_threads(pool) == n);
        pool_run(pool, tick_part, &tick);
        expect_ticks(&tick, n, 1);
        pool_close(pool);
    }
}

/* Many short jobs in a row: no wake-up is lost, no job runs twice. */
Test(pool, runs_job_after_job, .timeout = 60)
{
    enum { JOBS = 2000 };
    for (int n = 2; n <= 4; n++) {
        struct pool *pool = open_pool(n);
        struct tick tick = { 0 };
        for (int i = 0; i < JOBS; i++)
            pool_run(pool, tick_part, &tick);
        expect_ticks(&tick, n, JOBS);
        pool_close(pool);
    }
}

/* After a pause the workers sleep; they must be woken. */
Test(pool, wakes_sleepers, .timeout = 60)
{
    enum { JOBS = 20 };
    const struct timespec pause = { 0, 2000000 };
    struct pool *pool = open_pool(3);
    struct tick tick = { 0 };
    for (int i = 0; i < JOBS; i++) {
        nanosleep(&pause, NULL);
        pool_run(pool, tick_part, &tick);
    }
    expect_ticks(&tick, 3, JOBS);
    pool_close(pool);
}

/* Every wait blocks, also one that a spin would have ended. */
Test(pool, works_without_spinning, .timeout = 60)
{
    enum { JOBS = 2000 };
    struct pool *pool = open_pool(3);
    struct tick tick = { 0 };
    pool_spin(pool, false);
    for (int i = 0; i < JOBS; i++)
        pool_run(pool, tick_part, &tick);
    expect_ticks(&tick, 3, JOBS);
    pool_spin(pool, true);
    pool_run(pool, tick_part, &tick);
    expect_ticks(&tick, 3, JOBS + 1);
    pool_close(pool);
}

static void slow_part(void *argument, int part, int parts)
{
    const struct timespec pause = { 0, 3000000 };
    if (part == parts - 1)
        nanosleep(&pause, NULL);
    tick_part(argument, part, parts);
}

/* The caller, part 0, is done long before the others and goes to sleep. */
Test(pool, waits_for_the_slowest_part, .timeout = 60)
{
    enum { JOBS = 20 };
    struct pool *pool = open_pool(3);
    struct tick tick = { 0 };
    for (int i = 0; i < JOBS; i++) {
        pool_run(pool, slow_part, &tick);
        cr_assert(tick.plain[2] == i + 1, "returned before part 2 was done");
    }
    pool_close(pool);
}

Test(pool, closes_without_having_run)
{
    pool_close(open_pool(4));
    pool_close(NULL);
}
