/* hf_longrope.c - Read rotary scaling that has a divisor for each pair
 * (transformers, _compute_longrope_parameters). */
#include "models/files/hf_inside.h"

#include <math.h>

static enum status read_divisors(float *out, int32_t n, const json_t *rope,
                                 const char *list_key, const char *key,
                                 const char *name, struct error *err)
{
    json_t *list = hf_given(rope, list_key), *value;
    size_t i;

    if (json_array_size(list) != (size_t)n || n > SPEC_MAX_LONG_PAIRS)
        return hf_refuse(err, name, key, rope, "%s must be a list of %d numbers,"
                         " of up to %d", list_key, n, SPEC_MAX_LONG_PAIRS);
    json_array_foreach(list, i, value)
        out[i] = json_is_number(value) ? (float)json_number_value(value) : 0;
    return STATUS_OK;
}

static enum status read_number(double *out, const json_t *object,
                               const char *number_key, const json_t *rope,
                               const char *key, const char *name,
                               struct error *err)
{
    const json_t *value = hf_given(object, number_key);

    if (value && !json_is_number(value))
        return hf_refuse(err, name, key, rope, "%s must be a number",
                         number_key);
    *out = value ? json_number_value(value) : 0;
    return STATUS_OK;
}

/* Waves are stretched so much in all that attention would flatten. */
static float amplitude_of(double factor, double original)
{
    return factor > 1 && original > 1
               ? (float)sqrt(1 + log(factor) / log(original)) : 1.0f;
}

enum status hf_read_longrope(struct model_spec *spec, const json_t *root,
                             const json_t *rope, const char *key,
                             const char *name, struct error *err)
{
    struct rope_scaling *r = &spec->rope_scaling;
    const int32_t size = spec->head_size > 0 ? spec->head_size
                         : spec->n_heads > 0 ? spec->n_channels / spec->n_heads
                                             : 0;
    const int32_t pairs = (spec->n_rotary > 0 ? spec->n_rotary : size) / 2;
    double original = 0, factor = 0, amplitude = 0;
    enum status status;

    if ((status = read_divisors(r->divisor[0], pairs, rope, "short_factor", key,
                                name, err)) ||
        (status = read_divisors(r->divisor[1], pairs, rope, "long_factor", key,
                                name, err)) ||
        (status = read_number(&original, root,
                              "original_max_position_embeddings", rope, key,
                              name, err)) ||
        (status = read_number(&factor, rope, "factor", rope, key, name, err)) ||
        (status = read_number(&amplitude, rope, "attention_factor", rope, key,
                              name, err)))
        return status;
    if (original > 0)
        factor = spec->max_tokens / original;
    else
        original = spec->max_tokens;
    r->original_tokens = original >= 1 && original <= INT32_MAX
                             ? (int32_t)original : 0;
    r->amplitude = amplitude > 0 ? (float)amplitude
                                 : amplitude_of(factor, original);
    return STATUS_OK;
}

json_t *hf_longrope_json(const struct model_spec *spec)
{
    static const char *const keys[] = { "short_factor", "long_factor" };
    const struct rope_scaling *r = &spec->rope_scaling;
    json_t *rope = json_pack("{s:s, s:f}", "rope_type",
                             rope_scaling_names[ROPE_SCALING_LONG],
                             "attention_factor",
                             hf_short_decimal(r->amplitude));

    for (int i = 0; i < 2; i++) {
        json_t *list = json_array();
        for (int32_t p = 0; p < spec_rotary(spec) / 2; p++)
            json_array_append_new(list, json_real(
                hf_short_decimal(r->divisor[i][p])));
        json_object_set_new(rope, keys[i], list);
    }
    return rope;
}
