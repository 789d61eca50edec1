/* distinct.h - Keep each run once, however often it was given. */
#ifndef DISTINCT_H
#define DISTINCT_H

#include "reports/read/run.h"

/* Close the runs and points whose summary equals that of another, and return
 * how many those were, copies of directories among them.  A point stays with
 * its sweep; a sweep whose points all stand elsewhere goes too.  Stores in *n
 * how many of runs[*n] are left, in their order. */
enum status runs_keep_distinct(struct run *runs, size_t *n, size_t *n_dropped,
                               struct error *err) MUST_CHECK;

#endif
