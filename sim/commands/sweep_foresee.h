/* sweep_foresee.h - Say what a study would spend, without running it. */
#ifndef SWEEP_FORESEE_H
#define SWEEP_FORESEE_H

#include "sim/core/answer/format.h"
#include "sim/sweep/sweep.h"

/* Resolve the config of every point that the filter lets through as its command
 * would, down to the text, and print steps, tokens, flops and what stays on the
 * disk; on a machine (its profile; NULL: none) also the modelled time.  Warns of
 * each point that cannot run, by the place of its mistake.  STATUS_BAD_VALUE:
 * there are some. */
enum status sweep_foresee(const struct sweep *sweep, const char *filter,
                          const char *machine, enum format format,
                          struct error *err) MUST_CHECK;

#endif
