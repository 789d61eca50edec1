/* attention_backward.c - Work out the gradients of causal attention, a block of
 * queries against a block of keys at a time, so that the products that sum over
 * queries sum over many, and the probabilities of a block stay in a cache. */
#include "models/kernels/head.h"

/* p: scores to probabilities; dp: their gradients to those of the scores.  The
 * first `hidden` keys lie before the window. */
static void soften_backward(real *p, real *dp, int32_t n, int32_t hidden,
                            int32_t valid, const struct caps *caps,
                            const real *stats, real delta)
{
    lanes m = lanes_set(stats[0]), inverse = lanes_set(stats[1]);
    lanes v = lanes_set(delta);
    lanes slope = lanes_set(caps->slope), twice = lanes_set(caps->twice);
    for (int32_t j = 0; j < n; j += REGISTER_LANES) {
        lanes s = lanes_load(p + j);
        if (caps->any)
            s = lanes_cap(s, slope, twice, lanes_set(caps->cap));
        lanes e = lanes_exp(s - m) * inverse;
        if (j + REGISTER_LANES > valid)
            e = lanes_head(e, valid - j);
        lanes_store(p + j, e);
        lanes d = e * (lanes_load(dp + j) - v);
        if (caps->any)
            d = d * lanes_cap_slope(s, lanes_set(caps->inverse));
        lanes_store(dp + j, d);
    }
    for (int32_t j = 0; j < hidden && j < n; j++)
        p[j] = dp[j] = real_set(0.0f);
}

static real dot(const real *a, const real *b, int32_t n)
{
    running sum = running_set(0.0f);
    int32_t i = 0;
    for (; i + 16 <= n; i += 16)
        REGISTERS(reg, at, i)
            sum.at[reg] = lanes_add_product(sum.at[reg], lanes_load(a + at),
                                            lanes_load(b + at));
    real total = running_fold(sum);
    for (; i < n; i++)
        total = total + a[i] * b[i];
    return total;
}

/* The sequence's keys and values in the layouts that backward reads, and the
 * gradients it adds up. */
struct workspace {
    real *key_columns, *value_columns, *key_rows, *dkeys, *dvalues;
    real *queries, *dqueries, *p, *dp;
};

/* Queries [i,i + rows) of a head: QUERIES, or those that are left. */
struct block {
    int32_t i, rows;
    int32_t seen[STRIPS];        /* keys that each strip runs over, */
    int32_t start[STRIPS];       /* from this one on */
    real    delta[QUERIES];      /* dot of out and its gradient */
};

static struct block block_of(const struct attention *o, const struct view *v,
                             int32_t h, int32_t i)
{
    struct block b;
    b.i = i;
    b.rows = v->count - i < QUERIES ? v->count - i : QUERIES;
    for (int32_t j = 0; j < b.rows; j++) {
        ptrdiff_t row = (ptrdiff_t)(v->first + i + j) * v->q + h * v->d;
        b.delta[j] = dot(o->dout + row, o->out + row, v->d);
        b.seen[j / STRIP] = round_up(seen_by(v, i + j));
        if (j % STRIP == 0)
            b.start[j / STRIP] = window_tile(o->window, seen_by(v, i + j));
    }
    return b;
}

/* Of keys [from,from + KEYS), those that strip s runs over: [skipped_of(),
 * keys_of()), or none. */
static inline int32_t keys_of(const struct block *b, int32_t s, int32_t from)
{
    int32_t n = b->seen[s] - from;
    return n < 0 ? 0 : n < KEYS ? n : KEYS;
}

static inline int32_t skipped_of(const struct block *b, int32_t s, int32_t from)
{
    return b->start[s] > from ? b->start[s] - from : 0;
}

/* The probabilities of a strip, their gradients, and its share of its queries'
 * gradient, from n keys. */
static void strip_backward(const struct attention *o, const struct view *v,
                           int32_t h, const struct workspace *w,
                           const struct block *b, int32_t s, int32_t from)
{
    int32_t d = v->d, j = s * STRIP, skipped = skipped_of(b, s, from);
    int32_t n = keys_of(b, s, from) - skipped, key = from + skipped;
    int32_t r = b->rows - j < STRIP ? b->rows - j : STRIP;
    ptrdiff_t row = v->first + b->i + j;
    const real *queries = w->queries + j * d;
    real *p = w->p + j * KEYS + skipped, *dp = w->dp + j * KEYS + skipped;

    if (n <= 0)
        return;
    multiply(r, n, d, queries, d, 1, w->key_columns + key, v->padded, p, KEYS,
             false);
    multiply(r, n, d, o->dout + row * v->q + h * d, v->q, 1,
             w->value_columns + key, v->padded, dp, KEYS, false);
    for (int32_t i = 0; i < r; i++) {
        int32_t seen = seen_by(v, b->i + j + i);
        soften_backward(p + i * KEYS, dp + i * KEYS, n,
                        window_start(o->window, seen) - key, seen - key,
                        &v->caps, o->stats + ((row + i) * o->n_heads + h) * 2,
                        b->delta[j + i]);
    }
    multiply(r, d, n, dp, KEYS, 1, w->key_rows + (ptrdiff_t)key * d, d,
             w->dqueries + j * d, d, from > b->start[s]);
}

/* The gradients of keys from `from` on and of their values.  Strips see ever
 * more keys: each range of them is added to once, by all strips that see it; with
 * a window, by each strip on its own. */
static void keys_backward(const struct attention *o, const struct view *v,
                          int32_t h, const struct workspace *w,
                          const struct block *b, int32_t from)
{
    int32_t d = v->d, done = 0;
    for (int32_t s = 0; s * STRIP < b->rows; s++) {
        int32_t j = s * STRIP, rows = b->rows - j;
        if (o->window > 0) {
            done = skipped_of(b, s, from);
            rows = rows < STRIP ? rows : STRIP;
        }
        int32_t n = keys_of(b, s, from) - done;
        ptrdiff_t cell = j * KEYS + done, key = (ptrdiff_t)(from + done) * d;
        const real *dout = o->dout + (ptrdiff_t)(v->first + b->i + j) * v->q +
                           h * d;
        if (n <= 0)
            continue;
        multiply(n, d, rows, w->p + cell, 1, KEYS, dout, v->q,
                 w->dvalues + key, d, true);
        multiply(n, d, rows, w->dp + cell, 1, KEYS, w->queries + j * d, d,
                 w->dkeys + key, d, true);
        done += n;
    }
}

static void attend_head_backward(const struct attention *o,
                                 const struct view *v, int32_t h,
                                 const struct workspace *w)
{
    int32_t d = v->d;
    for (int32_t i = 0; i < v->count; i += QUERIES) {
        const struct block b = block_of(o, v, h, i);
        const int32_t strips = (b.rows + STRIP - 1) / STRIP;
        const ptrdiff_t row = (ptrdiff_t)(v->first + i) * v->stride + h * d;
        scaled_rows(v->queries + (ptrdiff_t)i * v->stride + h * d, v->stride,
                    b.rows, d, v->scale, w->queries);
        for (int32_t from = 0; from < b.seen[strips - 1]; from += KEYS) {
            for (int32_t s = 0; s < strips; s++)
                strip_backward(o, v, h, w, &b, s, from);
            keys_backward(o, v, h, w, &b, from);
        }
        for (int32_t j = 0; j < b.rows; j++)
            scaled_rows(w->dqueries + j * d, d, 1, d, v->scale,
                        o->dqkv + row + (ptrdiff_t)j * v->stride);
    }
}

/* Hand out the gradients of the keys and values of one head. */
static void hand_keys(const struct attention *o, const struct view *v,
                      int32_t b, int32_t g, const struct workspace *w)
{
    const struct rows *rows = o->key_rows ? o->key_rows : o->rows;
    real *to = o->dkv ? o->dkv : o->dqkv + v->q;
    int32_t stride = o->dkv ? o->dkv_stride : v->stride;

    to += (ptrdiff_t)rows->first[b] * stride + g * v->d;
    for (int32_t j = 0; j < v->n_keys; j++, to += stride)
        for (int32_t i = 0; i < v->d; i++) {
            real key = w->dkeys[(ptrdiff_t)j * v->d + i];
            real value = w->dvalues[(ptrdiff_t)j * v->d + i];
            to[i] = o->adds ? to[i] + key : key;
            to[v->e + i] = o->adds ? to[v->e + i] + value : value;
        }
}

void KERNEL(attend_backward)(const struct attention *o, int part, int parts,
                             real *scratch)
{
    int32_t tasks = o->rows->n_sequences * o->n_kv_heads;
    real scale = score_scale(o->head_size);
    const struct caps caps = caps_of(o->cap);
    for (int32_t i = part; i < tasks; i += parts) {
        int32_t g = i % o->n_kv_heads;
        struct view v = view_of(o, i / o->n_kv_heads, g);
        v.scale = scale;
        v.caps = caps;
        ptrdiff_t size = (ptrdiff_t)v.padded * v.d;
        struct workspace w;
        w.key_columns = scratch;
        w.value_columns = w.key_columns + size;
        w.key_rows = w.value_columns + size;
        w.dkeys = w.key_rows + size;
        w.dvalues = w.dkeys + size;
        w.queries = w.dvalues + size;
        w.dqueries = w.queries + QUERIES * v.d;
        w.p = w.dqueries + QUERIES * v.d;
        w.dp = w.p + QUERIES * KEYS;
        fetch_head(&v);
        copy_columns(v.keys, v.kv_stride, v.n_keys, v.padded, v.d,
                     w.key_columns);
        copy_columns(v.values, v.kv_stride, v.n_keys, v.padded, v.d,
                     w.value_columns);
        copy_rows(v.keys, v.kv_stride, v.n_keys, v.padded, v.d, w.key_rows);
        memset((void *)w.dkeys, 0, 2 * (size_t)size * sizeof(real));
        for (int32_t h = g * v.group; h < (g + 1) * v.group; h++) {
            ptrdiff_t at = (ptrdiff_t)v.first * v.q + h * v.d;
            fetch_rows(v.queries + h * v.d, v.stride, v.count, v.d);
            fetch_rows(o->out + at, v.q, v.count, v.d);
            fetch_rows(o->dout + at, v.q, v.count, v.d);
            attend_head_backward(o, &v, h, &w);
        }
        hand_keys(o, &v, i / o->n_kv_heads, g, &w);
    }
}
