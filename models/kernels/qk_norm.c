/* qk_norm.c - Normalise heads of queries and keys in place, one by one; sum the
 * gradients of scales a column at a time, so that no sum is split. */
#include "models/kernels/kernel.h"
#include "models/kernels/row_sums.h"

#include <assert.h>

struct head {
    real       *x, *unnormed, *scale;
    const real *gamma;
};

static inline int32_t heads_of(const struct qk_norm *o)
{
    return o->n_heads[0] + o->n_heads[1];
}

/* The i-th of all rows' heads. */
static inline struct head head_at(const struct qk_norm *o, int32_t i)
{
    const int32_t heads = heads_of(o), r = i / heads, h = i % heads;
    return (struct head){
        .x = o->x + (ptrdiff_t)r * o->stride + (ptrdiff_t)h * o->head_size,
        .unnormed = o->unnormed
                        ? o->unnormed + (ptrdiff_t)i * o->head_size : NULL,
        .scale = o->scales + i, .gamma = o->gamma[h >= o->n_heads[0]],
    };
}

static void head_norm(const struct qk_norm *o, struct head a, real share)
{
    const int32_t d = o->head_size;
    real square = squares_of(a.x, d) * share;
    real scale = real_set(1.0f) / real_sqrt(square + o->epsilon);
    vec s = vec_set(scale);
    int32_t c = 0;

    for (; c + 16 <= d; c += 16) {
        vec x = vec_load(a.x + c);
        if (a.unnormed)
            vec_store(a.unnormed + c, x);
        vec_store(a.x + c, x * s * vec_load(a.gamma + c));
    }
    for (; c < d; c++) {
        if (a.unnormed)
            a.unnormed[c] = a.x[c];
        a.x[c] = a.x[c] * scale * a.gamma[c];
    }
    *a.scale = scale;
}

void KERNEL(qk_norm)(const struct qk_norm *o, int part, int parts)
{
    const int32_t n = o->rows * heads_of(o);
    int32_t end = slice(n, 1, part + 1, parts);
    real share = share_of(o->head_size);
    for (int32_t i = slice(n, 1, part, parts); i < end; i++)
        head_norm(o, head_at(o, i), share);
}

/* h = x scale is the normalised head, d = dout gamma its gradient:
 * dx = scale (d - h mean(d h)), where dout was. */
static void head_dx(const struct qk_norm *o, struct head a, real share)
{
    const int32_t n = o->head_size;
    real scale = *a.scale;
    vec s = vec_set(scale), sum = vec_set(0.0f);
    int32_t c = 0;

    for (; c + 16 <= n; c += 16) {
        vec h = vec_load(a.unnormed + c) * s;
        sum = sum + vec_load(a.x + c) * vec_load(a.gamma + c) * h;
    }
    real mean_dh = vec_fold(sum);
    for (; c < n; c++) {
        real h = a.unnormed[c] * scale;
        mean_dh = mean_dh + a.x[c] * a.gamma[c] * h;
    }
    mean_dh = mean_dh * share;

    vec b = vec_set(mean_dh);
    for (c = 0; c + 16 <= n; c += 16) {
        vec h = vec_load(a.unnormed + c) * s;
        vec d = vec_load(a.x + c) * vec_load(a.gamma + c);
        vec_store(a.x + c, s * (d - h * b));
    }
    for (; c < n; c++) {
        real h = a.unnormed[c] * scale;
        a.x[c] = scale * (a.x[c] * a.gamma[c] - h * mean_dh);
    }
}

void KERNEL(qk_norm_dx)(const struct qk_norm *o, int part, int parts)
{
    const int32_t n = o->rows * heads_of(o);
    int32_t end = slice(n, 1, part + 1, parts);
    real share = share_of(o->head_size);
    assert(o->unnormed != NULL);
    for (int32_t i = slice(n, 1, part, parts); i < end; i++)
        head_dx(o, head_at(o, i), share);
}

/* Columns [c0,c1) of what a head adds to dgamma. */
static void add_dgamma(real *dgamma, struct head a, int32_t c0, int32_t c1)
{
    real scale = *a.scale;
    vec s = vec_set(scale);
    int32_t c = c0;

    for (; c + 16 <= c1; c += 16)
        vec_store(dgamma + c, vec_load(dgamma + c) +
                  vec_load(a.x + c) * (vec_load(a.unnormed + c) * s));
    for (; c < c1; c++)
        dgamma[c] = dgamma[c] + a.x[c] * (a.unnormed[c] * scale);
}

void KERNEL(qk_norm_dgamma)(const struct qk_norm *o, int part, int parts)
{
    const int32_t heads = heads_of(o), n = o->rows * heads;
    const int32_t c0 = slice(o->head_size, 16, part, parts);
    const int32_t c1 = slice(o->head_size, 16, part + 1, parts);

    assert(o->unnormed != NULL);
    for (int side = 0; side < 2; side++)
        for (int32_t c = c0; c < c1 && o->n_heads[side] > 0; c++)
            o->dgamma[side][c] = real_set(0.0f);
    for (int32_t i = 0; i < n; i++)
        add_dgamma(o->dgamma[i % heads >= o->n_heads[0]], head_at(o, i), c0,
                   c1);
}
