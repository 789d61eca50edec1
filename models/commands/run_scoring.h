/* run_scoring.h - Hold everything that isobath run scores a text with. */
#ifndef RUN_SCORING_H
#define RUN_SCORING_H

#include "hwprof/machine/load_watch.h"
#include "sim/core/ledger/agreement.h"
#include "models/files/source.h"
#include "models/scoring/run_arm.h"
#include "models/commands/run_flags.h"
#include "models/commands/run_rival.h"
#include "models/scoring/run_pairs.h"
#include "models/scoring/run_text.h"
#include "models/scoring/run_trace.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/rundir.h"
#include "sim/price/bill.h"

struct machine;

/* Opened in this order. */
struct run_scoring {
    struct run_flags    flags;
    struct run_config config;
    struct source       source;
    struct machine     *machine;        /* NULL: none */
    struct run_text     text;
    int64_t             bytes;          /* of the tokens predicted so far */
    struct rundir       rundir;
    struct run_rival    rival;
    struct run_arm      arm[PAIR_COUNT];   /* the model, and its rival */
    int                 n_arms;
    struct estimate     joules[PAIR_COUNT];   /* of all windows */
    struct run_pairs    pairs;          /* with a rival */
    struct run_trace    trace;
    const struct allocation *replayed;  /* of the current window, or NULL */
    struct score_window window;
    struct ledger *measured;
    struct ledger *token_predicted, *token_counted;   /* of one window */
    struct ledger_meter token_meter;
    struct file_writer tokens;          /* stream NULL: not wanted */
    float *token_scores;                /* [choices,window] of one window */
    struct load_watch   watch;          /* of all windows */
    struct load_seen    load;
    int64_t            done, windows;
    bool               entropy;         /* wanted */
    bool               agreed;          /* counted == predicted so far */
    struct disagreement first;          /* the first cell that differs */
};

/* Flags and config stand in *s already.  All that they ask for is opened;
 * release it with run_scoring_close() whatever came back, which frees *s. */
enum status run_scoring_open(struct run_scoring *s,
                             struct error *err) MUST_CHECK;
void        run_scoring_close(struct run_scoring *s);

/* Predicted: resident at the peak, without the text. */
uint64_t run_scoring_bytes(const struct run_scoring *s);

/* ---- run_answer.c ---- */

/* Write the results of the windows that are done into the directory, where one
 * was asked for, and print them. */
enum status run_scoring_deliver(struct run_scoring *s, int argc, char **argv,
                                struct error *err) MUST_CHECK;

#endif
