/* energy_answer.h - Check, run and fit for isobath machine --fit-energy. */
#ifndef ENERGY_ANSWER_H
#define ENERGY_ANSWER_H

#include "hwprof/energy/energy_run.h"
#include "hwprof/measure/machine_profile.h"
#include "hwprof/machine/topology.h"

struct energy_answer {
    struct energy_run  run;
    struct energy_fit  fit;
    struct machine_fit profile;  /* points to fit and to source */
    char   source[256];          /* command, date, windows, sensors */
    double window_seconds;
    int    n_threads;
};

struct energy_answer_options {
    const char *sysfs_root;      /* NULL: "/sys" */
    int  n_threads;
    bool quick;                  /* shorter windows, fewer of them */
    bool quiet;                  /* no progress line */
};

/* STATUS_UNAVAILABLE with the sensor's own reason when there is none that
 * works: takes 0.1 s, to be asked first. */
enum status energy_answer_check(const char *sysfs_root,
                                struct error *err) MUST_CHECK;

/* Runs the kernels: 80 windows of 1 s; quick: 54 of 0.25 s.  *out stays where
 * it is.  Release with energy_answer_close(), also after a failure. */
enum status energy_answer_take(struct energy_answer *out,
                               const struct cpu_topology *topology,
                               const struct energy_answer_options *options,
                               struct error *err) MUST_CHECK;
void        energy_answer_close(struct energy_answer *answer);

#endif
