/* counter_nvml.c - Read the joules of all NVIDIA GPUs together. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "hwprof/counters/counter.h"
#include "hwprof/energy/nvml.h"

struct nvml_session {
    struct counter_session base;          /* first: downcast */
    struct nvml *nvml;                    /* NULL: there is none */
    double last;                          /* J, of all GPUs */
};

/* More than this would be many boards at their limit for longer than a window
 * lasts: no reading. */
static const double most_joules = 1e7;

static enum status read_all(const struct nvml_session *s, double *joules,
                            struct error *err)
{
    enum status status = STATUS_OK;
    double one = 0;

    *joules = 0;
    for (int i = 0; i < nvml_count(s->nvml) && status == STATUS_OK; i++) {
        status = nvml_joules(s->nvml, i, &one, err);
        *joules += one;
    }
    return status;
}

/* A GPU draws watts even when it idles: a counter that does not move within
 * half a second is dead, which is not 0 J. */
static enum status probe(struct nvml_session *s, struct error *err)
{
    enum { TRIES = 25 };
    const struct timespec wait = { .tv_nsec = 20 * 1000 * 1000 };
    double now = 0;
    enum status status = read_all(s, &s->last, err);

    for (int i = 0; i < TRIES && status == STATUS_OK; i++) {
        status = read_all(s, &now, err);
        if (status == STATUS_OK && now > s->last)
            return STATUS_OK;
        nanosleep(&wait, NULL);
    }
    return status != STATUS_OK ? status
        : error_set(err, STATUS_UNAVAILABLE, "dead: the energy of the GPUs did"
                    " not change");
}

static void name_source(struct nvml_session *s)
{
    char *out = s->base.source[METRIC_JOULES];
    size_t used = 0;

    for (int i = 0; i < nvml_count(s->nvml) && used < COUNTER_SOURCE_SIZE; i++)
        used += (size_t)snprintf(out + used, COUNTER_SOURCE_SIZE - used,
                                 "%s%s", i ? " + " : "NVML ",
                                 nvml_name(s->nvml, i));
}

static enum status open_nvml(struct counter_session **out,
                             const struct counter_options *options,
                             struct error *err)
{
    struct nvml_session *s = calloc(1, sizeof *s);
    struct error why = { 0 };

    if (!s)
        return error_set(err, STATUS_NO_MEMORY, "no memory for GPUs");
    *out = &s->base;
    counter_unseen(&s->base, "GPUs give joules only");
    if (!(options->metrics & counter_bit(METRIC_JOULES))) {
        counter_set_reason(&s->base, METRIC_JOULES, "not asked for");
        return STATUS_OK;
    }
    enum status status = nvml_open(&s->nvml, options->nvml_path, &why);
    if (status == STATUS_OK)
        status = probe(s, &why);
    if (status == STATUS_OK) {
        s->base.reason[METRIC_JOULES][0] = '\0';
        name_source(s);
    } else {
        counter_set_reason(&s->base, METRIC_JOULES, "%s", why.text);
    }
    return STATUS_OK;
}

static enum status start(struct counter_session *session, struct error *err)
{
    struct nvml_session *s = (struct nvml_session *)session;
    return counter_sees(session, METRIC_JOULES) ? read_all(s, &s->last, err)
                                                : STATUS_OK;
}

static enum status read_joules(struct counter_session *session,
                               struct cost *since_last, struct error *err)
{
    struct nvml_session *s = (struct nvml_session *)session;
    double now = 0;

    *since_last = (struct cost){ 0 };
    if (!counter_sees(session, METRIC_JOULES))
        return STATUS_OK;
    enum status status = read_all(s, &now, err);
    if (status != STATUS_OK)
        return status;
    const double joules = now - s->last;
    s->last = now;
    if (!(joules >= 0 && joules < most_joules))
        return error_set(err, STATUS_UNAVAILABLE, "the energy of the GPUs went"
                         " by %g J", joules);
    cost_set_real(since_last, METRIC_JOULES, joules, PROV_MEASURED);
    return STATUS_OK;
}

static void close_nvml(struct counter_session *session)
{
    struct nvml_session *s = (struct nvml_session *)session;

    nvml_close(s->nvml);
    free(s);
}

const struct counter_backend counter_nvml = {
    .name = "nvml", .what = "energy of NVIDIA GPUs: their management library",
    .open = open_nvml, .start = start, .read = read_joules,
    .close = close_nvml,
};
