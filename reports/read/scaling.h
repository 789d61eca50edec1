/* scaling.h - Say at which size each budget is spent best, and what an arm would
 * need to reach the loss of another.
 *
 * An arm is the dense models, or the MoD models of one capacity; controls are in
 * none.  Losses are those under the causal rule, a point a run. */
#ifndef SCALING_H
#define SCALING_H

#include "reports/read/law.h"
#include "reports/read/parabola.h"
#include "reports/read/study.h"

/* Each interval is the middle 95 % of fits to runs drawn anew from the arm's (from
 * the curve's, for a parabola), so many times; those that allow no fit are left
 * out.  NAN: fewer than half allowed one. */
enum { SCALING_ROUNDS = 200 };

struct bounds {
    double low, high;
};

/* The runs of an arm at one budget: loss against parameters. */
struct scaling_curve {
    size_t arm, n;               /* runs */
    int    budget;               /* index of study.budget */
    struct parabola fit;
    struct bounds size, loss;    /* of the vertex, where it is a minimum */
};

struct scaling_arm {
    enum setting_kind kind;
    double capacity;
    char   name[SETTING_LABEL_SIZE];     /* "dense", "MoD 12.5%" */
    size_t n, n_budgets;         /* runs */
    bool   fitted;               /* there are two budgets and enough runs */
    struct law law, low, high;   /* size: training FLOPs a token, so that
                                  * size times tokens is what training cost */
    double least, size;          /* of the largest budget: the least loss, and
                                  * the training FLOPs a token that have it */
    struct bounds least_in;
    bool   tried;                /* the size is between those that were trained */
    double multiplier;           /* the compute that dense needs for that loss,
                                  * over the largest budget */
    struct bounds multiplier_in;
};

struct scaling {
    struct scaling_arm   *arm;   /* [n_arms] dense first */
    struct scaling_curve *curve; /* [n_curves] by arm and budget */
    size_t n_arms, n_curves;
};

enum status scaling_open(struct scaling *out, const struct study *study,
                         struct error *err) MUST_CHECK;
void        scaling_close(struct scaling *scaling);

/* "no minimum seen: lower towards larger models"; "" for a bracketed one. */
void        scaling_edge(char out[96], const struct scaling_curve *curve);

#endif
