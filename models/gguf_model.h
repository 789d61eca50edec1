/* gguf_model.h - models in GGUF files: the architectures llama (which Mistral's
 * files use too) and gpt2, with weights of the types of number.h.
 *
 * Nothing is ignored that could change the arithmetic: a key of the
 * architecture that this reader does not know (rope.scaling.*, expert_count,
 * attention.sliding_window, ...) is refused by name, unless its value is the
 * one that means "none", and so is a tensor it has no use for (biases of
 * queries, rope_freqs.weight, experts, ...). */
#ifndef GGUF_MODEL_H
#define GGUF_MODEL_H

#include "models/gguf.h"
#include "models/model.h"

/* The shape alone; STATUS_BAD_VALUE or BAD_FORMAT name file and key. */
enum status gguf_model_spec(struct model_spec *out, const struct gguf *file,
                            struct error *err) MUST_CHECK;

/* The spec keeps its matrices as the file stores them. */
enum status gguf_model_keep(struct model_spec *spec, const struct gguf *file,
                            struct error *err) MUST_CHECK;

/* Fill a model that was opened with that spec, or with one of its shape; every
 * tensor must be there, in the right shape. */
enum status gguf_model_import(struct model *model, const struct gguf *file,
                              struct error *err) MUST_CHECK;

#endif
