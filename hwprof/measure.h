/* measure.h - the measured witness: several passes over the same tokens.
 *
 * Pass 0 takes the time (and the energy, where a sensor lives); each further
 * pass counts one group of events.  What was not qualified stays unknown, with
 * its reason.
 *
 *     measure_open(&m, &options, &err);
 *     while ((pass = measure_next(m)) >= 0) {
 *         if (measure_begin(m, pass, &err) != STATUS_OK)
 *             continue;                     (counted as an attempt)
 *         run the model with measure_meter(m);
 *         status = measure_end(m, &err);    (UNAVAILABLE: that repeat is out)
 *     }
 *     measure_finish(m, ledger);
 *
 * Everything runs on the thread that opened it, with all worker threads made
 * before the first measure_begin(). */
#ifndef MEASURE_H
#define MEASURE_H

#include "hwprof/calibrate.h"
#include "hwprof/counter.h"
#include "hwprof/topology.h"
#include "sim/core/meter.h"

enum { MEASURE_REPEAT_MAX = 32, MEASURE_RETRIES = 5 };

struct measure_options {
    const char *sysfs_root;      /* NULL: "/sys" */
    const char *proc_root;       /* NULL: "/proc" */
    const char *configs;         /* holds counters/; NULL: see event_table.h */
    const struct counter_backend *backend;   /* NULL: perf, then PAPI */
    const char *trace_path;      /* for the replay back end */
    uint32_t    metrics;         /* counter_bit(METRIC_x); 0: all */
    int32_t     n_layers;        /* of the ledgers; 0: not by layer */
    int32_t     n_tokens;        /* 0: not by token; see measure_token() */
    int         n_repeats;       /* of every pass; 0: 5 */
    void      (*busy)(void *context);        /* see counter.h */
    void       *busy_context;
};

struct measure;                  /* opaque: measure.c */

/* Finds the event table of this CPU, opens, calibrates and closes every group
 * once.  A machine without counters is no failure; a table that does not parse
 * is.  Release with measure_close(); NULL is fine. */
enum status measure_open(struct measure **out,
                         const struct measure_options *options,
                         struct error *err) MUST_CHECK;
void        measure_close(struct measure *measure);

int measure_n_passes(const struct measure *measure);      /* at least 1 */
/* "time", or the metrics: "flops instructions cycles". */
const char *measure_pass_name(const struct measure *measure, int pass);

/* The pass that most wants another repeat, in turns, so that drift hits all
 * alike; -1 when each has its repeats or MEASURE_RETRIES failures. */
int measure_next(const struct measure *measure);

enum status measure_begin(struct measure *measure, int pass,
                          struct error *err) MUST_CHECK;
struct meter *measure_meter(struct measure *measure);
/* Which token's row the ops from here on are filed under (decoding: one step is
 * one token). */
void        measure_token(struct measure *measure, int32_t token);
enum status measure_end(struct measure *measure, struct error *err) MUST_CHECK;

/* One amount over the accepted repeats. */
struct measure_range {
    double median, low, high;
    int    n;                    /* repeats; 0: nothing was measured */
};
/* key with LEDGER_ANY in layer, token, or (int) pass and op: their sum. */
struct measure_range measure_range(const struct measure *measure, int pass,
                                   int32_t layer, int32_t token, int op,
                                   enum metric metric);

/* File the medians (of an even number of repeats the lower middle one) as
 * MEASURED into `ledger`, and a reason for every metric that stays unknown.
 * Joules are those of the time pass, shared out by seconds and so labelled
 * APPORTIONED; they add up to what the sensors counted. */
void measure_finish(struct measure *measure, struct ledger *ledger);

/* What is known about one metric's measurement. */
struct measure_row {
    enum metric metric;
    const char *backend;         /* "perf"; NULL when none sees it */
    char        source[COUNTER_SOURCE_SIZE];   /* events or sensors; "" */
    bool        qualified;
    char        reason[COUNTER_REASON_SIZE];   /* why not, or a caveat */
    const char *kernel;          /* it counted; NULL: none */
    double      error;           /* in that kernel, counted / expected - 1 */
    double      spread;          /* of that kernel's repeats */
    double      read_seconds;    /* of one reading */
    double      resolution;      /* an op this large is known to 1 %; 0: any */
    struct measure_range total;  /* of everything measured so far */
    bool        lower_bound;     /* repeats of an exact count differ */
};
/* A row a metric, in their order. */
void measure_report(const struct measure *measure,
                    struct measure_row row[METRIC_COUNT]);

const struct cpu_topology *measure_topology(const struct measure *measure);
/* Path of the event table, or why there is none. */
const char *measure_table(const struct measure *measure);

#endif
