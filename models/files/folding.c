/* folding.c - Say by what the numbers of a file are multiplied. */
#include "models/files/folding.h"

#include "models/files/fill.h"

/* The logits' divisor; a tied head has the embedding's factor too. */
static float final_scale(const struct folding *k, bool tied)
{
    return k->logits > 0 ? 1.0f / (k->logits * (tied && k->embedding > 0
                                                    ? k->embedding : 1.0f))
                         : 0.0f;
}

float folding_factor(const struct model_spec *spec, enum tensor_id id,
                     enum span span)
{
    const struct folding *k = &spec->fold;

    switch ((int)id) {
    case TENSOR_WTE:
        return k->embedding;
    case TENSOR_FINAL_GAMMA:
        return final_scale(k, spec->tied_head);
    case TENSOR_PROJECT:
    case TENSOR_PROJECT_BIAS:
    case TENSOR_DOWN:
    case TENSOR_DOWN_BIAS:
        return k->residual;
    case TENSOR_QKV:
    case TENSOR_QKV_BIAS:
        return span == SPAN_Q && !spec->traits.qk_norm ? k->scores : 0.0f;
    case TENSOR_QUERY_GAMMA:     /* what is normalised forgets its size */
        return k->scores;
    default:
        return 0.0f;
    }
}

/* Some of its columns change, so that it is not kept as stored. */
static bool moves(const struct model_spec *spec, enum tensor_id id)
{
    /* Of columns that share a tensor, queries alone have one. */
    const float factor = folding_factor(spec, id, SPAN_Q);
    return factor > 0.0f && factor != 1.0f;
}

void folding_note_type(struct model_spec *spec, int32_t layer,
                       enum tensor_id id, enum span span, enum number type)
{
    if (id == TENSOR_WTE && type != NUMBER_F32 && moves(spec, id)) {
        spec->embedding_scale = spec->fold.embedding;
        spec->fold.embedding = 0.0f;
    }
    if (!moves(spec, id))
        fill_note_type(spec, layer, id, span, type);
}
