/* figures.h - the figures of a report, one function each.
 *
 * Each fills head (a finding, or a neutral title where the data carry none),
 * sub, foot, alt, script and data of an open plot.  plot->ready stays false
 * when there is nothing to draw; plot->reason may then say what was amiss with
 * data that were there. */
#ifndef FIGURES_H
#define FIGURES_H

#include "reports/read/curve.h"
#include "reports/draw/plot.h"
#include "reports/read/study.h"
#include "reports/read/token_cost.h"
#include "reports/read/tokens.h"
#include "reports/read/tradeoff.h"

/* Held-out loss against compute: seeds, means, the dense envelope. */
void figure_loss(struct plot *plot, const struct study *study);

/* Loss against forward FLOPs per token: a line a routing, dense as a rule. */
void figure_tradeoff(struct plot *plot, const struct tradeoff *tradeoff);

/* Loss increase against the share of FLOPs, bytes, time and energy. */
void figure_savings(struct plot *plot, const struct tradeoff *tradeoff);

/* Loss under both rules, and forward FLOPs, against capacity. */
void figure_capacity(struct plot *plot, const struct study *study);

/* Loss against cumulative training FLOPs; curve[i] belongs to the i-th run of
 * the study's settings, in their order. */
void figure_curves(struct plot *plot, const struct study *study,
                   const struct curve *curve);

/* One metric per layer, stacked by op, dense beside MoD (either may be NULL),
 * divided by `per` ("token", 4096.). */
struct layers_input {
    const struct witnesses *arm[ARM_COUNT];
    const char *label[ARM_COUNT];
    double      divide[ARM_COUNT];
    enum metric metric;
    const char *what;          /* "one train step", "per token of training" */
};
void figure_layers(struct plot *plot, const struct layers_input *in);

/* Who was routed where, over the text. */
void figure_routing(struct plot *plot, const struct tokens *tokens,
                    const struct run *run);

/* What MoD spends of the dense twin's FLOPs, bytes, time and energy. */
void figure_phases(struct plot *plot, const struct run *profile);

/* FLOPs saved, time saved, energy saved: where it went. */
void figure_waterfall(struct plot *plot, const struct phase *phase);

/* A decoded token's seconds, by how many routed layers kept it. */
void figure_token_cost(struct plot *plot, const struct token_cost *cost);

/* FLOPs a second of every op against its FLOPs a byte, under the machine's
 * ceilings, a panel a phase. */
void figure_roofline(struct plot *plot, const struct run *profile);

/* Loss against parameters at equal training FLOPs, a curve a budget, kind and
 * capacity. */
void figure_isoflop(struct plot *plot, const struct study *study);

/* Which share of the decode steps took at most so long. */
void figure_token_times(struct plot *plot, const struct token_cost *cost);

/* Which share of a scored text's tokens cost and lost at most so much. */
void figure_text_tokens(struct plot *plot, const struct tokens *tokens);

/* Predicted against measured seconds, per op. */
void figure_scatter(struct plot *plot, const struct run *profile);

/* The seven families that the stacks show. */
enum { FAMILY_COUNT_SHOWN = 7 };
extern const char *const op_family_names[FAMILY_COUNT_SHOWN];
int  op_family(enum op op);

#endif
