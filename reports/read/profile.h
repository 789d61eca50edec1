/* profile.h - Read the phases of a profile directory. */
#ifndef PROFILE_H
#define PROFILE_H

#include "reports/read/run.h"

/* Fill run->phase from summary.phases, and each phase's ledgers from the files
 * ledger_<phase>.csv and ledger_<phase>_dense.csv, where <phase> is train,
 * prefill or decode; ledger.csv and ledger_dense.csv serve phases without
 * their own, by a column `phase` or, without it, the first.  The caller
 * releases them with run_close(), also after a failure. */
enum status profile_read(struct run *run, struct error *err) MUST_CHECK;

#endif
