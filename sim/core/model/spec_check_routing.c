/* spec_check_routing.c - Check the rules of who is routed around what, by what and
 * with which losses. */
#include "sim/core/model/spec_check_inside.h"

#include <math.h>
#include <stddef.h>

/* `received` reads what all tokens asked of all in the layer before. */
static enum status check_received(const struct model_spec *s, struct error *err)
{
    for (int32_t l = 0; l < s->n_layers; l++)
        if (s->routed[l] && (l == 0 || (s->routed[l - 1] &&
                                        s->part != PART_FFN)))
            return error_set(err, STATUS_BAD_VALUE, "routing.blocks: layer %d:"
                             " goes by the attention received in the layer"
                             " before, %s; allowed are layers after one that"
                             " attends over all tokens", l,
                             l == 0 ? "and there is none"
                                    : "and that one skips tokens");
    return STATUS_OK;
}

/* Who left stays away, and passes all that follows by. */
static enum status check_leaving(const struct model_spec *s, struct error *err)
{
    bool left = false;

    if (s->gate != GATE_ONE || s->router_scores || s->part != PART_BLOCK ||
        s->skipped_keys != SKIPPED_KEYS_COMPUTED)
        return error_set(err, STATUS_BAD_VALUE, "routing.policy confidence:"
                         " whole blocks, gate one, and keys of skipped tokens"
                         " computed");
    if (!(s->confidence > 0.0 && s->confidence <= 1.0))
        return error_set(err, STATUS_BAD_VALUE, "routing.confidence %.15g:"
                         " allowed is above 0, to 1", s->confidence);
    for (int32_t l = 0; l < s->n_layers; l++) {
        if (s->routed[l] != left)
            return error_set(err, STATUS_BAD_VALUE, "routing.policy confidence:"
                             " layer %d is %srouted; all after the first exit"
                             " are, and no other", l, left ? "not " : "");
        left |= spec_exits(s, l);
    }
    return STATUS_OK;
}

static enum status check_signal(const struct model_spec *s, struct error *err)
{
    if (spec_leaves(s))
        return check_leaving(s, err);
    if (s->signal != SIGNAL_RECEIVED)
        return STATUS_OK;
    if (s->router_scores)
        return error_set(err, STATUS_BAD_VALUE, "routing.gate %s: a model that"
                         " goes by the signal %s has no router, so the gate"
                         " must be one", gate_names[s->gate],
                         signal_names[s->signal]);
    return check_received(s, err);
}

static enum status check_apart(const struct model_spec *s, struct error *err)
{
    if (s->part != PART_APART)
        return STATUS_OK;
    if (s->signal == SIGNAL_RECEIVED)
        return error_set(err, STATUS_BAD_VALUE, "routing.part apart: the"
                         " attention received in the layer before is the same"
                         " for both parts; allowed are block, attention and"
                         " ffn");
    return STATUS_OK;
}

static enum status check_skipped_keys(const struct model_spec *s,
                                      struct error *err)
{
    if (s->skipped_keys == SKIPPED_KEYS_ABSENT)
        return STATUS_OK;
    if (s->part == PART_FFN)
        return error_set(err, STATUS_BAD_VALUE, "routing.skipped_keys %s: with"
                         " routing.part ffn no token skips attention; allowed"
                         " is absent",
                         skipped_keys_names[s->skipped_keys]);
    if (s->skipped_keys == SKIPPED_KEYS_CARRIED && s->routed[0])
        return error_set(err, STATUS_BAD_VALUE, "routing.skipped_keys carried:"
                         " layer 0 is routed, and no layer before it has keys"
                         " to carry; allowed are absent and computed, or other"
                         " routing.blocks");
    return STATUS_OK;
}

/* Rows of a span's layers do not lie in the stream. */
static enum status check_nested(const struct model_spec *s, struct error *err)
{
    const char *why = s->part != PART_BLOCK ? "routing.part"
                      : s->skipped_keys != SKIPPED_KEYS_ABSENT
                          ? "routing.skipped_keys"
                      : s->signal != SIGNAL_NONE ? "the policy"
                                                 : NULL;
    if (!s->nested)
        return STATUS_OK;
    if (why)
        return error_set(err, STATUS_BAD_VALUE, "routing.nested: not with %s;"
                         " allowed are part block, skipped_keys absent and a"
                         " policy that goes by a router", why);
    if (spec_span(s) > 1 && (s->n_predictor > 0 || s->backbone_frozen ||
                             s->bypass_gated))
        return error_set(err, STATUS_BAD_VALUE, "routing.nested: spans of more"
                         " than a layer are routed without routing.predictor,"
                         " routing.bypass gated and train.freeze backbone");
    for (int32_t l = 1; l < s->n_layers; l++)
        if ((l - s->recursion.first) % (spec_span(s) > 0 ? spec_span(s) : 1) != 0
            && l >= s->recursion.first && l <= s->recursion.last &&
            (s->routed[l] != s->routed[l - 1] ||
             fabs(s->capacity[l] - s->capacity[l - 1]) > 0))
            return error_set(err, STATUS_BAD_VALUE, "routing.nested: layer %d is"
                             " of one span with layer %d, and is routed"
                             " otherwise", l, l - 1);
    return STATUS_OK;
}

/* Who stays beside what the block gives keeps the whole of what it was. */
static enum status check_gated(const struct model_spec *s, struct error *err)
{
    const char *why = s->gate == GATE_ONE ? "gate one gates nothing"
                      : s->bypass_gated   ? "routing.bypass gated is of a"
                                            " token that is g of the block and"
                                            " 1 - g of itself"
                      : s->depths && s->gate != GATE_RAW
                          ? "with routing.depths the gate is the softmax"
                            " itself, raw"
                          : NULL;

    return !s->gates_output || !why
               ? STATUS_OK
               : error_set(err, STATUS_BAD_VALUE, "routing.gated output: %s;"
                           " allowed is change", why);
}

/* All recursions are gated by their chances, the first of all tokens too. */
static enum status check_depths(const struct model_spec *s, struct error *err)
{
    const struct recursion *r = &s->recursion;
    const char *without = s->aux_loss > 0.0    ? "routing.aux_loss"
                          : s->z_loss > 0.0    ? "routing.z_loss"
                          : s->n_predictor > 0 ? "routing.predictor"
                          : s->bypass_gated    ? "routing.bypass gated"
                          : s->backbone_frozen ? "train.freeze backbone"
                          : s->router_drawn    ? "routing.router drawn" : NULL;

    if (!s->depths)
        return STATUS_OK;
    if (!s->nested || r->times < 2)
        return error_set(err, STATUS_BAD_VALUE, "routing.depths: of"
                         " model.recursions, with routing.nested");
    if (without)
        return error_set(err, STATUS_BAD_VALUE, "routing.depths: not with %s",
                         without);
    for (int32_t l = 0; l < s->n_layers; l++) {
        const bool inside = l >= r->first && l <= r->last;
        if (s->routed[l] != inside ||
            (inside && !spec_shares(s, l) && s->capacity[l] < 1.0))
            return error_set(err, STATUS_BAD_VALUE, "routing.depths: layer %d:"
                             " routing.blocks are those of the recursions, %d to"
                             " %d, the first of capacity 1", l, r->first,
                             r->last);
    }
    return STATUS_OK;
}

static enum status check_first(const struct model_spec *s, struct error *err)
{
    for (int32_t l = 0; l < s->n_layers; l++) {
        int32_t most = spec_kept(s, l, s->max_tokens);
        if (s->routed[l] && (s->keep_first < 0 || s->keep_first > most))
            return error_set(err, STATUS_BAD_VALUE, "routing.keep_first %d:"
                             " layer %d keeps %d of %d tokens; allowed is 0 to"
                             " %d", s->keep_first, l, most, s->max_tokens,
                             most);
    }
    return STATUS_OK;
}

/* An exit reads the stream, onto which a span that is routed as one puts its rows
 * at its end. */
enum status spec_check_exits(const struct model_spec *s, struct error *err)
{
    if (spec_leaves(s))
        return error_set(err, STATUS_BAD_VALUE, "routing.policy confidence:"
                         " goes by what exits have learned, and trains nothing;"
                         " allowed is routing.exits without it");
    if (spec_n_exits(s) > 0 && s->backbone_frozen)
        return error_set(err, STATUS_BAD_VALUE, "train.freeze backbone: with"
                         " routing.exits all is trained together");
    for (int32_t l = 0; l < s->n_layers; l++)
        if (spec_exits(s, l) && spec_is_followed(s, l))
            return error_set(err, STATUS_BAD_VALUE, "routing.exits: layer %d is"
                             " not the last of a span that routing.nested routes"
                             " as one; allowed is an exit after all of it", l);
    return STATUS_OK;
}

static enum status check_router_losses(const struct model_spec *s,
                                       struct error *err)
{
    const struct { const char *key; double weight; } losses[] = {
        { "routing.aux_loss", s->aux_loss }, { "routing.z_loss", s->z_loss },
        { "routing.balance_loss", s->balance_loss },
    };

    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        const double weight = losses[i].weight;
        if (spec_check_weight(losses[i].key, weight, err) != STATUS_OK)
            return STATUS_BAD_VALUE;
        if (weight > 0.0 && !s->router_trained)
            return error_set(err, STATUS_BAD_VALUE, "%s %g: needs a router that"
                             " is trained; allowed is 0", losses[i].key,
                             weight);
    }
    if (s->n_predictor < 0 || s->n_predictor > SPEC_MAX_PREDICTOR)
        return error_set(err, STATUS_BAD_VALUE, "routing.predictor %d: allowed"
                         " is 0 to %d", s->n_predictor, SPEC_MAX_PREDICTOR);
    if (s->n_predictor > 0 && !spec_has_router(s))
        return error_set(err, STATUS_BAD_VALUE, "routing.predictor %d: reads"
                         " what a router reads, and this model has no router;"
                         " allowed is 0", s->n_predictor);
    return STATUS_OK;
}

enum status spec_check_routing(const struct model_spec *s, struct error *err)
{
    enum status status = STATUS_OK;

    if (spec_n_routed(s) == 0)
        return STATUS_OK;
    if (s->gate != GATE_ONE && !s->router_scores)
        return error_set(err, STATUS_BAD_VALUE,
                         "routing.gate %s: needs a router, and this model has"
                         " none, so the gate must be one",
                         gate_names[s->gate]);
    if (s->gate == GATE_ONE && (s->gate_scale > 0.0 || s->bypass_gated))
        return error_set(err, STATUS_BAD_VALUE, "%s: gate one is the factor 1"
                         " of kept and skipped tokens alike; allowed is another"
                         " routing.gate", s->bypass_gated
                             ? "routing.bypass gated" : "routing.gate_scale");
    if (!(s->gate_scale >= 0.0 && s->gate_scale <= SPEC_MAX_GATE_SCALE))
        return error_set(err, STATUS_BAD_VALUE,
                         "routing.gate_scale %.15g: allowed"
                         " is above 0, to %d", s->gate_scale,
                         SPEC_MAX_GATE_SCALE);
    if (s->router_drawn && !s->router_detached && s->gate != GATE_ONE)
        return error_set(err, STATUS_BAD_VALUE, "routing.router: scores that"
                         " are drawn have no gradient");
    status = check_signal(s, err);
    if (status == STATUS_OK)
        status = check_apart(s, err);
    if (status == STATUS_OK)
        status = check_skipped_keys(s, err);
    if (status == STATUS_OK)
        status = check_first(s, err);
    if (status == STATUS_OK)
        status = check_nested(s, err);
    if (status == STATUS_OK)
        status = check_depths(s, err);
    if (status == STATUS_OK)
        status = check_gated(s, err);
    if (status == STATUS_OK && s->router_trained && s->router_detached)
        status = error_set(err, STATUS_BAD_VALUE, "routing.router: a router"
                           " that is trained is not detached from the stream");
    if (status == STATUS_OK)
        status = check_router_losses(s, err);
    return status;
}

/* Something must be left that learns. */
enum status spec_check_frozen(const struct model_spec *s, struct error *err)
{
    const char *why = spec_n_routed(s) == 0 ? "no block is routed"
                      : !s->router_scores ? "this model has no router"
                      : s->gate == GATE_ONE ? "no gradient passes gate one"
                      : !s->router_trained ? "the routers are frozen too" : NULL;

    if (!s->backbone_frozen)
        return STATUS_OK;
    if (s->part != PART_BLOCK)
        return error_set(err, STATUS_BAD_VALUE, "train.freeze backbone: with"
                         " routing.part %s all is trained together; allowed is"
                         " block", part_names[s->part]);
    if (s->skipped_keys != SKIPPED_KEYS_ABSENT)
        return error_set(err, STATUS_BAD_VALUE, "train.freeze backbone: with"
                         " routing.skipped_keys %s all is trained together;"
                         " allowed is absent",
                         skipped_keys_names[s->skipped_keys]);
    if (!why)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_VALUE, "train.freeze backbone: nothing is"
                     " left to train, as %s", why);
}
