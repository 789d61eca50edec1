/* reference.h - Compute a decoder in double, from the equations and nothing
 * else: plain loops, full T x T attention, libm.  The executor is measured
 * against it.
 *
 * Sources: Vaswani et al. 2017 (attention); Radford et al. 2019 (gpt2: norm
 * before each part, learned positions); Hendrycks and Gimpel 2016 (GELU, tanh
 * form); Zhang and Sennrich 2019 (RMS norm); Su et al. 2021 (rotary positions,
 * halves paired as in Hugging Face files); Shazeer 2020 (SwiGLU); Ainslie et al.
 * 2023 (grouped queries); Gemma Team 2024 (norms around parts, caps); Walsh et al.
 * 2025, OLMo 2 (norms after parts, of whole rows of queries and keys); Wang and
 * Komatsuzaki 2021 (parts side by side); Henry et al. 2020 as in Yang et al. 2025, Qwen3 (norms
 * of queries and keys, a head at a time, with scales); Bae et al. 2025, sections 2.2.1
 * and 2.2.2 (depths by token choice, keys of the first recursion); Raposo et al. 2024, equation 1 (Mixture of Depths,
 * here with a gate on the block's change). */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "models/executor/tensor.h"
#include "sim/core/model/route.h"

struct reference {
    const struct model_spec  *spec;
    const struct tensor_list *tensors;     /* where each weight is */
    const double             *weights;     /* [tensors.floats] */
    const int32_t *ids, *targets;          /* [B,T] */
    int32_t n_sequences, n_tokens;
    const struct allocation  *allocation;  /* who is routed where, fixed */
    double *gate;                          /* [L,B,T] gates of routed layers:
                                            * noted, or, if held, used */
    bool    gate_held;
    bool    of_predictors;                 /* slopes are of their loss, which
                                            * is nobody else's */
    double *judged;                        /* that losses of experts' scores are
                                            * added to; NULL: not asked */
    double *chance;                        /* [depths,T] of the sequence, where
                                            * depths are scored ahead */
    double *before;                        /* [T,C] the stream before the first of
                                            * depths that one gate ends */
    double *lent;                          /* [span,T,2E] keys and values of the
                                            * first recursion, where later ones
                                            * see them */
};

/* Mean loss in nats per token; nats [B,T] and logits [B,T,V] unless NULL.  `gate`
 * may be NULL unless it is held. */
double reference_loss(const struct reference *r, double *nats, double *logits);

/* Central difference of the mean loss, and of the routers' own where the spec has
 * any, in weight i, from a copy of weights that
 * is put back as it was. */
double reference_slope(const struct reference *r, double *weights, size_t i);

/* The pieces (reference_pieces.c), for kernels on their own; gamma and beta may be
 * NULL: 1 and 0. */
void   reference_layer_norm(const double *x, int32_t n, double epsilon,
                            const double *gamma, const double *beta,
                            double *out);
void   reference_rms_norm(const double *x, int32_t n, double epsilon,
                          const double *gamma, double *out);
/* The i-th head of queries, or of keys, onto itself; gamma is of all of them. */
void   reference_head_norm(double *head, const struct model_spec *spec,
                           int32_t i, const double *gamma);
double reference_gelu(double x);         /* tanh form */
double reference_gelu_erf(double x);     /* by the error function */
double reference_silu(double x);
/* `scale` 0: 1. */
double reference_gate(enum gate gate, double scale, double score);
/* Radians a token of pair i of a head, after rope_scaling (default, linear and
 * llama3: Llama 3.1's blend, as transformers' modeling_rope_utils.py has it). */
double reference_frequency(const struct model_spec *spec, int32_t i);
/* Turn one head of D numbers, or its first, as a token at `position`. */
void   reference_rope(double *x, const struct model_spec *spec,
                      int32_t position);
/* cap tanh(x / cap); cap 0: x. */
double reference_cap(double x, double cap);
/* Causal attention of one head over n rows of queries, keys and values that lie
 * `stride` numbers apart; out rows likewise out_stride apart.  A row sees the
 * last `window` rows, its own included; 0: all (Beltagy et al. 2020).  Scores are
 * capped; 0: they are not. */
void   reference_attend(const double *q, const double *k, const double *v,
                        int32_t stride, int32_t n, int32_t head_size,
                        int32_t window, double cap, double *out,
                        int32_t out_stride);
/* -log softmax(x)[target]; *entropy unless NULL. */
double reference_nats(const double *x, int32_t n, int32_t target,
                      double *entropy);

/* out[n,C]: what the layer's experts make of n rows x[n,C], each entering those
 * that the reference itself finds (Jiang et al. 2024, section 2.1; with what all
 * enter besides, Qwen Team 2024); written in reference_experts.c. */
void   reference_experts(const struct reference *r, int32_t layer,
                         const double *x, int32_t n, double *out);

#endif
