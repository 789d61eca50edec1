/* counter_group.c - Add events up to metrics, and refuse what cannot be a
 * count. */
#include "hwprof/counters/counter_group.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static int event_index(struct counter_group *group, const struct event *event)
{
    for (int e = 0; e < group->n_events; e++)
        if (group->event[e].kind == event->kind &&
            group->event[e].code == event->code &&
            group->event[e].extra == event->extra)
            return e;
    if (group->n_events == EVENT_GROUP_MAX)
        return -1;
    group->event[group->n_events] = *event;
    return group->n_events++;
}

/* "64*L2_LINES_IN:ALL - 64*OCR:READS_TO_CORE_DRAM" */
static void describe(char out[COUNTER_SOURCE_SIZE], const struct event_row *row)
{
    size_t used = 0;

    for (int i = 0; i < row->n_events && used < COUNTER_SOURCE_SIZE - 1; i++) {
        int64_t times = row->event[i].times;
        const char *sign = times < 0 ? (i ? " - " : "-") : (i ? " + " : "");
        uint64_t size = (uint64_t)(times < 0 ? -times : times);
        int n = size == 1
            ? snprintf(out + used, COUNTER_SOURCE_SIZE - used, "%s%s", sign,
                       row->event[i].name)
            : snprintf(out + used, COUNTER_SOURCE_SIZE - used,
                       "%s%" PRIu64 "*%s", sign, size, row->event[i].name);
        used += n > 0 ? (size_t)n : 0;
    }
}

static void plan_metric(struct counter_group *group, enum metric metric,
                        const struct event_row *row,
                        struct counter_session *session)
{
    struct counter_group before = *group;

    for (int i = 0; i < row->n_events; i++) {
        int e = event_index(group, &row->event[i]);
        if (e < 0 || group->n_terms == COUNTER_TERM_MAX) {
            *group = before;
            counter_set_reason(session, metric, "more than %d events at once: "
                               "ask for it in a group of its own",
                               EVENT_GROUP_MAX);
            return;
        }
        group->term[group->n_terms++] =
            (struct counter_term){ metric, e, (double)row->event[i].times };
    }
    session->reason[metric][0] = '\0';
    describe(session->source[metric], row);
}

void counter_group_plan(struct counter_group *out,
                        const struct event_table *table, uint32_t metrics,
                        struct counter_session *session)
{
    *out = (struct counter_group){ 0 };
    counter_unseen(session, "not asked for");
    for (int m = METRIC_FIRST_REAL; m < METRIC_COUNT; m++)
        counter_set_reason(session, (enum metric)m, "no count of events");
    for (int m = 0; m < METRIC_FIRST_REAL; m++) {
        if (!(metrics & counter_bit((enum metric)m)))
            continue;
        if (!table)
            counter_set_reason(session, (enum metric)m,
                               "no event table for this CPU");
        else if (table->row[m].n_events)
            plan_metric(out, (enum metric)m, &table->row[m], session);
        else if (table->row[m].missing[0])
            counter_set_reason(session, (enum metric)m, "%s",
                               table->row[m].missing);
        else
            counter_set_reason(session, (enum metric)m,
                               "the event table %s has no row for it",
                               table->name);
    }
}

/* Past this a count is garbage: see the header. */
#define COUNT_LIMIT (UINT64_C(1) << 40)

int counter_group_column(struct counter_group *group,
                         struct counter_session *session, uint32_t wanted,
                         enum metric metric, double times, const char *event)
{
    if (group->n_events == EVENT_GROUP_MAX)
        return -1;
    int e = group->n_events++;
    snprintf(group->event[e].name, EVENT_NAME_SIZE, "%s", event);
    if (wanted & counter_bit(metric)) {
        group->term[group->n_terms++] =
            (struct counter_term){ metric, e, times };
        session->reason[metric][0] = '\0';
        snprintf(session->source[metric], COUNTER_SOURCE_SIZE, "%s (recorded)",
                 event);
    }
    return e;
}

enum status counter_group_delta(const struct counter_group *group,
                                const struct counter_raw *prev,
                                const struct counter_raw *now,
                                uint64_t delta[EVENT_GROUP_MAX],
                                struct error *err)
{
    if (now->n_events != (uint64_t)group->n_events)
        return error_set(err, STATUS_UNAVAILABLE,
                         "read %" PRIu64 " counters of %d", now->n_events,
                         group->n_events);
    if (now->running != now->enabled)
        return error_set(err, STATUS_UNAVAILABLE,
                         "the counters ran %.3f of %.3f ms: another user of "
                         "the PMU takes turns with us, or there are fewer "
                         "counters than events; multiplexed counts are "
                         "guesses", (double)now->running * 1e-6,
                         (double)now->enabled * 1e-6);
    for (int e = 0; e < group->n_events; e++) {
        const char *name = group->event[e].name;
        if (now->value[e] < prev->value[e])
            return error_set(err, STATUS_UNAVAILABLE,
                             "%s went back from %" PRIu64 " to %" PRIu64, name,
                             prev->value[e], now->value[e]);
        if (now->value[e] - prev->value[e] >= COUNT_LIMIT)
            return error_set(err, STATUS_UNAVAILABLE,
                             "%s read %" PRIu64 ": a register that was not "
                             "written back, no count", name, now->value[e]);
    }
    for (int e = 0; e < group->n_events; e++)
        delta[e] += now->value[e] - prev->value[e];
    return STATUS_OK;
}

struct cost counter_group_cost(const struct counter_group *group,
                               const uint64_t delta[EVENT_GROUP_MAX])
{
    double sum[METRIC_COUNT] = { 0 };
    bool seen[METRIC_COUNT] = { false };
    struct cost cost = { 0 };

    for (int t = 0; t < group->n_terms; t++) {
        const struct counter_term *term = &group->term[t];
        sum[term->metric] += term->times * (double)delta[term->event];
        seen[term->metric] = true;
    }
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (!seen[m])
            continue;
        if (m < METRIC_FIRST_REAL)
            cost_set_count(&cost, (enum metric)m,
                           sum[m] > 0 ? (uint64_t)llround(sum[m]) : 0,
                           PROV_MEASURED);
        else
            cost_set_real(&cost, (enum metric)m, sum[m], PROV_MEASURED);
    }
    return cost;
}
