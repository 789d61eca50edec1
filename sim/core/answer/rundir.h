/* rundir.h - Own the directory of a run, the contract that other tools read.
 *
 * Its summary.json (summary.h), ledger.csv and other files are written through
 * here, so that every command's directory looks the same. */
#ifndef RUNDIR_H
#define RUNDIR_H

#include "sim/core/answer/summary.h"
#include "sim/core/base/error.h"
#include "sim/core/base/file.h"
#include "sim/core/ledger/ledger.h"

struct rundir {
    char path[FILE_PATH_SIZE];
    int  lock;                   /* flock on path/.lock: one writer at a time */
};

/* Make the directory if need be and lock it; a second process on the same
 * directory gets STATUS_BAD_VALUE naming the first's pid. */
enum status rundir_open(struct rundir *out, const char *path,
                        struct error *err) MUST_CHECK;
void        rundir_close(struct rundir *rundir);

/* The same for a command that replaces its older results, and removes what a
 * killed process left there; STATUS_BAD_VALUE: the directory holds the results
 * of another command. */
enum status rundir_open_own(struct rundir *out, const char *path,
                            const char *command, struct error *err) MUST_CHECK;
/* Remove the older files of isobath run, so that none stands beside new
 * ones. */
void        rundir_clear(const struct rundir *rundir);

/* Remove what a killed process left half written, NAME.PID.tmp of file.h.  For
 * directories that only the holder of the lock writes into. */
void        rundir_remove_leftovers(const struct rundir *rundir);

/* ledger.csv from up to three ledgers; NULL ones are left out.  Either all or
 * none resolve tokens: they share one table. */
enum status rundir_write_ledgers(const struct rundir *rundir,
                                 const struct ledger *predicted,
                                 const struct ledger *counted,
                                 const struct ledger *measured,
                                 struct error *err) MUST_CHECK;

#endif
