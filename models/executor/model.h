/* model.h - Execute dense and Mixture-of-Depths decoders in float32: forward,
 * backward, update and decode, with every op bracketed and tallied. */
#ifndef MODEL_H
#define MODEL_H

#include "models/kernels/kernels.h"
#include "models/executor/overflow.h"
#include "models/executor/pool.h"
#include "models/executor/tensor.h"
#include "sim/core/ledger/meter.h"
#include "sim/core/model/route.h"
#include "sim/core/model/route_table.h"
#include "sim/core/model/spec.h"

struct model;                     /* opaque; owns weights, gradients, buffers */

struct model_options {
    int32_t n_sequences;          /* B at most */
    int32_t n_tokens;             /* T at most; <= spec.max_tokens */
    int32_t n_prefill;            /* with decode: T of a forward, at most; the
                                   * rest is decoded; 0: n_tokens */
    bool    train;                /* keeps what backward needs, and gradients */
    bool    decode;               /* keeps keys and values; not with train */
    int32_t n_verified;           /* tokens that a round of speculation runs at
                                   * once, at most; of one sequence, of a model
                                   * that decodes and routes nothing; 0: none */
    bool    last_only;            /* room for no more logits than a forward with
                                   * last_only or a decode step gives */
    int     n_threads;
    const struct kernels *kernels;   /* NULL: kernels_best() */
    const struct model *weights_of;  /* NULL: own; else weights and thresholds
                                      * are those of this model, of the same
                                      * spec, which must live longer */
};

/* All memory is taken here, once; nothing later allocates.  Weights are zero
 * until model_init() or a checkpoint fills them.  Matrices that the spec says
 * are stored are kept so; such a model is not trained and not exported:
 * STATUS_BAD_VALUE. */
enum status model_open(struct model **out, const struct model_spec *spec,
                       const struct model_options *options,
                       struct error *err) MUST_CHECK;
void        model_close(struct model *model);
size_t      model_bytes(const struct model *model);   /* of the one block */
const char *model_kernels(const struct model *model);   /* their name */

enum init_scheme {
    INIT_FAN_IN,        /* 1/sqrt(inputs); embeddings and head 1/sqrt(C);
                         * routers 0.02 */
    INIT_FAN_IN_DEPTH,  /* the same, and projections onto the stream divided by
                         * sqrt(2L) */
    INIT_GPT2,          /* 0.02, projections onto the stream divided by sqrt(2L)
                         * (Radford et al. 2019) */
};
/* Normal weights of the scheme's deviation; scales 1, shifts 0.  The draw of a
 * tensor depends on seed, layer and kind only, so models of one shape with and
 * without routing start alike.  Stored matrices stay as they are. */
void model_init(struct model *model, enum init_scheme scheme, uint64_t seed);

/* The routers alone, in a model that was trained without them: normal, so that
 * scores of the normalised stream have about this deviation.  A small one keeps
 * the gate 2*sigmoid(score) near 1, which is the model that was trained; with
 * zeros all tokens would tie, and top-k would take the first. */
void model_init_routers(struct model *model, uint64_t seed, double deviation);

/* Sequences of unlike lengths are packed: no row is padding.  Row first(b) + t
 * of what a model gives out by row is token t of sequence b, first(b) being the
 * lengths before it added up; with equal lengths that is row b*T + t. */
struct model_input {
    const int32_t *ids;           /* [B,T] */
    const int32_t *targets;       /* [B,T]; NULL: no loss */
    int32_t n_sequences, n_tokens;
    const int32_t *length;        /* [B] tokens of each sequence, 1..T; of the
                                   * rest nothing is read; NULL: T; not with
                                   * train */
    const struct route_policy *policy;   /* of every routed layer */
    const struct allocation *replayed;   /* for policies that replay */
    uint64_t seed;                /* for policies that draw */
    bool train;                   /* keep for backward, move thresholds */
    double openness;              /* of routed layers, spec_opened(); above 0
                                   * only where the spec's kept_varies gives
                                   * room */
    bool entropy;                 /* also the entropy of each prediction */
    bool cache;                   /* prefill of whole sequences, after
                                   * model_decode_reset(): keys and values are
                                   * kept */
    bool last_only;               /* final norm and logits of each sequence's
                                   * last token alone; no targets */
    float *scores;                /* [choices,N] gets the scores that routed
                                   * choices went by; NULL: nobody asks */
};

/* A model opened to train has room for spec_room() tokens of a sequence in a
 * routed layer: give it the policy that its spec was settled for
 * (route_settle()), and judge others with a model that was not.
 *
 * *mean_loss in nats per token, untouched without targets.  `meter` (NULL:
 * nobody) sees every op. */
void model_forward(struct model *model, const struct model_input *input,
                   struct meter *meter, double *mean_loss);

/* Gradients of the mean loss of the last forward, which had train set, and of
 * the exits' and the routers' losses, weighted as the spec says; of predictors, in
 * their own; with a frozen backbone, of the routers. */
void model_backward(struct model *model, struct meter *meter);

/* How many of the last training forward's tokens each predictor said would be
 * kept and were: n[kept][said], over all routed layers; zeros without
 * predictors. */
void model_foreseen(const struct model *model, int64_t n[2][2]);

struct update {
    double  learning_rate, beta1, beta2, epsilon, weight_decay;
    double  clip;                 /* largest norm of all gradients; 0: none is
                                   * too large, but the norm is still taken */
    int64_t step;                 /* 1, 2, ... */
    double  hidden_rate;          /* of the matrices of layers */
    double  router_rate;          /* both: 0: learning_rate */
    double  router_decay;
};
/* AdamW; returns the norm of the gradients before clipping. */
double model_update(struct model *model, const struct update *update,
                    struct meter *meter);

/* Forget all keys and values, and pick up new weights. */
void model_decode_reset(struct model *model);

/* A choice keeps a token if `keep` says so; without `keep`, if the policy's
 * keep() does, from the scores of its sequence so far; without that either, if
 * the router's score is at or above the threshold.  One of them must be there.
 * The spec's keep_first goes before all but `keep`. */
struct decode_input {
    const int32_t *ids;           /* [B] */
    const bool *active;           /* [B]; others get no row, cost nothing, and
                                   * their id is not read; NULL: all */
    const bool *keep;             /* [choices,B], or NULL */
    const struct route_policy *policy;   /* or NULL */
    const struct allocation *replayed;   /* for policies that replay */
    uint64_t seed;                /* the prefill's, for policies that draw */
};

/* One more token for each sequence, after a prefill with `cache` or from the
 * start; B is that of the options, and sequences may be of unlike lengths.
 * Logits are a row for each active sequence.  A routed layer that skips a token
 * keeps the key for it that spec.skipped_keys says; one that all skip reads no
 * weight but for those.  At most options.n_tokens tokens a sequence. */
void model_decode(struct model *model, const struct decode_input *input,
                  struct meter *meter);
/* A round of self-speculation (Elhoushi et al. 2024, LayerSkip, section 4.3): the
 * first layers draft tokens one by one, the others verify them at once. */
enum { SPECULATION_MAX = 64 };
struct speculation {
    int32_t n_layers;             /* that draft, 1..L-1 */
    int32_t n_drafts;             /* below SPECULATION_MAX and n_verified */
};
/* Runs token id and what is drafted after it; into next[n_drafts + 1] go the
 * tokens that the whole model chooses, greedily: those of so many steps of
 * model_decode().  Returns how many: one more than drafts that were right; as
 * many tokens are decoded then. */
int32_t model_speculate(struct model *model, const struct speculation *how,
                        int32_t id, int32_t *next, struct meter *meter);

/* Tokens of a sequence so far. */
int32_t model_decoded(const struct model *model, int32_t sequence);
/* The tokens that each choice kept, as an allocation over the active sequences
 * [B], in their order; NULL: all.  The caller opened *out with plan_n_choices()
 * choices, that many sequences and the tokens of the longest; with room for a
 * dispatch, it is told the experts that tokens of the last pass entered. */
void    model_decode_allocation(const struct model *model, const bool *active,
                                struct allocation *out);

/* Where a score, a logit or a loss of any pass so far was Inf or NaN, or a norm
 * could not scale a row: the first such op, its layer and position, in words.
 * NULL: nowhere.  Passes go on to their end all the same, so whoever takes a
 * result out of the model asks before. */
const char *model_overflow(const struct model *model, char out[OVERFLOW_SIZE]);
/* STATUS_FAILED then, with the name of the model, `who`. */
enum status model_check(const struct model *model, const char *who,
                        struct error *err) MUST_CHECK;

/* Borrowed; valid until the next forward (or close). */
const struct model_spec *model_spec(const struct model *model);
const float *model_logits(const struct model *model);    /* [N,V]; last_only:
                                                          * [B,V] */
const float *model_nats(const struct model *model);      /* [N] */
const float *model_entropy(const struct model *model);   /* [N] */
/* Of the last forward to train with aux_loss, else NAN: the mean cross-entropy of
 * sigmoid(score) against being kept, over tokens and choices of routed layers. */
double model_router_nats(const struct model *model);
/* The same of predictors, with any. */
double model_predictor_nats(const struct model *model);
/* Of the last forward to train with such a weight, else NAN: what experts'
 * balance_loss and z_loss weigh, means over the layers that have experts. */
double model_expert_balance(const struct model *model);
double model_expert_square(const struct model *model);
/* One row of the logits that the last forward or step worked out; in a decode
 * step `token` does not matter. */
const float *model_logits_of(const struct model *model, int32_t sequence,
                             int32_t token);
const struct allocation *model_allocation(const struct model *model);
const char  *model_isa(const struct model *model);       /* "avx512" */

/* State to store and restore. */
struct tensor_list *model_tensors(struct model *model);
float *model_weights(struct model *model);     /* [tensors.floats], without
                                                * stored ones */
/* [tensors.learned]; NULL unless train. */
float *model_gradients(struct model *model);
float *model_moments(struct model *model, int which);   /* 0 m, 1 v */
/* [choices] (plan.h); NAN: never tracked. */
float *model_thresholds(struct model *model);

/* The threads of the model, for work between passes, and a place for each to
 * work in: at least 64 rows of the model's widest matrix. */
struct pool *model_pool(struct model *model);
float *model_scratch(struct model *model, int part);

/* factors [D/2], above 0, of a spec whose rope_scaling is ROPE_SCALING_FACTORS:
 * pair i turns by theta^(-2i/D) / factors[i].  Until then they are 1. */
void model_set_rope_factors(struct model *model, const float *factors);

/* Hands over a fitted table that has the layers of a spec whose signal is
 * SIGNAL_TABLE: the model releases it.  Those on its weights go by it too; there
 * must be one before the first pass. */
void model_take_table(struct model *model, struct route_table *table);

/* Borrowed; NULL: it has none. */
const struct route_table *model_table(const struct model *model);

/* A routed layer keeps this share of the tokens that come, 0: none; of a model
 * that was not opened to train, which has room for any. */
void model_set_capacity(struct model *model, int32_t layer, double capacity);

/* Sets the weight of the newest step's cut in the thresholds that follow it. */
void model_set_threshold_rate(struct model *model, float rate);

#endif
