/* counter_likwid.c - a marker region for likwid-perfctr -m to count.
 *
 * Reads nothing itself: likwid-perfctr prints what its counters saw in the
 * region.  One region around a phase, not one an op: with LIKWID's perf_event
 * build a start and stop costs 73 us to 17 ms.  Not under likwid-perfctr it
 * does nothing, and does not call the library, which would say so on stderr. */
#include "hwprof/counter.h"

#include <likwid.h>
#include <stdio.h>
#include <stdlib.h>

struct likwid_session {
    struct counter_session base;          /* first: downcast */
    char region[64];
    bool live;
};

/* What likwid_markerInit() of LIKWID 5.2 looks for. */
static bool under_perfctr(void)
{
    static const char *const names[] = { "LIKWID_MODE", "LIKWID_FILEPATH",
                                         "LIKWID_EVENTS", "LIKWID_THREADS" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!getenv(names[i]))
            return false;
    return true;
}

static enum status likwid_open(struct counter_session **out,
                               const struct counter_options *options,
                               struct error *err)
{
    struct likwid_session *s = calloc(1, sizeof *s);

    if (!s)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a region");
    snprintf(s->region, sizeof s->region, "%s", options->region);
    s->live = under_perfctr();
    if (s->live) {
        fflush(NULL);     /* its daemon's child flushes our buffers once more */
        likwid_markerInit();
        likwid_markerThreadInit();
        likwid_markerRegisterRegion(s->region);
        counter_unseen(&s->base, "likwid-perfctr prints it for the region");
    } else {
        counter_unseen(&s->base, "only a marker: run under likwid-perfctr "
                       "-m -C CPUS -g EVENTS");
    }
    *out = &s->base;
    return STATUS_OK;
}

static enum status likwid_start(struct counter_session *session,
                                struct error *err)
{
    struct likwid_session *s = (struct likwid_session *)session;

    if (s->live && likwid_markerStartRegion(s->region) != 0)
        return error_set(err, STATUS_UNAVAILABLE,
                         "LIKWID cannot start the region %s", s->region);
    return STATUS_OK;
}

static enum status likwid_read(struct counter_session *session,
                               struct cost *since_last, struct error *err)
{
    (void)session;
    (void)err;
    *since_last = (struct cost){ 0 };
    return STATUS_OK;
}

static enum status likwid_stop(struct counter_session *session,
                               struct error *err)
{
    struct likwid_session *s = (struct likwid_session *)session;

    if (s->live && likwid_markerStopRegion(s->region) != 0)
        return error_set(err, STATUS_UNAVAILABLE,
                         "LIKWID cannot stop the region %s", s->region);
    return STATUS_OK;
}

static void likwid_close(struct counter_session *session)
{
    struct likwid_session *s = (struct likwid_session *)session;

    if (s->live)
        likwid_markerClose();
    free(s);
}

const struct counter_backend counter_likwid = {
    .name = "likwid", .what = "a marker region for likwid-perfctr to count",
    .open = likwid_open, .start = likwid_start, .read = likwid_read,
    .stop = likwid_stop, .close = likwid_close,
};
