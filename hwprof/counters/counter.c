/* counter.c - List the back ends, and do what they have in common. */
#include "hwprof/counters/counter.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct counter_backend *const counter_backends[] = {
    &counter_perf,
    &counter_rdpmc,
#ifdef HAVE_PAPI
    &counter_papi,
#endif
#ifdef HAVE_LIKWID
    &counter_likwid,
#endif
#ifdef HAVE_CALLGRIND
    &counter_callgrind,
#endif
    &counter_rapl,
    &counter_nvml,
    &counter_recorded,
    NULL,
};

const char *const counter_left_out[] = {
#ifndef HAVE_PAPI
    "papi",
#endif
#ifndef HAVE_LIKWID
    "likwid",
#endif
#ifndef HAVE_CALLGRIND
    "callgrind",
#endif
#ifndef HAVE_ZYDIS
    "zydis",             /* the decoder of callgrind's instructions */
#endif
    NULL,
};

const struct counter_backend *counter_find(const char *name)
{
    for (int i = 0; counter_backends[i]; i++)
        if (strcmp(counter_backends[i]->name, name) == 0)
            return counter_backends[i];
    return NULL;
}

const struct counter_backend *counter_host(void)
{
    for (int i = 0; counter_backends[i]; i++)
        if (counter_simulates(counter_backends[i]) &&
            counter_backends[i]->hosts())
            return counter_backends[i];
    return NULL;
}

bool counter_simulates(const struct counter_backend *backend)
{
    return backend && backend->hosts;
}

enum status counter_open(struct counter_session **out,
                         const struct counter_backend *backend,
                         const struct counter_options *options,
                         struct error *err)
{
    struct counter_options full = *options;

    if (!full.sysfs_root)
        full.sysfs_root = "/sys";
    if (!full.proc_root)
        full.proc_root = "/proc";
    if (!full.region)
        full.region = "isobath";
    enum status status = backend->open(out, &full, err);
    if (status == STATUS_OK)
        (*out)->backend = backend;
    return status;
}

void counter_close(struct counter_session *session)
{
    if (session)
        session->backend->close(session);
}

bool counter_sees(const struct counter_session *session, enum metric metric)
{
    return session->reason[metric][0] == '\0';
}

uint32_t counter_seen(const struct counter_session *session)
{
    uint32_t seen = 0;
    for (int m = 0; m < METRIC_COUNT; m++)
        if (counter_sees(session, (enum metric)m))
            seen |= counter_bit((enum metric)m);
    return seen;
}

enum status counter_start(struct counter_session *session, struct error *err)
{
    return session->backend->start(session, err);
}

enum status counter_read(struct counter_session *session,
                         struct cost *since_last, struct error *err)
{
    return session->backend->read(session, since_last, err);
}

void counter_tell(struct counter_session *session, struct counter_note note)
{
    if (session->backend->note)
        session->backend->note(session, note);
}

enum status counter_stop(struct counter_session *session, struct error *err)
{
    return session->backend->stop ? session->backend->stop(session, err)
                                  : STATUS_OK;
}

void counter_unseen(struct counter_session *session, const char *reason)
{
    for (int m = 0; m < METRIC_COUNT; m++)
        counter_set_reason(session, (enum metric)m, "%s", reason);
}

void counter_set_reason(struct counter_session *session, enum metric metric,
                        const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(session->reason[metric], COUNTER_REASON_SIZE, format, list);
    va_end(list);
}
