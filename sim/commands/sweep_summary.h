/* sweep_summary.h - Write the summary of a study. */
#ifndef SWEEP_SUMMARY_H
#define SWEEP_SUMMARY_H

#include "sim/core/answer/flags.h"
#include "sim/core/answer/rundir.h"
#include "sim/sweep/sweep_folder.h"

/* DIR/summary.json: the study, and how many of its points are done. */
enum status sweep_summary_write(const struct rundir *rundir,
                                const struct sweep *sweep,
                                const enum point_state *state,
                                const struct command_options *options,
                                struct error *err) MUST_CHECK;

#endif
