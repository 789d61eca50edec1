/* thread_group.c - Read a group on each thread in turn, and sum. */
#include "hwprof/counters/thread_group.h"

#include <stdlib.h>

enum status thread_group_open(struct thread_group **out, size_t size,
                              const struct counter_options *options,
                              uint32_t metrics, struct error *err)
{
    struct thread_group *threads = calloc(1, size);

    if (!threads)
        return error_set(err, STATUS_NO_MEMORY, "no memory for counters");
    enum status status = thread_list(threads->tid, &threads->n_threads, err);
    if (status != STATUS_OK) {
        free(threads);
        return status;
    }
    counter_group_plan(&threads->group, options->events, metrics,
                       &threads->base);
    *out = threads;
    return STATUS_OK;
}

void thread_group_give_up(struct thread_group *threads, uint32_t metrics,
                          const char *reason)
{
    for (int m = 0; m < METRIC_COUNT; m++)
        if (metrics & counter_bit((enum metric)m))
            counter_set_reason(&threads->base, (enum metric)m, "%s", reason);
    threads->group.n_events = threads->group.n_terms = 0;
}

enum status thread_group_start(struct thread_group *threads,
                               thread_read_fn *read, struct error *err)
{
    enum status status = STATUS_OK;

    for (int t = 0; threads->group.n_events && status == STATUS_OK &&
                    t < threads->n_threads; t++)
        status = read(threads, t, &threads->last[t], err);
    return status;
}

enum status thread_group_read(struct thread_group *threads,
                              struct cost *since_last, thread_read_fn *read,
                              struct error *err)
{
    uint64_t delta[EVENT_GROUP_MAX] = { 0 };
    struct counter_raw now;

    for (int t = 0; threads->group.n_events && t < threads->n_threads; t++) {
        enum status status = read(threads, t, &now, err);
        if (status == STATUS_OK)
            status = counter_group_delta(&threads->group, &threads->last[t],
                                         &now, delta, err);
        if (status != STATUS_OK)
            return status;
        threads->last[t] = now;
    }
    *since_last = counter_group_cost(&threads->group, delta);
    return STATUS_OK;
}

enum status thread_group_stop(struct counter_session *session,
                              struct error *err)
{
    const struct thread_group *threads = (const struct thread_group *)session;

    return threads->group.n_events
        ? thread_list_check(threads->tid, threads->n_threads, err) : STATUS_OK;
}
