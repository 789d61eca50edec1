/* head.h - Lay out one head of attention, its queries, keys and values, for the
 * products of a strip of queries. */
#ifndef HEAD_H
#define HEAD_H

#include <math.h>

#include "models/kernels/kernel.h"
#include "models/kernels/transpose.h"

/* A strip's keys end with the tile that holds its last query's own.  Backward
 * takes QUERIES against KEYS at a time, whose probabilities and their gradients
 * are 64 KB: in the second cache, where all of a sequence's would not stay. */
enum {
    STRIP   = 16,                /* queries; OP_KEY_TILE keys a tile */
    STRIPS  = 4,
    QUERIES = STRIPS * STRIP,
    KEYS    = 128,
};

static inline int32_t round_up(int32_t n)
{
    return (n + 15) / 16 * 16;
}

/* One head's keys or values of a sequence, [count,D] out of [N,Q+2E], as rows
 * [padded,D] and as columns [D,padded]; zero beyond count. */
static inline void copy_rows(const real *from, int32_t stride, int32_t count,
                             int32_t padded, int32_t d, real *to)
{
    for (int32_t j = 0; j < count; j++)
        memcpy(to + (ptrdiff_t)j * d, from + (ptrdiff_t)j * stride,
               (size_t)d * sizeof *to);
    memset((void *)(to + (ptrdiff_t)count * d), 0,
           (size_t)(padded - count) * (size_t)d * sizeof *to);
}

static inline void copy_columns(const real *from, int32_t stride, int32_t count,
                                int32_t padded, int32_t d, real *to)
{
    transpose(from, stride, count, d, to, padded);
    for (int32_t i = 0; i < d && count < padded; i++)
        memset((void *)(to + (ptrdiff_t)i * padded + count), 0,
               (size_t)(padded - count) * sizeof *to);
}

/* Ask for rows of d numbers, `stride` apart: a head's part of a row is short,
 * and no CPU foresees the next row's. */
static inline void fetch_rows(const real *p, int32_t stride, int32_t rows,
                              int32_t d)
{
    for (int32_t r = 0; r < rows; r++)
        for (int32_t i = 0; i < d; i += 16)
            __builtin_prefetch(p + (ptrdiff_t)r * stride + i, 0, 2);
}

static inline void scaled_rows(const real *from, int32_t stride, int32_t n,
                               int32_t d, real scale, real *to)
{
    for (int32_t r = 0; r < n; r++) {
        const real *x = from + (ptrdiff_t)r * stride;
        int32_t i = 0;
        for (; i + REGISTER_LANES <= d; i += REGISTER_LANES)
            lanes_store(to + r * d + i,
                        lanes_load(x + i) * lanes_set(scale));
        for (; i < d; i++)
            to[r * d + i] = x[i] * scale;
    }
}

static inline void multiply(int32_t m, int32_t n, int32_t k, const real *a,
                            ptrdiff_t a_row, ptrdiff_t a_k, const real *b,
                            ptrdiff_t b_k, real *c, ptrdiff_t c_row, bool add)
{
    struct gemm g = { m, n, k, a, a_row, a_k, b, b_k, 1, c, c_row, NULL,
                      add ? c : NULL, c_row, NULL, 0 };
    KERNEL(small_gemm)(&g, false);
}

/* What capping takes, worked out once by every thread. */
struct caps {
    real slope, twice, cap, inverse;
    bool any;
};

static inline struct caps caps_of(float cap)
{
    struct caps c = { 0, 0, cap, 0, cap > 0.0f };
    if (c.any) {
        c.slope = ONCE(-2.0f / cap);
        c.twice = ONCE(2.0f * cap);
        c.inverse = ONCE(1.0f / cap);
    }
    return c;
}

/* The first key that a query sees which sees those before `seen`; and the tile
 * that holds it, where a strip's keys begin. */
static inline int32_t window_start(int32_t window, int32_t seen)
{
    return window > 0 && seen > window ? seen - window : 0;
}

static inline int32_t window_tile(int32_t window, int32_t seen)
{
    return window_start(window, seen) / 16 * 16;
}

/* The operands of one (sequence, key/value head). */
struct view {
    int32_t first, count;            /* queries */
    int32_t n_keys, padded, d, q, e, stride, kv_stride, group;
    const int32_t *position;         /* [count]; NULL: query i sees i + 1 keys */
    const real *queries, *keys, *values;
    real scale;                      /* set by those that score */
    struct caps caps;                /* likewise */
};

/* Worked out once by every thread, whatever the number of views. */
static inline real score_scale(int32_t d)
{
    return ONCE(1.0f / sqrtf((float)d));
}

static inline struct view view_of(const struct attention *o, int32_t b,
                                  int32_t g)
{
    int32_t d = o->head_size, q = o->n_heads * d, e = o->n_kv_heads * d;
    int32_t first = o->rows->first[b], count = o->rows->first[b + 1] - first;
    const real *base = o->qkv + (ptrdiff_t)first * (q + 2 * e);
    struct view v = { first, count, count, round_up(count), d, q, e, q + 2 * e,
                      q + 2 * e, o->n_heads / o->n_kv_heads, NULL, base,
                      base + q + g * d, base + q + e + g * d, 0,
                      { 0, 0, 0, 0, false } };
    if (o->key_rows) {
        int32_t k = o->key_rows->first[b];
        v.n_keys = o->key_rows->first[b + 1] - k;
        v.padded = round_up(v.n_keys);
        v.kv_stride = o->kv_stride;
        v.position = o->rows->position + first;
        v.keys = o->kv + (ptrdiff_t)k * o->kv_stride + g * d;
        v.values = v.keys + e;
    }
    return v;
}

/* The number of keys that query i sees. */
static inline int32_t seen_by(const struct view *v, int32_t i)
{
    return (v->position ? v->position[i] : i) + 1;
}

static inline void fetch_head(const struct view *v)
{
    fetch_rows(v->keys, v->kv_stride, v->n_keys, v->d);
    fetch_rows(v->values, v->kv_stride, v->n_keys, v->d);
}

#endif
