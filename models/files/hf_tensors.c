/* hf_tensors.c - Name the tensors of classes by tables, a row a tensor. */
#include "models/files/hf_tensors.h"

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
#define QKV(kind, form)                                                        \
    { TENSOR_##kind(Q), LAYER "self_attn.q_proj." form },                      \
    { TENSOR_##kind(K), LAYER "self_attn.k_proj." form },                      \
    { TENSOR_##kind(V), LAYER "self_attn.v_proj." form }
#define TENSOR_WEIGHTS(span) TENSOR_QKV, LINEAR(span)
#define TENSOR_BIASES(span)  TENSOR_QKV_BIAS, VECTOR(span)

/* A norm before a part is named for what it follows, but for the first. */
const struct foreign hf_tensors_around[] = {
    { TENSOR_WTE, PLAIN(2), "model.embed_tokens.weight" },
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },
    { TENSOR_FINAL_GAMMA, PLAIN(1), "model.norm.weight" },
    { TENSOR_NORM1_GAMMA, PLAIN(1), LAYER "input_layernorm.weight" },
    QKV(WEIGHTS, "weight"),
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

const struct foreign hf_tensors_stablelm[] = {
    { TENSOR_WTE, PLAIN(2), "model.embed_tokens.weight" },
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },
    { TENSOR_FINAL_GAMMA, PLAIN(1), "model.norm.weight" },
    { TENSOR_FINAL_BETA, PLAIN(1), "model.norm.bias" },
    { TENSOR_NORM1_GAMMA, PLAIN(1), LAYER "input_layernorm.weight" },
    { TENSOR_NORM1_BETA, PLAIN(1), LAYER "input_layernorm.bias" },
    QKV(WEIGHTS, "weight"),
    QKV(BIASES, "bias"),
    { TENSOR_PROJECT, LINEAR(ALL), LAYER "self_attn.o_proj.weight" },
    { TENSOR_NORM2_GAMMA, PLAIN(1), LAYER "post_attention_layernorm.weight" },
    { TENSOR_NORM2_BETA, PLAIN(1), LAYER "post_attention_layernorm.bias" },
    { TENSOR_UP, LINEAR(GATE), LAYER "mlp.gate_proj.weight" },
    { TENSOR_UP, LINEAR(UP), LAYER "mlp.up_proj.weight" },
    { TENSOR_DOWN, LINEAR(ALL), LAYER "mlp.down_proj.weight" },
    ROUTED(LAYER),
    { TENSOR_COUNT, PLAIN(1), NULL },
};

const struct foreign hf_tensors_phi[] = {
    { TENSOR_WTE, PLAIN(2), "model.embed_tokens.weight" },
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },
    { TENSOR_HEAD_BIAS, PLAIN(1), "lm_head.bias" },
    { TENSOR_FINAL_GAMMA, PLAIN(1), "model.final_layernorm.weight" },
    { TENSOR_FINAL_BETA, PLAIN(1), "model.final_layernorm.bias" },
    { TENSOR_NORM1_GAMMA, PLAIN(1), LAYER "input_layernorm.weight" },
    { TENSOR_NORM1_BETA, PLAIN(1), LAYER "input_layernorm.bias" },
    QKV(WEIGHTS, "weight"),
    QKV(BIASES, "bias"),
    { TENSOR_PROJECT, LINEAR(ALL), LAYER "self_attn.dense.weight" },
    { TENSOR_PROJECT_BIAS, PLAIN(1), LAYER "self_attn.dense.bias" },
    { TENSOR_UP, LINEAR(ALL), LAYER "mlp.fc1.weight" },
    { TENSOR_UP_BIAS, PLAIN(1), LAYER "mlp.fc1.bias" },
    { TENSOR_DOWN, LINEAR(ALL), LAYER "mlp.fc2.weight" },
    { TENSOR_DOWN_BIAS, PLAIN(1), LAYER "mlp.fc2.bias" },
    ROUTED(LAYER),
    { TENSOR_COUNT, PLAIN(1), NULL },
};

#define NEOX "gpt_neox.layers.%d."
const struct foreign hf_tensors_neox[] = {
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
