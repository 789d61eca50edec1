/* rotary.c - Work out rotary frequencies, as trained or stretched. */
#include "models/executor/rotary.h"

#include <math.h>
#include <stddef.h>

/* Waves longer than `long_wave` tokens are stretched by the factor, those up to
 * `short_wave` are not, and between them the two frequencies blend, linearly in
 * the number of turns within the original length (transformers,
 * modeling_rope_utils.py, _compute_llama3_parameters). */
static double llama3_frequency(const struct rope_scaling *s, double frequency)
{
    const double wave = 2.0 * M_PI / frequency, length = s->original_tokens;
    const double low = (double)s->low_frequency;
    const double high = (double)s->high_frequency;
    const double stretched = frequency / (double)s->factor;

    if (wave < length / high)
        return frequency;
    if (wave > length / low)
        return stretched;
    double share = (length / wave - low) / (high - low);
    return (1.0 - share) * stretched + share * frequency;
}

double rotary_frequency(const struct model_spec *spec, const float *factors,
                        int32_t i)
{
    const struct rope_scaling *s = &spec->rope_scaling;
    double frequency = pow((double)spec->rope_theta,
                           -2.0 * i / spec->head_size);
    switch (s->kind) {
    case ROPE_SCALING_LINEAR:
        return frequency / (double)s->factor;
    case ROPE_SCALING_LLAMA3:
        return llama3_frequency(s, frequency);
    case ROPE_SCALING_FACTORS:
        return factors ? frequency / (double)factors[i] : frequency;
    case ROPE_SCALING_NONE:
    case ROPE_SCALING_COUNT:
        break;
    }
    return frequency;
}

void rotary_fill(float *table, const struct model_spec *spec, int32_t n,
                 const float *factors)
{
    const int32_t half = spec->head_size / 2;

    for (int32_t i = 0; i < half; i++) {
        double frequency = rotary_frequency(spec, factors, i);
        for (int32_t p = 0; p < n; p++) {
            float *row = table + (size_t)p * (size_t)spec->head_size;
            row[i] = (float)cos(p * frequency);
            row[half + i] = (float)sin(p * frequency);
        }
    }
}
