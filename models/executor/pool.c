/* pool.c - Hand jobs to workers that watch for them, and see whether it pays. */
#include "models/executor/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "sim/core/base/clock.h"

/* A thread watches for so long before it blocks: several times what an op's
 * imbalance is at small widths, little against a scheduler's time slice. */
enum { WATCH_NS = 50000, LOOKS = 16 };   /* looks between two of the clock */

/* The caller looks for a while at what the threads do.  Where the parts of jobs
 * took less than this share of the threads' time, others had their CPUs, and
 * jobs waited for their last part: half of the threads are left out. */
static const double fair_share = 0.55;

/* They are tried again after a rest, ten times as long as it took to see that
 * they did not help: trying costs a tenth at most. */
enum {
    LOOK_NS = 20000000, LOOK_JOBS = 16,       /* of a look, at least */
    TRIAL_NS = 2000000, TRIAL_JOBS = 8,       /* of one with more threads */
    REST_NS = 50000000, RESTS = 10,
    TIMED = 5,        /* one job of so many is timed, each of a trial; no multiple
                       * of a layer's ops, so that each has its turn */
};

/* A count that one thread waits for to move. */
struct bell {
    atomic_uint     rung;        /* times; it wraps */
    atomic_bool     asleep;      /* the thread that waits */
    pthread_mutex_t mutex;
    pthread_cond_t  wake;
};

struct pool {
    int         n_threads;
    pool_fn    *fn;
    void       *argument;
    int         parts;           /* of this job */
    bool        timed;           /* this job */
    atomic_int  running;         /* workers not done with it */
    atomic_bool spin, stop;
    struct bell done;
    struct worker {
        struct pool *pool;
        int          part;
        int64_t      busy;       /* ns with its part of a timed job */
        pthread_t    thread;
        struct bell  job;
    } *worker;                   /* [n_threads - 1] */
    struct watch {               /* the caller's */
        int      active;         /* threads in use */
        bool     trial;          /* of more than before */
        unsigned jobs;
        int      n;              /* timed jobs of this look */
        int64_t  work, wall;     /* ns of them: in parts, in all */
        int64_t  began;          /* this look */
        int64_t  trial_at;       /* the next */
    } watch;
};

static void bell_open(struct bell *bell)
{
    pthread_mutex_init(&bell->mutex, NULL);
    pthread_cond_init(&bell->wake, NULL);
}

static void bell_close(struct bell *bell)
{
    pthread_cond_destroy(&bell->wake);
    pthread_mutex_destroy(&bell->mutex);
}

static void bell_ring(struct bell *bell)
{
    atomic_fetch_add(&bell->rung, 1);
    if (atomic_load(&bell->asleep)) {
        pthread_mutex_lock(&bell->mutex);
        pthread_cond_signal(&bell->wake);
        pthread_mutex_unlock(&bell->mutex);
    }
}

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Wait until it was rung more than `heard` times. */
static void bell_wait(struct bell *bell, unsigned heard, bool spin)
{
    int64_t end = spin ? clock_nanoseconds() + WATCH_NS : 0;
    while (spin && clock_nanoseconds() < end)
        for (int i = 0; i < LOOKS; i++) {
            if (atomic_load_explicit(&bell->rung, memory_order_acquire) !=
                heard)
                return;
            relax();
        }
    pthread_mutex_lock(&bell->mutex);
    atomic_store(&bell->asleep, true);
    while (atomic_load(&bell->rung) == heard)
        pthread_cond_wait(&bell->wake, &bell->mutex);
    atomic_store(&bell->asleep, false);
    pthread_mutex_unlock(&bell->mutex);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct pool *pool = worker->pool;

    for (unsigned heard = 0;; heard++) {
        bell_wait(&worker->job, heard, atomic_load(&pool->spin));
        if (atomic_load(&pool->stop))
            return NULL;
        int64_t from = pool->timed ? clock_nanoseconds() : 0;
        pool->fn(pool->argument, worker->part, pool->parts);
        worker->busy = pool->timed ? clock_nanoseconds() - from : 0;
        if (atomic_fetch_sub(&pool->running, 1) == 1)
            bell_ring(&pool->done);
    }
}

/* ---- how many threads pay ---- */

static void look_anew(struct watch *w, int active, bool trial, int64_t now)
{
    *w = (struct watch){ active, trial, w->jobs, 0, 0, 0, now, w->trial_at };
}

/* Judge a look that is over. */
static void judge(struct watch *w, int n_threads, int64_t now)
{
    const bool pays = (double)w->work >=
                      fair_share * w->active * (double)w->wall;
    const int64_t rest = RESTS * (now - w->began);

    if (!pays)
        w->trial_at = now + (w->trial && rest > REST_NS ? rest : REST_NS);
    look_anew(w, pays ? w->active : (w->active + 1) / 2, false, now);
    if (pays && w->active < n_threads)
        w->trial_at = now + REST_NS;
}

static void watch_job(struct pool *pool, int64_t work, int64_t wall,
                      int64_t now)
{
    struct watch *w = &pool->watch;

    for (int i = 1; i < pool->parts; i++)
        work += pool->worker[i - 1].busy;
    w->work += work;
    w->wall += wall;
    w->n++;
    if (w->n >= (w->trial ? TRIAL_JOBS : LOOK_JOBS) &&
        now - w->began >= (w->trial ? TRIAL_NS : LOOK_NS))
        judge(w, pool->n_threads, now);
}

/* Start a trial where it is time. */
static void try_more(struct pool *pool)
{
    struct watch *w = &pool->watch;
    int64_t now = clock_nanoseconds();

    if (now < w->trial_at)
        return;
    int more = 2 * w->active;
    look_anew(w, more < pool->n_threads ? more : pool->n_threads, true, now);
}

/* ---- */

/* Hand out the parts of a job that has several, and wait for all. */
static void share(struct pool *pool, pool_fn *fn, void *argument)
{
    const bool spin = atomic_load(&pool->spin);
    const unsigned heard = atomic_load(&pool->done.rung);
    const bool timed = spin && (pool->watch.trial ||
                                pool->watch.jobs % TIMED == 0);
    int64_t from = timed ? clock_nanoseconds() : 0;

    pool->fn = fn;
    pool->argument = argument;
    pool->parts = pool->watch.active;
    pool->timed = timed;
    atomic_store(&pool->running, pool->parts - 1);
    for (int i = 1; i < pool->parts; i++)
        bell_ring(&pool->worker[i - 1].job);
    int64_t own = timed ? clock_nanoseconds() : 0;
    fn(argument, 0, pool->parts);
    own = timed ? clock_nanoseconds() - own : 0;
    bell_wait(&pool->done, heard, spin);
    if (timed) {
        int64_t now = clock_nanoseconds();
        watch_job(pool, own, now - from, now);
    }
}

void pool_run(struct pool *pool, pool_fn *fn, void *argument)
{
    struct watch *w = &pool->watch;

    if (w->active < pool->n_threads && !w->trial && w->jobs % TIMED == 0)
        try_more(pool);
    if (w->active == 1)
        fn(argument, 0, 1);
    else
        share(pool, fn, argument);
    w->jobs++;
}

static enum status start_workers(struct pool *pool, int n_threads,
                                 struct error *err)
{
    for (int i = 1; i < n_threads; i++) {
        struct worker *worker = &pool->worker[i - 1];
        *worker = (struct worker){ .pool = pool, .part = i };
        bell_open(&worker->job);
        if (pthread_create(&worker->thread, NULL, work, worker) != 0) {
            bell_close(&worker->job);
            return error_set(err, STATUS_NO_MEMORY,
                             "cannot start thread %d of %d", i + 1, n_threads);
        }
        pool->n_threads++;
    }
    return STATUS_OK;
}

enum status pool_open(struct pool **out, int n_threads, struct error *err)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool ||
        !(pool->worker = calloc((size_t)n_threads, sizeof *pool->worker))) {
        free(pool);
        return error_set(err, STATUS_NO_MEMORY, "no memory for threads");
    }
    pool->n_threads = 1;
    atomic_store(&pool->spin, true);
    bell_open(&pool->done);
    enum status status = start_workers(pool, n_threads, err);
    if (status != STATUS_OK) {
        pool_close(pool);
        return status;
    }
    look_anew(&pool->watch, n_threads, false, clock_nanoseconds());
    *out = pool;
    return STATUS_OK;
}

void pool_close(struct pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    for (int i = 1; i < pool->n_threads; i++)
        bell_ring(&pool->worker[i - 1].job);
    for (int i = 1; i < pool->n_threads; i++) {
        pthread_join(pool->worker[i - 1].thread, NULL);
        bell_close(&pool->worker[i - 1].job);
    }
    bell_close(&pool->done);
    free(pool->worker);
    free(pool);
}

void pool_spin(struct pool *pool, bool spin)
{
    atomic_store(&pool->spin, spin);
    look_anew(&pool->watch, pool->n_threads, false, clock_nanoseconds());
}

int pool_threads(const struct pool *pool)
{
    return pool->n_threads;
}
