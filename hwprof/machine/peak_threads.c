/* peak_threads.c - Run arithmetic or reads on several threads at once. */
#include "hwprof/machine/peak_threads.h"

#include <pthread.h>
#include <sched.h>
#include "hwprof/machine/sysfs.h"
#include "sim/core/base/clock.h"

/* Short work is repeated up to a chunk between two looks at the clock. */
enum { CHUNK_ROUNDS = 10000, CHUNK_BYTES = 1 << 20 };

enum { GATE_SHUT, GATE_OPEN, GATE_CANCELLED };

/* One stretch between two looks at the clock; returns flops or bytes. */
static double stretch(const struct peak_work *work)
{
    if (work->n_bytes == 0) {
        work->kernel->arithmetic(CHUNK_ROUNDS);
        return CHUNK_ROUNDS * work->kernel->flops;
    }
    size_t rounds = work->n_bytes < CHUNK_BYTES ? CHUNK_BYTES / work->n_bytes
                                                : 1;
    for (size_t r = 0; r < rounds; r++)
        work->kernel->read(work->data, work->n_bytes);
    return (double)(rounds * work->n_bytes);
}

static void *run_work(void *argument)
{
    struct peak_work *work = argument;
    double done = 0, start, now;
    int gate;

    while ((gate = atomic_load(work->gate)) == GATE_SHUT)
        sched_yield();
    if (gate == GATE_CANCELLED)
        return NULL;
    stretch(work);               /* bring the set in, wake the units up */
    start = clock_seconds();
    do {
        done += stretch(work);
        now = clock_seconds();
    } while (now - start < work->seconds);
    work->rate = done / (now - start);
    return NULL;
}

double peak_threads_run(struct peak_work *work, int n)
{
    pthread_t thread[SYSFS_CPU_MAX];
    atomic_int gate = GATE_SHUT;
    double sum = 0;
    int made = 1;

    for (int i = 0; i < n; i++)
        work[i].gate = &gate;
    while (made < n &&
           pthread_create(&thread[made], NULL, run_work, &work[made]) == 0)
        made++;
    atomic_store(&gate, made == n ? GATE_OPEN : GATE_CANCELLED);
    run_work(&work[0]);
    for (int i = 1; i < made; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; made == n && i < n; i++)
        sum += work[i].rate;
    return sum;
}
