/* expert_buffers.c - Take room for what the experts of a layer work on. */
#include "models/executor/expert_buffers.h"

static void take_shared(struct expert_buffers *b, struct arena *a,
                        const struct experts *x, size_t n)
{
    const size_t width = (size_t)x->shared;

    if (width == 0)
        return;
    b->shared_up = arena_take(a, n * 2 * width, sizeof(real));
    b->shared_act = arena_take(a, n * width, sizeof(real));
    if (!x->shared_gate)
        return;
    b->shared_weighed = arena_take(a, n * width, sizeof(real));
    b->shared_score = arena_take(a, n, sizeof(real));
    b->shared_by = arena_take(a, n, sizeof(real));
}

void expert_buffers_take(struct expert_buffers *b, struct arena *a,
                         const struct model_spec *spec, size_t sequences,
                         size_t n)
{
    const struct experts *x = &spec->experts;
    const size_t entries = spec_expert_entries(spec, sequences, n);
    const size_t slots = n * (size_t)spec_expert_slots(spec);
    const size_t scores = (size_t)spec_expert_scores(spec);
    const size_t c = (size_t)spec->n_channels, width = (size_t)x->width;

    b->chance = arena_take(a, n * scores, sizeof(real));
    b->stats  = arena_take(a, n * 2, sizeof(real));
    b->slope  = arena_take(a, scores, sizeof(real));
    b->sum    = arena_take(a, scores, sizeof(real));
    if (spec_experts_choose(spec))
        b->column = arena_take(a, n * (size_t)x->n, sizeof(real));
    b->expert = arena_take(a, slots, sizeof(int32_t));
    b->weight = arena_take(a, slots, sizeof(real));
    b->at     = arena_take(a, slots, sizeof(int32_t));
    b->chosen = arena_take(a, scores, sizeof(int32_t));
    b->taken  = arena_take(a, (size_t)x->n, sizeof(int32_t));
    b->first  = arena_take(a, (size_t)x->n + 1, sizeof(int32_t));
    b->row    = arena_take(a, entries, sizeof(int32_t));
    b->token  = arena_take(a, entries, sizeof(int32_t));
    b->by     = arena_take(a, entries, sizeof(real));
    b->x       = arena_take(a, entries * c, sizeof(real));
    b->up      = arena_take(a, entries * 2 * width, sizeof(real));
    b->act     = arena_take(a, entries * width, sizeof(real));
    b->weighed = arena_take(a, entries * width, sizeof(real));
    take_shared(b, a, x, n);
}

int32_t expert_buffers_widest(const struct model_spec *spec)
{
    const struct experts *x = &spec->experts;
    const int32_t up = 2 * (x->width > x->shared ? x->width : x->shared);

    return up > spec_expert_scores(spec) ? up : spec_expert_scores(spec);
}
