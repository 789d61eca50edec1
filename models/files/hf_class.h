/* hf_class.h - List the classes of transformers that the executor computes. */
#ifndef HF_CLASS_H
#define HF_CLASS_H

#include <stdbool.h>
#include "sim/core/base/error.h"
#include "sim/core/model/spec.h"

/* Vocabularies of keys and tensors; every class uses one of them. */
enum hf_names { HF_NAMES_GPT2, HF_NAMES_LLAMA, HF_NAMES_STARCODER2,
                HF_NAMES_GEMMA1, HF_NAMES_GEMMA, HF_NAMES_OLMO2,
                HF_NAMES_NEOX, HF_NAMES_FALCON, HF_NAMES_STABLELM, HF_NAMES_PHI,
                HF_NAMES_OPT,
                HF_NAMES_MIXTRAL, HF_NAMES_MOE };

/* What a class makes of the key sliding_window. */
enum hf_window {
    HF_WINDOW_NONE,              /* it has none */
    HF_WINDOW_GIVEN,             /* every layer has it, unless it is null */
    HF_WINDOW_USED,              /* the layers that layer_types names, or those
                                  * from max_window_layers on, where
                                  * use_sliding_window is true */
    HF_WINDOW_PATTERN,           /* the layers that layer_types names, or all but
                                  * every so many-th */
};

/* What a class makes of feed-forward parts. */
enum hf_experts {
    HF_EXPERTS_NONE,             /* there is one */
    HF_EXPERTS_NORMALISED,       /* experts, whose weights sum to 1 */
    HF_EXPERTS_EITHER,           /* as norm_topk_prob says */
    HF_EXPERTS_SHARED,           /* likewise, with one that all enter, gated */
};

enum { HF_CLASS_NEEDS = 2, HF_CLASS_CAPS = 2 };

struct hf_class {
    const char   *type;          /* model_type */
    const char   *head, *body;   /* architectures: as written; without a head */
    enum family   family;
    enum hf_names names;
    /* Keys that must be given, since the class assumes a number in silence
     * where they are not: 8 or 32 key/value heads, heads of 128 (MistralConfig,
     * Qwen2Config, Qwen3Config). */
    const char   *needs[HF_CLASS_NEEDS];
    enum hf_window window;
    int32_t       usual_window;  /* of a file that does not have the key; 0:
                                  * none */
    bool          biases;        /* attention_bias and mlp_bias may be true */
    bool          factors;       /* embedding_multiplier and the like */
    bool          skips_positions;   /* no_rope_layers */
    bool          tied;          /* a file without tie_word_embeddings has one
                                  * matrix, whatever its vocabulary's others */
    int32_t       window_step;   /* of a pattern, where no key says it */
    const char   *rotary_share;  /* the key that says how much of a head is
                                  * turned; NULL: all of it */
    const char   *usual_share;   /* JSON, of a file without that key */
    unsigned      parallel;      /* places for parts that a file may ask for, a
                                  * bit for each enum parallel; 0: the
                                  * family's */
    bool          scaled;        /* embeddings and norms' scales are as Gemma has
                                  * them (hf_parts.c) */
    const char   *usual_cap[HF_CLASS_CAPS];   /* JSON: of scores, of logits; "":
                                  * none; NULL: the class has no key for them,
                                  * nor one for the scale of scores */
    bool          local;         /* windowed layers have a base of their own */
    bool          norms_heads;   /* qk_layernorm may be true: heads of queries and
                                  * keys are normalised */
    float         norm_epsilon;  /* that the class has no key for; 0: it has */
    enum hf_experts experts;
    bool          norms_rows;    /* of queries and of keys, all heads together */
    bool          priced;        /* isobath predict takes it and nothing else:
                                  * of what changes values and no cost, nothing
                                  * is refused */
};

extern const char hf_class_types[];      /* "gpt2, llama, ..." */
extern const char hf_class_priced[];     /* those that are priced alone */

/* The i-th class; NULL: behind the last. */
const struct hf_class *hf_class_at(int i);
/* NULL: none of that model_type. */
const struct hf_class *hf_class_find(const char *type);

/* Those of its family, and what else it has. */
struct traits hf_class_traits(const struct hf_class *class);

/* The factors that weights take up when a file of the class is read, and give
 * back when it is written. */
struct folding hf_class_folding(const struct hf_class *class,
                                const struct model_spec *spec);

/* The vocabulary that the classes of the spec's family use for keys and
 * tensors; every family has a class. */
enum hf_names hf_names_of(const struct model_spec *spec);

/* The first class with the spec's traits, which is the one that is written.
 * STATUS_BAD_VALUE: no class has them, and `name` cannot be written. */
enum status hf_class_of(const struct hf_class **out,
                        const struct model_spec *spec, const char *name,
                        struct error *err) MUST_CHECK;

#endif
