/* run_output.h - the directory that isobath run -o writes into. */
#ifndef RUN_OUTPUT_H
#define RUN_OUTPUT_H

#include "sim/core/answer/rundir.h"

/* Opened and locked, what a killed process left in it removed.
 * STATUS_BAD_VALUE: it holds the results of another command. */
enum status run_output_open(struct rundir *out, const char *path,
                            struct error *err) MUST_CHECK;

/* An older run's files do not stand beside the new ones. */
void run_output_clear(const struct rundir *rundir);

#endif
