/* routed.h - Make models that route in every way there is, and rules to route
 * by, for test_routed.c and test_routed_keys.c. */
#ifndef ROUTED_H
#define ROUTED_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/executor/history.h"
#include "sim/core/model/plan.h"
#include "tests/cases.h"

enum { B = 3, T = 37, V = 41, L = 4, CHOICES = 2 * L };
static const int32_t lengths[B] = { 21, T, 6 };

/* ---- shapes ---- */

struct variant {
    enum family family;
    enum routed_part part;
    enum skipped_keys keys;
    enum signal signal;          /* NONE: a router, and its gate; apart, unless
                                  * gated: a rule that goes by the place */
    bool together;               /* routed layers follow each other */
    bool dense;                  /* none is */
    int32_t first;               /* tokens kept in any case */
    bool gated;                  /* a signal chooses, a router gates; apart
                                  * without a signal, routers do both */
};

static inline struct model_spec shape(const struct variant *v)
{
    struct model_spec spec = {
        .traits = family_traits[v->family],
        .n_layers = L, .n_channels = 40, .n_heads = 4,
        .n_kv_heads = family_traits[v->family].grouped ? 2 : 4, .head_size = 10,
        .n_ffn = 56, .n_vocab = V, .max_tokens = T + 3,
        .tied_head = v->family == FAMILY_GPT2, .norm_epsilon = 1e-5f,
        .rope_theta = 1000.0f, .gate = GATE_ONE,
        .router_input = ROUTER_INPUT_NORMALISED, .signal = v->signal,
        .part = v->part, .skipped_keys = v->keys, .keep_first = v->first,
    };
    if ((v->signal == SIGNAL_NONE && v->part != PART_APART) || v->gated) {
        spec.gate = GATE_SIGMOID2;
        spec.gate_scale = v->gated ? 0.75 : 0.0;
        spec.bypass_gated = v->together;
        spec.router_scores = true;
    }
    for (int l = 0; l < L; l++) {
        spec.routed[l] = v->together ? l > 0 : l % 2 == 1;
        spec.capacity[l] = spec.routed[l] ? 0.4 : 1.0;
    }
    return v->dense ? spec_dense(&spec) : spec;
}

static inline void name_of(char out[96], const struct variant *v)
{
    snprintf(out, 96, "%s, %s, keys %s, signal %s%s%s", family_names[v->family],
             part_names[v->part], skipped_keys_names[v->keys],
             signal_names[v->signal], v->gated ? " and gate" : "", v->dense      ? ", dense"
                                    : v->together ? ", together"
                                                  : "");
}

typedef void variant_fn(const struct variant *v);

/* Received attention needs a layer before that attends to all. */
static inline void each_variant(variant_fn *fn, bool received)
{
    for (int f = 0; f < N_CONTRASTS; f++)
        for (int p = 0; p < PART_COUNT; p++)
            for (int k = 0; k < SKIPPED_KEYS_COUNT; k++)
                for (int s = 0; s < SIGNAL_COUNT; s++)
                    for (int t = 0; t < 2; t++) {
                        struct variant v = {
                            contrasts[f], (enum routed_part)p,
                            (enum skipped_keys)k, (enum signal)s, t == 1, false,
                            0, false,
                        };
                        if (s == SIGNAL_TABLE || s == SIGNAL_CONFIDENCE)
                            continue;    /* test_decode.c, test_exits.c */
                        if (s == SIGNAL_RECEIVED &&
                            (!received || p == PART_APART ||
                             (t == 1 && p != PART_FFN)))
                            continue;
                        if (p == PART_FFN && k != SKIPPED_KEYS_ABSENT)
                            continue;
                        fn(&v);
                        v.gated = true;
                        if (s == SIGNAL_NORM + f ||
                            (s == SIGNAL_NONE && p == PART_APART))
                            fn(&v);
                    }
}

/* ---- rules ---- */

/* Kept: what lies no lower than the mean so far.  The first always is. */
static inline bool above_mean(const struct route_input *in, int32_t t)
{
    double sum = 0.0;
    for (int32_t i = 0; i <= t; i++)
        sum += (double)in->score[i];
    return (double)in->score[t] >= sum / (t + 1);
}

static inline int32_t choose_above_mean(const struct route_input *in,
                                        int32_t *kept)
{
    int32_t n = 0;
    for (int32_t t = 0; t < in->n_tokens; t++)
        if (above_mean(in, t))
            kept[n++] = t;
    return n;
}

/* Of a model that has a signal, the rule goes by it, whatever it is. */
static inline const struct route_policy *causal_by(enum signal signal)
{
    static struct route_policy rules[SIGNAL_COUNT];
    rules[signal] = (struct route_policy){
        .name = "above_mean", .choose = choose_above_mean, .causal = true,
        .keep = above_mean, .signal = signal,
    };
    return &rules[signal];
}

/* By the place alone, and each choice otherwise. */
static inline bool in_turn(const struct route_input *in, int32_t t)
{
    return (t * 7 + in->choice * 3) % 11 < 5;
}

static inline int32_t choose_in_turn(const struct route_input *in,
                                     int32_t *kept)
{
    int32_t n = 0;
    for (int32_t t = 0; t < in->n_tokens; t++)
        if (in_turn(in, t))
            kept[n++] = t;
    return n;
}

static const struct route_policy turns = {
    .name = "in_turn", .choose = choose_in_turn, .causal = true,
    .keep = in_turn,
};

static inline bool is_scored(const struct variant *v)
{
    return v->signal != SIGNAL_NONE || v->part != PART_APART || v->gated;
}

static const struct route_policy *policy_of(const struct variant *v)
{
    return v->dense                       ? case_policy("dense")
           : v->signal == SIGNAL_RECEIVED ? case_policy("expert_choice")
           : is_scored(v)                 ? causal_by(v->signal)
                                          : &turns;
}

/* ---- models ---- */

static inline struct model *open_batch(const struct model_spec *spec,
                                       bool decode, int n_threads,
                                       int32_t n_sequences)
{
    struct model_options options = { .n_sequences = n_sequences, .n_tokens = T,
                                     .decode = decode,
                                     .n_threads = n_threads };
    return case_model(spec, &options, 3);
}

static inline struct model *open_model(const struct model_spec *spec,
                                       bool decode, int n_threads)
{
    return open_batch(spec, decode, n_threads, B);
}

static inline void draw_ids(int32_t ids[B * T])
{
    int32_t targets[B * T];
    case_text(ids, targets, B * T, V, 11);
}

static inline void run_whole(struct model *m, const struct variant *v,
                      const int32_t *ids, const int32_t *length)
{
    model_forward(m, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = T, .length = length,
        .policy = policy_of(v), .seed = 5 }, NULL, NULL);
}

static inline void kept_flags(const struct allocation *a, int32_t b, bool *kept)
{
    memset(kept, 0, (size_t)(CHOICES * T) * sizeof *kept);
    int32_t n = allocation_length(a, b);
    for (int32_t c = 0; c < a->n_choices; c++)
        for (int32_t i = 0; i < allocation_count(a, c, b); i++)
            kept[c * n + allocation_kept(a, c, b)[i]] = true;
}

static inline bool kept_at(const struct allocation *a, int32_t c, int32_t b,
                           int32_t t)
{
    const int32_t *kept = allocation_kept(a, c, b);
    for (int32_t i = 0; i < allocation_count(a, c, b); i++)
        if (kept[i] == t)
            return true;
    return false;
}

static inline double step_distance(const struct model *steps,
                                   const struct model *whole, int32_t b,
                                   int32_t t)
{
    double worst = 0.0;
    const float *x = model_logits_of(steps, b, t);
    const float *y = model_logits_of(whole, b, t);
    for (int32_t i = 0; i < V; i++)
        worst = fmax(worst, fabs((double)(x[i] - y[i])));
    return worst;
}

static inline bool same_bits(const struct model *a, const struct model *b)
{
    return memcmp(model_logits(a), model_logits(b),
                  (size_t)a->n_rows * V * sizeof(float)) == 0;
}

#endif
