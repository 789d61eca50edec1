/* cases.c - List the shapes, and fill models with weights. */
#include "tests/cases.h"

#include <criterion/criterion.h>
#include <math.h>

#include "sim/core/base/random.h"
#include "sim/core/model/plan.h"

/*    C  H  G   D    F    V  L  B   T */
const struct shape shapes[N_SHAPES] = {
    {   8, 1, 1,  8,  16,  11, 1, 1,  1 },
    {   8, 2, 1,  4,  12,  17, 2, 2,  5 },
    {  12, 3, 3,  4,  20,  13, 3, 2, 21 },
    {  16, 2, 2,  8,  32,  16, 2, 1, 16 },
    {  16, 1, 1, 16,  40,  65, 1, 2, 17 },
    {  16, 3, 1, 16,  33,  21, 1, 1, 37 },   /* Q is 3 C */
    {  16, 2, 1,  8, 300,  40, 1, 1, 20 },   /* F above a block of k */
    {   8, 1, 1,  8,   8,  10, 1, 4, 68 },   /* 272 rows, likewise */
    {  17, 2, 1,  5,  23,  19, 2, 1, 12 },   /* odd channels and heads */
    {  20, 2, 1, 10,  30,  29, 2, 4,  7 },
    {  24, 3, 1,  8,  64,  65, 2, 2, 20 },
    {  24, 2, 2, 12,  96, 256, 1, 1, 33 },
    {  28, 2, 2, 14,  44,  61, 1, 3, 16 },
    {  32, 2, 1, 16,  64,  31, 2, 3,  8 },
    {  32, 4, 2,  8, 128,  64, 1, 1, 48 },
    {  36, 6, 3,  6,  72,  47, 2, 1, 65 },
    {  40, 5, 1,  8, 100,  50, 2, 1, 23 },
    {  40, 2, 2, 20,  56,  97, 1, 2, 32 },
    {  48, 3, 3, 16, 128,  33, 1, 1, 40 },
    {  48, 4, 2, 12,  50,  65, 2, 2, 15 },
    {  56, 7, 1,  8, 112,  40, 1, 1, 19 },
    {  64, 2, 1, 32,  96, 128, 1, 1, 31 },
    {  64, 4, 4, 16,  64,  65, 2, 1, 64 },
    {  72, 3, 1, 24,  80,  20, 1, 1, 17 },
    {  80, 2, 2, 40, 100,  30, 1, 1,  9 },
    {  96, 3, 1, 32, 128, 100, 1, 1, 24 },
    { 128, 2, 1, 64,  64, 256, 1, 1, 18 },
    {  72, 2, 2, 36, 144,  65, 3, 2,  2 },
};

const double capacities[N_CAPACITIES] = {
    0.0, 1.0 / 16, 1.0 / 8, 1.0 / 4, 1.0 / 2, 1.0,
};

const enum family contrasts[N_CONTRASTS] = { FAMILY_GPT2, FAMILY_QWEN3 };

static bool routes(enum pattern pattern, int32_t layer, int32_t n_layers)
{
    return pattern == PATTERN_ALL || n_layers == 1 ||
           (pattern == PATTERN_ODD ? layer % 2 == 1 : layer == 0);
}

/* What else the family's public models have; windows where no layer routes. */
static void give_numbers(struct model_spec *spec, enum family family)
{
    const bool gemma = family == FAMILY_GEMMA2 || family == FAMILY_GEMMA3;

    spec->attention_cap = family == FAMILY_GEMMA2 ? 1.5f : 0.0f;
    spec->logit_cap = family == FAMILY_GEMMA2 ? 2.0f : 0.0f;
    spec->local_theta = family == FAMILY_GEMMA3 ? 50.0f : 0.0f;
    spec->window = gemma && spec_n_routed(spec) == 0 ? 5 : 0;
    for (int32_t l = 0; l < spec->n_layers; l++)
        spec->windowed[l] = spec->window > 0 && l % 2 == 0;
    if (family == FAMILY_GPT_NEOX || family == FAMILY_STABLELM ||
        family == FAMILY_PHI)
        spec->n_rotary = (spec->head_size + 3) / 4 * 2;
}

struct model_spec case_spec(const struct shape *shape, enum family family,
                            double capacity, enum pattern pattern)
{
    const struct traits *has = &family_traits[family];
    const bool turns = has->positions == POSITIONS_ROTARY;
    struct model_spec spec = {
        .traits = *has, .n_layers = shape->n_layers,
        .n_channels = shape->n_channels, .n_heads = shape->n_heads,
        .n_kv_heads = has->grouped ? shape->n_kv_heads : shape->n_heads,
        .head_size = shape->head_size + (turns ? shape->head_size % 2 : 0),
        .n_ffn = shape->n_ffn, .n_vocab = shape->n_vocab,
        .max_tokens = shape->n_tokens + 3, .tied_head = true,
        .norm_epsilon = 1e-5f, .rope_theta = 10000.0f, .gate = GATE_SIGMOID2,
        .router_input = ROUTER_INPUT_NORMALISED, .router_scores = true,
        .router_trained = true,
    };
    for (int32_t l = 0; l < shape->n_layers; l++) {
        spec.routed[l] = capacity > 0.0 && routes(pattern, l, shape->n_layers);
        spec.capacity[l] = spec.routed[l] ? capacity : 1.0;
    }
    give_numbers(&spec, family);
    return capacity > 0.0 ? spec : spec_dense(&spec);
}

void case_variant(struct model_spec *spec, int i)
{
    static const struct rope_scaling scaling[] = {
        { .kind = ROPE_SCALING_NONE },
        { .kind = ROPE_SCALING_LINEAR, .factor = 2.5f },
        /* Waves of 6.3 tokens and more: up to 6.4 kept, from 16 on divided. */
        { .kind = ROPE_SCALING_LLAMA3, .factor = 8.0f, .low_frequency = 2.0f,
          .high_frequency = 5.0f, .original_tokens = 32 },
    };
    if (spec->traits.positions != POSITIONS_ROTARY)
        return;
    spec->traits.qkv_bias = i % 2;
    spec->rope_scaling = scaling[i / 2 % 3];
    if (spec->rope_scaling.kind == ROPE_SCALING_LLAMA3)
        spec->rope_theta = 20.0f;
}

struct model_spec case_exits(const struct shape *shape, enum family family,
                             int i)
{
    struct model_spec spec = case_spec(shape, family, 0.0, PATTERN_ALL);

    spec.tied_head = i % 2 == 0;
    for (int32_t l = 0; l + 1 < spec.n_layers; l++)
        spec.exit_weight[l] = (i + l) % 3 < 2 ? 0.25 * (l + 1) : 0.0;
    return spec;
}

struct model_spec case_leaving(const struct shape *shape, enum family family,
                               int i, double confidence)
{
    struct model_spec spec = case_exits(shape, family, i);
    bool left = false;

    spec.window = 0;
    memset(spec.windowed, 0, sizeof spec.windowed);
    spec.gate = GATE_ONE;
    spec.skipped_keys = SKIPPED_KEYS_COMPUTED;
    spec.confidence = confidence;
    for (int32_t l = 0; l < spec.n_layers; l++) {
        spec.routed[l] = left;
        left |= spec.exit_weight[l] > 0.0;
    }
    route_settle(&spec, case_policy("confidence"), 0);
    return spec;
}

void case_vary(struct model_spec *spec, int i)
{
    spec->tied_head = i % 2;
    if (spec_n_routed(spec) == 0)
        return;
    spec->gate = (enum gate)(i % GATE_COUNT);
    spec->router_input = (enum router_input)(i / 2 % ROUTER_INPUT_COUNT);
    spec->router_trained = i % 3 != 0;
    spec->router_detached = i % 6 == 0;
}

struct model_spec case_router(char what[CASE_NAME_SIZE], int i)
{
    struct model_spec spec = case_spec(&shapes[ROUTER_SHAPE],
                                       contrasts[i % 2], 0.25, PATTERN_ALL);

    spec.gate = (enum gate)(i / 2 % GATE_COUNT);
    spec.router_input = (enum router_input)(i / 8 % ROUTER_INPUT_COUNT);
    spec.router_trained = i / 16 % 3 == 1;
    spec.router_detached = i / 16 % 3 == 2;
    snprintf(what, CASE_NAME_SIZE, "%s, gate %s, input %s, %s",
             family_names[spec_family(&spec)], gate_names[spec.gate],
             router_input_names[spec.router_input],
             spec.router_trained    ? "trained"
             : spec.router_detached ? "detached" : "frozen");
    return spec;
}

struct model_spec case_judged(char what[CASE_NAME_SIZE], int i)
{
    static const enum gate gates[] = { GATE_RAW, GATE_SIGMOID, GATE_SIGMOID2 };
    struct model_spec spec = case_spec(&shapes[ROUTER_SHAPE],
                                       contrasts[i / 15 % 2], 0.25,
                                       i / 3 % 2 ? PATTERN_ALL : PATTERN_ODD);
    const int losses = 1 + i % 15;

    spec.gate = gates[i % 3];
    spec.router_input = (enum router_input)(i / 2 % ROUTER_INPUT_COUNT);
    spec.aux_loss = losses & 1 ? 0.5 : 0.0;
    spec.z_loss = losses & 2 ? 0.25 : 0.0;
    spec.balance_loss = losses & 4 ? 3.0 : 0.0;
    spec.n_predictor = losses & 8 ? 5 + i % 13 : 0;
    spec.backbone_frozen = i / 30 % 2;
    snprintf(what, CASE_NAME_SIZE, "%s, gate %s, input %s, aux %g, z %g,"
             " balance %g, predictor %d%s",
             family_names[spec_family(&spec)], gate_names[spec.gate],
             router_input_names[spec.router_input], spec.aux_loss, spec.z_loss,
             spec.balance_loss, spec.n_predictor,
             spec.backbone_frozen ? ", alone" : "");
    return spec;
}

struct model_spec case_gated(char what[CASE_NAME_SIZE], int i)
{
    struct model_spec spec = case_judged(what, i % N_JUDGED_CASES);
    const bool one = i % 6 == 5;

    spec.gate = one ? GATE_ONE : (enum gate)(i % GATE_ONE);
    spec.bypass_gated = !one && i % 4 != 1;
    /* Half of 2*sigmoid is multiplied by nothing. */
    spec.gate_scale = one || i % 3 == 0 ? 0.0 : i % 3 == 1 ? 0.75 : 0.5;
    spec.backbone_frozen &= !one;
    if (!one && i % 2)
        spec.aux_loss = spec.z_loss = spec.balance_loss = 0.0;
    if (!one && i % 16 == 3)
        spec.router_trained = false, spec.router_detached = i % 32 == 3;
    if (!spec.router_trained)
        spec.backbone_frozen = false;
    if (!spec.backbone_frozen)
        spec.part = (enum routed_part)(i / 5 % PART_COUNT);
    snprintf(what, CASE_NAME_SIZE, "%s, gate %s x %g, bypass %d, part %s, aux"
             " %g, z %g, balance %g, %s%s", family_names[spec_family(&spec)],
             gate_names[spec.gate], spec.gate_scale, spec.bypass_gated,
             part_names[spec.part], spec.aux_loss, spec.z_loss,
             spec.balance_loss, spec.router_trained    ? "trained"
                                : spec.router_detached ? "detached" : "frozen",
             spec.backbone_frozen ? ", alone" : "");
    return spec;
}

struct model_spec case_experts(const struct shape **shape,
                               char what[CASE_NAME_SIZE], int i)
{
    static const enum family families[] = { FAMILY_LLAMA, FAMILY_QWEN2,
                                            FAMILY_QWEN3, FAMILY_STABLELM };
    static const int tried[] = { 2, 9, 10, 13, 15, 19 };
    static const struct experts kinds[] = {
        { .n = 4, .active = 2, .width = 19, .normalised = true,
          .balance_loss = 0.5, .z_loss = 0.2 },
        { .n = 18, .active = 3, .width = 16, .balance_loss = 0.3 },
        { .n = 5, .active = 1, .width = 24, .shared = 20, .shared_gate = true,
          .z_loss = 0.1 },
        { .n = 1, .active = 1, .width = 9, .normalised = true, .shared = 7 },
        { .n = 3, .active = 3, .width = 33, .normalised = true, .shared = 16,
          .shared_gate = true },
        { .n = 4, .active = 2, .width = 17, .normalised = true,
          .capacity = 0.7, .balance_loss = 0.4 },
        { .n = 5, .active = 2, .width = 16, .rule = EXPERT_RULE_EXPERTS,
          .z_loss = 0.2 },
        { .n = 3, .active = 2, .idle = 2, .width = 18, .normalised = true,
          .balance_loss = 0.4 },
        { .n = 2, .active = 1, .idle = 3, .width = 20, .capacity = 1.1,
          .balance_loss = 0.1, .z_loss = 0.1 },
        { .n = 3, .active = 1, .width = 19, .rule = EXPERT_RULE_EXPERTS,
          .capacity = 1.6, .shared = 8 },
        { .n = 17, .active = 2, .width = 16, .rule = EXPERT_RULE_EXPERTS },
    };
    enum { N_KINDS = sizeof kinds / sizeof *kinds };
    *shape = &shapes[tried[i % 6]];
    struct model_spec spec = case_spec(*shape, families[i / 2 % 4],
                                       i % 3 == 2 ? 0.4 : 0.0, PATTERN_ODD);
    spec.experts = kinds[i % N_KINDS];
    for (int32_t l = 0; l < spec.n_layers; l++)
        spec.has_experts[l] = i % 4 < 3 || l % 2 == 0;
    case_vary(&spec, i);
    snprintf(what, CASE_NAME_SIZE, "case %d: %s, %d of %d experts, %d idle, %s,"
             " capacity %g, shared %d%s", i, family_names[spec_family(&spec)],
             spec.experts.active, spec.experts.n, spec.experts.idle,
             expert_rule_names[spec.experts.rule], spec.experts.capacity,
             spec.experts.shared,
             spec_n_routed(&spec) > 0 ? ", routed" : "");
    return spec;
}

const struct shape keyed_shape = { 20, 4, 2, 6, 24, 19, 4, 2, 23 };

struct model_spec case_keyed(char what[CASE_NAME_SIZE], int i)
{
    static const enum family families[] = { FAMILY_GPT2, FAMILY_QWEN3,
                                            FAMILY_LLAMA };
    const bool apart = i % 2;
    struct model_spec spec = case_spec(&keyed_shape, families[i / 2 % 3], 0.4,
                                       PATTERN_ALL);

    spec.traits.qk_norm |= i >= N_KEYED_CASES / 2;
    spec.skipped_keys = (enum skipped_keys)(i / 6 % SKIPPED_KEYS_COUNT);
    spec.routed[0] = spec.skipped_keys != SKIPPED_KEYS_CARRIED;
    spec.routed[2] = i / 18 % 2;      /* else every other, or two in a row */
    spec.part = apart ? PART_APART : i / 2 % 2 ? PART_ATTENTION : PART_BLOCK;
    const bool scores = !apart || i / 2 % 3 != 0;
    spec.gate = scores ? (enum gate)(i / 2 % GATE_COUNT) : GATE_ONE;
    spec.router_scores = spec.router_trained = scores;
    spec.bypass_gated = i % 5 == 0 && spec.gate != GATE_ONE;
    spec.aux_loss = scores && i % 3 == 0 ? 0.5 : 0.0;
    spec.n_predictor = scores && i % 4 < 2 ? 7 : 0;
    snprintf(what, CASE_NAME_SIZE, "case %d, %s, %s, keys %s, gate %s", i,
             family_names[spec_family(&spec)], part_names[spec.part],
             skipped_keys_names[spec.skipped_keys], gate_names[spec.gate]);
    return spec;
}

bool case_frozen(struct model_spec *spec, const struct shape **shape,
                 char what[CASE_NAME_SIZE], int i)
{
    static const int tried[] = { 2, 5, 9, 10, 19, 23 };
    static const enum gate gates[] = { GATE_RAW, GATE_SIGMOID, GATE_SIGMOID2 };
    enum { EACH = N_CONTRASTS * PATTERN_COUNT * 6 };
    const int v = i % EACH;

    *shape = &shapes[tried[i / EACH]];
    *spec = case_spec(*shape, contrasts[v % 2], v % 5 ? 0.3 : 1.0,
                      (enum pattern)(v / 2 % PATTERN_COUNT));
    spec->traits.qk_norm |= i / EACH % 2;
    spec->backbone_frozen = true;
    spec->tied_head = v / 6 % 2;
    spec->gate = gates[v / 6 % 3];
    spec->router_input = (enum router_input)(v / 18 % 2);
    snprintf(what, CASE_NAME_SIZE, "frozen %s, shape %d, case %d",
             family_names[spec_family(spec)], tried[i / EACH], v);
    return spec_n_routed(spec) > 0;
}

/* A matrix's product keeps the size of its input; shifts are a fifth of it. */
static double deviation_of(const struct tensor *t)
{
    bool across = t->id == TENSOR_WTE || t->id == TENSOR_WPE ||
                  t->id == TENSOR_HEAD || tensor_routes(t->id);
    if (across)
        return 1.0 / sqrt((double)t->columns);
    return t->rows > 1 ? 1.0 / sqrt((double)t->rows) : 0.2;
}

void case_fill(struct model *model, uint64_t seed)
{
    const struct tensor_list *list = model_tensors(model);
    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *t = &list->tensor[i];
        if (t->n_ranges > 0)
            continue;                /* kept as stored: not in the block */
        double deviation = deviation_of(t);
        struct random random = random_seeded(random_mix(
            seed, (uint64_t)(t->layer + 1), (uint64_t)t->id, 7));
        float *w = model_weights(model) + t->offset;
        for (size_t j = 0; j < t->n; j++)
            w[j] = (float)(deviation * random_normal(&random) +
                           (t->kind == TENSOR_SCALE ? 1.0 : 0.0));
    }
}

void case_text(int32_t *ids, int32_t *targets, int32_t n, int32_t n_vocab,
               uint64_t seed)
{
    struct random random = random_seeded(seed);
    int32_t next = (int32_t)random_below(&random, (uint32_t)n_vocab);
    for (int32_t i = 0; i < n; i++) {
        ids[i] = next;
        next = (int32_t)random_below(&random, (uint32_t)n_vocab);
        targets[i] = next;
    }
}

void case_begin_unlike(int32_t *ids, const struct shape *shape)
{
    for (int32_t b = 0; b < shape->n_sequences; b++) {
        int32_t *own = ids + b * shape->n_tokens;
        if (shape->n_tokens > 1 && own[0] == own[1])
            own[1] = (own[0] + 1) % shape->n_vocab;
    }
}

void case_table(struct model *model)
{
    enum { N = 600 };
    const struct model_spec *spec = model_spec(model);
    struct random random = random_seeded(8);
    struct route_table *table = NULL;
    int32_t ids[N];
    bool *kept;

    if (spec->signal != SIGNAL_TABLE)
        return;
    kept = calloc((size_t)N * (size_t)plan_n_made(spec), sizeof *kept);
    for (int i = 0; i < N; i++)
        ids[i] = (int32_t)random_below(&random, (uint32_t)spec->n_vocab);
    for (int i = 0; i < N * plan_n_made(spec); i++)
        kept[i] = (ids[i % N] + (int32_t)random_below(&random, 3)) % 2 == 0;
    cr_assert(route_table_open(&table, spec, 3, NULL) == STATUS_OK);
    cr_assert(route_table_count(table, ids, kept, N, NULL) == STATUS_OK);
    cr_assert(route_table_fit(table, spec, NULL) == STATUS_OK);
    model_take_table(model, table);
    free(kept);
}

struct model *case_model(const struct model_spec *spec,
                         const struct model_options *options, uint64_t seed)
{
    struct model *model;
    struct error err;
    enum status status = model_open(&model, spec, options, &err);
    cr_assert(status == STATUS_OK, "model_open: %s", err.text);
    case_fill(model, seed);
    case_table(model);
    return model;
}

double *case_weights(struct model *model)
{
    const size_t n = model_tensors(model)->floats;
    double *weights = calloc(n, sizeof *weights);

    for (size_t i = 0; i < n; i++)
        weights[i] = (double)model_weights(model)[i];
    return weights;
}

const struct route_policy *case_policy(const char *name)
{
    const struct route_policy *policy = route_find(name);
    cr_assert(policy != NULL, "no routing policy %s", name);
    return policy;
}

const struct allocation *case_replayed(const struct model_spec *spec,
                                       int32_t n_sequences, int32_t n_tokens)
{
    static struct allocation a;

    allocation_close(&a);
    cr_assert(allocation_open(&a, plan_n_choices(spec), n_sequences, n_tokens,
                              NULL) == STATUS_OK);
    for (int32_t c = 0; c < a.n_choices; c++)
        for (int32_t b = 0; b < n_sequences; b++) {
            int32_t n = 0;
            for (int32_t t = 0; t < n_tokens; t++)
                if (random_mix((uint64_t)c, (uint64_t)b, (uint64_t)t, 9) % 3 ==
                    0)
                    allocation_kept(&a, c, b)[n++] = t;
            a.count[c * n_sequences + b] = n;
        }
    return &a;
}

struct ledger *case_ledger(int32_t n_layers, int32_t n_tokens,
                           enum provenance known)
{
    struct ledger *ledger;
    struct ledger_shape shape = { true, true, n_layers, n_tokens };
    cr_assert(ledger_open(&ledger, shape, cost_zero(known), NULL) ==
              STATUS_OK);
    return ledger;
}

static void same_cell(const struct ledger *predicted,
                      const struct ledger *counted, struct ledger_key key,
                      const char *what)
{
    static const enum metric metrics[] = { METRIC_FLOPS, METRIC_BYTES };
    const struct cost *p = ledger_at(predicted, key);
    const struct cost *c = ledger_at(counted, key);
    for (int i = 0; i < 2; i++) {
        enum metric m = metrics[i];
        cr_assert(p->from[m] == PROV_PREDICTED && c->from[m] == PROV_COUNTED,
                  "%s: %s of %s is %s and %s", what, metric_table[m].column,
                  op_table[key.op].name, provenance_names[p->from[m]],
                  provenance_names[c->from[m]]);
        cr_assert(p->count[m] == c->count[m],
                  "%s: %s, layer %d, token %d, %s: predicted %llu %s, counted"
                  " %llu", what, pass_names[key.pass], key.layer, key.token,
                  op_table[key.op].name, (unsigned long long)p->count[m],
                  metric_table[m].column, (unsigned long long)c->count[m]);
    }
}

uint64_t case_same_ledger(const struct ledger *predicted,
                          const struct ledger *counted, const char *what)
{
    struct ledger_shape shape = ledger_shape(counted);
    uint64_t touched = 0;
    for (int pass = 0; pass < PASS_COUNT; pass++)
        for (int32_t l = LEDGER_OUTSIDE; l < shape.n_layers; l++)
            for (int op = 0; op < OP_COUNT; op++)
                for (int32_t t = LEDGER_SHARED; t < shape.n_tokens; t++) {
                    struct ledger_key key = { (enum pass)pass, l, t,
                                              (enum op)op };
                    same_cell(predicted, counted, key, what);
                    touched += ledger_touched(counted, key);
                    if (shape.n_tokens == 0)
                        break;
                }
    return touched;
}
