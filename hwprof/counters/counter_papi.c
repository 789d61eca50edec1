/* counter_papi.c - Read PAPI event sets, one attached to each thread, and sum
 * them.
 *
 * Same tables, same groups as perf; the events go by PAPI's names.  PAPI hides
 * the times a group wanted and had, so that only the calibration can tell a
 * starved counter; multiplexing is never switched on. */
#include "hwprof/counters/counter.h"

#include <papi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/counters/counter_group.h"
#include "hwprof/counters/thread_list.h"

struct papi_thread {
    int set;
    struct counter_raw last;
};

struct papi_session {
    struct counter_session base;          /* first: downcast */
    struct counter_group   group;
    int n_threads;
    int tid[THREAD_LIST_MAX];
    struct papi_thread *thread;           /* [n_threads] */
};

static void give_up(struct papi_session *s, const char *reason)
{
    for (int m = 0; m < METRIC_COUNT; m++)
        if (counter_sees(&s->base, (enum metric)m))
            counter_set_reason(&s->base, (enum metric)m, "%s", reason);
    s->group.n_events = s->group.n_terms = 0;
}

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

static void close_thread(struct papi_thread *thread)
{
    long long ignored[EVENT_GROUP_MAX];

    if (thread->set == PAPI_NULL)
        return;
    PAPI_stop(thread->set, ignored);
    PAPI_cleanup_eventset(thread->set);
    PAPI_destroy_eventset(&thread->set);
}

/* "" or why not. */
static void open_thread(struct papi_session *s, int t, char *out, size_t size)
{
    struct papi_thread *thread = &s->thread[t];
    int code = PAPI_create_eventset(&thread->set);

    if (code == PAPI_OK)
        code = PAPI_assign_eventset_component(thread->set, 0);
    if (code == PAPI_OK)
        code = PAPI_attach(thread->set, (unsigned long)s->tid[t]);
    if (code != PAPI_OK)
        snprintf(out, size, "PAPI cannot attach to thread %d: %s", s->tid[t],
                 PAPI_strerror(code));
    for (int e = 0; code == PAPI_OK && e < s->group.n_events; e++) {
        code = PAPI_add_named_event(thread->set, s->group.event[e].papi);
        if (code != PAPI_OK)
            snprintf(out, size, "PAPI cannot add %s: %s",
                     s->group.event[e].papi, PAPI_strerror(code));
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
    struct papi_session *s = calloc(1, sizeof *s);

    if (!s || !(s->thread = calloc(THREAD_LIST_MAX, sizeof *s->thread))) {
        free(s);
        return error_set(err, STATUS_NO_MEMORY, "no memory for counters");
    }
    for (int t = 0; t < THREAD_LIST_MAX; t++)
        s->thread[t].set = PAPI_NULL;
    enum status status = thread_list(s->tid, &s->n_threads, err);
    if (status != STATUS_OK) {
        free(s->thread);
        free(s);
        return status;
    }
    *out = &s->base;
    counter_group_plan(&s->group, options->events, metrics, &s->base);
    for (int m = 0; m < METRIC_FIRST_REAL; m++)
        if ((options->metrics & ~metrics) & counter_bit((enum metric)m))
            counter_set_reason(&s->base, (enum metric)m,
                               "PAPI has no name for an event of it");

    library_reason(reason, sizeof reason);
    for (int t = 0; !reason[0] && s->group.n_events && t < s->n_threads; t++)
        open_thread(s, t, reason, sizeof reason);
    if (reason[0]) {
        for (int t = 0; t < s->n_threads; t++)
            close_thread(&s->thread[t]);
        give_up(s, reason);
    }
    return STATUS_OK;
}

static enum status read_thread(const struct papi_session *s, int t,
                               struct counter_raw *out, struct error *err)
{
    long long value[EVENT_GROUP_MAX] = { 0 };
    int code = PAPI_read(s->thread[t].set, value);

    if (code != PAPI_OK)
        return error_set(err, STATUS_UNAVAILABLE, "PAPI_read: %s",
                         PAPI_strerror(code));
    *out = (struct counter_raw){ .n_events = (uint64_t)s->group.n_events };
    for (int e = 0; e < s->group.n_events; e++)
        out->value[e] = (uint64_t)value[e];
    return STATUS_OK;
}

static enum status papi_start(struct counter_session *session,
                              struct error *err)
{
    struct papi_session *s = (struct papi_session *)session;
    enum status status = STATUS_OK;

    for (int t = 0; s->group.n_events && status == STATUS_OK &&
                    t < s->n_threads; t++) {
        int code = PAPI_start(s->thread[t].set);
        if (code != PAPI_OK)
            return error_set(err, STATUS_UNAVAILABLE, "PAPI_start: %s",
                             PAPI_strerror(code));
        status = read_thread(s, t, &s->thread[t].last, err);
    }
    return status;
}

static enum status papi_read(struct counter_session *session,
                             struct cost *since_last, struct error *err)
{
    struct papi_session *s = (struct papi_session *)session;
    uint64_t delta[EVENT_GROUP_MAX] = { 0 };
    struct counter_raw now;

    for (int t = 0; s->group.n_events && t < s->n_threads; t++) {
        enum status status = read_thread(s, t, &now, err);
        if (status == STATUS_OK)
            status = counter_group_delta(&s->group, &s->thread[t].last, &now,
                                         delta, err);
        if (status != STATUS_OK)
            return status;
        s->thread[t].last = now;
    }
    *since_last = counter_group_cost(&s->group, delta);
    return STATUS_OK;
}

static enum status papi_stop(struct counter_session *session,
                             struct error *err)
{
    struct papi_session *s = (struct papi_session *)session;

    return s->group.n_events ? thread_list_check(s->tid, s->n_threads, err)
                             : STATUS_OK;
}

static void papi_close(struct counter_session *session)
{
    struct papi_session *s = (struct papi_session *)session;

    for (int t = 0; t < s->n_threads; t++)
        close_thread(&s->thread[t]);
    free(s->thread);
    free(s);
}

const struct counter_backend counter_papi = {
    .name = "papi", .what = "PAPI event sets on every thread, summed",
    .open = papi_open, .start = papi_start, .read = papi_read,
    .stop = papi_stop, .close = papi_close,
};
