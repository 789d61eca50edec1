/* thread_group.c - List threads, each of which has counters of its own; read a
 * group on each in turn, and sum. */
#include "hwprof/counters/thread_group.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

enum status thread_list(int tid[THREAD_LIST_MAX], int *n, struct error *err)
{
    int self = gettid();
    struct dirent *entry;
    DIR *tasks = opendir("/proc/self/task");

    if (!tasks)
        return error_set(err, STATUS_UNAVAILABLE,
                         "cannot list /proc/self/task: is /proc mounted?");
    tid[0] = self;
    *n = 1;
    while ((entry = readdir(tasks))) {
        int id = atoi(entry->d_name);
        if (id <= 0 || id == self)
            continue;
        if (*n == THREAD_LIST_MAX) {
            closedir(tasks);
            return error_set(err, STATUS_UNAVAILABLE,
                             "more than %d threads to count", THREAD_LIST_MAX);
        }
        tid[(*n)++] = id;
    }
    closedir(tasks);
    return STATUS_OK;
}

enum status thread_list_check(const int *tid, int n, struct error *err)
{
    int now[THREAD_LIST_MAX], n_now = 0;
    enum status status = thread_list(now, &n_now, err);

    for (int i = 0; status == STATUS_OK && i < n_now; i++) {
        int known = 0;
        while (known < n && tid[known] != now[i])
            known++;
        if (known == n)
            status = error_set(err, STATUS_UNAVAILABLE,
                               "thread %d came up while counting: its work was "
                               "not counted", now[i]);
    }
    return status;
}

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
