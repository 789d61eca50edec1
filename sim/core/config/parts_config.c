/* parts_config.c - Put parts onto a shape, and find those that it has. */
#include "sim/core/config/parts_config.h"

#include <math.h>
#include <string.h>

#include "sim/core/config/layer_list.h"

const char *const parts_config_activations[] = {
    [0] = "family",
    [1 + ACTIVATION_GELU] = "gelu", [1 + ACTIVATION_SWIGLU] = "swiglu",
    [1 + ACTIVATION_GEGLU] = "geglu", [1 + ACTIVATION_GELU_ERF] = "gelu_erf",
    [1 + ACTIVATION_RELU] = "relu", NULL
};
const char *const parts_config_norms[] = {
    [0] = "family", [1 + NORMS_BEFORE] = "before", [1 + NORMS_AFTER] = "after",
    [1 + NORMS_AROUND] = "around", NULL
};
const char *const parts_config_parallels[] = {
    [0] = "family", [1 + PARALLEL_NONE] = "none",
    [1 + PARALLEL_NORMS] = "two-norms", [1 + PARALLEL_NORM] = "one-norm", NULL
};
#define X(id, name) [id] = name,
const char *const parts_config_rope_scalings[] = {
    X(ROPE_SCALING_NONE, "default") X(ROPE_SCALING_LINEAR, "linear")
    X(ROPE_SCALING_LLAMA3, "llama3") X(ROPE_SCALING_YARN, "yarn")
    X(ROPE_SCALING_LONG, "longrope") NULL
};
#undef X

/* Sizes that do not fit become ones that spec_check() refuses. */
static int32_t narrow(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : value < 0 ? 0 : (int32_t)value;
}

static void set_traits(struct traits *t, const struct parts_config *config)
{
    if (config->activation > 0)
        t->activation = (enum activation_kind)(config->activation - 1);
    if (config->norms > 0)
        t->norms = (enum norm_places)(config->norms - 1);
    if (config->parallel > 0)
        t->parallel = (enum parallel)(config->parallel - 1);
    t->qkv_bias |= config->qkv_bias;
    t->project_bias |= config->project_bias;
    t->ffn_bias |= config->ffn_bias;
    t->qk_norm |= config->qk_norm;
}

static enum status set_divisors(struct model_spec *spec,
                                const struct parts_config *config,
                                struct error *err)
{
    static const char *const keys[] = { "model.rope_short_divisors",
                                        "model.rope_long_divisors" };
    const int32_t pairs = spec_rotary(spec) / 2;

    for (int i = 0; i < 2; i++) {
        const struct config_real_list *list = &config->rope_divisors[i];
        if (list->n != 1 && list->n != pairs)
            return error_set(err, STATUS_BAD_VALUE, "%s: %d numbers: allowed is"
                             " one, or one for each of %d pairs of a head",
                             keys[i], list->n, pairs);
        for (int32_t p = 0; p < pairs && p < SPEC_MAX_LONG_PAIRS; p++)
            spec->rope_scaling.divisor[i][p] =
                (float)list->value[list->n > 1 ? p : 0];
    }
    return STATUS_OK;
}

/* Numbers that the kind has no use for stay 0: equal models are equal. */
static enum status set_scaling(struct model_spec *spec,
                               const struct parts_config *config,
                               struct error *err)
{
    struct rope_scaling *r = &spec->rope_scaling;

    r->kind = (enum rope_scaling_kind)config->rope_scaling;
    if (r->kind == ROPE_SCALING_NONE)
        return STATUS_OK;
    if (r->kind != ROPE_SCALING_LONG)
        r->factor = (float)config->rope_factor;
    if (r->kind == ROPE_SCALING_LINEAR)
        return STATUS_OK;
    r->original_tokens = narrow(config->rope_original_tokens);
    if (r->kind != ROPE_SCALING_LONG) {
        r->low_frequency = (float)config->rope_low_frequency;
        r->high_frequency = (float)config->rope_high_frequency;
    }
    if (r->kind == ROPE_SCALING_LLAMA3)
        return STATUS_OK;
    /* Peng et al. 2023, arXiv 2309.00071, section 3.4. */
    r->amplitude = config->rope_amplitude > 0 ? (float)config->rope_amplitude
                   : r->kind == ROPE_SCALING_YARN
                       ? 0.1f * logf(r->factor) + 1.0f : 1.0f;
    return r->kind == ROPE_SCALING_LONG ? set_divisors(spec, config, err)
                                        : STATUS_OK;
}

static bool has_any(const bool *layers, int32_t n_layers)
{
    bool any = false;

    for (int32_t l = 0; l < n_layers; l++)
        any |= layers[l];
    return any;
}

/* What turns nothing, or changes no layer, was meant to. */
static enum status check_used(const struct model_spec *spec, struct error *err)
{
    const bool rotary = spec->traits.positions == POSITIONS_ROTARY;
    const char *key = spec->n_rotary > 0       ? "rotary_size"
                      : spec->local_theta > 0  ? "local_rope_theta"
                      : has_any(spec->unturned, spec->n_layers)
                          ? "unturned_layers" : NULL;

    if (!rotary && key)
        return error_set(err, STATUS_BAD_VALUE, "model.%s: %s has no rotary"
                         " positions", key, family_names[spec_family(spec)]);
    return spec->local_theta > 0 && !has_any(spec->windowed, spec->n_layers)
               ? error_set(err, STATUS_BAD_VALUE, "model.local_rope_theta: no"
                           " layer has a window; allowed is 0, or a"
                           " model.window") : STATUS_OK;
}

enum status parts_config_apply(struct model_spec *spec,
                               const struct parts_config *config,
                               struct error *err)
{
    set_traits(&spec->traits, config);
    spec->window = narrow(config->window);
    spec->n_rotary = narrow(config->rotary_size);
    spec->local_theta = (float)config->local_rope_theta;
    spec->attention_cap = (float)config->attention_cap;
    spec->logit_cap = (float)config->logit_cap;
    enum status status = layer_list_read(spec->windowed, "model.window_layers",
                                         config->window_layers, spec->n_layers,
                                         err);
    if (spec->window == 0)
        memset(spec->windowed, 0, sizeof spec->windowed);
    if (status == STATUS_OK)
        status = layer_list_read(spec->unturned, "model.unturned_layers",
                                 config->unturned_layers, spec->n_layers, err);
    if (status == STATUS_OK)
        status = check_used(spec, err);
    return status == STATUS_OK ? set_scaling(spec, config, err) : status;
}

/* 1 + the value where it is not the family's. */
static int apart(unsigned own, unsigned family)
{
    return own == family ? 0 : (int)own + 1;
}

/* What scaling has a use for, or else the key's default. */
static double used(float value, double usual)
{
    return value > 0 ? (double)value : usual;
}

struct parts_config parts_config_of(const struct model_spec *spec)
{
    const struct traits *own = &spec->traits;
    const struct traits *family = &family_traits[spec_family(spec)];
    const struct rope_scaling *r = &spec->rope_scaling;
    struct parts_config out = {
        .activation = apart(own->activation, family->activation),
        .norms = apart(own->norms, family->norms),
        .parallel = apart(own->parallel, family->parallel),
        .qkv_bias = own->qkv_bias, .project_bias = own->project_bias,
        .ffn_bias = own->ffn_bias, .qk_norm = own->qk_norm,
        .window = has_any(spec->windowed, spec->n_layers) ? spec->window : 0,
        .window_layers = "every",
        .rotary_size = spec->n_rotary,
        .local_rope_theta = (double)spec->local_theta,
        .attention_cap = (double)spec->attention_cap,
        .logit_cap = (double)spec->logit_cap,
        .rope_scaling = (int)r->kind,
        .rope_factor = used(r->factor, 8),
        .rope_low_frequency = used(r->low_frequency, 1),
        .rope_high_frequency = used(r->high_frequency, 4),
        .rope_amplitude = (double)r->amplitude,
        .rope_original_tokens = r->original_tokens > 0 ? r->original_tokens
                                                       : 8192,
    };
    const int32_t pairs = r->kind == ROPE_SCALING_LONG ? spec_rotary(spec) / 2
                                                       : 0;

    if (out.window > 0)
        layer_list_write_short(out.window_layers, spec->windowed,
                               spec->n_layers);
    layer_list_write_short(out.unturned_layers, spec->unturned,
                           spec->n_layers);
    for (int i = 0; i < 2; i++) {
        struct config_real_list *list = &out.rope_divisors[i];
        for (int32_t p = 0; p < pairs; p++)
            list->value[list->n++] = (double)r->divisor[i][p];
        if (pairs == 0)
            list->value[list->n++] = 1.0;
    }
    return out;
}
