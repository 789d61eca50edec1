/* speculation.h - Price rounds of self-speculation: a model's first layers draft
 * tokens one by one, the others verify them at once. */
#ifndef SPECULATION_H
#define SPECULATION_H

#include "sim/price/predict.h"

struct speculated {
    int32_t n_layers;        /* that draft, 1..L-1 */
    int32_t n_drafts;        /* 0 on */
    int32_t n_before;        /* tokens that are cached when the round begins */
};

/* A round's steps: each token through the first layers, all but the last of them
 * with the head, and all at once through the others, with the head.  What it costs
 * does not depend on how many are accepted.  Of the job its model, which routes
 * nothing, machine and regime. */
enum status predict_speculation(struct ledger *ledger,
                                const struct predict_job *job,
                                const struct speculated *round,
                                struct error *err) MUST_CHECK;

/* New tokens of a round in which each draft is right with that chance, given that
 * those before it were (Leviathan et al. 2023, arXiv 2211.17192, equation 1). */
double  speculation_tokens(double accepted, int32_t n_drafts);

#endif
