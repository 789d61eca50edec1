/* profile.h - the phases of a profile directory; for run.c. */
#ifndef PROFILE_H
#define PROFILE_H

#include "reports/read/run.h"

/* totals.<witness>.<metric> with sources and reasons, from any object of that
 * form; NULL: all unknown. */
void totals_read(struct totals *out, const json_t *totals);

/* Fill run->phase from summary.phases, and each phase's ledgers from the files
 * ledger_<phase>.csv and ledger_<phase>_dense.csv, where <phase> is train,
 * prefill or decode; ledger.csv and ledger_dense.csv serve phases without
 * their own, by a column `phase` or, without it, the first.  On failure the
 * run is closed by run_close(). */
enum status profile_read(struct run *run, struct error *err) MUST_CHECK;

#endif
