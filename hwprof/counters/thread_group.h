/* thread_group.h - Count one group of events on every thread of the process,
 * whoever reads them. */
#ifndef THREAD_GROUP_H
#define THREAD_GROUP_H

#include "hwprof/counters/counter_group.h"

enum { THREAD_LIST_MAX = 512 };

/* Thread ids of /proc/self/task, the calling thread's first; *n of them, at
 * most THREAD_LIST_MAX (more is STATUS_UNAVAILABLE). */
enum status thread_list(int tid[THREAD_LIST_MAX], int *n,
                        struct error *err) MUST_CHECK;

/* STATUS_UNAVAILABLE when a thread lives that is not among tid[n]. */
enum status thread_list_check(const int *tid, int n,
                              struct error *err) MUST_CHECK;

struct thread_group {
    struct counter_session base;          /* first: downcast */
    struct counter_group   group;         /* no events: nothing is counted */
    int n_threads;
    int tid[THREAD_LIST_MAX];
    struct counter_raw last[THREAD_LIST_MAX];
};

/* What the group counted so far on thread t. */
typedef enum status thread_read_fn(const struct thread_group *threads, int t,
                                   struct counter_raw *out, struct error *err);

/* Zeroed memory of `size` that begins with a struct thread_group: the threads
 * there are, and the events of `metrics`.  Release with free(). */
enum status thread_group_open(struct thread_group **out, size_t size,
                              const struct counter_options *options,
                              uint32_t metrics, struct error *err) MUST_CHECK;

/* These metrics looked possible and are not; nothing else is seen. */
void        thread_group_give_up(struct thread_group *threads, uint32_t metrics,
                                 const char *reason);

/* The reading from which the next one counts; the sum over the threads since
 * the one before. */
enum status thread_group_start(struct thread_group *threads,
                               thread_read_fn *read,
                               struct error *err) MUST_CHECK;
enum status thread_group_read(struct thread_group *threads,
                              struct cost *since_last, thread_read_fn *read,
                              struct error *err) MUST_CHECK;
/* STATUS_UNAVAILABLE when threads came up that nobody counted. */
enum status thread_group_stop(struct counter_session *session,
                              struct error *err) MUST_CHECK;

#endif
