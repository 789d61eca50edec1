/* experts_config.h - Read the keys of `model:` that say of which feed-forward
 * parts a token enters a few.
 *
 *     model: {family: llama, experts: 8, experts_per_token: 2, ...} */
#ifndef EXPERTS_CONFIG_H
#define EXPERTS_CONFIG_H

#include "sim/core/config/config.h"
#include "sim/core/model/spec.h"

struct experts_config {
    int64_t n, per_token, ffn, shared, idle;
    int     rule;                /* enum expert_rule */
    double  capacity;
    char    layers[CONFIG_TEXT_SIZE];
    bool    norm_topk;
    double  balance_loss, z_loss;
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
        "experts that a token enters: those of the router's highest scores; of"\
        " expert_choice, those that take it, on average")                      \
    EXPERTS_CONFIG_ROW(base, "expert_rule", CHOICE, rule, 0, 0,                \
        "token_choice", expert_rule_names, "",                                 \
        "who chooses.  token_choice: each token its experts; expert_choice:"   \
        " each expert its tokens, the highest of its column of the softmax in" \
        " a sequence, ties by position (Zhou et al. 2022, arXiv 2202.09368):"  \
        " looks ahead, as top-k routing does, so that its held-out loss is not"\
        " that of a causal model, and no token can be decoded by it; weights"  \
        " are the softmax's, and balance needs no loss")                       \
    EXPERTS_CONFIG_ROW(base, "expert_capacity", REAL, capacity,                \
        0, SPEC_MAX_EXPERTS, "0", NULL, "",                                    \
        "tokens of a sequence that an expert takes at most, over"              \
        " experts_per_token / experts of them, rounded up: the first do, the"  \
        " rest go without it (Fedus et al. 2022, arXiv 2101.03961, equation 3,"\
        " 1 to 2 there); 0: all, no token is dropped; a token that is decoded" \
        " never is.  Of expert_choice, what each takes; 0: 1")                 \
    EXPERTS_CONFIG_ROW(base, "idle_experts", INT, idle, 0, SPEC_MAX_EXPERTS,   \
        "0", NULL, "", "no-op experts among the others, of the same router and"\
        " of the same weights: a token that chooses one enters one fewer"      \
        " (Raposo et al. 2024, figure 7, integrated MoDE)")                    \
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
        " (OLMoE)")                                                            \
    EXPERTS_CONFIG_ROW(base, "expert_balance_loss", REAL, balance_loss,        \
        0, SPEC_MAX_LOSS_WEIGHT, "0.01", NULL, "",                             \
        "weight of a loss that has experts entered alike: experts times the"   \
        " sum of each one's entries a token times its mean share of the"       \
        " softmax, a mean over layers (Fedus et al. 2022, arXiv 2101.03961,"   \
        " equation 4, where it is 0.01, as in OLMoE, arXiv 2409.02060)")       \
    EXPERTS_CONFIG_ROW(base, "expert_z_loss", REAL, z_loss,                    \
        0, SPEC_MAX_LOSS_WEIGHT, "0.001", NULL, "",                            \
        "weight of the mean squared log-sum-exp of the experts' scores, which" \
        " keeps them small (Zoph et al. 2022, arXiv 2202.08906, equation 5,"   \
        " where it is 0.001, as in OLMoE)")
/* clang-format on */

/* Put the experts onto a spec whose family and sizes are set.  STATUS_BAD_VALUE:
 * the text begins with the key to blame. */
enum status experts_config_apply(struct model_spec *spec,
                                 const struct experts_config *config,
                                 struct error *err) MUST_CHECK;

/* The config that says what experts the spec has. */
struct experts_config experts_config_of(const struct model_spec *spec);

#endif
