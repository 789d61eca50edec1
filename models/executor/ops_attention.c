/* ops_attention.c - Run the ops in which a row meets the rows before it, and
 * tally them by the number of keys. */
#include "models/executor/ops_inside.h"

#include <string.h>

PARTS_SCRATCH(attend, attention)
PARTS_SCRATCH(attend_backward, attention)
PARTS_SCRATCH(attend_cached, cached_attention)
PARTS(scale_queries, reception)
PARTS_SCRATCH(receive, reception)
PARTS_SCRATCH(receive_cached, cached_reception)

/* Keys that the query at index i of its sequence runs over. */
static uint64_t keys_of(int32_t i)
{
    return u(i / OP_KEY_TILE + 1) * OP_KEY_TILE;
}

/* Keys in the tiles before that of the first key in the window of a query that
 * sees those before `seen`; 0: it sees all. */
static uint64_t keys_before(int32_t window, int32_t seen)
{
    return window > 0 && seen > window
               ? u((seen - window) / OP_KEY_TILE) * OP_KEY_TILE : 0;
}

/* Rows differ in their number of keys, so the tally is made row by row. */
static void end_attention(struct executor *ex, struct op_run *run,
                          const int32_t *token, const struct rows *rows,
                          int32_t window, struct tally each,
                          uint64_t flops_per_key)
{
    uint64_t keys = 0;
    int32_t n = rows->first[rows->n_sequences];

    if (!ex->meter)
        return;
    for (int32_t b = 0; b < rows->n_sequences; b++)
        for (int32_t r = rows->first[b]; r < rows->first[b + 1]; r++) {
            /* A strip's keys begin with those of its first query. */
            const int32_t i = r - rows->first[b];
            uint64_t own = keys_of(i) -
                           keys_before(window, i / OP_KEY_TILE * OP_KEY_TILE + 1);
            keys += own;
            if (ex->meter->by_token)
                ex->extra[r] = (struct tally){ own * flops_per_key, 0 };
        }
    run->extra = ex->meter->by_token ? ex->extra : NULL;
    op_end(ex, run, token, n, each,
           (struct tally){ keys * flops_per_key, 0 });
}

/* End attention whose queries are apart from keys: all of a strip run over the
 * keys up to its last query's own.  The op's rows are those of the keys. */
static void end_attention_apart(struct executor *ex, struct op_run *run,
                                const struct attention *o, struct tally query,
                                uint64_t flops_per_key, struct tally key)
{
    const struct rows *rows = o->rows, *all = o->key_rows;
    const int32_t n = all->first[all->n_sequences];
    struct tally sum = { 0, 0 };

    if (!ex->meter)
        return;
    if (ex->meter->by_token)
        memset(ex->extra, 0, (size_t)n * sizeof *ex->extra);
    for (int32_t b = 0; b < rows->n_sequences; b++) {
        const int32_t end = rows->first[b + 1];
        for (int32_t r = rows->first[b]; r < end; r++) {
            int32_t i = r - rows->first[b];
            int32_t last = r - i % OP_KEY_TILE + OP_KEY_TILE - 1;
            if (last >= end)
                last = end - 1;
            struct tally own = {
                query.flops +
                    keys_of(rows->position[last]) * flops_per_key,
                query.bytes };
            sum.flops += own.flops;
            sum.bytes += own.bytes;
            if (ex->meter->by_token)
                ex->extra[all->first[b] + rows->position[r]] = own;
        }
    }
    run->extra = ex->meter->by_token ? ex->extra : NULL;
    op_end(ex, run, all->token, n, key, sum);
}

/* Flops for each key of a head: dot product, exponential, mix; backward, their
 * gradients; and capping, with its slope. */
static uint64_t per_key(int32_t head_size, float cap, bool backward)
{
    const uint64_t d = u(head_size), capped = cap > 0.0f;

    return backward ? 10 * d + EXP + 4 + capped * (EXP + 8)
                    : 4 * d + EXP + 2 + capped * (EXP + 4);
}

void op_attend(struct executor *ex, struct place at, const struct attention *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, attend_part, o);
    uint64_t h = u(o->n_heads), d = u(o->head_size), e = u(o->n_kv_heads) * d;
    const uint64_t keyed = h * per_key(o->head_size, o->cap, false);
    if (o->key_rows) {
        end_attention_apart(ex, &run, o,
                            (struct tally){ h * (2 * d + FOLD + 1),
                                            8 * h * d + 8 * h },
                            keyed, (struct tally){ 0, 8 * e });
        return;
    }
    struct tally each = { h * (2 * d + FOLD + 1), 8 * h * d + 8 * e + 8 * h };
    end_attention(ex, &run, at.token, o->rows, o->window, each, keyed);
}

void op_attend_backward(struct executor *ex, struct place at,
                        const struct attention *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, attend_backward_part, o);
    uint64_t h = u(o->n_heads), d = u(o->head_size), e = u(o->n_kv_heads) * d;
    struct tally query = { h * (4 * d + FOLD), 16 * h * d + 8 * h };
    struct tally key = { o->adds ? 2 * e : 0, o->adds ? 24 * e : 16 * e };
    const uint64_t keyed = h * per_key(o->head_size, o->cap, true);
    if (o->key_rows) {
        end_attention_apart(ex, &run, o, query, keyed, key);
        return;
    }
    struct tally each = { query.flops + key.flops, query.bytes + key.bytes };
    end_attention(ex, &run, at.token, o->rows, o->window, each, keyed);
}

struct filling {
    const struct attention *o;
    const struct cache     *cache;
};

static void filling_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct filling *f = call->operand;
    call->ex->kernels->fill_cache(f->o, f->cache->length, f->cache->capacity,
                                  f->cache->keys, f->cache->values, part,
                                  parts);
}

void fill_cache(struct executor *ex, const struct attention *o,
                struct cache *cache)
{
    struct filling f = { o, cache };
    const struct rows *rows = o->key_rows ? o->key_rows : o->rows;
    op_parts(ex, filling_part, &f);
    for (int32_t b = 0; b < rows->n_sequences; b++)
        cache->length[b] += rows->first[b + 1] - rows->first[b];
}

/* End attention of one query a row, over the keys of its sequence that lie in
 * the window. */
static void end_cached(struct executor *ex, struct op_run *run,
                       const int32_t *token, const int32_t *sequence,
                       const int32_t *length, int32_t n, int32_t window,
                       struct tally each, struct tally per_key)
{
    struct tally keys = { 0, 0 };
    for (int32_t r = 0; r < n; r++) {
        int32_t held = length[sequence[r]];
        const int32_t seen = window > 0 && held > window ? window : held;
        ex->extra[r] = (struct tally){
            (keys_of(held - 1) - keys_before(window, held)) * per_key.flops,
            u(seen) * per_key.bytes };
        keys.flops += ex->extra[r].flops;
        keys.bytes += ex->extra[r].bytes;
    }
    run->extra = ex->extra;
    op_end(ex, run, token, n, each, keys);
}

void op_attend_cached(struct executor *ex, struct place at,
                      const struct cached_attention *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, attend_cached_part, o);
    uint64_t h = u(o->n_heads), d = u(o->head_size), e = u(o->n_kv_heads) * d;
    struct tally each = { h * (2 * d + FOLD + 1), 8 * h * d + 8 * h };
    end_cached(ex, &run, at.token, o->sequence, o->length, o->n, o->window,
               each, (struct tally){ h * per_key(o->head_size, o->cap, false),
                                     8 * e });
}

void op_receive(struct executor *ex, struct place at,
                const struct reception *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, scale_queries_part, o);
    op_parts(ex, receive_part, o);
    uint64_t h = u(o->n_heads), d = u(o->head_size), e = u(o->n_kv_heads) * d;
    struct tally each = { 2 * h * d, 8 * h * d + 8 * e + 8 * h + 4 };
    end_attention(ex, &run, at.token, o->rows, 0, each,
                  h * (2 * d + EXP + 3));
}

void op_receive_cached(struct executor *ex, struct place at,
                       const struct cached_reception *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, receive_cached_part, o);
    uint64_t h = u(o->n_heads), d = u(o->head_size), e = u(o->n_kv_heads) * d;
    struct tally each = { 2 * h * d, 8 * h * d + 8 * h + 4 };
    end_cached(ex, &run, at.token, o->sequence, o->length, o->n, 0, each,
               (struct tally){ h * (2 * d + EXP + 3), 8 * e });
}
