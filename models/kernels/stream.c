/* stream.c - Move rows on and off the residual stream, or past what they skip:
 * embedding, gather, gate, bypass; sum columns for biases. */
#include "models/kernels/kernel.h"
#include "models/kernels/rows.h"

void KERNEL(sum_columns)(const real *x, int32_t stride, int32_t n,
                         int32_t width, bool adds, real *out, int part,
                         int parts)
{
    int32_t c0 = slice(width, 16, part, parts);
    int32_t c1 = slice(width, 16, part + 1, parts);
    for (int32_t c = c0; c < c1 && !adds; c++)
        out[c] = real_set(0.0f);
    for (int32_t r = 0; r < n; r++)
        add_row(out, x + (ptrdiff_t)r * stride, c0, c1);
}

void KERNEL(embed)(const int32_t *ids, const int32_t *position, const real *wte,
                   const real *wpe, real *out, int32_t n, int32_t width,
                   int part, int parts)
{
    int32_t end = slice(n, 1, part + 1, parts);
    for (int32_t r = slice(n, 1, part, parts); r < end; r++) {
        real *to = out + (ptrdiff_t)r * width;
        copy_row(to, wte + (ptrdiff_t)ids[r] * width, width);
        if (wpe)
            add_row(to, wpe + (ptrdiff_t)position[r] * width, 0, width);
    }
}

void KERNEL(embed_backward)(const int32_t *ids, const int32_t *position,
                            const real *dout, real *dwte, real *dwpe, int32_t n,
                            int32_t width, int part, int parts)
{
    int32_t c0 = slice(width, 16, part, parts);
    int32_t c1 = slice(width, 16, part + 1, parts);
    for (int32_t r = 0; r < n; r++) {
        const real *from = dout + (ptrdiff_t)r * width;
        add_row(dwte + (ptrdiff_t)ids[r] * width, from, c0, c1);
        if (dwpe)
            add_row(dwpe + (ptrdiff_t)position[r] * width, from, c0, c1);
    }
}

void KERNEL(gather)(const real *x, const int32_t *token, real *out, int32_t n,
                    int32_t width, int part, int parts)
{
    int32_t end = slice(n, 1, part + 1, parts);
    for (int32_t i = slice(n, 1, part, parts); i < end; i++)
        copy_row(out + (ptrdiff_t)i * width, x + (ptrdiff_t)token[i] * width,
                 width);
}

void KERNEL(scatter)(const real *x, int32_t stride, const int32_t *row,
                     bool from_there, real *out, int32_t n, int32_t width,
                     int part, int parts)
{
    int32_t end = slice(n, 1, part + 1, parts);
    for (int32_t i = slice(n, 1, part, parts); i < end; i++) {
        int32_t to = row ? row[i] : i;
        copy_row(out + (ptrdiff_t)to * width,
                 x + (ptrdiff_t)(from_there ? to : i) * stride, width);
    }
}

void KERNEL(scatter_add)(const real *x, const int32_t *row, real *out,
                         int32_t n, int32_t width, int part, int parts)
{
    int32_t end = slice(n, 1, part + 1, parts);
    for (int32_t i = slice(n, 1, part, parts); i < end; i++)
        add_row(out + (ptrdiff_t)row[i] * width, x + (ptrdiff_t)i * width, 0,
                width);
}

void KERNEL(take)(real *x, const int32_t *row, real *out, int32_t stride,
                  int32_t n, int32_t width, int part, int parts)
{
    int32_t end = slice(n, 1, part + 1, parts);
    for (int32_t i = slice(n, 1, part, parts); i < end; i++) {
        real *from = x + (ptrdiff_t)(row ? row[i] : i) * width;
        copy_row(out + (ptrdiff_t)i * stride, from, width);
        memset((void *)from, 0, (size_t)width * sizeof *from);
    }
}

void KERNEL(gather_backward)(const real *dx, const real *dpass,
                             const int32_t *token, real *dstream, int32_t n,
                             int32_t width, int part, int parts)
{
    int32_t end = slice(n, 1, part + 1, parts);
    for (int32_t i = slice(n, 1, part, parts); i < end; i++) {
        real *to = dstream + (ptrdiff_t)token[i] * width;
        copy_row(to, dx + (ptrdiff_t)i * width, width);
        if (dpass)
            add_row(to, dpass + (ptrdiff_t)i * width, 0, width);
    }
}

/* Notes the gate of row i too. */
static real gate_value(const struct gating *o, int32_t i)
{
    real g = o->score[o->token[i]];
    if (o->gate == GATING_TANH)    /* 2 sigmoid(2 score) - 1 */
        g = real_set(2.0f) / (real_exp(g * -2.0f) + 1.0f) - 1.0f;
    else if (o->gate == GATING_SIGMOID)
        g = real_set(1.0f) / (real_exp(-g) + 1.0f);
    if (o->scale < 1.0f || o->scale > 1.0f)
        g = g * o->scale;
    o->value[i] = g;
    return g;
}

void KERNEL(gate)(const struct gating *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t i = slice(o->n, 1, part, parts); i < end; i++) {
        const real *y = o->y + (ptrdiff_t)i * o->width;
        const real *x = o->x + (ptrdiff_t)i * o->width;
        real *to = o->stream + (ptrdiff_t)o->token[i] * o->width;
        if (o->gate == GATING_ONE) {   /* gate one: bit for bit the block's
                                        * output */
            copy_row(to, y, o->width);
            continue;
        }
        real g = gate_value(o, i);
        lanes v = lanes_set(g);
        int32_t c = 0;
        for (; c + REGISTER_LANES <= o->width; c += REGISTER_LANES) {
            lanes keep = lanes_load(x + c), given = lanes_load(y + c);
            lanes_store(to + c, keep + v * (o->whole ? given : given - keep));
        }
        for (; c < o->width; c++)
            to[c] = x[c] + g * (o->whole ? y[c] : y[c] - x[c]);
    }
}

/* 1/k of a gate times k, once for all rows. */
static inline real share_of_scale(const struct gating *o)
{
    return ONCE(1.0f / o->scale);
}

/* g'(r), from g alone: of the sigmoid times k that is g (1 - g/k), of tanh
 * k - g g/k. */
static real gate_slope(const struct gating *o, real share, real g, real dvalue)
{
    const bool scaled = o->scale < 1.0f || o->scale > 1.0f;
    real base = scaled && o->gate != GATING_RAW ? g * share : g;

    if (o->gate == GATING_RAW)
        return scaled ? dvalue * o->scale : dvalue;
    if (o->gate == GATING_TANH)
        return dvalue * (real_set(o->scale) - g * base);
    return dvalue * g * (real_set(1.0f) - base);
}

static void hand_score(const struct gating *o, int32_t i, real share, real g,
                       real dvalue)
{
    real dscore = gate_slope(o, share, g, dvalue);
    real *to = o->dscore + (o->spread ? o->token[i] : i);
    *to = o->adds ? *to + dscore : dscore;
}

static void change_backward(const struct gating *o, int32_t i, real share)
{
    const ptrdiff_t row = (ptrdiff_t)i * o->width;
    const real *d = o->dstream + (ptrdiff_t)o->token[i] * o->width;
    const real *y = o->y + row, *x = o->x + row;
    real *dy = o->dy + row, *dpass = o->dpass + row;
    real g = o->value[i], rest = real_set(1.0f) - g;
    running sum = running_set(0.0f);
    lanes vg = lanes_set(g), vrest = lanes_set(rest);
    int32_t c = 0;
    for (; c + 16 <= o->width; c += 16)
        REGISTERS(reg, at, c) {
            lanes v = lanes_load(d + at);
            lanes_store(dy + at, v * vg);
            lanes_store(dpass + at, v * vrest);
            if (o->trained)
                sum.at[reg] = lanes_add_product(
                    sum.at[reg], v, lanes_load(y + at) - lanes_load(x + at));
        }
    real dvalue = o->trained ? running_fold(sum) : real_set(0.0f);
    for (; c < o->width; c++) {
        dy[c] = d[c] * g;
        dpass[c] = d[c] * rest;
        if (o->trained)
            dvalue = dvalue + d[c] * (y[c] - x[c]);
    }
    if (o->trained)
        hand_score(o, i, share, g, dvalue);
}

/* dstream is read before dy, which may be its place. */
static void whole_backward(const struct gating *o, int32_t i, real share)
{
    const ptrdiff_t row = (ptrdiff_t)i * o->width;
    const real *y = o->y + row, *d = o->dpass + row;
    real *dy = o->dy + row, g = o->value[i];
    running sum = running_set(0.0f);
    lanes vg = lanes_set(g);
    int32_t c = 0;
    copy_row(o->dpass + row, o->dstream + (ptrdiff_t)o->token[i] * o->width,
             o->width);
    for (; c + 16 <= o->width; c += 16)
        REGISTERS(reg, at, c) {
            lanes v = lanes_load(d + at);
            lanes_store(dy + at, v * vg);
            if (o->trained)
                sum.at[reg] = lanes_add_product(sum.at[reg], v,
                                                lanes_load(y + at));
        }
    real dvalue = o->trained ? running_fold(sum) : real_set(0.0f);
    for (; c < o->width; c++) {
        dy[c] = d[c] * g;
        if (o->trained)
            dvalue = dvalue + d[c] * y[c];
    }
    if (o->trained)
        hand_score(o, i, share, g, dvalue);
}

void KERNEL(gate_backward)(const struct gating *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    const real share = share_of_scale(o);
    for (int32_t i = slice(o->n, 1, part, parts); i < end; i++) {
        const ptrdiff_t own = (ptrdiff_t)i * o->width,
            row = (ptrdiff_t)o->token[i] * o->width;
        if (o->restores)
            copy_row(o->stream + row, o->x + own, o->width);
        if (o->gate == GATING_ONE) {
            copy_row(o->dy + own, o->dstream + row, o->width);
            continue;
        }
        if (o->whole)
            whole_backward(o, i, share);
        else
            change_backward(o, i, share);
    }
}

void KERNEL(bypass)(const struct gating *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t i = slice(o->n, 1, part, parts); i < end; i++) {
        real *to = o->stream + (ptrdiff_t)o->token[i] * o->width;
        real g = gate_value(o, i);
        scale_row(to, g, o->width);
    }
}

void KERNEL(bypass_backward)(const struct gating *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    const real share = share_of_scale(o);
    for (int32_t i = slice(o->n, 1, part, parts); i < end; i++) {
        ptrdiff_t row = (ptrdiff_t)o->token[i] * o->width;
        const real *x = o->x + (ptrdiff_t)i * o->width;
        real *d = o->dstream + row, g = o->value[i];
        if (o->restores)
            copy_row(o->stream + row, x, o->width);
        if (o->trained) {
            running sum = running_set(0.0f);
            int32_t c = 0;
            for (; c + 16 <= o->width; c += 16)
                REGISTERS(reg, at, c)
                    sum.at[reg] = lanes_add_product(
                        sum.at[reg], lanes_load(d + at), lanes_load(x + at));
            real dvalue = running_fold(sum);
            for (; c < o->width; c++)
                dvalue = dvalue + d[c] * x[c];
            hand_score(o, i, share, g, dvalue);
        }
        scale_row(d, g, o->width);
    }
}

float KERNEL(track)(float threshold, const real *cut, int32_t n, float rate)
{
    real sum = real_set(0.0f), at = threshold;
    for (int32_t b = 0; b < n; b++)
        sum = sum + cut[b];
    real mean = sum * ONCE(1.0f / (float)n);
    return real_float(at + (mean - at) * rate);
}
