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

/* The softmax of x's scores; returns the sum of their exps. */
static double chances(const struct reference *r, int32_t layer, const double *x,
                      double *chance)
{
    const int32_t c = r->spec->n_channels, n = spec_expert_scores(r->spec);
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
    return sum;
}

/* Of each expert the tokens that chose it, as the run notes it. */
static void count_chosen(const struct reference *r, int32_t layer, double *chosen)
{
    const struct dispatch *d = &r->allocation->dispatch;
    const int32_t *id = dispatch_of(d, layer, 0, 0);
    const int32_t n = r->n_sequences * r->n_tokens * d->n_active;

    for (int32_t e = 0; e < spec_expert_scores(r->spec); e++)
        chosen[e] = 0.0;
    for (int32_t i = 0; i < n; i++)
        if (id[i] != -1)
            chosen[id[i] < 0 ? DISPATCH_MISSED - id[i] : id[i]] += 1;
}

/* What the scores of n rows are to learn besides, by their chances and the sums of
 * their exps. */
static double judged(const struct reference *r, int32_t layer,
                     const double *chance, const double *sum, int32_t n)
{
    const struct experts *s = &r->spec->experts;
    const double rows = allocation_rows(r->allocation, layer);
    const int32_t scores = spec_expert_scores(r->spec);
    double chosen[scores], total = 0.0;

    count_chosen(r, layer, chosen);
    for (int32_t i = 0; i < n; i++) {
        total += s->z_loss * log(sum[i]) * log(sum[i]);
        for (int32_t e = 0; e < scores; e++)
            total += s->balance_loss * scores * chosen[e] / rows *
                     chance[i * scores + e];
    }
    return total / rows / spec_n_expert_layers(r->spec);
}

/* Fewer than `most` of n numbers, `stride` apart, come before the i-th: those that
 * are larger, and of equals the first. */
static bool is_among(const double *of, int32_t n, int32_t stride, int32_t i,
                     int32_t most)
{
    const double own = of[i * stride];
    int32_t before = 0;

    for (int32_t j = 0; j < n; j++)
        before += of[j * stride] > own || (j < i && !(of[j * stride] < own));
    return before < most;
}

/* Of a sequence of n rows, by their chances [n,R]: chosen [n,R], and those that
 * are entered. */
static void choose(const struct experts *s, const double *chance, int32_t n,
                   bool *chosen, bool *entered)
{
    const int32_t scores = s->n + s->idle;
    const double even = (double)n * s->active / scores;
    const double room = s->capacity > 0            ? ceil(s->capacity * even - 1e-6)
                        : s->rule == EXPERT_RULE_EXPERTS ? ceil(even - 1e-6)
                                                         : n;

    for (int32_t e = 0; e < scores; e++)
        for (int32_t r = 0, taken = 0; r < n; r++) {
            const int32_t at = r * scores + e;
            chosen[at] = s->rule == EXPERT_RULE_EXPERTS
                             ? is_among(chance + e, n, scores, r,
                                        (int32_t)fmax(1, room))
                             : is_among(chance + r * scores, scores, 1, e,
                                        s->active);
            entered[at] = chosen[at] && e < s->n && taken < fmax(1, room);
            taken += entered[at];
        }
}

/* One row's, of what it chose and entered. */
static void add_entered(const struct reference *r, int32_t layer,
                        const double *x, const double *chance,
                        const bool *chosen, const bool *entered, double *out)
{
    const struct experts *s = &r->spec->experts;
    const int32_t c = r->spec->n_channels, f = s->width;
    const double *up = weight(r, layer, TENSOR_EXPERT_UP);
    const double *down = weight(r, layer, TENSOR_EXPERT_DOWN);
    double sum = 0.0;

    for (int32_t e = 0; e < s->n + s->idle; e++)
        sum += chosen[e] ? chance[e] : 0.0;
    for (int32_t e = 0; e < s->n; e++)
        if (entered[e])
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

    const int32_t scores = spec_expert_scores(r->spec);
    double chance[n * scores + 1], sum[n + 1];
    bool chosen[n * scores + 1], entered[n * scores + 1];

    memset(out, 0, (size_t)(n * c) * sizeof *out);
    for (int32_t i = 0; i < n; i++)
        sum[i] = chances(r, layer, x + i * c, chance + i * scores);
    if (r->judged && n > 0)
        *r->judged += judged(r, layer, chance, sum, n);
    choose(&r->spec->experts, chance, n, chosen, entered);
    for (int32_t i = 0; i < n; i++, x += c, out += c) {
        add_entered(r, layer, x, chance + i * scores, chosen + i * scores,
                    entered + i * scores, out);
        if (shared > 0)
            add_swiglu(out, shared_gate(r, layer, x), x, c, shared,
                       weight(r, layer, TENSOR_SHARED_UP),
                       weight(r, layer, TENSOR_SHARED_DOWN));
    }
}
