/* spec_check.c - Check the rules that a shape must keep. */
#include "sim/core/model/spec_check_inside.h"

#include <stdio.h>
#include <string.h>

/* Blocks run along a matrix' inputs, and none goes over its end. */
static enum status check_number(int type, int32_t inputs, const char *of,
                                int32_t layer, struct error *err)
{
    char where[24] = "";

    if (type < NUMBER_COUNT && inputs % number_table[type].block == 0)
        return STATUS_OK;
    if (layer >= 0)
        snprintf(where, sizeof where, " of layer %d", layer);
    if (type >= NUMBER_COUNT)
        return error_set(err, STATUS_BAD_VALUE, "%s%s: stored as number %d:"
                         " allowed are 0 to %d", of, where, type,
                         NUMBER_COUNT - 1);
    return error_set(err, STATUS_BAD_VALUE, "%s%s: stored as %s, in blocks of"
                     " %d, with %d inputs: allowed are multiples", of, where,
                     number_table[type].name, number_table[type].block, inputs);
}

static enum status check_stored(const struct model_spec *s, struct error *err)
{
    static const char *const names[MATRIX_COUNT] = {
        "queries", "keys", "values", "project", "gate", "up", "down",
    };
    if (s->experts.n > 0 && spec_stores(s))
        return error_set(err, STATUS_BAD_VALUE, "weights kept as stored: not"
                         " known of a mixture of experts; allowed is float32");
    enum status status = check_number(s->stored_embedding, s->n_channels,
                                      "embedding", -1, err);
    if (status == STATUS_OK && !s->tied_head)
        status = check_number(s->stored_head, s->n_channels, "head", -1, err);
    for (int32_t l = 0; l < s->n_layers && status == STATUS_OK; l++)
        for (int i = 0; i < MATRIX_COUNT && status == STATUS_OK; i++)
            if (spec_has_matrix(s, (enum matrix)i))
                status = check_number(s->stored[l][i],
                                      spec_inputs(s, (enum matrix)i), names[i],
                                      l, err);
    return status;
}

/* What a token attends to is counted in tokens of the text: no layer skips some
 * of them and has a window. */
static enum status check_window(const struct model_spec *s, struct error *err)
{
    for (int32_t l = 0; l < s->n_layers; l++) {
        if (s->windowed[l] && (s->window < 1 || s->window > 1 << 20))
            return error_set(err, STATUS_BAD_VALUE, "model.window %d: allowed"
                             " is 1 to %d", s->window, 1 << 20);
        if (spec_window(s, l) > 0 && s->routed[l] && s->part != PART_FFN)
            return error_set(err, STATUS_BAD_VALUE, "routing.blocks: layer %d"
                             " attends to the last %d tokens: tokens cannot be"
                             " routed around its attention; allowed are"
                             " routing.part ffn and other layers", l,
                             s->window);
    }
    return s->signal == SIGNAL_RECEIVED && spec_has_windows(s)
               ? error_set(err, STATUS_BAD_VALUE, "routing.policy: attention"
                           " received is not known through a window of %d"
                           " tokens", s->window)
               : STATUS_OK;
}

enum status spec_check_training(const struct model_spec *s, struct error *err)
{
    if (spec_stores(s))
        return error_set(err, STATUS_BAD_VALUE, "weights kept as stored cannot"
                         " be trained: float32 weights can");
    return spec_check_exits(s, err);
}

enum status spec_check_weight(const char *key, double weight,
                              struct error *err)
{
    return weight >= 0.0 && weight <= SPEC_MAX_LOSS_WEIGHT
               ? STATUS_OK
               : error_set(err, STATUS_BAD_VALUE, "%s %.15g: allowed is 0 to"
                           " %d", key, weight, SPEC_MAX_LOSS_WEIGHT);
}

struct range {
    const char *key;
    int64_t     value, low, high;
};

static enum status check_ranges(const struct range *range, int n,
                                struct error *err)
{
    for (int i = 0; i < n; i++)
        if (range[i].value < range[i].low || range[i].value > range[i].high)
            return error_set(err, STATUS_BAD_VALUE, "%s %lld: allowed is %lld"
                             " to %lld", range[i].key,
                             (long long)range[i].value,
                             (long long)range[i].low, (long long)range[i].high);
    return STATUS_OK;
}

static enum status check_latent(const struct model_spec *s, struct error *err)
{
    const struct latent *k = &s->latent;
    const struct range range[] = {
        { "latent width",       k->kv,     0, 1 << 16 },
        { "latent query width", k->query,  0, 1 << 16 },
        { "rotary numbers",     k->rotary, k->kv > 0, s->head_size },
        { "value size",         k->value,  k->kv > 0, SPEC_MAX_HEAD_SIZE },
    };
    return check_ranges(range, sizeof range / sizeof *range, err);
}

/* An expert is a SwiGLU without biases, on what a norm before it gives. */
static enum status check_experts(const struct model_spec *s, struct error *err)
{
    const struct experts *e = &s->experts;
    const struct traits *has = &s->traits;
    const struct range range[] = {
        { "model.experts",      e->n,      0, SPEC_MAX_EXPERTS },
        { "model.idle_experts", e->idle, 0, e->n > 0 ? SPEC_MAX_EXPERTS - e->n
                                                     : 0 },
        { "model.experts_per_token", e->active, e->n > 0, e->n + e->idle },
        { "model.expert_ffn",   e->width,  e->n > 0, 1 << 20 },
        { "model.shared_experts, their width", e->shared, 0, 1 << 20 },
    };
    if (e->n > 0 && (has->activation != ACTIVATION_SWIGLU || has->ffn_bias ||
                     has->norms != NORMS_BEFORE ||
                     has->parallel != PARALLEL_NONE))
        return error_set(err, STATUS_BAD_VALUE, "model.experts %d: experts are"
                         " SwiGLU without biases, after a norm, and %s has"
                         " others; allowed is 0, or the families llama, qwen2,"
                         " qwen3 and stablelm", e->n,
                         family_names[spec_family(s)]);
    if (e->n > 0 && s->backbone_frozen)
        return error_set(err, STATUS_BAD_VALUE, "train.freeze backbone: with"
                         " model.experts %d all is trained together", e->n);
    if (!(e->capacity >= 0.0 && e->capacity <= SPEC_MAX_EXPERTS))
        return error_set(err, STATUS_BAD_VALUE, "model.expert_capacity %.15g:"
                         " allowed is 0 to %d", e->capacity, SPEC_MAX_EXPERTS);
    if (e->rule == EXPERT_RULE_EXPERTS && e->idle > 0)
        return error_set(err, STATUS_BAD_VALUE, "model.idle_experts %d: with"
                         " model.expert_rule expert_choice they would choose"
                         " tokens to do nothing with; allowed is 0", e->idle);
    if (e->rule == EXPERT_RULE_EXPERTS && (e->normalised ||
                                           e->balance_loss > 0.0))
        return error_set(err, STATUS_BAD_VALUE, "model.expert_rule"
                         " expert_choice: has no weights that sum to 1 and"
                         " nothing to balance");
    if (spec_check_weight("model.expert_balance_loss", e->balance_loss, err) !=
            STATUS_OK ||
        spec_check_weight("model.expert_z_loss", e->z_loss, err) != STATUS_OK)
        return STATUS_BAD_VALUE;
    return check_ranges(range, sizeof range / sizeof *range, err);
}

/* Keys that later recursions see are those of all tokens. */
static enum status check_shared_keys(const struct model_spec *s,
                                     struct error *err)
{
    const char *without = s->part != PART_BLOCK ? "routing.part"
                          : s->skipped_keys != SKIPPED_KEYS_ABSENT
                              ? "routing.skipped_keys"
                          : s->signal == SIGNAL_RECEIVED
                              ? "attention that tokens receive"
                          : s->backbone_frozen ? "train.freeze backbone" : NULL;

    if (s->recursion.keys != RECURSION_KEYS_SHARED)
        return STATUS_OK;
    if (s->recursion.times < 2)
        return error_set(err, STATUS_BAD_VALUE, "model.recursion_keys shared:"
                         " of model.recursions above 1");
    if (without)
        return error_set(err, STATUS_BAD_VALUE, "model.recursion_keys shared:"
                         " not with %s", without);
    for (int32_t l = s->recursion.first; l <= s->recursion.last; l++) {
        if (spec_window(s, l) > 0)
            return error_set(err, STATUS_BAD_VALUE, "model.recursion_keys"
                             " shared: layer %d attends to the last %d tokens",
                             l, spec_window(s, l));
        if (spec_lends_keys(s, l) && s->routed[l] && !s->depths)
            return error_set(err, STATUS_BAD_VALUE, "model.recursion_keys"
                             " shared: layer %d, of the first recursion, is"
                             " routed, and has keys of some tokens alone", l);
    }
    return STATUS_OK;
}

/* What a span's layers share must be shaped alike. */
static enum status check_recursion(const struct model_spec *s,
                                   struct error *err)
{
    const struct recursion *r = &s->recursion;
    const int32_t n = r->last + 1 - r->first;

    if (r->times == 0)
        return STATUS_OK;
    if (r->times < 1 || r->first < 0 || r->last >= s->n_layers || n < 1 ||
        n % r->times != 0)
        return error_set(err, STATUS_BAD_VALUE, "model.recursions %d: layers %d"
                         " to %d are no %d spans of equal length within the"
                         " model's %d layers", r->times, r->first, r->last,
                         r->times, s->n_layers);
    if (r->times > 1 && (s->latent.kv > 0 || s->experts.shared_gate))
        return error_set(err, STATUS_BAD_VALUE, "model.recursions %d: not known"
                         " of %s; allowed is 1", r->times, s->latent.kv > 0
                             ? "latent attention"
                             : "a gate of what all tokens enter besides their"
                               " experts");
    if (check_shared_keys(s, err) != STATUS_OK)
        return STATUS_BAD_VALUE;
    for (int32_t l = 0; l < s->n_layers; l++) {
        const int32_t of = spec_owner(s, l);
        if (s->has_experts[l] != s->has_experts[of])
            return error_set(err, STATUS_BAD_VALUE, "model.recursions %d: of"
                             " layers %d and %d, whose weights are the same,"
                             " model.expert_layers names one", r->times, of, l);
        if (memcmp(s->stored[l], s->stored[of], sizeof s->stored[l]) != 0 ||
            memcmp(s->packed[l], s->packed[of], sizeof s->packed[l]) != 0)
            return error_set(err, STATUS_BAD_VALUE, "model.recursions %d:"
                             " matrices of layer %d are stored otherwise than"
                             " those of layer %d, which they are", r->times, l,
                             of);
    }
    return STATUS_OK;
}

enum status spec_check_plain(const struct model_spec *s, struct error *err)
{
    const char *what = s->experts.n > 0   ? "a mixture of experts"
                       : s->latent.kv > 0 ? "latent attention"
                                          : NULL;
    return !what ? STATUS_OK
                 : error_set(err, STATUS_BAD_VALUE, "not known of %s", what);
}

enum status spec_check_runs(const struct model_spec *s, struct error *err)
{
    if (s->latent.kv > 0)
        return error_set(err, STATUS_BAD_VALUE, "latent attention is priced by"
                         " isobath predict, and not run");
    return !s->packing.method
               ? STATUS_OK
               : error_set(err, STATUS_BAD_VALUE, "weights packed by %s are"
                           " priced by isobath predict, and not run: GGUF files"
                           " and safetensors of float32, float16 or bfloat16"
                           " are", s->packing.method);
}

/* What both parts read at once, and what has no norm before it. */
static enum status check_norms(const struct model_spec *s, struct error *err)
{
    const bool parallel = s->traits.parallel != PARALLEL_NONE;
    const char *family = family_names[spec_family(s)];

    if (parallel && s->traits.norms != NORMS_BEFORE)
        return error_set(err, STATUS_BAD_VALUE, "model.family %s: parts that"
                         " read the same rows have norms before them", family);
    if (spec_n_routed(s) == 0)
        return STATUS_OK;
    if (parallel && s->part != PART_BLOCK)
        return error_set(err, STATUS_BAD_VALUE, "routing.part %s: both parts of"
                         " a layer of %s read the same rows; allowed is block",
                         part_names[s->part], family);
    if ((parallel || !spec_norms_before(s)) &&
        s->skipped_keys == SKIPPED_KEYS_COMPUTED)
        return error_set(err, STATUS_BAD_VALUE, "routing.skipped_keys computed:"
                         " goes with a norm before attention alone, and %s has"
                         " %s; allowed are absent and carried", family,
                         parallel ? "parts side by side" : "none");
    return s->signal == SIGNAL_RECEIVED && s->attention_cap > 0.0f
               ? error_set(err, STATUS_BAD_VALUE, "routing.policy: attention"
                           " received is not known where scores are capped")
               : STATUS_OK;
}

static enum status check_caps(const struct model_spec *s, struct error *err)
{
    const struct { const char *key; float cap; } caps[] = {
        { "attn_logit_softcapping", s->attention_cap },
        { "final_logit_softcapping", s->logit_cap },
        { "rope_local_base_freq", s->local_theta },
    };

    for (size_t i = 0; i < sizeof caps / sizeof *caps; i++)
        if (!(caps[i].cap >= 0.0f && caps[i].cap <= 1e9f))
            return error_set(err, STATUS_BAD_VALUE, "%s %g: allowed is 0 to"
                             " 1e9", caps[i].key, (double)caps[i].cap);
    if (s->n_rotary < 0 || s->n_rotary > s->head_size || s->n_rotary % 2 != 0)
        return error_set(err, STATUS_BAD_VALUE, "model.rotary_size %d:"
                         " allowed are even numbers up to the head's size, %d",
                         s->n_rotary, s->head_size);
    return STATUS_OK;
}

static enum status check_long(const struct model_spec *s, struct error *err)
{
    const struct rope_scaling *r = &s->rope_scaling;
    const int32_t pairs = spec_rotary(s) / 2;

    if (pairs > SPEC_MAX_LONG_PAIRS)
        return error_set(err, STATUS_BAD_VALUE, "model.rotary_size %d:"
                         " longrope allows up to %d", spec_rotary(s),
                         2 * SPEC_MAX_LONG_PAIRS);
    for (int i = 0; i < 2; i++)
        for (int32_t p = 0; p < pairs; p++)
            if (!(r->divisor[i][p] > 0.0f && r->divisor[i][p] <= 1e9f))
                return error_set(err, STATUS_BAD_VALUE, "%s: number %d is %g:"
                                 " allowed is above 0, to 1e9",
                                 i ? "long_factor" : "short_factor", p,
                                 (double)r->divisor[i][p]);
    if (!(r->amplitude > 0.0f && r->amplitude <= 1e6f))
        return error_set(err, STATUS_BAD_VALUE, "attention_factor %g: allowed is"
                         " above 0, to 1e6", (double)r->amplitude);
    if (r->original_tokens < 1 || r->original_tokens > 1 << 24)
        return error_set(err, STATUS_BAD_VALUE, "model.rope_original_tokens %d:"
                         " allowed is 1 to %d", r->original_tokens, 1 << 24);
    return STATUS_OK;
}

static enum status check_rope_scaling(const struct model_spec *s,
                                      struct error *err)
{
    const struct rope_scaling *r = &s->rope_scaling;
    const bool llama3 = r->kind == ROPE_SCALING_LLAMA3 ||
                        r->kind == ROPE_SCALING_YARN,
        dynamic = r->kind == ROPE_SCALING_DYNAMIC;

    if (r->kind == ROPE_SCALING_NONE)
        return STATUS_OK;
    if (s->traits.positions != POSITIONS_ROTARY)
        return error_set(err, STATUS_BAD_VALUE, "model.rope_scaling %s: %s has"
                         " no rotary positions", rope_scaling_names[r->kind],
                         family_names[spec_family(s)]);
    if (r->kind == ROPE_SCALING_FACTORS)
        return STATUS_OK;
    if (r->kind == ROPE_SCALING_LONG)
        return check_long(s, err);
    if (!(r->factor >= 1.0f && r->factor <= 1e6f))
        return error_set(err, STATUS_BAD_VALUE,
                         "model.rope_factor %.15g: allowed"
                         " is 1 to 1e6", (double)r->factor);
    if (llama3 && !(r->low_frequency > 0.0f && r->low_frequency <= 1e6f))
        return error_set(err, STATUS_BAD_VALUE,
                         "model.rope_low_frequency %.15g:"
                         " allowed is above 0, to 1e6",
                         (double)r->low_frequency);
    if (llama3 && !(r->high_frequency > r->low_frequency &&
                    r->high_frequency <= 1e6f))
        return error_set(err, STATUS_BAD_VALUE,
                         "model.rope_high_frequency %.15g:"
                         " allowed is above rope_low_frequency, %.15g, to 1e6",
                         (double)r->high_frequency, (double)r->low_frequency);
    if (r->kind == ROPE_SCALING_YARN &&
        !(r->amplitude > 0.0f && r->amplitude <= 1e6f))
        return error_set(err, STATUS_BAD_VALUE,
                         "attention_factor %.15g: allowed is"
                         " above 0, to 1e6", (double)r->amplitude);
    if (dynamic && spec_rotary(s) < 4)
        return error_set(err, STATUS_BAD_VALUE, "model.rope_scaling dynamic:"
                         " turns at least 4 numbers of a head, not %d",
                         spec_rotary(s));
    if ((llama3 || dynamic) &&
        (r->original_tokens < 1 || r->original_tokens > 1 << 24))
        return error_set(err, STATUS_BAD_VALUE, "model.rope_original_tokens %d:"
                         " allowed is 1 to %d", r->original_tokens, 1 << 24);
    return STATUS_OK;
}

enum status spec_check(const struct model_spec *s, struct error *err)
{
    /* The upper bounds keep every product of two sizes far below 2^63. */
    const struct range range[] = {
        { "model.layers",     s->n_layers,   1, SPEC_MAX_LAYERS },
        { "model.channels",   s->n_channels, 1, 1 << 16 },
        { "model.heads",      s->n_heads,    1, 1 << 12 },
        { "model.kv_heads",   s->n_kv_heads, 1, 1 << 12 },
        { "model.head_size",  s->head_size,  1, SPEC_MAX_HEAD_SIZE },
        { "model.ffn",        s->n_ffn,      1, 1 << 20 },
        { "model.vocab",      s->n_vocab,    2, 1 << 20 },
        { "model.max_tokens", s->max_tokens, 1, SPEC_MAX_TOKENS },
    };
    enum status status = check_ranges(range, sizeof range / sizeof *range, err);

    if (status != STATUS_OK)
        return status;
    if (s->n_heads % s->n_kv_heads != 0)
        return error_set(err, STATUS_BAD_VALUE,
                         "model.kv_heads %d: must divide model.heads %d",
                         s->n_kv_heads, s->n_heads);
    if (!s->traits.grouped && s->n_kv_heads != s->n_heads)
        return error_set(err, STATUS_BAD_VALUE,
                         "model.kv_heads %d: %s has one per head, %d",
                         s->n_kv_heads, family_names[spec_family(s)],
                         s->n_heads);
    if (s->traits.positions == POSITIONS_ROTARY && s->n_rotary == 0 &&
        s->head_size % 2 != 0)
        return error_set(err, STATUS_BAD_VALUE,
                         "model.head_size %d: RoPE turns pairs, so it must be"
                         " even", s->head_size);
    for (int32_t l = 0; l < s->n_layers; l++)
        if (s->routed[l] && !(s->capacity[l] > 0.0 && s->capacity[l] <= 1.0))
            return error_set(err, STATUS_BAD_VALUE,
                             "routing.capacity %.15g of layer %d: allowed is"
                             " (0, 1]; for 12.5%% write 0.125",
                             s->capacity[l], l);
    status = spec_check_routing(s, err);
    if (status == STATUS_OK)
        status = spec_check_frozen(s, err);
    if (status == STATUS_OK)
        status = check_rope_scaling(s, err);
    if (status == STATUS_OK)
        status = check_window(s, err);
    if (status == STATUS_OK)
        status = check_norms(s, err);
    if (status == STATUS_OK)
        status = check_caps(s, err);
    if (status == STATUS_OK)
        status = check_experts(s, err);
    if (status == STATUS_OK)
        status = check_latent(s, err);
    if (status == STATUS_OK)
        status = check_recursion(s, err);
    return status == STATUS_OK ? check_stored(s, err) : status;
}
