/* counter.h - Read one session over perf, PAPI, LIKWID, RAPL, NVML, or a
 * recorded run.
 *
 * Every back end fills what it can see and leaves the rest unknown, with the
 * reason and, where there is one, the remedy.  Nothing here is trusted before
 * calibrate.h has seen it count a known kernel right. */
#ifndef COUNTER_H
#define COUNTER_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/core/ledger/cost.h"

enum { COUNTER_REASON_SIZE = 400, COUNTER_SOURCE_SIZE = 256 };

struct event_table;
struct flop_mix;
struct cpu_topology;

struct counter_options {
    const char *sysfs_root;      /* NULL: "/sys" */
    const char *proc_root;       /* NULL: "/proc" */
    const char *trace_path;      /* recorded: its file */
    int         repeat;          /* recorded: of its pass, from 0; -1: while
                                  * calibrating */
    const struct event_table *events;   /* perf, papi; borrowed.  NULL: none */
    uint32_t    metrics;         /* counter_bit(METRIC_x) of those wanted */
    const char *region;          /* likwid: its name; NULL: "isobath" */
    /* rapl: what keeps the machine busy while a sensor shows that it lives;
     * NULL: 0.1 s of arithmetic. */
    void      (*busy)(void *context);
    void       *busy_context;
    double    (*now)(void *context);     /* rapl: NULL: CLOCK_MONOTONIC */
    void       *now_context;
    const char *nvml_path;       /* NULL: libnvidia-ml.so.1 */
};

static inline uint32_t counter_bit(enum metric metric)
{
    return UINT32_C(1) << (unsigned)metric;
}

struct counter_session {         /* every back end embeds it first */
    const struct counter_backend *backend;
    char reason[METRIC_COUNT][COUNTER_REASON_SIZE];   /* "" when it is seen */
    char source[METRIC_COUNT][COUNTER_SOURCE_SIZE];   /* events behind it */
    const struct flop_mix *mix;  /* of the last reading; NULL: not told */
};

/* A note of what ran since the last reading; hardware need not be told. */
struct counter_note {
    const char *label;           /* "forward/0/qkv"; "kernel/flops"; NULL: what
                                  * belongs to no op */
    double      expected;        /* of a known kernel, in its metric */
};

/* Use the functions below; they accept what the table must not worry about. */
struct counter_backend {
    const char *name;            /* "perf" */
    const char *what;            /* one line for help and reports */
    enum status (*open)(struct counter_session **out,
                        const struct counter_options *options,
                        struct error *err);
    enum status (*start)(struct counter_session *session, struct error *err);
    enum status (*read)(struct counter_session *session,
                        struct cost *since_last, struct error *err);
    enum status (*stop)(struct counter_session *session,
                        struct error *err);          /* NULL: nothing to do */
    void        (*close)(struct counter_session *session);
    void        (*note)(struct counter_session *session,
                        struct counter_note note);   /* NULL: deaf to it */
    /* Of a simulator: whether it runs this process.  What it counts is
     * SIMULATED, on caches of its own, and clocks and sensors beside it see the
     * simulator at work.  Both NULL: it reads hardware. */
    bool        (*hosts)(void);
    void        (*caches)(const struct counter_session *session,
                          struct cpu_topology *topology);
    /* Bits of metrics whose reading disturbs the others': they have a pass of
     * their own. */
    uint32_t    apart;
};

/* counter_papi, counter_likwid and counter_callgrind are there where the
 * library, or valgrind's header, was installed. */
extern const struct counter_backend counter_perf, counter_rdpmc, counter_papi,
                                    counter_likwid, counter_callgrind,
                                    counter_rapl, counter_nvml,
                                    counter_recorded;
extern const struct counter_backend *const counter_backends[];  /* NULL-ended */
extern const char *const counter_left_out[];   /* of this build; NULL-ended */
const struct counter_backend *counter_find(const char *name);   /* NULL: none */

/* The simulator that runs this process; NULL: none does. */
const struct counter_backend *counter_host(void);
bool counter_simulates(const struct counter_backend *backend);

/* Seeing nothing is not a failure: the session is open and says why for every
 * metric.  Fails for want of memory and for a trace that cannot be read.
 * Release with counter_close(); NULL is fine. */
enum status counter_open(struct counter_session **out,
                         const struct counter_backend *backend,
                         const struct counter_options *options,
                         struct error *err) MUST_CHECK;
void        counter_close(struct counter_session *session);

bool counter_sees(const struct counter_session *session, enum metric metric);
uint32_t counter_seen(const struct counter_session *session);   /* as bits */

/* Count from here on, in every thread that the process has when the session is
 * opened. */
enum status counter_start(struct counter_session *session,
                          struct error *err) MUST_CHECK;

/* Read what was counted since the last read (or the start): MEASURED where seen
 * (of a simulator SIMULATED), unknown elsewhere.  STATUS_UNAVAILABLE: it cannot
 * be right (multiplexed, dead, backwards, out of range); discard the pass. */
enum status counter_read(struct counter_session *session,
                         struct cost *since_last,
                         struct error *err) MUST_CHECK;

/* Say what the next reading will find; lasts for that one. */
void counter_tell(struct counter_session *session, struct counter_note note);

/* STATUS_UNAVAILABLE when threads came up that nobody counted. */
enum status counter_stop(struct counter_session *session,
                         struct error *err) MUST_CHECK;

/* For back ends: every metric unknown for this reason; then the wanted ones one
 * by one. */
void counter_unseen(struct counter_session *session, const char *reason);
void counter_set_reason(struct counter_session *session, enum metric metric,
                        const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
