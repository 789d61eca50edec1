/* route.h - Choose the tokens that a routed layer works on. */
#ifndef ROUTE_H
#define ROUTE_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/core/model/allocation.h"
#include "sim/core/model/spec.h"

/* One sequence, one choice of a routed layer (plan.h). */
struct route_input {
    const float *score;      /* [T] scores that the policy goes by: a router's
                              * or a signal; NULL: the model has none */
    int32_t      n_tokens;   /* T */
    int32_t      n_keep;     /* K, 1 <= K <= T; causal rules may keep others;
                              * 0: the layer is dropped */
    int32_t      keep_first; /* the first so many are kept: route_choose() */
    float        threshold;  /* for the threshold policy: keep score >= it; NAN:
                              * no cut is known yet */
    int32_t      window;     /* spec.score_window */
    uint64_t     seed;       /* for policies that draw: unique to step, choice
                              * and sequence; drawn mixes those in itself, so a
                              * keep() in a later step needs the same one */
    double       capacity;   /* K / T, for rules that judge token by token */
    int32_t      sequence, choice;
    const struct allocation *replayed;   /* for the policy replay, else NULL */
    int32_t     *scratch;    /* [T] */
};

/* Write the kept positions, ascending, to kept[T]; return how many, 0..T. */
typedef int32_t route_fn(const struct route_input *in, int32_t *kept);

/* True where token t is kept, from scores 0..t alone: choose() answers the same
 * for it, whatever follows. */
typedef bool route_keep_fn(const struct route_input *in, int32_t t);

struct route_policy {
    const char *name;        /* as in configs: "expert_choice" */
    const char *help;        /* what it does and where it comes from */
    bool        trains;      /* a training step may choose by it */
    const char *step;        /* as route_step_rule(); "": itself */
    route_fn   *choose;      /* NULL: dense, nothing is routed */
    route_keep_fn *keep;     /* NULL: it cannot judge token by token */
    bool        scored;      /* needs router scores */
    bool        causal;      /* decides token t from scores 0..t only */
    bool        varies;      /* keeps K of a sequence of T on average or in the
                              * long run, but up to T of any one; else K */
    bool        predicted;   /* by the predictor's logits, not the scores */
    enum signal signal;      /* that it goes by, instead of router scores */
};

/* The rows of route_policies.h. */
extern const struct route_policy route_policies[];        /* name NULL ends */
const struct route_policy *route_find(const char *name);  /* NULL: no such */

/* The policy's choice, with the first keep_first tokens kept whatever it says
 * of them: what a layer is asked by.  A policy that judges token by token judges
 * the others as if nothing were: the first are kept besides, and of T tokens at
 * capacity c about keep_first + c * (T - keep_first).  Any other is given the
 * rest of the sequence and of K to choose from: K is kept to, and where it is
 * below keep_first the first K are all.  Where K is 0 nobody is kept. */
int32_t route_choose(const struct route_policy *policy,
                     const struct route_input *in, int32_t *kept);
/* The same of one token, by a policy that has keep(). */
bool    route_keeps(const struct route_policy *policy,
                    const struct route_input *in, int32_t t);
/* The causal rule that judges, a token at a time, what comes after a prompt that
 * `policy` routed as a whole.  A policy with keep() goes on itself; top-k of a
 * router goes on by the threshold, top-k of a signal by its rank among the tokens
 * so far, those that go by place or by chance at the same capacity.  NULL: what
 * it goes by is not there in a token's own step. */
const struct route_policy *route_step_rule(const struct route_policy *policy);

/* The spec is routed by that policy from here on, and keeps the first
 * `keep_first` tokens: sets keep_first, first_besides and kept_varies, and the
 * signal, if the policy goes by one. */
void    route_settle(struct model_spec *spec,
                     const struct route_policy *policy, int32_t keep_first);

/* STATUS_BAD_VALUE: the model does not give the policy the scores that it goes
 * by; the message begins with the policy's name. */
enum status route_check(const struct route_policy *policy,
                        const struct model_spec *spec,
                        struct error *err) MUST_CHECK;

/* The K-th largest of score[T]: between this and the next lies the cut that
 * top-k makes.  `scratch` [T] floats. */
float route_cut(const float *score, int32_t n_tokens, int32_t n_keep,
                float *scratch);
/* The same of the tokens that are judged, and of what keep_first leaves of K,
 * at least one. */
float route_cut_of(const struct route_input *in);

/* Routed layers of `spec` keep spec_kept() tokens each, the first keep_first
 * and others evenly spaced: the same totals as any policy with a fixed k,
 * whoever is chosen. */
void allocation_fill(struct allocation *allocation,
                     const struct model_spec *spec);

#endif
