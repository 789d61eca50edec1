/* model.c - Lay out a model in one block of memory. */
#include "models/executor/model_state.h"

#include <math.h>
#include <stdlib.h>

#include "models/executor/rotary.h"
#include "sim/core/model/spec_check.h"

/* T of a forward, at most. */
static int32_t forward_tokens(const struct model_options *o)
{
    return o->n_prefill > 0 ? o->n_prefill : o->n_tokens;
}

/* Rows a layer's buffers must hold.  Training knows its policy, and so how many
 * tokens a sequence at most; without training any rule may keep them all. */
static size_t layer_rows(const struct model *m, int32_t layer)
{
    int32_t t = forward_tokens(&m->options);
    if (m->options.train)
        t = spec_room(&m->spec, layer, t);
    return (size_t)m->options.n_sequences * (size_t)t;
}

static bool routes_keys(const struct model *m, enum skipped_keys keys)
{
    return spec_n_routed(&m->spec) > 0 && m->spec.skipped_keys == keys;
}

/* Buffers of one layer, or of all in turn. */
enum { IN_TURN = -1 };

static bool has_ffn(const struct model *m, int32_t layer)
{
    return layer == IN_TURN ? spec_has_ffn(&m->spec)
                            : !m->spec.has_experts[layer];
}

static bool has_experts(const struct model *m, int32_t layer)
{
    return layer == IN_TURN ? m->spec.experts.n > 0
                            : m->spec.has_experts[layer];
}

/* Operands of products: backward wants them for the weights' gradients. */
static void lay_out_operands(struct model *m, int32_t layer,
                             struct layer_buffers *b, size_t n)
{
    struct arena *a = &m->arena;
    size_t c = (size_t)m->spec.n_channels;

    if (spec_norms_before(&m->spec))
        b->normed1 = arena_take(a, n * c, sizeof(real));
    if (spec_norms_before(&m->spec) &&
        m->spec.traits.parallel != PARALLEL_NORM)
        b->normed2 = arena_take(a, n * c, sizeof(real));
    if (has_ffn(m, layer))
        b->act = arena_take(a, n * (size_t)m->spec.n_ffn, sizeof(real));
    b->asking   = b->normed2;
}

/* Backward through the layer needs these, even if only routers learn. */
static void lay_out_block(struct model *m, int32_t layer,
                          struct layer_buffers *b, size_t n)
{
    const struct model_spec *s = &m->spec;
    struct arena *a = &m->arena;
    size_t c = (size_t)s->n_channels, q = (size_t)spec_q(s);
    size_t e = (size_t)spec_e(s);
    size_t heads = (size_t)s->n_heads + (size_t)s->n_kv_heads;

    b->room     = n;
    b->stats1   = arena_take(a, n * 2, sizeof(real));
    b->qkv      = arena_take(a, n * (q + 2 * e), sizeof(real));
    if (s->traits.qk_norm)
        b->qk_scales = arena_take(a, n * heads, sizeof(real));
    if (s->traits.qk_norm && m->options.train)
        b->unnormed = arena_take(a, n * (q + e), sizeof(real));
    b->attended = arena_take(a, n * q, sizeof(real));
    b->softmax  = arena_take(a, n * (size_t)s->n_heads * 2, sizeof(real));
    b->middle   = arena_take(a, n * c, sizeof(real));
    b->stats2   = arena_take(a, n * 2, sizeof(real));
    if (has_ffn(m, layer))
        b->up = arena_take(a, n * (size_t)spec_up(s), sizeof(real));
    if (has_experts(m, layer))
        expert_buffers_take(&b->experts, a, s, (size_t)m->options.n_sequences,
                            n);
    if (!spec_norms_after(s))
        return;
    b->given1 = arena_take(a, n * c, sizeof(real));
    b->given2 = m->options.train ? arena_take(a, n * c, sizeof(real))
                                 : b->given1;
    b->given_stats1 = arena_take(a, n * 2, sizeof(real));
    b->given_stats2 = arena_take(a, n * 2, sizeof(real));
}

static size_t forward_rows(const struct model *m)
{
    return (size_t)m->options.n_sequences *
           (size_t)forward_tokens(&m->options);
}

/* The keys that skipped tokens carry away: backward wants each layer's. */
static real *lay_out_keys(struct model *m)
{
    return routes_keys(m, SKIPPED_KEYS_CARRIED)
               ? arena_take(&m->arena,
                            forward_rows(m) * 2 * (size_t)spec_e(&m->spec),
                            sizeof(real)) : NULL;
}

static void lay_out_choice(struct model *m, struct choice_buffers *b, size_t n)
{
    struct arena *a = &m->arena;
    size_t c = (size_t)m->spec.n_channels, tokens = forward_rows(m);
    const bool copies = m->options.train &&
                        m->spec.skipped_keys == SKIPPED_KEYS_CARRIED;

    b->token    = arena_take(a, n, sizeof(int32_t));
    b->position = arena_take(a, n, sizeof(int32_t));
    b->first    = arena_take(a, (size_t)m->options.n_sequences + 1,
                             sizeof(int32_t));
    b->row      = m->options.train ? b->token
                                   : arena_take(a, n, sizeof(int32_t));
    b->x        = arena_take(a, n * c, sizeof(real));
    b->y        = arena_take(a, n * c, sizeof(real));
    b->score    = arena_take(a, tokens, sizeof(real));
    b->signal   = m->spec.router_scores && m->spec.signal != SIGNAL_NONE
                      ? arena_take(a, tokens, sizeof(real)) : b->score;
    b->router_stats = arena_take(a, tokens * 2, sizeof(real));
    b->gate     = arena_take(a, n, sizeof(real));
    if (m->spec.bypass_gated || copies) {
        b->skipped_row   = arena_take(a, tokens, sizeof(int32_t));
        b->skipped_token = arena_take(a, tokens, sizeof(int32_t));
    }
    if (m->spec.bypass_gated)
        b->bypass = arena_take(a, tokens, sizeof(real));
    if (m->spec.bypass_gated && m->options.train)
        b->skipped = arena_take(a, tokens * c, sizeof(real));
    b->cut      = arena_take(a, (size_t)m->options.n_sequences, sizeof(real));
    if (m->options.train && m->spec.depths)
        b->chance = arena_take(a, tokens, sizeof(real));
    if (m->options.train && spec_scored_again(&m->spec))
        b->place = arena_take(a, tokens, sizeof(int32_t));
    if (m->spec.n_predictor == 0)
        return;
    b->forecast = arena_take(a, tokens, sizeof(real));
    b->hidden   = arena_take(a, tokens * (size_t)m->spec.n_predictor,
                             sizeof(real));
}

static void lay_out_stream(struct model *m, size_t tokens)
{
    size_t n = tokens * (size_t)m->spec.n_channels;
    m->stream[0] = arena_take(&m->arena, n, sizeof(real));
    for (int32_t l = 0; l < m->spec.n_layers; l++)
        m->stream[l + 1] = m->options.train && plan_moves(&m->plan, l) &&
                                   l >= m->lowest
                               ? arena_take(&m->arena, n, sizeof(real))
                               : m->stream[l];
}

/* Rows of the widest of the layers [from,to). */
static size_t widest_rows(const struct model *m, int32_t from, int32_t to)
{
    size_t widest = 0;
    for (int32_t l = from; l < to; l++)
        if (layer_rows(m, l) > widest)
            widest = layer_rows(m, l);
    return widest;
}

/* The choices of a routed layer, each its own; where a layer goes on with the rows
 * of the one before, what became of them alone. */
static void lay_out_choices(struct model *m, int32_t layer)
{
    const int32_t each = plan_choices_a_layer(&m->spec);

    if (spec_follows(&m->spec, layer)) {
        struct choice_buffers *b = &m->choice[layer];
        *b = b[-1];
        b->y = arena_take(&m->arena, layer_rows(m, layer) *
                          (size_t)m->spec.n_channels, sizeof(real));
        return;
    }
    for (int32_t i = 0; i < each && m->spec.routed[layer]; i++)
        lay_out_choice(m, &m->choice[each * layer + i], layer_rows(m, layer));
}

/* Buffers that backward does not come back to are shared by the layers in
 * turn. */
static void lay_out_frozen(struct model *m)
{
    struct layer_buffers shared = { 0 };
    lay_out_operands(m, IN_TURN, &shared, widest_rows(m, 0, m->spec.n_layers));
    lay_out_block(m, IN_TURN, &shared, widest_rows(m, 0, m->lowest + 1));
    for (int32_t l = 0; l < m->spec.n_layers; l++) {
        m->layer[l] = shared;
        if (l > m->lowest)
            lay_out_block(m, l, &m->layer[l], layer_rows(m, l));
        lay_out_choices(m, l);
    }
}

/* Tables of the first recursion's keys, which outlast it, and of their gradients. */
static void lay_out_lent(struct model *m)
{
    const size_t n = forward_rows(m) * 2 * (size_t)spec_e(&m->spec);

    for (int32_t l = 0; l < m->spec.n_layers; l++) {
        struct layer_buffers *b = &m->layer[l];
        const struct layer_buffers *of = &m->layer[spec_owner(&m->spec, l)];
        if (spec_lends_keys(&m->spec, l)) {
            b->carried = arena_take(&m->arena, n, sizeof(real));
            if (m->options.train)
                b->dcarried = arena_take(&m->arena, n, sizeof(real));
        } else if (spec_borrows_keys(&m->spec, l)) {
            b->carried = of->carried;
            b->dcarried = of->dcarried;
        }
    }
}

/* Of depths that are scored ahead, what a choice made in turn would write over. */
static void lay_out_depths(struct model *m)
{
    const struct recursion *r = &m->spec.recursion;

    for (int32_t l = r->first; m->spec.depths && l <= r->last; l++) {
        struct choice_buffers *b = &m->choice[l];
        if (spec_follows(&m->spec, l)) {
            b->score = b[-1].score;
            b->chance = b[-1].chance;
            continue;
        }
        b->score = b->signal = arena_take(&m->arena, forward_rows(m),
                                          sizeof(real));
        b->chance = arena_take(&m->arena, forward_rows(m), sizeof(real));
    }
}

/* And what the gate after the last of them goes by. */
static void lay_out_end(struct model *m, size_t tokens)
{
    const size_t c = (size_t)m->spec.n_channels;
    struct depth_buffers *b = &m->depths;
    struct arena *a = &m->arena;

    if (!spec_gates_at_end(&m->spec))
        return;
    b->before = arena_take(a, tokens * c, sizeof(real));
    if (m->options.train)
        b->dbefore = arena_take(a, tokens * c, sizeof(real));
    b->chance = arena_take(a, tokens, sizeof(real));
    b->gate = arena_take(a, tokens, sizeof(real));
    b->deepest = arena_take(a, tokens, sizeof(int32_t));
    b->row = arena_take(a, tokens, sizeof(int32_t));
}

static void lay_out_trained(struct model *m)
{
    for (int32_t l = 0; l < m->spec.n_layers; l++) {
        struct layer_buffers *b = &m->layer[l];
        lay_out_operands(m, l, b, layer_rows(m, l));
        lay_out_block(m, l, b, layer_rows(m, l));
        const struct stage *stage = plan_stage(&m->plan, l, STAGE_ATTENTION);
        if (stage->keys_tabled)
            b->carried = lay_out_keys(m);
        if (stage->skipped_keys == SKIPPED_KEYS_COMPUTED)
            b->asking = arena_take(&m->arena, layer_rows(m, l) *
                                   (size_t)m->spec.n_channels, sizeof(real));
        lay_out_choices(m, l);
    }
}

static void lay_out_layers(struct model *m)
{
    if (m->options.train && m->spec.backbone_frozen) {
        lay_out_frozen(m);
        return;
    }
    if (m->options.train) {
        lay_out_trained(m);
        return;
    }
    struct layer_buffers shared = { 0 };
    struct choice_buffers choice = { 0 };
    lay_out_operands(m, IN_TURN, &shared, layer_rows(m, 0));
    lay_out_block(m, IN_TURN, &shared, layer_rows(m, 0));
    shared.carried = lay_out_keys(m);
    if (spec_n_routed(&m->spec) > 0)
        lay_out_choice(m, &choice, layer_rows(m, 0));
    for (int32_t l = 0; l < m->spec.n_layers; l++)
        m->layer[l] = shared;
    for (int32_t i = 0; i < plan_n_choices(&m->spec); i++)
        m->choice[i] = choice;
    lay_out_depths(m);
}

/* Entries of so many rows, at most. */
static size_t entries_of(const struct model *m, size_t rows)
{
    return m->spec.experts.n > 0
               ? spec_expert_entries(&m->spec, (size_t)m->options.n_sequences,
                                     rows) : 0;
}

/* Numbers of act of so many rows in the widest layer: of their entries
 * together. */
static size_t widest_ffn(const struct model *m, size_t rows)
{
    const struct model_spec *s = &m->spec;
    const size_t of[] = {
        spec_has_ffn(s) ? rows * (size_t)s->n_ffn : 0,
        entries_of(m, rows) * (size_t)s->experts.width,
        rows * (size_t)s->experts.shared,
    };
    size_t widest = 0;

    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        widest = of[i] > widest ? of[i] : widest;
    return widest;
}

static void lay_out_backward(struct model *m, size_t tokens)
{
    const struct model_spec *s = &m->spec;
    struct arena *a = &m->arena;
    size_t c = (size_t)s->n_channels, q = (size_t)spec_q(s), routed = 0;
    size_t largest = 0;
    /* Backward may end in a routed layer: it does not pass that block. */
    size_t n = widest_rows(m, m->lowest + s->backbone_frozen, s->n_layers);

    for (int32_t l = 0; l < s->n_layers; l++)
        if (s->routed[l] && layer_rows(m, l) > routed)
            routed = layer_rows(m, l);
    for (int32_t i = 0; i < m->tensors.n; i++)
        if (m->tensors.tensor[i].trained && m->tensors.tensor[i].n > largest)
            largest = m->tensors.tensor[i].n;
    m->gradients = arena_take(a, m->tensors.learned, sizeof(real));
    for (int i = 0; i < 2; i++)
        m->moment[i] = arena_take(a, m->tensors.learned, sizeof(real));
    m->dstream   = arena_take(a, tokens * c, sizeof(real));
    m->dnormed   = arena_take(a, tokens * c, sizeof(real));
    if (spec_norms_after(s))
        m->dgiven = arena_take(a, n * c, sizeof(real));
    m->dblock    = arena_take(a, routed * c, sizeof(real));
    m->dpass     = arena_take(a, routed * c, sizeof(real));
    m->dscore    = arena_take(a, spec_scored_again(s) ? tokens : routed,
                              sizeof(real));
    size_t f = widest_ffn(m, n);
    m->dact      = arena_take(a, f, sizeof(real));
    m->dup       = arena_take(a, spec_gated(s) ? 2 * f : f, sizeof(real));
    if (s->experts.n > 0) {
        m->dby     = arena_take(a, entries_of(m, n), sizeof(real));
        m->dshared = arena_take(a, n, sizeof(real));
        m->dchance = arena_take(a, n * (size_t)spec_expert_scores(s),
                                sizeof(real));
    }
    m->dattended = arena_take(a, n * q, sizeof(real));
    m->dqkv      = arena_take(a, n * (q + 2 * (size_t)spec_e(s)),
                              sizeof(real));
    if (routes_keys(m, SKIPPED_KEYS_COMPUTED))
        m->dasking = arena_take(a, routed * c, sizeof(real));
    real *dcarried = lay_out_keys(m);
    for (int32_t l = 0; l < s->n_layers && dcarried; l++)
        m->layer[l].dcarried = dcarried;
    m->partial   = arena_take(a, largest / OP_CLIP_CHUNK + 1, sizeof(real));
}

static const struct tensor *head_tensor(const struct model *m)
{
    return tensor_find(&m->tensors, -1,
                       m->spec.tied_head ? TENSOR_WTE : TENSOR_HEAD);
}

/* Rows of whole tiles that hold so many tokens. */
static int32_t whole_tiles(int32_t n_tokens)
{
    return (n_tokens + OP_KEY_TILE - 1) / OP_KEY_TILE * OP_KEY_TILE;
}

static void lay_out_cache(struct model *m, int32_t layer)
{
    const int32_t window = spec_window(&m->spec, layer), t = m->options.n_tokens;
    struct cache *cache = &m->cache[layer];
    size_t b = (size_t)m->options.n_sequences;

    if (spec_borrows_keys(&m->spec, layer)) {
        *cache = m->cache[spec_owner(&m->spec, layer)];
        return;
    }

    cache->capacity = whole_tiles(window > 0 && window < t ? window : t);
    const size_t numbers = b * (size_t)spec_e(&m->spec) *
                           (size_t)cache->capacity;
    cache->length = arena_take(&m->arena, b, sizeof(int32_t));
    cache->keys = arena_take(&m->arena, numbers, sizeof(real));
    cache->values = arena_take(&m->arena, numbers, sizeof(real));
}

static void lay_out_decode(struct model *m)
{
    const struct model_spec *s = &m->spec;
    struct arena *a = &m->arena;
    size_t b = (size_t)m->options.n_sequences;
    size_t n = (size_t)plan_n_choices(s);
    size_t t = (size_t)m->options.n_tokens;

    for (int32_t i = 0; i < s->n_layers; i++)
        lay_out_cache(m, i);
    m->cache_capacity = whole_tiles(m->options.n_tokens);
    m->decoded = arena_take(a, b, sizeof(int32_t));
    if (s->signal == SIGNAL_TABLE)
        m->past = arena_take(a, b * t, sizeof(int32_t));
    m->kept_count = arena_take(a, n * b, sizeof(int32_t));
    m->kept_position = arena_take(a, n * b * t, sizeof(int32_t));
    m->skipped = arena_take(a, b, sizeof(int32_t));
    m->skipped_position = arena_take(a, b, sizeof(int32_t));
    m->drafted = arena_take(a, (size_t)m->options.n_verified *
                               (size_t)s->n_channels, sizeof(real));
    if (spec_scored(s))
        m->history = arena_take(a, n * b * (size_t)m->cache_capacity,
                                sizeof(real));
    if (head_tensor(m)->n_ranges == 0)
        m->head_columns = arena_take(a, (size_t)s->n_channels *
                                     (size_t)s->n_vocab, sizeof(real));
}

/* Inference alone takes sequences of unlike lengths. */
static void lay_out_inference(struct model *m, size_t tokens)
{
    m->all_ids     = arena_take(&m->arena, tokens, sizeof(int32_t));
    m->all_targets = arena_take(&m->arena, tokens, sizeof(int32_t));
}

/* Rows that have logits, at most. */
static size_t logit_rows(const struct model *m)
{
    const struct model_options *o = &m->options;
    const int32_t few = o->n_verified > o->n_sequences ? o->n_verified
                                                       : o->n_sequences;

    return o->last_only ? (size_t)few : forward_rows(m);
}

static void lay_out_head(struct model *m, struct head_buffers *b, size_t read)
{
    struct arena *a = &m->arena;
    const size_t tokens = forward_rows(m);

    b->normed = arena_take(a, tokens * (size_t)m->spec.n_channels,
                           sizeof(real));
    b->stats = arena_take(a, tokens * 2, sizeof(real));
    b->logits = arena_take(a, read * (size_t)m->spec.n_vocab, sizeof(real));
    b->loss_stats = arena_take(a, tokens * 2, sizeof(real));
}

/* Run twice: to measure, then to place. */
static void lay_out(struct model *m)
{
    const struct model_spec *s = &m->spec;
    struct arena *a = &m->arena;
    size_t threads = (size_t)m->options.n_threads;
    size_t tokens = (size_t)m->options.n_sequences *
                    (size_t)forward_tokens(&m->options);
    size_t c = (size_t)s->n_channels;
    const struct kernels *k = m->ex.kernels;
    int32_t widest = spec_q(s) + 2 * spec_e(s);

    if (spec_up(s) > widest)
        widest = spec_up(s);
    if (head_tensor(m)->n_ranges == 0 && s->n_vocab > widest)
        widest = s->n_vocab;       /* a stored head packs a few columns */
    if (s->n_channels > widest)
        widest = s->n_channels;
    if (expert_buffers_widest(s) > widest)
        widest = expert_buffers_widest(s);
    size_t products = k->gemm_scratch(widest);
    size_t attention = k->attend_scratch(m->options.n_tokens, s->head_size);
    m->ex.scratch_floats = products > attention ? products : attention;

    const struct model *from = m->options.weights_of;
    m->weights   = from ? from->weights
                        : arena_take(a, m->tensors.floats, sizeof(real));
    m->stored    = from ? from->stored
                        : arena_take(a, m->tensors.stored_bytes, 1);
    m->threshold = from ? from->threshold
                        : arena_take(a, (size_t)plan_n_choices(s), sizeof(float));
    if (s->traits.positions == POSITIONS_ROTARY)
        m->rope = arena_take(a, (size_t)m->options.n_tokens *
                                    (size_t)spec_rotary(s), sizeof(real));
    if (s->local_theta > 0.0f)
        m->rope_local = arena_take(a, (size_t)m->options.n_tokens *
                                          (size_t)spec_rotary(s), sizeof(real));
    lay_out_stream(m, tokens);
    lay_out_layers(m);
    lay_out_lent(m);
    lay_out_end(m, tokens);
    if (s->experts.n > 0)
        m->entered = arena_take(a, c * entries_of(m, widest_rows(m, 0,
                                                                 s->n_layers)),
                                sizeof(real));
    m->all_first    = arena_take(a, (size_t)m->options.n_sequences + 1,
                                 sizeof(int32_t));
    m->all_position = arena_take(a, tokens, sizeof(int32_t));
    m->all_token    = arena_take(a, tokens, sizeof(int32_t));
    m->last_row     = arena_take(a, (size_t)m->options.n_sequences,
                                 sizeof(int32_t));
    m->last_token   = arena_take(a, (size_t)m->options.n_sequences,
                                 sizeof(int32_t));
    lay_out_head(m, &m->head, logit_rows(m));
    for (int32_t l = 0; l < s->n_layers && m->options.train; l++)
        if (spec_exits(s, l))
            lay_out_head(m, &m->exit[l], tokens);
    m->later = m->head;
    if (spec_leaves(s))
        m->later.logits = arena_take(a, logit_rows(m) * (size_t)s->n_vocab,
                                     sizeof(real));
    if (s->n_predictor > 0 && s->router_input != ROUTER_INPUT_RAW)
        m->predictor_input = arena_take(a, tokens * c, sizeof(real));
    m->nats         = arena_take(a, tokens, sizeof(real));
    m->entropy      = arena_take(a, tokens, sizeof(real));
    for (int32_t i = 0; i < plan_choices_a_layer(s); i++)
        if (s->signal == SIGNAL_CHANGE)
            m->left[i] = arena_take(a, tokens * c, sizeof(real));
    m->choose_scratch = arena_take(a, threads * (size_t)m->options.n_tokens,
                                   sizeof(int32_t));
    if (s->nested)
        m->active_scores = arena_take(a, threads * (size_t)m->options.n_tokens,
                                      sizeof(real));
    if (m->options.train)
        lay_out_backward(m, tokens);
    else
        lay_out_inference(m, tokens);
    if (m->options.decode)
        lay_out_decode(m);
    m->ex.extra   = arena_take(a, tokens, sizeof *m->ex.extra);
    m->ex.scratch = arena_take(a, threads * m->ex.scratch_floats, sizeof(real));
}

static void touch_part(void *argument, int part, int parts)
{
    arena_touch(argument, part, parts);
}

/* What is rejected is forgotten: no token of a layer lies where an older one
 * did. */
static enum status check_verified(const struct model_spec *spec,
                                  const struct model_options *o,
                                  struct error *err)
{
    if (!o->decode || o->n_sequences > 1 || o->n_verified > forward_tokens(o))
        return error_set(err, STATUS_BAD_VALUE, "%d tokens verified at once:"
                         " allowed is up to a forward's %d, of one sequence that"
                         " is decoded", o->n_verified, forward_tokens(o));
    if (spec_n_routed(spec) > 0 || spec_has_windows(spec) ||
        spec->experts.n > 0 || spec->recursion.keys != RECURSION_KEYS_OWN)
        return error_set(err, STATUS_BAD_VALUE, "drafts: of models that route"
                         " nothing, without windows, experts and keys that"
                         " recursions share");
    return STATUS_OK;
}

/* Of the layers and choices that there are: the most would be more than many a
 * model. */
static enum status open_tables(struct model *m, struct error *err)
{
    const size_t layers = (size_t)m->spec.n_layers;

    m->layer = calloc(layers, sizeof *m->layer);
    m->exit = calloc(layers, sizeof *m->exit);
    m->cache = calloc(layers, sizeof *m->cache);
    m->choice = calloc((size_t)plan_n_choices(&m->spec), sizeof *m->choice);
    return m->layer && m->exit && m->cache && m->choice
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "no memory for a model");
}

enum status model_open(struct model **out, const struct model_spec *spec,
                       const struct model_options *options, struct error *err)
{
    enum status status = spec_check(spec, err);
    if (status == STATUS_OK)
        status = spec_check_runs(spec, err);
    if (status == STATUS_OK && options->train)
        status = spec_check_training(spec, err);
    if (status != STATUS_OK)
        return status;
    if (options->n_tokens < 1 || options->n_tokens > spec->max_tokens)
        return error_set(err, STATUS_BAD_VALUE,
                         "%d tokens a sequence: allowed is 1 to"
                         " model.max_tokens, %d", options->n_tokens,
                         spec->max_tokens);
    if (options->n_prefill < 0 || options->n_prefill > options->n_tokens ||
        (options->n_prefill > 0 && !options->decode))
        return error_set(err, STATUS_BAD_VALUE, "a forward of %d tokens:"
                         " allowed is up to %d, and only to decode after it",
                         options->n_prefill, options->n_tokens);
    if (options->decode && options->n_tokens > spec_most_decoded(spec))
        return error_set(err, STATUS_BAD_VALUE, "%d tokens to decode:"
                         " rope_scaling dynamic turns all keys of a text of more"
                         " than %d otherwise with each token, and a cache holds"
                         " them as they were turned; allowed is up to that many",
                         options->n_tokens, spec_most_decoded(spec));
    if (options->decode && spec_experts_choose(spec))
        return error_set(err, STATUS_BAD_VALUE, "model.expert_rule"
                         " expert_choice: experts choose among the tokens of a"
                         " whole sequence, of which a decode step has one;"
                         " allowed to decode is token_choice");
    if (options->n_verified > 0)
        status = check_verified(spec, options, err);
    if (status != STATUS_OK)
        return status;
    if (options->n_threads < 1 || options->n_sequences < 1)
        return error_set(err, STATUS_BAD_VALUE,
                         "%d threads, %d sequences: at least 1 of each",
                         options->n_threads, options->n_sequences);
    struct model *m = calloc(1, sizeof *m);
    if (!m)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a model");
    m->spec = *spec;
    m->plan = plan_of(spec);
    m->options = *options;
    m->threshold_rate = 0.03f;
    m->router_nats = m->predictor_nats = (double)NAN;
    m->expert_balance = m->expert_square = (double)NAN;
    while (spec->backbone_frozen && !spec->routed[m->lowest])
        m->lowest++;
    m->ex.kernels = options->kernels ? options->kernels : kernels_best();

    status = open_tables(m, err);
    if (status == STATUS_OK)
        status = tensor_list_open(&m->tensors, spec, err);
    if (status == STATUS_OK)
        status = allocation_open(&m->allocation, plan_n_choices(spec),
                                 options->n_sequences, forward_tokens(options),
                                 err);
    if (status == STATUS_OK)
        status = allocation_open_dispatch(&m->allocation, spec, false, err);
    if (status == STATUS_OK)
        status = pool_open(&m->pool, options->n_threads, err);
    if (status == STATUS_OK) {
        lay_out(m);
        status = arena_map(&m->arena, err);
    }
    if (status != STATUS_OK) {
        model_close(m);
        return status;
    }
    pool_run(m->pool, touch_part, &m->arena);
    lay_out(m);
    tensor_list_place(&m->tensors, m->stored);
    m->ex.pool = m->pool;
    for (int32_t c = 0; c < plan_n_choices(spec) && !options->weights_of; c++)
        m->threshold[c] = NAN;
    if (m->rope)
        rotary_fill(m->rope, &m->spec, m->options.n_tokens, false, NULL);
    if (m->rope_local)
        rotary_fill(m->rope_local, &m->spec, m->options.n_tokens, true, NULL);
    *out = m;
    return STATUS_OK;
}

void model_close(struct model *m)
{
    if (!m)
        return;
    route_table_close(m->table);
    pool_close(m->pool);
    arena_close(&m->arena);
    allocation_close(&m->allocation);
    tensor_list_close(&m->tensors);
    free(m->layer);
    free(m->exit);
    free(m->cache);
    free(m->choice);
    free(m);
}
