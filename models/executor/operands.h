/* operands.h - Make the operands that forward and backward of an op share. */
#ifndef OPERANDS_H
#define OPERANDS_H

#include "models/executor/model_state.h"

/* A tensor's numbers among the weights or the gradients; NULL where the model
 * has no such tensor, or keeps it as stored. */
const real *weight_of(const struct model *m, int32_t layer, enum tensor_id id);
real *gradient_of(struct model *m, int32_t layer, enum tensor_id id);

/* A later layer left gradients of the weights that this one shares with it: its
 * own are added to those. */
bool adds_to_later(const struct model *m, int32_t layer);

/* c = a times the tensor, + its bias, + `from` (NULL: nothing). */
struct gemm product_of(const struct model *m, int32_t layer, enum tensor_id id,
                       const real *a, real *c, int32_t n_rows,
                       const real *from);
/* The product's columns from `first` on: some of queries, keys and values, each
 * of which is a range of its own where they are stored. */
struct gemm columns_of(struct gemm g, int32_t first, int32_t n);
/* The unembedding of n_rows rows of the final norm; `few`: of a model that
 * decodes, along the head's columns, which is the faster for few rows. */
struct gemm head_of(const struct model *m, const struct head_buffers *b,
                    int32_t n_rows, bool few);
/* The norm with this scale, and with the shift that follows it. */
struct norm norm_of(const struct model *m, int32_t layer, enum tensor_id gamma,
                    const real *x, real *out, real *stats, int32_t n);
struct embedding embedding_of(const struct model *m);   /* of all its rows */
struct attention attention_of(struct model *m, int32_t layer);
/* The tensor of the router that makes the layer's chosen choice. */
enum tensor_id router_tensor(const struct model *m, int32_t layer);
struct router router_of(struct model *m, int32_t layer);
/* The rows that the layer's predictor reads: the stream's, normalised under its
 * op where the router's are. */
const real *predictor_input(struct model *m, int32_t layer);
struct predictor predictor_of(struct model *m, int32_t layer);
/* That of PREDICT_UP to PREDICT_DOWN_BIAS, or its like of the newest choice's own
 * predictor. */
enum tensor_id predictor_tensor(const struct model *m, int32_t layer,
                                enum tensor_id id);
/* The losses of the layer's scores. */
struct router_loss router_loss_of(struct model *m, int32_t layer);
struct gating gating_of(struct model *m, int32_t layer);
struct gating bypass_of(struct model *m, int32_t layer);   /* of skipped rows */
/* Of n_heads heads from first_head on: queries' come first, then keys'. */
struct qk_norm qk_norm_of(struct model *m, int32_t layer,
                          const struct rows *rows, int32_t first_head,
                          int32_t n_heads);
struct rope rope_of(struct model *m, int32_t layer, real *qkv,
                    const struct rows *rows, int32_t first_head,
                    int32_t n_heads);

#endif
