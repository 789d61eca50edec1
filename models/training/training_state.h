/* training_state.h - Save training in one file, to go on from it bit for
 * bit. */
#ifndef TRAINING_STATE_H
#define TRAINING_STATE_H

#include "models/executor/model.h"
#include "sim/core/base/random.h"

/* The point that a training run has reached. */
enum { TRAINING_CURVE_COLUMNS = 16 };
struct training_state {
    int64_t step;                  /* done so far */
    double  seconds;               /* spent in steps, over all sessions */
    struct random random;          /* of the batches */
    char    fingerprint[17];       /* XXH64 of what must not change: config and
                                    * data, hexadecimal */
    char    kernels[16];           /* that a resumed state was written under;
                                    * "": it does not say */
    int64_t n_curve;               /* rows */
    double *curve;                 /* [n_curve, TRAINING_CURVE_COLUMNS] */
    struct ledger *counted;        /* flops and bytes of all steps, by pass,
                                    * layer and op; borrowed */
    struct ledger *predicted;      /* likewise, where every step costs what its
                                    * routes do; NULL: steps cost alike */
};

/* Write weights, moments, thresholds and *state, with its ledgers, to one file,
 * whole or not at all.  For a frozen backbone, whose weights do not move, the
 * file has the routers alone and the checksum of the rest. */
enum status training_state_save(struct model *model,
                                const struct training_state *state,
                                const char *path,
                                struct error *err) MUST_CHECK;

/* Read them back; the ledgers must be as they were opened, and `curve` have room
 * for `most_curve` rows; columns that came later are NAN.  Another fingerprint or another frozen backbone than
 * the model has is STATUS_BAD_VALUE: the config or the data changed; a damaged
 * file is STATUS_BAD_FORMAT.  On failure model and *state are as they were. */
enum status training_state_resume(struct model *model,
                                  struct training_state *state,
                                  int64_t most_curve, const char *path,
                                  struct error *err) MUST_CHECK;

#endif
