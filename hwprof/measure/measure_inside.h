/* measure_inside.h - Share the state of a measurement among measure*.c. */
#ifndef MEASURE_INSIDE_H
#define MEASURE_INSIDE_H

#include "hwprof/counters/counter_meter.h"
#include "hwprof/counters/event_table.h"
#include "hwprof/measure/measure.h"

enum { PASS_TIME = 0, PASSES_MAX = 2 + METRIC_FIRST_REAL,
       PASS_NAME_SIZE = 96,
       RESOLUTION_BARS = 10 };   /* the least that is shown is ten error bars */

struct measured_pass {
    char     name[PASS_NAME_SIZE];
    uint32_t metrics;
    const struct counter_backend *backend;
    struct calibration_set set;
    int      n_accepted, n_failed;
    bool     bare;
    double   region_seconds;                       /* reading it costs */
    struct ledger *repeat[MEASURE_REPEAT_MAX];     /* [n_accepted] */
    struct ledger *tokens[MEASURE_REPEAT_MAX];     /* likewise; NULL: none */
    double   seconds[MEASURE_REPEAT_MAX];          /* whole repeats */
    /* Of the time pass: how often each repeat did the work, the seconds that
     * all of it took, and the joules of doing it once. */
    int64_t  times[MEASURE_REPEAT_MAX];
    double   window[MEASURE_REPEAT_MAX];
    double   joules[MEASURE_REPEAT_MAX];
    struct measured_load {                         /* beside seconds */
        struct load_times times;
        struct load_probe before, after;
    } load[MEASURE_REPEAT_MAX];
    char     failure[COUNTER_REASON_SIZE];         /* of the last rejected */
    bool     has_mix;
    struct flop_mix mix[PASS_COUNT][OP_COUNT];     /* of the last accepted */
};

struct measure {
    struct measure_options options;
    struct cpu_topology topology;
    struct event_table  table;
    char   table_note[COUNTER_REASON_SIZE];        /* path, or why none */
    bool   has_table;
    int    n_passes;
    struct measured_pass pass[PASSES_MAX];
    struct measure_row   row[METRIC_COUNT];

    int    now;                                    /* pass that runs; -1 */
    double started;
    struct load_times times;                       /* when it started; then
                                                    * what it took */
    struct load_probe before;
    struct ledger *ledger, *by_token;              /* being filled */
    struct region_count regions;                   /* of the last time pass */
    int32_t token;                                 /* that runs; -1: none */
    double  token_started;
    struct counter_session *session;               /* of the running pass */
    struct counter_meter counter;
    struct flop_mix mix[PASS_COUNT][OP_COUNT];     /* of the running pass */
    struct time_meter    time;

    struct counter_session *energy;
    struct energy_idle idle;
    struct energy_window {                         /* this repeat so far */
        double  joules, seconds;
        double  paused;                            /* between its parts */
        double  at;                                /* one began or ended, by
                                                    * options.clock */
        int64_t times;
        bool    open;
    } window;
    double ended;                                  /* what is listened to; 0:
                                                    * it runs */
    struct error ended_how;
    double energy_seconds;                         /* total.median's */
    enum metric shared_by;
    struct counter_session *marker;                /* LIKWID; may be NULL */

    int    n_paths;
    struct read_path path[READ_PATH_MAX];
};

struct counter_options measure_session_options(const struct measure *measure,
                                               uint32_t metrics);

/* ---- measure_load.c ---- */

/* True where others ran beside every repeat of the pass. */
bool load_is_busy(const struct measure *measure,
                  const struct measured_pass *pass);
/* True where a repeat's seconds and joules count: it is quiet, or none is. */
bool load_counts(const struct measure *measure,
                 const struct measured_pass *pass, int repeat);

/* ---- measure_energy.c ---- */

/* Add to the baseline, if joules are qualified and one was asked for. */
void energy_add_idle(struct measure *measure);
void energy_open_window(struct measure *measure);
/* Joules since the last reading are the window's. */
void energy_poll(void *measure);
/* The work was done once more. */
void energy_close_window(struct measure *measure);
/* It is worth doing again, and there is time to. */
bool energy_wants_more(struct measure *measure);
/* Joules of all repeats into the row, and out to the ops by what `model`, or
 * the ledger's seconds, say. */
void energy_settle(struct measure *measure);
void energy_file(struct measure *measure, struct ledger *ledger,
                 const struct ledger *model);

/* The pass whose repeats are timed whole: the bare one, where there is one. */
const struct measured_pass *measure_timed(const struct measure *measure);

/* Fill in topology, table, passes, rows, and open energy and marker. */
enum status measure_plan(struct measure *measure, struct error *err) MUST_CHECK;

#endif
