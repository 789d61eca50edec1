/* model_config.h - Declare the YAML of a model: its shape, and what it
 * routes.
 *
 * Two sections, `model:`, with the keys of parts_config.h, and `routing:`; and
 * two for prices, those of stored_config.h and format_config.h.  What the paper leaves open has a
 * default here: gate 2*sigmoid of the normalised stream, no warm-up of the
 * capacity, a running mean of top-k's cut for causal evaluation, RoPE
 * (Raposo et al. 2024; a pilot of 82 runs at 1e12 and 3e12 flops on bytes). */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include "sim/core/config/config.h"
#include "sim/core/model/route.h"
#include "sim/core/model/route_policies.h"
#include "sim/core/model/spec.h"
#include "sim/core/config/experts_config.h"
#include "sim/core/config/format_config.h"
#include "sim/core/config/parts_config.h"
#include "sim/core/config/stored_config.h"

struct model_config {
    int     family;              /* enum family: at least its traits */
    int64_t layers, channels, heads, kv_heads, head_size, ffn, vocab,
            max_tokens;
    bool    tied_head;
    double  norm_epsilon, rope_theta;
    int64_t recursions, recursion_first, recursion_last;
    int     recursion_keys;      /* enum recursion_keys */
    struct parts_config parts;
    struct experts_config experts;

    int     policy;              /* index into model_config_policies */
    char    blocks[CONFIG_TEXT_SIZE];
    struct config_real_list capacity;
    int     capacity_schedule;   /* index into the names */
    int64_t keep_first, window;
    int     part;                /* enum routed_part */
    int     skipped_keys;        /* enum skipped_keys */
    char    replay[CONFIG_TEXT_SIZE];    /* a trace, for the policy replay */
    char    table[CONFIG_TEXT_SIZE];     /* counts, for the policy table */
    int     gate;                /* enum gate */
    double  gate_scale;
    int     bypass;              /* 0 plain, 1 gated */
    int     gated;               /* 0 change, 1 output */
    int     router_input;        /* enum router_input */
    int     router;              /* 0 train, 1 frozen, 2 detached, 3 drawn */
    double  aux_loss, z_loss, balance_loss;
    int64_t predictor;
    bool    nested, depths;
    double  threshold_decay, confidence;
    char    exits[CONFIG_TEXT_SIZE];
    struct config_real_list exit_weight;

    struct stored_config weights;    /* of a model file alone, as the next: no
                                      * table of a larger config has them */
    struct format_config formats;
};

/* Choices, NULL-ended.  The policies are those that a model's config may name. */
extern const char *const model_config_policies[];
extern const char *const model_config_capacity_schedules[];
extern const char *const model_config_routers[];
extern const char *const model_config_bypasses[], *const model_config_gated[];

/* The rows of a struct model_config that lies `base` bytes into the target, for
 * the tables of this and of larger configs:
 *     MODEL_CONFIG_KEYS(offsetof(struct train_config, model)) */
/* clang-format off */
#define MODEL_CONFIG_ROW(base, name, type, member, min, max, ...)              \
    { name, CONFIG_##type, (base) + offsetof(struct model_config, member),     \
      min, max, __VA_ARGS__ },
/* Of those, what may be said of a dense model that was trained already. */
#define MODEL_CONFIG_ROUTE_KEYS(base)                                          \
    MODEL_CONFIG_ROW(base, "routing.policy", CHOICE, policy, 0, 0,             \
        "expert_choice", model_config_policies, "",                            \
        "the rule by which a routed block keeps tokens; isobath keys run"     \
        " says what each does; training takes " ROUTE_TRAINED_NAMES "and no"   \
        " other")                                                              \
    MODEL_CONFIG_ROW(base, "routing.blocks", TEXT, blocks, 0, 0,               \
        "every-other", NULL, "", "routed blocks: none, every, every-other (1," \
        " 3, 5, ...: the first is full), or layers from 0, ascending: 1,3,5")  \
    MODEL_CONFIG_ROW(base, "routing.capacity", REAL_LIST, capacity, 0, 0,      \
        "1", NULL, "", "share of a sequence's tokens that a routed block"      \
        " keeps, in (0, 1], rounded up to whole tokens, at least one: one"     \
        " number, or one per routed block; at 1 nothing is routed")            \
    MODEL_CONFIG_ROW(base, "routing.capacity_schedule", CHOICE,                \
        capacity_schedule, 0, 0, "constant", model_config_capacity_schedules,  \
        "", "of one capacity, how it goes over the routed blocks, whose mean"  \
        " it stays; constant; falling: from 3/2 to 1/2 of it by half a cosine" \
        " (Zhang et al. 2024, p-MoD); u: from 3/2 at both ends to 1/2 in the"  \
        " middle; late: all of it in the later half of the blocks, and the"    \
        " earlier half is not routed")                                         \
    MODEL_CONFIG_ROW(base, "routing.keep_first", INT, keep_first, 0, 1 << 20,  \
        "0", NULL, "tokens", "this many tokens at the start of every sequence" \
        " are kept by every routed block, since others attend to them: among"  \
        " its k if the policy keeps k of a sequence, on top of its share of"   \
        " the others if the policy judges token by token")                     \
    MODEL_CONFIG_ROW(base, "routing.window", INT, window, 0, 1 << 20,          \
        "0", NULL, "tokens", "for the policy running_quantile: the number of"  \
        " newest scores of the sequence that a token is ranked among; 0: all"  \
        " so far")                                                             \
    MODEL_CONFIG_ROW(base, "routing.part", CHOICE, part, 0, 0,                 \
        "block", part_names, "",                                               \
        "the part that tokens are routed around: the block, its attention,"    \
        " its feed-forward part, or apart: both parts, each by a choice and a" \
        " router of its own")                                          \
    MODEL_CONFIG_ROW(base, "routing.skipped_keys", CHOICE, skipped_keys, 0, 0, \
        "absent", skipped_keys_names, "",                                      \
        "the key that later tokens see of a token that skips attention: none," \
        " the one it would have had, or its key of the layer before; with"     \
        " part ffn no token skips attention, so absent and computed are the"   \
        " same")                                                               \
    MODEL_CONFIG_ROW(base, "routing.replay", PATH, replay, 0, 0,               \
        "", NULL, "", "for the policy replay: a recorded trace, which says"    \
        " blocks and capacities too: trace.csv of isobath run, for the windows"\
        " of another run; or what isobath route-trace wrote of a text, for a"  \
        " training, or a run on a split")                                      \
    MODEL_CONFIG_ROW(base, "routing.table", PATH, table, 0, 0,                 \
        "", NULL, "", "for the policy table: the counts that isobath"          \
        " route-table wrote, which must have all routed blocks; the capacity"  \
        " is cut out of them")                                                 \
    MODEL_CONFIG_ROW(base, "routing.exits", TEXT, exits, 0, 0,                 \
        "none", NULL, "", "layers after which the final norm and the head read"\
        " the stream too, in training with a loss of their own, so that tokens"\
        " can leave there; written as routing.blocks.  After the last layer"   \
        " they do anyway (Elhoushi et al. 2024, LayerSkip)")                   \
    MODEL_CONFIG_ROW(base, "routing.confidence", REAL, confidence,             \
        1e-6, 1, "1", NULL, "", "for the policy confidence: a token leaves at" \
        " the first exit that gives one next token this probability; it names" \
        " the routed blocks, all after the first exit, and of a prediction"    \
        " routing.capacity is the share of tokens that is still there")

/* And what is learned with the routers. */
#define MODEL_CONFIG_LEARNED_KEYS(base)                                        \
    MODEL_CONFIG_ROW(base, "routing.gate", CHOICE, gate, 0, 0,                 \
        "2*sigmoid", gate_names, "",                                           \
        "the factor of a kept token's change: the router's score, its"         \
        " sigmoid, twice that, its tanh, or 1; but for one, every routed"      \
        " block has a router, whoever chooses")                                \
    MODEL_CONFIG_ROW(base, "routing.gate_scale", REAL, gate_scale,             \
        1e-3, SPEC_MAX_GATE_SCALE, "1", NULL, "",                              \
        "a constant that the gate is multiplied by; not with gate one")        \
    MODEL_CONFIG_ROW(base, "routing.bypass", CHOICE, bypass, 0, 0,             \
        "plain", model_config_bypasses, "",                                    \
        "what becomes of a token that a block skips: it stays as it is, or is" \
        " multiplied by its gate, so that the gradient reaches its score too"  \
        " (Zhang et al. 2024, p-MoD; tried and found needless in Raposo et al."\
        " 2024); gates that begin near 1, as 2*sigmoid, begin as plain; a kept"\
        " token's x + g (block(x) - x) is g block(x) + (1 - g) x either way")  \
    MODEL_CONFIG_ROW(base, "routing.gated", CHOICE, gated, 0, 0,               \
        "change", model_config_gated, "",                                      \
        "what the gate multiplies: the block's change, x + g (block(x) - x),"  \
        " or what it gives, x + g block(x), as the code of"                    \
        " Mixture-of-Recursions has it (Bae et al. 2025, arXiv 2507.10524),"   \
        " there with gate sigmoid and gate_scale 0.1; with routing.depths the" \
        " last recursion's alone, onto the token as it was before the first")  \
    MODEL_CONFIG_ROW(base, "routing.router_input", CHOICE, router_input, 0, 0, \
        "normalised", router_input_names, "",                                  \
        "the router's input: the residual stream, normalised or raw")          \
    MODEL_CONFIG_ROW(base, "routing.router", CHOICE, router, 0, 0,             \
        "train", model_config_routers, "",                                     \
        "frozen: the router stays as it was drawn, as a control, and the"      \
        " gate's gradient passes through its score into the stream;"           \
        " frozen_detached: not even that, the score is a constant; drawn:"     \
        " there is none, its scores are drawn afresh each step from N(0, 1),"  \
        " for choice and gate, and pass no gradient.  With gate one the text's"\
        " loss has no gradient in the scores: they learn from aux_loss, to"    \
        " say again what they chose, and from balance_loss, to keep to the"    \
        " capacity, neither of which knows whom it helps; without those a"     \
        " router that chooses must be frozen")                                 \
    MODEL_CONFIG_ROW(base, "routing.aux_loss", REAL, aux_loss,                 \
        0, SPEC_MAX_LOSS_WEIGHT, "0", NULL, "",                                \
        "weight of the cross-entropy of sigmoid(score) against being kept,"    \
        " over all tokens (Raposo et al. 2024, section 3.5); where the policy" \
        " looks ahead, held-out text is then judged by the rule sigmoid")      \
    MODEL_CONFIG_ROW(base, "routing.balance_loss", REAL, balance_loss,         \
        0, SPEC_MAX_LOSS_WEIGHT, "0", NULL, "",                                \
        "weight of the squared difference of the kept share of tokens and the" \
        " capacity, by the slope of the scores' sigmoids; for token_choice"    \
        " (a batch's sparsity in Bengio et al. 2015, arXiv 1511.06297)")       \
    MODEL_CONFIG_ROW(base, "routing.predictor", INT, predictor,                \
        0, SPEC_MAX_PREDICTOR, "0", NULL, "",                                  \
        "hidden width of a network beside each router, two in a block whose"   \
        " parts are routed apart, that learns to foresee from the router's"    \
        " input who is kept, and teaches nothing else (Raposo et al. 2024,"    \
        " section 3.5); where the policy looks ahead, held-out text is then"   \
        " judged by the rule predictor; 0: none")                              \
    MODEL_CONFIG_ROW(base, "routing.z_loss", REAL, z_loss,                     \
        0, SPEC_MAX_LOSS_WEIGHT, "0", NULL, "",                                \
        "weight of the mean squared score (the router z-loss of Zoph et al."   \
        " 2022, arXiv 2202.08906, of one logit), which keeps scores small")    \
    MODEL_CONFIG_ROW(base, "routing.nested", BOOL, nested, 0, 0,               \
        "false", NULL, "", "a routed block chooses among the tokens that the"  \
        " block before keeps, so that a token that leaves stays away; of"       \
        " model.recursions each span is routed as one, by one router, its rows"\
        " gathered once and gated at the end (Mixture-of-Recursions: Bae et"    \
        " al. 2025, arXiv 2507.10524, expert choice); falling capacities, as"  \
        " [0.67, 0.33], say how many recur")                                   \
    MODEL_CONFIG_ROW(base, "routing.depths", BOOL, depths, 0, 0,               \
        "false", NULL, "", "with routing.nested, one router before the first"  \
        " of model.recursions scores how many a token passes through, and"     \
        " gates take the softmax of its scores: by token_choice the highest"   \
        " says (Mixture-of-Recursions by token choice: Bae et al. 2025,"       \
        " section 2.2.1, with gate raw); routing.blocks are those of the"      \
        " recursions, as capacity [1, 0.67, 0.33], which"                      \
        " routing.balance_loss holds the shares to")                           \
    MODEL_CONFIG_ROW(base, "routing.threshold_decay", REAL, threshold_decay,   \
        0, 0.999999, "0.97", NULL, "",                                         \
        "share of the old value that the running mean of top-k's cut keeps"    \
        " each step")                                                          \
    MODEL_CONFIG_ROW(base, "routing.exit_weight", REAL_LIST, exit_weight,      \
        0, 0, "1", NULL, "", "weight of an exit's loss in training, beside the"\
        " last layer's, which is 1: one number, or one for each exit")

#define MODEL_CONFIG_KEYS(base)                                                \
    MODEL_CONFIG_ROW(base, "model.family", CHOICE, family, 0, 0,               \
        NULL, family_names, "",                                                \
        "gpt2: LayerNorm, learned positions, GELU, biases; llama: RMSNorm,"    \
        " RoPE, SwiGLU, grouped-query attention; qwen2: llama with qkv_bias;"  \
        " qwen3: llama with qk_norm; gemma: llama with GeGLU; gemma2: norms"   \
        " around parts too; gemma3: qk_norm besides; olmo2: llama with norms"  \
        " after parts and of whole rows of queries and keys; stablelm: llama"  \
        " with LayerNorm; gpt_neox and phi: parts side by side, biases,"       \
        " LayerNorm, RoPE; falcon: phi without biases; opt: gpt2 with ReLU,"   \
        " and two rows of its positions spare")                                \
    MODEL_CONFIG_ROW(base, "model.layers", INT, layers, 1, SPEC_MAX_LAYERS,    \
        NULL, NULL, "", "blocks of attention and feed-forward")                \
    MODEL_CONFIG_ROW(base, "model.channels", INT, channels, 1, 1 << 16,        \
        NULL, NULL, "", "width of the residual stream")                        \
    MODEL_CONFIG_ROW(base, "model.heads", INT, heads, 1, 1 << 12,              \
        NULL, NULL, "", "attention heads")                                     \
    MODEL_CONFIG_ROW(base, "model.kv_heads", INT, kv_heads, 0, 1 << 12,        \
        "0", NULL, "", "key/value heads, shared by groups of heads; 0: as many"\
        " as heads")                                                           \
    MODEL_CONFIG_ROW(base, "model.head_size", INT, head_size, 0, 1 << 12,      \
        "0", NULL, "", "numbers per head; 0: channels / heads")                \
    MODEL_CONFIG_ROW(base, "model.ffn", INT, ffn, 0, 1 << 20,                  \
        "0", NULL, "", "feed-forward width; 0: 4 * channels for GELU, 8/3 *"   \
        " channels rounded up to a multiple of 16 for SwiGLU")                 \
    MODEL_CONFIG_ROW(base, "model.vocab", INT, vocab, 2, 1 << 20,              \
        "256", NULL, "", "number of different tokens; 256: bytes")             \
    MODEL_CONFIG_ROW(base, "model.max_tokens", INT, max_tokens, 1, 1 << 20,    \
        "512", NULL, "tokens", "longest sequence that positions cover; with"   \
        " gpt2 and opt each position has weights")                                     \
    MODEL_CONFIG_ROW(base, "model.tied_head", BOOL, tied_head, 0, 0,           \
        "true", NULL, "", "the unembedding is the embedding, transposed")      \
    MODEL_CONFIG_ROW(base, "model.norm_epsilon", REAL, norm_epsilon,           \
        1e-12, 0.1, "1e-5", NULL, "", "added to a norm's variance")            \
    MODEL_CONFIG_ROW(base, "model.rope_theta", REAL, rope_theta, 1, 1e9,       \
        "10000", NULL, "", "base of the rotary frequencies; not for gpt2")     \
    MODEL_CONFIG_ROW(base, "model.recursions", INT, recursions,                \
        1, SPEC_MAX_LAYERS, "1", NULL, "",                                     \
        "layers recursion_first to recursion_last are so many spans, which all"\
        " have the weights of the first: a shared block applied as often (Bae"  \
        " et al. 2025, arXiv 2507.10524, cycle; with a layer of its own at"     \
        " either end, middle-cycle).  model.layers counts them as they are"     \
        " run, each with keys, values and a router of its own; 1: none shares") \
    MODEL_CONFIG_ROW(base, "model.recursion_first", INT, recursion_first,      \
        0, SPEC_MAX_LAYERS - 1, "0", NULL, "", "the first of those layers")     \
    MODEL_CONFIG_ROW(base, "model.recursion_last", INT, recursion_last,        \
        0, SPEC_MAX_LAYERS - 1, "0", NULL, "",                                 \
        "the last of them, so that recursions divides their number; 0: the"    \
        " model's last")                                                       \
    MODEL_CONFIG_ROW(base, "model.recursion_keys", CHOICE, recursion_keys,     \
        0, 0, "own", recursion_keys_names, "",                                 \
        "keys and values that a recursion's queries see: own: of the tokens"   \
        " that it runs on; shared: those that the first made of all, which"    \
        " alone are kept (Bae et al. 2025, section 2.2.2: recursion-wise"      \
        " caching, recursive sharing)")                                        \
    PARTS_CONFIG_KEYS((base) + offsetof(struct model_config, parts))           \
    EXPERTS_CONFIG_KEYS((base) + offsetof(struct model_config, experts))       \
    MODEL_CONFIG_ROUTE_KEYS(base)                                              \
    MODEL_CONFIG_LEARNED_KEYS(base)
/* clang-format on */

extern const struct config_key    model_config_keys[];
extern const struct config_schema model_config_schema;     /* kind "model" */

/* Work out what the config leaves open and check the shape.  STATUS_BAD_VALUE:
 * the text begins with the key to blame. */
enum status model_config_spec(struct model_spec *out,
                              const struct model_config *config,
                              struct error *err) MUST_CHECK;

/* STATUS_BAD_VALUE where training does not know that policy or spec; the text
 * of an error begins with the key to blame. */
enum status model_config_check_training(const struct model_config *config,
                                        const struct model_spec *spec,
                                        struct error *err) MUST_CHECK;
/* The `routing:` part alone, onto a dense shape from elsewhere. */
enum status model_config_routing(struct model_spec *spec,
                               const struct model_config *config,
                               struct error *err) MUST_CHECK;

/* The config that says what `spec` is, as far as there are keys for it; `policy`
 * is the name of a policy that trains. */
void model_config_of(struct model_config *out, const struct model_spec *spec,
                     const char *policy);

/* config_blame() for the key that the text of *err begins with. */
enum status model_config_blame(const struct config_schema *schema,
                               const struct config_origin *origins,
                               struct error *err);

/* A model file (NULL: defaults) with settings; `config` may be NULL. */
enum status model_config_load(struct model_spec *out,
                              struct model_config *config, const char *path,
                              const struct config_setting *settings,
                              size_t n_settings, struct error *err) MUST_CHECK;

/* The `routing.*` settings of a model that has weights, called `name` in
 * messages.  A dense one is routed by them, with gate one and no router; one
 * that routes by itself keeps its blocks, capacities and gate, and may be given
 * another policy that goes by what it has.  *policy is its own before, and what
 * holds after; replay[CONFIG_TEXT_SIZE] becomes the trace's path or "", and
 * table[] that of the table, if one is given.
 * STATUS_BAD_VALUE: any other setting, by name. */
enum status model_config_route(struct model_spec *spec,
                               const struct route_policy **policy,
                               char *replay, char *table, const char *name,
                               const struct config_setting *settings,
                               size_t n_settings,
                               struct error *err) MUST_CHECK;

/* All the `routing.*` settings, on a dense model called `name` in messages, as if
 * it had been trained so: routers and gates as a model file has them, but gate
 * one where the policy goes by no score and none is set, as
 * model_config_route().  *policy is what chooses then.  STATUS_BAD_VALUE: any
 * other setting, by name. */
enum status model_config_suppose(struct model_spec *spec,
                                 const struct route_policy **policy,
                                 const char *name,
                                 const struct config_setting *settings,
                                 size_t n_settings,
                                 struct error *err) MUST_CHECK;

#endif
