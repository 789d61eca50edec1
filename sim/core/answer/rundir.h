/* rundir.h - a run directory: the contract that other tools read.
 *
 * summary.json, ledger.csv and the rest of DESIGN section 2 are written through
 * here, so that every command's directory looks the same. */
#ifndef RUNDIR_H
#define RUNDIR_H

#include <jansson.h>
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

/* Remove what a killed process left half written, NAME.PID.tmp of file.h.  For
 * directories that only the holder of the lock writes into. */
void        rundir_remove_leftovers(const struct rundir *rundir);

/* What every summary starts with: schema "isobath-run-1", command, status
 * "done" (a command that stopped early sets "interrupted" instead), config,
 * provenance (below), and totals with the three witnesses all null and the reason
 * "not asked for".  The references to config and provenance are stolen.  NULL: no
 * memory. */
json_t *summary_open(const char *command, json_t *config, json_t *provenance);

/* The totals of that start, for objects inside a summary that have their own. */
json_t *summary_no_totals(void);

/* totals.<witness>.<metric> for every metric from the ledger's total, null where
 * unknown, with totals.<witness>.sources.<metric> (provenance word) and
 * totals.<witness>.reasons.<metric> for each null.  witness is "predicted",
 * "counted" or "measured". */
enum status summary_totals(json_t *summary, const char *witness,
                           const struct ledger *ledger,
                           struct error *err) MUST_CHECK;
enum status summary_witnesses(json_t *summary, const struct ledger *predicted,
                              const struct ledger *counted,
                              const struct ledger *measured,
                              struct error *err) MUST_CHECK;   /* all three */

/* version, commit, dirty, build_flags, compiler, isa, cpu, kernel,
 * perf_event_paranoid, memory_bytes (the host's), threads, seed, data_path,
 * data_hash, start_time (now, UTC, ISO 8601), arguments (a list).  `isa`,
 * `data_path` and `data_hash` may be NULL: null.  NULL: no memory. */
json_t *provenance_json(int argc, char **argv, int threads, int64_t seed,
                        const char *isa, const char *data_path,
                        const char *data_hash);

/* Write and read summary.json (atomically).  `summary` is borrowed; *out is the
 * caller's to decref. */
enum status summary_write(const struct rundir *rundir, json_t *summary,
                          struct error *err) MUST_CHECK;
enum status summary_read(json_t **out, const char *directory,
                         struct error *err) MUST_CHECK;

/* ledger.csv from up to three ledgers; NULL ones are left out.  Either all or
 * none resolve tokens: they share one table. */
enum status rundir_write_ledgers(const struct rundir *rundir,
                                 const struct ledger *predicted,
                                 const struct ledger *counted,
                                 const struct ledger *measured,
                                 struct error *err) MUST_CHECK;

#endif
