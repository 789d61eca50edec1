/* model_config_routing.c - Make what a model routes of the keys of routing:. */
#include "sim/core/config/model_config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/core/config/layer_list.h"
#include "sim/core/config/model_config_inside.h"
#include "sim/core/model/replay.h"
#include "sim/core/model/spec_check.h"

enum { CAPACITY_CONSTANT, CAPACITY_FALLING, CAPACITY_U, CAPACITY_LATE };
const char *const model_config_capacity_schedules[] = {
    [CAPACITY_CONSTANT] = "constant", [CAPACITY_FALLING] = "falling",
    [CAPACITY_U] = "u", [CAPACITY_LATE] = "late", NULL
};

static enum status check_capacity(const struct config_real_list *capacity,
                                  int32_t n_blocks, struct error *err)
{
    if (capacity->n != 1 && capacity->n != n_blocks)
        return error_set(err, STATUS_BAD_VALUE, "routing.capacity: %d numbers"
                         " for %d routed blocks; allowed is one for all, or one"
                         " for each", capacity->n, n_blocks);
    for (int32_t i = 0; i < capacity->n; i++)
        if (!(capacity->value[i] > 0.0 && capacity->value[i] <= 1.0))
            return error_set(err, STATUS_BAD_VALUE, "routing.capacity %.15g:"
                             " allowed is (0, 1]; for 12.5 %% write 0.125",
                             capacity->value[i]);
    return STATUS_OK;
}

/* The i-th of n capacities, before their mean is set right. */
static double weight_of(int schedule, int32_t i, int32_t n)
{
    const double x = n > 1 ? (double)i / (n - 1) : 0.0;

    return schedule == CAPACITY_FALLING ? 1.0 + 0.5 * cos(M_PI * x)
           : schedule == CAPACITY_U     ? 0.5 + (2 * x - 1) * (2 * x - 1)
                                        : 1.0;
}

/* Spread one capacity over n blocks; late: block i of the earlier half is not
 * routed. */
static enum status spread(double out[SPEC_MAX_LAYERS], int32_t n,
                          const struct model_config *config, struct error *err)
{
    const int schedule = config->capacity_schedule;
    double sum = 0.0;

    if (schedule != CAPACITY_CONSTANT && config->capacity.n > 1)
        return error_set(err, STATUS_BAD_VALUE, "routing.capacity_schedule %s:"
                         " goes with one capacity, and there are %d",
                         model_config_capacity_schedules[schedule],
                         config->capacity.n);
    for (int32_t i = 0; i < n; i++)
        sum += weight_of(schedule, i, n);
    for (int32_t i = 0; i < n; i++) {
        double c = config->capacity.value[config->capacity.n > 1 ? i : 0];
        if (schedule == CAPACITY_FALLING || schedule == CAPACITY_U)
            c *= weight_of(schedule, i, n) * n / sum;
        out[i] = schedule == CAPACITY_LATE && i < n / 2 ? 1.0 : c;
        if (out[i] > 1.0 && config->capacity.value[0] < 1.0)
            return error_set(err, STATUS_BAD_VALUE,
                             "routing.capacity_schedule %s: capacity %g makes"
                             " %g in a block; allowed is up to 1",
                             model_config_capacity_schedules[schedule],
                             config->capacity.value[0], out[i]);
        out[i] = out[i] > 1.0 ? 1.0 : out[i];
    }
    return STATUS_OK;
}

/* The routed layers and their capacities, of a config that says them. */
static enum status set_blocks(struct model_spec *spec,
                              const struct model_config *config,
                              struct error *err)
{
    int32_t list[SPEC_MAX_LAYERS], n = 0;
    double capacity[SPEC_MAX_LAYERS] = { 0 };
    bool in[SPEC_MAX_LAYERS];

    enum status status = layer_list_read(in, "routing.blocks", config->blocks,
                                         spec->n_layers, err);
    for (int32_t l = 0; l < spec->n_layers && status == STATUS_OK; l++)
        if (in[l])
            list[n++] = l;
    if (status == STATUS_OK)
        status = check_capacity(&config->capacity, n, err);
    if (status == STATUS_OK)
        status = spread(capacity, n, config, err);
    if (status != STATUS_OK)
        return status;
    /* A dense model that was meant to be routed must not pass unseen. */
    if (n == 0 && strcmp(config->blocks, "none") != 0 &&
        config->capacity.value[0] < 1.0)
        return error_set(err, STATUS_BAD_VALUE, "routing.blocks %s: names none"
                         " of %d layers, so capacity %g routes nothing",
                         config->blocks, spec->n_layers,
                         config->capacity.value[0]);
    /* The first recursion is gated, and all tokens are in it. */
    for (int32_t i = 0; i < n; i++) {
        spec->routed[list[i]] = capacity[i] < 1.0 || config->depths;
        spec->capacity[list[i]] = capacity[i];
    }
    return STATUS_OK;
}

/* The same, of a trace: its layers, each with the share that it kept; it must be
 * of this part. */
static enum status set_replayed(struct model_spec *spec,
                                const struct model_config *config,
                                enum routed_part part, struct error *err)
{
    struct error why;

    if (!*config->replay)
        return error_set(err, STATUS_BAD_VALUE, "routing.replay: the policy"
                         " replay needs a trace, as isobath run -o writes it");
    if (config->capacity.n != 1 || config->capacity.value[0] < 1.0)
        return error_set(err, STATUS_BAD_VALUE, "routing.capacity %g: under"
                         " replay the trace says it; leave it out",
                         config->capacity.value[0]);
    if (strcmp(config->blocks, "every-other") != 0)
        return error_set(err, STATUS_BAD_VALUE, "routing.blocks %.80s: under"
                         " replay the trace says them; leave it out",
                         config->blocks);
    if (config->keep_first > 0)
        return error_set(err, STATUS_BAD_VALUE, "routing.keep_first %lld: under"
                         " replay the trace says who is kept; leave it out",
                         (long long)config->keep_first);
    spec->part = part;
    enum status status = replay_settle(spec, config->replay, &why);
    if (status == STATUS_OK)
        return status;
    const enum status told = status == STATUS_NO_MEMORY ? status
                                                        : STATUS_BAD_VALUE;
    error_set(err, told, "routing.replay: %s", why.text);
    return told;
}

/* One weight for all, or one for each; that of the last layer's is 1. */
static enum status set_exits(struct model_spec *spec,
                             const struct model_config *config,
                             struct error *err)
{
    const struct config_real_list *weight = &config->exit_weight;
    bool in[SPEC_MAX_LAYERS];
    int32_t n = 0, i = 0;

    memset(spec->exit_weight, 0, sizeof spec->exit_weight);
    enum status status = layer_list_read(in, "routing.exits", config->exits,
                                         spec->n_layers, err);
    if (status != STATUS_OK)
        return status;
    for (int32_t l = 0; l < spec->n_layers; l++)
        n += in[l];
    if (weight->n > 1 && weight->n != n)
        return error_set(err, STATUS_BAD_VALUE, "routing.exit_weight: %d"
                         " numbers for %d exits; allowed is one for all, or one"
                         " for each", weight->n, n);
    for (int32_t l = 0; l < spec->n_layers; l++) {
        if (!in[l])
            continue;
        const double w = weight->n == 0 ? 1.0
                                        : weight->value[weight->n > 1 ? i : 0];
        if (!(w > 0.0 && w <= SPEC_MAX_LOSS_WEIGHT))
            return error_set(err, STATUS_BAD_VALUE, "routing.exit_weight %.15g:"
                             " allowed is above 0, to %d", w,
                             SPEC_MAX_LOSS_WEIGHT);
        spec->exit_weight[l] = l + 1 < spec->n_layers ? w : 0.0;
        i++;
    }
    return STATUS_OK;
}

/* Of tokens that leave at exits: the layers after the first, each with the share
 * that is expected to be there. */
static enum status set_leaving(struct model_spec *spec,
                               const struct model_config *config,
                               struct error *err)
{
    const struct config_real_list *capacity = &config->capacity;
    int32_t n = 0, i = 0;
    bool left = false;

    for (int32_t l = 0; l < spec->n_layers; l++) {
        spec->routed[l] = left;
        n += left;
        left |= spec_exits(spec, l);
    }
    if (n == 0)
        return error_set(err, STATUS_BAD_VALUE, "routing.policy confidence:"
                         " leaves at routing.exits, and none comes before the"
                         " last layer");
    enum status status = check_capacity(capacity, n, err);
    for (int32_t l = 0; l < spec->n_layers && status == STATUS_OK; l++)
        if (spec->routed[l])
            spec->capacity[l] = capacity->value[capacity->n > 1 ? i++ : 0];
    spec->confidence = config->confidence;
    return status;
}

static enum status refuse_replay(const struct route_policy *policy,
                                 struct error *err)
{
    return error_set(err, STATUS_BAD_VALUE, "routing.replay: only the policy"
                     " replay reads a trace, and this is %s", policy->name);
}

/* What an objective beside the text's tells a router whom to choose. */
static bool chooses_by_losses(const struct model_spec *spec,
                              const struct model_config *config)
{
    return spec_has_router(spec) &&
           (config->aux_loss > 0.0 || config->balance_loss > 0.0);
}

static enum status set_routing(struct model_spec *spec,
                               const struct model_config *config,
                               struct error *err)
{
    const struct route_policy *policy =
        route_find(model_config_policies[config->policy]);
    const bool replays = policy == route_find("replay");
    const bool leaves = policy->signal == SIGNAL_CONFIDENCE;
    enum status status = STATUS_OK;

    for (int32_t l = 0; l < SPEC_MAX_LAYERS; l++)
        spec->capacity[l] = 1.0;
    if (*config->replay && !replays)
        return refuse_replay(policy, err);
    if (leaves)
        status = set_leaving(spec, config, err);
    else if (policy->choose)
        status = replays ? set_replayed(spec, config,
                                        (enum routed_part)config->part, err)
                         : set_blocks(spec, config, err);
    if (status != STATUS_OK)
        return status;
    const bool routes = spec_n_routed(spec) > 0;
    spec->gate = leaves ? GATE_ONE : (enum gate)config->gate;
    spec->router_input = (enum router_input)config->router_input;
    spec->router_scores = (policy->scored || spec->gate != GATE_ONE) && routes;
    spec->router_drawn = spec->router_scores && config->router == ROUTER_DRAWN;
    const bool gated = spec->router_scores && spec->gate != GATE_ONE;
    spec->gate_scale = routes && config->gate_scale != 1.0 ? config->gate_scale
                                                           : 0.0;
    spec->bypass_gated = routes && config->bypass;
    spec->gates_output = routes && config->gated;
    spec->router_trained = (gated || chooses_by_losses(spec, config)) &&
                           config->router == ROUTER_TRAIN;
    spec->router_detached = gated && config->router >= ROUTER_DETACHED;
    spec->aux_loss = spec_has_router(spec) ? config->aux_loss : 0.0;
    spec->z_loss = spec_has_router(spec) ? config->z_loss : 0.0;
    spec->balance_loss = spec_has_router(spec) ? config->balance_loss : 0.0;
    spec->n_predictor = spec_has_router(spec)
                            ? model_config_narrow(config->predictor) : 0;
    spec->part = routes ? (enum routed_part)config->part : PART_BLOCK;
    spec->skipped_keys = leaves   ? SKIPPED_KEYS_COMPUTED
                         : routes ? (enum skipped_keys)config->skipped_keys
                                  : SKIPPED_KEYS_ABSENT;
    /* If no token skips attention, all keys are computed: nothing to ask
     * for. */
    if (spec->part == PART_FFN && spec->skipped_keys == SKIPPED_KEYS_COMPUTED)
        spec->skipped_keys = SKIPPED_KEYS_ABSENT;
    spec->score_window = routes ? model_config_narrow(config->window) : 0;
    spec->nested = routes && config->nested;
    spec->depths = routes && config->depths;
    route_settle(spec, policy,
                 routes ? model_config_narrow(config->keep_first) : 0);
    struct error why;
    return !spec->nested || route_check(policy, spec, &why) == STATUS_OK
               ? STATUS_OK
               : error_set(err, STATUS_BAD_VALUE, "routing.policy %s",
                           why.text);
}

enum status model_config_routing(struct model_spec *spec,
                                 const struct model_config *config,
                                 struct error *err)
{
    enum status status = set_exits(spec, config, err);
    if (status == STATUS_OK)
        status = set_routing(spec, config, err);
    return status == STATUS_OK ? spec_check(spec, err) : status;
}

/* ---- models that have weights ---- */

static const struct config_key route_keys[] = {
    MODEL_CONFIG_ROUTE_KEYS(0)
    { .name = NULL },
};
static const struct config_schema route_schema = { "routing", route_keys };

static enum status check_settings(const struct config_setting *settings,
                                  size_t n_settings, const char *name,
                                  bool routes, struct error *err)
{
    static const char *const again[] = { "routing.policy", "routing.replay",
                                         "routing.keep_first",
                                         "routing.window", "routing.table" };

    for (size_t i = 0; i < n_settings; i++) {
        const struct config_setting *set = &settings[i];
        bool known = false, kept = false;
        for (size_t k = 0; k < sizeof again / sizeof *again; k++)
            kept |= config_sets(set, 1, again[k]) != NULL;
        for (const struct config_key *key = route_keys; key->name; key++)
            known |= config_sets(set, 1, key->name) != NULL;
        if (!known)
            return error_set(err, STATUS_BAD_VALUE, "--set %.80s: %.160s has"
                             " weights, so its shape is fixed; allowed are"
                             " routing.policy, blocks, capacity, keep_first,"
                             " window, part, skipped_keys, table, replay, exits"
                             " and confidence;"
                             " --set of other keys works on model YAML files",
                             set->text, name);
        if (routes && !kept)
            return error_set(err, STATUS_BAD_VALUE, "--set %.80s: %.160s routes"
                             " as it was trained to; allowed are"
                             " routing.policy, if it needs no other scores than"
                             " the model has, routing.keep_first,"
                             " routing.window, routing.table and"
                             " routing.replay", set->text, name);
    }
    return STATUS_OK;
}

/* Blocks and capacities stay; a trace must be of the same ones. */
static enum status route_again(struct model_spec *spec,
                               const struct model_config *config,
                               const struct route_policy *policy,
                               struct error *err)
{
    struct model_spec replayed = *spec;
    struct error why;

    spec->signal = policy->signal;
    if (route_check(policy, spec, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_VALUE, "routing.policy %s", why.text);
    if (!policy->choose)
        *spec = spec_dense(spec);
    if (policy != route_find("replay") && *config->replay)
        return refuse_replay(policy, err);
    spec->score_window = model_config_narrow(config->window);
    if (policy != route_find("replay")) {
        route_settle(spec, policy, model_config_narrow(config->keep_first));
        return spec_check(spec, err);
    }
    enum status status = set_replayed(&replayed, config, spec->part, err);
    route_settle(spec, policy, 0);
    for (int32_t l = 0; l < spec->n_layers && status == STATUS_OK; l++)
        if (replayed.routed[l] != spec->routed[l])
            return error_set(err, STATUS_BAD_VALUE, "routing.replay %.160s:"
                             " layer %d is %s; allowed is a trace of the layers"
                             " that the model routes", config->replay, l,
                             spec->routed[l] ? "routed and not in it"
                                             : "in it and not routed");
    return status;
}

/* The policies that route without a router's scores, "a, b, c". */
static void name_unscored(char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (const char *const *name = model_config_policies; *name; name++) {
        const struct route_policy *policy = route_find(*name);
        if (used < size && !policy->scored && policy->choose)
            used += (size_t)snprintf(out + used, size - used, "%s%s",
                                     used > 0 ? ", " : "", *name);
    }
}

/* Settings that route nothing are a mistake. */
static enum status check_routes_any(const struct model_spec *spec,
                                    const struct model_config *config,
                                    const struct route_policy *policy,
                                    struct error *err)
{
    if (!policy->choose || spec_n_routed(spec) > 0)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_VALUE, "routing.capacity %g with"
                     " routing.blocks %.80s: routes nothing; give a capacity"
                     " below 1", config->capacity.value[0], config->blocks);
}

static enum status route_dense(struct model_spec *spec,
                               const struct model_config *config,
                               const struct route_policy *policy,
                               const char *name, struct error *err)
{
    char allowed[256];

    if (policy->scored) {
        name_unscored(allowed, sizeof allowed);
        return error_set(err, STATUS_BAD_VALUE, "routing.policy %s: goes by"
                         " router scores, and %.100s has no router; allowed are"
                         " %s", policy->name, name, allowed);
    }
    /* Those that it was trained with, unless others are named. */
    enum status status = STATUS_OK;
    if (strcmp(config->exits, "none") != 0)
        status = set_exits(spec, config, err);
    if (status == STATUS_OK)
        status = set_routing(spec, config, err);
    if (status == STATUS_OK)
        status = check_routes_any(spec, config, policy, err);
    return status == STATUS_OK ? spec_check(spec, err) : status;
}

enum status model_config_route(struct model_spec *spec,
                               const struct route_policy **policy,
                               char *replay, char *table, const char *name,
                               const struct config_setting *settings,
                               size_t n_settings, struct error *err)
{
    struct model_config config = { .gate = GATE_ONE, .router = ROUTER_FROZEN };
    struct config_origin origins[sizeof route_keys / sizeof *route_keys];
    struct model_spec routed = *spec;
    const bool routes = spec_n_routed(spec) > 0;

    *replay = '\0';
    if (n_settings == 0)
        return STATUS_OK;
    enum status status = check_settings(settings, n_settings, name, routes,
                                        err);
    if (status == STATUS_OK)
        status = config_load(&config, &route_schema, NULL, settings, n_settings,
                             origins, err);
    if (status != STATUS_OK)
        return status;
    const bool keeps_own = routes && !*config.replay &&
                           !config_sets(settings, n_settings, "routing.policy");
    const struct route_policy *chosen =
        keeps_own ? *policy : route_find(model_config_policies[config.policy]);
    if (routes && !config_sets(settings, n_settings, "routing.keep_first"))
        config.keep_first = spec->keep_first;
    if (routes && !config_sets(settings, n_settings, "routing.window"))
        config.window = spec->score_window;
    config.router_input = (int)spec->router_input;
    status = routes ? route_again(&routed, &config, chosen, err)
                    : route_dense(&routed, &config, chosen, name, err);
    if (status != STATUS_OK)
        return model_config_blame(&route_schema, origins, err);
    *spec = routed;
    *policy = chosen;
    memcpy(replay, config.replay, sizeof config.replay);
    if (*config.table)
        memcpy(table, config.table, sizeof config.table);
    return STATUS_OK;
}

/* ---- dense models, supposed to have been trained with routers ---- */

static const struct config_key routing_keys[] = {
    MODEL_CONFIG_ROUTE_KEYS(0)
    MODEL_CONFIG_LEARNED_KEYS(0)
    { .name = NULL },
};
static const struct config_schema routing_schema = { "routing", routing_keys };
enum { N_ROUTING = sizeof routing_keys / sizeof *routing_keys - 1 };

static bool is_routing(const struct config_setting *setting)
{
    for (int i = 0; i < N_ROUTING; i++)
        if (config_sets(setting, 1, routing_keys[i].name))
            return true;
    return false;
}

enum status model_config_suppose(struct model_spec *spec,
                                 const struct route_policy **policy,
                                 const char *name,
                                 const struct config_setting *settings,
                                 size_t n_settings, struct error *err)
{
    struct model_config config;
    struct config_origin origins[N_ROUTING];
    struct model_spec routed = *spec;

    if (n_settings == 0)
        return STATUS_OK;
    for (size_t i = 0; i < n_settings; i++)
        if (!is_routing(&settings[i]))
            return error_set(err, STATUS_BAD_VALUE, "--set %.80s: the shape of"
                             " %.160s is fixed; allowed are routing.* keys;"
                             " --set of other keys works on model YAML files",
                             settings[i].text, name);
    enum status status = config_load(&config, &routing_schema, NULL, settings,
                                     n_settings, origins, err);
    if (status != STATUS_OK)
        return status;
    const struct route_policy *chosen =
        route_find(model_config_policies[config.policy]);
    if (!chosen->scored && !config_sets(settings, n_settings, "routing.gate"))
        config.gate = GATE_ONE;
    status = set_routing(&routed, &config, err);
    if (status == STATUS_OK)
        status = check_routes_any(&routed, &config, chosen, err);
    if (status == STATUS_OK)
        status = spec_check(&routed, err);
    if (status != STATUS_OK)
        return model_config_blame(&routing_schema, origins, err);
    *spec = routed;
    *policy = chosen;
    return STATUS_OK;
}
