/* counter_papi.c - Read PAPI event sets, one attached to each thread, and sum
 * them.
 *
 * Same tables, same groups as perf; the events go by PAPI's names.  PAPI hides
 * the times a group wanted and had, so that only the calibration can tell a
 * starved counter; multiplexing is never switched on. */
#include <papi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/counters/thread_group.h"

struct papi_session {
    struct thread_group all;              /* first: downcast */
    int set[THREAD_LIST_MAX];             /* of each thread */
};

/* "" when PAPI can count here. */
static void library_reason(char *out, size_t size)
{
    const int wanted = (int)PAPI_VER_CURRENT;
    int version = PAPI_is_initialized() ? wanted : PAPI_library_init(wanted);

    out[0] = '\0';
    if (version != wanted) {
        snprintf(out, size, "PAPI does not start: %s",
                 version < 0 ? PAPI_strerror(version)
                             : "built against another version");
        return;
    }
    if (PAPI_num_cmp_hwctrs(0) > 0)
        return;
    const PAPI_component_info_t *component = PAPI_get_component_info(0);
    snprintf(out, size, "PAPI finds no hardware counters%s%.300s",
             component && component->disabled_reason[0] ? ": " : "",
             component ? component->disabled_reason : "");
}

static void close_thread(struct papi_session *s, int t)
{
    long long ignored[EVENT_GROUP_MAX];

    if (s->set[t] == PAPI_NULL)
        return;
    PAPI_stop(s->set[t], ignored);
    PAPI_cleanup_eventset(s->set[t]);
    PAPI_destroy_eventset(&s->set[t]);
}

/* "" or why not. */
static void open_thread(struct papi_session *s, int t, char *out, size_t size)
{
    const struct counter_group *group = &s->all.group;
    int code = PAPI_create_eventset(&s->set[t]);

    if (code == PAPI_OK)
        code = PAPI_assign_eventset_component(s->set[t], 0);
    if (code == PAPI_OK)
        code = PAPI_attach(s->set[t], (unsigned long)s->all.tid[t]);
    if (code != PAPI_OK)
        snprintf(out, size, "PAPI cannot attach to thread %d: %s",
                 s->all.tid[t], PAPI_strerror(code));
    for (int e = 0; code == PAPI_OK && e < group->n_events; e++) {
        code = PAPI_add_named_event(s->set[t], group->event[e].papi);
        if (code != PAPI_OK)
            snprintf(out, size, "PAPI cannot add %s: %s",
                     group->event[e].papi, PAPI_strerror(code));
    }
}

/* Metrics whose events PAPI has no name for are not for this back end. */
static uint32_t named(const struct event_table *table, uint32_t metrics)
{
    for (int m = 0; table && m < METRIC_FIRST_REAL; m++)
        for (int e = 0; e < table->row[m].n_events; e++)
            if (!table->row[m].event[e].papi[0])
                metrics &= ~counter_bit((enum metric)m);
    return metrics;
}

static enum status papi_open(struct counter_session **out,
                             const struct counter_options *options,
                             struct error *err)
{
    char reason[COUNTER_REASON_SIZE] = "";
    uint32_t metrics = named(options->events, options->metrics);
    struct thread_group *all = NULL;
    enum status status = thread_group_open(&all, sizeof(struct papi_session),
                                           options, metrics, err);

    if (status != STATUS_OK)
        return status;
    struct papi_session *s = (struct papi_session *)all;
    *out = &all->base;
    for (int m = 0; m < METRIC_FIRST_REAL; m++)
        if ((options->metrics & ~metrics) & counter_bit((enum metric)m))
            counter_set_reason(&all->base, (enum metric)m,
                               "PAPI has no name for an event of it");
    for (int t = 0; t < THREAD_LIST_MAX; t++)
        s->set[t] = PAPI_NULL;
    library_reason(reason, sizeof reason);
    for (int t = 0; !reason[0] && all->group.n_events && t < all->n_threads;
         t++)
        open_thread(s, t, reason, sizeof reason);
    if (reason[0]) {
        for (int t = 0; t < all->n_threads; t++)
            close_thread(s, t);
        thread_group_give_up(all, counter_seen(&all->base), reason);
    }
    return STATUS_OK;
}

static enum status read_thread(const struct thread_group *all, int t,
                               struct counter_raw *out, struct error *err)
{
    long long value[EVENT_GROUP_MAX] = { 0 };
    int code = PAPI_read(((const struct papi_session *)all)->set[t], value);

    if (code != PAPI_OK)
        return error_set(err, STATUS_UNAVAILABLE, "PAPI_read: %s",
                         PAPI_strerror(code));
    *out = (struct counter_raw){ .n_events = (uint64_t)all->group.n_events };
    for (int e = 0; e < all->group.n_events; e++)
        out->value[e] = (uint64_t)value[e];
    return STATUS_OK;
}

static enum status papi_start(struct counter_session *session,
                              struct error *err)
{
    struct papi_session *s = (struct papi_session *)session;

    for (int t = 0; s->all.group.n_events && t < s->all.n_threads; t++) {
        int code = PAPI_start(s->set[t]);
        if (code != PAPI_OK)
            return error_set(err, STATUS_UNAVAILABLE, "PAPI_start: %s",
                             PAPI_strerror(code));
    }
    return thread_group_start(&s->all, read_thread, err);
}

static enum status papi_read(struct counter_session *session,
                             struct cost *since_last, struct error *err)
{
    return thread_group_read((struct thread_group *)session, since_last,
                             read_thread, err);
}

static void papi_close(struct counter_session *session)
{
    struct papi_session *s = (struct papi_session *)session;

    for (int t = 0; t < s->all.n_threads; t++)
        close_thread(s, t);
    free(s);
}

const struct counter_backend counter_papi = {
    .name = "papi", .what = "PAPI event sets on every thread, summed",
    .open = papi_open, .start = papi_start, .read = papi_read,
    .stop = thread_group_stop, .close = papi_close,
};
