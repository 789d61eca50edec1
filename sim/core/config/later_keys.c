/* later_keys.c - Know by a table what runs did that lack a key. */
#include "sim/core/config/later_keys.h"

struct later_key {
    const char *section, *key, *was;        /* JSON */
};

/* Fingerprints hold these whatever they say. */
static const struct later_key always_held[] = {
    { "data", "tokenizer", "\"\"" },
    { "model", "qk_norm", "false" },
    { "routing", "keep_first", "0" },
    { "routing", "table", "\"\"" },
    { "train", "judge_split", "\"validation\"" },
};

static const struct later_key later[] = {
    { "data", "weights", "[]" },
    { "data", "held_out", "0.1" },
    { "routing", "window", "0" },
    { "routing", "capacity_schedule", "\"constant\"" },
    { "routing", "capacity_warmup", "0.0" },
    { "routing", "router_deviation", "0.0" },
    { "routing", "aux_loss", "0.0" },
    { "routing", "z_loss", "0.0" },
    { "routing", "balance_loss", "0.0" },
    { "routing", "predictor", "0" },
    { "train", "init", "\"\"" },
    { "train", "freeze", "\"none\"" },
    { "train", "init_scheme", "\"gpt2\"" },
    { "train", "schedule", "\"cosine_to_last\"" },
    { "train", "cooldown", "0.2" },
    { "train", "rate_scaling", "\"one\"" },
    { "train", "router_rate", "1.0" },
    { "train", "thresholds", "\"ema\"" },
    { "train", "router_decay", "0.0" },
    { "routing", "gate_scale", "1.0" },
    { "routing", "bypass", "\"plain\"" },
    { "model", "window", "0" },
    { "model", "activation", "\"family\"" },
    { "model", "norms", "\"family\"" },
    { "model", "parallel", "\"family\"" },
    { "model", "ffn_bias", "false" },
    { "model", "project_bias", "false" },
    { "model", "attention_cap", "0.0" },
    { "model", "logit_cap", "0.0" },
    { "model", "rotary_size", "0" },
    { "model", "local_rope_theta", "0.0" },
    { "model", "window_layers", "\"every\"" },
    { "model", "unturned_layers", "\"none\"" },
    { "model", "rope_amplitude", "0.0" },
    { "model", "rope_long_divisors", "[1.0]" },
    { "model", "rope_short_divisors", "[1.0]" },
    { "model", "recursions", "1" },
    { "model", "recursion_first", "0" },
    { "model", "recursion_last", "0" },
    { "model", "experts", "0" },
    { "model", "experts_per_token", "2" },
    { "model", "expert_ffn", "0" },
    { "model", "expert_layers", "\"every\"" },
    { "model", "shared_experts", "0" },
    { "model", "norm_topk", "true" },
    { "routing", "nested", "false" },
    { "routing", "exits", "\"none\"" },
    { "routing", "exit_weight", "[1.0]" },
    { "routing", "confidence", "1.0" },
    { "model", "expert_balance_loss", "0.0" },
    { "model", "expert_z_loss", "0.0" },
    { "model", "expert_rule", "\"token_choice\"" },
    { "model", "expert_capacity", "0.0" },
    { "model", "idle_experts", "0" },
    { "routing", "depths", "false" },
    { "model", "recursion_keys", "\"own\"" },
    { "routing", "gated", "\"change\"" },
};
enum { LATER = sizeof later / sizeof *later,
       HELD = sizeof always_held / sizeof *always_held };
_Static_assert((int)LATER <= (int)LATER_KEYS_MAX, "as many as are told");

int later_keys_n(void)
{
    return LATER;
}

static json_t *was(const struct later_key *one)
{
    return json_loads(one->was, JSON_DECODE_ANY, NULL);
}

void later_keys_forget(json_t *config, int first_kept, int last_kept)
{
    for (int i = 0; i < (int)LATER; i++) {
        if (i >= first_kept && i < last_kept)
            continue;
        json_t *before = was(&later[i]);
        json_t *section = json_object_get(config, later[i].section);
        if (before && json_equal(before, json_object_get(section, later[i].key)))
            json_object_del(section, later[i].key);
        json_decref(before);
    }
}

static void fill(json_t *config, const struct later_key *keys, int n)
{
    for (int i = 0; i < n; i++) {
        json_t *section = json_object_get(config, keys[i].section);
        if (section && !json_object_get(section, keys[i].key))
            json_object_set_new(section, keys[i].key, was(&keys[i]));
    }
}

void later_keys_fill(json_t *config)
{
    fill(config, always_held, HELD);
    fill(config, later, LATER);
}
