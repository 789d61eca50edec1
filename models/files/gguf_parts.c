/* gguf_parts.c - Name the tensors of GGUF files: one vocabulary, of which an
 * architecture uses what it has (gguf-py/gguf/constants.py of
 * github.com/ggml-org/llama.cpp, MODEL_TENSOR). */
#include "models/files/gguf_parts.h"

#include <inttypes.h>
#include <stdio.h>

#define PART(id, span, ...) { TENSOR_##id, SPAN_##span, __VA_ARGS__ }
#define MATRIX(id, span, name) PART(id, span, false, name, false, false)
#define VECTOR(id, span, name) PART(id, span, true, name, false, false)
#define EACH(id, span, name)   PART(id, span, false, name, true, false)
#define TWO(id, name)          PART(id, ALL, true, name, false, true)

const struct gguf_part gguf_parts[] = {
    MATRIX(WTE, ALL, "token_embd.weight"),
    MATRIX(WPE, ALL, "position_embd.weight"),
    MATRIX(HEAD, ALL, "output.weight"),
    VECTOR(HEAD_BIAS, ALL, "output.bias"),
    VECTOR(FINAL_GAMMA, ALL, "output_norm.weight"),
    VECTOR(FINAL_BETA, ALL, "output_norm.bias"),
    VECTOR(NORM1_GAMMA, ALL, "blk.%d.attn_norm.weight"),
    VECTOR(NORM1_BETA, ALL, "blk.%d.attn_norm.bias"),
    TWO(NORM1_GAMMA, "blk.%d.attn_norm_2.weight"),
    TWO(NORM1_BETA, "blk.%d.attn_norm_2.bias"),
    TWO(NORM2_GAMMA, "blk.%d.attn_norm.weight"),
    TWO(NORM2_BETA, "blk.%d.attn_norm.bias"),
    MATRIX(QKV, ALL, "blk.%d.attn_qkv.weight"),
    VECTOR(QKV_BIAS, ALL, "blk.%d.attn_qkv.bias"),
    MATRIX(QKV, Q, "blk.%d.attn_q.weight"),
    MATRIX(QKV, K, "blk.%d.attn_k.weight"),
    MATRIX(QKV, V, "blk.%d.attn_v.weight"),
    VECTOR(QKV_BIAS, Q, "blk.%d.attn_q.bias"),
    VECTOR(QKV_BIAS, K, "blk.%d.attn_k.bias"),
    VECTOR(QKV_BIAS, V, "blk.%d.attn_v.bias"),
    VECTOR(QUERY_GAMMA, ALL, "blk.%d.attn_q_norm.weight"),
    VECTOR(KEY_GAMMA, ALL, "blk.%d.attn_k_norm.weight"),
    MATRIX(PROJECT, ALL, "blk.%d.attn_output.weight"),
    VECTOR(PROJECT_BIAS, ALL, "blk.%d.attn_output.bias"),
    VECTOR(ADDED1_GAMMA, ALL, "blk.%d.post_attention_norm.weight"),
    VECTOR(NORM2_GAMMA, ALL, "blk.%d.ffn_norm.weight"),
    VECTOR(NORM2_BETA, ALL, "blk.%d.ffn_norm.bias"),
    MATRIX(UP, GATE, "blk.%d.ffn_gate.weight"),
    MATRIX(UP, UP, "blk.%d.ffn_up.weight"),
    MATRIX(UP, ALL, "blk.%d.ffn_up.weight"),
    VECTOR(UP_BIAS, GATE, "blk.%d.ffn_gate.bias"),
    VECTOR(UP_BIAS, UP, "blk.%d.ffn_up.bias"),
    VECTOR(UP_BIAS, ALL, "blk.%d.ffn_up.bias"),
    MATRIX(DOWN, ALL, "blk.%d.ffn_down.weight"),
    VECTOR(DOWN_BIAS, ALL, "blk.%d.ffn_down.bias"),
    VECTOR(ADDED2_GAMMA, ALL, "blk.%d.post_ffw_norm.weight"),
    MATRIX(EXPERT_ROUTER, ALL, "blk.%d.ffn_gate_inp.weight"),
    MATRIX(EXPERT_UP, GATE, "blk.%d.ffn_gate_exps.weight"),
    MATRIX(EXPERT_UP, UP, "blk.%d.ffn_up_exps.weight"),
    MATRIX(EXPERT_DOWN, ALL, "blk.%d.ffn_down_exps.weight"),
    /* Until April 2024 (llama.cpp, pull request 6387). */
    EACH(EXPERT_UP, GATE, "blk.%d.ffn_gate.%d.weight"),
    EACH(EXPERT_UP, UP, "blk.%d.ffn_up.%d.weight"),
    EACH(EXPERT_DOWN, ALL, "blk.%d.ffn_down.%d.weight"),
    MATRIX(SHARED_UP, GATE, "blk.%d.ffn_gate_shexp.weight"),
    MATRIX(SHARED_UP, UP, "blk.%d.ffn_up_shexp.weight"),
    MATRIX(SHARED_DOWN, ALL, "blk.%d.ffn_down_shexp.weight"),
    VECTOR(SHARED_GATE, ALL, "blk.%d.ffn_gate_inp_shexp.weight"),
    { .name = NULL },
};

/* The names hold at most two %d each: the table above says so. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
void gguf_part_name(char out[GGUF_MAX_NAME + 1], const struct gguf_part *part,
                    int32_t layer, int32_t expert)
{
    snprintf(out, GGUF_MAX_NAME + 1, part->name, layer, expert);
}
#pragma GCC diagnostic pop

enum layout gguf_part_layout(const struct gguf_class *class,
                             const struct gguf_part *part)
{
    const bool heads = part->span == SPAN_Q || part->span == SPAN_K;

    switch ((int)part->id) {
    case TENSOR_QKV:
        return heads ? class->heads : LAYOUT_LINEAR;
    case TENSOR_QKV_BIAS:
        return heads && class->heads == LAYOUT_PAIRS ? LAYOUT_PAIRS
                                                     : LAYOUT_SAME;
    case TENSOR_PROJECT:
    case TENSOR_UP:
    case TENSOR_DOWN:
    case TENSOR_EXPERT_ROUTER:
    case TENSOR_EXPERT_UP:
    case TENSOR_EXPERT_DOWN:
    case TENSOR_SHARED_UP:
    case TENSOR_SHARED_DOWN:
        return LAYOUT_LINEAR;
    default:
        return LAYOUT_SAME;
    }
}

/* A part of experts stands in a tensor of each, or in one of all. */
static bool is_apart(const struct gguf *file, const struct gguf_part *part,
                     int32_t layer)
{
    char name[GGUF_MAX_NAME + 1];

    for (const struct gguf_part *p = gguf_parts; p->name; p++)
        if (p->each && p->id == part->id && p->span == part->span) {
            gguf_part_name(name, p, layer, 0);
            return gguf_find(file, name) != NULL;
        }
    return false;
}

static bool is_norm(enum tensor_id id)
{
    return id == TENSOR_NORM1_GAMMA || id == TENSOR_NORM1_BETA ||
           id == TENSOR_NORM2_GAMMA || id == TENSOR_NORM2_BETA;
}

/* Queries, keys and values stand in one tensor or in three; of heads whose rows
 * are in another order, in three.  Gate and up are as the architecture has
 * them. */
bool gguf_part_wanted(const struct gguf_class *class,
                      const struct model_spec *spec, const struct gguf *file,
                      const struct gguf_part *part, int32_t layer)
{
    const bool qkv = part->id == TENSOR_QKV || part->id == TENSOR_QKV_BIAS;
    const bool up = part->id == TENSOR_UP || part->id == TENSOR_UP_BIAS;
    char name[GGUF_MAX_NAME + 1];
    bool whole = up && (class->gate_up || !spec_gated(spec));

    if (tensor_outside(part->id) != (layer < 0))
        return false;
    for (const struct gguf_part *p = gguf_parts; qkv && p->name; p++)
        if (p->id == part->id && p->span == SPAN_ALL) {
            gguf_part_name(name, p, layer, 0);
            whole = class->heads == LAYOUT_LINEAR && gguf_find(file, name);
        }
    if (is_norm(part->id))
        return part->two == (class->norms_two &&
                             spec->traits.parallel == PARALLEL_NORMS);
    if (tensor_stacks(part->id))
        return part->each == is_apart(file, part, layer);
    return (!qkv && !up) || (part->span == SPAN_ALL) == whole;
}

const struct tensor *gguf_part_tensor(const struct gguf_class *class,
                                      const struct model_spec *spec,
                                      const struct gguf *file,
                                      const struct tensor_list *list,
                                      const struct gguf_part *part,
                                      int32_t layer)
{
    const struct tensor *t = tensor_find(list, layer, part->id);

    return t && gguf_part_wanted(class, spec, file, part, layer) ? t : NULL;
}

static enum status check_shape(const struct gguf *file,
                               const struct gguf_tensor *have,
                               const struct gguf_part *part, bool turned,
                               const struct tensor *t, int64_t width,
                               struct error *err)
{
    const uint64_t rows = (uint64_t)(turned ? width : t->rows);
    const uint64_t columns = (uint64_t)(turned ? t->rows : width);
    const int stacks = tensor_stacks(t->id) && !part->each;

    /* Vectors of heads lie one behind another. */
    const int each = part->vector && have->rank == 2;
    if (part->vector ? have->rank == 1 + each &&
                           have->shape[each] == (uint64_t)width &&
                           (each ? have->shape[0] : 1) == (uint64_t)t->stacked
                     : have->rank == 2 + stacks &&
                           (!stacks || have->shape[0] == (uint64_t)t->stacked) &&
                           have->shape[stacks] == rows &&
                           have->shape[stacks + 1] == columns)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_FORMAT, "%.160s: tensor %s has %d axes,"
                     " the first of %" PRIu64 ", and %" PRIu64 " numbers: its"
                     " metadata calls for %" PRIu64 " x %" PRIu64,
                     gguf_name(file), have->name, have->rank, have->shape[0],
                     have->n, part->vector ? 1 : rows,
                     part->vector ? (uint64_t)width : columns);
}

enum status gguf_part_find(const struct gguf_tensor **out,
                           const struct gguf_class *class,
                           const struct model_spec *spec,
                           const struct gguf *file,
                           const struct gguf_part *part,
                           const struct tensor *tensor, int32_t expert,
                           struct error *err)
{
    const bool turned = gguf_part_layout(class, part) != LAYOUT_SAME;
    char name[GGUF_MAX_NAME + 1];
    int64_t from, to;

    gguf_part_name(name, part, tensor->layer, expert);
    *out = gguf_find(file, name);
    if (!*out)
        return error_set(err, STATUS_BAD_FORMAT, "%.160s: no tensor %s",
                         gguf_name(file), name);
    span_columns(spec, tensor, part->span, &from, &to);
    return check_shape(file, *out, part, turned, tensor, to - from, err);
}
