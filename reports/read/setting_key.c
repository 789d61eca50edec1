/* setting_key.c - Tell by its config which setting a trained run is of. */
#include "reports/read/setting_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/jsonpath.h"

/* The seed; and what changes no weight and no loss: where results go, how often
 * the run is saved and looked at on its way, by what a price is worked out. */
bool setting_may_differ_in(const char *key, size_t n)
{
    static const char *const names[] = {
        "seed", "seeds", "threads", "output", "name", "machine", "save_every",
        "judge_every", "curve_windows",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (n == strlen(names[i]) && strncmp(key, names[i], n) == 0)
            return true;
    return false;
}

/* A copy without such keys, in which 1 and 1.0 are one number; the caller's. */
static json_t *without_seeds(const json_t *value)
{
    const char *key;
    json_t *item, *out;
    size_t i;

    if (json_is_number(value))
        return json_real(json_number_value(value));
    if (json_is_array(value)) {
        out = json_array();
        json_array_foreach(value, i, item)
            json_array_append_new(out, without_seeds(item));
        return out;
    }
    if (!json_is_object(value))
        return json_deep_copy(value);
    out = json_object();
    json_object_foreach((json_t *)value, key, item)
        if (!setting_may_differ_in(key, strlen(key)))
            json_object_set_new(out, key, without_seeds(item));
    return out;
}

/* Texts, and what else the config names, are told by their content where that was
 * hashed, else by their paths. */
static void name_content(json_t *config, const json_t *summary)
{
    const char *hash = jsonpath_text(summary, "provenance.data_hash"), *key;
    json_t *one;

    if (hash) {
        json_object_del(json_object_get(config, "data"), "path");
        json_object_set_new(config, "data_hash", json_string(hash));
    }
    json_object_foreach(jsonpath_at(summary, "provenance.hashes"), key, one) {
        char section[32];
        const size_t n = strcspn(key, ".");
        snprintf(section, sizeof section, "%.*s", (int)n, key);
        if (key[n])
            json_object_del(json_object_get(config, section), key + n + 1);
        json_object_set(config, key, one);
    }
}

/* Keys that say nothing where another key says this, or anything but this. */
static const struct {
    const char *where, *says;            /* JSON; a number as 1.0 */
    bool but;
    const char *section, *keys[22];
} idle[] = {
    { "routing.policy", "\"dense\"", false, "routing",
      { "aux_loss", "balance_loss", "blocks", "bypass", "capacity",
        "capacity_schedule", "capacity_warmup", "gate", "gate_scale",
        "gated", "keep_first", "part", "predictor", "replay", "router",
        "router_deviation", "router_input", "skipped_keys", "table",
        "threshold_decay", "window", "z_loss" } },
    { "routing.policy", "\"dense\"", false, "train",
      { "router_decay", "router_rate", "thresholds" } },
    { "model.experts", "0.0", false, "model",
      { "expert_balance_loss", "expert_capacity", "expert_ffn",
        "expert_layers", "expert_rule", "expert_z_loss", "experts_per_token",
        "idle_experts", "norm_topk", "shared_experts" } },
    { "train.init", "\"\"", true, "train", { "init_scheme" } },
    { "train.schedule", "\"wsd\"", true, "train", { "cooldown" } },
};

static void drop_idle(json_t *config)
{
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
        const json_t *said = jsonpath_at(config, idle[i].where);
        json_t *here = json_loads(idle[i].says, JSON_DECODE_ANY, NULL);
        const bool drops = said && here && json_equal(said, here) != idle[i].but;
        for (size_t k = 0; drops && k < 22 && idle[i].keys[k]; k++)
            json_object_del(json_object_get(config, idle[i].section),
                            idle[i].keys[k]);
        json_decref(here);
    }
}

char *setting_key(const struct run *run)
{
    const json_t *given = json_object_get(run->summary, "config");
    json_t *config;
    char *key;

    if (!given)
        return error_noted(strdup(run->path));     /* nothing to compare by */
    config = without_seeds(given);
    drop_idle(config);
    name_content(config, run->summary);
    key = json_dumps(config, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(config);
    return key;
}
