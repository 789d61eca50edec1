/* hf_experts.c - Read and write mixtures of experts; read latent attention, which
 * predict prices and nothing runs. */
#include "models/files/hf_inside.h"

#include <string.h>

/* Where a class keeps them: each has a name of its own for all. */
struct expert_keys {
    const char *type;            /* model_type */
    const char *n, *width;
    const char *shared;          /* NULL: it has none */
    bool shared_counts;          /* experts of that width; else a width */
    bool some_dense;             /* some layers may have one part: decoder_
                                  * sparse_step, mlp_only_layers */
    bool biased, latent;
};
static const struct expert_keys keys[] = {
    { "mixtral", "num_local_experts", "intermediate_size", NULL, false, false,
      false, false },
    { "qwen2_moe", "num_experts", "moe_intermediate_size",
      "shared_expert_intermediate_size", false, true, false, false },
    { "qwen3_moe", "num_experts", "moe_intermediate_size", NULL, false, true,
      false, false },
    { "olmoe", "num_experts", "intermediate_size", NULL, false, false, false,
      false },
    { "deepseek_v2", "n_routed_experts", "moe_intermediate_size",
      "n_shared_experts", true, true, false, true },
    { "deepseek_v3", "n_routed_experts", "moe_intermediate_size",
      "n_shared_experts", true, true, true, true },
};

/* Of a class that has experts. */
static const struct expert_keys *keys_of(const struct hf_class *class)
{
    const struct expert_keys *k = keys;

    while (strcmp(class->type, k->type) != 0)
        k++;
    return k;
}

/* A number of at least `least`, or `fallback` where the key is absent or null;
 * a fallback below 0: it must be there. */
static enum status read_count(int32_t *out, const json_t *root, const char *key,
                              int32_t least, int32_t fallback, const char *name,
                              struct error *err)
{
    const json_t *value = hf_given(root, key);

    if (!value && fallback < 0)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %s is missing", name,
                         key);
    if (value && (!json_is_integer(value) ||
                  json_integer_value(value) < least ||
                  json_integer_value(value) > 1 << 20))
        return hf_refuse(err, name, key, value, "must be a whole number from %d"
                         " to %d", least, 1 << 20);
    *out = value ? (int32_t)json_integer_value(value) : fallback;
    return STATUS_OK;
}

static bool lists(const json_t *list, int32_t number)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_integer_value(json_array_get(list, i)) == number)
            return true;
    return false;
}

/* Layers of experts come after the first dense ones, at steps; or at steps, but
 * for a list (configuration_deepseek.py, configuration_qwen2_moe.py). */
static enum status place_experts(struct model_spec *spec, const json_t *root,
                                 const char *name, struct error *err)
{
    const json_t *dense = hf_given(root, "mlp_only_layers");
    int32_t first = 0, step = 1, each = 1;

    enum status status = read_count(&first, root, "first_k_dense_replace", 0, 0,
                                    name, err);
    if (status == STATUS_OK)
        status = read_count(&each, root, "moe_layer_freq", 1, 1, name, err);
    if (status == STATUS_OK)
        status = read_count(&step, root, "decoder_sparse_step", 1, 1, name,
                            err);
    for (int32_t l = 0; l < spec->n_layers && l < SPEC_MAX_LAYERS; l++)
        spec->has_experts[l] = l >= first && l % each == 0 &&
                               (l + 1) % step == 0 && !lists(dense, l);
    return status;
}

/* Absent, all classes that have the key mean false. */
static enum status read_normalised(struct experts *e,
                                   const struct hf_class *class,
                                   const json_t *root, const char *name,
                                   struct error *err)
{
    static const char key[] = "norm_topk_prob";
    json_t *value = hf_given(root, key);

    e->normalised = class->experts == HF_EXPERTS_NORMALISED ||
                    json_is_true(value);
    return !value || json_is_boolean(value)
               ? STATUS_OK
               : hf_refuse(err, name, key, value, "must be true or false");
}

static enum status read_sizes(struct model_spec *spec,
                              const struct hf_class *class,
                              const json_t *root, const char *name,
                              struct error *err)
{
    /* As transformers 5 calls their number, whatever the class calls it. */
    static const char any[] = "num_local_experts";
    const struct expert_keys *k = keys_of(class);
    struct experts *e = &spec->experts;
    enum status status = read_count(&e->n, root, hf_given(root, any) ? any
                                    : k->n, 1, -1, name, err);

    if (status == STATUS_OK)
        status = read_count(&e->active, root, "num_experts_per_tok", 1, -1,
                            name, err);
    if (status == STATUS_OK)
        status = read_count(&e->width, root, k->width, 1, -1, name, err);
    if (status == STATUS_OK && k->shared)
        status = read_count(&e->shared, root, k->shared, 0, 0, name, err);
    if (status == STATUS_OK && k->shared_counts)
        e->shared *= e->width;
    e->shared_gate = class->experts == HF_EXPERTS_SHARED && e->shared > 0;
    e->biased = k->biased;
    return status == STATUS_OK ? read_normalised(e, class, root, name, err)
                               : status;
}

/* Of the losses that the router is trained with: transformers' configurations of
 * these classes have the first, that of its SwitchTransformers both.  DeepSeek's
 * balance is another. */
static const char balance_key[] = "router_aux_loss_coef";
static const char z_key[] = "router_z_loss_coef";

static enum status read_losses(struct experts *e, const json_t *root,
                               const char *name, struct error *err)
{
    enum status status = hf_read_weight(&e->balance_loss, root, balance_key,
                                        name, err);

    return status == STATUS_OK
               ? hf_read_weight(&e->z_loss, root, z_key, name, err) : status;
}

static void write_losses(json_t *root, const struct experts *e)
{
    json_object_set_new(root, balance_key, json_real(e->balance_loss));
    if (e->z_loss > 0.0)
        json_object_set_new(root, z_key, json_real(e->z_loss));
}

/* What no class has: who chooses, how many at most, and no-ops. */
static const char own_key[] = "isobath_experts";

static enum status read_own(struct experts *e, const json_t *root,
                            const char *name, struct error *err)
{
    const json_t *own = hf_given(root, own_key);
    const json_t *rule = json_object_get(own, "rule");
    const char *word = json_string_value(rule);
    int i = 0;

    if (!own)
        return STATUS_OK;
    while (i < EXPERT_RULE_COUNT &&
           (!word || strcmp(word, expert_rule_names[i]) != 0))
        i++;
    if (i == EXPERT_RULE_COUNT)
        return hf_refuse(err, name, "rule", rule, "must be %s or %s",
                         expert_rule_names[0], expert_rule_names[1]);
    e->rule = (enum expert_rule)i;
    if (e->rule == EXPERT_RULE_EXPERTS)
        e->normalised = false;
    enum status status = hf_read_weight(&e->capacity, own, "capacity", name,
                                        err);
    return status == STATUS_OK
               ? read_count(&e->idle, own, "idle", 0, 0, name, err) : status;
}

static void write_own(json_t *root, const struct experts *e)
{
    if (e->rule != EXPERT_RULE_TOKENS || e->capacity > 0.0 || e->idle > 0)
        json_object_set_new(root, own_key, json_pack(
            "{s:s, s:f, s:i}", "rule", expert_rule_names[e->rule], "capacity",
            e->capacity, "idle", (int)e->idle));
}

static enum status read_latent(struct model_spec *spec, const json_t *root,
                               const char *name, struct error *err)
{
    struct latent *k = &spec->latent;
    int32_t plain = 0;
    enum status status = read_count(&k->kv, root, "kv_lora_rank", 1, -1, name,
                                    err);

    if (status == STATUS_OK)
        status = read_count(&k->query, root, "q_lora_rank", 1, 0, name, err);
    if (status == STATUS_OK)
        status = read_count(&k->rotary, root, "qk_rope_head_dim", 1, -1, name,
                            err);
    if (status == STATUS_OK)
        status = read_count(&plain, root, "qk_nope_head_dim", 1, -1, name, err);
    if (status == STATUS_OK)
        status = read_count(&k->value, root, "v_head_dim", 1, -1, name, err);
    spec->head_size = plain + k->rotary;
    spec->n_kv_heads = spec->n_heads;
    return status;
}

enum status hf_read_experts(struct model_spec *spec,
                            const struct hf_class *class, const json_t *root,
                            const char *name, struct error *err)
{
    if (class->experts == HF_EXPERTS_NONE)
        return STATUS_OK;
    enum status status = read_sizes(spec, class, root, name, err);
    if (status == STATUS_OK)
        status = place_experts(spec, root, name, err);
    if (status == STATUS_OK)
        status = read_losses(&spec->experts, root, name, err);
    if (status == STATUS_OK)
        status = read_own(&spec->experts, root, name, err);
    return status == STATUS_OK && keys_of(class)->latent
               ? read_latent(spec, root, name, err) : status;
}

static void set_count(json_t *root, const char *key, int32_t value)
{
    json_object_set_new(root, key, json_integer(value));
}

/* The layers with one feed-forward part. */
static json_t *dense_layers(const struct model_spec *spec)
{
    json_t *list = json_array();

    for (int32_t l = 0; l < spec->n_layers; l++)
        if (!spec->has_experts[l])
            json_array_append_new(list, json_integer(l));
    return list;
}

void hf_write_experts(json_t *root, const struct hf_class *class,
                      const struct model_spec *spec)
{
    const struct experts *e = &spec->experts;

    if (class->experts == HF_EXPERTS_NONE)
        return;
    const struct expert_keys *k = keys_of(class);
    set_count(root, k->n, e->n);
    set_count(root, "num_experts_per_tok", e->active);
    set_count(root, k->width, e->width);
    if (k->shared)
        set_count(root, k->shared, e->shared);
    if (class->experts != HF_EXPERTS_NORMALISED)
        json_object_set_new(root, "norm_topk_prob",
                            json_boolean(e->normalised));
    write_losses(root, e);
    write_own(root, e);
    if (!k->some_dense)
        return;
    set_count(root, "decoder_sparse_step", 1);
    json_object_set_new(root, "mlp_only_layers", dense_layers(spec));
}
