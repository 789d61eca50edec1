/* measure.h - Measure: take several passes over the same tokens.
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
 *         while (measure_again(m)) {        (energy needs 0.1 s)
 *             what comes before it, as measure_begin() did;
 *             measure_resume(m);
 *             run the model with NULL;
 *         }
 *         status = measure_end(m, &err);    (UNAVAILABLE: that repeat is out)
 *     }
 *     measure_finish(m, ledger, model);
 *
 * Everything runs on the thread that opened it, with all worker threads made
 * before the first measure_begin(). */
#ifndef MEASURE_H
#define MEASURE_H

#include "hwprof/counters/calibrate.h"
#include "hwprof/counters/counter.h"
#include "hwprof/counters/flop_mix.h"
#include "hwprof/energy/energy_idle.h"
#include "hwprof/counters/read_path.h"
#include "hwprof/machine/load.h"
#include "hwprof/machine/topology.h"
#include "sim/core/ledger/meter.h"

enum { MEASURE_REPEAT_MAX = 32, MEASURE_RETRIES = 5,
       MEASURE_SIMULATED_SIZE = 160 };

struct measure_options {
    const char *sysfs_root;      /* NULL: "/sys" */
    const char *proc_root;       /* NULL: "/proc" */
    const char *configs;         /* holds counters/; NULL: see event_table.h */
    const struct counter_backend *backend;   /* NULL: the simulator that runs
                                  * this process, else perf, rdpmc or PAPI,
                                  * whichever qualifies and reads cheapest */
    const char *trace_path;      /* for the back ends of recorded runs */
    uint32_t    metrics;         /* counter_bit(METRIC_x); 0: all */
    int32_t     n_layers;        /* of the ledgers; 0: not by layer */
    int32_t     n_tokens;        /* also totals of each token, by
                                  * measure_token(); 0: not by token */
    bool        bare;            /* also repeats that nobody listens to: what
                                  * listening costs, and a token's seconds */
    int         n_repeats;       /* of every pass; 0: 5 */
    double      idle_seconds;    /* sleep so long before and after the work
                                  * where joules are seen; 0: no baseline */
    struct load_prober *prober;  /* borrowed; probes before and after every
                                  * timed repeat; NULL: nobody does */
    /* Done by measure_begin() after its probe, in no repeat's time: what must
     * come before the work.  A probe lasts so long that others have taken the
     * last cache by its end; this leaves there what work of its kind, going on,
     * would find.  NULL: nothing. */
    void      (*prepare)(void *context);
    void       *prepare_context;
    struct energy_clock clock;   /* of energy windows and that sleep */
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
/* "time", "bare", or the metrics: "flops instructions cycles". */
const char *measure_pass_name(const struct measure *measure, int pass);

/* True: the pass reads counters, and what waits in it should block, not
 * spin. */
bool measure_counts(const struct measure *measure, int pass);

/* The pass that most wants another repeat, in turns, so that drift hits all
 * alike; -1 when each has its repeats or MEASURE_RETRIES failures. */
int measure_next(const struct measure *measure);

enum status measure_begin(struct measure *measure, int pass,
                          struct error *err) MUST_CHECK;
struct meter *measure_meter(struct measure *measure);   /* NULL when bare */
/* Name the token under whose row the work from here on is filed (decoding: one
 * step is one token).  A bare repeat's tokens last until the next is named. */
void        measure_token(struct measure *measure, int32_t token);
/* After the work: whether to do it once more in this repeat, for an energy
 * window that a sensor can see.  What lies between it and measure_resume() is
 * no part of any window; what is listened to ended with the first call. */
bool        measure_again(struct measure *measure);
void        measure_resume(struct measure *measure);
enum status measure_end(struct measure *measure, struct error *err) MUST_CHECK;

/* Repeats of the pass that were thrown away; *why is the last one's reason. */
int measure_rejected(const struct measure *measure, int pass,
                     const char **why);

/* One amount over the accepted repeats; of seconds and joules over the quiet
 * ones, else over all, and then PROV_BUSY. */
struct measure_range {
    double median, low, high;
    int    n;                    /* repeats; 0: nothing was measured */
    enum provenance from;        /* the weakest of them */
};
/* key with LEDGER_ANY in layer, token, or (int) pass and op: their sum.  A
 * token from 0 on has totals alone; its seconds are those of bare repeats. */
struct measure_range measure_range(const struct measure *measure, int pass,
                                   int32_t layer, int32_t token, int op,
                                   enum metric metric);

/* The accepted repeats' totals of one metric, in their order; returns how
 * many.  Seconds are those of a whole repeat: bare ones where there are any.
 * Joules, of doing the work once, are there after measure_finish(); they are
 * those of timed repeats. */
int measure_repeats(const struct measure *measure, enum metric metric,
                    double out[MEASURE_REPEAT_MAX]);

/* Flops of the last repeat by width, pass and op; LEDGER_ANY.  False: no back
 * end tells. */
bool measure_flop_mix(const struct measure *measure, int pass, int op,
                      struct flop_mix *out);

/* True where the probes beside the r-th repeat of measure_repeats(), of seconds
 * or joules, both reached load_least_share of the best of the run. */
bool measure_is_quiet(const struct measure *measure, enum metric metric,
                      int repeat);

/* The load by others in the repeats of measure_repeats(seconds); without a
 * prober all repeats are quiet. */
struct measure_load {
    int    n, n_quiet;           /* repeats; n_quiet 0: all are "busy", and the
                                  * figure is of busy ones */
    struct load_times median;    /* over those that count */
    double least_share;          /* of the probes beside those; NAN: none */
};
struct measure_load measure_load(const struct measure *measure);

/* File the medians, those of counts rounded, as MEASURED (of a simulator as
 * SIMULATED) into `ledger`, and a reason for every metric that stays unknown.
 * FLOPs that differ between repeats of the same work are AT_LEAST.  Joules are
 * those of the time pass, shared out by the joules of `model`, a ledger of the
 * same shape, or by seconds where it is NULL or does not know them, and so
 * labelled APPORTIONED; they add up to what the sensors counted. */
void measure_finish(struct measure *measure, struct ledger *ledger,
                    const struct ledger *model);

/* The joules that sensors counted while the work was done once, after
 * measure_finish(). */
struct measure_energy {
    double  joules, seconds;     /* mean over repeats; NAN: unknown, see the
                                  * row's reason */
    double  low, high;           /* joules of single repeats */
    int64_t times;               /* a repeat did the work, at least */
    enum metric shared_by;       /* METRIC_JOULES: the model's; or
                                  * METRIC_SECONDS */
    const struct energy_idle *idle;          /* before and after; borrowed */
};
struct measure_energy measure_energy(const struct measure *measure);

/* All that is known about one metric's measurement. */
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
    double      resolution;      /* a region smaller than this is known to
                                  * less than 10 %; 0: any is better known */
    struct measure_range total;  /* of everything measured so far */
    bool        lower_bound;     /* repeats of an exact count differ */
};
/* A row a metric, in their order. */
void measure_report(const struct measure *measure,
                    struct measure_row row[METRIC_COUNT]);

/* Count the regions that were measured into the cells that match;
 * LEDGER_ANY. */
uint64_t measure_regions(const struct measure *measure, int pass,
                         int32_t layer, int op);

/* Take from `ledger`, filled by measure_finish(), every amount whose regions
 * are below the metric's resolution, joules with seconds that shared them out:
 * PROV_BELOW.  bound[m]: no amount taken was larger; 0: none was. */
void measure_mask(const struct measure *measure, struct ledger *ledger,
                  double bound[METRIC_COUNT]);

/* The cost of measuring. */
struct measure_overhead {
    uint64_t regions;            /* of one repeat */
    double   bracket_seconds;    /* the clock adds to each, and is taken off */
    double   ops_seconds;        /* what the quickest repeat's ops add up to */
    double   bare_seconds;       /* the quickest bare repeat, whole; NAN: none
                                  * ran */
    double   region_seconds;     /* reading counters adds, in their passes; the
                                  * dearest pass; NAN: no counter is read */
};
struct measure_overhead measure_overhead(const struct measure *measure);

/* The ways to read counters that were tried, the best first; returns how
 * many. */
int measure_read_paths(const struct measure *measure,
                       const struct read_path **out);

/* The answer of one back end, whether it is used or not. */
enum { MEASURE_BACKEND_MAX = 8 };
struct measure_backend {
    const struct counter_backend *backend;
    uint32_t seen;               /* counter_bit(METRIC_x) */
    double   read_seconds;       /* of its dearest group; 0: none is read */
    char     source[METRIC_COUNT][COUNTER_SOURCE_SIZE];    /* its events */
    char     reason[METRIC_COUNT][COUNTER_REASON_SIZE];    /* of what is not
                                  * seen; "" where nobody asked */
};
/* A row for each of counter_backends[].  Fails for want of memory. */
enum status measure_survey(const struct measure *measure,
                           struct measure_backend out[MEASURE_BACKEND_MAX],
                           int *n, struct error *err) MUST_CHECK;

/* By what, and on which caches, counts are simulated: "callgrind, D1 48 KiB, 12
 * ways of 64 B, LL ..."; "": they are the machine's own. */
void measure_simulated(const struct measure *measure,
                       char out[MEASURE_SIMULATED_SIZE]);

/* Its caches are the simulated ones, where a simulator counts. */
const struct cpu_topology *measure_topology(const struct measure *measure);
/* Path of the event table, or why there is none. */
const char *measure_table(const struct measure *measure);

#endif
