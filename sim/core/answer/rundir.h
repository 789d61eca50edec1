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
    bool fresh;                  /* there was no .lock before */
};

/* Make the directory if need be and lock it; a second process on the same
 * directory gets STATUS_BAD_VALUE naming the first's pid. */
enum status rundir_open(struct rundir *out, const char *path,
                        struct error *err) MUST_CHECK;
void        rundir_close(struct rundir *rundir);

/* The same for a command that puts its results in place of its older ones, also
 * without what a killed process left there.  STATUS_BAD_VALUE: the directory
 * holds the results of another command, or, where isobath never was, a file by
 * the name of a result. */
enum status rundir_open_own(struct rundir *out, const char *path,
                            const char *command, struct error *err) MUST_CHECK;
/* The same for a command that clears it of those older ones: refused is also a
 * file by the name of a result that they did not come with. */
enum status rundir_open_anew(struct rundir *out, const char *path,
                             const char *command, struct error *err) MUST_CHECK;
/* As rundir_open_own(), together with others that open it so: whoever wants it alone, or has
 * it, is refused. */
enum status rundir_open_shared(struct rundir *out, const char *path,
                               const char *command, struct error *err) MUST_CHECK;
/* Make the directory if need be, with the same refusals, for one of several
 * processes that write into it at once: it is not locked. */
enum status rundir_make(const char *path, const char *command,
                        struct error *err) MUST_CHECK;
/* STATUS_BAD_VALUE: a single file that a command is to write has the name of a
 * result in a directory that holds a run. */
enum status rundir_spare(const char *file, struct error *err) MUST_CHECK;
/* Remove summary.json and the tables of an older run of the command, so that
 * none stands beside new ones; it is said in a line. */
void        rundir_clear(const struct rundir *rundir);
/* Write summary.json last, with XXH64 of each table under `files`. */
enum status rundir_finish(const struct rundir *rundir, json_t *summary,
                          struct error *err) MUST_CHECK;
/* STATUS_BAD_VALUE: a table in the directory is not one that the summary was
 * written with.  Summaries without `files` pass. */
enum status rundir_check(const json_t *summary, const char *path,
                         struct error *err) MUST_CHECK;

/* Remove what a killed process left half written, NAME.PID.tmp of file.h, in the
 * folder `below` path ("." for itself).  For folders that only the holder of the
 * lock writes into. */
void        rundir_remove_leftovers(const struct rundir *rundir,
                                    const char *below);

/* ledger.csv from up to three ledgers; NULL ones are left out.  Either all or
 * none resolve tokens: they share one table. */
enum status rundir_write_ledgers(const struct rundir *rundir,
                                 const struct ledger *predicted,
                                 const struct ledger *counted,
                                 const struct ledger *measured,
                                 struct error *err) MUST_CHECK;

#endif
