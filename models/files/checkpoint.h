/* checkpoint.h - Read and write models in files of Hugging Face's names and
 * layout, which other programs load. */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include "models/files/hf_config.h"
#include "models/executor/model.h"

/* DIR/model.safetensors and DIR/config.json.  Dense parts have the names,
 * shapes and orientation of GPT2LMHeadModel or LlamaForCausalLM; a routed layer
 * adds "...mod_router.weight" [1,C].  Each file appears whole or not at all. */
enum status checkpoint_export(struct model *model,
                              const struct route_policy *policy,
                              const char *directory,
                              struct error *err) MUST_CHECK;

/* Clear spec->tied_head, and say so, where the config ties the head but the files
 * hold one that is not the embedding: the files are what was trained, and
 * transformers does likewise. */
enum status checkpoint_untie(struct model_spec *spec, const char *directory,
                             struct error *err) MUST_CHECK;

/* The same, and check that DIR's files hold every tensor that the spec calls for,
 * in the right shape; call it before memory for them is taken, since a config may
 * claim any size.  STATUS_BAD_FORMAT names file and tensor. */
enum status checkpoint_check(struct model_spec *spec, const char *directory,
                             struct error *err) MUST_CHECK;

/* Fill a model that was opened with the spec of DIR/config.json, from one file
 * or from the shards of an index (shards.h).  Every tensor must be there in the
 * right shape, with or without the prefix "transformer." or "model."; of a tied
 * head, either tensor will do.  A tensor that the config has no use for is
 * refused, but for buffers that classes used to store (GPT-2's attn.bias and
 * masked_bias, rotary_emb.inv_freq) and a twin's routers.  `routing` says what
 * hf_config_read() found: if nothing is routed there, the model may be, and its
 * routers stay as they are.  STATUS_BAD_FORMAT or BAD_VALUE name file and
 * tensor. */
enum status checkpoint_import(struct model *model, const char *directory,
                              const struct hf_routing *routing,
                              struct error *err) MUST_CHECK;

/* The spec keeps its matrices as the files of DIR store them. */
enum status checkpoint_keep(struct model_spec *spec, const char *directory,
                            struct error *err) MUST_CHECK;

/* The name under which a tensor stands in those files, or its first part. */
enum { CHECKPOINT_NAME_SIZE = 96 };
void checkpoint_name(char out[CHECKPOINT_NAME_SIZE],
                     const struct model_spec *spec,
                     const struct tensor *tensor);

#endif
