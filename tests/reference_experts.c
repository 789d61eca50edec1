/* reference_experts.c - Write out a mixture of experts, a row at a time. */
#include "tests/reference.h"

#include <math.h>
#include <string.h>

static const double *weight(const struct reference *r, int32_t layer,
                            enum tensor_id id)
{
    return r->weights + tensor_find(r->tensors, layer, id)->offset;
}

/* out[C] += by times SwiGLU(x) of width f; up is [C,2f], down [f,C]. */
static void add_swiglu(double *out, double by, const double *x, int32_t c,
                       int32_t f, const double *up, const double *down)
{
    for (int32_t j = 0; j < f; j++) {
        double gate = 0.0, value = 0.0;
        for (int32_t k = 0; k < c; k++) {
            gate += x[k] * up[k * 2 * f + j];
            value += x[k] * up[k * 2 * f + f + j];
        }
        const double act = reference_silu(gate) * value;
        for (int32_t k = 0; k < c; k++)
            out[k] += by * act * down[j * c + k];
    }
}

/* The softmax of x's scores. */
static void chances(const struct reference *r, int32_t layer, const double *x,
                    double *chance)
{
    const int32_t c = r->spec->n_channels, n = r->spec->experts.n;
    const double *w = weight(r, layer, TENSOR_EXPERT_ROUTER);
    double sum = 0.0;

    for (int32_t e = 0; e < n; e++) {
        double score = 0.0;
        for (int32_t k = 0; k < c; k++)
            score += x[k] * w[k * n + e];
        sum += chance[e] = exp(score);
    }
    for (int32_t e = 0; e < n; e++)
        chance[e] /= sum;
}

/* An expert is entered if fewer than A others have a higher chance. */
static bool is_entered(const double *chance, int32_t n, int32_t active,
                       int32_t e)
{
    int32_t above = 0;

    for (int32_t i = 0; i < n; i++)
        above += chance[i] > chance[e] || (i < e && !(chance[i] < chance[e]));
    return above < active;
}

static void add_entered(const struct reference *r, int32_t layer,
                        const double *x, double *out)
{
    const struct experts *s = &r->spec->experts;
    const int32_t c = r->spec->n_channels, f = s->width;
    const double *up = weight(r, layer, TENSOR_EXPERT_UP);
    const double *down = weight(r, layer, TENSOR_EXPERT_DOWN);
    double chance[s->n], sum = 0.0;

    chances(r, layer, x, chance);
    for (int32_t e = 0; e < s->n; e++)
        if (is_entered(chance, s->n, s->active, e))
            sum += chance[e];
    for (int32_t e = 0; e < s->n; e++)
        if (is_entered(chance, s->n, s->active, e))
            add_swiglu(out, s->normalised ? chance[e] / sum : chance[e], x, c,
                       f, up + e * c * 2 * f, down + e * f * c);
}

static double shared_gate(const struct reference *r, int32_t layer,
                          const double *x)
{
    double score = 0.0;

    if (!r->spec->experts.shared_gate)
        return 1.0;
    for (int32_t k = 0; k < r->spec->n_channels; k++)
        score += x[k] * weight(r, layer, TENSOR_SHARED_GATE)[k];
    return 1.0 / (1.0 + exp(-score));
}

void reference_experts(const struct reference *r, int32_t layer,
                       const double *x, int32_t n, double *out)
{
    const int32_t c = r->spec->n_channels, shared = r->spec->experts.shared;

    memset(out, 0, (size_t)(n * c) * sizeof *out);
    for (int32_t i = 0; i < n; i++, x += c, out += c) {
        add_entered(r, layer, x, out);
        if (shared > 0)
            add_swiglu(out, shared_gate(r, layer, x), x, c, shared,
                       weight(r, layer, TENSOR_SHARED_UP),
                       weight(r, layer, TENSOR_SHARED_DOWN));
    }
}
