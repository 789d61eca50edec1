/* plan.c - Lay out each layer's stages from its spec. */
#include "sim/core/model/plan.h"

#include <stddef.h>

#define NONE PLAN_NO_CHOICE

static const struct stage dense[PLAN_MAX_STAGES] = {
    { .parts = STAGE_BLOCK, .rows = STAGE_ALL, .choice = NONE,
      .chooses = NONE },
};

/* A routed layer's choices are counted from its first. */
static const struct stage routed[PART_COUNT][PLAN_MAX_STAGES] = {
    [PART_BLOCK] = {
        { .parts = STAGE_BLOCK, .rows = STAGE_KEPT, .choice = 0, .chooses = 0,
          .gated = true },
    },
    [PART_ATTENTION] = {
        { .parts = STAGE_ATTENTION, .rows = STAGE_KEPT, .choice = 0,
          .chooses = 0, .gated = true },
        { .parts = STAGE_FFN, .rows = STAGE_ALL, .choice = NONE,
          .chooses = NONE },
    },
    /* The choice is made before attention has touched the stream. */
    [PART_FFN] = {
        { .parts = STAGE_ATTENTION, .rows = STAGE_ALL, .choice = NONE,
          .chooses = 0 },
        { .parts = STAGE_FFN, .rows = STAGE_KEPT, .choice = 0, .chooses = NONE,
          .gated = true },
    },
    /* The second choice is made after it. */
    [PART_APART] = {
        { .parts = STAGE_ATTENTION, .rows = STAGE_KEPT, .choice = 0,
          .chooses = 0, .gated = true },
        { .parts = STAGE_FFN, .rows = STAGE_KEPT, .choice = 1, .chooses = 1,
          .gated = true },
    },
};

int32_t plan_n_choices(const struct model_spec *spec)
{
    return plan_choices_a_layer(spec) * spec->n_layers;
}

int32_t plan_n_made(const struct model_spec *spec)
{
    return plan_choices_a_layer(spec) * spec_n_routed(spec);
}

int32_t plan_n_made_anew(const struct model_spec *spec)
{
    int32_t n = plan_n_made(spec);

    for (int32_t l = 0; l < spec->n_layers; l++)
        n -= spec_follows(spec, l);
    return n;
}

static const struct stage *stages_of(const struct model_spec *spec, int32_t l)
{
    return spec->routed[l] ? routed[spec->part] : dense;
}

/* Every layer's first stage is the one with attention. */
static enum skipped_keys skipped_keys_of(const struct model_spec *spec,
                                         int32_t l)
{
    if (spec_borrows_keys(spec, l))
        return SKIPPED_KEYS_SHARED;
    return l < spec->n_layers && stages_of(spec, l)->rows == STAGE_KEPT
               ? spec->skipped_keys : SKIPPED_KEYS_ABSENT;
}

static struct stage stage_of(const struct model_spec *spec, int32_t l,
                             struct stage stage)
{
    const int32_t first = plan_choices_a_layer(spec) * l;

    stage.choice += stage.choice == NONE ? 0 : first;
    stage.chooses += stage.chooses == NONE ? 0 : first;
    stage.gathers = stage.rows == STAGE_KEPT && !spec_follows(spec, l);
    stage.gated &= !spec_is_followed(spec, l);
    stage.gates_skipped = stage.gated && spec->bypass_gated;
    stage.begins = spec_gates_at_end(spec) && l == spec->recursion.first;
    stage.ends = spec_gates_at_end(spec) && l == spec->recursion.last;
    stage.follows = stage.chooses != NONE &&
                    (spec_leaves(spec) ? !(l > 0 && spec_exits(spec, l - 1))
                                       : spec_follows(spec, l));
    if (stage.parts & STAGE_ATTENTION) {
        stage.skipped_keys = skipped_keys_of(spec, l);
        stage.keys_tabled =
            skipped_keys_of(spec, l) == SKIPPED_KEYS_CARRIED ||
            skipped_keys_of(spec, l + 1) == SKIPPED_KEYS_CARRIED ||
            spec_lends_keys(spec, l);
    }
    return stage;
}

struct plan plan_of(const struct model_spec *spec)
{
    struct plan plan = { 0 };

    for (int32_t l = 0; l < spec->n_layers; l++) {
        const struct stage *from = stages_of(spec, l);
        int32_t n = 0;
        for (; n < PLAN_MAX_STAGES && from[n].parts; n++)
            plan.stage[l][n] = stage_of(spec, l, from[n]);
        plan.n_stages[l] = n;
    }
    return plan;
}

bool plan_moves(const struct plan *plan, int32_t layer)
{
    bool moves = false;
    for (int i = 0; i < plan->n_stages[layer]; i++)
        moves |= plan->stage[layer][i].rows == STAGE_ALL ||
                 plan->stage[layer][i].ends;
    return moves;
}

const struct stage *plan_stage(const struct plan *plan, int32_t layer,
                               enum stage_parts parts)
{
    for (int i = 0; i < plan->n_stages[layer]; i++)
        if ((plan->stage[layer][i].parts & parts) == parts)
            return &plan->stage[layer][i];
    return NULL;
}

enum skipped_keys plan_skipped_keys(const struct plan *plan, int32_t layer)
{
    return plan_stage(plan, layer, STAGE_ATTENTION)->skipped_keys;
}
