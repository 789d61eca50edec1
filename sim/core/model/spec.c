/* spec.c - Derive sizes and what a shape says of itself. */
#include "sim/core/model/spec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const family_names[] = { FAMILY_MAP(NAMES_WORD) NULL };
const char *const expert_rule_names[] = { EXPERT_RULE_MAP(NAMES_WORD) NULL };
const char *const gate_names[] = { GATE_MAP(NAMES_WORD) NULL };
const char *const router_input_names[] = { ROUTER_INPUT_MAP(NAMES_WORD) NULL };
const char *const signal_names[] = { SIGNAL_MAP(NAMES_WORD) NULL };
const char *const part_names[] = { PART_MAP(NAMES_WORD) NULL };
const char *const recursion_keys_names[] = { RECURSION_KEYS_MAP(NAMES_WORD) NULL };
const char *const skipped_keys_names[] = { SKIPPED_KEYS_MAP(NAMES_WORD) NULL };
const char *const rope_scaling_names[] = { ROPE_SCALING_MAP(NAMES_WORD) NULL };

const struct traits family_traits[FAMILY_COUNT] = {
#define X(id, name, norm, positions, activation, qkv, project, ffn, grouped,   \
          qk_norm, rows, norms, parallel, head)                                \
    { NORM_##norm, POSITIONS_##positions, ACTIVATION_##activation, qkv,        \
      project, ffn, grouped, qk_norm, rows, NORMS_##norms,                     \
      PARALLEL_##parallel, head },
    FAMILY_MAP(X)
#undef X
};

/* How many traits are others than the row's, one in the place of another twice one
 * added; -1: what the row cannot become: other norms or positions, or less than it
 * has. */
static int differ(const struct traits *own, const struct traits *row)
{
    if (own->norm != row->norm || own->positions != row->positions)
        return -1;
    const struct { bool own, row; } flags[] = {
        { own->qkv_bias, row->qkv_bias },
        { own->project_bias, row->project_bias },
        { own->ffn_bias, row->ffn_bias },
        { own->grouped, row->grouped },
        { own->qk_norm, row->qk_norm },
        { own->qk_norm_rows, row->qk_norm_rows },
        { own->head_bias, row->head_bias },
    };
    int n = 2 * ((own->activation != row->activation) +
                 (own->norms != row->norms) + (own->parallel != row->parallel));

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (flags[i].own < flags[i].row)
            return -1;
        n += flags[i].own != flags[i].row;
    }
    return n;
}

bool traits_equal(const struct traits *a, const struct traits *b)
{
    return differ(a, b) == 0;
}

bool traits_centres_heads(const struct traits *traits)
{
    return traits->qk_norm && traits->norm == NORM_LAYER;
}

enum family spec_family(const struct model_spec *spec)
{
    int best = 0, least = -1;

    for (int f = FAMILY_COUNT - 1; f >= 0; f--) {
        const int n = differ(&spec->traits, &family_traits[f]);
        if (n >= 0 && (least < 0 || n < least)) {
            best = f;
            least = n;
        }
    }
    return (enum family)best;
}

bool spec_gated(const struct model_spec *spec)
{
    return spec->traits.activation == ACTIVATION_SWIGLU ||
           spec->traits.activation == ACTIVATION_GEGLU;
}

bool spec_local(const struct model_spec *spec, int32_t layer)
{
    return spec->windowed[layer] && spec->local_theta > 0.0f;
}

int32_t spec_rotary(const struct model_spec *spec)
{
    return spec->n_rotary > 0 ? spec->n_rotary : spec->head_size;
}

bool spec_norms_before(const struct model_spec *spec)
{
    return spec->traits.norms != NORMS_AFTER;
}

bool spec_norms_after(const struct model_spec *spec)
{
    return spec->traits.norms != NORMS_BEFORE;
}

int32_t spec_window(const struct model_spec *spec, int32_t layer)
{
    return spec->windowed[layer] && spec->window < spec->max_tokens
               ? spec->window : 0;
}

int32_t spec_most_decoded(const struct model_spec *spec)
{
    const struct rope_scaling *r = &spec->rope_scaling;

    return r->kind == ROPE_SCALING_DYNAMIC &&
                   r->original_tokens < spec->max_tokens
               ? r->original_tokens : spec->max_tokens;
}

int32_t spec_first_position(const struct model_spec *spec)
{
    return spec->traits.positions == POSITIONS_SPARED ? SPEC_SPARE_POSITIONS
                                                      : 0;
}

int32_t spec_position_rows(const struct model_spec *spec)
{
    return spec->traits.positions == POSITIONS_ROTARY
               ? 0 : spec_first_position(spec) + spec->max_tokens;
}

bool spec_turns(const struct model_spec *spec, int32_t layer)
{
    return spec->traits.positions == POSITIONS_ROTARY && !spec->unturned[layer];
}

bool spec_has_windows(const struct model_spec *spec)
{
    for (int32_t l = 0; l < spec->n_layers; l++)
        if (spec_window(spec, l) > 0)
            return true;
    return false;
}

void spec_settle_windows(struct model_spec *spec)
{
    if (spec->window < spec->max_tokens || spec->local_theta > 0)
        return;
    memset(spec->windowed, 0, sizeof spec->windowed);
    spec->window = 0;
}

int32_t spec_q(const struct model_spec *spec)
{
    return spec->n_heads * spec->head_size;
}

int32_t spec_e(const struct model_spec *spec)
{
    return spec->n_kv_heads * spec->head_size;
}

int32_t spec_head_norms(const struct model_spec *spec, int32_t heads)
{
    return spec->traits.qk_norm_rows ? 1 : heads;
}

int32_t spec_head_scales(const struct model_spec *spec, int32_t heads)
{
    return spec->traits.qk_norm_rows || traits_centres_heads(&spec->traits)
               ? heads * spec->head_size : spec->head_size;
}

uint64_t spec_query_weights(const struct model_spec *spec)
{
    const uint64_t C = (uint64_t)spec->n_channels,
        Q = (uint64_t)spec->n_heads * (uint64_t)spec->head_size,
        low = (uint64_t)spec->latent.query;
    return low > 0 ? C * low + low * Q : C * Q;
}

int32_t spec_cached(const struct model_spec *spec)
{
    return spec->latent.kv > 0 ? spec->latent.kv + spec->latent.rotary
                               : 2 * spec_e(spec);
}

int32_t spec_n_expert_layers(const struct model_spec *spec)
{
    int32_t n = 0;
    for (int32_t l = 0; l < spec->n_layers; l++)
        n += spec->has_experts[l];
    return n;
}

bool spec_has_ffn(const struct model_spec *spec)
{
    return spec_n_expert_layers(spec) < spec->n_layers;
}

bool spec_experts_choose(const struct model_spec *spec)
{
    return spec->experts.n > 0 && spec->experts.rule == EXPERT_RULE_EXPERTS;
}

int32_t spec_expert_scores(const struct model_spec *spec)
{
    return spec->experts.n + spec->experts.idle;
}

int32_t spec_expert_slots(const struct model_spec *spec)
{
    return spec_experts_choose(spec) ? spec->experts.n : spec->experts.active;
}

/* Of a row's choices those that fall on one expert, if all are chosen alike; and
 * what it takes of them. */
static double alike(const struct model_spec *spec)
{
    return (double)spec->experts.active / spec_expert_scores(spec);
}

static double taken(const struct model_spec *spec)
{
    return spec->experts.capacity > 0.0 ? spec->experts.capacity : 1.0;
}

int32_t spec_expert_room(const struct model_spec *spec, int32_t rows)
{
    if (!spec_experts_choose(spec) && spec->experts.capacity <= 0.0)
        return rows;
    const double room = ceil(taken(spec) * rows * alike(spec) - 1e-6);
    return room < 1 ? 1 : room < rows ? (int32_t)room : rows;
}

uint64_t spec_expert_entries(const struct model_spec *spec, uint64_t sequences,
                             uint64_t rows)
{
    const uint64_t slots = (uint64_t)spec_expert_slots(spec);
    const double chosen = taken(spec) * (double)rows * spec->experts.active +
                          (double)(sequences * slots);

    return spec_experts_choose(spec) && chosen < (double)(rows * slots)
               ? (uint64_t)chosen : rows * slots;
}

/* The mean of what n rows enter by the chance p, but for those beyond the
 * room. */
static double held(int32_t n, double p, int32_t room)
{
    double of = pow(1 - p, n), sum = 0.0, left = 1.0;

    for (int32_t k = 0; k < room && k <= n; k++) {
        sum += k * of;
        left -= of;
        of *= (double)(n - k) / (k + 1) * p / (1 - p);
    }
    return sum + fmax(left, 0.0) * room;
}

double spec_expert_share(const struct model_spec *spec, int32_t rows)
{
    const int32_t room = spec_expert_room(spec, rows);
    const double n = spec->experts.n, p = alike(spec);

    /* One row, of a text that goes on: what it enters on average. */
    if (spec_experts_choose(spec))
        return rows > 1 ? n * room / rows : fmin(n, taken(spec) * n * p);
    return room < rows ? n * held(rows, p, room) / rows : n * p;
}

double spec_expert_any(const struct model_spec *spec, int32_t rows)
{
    const int32_t slots = spec_expert_slots(spec);
    const double share = spec_expert_share(spec, rows);

    return share < slots ? 1 - pow(1 - share / slots, slots) : 1.0;
}

double spec_experts_entered(const struct model_spec *spec, double rows)
{
    const double n = spec->experts.n;
    const double p = spec_experts_choose(spec)
                         ? fmin(1.0, taken(spec) * alike(spec)) : alike(spec);
    return n > 0 ? n * (1 - pow(1 - p, rows)) : 0;
}

int32_t spec_up(const struct model_spec *spec)
{
    return spec_gated(spec) ? 2 * spec->n_ffn : spec->n_ffn;
}

bool spec_exits(const struct model_spec *spec, int32_t layer)
{
    return spec->exit_weight[layer] > 0.0;
}

bool spec_leaves(const struct model_spec *spec)
{
    return spec->signal == SIGNAL_CONFIDENCE;
}

int32_t spec_n_exits(const struct model_spec *spec)
{
    int32_t n = 0;
    for (int32_t l = 0; l < spec->n_layers; l++)
        n += spec_exits(spec, l);
    return n;
}

bool spec_has_router(const struct model_spec *spec)
{
    return spec->router_scores && !spec->router_drawn;
}

bool spec_scored(const struct model_spec *spec)
{
    return spec->router_scores || spec->signal != SIGNAL_NONE;
}

bool spec_router_losses(const struct model_spec *spec)
{
    return !spec->depths && (spec->aux_loss > 0.0 || spec->z_loss > 0.0 ||
                             spec->balance_loss > 0.0);
}

bool spec_scores_learn(const struct model_spec *spec)
{
    return spec_has_router(spec) && !spec->router_detached &&
           (spec->gate != GATE_ONE || spec_router_losses(spec) ||
            (spec->depths && spec->balance_loss > 0.0));
}

bool spec_scores_all_learn(const struct model_spec *spec)
{
    return spec_scores_learn(spec) &&
           (spec->bypass_gated || spec->depths || spec_router_losses(spec));
}

bool spec_scored_again(const struct model_spec *spec)
{
    return spec_scores_all_learn(spec) || spec->n_predictor > 0;
}

bool spec_puts_back(const struct model_spec *spec)
{
    return spec_scored_again(spec) || spec_n_exits(spec) > 0 ||
           spec->skipped_keys == SKIPPED_KEYS_COMPUTED;
}

bool spec_gate_scaled(const struct model_spec *spec)
{
    const double own = spec->gate == GATE_SIGMOID2 ? 2.0 : 1.0,
        given = spec->gate_scale > 0.0 ? spec->gate_scale : 1.0;
    const float factor = (float)(own * given);

    return factor < 1.0f || factor > 1.0f;
}

int32_t spec_kept_at(const struct model_spec *spec, double capacity,
                     int32_t n_tokens)
{
    int32_t besides = spec->first_besides ? spec->keep_first : 0;
    if (!(capacity > 0.0))
        return 0;
    besides = besides < n_tokens ? besides : n_tokens;
    int32_t kept = besides + (int32_t)ceil(capacity * (n_tokens - besides) -
                                           1e-6);
    return kept < 1 ? 1 : kept > n_tokens ? n_tokens : kept;
}

int32_t spec_kept(const struct model_spec *spec, int32_t layer,
                  int32_t n_tokens)
{
    return spec->routed[layer]
               ? spec_kept_at(spec, spec->capacity[layer], n_tokens) : n_tokens;
}

double spec_opened(const struct model_spec *spec, int32_t layer,
                   double openness)
{
    return spec->capacity[layer] + openness * (1.0 - spec->capacity[layer]);
}

void spec_set_openness(struct model_spec *spec, double openness)
{
    for (int32_t l = 0; l < spec->n_layers; l++)
        if (spec->routed[l])
            spec->capacity[l] = spec_opened(spec, l, openness);
}

int32_t spec_room(const struct model_spec *spec, int32_t layer,
                  int32_t n_tokens)
{
    const bool all = spec->part == PART_ATTENTION || spec->part == PART_FFN ||
                     spec->skipped_keys == SKIPPED_KEYS_COMPUTED;
    return spec->kept_varies || all ? n_tokens
                                    : spec_kept(spec, layer, n_tokens);
}

double spec_chance(const struct model_spec *spec, int32_t layer,
                   int32_t n_tokens)
{
    const int32_t first = spec->keep_first;

    if (first >= n_tokens)
        return 1.0;
    int32_t left = spec_kept(spec, layer, n_tokens) - first;
    return left > 0 ? (double)left / (n_tokens - first) : 0.0;
}

int32_t spec_n_routed(const struct model_spec *spec)
{
    int32_t n = 0;
    for (int32_t l = 0; l < spec->n_layers; l++)
        n += spec->routed[l];
    return n;
}

bool spec_has_matrix(const struct model_spec *spec, enum matrix matrix)
{
    return matrix != MATRIX_GATE || spec_gated(spec);
}

bool spec_stores(const struct model_spec *spec)
{
    bool stores = spec->packing.method ||
                  spec->stored_embedding != NUMBER_F32 ||
                  (!spec->tied_head && spec->stored_head != NUMBER_F32);
    for (int32_t l = 0; l < spec->n_layers; l++)
        for (int i = 0; i < MATRIX_COUNT; i++)
            stores |= spec_has_matrix(spec, (enum matrix)i) &&
                      spec->stored[l][i] != NUMBER_F32;
    return stores;
}

int32_t spec_inputs(const struct model_spec *spec, enum matrix matrix)
{
    return matrix == MATRIX_PROJECT ? spec_q(spec)
           : matrix == MATRIX_DOWN  ? spec->n_ffn
                                    : spec->n_channels;
}

int32_t spec_outputs(const struct model_spec *spec, enum matrix matrix)
{
    switch (matrix) {
    case MATRIX_QUERY: return spec_q(spec);
    case MATRIX_KEY:
    case MATRIX_VALUE: return spec_e(spec);
    case MATRIX_GATE:
    case MATRIX_UP:    return spec->n_ffn;
    default:           return spec->n_channels;
    }
}

int32_t spec_span(const struct model_spec *spec)
{
    const struct recursion *r = &spec->recursion;

    return r->times > 1 ? (r->last + 1 - r->first) / r->times : 0;
}

int32_t spec_owner(const struct model_spec *spec, int32_t layer)
{
    const struct recursion *r = &spec->recursion;
    const int32_t span = spec_span(spec);

    return span > 0 && layer >= r->first && layer <= r->last
               ? r->first + (layer - r->first) % span : layer;
}

int32_t spec_runs_next(const struct model_spec *spec, int32_t layer)
{
    const struct recursion *r = &spec->recursion;
    const int32_t span = spec_span(spec);

    return span > 0 && layer >= r->first && layer + span <= r->last
               ? layer + span : -1;
}

bool spec_follows(const struct model_spec *spec, int32_t layer)
{
    const struct recursion *r = &spec->recursion;
    const int32_t span = spec_span(spec);

    return spec->nested && span > 1 && layer < spec->n_layers &&
           spec->routed[layer] && layer >= r->first && layer <= r->last &&
           (layer - r->first) % span != 0;
}

bool spec_is_followed(const struct model_spec *spec, int32_t layer)
{
    return spec_follows(spec, layer + 1);
}

int32_t spec_depths(const struct model_spec *spec)
{
    return spec->depths ? spec->recursion.times : 0;
}

bool spec_gates_at_end(const struct model_spec *spec)
{
    return spec->depths && spec->gates_output;
}

bool spec_lends_keys(const struct model_spec *spec, int32_t layer)
{
    return spec->recursion.keys == RECURSION_KEYS_SHARED &&
           layer < spec->n_layers && !spec_shares(spec, layer) &&
           spec_runs_next(spec, layer) >= 0;
}

bool spec_borrows_keys(const struct model_spec *spec, int32_t layer)
{
    return spec->recursion.keys == RECURSION_KEYS_SHARED &&
           layer < spec->n_layers && spec_shares(spec, layer);
}

bool spec_is_dense(const struct model_spec *spec)
{
    return spec_n_routed(spec) == 0 && spec_span(spec) == 0;
}

struct model_spec spec_unshared(const struct model_spec *spec)
{
    struct model_spec out = *spec;

    out.recursion = (struct recursion){ 0 };
    return out;
}

struct model_spec spec_dense(const struct model_spec *spec)
{
    struct model_spec twin = *spec;
    memset(twin.routed, 0, sizeof twin.routed);
    for (int32_t l = 0; l < SPEC_MAX_LAYERS; l++)
        twin.capacity[l] = 1.0;
    twin.router_scores = twin.router_drawn = false;
    twin.router_trained = twin.router_detached = false;
    twin.bypass_gated = twin.gates_output = false;
    twin.gate_scale = 0.0;
    twin.aux_loss = twin.z_loss = twin.balance_loss = 0.0;
    twin.n_predictor = 0;
    memset(twin.exit_weight, 0, sizeof twin.exit_weight);
    twin.confidence = 0.0;
    twin.backbone_frozen = false;
    twin.signal = SIGNAL_NONE;
    twin.part = PART_BLOCK;
    twin.skipped_keys = SKIPPED_KEYS_ABSENT;
    twin.keep_first = 0;
    twin.first_besides = false;
    twin.kept_varies = false;
    twin.score_window = 0;
    twin.nested = twin.depths = false;
    return twin;
}
