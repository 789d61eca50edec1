/* memory.c - List the buffers of a run. */
#include "sim/price/memory.h"

#include <math.h>

#include "sim/core/ledger/ledger.h"
#include "sim/core/model/plan.h"
#include "sim/price/flops.h"

const char *const memory_phase_names[] = { MEMORY_PHASE_MAP(NAMES_WORD) NULL };
const char *const memory_kind_names[] = { MEMORY_KIND_MAP(NAMES_WORD) NULL };

static uint64_t largest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t memory_parameters(const struct model_spec *spec)
{
    /* Layers that route alike, have experts alike, and share alike have the same
     * tensors. */
    uint64_t of[2][2][2] = { { { 0 } } };
    bool known[2][2][2] = { { { false } } };
    uint64_t sum = flops_parameters(spec, LEDGER_OUTSIDE);

    for (int32_t l = 0; l < spec->n_layers; l++) {
        const bool r = spec->routed[l], x = spec->has_experts[l],
            s = spec_shares(spec, l);
        if (!known[r][x][s])
            of[r][x][s] = flops_own_parameters(spec, l);
        known[r][x][s] = true;
        sum += of[r][x][s];
    }
    return sum;
}

uint64_t memory_active_parameters(const struct model_spec *spec)
{
    const uint64_t expert = 3 * (uint64_t)spec->n_channels *
                            (uint64_t)spec->experts.width;
    if (spec->experts.n == 0)
        return memory_parameters(spec);
    const double idle = spec->experts.n - spec_expert_share(spec, 1);

    return memory_parameters(spec) -
           (uint64_t)llround((double)(expert * (uint64_t)
                                      spec_n_expert_layers(spec)) * idle);
}

static uint64_t learned(const struct model_spec *spec)
{
    const uint64_t C = (uint64_t)spec->n_channels,
        W = (uint64_t)spec->n_predictor;
    const uint64_t each = C + (W > 0 ? C * W + 2 * W + 1 : 0);
    const uint64_t routers = each * (uint64_t)plan_n_made_anew(spec);

    return spec->backbone_frozen ? routers : memory_parameters(spec);
}

/* Count the float32 numbers, and the bytes of matrices of other types, their
 * columns rounded up to whole tiles.  Matrices that products read side by side
 * are all kept alike: one that is float32 among stored ones is tiled too. */
struct weights {
    uint64_t floats, stored_bytes;
};

static void keep_matrix(struct weights *w, uint8_t type, uint64_t inputs,
                        uint64_t outputs)
{
    uint64_t tiles = (outputs + OP_COLUMN_TILE - 1) / OP_COLUMN_TILE;

    w->floats -= inputs * outputs;
    w->stored_bytes += flops_stored_bytes((enum number)type, inputs,
                                          tiles * OP_COLUMN_TILE);
}

static void keep_packed(struct weights *w, const struct packing *packing,
                        uint64_t inputs, uint64_t outputs)
{
    w->floats -= inputs * outputs;
    w->stored_bytes += (packing_bytes(packing, inputs, outputs) + 3) / 4 * 4;
}

static bool head_is_stored(const struct model_spec *spec)
{
    return spec->packed_head ||
           (spec->tied_head ? spec->stored_embedding : spec->stored_head) !=
           NUMBER_F32;
}

static struct weights weights_of(const struct model_spec *spec)
{
    static const struct { enum matrix first, last; } beside[] = {
        { MATRIX_QUERY, MATRIX_VALUE }, { MATRIX_PROJECT, MATRIX_PROJECT },
        { MATRIX_GATE, MATRIX_UP },     { MATRIX_DOWN, MATRIX_DOWN },
    };
    const uint64_t C = (uint64_t)spec->n_channels, V = (uint64_t)spec->n_vocab;
    struct weights w = { memory_parameters(spec), 0 };

    if (spec->stored_embedding != NUMBER_F32)
        keep_matrix(&w, spec->stored_embedding, C, V);
    if (spec->packed_head)
        keep_packed(&w, &spec->packing, C, V);
    else if (!spec->tied_head && spec->stored_head != NUMBER_F32)
        keep_matrix(&w, spec->stored_head, C, V);
    for (int32_t l = 0; l < spec->n_layers; l++)
        for (size_t b = 0; !spec_shares(spec, l) &&
                           b < sizeof beside / sizeof *beside; b++) {
            const uint8_t *type = spec->stored[l];
            int first = (int)beside[b].first, last = (int)beside[b].last;
            bool stored = false;
            if (!spec_has_matrix(spec, beside[b].first))
                first++;
            for (int i = first; i <= last; i++)
                stored |= type[i] != NUMBER_F32 || spec->packed[l][i];
            for (int i = first; i <= last && stored; i++) {
                const uint64_t K = (uint64_t)spec_inputs(spec, (enum matrix)i);
                const uint64_t N = (uint64_t)spec_outputs(spec,
                                                          (enum matrix)i);
                if (spec->packed[l][i])
                    keep_packed(&w, &spec->packing, K, N);
                else
                    keep_matrix(&w, type[i], K, N);
            }
        }
    return w;
}

struct memory_fixed memory_fixed_of(const struct model_spec *spec,
                                    const struct plan *plan)
{
    const struct weights weights = weights_of(spec);

    return (struct memory_fixed){
        .plan = plan, .floats = weights.floats,
        .stored_bytes = weights.stored_bytes, .learned = learned(spec),
    };
}

/* Rows over the layers that hold their activations at the same time. */
struct held {
    uint64_t rows;            /* rows that blocks work on */
    uint64_t operands;        /* rows whose products' operands are held */
    uint64_t fed, entering;   /* rows of layers with one feed-forward part, and
                               * with experts */
    uint64_t streams;         /* copies of the stream besides the first */
    uint64_t gathered;        /* of those, rows of routed layers, a choice */
    uint64_t followed;        /* rows that the layer before has gathered */
    uint64_t widest;          /* rows of one layer, at most */
    uint64_t widest_routed;   /* likewise, of a routed one */
    uint64_t scored;          /* rows that choices see */
    uint64_t tabled;          /* rows of tables of keys */
    uint64_t keyed;           /* rows that have a key */
};

/* Tokens of a sequence whose keys the layer's cache has: a window's newest. */
static uint64_t cached_tokens(const struct model_spec *spec, int32_t layer,
                              int32_t n_tokens)
{
    const int32_t window = spec_window(spec, layer);

    return (uint64_t)(window > 0 && window < n_tokens ? window : n_tokens);
}

/* Backward through a frozen backbone passes the layers above its lowest router:
 * these hold what they need, the others take turns, and so do all in the
 * operands. */
static struct held rows_held(const struct model_spec *spec,
                             const struct plan *plan, uint64_t n_sequences,
                             int32_t n_tokens, bool train)
{
    const bool frozen = train && spec->backbone_frozen;
    const uint64_t choices = (uint64_t)plan_choices_a_layer(spec);
    struct held sum = { 0 };
    uint64_t widest = 0, widest_below = 0;
    bool below = frozen;

    for (int32_t l = 0; l < spec->n_layers; l++) {
        uint64_t rows = n_sequences * (uint64_t)(train
                            ? spec_room(spec, l, n_tokens)
                            : spec_kept(spec, l, n_tokens));
        const struct stage *stage = plan_stage(plan, l, STAGE_ATTENTION);
        if (!spec_borrows_keys(spec, l))
            sum.keyed += stage->rows == STAGE_KEPT &&
                                 stage->skipped_keys == SKIPPED_KEYS_ABSENT
                             ? rows
                             : n_sequences * cached_tokens(spec, l, n_tokens);
        if (stage->keys_tabled)
            sum.tabled += n_sequences * (uint64_t)n_tokens;
        if (rows > widest)
            widest = rows;
        if (below && rows > widest_below)
            widest_below = rows;
        if (!below) {
            sum.rows += rows;
            *(spec->has_experts[l] ? &sum.entering : &sum.fed) += rows;
            sum.streams += plan_moves(plan, l);
        }
        if (!below && rows > sum.widest)
            sum.widest = rows;
        if (!spec->routed[l])
            continue;
        below = false;
        if (rows > sum.widest_routed)
            sum.widest_routed = rows;
        if (spec_follows(spec, l)) {
            sum.followed += rows;
            continue;
        }
        sum.gathered += choices * rows;
        sum.scored += choices * n_sequences * (uint64_t)n_tokens;
    }
    sum.rows += widest_below;
    sum.fed += widest_below;
    sum.operands = frozen ? widest : sum.rows;
    return sum;
}

/* Without backward, layers take turns in buffers for every row there is: a rule
 * with a threshold may keep them all. */
static struct held one_layer(const struct model_spec *spec, uint64_t rows)
{
    bool routed = spec_n_routed(spec) > 0;
    return (struct held){ .rows = rows, .operands = rows, .widest = rows,
                          .fed = spec_has_ffn(spec) ? rows : 0,
                          .entering = spec->experts.n > 0 ? rows : 0,
                          .gathered = routed ? rows : 0,
                          .scored = routed ? rows : 0 };
}

/* One layer at a time has its results; every layer keeps its input. */
static struct held inputs_alone(const struct model_spec *spec,
                                const struct held *all, uint64_t rows)
{
    return (struct held){ .rows = all->widest, .operands = all->widest,
                          .widest = all->widest,
                          .fed = spec_has_ffn(spec) ? all->widest : 0,
                          .entering = spec->experts.n > 0 ? all->widest : 0,
                          .gathered = all->widest_routed,
                          .streams = (uint64_t)spec->n_layers,
                          .scored = all->scored > 0 ? rows : 0 };
}

/* Keys, and the scores that went with them, lie in tiles of this many. */
static uint64_t whole_tiles(uint64_t n_tokens)
{
    return (n_tokens + OP_KEY_TILE - 1) / OP_KEY_TILE * OP_KEY_TILE;
}

/* Of so many rows in the widest layer: a feed-forward part, the experts that they
 * enter, or what they enter besides. */
static uint64_t widest_ffn(const struct model_spec *spec, uint64_t sequences,
                           uint64_t rows)
{
    const struct experts *e = &spec->experts;
    const uint64_t entered = spec_expert_entries(spec, sequences, rows) *
                             (uint64_t)e->width;

    return largest(spec_has_ffn(spec) ? rows * (uint64_t)spec->n_ffn : 0,
                   largest(entered, rows * (uint64_t)e->shared));
}

/* Numbers that attention is given of a row: queries, keys and values, and what
 * latent ones are made of. */
static uint64_t projected(const struct model_spec *spec)
{
    const struct latent *k = &spec->latent;
    const uint64_t Q = (uint64_t)spec_q(spec);

    if (k->kv == 0)
        return Q + 2 * (uint64_t)spec_e(spec);
    return 2 * Q + (uint64_t)(k->query + k->kv + k->rotary) +
           (uint64_t)spec->n_heads * (uint64_t)k->value;
}

/* What a buffer is for, and of the two last what else is said of it. */
enum memory_use { WTS, KEY, ACT, GRD, OPT, WRK, PCK, OWN };
static const enum memory_kind use_kind[] = {
    [WTS] = MEMORY_WEIGHTS,   [KEY] = MEMORY_KV, [ACT] = MEMORY_ACTIVATIONS,
    [GRD] = MEMORY_GRADIENTS, [OPT] = MEMORY_OPTIMIZER,
    [WRK] = MEMORY_WORKSPACE, [PCK] = MEMORY_WEIGHTS, [OWN] = MEMORY_WORKSPACE,
};

int memory_items_by(struct memory_item *out, const struct model_spec *spec,
                    const struct memory_fixed *fixed, int32_t n_sequences,
                    int32_t n_tokens, enum memory_phase phase)
{
    const uint64_t C = (uint64_t)spec->n_channels, Q = (uint64_t)spec_q(spec),
        E = (uint64_t)spec_e(spec), H = (uint64_t)spec->n_heads,
        F = (uint64_t)spec->n_ffn, U = (uint64_t)spec_up(spec),
        gates = spec_gated(spec), slots = (uint64_t)spec_expert_slots(spec),
        X = (uint64_t)spec->experts.n, scores = (uint64_t)spec_expert_scores(spec),
        S = (uint64_t)spec->experts.shared,
        width = (uint64_t)spec->experts.width,
        scored = spec->experts.shared_gate,
        V = (uint64_t)spec->n_vocab, R = (uint64_t)spec_rotary(spec),
        choices = (uint64_t)plan_n_choices(spec), G = fixed->learned,
        copies = (uint64_t)plan_choices_a_layer(spec),
        exits = (uint64_t)spec_n_exits(spec),
        depths = (uint64_t)spec_depths(spec),
        lent = spec->recursion.keys == RECURSION_KEYS_SHARED
                   ? (uint64_t)spec_span(spec) : 0,
        B = (uint64_t)n_sequences, T = (uint64_t)n_tokens;
    const bool again = phase == MEMORY_RECOMPUTED,
        train = phase == MEMORY_TRAIN || again, decode = phase == MEMORY_DECODE;
    const bool turns = spec->traits.positions == POSITIONS_ROTARY,
        qk_norm = spec->traits.qk_norm, local = spec->local_theta > 0.0f,
        before = spec_norms_before(spec), after = spec_norms_after(spec),
        own = before && spec->traits.parallel != PARALLEL_NORM,
        routed = spec_n_routed(spec) > 0,
        carried = routed && spec->skipped_keys == SKIPPED_KEYS_CARRIED,
        computed = routed && spec->skipped_keys == SKIPPED_KEYS_COMPUTED,
        signals = spec->signal != SIGNAL_NONE,
        by_table = spec->signal == SIGNAL_TABLE,
        normed = spec->router_input != ROUTER_INPUT_RAW,
        by_change = routed && spec->signal == SIGNAL_CHANGE,
        gated = routed && spec->bypass_gated, ends = spec_gates_at_end(spec);
    const bool rescored = routed && spec_scored_again(spec),
        predicts = routed && spec->n_predictor > 0;
    const uint64_t W = predicts ? (uint64_t)spec->n_predictor : 0;
    const uint64_t rows = decode ? B : B * (uint64_t)n_tokens;
    const struct held all = rows_held(spec, fixed->plan, B, n_tokens, train);
    const struct held h = again   ? inputs_alone(spec, &all, rows)
                          : train ? all : one_layer(spec, rows);
    const uint64_t entering = h.entering > 0
        ? spec_expert_entries(spec, train && !again
                                  ? B * (uint64_t)spec_n_expert_layers(spec)
                                  : B, h.entering) : 0,
        widest_entering = X > 0 ? spec_expert_entries(spec, B, all.widest) : 0;
    const bool choose = spec_experts_choose(spec);
    const struct {
        enum memory_use use;
        const char *name;
        uint64_t numbers, rows;
    } table[] = {
        { WTS, "parameters",        fixed->floats, 1 },
        /* Of every type, a tile of columns is whole numbers of 4 bytes. */
        { PCK, "stored weights",    fixed->stored_bytes / 4, 1 },
        { GRD, "gradients",         G, train },
        { OPT, "first moment",      G, train },
        { OPT, "second moment",     G, train },
        { OWN, "head, turned",      V, decode && !head_is_stored(spec) ? C : 0 },
        { WRK, "rotary table",      local ? 2 * R : R,
                                    turns ? (uint64_t)n_tokens : 0 },
        { WRK, "tokens, targets",   1, rows * (decode ? 1 : 2) },
        { WRK, "routes",            1, choices * rows },
        /* Place, token; to pack sequences of unlike lengths, id and target. */
        { WRK, "row numbers",       train ? 2 : 4, rows },
        { WRK, "last rows",         2, B },
        { WRK, "row tallies",       4, rows },
        { ACT, "stream",            C, rows * (1 + h.streams) },
        { WRK, "router score",      1, h.scored },
        { WRK, "router statistics", 2, h.scored },
        { WRK, "depths",            train ? depths > 0 : 2 * depths,
                                    train ? h.scored : rows },
        { ACT, "stream before depths", train ? 2 * C : C, ends ? rows : 0 },
        { WRK, "depths taken",      4, ends ? rows : 0 },
        { WRK, "signal",            1, spec->router_scores && signals
                                           ? h.scored : 0 },
        { ACT, "gathered",          C, h.gathered },
        { ACT, "carried keys",      2*E, train                ? all.tabled
                                         : carried && !decode ? rows
                                         : decode ? 0 : lent * rows },
        { ACT, "queries' norm1",    C,
          computed && train ? h.gathered / copies : 0 },
        { WRK, "experts' scores",   scores + 3*slots + 2, h.entering },
        { WRK, "scores they choose by", X, choose ? h.entering : 0 },
        { WRK, "experts' entries",  3, entering },
        { WRK, "experts entered",   slots * (uint64_t)spec->n_layers, rows },
        { ACT, "experts' rows",     C, entering },
        { ACT, "experts' results",  C, train ? widest_entering : entering },
        { ACT, "experts' up, act",  4*width, entering },
        { ACT, "shared up, act",    3*S + scored*(S + 2), h.entering },
        { ACT, "stream before",     copies * C, by_change ? rows : 0 },
        { WRK, "gate, kept row",    train ? 3 : 4, h.gathered },
        { WRK, "skipped rows",      2, gated || (carried && train)
                                           ? h.scored : 0 },
        /* In training the rows themselves. */
        { ACT, "bypass",            train ? 1 + C : 1, gated ? h.scored : 0 },
        { ACT, "norm1",             C, before ? h.operands : 0 },
        { ACT, "qkv",               projected(spec), h.rows },
        { WRK, "qk norm scales",    H + (uint64_t)spec->n_kv_heads,
                                    qk_norm ? h.rows : 0 },
        { ACT, "q, k before norm",  Q + E, qk_norm && train ? h.rows : 0 },
        { ACT, "attended",          Q, h.rows },
        { WRK, "attend statistics", 2*H, h.rows },
        { ACT, "stream, middle",    C, h.rows },
        { ACT, "norm2",             C, own ? h.operands : 0 },
        { ACT, "parts' results",    train ? 2 * C : C, after ? h.rows : 0 },
        { WRK, "their norms' statistics", 4, after ? h.rows : 0 },
        { ACT, "up",                U, h.fed },
        { ACT, "act",               F, X > 0 ? h.fed : h.operands },
        { ACT, "block out",         C, h.gathered + h.followed },
        { WRK, "norm statistics",   4, h.rows },
        { ACT, "final norm",        C + 2, rows },
        { ACT, "logits",            V, phase == MEMORY_LAST ? B : rows },
        { ACT, "exits' norms, logits", C + 4 + V, train ? exits * rows : 0 },
        { ACT, "logits past an exit", V, !spec_leaves(spec)     ? 0
                                         : phase == MEMORY_LAST ? B : rows },
        { WRK, "loss, entropy",     4, rows },
        { KEY, "cached keys",       (uint64_t)spec_cached(spec),
                                    decode ? all.keyed : 0 },
        { WRK, "ids so far",        1, decode && routed && by_table ? B * T : 0 },
        { WRK, "kept positions",    choices, decode ? B * (T + 1) : 0 },
        { WRK, "scores so far",     choices, decode && spec_scored(spec)
                                                 ? B * whole_tiles(T) : 0 },
        { WRK, "lengths, skipped",  choices + 3, decode ? B : 0 },
        /* Backward works on one layer at a time, the widest. */
        { ACT, "d stream",          2*C, train ? rows : 0 },
        { ACT, "d rows",            2*Q + 2*E, train ? all.widest : 0 },
        { ACT, "d up, act",         gates ? 3 : 2,
          train ? widest_ffn(spec, B, all.widest) : 0 },
        { WRK, "d experts' scores", scores + 1,
          train && X > 0 ? all.widest : 0 },
        { WRK, "d experts' weights", 1, train ? widest_entering : 0 },
        { ACT, "d parts' results",  C, train && after ? all.widest : 0 },
        { ACT, "d gathered",        2*C, train ? all.widest_routed : 0 },
        { ACT, "d carried keys",    2*E, !train    ? 0
                                         : carried ? rows : lent * rows },
        { ACT, "d queries' norm1",  C,
          computed && train ? all.widest_routed : 0 },
        { WRK, "d scores",          1, !train ? 0 : rescored ? rows
                                                 : all.widest_routed },
        { WRK, "rows kept as",      1, train && rescored ? all.scored : 0 },
        { ACT, "predictor input",   C, predicts && normed ? rows : 0 },
        { ACT, "predictor, hidden", W + 1, predicts ? h.scored : 0 },
    };
    int n = 0;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].numbers > 0 && table[i].rows > 0)
            out[n++] = (struct memory_item){
                use_kind[table[i].use], table[i].name, table[i].numbers,
                table[i].rows, table[i].use == PCK, table[i].use == OWN };
    return n;
}

int memory_items(struct memory_item *out, const struct model_spec *spec,
                 int32_t n_sequences, int32_t n_tokens,
                 enum memory_phase phase)
{
    const struct plan plan = plan_of(spec);
    const struct memory_fixed fixed = memory_fixed_of(spec, &plan);

    return memory_items_by(out, spec, &fixed, n_sequences, n_tokens, phase);
}

/* *sum += numbers * rows * 4 bytes; UINT64_MAX stays what it is. */
static void add_bytes(uint64_t *sum, uint64_t numbers, uint64_t rows)
{
    uint64_t part;
    if (__builtin_mul_overflow(numbers, rows, &part) ||
        __builtin_mul_overflow(part, (uint64_t)4, &part) ||
        __builtin_add_overflow(*sum, part, sum))
        *sum = UINT64_MAX;
}

uint64_t memory_item_bytes(const struct memory_item *item)
{
    uint64_t sum = 0;
    add_bytes(&sum, item->numbers, item->rows);
    return sum;
}

uint64_t memory_bytes(const struct model_spec *spec, int32_t n_sequences,
                      int32_t n_tokens, enum memory_phase phase)
{
    struct memory_item items[MEMORY_ITEMS_MAX];
    int n = memory_items(items, spec, n_sequences, n_tokens, phase);
    uint64_t sum = 0;

    for (int i = 0; i < n; i++)
        add_bytes(&sum, items[i].numbers, items[i].rows);
    return sum;
}

/* The numbers that a thread packs for itself: for a product, PACKED rows of the
 * widest matrix (a stored head is widened a few columns at a time), in whole
 * registers, and a block of PACKED x PACKED; for attention, a sequence's keys
 * and values beside strips of 16 queries or, backward, in five copies beside
 * blocks of QUERIES x KEYS (models/kernels: gemm.c, head.h). */
static uint64_t scratch_numbers(const struct model_spec *spec, int32_t n_tokens)
{
    enum { PACKED = 256, STRIP = 16, REGISTER = 16, QUERIES = 64, KEYS = 128 };
    const uint64_t D = (uint64_t)spec->head_size, T = (uint64_t)n_tokens;
    const uint64_t padded = (T + STRIP - 1) / STRIP * STRIP;
    const uint64_t forward = 2 * padded * D + STRIP * (D + padded);
    const uint64_t backward = 5 * padded * D + 2 * QUERIES * (D + KEYS);
    uint64_t widest = largest((uint64_t)spec_q(spec) +
                              2 * (uint64_t)spec_e(spec),
                              (uint64_t)spec_up(spec));

    if (!head_is_stored(spec))
        widest = largest(widest, (uint64_t)spec->n_vocab);
    widest = largest(widest, (uint64_t)spec->n_channels);
    widest = largest(widest, (uint64_t)spec_expert_scores(spec));
    widest = largest(widest, 2 * largest((uint64_t)spec->experts.width,
                                         (uint64_t)spec->experts.shared));
    widest = (widest + REGISTER - 1) / REGISTER * REGISTER;
    return T * (spec->nested ? 2 : 1) + largest(PACKED * widest + PACKED * PACKED,
                       largest(forward, backward));
}

/* That of any model. */
static uint64_t process_bytes(int n_threads)
{
    return MEMORY_PROCESS_BYTES + MEMORY_PROBE_BYTES * (uint64_t)n_threads;
}

uint64_t memory_beside_bytes(const struct model_spec *spec,
                             int32_t n_sequences, int32_t n_tokens,
                             enum memory_phase phase, int n_threads)
{
    const uint64_t threads = (uint64_t)n_threads;
    const uint64_t scratch = scratch_numbers(spec, n_tokens);
    uint64_t sum = 0;

    add_bytes(&sum, scratch, threads);
    add_bytes(&sum, process_bytes(n_threads) / 4, 1);
    if (phase != MEMORY_TRAIN && phase != MEMORY_RECOMPUTED)
        return sum;
    int32_t judged = n_sequences < MEMORY_JUDGED_AT_ONCE
                         ? n_sequences : MEMORY_JUDGED_AT_ONCE;
    /* The judge stands on the weights of the trained model; the file is written
     * from a copy of them. */
    add_bytes(&sum, memory_bytes(spec, judged, n_tokens, MEMORY_FORWARD) / 4,
              1);
    add_bytes(&sum, scratch, threads);
    return sum;
}

uint64_t memory_process_bytes(const struct model_spec *spec,
                              int32_t n_sequences, int32_t n_tokens,
                              enum memory_phase phase, int n_threads)
{
    uint64_t sum = memory_bytes(spec, n_sequences, n_tokens, phase);

    add_bytes(&sum, memory_beside_bytes(spec, n_sequences, n_tokens, phase,
                                        n_threads) / 4, 1);
    return sum;
}

uint64_t memory_with_bytes(uint64_t process, uint64_t beside)
{
    uint64_t sum;

    return __builtin_add_overflow(process, beside, &sum) ? UINT64_MAX : sum;
}

uint64_t memory_joined_bytes(uint64_t one, uint64_t other, int n_threads)
{
    return memory_with_bytes(one, other - process_bytes(n_threads));
}

uint64_t memory_generate_bytes(const struct model_spec *spec, int32_t n_prompt,
                               int32_t n_tokens, int n_threads)
{
    const uint64_t T = (uint64_t)n_tokens;
    const uint64_t choices = (uint64_t)plan_n_choices(spec);
    const uint64_t scores = spec_scored(spec) ? choices : 0;
    uint64_t sum = memory_bytes(spec, 1, n_prompt, MEMORY_LAST);

    add_bytes(&sum, process_bytes(n_threads) / 4, 1);
    add_bytes(&sum, scratch_numbers(spec, n_tokens), (uint64_t)n_threads);
    for (int32_t l = 0; l < spec->n_layers; l++)
        if (!spec_borrows_keys(spec, l))
            add_bytes(&sum, 2 * (uint64_t)spec_e(spec),
                      whole_tiles(cached_tokens(spec, l, n_tokens)));
    add_bytes(&sum, scores, whole_tiles(T));
    add_bytes(&sum, choices, T + 2);       /* kept positions, their number */
    if (!head_is_stored(spec))
        add_bytes(&sum, (uint64_t)spec->n_channels, (uint64_t)spec->n_vocab);
    if (spec->traits.positions == POSITIONS_ROTARY)    /* of new tokens */
        add_bytes(&sum, (uint64_t)spec_rotary(spec) *
                            (spec->local_theta > 0.0f ? 2 : 1),
                  (uint64_t)(n_tokens - n_prompt));
    return sum;
}
