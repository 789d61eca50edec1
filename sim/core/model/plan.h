/* plan.h - Say which parts of each layer run on which tokens, and who chooses.
 *
 * A layer is one stage or two, run one after the other.  A stage takes its rows
 * of the stream through attention, the feed-forward part or both, and puts what
 * became of them back.  The plan is worked out from the spec alone and once for
 * a job; it knows no price and no kernel, so that those who look rows up here
 * still have nothing else in common. */
#ifndef PLAN_H
#define PLAN_H

#include "sim/core/model/spec.h"

enum { PLAN_MAX_STAGES = 2, PLAN_MAX_CHOICES = 2 * SPEC_MAX_LAYERS,
       PLAN_NO_CHOICE = -1 };

/* Choices of tokens are numbered in the order that a pass makes them: one a
 * layer (a dense one's keeps all tokens), with parts apart two, attention's
 * first.  Allocations, and those who judge tokens, count in these. */
struct plan_choice {
    int32_t layer;
    enum routed_part part;   /* PART_ATTENTION or PART_FFN where parts are
                              * apart, else the model's part */
    bool    routed;          /* false: a dense layer's, nobody makes it */
};
int32_t plan_n_choices(const struct model_spec *spec);

static inline int32_t plan_choices_a_layer(const struct model_spec *spec)
{
    return spec->part == PART_APART ? 2 : 1;
}

/* Inline: a decoder asks for each choice of each token, and a struct that a
 * call hands back goes through memory. */
static inline struct plan_choice plan_choice(const struct model_spec *spec,
                                             int32_t choice)
{
    const bool apart = spec->part == PART_APART;
    const int32_t layer = apart ? choice / 2 : choice;

    return (struct plan_choice){
        .layer = layer, .routed = spec->routed[layer],
        .part = !apart ? spec->part : choice % 2 == 0 ? PART_ATTENTION : PART_FFN,
    };
}

/* Those that are made: of routed layers; and of those, anew. */
int32_t plan_n_made(const struct model_spec *spec);
int32_t plan_n_made_anew(const struct model_spec *spec);

enum stage_parts { STAGE_ATTENTION = 1, STAGE_FFN = 2, STAGE_BLOCK = 3 };
enum stage_rows { STAGE_ALL, STAGE_KEPT };

struct stage {
    enum stage_parts parts;
    enum stage_rows  rows;   /* kept: gathered before its parts */
    int32_t choice;          /* that its kept rows go by; of all rows none */
    int32_t chooses;         /* the choice that is made as the stage begins, by
                              * the stream as it is then; or none */
    bool    follows;         /* it is not made anew: who the choice before it
                              * keeps stays kept */
    bool    gathers;         /* its kept rows are taken from the stream; else they
                              * are what the layer before made of them */
    enum skipped_keys skipped_keys;   /* of tokens that its attention skips;
                                       * absent also where it skips none; shared
                                       * also then */
    bool    keys_tabled;     /* its rows' keys go into the table from which
                              * skipped tokens carry theirs: this layer's or
                              * the next one's; or which later recursions see */
    bool    gated;           /* its rows' change, since they were gathered, is
                              * gated onto the stream */
    bool    gates_skipped;   /* and the rows that it skips are gated too */
    bool    begins, ends;    /* the first recursion begins, and the last ends,
                              * whose results are gated onto the stream as the
                              * first found it: that is another stream */
};

struct plan {
    int32_t n_stages[SPEC_MAX_LAYERS];   /* 1 or 2; 0 above the spec's layers */
    struct stage stage[SPEC_MAX_LAYERS][PLAN_MAX_STAGES];
};
struct plan plan_of(const struct model_spec *spec);

/* A stage of the layer runs on all rows, or ends recursions: what comes of it is
 * another stream, in training in a place of its own. */
bool plan_moves(const struct plan *plan, int32_t layer);

/* The layer's stage that runs all of these parts; NULL: they are apart. */
const struct stage *plan_stage(const struct plan *plan, int32_t layer,
                               enum stage_parts parts);

/* The keys of tokens that the layer's attention skips; absent also where it
 * skips none. */
enum skipped_keys plan_skipped_keys(const struct plan *plan, int32_t layer);

#endif
