/* router_record.h - Record what a model's routers did over the windows of a
 * text: whom they kept, by which scores, and what every prediction lost.
 *
 * The same windows pass twice: under the rule of training, which may look
 * ahead, and under the causal rule that a decoder follows. */
#ifndef ROUTER_RECORD_H
#define ROUTER_RECORD_H

#include "models/scoring/run_arm.h"
#include "sim/core/model/plan.h"

enum { ROUTER_OWN, ROUTER_CAUSAL, ROUTER_RULES };

struct router_rule {
    const struct route_policy *policy;
    float *nats, *entropy;         /* [n] */
    float *score;                  /* [choices,n]; NULL: it goes by none */
    unsigned char *kept;           /* [choices,n], 0 or 1 */
    uint64_t flops;                /* counted, of all forwards without loss */
};

struct router_record {
    int32_t n_choices;             /* that routed layers make */
    int32_t choice[PLAN_MAX_CHOICES], layer[PLAN_MAX_CHOICES];
    int64_t n, room;               /* tokens so far, and at most */
    int64_t windows, windows_most; /* so far, and at most */
    int64_t *first;                /* [windows+1] token of each window's start */
    int32_t *id, *target;          /* [n] */
    struct router_rule rule[ROUTER_RULES];
    int     n_rules;               /* 1: the rule of training is causal */
    float  *scores;                /* [all choices, T] of one pass */
};

/* Room for `windows` windows of at most n_tokens.  `causal` may be the rule of
 * training itself.  Release with router_record_close() whatever came back;
 * *out is zero before. */
enum status router_record_open(struct router_record *out,
                               const struct model_spec *spec,
                               const struct route_policy *own,
                               const struct route_policy *causal,
                               int64_t windows, int32_t n_tokens,
                               struct error *err) MUST_CHECK;
void        router_record_close(struct router_record *record);

/* Run the next window under each rule, and record it; rules that draw do so by
 * the seed of the record and the window.  STATUS_FAILED: a loss is not a
 * number. */
enum status router_record_add(struct router_record *record,
                              struct run_arm *arm,
                              const struct score_window *window, uint64_t seed,
                              struct error *err) MUST_CHECK;

/* The first token of the second half of the windows, on which guesses that were
 * learned on the first are judged; of a single window its start. */
int64_t  router_judged(const struct router_record *record);

/* The causal rule's; the rule of training itself where that is causal. */
const struct router_rule *router_causal(const struct router_record *record);

/* Of a rule and choice (an index below n_choices): [n]. */
const unsigned char *router_kept(const struct router_record *record,
                                 const struct router_rule *rule,
                                 int32_t choice);
const float *router_score(const struct router_record *record,
                          const struct router_rule *rule, int32_t choice);

#endif
