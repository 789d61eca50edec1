/* hf_tensors.c - Name the tensors of classes by tables, a row a tensor. */
#include "models/files/hf_tensors.h"

#include "models/files/hf_class.h"

#define PLAIN  HF_PLAIN
#define LINEAR HF_LINEAR
#define VECTOR HF_VECTOR

/* What routed layers have besides, under names of our own. */
#define ROUTED(layer)                                                          \
    { TENSOR_ROUTER, PLAIN(2), layer "mod_router.weight" },                    \
    { TENSOR_PREDICT_UP, LINEAR(ALL), layer "mod_predictor.up_proj.weight" },  \
    { TENSOR_PREDICT_UP_BIAS, PLAIN(1), layer "mod_predictor.up_proj.bias" },  \
    { TENSOR_PREDICT_DOWN, LINEAR(ALL),                                        \
      layer "mod_predictor.down_proj.weight" },                                \
    { TENSOR_PREDICT_DOWN_BIAS, PLAIN(1),                                      \
      layer "mod_predictor.down_proj.bias" }

#define LAYER "model.layers.%d."
#define QKV(layer, kind, form)                                                 \
    { TENSOR_##kind(Q), layer "self_attn.q_proj." form },                      \
    { TENSOR_##kind(K), layer "self_attn.k_proj." form },                      \
    { TENSOR_##kind(V), layer "self_attn.v_proj." form }
#define TENSOR_WEIGHTS(span) TENSOR_QKV, LINEAR(span)
#define TENSOR_BIASES(span)  TENSOR_QKV_BIAS, VECTOR(span)

/* Llama's, which classes of experts have too. */
#define LLAMA_ROWS                                                             \
    { TENSOR_WTE, PLAIN(2), "model.embed_tokens.weight" },                     \
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },                               \
    { TENSOR_FINAL_GAMMA, PLAIN(1), "model.norm.weight" },                     \
    { TENSOR_NORM1_GAMMA, PLAIN(1), LAYER "input_layernorm.weight" },          \
    QKV(LAYER, WEIGHTS, "weight"),                                             \
    QKV(LAYER, BIASES, "bias"),                                                \
    { TENSOR_QUERY_GAMMA, PLAIN(1), LAYER "self_attn.q_norm.weight" },         \
    { TENSOR_KEY_GAMMA, PLAIN(1), LAYER "self_attn.k_norm.weight" },           \
    { TENSOR_PROJECT, LINEAR(ALL), LAYER "self_attn.o_proj.weight" },          \
    { TENSOR_NORM2_GAMMA, PLAIN(1),                                            \
      LAYER "post_attention_layernorm.weight" },                               \
    { TENSOR_UP, LINEAR(GATE), LAYER "mlp.gate_proj.weight" },                 \
    { TENSOR_UP, LINEAR(UP), LAYER "mlp.up_proj.weight" },                     \
    { TENSOR_DOWN, LINEAR(ALL), LAYER "mlp.down_proj.weight" },                \
    { TENSOR_ROUTER, PLAIN(2), LAYER "mod_router.weight" },                    \
    { TENSOR_ROUTER_FFN, PLAIN(2), LAYER "mod_router_ffn.weight" },            \
    { TENSOR_PREDICT_UP, LINEAR(ALL),                                          \
      LAYER "mod_predictor.up_proj.weight" },                                  \
    { TENSOR_PREDICT_UP_BIAS, PLAIN(1),                                        \
      LAYER "mod_predictor.up_proj.bias" },                                    \
    { TENSOR_PREDICT_DOWN, LINEAR(ALL),                                        \
      LAYER "mod_predictor.down_proj.weight" },                                \
    { TENSOR_PREDICT_DOWN_BIAS, PLAIN(1),                                      \
      LAYER "mod_predictor.down_proj.bias" },                                  \
    { TENSOR_PREDICT_FFN_UP, LINEAR(ALL),                                      \
      LAYER "mod_predictor_ffn.up_proj.weight" },                              \
    { TENSOR_PREDICT_FFN_UP_BIAS, PLAIN(1),                                    \
      LAYER "mod_predictor_ffn.up_proj.bias" },                                \
    { TENSOR_PREDICT_FFN_DOWN, LINEAR(ALL),                                    \
      LAYER "mod_predictor_ffn.down_proj.weight" },                            \
    { TENSOR_PREDICT_FFN_DOWN_BIAS, PLAIN(1),                                  \
      LAYER "mod_predictor_ffn.down_proj.bias" },                              \
    { TENSOR_PROJECT_BIAS, PLAIN(1), LAYER "self_attn.o_proj.bias" },          \
    { TENSOR_UP_BIAS, VECTOR(GATE), LAYER "mlp.gate_proj.bias" },              \
    { TENSOR_UP_BIAS, VECTOR(UP), LAYER "mlp.up_proj.bias" },                  \
    { TENSOR_DOWN_BIAS, PLAIN(1), LAYER "mlp.down_proj.bias" }

static const struct foreign llama_names[] = {
    LLAMA_ROWS,
    /* Phi-3 has these in the place of their parts: is_wanted() */
    { TENSOR_QKV, LINEAR(ALL), LAYER "self_attn.qkv_proj.weight" },
    { TENSOR_UP, LINEAR(ALL), LAYER "mlp.gate_up_proj.weight" },
    { TENSOR_COUNT, PLAIN(1), NULL },
};

/* One part of an expert each; the second %d is the expert. */
#define EXPERT(part) LAYER part ".%d."

static const struct foreign mixtral_names[] = {
    LLAMA_ROWS,
    { TENSOR_EXPERT_ROUTER, LINEAR(ALL), LAYER "block_sparse_moe.gate.weight" },
    { TENSOR_EXPERT_UP, LINEAR(GATE),
      EXPERT("block_sparse_moe.experts") "w1.weight" },
    { TENSOR_EXPERT_UP, LINEAR(UP),
      EXPERT("block_sparse_moe.experts") "w3.weight" },
    { TENSOR_EXPERT_DOWN, LINEAR(ALL),
      EXPERT("block_sparse_moe.experts") "w2.weight" },
    { TENSOR_COUNT, PLAIN(1), NULL },
};

/* Qwen 2 and 3, OLMoE. */
static const struct foreign moe_names[] = {
    LLAMA_ROWS,
    { TENSOR_EXPERT_ROUTER, LINEAR(ALL), LAYER "mlp.gate.weight" },
    { TENSOR_EXPERT_UP, LINEAR(GATE), EXPERT("mlp.experts") "gate_proj.weight" },
    { TENSOR_EXPERT_UP, LINEAR(UP), EXPERT("mlp.experts") "up_proj.weight" },
    { TENSOR_EXPERT_DOWN, LINEAR(ALL),
      EXPERT("mlp.experts") "down_proj.weight" },
    { TENSOR_SHARED_UP, LINEAR(GATE),
      LAYER "mlp.shared_expert.gate_proj.weight" },
    { TENSOR_SHARED_UP, LINEAR(UP), LAYER "mlp.shared_expert.up_proj.weight" },
    { TENSOR_SHARED_DOWN, LINEAR(ALL),
      LAYER "mlp.shared_expert.down_proj.weight" },
    { TENSOR_SHARED_GATE, PLAIN(2), LAYER "mlp.shared_expert_gate.weight" },
    { TENSOR_COUNT, PLAIN(1), NULL },
};

/* A norm before a part is named for what it follows, but for the first. */
static const struct foreign around_names[] = {
    { TENSOR_WTE, PLAIN(2), "model.embed_tokens.weight" },
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },
    { TENSOR_FINAL_GAMMA, PLAIN(1), "model.norm.weight" },
    { TENSOR_NORM1_GAMMA, PLAIN(1), LAYER "input_layernorm.weight" },
    QKV(LAYER, WEIGHTS, "weight"),
    { TENSOR_QUERY_GAMMA, PLAIN(1), LAYER "self_attn.q_norm.weight" },
    { TENSOR_KEY_GAMMA, PLAIN(1), LAYER "self_attn.k_norm.weight" },
    { TENSOR_PROJECT, LINEAR(ALL), LAYER "self_attn.o_proj.weight" },
    { TENSOR_ADDED1_GAMMA, PLAIN(1), LAYER "post_attention_layernorm.weight" },
    { TENSOR_NORM2_GAMMA, PLAIN(1), LAYER "pre_feedforward_layernorm.weight" },
    { TENSOR_UP, LINEAR(GATE), LAYER "mlp.gate_proj.weight" },
    { TENSOR_UP, LINEAR(UP), LAYER "mlp.up_proj.weight" },
    { TENSOR_DOWN, LINEAR(ALL), LAYER "mlp.down_proj.weight" },
    { TENSOR_ADDED2_GAMMA, PLAIN(1),
      LAYER "post_feedforward_layernorm.weight" },
    ROUTED(LAYER),
    { TENSOR_COUNT, PLAIN(1), NULL },
};

static const struct foreign stablelm_names[] = {
    { TENSOR_WTE, PLAIN(2), "model.embed_tokens.weight" },
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },
    { TENSOR_FINAL_GAMMA, PLAIN(1), "model.norm.weight" },
    { TENSOR_FINAL_BETA, PLAIN(1), "model.norm.bias" },
    { TENSOR_NORM1_GAMMA, PLAIN(1), LAYER "input_layernorm.weight" },
    { TENSOR_NORM1_BETA, PLAIN(1), LAYER "input_layernorm.bias" },
    QKV(LAYER, WEIGHTS, "weight"),
    QKV(LAYER, BIASES, "bias"),
    /* The second %d is the head. */
    { TENSOR_QUERY_GAMMA, PLAIN(1),
      LAYER "self_attn.q_layernorm.norms.%d.weight" },
    { TENSOR_KEY_GAMMA, PLAIN(1),
      LAYER "self_attn.k_layernorm.norms.%d.weight" },
    { TENSOR_PROJECT, LINEAR(ALL), LAYER "self_attn.o_proj.weight" },
    { TENSOR_NORM2_GAMMA, PLAIN(1), LAYER "post_attention_layernorm.weight" },
    { TENSOR_NORM2_BETA, PLAIN(1), LAYER "post_attention_layernorm.bias" },
    { TENSOR_UP, LINEAR(GATE), LAYER "mlp.gate_proj.weight" },
    { TENSOR_UP, LINEAR(UP), LAYER "mlp.up_proj.weight" },
    { TENSOR_DOWN, LINEAR(ALL), LAYER "mlp.down_proj.weight" },
    ROUTED(LAYER),
    { TENSOR_COUNT, PLAIN(1), NULL },
};

static const struct foreign phi_names[] = {
    { TENSOR_WTE, PLAIN(2), "model.embed_tokens.weight" },
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },
    { TENSOR_HEAD_BIAS, PLAIN(1), "lm_head.bias" },
    { TENSOR_FINAL_GAMMA, PLAIN(1), "model.final_layernorm.weight" },
    { TENSOR_FINAL_BETA, PLAIN(1), "model.final_layernorm.bias" },
    { TENSOR_NORM1_GAMMA, PLAIN(1), LAYER "input_layernorm.weight" },
    { TENSOR_NORM1_BETA, PLAIN(1), LAYER "input_layernorm.bias" },
    QKV(LAYER, WEIGHTS, "weight"),
    QKV(LAYER, BIASES, "bias"),
    { TENSOR_PROJECT, LINEAR(ALL), LAYER "self_attn.dense.weight" },
    { TENSOR_PROJECT_BIAS, PLAIN(1), LAYER "self_attn.dense.bias" },
    { TENSOR_UP, LINEAR(ALL), LAYER "mlp.fc1.weight" },
    { TENSOR_UP_BIAS, PLAIN(1), LAYER "mlp.fc1.bias" },
    { TENSOR_DOWN, LINEAR(ALL), LAYER "mlp.fc2.weight" },
    { TENSOR_DOWN_BIAS, PLAIN(1), LAYER "mlp.fc2.bias" },
    ROUTED(LAYER),
    { TENSOR_COUNT, PLAIN(1), NULL },
};

#define OPT "model.decoder.layers.%d."
static const struct foreign opt_names[] = {
    { TENSOR_WTE, PLAIN(2), "model.decoder.embed_tokens.weight" },
    { TENSOR_WPE, PLAIN(2), "model.decoder.embed_positions.weight" },
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },
    { TENSOR_FINAL_GAMMA, PLAIN(1), "model.decoder.final_layer_norm.weight" },
    { TENSOR_FINAL_BETA, PLAIN(1), "model.decoder.final_layer_norm.bias" },
    { TENSOR_NORM1_GAMMA, PLAIN(1), OPT "self_attn_layer_norm.weight" },
    { TENSOR_NORM1_BETA, PLAIN(1), OPT "self_attn_layer_norm.bias" },
    QKV(OPT, WEIGHTS, "weight"),
    QKV(OPT, BIASES, "bias"),
    { TENSOR_PROJECT, LINEAR(ALL), OPT "self_attn.out_proj.weight" },
    { TENSOR_PROJECT_BIAS, PLAIN(1), OPT "self_attn.out_proj.bias" },
    { TENSOR_NORM2_GAMMA, PLAIN(1), OPT "final_layer_norm.weight" },
    { TENSOR_NORM2_BETA, PLAIN(1), OPT "final_layer_norm.bias" },
    { TENSOR_UP, LINEAR(ALL), OPT "fc1.weight" },
    { TENSOR_UP_BIAS, PLAIN(1), OPT "fc1.bias" },
    { TENSOR_DOWN, LINEAR(ALL), OPT "fc2.weight" },
    { TENSOR_DOWN_BIAS, PLAIN(1), OPT "fc2.bias" },
    ROUTED(OPT),
    { TENSOR_COUNT, PLAIN(1), NULL },
};

#define NEOX "gpt_neox.layers.%d."
static const struct foreign neox_names[] = {
    { TENSOR_WTE, PLAIN(2), "gpt_neox.embed_in.weight" },
    { TENSOR_HEAD, PLAIN(2), "embed_out.weight" },
    { TENSOR_FINAL_GAMMA, PLAIN(1), "gpt_neox.final_layer_norm.weight" },
    { TENSOR_FINAL_BETA, PLAIN(1), "gpt_neox.final_layer_norm.bias" },
    { TENSOR_NORM1_GAMMA, PLAIN(1), NEOX "input_layernorm.weight" },
    { TENSOR_NORM1_BETA, PLAIN(1), NEOX "input_layernorm.bias" },
    { TENSOR_QKV, SPAN_ALL, LAYOUT_HEADS, false,
      NEOX "attention.query_key_value.weight" },
    { TENSOR_QKV_BIAS, SPAN_ALL, LAYOUT_HEADS, true,
      NEOX "attention.query_key_value.bias" },
    { TENSOR_PROJECT, LINEAR(ALL), NEOX "attention.dense.weight" },
    { TENSOR_PROJECT_BIAS, PLAIN(1), NEOX "attention.dense.bias" },
    { TENSOR_NORM2_GAMMA, PLAIN(1), NEOX "post_attention_layernorm.weight" },
    { TENSOR_NORM2_BETA, PLAIN(1), NEOX "post_attention_layernorm.bias" },
    { TENSOR_UP, LINEAR(ALL), NEOX "mlp.dense_h_to_4h.weight" },
    { TENSOR_UP_BIAS, PLAIN(1), NEOX "mlp.dense_h_to_4h.bias" },
    { TENSOR_DOWN, LINEAR(ALL), NEOX "mlp.dense_4h_to_h.weight" },
    { TENSOR_DOWN_BIAS, PLAIN(1), NEOX "mlp.dense_4h_to_h.bias" },
    ROUTED(NEOX),
    { TENSOR_COUNT, PLAIN(1), NULL },
};

/* Two norms have their parts' names, one has what it had before there were two. */
#define FALCON "transformer.h.%d."
#define FALCON_ROWS                                                            \
    { TENSOR_WTE, PLAIN(2), "transformer.word_embeddings.weight" },            \
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },                               \
    { TENSOR_FINAL_GAMMA, PLAIN(1), "transformer.ln_f.weight" },               \
    { TENSOR_FINAL_BETA, PLAIN(1), "transformer.ln_f.bias" },                  \
    { TENSOR_QKV, SPAN_ALL, LAYOUT_HEADS, false,                               \
      FALCON "self_attention.query_key_value.weight" },                        \
    { TENSOR_PROJECT, LINEAR(ALL), FALCON "self_attention.dense.weight" },     \
    { TENSOR_UP, LINEAR(ALL), FALCON "mlp.dense_h_to_4h.weight" },             \
    { TENSOR_DOWN, LINEAR(ALL), FALCON "mlp.dense_4h_to_h.weight" },           \
    ROUTED(FALCON)

static const struct foreign falcon_names[] = {
    FALCON_ROWS,
    { TENSOR_NORM1_GAMMA, PLAIN(1), FALCON "input_layernorm.weight" },
    { TENSOR_NORM1_BETA, PLAIN(1), FALCON "input_layernorm.bias" },
    { TENSOR_COUNT, PLAIN(1), NULL },
};

static const struct foreign falcon_names_of_two[] = {
    FALCON_ROWS,
    { TENSOR_NORM1_GAMMA, PLAIN(1), FALCON "ln_attn.weight" },
    { TENSOR_NORM1_BETA, PLAIN(1), FALCON "ln_attn.bias" },
    { TENSOR_NORM2_GAMMA, PLAIN(1), FALCON "ln_mlp.weight" },
    { TENSOR_NORM2_BETA, PLAIN(1), FALCON "ln_mlp.bias" },
    { TENSOR_COUNT, PLAIN(1), NULL },
};

static const struct foreign gpt2_names[] = {
    { TENSOR_WTE, PLAIN(2), "transformer.wte.weight" },
    { TENSOR_WPE, PLAIN(2), "transformer.wpe.weight" },
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },
    { TENSOR_FINAL_GAMMA, PLAIN(1), "transformer.ln_f.weight" },
    { TENSOR_FINAL_BETA, PLAIN(1), "transformer.ln_f.bias" },
    { TENSOR_NORM1_GAMMA, PLAIN(1), "transformer.h.%d.ln_1.weight" },
    { TENSOR_NORM1_BETA, PLAIN(1), "transformer.h.%d.ln_1.bias" },
    { TENSOR_QKV, PLAIN(2), "transformer.h.%d.attn.c_attn.weight" },
    { TENSOR_QKV_BIAS, PLAIN(1), "transformer.h.%d.attn.c_attn.bias" },
    { TENSOR_PROJECT, PLAIN(2), "transformer.h.%d.attn.c_proj.weight" },
    { TENSOR_PROJECT_BIAS, PLAIN(1), "transformer.h.%d.attn.c_proj.bias" },
    { TENSOR_NORM2_GAMMA, PLAIN(1), "transformer.h.%d.ln_2.weight" },
    { TENSOR_NORM2_BETA, PLAIN(1), "transformer.h.%d.ln_2.bias" },
    { TENSOR_UP, PLAIN(2), "transformer.h.%d.mlp.c_fc.weight" },
    { TENSOR_UP_BIAS, PLAIN(1), "transformer.h.%d.mlp.c_fc.bias" },
    { TENSOR_DOWN, PLAIN(2), "transformer.h.%d.mlp.c_proj.weight" },
    { TENSOR_DOWN_BIAS, PLAIN(1), "transformer.h.%d.mlp.c_proj.bias" },
    { TENSOR_ROUTER, PLAIN(2), "transformer.h.%d.mod_router.weight" },
    { TENSOR_ROUTER_FFN, PLAIN(2), "transformer.h.%d.mod_router_ffn.weight" },
    { TENSOR_PREDICT_UP, PLAIN(2),
      "transformer.h.%d.mod_predictor.c_fc.weight" },
    { TENSOR_PREDICT_UP_BIAS, PLAIN(1),
      "transformer.h.%d.mod_predictor.c_fc.bias" },
    { TENSOR_PREDICT_DOWN, PLAIN(2),
      "transformer.h.%d.mod_predictor.c_proj.weight" },
    { TENSOR_PREDICT_DOWN_BIAS, PLAIN(1),
      "transformer.h.%d.mod_predictor.c_proj.bias" },
    { TENSOR_PREDICT_FFN_UP, PLAIN(2),
      "transformer.h.%d.mod_predictor_ffn.c_fc.weight" },
    { TENSOR_PREDICT_FFN_UP_BIAS, PLAIN(1),
      "transformer.h.%d.mod_predictor_ffn.c_fc.bias" },
    { TENSOR_PREDICT_FFN_DOWN, PLAIN(2),
      "transformer.h.%d.mod_predictor_ffn.c_proj.weight" },
    { TENSOR_PREDICT_FFN_DOWN_BIAS, PLAIN(1),
      "transformer.h.%d.mod_predictor_ffn.c_proj.bias" },
    { TENSOR_COUNT, PLAIN(1), NULL },
};

static const struct foreign starcoder2_names[] = {
    { TENSOR_WTE, PLAIN(2), "model.embed_tokens.weight" },
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },
    { TENSOR_FINAL_GAMMA, PLAIN(1), "model.norm.weight" },
    { TENSOR_FINAL_BETA, PLAIN(1), "model.norm.bias" },
    { TENSOR_NORM1_GAMMA, PLAIN(1), "model.layers.%d.input_layernorm.weight" },
    { TENSOR_NORM1_BETA, PLAIN(1), "model.layers.%d.input_layernorm.bias" },
    { TENSOR_QKV, LINEAR(Q), "model.layers.%d.self_attn.q_proj.weight" },
    { TENSOR_QKV, LINEAR(K), "model.layers.%d.self_attn.k_proj.weight" },
    { TENSOR_QKV, LINEAR(V), "model.layers.%d.self_attn.v_proj.weight" },
    { TENSOR_QKV_BIAS, VECTOR(Q), "model.layers.%d.self_attn.q_proj.bias" },
    { TENSOR_QKV_BIAS, VECTOR(K), "model.layers.%d.self_attn.k_proj.bias" },
    { TENSOR_QKV_BIAS, VECTOR(V), "model.layers.%d.self_attn.v_proj.bias" },
    { TENSOR_PROJECT, LINEAR(ALL), "model.layers.%d.self_attn.o_proj.weight" },
    { TENSOR_PROJECT_BIAS, PLAIN(1), "model.layers.%d.self_attn.o_proj.bias" },
    { TENSOR_NORM2_GAMMA, PLAIN(1),
      "model.layers.%d.post_attention_layernorm.weight" },
    { TENSOR_NORM2_BETA, PLAIN(1),
      "model.layers.%d.post_attention_layernorm.bias" },
    { TENSOR_UP, LINEAR(ALL), "model.layers.%d.mlp.c_fc.weight" },
    { TENSOR_UP_BIAS, PLAIN(1), "model.layers.%d.mlp.c_fc.bias" },
    { TENSOR_DOWN, LINEAR(ALL), "model.layers.%d.mlp.c_proj.weight" },
    { TENSOR_DOWN_BIAS, PLAIN(1), "model.layers.%d.mlp.c_proj.bias" },
    { TENSOR_ROUTER, PLAIN(2), "model.layers.%d.mod_router.weight" },
    { TENSOR_ROUTER_FFN, PLAIN(2), "model.layers.%d.mod_router_ffn.weight" },
    { TENSOR_PREDICT_UP, LINEAR(ALL),
      "model.layers.%d.mod_predictor.up_proj.weight" },
    { TENSOR_PREDICT_UP_BIAS, PLAIN(1),
      "model.layers.%d.mod_predictor.up_proj.bias" },
    { TENSOR_PREDICT_DOWN, LINEAR(ALL),
      "model.layers.%d.mod_predictor.down_proj.weight" },
    { TENSOR_PREDICT_DOWN_BIAS, PLAIN(1),
      "model.layers.%d.mod_predictor.down_proj.bias" },
    { TENSOR_PREDICT_FFN_UP, LINEAR(ALL),
      "model.layers.%d.mod_predictor_ffn.up_proj.weight" },
    { TENSOR_PREDICT_FFN_UP_BIAS, PLAIN(1),
      "model.layers.%d.mod_predictor_ffn.up_proj.bias" },
    { TENSOR_PREDICT_FFN_DOWN, LINEAR(ALL),
      "model.layers.%d.mod_predictor_ffn.down_proj.weight" },
    { TENSOR_PREDICT_FFN_DOWN_BIAS, PLAIN(1),
      "model.layers.%d.mod_predictor_ffn.down_proj.bias" },
    { TENSOR_COUNT, PLAIN(1), NULL },
};

const struct foreign *hf_tensors_of(const struct model_spec *spec)
{
    const enum hf_names of = hf_names_of(spec);
    static const struct foreign *const names[] = {
        [HF_NAMES_GPT2] = gpt2_names,
        [HF_NAMES_LLAMA] = llama_names,
        [HF_NAMES_MIXTRAL] = mixtral_names,
        [HF_NAMES_MOE] = moe_names,
        [HF_NAMES_STARCODER2] = starcoder2_names,
        [HF_NAMES_GEMMA1] = llama_names,
        [HF_NAMES_GEMMA] = around_names,
        [HF_NAMES_OLMO2] = around_names,
        [HF_NAMES_NEOX] = neox_names,
        [HF_NAMES_FALCON] = falcon_names,
        [HF_NAMES_STABLELM] = stablelm_names,
        [HF_NAMES_PHI] = phi_names,
        [HF_NAMES_OPT] = opt_names,
    };
    return names[of] == falcon_names &&
                   spec->traits.parallel == PARALLEL_NORMS
               ? falcon_names_of_two : names[of];
}

const char *hf_tensors_prefix(const struct model_spec *spec)
{
    switch ((int)hf_names_of(spec)) {
    case HF_NAMES_GPT2:
    case HF_NAMES_FALCON: return "transformer.";
    case HF_NAMES_NEOX: return "gpt_neox.";
    default:            return "model.";
    }
}

const char *hf_tensors_head(const struct model_spec *spec)
{
    return hf_names_of(spec) == HF_NAMES_NEOX ? "embed_out.weight"
                                              : "lm_head.weight";
}
