/* init.c - Draw the first weights of a model. */
#include "models/executor/model_state.h"

#include <math.h>

#include "sim/core/base/random.h"

/* Of every matrix at every width (Radford et al. 2019): right for widths near
 * 1,000, and 8 times too small at 40. */
#define GPT2_DEVIATION 0.02

static bool is_onto_stream(const struct tensor *t)
{
    return t->id == TENSOR_PROJECT || t->id == TENSOR_DOWN ||
           t->id == TENSOR_EXPERT_DOWN || t->id == TENSOR_SHARED_DOWN;
}

/* What 2L additions to the stream are divided by, so that their sum does not
 * grow with the depth. */
static double depth_of(const struct model_spec *spec)
{
    return sqrt(2.0 * spec->n_layers);
}

static double gpt2_deviation(const struct tensor *t,
                             const struct model_spec *spec)
{
    return is_onto_stream(t) ? GPT2_DEVIATION / depth_of(spec)
                             : GPT2_DEVIATION;
}

/* Products of numbers near 1 come out near 1, whatever the width; a token's
 * embedding has norm 1.  A router keeps small scores, as Mixture-of-Depths
 * models of widths 24 to 96 train best from gates near 1. */
static double fan_in_deviation(const struct tensor *t,
                               const struct model_spec *spec)
{
    const bool by_token = t->layer < 0;         /* embeddings and head: [V,C] */
    const double inputs = (double)(by_token ? t->columns : t->rows);

    (void)spec;
    return t->kind == TENSOR_VECTOR ? GPT2_DEVIATION : 1.0 / sqrt(inputs);
}

static double fan_in_depth_deviation(const struct tensor *t,
                                     const struct model_spec *spec)
{
    double deviation = fan_in_deviation(t, spec);
    return is_onto_stream(t) ? deviation / depth_of(spec) : deviation;
}

static double (*const deviation_of[])(const struct tensor *,
                                      const struct model_spec *) = {
    [INIT_FAN_IN]       = fan_in_deviation,
    [INIT_FAN_IN_DEPTH] = fan_in_depth_deviation,
    [INIT_GPT2]         = gpt2_deviation,
};

static void draw_normal(real *w, size_t n, double deviation,
                        struct random *random)
{
    for (size_t i = 0; i < n; i++)
        w[i] = (real)(deviation * random_normal(random));
}

static struct random random_of(const struct tensor *t, uint64_t seed)
{
    return random_seeded(
        random_mix(seed, (uint64_t)(t->layer + 1), (uint64_t)t->id, 0));
}

/* A predictor that knows nothing says how many are kept: so it need not learn
 * that first (Lin et al. 2017, arXiv 1708.02002, on initialization). */
static double kept_logit(double capacity)
{
    return capacity < 1.0 ? log(capacity / (1.0 - capacity)) : 0.0;
}

static void draw(struct model *m, const struct tensor *t,
                 enum init_scheme scheme, uint64_t seed)
{
    real *w = m->weights + t->offset;
    bool normal = t->kind == TENSOR_MATRIX || t->kind == TENSOR_VECTOR;
    struct random random = random_of(t, seed);

    if (t->id == TENSOR_PREDICT_DOWN_BIAS ||
        t->id == TENSOR_PREDICT_FFN_DOWN_BIAS) {
        w[0] = (real)kept_logit(m->spec.capacity[t->layer]);
        return;
    }
    if (normal)
        draw_normal(w, t->n, deviation_of[scheme](t, &m->spec), &random);
    else
        for (size_t i = 0; i < t->n; i++)
            w[i] = t->kind == TENSOR_SCALE ? 1.0f : 0.0f;
}

void model_init(struct model *m, enum init_scheme scheme, uint64_t seed)
{
    for (int32_t i = 0; i < m->tensors.n; i++)
        if (m->tensors.tensor[i].n_ranges == 0)
            draw(m, &m->tensors.tensor[i], scheme, seed);
}

void model_init_routers(struct model *m, uint64_t seed, double deviation)
{
    for (int32_t i = 0; i < m->tensors.n; i++) {
        const struct tensor *t = &m->tensors.tensor[i];
        struct random random = random_of(t, seed);
        if (tensor_predicts(t->id))
            draw(m, t, INIT_FAN_IN, seed);
        if (tensor_routes(t->id))
            draw_normal(m->weights + t->offset, t->n,
                        deviation / sqrt((double)t->n), &random);
    }
}
