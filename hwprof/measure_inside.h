/* measure_inside.h - what measure.c, its plan and its report share. */
#ifndef MEASURE_INSIDE_H
#define MEASURE_INSIDE_H

#include "hwprof/counter_meter.h"
#include "hwprof/event_table.h"
#include "hwprof/measure.h"

enum { PASS_TIME = 0, PASSES_MAX = 1 + METRIC_FIRST_REAL,
       PASS_NAME_SIZE = 96 };

struct measured_pass {
    char     name[PASS_NAME_SIZE];
    uint32_t metrics;
    const struct counter_backend *backend;
    struct calibration_set set;
    int      n_accepted, n_failed;
    struct ledger *repeat[MEASURE_REPEAT_MAX];     /* [n_accepted] */
    double   seconds[MEASURE_REPEAT_MAX];          /* whole repeats */
    double   joules[MEASURE_REPEAT_MAX];           /* time pass */
    char     failure[COUNTER_REASON_SIZE];         /* of the last rejected */
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
    struct ledger *ledger;                         /* being filled */
    struct counter_session *session;               /* of the running pass */
    struct counter_meter counter;
    struct time_meter    time;

    struct counter_session *energy;
    double energy_joules;                          /* this repeat so far */
    struct counter_session *marker;                /* LIKWID; may be NULL */
    double filed_seconds;                          /* of all ops together */
};

struct counter_options measure_session_options(const struct measure *measure,
                                               uint32_t metrics);

/* Fill in topology, table, passes, rows, and open energy and marker. */
enum status measure_plan(struct measure *measure, struct error *err) MUST_CHECK;

#endif
