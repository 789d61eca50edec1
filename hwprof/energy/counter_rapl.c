/* counter_rapl.c - Read joules from the energy sensors that live. */
#include "hwprof/counters/counter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/energy/sensor.h"

struct rapl_session {
    struct counter_session base;           /* first: downcast */
    struct sensor_list     list;
    bool                   added[SENSOR_MAX];
};

/* List the sensors that make up the machine's energy, best first: the packages
 * of the powercap tree, of perf, then the platform. */
static const struct choice {
    enum sensor_scope scope;
    bool              powercap;
} choices[] = {
    { SENSOR_PACKAGE, true },  { SENSOR_PACKAGE, false },
    { SENSOR_PLATFORM, true }, { SENSOR_PLATFORM, false },
};

static bool chosen(const struct sensor *sensor, const struct choice *choice)
{
    return sensor->scope == choice->scope && !sensor->mirror &&
           (sensor->zone[0] != '\0') == choice->powercap;
}

/* All sensors of one choice, or none: one package of two is not the machine. */
static bool choose(struct rapl_session *s, const struct choice *choice)
{
    int n = 0;

    for (int i = 0; i < s->list.n && !s->list.n_left_out; i++) {
        const struct sensor *sensor = &s->list.sensor[i];
        s->added[i] = chosen(sensor, choice);
        n += s->added[i];
        if (s->added[i] && sensor->reason[0])
            return false;
    }
    return n > 0;
}

static void name_source(struct rapl_session *s)
{
    char *out = s->base.source[METRIC_JOULES];
    size_t used = 0;

    for (int i = 0; i < s->list.n; i++)
        if (s->added[i] && used < COUNTER_SOURCE_SIZE - 1) {
            int n = snprintf(out + used, COUNTER_SOURCE_SIZE - used, "%s%s",
                             used ? " + " : "", s->list.sensor[i].name);
            used += n > 0 ? (size_t)n : 0;
        }
}

/* Give as the reason what is wrong with the first sensor that covers more than
 * a part. */
static void explain(struct rapl_session *s)
{
    const struct sensor_list *list = &s->list;

    if (list->n_left_out) {
        counter_set_reason(&s->base, METRIC_JOULES, "more sensors than the %d "
                           "of one list: a sum would leave out %d", SENSOR_MAX,
                           list->n_left_out);
        return;
    }
    counter_set_reason(&s->base, METRIC_JOULES, "%s", list->n
        ? "only parts of a package have sensors" : list->reason);
    for (int i = 0; i < list->n; i++)
        if (list->sensor[i].scope != SENSOR_PART && list->sensor[i].reason[0]) {
            counter_set_reason(&s->base, METRIC_JOULES, "%s: %s",
                               list->sensor[i].name, list->sensor[i].reason);
            return;
        }
}

static enum status rapl_open(struct counter_session **out,
                             const struct counter_options *options,
                             struct error *err)
{
    struct rapl_session *s = calloc(1, sizeof *s);
    size_t c = 0, n_choices = sizeof choices / sizeof *choices;

    if (!s)
        return error_set(err, STATUS_NO_MEMORY, "no memory for sensors");
    *out = &s->base;
    counter_unseen(&s->base, "energy sensors give joules only");
    if (!(options->metrics & counter_bit(METRIC_JOULES))) {
        counter_set_reason(&s->base, METRIC_JOULES, "not asked for");
        return STATUS_OK;
    }
    sensor_list_open_by(&s->list, options->sysfs_root,
                        (struct sensor_clock){ options->now,
                                               options->now_context });
    if (s->list.n)
        sensor_list_probe(&s->list, options->busy, options->busy_context);
    while (c < n_choices && !choose(s, &choices[c]))
        c++;
    if (c < n_choices) {
        s->base.reason[METRIC_JOULES][0] = '\0';
        name_source(s);
    } else {
        explain(s);
    }
    return STATUS_OK;
}

static enum status rapl_read(struct counter_session *session,
                             struct cost *since_last, struct error *err)
{
    struct rapl_session *s = (struct rapl_session *)session;
    double joules = 0;

    *since_last = (struct cost){ 0 };
    if (!counter_sees(session, METRIC_JOULES))
        return STATUS_OK;
    for (int i = 0; i < s->list.n; i++) {
        if (!s->added[i])
            continue;
        enum status status = sensor_read(&s->list, i, err);
        if (status != STATUS_OK)
            return status;
        joules += s->list.sensor[i].joules;
    }
    cost_set_real(since_last, METRIC_JOULES, joules, PROV_MEASURED);
    return STATUS_OK;
}

static enum status rapl_start(struct counter_session *session,
                              struct error *err)
{
    struct rapl_session *s = (struct rapl_session *)session;
    enum status status = STATUS_OK;

    for (int i = 0; i < s->list.n && status == STATUS_OK; i++)
        if (s->added[i] && counter_sees(session, METRIC_JOULES))
            status = sensor_start(&s->list, i, err);
    return status;
}

static void rapl_close(struct counter_session *session)
{
    struct rapl_session *s = (struct rapl_session *)session;

    sensor_list_close(&s->list);
    free(s);
}

const struct counter_backend counter_rapl = {
    .name = "rapl", .what = "energy: the powercap tree and perf's power device",
    .open = rapl_open, .start = rapl_start, .read = rapl_read,
    .close = rapl_close,
};
