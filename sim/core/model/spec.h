/* spec.h - the shape of a dense or Mixture-of-Depths transformer: numbers only.
 *
 * Letters used in every shape comment of this project:
 *   B sequences   T tokens of a sequence   N rows an op works on (B*T, or the
 *   kept ones)    C channels   H heads   G key/value heads   D head size
 *   Q = H*D       E = G*D      F feed-forward width          V vocabulary
 *   L layers      K tokens of a sequence that a routed layer keeps */
#ifndef SPEC_H
#define SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/core/base/error.h"
#include "sim/core/base/number.h"

enum { SPEC_MAX_LAYERS = 256, SPEC_MAX_HEAD_SIZE = 1 << 12 };

/*    id     config name   norm, positions, activation, biases                 */
#define FAMILY_MAP(X)                                                           \
    X(GPT2,  "gpt2")    /* LayerNorm, learned positions, GELU (tanh), biases */ \
    X(LLAMA, "llama")   /* RMSNorm, RoPE, SwiGLU, grouped-query; qkv_bias    */

enum family {
#define X(id, name) FAMILY_##id,
    FAMILY_MAP(X)
#undef X
    FAMILY_COUNT
};
extern const char *const family_names[FAMILY_COUNT];

/* g(r) in x' = x + g(r) * (block(x) - x): Raposo et al. 2024, equation 1, is
 * `raw`; what the paper leaves open is a choice. */
#define GATE_MAP(X)              \
    X(RAW,      "raw")           \
    X(SIGMOID,  "sigmoid")       \
    X(SIGMOID2, "2*sigmoid")     \
    X(ONE,      "one")

enum gate {
#define X(id, name) GATE_##id,
    GATE_MAP(X)
#undef X
    GATE_COUNT
};
extern const char *const gate_names[GATE_COUNT];

/* What the router's weight vector is multiplied with: the residual stream, or
 * the stream normalised like the family's norm, without scale and shift. */
#define ROUTER_INPUT_MAP(X)        \
    X(NORMALISED, "normalised")    \
    X(RAW,        "raw")

enum router_input {
#define X(id, name) ROUTER_INPUT_##id,
    ROUTER_INPUT_MAP(X)
#undef X
    ROUTER_INPUT_COUNT
};
extern const char *const router_input_names[ROUTER_INPUT_COUNT];

/* What a routed layer goes by where no router scores: see sim/core/ledger/op.h. */
#define SIGNAL_MAP(X)          \
    X(NONE,     "none")        \
    X(NORM,     "norm")        \
    X(CHANGE,   "change")      \
    X(RECEIVED, "received")    \
    X(HASH,     "hash")

enum signal {
#define X(id, name) SIGNAL_##id,
    SIGNAL_MAP(X)
#undef X
    SIGNAL_COUNT
};
extern const char *const signal_names[SIGNAL_COUNT];

/* What a routed layer routes tokens around; the rest of it runs on all.  Apart:
 * around its attention, and around its feed-forward part by a second choice. */
#define PART_MAP(X)              \
    X(BLOCK,     "block")        \
    X(ATTENTION, "attention")    \
    X(FFN,       "ffn")          \
    X(APART,     "apart")

enum routed_part {
#define X(id, name) PART_##id,
    PART_MAP(X)
#undef X
    PART_COUNT
};
extern const char *const part_names[PART_COUNT];

/* What later tokens see of one that a layer's attention skipped: no key, the
 * key it would have had, or its key of the layer before. */
#define SKIPPED_KEYS_MAP(X)      \
    X(ABSENT,   "absent")        \
    X(COMPUTED, "computed")      \
    X(CARRIED,  "carried")

enum skipped_keys {
#define X(id, name) SKIPPED_KEYS_##id,
    SKIPPED_KEYS_MAP(X)
#undef X
    SKIPPED_KEYS_COUNT
};
extern const char *const skipped_keys_names[SKIPPED_KEYS_COUNT];

/* Rotary frequencies changed for longer texts than a model was trained on. */
#define ROPE_SCALING_MAP(X)                                                    \
    X(NONE,    "default")   /* theta^(-2i/D)                                */ \
    X(LINEAR,  "linear")    /* divided by `factor`                          */ \
    X(LLAMA3,  "llama3")    /* long waves divided, short kept, between: a      \
                             * blend (transformers,                            \
                             * _compute_llama3_parameters)                  */ \
    X(FACTORS, "factors")   /* each divided by a number of its own, which the  \
                             * file of the weights holds                    */

enum rope_scaling_kind {
#define X(id, name) ROPE_SCALING_##id,
    ROPE_SCALING_MAP(X)
#undef X
    ROPE_SCALING_COUNT
};
extern const char *const rope_scaling_names[ROPE_SCALING_COUNT];

struct rope_scaling {
    enum rope_scaling_kind kind;
    float   factor;                      /* >= 1 */
    float   low_frequency, high_frequency;     /* llama3: wave lengths are
                                          * original_tokens divided by these */
    int32_t original_tokens;             /* llama3 */
};

/* The matrices of a layer, as files store them. */
enum matrix {
    MATRIX_QUERY, MATRIX_KEY, MATRIX_VALUE, MATRIX_PROJECT,
    MATRIX_GATE,             /* llama */
    MATRIX_UP, MATRIX_DOWN, MATRIX_COUNT
};

struct model_spec {
    enum family family;
    int32_t n_layers;        /* L, 1..SPEC_MAX_LAYERS */
    int32_t n_channels;      /* C */
    int32_t n_heads;         /* H */
    int32_t n_kv_heads;      /* G, divides H; gpt2: G == H */
    int32_t head_size;       /* D, even for llama */
    int32_t n_ffn;           /* F */
    int32_t n_vocab;         /* V */
    int32_t max_tokens;      /* longest T that positions cover */
    bool    tied_head;       /* unembedding is the embedding, transposed */
    float   norm_epsilon;
    float   rope_theta;      /* llama */
    struct rope_scaling rope_scaling;    /* llama */
    bool    qkv_bias;        /* llama: queries, keys and values have biases, as
                              * Qwen2's; gpt2 has them, whatever this says */
    enum gate         gate;
    enum router_input router_input;
    bool    router_scores;   /* routed layers own a router vector [C] */
    bool    router_trained;  /* false: the router stays as it was drawn, and its
                              * score is a constant to the stream as well */
    bool    backbone_frozen; /* training moves the routers and nothing else */
    enum signal       signal;            /* without router_scores */
    enum routed_part  part;              /* of every routed layer */
    enum skipped_keys skipped_keys;      /* of every routed attention */
    int32_t keep_first;      /* so many tokens at the start of a sequence are
                              * kept by every routed layer, whatever the policy
                              * says of them */
    bool    first_besides;   /* they come on top of its share of the others;
                              * else they are among its K */
    bool    routed[SPEC_MAX_LAYERS];     /* layer l routes tokens around itself */
    double  capacity[SPEC_MAX_LAYERS];   /* of routed layers, K / T in (0, 1] */
    /* enum number: what a run keeps its weights in; all else is float32, and so
     * is everything when training.  A tied head is as the embedding. */
    uint8_t stored[SPEC_MAX_LAYERS][MATRIX_COUNT];
    uint8_t stored_embedding, stored_head;
};

/* Values no config states, derived: Q, E, and the width of the first FFN
 * product (F for gpt2, 2F for llama: gate and up side by side). */
int32_t spec_q(const struct model_spec *spec);
int32_t spec_e(const struct model_spec *spec);
int32_t spec_up(const struct model_spec *spec);
bool    spec_qkv_bias(const struct model_spec *spec);
/* A routed layer has a score for each token: a router's, or a signal. */
bool    spec_scored(const struct model_spec *spec);

/* K of one layer: T on dense layers; on routed ones capacity * T rounded up
 * (a hair of tolerance keeps 0.1 * 30 at 3), at least 1.  With first_besides,
 * min(keep_first, T) and capacity * the rest, which is what is expected. */
int32_t spec_kept(const struct model_spec *spec, int32_t layer,
                  int32_t n_tokens);

/* The chance that a routed layer keeps the last of T tokens: the capacity, but
 * for the first keep_first, which are certain, and what they leave of K. */
double  spec_chance(const struct model_spec *spec, int32_t layer,
                    int32_t n_tokens);

int32_t spec_n_routed(const struct model_spec *spec);

/* Any matrix is kept as stored, in another type than float32. */
bool    spec_stores(const struct model_spec *spec);

/* Inputs of a layer's matrix, which its blocks run along: C, Q or F; and its
 * outputs. */
int32_t spec_inputs(const struct model_spec *spec, enum matrix matrix);
int32_t spec_outputs(const struct model_spec *spec, enum matrix matrix);

/* The dense twin: the same model with no layer routed. */
struct model_spec spec_dense(const struct model_spec *spec);

/* STATUS_BAD_VALUE with the first rule broken, and what is allowed; the text
 * begins with the config key to blame. */
enum status spec_check(const struct model_spec *spec,
                       struct error *err) MUST_CHECK;

/* Whether a sound spec can be trained: backward knows float32 weights, whole
 * blocks, whose skipped tokens leave no key, and no signal. */
enum status spec_check_training(const struct model_spec *spec,
                                struct error *err) MUST_CHECK;

#endif
