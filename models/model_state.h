/* model_state.h - what the executor's files share: buffers and their shapes. */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include "models/model.h"
#include "models/ops.h"
#include "models/pool.h"
#include "sim/core/arena.h"

/* What one layer computes on N rows, kept for backward when training.  Without
 * training all layers share one. */
struct layer_buffers {
    real *x;          /* [N,C] input; routed layers: gathered copy */
    real *normed1;    /* [N,C] */
    real *stats1;     /* [N,2] of the first norm */
    real *qkv;        /* [N,Q+2E] turned by RoPE */
    real *attended;   /* [N,Q] */
    real *softmax;    /* [N,H,2] */
    real *middle;     /* [N,C] after attention */
    real *normed2;    /* [N,C] */
    real *stats2;     /* [N,2] */
    real *up;         /* [N,U] */
    real *act;        /* [N,F] */
    real *y;          /* [N,C] output */
    /* Routed layers. */
    real *score;      /* [B*T] */
    real *router_stats;   /* [B*T,2] */
    real *gate;       /* [N] g(r) */
    real *cut;        /* [B] top-k's cut of each sequence */
    int32_t *token;   /* [N] b*T + t */
    int32_t *position;/* [N] t */
    int32_t *first;   /* [B+1] */
    int32_t n_rows;   /* N of the last forward */
    struct rows rows;
};

struct model {
    struct model_spec spec;
    struct model_options options;
    struct arena      arena;
    struct tensor_list tensors;
    struct allocation allocation;
    struct executor   ex;
    struct pool      *pool;
    struct model_input input;      /* of the last forward */
    float threshold_rate;

    real *weights, *gradients, *moment[2];   /* [tensors.floats] */
    uint8_t *stored;               /* [tensors.stored_bytes] */
    float *threshold;              /* [L] */
    real *rope;                    /* [P,D] */

    real *stream[SPEC_MAX_LAYERS + 1];   /* [B*T,C] input of layer l; layers
                                          * that route share their input's */
    struct layer_buffers layer[SPEC_MAX_LAYERS];
    struct rows all_rows;          /* every token, for dense layers */
    int32_t *all_first, *all_position;

    real *final_normed;            /* [B*T,C] */
    real *final_stats;             /* [B*T,2] */
    real *logits;                  /* [B*T,V]; backward: their gradients */
    real *nats, *entropy;          /* [B*T] */
    real *loss_stats;              /* [B*T,2] */
    int32_t *choose_scratch;       /* [threads,T] */

    /* Decoding. */
    bool     decoded_step;         /* blocks run on one new row a sequence */
    int32_t  decoded;              /* tokens of each sequence so far */
    int32_t  cache_capacity;       /* n_tokens, up to a multiple of 16 */
    struct cache cache[SPEC_MAX_LAYERS];   /* keys [B,G,D,capacity], ... */
    int32_t *cached_position;      /* [L,B,T] of what is kept */
    int32_t *row_sequence;         /* [B] whose row it is */
    bool    *row_kept;             /* [B] */
    real    *head_columns;         /* [C,V]; NULL: the head is stored */

    /* Backward, shared by all layers; widest layer's N. */
    real *dstream;                 /* [B*T,C] */
    real *dblock;                  /* [N,C] gradient inside a routed block */
    real *dpass;                   /* [N,C] */
    real *dscore;                  /* [N] */
    real *dnormed;                 /* [B*T,C] */
    real *dact;                    /* [N,F] */
    real *dup;                     /* [N,U] */
    real *dattended;               /* [N,Q] */
    real *dqkv;                    /* [N,Q+2E] */
    real *partial;                 /* chunks of the largest tensor */
};

/* A tensor's place in the weights or gradients; NULL where there is none, or it
 * is kept as stored. */
const real *weight_of(const struct model *m, int32_t layer, enum tensor_id id);
real *gradient_of(struct model *m, int32_t layer, enum tensor_id id);

/* The operands that forward and backward of an op share. */
struct gemm product_of(const struct model *m, int32_t layer, enum tensor_id id,
                       const real *a, real *c, int32_t n_rows,
                       const real *from);
/* The unembedding of n_rows rows of the final norm. */
struct gemm head_of(const struct model *m, int32_t n_rows);
struct embedding embedding_of(const struct model *m, const int32_t *ids,
                              int32_t n_rows);
struct attention attention_of(struct model *m, int32_t layer);
struct router router_of(struct model *m, int32_t layer);
struct gating gating_of(struct model *m, int32_t layer);
struct rope rope_of(struct model *m, int32_t layer, real *qkv);

/* forward.c: the pieces that decoding runs too. */
void forward_norm(struct model *m, int32_t layer, enum tensor_id gamma,
                  const real *x, real *out, real *stats, int32_t n,
                  const int32_t *token);
void forward_block(struct model *m, int32_t layer);
/* A routed layer: scores of the stream's first n_rows rows, where the model has
 * routers; then, once tokens are chosen and lined up, the block on them. */
void forward_score(struct model *m, int32_t layer, int32_t n_rows);
void forward_kept(struct model *m, int32_t layer);
/* decode.c: remember which positions a prefill put into the caches. */
void decode_note_prefill(struct model *m);

#endif
