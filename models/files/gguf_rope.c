/* gguf_rope.c - Read how rotary frequencies are changed: by keys, or by tensors
 * that hold a divisor for each. */
#include "models/files/gguf_class.h"

#include <math.h>
#include <string.h>

#include "models/executor/model.h"

/* [R/2]; of longrope up to the original length, and beyond it. */
static const char factors_name[] = "rope_freqs.weight";
static const char *const long_names[] = { "rope_factors_short.weight",
                                          "rope_factors_long.weight" };

/* As transformers has it where a config says no more; a file with other turns or
 * amplitudes has keys that are refused by name. */
static enum status read_yarn(struct model_spec *spec,
                             const struct gguf_class *class,
                             const struct gguf *file, struct error *err)
{
    struct rope_scaling *r = &spec->rope_scaling;
    char name[GGUF_KEY_SIZE];
    int64_t original = 0;

    gguf_key_name(name, class, "rope.scaling.original_context_length");
    enum status status = gguf_integer(&original, file, name, 1, INT32_MAX, err);
    if (status != STATUS_OK)
        return status;
    r->kind = ROPE_SCALING_YARN;
    r->original_tokens = (int32_t)original;
    r->low_frequency = 1.0f;
    r->high_frequency = 32.0f;
    r->amplitude = 0.1f * logf(r->factor) + 1.0f;
    return STATUS_OK;
}

/* A factor means linear if no type is given, and nothing if the type is "none",
 * as llama.cpp has it. */
static enum status read_scaling(struct model_spec *spec,
                                const struct gguf_class *class,
                                const struct gguf *file, struct error *err)
{
    static const char *const factors[] = { "rope.scaling.factor",
                                           "rope.scale_linear" };
    struct gguf_text type = { "linear", 6 };
    char name[GGUF_KEY_SIZE];
    double factor = 0.0;
    enum status status = STATUS_OK;

    if (gguf_has(file, gguf_key_name(name, class, "rope.scaling.type")))
        status = gguf_text(&type, file, name, err);
    const bool linear = gguf_text_is(type, "linear");
    const bool yarn = !class->longrope && gguf_text_is(type, "yarn");
    const bool tensors = class->longrope && gguf_text_is(type, "longrope") &&
                         gguf_find(file, long_names[0]);
    if (status == STATUS_OK && !linear && !yarn && !tensors &&
        !gguf_text_is(type, "none"))
        status = error_set(err, STATUS_BAD_VALUE, "%.160s: %s '%.*s':"
                           " supported are 'none', 'linear' and %s",
                           gguf_name(file), name,
                           type.size < 32 ? (int)type.size : 32, type.bytes,
                           class->longrope ? "'longrope' with the tensors"
                                             " rope_factors_*" : "'yarn'");
    for (int i = 0; i < 2 && status == STATUS_OK && factor == 0.0; i++)
        if (gguf_has(file, gguf_key_name(name, class, factors[i])))
            status = gguf_real(&factor, file, name, err);
    if (status != STATUS_OK || (!linear && !yarn) || factor == 0.0 ||
        factor == 1.0)
        return status;
    spec->rope_scaling.kind = ROPE_SCALING_LINEAR;
    spec->rope_scaling.factor = (float)factor;
    return yarn ? read_yarn(spec, class, file, err) : STATUS_OK;
}

static enum status read_divisors(float *out, int32_t n, const struct gguf *file,
                                 const char *name, struct error *err)
{
    const struct gguf_tensor *have = gguf_find(file, name);
    struct error why;

    if (!have || have->rank != 1 || have->n != (uint64_t)n)
        return error_set(err, STATUS_BAD_FORMAT, "%.160s: tensor %s: must be"
                         " %d numbers in a row, one for two that are turned",
                         gguf_name(file), name, n);
    enum status status = gguf_floats(out, (size_t)n, have, &why);
    if (status != STATUS_OK)
        return error_set(err, status, "%.160s: %s", gguf_name(file), why.text);
    for (int32_t i = 0; i < n; i++)
        if (!(out[i] > 0.0f) || isinf(out[i]))
            return error_set(err, STATUS_BAD_VALUE, "%.160s: tensor %s: number"
                             " %d is %g: must be above 0", gguf_name(file),
                             name, i, (double)out[i]);
    return STATUS_OK;
}

/* Without a factor of attention, llama.cpp has 1 (llama-hparams.h). */
static enum status read_long(struct model_spec *spec, const struct gguf *file,
                             struct error *err)
{
    struct rope_scaling *r = &spec->rope_scaling;
    const int32_t pairs = spec_rotary(spec) / 2;
    enum status status = STATUS_OK;

    if (pairs > SPEC_MAX_LONG_PAIRS)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: tensor %s: allowed are"
                         " up to %d numbers", gguf_name(file), long_names[0],
                         SPEC_MAX_LONG_PAIRS);
    for (int i = 0; i < 2 && status == STATUS_OK; i++)
        status = read_divisors(r->divisor[i], pairs, file, long_names[i], err);
    r->kind = ROPE_SCALING_LONG;
    if (!(r->amplitude > 0.0f))
        r->amplitude = 1.0f;
    if (r->original_tokens == 0)
        r->original_tokens = spec->max_tokens;
    return status;
}

/* Llama 3's stretching comes as factors, worked out when the file was made. */
enum status gguf_read_rope(struct model_spec *spec,
                           const struct gguf_class *class,
                           const struct gguf *file, struct error *err)
{
    enum status status = read_scaling(spec, class, file, err);
    const bool factors = gguf_find(file, factors_name) != NULL;
    const bool stretched = class->longrope && gguf_find(file, long_names[0]);

    if (status != STATUS_OK)
        return status;
    if ((factors || stretched) && (factors == stretched ||
                                   spec->rope_scaling.kind != ROPE_SCALING_NONE))
        return error_set(err, STATUS_BAD_VALUE, "%.160s: tensor %s beside a"
                         " linear or yarn rope.scaling: supported is one of them",
                         gguf_name(file), factors ? factors_name
                                                  : long_names[0]);
    if (stretched)
        return read_long(spec, file, err);
    if (factors)
        spec->rope_scaling.kind = ROPE_SCALING_FACTORS;
    else if (spec->rope_scaling.kind == ROPE_SCALING_NONE)
        spec->rope_scaling = (struct rope_scaling){ 0 };
    return STATUS_OK;
}

size_t gguf_rope_tensors(const struct model_spec *spec)
{
    return spec->rope_scaling.kind == ROPE_SCALING_LONG      ? 2
           : spec->rope_scaling.kind == ROPE_SCALING_FACTORS ? 1
                                                             : 0;
}

bool gguf_is_rope(const struct model_spec *spec, const char *name)
{
    const enum rope_scaling_kind kind = spec->rope_scaling.kind;

    return (kind == ROPE_SCALING_FACTORS && strcmp(name, factors_name) == 0) ||
           (kind == ROPE_SCALING_LONG && (strcmp(name, long_names[0]) == 0 ||
                                          strcmp(name, long_names[1]) == 0));
}

enum status gguf_import_rope(struct model *model, const struct gguf *file,
                             struct error *err)
{
    const struct model_spec *spec = model_spec(model);
    float buffer[SPEC_MAX_HEAD_SIZE / 2];

    if (spec->rope_scaling.kind != ROPE_SCALING_FACTORS)
        return STATUS_OK;
    enum status status = read_divisors(buffer, spec_rotary(spec) / 2, file,
                                       factors_name, err);
    if (status == STATUS_OK)
        model_set_rope_factors(model, buffer);
    return status;
}
