/* pool.c - Wake the workers by a generation counter that they watch. */
#include "models/executor/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* About 20 us of watching: several times what an op's imbalance is at small
 * widths, little against a scheduler's time slice. */
enum { SPINS = 4000 };

struct pool {
    int         n_threads;
    pool_fn    *fn;
    void       *argument;
    atomic_uint generation;      /* of jobs; odd steps are fine, it wraps */
    atomic_int  running;         /* workers not done with this job */
    atomic_int  sleepers;
    atomic_int  spins;           /* looks before a wait blocks */
    atomic_bool stop;
    pthread_mutex_t mutex;
    pthread_cond_t  work, done;
    struct worker {
        struct pool *pool;
        int          part;
        pthread_t    thread;
    } *worker;                   /* [n_threads - 1] */
};

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static unsigned wait_for_job(struct pool *pool, unsigned seen)
{
    for (int i = atomic_load(&pool->spins); i > 0; i--) {
        unsigned now = atomic_load_explicit(&pool->generation,
                                            memory_order_acquire);
        if (now != seen)
            return now;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    unsigned now;
    while ((now = atomic_load(&pool->generation)) == seen)
        pthread_cond_wait(&pool->work, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
    return now;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    unsigned seen = 0;

    for (;;) {
        seen = wait_for_job(pool, seen);
        if (atomic_load(&pool->stop))
            return NULL;
        pool->fn(pool->argument, worker->part, pool->n_threads);
        if (atomic_fetch_sub(&pool->running, 1) == 1) {
            /* The caller may sleep: taking the mutex orders us after its
             * check of `running`. */
            pthread_mutex_lock(&pool->mutex);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->mutex);
        }
    }
}

static void announce(struct pool *pool)
{
    atomic_fetch_add(&pool->generation, 1);
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_broadcast(&pool->work);
        pthread_mutex_unlock(&pool->mutex);
    }
}

void pool_run(struct pool *pool, pool_fn *fn, void *argument)
{
    if (pool->n_threads == 1) {
        fn(argument, 0, 1);
        return;
    }
    pool->fn = fn;
    pool->argument = argument;
    atomic_store(&pool->running, pool->n_threads - 1);
    announce(pool);
    fn(argument, 0, pool->n_threads);
    for (int i = atomic_load(&pool->spins); i > 0; i--) {
        if (atomic_load_explicit(&pool->running, memory_order_acquire) == 0)
            return;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->running) > 0)
        pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
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
    pool_spin(pool, true);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (int i = 1; i < n_threads; i++) {
        struct worker *worker = &pool->worker[i - 1];
        *worker = (struct worker){ .pool = pool, .part = i };
        if (pthread_create(&worker->thread, NULL, work, worker) != 0) {
            pool_close(pool);
            return error_set(err, STATUS_NO_MEMORY,
                             "cannot start thread %d of %d", i + 1, n_threads);
        }
        pool->n_threads++;
    }
    *out = pool;
    return STATUS_OK;
}

void pool_close(struct pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    announce(pool);
    for (int i = 1; i < pool->n_threads; i++)
        pthread_join(pool->worker[i - 1].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->worker);
    free(pool);
}

void pool_spin(struct pool *pool, bool spin)
{
    atomic_store(&pool->spins, spin ? SPINS : 0);
}

int pool_threads(const struct pool *pool)
{
    return pool->n_threads;
}
