/* experts_config.h - Read the keys of `model:` that say of which feed-forward
 * parts a token enters a few.
 *
 *     model: {family: llama, experts: 8, experts_per_token: 2, ...} */
#ifndef EXPERTS_CONFIG_H
#define EXPERTS_CONFIG_H

#include "sim/core/config/config.h"
#include "sim/core/model/spec.h"

struct experts_config {
    int64_t n, per_token, ffn, shared;
    char    layers[CONFIG_TEXT_SIZE];
    bool    norm_topk;
};

/* The rows of a struct experts_config that lies `base` bytes into the target. */
/* clang-format off */
#define EXPERTS_CONFIG_ROW(base, name, type, member, min, max, ...)            \
    { "model." name, CONFIG_##type,                                            \
      (base) + offsetof(struct experts_config, member), min, max, __VA_ARGS__ },
#define EXPERTS_CONFIG_KEYS(base)                                              \
    EXPERTS_CONFIG_ROW(base, "experts", INT, n, 0, SPEC_MAX_EXPERTS,           \
        "0", NULL, "", "feed-forward parts of a layer, of which a token enters"\
        " a few: a mixture of experts; 0: one part, that all enter; for llama,"\
        " qwen2, qwen3 and stablelm, whose parts are SwiGLU without biases")   \
    EXPERTS_CONFIG_ROW(base, "experts_per_token", INT, per_token,              \
        1, SPEC_MAX_EXPERTS, "2", NULL, "",                                    \
        "experts that a token enters: those of the router's highest scores; no"\
        " token is dropped")                                                   \
    EXPERTS_CONFIG_ROW(base, "expert_ffn", INT, ffn, 0, 1 << 20,               \
        "0", NULL, "", "width of an expert; 0: ffn / experts_per_token, so that"\
        " a token costs what it costs without experts")                        \
    EXPERTS_CONFIG_ROW(base, "expert_layers", TEXT, layers, 0, 0,              \
        "every", NULL, "", "the layers that have experts, written as"          \
        " window_layers; the others have one part")                            \
    EXPERTS_CONFIG_ROW(base, "shared_experts", INT, shared, 0, 1 << 10,        \
        "0", NULL, "", "experts that every token enters besides, as one part"  \
        " so many times as wide, gated by the sigmoid of a score of its own"   \
        " (Qwen 1.5 MoE)")                                                     \
    EXPERTS_CONFIG_ROW(base, "norm_topk", BOOL, norm_topk, 0, 0,               \
        "true", NULL, "", "the weights of the experts that a token enters sum" \
        " to 1 (Mixtral); else they are what the softmax over all gives them"  \
        " (OLMoE)")
/* clang-format on */

/* Put the experts onto a spec whose family and sizes are set.  STATUS_BAD_VALUE:
 * the text begins with the key to blame. */
enum status experts_config_apply(struct model_spec *spec,
                                 const struct experts_config *config,
                                 struct error *err) MUST_CHECK;

/* The config that says what experts the spec has. */
struct experts_config experts_config_of(const struct model_spec *spec);

#endif
