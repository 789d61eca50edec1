/* regret.h - Say what each decision of a model's routed blocks was worth, by
 * making the other one, and what the best ones at equal FLOPs would be.
 *
 * A decision is turned round and the whole window run again: what the loss of
 * this token and of all behind it changes by is what the decision was worth.  A
 * block works on K tokens of a window whoever chooses; an oracle that has seen
 * the answers gives them to the K of highest worth, as far as that holds when
 * it is run (worths do not add up), the most regretted swap first.  Tokens that
 * were not sampled stay as they were under every allocation. */
#ifndef REGRET_H
#define REGRET_H

#include "models/scoring/decisions.h"
#include "models/scoring/run_arm.h"
#include "sim/core/base/stats.h"
#include "sim/core/model/plan.h"

struct regret_flip {
    int32_t window, choice, token; /* indices of the window, of the choice among
                                    * those routed, and in the window */
    bool    kept;                  /* as the router decided */
    double  nats, flops;           /* the other decision less the router's, of
                                    * the whole window */
    double  regret;                /* nats by which the worth lies on the wrong
                                    * side of the cut that leaves K tokens kept,
                                    * half way between the two next to it; 0:
                                    * rightly decided */
};
/* Nats that keeping the token saves over skipping it. */
double regret_worth(const struct regret_flip *flip);

/* Who allocates; all keep as many tokens of a window and block. */
enum { REGRET_ROUTER,
       REGRET_DRAWN,               /* the sampled tokens that were kept, at
                                    * random among those sampled */
       REGRET_ORACLE, REGRET_ARMS };

/* An allocation that was run: in one block, the others left to the router, or
 * in all of them. */
struct regret_outcome {
    double  nats, flops;           /* of the window; drawn: the mean of a few */
    int32_t swaps;                 /* tokens of the oracle for the router's */
};

struct regret_window {
    int64_t position;              /* of its first token */
    int32_t n_tokens;
    int64_t first, end;            /* its flips */
};

struct regret {
    int32_t n_choices;             /* that routed layers make */
    int32_t choice[PLAN_MAX_CHOICES];
    struct regret_flip *flip;      /* [n_flips], window by window */
    int64_t n_flips, flips_most;
    struct regret_window *window;  /* [windows] */
    int64_t windows, windows_most;
    struct regret_outcome *outcome;    /* [windows_most,1+choices,arms]: of all
                                    * blocks, then of each */
    int32_t positions;             /* sampled of a window, at most */
    struct decisions decisions;
    unsigned char *kept, *trial;   /* [all choices,T] */
    int32_t *sample;               /* [T] its first `sampled` are the tokens */
    int32_t  sampled;
    struct regret_swap *swap;      /* [choices * positions / 2] */
};

/* Room for `windows` windows, each sampled at `positions` tokens (0: at all),
 * for an arm whose model has room for decisions_at_once() sequences.  *out is
 * zero before; release it with regret_close() whatever came back. */
enum status regret_open(struct regret *out, struct run_arm *arm,
                        int64_t windows, int32_t n_tokens, int32_t positions,
                        struct error *err) MUST_CHECK;
void        regret_close(struct regret *regret);

/* Look at the next window under `rule`.  STATUS_INTERRUPTED: go_on() said no,
 * and regret stays as it was.  STATUS_FAILED: a loss is not a number. */
struct regret_pass {
    struct run_arm *arm;
    const struct route_policy *rule;
    const struct score_window *window;
    uint64_t seed;                 /* of the rule, the sample and the drawn */
    bool   (*go_on)(void *watcher, int64_t flips);
    void    *watcher;
};
enum status regret_add(struct regret *regret, const struct regret_pass *job,
                       struct error *err) MUST_CHECK;

/* In the block of a choice, or in all (choice < 0). */
const struct regret_outcome *regret_outcome(const struct regret *regret,
                                            int64_t window, int32_t choice,
                                            int arm);

/* Nats a token, that arm less the router; windows are the blocks of text. */
struct difference regret_more(const struct regret *regret, int32_t choice,
                              int arm);
/* Of what the oracle gains over the drawn, the share that the router has; may
 * lie below 0. */
struct difference regret_share(const struct regret *regret, int32_t choice);
/* Nats that a FLOP saved where the router spent it (kept), or would have saved
 * where it did not. */
struct difference regret_rate(const struct regret *regret, int32_t choice,
                              bool kept);

#endif
