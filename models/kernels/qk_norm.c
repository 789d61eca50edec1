/* qk_norm.c - Normalise groups of queries and keys in place, one by one: heads,
 * or all heads together, less their mean where that is asked; sum the gradients of
 * scales a column at a time, so that no sum is split. */
#include "models/kernels/kernel.h"
#include "models/kernels/row_sums.h"

#include <assert.h>

struct group {
    real       *x, *unnormed, *scale;
    const real *gamma;
    int32_t     size, side;
    ptrdiff_t   own;             /* of its scales, from the first of its side */
};

static inline int32_t groups_of(const struct qk_norm *o)
{
    return o->n_groups[0] + o->n_groups[1];
}

/* The i-th of all rows' groups. */
static inline struct group group_at(const struct qk_norm *o, int32_t i)
{
    const int32_t groups = groups_of(o), r = i / groups, g = i % groups;
    const int32_t before = o->n_groups[0], side = g >= before;
    const int32_t queries = before * o->size[0];
    const int32_t width = queries + o->n_groups[1] * o->size[1];
    const int32_t on_side = side ? g - before : g;
    const int32_t at = on_side * o->size[side] + (side ? queries : 0);
    const ptrdiff_t own = o->centred ? (ptrdiff_t)on_side * o->size[side] : 0;
    return (struct group){
        .x = o->x + (ptrdiff_t)r * o->stride + at,
        .unnormed = o->unnormed
                        ? o->unnormed + (ptrdiff_t)r * width + at : NULL,
        .scale = o->scales + i, .gamma = o->gamma[side] + own,
        .size = o->size[side], .side = side, .own = own,
    };
}

/* x becomes less its mean. */
static void centre(struct group a)
{
    real mean = sum_of(a.x, a.size) * share_of(a.size);
    lanes m = lanes_set(mean);
    int32_t c = 0;

    for (; c + REGISTER_LANES <= a.size; c += REGISTER_LANES)
        lanes_store(a.x + c, lanes_load(a.x + c) - m);
    for (; c < a.size; c++)
        a.x[c] = a.x[c] - mean;
}

static void group_norm(const struct qk_norm *o, struct group a)
{
    const int32_t d = a.size;
    real share = share_of(d);
    if (o->centred)
        centre(a);
    real square = squares_of(a.x, d) * share;
    real scale = real_set(1.0f) / real_sqrt(square + o->epsilon);
    lanes s = lanes_set(scale);
    int32_t c = 0;

    for (; c + REGISTER_LANES <= d; c += REGISTER_LANES) {
        lanes x = lanes_load(a.x + c);
        if (a.unnormed)
            lanes_store(a.unnormed + c, x);
        lanes_store(a.x + c, x * s * lanes_load(a.gamma + c));
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
    const int32_t n = o->rows * groups_of(o);
    int32_t end = slice(n, 1, part + 1, parts);
    for (int32_t i = slice(n, 1, part, parts); i < end; i++)
        group_norm(o, group_at(o, i));
}

/* The mean of d, that is dout gamma. */
static real mean_gradient(struct group a)
{
    running sum = running_set(0.0f);
    int32_t c = 0;

    for (; c + 16 <= a.size; c += 16)
        REGISTERS(reg, at, c)
            sum.at[reg] = lanes_add_product(sum.at[reg], lanes_load(a.x + at),
                                            lanes_load(a.gamma + at));
    real mean = running_fold(sum);
    for (; c < a.size; c++)
        mean = mean + a.x[c] * a.gamma[c];
    return mean * share_of(a.size);
}

/* dx less scale mean(d), which the mean that was taken off gives back. */
static void spread(struct group a, real mean)
{
    real off = *a.scale * mean;
    lanes m = lanes_set(off);
    int32_t c = 0;

    for (; c + REGISTER_LANES <= a.size; c += REGISTER_LANES)
        lanes_store(a.x + c, lanes_load(a.x + c) - m);
    for (; c < a.size; c++)
        a.x[c] = a.x[c] - off;
}

/* h = x scale is the normalised group, d = dout gamma its gradient:
 * dx = scale (d - h mean(d h)), where dout was. */
static void group_dx(struct group a)
{
    const int32_t n = a.size;
    real share = share_of(n), scale = *a.scale;
    running sum = running_set(0.0f);
    lanes s = lanes_set(scale);
    int32_t c = 0;

    for (; c + 16 <= n; c += 16)
        REGISTERS(reg, at, c) {
            lanes h = lanes_load(a.unnormed + at) * s;
            lanes d = lanes_load(a.x + at) * lanes_load(a.gamma + at);
            sum.at[reg] = lanes_add_product(sum.at[reg], d, h);
        }
    real mean_dh = running_fold(sum);
    for (; c < n; c++) {
        real h = a.unnormed[c] * scale;
        mean_dh = mean_dh + a.x[c] * a.gamma[c] * h;
    }
    mean_dh = mean_dh * share;

    lanes b = lanes_set(mean_dh);
    for (c = 0; c + REGISTER_LANES <= n; c += REGISTER_LANES) {
        lanes h = lanes_load(a.unnormed + c) * s;
        lanes d = lanes_load(a.x + c) * lanes_load(a.gamma + c);
        lanes_store(a.x + c, s * (d - h * b));
    }
    for (; c < n; c++) {
        real h = a.unnormed[c] * scale;
        a.x[c] = scale * (a.x[c] * a.gamma[c] - h * mean_dh);
    }
}

void KERNEL(qk_norm_dx)(const struct qk_norm *o, int part, int parts)
{
    const int32_t n = o->rows * groups_of(o);
    int32_t end = slice(n, 1, part + 1, parts);
    assert(o->unnormed != NULL);
    for (int32_t i = slice(n, 1, part, parts); i < end; i++) {
        const struct group a = group_at(o, i);
        real none = 0.0f;
        real mean = o->centred ? mean_gradient(a) : none;
        group_dx(a);
        if (o->centred)
            spread(a, mean);
    }
}

/* Columns [c0,c1) of what a group adds to dgamma. */
static void add_dgamma(real *dgamma, struct group a, int32_t c0, int32_t c1)
{
    real scale = *a.scale;
    lanes s = lanes_set(scale);
    int32_t c = c0;

    for (; c + REGISTER_LANES <= c1; c += REGISTER_LANES)
        lanes_store(dgamma + c,
                    lanes_load(dgamma + c) +
                        lanes_load(a.x + c) * (lanes_load(a.unnormed + c) * s));
    for (; c < c1; c++)
        dgamma[c] = dgamma[c] + a.x[c] * (a.unnormed[c] * scale);
}

void KERNEL(qk_norm_dgamma)(const struct qk_norm *o, int part, int parts)
{
    const int32_t n = o->rows * groups_of(o);
    int32_t from[2], to[2];

    assert(o->unnormed != NULL);
    for (int side = 0; side < 2; side++) {
        from[side] = slice(o->size[side], 16, part, parts);
        to[side] = slice(o->size[side], 16, part + 1, parts);
        const int32_t own = o->centred ? o->n_groups[side]
                                       : o->n_groups[side] > 0;
        for (int32_t g = 0; g < own && !o->sums; g++)
            for (int32_t c = from[side]; c < to[side]; c++)
                o->dgamma[side][g * o->size[side] + c] = real_set(0.0f);
    }
    for (int32_t i = 0; i < n; i++) {
        const struct group a = group_at(o, i);
        add_dgamma(o->dgamma[a.side] + a.own, a, from[a.side], to[a.side]);
    }
}
