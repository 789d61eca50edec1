/* calibrate.h - Trust a counter once it has counted a known kernel right.
 *
 * A session is calibrated when it is opened, and checked again before and after
 * every pass: counters die while another process uses the PMU. */
#ifndef CALIBRATE_H
#define CALIBRATE_H

#include <stdbool.h>
#include "hwprof/counters/counter.h"
#include "hwprof/counters/known_kernel.h"
#include "hwprof/machine/topology.h"

enum { CALIBRATE_REPEATS = 5, CALIBRATE_EMPTY = 101 };

struct calibration {
    bool   qualified;
    char   reason[COUNTER_REASON_SIZE];   /* why not; "" when qualified */
    const char *kernel;          /* its name; NULL: none for this metric */
    double expected;
    double counted;              /* median of repeats, less an empty region */
    double error;                /* counted / expected - 1 */
    double spread;               /* (largest - smallest) / expected */
    double empty;                /* what an empty region counts */
    double bar;                  /* how far nine in ten of those lie from it,
                                  * at least a tenth of it; of a simulator, also
                                  * what the kernel counted beyond `expected` */
};

struct calibration_set {
    struct calibration metric[METRIC_COUNT];
    double read_seconds;         /* median cost of one counter_read() */
};

/* Judge what a session counted, n times, of a kernel whose count is `expected`;
 * pure, but that it sorts `counted`.  A counter is refused as dead where it
 * counted nothing, and as wrong where the median is off by more than the
 * tolerance or any repeat by more than twice that. */
struct calibration calibration_judge(const struct known_kernel *kernel,
                                     double expected, double *counted,
                                     int n, double empty);

/* Run the kernels of every metric the session sees.  It must be started.
 * `topology` sizes the data; metrics without a kernel, or whose data would be
 * larger than a quarter of memory or 1 GiB, are not qualified and say so.
 * STATUS_UNAVAILABLE: a read failed its checks; try with a new session. */
enum status calibrate_session(struct calibration_set *out,
                              struct counter_session *session,
                              const struct cpu_topology *topology,
                              struct error *err) MUST_CHECK;

/* Measure again what an empty region counts and what a read takes, for the
 * metrics that a session sees: fewer events are read in less time. */
enum status calibrate_empty(struct calibration_set *set,
                            struct counter_session *session,
                            struct error *err) MUST_CHECK;

/* The quick kernels once, for the metrics that `set` qualified: still right?
 * STATUS_UNAVAILABLE names the first that is not. */
enum status calibrate_check(const struct calibration_set *set,
                            struct counter_session *session,
                            const struct cpu_topology *topology,
                            struct error *err) MUST_CHECK;

#endif
