/* memory.c - the buffers of a run, one line each. */
#include "sim/memory.h"

#include <stdbool.h>

#include "sim/core/ledger.h"
#include "sim/flops.h"

#define X(id, name) [MEMORY_##id] = name,
const char *const memory_phase_names[MEMORY_PHASE_COUNT + 1] =
    { MEMORY_PHASE_MAP(X) };
#undef X

static uint64_t tensor_sum(const struct model_spec *spec, int32_t layer)
{
    struct flops_tensor tensors[FLOPS_TENSORS_MAX];
    int n = flops_tensors(tensors, spec, layer);
    uint64_t sum = 0;

    for (int i = 0; i < n; i++)
        sum += tensors[i].n;
    return sum;
}

uint64_t memory_parameters(const struct model_spec *spec)
{
    uint64_t sum = tensor_sum(spec, LEDGER_OUTSIDE);

    for (int32_t l = 0; l < spec->n_layers; l++)
        sum += tensor_sum(spec, l);
    return sum;
}

/* Rows over the layers that hold their activations at the same time. */
struct held {
    uint64_t rows;            /* that blocks work on */
    uint64_t gathered;        /* of those, rows of routed layers */
    uint64_t widest;          /* rows of one layer, at most */
    uint64_t scored;          /* rows that routers see */
};

static struct held rows_held(const struct model_spec *spec,
                             uint64_t n_sequences, int32_t n_tokens)
{
    struct held sum = { 0 };

    for (int32_t l = 0; l < spec->n_layers; l++) {
        uint64_t rows = n_sequences * (uint64_t)spec_kept(spec, l, n_tokens);
        sum.rows += rows;
        if (rows > sum.widest)
            sum.widest = rows;
        if (!spec->routed[l])
            continue;
        sum.gathered += rows;
        sum.scored += n_sequences * (uint64_t)n_tokens;
    }
    return sum;
}

static struct held one_layer(struct held all, const struct model_spec *spec,
                             uint64_t rows)
{
    bool routed = spec_n_routed(spec) > 0;
    return (struct held){ all.widest, routed ? all.widest : 0, all.widest,
                          routed ? rows : 0 };
}

int memory_items(struct memory_item *out, const struct model_spec *spec,
                 int32_t n_sequences, int32_t n_tokens,
                 enum memory_phase phase)
{
    const uint64_t C = (uint64_t)spec->n_channels, Q = (uint64_t)spec_q(spec),
        E = (uint64_t)spec_e(spec), H = (uint64_t)spec->n_heads,
        F = (uint64_t)spec->n_ffn, U = (uint64_t)spec_up(spec),
        V = (uint64_t)spec->n_vocab, L = (uint64_t)spec->n_layers,
        P = memory_parameters(spec), B = (uint64_t)n_sequences,
        stat = spec->family == FAMILY_GPT2 ? 2 : 1;
    const bool train = phase == MEMORY_TRAIN, decode = phase == MEMORY_DECODE;
    const uint64_t rows = decode ? B : B * (uint64_t)n_tokens;
    const struct held cached = rows_held(spec, B, n_tokens);
    const struct held step = decode ? rows_held(spec, B, 1) : cached;
    const struct held h = train ? step : one_layer(step, spec, rows);
    /* Backward needs gradients of one layer at a time, the widest. */
    const uint64_t back = train ? step.widest : 0;
    const struct memory_item all[] = {
        { "parameters",        P, 1 },
        { "gradients",         P, train },
        { "first moment",      P, train },
        { "second moment",     P, train },
        { "tokens, targets",   1, rows * (phase == MEMORY_DECODE ? 1 : 2) },
        { "stream",            C, train ? rows * (L + 1) : rows },
        { "router score",      1, h.scored },
        { "router statistics", stat, train ? h.scored : 0 },
        { "kept positions",    1, cached.scored },
        { "gathered",          C, h.gathered },
        { "norm1",             C, h.rows },
        { "qkv",               Q + 2*E, h.rows },
        { "attended",          Q, h.rows },
        { "attend statistics", 2*H, h.rows },
        { "stream, middle",    C, h.rows },
        { "norm2",             C, h.rows },
        { "up",                U, h.rows },
        { "act",               F, h.rows },
        { "block out",         C, h.gathered },
        { "norm statistics",   2*stat, h.rows },
        { "final norm",        C + stat, rows },
        { "logits",            V, rows },
        { "cached keys",       2*E, decode ? cached.rows : 0 },
        { "d stream",          C, train ? 2 * rows : 0 },
        { "d rows",            3*C + Q + (Q + 2*E) + U + F, back },
    };
    int n = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].numbers > 0 && all[i].rows > 0)
            out[n++] = all[i];
    return n;
}

uint64_t memory_bytes(const struct model_spec *spec, int32_t n_sequences,
                      int32_t n_tokens, enum memory_phase phase)
{
    struct memory_item items[MEMORY_ITEMS_MAX];
    int n = memory_items(items, spec, n_sequences, n_tokens, phase);
    uint64_t sum = 0;

    for (int i = 0; i < n; i++) {
        uint64_t part;
        if (__builtin_mul_overflow(4 * items[i].numbers, items[i].rows,
                                   &part) ||
            __builtin_add_overflow(sum, part, &sum))
            return UINT64_MAX;
    }
    return sum;
}
