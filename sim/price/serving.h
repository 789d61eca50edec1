/* serving.h - Work out what a mix of requests takes of a machine.
 *
 * C sequences are served at once, each P tokens of prompt and then G new ones, and
 * as soon as one ends another begins.  Prompts are taken one at a time, between
 * decode steps of all sequences; each ends with its first new token.  While all C
 * places take one request each, from its prompt to its last token, the machine does
 *
 *     C prefills of P tokens, and G - 1 decode steps of C sequences
 *
 * A step costs what it does in the middle, at P + G / 2 tokens.  A request that
 * comes waits for the step that runs and not for other prompts, so its first token
 * takes a step and a prefill; the others share what is left of that while. */
#ifndef SERVING_H
#define SERVING_H

#include "sim/price/contest.h"

struct serving {
    int32_t n_prompt, n_new, concurrency;          /* P, G, the most of C */
    double  first_limit, next_limit;               /* s; 0: there is none */
};

#define SERVED_BOUND_MAP(X)                                                    \
    X(BOUND_ASKED, "what is asked for")  X(BOUND_MEMORY, "memory")          \
    X(BOUND_FIRST, "the first token's limit")                                  \
    X(BOUND_NEXT,  "the next token's limit")

enum served_bound { SERVED_BOUND_MAP(NAMES_ID) BOUND_COUNT };
extern const char *const served_bound_names[];       /* NULL ends */

struct served {
    int32_t concurrency;             /* C within limits and memory; 0: none is */
    enum served_bound bound;         /* why not more */
    double  first, next;             /* s; NAN: unknown, or there is no next */
    double  prompts;                 /* share of the cycle's seconds that prompts
                                      * take */
    struct predict_range cycle;      /* of C requests */
};

/* One of the contenders, on the question's machine in its regime.  What more than
 * one limit rules out is told by the one that one sequence less would meet. */
enum status serving_serve(struct served *out, const struct serving *mix,
                          const struct rival *who,
                          const struct predict_question *question,
                          struct error *err) MUST_CHECK;

/* How many tokens a sequence has in the step that stands for all. */
int32_t serving_step_tokens(const struct serving *mix);

/* New tokens in a second; NAN: unknown, or 0: none within the limits. */
double served_rate(const struct served *served, const struct serving *mix);

/* Hours of the machine, and its kWh, for a million new tokens; NAN likewise, and
 * where there are none. */
double served_hours(const struct served *served, const struct serving *mix);
double served_kwh(const struct served *served, const struct serving *mix);

/* Time or energy a new token, of one over the other's, draw by draw. */
struct estimate served_ratio(const struct served *a, const struct served *b,
                             enum metric metric);

#endif
