/* claims.h - Judge what a study claimed before it ran: claims.json of a sweep,
 * whose format sim/sweep/claims.h describes. */
#ifndef CLAIMS_H
#define CLAIMS_H

#include "reports/read/comparison.h"

enum claim_verdict { CLAIM_UNJUDGED, CLAIM_OPEN, CLAIM_HOLDS, CLAIM_REFUTED };

struct claim {
    const struct run *sweep;       /* borrowed, as the texts are from its claims */
    const char *name, *text, *is, *phase;      /* text, phase: NULL, none given */
    const char *study_hash, *fixed;            /* when, in UTC */
    const char *a, *b;             /* rows, of several the one that did best in the
                                    * other phases; NULL: there is no such point */
    bool   topk;                   /* the metric; else causal */
    double margin;                 /* share of b's loss */
    struct compared difference;    /* a's loss less b's */
    double loss_b, flops_ratio;    /* mean; training FLOPs, a over b; NAN */
    double p, p_within;            /* of a difference, and of one within the margin,
                                    * each corrected by Holm for all claims; NAN:
                                    * not tested */
    double seen;                   /* the share of b's loss that 4 of 5 such studies
                                    * would see */
    enum claim_verdict verdict;
    char   said[128];
};

struct claims {
    json_t **file;                 /* [n_files] owned */
    size_t   n_files, n;
    struct claim *claim;           /* [n] owned */
};

/* Of all sweeps among the runs, which must outlive it. */
enum status claims_open(struct claims *out, const struct run *runs, size_t n,
                        struct error *err) MUST_CHECK;
void        claims_close(struct claims *claims);

#endif
