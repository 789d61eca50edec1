/* routes.h - Say who is routed where in many windows: by a recorded trace, or
 * by scores that are drawn. */
#ifndef ROUTES_H
#define ROUTES_H

#include "sim/core/model/route.h"
#include "sim/core/model/trace.h"
#include "sim/price/scores.h"

struct routes;               /* opaque: routes.c */

/* Of a trace, which becomes routes' own, also after a failure; of a model that
 * routes the same layers, or of a dense one, which is from here on supposed to
 * route those of the trace, without a router.  n_layers of the model that was
 * recorded; 0: as many as this one has.  Of another number layer l of L goes by
 * the recorded one at its relative depth, floor((l + 1/2) * n_layers / L).
 * STATUS_BAD_VALUE: "FILE: what, and what is allowed". */
enum status routes_of_trace(struct routes **out, struct trace *trace,
                            const char *name, int32_t n_layers,
                            struct model_spec *spec,
                            struct error *err) MUST_CHECK;

/* Gives each routed layer of the spec the share of tokens that the trace keeps. */
void routes_take_shares(const struct routes *routes, struct model_spec *spec);

/* What is drawn for a model that routes. */
struct routes_drawing {
    struct scores_drawing scores;
    const struct route_policy *policy;    /* that chooses by the scores */
    bool    by_step;         /* token by token, as decode steps do:
                              * route_step_rule() of the policy */
    int64_t n_windows;
    int32_t n_tokens;        /* of each */
};

/* Cuts are those that keep the capacity of N(0, 1).  STATUS_BAD_VALUE: the
 * policy goes by no scores of the stream. */
enum status routes_drawn(struct routes **out,
                         const struct routes_drawing *how,
                         const struct model_spec *spec,
                         struct error *err) MUST_CHECK;
void        routes_close(struct routes *routes);

int64_t routes_windows(const struct routes *routes);
int32_t routes_length(const struct routes *routes, int64_t window);
int32_t routes_longest(const struct routes *routes);
/* The recorded layer that a layer goes by: itself, unless of another depth. */
int32_t routes_from(const struct routes *routes, int32_t layer);

/* What windows first, first + 1, ... keep, into an allocation that is open for
 * the model, as many windows and at least their tokens: sets its lengths,
 * counts and kept positions. */
enum status routes_fill(struct allocation *allocation,
                        const struct routes *routes, int64_t first,
                        struct error *err) MUST_CHECK;

#endif
