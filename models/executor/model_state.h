/* model_state.h - Give the executor's files access to a model's buffers. */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include "models/executor/expert_buffers.h"
#include "models/executor/model.h"
#include "models/executor/ops.h"
#include "models/executor/pool.h"
#include "sim/core/base/arena.h"
#include "sim/core/model/plan.h"

/* Results of one choice: whom it keeps, and what it goes by.  Shared as layers'
 * are. */
struct choice_buffers {
    real *x;          /* [N,C] gathered rows of the stream */
    real *y;          /* [N,C] those rows after the stage's parts */
    real *score;      /* [B*T] the router's, or the signal where none scores */
    real *signal;     /* [B*T] the signal; the same where no router scores */
    real *router_stats;   /* [B*T,2] */
    real *chance;     /* [B*T] of the choice's depth, which gates take; backward
                       * leaves their gradients in `score`; NULL: they take the
                       * score */
    real *gate;       /* [N] g(r) */
    real *bypass;     /* [B*T] g(r) of the n_skipped rows that a gated bypass
                       * takes, and those rows as they were, in training */
    real *skipped;    /* [B*T,C] */
    int32_t *skipped_row, *skipped_token;   /* [B*T] */
    int32_t n_skipped;
    real *cut;        /* [B] top-k's cut of each sequence */
    int32_t *row;     /* [N] of the stream; training: token itself */
    int32_t *token;   /* [N] b*T + t */
    int32_t *position;/* [N] t */
    int32_t *first;   /* [B+1] */
    struct rows kept; /* those four, in a routed layer */
    int32_t *place;   /* [B*T] the kept row that a token is, or -1; where
                       * training asks scores or predictors to know */
    real *hidden;     /* [B*T,W] of the predictor; then its gradient */
    real *forecast;   /* [B*T] the predictor's logits */
};

/* Results of one layer on N rows, which training keeps for backward.  Without
 * training all layers share one set.  With a frozen backbone they share the
 * buffers that only weights' gradients are made of, and layers that backward
 * does not reach share all but their routing. */
struct layer_buffers {
    real *normed1;    /* [N,C] */
    real *stats1;     /* [N,2] of the first norm */
    real *qkv;        /* [N,Q+2E] normalised and turned, as the model has it */
    real *qk_scales;  /* [N,H+G] of the norm of queries and keys */
    real *unnormed;   /* [N,Q+E] queries and keys before it; training */
    real *attended;   /* [N,Q] */
    real *softmax;    /* [N,H,2] */
    real *middle;     /* [N,C] after attention */
    real *normed2;    /* [N,C] */
    real *stats2;     /* [N,2] */
    real *up;         /* [N,U] */
    real *act;        /* [N,F] */
    real *given1, *given2;    /* [N,C] what attention and the feed-forward part
                               * give, where norms of it are added; without
                               * training one */
    real *given_stats1, *given_stats2;   /* [N,2] of those norms */
    struct expert_buffers experts;   /* of a layer that has any */
    real *asking;     /* [N,C] kept rows of normed1, where keys of skipped tokens
                       * are computed; without training it is normed2 */
    real *carried;    /* [B*T,2E] newest keys and values, as the layer leaves
                       * them; without training all layers'; or those of the
                       * first recursion's, which later ones see */
    real *dcarried;   /* [B*T,2E] their gradients, of all that see them */
    struct choice_buffers *chosen;   /* of the newest choice, or in backward of
                                      * the stage's */
    real *stream;     /* [B*T,C] that they are taken from and put back onto */
    size_t  room;     /* rows that these have room for */
    int32_t n_rows;   /* N, of what is being worked on */
    struct rows rows;
};

/* Of depths that one gate comes after the last of (plan.h: begins, ends). */
struct depth_buffers {
    real *before;     /* [B*T,C] the stream as the first recursion found it */
    real *dbefore;    /* [B*T,C] its gradient, of the gate; training */
    real *chance;     /* [B*T] of the deepest recursion that a row was in; 0: of
                       * none, so that the row stays as it was */
    real *gate;       /* [B*T] */
    int32_t *deepest; /* [B*T] its choice, or PLAN_NO_CHOICE */
    int32_t *row;     /* [B*T] 0, 1, ..., which the gate takes all of */
};

/* Results of the final norm, the head and the loss. */
struct head_buffers {
    real *normed;     /* [B*T,C] */
    real *stats;      /* [B*T,2] of the norm */
    real *logits;     /* [B*T,V]; backward: their gradients */
    real *loss_stats; /* [B*T,2] */
};

/* The steps that whole sequences do in one way, single new tokens in
 * another. */
struct pass_functions {
    /* Lines up the tokens that the choice keeps as the layer's kept rows. */
    void (*select)(struct model *model, int32_t choice);
    /* Notes that the choice keeps those of the one before. */
    void (*follow)(struct model *model, int32_t choice);
    /* Puts the new keys where queries look for them, and runs the queries of
     * the layer's rows, which may be none. */
    void (*attend)(struct model *model, int32_t layer);
    /* Scores tokens by the attention that they drew in the layer before. */
    void (*receive)(struct model *model, int32_t choice);
    bool past;                     /* ids of earlier tokens lie in model.past */
};

struct model {
    struct model_spec spec;
    struct plan plan;
    struct model_options options;
    struct arena      arena;
    struct tensor_list tensors;
    struct allocation allocation;
    struct executor   ex;
    struct pool      *pool;
    struct model_input input;      /* of the last forward */
    const struct pass_functions *pass;   /* of the forward under way */
    struct overflow overflow;      /* of all passes so far */
    float threshold_rate;
    struct route_table *table;     /* of the signal; NULL: none, or that of
                                    * options.weights_of */

    real *weights;                 /* [tensors.floats] */
    uint8_t *stored;               /* [tensors.stored_bytes] */
    real *gradients, *moment[2];   /* [tensors.learned] */
    int32_t lowest;                /* backward ends in this layer: the first, or
                                    * with a frozen backbone the first routed */
    float *threshold;              /* [choices] */
    real *rope;                    /* [T,R], T = options.n_tokens; of */
    real *rope_local;              /* windowed layers where theirs is another */

    real *stream[SPEC_MAX_LAYERS + 1];   /* [B*T,C] input of layer l; layers
                                          * that route share their input's */
    struct layer_buffers *layer;         /* [L] */
    struct choice_buffers *choice;       /* [choices] */
    struct depth_buffers depths;
    int32_t n_rows;                /* of the stream: all tokens of the pass */
    struct rows all_rows;          /* every token, for dense layers */
    int32_t *all_first, *all_position, *all_token;
    int32_t *all_ids, *all_targets;   /* [N] of sequences of unlike lengths */
    int32_t *last_row, *last_token;   /* [B] of each sequence */
    real *left[2];                 /* [B*T,C] the stream that the routed layer
                                    * before scored, for each of its choices */

    real *entered;                 /* [M,C] what entries become; backward: their
                                    * gradients; of all layers */
    struct head_buffers head;      /* of the last layer's stream */
    struct head_buffers *exit;     /* [L] training, of those layers */
    struct head_buffers later;     /* of rows that went on past an exit, and of
                                    * no others: packed */
    real *nats, *entropy;          /* [B*T] */
    double router_nats, predictor_nats;  /* mean cross-entropies */
    double expert_balance, expert_square;   /* model_expert_balance() */
    real *predictor_input;         /* [B*T,C] */
    int32_t *choose_scratch;       /* [threads,T] */
    real *active_scores;           /* [threads,T] of nested choices */

    /* Decoding. */
    struct decode_input step;
    int32_t *decoded;              /* [B] tokens of each sequence so far */
    int32_t *past;                 /* [B,T] their ids, for a table */
    int32_t  cache_capacity;       /* n_tokens, in whole tiles */
    struct cache *cache;           /* [L] of windowed layers the window's */
    int32_t *kept_count;           /* [choices,B] tokens that each kept */
    int32_t *kept_position;        /* [choices,B,T] their positions */
    int32_t *skipped, *skipped_position;   /* [B] whose rows a layer skips */
    real    *history;              /* [choices,B,capacity] scores so far */
    real    *drafted;              /* [n_verified,C] their streams */
    real    *head_columns;         /* [C,V]; NULL: the head is stored */

    /* Backward, shared by all layers; widest layer's N. */
    real *dstream;                 /* [B*T,C] */
    real *dblock;                  /* [N,C] gradient inside a routed block */
    real *dpass;                   /* [N,C] */
    real *dscore;                  /* [N]; of all rows, where routers or
                                    * predictors have losses of their own */
    real *dnormed;                 /* [B*T,C] */
    real *dgiven;                  /* [N,C] */
    real *dact;                    /* [N,F]; of entries too */
    real *dup;                     /* [N,U] */
    real *dby;                     /* [M] of entries' weights */
    real *dshared;                 /* [N] of the scores of what all enter */
    real *dchance;                 /* [N,R] of the scores of experts */
    real *dattended;               /* [N,Q] */
    real *dqkv;                    /* [N,Q+2E] */
    real *dasking;                 /* [N,C] */
    real *partial;                 /* chunks of the largest tensor */
};

#endif
