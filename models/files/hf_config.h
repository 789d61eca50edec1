/* hf_config.h - Read and write a model's shape as the config.json of Hugging
 * Face.
 *
 * gpt2 is written as GPT2LMHeadModel, llama as LlamaForCausalLM, qwen2 and
 * qwen3 as Qwen2ForCausalLM and Qwen3ForCausalLM (hf_class.h): the dense parts
 * load in transformers.  What those do not know stands in one object that they
 * pass over:
 *   "isobath": {"blocks": [1, 3], "capacity": [0.125, 0.125],
 *               "policy": "expert_choice", "gate": "2*sigmoid",
 *               "router_input": "normalised", "router_scores": true,
 *               "router_trained": true, "thresholds": [0.31, 0.28]}
 * blocks are the routed layers from 0, with one capacity and threshold each, with
 * parts apart two thresholds, attention's first; thresholds are null, or of a dense model an empty list, while nobody has kept
 * the running mean of top-k's cut.
 * Where the first tokens are kept in any case, "keep_first" says how many; where
 * no gradient passes a frozen router's score, "router_detached" is true, and
 * where skipped tokens are gated, "bypass_gated", and where the gate takes what a
 * block gives, "gates_output"; what the gate is multiplied by,
 * "gate_scale", weights of routers' losses, "aux_loss", "z_loss" and "balance_loss", and the width of
 * predictors, "predictor", stand there unless they are 0; the routed part,
 * "part", unless it is the block; the keys of skipped tokens, "skipped_keys",
 * unless they are absent.
 *
 * A file without that object is dense.  hf_class.c lists the classes that are
 * read, and what each may have: windows, layers without positions, biases,
 * factors, caps, heads that are turned in part; of rope_scaling, the types
 * dynamic, linear, llama3, yarn and longrope are.  A key that changes
 * the arithmetic in a way the executor does not have (hidden_act, other scalings
 * and biases, ...) is refused by name; others (dropout, token ids, ...) are passed
 * over. */
#ifndef HF_CONFIG_H
#define HF_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include "sim/core/base/error.h"
#include "sim/core/model/plan.h"
#include "sim/core/model/route.h"
#include "sim/core/model/spec.h"

/* The routing of a trained model, beside its shape. */
struct hf_routing {
    const struct route_policy *policy;     /* of its training; never NULL */
    bool  has_thresholds;
    float threshold[PLAN_MAX_CHOICES];       /* of the choices that routed
                                              * layers make (plan.h) */
};

struct hf_class;                 /* hf_class.h */
/* The class that a config.json of the shape names; STATUS_BAD_VALUE: there is
 * none that holds it.  `name` is for messages. */
enum status hf_config_holds(const struct hf_class **out,
                            const struct model_spec *spec, const char *name,
                            struct error *err) MUST_CHECK;

/* STATUS_BAD_VALUE: a spec or thresholds (finite) that no reader would take. */
enum status hf_config_write(const char *path, const struct model_spec *spec,
                            const struct hf_routing *routing,
                            struct error *err) MUST_CHECK;

/* `routing` may be NULL.  STATUS_BAD_FORMAT: not JSON, or of the wrong shape;
 * STATUS_BAD_VALUE: a value that is not supported, and what is.  Both name file
 * and key and leave *spec and *routing alone. */
enum status hf_config_read(struct model_spec *spec, struct hf_routing *routing,
                           const char *path, struct error *err) MUST_CHECK;

/* The same for text in memory; `name` is for messages. */
enum status hf_config_parse(struct model_spec *spec, struct hf_routing *routing,
                            const char *text, size_t size, const char *name,
                            struct error *err) MUST_CHECK;

#endif
