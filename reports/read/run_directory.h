/* run_directory.h - Open a run directory.
 *
 * A file that the directory holds and that cannot be read is an error that
 * names file and line. */
#ifndef RUN_DIRECTORY_H
#define RUN_DIRECTORY_H

#include "reports/read/run.h"

/* summary.json states the kind; a directory with points/ or points.csv and no
 * summary is a sweep.  STATUS_BAD_VALUE: no run directory. */
enum status run_open(struct run *out, const char *path,
                     struct error *err) MUST_CHECK;
void        run_close(struct run *run);

#endif
