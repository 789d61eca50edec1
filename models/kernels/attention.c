/* attention.c - Compute causal attention among the rows of each sequence,
 * fused: scores live in strips of 16 queries, never as T x T.  The strip's keys
 * end with the tile that holds the last query's own (sim/core/ledger/op.h);
 * masked ones are set to zero. */
#include <math.h>

#include "models/kernels/head.h"

/* Tiles of cached keys that are scored at once: eight chains of sums, or four of
 * the widest, hide how long each takes.  The keys of a tile lie together, so
 * that memory hands them on in one stream: as columns of all tokens, in as many
 * streams as a head has channels, it gave a third of its bytes a second (Zen 4). */
enum {
    SCORED = REGISTER_LANES < 8 ? 2 : 4,
};

size_t KERNEL(attend_scratch)(int32_t n_tokens, int32_t head_size)
{
    size_t padded = (size_t)round_up(n_tokens), d = (size_t)head_size;
    size_t forward = 2 * padded * d + STRIP * (d + padded);
    size_t backward = 5 * padded * d + 2 * QUERIES * (d + KEYS);
    return forward > backward ? forward : backward;
}

/* Turn scores into exponentials in place, over n keys of which `valid` are
 * seen. */
static void soften(real *s, int32_t n, int32_t valid, real *stats)
{
    running top = running_set(-3e38f), sum = running_set(0.0f);
    int32_t whole = (valid - 1) / 16 * 16;   /* tiles without masked keys */
    for (int32_t j = 0; j < whole; j += 16)
        REGISTERS(reg, at, j)
            top.at[reg] = lanes_max(top.at[reg], lanes_load(s + at));
    REGISTERS(reg, at, whole)
        top.at[reg] = lanes_max(top.at[reg], lanes_head_low(lanes_load(s + at),
                                                            valid - at));
    real largest = running_largest(top);
    lanes m = lanes_set(largest);
    for (int32_t j = 0; j < whole; j += 16)
        REGISTERS(reg, at, j) {
            lanes e = lanes_exp(lanes_load(s + at) - m);
            lanes_store(s + at, e);
            sum.at[reg] = sum.at[reg] + e;
        }
    for (int32_t j = whole; j < n; j += 16)
        REGISTERS(reg, at, j) {
            lanes e = lanes_head(lanes_exp(lanes_load(s + at) - m), valid - at);
            lanes_store(s + at, e);
            sum.at[reg] = sum.at[reg] + e;
        }
    stats[0] = largest;
    stats[1] = real_set(1.0f) / running_fold(sum);
}

/* n scores, a multiple of 16. */
static void cap_scores(real *s, int32_t n, const struct caps *caps)
{
    lanes slope = lanes_set(caps->slope), twice = lanes_set(caps->twice);
    for (int32_t j = 0; j < n && caps->any; j += REGISTER_LANES)
        lanes_store(s + j, lanes_cap(lanes_load(s + j), slope, twice,
                                     lanes_set(caps->cap)));
}

/* Keys of the first tiles that lie before the window: as good as unseen. */
static void hide(real *s, int32_t n)
{
    for (int32_t j = 0; j < n; j++)
        s[j] = real_set(-3e38f);
}

static void attend_head(const struct attention *o, const struct view *v,
                        int32_t h, const real *keys, const real *values,
                        real *scratch)
{
    int32_t d = v->d, n_max = v->padded;
    real *queries = scratch, *s = queries + STRIP * d;
    for (int32_t i = 0; i < v->count; i += STRIP) {
        int32_t r = v->count - i < STRIP ? v->count - i : STRIP;
        int32_t from = window_tile(o->window, seen_by(v, i));
        int32_t n = round_up(seen_by(v, i + r - 1)) - from;
        scaled_rows(v->queries + (ptrdiff_t)i * v->stride + h * d, v->stride, r,
                    d, v->scale, queries);
        multiply(r, n, d, queries, d, 1, keys + from, n_max, s, n_max, false);
        for (int32_t j = 0; j < r; j++) {
            int32_t seen = seen_by(v, i + j);
            cap_scores(s + (ptrdiff_t)j * n_max, n, &v->caps);
            hide(s + (ptrdiff_t)j * n_max, window_start(o->window, seen) - from);
            soften(s + (ptrdiff_t)j * n_max, n, seen - from,
                   o->stats + ((ptrdiff_t)(v->first + i + j) * o->n_heads + h) *
                                  2);
        }
        real *out = o->out + (ptrdiff_t)(v->first + i) * v->q + h * d;
        multiply(r, d, n, s, n_max, 1, values + (ptrdiff_t)from * d, d, out,
                 v->q, false);
        for (int32_t j = 0; j < r; j++)
            scaled_rows(out + (ptrdiff_t)j * v->q, v->q, 1, d,
                        o->stats[((ptrdiff_t)(v->first + i + j) * o->n_heads +
                                  h) * 2 + 1], out + (ptrdiff_t)j * v->q);
    }
}

void KERNEL(attend)(const struct attention *o, int part, int parts,
                    real *scratch)
{
    int32_t tasks = o->rows->n_sequences * o->n_kv_heads;
    real scale = score_scale(o->head_size);
    const struct caps caps = caps_of(o->cap);
    for (int32_t i = part; i < tasks; i += parts) {
        int32_t g = i % o->n_kv_heads;
        struct view v = view_of(o, i / o->n_kv_heads, g);
        if (v.count == 0)
            continue;
        v.scale = scale;
        v.caps = caps;
        real *keys = scratch, *values = keys + (ptrdiff_t)v.padded * v.d;
        fetch_head(&v);
        copy_columns(v.keys, v.kv_stride, v.n_keys, v.padded, v.d, keys);
        copy_rows(v.values, v.kv_stride, v.n_keys, v.padded, v.d, values);
        for (int32_t h = g * v.group; h < (g + 1) * v.group; h++)
            attend_head(o, &v, h, keys, values,
                        values + (ptrdiff_t)v.padded * v.d);
    }
}

/* Where key `at` begins among a head's keys, [capacity/16,D,16]. */
static inline ptrdiff_t key_place(int32_t at, int32_t d)
{
    return (ptrdiff_t)(at / 16) * 16 * d + at % 16;
}

/* Put one key into its column of a tile, one value into row `at`. */
static void keep(const real *key, const real *value, int32_t at, int32_t d,
                 real *keys, real *values)
{
    for (int32_t i = 0; i < d; i++)
        keys[key_place(at, d) + i * 16] = key[i];
    memcpy(values + (ptrdiff_t)at * d, value, (size_t)d * sizeof *values);
}

void KERNEL(fill_cache)(const struct attention *o, const int32_t *length,
                        int32_t capacity, real *keys, real *values, int part,
                        int parts)
{
    int32_t tasks = o->rows->n_sequences * o->n_kv_heads;
    ptrdiff_t size = (ptrdiff_t)capacity * o->head_size;
    for (int32_t i = part; i < tasks; i += parts) {
        int32_t b = i / o->n_kv_heads;
        struct view v = view_of(o, b, i % o->n_kv_heads);
        int32_t run;             /* until the next tile begins */
        for (int32_t j = window_start(capacity, v.n_keys); j < v.n_keys;
             j += run) {
            const int32_t at = (length[b] + j) % capacity;
            run = v.n_keys - j < 16 - at % 16 ? v.n_keys - j : 16 - at % 16;
            transpose(v.keys + (ptrdiff_t)j * v.kv_stride, v.kv_stride, run, v.d,
                      keys + i * size + key_place(at, v.d), 16);
            copy_rows(v.values + (ptrdiff_t)j * v.kv_stride, v.kv_stride, run,
                      run, v.d, values + i * size + (ptrdiff_t)at * v.d);
        }
    }
}

void KERNEL(carry)(const struct carrying *o, int part, int parts)
{
    int32_t d = o->head_size, to_size = o->capacity, from_size = o->from_capacity;
    for (int32_t i = part; i < o->n * o->n_kv_heads; i += parts) {
        int32_t r = i / o->n_kv_heads, g = i % o->n_kv_heads;
        int32_t from = o->position[r] % from_size, to = o->position[r] % to_size;
        ptrdiff_t head = ((ptrdiff_t)o->sequence[r] * o->n_kv_heads + g) * d;
        for (int32_t j = 0; j < d; j++)
            o->keys[head * to_size + key_place(to, d) + j * 16] =
                o->from_keys[head * from_size + key_place(from, d) + j * 16];
        memcpy(o->values + head * to_size + (ptrdiff_t)to * d,
               o->from_values + head * from_size + (ptrdiff_t)from * d,
               (size_t)d * sizeof *o->values);
    }
}

/* The scores of `tiles` tiles of keys, each number one chain as everywhere; what
 * comes after the tiles is asked for, in the order in which it lies: line by line of
 * each tile, which of heads of 64 is a page, all would share a set of the first
 * cache. */
static inline __attribute__((always_inline)) void score_tiles(
    const int tiles, const real *query, const real *keys, int32_t d, real *s)
{
    enum { W = REGISTER_LANES, TILE = 16 / REGISTER_LANES };
    lanes sum[SCORED * TILE];
    UNROLL
    for (int r = 0; r < tiles * TILE; r++)
        sum[r] = lanes_set(0.0f);
    for (int32_t i = 0; i < d; i++) {
        const real *row = keys + (ptrdiff_t)i * 16;
        lanes x = lanes_set(query[i]);
        UNROLL
        for (int r = 0; r < tiles * TILE; r++)
            sum[r] = lanes_add_product(
                sum[r], x,
                lanes_load(row + (ptrdiff_t)(r / TILE) * 16 * d + r % TILE * W));
        UNROLL
        for (int t = 0; t < tiles; t++)
            __builtin_prefetch(keys + ((ptrdiff_t)tiles * (d + i) + t) * 16);
    }
    UNROLL
    for (int r = 0; r < tiles * TILE; r++)
        lanes_store(s + r * W, sum[r]);
}

/* The scores of n keys, a multiple of 16. */
static void score(const real *query, const real *keys, int32_t n, int32_t d,
                  real *s)
{
    int32_t j = 0;
    for (; j + SCORED * 16 <= n; j += SCORED * 16)
        score_tiles(SCORED, query, keys + (ptrdiff_t)j * d, d, s + j);
    for (; j < n; j += 16)
        score_tiles(1, query, keys + (ptrdiff_t)j * d, d, s + j);
}

/* Of n keys [ring/16,D,16] or n rows of values [ring,D] that lie in a ring from
 * `at` on, and go on at its start: the tile that the newest token shares with
 * the oldest ones is passed twice. */
static void score_ring(const real *query, const real *keys, int32_t ring,
                       int32_t at, int32_t n, int32_t d, real *s)
{
    for (int32_t j = 0, m; j < n; j += m, at = 0) {
        m = n - j < ring - at ? n - j : ring - at;
        score(query, keys + (ptrdiff_t)at * d, m, d, s + j);
    }
}

static void mix_ring(const real *s, const real *values, int32_t ring,
                     int32_t at, int32_t n, int32_t d, real *out)
{
    for (int32_t j = 0, m; j < n; j += m, at = 0) {
        m = n - j < ring - at ? n - j : ring - at;
        const struct gemm g = { 1, d, m, s + j, m, 1, values + (ptrdiff_t)at * d,
                                d, 1, out, d, NULL, j > 0 ? out : NULL, d, NULL,
                                0 };
        KERNEL(small_gemm)(&g, true);
    }
}

void KERNEL(attend_cached)(const struct cached_attention *o, int part,
                           int parts, real *scratch)
{
    int32_t d = o->head_size, q = o->n_heads * d, e = o->n_kv_heads * d;
    int32_t group = o->n_heads / o->n_kv_heads;
    ptrdiff_t size = (ptrdiff_t)o->capacity * d;
    real scale = score_scale(d);
    real *query = scratch, *s = scratch + d;
    const struct caps caps = caps_of(o->cap);

    for (int32_t i = part; i < o->n * o->n_kv_heads; i += parts) {
        int32_t r = i / o->n_kv_heads, g = i % o->n_kv_heads;
        int32_t b = o->sequence[r], count = o->length[b], ring = o->capacity;
        int32_t from = window_tile(o->window, count), n = round_up(count) - from;
        const real *row = o->qkv + (ptrdiff_t)r * (q + 2 * e);
        real *keys = o->keys + ((ptrdiff_t)b * o->n_kv_heads + g) * size;
        real *values = o->values + ((ptrdiff_t)b * o->n_kv_heads + g) * size;
        if (!o->held)
            keep(row + q + g * d, row + q + e + g * d, (count - 1) % ring, d,
                 keys, values);
        for (int32_t h = g * group; h < (g + 1) * group; h++) {
            real *out = o->out + (ptrdiff_t)r * q + h * d;
            real *stats = o->stats + ((ptrdiff_t)r * o->n_heads + h) * 2;
            scaled_rows(row + h * d, 0, 1, d, scale, query);
            score_ring(query, keys, ring, from % ring, n, d, s);
            cap_scores(s, n, &caps);
            hide(s, window_start(o->window, count) - from);
            soften(s, n, count - from, stats);
            mix_ring(s, values, ring, from % ring, n, d, out);
            scaled_rows(out, 0, 1, d, stats[1], out);
        }
    }
}

/* ---- attention received ---- */

static inline real quarter_scale(int32_t d)
{
    return ONCE(1.0f / sqrtf(sqrtf((float)d)));
}

void KERNEL(scale_queries)(const struct reception *o, int part, int parts)
{
    int32_t n = o->rows->first[o->rows->n_sequences], d = o->head_size;
    int32_t q = o->n_heads * d, stride = q + 2 * o->n_kv_heads * d;
    int32_t end = slice(n, 1, part + 1, parts);
    real scale = quarter_scale(d);
    for (int32_t r = slice(n, 1, part, parts); r < end; r++)
        scaled_rows(o->qkv + (ptrdiff_t)r * stride, stride, 1, q, scale,
                    o->queries + (ptrdiff_t)r * q);
}

/* Add to those of a register of keys the probabilities by their scores; the first
 * `valid` are seen. */
static inline lanes add_probabilities(lanes drawn, const real *s,
                                      const real *stats, int32_t valid)
{
    lanes p = lanes_exp(lanes_load(s) - lanes_set(stats[0])) *
              lanes_set(stats[1]);
    return drawn + lanes_head(p, valid);
}

/* Sum the attention that keys k.. of a sequence of `count` rows, from row
 * `first` on, receive. */
static void receive_tile(const struct reception *o, int32_t first,
                         int32_t count, int32_t k, real scale, real *scratch)
{
    int32_t d = o->head_size, q = o->n_heads * d, e = o->n_kv_heads * d;
    int32_t group = o->n_heads / o->n_kv_heads, stride = q + 2 * e;
    int32_t n = count - k < 16 ? count - k : 16;
    real *rows = scratch, *keys = rows + 16 * d, *s = keys + 16 * d;
    running drawn = running_set(0.0f);

    for (int32_t h = 0; h < o->n_heads; h++) {
        scaled_rows(o->qkv + (ptrdiff_t)(first + k) * stride + q + h / group * d,
                    stride, n, d, scale, rows);
        copy_columns(rows, d, n, 16, d, keys);
        for (int32_t i = k; i < count; i += STRIP) {
            int32_t r = count - i < STRIP ? count - i : STRIP;
            multiply(r, 16, d, o->queries + (ptrdiff_t)(first + i) * q + h * d,
                     q, 1, keys, 16, s, 16, false);
            for (int32_t j = 0; j < r; j++)
                REGISTERS(reg, at, 0)
                    drawn.at[reg] = add_probabilities(
                        drawn.at[reg], s + j * 16 + at,
                        o->stats + ((ptrdiff_t)(first + i + j) * o->n_heads +
                                    h) * 2,
                        i + j + 1 - k - at);
        }
    }
    running_store(s, drawn);
    memcpy(o->score + first + k, s, (size_t)n * sizeof *s);
}

void KERNEL(receive)(const struct reception *o, int part, int parts,
                     real *scratch)
{
    real scale = quarter_scale(o->head_size);
    int32_t task = 0;
    for (int32_t b = 0; b < o->rows->n_sequences; b++) {
        int32_t first = o->rows->first[b];
        int32_t count = o->rows->first[b + 1] - first;
        for (int32_t k = 0; k < count; k += 16)
            if (task++ % parts == part)
                receive_tile(o, first, count, k, scale, scratch);
    }
}

/* Cached keys stay as they are: the query is multiplied by their scale too. */
void KERNEL(receive_cached)(const struct cached_reception *o, int part,
                            int parts, real *scratch)
{
    int32_t d = o->head_size, q = o->n_heads * d;
    int32_t stride = q + 2 * o->n_kv_heads * d;
    int32_t group = o->n_heads / o->n_kv_heads;
    real scale = quarter_scale(d), *query = scratch, *s = scratch + d;

    for (int32_t r = part; r < o->n; r += parts) {
        int32_t b = o->sequence[r], count = o->length[b], n = round_up(count);
        real *drawn = o->drawn + (ptrdiff_t)b * o->capacity;
        for (int32_t j = count - 1; j < n; j++)
            drawn[j] = real_set(0.0f);
        for (int32_t h = 0; h < o->n_heads; h++) {
            const real *keys = o->keys + ((ptrdiff_t)b * o->n_kv_heads +
                                          h / group) * o->capacity * d;
            scaled_rows(o->qkv + (ptrdiff_t)r * stride + h * d, 0, 1, d, scale,
                        query);
            scaled_rows(query, 0, 1, d, scale, query);
            score(query, keys, n, d, s);
            for (int32_t j = 0; j < n; j += REGISTER_LANES)
                lanes_store(drawn + j, add_probabilities(
                    lanes_load(drawn + j), s + j,
                    o->stats + ((ptrdiff_t)r * o->n_heads + h) * 2, count - j));
        }
        o->score[r] = drawn[count - 1];
    }
}
