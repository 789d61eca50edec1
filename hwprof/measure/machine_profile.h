/* machine_profile.h - Write what was measured here as a profile for isobath
 * predict --machine FILE.
 *
 * Rates are measured; joules are fitted where a sensor let them be, otherwise
 * priors of their own grade, with range and source, in the same file. */
#ifndef MACHINE_PROFILE_H
#define MACHINE_PROFILE_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include "hwprof/energy/energy_fit.h"
#include "hwprof/machine/peak.h"
#include "sim/core/config/config_key.h"

/* What work of each kind reaches of the peak: measured here. */
struct machine_curve {
    const char *name;            /* of the profile's key, efficiency.NAME */
    struct config_real_list points;      /* size, share, size, share, ... */
};
struct machine_range {
    double value, low, high;     /* NAN: not seen */
    bool   busy;                 /* others ran meanwhile: no measurement */
};
#define MACHINE_RANGE_UNKNOWN                                                  \
    (struct machine_range){ (double)NAN, (double)NAN, (double)NAN, false }
struct machine_number {
    const char *key;             /* of the profile, below serial. */
    struct machine_range range;
};
enum { MACHINE_CURVES_MAX = 20, MACHINE_SERIAL_MAX = 9 };

struct machine_shares {
    int n_curves;
    struct machine_curve curve[MACHINE_CURVES_MAX];
    struct machine_range scale, launch_seconds;
    /* Keys of machine.h. */
    struct machine_range half_head, half_head_backward, half_head_query,
                         query_head_seconds;
    int n_serial;
    struct machine_number serial[MACHINE_SERIAL_MAX];
    struct config_real_list reached;     /* dram.reached */
    struct machine_range aging;          /* dram.aging_bytes */
    struct machine_range select_rows;    /* per second */
    double flops_per_second;     /* the peak that they are shares of: the
                                  * measured one, or what an op exceeded it by */
    int n_steps;                 /* that were timed */
};

/* The coefficients that --fit-energy found. */
struct machine_fit {
    const struct energy_fit *fit;
    const char *source;          /* the command, its date, its sensors */
    bool covers_dram;            /* whether the sensors see the memory too */
};

/* True where a profile takes the fitted coefficient of this term; if not,
 * reason[] says why the term keeps its prior.  Idle and awake make up
 * watts.static, and go together. */
bool machine_profile_takes(const struct machine_fit *fit, enum energy_term term,
                           char reason[ENERGY_REASON_SIZE]);

/* YAML with the keys of configs/machines/; `fit` NULL: joules are priors.
 * STATUS_UNAVAILABLE when L1, L2 or DRAM could not be measured: a profile needs
 * them. */
enum status machine_profile_write(FILE *file,
                                  const struct cpu_topology *topology,
                                  const struct peak *peak,
                                  const struct machine_shares *shares,
                                  const struct machine_fit *fit,
                                  struct error *err) MUST_CHECK;

#endif
