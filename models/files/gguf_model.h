/* gguf_model.h - Read models from GGUF files, of the architectures that
 * gguf_class.c lists, with weights of the types of number.h.
 *
 * Nothing is ignored that could change the arithmetic: a key of the architecture
 * that this reader does not know (expert_count, attention.sliding_window, ...) is
 * refused by name, unless its value is the one that means "none", and so is a
 * tensor it has no use for (one bias of three, experts, ...).  Where
 * transformers and llama.cpp differ, the arithmetic is that of transformers,
 * which models are trained by: GPT-NeoX' exact GELU, Phi-3's window. */
#ifndef GGUF_MODEL_H
#define GGUF_MODEL_H

#include "models/files/gguf.h"
#include "models/executor/model.h"

/* The shape alone, once every tensor that it calls for is there;
 * STATUS_BAD_VALUE or BAD_FORMAT name file and key or tensor. */
enum status gguf_model_spec(struct model_spec *out, const struct gguf *file,
                            struct error *err) MUST_CHECK;

/* The spec keeps its matrices as the file stores them. */
enum status gguf_model_keep(struct model_spec *spec, const struct gguf *file,
                            struct error *err) MUST_CHECK;

/* Fill a model that was opened with that spec, or with one of its shape; every
 * tensor must be there, in the right shape. */
enum status gguf_model_import(struct model *model, const struct gguf *file,
                              struct error *err) MUST_CHECK;

/* The i-th architecture that is read; NULL: behind the last. */
const char *gguf_model_architecture(int i);

#endif
