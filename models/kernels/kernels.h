/* kernels.h - Do the arithmetic of the executor, in a copy per instruction set.
 *
 * Every kernel does part `part` of `parts` of an op: split over rows, columns
 * or (sequence, head) pairs, never over a sum, so that the bits of the result
 * do not depend on the number of parts.  The cost of an element is fixed by
 * sim/core/ledger/op.h.  Shapes are in the letters of sim/core/model/spec.h. */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/kernels/stored.h"

#ifndef COUNTING            /* else the build brings its own: kernels/vec.h */
typedef float real;
#endif

/* c[m,n] = start + a[m,k] b[k,n], start = 0, bias[n], from[m,n] or bias + from;
 * from == c accumulates.  Of each of a's and b's strides one is 1. */
struct gemm {
    int32_t     m, n, k;
    const real *a;
    ptrdiff_t   a_row, a_k;
    const real *b;
    ptrdiff_t   b_k, b_col;
    real       *c;
    ptrdiff_t   c_row;
    const real *bias;        /* or NULL */
    const real *from;        /* or NULL */
    ptrdiff_t   from_row;
    /* Or a weight kept as stored, in the place of b: ranges of its columns, k
     * rows each, n columns in all; a_k is 1 then. */
    const struct stored *stored;
    int32_t     n_stored;
};

/* Rows of tokens that belong to sequences: sequence b owns rows first[b] to
 * first[b+1]-1, in the order of their positions. */
struct rows {
    int32_t        n_sequences;
    const int32_t *first;      /* [B+1] */
    const int32_t *position;   /* [N] in the sequence */
    const int32_t *token;      /* [N] b*T + t; NULL: row r is token r */
};

/* Queries against the keys of their own rows; or, with key_rows, against those
 * of all tokens of their sequences, each up to its position. */
struct attention {
    const struct rows *rows;
    int32_t     n_heads, n_kv_heads, head_size;
    const real *qkv;       /* [N, Q+2E]: queries, keys, values */
    const struct rows *key_rows;   /* [M], or NULL */
    const real *kv;        /* keys, E numbers before their values; with
                            * key_rows only */
    int32_t     kv_stride; /* numbers from row to row of it */
    int32_t     window;    /* keys that a query sees, its own the last; 0: all;
                            * not with key_rows */
    float       cap;       /* scores become cap tanh(score / cap); 0: they
                            * stay */
    real       *out;       /* [N,Q] */
    real       *stats;     /* [N,H,2]: largest score, 1 / sum of exponentials */
    const real *dout;      /* [N,Q]; backward only, like the rest */
    real       *dqkv;      /* [N,Q+2E] */
    real       *dkv;       /* of the keys' rows, E numbers before their values';
                            * NULL: in dqkv */
    int32_t     dkv_stride;
    bool        adds;      /* dkv is added to */
};

/* One new row a sequence against the keys and values kept so far.  Lengths are
 * those of the sequences, the new row included; capacity is a multiple of 16
 * that has room for the longest, or with a window for that many: the cache is a
 * ring then, and token i lies at i % capacity. */
struct cached_attention {
    int32_t        n, n_heads, n_kv_heads, head_size, capacity;
    int32_t        window;     /* as in struct attention, like the next */
    float          cap;
    const int32_t *sequence;   /* [N] the row's sequence */
    const int32_t *length;     /* [B] */
    const real    *qkv;        /* [N,Q+2E] */
    bool           held;       /* the new key is in the cache already */
    real          *out;        /* [N,Q] */
    real          *stats;      /* [N,H,2] as in struct attention */
    real          *keys;       /* [B,G,capacity/16,D,16], the new key is written */
    real          *values;     /* [B,G,capacity,D] */
};

/* Keys and values are copied from cache to cache, each to its own place. */
struct carrying {
    int32_t        n, n_kv_heads, head_size, from_capacity, capacity;
    const int32_t *sequence, *position;   /* [N] */
    const real    *from_keys, *from_values;
    real          *keys, *values;
};

/* The score of a row is the sum of its squares or, with `left`, of its
 * difference to the row there, which it then replaces. */
struct stream_signal {
    int32_t     n, width;
    const real *x;           /* [N,C] */
    real       *left;        /* [N,C], or NULL */
    bool        first;       /* `left` holds nothing yet: zeros */
    real       *score;       /* [N] */
};

/* The attention that each row drew in an attention over whole sequences: its
 * probabilities summed over heads, then queries.  Queries and keys are scaled
 * by D^(-1/4) each. */
struct reception {
    const struct rows *rows;
    int32_t     n_heads, n_kv_heads, head_size;
    const real *qkv;         /* [N,Q+2E] */
    const real *stats;       /* [N,H,2] */
    real       *queries;     /* [N,Q] scaled */
    real       *score;       /* [N] */
};

/* The attention that one new row a sequence gives to all keys of its sequence,
 * its own among them. */
struct cached_reception {
    int32_t        n, n_heads, n_kv_heads, head_size, capacity;
    const int32_t *sequence;   /* [N] */
    const int32_t *length;     /* [B] the new row included */
    const real    *qkv;        /* [N,Q+2E] */
    const real    *stats;      /* [N,H,2] */
    const real    *keys;       /* [B,G,capacity/16,D,16] */
    real          *drawn;      /* [B,capacity] so far: added to */
    real          *score;      /* [N] of the new row */
};

/* Rows of norms: out = from + (x - mean) * scale * gamma + beta; RMS: mean = 0,
 * no beta.  stats holds mean and scale (layer norm) or scale (RMS). */
struct norm {
    bool        rms;
    int32_t     n, width;
    float       epsilon;
    const real *x;         /* [N,C], or with `row` more */
    const int32_t *row;    /* [N] rows of x; NULL: all in order; forward only */
    const real *gamma;     /* [C] */
    const real *beta;      /* [C]; NULL for RMS */
    const real *from;      /* [N,C], may be out; NULL: nothing */
    real       *out;       /* [N,C] */
    real       *stats;     /* [N,2] or [N] */
    const real *dout;      /* [N,C]; backward only */
    real       *dx;        /* [N,C], added to */
    real       *dgamma;    /* [C]; NULL: not wanted, nor dbeta */
    real       *dbeta;     /* [C] */
    bool        sums;      /* onto what is in them; else overwritten */
};

/* RMS norm of each group of numbers of queries and of keys, on top of itself:
 * x = x * scale * gamma; or layer norm without a shift, where x is less its mean
 * first, and each group of a row has scales of its own.  A row holds n_groups[0]
 * groups of queries, then n_groups[1] of keys: heads, or all that there is of
 * either; rows are `stride` numbers apart, in `unnormed` they are dense. */
struct qk_norm {
    int32_t     rows, n_groups[2], size[2], stride;
    bool        centred;      /* layer norm */
    float       epsilon;
    const real *gamma[2];     /* [size], or [n_groups,size] where centred, of
                               * queries, of keys; NULL: none */
    real       *x;            /* [N,..]; backward: dout, then dx */
    real       *scales;       /* [N,groups] */
    real       *unnormed;     /* [N,numbers] x, less its mean where centred:
                               * written forward, read backward; NULL: nobody
                               * comes back */
    real       *dgamma[2];    /* as gamma; NULL: not wanted */
    bool        sums;         /* onto what is in them; else overwritten */
};

enum router_kind { ROUTER_RAW, ROUTER_RMS, ROUTER_LAYER_NORM };

struct router {
    enum router_kind input;
    int32_t        n, width;
    float          epsilon;
    const real    *x;        /* [B*T,C] the stream; backward: [N,C] kept rows */
    const real    *weight;   /* [C] */
    real          *stats;    /* [B*T,2], [B*T] or unused */
    real          *score;    /* [B*T] */
    const int32_t *token;    /* [N] kept rows; NULL: all; backward only, n = N */
    bool           in_stream;   /* those rows' x lies at token[i], not at i */
    const real    *dscore;   /* [N] */
    real          *dx;       /* [B*T,C], added to at kept rows */
    real          *dweight;  /* [C], overwritten */
};

/* Of each row's score: cross-entropy of its sigmoid against being kept, and
 * the gradients of that and of its square. */
struct router_loss {
    int32_t        n;
    const real    *score;    /* [N] */
    const int32_t *place;    /* [N] -1: not kept */
    float          entropy, square;   /* the objective's slope in each row's
                                       * cross-entropy, in its square; 0: not
                                       * asked; backward */
    bool           balanced;          /* and in its sigmoid: */
    float          share;
    real          *nats;     /* [N]; forward */
    real          *dscore;   /* [N]; backward */
};

/* Of each row's scores, one a depth: the softmax; and in their place by how much
 * the best of those at least as deep is above the best of the others, 1 for the
 * first.  Backward, in that place gradients of the chances become those of the
 * scores. */
struct depths {
    int32_t      n, n_depths;
    real *const *score;      /* [depths] of [N] */
    real *const *chance;     /* likewise */
    const float *slope;      /* [depths] the objective's in each chance besides;
                              * NULL: none; backward */
};

/* logit = sum w max(0, hidden) + bias.  Backward puts the gradient of hidden in
 * its place. */
struct predictor {
    int32_t     n, width;    /* N, W */
    real       *hidden;      /* [N,W] */
    const real *weight;      /* [W] */
    const real *bias;        /* [1] */
    real       *logit;       /* [N]; forward */
    const real *dlogit;      /* [N]; backward */
    real       *dweight, *dbias;   /* [W], [1], overwritten */
};

/* Of each row the softmax of its scores, in their place; and the n_active experts
 * of the largest, ascending, of equals the first, with their weights: what the
 * softmax gives, or with `normalised` that over their sum. */
struct expert_choice {
    int32_t  n, n_experts, n_active;   /* N, X, A */
    bool     normalised;
    real    *chance;         /* [N,X] */
    real    *stats;          /* [N,2] the largest score, and the sum of exps of
                              * what they have below it */
    int32_t *expert;         /* [N,A] */
    real    *weight;         /* [N,A] */
    const int32_t *at;       /* [N,A] entries, -1: it did not enter; backward
                              * only, like the rest */
    const real *dweight;     /* [entries] */
    const real *slope;       /* [X] of the objective in each chance; NULL: none */
    float    square;         /* and in the squared log-sum-exp of the scores,
                              * doubled; stats are those of judge_experts */
    real    *dscore;         /* [N,X] */
};

/* What the scores of experts are to learn besides: sums of their chances over
 * all rows; and the log-sum-exp of each row's, in the place of the first of its
 * statistics, with its square.  NULL: not asked. */
struct expert_judging {
    int32_t     n, n_experts;
    const real *chance;      /* [N,X] */
    real       *sum;         /* [X] */
    real       *stats;       /* [N,2] */
    real       *square;      /* [N] */
};

/* Rows are multiplied by their weights, or by the sigmoids of their scores, which
 * are then noted as the weights. */
struct weighing {
    int32_t     n, width;
    bool        sigmoid;
    const real *score;       /* [N]; with sigmoid */
    real       *weight;      /* [N] */
    const real *x;           /* [N,F] */
    real       *out;         /* [N,F] */
    real       *d;           /* [N,F] gradient of out, then of x; backward only */
    real       *dweight;     /* [N] of weights or, with sigmoid, of scores */
};

/* Entries are rows in experts; row r's are those of at[r] that are not below 0,
 * ascending. */
struct entries {
    int32_t        n, n_active, width;
    const int32_t *at;       /* [N,A] */
    const real    *from;     /* [N,C]; NULL: zeros */
    real          *y;        /* [entries,C] */
    real          *out;      /* [N,C] */
};

enum gating_kind { GATING_RAW, GATING_SIGMOID, GATING_TANH, GATING_ONE };

/* x' = x + g(r) (y - x) on kept rows, or x + g(r) y; of a bypass, x' = g(r) x on
 * skipped ones. */
struct gating {
    enum gating_kind gate;
    float          scale;    /* g(r) is multiplied by it; 1: it is not */
    bool           trained;  /* the score has a gradient: wants dscore */
    bool           spread;   /* dscore is [B*T]: written at those rows */
    bool           adds;     /* or added to */
    bool           restores; /* backward puts x back onto the stream */
    bool           whole;    /* the gate takes y, not its difference to x */
    int32_t        n, width;
    const int32_t *token;    /* [N] rows of the stream */
    const real    *score;    /* [B*T] */
    real          *value;    /* [N] g(r); written forward, read backward */
    const real    *y;        /* [N,C] block output, or the stream itself, of
                              * all its rows; not of a bypass */
    const real    *x;        /* [N,C] gathered rows; of a bypass backward only */
    real          *stream;   /* [B*T,C], written at those rows */
    real          *dstream;  /* [B*T,C]; backward only; a bypass writes it */
    real          *dy;       /* [N,C]; or dstream itself */
    real          *dpass;    /* [N,C] (1-g) dstream, or dstream; unused with gate
                              * one */
    real          *dscore;   /* [N], or as `spread` says */
};

struct loss {
    int32_t        n, width;    /* N, V */
    const real    *logits;      /* [N,V] */
    const int32_t *target;      /* [N] */
    float          cap;         /* that logits were capped at, 0: they were not:
                                 * dlogits are of what they were before */
    real          *nats;        /* [N] */
    real          *stats;       /* [N,2] largest logit, sum of exponentials */
    float          gradient;    /* of the loss in each row's nats; backward */
    real          *entropy;     /* [N]; entropy only */
    real          *dlogits;     /* [N,V]; backward only */
};

/* Of rows of logits the largest probability: into score row[i] (NULL: i). */
struct confidence {
    int32_t        n, width;    /* N, V */
    const real    *logits;      /* [N,V] */
    const int32_t *row;         /* [N] */
    real          *score;
};

struct adamw {
    float learning_rate, beta1, beta2, epsilon, weight_decay;
    float correction1, correction2;   /* 1 / (1 - beta^t) */
    float scale;                      /* of the gradient: clipping */
};

struct kernels {
    const char *name;              /* "avx512" */
    int         lanes;             /* floats of the register of a product */
    /* Floats of scratch a part needs: products with n columns, attention over
     * sequences of n_tokens rows. */
    size_t (*gemm_scratch)(int32_t n);
    size_t (*attend_scratch)(int32_t n_tokens, int32_t head_size);
    void (*gemm)(const struct gemm *g, int part, int parts, real *scratch);
    /* Likewise with stored weights, split over columns alone. */
    void (*stored_gemm)(const struct gemm *g, int part, int parts,
                        real *scratch);
    /* Into out[width]; or where it `adds`, onto it. */
    void (*sum_columns)(const real *x, int32_t stride, int32_t n,
                        int32_t width, bool adds, real *out, int part,
                        int parts);
    void (*norm)(const struct norm *n, int part, int parts);
    void (*norm_backward)(const struct norm *n, int part, int parts);
    void (*attend)(const struct attention *a, int part, int parts,
                   real *scratch);
    void (*attend_backward)(const struct attention *a, int part, int parts,
                            real *scratch);
    void (*attend_cached)(const struct cached_attention *a, int part,
                          int parts, real *scratch);
    /* Copy keys and values of all rows into their sequences' caches; rows
     * first[b].. land behind length[b]. */
    void (*fill_cache)(const struct attention *a, const int32_t *length,
                       int32_t capacity, real *keys, real *values, int part,
                       int parts);
    void (*carry)(const struct carrying *c, int part, int parts);
    void (*stream_signal)(const struct stream_signal *s, int part, int parts);
    /* First the queries, then, once all are scaled, the scores. */
    void (*scale_queries)(const struct reception *r, int part, int parts);
    void (*receive)(const struct reception *r, int part, int parts,
                    real *scratch);
    void (*receive_cached)(const struct cached_reception *r, int part,
                           int parts, real *scratch);
    void (*qk_norm)(const struct qk_norm *q, int part, int parts);
    /* dgamma reads the dout that dx then replaces. */
    void (*qk_norm_dgamma)(const struct qk_norm *q, int part, int parts);
    void (*qk_norm_dx)(const struct qk_norm *q, int part, int parts);
    void (*rope)(real *qkv, const struct rows *rows, int32_t n, int32_t n_heads,
                 int32_t head_size, int32_t turned, int32_t stride,
                 const real *table, bool backward, int part, int parts);
    void (*gelu)(const real *x, real *out, size_t n, int part, int parts);
    void (*gelu_backward)(const real *x, const real *dout, real *dx, size_t n,
                          int part, int parts);
    void (*gelu_erf)(const real *x, real *out, size_t n, int part, int parts);
    void (*gelu_erf_backward)(const real *x, const real *dout, real *dx,
                              size_t n, int part, int parts);
    void (*relu)(const real *x, real *out, size_t n, int part, int parts);
    void (*relu_backward)(const real *x, const real *dout, real *dx, size_t n,
                          int part, int parts);
    void (*swiglu)(const real *x, real *out, int32_t n, int32_t width, int part,
                   int parts);
    void (*swiglu_backward)(const real *x, const real *dout, real *dx,
                            int32_t n, int32_t width, int part, int parts);
    void (*geglu)(const real *x, real *out, int32_t n, int32_t width, int part,
                  int parts);
    void (*geglu_backward)(const real *x, const real *dout, real *dx, int32_t n,
                           int32_t width, int part, int parts);
    void (*cap)(real *x, size_t n, float cap, int part, int parts);
    void (*embed)(const int32_t *ids, const int32_t *position, const real *wte,
                  const real *wpe, real *out, int32_t n, int32_t width,
                  int part, int parts);
    void (*stored_embed)(const int32_t *ids, const int32_t *position,
                         const struct stored *wte, float scale, const real *wpe,
                         real *out, int32_t n, int part, int parts);
    void (*embed_backward)(const int32_t *ids, const int32_t *position,
                           const real *dout, real *dwte, real *dwpe, int32_t n,
                           int32_t width, int part, int parts);
    void (*route)(const struct router *r, int part, int parts);
    void (*route_backward)(const struct router *r, int part, int parts);
    /* The router's input [N,C] of the stream's rows, normalised once scores are
     * there: its kinds but ROUTER_RAW, whose input is the stream. */
    void (*router_input)(const struct router *r, real *out, int part,
                         int parts);
    void (*predict)(const struct predictor *p, int part, int parts);
    void (*predict_backward)(const struct predictor *p, int part, int parts);
    void (*route_loss)(const struct router_loss *r, int part, int parts);
    void (*route_loss_backward)(const struct router_loss *r, int part,
                                int parts);
    void (*gather)(const real *x, const int32_t *token, real *out, int32_t n,
                   int32_t width, int part, int parts);
    /* Rows r of x, `stride` apart, or with from_there rows row[r] of it, to rows
     * row[r] (NULL: r) of out [.,width]; onto them; and rows row[r] of x, which
     * become zeros, to rows r of out, `stride` apart. */
    void (*scatter)(const real *x, int32_t stride, const int32_t *row,
                    bool from_there, real *out, int32_t n, int32_t width,
                    int part, int parts);
    void (*scatter_add)(const real *x, const int32_t *row, real *out,
                        int32_t n, int32_t width, int part, int parts);
    void (*take)(real *x, const int32_t *row, real *out, int32_t stride,
                 int32_t n, int32_t width, int part, int parts);
    void (*gather_backward)(const real *dx, const real *dpass,
                            const int32_t *token, real *dstream, int32_t n,
                            int32_t width, int part, int parts);
    void (*softmax)(const struct expert_choice *c, int part, int parts);
    void (*choose_experts)(const struct expert_choice *c, int part, int parts);
    void (*choose_experts_backward)(const struct expert_choice *c, int part,
                                    int parts);
    void (*judge_experts)(const struct expert_judging *j, int part, int parts);
    void (*weigh)(const struct weighing *w, int part, int parts);
    void (*weigh_backward)(const struct weighing *w, int part, int parts);
    /* y of each row's first entry is `from`, that of the others zero; and out of
     * each row is the sum of its entries' y, of none `from`. */
    void (*seed)(const struct entries *e, int part, int parts);
    void (*combine)(const struct entries *e, int part, int parts);
    void (*depths)(const struct depths *d, int part, int parts);
    void (*depths_backward)(const struct depths *d, int part, int parts);
    void (*gate)(const struct gating *g, int part, int parts);
    void (*gate_backward)(const struct gating *g, int part, int parts);
    void (*bypass)(const struct gating *g, int part, int parts);
    void (*bypass_backward)(const struct gating *g, int part, int parts);
    void (*loss)(const struct loss *l, int part, int parts);
    void (*loss_backward)(const struct loss *l, int part, int parts);
    void (*entropy)(const struct loss *l, int part, int parts);
    void (*confidence)(const struct confidence *c, int part, int parts);
    /* Sum of squares of each OP_CLIP_CHUNK numbers of x[n] into partial[]. */
    void (*squares)(const real *x, size_t n, real *partial, int part,
                    int parts);
    /* sum + x[0] + ... in double, in this order. */
    double (*sum)(double sum, const real *x, size_t n);
    /* limit / sqrt(squares), at most 1: the factor of gradient clipping. */
    double (*clip_scale)(double squares, double limit);
    /* Moves a threshold toward the mean of `cut` by `rate`. */
    float (*track)(float threshold, const real *cut, int32_t n, float rate);
    void (*adamw)(const struct adamw *a, real *p, const real *g, real *m,
                  real *v, size_t n, int part, int parts);
};

/* The best this CPU can run; ISOBATH_KERNELS=name forces one that it can. */
const struct kernels *kernels_best(void);
/* NULL: unknown, or this CPU cannot run it. */
const struct kernels *kernels_find(const char *name);
/* False: ISOBATH_KERNELS names none that this CPU can run.  `names` are those
 * that it can, with commas. */
enum { KERNELS_NAMES_SIZE = 64 };
bool kernels_can_choose(char names[KERNELS_NAMES_SIZE]);

#endif
