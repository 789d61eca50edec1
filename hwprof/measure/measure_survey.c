/* measure_survey.c - Ask every back end what it counts here, and at what
 * cost. */
#include <stdio.h>
#include <string.h>
#include "hwprof/measure/measure_inside.h"

/* Metrics that a counter or a sensor may see. */
static uint32_t visible(void)
{
    uint32_t metrics = counter_bit(METRIC_JOULES);

    for (int i = 0; i < METRIC_COUNT; i++)
        if (metric_table[i].measured == MEASURED_BY_COUNTER)
            metrics |= counter_bit((enum metric)i);
    return metrics;
}

/* All of them, in groups that a CPU can count at once; what the event table has
 * nothing for comes last. */
static int group_all(const struct measure *m,
                     uint32_t group[METRIC_FIRST_REAL + 1])
{
    uint32_t left = visible();
    int n = 0;

    if (m->has_table)
        n = event_table_groups(&m->table, left, group);
    for (int g = 0; g < n; g++)
        left &= ~group[g];
    if (left)
        group[n++] = left;
    return n;
}

static void take(struct measure_backend *out, uint32_t metrics,
                 const struct counter_session *session)
{
    out->seen |= counter_seen(session) & metrics;
    for (int i = 0; i < METRIC_COUNT; i++)
        if (metrics & counter_bit((enum metric)i)) {
            memcpy(out->source[i], session->source[i], sizeof out->source[i]);
            memcpy(out->reason[i], session->reason[i], sizeof out->reason[i]);
        }
}

static void say(struct measure_backend *out, const char *reason)
{
    for (int i = 0; i < METRIC_COUNT; i++)
        if (visible() & counter_bit((enum metric)i))
            snprintf(out->reason[i], sizeof out->reason[i], "%s",
                     reason);
}

/* Open one group, and time its readings where any of it is seen. */
static enum status ask(const struct measure *m, struct measure_backend *out,
                       uint32_t metrics, struct error *err)
{
    const struct counter_backend *const only[] = { out->backend, NULL };
    struct counter_options options = measure_session_options(m, metrics);
    struct read_path path[READ_PATH_MAX];
    struct counter_session *session = NULL;
    enum status status = counter_open(&session, out->backend, &options, err);

    if (status != STATUS_OK)
        return status;
    take(out, metrics, session);
    bool sees = (counter_seen(session) & metrics) != 0;
    counter_close(session);
    if (sees && read_path_survey(path, only, &options, &status, err) == 1 &&
        path[0].seconds > out->read_seconds)
        out->read_seconds = path[0].seconds;
    return status;
}

enum status measure_survey(const struct measure *m,
                           struct measure_backend out[MEASURE_BACKEND_MAX],
                           int *n, struct error *err)
{
    uint32_t group[METRIC_FIRST_REAL + 1];
    int n_groups = group_all(m, group);
    enum status status = STATUS_OK;

    for (*n = 0; counter_backends[*n] && *n < MEASURE_BACKEND_MAX &&
                 status == STATUS_OK; ++*n) {
        struct measure_backend *b = &out[*n];
        *b = (struct measure_backend){ .backend = counter_backends[*n] };
        if (b->backend == &counter_recorded)
            say(b, "a recording takes the place of counters: isobath profile "
                "--recorded DIR");
        else if (m->marker && m->marker->backend == b->backend)
            take(b, visible(), m->marker);   /* open already, and only once */
        else
            for (int g = 0; g < n_groups && status == STATUS_OK; g++)
                status = ask(m, b, group[g], err);
    }
    return status;
}
