/* specs.h - Share the two shapes whose costs tests work out by hand.  Both route
 * their last layer around the block at a quarter, by a router that is trained. */
#ifndef SPECS_H
#define SPECS_H

#include "sim/core/model/spec.h"

static inline struct model_spec routed_last(struct model_spec spec,
                                            int32_t n_layers)
{
    spec.n_layers = n_layers;
    spec.max_tokens = 128;
    spec.gate = GATE_SIGMOID2;
    spec.router_scores = spec.router_trained = true;
    for (int32_t l = 0; l < n_layers; l++) {
        spec.routed[l] = l == n_layers - 1;
        spec.capacity[l] = spec.routed[l] ? 0.25 : 1.0;
    }
    return spec;
}

/* C = Q = 32, E = 16, H = 4, G = 2, D = 8, F = 64, U = 128, V = 100. */
static inline struct model_spec small_llama(int32_t n_layers)
{
    return routed_last((struct model_spec){
        .traits = family_traits[FAMILY_LLAMA], .n_channels = 32, .n_heads = 4,
        .n_kv_heads = 2, .head_size = 8, .n_ffn = 64, .n_vocab = 100,
    }, n_layers);
}

/* The worked example of op.h: C = Q = E = 64, H = 2, D = 32, F = U = 256,
 * V = 256. */
static inline struct model_spec worked_gpt2(int32_t n_layers)
{
    return routed_last((struct model_spec){
        .traits = family_traits[FAMILY_GPT2], .n_channels = 64, .n_heads = 2,
        .n_kv_heads = 2, .head_size = 32, .n_ffn = 256, .n_vocab = 256,
        .tied_head = true,
    }, n_layers);
}

/* Either shape with the family's traits: gpt2's own, small_llama()'s for others. */
static inline struct model_spec small_of(enum family family, int32_t n_layers)
{
    struct model_spec spec = family == FAMILY_GPT2 ? worked_gpt2(n_layers)
                                                   : small_llama(n_layers);
    spec.traits = family_traits[family];
    return spec;
}

/* The same shape, routed by what needs no router. */
static inline struct model_spec without_router(struct model_spec spec,
                                               enum routed_part part,
                                               enum skipped_keys keys,
                                               enum signal signal)
{
    spec.gate = GATE_ONE;
    spec.router_scores = spec.router_trained = false;
    spec.part = part;
    spec.skipped_keys = keys;
    spec.signal = signal;
    return spec;
}

#endif
