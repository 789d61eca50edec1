/* tensor.h - List the parameters of a model: sizes, places, rules. */
#ifndef TENSOR_H
#define TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include "models/kernels/stored.h"
#include "sim/core/model/spec.h"

/* Matrices decay and start as random numbers, scales at 1, shifts at 0; a
 * router's vector starts as random numbers and does not decay. */
enum tensor_kind { TENSOR_MATRIX, TENSOR_SCALE, TENSOR_SHIFT, TENSOR_VECTOR };

/* Weights are [in,out], so that rows of tokens multiply from the left.  The
 * numbers that a tensor starts with depend on its place here: new ones come
 * last.
 *   id            rows x columns              kind                            */
#define TENSOR_MAP(X)                                                          \
    X(WTE,         V, C,                       MATRIX)                         \
    X(WPE,         P, C,                       MATRIX)  /* of positions      */ \
    X(HEAD,        tied ? 0 : V, C,            MATRIX)                         \
    X(FINAL_GAMMA, 1, C,                       SCALE)                          \
    X(FINAL_BETA,  shifted ? 1 : 0, C,         SHIFT)                          \
    X(NORM1_GAMMA, before ? 1 : 0, C,          SCALE)   /* first of a layer  */ \
    X(NORM1_BETA,  before && shifted ? 1 : 0, C, SHIFT)                        \
    X(QKV,         C, Q + 2 * E,               MATRIX)                         \
    X(QKV_BIAS,    has->qkv_bias, Q + 2 * E,   SHIFT)                          \
    X(PROJECT,     Q, C,                       MATRIX)                         \
    X(PROJECT_BIAS, has->project_bias, C,      SHIFT)                          \
    X(NORM2_GAMMA, own ? 1 : 0, C,             SCALE)                          \
    X(NORM2_BETA,  own && shifted ? 1 : 0, C,  SHIFT)                          \
    X(UP,          one ? C : 0, U,             MATRIX)  /* gated: gate, up   */ \
    X(UP_BIAS,     has->ffn_bias, U,           SHIFT)                          \
    X(DOWN,        one ? F : 0, C,             MATRIX)                         \
    X(DOWN_BIAS,   has->ffn_bias, C,           SHIFT)                          \
    X(ROUTER,      routed ? 1 : 0, C,          VECTOR)                         \
    X(QUERY_GAMMA, has->qk_norm, has->qk_norm_rows ? Q : D, SCALE)             \
    X(KEY_GAMMA,   has->qk_norm, has->qk_norm_rows ? E : D, SCALE)             \
    X(PREDICT_UP,  predicts ? C : 0, W,        MATRIX)                         \
    X(PREDICT_UP_BIAS, predicts ? 1 : 0, W,    SHIFT)                          \
    X(PREDICT_DOWN, predicts ? W : 0, 1,       MATRIX)                         \
    X(PREDICT_DOWN_BIAS, predicts ? 1 : 0, 1,  SHIFT)                          \
    X(ROUTER_FFN,  apart ? 1 : 0, C,           VECTOR)  /* of two choices    */ \
    X(ADDED1_GAMMA, after ? 1 : 0, C,          SCALE)   /* of the norms on   */ \
    X(ADDED1_BETA, after && shifted ? 1 : 0, C, SHIFT)  /* what parts add    */ \
    X(ADDED2_GAMMA, after ? 1 : 0, C,          SCALE)                          \
    X(ADDED2_BETA, after && shifted ? 1 : 0, C, SHIFT)                         \
    X(HEAD_BIAS,   has->head_bias, V,          SHIFT)   /* of no layer       */ \
    X(EXPERT_ROUTER, some ? C : 0, x->n + x->idle, MATRIX)  /* in the place of UP*/ \
    X(EXPERT_UP,   some ? C : 0, 2 * x->width, MATRIX)  /* and DOWN: those   */ \
    X(EXPERT_DOWN, some ? x->width : 0, C,     MATRIX)  /* of X experts, one */ \
    X(SHARED_UP,   shared ? C : 0, 2 * x->shared, MATRIX)   /* behind another*/ \
    X(SHARED_DOWN, shared ? x->shared : 0, C,  MATRIX)                         \
    X(SHARED_GATE, shared && x->shared_gate, C, VECTOR)                        \
    X(PREDICT_FFN_UP, foresees ? C : 0, W,     MATRIX)  /* of the second of  */ \
    X(PREDICT_FFN_UP_BIAS, foresees ? 1 : 0, W, SHIFT)  /* two choices, as   */ \
    X(PREDICT_FFN_DOWN, foresees ? W : 0, 1,   MATRIX)  /* PREDICT_UP and so */ \
    X(PREDICT_FFN_DOWN_BIAS, foresees ? 1 : 0, 1, SHIFT)   /* on of the first*/

enum tensor_id {
#define X(id, rows, columns, kind) TENSOR_##id,
    TENSOR_MAP(X)
#undef X
    TENSOR_COUNT
};

/* The tensor belongs to no layer. */
static inline bool tensor_outside(enum tensor_id id)
{
    return id < TENSOR_NORM1_GAMMA || id == TENSOR_HEAD_BIAS;
}

struct tensor {
    enum tensor_id id;
    int32_t layer;           /* the first that has it; -1: outside any layer */
    int64_t rows, columns;
    int32_t stacked;         /* of that shape, one behind another: experts, heads
                              * with scales of their own; else 1 */
    size_t  n;               /* rows * columns * stacked */
    size_t  offset;          /* in floats, a multiple of 16, in the parameter
                              * block */
    size_t  learned_at;      /* likewise, in the gradient and moment blocks; of
                              * trained tensors */
    /* Kept as stored, where any of its matrices is (spec.h): their columns, in
     * the order of the tensor's; embedding and head by their tokens, each a
     * column.  Such a tensor has no place in the blocks; 0 ranges: it has. */
    int32_t n_ranges;
    struct stored range[3];
    enum tensor_kind kind;
    bool    trained;         /* the optimizer touches it */
    bool    clipped;         /* its gradient counts in their norm, and is scaled
                              * where that is too large */
};

/* All tensors of a model, outside ones first, then layer by layer. */
_Static_assert((SPEC_MAX_LAYERS + 1) * TENSOR_COUNT <= INT16_MAX,
               "a tensor's place fits in 16 bits");
struct tensor_list {
    int32_t n;
    struct tensor *tensor;   /* [n], owned */
    size_t  floats;          /* of the parameters, padding included */
    size_t  learned;         /* of the gradients, and of each moment: floats, or
                              * with a frozen backbone the routers' alone */
    size_t  stored_bytes;    /* of all ranges together */
    int16_t at[SPEC_MAX_LAYERS + 1][TENSOR_COUNT];   /* index by layer + 1, of
                                                      * those there are, and id;
                                                      * -1: has none; layers may
                                                      * share one */
};

enum status tensor_list_open(struct tensor_list *out,
                             const struct model_spec *spec,
                             struct error *err) MUST_CHECK;
void tensor_list_close(struct tensor_list *list);

/* Puts the stored ranges at `base`, stored_bytes long; NULL: nowhere. */
void tensor_list_place(struct tensor_list *list, const uint8_t *base);

/* The matrices that a tensor is made of, in the order of its columns, as places
 * in the spec's types; returns how many, at most 3, 0: always float32. */
struct tensor_matrix {
    uint8_t *type;           /* enum number; in *spec */
    int64_t  columns;
};
int tensor_matrices(struct tensor_matrix out[3], struct model_spec *spec,
                    int32_t layer, enum tensor_id id);

static inline bool tensor_stacks(enum tensor_id id)
{
    return id == TENSOR_EXPERT_UP || id == TENSOR_EXPERT_DOWN;
}

/* The i-th matrix of those stacked, as a tensor of its own. */
struct tensor tensor_stacked(const struct tensor *tensor, int32_t i);

/* A router's; where a layer's parts are apart, ROUTER is attention's, and so are
 * the first predictor's. */
static inline bool tensor_routes(enum tensor_id id)
{
    return id == TENSOR_ROUTER || id == TENSOR_ROUTER_FFN;
}

/* A predictor's: of a loss of its own. */
static inline bool tensor_predicts(enum tensor_id id)
{
    return (id >= TENSOR_PREDICT_UP && id <= TENSOR_PREDICT_DOWN_BIAS) ||
           (id >= TENSOR_PREDICT_FFN_UP && id <= TENSOR_PREDICT_FFN_DOWN_BIAS);
}

/* Where layers share weights, this is among them: each layer has a router and a
 * predictor of its own. */
static inline bool tensor_shared(enum tensor_id id)
{
    return !tensor_routes(id) && !tensor_predicts(id);
}

/* NULL where the model has no such tensor; that of an earlier layer where the
 * layer shares it. */
const struct tensor *tensor_find(const struct tensor_list *list, int32_t layer,
                                 enum tensor_id id);

/* The numbers that learn, between a parameter block and a block laid out like
 * the gradients: into the latter, or back. */
void tensor_copy_learned(const struct tensor_list *list, float *weights,
                         float *learned, bool back);

/* to[k,n], its rows `stride` apart, from rows [n,k]. */
void transpose(float *to, int64_t stride, const float *rows, int64_t k,
               int64_t n);

#endif
