/* router_view.h - Look at a record of routers: which tokens they keep, and
 * whether those are the hard ones. */
#ifndef ROUTER_VIEW_H
#define ROUTER_VIEW_H

#include "models/scoring/confusion.h"
#include "models/scoring/router_record.h"
#include "models/tokens/tokenizer.h"
#include "sim/core/base/stats.h"
#include "sim/core/base/token_kind.h"

/* The causal rule's choices on the judged half, as guesses of those of the rule
 * of training. */
struct confusion router_agreement(const struct router_record *record,
                                  int32_t choice);

/* The kind of token t of a window that begins at token `first`.  `tokenizer` NULL:
 * ids are bytes. */
enum token_kind router_kind(const struct router_record *record,
                            const struct tokenizer *tokenizer, int64_t first,
                            int64_t t);

/* Where a window lies in sixteenths of the longest, and in quarters; where a score
 * lies in twentieths of sigmoid(score). */
enum { ROUTER_PLACES = 16, ROUTER_QUARTERS = 4, ROUTER_HEIGHTS = 20 };

struct router_share {
    int64_t seen, kept;
    struct difference share;       /* kept of seen; interval over at most
                                    * ROUTER_BLOCKS blocks of neighbouring
                                    * windows */
};
enum { ROUTER_BLOCKS = 32 };
struct router_view {
    struct router_share place[PLAN_MAX_CHOICES][ROUTER_PLACES];
    struct router_share quarter[PLAN_MAX_CHOICES][ROUTER_QUARTERS];
    struct router_share kind[PLAN_MAX_CHOICES][TOKEN_KIND_COUNT];
    struct router_share height[PLAN_MAX_CHOICES][ROUTER_HEIGHTS];
};
/* Of the causal rule.  `tokenizer` NULL: ids are bytes.  *out is zero before. */
void router_view(struct router_view *out, const struct router_record *record,
                 const struct tokenizer *tokenizer);

/* Pearson's r of how many routed choices kept a token (choice < 0), or whether
 * that one did, with the token's value; the interval is the middle 95 % over
 * resampled windows, NAN below 6 of them.  `value` [n]. */
struct difference router_correlation(const struct router_record *record,
                                     int32_t choice, const float *value);

#endif
