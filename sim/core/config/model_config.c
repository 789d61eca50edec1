/* model_config.c - Make a spec of the keys of a model file. */
#include "sim/core/config/model_config.h"

#include <stdio.h>
#include <string.h>

#include "sim/core/config/layer_list.h"
#include "sim/core/config/model_config_inside.h"
#include "sim/core/model/route.h"
#include "sim/core/model/spec_check.h"

#define NAME_MODEL(name) name,
#define NAME_RULE(name)
#define X(name, config, ...) NAME_##config(name)
const char *const model_config_policies[] = { ROUTE_POLICY_MAP(X) NULL };
#undef X
const char *const model_config_routers[] = {
    [ROUTER_TRAIN] = "train", [ROUTER_FROZEN] = "frozen",
    [ROUTER_DETACHED] = "frozen_detached", [ROUTER_DRAWN] = "drawn", NULL
};

const char *const model_config_bypasses[] = { "plain", "gated", NULL };
const char *const model_config_gated[] = { "change", "output", NULL };

const struct config_key model_config_keys[] = {
    MODEL_CONFIG_KEYS(0)
    STORED_CONFIG_KEYS(offsetof(struct model_config, weights))
    FORMAT_CONFIG_KEYS(offsetof(struct model_config, formats))
    { .name = NULL },
};
enum { N_KEYS = sizeof model_config_keys / sizeof *model_config_keys };

const struct config_schema model_config_schema = {
    "model", model_config_keys,
};

static int64_t ffn_default(bool gated, int64_t channels)
{
    /* SwiGLU has three matrices where GELU has two: 2/3 of 4C keeps the weights
     * (Shazeer 2020, section 2); 16 floats are a vector of AVX-512. */
    return gated ? (8 * channels + 47) / 48 * 16 : 4 * channels;
}

static enum status set_shape(struct model_spec *spec,
                             const struct model_config *config,
                             struct error *err)
{
    spec->traits = family_traits[config->family];
    spec->n_layers = model_config_narrow(config->layers);
    spec->n_channels = model_config_narrow(config->channels);
    spec->n_heads = model_config_narrow(config->heads);
    spec->n_kv_heads = model_config_narrow(config->kv_heads ? config->kv_heads
                                               : config->heads);
    spec->head_size = model_config_narrow(config->head_size);
    spec->n_ffn = model_config_narrow(config->ffn ? config->ffn
                                     : ffn_default(spec_gated(spec),
                                                   config->channels));
    spec->n_vocab = model_config_narrow(config->vocab);
    spec->max_tokens = model_config_narrow(config->max_tokens);
    spec->tied_head = config->tied_head;
    spec->norm_epsilon = (float)config->norm_epsilon;
    spec->rope_theta = (float)config->rope_theta;
    if (config->recursions > 1)
        spec->recursion = (struct recursion){
            .first = model_config_narrow(config->recursion_first),
            .last = model_config_narrow(config->recursion_last
                                            ? config->recursion_last
                                            : config->layers - 1),
            .times = model_config_narrow(config->recursions),
            .keys = (enum recursion_keys)config->recursion_keys,
        };
    if (spec->head_size > 0 || spec->n_heads < 1)
        return STATUS_OK;
    if (spec->n_channels % spec->n_heads != 0)
        return error_set(err, STATUS_BAD_VALUE, "model.heads %d: must divide"
                         " model.channels %d, unless model.head_size is given",
                         spec->n_heads, spec->n_channels);
    spec->head_size = spec->n_channels / spec->n_heads;
    return STATUS_OK;
}

static void write_exits(struct model_config *out, const struct model_spec *spec)
{
    bool in[SPEC_MAX_LAYERS] = { false };

    for (int32_t l = 0; l < spec->n_layers; l++) {
        in[l] = spec_exits(spec, l);
        if (in[l])
            out->exit_weight.value[out->exit_weight.n++] = spec->exit_weight[l];
    }
    layer_list_write(out->exits, in, spec->n_layers);
    if (out->exit_weight.n == 0)
        out->exit_weight.value[out->exit_weight.n++] = 1.0;
}

enum status model_config_spec(struct model_spec *out,
                              const struct model_config *config,
                              struct error *err)
{
    struct model_spec spec = { 0 };

    enum status status = set_shape(&spec, config, err);
    if (status == STATUS_OK && spec.n_layers <= SPEC_MAX_LAYERS)
        status = parts_config_apply(&spec, &config->parts, err);
    if (status == STATUS_OK && spec.n_layers <= SPEC_MAX_LAYERS)
        status = experts_config_apply(&spec, &config->experts, err);
    if (status == STATUS_OK)
        status = spec.n_layers <= SPEC_MAX_LAYERS
                     ? model_config_routing(&spec, config, err)
                     : spec_check(&spec, err);
    if (status == STATUS_OK)
        *out = spec;
    return status;
}

void model_config_of(struct model_config *out, const struct model_spec *spec,
                     const char *policy)
{
    *out = (struct model_config){
        .family = (int)spec_family(spec), .layers = spec->n_layers,
        .channels = spec->n_channels, .heads = spec->n_heads,
        .kv_heads = spec->n_kv_heads, .head_size = spec->head_size,
        .ffn = spec->n_ffn, .vocab = spec->n_vocab,
        .max_tokens = spec->max_tokens, .tied_head = spec->tied_head,
        .norm_epsilon = (double)spec->norm_epsilon,
        .rope_theta = (double)spec->rope_theta,
        .parts = parts_config_of(spec), .experts = experts_config_of(spec),
        .gate = (int)spec->gate, .router_input = (int)spec->router_input,
        .gate_scale = spec->gate_scale > 0.0 ? spec->gate_scale : 1.0,
        .bypass = spec->bypass_gated, .gated = spec->gates_output,
        .router = spec->router_drawn      ? ROUTER_DRAWN
                  : spec->router_trained  ? ROUTER_TRAIN
                  : spec->router_detached ? ROUTER_DETACHED : ROUTER_FROZEN,
        .keep_first = spec->keep_first, .window = spec->score_window,
        .part = (int)spec->part, .skipped_keys = (int)spec->skipped_keys,
        .aux_loss = spec->aux_loss,
        .z_loss = spec->z_loss,
        .balance_loss = spec->balance_loss, .predictor = spec->n_predictor,
        .confidence = spec_leaves(spec) ? spec->confidence : 1.0,
        .nested = spec->nested, .depths = spec->depths,
    };
    for (int i = 0; model_config_policies[i]; i++)
        if (strcmp(model_config_policies[i], policy) == 0)
            out->policy = i;
    out->recursions = 1;
    if (spec->recursion.times > 1) {
        out->recursions = spec->recursion.times;
        out->recursion_first = spec->recursion.first;
        out->recursion_last = spec->recursion.last;
        out->recursion_keys = (int)spec->recursion.keys;
    }
    write_exits(out, spec);
    layer_list_write(out->blocks, spec->routed, spec->n_layers);
    for (int32_t l = 0; l < spec->n_layers; l++)
        if (spec->routed[l])
            out->capacity.value[out->capacity.n++] = spec->capacity[l];
    if (out->capacity.n == 0)
        out->capacity.value[out->capacity.n++] = 1.0;
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
    if (status == STATUS_OK)
        status = stored_config_apply(&spec, &own.weights, err);
    if (status != STATUS_OK)
        return model_config_blame(&model_config_schema, origins, err);
    *out = spec;
    if (config)
        *config = own;
    return STATUS_OK;
}

enum status model_config_check_training(const struct model_config *config,
                                        const struct model_spec *spec,
                                        struct error *err)
{
    const struct route_policy *policy =
        route_find(model_config_policies[config->policy]);

    if (spec->router_scores && !spec->router_drawn &&
        spec->gate == GATE_ONE && config->router == ROUTER_TRAIN &&
        !spec->router_trained)
        return error_set(err, STATUS_BAD_VALUE, "routing.gate one: the text's"
                         " loss has no gradient in the scores, so nothing"
                         " trains the router; allowed are another gate,"
                         " routing.aux_loss or routing.balance_loss above 0,"
                         " and routing.router frozen");
    if (spec_n_routed(spec) == 0 || policy->trains)
        return spec_check_training(spec, err);
    return error_set(err, STATUS_BAD_VALUE, "routing.policy %s: a rule for"
                     " models that are trained already; training takes "
                     ROUTE_TRAINED_NAMES "and no other", policy->name);
}
