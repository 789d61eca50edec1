/* reference_pieces.c - Write out norms, activations, positions, attention and loss,
 * which models are made of. */
#include "tests/reference.h"

#include <math.h>

void reference_layer_norm(const double *x, int32_t n, double epsilon,
                          const double *gamma, const double *beta, double *out)
{
    double mean = 0.0, variance = 0.0;
    for (int32_t i = 0; i < n; i++)
        mean += x[i] / n;
    for (int32_t i = 0; i < n; i++)
        variance += (x[i] - mean) * (x[i] - mean) / n;
    for (int32_t i = 0; i < n; i++)
        out[i] = (x[i] - mean) / sqrt(variance + epsilon) *
                 (gamma ? gamma[i] : 1.0) + (beta ? beta[i] : 0.0);
}

void reference_rms_norm(const double *x, int32_t n, double epsilon,
                        const double *gamma, double *out)
{
    double square = 0.0;
    for (int32_t i = 0; i < n; i++)
        square += x[i] * x[i] / n;
    for (int32_t i = 0; i < n; i++)
        out[i] = x[i] / sqrt(square + epsilon) * (gamma ? gamma[i] : 1.0);
}

void reference_head_norm(double *head, const struct model_spec *s, int32_t i,
                         const double *gamma)
{
    const int32_t d = s->head_size;
    const double epsilon = (double)s->norm_epsilon;

    if (s->traits.norm == NORM_LAYER)
        reference_layer_norm(head, d, epsilon, gamma + i * d, NULL, head);
    else
        reference_rms_norm(head, d, epsilon, gamma, head);
}

double reference_gelu(double x)
{
    return 0.5 * x * (1.0 + tanh(sqrt(2.0 / M_PI) *
                                 (x + 0.044715 * x * x * x)));
}

double reference_gelu_erf(double x)
{
    return 0.5 * x * erfc(-x / sqrt(2.0));
}

double reference_cap(double x, double cap)
{
    return cap > 0.0 ? cap * tanh(x / cap) : x;
}

double reference_silu(double x)
{
    return x / (1.0 + exp(-x));
}

double reference_gate(enum gate gate, double scale, double score)
{
    double sigmoid = 1.0 / (1.0 + exp(-score));
    double value = gate == GATE_RAW       ? score
                   : gate == GATE_SIGMOID ? sigmoid
                   : gate == GATE_TANH    ? tanh(score)
                   : gate == GATE_ONE     ? 1.0
                                          : 2.0 * sigmoid;
    return scale > 0.0 ? scale * value : value;
}

double reference_frequency(const struct model_spec *s, int32_t i)
{
    const struct rope_scaling *r = &s->rope_scaling;
    double factor = (double)r->factor, low = (double)r->low_frequency;
    double high = (double)r->high_frequency;
    const int32_t turned = s->n_rotary > 0 ? s->n_rotary : s->head_size;
    double plain = 1.0 / pow((double)s->rope_theta, 2.0 * i / turned);
    if (r->kind == ROPE_SCALING_NONE)
        return plain;
    if (r->kind == ROPE_SCALING_LINEAR)
        return plain / factor;
    /* Turns of the pair within the original length: few, stretched whole; many,
     * left alone; a ramp from one to the other. */
    double turns = r->original_tokens * plain / (2.0 * M_PI);
    double kept = fmin(1.0, fmax(0.0, (turns - low) / (high - low)));
    return plain * (kept + (1.0 - kept) / factor);
}

void reference_rope(double *x, const struct model_spec *s, int32_t position)
{
    const int32_t n = s->n_rotary > 0 ? s->n_rotary : s->head_size;
    for (int32_t i = 0; i < n / 2; i++) {
        double angle = position * reference_frequency(s, i);
        double a = x[i], b = x[i + n / 2];
        x[i] = a * cos(angle) - b * sin(angle);
        x[i + n / 2] = b * cos(angle) + a * sin(angle);
    }
}

void reference_attend(const double *q, const double *k, const double *v,
                      int32_t stride, int32_t n, int32_t head_size,
                      int32_t window, double cap, double *out,
                      int32_t out_stride)
{
    for (int32_t i = 0; i < n; i++) {
        const int32_t from = window > 0 && i >= window ? i - window + 1 : 0;
        double p[i + 1], largest = -(double)INFINITY, sum = 0.0;
        for (int32_t j = from; j <= i; j++) {
            double score = 0.0;
            for (int32_t d = 0; d < head_size; d++)
                score += q[i * stride + d] * k[j * stride + d];
            p[j] = reference_cap(score / sqrt((double)head_size), cap);
            largest = fmax(largest, p[j]);
        }
        for (int32_t j = from; j <= i; j++)
            sum += p[j] = exp(p[j] - largest);
        for (int32_t d = 0; d < head_size; d++) {
            out[i * out_stride + d] = 0.0;
            for (int32_t j = from; j <= i; j++)
                out[i * out_stride + d] += p[j] / sum *
                                           v[j * stride + d];
        }
    }
}

double reference_nats(const double *x, int32_t n, int32_t target,
                      double *entropy)
{
    double largest = -(double)INFINITY, sum = 0.0, mean = 0.0;
    for (int32_t i = 0; i < n; i++)
        largest = fmax(largest, x[i]);
    for (int32_t i = 0; i < n; i++)
        sum += exp(x[i] - largest);
    for (int32_t i = 0; i < n; i++)
        mean += exp(x[i] - largest) / sum * (x[i] - largest);
    if (entropy)
        *entropy = log(sum) - mean;
    return log(sum) + largest - x[target];
}
