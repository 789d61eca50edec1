/* hold.c - Add buffers up by kind; search for the largest batch and length. */
#include "sim/price/hold.h"

#include "sim/core/ledger/ledger.h"
#include "sim/price/flops.h"

const char *const fit_names[] = { FIT_MAP(NAMES_WORD) NULL };

static void add(uint64_t *sum, uint64_t part)
{
    if (__builtin_add_overflow(*sum, part, sum))
        *sum = UINT64_MAX;
}

static uint64_t bytes_of(const struct memory_item *item,
                         const struct regime *regime)
{
    const enum precision format[MEMORY_KIND_COUNT] = {
        [MEMORY_WEIGHTS] = regime->weights,
        [MEMORY_KV] = regime->kv,
        [MEMORY_ACTIVATIONS] = regime->arithmetic,
        [MEMORY_GRADIENTS] = regime->gradients,
        [MEMORY_OPTIMIZER] = regime->moments,
        [MEMORY_WORKSPACE] = PRECISION_FP32,
    };
    const uint64_t bytes = memory_item_bytes(item);
    return item->packed || bytes == UINT64_MAX
               ? bytes : regime_bytes(bytes, format[item->kind]);
}

/* Of those, what one device holds. */
static uint64_t held_of(const struct memory_item *item,
                        const struct regime *regime)
{
    static const enum sharding shards[MEMORY_KIND_COUNT] = {
        [MEMORY_WEIGHTS] = SHARDING_WEIGHTS,
        [MEMORY_GRADIENTS] = SHARDING_GRADIENTS,
        [MEMORY_OPTIMIZER] = SHARDING_OPTIMIZER,
    };
    const enum sharding by = shards[item->kind];
    const uint64_t bytes = bytes_of(item, regime);
    const uint64_t n = by == SHARDING_NONE
                           ? 1 : (uint64_t)regime_parts(regime, by);
    return bytes == UINT64_MAX ? bytes : bytes / n + (bytes % n > 0);
}

static void add_items(struct hold *hold, const struct hold_question *q,
                      enum memory_phase phase, bool keys_alone)
{
    struct memory_item items[MEMORY_ITEMS_MAX];
    const int n =
        q->fixed ? memory_items_by(items, q->spec, q->fixed, q->n_sequences,
                                   q->n_tokens, phase)
                 : memory_items(items, q->spec, q->n_sequences, q->n_tokens,
                                phase);
    const bool own = regime_is_fp32(q->regime);

    for (int i = 0; i < n; i++)
        if ((!keys_alone || items[i].kind == MEMORY_KV) &&
            (own || !items[i].own))
            add(&hold->bytes[items[i].kind], held_of(&items[i], q->regime));
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The layer at hand, and what is outside any, are there whole: their weights,
 * fetched, and the gradients of either, until they are summed where each is
 * held. */
static void add_layer_at_hand(struct hold *hold, const struct hold_question *q)
{
    const struct regime *r = q->regime;
    uint64_t layer = 0;

    if (q->phase != MEMORY_TRAIN || regime_parts(r, SHARDING_GRADIENTS) == 1)
        return;
    const uint64_t outside = 4 * flops_parameters(q->spec, LEDGER_OUTSIDE);
    for (int32_t l = 0; l < q->spec->n_layers; l++)
        layer = larger(layer, 4 * flops_parameters(q->spec, l));
    add(&hold->bytes[MEMORY_WORKSPACE],
        regime_bytes(larger(layer, outside), r->gradients));
    if (regime_parts(r, SHARDING_WEIGHTS) > 1)
        add(&hold->bytes[MEMORY_WORKSPACE],
            regime_bytes(layer + outside, r->arithmetic));
}

static enum memory_phase phase_of(const struct hold_question *q)
{
    return q->phase == MEMORY_TRAIN && q->regime->recompute ? MEMORY_RECOMPUTED
                                                            : q->phase;
}

static struct hold summed(struct hold hold)
{
    hold.total = 0;
    for (int kind = 0; kind < MEMORY_KIND_COUNT; kind++)
        add(&hold.total, hold.bytes[kind]);
    return hold;
}

struct hold hold_buffers(const struct hold_question *q)
{
    struct hold hold = { 0 };

    add_items(&hold, q, phase_of(q), false);
    add_layer_at_hand(&hold, q);
    return summed(hold);
}

struct hold hold_of(const struct hold_question *q)
{
    struct hold hold = hold_buffers(q);

    if (q->phase == MEMORY_LAST)
        add_items(&hold, q, MEMORY_DECODE, true);
    if (regime_is_fp32(q->regime))
        add(&hold.bytes[MEMORY_WORKSPACE],
            memory_beside_bytes(q->spec, q->n_sequences, q->n_tokens,
                                phase_of(q), q->n_threads));
    return summed(hold);
}

enum fit hold_fit(uint64_t bytes, const struct machine *machine)
{
    const struct quantity *memory = &machine->memory_bytes;

    if (!quantity_known(memory))
        return FIT_UNKNOWN;
    return (double)bytes <= memory->low     ? FITS
           : (double)bytes <= memory->value ? MAY_FIT : DOES_NOT_FIT;
}

/* The largest n in 0..most whose question fits; `n` is where it is asked. */
static int32_t largest_of(struct hold_question *q, int32_t *n, int32_t most,
                          uint64_t bytes)
{
    int32_t fits = 0, above = most;

    while (fits < above) {
        *n = above - (above - fits) / 2;
        if (hold_of(q).total <= bytes)
            fits = *n;
        else
            above = *n - 1;
    }
    return fits;
}

int32_t hold_largest_batch(const struct hold_question *question, uint64_t bytes)
{
    enum { MOST = 1 << 30 };
    struct hold_question q = *question;
    const int32_t most = MOST / q.n_tokens;
    return largest_of(&q, &q.n_sequences, most, bytes);
}

int32_t hold_largest_length(const struct hold_question *question,
                            uint64_t bytes)
{
    struct hold_question q = *question;
    return largest_of(&q, &q.n_tokens, q.spec->max_tokens, bytes);
}
