/* flops_tensors.c - List the parameter tensors of a layer, and count their
 * numbers. */
#include "sim/price/flops_inside.h"

#include <string.h>

int flops_tensors(struct flops_tensor *out, const struct model_spec *spec,
                  int32_t layer)
{
    FLOPS_LETTER_MAP(FLOPS_LETTER)
    const struct traits *has = &spec->traits;
    const bool any = true, outside = layer < 0,
        shifted = has->norm == NORM_LAYER,
        scores = !outside && spec->routed[layer] && spec_has_router(spec) &&
                 !spec_follows(spec, layer),
        twice = scores && spec->part == PART_APART,
        foresees = scores && spec->n_predictor > 0,
        both = foresees && twice,
        heads = spec->latent.kv == 0,
        before = spec_norms_before(spec), after = spec_norms_after(spec),
        own = before && has->parallel != PARALLEL_NORM,
        ffn = !outside && !spec->has_experts[layer];
    const struct {
        bool where, holds;
        struct { const char *name; uint64_t n; bool trained, embeds; } tensor;
    } all[] = {
        { outside, any,     { "embed.tokens",    V * C, true, true } },
        { outside, learned, { "embed.positions", P * C, true, true } },
        { outside, any,     { "norm.gamma",      C, true, false } },
        { outside, shifted, { "norm.beta",       C, true, false } },
        { outside, !spec->tied_head, { "head",   C * V, true, true } },
        { outside, has->head_bias, { "head.bias", V, true, true } },
        { !outside, before, { "norm1.gamma",     C, true, false } },
        { !outside, before && shifted, { "norm1.beta", C, true, false } },
        { !outside && heads, any, { "qkv.weight", C * (Q + 2*E), true, false } },
        { !outside, has->qkv_bias,
                            { "qkv.bias",        Q + 2*E, true, false } },
        { !outside, has->qk_norm, { "query.gamma", Sq, true, false } },
        { !outside, has->qk_norm, { "key.gamma", Sk, true, false } },
        { !outside && heads, any, { "project.weight", Q * C, true, false } },
        { !outside, has->project_bias,
                            { "project.bias",    C, true, false } },
        { !outside, after,  { "added1.gamma",    C, true, false } },
        { !outside, after && shifted, { "added1.beta", C, true, false } },
        { !outside, own,    { "norm2.gamma",     C, true, false } },
        { !outside, own && shifted, { "norm2.beta", C, true, false } },
        { ffn, any,         { "ffn.up.weight",   C * U, true, false } },
        { !outside, has->ffn_bias, { "ffn.up.bias", U, true, false } },
        { ffn, any,         { "ffn.down.weight", F * C, true, false } },
        { !outside, has->ffn_bias, { "ffn.down.bias", C, true, false } },
        { !outside, after,  { "added2.gamma",    C, true, false } },
        { !outside, after && shifted, { "added2.beta", C, true, false } },
        { !outside, scores,
          { "router", C, spec->router_trained && spec_scores_learn(spec),
            false } },
        { !outside, twice,
          { "router.ffn", C, spec->router_trained && spec_scores_learn(spec),
            false } },
        { !outside, foresees, { "predictor.up.weight", C * W, true, false } },
        { !outside, foresees, { "predictor.up.bias", W, true, false } },
        { !outside, foresees, { "predictor.down.weight", W, true, false } },
        { !outside, foresees, { "predictor.down.bias", 1, true, false } },
        { !outside, both, { "predictor.ffn.up.weight", C * W, true, false } },
        { !outside, both, { "predictor.ffn.up.bias", W, true, false } },
        { !outside, both, { "predictor.ffn.down.weight", W, true, false } },
        { !outside, both, { "predictor.ffn.down.bias", 1, true, false } },
    };
    int n = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].where && all[i].holds) {
            const char *name = all[i].tensor.name;
            const bool router = strncmp(name, "router", 6) == 0,
                predictor = strncmp(name, "predictor", 9) == 0;
            out[n] = (struct flops_tensor){
                .name = name, .n = all[i].tensor.n,
                .trained = all[i].tensor.trained &&
                           (router || predictor || !spec->backbone_frozen),
                .clipped = !predictor, .embeds = all[i].tensor.embeds,
            };
            n++;
        }
    if (!outside && !heads)
        n += flops_latent_tensors(out + n, spec);
    if (!outside && !ffn)
        n += flops_expert_tensors(out + n, spec);
    for (int i = 0; i < n && !outside && spec_shares(spec, layer); i++)
        out[i].shared = strncmp(out[i].name, "router", 6) != 0 &&
                        strncmp(out[i].name, "predictor", 9) != 0;
    return n;
}

static uint64_t numbers_of(const struct model_spec *spec, int32_t layer,
                           bool shared)
{
    struct flops_tensor tensors[FLOPS_TENSORS_MAX];
    const int n = flops_tensors(tensors, spec, layer);
    uint64_t numbers = 0;

    for (int i = 0; i < n; i++)
        numbers += shared || !tensors[i].shared ? tensors[i].n : 0;
    return numbers;
}

uint64_t flops_parameters(const struct model_spec *spec, int32_t layer)
{
    return numbers_of(spec, layer, true);
}

uint64_t flops_own_parameters(const struct model_spec *spec, int32_t layer)
{
    return numbers_of(spec, layer, false);
}

uint64_t flops_clip(uint64_t n)
{
    return 2 * n + (OP_FLOPS_FOLD + 1) *
                       ((n + OP_CLIP_CHUNK - 1) / OP_CLIP_CHUNK);
}
