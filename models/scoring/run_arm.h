/* run_arm.h - Run one model over the windows of a text: the one that is judged,
 * or its rival. */
#ifndef RUN_ARM_H
#define RUN_ARM_H

#include "models/scoring/score.h"
#include "models/files/source.h"
#include "sim/core/ledger/ledger.h"

enum { RUN_MAX_RULES = 2 };

struct run_arm {
    const char    *name;           /* of the model, in messages */
    struct model_spec spec;
    struct model  *model;
    struct score   score[RUN_MAX_RULES];   /* by rule; [0] is metered */
    int            n_scores;
    struct ledger *predicted, *counted;    /* by pass, layer, op */
    struct ledger_meter meter;
    double  seconds;               /* in the model under score[0] */
    double  window_seconds, window_nats;   /* of the last window; of its scored
                                    * rows */
};

/* Rules and spec stand in *arm already, all else is zero.  Name and weights come
 * from the source, or these are drawn with `seed`; without a source the caller
 * fills in both.  Release with run_arm_close() whatever came back. */
enum status run_arm_open(struct run_arm *arm, const struct source *source,
                         const struct model_options *options, uint64_t seed,
                         struct error *err) MUST_CHECK;
void        run_arm_close(struct run_arm *arm);

/* model_check() of it. */
enum status run_arm_check(const struct run_arm *arm,
                          struct error *err) MUST_CHECK;

/* One forward over a window. */
struct run_pass {
    const struct score_window *window;
    uint64_t seed;                 /* for policies that draw */
    bool     entropy;
    const struct allocation *replayed;     /* for the policy replay, or NULL */
    float *scores;                 /* as of struct model_input, or NULL */
};

/* What policies of a run with this seed draw by in so many-th window; the tokens of
 * a prompt, and those that follow it, are the first window of a text. */
uint64_t run_pass_seed(uint64_t seed, int64_t window);

/* Run the rule of score[0] like run_arm_score(), but only time it: seconds. */
double run_arm_time(struct run_arm *arm, const struct run_pass *pass);

/* Run a rule, watched by a meter (NULL: nobody), without adding to a score. */
void run_arm_forward(struct run_arm *arm, const struct run_pass *pass,
                     const struct route_policy *policy, struct meter *meter);

/* Run the rule of score[0]: timed, counted, and added to the score. */
void run_arm_score(struct run_arm *arm, const struct run_pass *pass);

/* Run the other rules, for comparison. */
void run_arm_score_others(struct run_arm *arm, const struct run_pass *pass);

#endif
