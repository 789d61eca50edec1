/* run_session.h - Hold everything that isobath run scores a text with. */
#ifndef RUN_SESSION_H
#define RUN_SESSION_H

#include "sim/core/ledger/agreement.h"
#include "models/files/source.h"
#include "models/scoring/run_arm.h"
#include "models/commands/run_flags.h"
#include "models/scoring/run_pairs.h"
#include "models/scoring/run_text.h"
#include "models/scoring/run_trace.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/rundir.h"
#include "sim/price/roofline.h"

struct machine;

/* Opened in this order. */
struct run_session {
    struct run_flags    flags;
    struct run_config config;
    uint64_t            start_bytes;    /* resident, before all of this */
    struct source       source;
    struct machine     *machine;        /* NULL: none */
    struct run_text     text;
    int64_t             bytes;          /* of the tokens predicted so far */
    struct rundir       rundir;
    struct run_arm      arm[PAIR_COUNT];   /* the model, and its dense twin */
    int                 n_arms;
    struct estimate     joules[PAIR_COUNT];   /* of all windows */
    struct run_pairs    pairs;          /* with a twin */
    struct run_trace    trace;
    const struct allocation *replayed;  /* of the current window, or NULL */
    struct score_window window;
    struct ledger *measured;
    struct ledger *token_predicted, *token_counted;   /* of one window */
    struct ledger_meter token_meter;
    struct file_writer tokens;          /* stream NULL: not wanted */
    int64_t            done, windows;
    bool               entropy;         /* wanted */
    bool               agreed;          /* counted == predicted so far */
    struct disagreement first;          /* the first cell that differs */
};

/* Flags and config stand in *s already.  All that they ask for is opened;
 * release it with run_session_close() whatever came back, which frees *s. */
enum status run_session_open(struct run_session *s,
                             struct error *err) MUST_CHECK;
void        run_session_close(struct run_session *s);

/* Predicted: resident at the peak, without the text. */
uint64_t run_session_bytes(const struct run_session *s);

/* ---- run_result.c ---- */

/* Write the results of the windows that are done into the directory, where one
 * was asked for, and print them. */
enum status run_session_deliver(struct run_session *s, int argc, char **argv,
                                struct error *err) MUST_CHECK;

#endif
