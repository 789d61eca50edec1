/* replay.c - Train a small model for some steps and write all that
 * tests/compare/replay.py needs to take the same steps by itself.
 *
 *   replay POLICY TEXT OUT.safetensors
 *
 * or, in the place of a policy, a variant of one: see `variants`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/executor/model.h"
#include "models/files/safetensors.h"
#include "sim/core/base/file.h"
#include "sim/core/model/plan.h"
#include "sim/core/model/route_table.h"
#include "sim/core/model/text_trace.h"

enum { STEPS = 20, B = 2, T = 48, L = 4, V = 256, EXPERTS = 8, ALL = 512,
       NAME = 40, N_SPEC = 17 + L + 9 + 3 + 1 + 2 * L + 3 };

static const struct update adamw = {
    .learning_rate = 3e-3, .beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-8,
    .weight_decay = 0.1, .clip = 1.0,
};

static const char *const tensor_names[TENSOR_COUNT] = {
#define X(id, rows, columns, kind) [TENSOR_##id] = #id,
    TENSOR_MAP(X)
#undef X
};

/* What the file holds, in the order of its writing. */
struct record {
    int32_t ids[STEPS][B][T], targets[STEPS][B][T];
    uint8_t kept[STEPS][2 * L][B][T];      /* the choices' */
    uint8_t chosen[STEPS][L][B][T][EXPERTS];   /* of experts, idle ones too */
    float   threshold[STEPS][2 * L];       /* the choices', before the step */
    double  loss[STEPS], norm[STEPS], router[STEPS], predictor[STEPS];
    double  balance[STEPS], square[STEPS];
    double  spec[N_SPEC];
    float  *start;
    struct safetensors_tensor out[ALL];
    char    name[ALL][NAME];
    int     n;
};

/* What a policy of that name trains besides. */
struct variant {
    const char *name, *policy;
    double aux, z, balance, scale;
    int32_t n_predictor;
    bool bypass;
    enum gate gate;
    enum routed_part part;
    enum skipped_keys keys;
    int32_t first;                         /* tokens kept in any case */
    struct experts experts;
    double exit[L];                        /* weights of exits after layers */
    struct recursion recursion;
    bool nested, depths;                   /* of falling capacities */
    int32_t whole;                         /* layers that route nothing; 0: 1 */
    bool output;                           /* gates take what blocks give */
};
static const struct variant variants[] = {
    { .name = "losses", .policy = "expert_choice", .aux = 0.1, .z = 0.01,
      .n_predictor = 16, .gate = GATE_SIGMOID2 },
    { .name = "bypass", .policy = "expert_choice", .bypass = true,
      .gate = GATE_SIGMOID2 },
    { .name = "bypass_losses", .policy = "threshold", .aux = 0.1, .z = 0.01,
      .scale = 0.8, .bypass = true, .gate = GATE_SIGMOID2 },
    { .name = "scaled_tanh", .policy = "expert_choice", .scale = 1.5,
      .gate = GATE_TANH },
    { .name = "gate_one", .policy = "expert_choice", .aux = 0.1,
      .gate = GATE_ONE },
    { .name = "attention", .policy = "expert_choice", .part = PART_ATTENTION,
      .gate = GATE_SIGMOID2, .first = 2 },
    { .name = "ffn", .policy = "threshold", .part = PART_FFN,
      .gate = GATE_SIGMOID2 },
    { .name = "replay_gate_one", .policy = "replay", .gate = GATE_ONE },
    { .name = "apart", .policy = "token_norm", .part = PART_APART,
      .gate = GATE_ONE },
    { .name = "apart_routers", .policy = "expert_choice", .part = PART_APART,
      .gate = GATE_SIGMOID2, .aux = 0.1, .z = 0.01 },
    { .name = "apart_bypass", .policy = "threshold", .part = PART_APART,
      .gate = GATE_SIGMOID2, .bypass = true, .first = 1 },
    /* All layers attend to all: each scores for the next. */
    { .name = "attention_received", .policy = "attention_received",
      .part = PART_FFN, .gate = GATE_ONE },
    { .name = "computed", .policy = "expert_choice", .gate = GATE_SIGMOID2,
      .keys = SKIPPED_KEYS_COMPUTED },
    { .name = "carried", .policy = "expert_choice", .gate = GATE_SIGMOID2,
      .keys = SKIPPED_KEYS_CARRIED, .first = 1 },
    { .name = "apart_computed", .policy = "random", .part = PART_APART,
      .gate = GATE_ONE, .keys = SKIPPED_KEYS_COMPUTED },
    { .name = "experts", .policy = "dense",
      .experts = { .n = 4, .active = 2, .width = 24, .normalised = true,
                   .balance_loss = 0.1, .z_loss = 0.01 } },
    { .name = "experts_shared", .policy = "dense",
      .experts = { .n = 5, .active = 2, .width = 24, .shared = 16,
                   .shared_gate = true, .balance_loss = 0.1 } },
    { .name = "experts_capacity", .policy = "dense",
      .experts = { .n = 4, .active = 2, .width = 24, .normalised = true,
                   .capacity = 0.8, .balance_loss = 0.1, .z_loss = 0.01 } },
    { .name = "experts_idle", .policy = "dense",
      .experts = { .n = 3, .idle = 2, .active = 2, .width = 24,
                   .normalised = true, .balance_loss = 0.1 } },
    { .name = "expert_choice_of_tokens", .policy = "dense",
      .experts = { .n = 4, .active = 2, .width = 24,
                   .rule = EXPERT_RULE_EXPERTS, .z_loss = 0.01 } },
    { .name = "experts_staged", .policy = "expert_choice",
      .gate = GATE_SIGMOID2,
      .experts = { .n = 4, .active = 1, .width = 24, .balance_loss = 0.1,
                   .z_loss = 0.01 } },
    { .name = "apart_carried", .policy = "drawn", .part = PART_APART,
      .gate = GATE_ONE, .keys = SKIPPED_KEYS_CARRIED },
    { .name = "exits", .policy = "dense", .exit = { 0.3, 0, 0.6 } },
    { .name = "exits_routed", .policy = "expert_choice",
      .gate = GATE_SIGMOID2, .exit = { 0.3, 0.4, 0.6 } },
    { .name = "exits_nested", .policy = "expert_choice", .gate = GATE_SIGMOID,
      .recursion = { 0, 3, 2, 0 }, .nested = true, .whole = 2,
      .exit = { 0, 0.5 } },
    { .name = "recursion", .policy = "dense", .recursion = { 0, 3, 2, 0 } },
    { .name = "recursion_experts", .policy = "dense",
      .recursion = { 0, 3, 2, 0 },
      .experts = { .n = 4, .active = 2, .width = 24, .normalised = true,
                   .balance_loss = 0.1, .z_loss = 0.01 } },
    { .name = "nested_experts", .policy = "expert_choice",
      .gate = GATE_SIGMOID, .recursion = { 0, 3, 2, 0 }, .nested = true,
      .whole = 2, .aux = 0.1,
      .experts = { .n = 4, .active = 2, .width = 24, .capacity = 0.8,
                   .balance_loss = 0.1 } },
    { .name = "recursion_routed", .policy = "expert_choice",
      .gate = GATE_SIGMOID2, .recursion = { 1, 3, 3, 0 } },
    { .name = "nested", .policy = "expert_choice", .gate = GATE_SIGMOID2,
      .recursion = { 1, 3, 3, 0 }, .nested = true, .aux = 0.1 },
    { .name = "nested_span", .policy = "expert_choice", .gate = GATE_SIGMOID,
      .recursion = { 0, 3, 2, 0 }, .nested = true, .whole = 2, .aux = 0.1,
      .z = 0.01 },
    { .name = "nested_threshold", .policy = "threshold", .gate = GATE_TANH,
      .recursion = { 1, 3, 3, 0 }, .nested = true },
    { .name = "depths", .policy = "token_choice", .gate = GATE_RAW,
      .recursion = { 1, 3, 3, 0 }, .nested = true, .depths = true,
      .balance = 0.5 },
    { .name = "depths_span", .policy = "token_choice", .gate = GATE_SIGMOID2,
      .recursion = { 0, 3, 2, 0 }, .nested = true, .depths = true },
    { .name = "nested_output", .policy = "expert_choice",
      .gate = GATE_SIGMOID, .scale = 0.1, .recursion = { 0, 3, 2, 0 },
      .nested = true, .whole = 2, .aux = 0.001, .output = true },
    { .name = "depths_output", .policy = "token_choice", .gate = GATE_RAW,
      .recursion = { 1, 3, 3, 0 }, .nested = true, .depths = true,
      .balance = 0.5, .output = true },
    { .name = "depths_span_output", .policy = "token_choice",
      .gate = GATE_RAW, .scale = 0.7, .recursion = { 0, 3, 2, 0 },
      .nested = true, .depths = true, .output = true },
    { .name = "lent", .policy = "dense",
      .recursion = { 0, 3, 2, RECURSION_KEYS_SHARED } },
    { .name = "lent_nested", .policy = "expert_choice", .gate = GATE_SIGMOID,
      .recursion = { 1, 3, 3, RECURSION_KEYS_SHARED }, .nested = true,
      .whole = 2, .aux = 0.1 },
    { .name = "lent_depths", .policy = "token_choice", .gate = GATE_RAW,
      .recursion = { 0, 3, 2, RECURSION_KEYS_SHARED }, .nested = true,
      .depths = true, .balance = 0.5 },
};
enum { N_VARIANTS = sizeof variants / sizeof *variants };

static struct variant variant_of(const char *name)
{
    for (int i = 0; i < N_VARIANTS; i++)
        if (strcmp(variants[i].name, name) == 0)
            return variants[i];
    return (struct variant){
        .policy = name, .gate = GATE_SIGMOID2,
        .balance = strcmp(name, "token_choice") == 0 ? 1.0 : 0.0,
    };
}

static struct model_spec spec_of(const struct variant *variant,
                                 const struct route_policy *policy)
{
    const bool scores = policy->signal != SIGNAL_RECEIVED &&
                        (policy->scored || variant->gate != GATE_ONE);
    struct model_spec spec = {
        .traits = family_traits[FAMILY_LLAMA], .n_layers = L, .n_channels = 32,
        .n_heads = 4, .n_kv_heads = 2, .head_size = 8, .n_ffn = 48,
        .n_vocab = V, .max_tokens = T, .tied_head = true,
        .norm_epsilon = 1e-5f, .rope_theta = 10000.0f, .gate = variant->gate,
        .gate_scale = variant->scale, .bypass_gated = variant->bypass,
        .aux_loss = variant->aux, .z_loss = variant->z,
        .balance_loss = variant->balance, .n_predictor = variant->n_predictor,
        .part = variant->part, .skipped_keys = variant->keys,
        .router_input = ROUTER_INPUT_NORMALISED, .router_scores = scores,
        .router_trained = scores, .score_window = 16,
        .experts = variant->experts, .recursion = variant->recursion,
        .nested = variant->nested, .depths = variant->depths,
        .gates_output = variant->output,
    };

    for (int32_t l = 0; l < L; l++) {
        const int32_t first = variant->depths  ? variant->recursion.first
                              : variant->whole ? variant->whole : 1;
        spec.routed[l] = policy->choose && l >= first;
        spec.capacity[l] = !spec.routed[l] || (spec.depths &&
                                               !spec_shares(&spec, l)) ? 1.0
                           : !spec.nested || spec_span(&spec) > 1
                               ? 0.25 : 0.75 - 0.2 * l;
        spec.has_experts[l] = spec.experts.n > 0;
    }
    if (policy->choose)
        route_settle(&spec, policy, variant->first);
    else
        spec = spec_dense(&spec);
    memcpy(spec.exit_weight, variant->exit, sizeof variant->exit);
    return spec;
}

static void put(struct record *r, const char *prefix, const char *name,
                int32_t layer, struct safetensors_tensor tensor)
{
    snprintf(r->name[r->n], NAME, layer < 0 ? "%s%s" : "%s%s.%d", prefix, name,
             layer);
    tensor.name = r->name[r->n];
    r->out[r->n++] = tensor;
}

static void put_numbers(struct record *r, const char *name, const void *data,
                        enum safetensors_dtype dtype, uint64_t n)
{
    put(r, "", name, -1, (struct safetensors_tensor){
        .dtype = dtype, .rank = 1, .shape = { n }, .data = data });
}

static void put_weights(struct record *r, struct model *m, const char *prefix,
                        const float *weights)
{
    for (int32_t i = 0; i < model_tensors(m)->n; i++) {
        const struct tensor *t = &model_tensors(m)->tensor[i];
        put(r, prefix, tensor_names[t->id], t->layer,
            (struct safetensors_tensor){
                .dtype = SAFETENSORS_F32, .rank = 2,
                .shape = { (uint64_t)(t->rows * t->stacked),
                           (uint64_t)t->columns },
                .data = weights + t->offset });
    }
}

/* Windows of the text, one after another. */
static void cut(struct record *r, const struct file_map *text)
{
    size_t at = 0;

    for (int s = 0; s < STEPS; s++)
        for (int b = 0; b < B; b++, at += T)
            for (int t = 0; t < T; t++) {
                const uint8_t *byte = (const uint8_t *)text->data + at + t;
                r->ids[s][b][t] = byte[0];
                r->targets[s][b][t] = byte[1];
            }
}

/* The trace of that text, in which capitals, vowels and every fifth letter were
 * kept: by the text's place, not the window's. */
static enum status open_trace(struct text_trace **out, const struct model *m,
                              const struct record *r, struct allocation *a,
                              struct error *err)
{
    const struct text_trace_head head = {
        .rule = "drawn", .positions = STEPS * B * T, .window = T,
        .held_out = 1 };
    const int32_t *ids = r->ids[0][0];
    enum status status = text_trace_open(out, &head, model_spec(m), err);

    if (status != STATUS_OK)
        return status;
    for (int64_t start = 0; start < head.positions; start += T) {
        for (int32_t c = 0; c < a->n_choices; c++) {
            int32_t n = 0;
            for (int32_t t = 0; t < T; t++)
                if ((start + t + c) % 5 == 0 ||
                    strchr("aeiou", ids[start + t] ? ids[start + t] : ' '))
                    allocation_kept(a, c, 0)[n++] = t;
            a->count[c * a->n_sequences] = n;
        }
        text_trace_note(*out, a, 0, start, 0);
    }
    return STATUS_OK;
}

/* Fills *a with what the trace kept of a step's windows. */
static void replay(struct allocation *a, const struct text_trace *trace,
                   int step)
{
    for (int32_t b = 0; b < B; b++)
        text_trace_fill(a, b, trace, ((int64_t)step * B + b) * T);
}

/* Whether it had room for them or not. */
static void note_experts(uint8_t chosen[L][B][T][EXPERTS],
                         const struct dispatch *d)
{
    for (int32_t at = 0; d->expert && at < L * B * T; at++) {
        const int32_t l = at / (B * T), b = at / T % B, t = at % T;
        const int32_t *expert = dispatch_of(d, l, b, t);
        for (int32_t i = 0; i < d->n_active && expert[i] != -1; i++)
            chosen[l][b][t][expert[i] > DISPATCH_MISSED
                            ? expert[i] : DISPATCH_MISSED - expert[i]] = 1;
    }
}

static void take_steps(struct record *r, struct model *m,
                       const struct route_policy *policy,
                       struct allocation *replayed,
                       const struct text_trace *trace)
{
    struct update update = adamw;

    for (int s = 0; s < STEPS; s++) {
        memcpy(r->threshold[s], model_thresholds(m),
               (size_t)plan_n_choices(model_spec(m)) * sizeof(float));
        replay(replayed, trace, s);
        model_forward(m, &(struct model_input){
            .ids = r->ids[s][0], .targets = r->targets[s][0],
            .n_sequences = B, .n_tokens = T, .policy = policy,
            .seed = (uint64_t)s, .train = true, .replayed = replayed }, NULL,
            &r->loss[s]);
        const struct allocation *a = model_allocation(m);
        for (int32_t c = 0; c < a->n_choices; c++)
            for (int32_t b = 0; b < B; b++)
                for (int32_t i = 0; i < allocation_count(a, c, b); i++)
                    r->kept[s][c][b][allocation_kept(a, c, b)[i]] = 1;
        note_experts(r->chosen[s], &a->dispatch);
        r->router[s] = model_router_nats(m);
        r->predictor[s] = model_predictor_nats(m);
        r->balance[s] = model_expert_balance(m);
        r->square[s] = model_expert_square(m);
        model_backward(m, NULL);
        update.step = s + 1;
        r->norm[s] = model_update(m, &update, NULL);
    }
}

static enum status write_out(struct record *r, struct model *m,
                             const char *path, struct error *err)
{
    const struct model_spec *s = model_spec(m);
    const double spec[N_SPEC] = {
        s->n_channels, s->n_heads, s->n_kv_heads, s->head_size, s->n_ffn,
        spec_n_routed(s) > 0, s->aux_loss, s->z_loss, s->balance_loss,
        s->n_predictor, s->gate, s->gate_scale > 0 ? s->gate_scale : 1,
        s->bypass_gated, s->part, s->skipped_keys, s->router_scores,
        s->keep_first, s->exit_weight[0], s->exit_weight[1],
        s->exit_weight[2], s->exit_weight[3], s->experts.n, s->experts.idle,
        s->experts.active, s->experts.normalised, s->experts.rule,
        s->experts.capacity, s->experts.shared, s->experts.balance_loss,
        s->experts.z_loss, s->recursion.first, s->recursion.last,
        s->recursion.times, s->nested, s->routed[0], s->routed[1],
        s->routed[2], s->routed[3], s->capacity[0], s->capacity[1],
        s->capacity[2], s->capacity[3], s->depths, s->recursion.keys,
        s->gates_output,
    };

    memcpy(r->spec, spec, sizeof spec);
    put_numbers(r, "ids", r->ids, SAFETENSORS_I32, STEPS * B * T);
    put_numbers(r, "targets", r->targets, SAFETENSORS_I32, STEPS * B * T);
    put_numbers(r, "kept", r->kept, SAFETENSORS_U8, STEPS * 2 * L * B * T);
    put_numbers(r, "chosen", r->chosen, SAFETENSORS_U8,
                STEPS * L * B * T * EXPERTS);
    put_numbers(r, "threshold", r->threshold, SAFETENSORS_F32, STEPS * 2 * L);
    put_numbers(r, "loss", r->loss, SAFETENSORS_F64, STEPS);
    put_numbers(r, "norm", r->norm, SAFETENSORS_F64, STEPS);
    put_numbers(r, "router", r->router, SAFETENSORS_F64, STEPS);
    put_numbers(r, "predictor", r->predictor, SAFETENSORS_F64, STEPS);
    put_numbers(r, "balance", r->balance, SAFETENSORS_F64, STEPS);
    put_numbers(r, "square", r->square, SAFETENSORS_F64, STEPS);
    put_numbers(r, "spec", r->spec, SAFETENSORS_F64, N_SPEC);
    put_weights(r, m, "start.", r->start);
    put_weights(r, m, "end.", model_weights(m));
    return safetensors_write(path, r->out, (size_t)r->n, NULL, 0, err);
}

/* A table to route by, of a text in which vowels and what follows them were
 * kept. */
static enum status give_table(struct model *m, const struct record *r,
                              struct error *err)
{
    enum { N = STEPS * B * T };
    static bool kept[2 * L * N];
    struct route_table *table = NULL;
    const int32_t *ids = r->ids[0][0];

    if (model_spec(m)->signal != SIGNAL_TABLE)
        return STATUS_OK;
    for (int i = 0; i < 2 * L * N; i++)
        kept[i] = strchr("aeiou", ids[i % N] ? ids[i % N] : ' ') != NULL ||
                  (i % N > 0 && kept[i - 1] && ids[i % N] % 2 == 0);
    enum status status = route_table_open(&table, model_spec(m), 3, err);
    if (status == STATUS_OK)
        status = route_table_count(table, ids, kept, N, err);
    if (status == STATUS_OK)
        status = route_table_fit(table, model_spec(m), err);
    if (status == STATUS_OK)
        model_take_table(m, table);
    else
        route_table_close(table);
    return status;
}

static enum status run(struct record *r, char **argv, struct error *err)
{
    const struct variant variant = variant_of(argv[1]);
    const struct route_policy *policy = route_find(variant.policy);
    struct file_map text = { 0 };
    struct model *m = NULL;
    struct text_trace *trace = NULL;
    struct allocation replayed = { 0 };

    if (!policy || !policy->trains)
        return error_set(err, STATUS_BAD_VALUE, "%s: trains nothing", argv[1]);
    const struct model_spec spec = spec_of(&variant, policy);
    const struct model_options options = {
        .n_sequences = B, .n_tokens = T, .train = true, .n_threads = 1,
    };
    enum status status = file_map(&text, argv[2], err);
    if (status == STATUS_OK && text.size <= STEPS * B * T)
        status = error_set(err, STATUS_BAD_VALUE, "%s: needs %d bytes",
                           argv[2], STEPS * B * T + 1);
    if (status == STATUS_OK)
        status = model_open(&m, &spec, &options, err);
    if (status == STATUS_OK) {
        const size_t bytes = model_tensors(m)->floats * sizeof(float);
        model_init(m, INIT_FAN_IN, 1);
        r->start = malloc(bytes);
        if (!r->start)
            status = error_set(err, STATUS_NO_MEMORY, "no memory for weights");
        else
            memcpy(r->start, model_weights(m), bytes);
    }
    if (status == STATUS_OK) {
        cut(r, &text);
        status = give_table(m, r, err);
    }
    if (status == STATUS_OK)
        status = allocation_open(&replayed, plan_n_choices(&spec), B, T, err);
    if (status == STATUS_OK)
        status = open_trace(&trace, m, r, &replayed, err);
    if (status == STATUS_OK) {
        take_steps(r, m, policy, &replayed, trace);
        status = write_out(r, m, argv[3], err);
    }
    free(r->start);
    text_trace_close(trace);
    allocation_close(&replayed);
    model_close(m);
    file_unmap(&text);
    return status;
}

int main(int argc, char **argv)
{
    struct error err = { STATUS_OK, "" };

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (int i = 0; i < N_VARIANTS; i++)
            if (!route_find(variants[i].name))
                puts(variants[i].name);
        for (const struct route_policy *p = route_policies; p->name; p++)
            if (p->trains)
                puts(p->name);
        return 0;
    }
    if (argc != 4) {
        fputs("replay POLICY TEXT OUT.safetensors\n", stderr);
        return 2;
    }
    struct record *r = calloc(1, sizeof *r);
    if (!r)
        error_set(&err, STATUS_NO_MEMORY, "no memory");
    else if (run(r, argv, &err) == STATUS_OK)
        err.status = STATUS_OK;
    free(r);
    if (err.status == STATUS_OK)
        return 0;
    fprintf(stderr, "replay: %s\n", err.text);
    return status_exit_code(err.status);
}
