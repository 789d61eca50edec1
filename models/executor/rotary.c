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

/* The pair that turns so often within the original length, as a real number. */
static double pair_of_turns(const struct model_spec *spec, double turns)
{
    const double length = spec->rope_scaling.original_tokens;

    return spec_rotary(spec) * log(length / (turns * 2.0 * M_PI)) /
           (2.0 * log((double)spec->rope_theta));
}

/* Pairs up to the one that makes high_frequency turns are kept, those from the
 * one that makes low_frequency turns on divided, and between them the two blend,
 * linearly in the pair's number. */
static double yarn_frequency(const struct model_spec *spec, double frequency,
                             int32_t i)
{
    const struct rope_scaling *s = &spec->rope_scaling;
    const double first = fmax(floor(pair_of_turns(
        spec, (double)s->high_frequency)), 0.0);
    const double last = fmin(ceil(pair_of_turns(
        spec, (double)s->low_frequency)), spec_rotary(spec) - 1.0);
    const double width = last - first > 0.0 ? last - first : 0.001;
    const double divided = fmin(fmax((i - first) / width, 0.0), 1.0);

    return frequency * (1.0 - divided + divided / (double)s->factor);
}

/* Of a text of n tokens: up to the original length its own base, beyond it one
 * that grows with the text. */
static float dynamic_theta(const struct model_spec *spec, int32_t n)
{
    const struct rope_scaling *s = &spec->rope_scaling;
    const double factor = (double)s->factor, turned = spec_rotary(spec);
    const double longer = n > s->original_tokens
                              ? factor * n / s->original_tokens - (factor - 1)
                              : 1.0;

    return (float)((double)spec->rope_theta *
                   pow(longer, turned / (turned - 2.0)));
}

double rotary_frequency(const struct model_spec *spec, const float *factors,
                        int32_t i)
{
    const struct rope_scaling *s = &spec->rope_scaling;
    double frequency = pow((double)spec->rope_theta,
                           -2.0 * i / spec_rotary(spec));
    switch (s->kind) {
    case ROPE_SCALING_LINEAR:
        return frequency / (double)s->factor;
    case ROPE_SCALING_LLAMA3:
        return llama3_frequency(s, frequency);
    case ROPE_SCALING_YARN:
        return yarn_frequency(spec, frequency, i);
    case ROPE_SCALING_FACTORS:
    case ROPE_SCALING_LONG:
        return factors ? frequency / (double)factors[i] : frequency;
    case ROPE_SCALING_DYNAMIC:
    case ROPE_SCALING_NONE:
    case ROPE_SCALING_COUNT:
        break;
    }
    return frequency;
}

void rotary_fill(float *table, const struct model_spec *spec, int32_t n,
                 bool local, const float *factors)
{
    struct model_spec of = *spec;
    const int32_t turned = spec_rotary(spec), half = turned / 2;

    if (local) {
        of.rope_theta = spec->local_theta;
        of.rope_scaling.kind = ROPE_SCALING_NONE;
    }
    const struct rope_scaling *scaling = &of.rope_scaling;
    const double size = scaling->kind == ROPE_SCALING_YARN ||
                                scaling->kind == ROPE_SCALING_LONG
                            ? (double)scaling->amplitude : 1.0;
    if (scaling->kind == ROPE_SCALING_DYNAMIC)
        of.rope_theta = dynamic_theta(&of, n);
    if (scaling->kind == ROPE_SCALING_LONG)
        factors = scaling->divisor[n > scaling->original_tokens];
    for (int32_t i = 0; i < half; i++) {
        double frequency = rotary_frequency(&of, factors, i);
        for (int32_t p = 0; p < n; p++) {
            float *row = table + (size_t)p * (size_t)turned;
            row[i] = (float)(size * cos(p * frequency));
            row[half + i] = (float)(size * sin(p * frequency));
        }
    }
}
