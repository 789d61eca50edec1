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
#include "sim/core/error.h"

enum { SPEC_MAX_LAYERS = 256 };

/*    id     config name   norm, positions, activation, biases                 */
#define FAMILY_MAP(X)                                                           \
    X(GPT2,  "gpt2")    /* LayerNorm, learned positions, GELU (tanh), biases */ \
    X(LLAMA, "llama")   /* RMSNorm, RoPE, SwiGLU, grouped-query, no biases   */

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
    enum gate         gate;
    enum router_input router_input;
    bool    router_scores;   /* routed layers own a router vector [C] */
    bool    router_trained;  /* false: the router stays as it was drawn, and its
                              * score is a constant to the stream as well */
    bool    routed[SPEC_MAX_LAYERS];     /* layer l routes tokens around itself */
    double  capacity[SPEC_MAX_LAYERS];   /* of routed layers, K / T in (0, 1] */
};

/* Values no config states, derived: Q, E, and the width of the first FFN
 * product (F for gpt2, 2F for llama: gate and up side by side). */
int32_t spec_q(const struct model_spec *spec);
int32_t spec_e(const struct model_spec *spec);
int32_t spec_up(const struct model_spec *spec);

/* K of one layer: T on dense layers; on routed ones capacity * T rounded up
 * (a hair of tolerance keeps 0.1 * 30 at 3), at least 1. */
int32_t spec_kept(const struct model_spec *spec, int32_t layer,
                  int32_t n_tokens);

int32_t spec_n_routed(const struct model_spec *spec);

/* The dense twin: the same model with no layer routed. */
struct model_spec spec_dense(const struct model_spec *spec);

/* STATUS_BAD_VALUE with the first rule broken, and what is allowed. */
enum status spec_check(const struct model_spec *spec,
                       struct error *err) MUST_CHECK;

#endif
