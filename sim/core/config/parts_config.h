/* parts_config.h - Read the keys of `model:` that say what a model has besides
 * its sizes: the parts in which families differ, windows, caps, and positions.
 *
 *     model: {family: gemma3, window: 512, window_layers: 5:1,
 *             local_rope_theta: 10000, ...}
 *
 * There are none for what is folded into weights when they are read: scales of
 * embeddings, of scores, of what blocks add, and of logits. */
#ifndef PARTS_CONFIG_H
#define PARTS_CONFIG_H

#include "sim/core/config/config.h"
#include "sim/core/model/spec.h"

struct parts_config {
    int     activation, norms, parallel;   /* 0: the family's; else 1 + enum */
    bool    qkv_bias, project_bias, ffn_bias, qk_norm;   /* or the family's */
    int64_t window;                        /* 0: there is none */
    char    window_layers[CONFIG_TEXT_SIZE];
    char    unturned_layers[CONFIG_TEXT_SIZE];
    int64_t rotary_size;
    double  local_rope_theta, attention_cap, logit_cap;
    int     rope_scaling;                  /* enum rope_scaling_kind, of those a
                                            * config can say */
    double  rope_factor, rope_low_frequency, rope_high_frequency,
            rope_amplitude;
    int64_t rope_original_tokens;
    struct config_real_list rope_divisors[2];   /* short, long */
};

/* Choices, NULL-ended. */
extern const char *const parts_config_activations[];
extern const char *const parts_config_norms[];
extern const char *const parts_config_parallels[];
extern const char *const parts_config_rope_scalings[];

/* The rows of a struct parts_config that lies `base` bytes into the target. */
/* clang-format off */
#define PARTS_CONFIG_ROW(base, name, type, member, min, max, ...)              \
    { "model." name, CONFIG_##type,                                            \
      (base) + offsetof(struct parts_config, member), min, max, __VA_ARGS__ },
#define PARTS_CONFIG_KEYS(base)                                                \
    PARTS_CONFIG_ROW(base, "activation", CHOICE, activation, 0, 0,             \
        "family", parts_config_activations, "",                                \
        "of the feed-forward part: gelu (in its tanh form), gelu_erf or relu"  \
        " of one product, swiglu or geglu of a gate and an up product; family:"\
        " that of model.family, as for the next two")                          \
    PARTS_CONFIG_ROW(base, "norms", CHOICE, norms, 0, 0,                       \
        "family", parts_config_norms, "",                                      \
        "where a block's two parts have norms: on what they read, on what they"\
        " add to the stream (OLMo 2), or around: on both, four a block"        \
        " (Gemma 2)")                                                          \
    PARTS_CONFIG_ROW(base, "parallel", CHOICE, parallel, 0, 0,                 \
        "family", parts_config_parallels, "",                                  \
        "the feed-forward part reads the stream as attention found it: by a"   \
        " norm of its own (two-norms: GPT-NeoX) or by attention's (one-norm:"  \
        " Phi); none: as attention left it")                                   \
    PARTS_CONFIG_ROW(base, "qkv_bias", BOOL, qkv_bias, 0, 0,                   \
        "false", NULL, "", "queries, keys and values have biases; gpt2 and"    \
        " qwen2 have them in any case")                                        \
    PARTS_CONFIG_ROW(base, "project_bias", BOOL, project_bias, 0, 0,           \
        "false", NULL, "", "attention's output has a bias, unless the family"  \
        " has it anyway")                                                      \
    PARTS_CONFIG_ROW(base, "ffn_bias", BOOL, ffn_bias, 0, 0,                   \
        "false", NULL, "", "feed-forward products have biases, likewise")      \
    PARTS_CONFIG_ROW(base, "qk_norm", BOOL, qk_norm, 0, 0,                     \
        "false", NULL, "", "every head of queries and keys is normalised"      \
        " before its positions: RMS, with a scale; of families with LayerNorm" \
        " that, without a shift, each head with its own scale (StableLM 2"     \
        " 12B); qwen3 has it in any case")                                     \
    PARTS_CONFIG_ROW(base, "window", INT, window, 0, 1 << 20,                  \
        "0", NULL, "tokens", "tokens that windowed layers attend to, a"        \
        " token's own the last, and all that they cache; 0: all before it")    \
    PARTS_CONFIG_ROW(base, "window_layers", TEXT, window_layers, 0, 0,         \
        "every", NULL, "", "the layers with model.window, local ones: every,"  \
        " none, every-other, 5:1 (five, then one that sees all, over and"      \
        " over), or layers from 0: 0,2,4")                                     \
    PARTS_CONFIG_ROW(base, "local_rope_theta", REAL, local_rope_theta, 0, 1e9, \
        "0", NULL, "", "base of the rotary frequencies of windowed layers,"    \
        " which then are not scaled (Gemma 3); 0: as the others")              \
    PARTS_CONFIG_ROW(base, "unturned_layers", TEXT, unturned_layers, 0, 0,     \
        "none", NULL, "", "layers whose queries and keys no rotary position"   \
        " turns (NoPE: SmolLM3), written as window_layers")                    \
    PARTS_CONFIG_ROW(base, "rotary_size", INT, rotary_size, 0, 1 << 12,        \
        "0", NULL, "", "numbers of a head that rotary positions turn, its"     \
        " first, an even number; 0: all")                                      \
    PARTS_CONFIG_ROW(base, "attention_cap", REAL, attention_cap, 0, 1e9,       \
        "0", NULL, "", "scores become cap * tanh(score / cap); 0: they stay")  \
    PARTS_CONFIG_ROW(base, "logit_cap", REAL, logit_cap, 0, 1e9,               \
        "0", NULL, "", "logits likewise")                                      \
    PARTS_CONFIG_ROW(base, "rope_scaling", CHOICE, rope_scaling, 0, 0,         \
        "default", parts_config_rope_scalings, "",                             \
        "linear: all rotary frequencies divided by rope_factor; llama3: low"   \
        " ones divided, high ones kept, a blend between; yarn: likewise, by"   \
        " pairs; longrope: each divided by a number of its own; not for gpt2") \
    PARTS_CONFIG_ROW(base, "rope_factor", REAL, rope_factor, 1, 1e6,           \
        "8", NULL, "", "for rope_scaling linear, llama3 and yarn")             \
    PARTS_CONFIG_ROW(base, "rope_low_frequency", REAL,                         \
        rope_low_frequency, 1e-3, 1e6, "1", NULL, "turns",                     \
        "llama3, yarn: frequencies with fewer turns in rope_original_tokens"   \
        " are divided")                                                        \
    PARTS_CONFIG_ROW(base, "rope_high_frequency", REAL,                        \
        rope_high_frequency, 1e-3, 1e6, "4", NULL, "turns",                    \
        "llama3, yarn: frequencies with more turns than this are kept; with"   \
        " yarn 32 is usual")                                                   \
    PARTS_CONFIG_ROW(base, "rope_original_tokens", INT,                        \
        rope_original_tokens, 1, 1 << 24, "8192", NULL, "tokens",              \
        "llama3, yarn, longrope: the length that the frequencies were trained" \
        " on")                                                                 \
    PARTS_CONFIG_ROW(base, "rope_amplitude", REAL, rope_amplitude, 0, 1e6,     \
        "0", NULL, "", "yarn, longrope: what cosines and sines are multiplied" \
        " by; 0: yarn's 0.1 * ln(rope_factor) + 1, longrope's 1")              \
    PARTS_CONFIG_ROW(base, "rope_short_divisors", REAL_LIST, rope_divisors[0], \
        1e-6, 1e9, "1", NULL, "", "longrope: of each pair of a head, in runs"  \
        " of up to rope_original_tokens; one number: of all")                  \
    PARTS_CONFIG_ROW(base, "rope_long_divisors", REAL_LIST, rope_divisors[1],  \
        1e-6, 1e9, "1", NULL, "", "longrope: likewise, in longer runs")
/* clang-format on */

/* Put the parts onto a spec whose family, sizes and rope_theta are set.
 * STATUS_BAD_VALUE: the text begins with the key to blame. */
enum status parts_config_apply(struct model_spec *spec,
                               const struct parts_config *config,
                               struct error *err) MUST_CHECK;

/* The config that says what the spec has besides its family. */
struct parts_config parts_config_of(const struct model_spec *spec);

#endif
