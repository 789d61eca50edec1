/* machine_answer.h - Hold all that isobath machine found, and print it. */
#ifndef MACHINE_ANSWER_H
#define MACHINE_ANSWER_H

#include "hwprof/counters/counter.h"
#include "hwprof/counters/read_path.h"
#include "hwprof/energy/sensor.h"
#include "hwprof/machine/peak.h"
#include "hwprof/machine/topology.h"
#include "hwprof/measure/energy_answer.h"
#include "hwprof/measure/measure.h"

struct machine_answer {
    struct cpu_topology topology;
    struct peak         peak;
    struct measure_row  row[METRIC_COUNT];
    char                table[COUNTER_REASON_SIZE];
    struct sensor_list  sensors;
    const struct energy_answer *energy;  /* NULL: not asked for */
    int                 n_paths;
    struct read_path    path[READ_PATH_MAX];
    int                 n_backends;
    struct measure_backend backend[MEASURE_BACKEND_MAX];
};

/* To standard output. */
enum status machine_answer_text(const struct machine_answer *answer,
                                struct error *err) MUST_CHECK;
enum status machine_answer_json(const struct machine_answer *answer,
                                struct error *err) MUST_CHECK;
/* A row a fact: hwprof/measure/fact.h. */
enum status machine_answer_csv(const struct machine_answer *answer,
                               struct error *err) MUST_CHECK;

#endif
