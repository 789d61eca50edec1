/* hf_class.h - List the classes of transformers that the executor computes. */
#ifndef HF_CLASS_H
#define HF_CLASS_H

#include <stdbool.h>
#include "sim/core/base/error.h"
#include "sim/core/model/spec.h"

/* Two vocabularies of keys and tensors; every class uses one of them. */
enum hf_names { HF_NAMES_GPT2, HF_NAMES_LLAMA };

enum { HF_CLASS_NEEDS = 2 };

struct hf_class {
    const char   *type;          /* model_type */
    const char   *head, *body;   /* architectures: as written; without a head */
    enum family   family;
    enum hf_names names;
    /* Keys that must be given, since the class assumes a number in silence
     * where they are not: 8 or 32 key/value heads, heads of 128 (MistralConfig,
     * Qwen2Config, Qwen3Config). */
    const char   *needs[HF_CLASS_NEEDS];
    bool          priced;        /* isobath predict takes it and nothing else:
                                  * of what changes values and no cost, nothing
                                  * is refused */
};

extern const char hf_class_types[];      /* "gpt2, llama, ..." */
extern const char hf_class_priced[];     /* those that are priced alone */

/* NULL: none of that model_type. */
const struct hf_class *hf_class_find(const char *type);

/* The vocabulary that the classes of the spec's family use for keys and
 * tensors; every family has a class. */
enum hf_names hf_names_of(const struct model_spec *spec);

/* The first class with the spec's traits, which is the one that is written.
 * STATUS_BAD_VALUE: no class has them, and `name` cannot be written. */
enum status hf_class_of(const struct hf_class **out,
                        const struct model_spec *spec, const char *name,
                        struct error *err) MUST_CHECK;

#endif
