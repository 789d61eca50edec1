/* counter_group.h - Add up events that are counted at once to metrics. */
#ifndef COUNTER_GROUP_H
#define COUNTER_GROUP_H

#include "hwprof/counters/counter.h"
#include "hwprof/counters/event_table.h"

enum { COUNTER_TERM_MAX = 2 * EVENT_GROUP_MAX };

struct counter_group {
    int n_events;                          /* at most EVENT_GROUP_MAX */
    struct event event[EVENT_GROUP_MAX];   /* each once, whoever shares it */
    int n_terms;
    struct counter_term {                  /* metric += times * event */
        enum metric metric;
        int         event;
        double      times;                 /* whole for counts; J per unit */
    } term[COUNTER_TERM_MAX];
};

/* One look at all events of one thread, as perf's PERF_FORMAT_GROUP has it. */
struct counter_raw {
    uint64_t n_events;
    uint64_t enabled, running;             /* ns the group wanted and had */
    uint64_t value[EVENT_GROUP_MAX];
};

/* The events of all wanted metrics that the table has; the session learns why
 * not for the others, and the source of these. */
void counter_group_plan(struct counter_group *out,
                        const struct event_table *table, uint32_t metrics,
                        struct counter_session *session);

/* A column of a recording: `times` of what the event counted are a metric,
 * which the session sees if it is wanted.  The event's index; -1: no room. */
int counter_group_column(struct counter_group *group,
                         struct counter_session *session, uint32_t wanted,
                         enum metric metric, double times, const char *event);

/* delta[e] += what event e counted between two looks.  Rejected as
 * STATUS_UNAVAILABLE, with the event's name: a group that did not run all the
 * time (multiplexed counts are guesses), a count that went back, and one of
 * 2^40 or more, which no pass reaches but a register that was never written
 * back does (it reads 2^47 and more).  */
enum status counter_group_delta(const struct counter_group *group,
                                const struct counter_raw *prev,
                                const struct counter_raw *now,
                                uint64_t delta[EVENT_GROUP_MAX],
                                struct error *err) MUST_CHECK;

/* The metrics, MEASURED.  A difference of two events that comes out below zero
 * is noise around nothing: 0. */
struct cost counter_group_cost(const struct counter_group *group,
                               const uint64_t delta[EVENT_GROUP_MAX]);

#endif
