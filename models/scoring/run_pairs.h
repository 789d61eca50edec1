/* run_pairs.h - Pair the losses and seconds of the judged model with those of
 * its rival on the same windows. */
#ifndef RUN_PAIRS_H
#define RUN_PAIRS_H

#include "models/scoring/score.h"
#include "sim/core/base/file.h"

enum { PAIR_MODEL, PAIR_RIVAL, PAIR_COUNT };

struct run_pair {
    int32_t tokens;                /* scored tokens */
    double  nats[PAIR_COUNT];      /* sums over them */
    double  seconds[PAIR_COUNT];   /* of the forward, context included */
};

struct run_pairs {
    struct run_pair *pair;         /* [n] in the order of the text */
    int64_t n, room;
    double *ratio;                 /* [n_ratios] of seconds, model over rival, of
                                    * forwards right after each other */
    int64_t n_ratios, ratio_room;
    bool    unscored;              /* the rival's losses say nothing: its cells
                                    * are empty */
    struct file_writer losses, windows;    /* stream NULL: not wanted */
};

/* Room for n windows, timed `repeats` times each.  Release with
 * run_pairs_close() whatever came back. */
enum status run_pairs_open(struct run_pairs *pairs, int64_t n,
                           int64_t repeats, struct error *err) MUST_CHECK;
void        run_pairs_close(struct run_pairs *pairs);

/* Also write the pairs into a directory:
 *   losses.csv   position,loss_nats,loss_nats_rival       a row a scored token
 *   windows.csv  window,tokens,loss_nats,loss_nats_rival,seconds,seconds_rival
 * with positions as in tokens.csv (score.h); seconds are those of the first
 * time. */
enum status run_pairs_keep(struct run_pairs *pairs, const char *directory,
                           struct error *err) MUST_CHECK;
enum status run_pairs_commit(struct run_pairs *pairs,
                             struct error *err) MUST_CHECK;

/* Note the seconds of two forwards over one window. */
void run_pairs_time(struct run_pairs *pairs, const double seconds[PAIR_COUNT]);

/* Add the next window, and every row's loss by both models. */
void run_pairs_add(struct run_pairs *pairs, const struct run_pair *pair,
                   const struct score_window *window,
                   const struct model *const model[PAIR_COUNT]);

#endif
