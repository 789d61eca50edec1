/* counter_likwid.c - Mark a region for likwid-perfctr -m to count.
 *
 * Reads nothing itself: likwid-perfctr prints what its counters saw in the
 * region.  One region around a phase, not one an op: with LIKWID's perf_event
 * build a start and stop costs 73 us to 17 ms.  The library is loaded only
 * under likwid-perfctr: linked in, it costs every process 15 MB, and it would
 * complain on stderr. */
#include "hwprof/counters/counter.h"

#include <dlfcn.h>
#include <likwid.h>
#include <stdio.h>
#include <stdlib.h>

/* The marker functions, with the types that likwid.h gives them. */
#define MARKER_MAP(X)                                                          \
    X(likwid_markerInit) X(likwid_markerThreadInit)                            \
    X(likwid_markerRegisterRegion) X(likwid_markerStartRegion)                 \
    X(likwid_markerStopRegion) X(likwid_markerClose)

struct marker_api {
#define X(name) __typeof__(name) *name;
    MARKER_MAP(X)
#undef X
};

struct likwid_session {
    struct counter_session base;          /* first: downcast */
    char region[64];
    void *library;                        /* NULL: markers do nothing */
    struct marker_api api;
};

/* Stays loaded until the process ends: LIKWID does not take being unloaded. */
static bool load(struct likwid_session *s)
{
    static const char *const names[] = { "liblikwid.so.5.2", "liblikwid.so.5",
                                         "liblikwid.so" };
    for (size_t i = 0; i < sizeof names / sizeof *names && !s->library; i++)
        s->library = dlopen(names[i], RTLD_NOW);
    if (!s->library)
        return false;
#define X(name)                                                                \
    *(void **)&s->api.name = dlsym(s->library, #name);                         \
    if (!s->api.name)                                                          \
        s->library = NULL;
    MARKER_MAP(X)
#undef X
    return s->library != NULL;
}

/* likwid_markerInit() of LIKWID 5.2 looks for these. */
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
    if (under_perfctr() && !load(s)) {
        counter_unseen(&s->base, "likwid-perfctr runs, but liblikwid cannot be"
                       " loaded: is its folder in LD_LIBRARY_PATH?");
    } else if (s->library) {
        fflush(NULL);     /* its daemon's child flushes our buffers once more */
        s->api.likwid_markerInit();
        s->api.likwid_markerThreadInit();
        s->api.likwid_markerRegisterRegion(s->region);
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

    if (s->library && s->api.likwid_markerStartRegion(s->region) != 0)
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

    if (s->library && s->api.likwid_markerStopRegion(s->region) != 0)
        return error_set(err, STATUS_UNAVAILABLE,
                         "LIKWID cannot stop the region %s", s->region);
    return STATUS_OK;
}

static void likwid_close(struct counter_session *session)
{
    struct likwid_session *s = (struct likwid_session *)session;

    if (s->library)
        s->api.likwid_markerClose();
    free(s);
}

const struct counter_backend counter_likwid = {
    .name = "likwid", .what = "a marker region for likwid-perfctr to count",
    .open = likwid_open, .start = likwid_start, .read = likwid_read,
    .stop = likwid_stop, .close = likwid_close,
};
