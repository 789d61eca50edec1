/* experts_config.c - Put experts onto a shape, and find those that it has. */
#include "sim/core/config/experts_config.h"

#include "sim/core/config/layer_list.h"

/* As the keys' defaults. */
enum { USUAL_PER_TOKEN = 2 };
static const double usual_balance_loss = 0.01, usual_z_loss = 0.001;

/* Idle and shared ones stand beside others, and alone would be left out unseen. */
static enum status check_beside(const struct experts_config *config,
                                struct error *err)
{
    return config->idle == 0 && config->shared == 0
               ? STATUS_OK
               : error_set(err, STATUS_BAD_VALUE, "model.%s_experts %d: of"
                           " model.experts above 0",
                           config->idle > 0 ? "idle" : "shared",
                           (int)(config->idle > 0 ? config->idle
                                                  : config->shared));
}

enum status experts_config_apply(struct model_spec *spec,
                                 const struct experts_config *config,
                                 struct error *err)
{
    struct experts *e = &spec->experts;
    const int64_t shared = config->shared * (config->ffn > 0
                               ? config->ffn : spec->n_ffn / config->per_token);

    if (config->n == 0)
        return check_beside(config, err);
    e->n = (int32_t)config->n;
    e->active = (int32_t)config->per_token;
    e->width = config->ffn > 0 ? (int32_t)config->ffn
                               : spec->n_ffn / e->active;
    /* A width that does not fit becomes one that spec_check() refuses. */
    e->shared = shared > INT32_MAX ? INT32_MAX : (int32_t)shared;
    e->shared_gate = e->shared > 0;
    e->idle = (int32_t)config->idle;
    e->rule = (enum expert_rule)config->rule;
    e->capacity = config->capacity;
    e->normalised = config->norm_topk && e->rule == EXPERT_RULE_TOKENS;
    e->balance_loss = e->rule == EXPERT_RULE_TOKENS ? config->balance_loss
                                                    : 0.0;
    e->z_loss = config->z_loss;
    return layer_list_read(spec->has_experts, "model.expert_layers",
                           config->layers, spec->n_layers, err);
}

struct experts_config experts_config_of(const struct model_spec *spec)
{
    const struct experts *e = &spec->experts;
    struct experts_config out = {
        .n = e->n, .per_token = e->n > 0 ? e->active : USUAL_PER_TOKEN,
        .ffn = e->width, .shared = e->n > 0 ? e->shared / e->width : 0,
        .idle = e->idle, .rule = (int)e->rule, .capacity = e->capacity,
        .layers = "every", .norm_topk = e->n == 0 || e->normalised,
        .balance_loss = e->n > 0 ? e->balance_loss : usual_balance_loss,
        .z_loss = e->n > 0 ? e->z_loss : usual_z_loss,
    };

    if (e->n > 0)
        layer_list_write_short(out.layers, spec->has_experts, spec->n_layers);
    return out;
}
