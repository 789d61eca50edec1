/* machine_profile.h - what was measured here, for `predict --machine FILE`.
 *
 * Rates are measured; joules cannot be without a sensor, and are priors of
 * their own grade, with range and source, in the same file. */
#ifndef MACHINE_PROFILE_H
#define MACHINE_PROFILE_H

#include <stdio.h>
#include "hwprof/peak.h"

/* YAML with the keys of configs/machines/.  STATUS_UNAVAILABLE when L1, L2 or
 * DRAM could not be measured: a profile needs them. */
enum status machine_profile_write(FILE *file,
                                  const struct cpu_topology *topology,
                                  const struct peak *peak,
                                  struct error *err) MUST_CHECK;

#endif
