/* test_pool.c - Expect every part of every job to run, once, and the caller to
 * see what the parts wrote, on as many threads as the pool finds to pay. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "models/executor/pool.h"

enum { MAX_THREADS = 8 };

struct tick {
    int        parts;                    /* as the last job saw them */
    long       wanted[MAX_THREADS];      /* jobs that had such a part */
    atomic_int started[MAX_THREADS];
    long       plain[MAX_THREADS];       /* written without synchronisation */
};

static void tick_part(void *argument, int part, int parts)
{
    struct tick *tick = argument;
    if (part == 0) {
        tick->parts = parts;
        for (int i = 0; i < parts; i++)
            tick->wanted[i]++;
    }
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

/* A busy machine may have left threads out. */
static void expect_ticks(const struct tick *tick, int n_threads, int n_jobs)
{
    cr_expect(tick->parts >= 1 && tick->parts <= n_threads);
    cr_expect(tick->wanted[0] == n_jobs);
    for (int i = 0; i < MAX_THREADS; i++)
        cr_expect(tick->started[i] == tick->wanted[i] &&
                  tick->plain[i] == tick->wanted[i],
                  "part %d of %d ran %d times, not %ld", i, n_threads,
                  tick->started[i], tick->wanted[i]);
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
Test(pool, runs_job_after_job)
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
Test(pool, wakes_sleepers)
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
Test(pool, works_without_spinning)
{
    enum { JOBS = 2000 };
    struct pool *pool = open_pool(3);
    struct tick tick = { 0 };
    pool_spin(pool, false);
    for (int i = 0; i < JOBS; i++)
        pool_run(pool, tick_part, &tick);
    expect_ticks(&tick, 3, JOBS);
    cr_expect(tick.wanted[2] == JOBS, "and it leaves no thread out");
    pool_spin(pool, true);
    pool_run(pool, tick_part, &tick);
    expect_ticks(&tick, 3, JOBS + 1);
    pool_close(pool);
}

/* Threads that share one CPU wait for each other: all but one are left out, and
 * tried again. */
Test(pool, goes_on_with_fewer_where_more_do_not_pay)
{
    cpu_set_t set, one;
    size_t cpu = 0;
    struct tick tick = { 0 };

    cr_assert(sched_getaffinity(0, sizeof set, &set) == 0);
    while (!CPU_ISSET(cpu, &set))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    cr_assert(sched_setaffinity(0, sizeof one, &one) == 0);
    struct pool *pool = open_pool(4);
    int jobs = 0;
    for (int round = 0; round < 2; round++) {
        do {
            pool_run(pool, tick_part, &tick);
            jobs++;
        } while (tick.parts > 1);
        do {
            pool_run(pool, tick_part, &tick);
            jobs++;
        } while (tick.parts == 1);
    }
    expect_ticks(&tick, 4, jobs);
    cr_expect(pool_threads(pool) == 4);
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
Test(pool, waits_for_the_slowest_part)
{
    enum { JOBS = 20 };
    struct pool *pool = open_pool(3);
    struct tick tick = { 0 };
    for (int i = 0; i < JOBS; i++) {
        pool_run(pool, slow_part, &tick);
        cr_assert(tick.plain[tick.parts - 1] == tick.wanted[tick.parts - 1],
                  "returned before the last part was done");
    }
    pool_close(pool);
}

Test(pool, closes_without_having_run)
{
    pool_close(open_pool(4));
    pool_close(NULL);
}
