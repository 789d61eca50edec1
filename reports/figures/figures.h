/* figures.h - List the figures of a report, one row and one function each.
 *
 * figure_NAME() fills head (a finding, or a neutral title where the data carry
 * none), sub, foot, alt, script and data of an open plot.  plot->ready stays
 * false when there is nothing to draw; plot->reason may then say what was amiss
 * with data that were there. */
#ifndef FIGURES_H
#define FIGURES_H

#include "reports/findings.h"

/* In the order of the page; the first that has something to show leads it.  A
 * figure carries the provenance of the run that its source names (figures.c).
 *   function        file name        section   source
 *     the data it is drawn from, said where it is left out                   */
#define FIGURE_MAP(X)                                                          \
    X(loss,          "compute-loss",  SCALING,   study,                        \
      "trained runs whose held-out losses or costs differ")                    \
    X(tradeoff,      "tradeoff",      SCALING,   tradeoff,                     \
      "a sweep of isobath run over routings")                                  \
    X(savings,       "savings",       SCALING,   tradeoff,                     \
      "a sweep of isobath run over routings")                                  \
    X(isoflop,       "isoflop",       SCALING,   study,                        \
      "trained runs of several sizes at equal training FLOPs")                 \
    X(capacity,      "capacity",      SCALING,   study,                        \
      "several trained MoD runs with held-out losses")                         \
    X(curves,        "curves",        SCALING,   study,                        \
      "trained runs with their curves")                                        \
    X(survives,      "survives",      PHASES,    asked,                        \
      "isobath answer -o")                                                     \
    X(flips_train,   "flips-train",   FLIPS,     asked,                        \
      "isobath answer -o of a model that can be trained")                      \
    X(flips_prefill, "flips-prefill", FLIPS,     asked,                        \
      "isobath answer -o")                                                     \
    X(flips_decode,  "flips-decode",  FLIPS,     asked,                        \
      "isobath answer -o")                                                     \
    X(priced,        "priced",        PHASES,    priced,                       \
      "a sweep of isobath predict")                                            \
    X(traffic,       "traffic",       PHASES,    traffic,                      \
      "a sweep of isobath profile over capacities")                            \
    X(waterfall,     "waterfall",     PHASES,    profile,                      \
      "a profile with both models' FLOPs and times")                           \
    X(compare,       "compare",       PHASES,    profile,                      \
      "two profiles that share a phase")                                       \
    X(phases,        "phases",        PHASES,    profile,                      \
      "a profile of a model that routes")                                      \
    X(shares,        "shares",        PHASES,    layers,                       \
      "a profile or a training with its ledger")                               \
    X(token_cost,    "token-cost",    PHASES,    profile,                      \
      "a profile of decoding with a routed layer")                             \
    X(token_times,   "token-times",   PHASES,    profile,                      \
      "a profile of decoding")                                                 \
    X(routing,       "routing",       TEXT,      text,                         \
      "a scored text with a routed layer")                                     \
    X(text_tokens,   "text-tokens",   TEXT,      text,                         \
      "a scored text")                                                         \
    X(layers,        "layers",        OPS,       layers,                       \
      "a profile, a trained or a scored run with its ledger")                  \
    X(layers_energy, "layers-energy", OPS,       layers,                       \
      "a ledger with joules, measured or modelled")                            \
    X(roofline,      "roofline",      OPS,       profile,                      \
      "a profile with counted and measured ops")                               \
    X(router,        "router",        ROUTER,    router,                       \
      "isobath router on a model that routes whole blocks")                    \
    X(sensitivity,   "sensitivity",   CAPACITIES, sensitivity,                 \
      "isobath sensitivity on a model whose blocks route")                     \
    X(allocation,    "allocation",    CAPACITIES, allocate,                    \
      "isobath allocate on a model whose blocks route")                        \
    X(capacities,    "capacities",    CAPACITIES, allocate,                    \
      "isobath allocate on a model whose blocks route")                        \
    X(scatter,       "scatter",       TRUST,     profile,                      \
      "a profile with predicted times (--machine)")

#define X(function, name, section, source, needs)                              \
    void figure_##function(struct plot *plot, const struct report *report);
FIGURE_MAP(X)
#undef X

/* Draw every figure that the report's findings can fill; note what the others
 * lack. */
enum status figures_build(struct report *report, struct error *err) MUST_CHECK;

#endif
