/* model.h - the reference executor: dense and Mixture-of-Depths decoders in
 * float32, forward, backward and update, every op bracketed and tallied. */
#ifndef MODEL_H
#define MODEL_H

#include "models/kernels.h"
#include "models/pool.h"
#include "models/tensor.h"
#include "sim/core/meter.h"
#include "sim/core/route.h"
#include "sim/core/spec.h"

struct model;                     /* opaque; owns weights, gradients, buffers */

struct model_options {
    int32_t n_sequences;          /* B at most */
    int32_t n_tokens;             /* T at most; <= spec.max_tokens */
    bool    train;                /* keeps what backward needs, and gradients */
    bool    decode;               /* keeps keys and values; not with train */
    int     n_threads;
    const struct kernels *kernels;   /* NULL: kernels_best() */
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

/* Normal weights, deviation 0.02; projections onto the stream are divided by
 * sqrt(2L) (Radford et al. 2019); scales 1, shifts 0; routers as weights.  The
 * draw of a tensor depends on seed, layer and kind only, so models of one shape
 * with and without routing start alike.  Stored matrices stay as they are. */
void model_init(struct model *model, uint64_t seed);

struct model_input {
    const int32_t *ids;           /* [B,T] */
    const int32_t *targets;       /* [B,T]; NULL: no loss */
    int32_t n_sequences, n_tokens;
    const struct route_policy *policy;   /* of every routed layer */
    uint64_t seed;                /* for policies that draw */
    bool train;                   /* keep for backward, move thresholds */
    bool entropy;                 /* also the entropy of each prediction */
    bool cache;                   /* prefill: keys and values are kept */
};

/* A model opened to train has room for spec_kept() tokens of a sequence in a
 * routed layer: give it policies with a fixed k, and judge thresholds with a
 * model that was not.
 *
 * *mean_loss in nats per token, untouched without targets.  `meter` (NULL:
 * nobody) sees every op. */
void model_forward(struct model *model, const struct model_input *input,
                   struct meter *meter, double *mean_loss);

/* Gradients of the mean loss of the last forward, which had train set. */
void model_backward(struct model *model, struct meter *meter);

struct update {
    double  learning_rate, beta1, beta2, epsilon, weight_decay;
    double  clip;                 /* largest norm of all gradients; 0: none is
                                   * too large, but the norm is still taken */
    int64_t step;                 /* 1, 2, ... */
};
/* AdamW; returns the norm of the gradients before clipping. */
double model_update(struct model *model, const struct update *update,
                    struct meter *meter);

/* Forget all keys and values, and take notice of new weights. */
void model_decode_reset(struct model *model);

/* One more token for each sequence, after a prefill with `cache` or from the
 * start.  keep [L,B]: whether a routed layer processes the sequence's token;
 * NULL: score >= threshold decides.  Logits are [B,V].  A routed layer that
 * skips a token neither runs nor keeps a key for it; one that all skip reads no
 * weight.  At most options.n_tokens tokens a sequence. */
void model_decode(struct model *model, const int32_t *ids, const bool *keep,
                  struct meter *meter);
/* Tokens so far; and which each layer kept, as an allocation over them.  The
 * caller opened *out with L, B and exactly that many tokens. */
int32_t model_decoded(const struct model *model);
void    model_decode_allocation(const struct model *model,
                                struct allocation *out);

/* Borrowed; valid until the next forward (or close). */
const struct model_spec *model_spec(const struct model *model);
const float *model_logits(const struct model *model);    /* [B,T,V] */
const float *model_nats(const struct model *model);      /* [B,T] */
const float *model_entropy(const struct model *model);   /* [B,T] */
const struct allocation *model_allocation(const struct model *model);
const char  *model_isa(const struct model *model);       /* "avx512" */

/* State to store and restore. */
struct tensor_list *model_tensors(struct model *model);
float *model_weights(struct model *model);     /* [tensors.floats], without
                                                * stored ones */
float *model_gradients(struct model *model);   /* NULL unless train */
float *model_moments(struct model *model, int which);   /* 0 m, 1 v */
float *model_thresholds(struct model *model);  /* [L]; NAN: never tracked */

/* The threads of the model, for work between passes, and a place for each to
 * work in: at least 64 rows of the model's widest matrix. */
struct pool *model_pool(struct model *model);
float *model_scratch(struct model *model, int part);

/* How fast thresholds follow top-k's cut: weight of the newest step. */
void model_set_threshold_rate(struct model *model, float rate);

#endif
