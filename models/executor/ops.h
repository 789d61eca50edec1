/* ops.h - Run one op each: bracketed by the meter, split over the threads, and
 * tallied from the loops that ran, by the rules of sim/core/ledger/op.h. */
#ifndef OPS_H
#define OPS_H

#include "models/kernels/kernels.h"
#include "models/executor/pool.h"
#include "sim/core/ledger/meter.h"
#include "sim/core/model/route_table.h"
#include "sim/core/model/spec.h"

struct executor {
    const struct kernels *kernels;   /* borrowed */
    struct pool  *pool;              /* borrowed */
    enum pass     pass;              /* under way: ops are filed under it, and
                                      * some have a backward of the same name */
    real         *scratch;           /* [threads, scratch_floats] */
    size_t        scratch_floats;    /* a thread's */
    struct meter *meter;             /* borrowed; NULL: nobody listens */
    struct tally *extra;             /* [rows] for listeners by token */
};

/* An op is filed under these; the tokens are those of its rows. */
struct place {
    enum op        op;
    int32_t        layer;            /* or LEDGER_OUTSIDE */
    const int32_t *token;            /* [N]; NULL: row r is token r */
};
static inline struct place place(enum op op, int32_t layer,
                                 const int32_t *token)
{
    return (struct place){ op, layer, token };
}

void op_product(struct executor *ex, struct place at, const struct gemm *g);

/* dx = dout W^T, dW = x^T dout, dbias = column sums of dout, from the forward
 * product `g`, or from some of its columns; dx, dw, dbias NULL: not wanted. */
struct product_backward {
    const real *dout;                /* [N,n], rows as far apart as g's c */
    real *dx, *dw, *dbias;
    bool  adds;                      /* dx is added to */
    bool  sums;                      /* and so are dw and dbias */
    bool  transposed;                /* the weight is stored [n,k] */
};
void op_product_backward(struct executor *ex, struct place at,
                         const struct gemm *g,
                         const struct product_backward *d);

void op_norm(struct executor *ex, struct place at, const struct norm *o);
void op_norm_backward(struct executor *ex, struct place at,
                      const struct norm *o);
void op_attend(struct executor *ex, struct place at, const struct attention *o);
void op_attend_backward(struct executor *ex, struct place at,
                        const struct attention *o);

/* Keys and values kept for decoding.  fill_cache() copies those of an
 * attention's key rows behind the ones that are there, and updates the lengths.
 * These moves belong to no op: they take part of a pass's time, but no op
 * tallies them. */
struct cache {
    int32_t  capacity;
    int32_t *length;                 /* [B] */
    real    *keys, *values;
};
void fill_cache(struct executor *ex, const struct attention *o,
                struct cache *cache);
void op_attend_cached(struct executor *ex, struct place at,
                      const struct cached_attention *o);

struct rope {
    real              *qkv;          /* [N,Q+2E], turned in place */
    const struct rows *rows;
    int32_t            n, n_heads, head_size, stride;   /* heads: H + G */
    int32_t            turned;       /* R, the first numbers of a head */
    const real        *table;        /* [P,R] cosines, then sines */
};
void op_rope(struct executor *ex, struct place at, const struct rope *o);

void op_qk_norm(struct executor *ex, struct place at, const struct qk_norm *o);
/* dgamma of an o that wants it, then dx. */
void op_qk_norm_backward(struct executor *ex, struct place at,
                         const struct qk_norm *o);

struct activation {
    enum activation_kind kind;
    const real *x;                   /* [N,U] */
    real       *out;                 /* [N,F]; forward */
    const real *dout;                /* [N,F]; backward */
    real       *dx;                  /* [N,U] */
    int32_t     n, width;            /* N, F */
};
void op_activation(struct executor *ex, struct place at,
                   const struct activation *o);

/* logits [n,width] become cap tanh(logit / cap), under the op that made them. */
void op_cap(struct executor *ex, struct place at, real *logits, int32_t n,
            int32_t width, float cap);

struct embedding {
    const int32_t *ids, *position;   /* [N] */
    const real *wte, *wpe;           /* wpe of position 0 on; NULL: none */
    const struct stored *stored;     /* in the place of wte; or NULL */
    float       scale;               /* of stored rows; 0: none */
    real       *out;
    const real *dout;
    real       *dwte, *dwpe;         /* whole tables */
    int32_t     first_position;      /* the row of position 0 */
    bool        clear_dwte;          /* no earlier op wrote it */
    int32_t     n, width, n_vocab, n_positions;   /* rows of the tables */
};
void op_embed(struct executor *ex, struct place at, const struct embedding *o);

void op_route(struct executor *ex, struct place at, const struct router *o);

/* Under the predictor's op, beside the product into `hidden`: the router's input
 * into out [N,C], then the logits; or the gradients of their vector and of
 * hidden. */
void op_router_input(struct executor *ex, struct place at,
                     const struct router *o, real *out);
void op_predict(struct executor *ex, struct place at,
                const struct predictor *o);

void op_depths(struct executor *ex, struct place at, const struct depths *o);

/* Forward, the mean cross-entropy into *mean; backward, dscore. */
void op_route_loss(struct executor *ex, struct place at,
                   const struct router_loss *o, double *mean);

/* Signals: scores in layers without a router. */
void op_stream_signal(struct executor *ex, struct place at,
                      const struct stream_signal *o);
void op_receive(struct executor *ex, struct place at,
                const struct reception *o);
void op_receive_cached(struct executor *ex, struct place at,
                       const struct cached_reception *o);
/* score[n]: the upper 24 bits of random_mix(id, choice, 0, 2), over 2^24. */
void op_hash(struct executor *ex, struct place at, int32_t choice,
             const int32_t *ids,
             int32_t n, real *score);
/* score of each row: a table's, of the layer, after its sequence's tokens so
 * far. */
struct looking_up {
    const struct route_table *table;
    enum routed_part part;           /* whose choice it is */
    const struct rows *rows;
    const int32_t *ids;              /* of position p of sequence s: */
    int32_t        stride;           /* ids[s * stride + p]; 0: a row's own place,
                                      * and those before it */
    real          *score;
};
void op_look_up(struct executor *ex, struct place at,
                const struct looking_up *o);

/* score of each row: from seed, sequence and position, the sum of twelve even
 * draws from [0,1) less 6, which is nearly normal, with variance 1. */
struct drawing {
    uint64_t           seed;
    const struct rows *rows;
    real              *score;
};
void op_draw(struct executor *ex, struct place at, const struct drawing *o);

/* Rows row[i] of each x[.,width] into row i of its out; x[1] NULL: one only. */
struct gathering {
    const int32_t *row;              /* [N] */
    int32_t        n, width;
    const real    *x[2];
    real          *out[2];
};
void op_gather(struct executor *ex, struct place at, const struct gathering *o);

/* Rows of x, `stride` apart, to rows row[i] (NULL: i) of out [.,width]; or onto
 * them. */
struct scattering {
    const int32_t *row;
    int32_t        n, width, stride;
    bool           from_there;       /* rows row[i] of x, not i */
    const real    *x;
    real          *out;
};
void op_scatter(struct executor *ex, struct place at,
                const struct scattering *o);
void op_scatter_add(struct executor *ex, struct place at,
                    const struct scattering *o);
/* Rows row[i] (NULL: i) of x [.,width], which become zeros, to those of out,
 * `stride` apart. */
struct taking {
    const int32_t *row;
    int32_t        n, width, stride;
    real          *x, *out;
};
void op_take(struct executor *ex, struct place at, const struct taking *o);
void op_carry(struct executor *ex, struct place at, const struct carrying *o);
void op_gather_backward(struct executor *ex, struct place at, const real *dx,
                        const real *dpass, real *dstream, int32_t n,
                        int32_t width);
void op_gate(struct executor *ex, struct place at, const struct gating *o);
void op_bypass(struct executor *ex, struct place at, const struct gating *o);

void op_loss(struct executor *ex, struct place at, const struct loss *o,
             double *mean);
void op_loss_backward(struct executor *ex, struct place at,
                      const struct loss *o);
void op_entropy(struct executor *ex, struct place at, const struct loss *o);
void op_confidence(struct executor *ex, struct place at,
                   const struct confidence *o);

/* Adds the squares of x[n] to *total; `partial` holds a float a chunk. */
void op_squares(struct executor *ex, struct place at, const real *x, size_t n,
                real *partial, double *total);
double op_clip_scale(struct executor *ex, struct place at, double squares,
                     double limit);
void op_adamw(struct executor *ex, struct place at, const struct adamw *o,
              real *p, const real *g, real *m, real *v, size_t n);

/* Tell the meter that is there; op_begin() and op_end() ask whether one is. */
struct op_run op_tell_begin(struct executor *ex, struct place at);
void          op_tell_end(struct executor *ex, struct op_run *run,
                          const int32_t *token, int32_t n_rows,
                          struct tally each, struct tally shared);

/* Bracket work that the caller does itself: select.  Inline: where nobody
 * listens, an op of one token should not wait for what it would tell. */
static inline struct op_run op_begin(struct executor *ex, struct place at)
{
    return ex->meter ? op_tell_begin(ex, at)
                     : (struct op_run){ .layer = at.layer, .op = at.op };
}

static inline void op_end(struct executor *ex, struct op_run *run,
                          const int32_t *token, int32_t n_rows,
                          struct tally each, struct tally shared)
{
    if (ex->meter)
        op_tell_end(ex, run, token, n_rows, each, shared);
}

#endif
