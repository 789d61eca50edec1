/* hf_routing.c - Read and write the object "isobath", which says who is routed
 * and which other readers pass over. */
#include "models/files/hf_inside.h"

#include <stdio.h>
#include <string.h>

/* The place of a key's text in a list of words. */
static enum status read_word(int *out, const json_t *object, const char *key,
                             const char *const *words, int n, const char *name,
                             struct error *err)
{
    json_t *value = json_object_get(object, key);
    const char *word = json_string_value(value);
    char allowed[128] = "";
    size_t used = 0;

    for (int i = 0; i < n; i++) {
        if (word && strcmp(word, words[i]) == 0) {
            *out = i;
            return STATUS_OK;
        }
        used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s",
                                 i ? ", " : "", words[i]);
    }
    return hf_refuse(err, name, key, value, "supported are %s", allowed);
}

static enum status read_flag(bool *out, const json_t *object, const char *key,
                             const char *name, struct error *err)
{
    json_t *value = json_object_get(object, key);

    if (!json_is_boolean(value))
        return hf_refuse(err, name, key, value, "must be true or false");
    *out = json_is_true(value);
    return STATUS_OK;
}

/* A list as long as `blocks`, of numbers. */
static enum status check_list(const json_t *object, const char *key, size_t n,
                              const char *each, const char *name,
                              struct error *err)
{
    json_t *list = json_object_get(object, key);
    bool good = json_is_array(list) && json_array_size(list) == n;

    for (size_t i = 0; good && i < n; i++)
        good = json_is_number(json_array_get(list, i));
    return good ? STATUS_OK
                : hf_refuse(err, name, key, list, "must be a list of %zu"
                            " numbers, %s for each of isobath.blocks", n, each);
}

static enum status read_blocks(struct model_spec *spec,
                               struct hf_routing *routing,
                               const json_t *object, const char *name,
                               struct error *err)
{
    json_t *blocks = json_object_get(object, "blocks");
    json_t *thresholds = hf_given(object, "thresholds");
    size_t n = json_array_size(blocks);
    const size_t each = (size_t)plan_choices_a_layer(spec);
    json_int_t before = -1;

    if (!json_is_array(blocks))
        return hf_refuse(err, name, "isobath.blocks", blocks,
                         "must be a list of layers");
    enum status status = check_list(object, "capacity", n, "one", name, err);
    if (status == STATUS_OK && thresholds)
        status = check_list(object, "thresholds", each * n,
                            each == 1 ? "one" : "two", name, err);
    if (status != STATUS_OK)
        return status;
    /* A dense model's list is empty: nobody kept any. */
    routing->has_thresholds = thresholds != NULL && n > 0;
    for (size_t i = 0; i < n; i++) {
        json_t *block = json_array_get(blocks, i);
        json_int_t l = json_integer_value(block);
        if (!json_is_integer(block) || l <= before || l >= spec->n_layers)
            return hf_refuse(err, name, "isobath.blocks", blocks, "must be"
                             " layers from 0 to %d, ascending",
                             spec->n_layers - 1);
        spec->routed[l] = true;
        spec->capacity[l] = json_number_value(
            json_array_get(json_object_get(object, "capacity"), i));
        for (size_t c = 0; c < each; c++)
            routing->threshold[each * (size_t)l + c] = (float)json_number_value(
                json_array_get(thresholds, each * i + c));
        before = l;
    }
    return STATUS_OK;
}

static enum status read_policy(struct hf_routing *routing, const json_t *object,
                               const char *name, struct error *err)
{
    json_t *value = json_object_get(object, "policy");
    const char *word = json_string_value(value);

    routing->policy = route_find(word ? word : "");
    return routing->policy ? STATUS_OK
                           : hf_refuse(err, name, "isobath.policy", value,
                                       "no such routing policy");
}

/* A number of tokens that is written where it is not 0. */
static enum status read_whole(int32_t *out, const json_t *object,
                               const char *key, const char *name,
                               struct error *err)
{
    json_t *value = json_object_get(object, key);

    if (value && !(json_is_integer(value) && json_integer_value(value) >= 0 &&
                   json_integer_value(value) <= INT32_MAX))
        return hf_refuse(err, name, key, value, "must be a whole number,"
                         " from 0");
    *out = (int32_t)json_integer_value(value);
    return STATUS_OK;
}

static enum status read_kept(struct model_spec *spec,
                             const struct hf_routing *routing,
                             const json_t *object, const char *name,
                             struct error *err)
{
    int32_t first = 0;
    enum status status = read_whole(&first, object, "keep_first", name, err);

    if (status == STATUS_OK)
        status = read_whole(&spec->score_window, object, "window", name, err);
    route_settle(spec, routing->policy, first);
    return status;
}

/* A list of pairs: the layer, and its loss's weight. */
static enum status read_exits(struct model_spec *spec, const json_t *object,
                              const char *name, struct error *err)
{
    json_t *exits = json_object_get(object, "exits"), *exit;
    size_t i;

    if (exits && !json_is_array(exits))
        return hf_refuse(err, name, "isobath.exits", exits, "must be a list");
    json_array_foreach(exits, i, exit) {
        const json_t *layer = json_array_get(exit, 0);
        const json_int_t l = json_integer_value(layer);
        const double weight = json_number_value(json_array_get(exit, 1));
        if (!json_is_integer(layer) || l < 0 || l >= spec->n_layers - 1 ||
            !(weight > 0.0 && weight <= SPEC_MAX_LOSS_WEIGHT))
            return hf_refuse(err, name, "isobath.exits", exit, "must be a layer"
                             " before the last and a weight above 0, to %d",
                             SPEC_MAX_LOSS_WEIGHT);
        spec->exit_weight[l] = weight;
    }
    return STATUS_OK;
}

/* First and last layer, and how often a span of them is run. */
static enum status read_recursion(struct model_spec *spec, const json_t *object,
                                  const char *name, struct error *err)
{
    json_t *list = json_object_get(object, "recursion");
    json_int_t of[3];

    if (!list)
        return STATUS_OK;
    for (size_t i = 0; i < 3; i++) {
        const json_t *number = json_array_get(list, i);
        of[i] = json_is_integer(number) ? json_integer_value(number) : -1;
        if (of[i] < 0 || of[i] > SPEC_MAX_LAYERS || json_array_size(list) != 3)
            return hf_refuse(err, name, "isobath.recursion", list, "must be the"
                             " first layer, the last, and how often their"
                             " weights are run");
    }
    enum status status = STATUS_OK;
    int keys = RECURSION_KEYS_OWN;
    if (json_object_get(object, "recursion_keys"))
        status = read_word(&keys, object, "recursion_keys",
                           recursion_keys_names, RECURSION_KEYS_COUNT, name,
                           err);
    spec->recursion = (struct recursion){ (int32_t)of[0], (int32_t)of[1],
                                          (int32_t)of[2],
                                          (enum recursion_keys)keys };
    return status;
}

static json_t *exits_json(const struct model_spec *spec)
{
    json_t *out = json_array();

    for (int32_t l = 0; l < spec->n_layers; l++)
        if (spec_exits(spec, l))
            json_array_append_new(out, json_pack("[i, f]", l,
                                                 spec->exit_weight[l]));
    return out;
}

enum status hf_read_routing(struct model_spec *spec,
                            struct hf_routing *routing,
                            const json_t *object, const char *name,
                            struct error *err)
{
    static const char *const keys[] = {
        "blocks", "capacity", "policy", "gate", "router_input",
        "router_scores", "router_trained", "router_detached", "thresholds",
        "keep_first", "window", "router_drawn", "aux_loss", "z_loss",
        "balance_loss", "predictor", "part", "gate_scale", "bypass_gated",
        "skipped_keys", "exits", "recursion", "nested", "depths",
        "recursion_keys", "gates_output",
    };
    enum { N_KEYS = sizeof keys / sizeof *keys };
    size_t known = 0;
    int gate = 0, input = 0, part = PART_BLOCK, skipped = 0;

    if (!json_is_object(object))
        return hf_refuse(err, name, "isobath", object, "must be an object");
    for (int i = 0; i < N_KEYS; i++)
        known += json_object_get(object, keys[i]) != NULL;
    if (known != json_object_size(object))
        return error_set(err, STATUS_BAD_VALUE, "%.160s: isobath holds a key of"
                         " another version", name);

    enum status status = read_policy(routing, object, name, err);
    if (status == STATUS_OK && json_object_get(object, "part"))
        status = read_word(&part, object, "part", part_names, PART_COUNT, name,
                           err);
    spec->part = (enum routed_part)part;
    if (status == STATUS_OK)
        status = read_blocks(spec, routing, object, name, err);
    if (status == STATUS_OK)
        status = read_kept(spec, routing, object, name, err);
    if (status == STATUS_OK)
        status = read_word(&gate, object, "gate", gate_names, GATE_COUNT, name,
                           err);
    if (status == STATUS_OK)
        status = read_word(&input, object, "router_input", router_input_names,
                           ROUTER_INPUT_COUNT, name, err);
    if (status == STATUS_OK)
        status = read_flag(&spec->router_scores, object, "router_scores", name,
                           err);
    if (status == STATUS_OK)
        status = read_flag(&spec->router_trained, object, "router_trained",
                           name, err);
    if (status == STATUS_OK && json_object_get(object, "router_detached"))
        status = read_flag(&spec->router_detached, object, "router_detached",
                           name, err);
    if (status == STATUS_OK && json_object_get(object, "router_drawn"))
        status = read_flag(&spec->router_drawn, object, "router_drawn", name,
                           err);
    if (status == STATUS_OK)
        status = hf_read_weight(&spec->gate_scale, object, "gate_scale", name,
                             err);
    if (status == STATUS_OK && json_object_get(object, "bypass_gated"))
        status = read_flag(&spec->bypass_gated, object, "bypass_gated", name,
                           err);
    if (status == STATUS_OK && json_object_get(object, "gates_output"))
        status = read_flag(&spec->gates_output, object, "gates_output", name,
                           err);
    if (status == STATUS_OK && json_object_get(object, "nested"))
        status = read_flag(&spec->nested, object, "nested", name, err);
    if (status == STATUS_OK && json_object_get(object, "depths"))
        status = read_flag(&spec->depths, object, "depths", name, err);
    if (status == STATUS_OK)
        status = hf_read_weight(&spec->aux_loss, object, "aux_loss", name, err);
    if (status == STATUS_OK)
        status = hf_read_weight(&spec->z_loss, object, "z_loss", name, err);
    if (status == STATUS_OK)
        status = hf_read_weight(&spec->balance_loss, object, "balance_loss", name,
                             err);
    if (status == STATUS_OK)
        status = read_whole(&spec->n_predictor, object, "predictor", name,
                             err);
    if (status == STATUS_OK && json_object_get(object, "skipped_keys"))
        status = read_word(&skipped, object, "skipped_keys", skipped_keys_names,
                           SKIPPED_KEYS_COUNT, name, err);
    if (status == STATUS_OK)
        status = read_exits(spec, object, name, err);
    if (status == STATUS_OK)
        status = read_recursion(spec, object, name, err);
    spec->skipped_keys = (enum skipped_keys)skipped;
    spec->gate = (enum gate)gate;
    spec->router_input = (enum router_input)input;
    return status;
}

json_t *hf_routing_json(const struct model_spec *spec,
                        const struct hf_routing *routing)
{
    json_t *blocks = json_array(), *capacity = json_array();
    json_t *thresholds = routing->has_thresholds ? json_array() : json_null();
    const int32_t each = plan_choices_a_layer(spec);

    for (int32_t l = 0; l < spec->n_layers; l++) {
        if (!spec->routed[l])
            continue;
        json_array_append_new(blocks, json_integer(l));
        json_array_append_new(capacity, json_real(spec->capacity[l]));
        for (int32_t c = 0; c < each && routing->has_thresholds; c++)
            json_array_append_new(thresholds, json_real(
                hf_short_decimal(routing->threshold[each * l + c])));
    }
    json_t *out = json_pack("{s:o, s:o, s:s, s:s, s:s, s:b, s:b, s:o}",
                            "blocks", blocks, "capacity", capacity,
                            "policy", routing->policy->name,
                            "gate", gate_names[spec->gate], "router_input",
                            router_input_names[spec->router_input],
                            "router_scores", spec->router_scores,
                            "router_trained", spec->router_trained,
                            "thresholds", thresholds);
    if (spec->router_detached)
        json_object_set_new(out, "router_detached", json_true());
    if (spec->router_drawn)
        json_object_set_new(out, "router_drawn", json_true());
    if (spec->gate_scale > 0.0)
        json_object_set_new(out, "gate_scale", json_real(spec->gate_scale));
    if (spec->bypass_gated)
        json_object_set_new(out, "bypass_gated", json_true());
    if (spec->gates_output)
        json_object_set_new(out, "gates_output", json_true());
    if (spec->nested)
        json_object_set_new(out, "nested", json_true());
    if (spec->depths)
        json_object_set_new(out, "depths", json_true());
    if (spec->keep_first > 0)
        json_object_set_new(out, "keep_first",
                            json_integer(spec->keep_first));
    if (spec->score_window > 0)
        json_object_set_new(out, "window", json_integer(spec->score_window));
    if (spec->aux_loss > 0.0)
        json_object_set_new(out, "aux_loss", json_real(spec->aux_loss));
    if (spec->z_loss > 0.0)
        json_object_set_new(out, "z_loss", json_real(spec->z_loss));
    if (spec->balance_loss > 0.0)
        json_object_set_new(out, "balance_loss",
                            json_real(spec->balance_loss));
    if (spec->part != PART_BLOCK)
        json_object_set_new(out, "part", json_string(part_names[spec->part]));
    if (spec->skipped_keys != SKIPPED_KEYS_ABSENT)
        json_object_set_new(out, "skipped_keys", json_string(
            skipped_keys_names[spec->skipped_keys]));
    if (spec_n_exits(spec) > 0)
        json_object_set_new(out, "exits", exits_json(spec));
    if (spec_span(spec) > 0)
        json_object_set_new(out, "recursion", json_pack(
            "[i, i, i]", spec->recursion.first, spec->recursion.last,
            spec->recursion.times));
    if (spec->recursion.keys != RECURSION_KEYS_OWN)
        json_object_set_new(out, "recursion_keys", json_string(
            recursion_keys_names[spec->recursion.keys]));
    if (spec->n_predictor > 0)
        json_object_set_new(out, "predictor", json_integer(spec->n_predictor));
    return out;
}
