/* spec.h - Describe a dense or Mixture-of-Depths transformer: traits and sizes.
 *
 * Letters used in every shape comment of this project:
 *   B sequences   T tokens of a sequence   N rows an op works on (B*T, or the
 *   kept ones)    C channels   H heads   G key/value heads   D head size
 *   Q = H*D       E = G*D      F feed-forward width          V vocabulary
 *   L layers      K tokens of a sequence that a routed layer keeps
 *   W width of a predictor */
#ifndef SPEC_H
#define SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/core/base/error.h"
#include "sim/core/base/number.h"
#include "sim/core/model/packing.h"

enum { SPEC_MAX_LAYERS = 256, SPEC_MAX_HEAD_SIZE = 1 << 12,
       SPEC_MAX_LONG_PAIRS = 128, SPEC_MAX_LOSS_WEIGHT = 1000,
       SPEC_MAX_GATE_SCALE = 100, SPEC_MAX_PREDICTOR = 1 << 12,
       SPEC_MAX_EXPERTS = 1 << 12, SPEC_MAX_TOKENS = 1 << 20,
       SPEC_SPARE_POSITIONS = 2 };

enum norm_kind { NORM_LAYER, NORM_RMS };
/* A table of vectors, or turned heads; OPT's table begins with rows that no
 * position has, SPEC_SPARE_POSITIONS (Zhang et al. 2022, arXiv 2205.01068). */
enum positions { POSITIONS_LEARNED, POSITIONS_ROTARY, POSITIONS_SPARED };
/* GELU in its tanh form, or by the error function, and ReLU, of one product;
 * SwiGLU and GeGLU (in the tanh form), of a gate and an up product. */
enum activation_kind { ACTIVATION_GELU, ACTIVATION_SWIGLU, ACTIVATION_GEGLU,
                       ACTIVATION_GELU_ERF, ACTIVATION_RELU };
/* Where a block's two parts have norms: on what they read (Radford et al. 2019),
 * on what they add to the stream (OLMo 2: Walsh et al. 2025, arXiv 2501.00656),
 * or on both (Gemma 2: arXiv 2408.00118). */
enum norm_places { NORMS_BEFORE, NORMS_AFTER, NORMS_AROUND };
/* What the feed-forward part reads: the stream as attention left it; or as
 * attention found it (Wang and Komatsuzaki 2021, GPT-J), by a norm of its own or
 * by attention's. */
enum parallel { PARALLEL_NONE, PARALLEL_NORMS, PARALLEL_NORM };

/* The parts that blocks are made of.  All code asks for a trait, none for a
 * family. */
struct traits {
    enum norm_kind       norm;
    enum positions       positions;
    enum activation_kind activation;
    bool qkv_bias;           /* queries, keys and values have biases */
    bool project_bias;       /* and attention's output */
    bool ffn_bias;           /* and both feed-forward products */
    bool grouped;            /* heads may share key/value heads: G < H */
    bool qk_norm;            /* every head of queries and of keys passes a norm
                              * over D before its positions: an RMS norm; of
                              * NORM_LAYER layer norm without a shift, each head
                              * with scales of its own (StableLM 2 12B) */
    bool qk_norm_rows;       /* that norm is over all heads together, with a
                              * scale for each number; with qk_norm */
    enum norm_places norms;
    enum parallel    parallel;
    bool head_bias;          /* the unembedding has a bias */
};

/* A family is a row of traits under the name that configs know it by.
 *    id            name     norm   positions activation qkv    project ffn
 *                                                       bias   bias    bias
 *                           grouped qk_norm rows  norms  parallel head bias   */
#define FAMILY_MAP(X)                                                          \
    X(FAMILY_GPT2,  "gpt2",  LAYER, LEARNED,  GELU,      true,  true,   true,  \
                             false,  false,  false, BEFORE, NONE,  false)      \
    X(FAMILY_LLAMA, "llama", RMS,   ROTARY,   SWIGLU,    false, false,  false, \
                             true,   false,  false, BEFORE, NONE,  false)      \
    X(FAMILY_QWEN2, "qwen2", RMS,   ROTARY,   SWIGLU,    true,  false,  false, \
                             true,   false,  false, BEFORE, NONE,  false)      \
    X(FAMILY_QWEN3, "qwen3", RMS,   ROTARY,   SWIGLU,    false, false,  false, \
                             true,   true,   false, BEFORE, NONE,  false)      \
    X(FAMILY_STARCODER2, "starcoder2",                                         \
                             LAYER, ROTARY,   GELU,      true,  true,   true,  \
                             true,   false,  false, BEFORE, NONE,  false)      \
    X(FAMILY_GEMMA2, "gemma2", RMS, ROTARY,   GEGLU,     false, false,  false, \
                             true,   false,  false, AROUND, NONE,  false)      \
    X(FAMILY_GEMMA3, "gemma3", RMS, ROTARY,   GEGLU,     false, false,  false, \
                             true,   true,   false, AROUND, NONE,  false)      \
    X(FAMILY_GEMMA, "gemma", RMS,   ROTARY,   GEGLU,     false, false,  false, \
                             true,   false,  false, BEFORE, NONE,  false)      \
    X(FAMILY_OLMO2, "olmo2", RMS,   ROTARY,   SWIGLU,    false, false,  false, \
                             true,   true,   true,  AFTER,  NONE,  false)      \
    X(FAMILY_GPT_NEOX, "gpt_neox",                                             \
                             LAYER, ROTARY,   GELU_ERF,  true,  true,   true,  \
                             false,  false,  false, BEFORE, NORMS, false)      \
    X(FAMILY_FALCON, "falcon", LAYER, ROTARY, GELU_ERF,  false, false,  false, \
                             true,   false,  false, BEFORE, NORM,  false)      \
    X(FAMILY_STABLELM, "stablelm",                                             \
                             LAYER, ROTARY,   SWIGLU,    false, false,  false, \
                             true,   false,  false, BEFORE, NONE,  false)      \
    X(FAMILY_PHI,   "phi",   LAYER, ROTARY,   GELU,      true,  true,   true,  \
                             true,   false,  false, BEFORE, NORM,  true)       \
    X(FAMILY_OPT,   "opt",   LAYER, SPARED,   RELU,      true,  true,   true,  \
                             false,  false,  false, BEFORE, NONE,  false)

enum family { FAMILY_MAP(NAMES_ID) FAMILY_COUNT };
extern const char *const family_names[];    /* NULL ends this and those below */
extern const struct traits family_traits[FAMILY_COUNT];
bool traits_equal(const struct traits *a, const struct traits *b);
/* Norms of queries and keys take their mean off. */
bool traits_centres_heads(const struct traits *traits);

/* g(r) in x' = x + g(r) * (block(x) - x), which is g block(x) + (1 - g) x, of a
 * kept token: Raposo et al. 2024, equation 1, is `raw`; what the paper leaves
 * open is a choice. */
#define GATE_MAP(X)               \
    X(GATE_RAW,      "raw")       \
    X(GATE_SIGMOID,  "sigmoid")   \
    X(GATE_SIGMOID2, "2*sigmoid") \
    X(GATE_TANH,     "tanh")      \
    X(GATE_ONE,      "one")

enum gate { GATE_MAP(NAMES_ID) GATE_COUNT };
extern const char *const gate_names[];

/* The vector that a router's weights are multiplied with: the residual stream,
 * or the stream normalised as blocks normalise it, without scale and shift. */
#define ROUTER_INPUT_MAP(X)                  \
    X(ROUTER_INPUT_NORMALISED, "normalised") \
    X(ROUTER_INPUT_RAW,        "raw")

enum router_input { ROUTER_INPUT_MAP(NAMES_ID) ROUTER_INPUT_COUNT };
extern const char *const router_input_names[];

/* The signal that a routed layer chooses by, if not by its router's scores: see
 * sim/core/ledger/op.h. */
#define SIGNAL_MAP(X)              \
    X(SIGNAL_NONE,     "none")     \
    X(SIGNAL_NORM,     "norm")     \
    X(SIGNAL_CHANGE,   "change")   \
    X(SIGNAL_RECEIVED, "received") \
    X(SIGNAL_HASH,     "hash")     \
    X(SIGNAL_TABLE,    "table")    \
    X(SIGNAL_CONFIDENCE, "confidence")

enum signal { SIGNAL_MAP(NAMES_ID) SIGNAL_COUNT };
extern const char *const signal_names[];

/* The part that a routed layer routes tokens around; the rest of the layer runs
 * on all.  Apart: around its attention, and around its feed-forward part by a
 * second choice. */
#define PART_MAP(X)                \
    X(PART_BLOCK,     "block")     \
    X(PART_ATTENTION, "attention") \
    X(PART_FFN,       "ffn")       \
    X(PART_APART,     "apart")

enum routed_part { PART_MAP(NAMES_ID) PART_COUNT };
extern const char *const part_names[];

/* The key that later tokens see of a token that a layer's attention skipped:
 * none, the key it would have had, or its key of the layer before. */
#define SKIPPED_KEYS_MAP(X)              \
    X(SKIPPED_KEYS_ABSENT,   "absent")   \
    X(SKIPPED_KEYS_COMPUTED, "computed") \
    X(SKIPPED_KEYS_CARRIED,  "carried")

/* And no choice of routing: of kept tokens too, those of the first recursion. */
enum skipped_keys { SKIPPED_KEYS_MAP(NAMES_ID) SKIPPED_KEYS_COUNT,
                    SKIPPED_KEYS_SHARED = SKIPPED_KEYS_COUNT };
extern const char *const skipped_keys_names[];

/* Rotary frequencies changed for longer texts than a model was trained on. */
#define ROPE_SCALING_MAP(X)                                                    \
    X(ROPE_SCALING_NONE,    "default") /* theta^(-2i/D) */                     \
    X(ROPE_SCALING_LINEAR,  "linear")  /* divided by `factor` */               \
    X(ROPE_SCALING_LLAMA3,  "llama3")  /* long waves divided, short kept,      \
        * between: a blend (transformers, _compute_llama3_parameters) */       \
    X(ROPE_SCALING_YARN,    "yarn")    /* likewise, by pairs; and longer        \
        * (Peng et al. 2023; transformers, _compute_yarn_parameters) */        \
    X(ROPE_SCALING_LONG,    "longrope") /* each divided by a number of its own,\
        * one up to original_tokens and another beyond (Ding et al. 2024;      \
        * transformers, _compute_longrope_parameters) */                       \
    X(ROPE_SCALING_DYNAMIC, "dynamic") /* of a base that grows with the text   \
        * beyond original_tokens (_compute_dynamic_ntk_parameters) */          \
    X(ROPE_SCALING_FACTORS, "factors") /* each divided by a number of its own, \
        * which the file of the weights holds */

enum rope_scaling_kind { ROPE_SCALING_MAP(NAMES_ID) ROPE_SCALING_COUNT };
extern const char *const rope_scaling_names[];

/* Factors of a model's arithmetic that its weights take up when they are read
 * (Granite): of the embedding, of what a block adds to the stream, of the scores
 * of queries and keys, and what logits are divided by.  0: none. */
struct folding {
    float embedding, residual, scores, logits;
};

struct rope_scaling {
    enum rope_scaling_kind kind;
    float   factor;                      /* >= 1 */
    float   low_frequency, high_frequency;     /* llama3: wave lengths are
                                          * original_tokens divided by these;
                                          * yarn: turns within those tokens */
    int32_t original_tokens;             /* of all but linear */
    float   amplitude;                   /* yarn, longrope: of cosines and
                                          * sines */
    float   divisor[2][SPEC_MAX_LONG_PAIRS];   /* longrope, of each pair: where
                                          * there is room for no more than the
                                          * original tokens, and for more */
};

/* The matrices of a layer, as files store them. */
enum matrix {
    MATRIX_QUERY, MATRIX_KEY, MATRIX_VALUE, MATRIX_PROJECT,
    MATRIX_GATE,             /* of a gated feed-forward part */
    MATRIX_UP, MATRIX_DOWN, MATRIX_COUNT
};

/* Who chooses: tokens their experts; or experts, of each sequence, their tokens
 * (Zhou et al. 2022, arXiv 2202.09368). */
#define EXPERT_RULE_MAP(X)                   \
    X(EXPERT_RULE_TOKENS,  "token_choice")   \
    X(EXPERT_RULE_EXPERTS, "expert_choice")

enum expert_rule { EXPERT_RULE_MAP(NAMES_ID) EXPERT_RULE_COUNT };
extern const char *const expert_rule_names[];

/* Feed-forward parts of which a token enters a few, each as far as its router's
 * softmax says: a mixture of experts (Shazeer et al. 2017, arXiv 1701.06538). */
struct experts {
    int32_t n;               /* X, of a layer; 0: there are none */
    int32_t active;          /* A, that a token enters: those of the highest
                              * scores, of equals the first; where experts
                              * choose, about as many as enter it */
    int32_t idle;            /* choices of the router besides that do nothing:
                              * no-op experts (Raposo et al. 2024, figure 7,
                              * integrated MoDE); a token's A are among all */
    enum expert_rule rule;
    double  capacity;        /* tokens that an expert takes of a sequence at
                              * most, over what it would take if all took alike;
                              * the first do, the rest pass (Fedus et al. 2022,
                              * equation 3); 0: any number.  Where experts choose,
                              * what they take; 0: 1 */
    int32_t width;           /* of each */
    bool    normalised;      /* the weights of those entered sum to 1 (Jiang et
                              * al. 2024, arXiv 2401.04088) */
    int32_t shared;          /* width of what every token enters besides, or 0 */
    bool    shared_gate;     /* whose result is gated by the sigmoid of a score
                              * [C] (Qwen 1.5 MoE) */
    bool    biased;          /* a number for each expert joins its score */
    /* Weights in the training's loss of what the router is to learn besides, each
     * a mean over the layers that have experts and over their rows. */
    double  balance_loss;    /* of X sum f(e) p(e): e's entries a row, and the
                              * softmax's mean there (Fedus et al. 2022, arXiv
                              * 2101.03961, equation 4; f is a constant); A where
                              * all are entered alike */
    double  z_loss;          /* of the squared log-sum-exp of the scores (Zoph et
                              * al. 2022, arXiv 2202.08906, equation 5) */
};

/* The keys and values that a recursion's queries see: its own tokens', or those
 * that the first recursion made of all tokens (Bae et al. 2025, section 2.2.2:
 * recursion-wise caching, and recursive sharing). */
#define RECURSION_KEYS_MAP(X)         \
    X(RECURSION_KEYS_OWN,    "own")   \
    X(RECURSION_KEYS_SHARED, "shared")

enum recursion_keys { RECURSION_KEYS_MAP(NAMES_ID) RECURSION_KEYS_COUNT };
extern const char *const recursion_keys_names[];

/* Layers first..last are one span of layers, run `times` times with the same
 * weights: the parameter sharing of Dehghani et al. 2019 (arXiv 1807.03819), as
 * cycles (Bae et al. 2025, Mixture-of-Recursions, arXiv 2507.10524, section 2.1).
 * Layers are counted, and have keys, values and routers, as they are run. */
struct recursion {
    int32_t first, last;
    int32_t times;           /* divides their number; 0 or 1: no layer shares
                              * weights with another */
    enum recursion_keys keys;
};

/* Keys and values that are made of one vector a token, which is what is cached
 * (DeepSeek-AI 2024, arXiv 2405.04434, section 2.1). */
struct latent {
    int32_t kv;              /* its width; 0: there is none */
    int32_t query;           /* of that which queries are made of; 0: the
                              * stream */
    int32_t rotary;          /* numbers of D that are turned; one key's for all
                              * heads */
    int32_t value;           /* numbers of a head's value */
};

struct model_spec {
    struct traits traits;
    int32_t n_layers;        /* L, 1..SPEC_MAX_LAYERS */
    int32_t n_channels;      /* C */
    int32_t n_heads;         /* H */
    int32_t n_kv_heads;      /* G, divides H; G == H unless grouped */
    int32_t head_size;       /* D, even for rotary positions */
    int32_t n_ffn;           /* F */
    int32_t n_vocab;         /* V */
    int32_t max_tokens;      /* longest T that positions cover */
    bool    tied_head;       /* unembedding is the embedding, transposed */
    float   norm_epsilon;
    float   rope_theta;      /* of rotary positions, like the next */
    struct rope_scaling rope_scaling;
    int32_t n_rotary;        /* numbers of a head, its first, that positions
                              * turn, even; 0: all D */
    float   local_theta;     /* of windowed layers, and without scaling there; 0:
                              * they are like the others */
    float   attention_cap;   /* scores become cap tanh(score / cap); 0: they
                              * stay (Bello et al. 2017, arXiv 1611.09940) */
    float   logit_cap;       /* likewise logits */
    int32_t window;          /* tokens that windowed layers attend to, a token's
                              * own the last; 0: no layer is windowed */
    bool    windowed[SPEC_MAX_LAYERS];
    bool    unturned[SPEC_MAX_LAYERS];   /* rotary positions do not turn the
                              * layer's queries and keys (Yang et al. 2025) */
    struct folding fold;     /* of files that are still to be read */
    enum gate         gate;
    double            gate_scale;   /* that g(r) is multiplied by; 0: by none */
    bool              bypass_gated; /* a skipped token has a gate too: x' = g(r) x
                                     * (Zhang et al. 2024, p-MoD); else x' = x */
    bool              gates_output; /* the gate takes what the block gives, not
                                     * its change: x' = x + g(r) block(x); of
                                     * depths, the last recursion's alone, onto
                                     * the token as it was before the first (Bae
                                     * et al. 2025, section 2.2.1, as their code
                                     * has it) */
    enum router_input router_input;
    bool    router_scores;   /* routed layers score tokens by a router, which
                              * owns a vector [C], with parts apart one each: for
                              * the choice, the gate or both */
    bool    router_drawn;    /* it owns none: its scores are drawn afresh for
                              * every pass, N(0, 1); the gate's are constants */
    bool    router_trained;  /* false: the router stays as it was drawn */
    bool    router_detached; /* its score is a constant to the stream: no
                              * gradient passes from the gate through it; the
                              * router is not trained then */
    /* Weights in the training's loss of what the scores of all tokens, kept or
     * not, are to learn besides: each a mean over tokens and choices of routed
     * layers. */
    double  aux_loss;        /* of the cross-entropy of sigmoid(score) against
                              * being kept (Raposo et al. 2024, section 3.5) */
    double  balance_loss;    /* of the squared difference of the kept share and
                              * the capacity (the batch's sparsity of Bengio et
                              * al. 2015, arXiv 1511.06297, of hard choices with
                              * the sigmoid's slope) */
    double  z_loss;          /* of the squared score: of one logit, the squared
                              * log-sum-exp of the router z-loss (Zoph et al.
                              * 2022, arXiv 2202.08906) */
    int32_t n_predictor;     /* W: hidden width of what predicts, from the
                              * router's input, who is kept (Raposo et al. 2024,
                              * section 3.5), with parts apart one a choice; 0:
                              * routed layers have none */
    double  exit_weight[SPEC_MAX_LAYERS];   /* above 0: the final norm and the
                              * head read the stream after layer l too, and the
                              * loss there counts so much in training's beside
                              * the last layer's (Elhoushi et al. 2024,
                              * LayerSkip, arXiv 2404.16710, section 4.1.2);
                              * not of the last layer */
    double  confidence;      /* of SIGNAL_CONFIDENCE: a token leaves at the
                              * first exit whose largest probability is as
                              * high: layers after it are routed, and keep those
                              * that are still there */
    bool    backbone_frozen; /* training moves routers, predictors and nothing
                              * else */
    bool    nested;          /* a routed layer chooses among those that the layer
                              * before keeps, and a span of shared layers is routed
                              * as one: whom its first layer keeps passes through
                              * all of them, and is gated at the end (Bae et al.
                              * 2025, arXiv 2507.10524, section 2.2.1) */
    bool    depths;          /* one router of the first recursion scores for each
                              * token how many it passes through; those scores'
                              * softmax is what gates take (Bae et al. 2025,
                              * section 2.2.1, token choice) */
    enum signal       signal;            /* that the choice goes by; the gate
                                          * goes by the router */
    enum routed_part  part;              /* of every routed layer */
    enum skipped_keys skipped_keys;      /* of every routed attention */
    int32_t keep_first;      /* so many tokens at the start of a sequence are
                              * kept by every routed layer, whatever the policy
                              * says of them */
    bool    first_besides;   /* they come on top of its share of the others;
                              * else they are among its K */
    bool    kept_varies;     /* training keeps about K of a sequence, or for a
                              * while more, up to all T: it has room for
                              * them */
    int32_t score_window;    /* scores that running_quantile goes by, its own
                              * token's included; 0: all so far */
    bool    routed[SPEC_MAX_LAYERS];     /* layer l routes tokens around itself */
    double  capacity[SPEC_MAX_LAYERS];   /* of routed layers, K / T in (0, 1];
                              * 0, which no config says: nobody is kept, the
                              * layer is dropped */
    /* enum number: what a run keeps its weights in; all else is float32, and so
     * is everything when training.  A tied head is as the embedding. */
    uint8_t stored[SPEC_MAX_LAYERS][MATRIX_COUNT];
    uint8_t stored_embedding, stored_head;
    float embedding_scale;   /* of a stored embedding: that its rows are multiplied
                              * with as they are read; 0: with none */

    struct experts experts;
    bool has_experts[SPEC_MAX_LAYERS];   /* layer l, in place of its n_ffn */
    struct recursion recursion;
    struct latent latent;
    struct packing packing;              /* of these matrices, in place of what
                                          * they are stored in */
    bool packed[SPEC_MAX_LAYERS][MATRIX_COUNT], packed_head;
};

/* Letters of formulas (sim/price/flops.h): where nobody uses an answer that the
 * spec alone gives, it is not worked out. */
#define FROM_SPEC __attribute__((pure))

/* The family whose traits the spec has; of traits that make no family, the one that
 * they differ from in least, of those of whose parts none is missing. */
enum family spec_family(const struct model_spec *spec);

/* The feed-forward part has a gate product beside its up product. */
bool    spec_gated(const struct model_spec *spec) FROM_SPEC;

/* Values no config states, derived: Q, E, and the width of the first FFN
 * product (2F where it is gated: gate and up side by side; else F). */
int32_t spec_q(const struct model_spec *spec) FROM_SPEC;
/* Tokens that the layer attends to at most; 0: all. */
int32_t spec_window(const struct model_spec *spec, int32_t layer);
bool    spec_has_windows(const struct model_spec *spec);
/* A window that spans every position is none, but for its layers' base. */
void    spec_settle_windows(struct model_spec *spec);
/* The layer's positions have the base of windowed layers. */
bool    spec_local(const struct model_spec *spec, int32_t layer);
/* Numbers of a head that positions turn. */
int32_t spec_rotary(const struct model_spec *spec) FROM_SPEC;
/* The layer has an exit. */
bool    spec_exits(const struct model_spec *spec, int32_t layer);
/* Tokens leave at exits. */
bool    spec_leaves(const struct model_spec *spec);
int32_t spec_n_exits(const struct model_spec *spec);
/* Norms on what parts read, and on what they add. */
bool    spec_norms_before(const struct model_spec *spec);
bool    spec_norms_after(const struct model_spec *spec);
/* Tokens of a sequence that can be decoded: where keys turn otherwise in a longer
 * text, those that a cache holds would be another text's. */
int32_t spec_most_decoded(const struct model_spec *spec);
/* Rows of the table of positions, 0: there is none; and position 0's. */
int32_t spec_position_rows(const struct model_spec *spec) FROM_SPEC;
int32_t spec_first_position(const struct model_spec *spec);
/* Rotary positions turn the layer's queries and keys. */
bool    spec_turns(const struct model_spec *spec, int32_t layer);
int32_t spec_e(const struct model_spec *spec) FROM_SPEC;
/* Norms of so many heads of a row, queries or keys: one each, or one of all; and
 * the numbers that scale what they give. */
int32_t spec_head_norms(const struct model_spec *spec, int32_t heads) FROM_SPEC;
int32_t spec_head_scales(const struct model_spec *spec, int32_t heads)
    FROM_SPEC;
int32_t spec_up(const struct model_spec *spec) FROM_SPEC;
/* Numbers of the matrices that latent attention makes queries by. */
uint64_t spec_query_weights(const struct model_spec *spec) FROM_SPEC;
/* Numbers that a token's cached key and value take in a layer: 2E, or a latent
 * vector's. */
int32_t spec_cached(const struct model_spec *spec);
int32_t spec_n_expert_layers(const struct model_spec *spec);
/* Layers with one feed-forward part, of n_ffn. */
bool    spec_has_ffn(const struct model_spec *spec);
/* What a router of experts scores: X and the no-ops. */
int32_t spec_expert_scores(const struct model_spec *spec) FROM_SPEC;
/* Experts that a token may enter at most. */
int32_t spec_expert_slots(const struct model_spec *spec) FROM_SPEC;
/* Rows that an expert takes at most of a sequence that has so many, at least 1;
 * where experts choose, exactly. */
int32_t spec_expert_room(const struct model_spec *spec, int32_t rows);
/* Entries of so many rows of such a number of sequences, at most. */
uint64_t spec_expert_entries(const struct model_spec *spec, uint64_t sequences,
                             uint64_t rows);
/* Experts that a row is expected to enter, of a sequence that has so many; and
 * the chance that it enters any, as if it chose each time anew. */
double  spec_expert_share(const struct model_spec *spec, int32_t rows);
double  spec_expert_any(const struct model_spec *spec, int32_t rows);
/* What tokens enter depends on later ones. */
bool    spec_experts_choose(const struct model_spec *spec);
/* Experts of a layer that so many rows are expected to enter. */
double  spec_experts_entered(const struct model_spec *spec, double rows);
/* A routed layer has a score for each token: a router's, a signal or both. */
bool    spec_scored(const struct model_spec *spec) FROM_SPEC;
/* Routed layers own a router vector. */
bool    spec_has_router(const struct model_spec *spec);

/* The routers learn more than gates hand them. */
bool    spec_router_losses(const struct model_spec *spec) FROM_SPEC;
/* A gradient passes the routers' scores: from gates or from those losses; and
 * the scores of all tokens have one, not those of the kept alone. */
bool    spec_scores_learn(const struct model_spec *spec);
bool    spec_scores_all_learn(const struct model_spec *spec);
/* Backward looks at the scores of all rows; and wants the stream's rows as the
 * layer found them, the kept ones too. */
bool    spec_scored_again(const struct model_spec *spec);
bool    spec_puts_back(const struct model_spec *spec) FROM_SPEC;
/* What the gate is multiplied by is not 1, as a float32: 2 * 0.5 is. */
bool    spec_gate_scaled(const struct model_spec *spec) FROM_SPEC;

/* K of one layer: T on dense layers; on routed ones capacity * T rounded up
 * (a hair of tolerance keeps 0.1 * 30 at 3), at least 1; of a dropped one 0.  With first_besides,
 * min(keep_first, T) and capacity * the rest, which is what is expected. */
int32_t spec_kept(const struct model_spec *spec, int32_t layer,
                  int32_t n_tokens);

/* Open routed layers for a while: their capacity goes so far of its way to 1.
 * At openness 0 it is the capacity, at 1 all tokens are kept. */
void    spec_set_openness(struct model_spec *spec, double openness);
double  spec_opened(const struct model_spec *spec, int32_t layer,
                    double openness);
/* K of a routed layer at another capacity than its own. */
int32_t spec_kept_at(const struct model_spec *spec, double capacity,
                     int32_t n_tokens);

/* The most that a part of a layer works on of T tokens in training, which takes
 * its memory beforehand: K, or T where the number varies or one of its parts runs
 * on all. */
int32_t spec_room(const struct model_spec *spec, int32_t layer,
                  int32_t n_tokens);

/* The chance that a routed layer keeps the last of T tokens: K / T, which is
 * the capacity as rounded for T tokens; but the first keep_first are certain,
 * and the others share what those leave of K. */
double  spec_chance(const struct model_spec *spec, int32_t layer,
                    int32_t n_tokens);

int32_t spec_n_routed(const struct model_spec *spec);

/* False for the gate of a part that is not gated. */
bool    spec_has_matrix(const struct model_spec *spec, enum matrix matrix);

/* The layer whose weights a layer runs with, but for its routers and predictors:
 * itself, or the one at its place in the first span; and the layer that runs with
 * them next, or -1. */
int32_t spec_owner(const struct model_spec *spec, int32_t layer);
int32_t spec_runs_next(const struct model_spec *spec, int32_t layer);
/* A layer's weights are those of an earlier one. */
static inline bool spec_shares(const struct model_spec *spec, int32_t layer)
{
    return spec_owner(spec, layer) != layer;
}
/* Layers of a span; 0: there is none. */
int32_t spec_span(const struct model_spec *spec);
/* The layer is routed with the one before, whose rows it goes on with; and with
 * the one after. */
bool spec_follows(const struct model_spec *spec, int32_t layer);
bool spec_is_followed(const struct model_spec *spec, int32_t layer);
/* Depths that a token may be given; 0: each recursion chooses anew. */
int32_t spec_depths(const struct model_spec *spec) FROM_SPEC;
/* Recursions hand on what they give, and one gate comes after the last. */
bool spec_gates_at_end(const struct model_spec *spec);
/* The layer makes keys and values of all tokens that later recursions see; and:
 * it makes none, and sees those. */
bool spec_lends_keys(const struct model_spec *spec, int32_t layer);
bool spec_borrows_keys(const struct model_spec *spec, int32_t layer);

/* Any matrix is kept as stored, in another type than float32, or packed. */
bool    spec_stores(const struct model_spec *spec);

/* Inputs of a layer's matrix, which its blocks run along: C, Q or F; and its
 * outputs. */
int32_t spec_inputs(const struct model_spec *spec, enum matrix matrix);
int32_t spec_outputs(const struct model_spec *spec, enum matrix matrix);

/* The dense twin: the same model with no layer routed. */
struct model_spec spec_dense(const struct model_spec *spec);
/* The same model, each of its layers with weights of its own. */
struct model_spec spec_unshared(const struct model_spec *spec);
/* It routes no layer, and none shares weights: both twins are the model. */
bool spec_is_dense(const struct model_spec *spec);

#endif
