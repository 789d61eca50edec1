/* model_config.c - from keys to a shape. */
#include "sim/core/model_config.h"

#include <stdlib.h>
#include <string.h>

#include "sim/core/route.h"

#define X(id, name) name,
const char *const model_config_families[] = { FAMILY_MAP(X) NULL };
const char *const model_config_gates[] = { GATE_MAP(X) NULL };
const char *const model_config_router_inputs[] = { ROUTER_INPUT_MAP(X) NULL };
#undef X
const char *const model_config_rope_scalings[] = {
    "default", "linear", "llama3", NULL
};
const char *const model_config_policies[] = {
    "expert_choice", "random", "strided", "first_k", "last_k", "dense", NULL
};
_Static_assert(ROPE_SCALING_LINEAR == 1 && ROPE_SCALING_LLAMA3 == 2,
               "the order of model_config_rope_scalings");
enum { ROUTER_TRAIN, ROUTER_FROZEN };
const char *const model_config_routers[] = {
    [ROUTER_TRAIN] = "train", [ROUTER_FROZEN] = "frozen", NULL
};

const struct config_key model_config_keys[] = {
    MODEL_CONFIG_KEYS(0)
    { .name = NULL },
};
enum { N_KEYS = sizeof model_config_keys / sizeof *model_config_keys };

const struct config_schema model_config_schema = {
    "model", model_config_keys,
};

/* Sizes that do not fit become ones that spec_check() refuses. */
static int32_t narrow(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : value < 0 ? 0 : (int32_t)value;
}

static int64_t ffn_default(enum family family, int64_t channels)
{
    /* SwiGLU has three matrices where GELU has two: 2/3 of 4C keeps the weights
     * (Shazeer 2020, section 2); 16 floats are a vector of AVX-512. */
    return family == FAMILY_GPT2 ? 4 * channels
                                 : (8 * channels + 47) / 48 * 16;
}

/* Numbers that the kind has no use for stay 0: equal models are equal. */
static void set_rope_scaling(struct model_spec *spec,
                             const struct model_config *config)
{
    struct rope_scaling *r = &spec->rope_scaling;

    r->kind = (enum rope_scaling_kind)config->rope_scaling;
    if (r->kind == ROPE_SCALING_NONE)
        return;
    r->factor = (float)config->rope_factor;
    if (r->kind != ROPE_SCALING_LLAMA3)
        return;
    r->low_frequency = (float)config->rope_low_frequency;
    r->high_frequency = (float)config->rope_high_frequency;
    r->original_tokens = narrow(config->rope_original_tokens);
}

static enum status set_shape(struct model_spec *spec,
                             const struct model_config *config,
                             struct error *err)
{
    spec->family = (enum family)config->family;
    spec->n_layers = narrow(config->layers);
    spec->n_channels = narrow(config->channels);
    spec->n_heads = narrow(config->heads);
    spec->n_kv_heads = narrow(config->kv_heads ? config->kv_heads
                                               : config->heads);
    spec->head_size = narrow(config->head_size);
    spec->n_ffn = narrow(config->ffn ? config->ffn
                                     : ffn_default(spec->family,
                                                   config->channels));
    spec->n_vocab = narrow(config->vocab);
    spec->max_tokens = narrow(config->max_tokens);
    spec->tied_head = config->tied_head;
    spec->norm_epsilon = (float)config->norm_epsilon;
    spec->rope_theta = (float)config->rope_theta;
    spec->qkv_bias = config->qkv_bias;
    set_rope_scaling(spec, config);
    if (spec->head_size > 0 || spec->n_heads < 1)
        return STATUS_OK;
    if (spec->n_channels % spec->n_heads != 0)
        return error_set(err, STATUS_BAD_VALUE, "model.heads %d: must divide"
                         " model.channels %d, unless model.head_size is given",
                         spec->n_heads, spec->n_channels);
    spec->head_size = spec->n_channels / spec->n_heads;
    return STATUS_OK;
}

/* The layers of "1,3,5", ascending, into list[SPEC_MAX_LAYERS]. */
static enum status parse_list(int32_t *list, int32_t *n, const char *text,
                              int32_t n_layers, struct error *err)
{
    const char *at = text;
    int32_t before = -1;

    for (*n = 0; ; at++) {
        char *end;
        at += strspn(at, " ");
        long layer = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : -1;
        if (layer < 0)
            return error_set(err, STATUS_BAD_VALUE, "routing.blocks '%.80s':"
                             " allowed is none, every, every-other or layers"
                             " from 0, as in 1,3,5", text);
        if (layer >= n_layers)
            return error_set(err, STATUS_BAD_VALUE, "routing.blocks: layer %ld:"
                             " this model has layers 0 to %d", layer,
                             n_layers - 1);
        if (layer <= before)
            return error_set(err, STATUS_BAD_VALUE, "routing.blocks '%.80s':"
                             " layers must ascend, each once", text);
        before = list[(*n)++] = (int32_t)layer;
        at = end + strspn(end, " ");
        if (*at == '\0')
            return STATUS_OK;
        if (*at != ',')
            return error_set(err, STATUS_BAD_VALUE, "routing.blocks '%.80s':"
                             " layers are parted by commas", text);
    }
}

static enum status list_blocks(int32_t *list, int32_t *n, const char *text,
                               int32_t n_layers, struct error *err)
{
    static const struct { const char *name; int32_t first, step; } pattern[] = {
        { "none",        SPEC_MAX_LAYERS, 1 },
        { "every",       0,               1 },
        { "every-other", 1,               2 },
    };

    for (size_t i = 0; i < sizeof pattern / sizeof *pattern; i++) {
        if (strcmp(text, pattern[i].name) != 0)
            continue;
        *n = 0;
        for (int32_t l = pattern[i].first; l < n_layers; l += pattern[i].step)
            list[(*n)++] = l;
        return STATUS_OK;
    }
    return parse_list(list, n, text, n_layers, err);
}

static enum status check_capacity(const struct config_real_list *capacity,
                                  int32_t n_blocks, struct error *err)
{
    if (capacity->n != 1 && capacity->n != n_blocks)
        return error_set(err, STATUS_BAD_VALUE, "routing.capacity: %d numbers"
                         " for %d routed blocks; allowed is one for all, or one"
                         " for each", capacity->n, n_blocks);
    for (int32_t i = 0; i < capacity->n; i++)
        if (!(capacity->value[i] > 0.0 && capacity->value[i] <= 1.0))
            return error_set(err, STATUS_BAD_VALUE, "routing.capacity %g:"
                             " allowed is (0, 1]; for 12.5 %% write 0.125",
                             capacity->value[i]);
    return STATUS_OK;
}

static enum status set_routing(struct model_spec *spec,
                               const struct model_config *config,
                               struct error *err)
{
    const struct route_policy *policy =
        route_find(model_config_policies[config->policy]);
    int32_t list[SPEC_MAX_LAYERS], n = 0;

    enum status status = list_blocks(list, &n, config->blocks, spec->n_layers,
                                     err);
    if (status == STATUS_OK)
        status = check_capacity(&config->capacity, n, err);
    if (status != STATUS_OK)
        return status;
    /* A dense model that was meant to be routed must not pass unseen. */
    if (n == 0 && strcmp(config->blocks, "none") != 0 &&
        config->capacity.value[0] < 1.0)
        return error_set(err, STATUS_BAD_VALUE, "routing.blocks %s: names none"
                         " of %d layers, so capacity %g routes nothing",
                         config->blocks, spec->n_layers,
                         config->capacity.value[0]);
    for (int32_t l = 0; l < SPEC_MAX_LAYERS; l++)
        spec->capacity[l] = 1.0;
    for (int32_t i = 0; i < n && policy->choose; i++) {
        double c = config->capacity.value[config->capacity.n > 1 ? i : 0];
        spec->routed[list[i]] = c < 1.0;
        spec->capacity[list[i]] = c;
    }
    spec->gate = (enum gate)config->gate;
    spec->router_input = (enum router_input)config->router_input;
    spec->router_scores = policy->scored && spec_n_routed(spec) > 0;
    spec->router_trained = spec->router_scores && spec->gate != GATE_ONE &&
                           config->router == ROUTER_TRAIN;
    return STATUS_OK;
}

enum status model_config_spec(struct model_spec *out,
                              const struct model_config *config,
                              struct error *err)
{
    struct model_spec spec = { 0 };

    enum status status = set_shape(&spec, config, err);
    if (status == STATUS_OK && spec.n_layers <= SPEC_MAX_LAYERS)
        status = set_routing(&spec, config, err);
    if (status == STATUS_OK)
        status = spec_check(&spec, err);
    if (status == STATUS_OK)
        *out = spec;
    return status;
}

enum status model_config_blame(const struct config_schema *schema,
                               const struct config_origin *origins,
                               struct error *err)
{
    char key[64];

    if (!err)
        return STATUS_BAD_VALUE;
    snprintf(key, sizeof key, "%.*s", (int)strcspn(err->text, ": "), err->text);
    return config_blame(schema, origins, key, err);
}

enum status model_config_load(struct model_spec *out,
                              struct model_config *config, const char *path,
                              const struct config_setting *settings,
                              size_t n_settings, struct error *err)
{
    struct model_config own;
    struct config_origin origins[N_KEYS];
    struct model_spec spec;

    enum status status = config_load(&own, &model_config_schema, path, settings,
                                     n_settings, origins, err);
    if (status != STATUS_OK)
        return status;
    status = model_config_spec(&spec, &own, err);
    if (status != STATUS_OK)
        return model_config_blame(&model_config_schema, origins, err);
    *out = spec;
    if (config)
        *config = own;
    return STATUS_OK;
}
