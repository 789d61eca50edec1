/* norm.c - Compute layer norm and RMS norm a row at a time, gradients of scale
 * and shift a column at a time, so that no sum is split between parts. */
#include "models/kernels/kernel.h"
#include "models/kernels/row_sums.h"

static inline const real *input_row(const struct norm *o, int32_t r)
{
    return o->x + (ptrdiff_t)(o->row ? o->row[r] : r) * o->width;
}

static void layer_norm(const struct norm *o, int32_t r, real share)
{
    const real *x = input_row(o, r);
    real *out = o->out + (ptrdiff_t)r * o->width;
    real mean = sum_of(x, o->width) * share;
    real variance = deviations_of(x, mean, o->width) * share;
    real scale = real_set(1.0f) / real_sqrt(variance + o->epsilon);
    const real *from = o->from ? o->from + (ptrdiff_t)r * o->width : NULL;
    lanes m = lanes_set(mean), s = lanes_set(scale);
    int32_t c = 0;

    for (; c + REGISTER_LANES <= o->width; c += REGISTER_LANES) {
        lanes v = (lanes_load(x + c) - m) * s * lanes_load(o->gamma + c) +
                  lanes_load(o->beta + c);
        lanes_store(out + c, from ? lanes_load(from + c) + v : v);
    }
    for (; c < o->width; c++) {
        real v = (x[c] - mean) * scale * o->gamma[c] + o->beta[c];
        out[c] = from ? from[c] + v : v;
    }
    o->stats[2 * r] = mean;
    o->stats[2 * r + 1] = scale;
}

static void rms_norm(const struct norm *o, int32_t r, real share)
{
    const real *x = input_row(o, r);
    real *out = o->out + (ptrdiff_t)r * o->width;
    real square = squares_of(x, o->width) * share;
    real scale = real_set(1.0f) / real_sqrt(square + o->epsilon);
    const real *from = o->from ? o->from + (ptrdiff_t)r * o->width : NULL;
    lanes s = lanes_set(scale);
    int32_t c = 0;

    for (; c + REGISTER_LANES <= o->width; c += REGISTER_LANES) {
        lanes v = lanes_load(x + c) * s * lanes_load(o->gamma + c);
        lanes_store(out + c, from ? lanes_load(from + c) + v : v);
    }
    for (; c < o->width; c++) {
        real v = x[c] * scale * o->gamma[c];
        out[c] = from ? from[c] + v : v;
    }
    o->stats[r] = scale;
}

void KERNEL(norm)(const struct norm *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    real share = share_of(o->width);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++)
        if (o->rms)
            rms_norm(o, r, share);
        else
            layer_norm(o, r, share);
}

/* h = (x - mean) scale is the normalised row, d = dout gamma its gradient:
 * dx += scale (d - mean(d) - h mean(d h)). */
static void layer_norm_dx(const struct norm *o, int32_t r, real share)
{
    const real *x = o->x + (ptrdiff_t)r * o->width;
    const real *dout = o->dout + (ptrdiff_t)r * o->width;
    real *dx = o->dx + (ptrdiff_t)r * o->width;
    real mean = o->stats[2 * r], scale = o->stats[2 * r + 1];
    running sum_d = running_set(0.0f), sum_dh = running_set(0.0f);
    lanes m = lanes_set(mean), s = lanes_set(scale);
    int32_t c = 0;

    for (; c + 16 <= o->width; c += 16)
        REGISTERS(reg, at, c) {
            lanes h = (lanes_load(x + at) - m) * s;
            lanes d = lanes_load(dout + at) * lanes_load(o->gamma + at);
            sum_d.at[reg] = sum_d.at[reg] + d;
            sum_dh.at[reg] = lanes_add_product(sum_dh.at[reg], d, h);
        }
    real mean_d = running_fold(sum_d), mean_dh = running_fold(sum_dh);
    for (; c < o->width; c++) {
        real h = (x[c] - mean) * scale;
        real d = dout[c] * o->gamma[c];
        mean_d = mean_d + d;
        mean_dh = mean_dh + d * h;
    }
    mean_d = mean_d * share;
    mean_dh = mean_dh * share;

    lanes a = lanes_set(mean_d), b = lanes_set(mean_dh);
    for (c = 0; c + REGISTER_LANES <= o->width; c += REGISTER_LANES) {
        lanes h = (lanes_load(x + c) - m) * s;
        lanes d = lanes_load(dout + c) * lanes_load(o->gamma + c);
        lanes_store(dx + c, lanes_load(dx + c) + s * (d - a - h * b));
    }
    for (; c < o->width; c++) {
        real h = (x[c] - mean) * scale;
        real d = dout[c] * o->gamma[c];
        dx[c] = dx[c] + scale * (d - mean_d - h * mean_dh);
    }
}

/* h = x scale: dx += scale (d - h mean(d h)). */
static void rms_norm_dx(const struct norm *o, int32_t r, real share)
{
    const real *x = o->x + (ptrdiff_t)r * o->width;
    const real *dout = o->dout + (ptrdiff_t)r * o->width;
    real *dx = o->dx + (ptrdiff_t)r * o->width;
    real scale = o->stats[r];
    running sum = running_set(0.0f);
    lanes s = lanes_set(scale);
    int32_t c = 0;

    for (; c + 16 <= o->width; c += 16)
        REGISTERS(reg, at, c) {
            lanes h = lanes_load(x + at) * s;
            lanes d = lanes_load(dout + at) * lanes_load(o->gamma + at);
            sum.at[reg] = lanes_add_product(sum.at[reg], d, h);
        }
    real mean_dh = running_fold(sum);
    for (; c < o->width; c++) {
        real h = x[c] * scale;
        mean_dh = mean_dh + dout[c] * o->gamma[c] * h;
    }
    mean_dh = mean_dh * share;

    lanes b = lanes_set(mean_dh);
    for (c = 0; c + REGISTER_LANES <= o->width; c += REGISTER_LANES) {
        lanes h = lanes_load(x + c) * s;
        lanes d = lanes_load(dout + c) * lanes_load(o->gamma + c);
        lanes_store(dx + c, lanes_load(dx + c) + s * (d - h * b));
    }
    for (; c < o->width; c++) {
        real h = x[c] * scale;
        dx[c] = dx[c] + scale * (dout[c] * o->gamma[c] - h * mean_dh);
    }
}

/* Sum columns [c0,c1) of dgamma and dbeta, over all rows in order. */
static void norm_dgamma(const struct norm *o, int32_t c0, int32_t c1)
{
    for (int32_t c = c0; c < c1 && !o->sums; c++) {
        o->dgamma[c] = real_set(0.0f);
        if (!o->rms)
            o->dbeta[c] = real_set(0.0f);
    }
    for (int32_t r = 0; r < o->n; r++) {
        const real *x = o->x + (ptrdiff_t)r * o->width;
        const real *dout = o->dout + (ptrdiff_t)r * o->width;
        real mean = o->rms ? real_set(0.0f) : o->stats[2 * r];
        real scale = o->rms ? o->stats[r] : o->stats[2 * r + 1];
        lanes m = lanes_set(mean), s = lanes_set(scale);
        int32_t c = c0;
        for (; c + REGISTER_LANES <= c1; c += REGISTER_LANES) {
            lanes d = lanes_load(dout + c);
            lanes h = o->rms ? lanes_load(x + c) * s
                             : (lanes_load(x + c) - m) * s;
            lanes_store(o->dgamma + c, lanes_load(o->dgamma + c) + d * h);
            if (!o->rms)
                lanes_store(o->dbeta + c, lanes_load(o->dbeta + c) + d);
        }
        for (; c < c1; c++) {
            real h = o->rms ? x[c] * scale : (x[c] - mean) * scale;
            o->dgamma[c] = o->dgamma[c] + dout[c] * h;
            if (!o->rms)
                o->dbeta[c] = o->dbeta[c] + dout[c];
        }
    }
}

void KERNEL(norm_backward)(const struct norm *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    real share = share_of(o->width);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++)
        if (o->rms)
            rms_norm_dx(o, r, share);
        else
            layer_norm_dx(o, r, share);
    if (o->dgamma)
        norm_dgamma(o, slice(o->width, 16, part, parts),
                    slice(o->width, 16, part + 1, parts));
}

/* The router's input is a norm without scale and shift: the score is
 * scale * sum w (x - mean). */
static real weighted_sum(const real *x, const real *w, real mean, bool centred,
                         int32_t n)
{
    running sum = running_set(0.0f);
    lanes m = lanes_set(mean);
    int32_t c = 0;
    for (; c + 16 <= n; c += 16)
        REGISTERS(reg, at, c) {
            lanes v = centred ? lanes_load(x + at) - m : lanes_load(x + at);
            sum.at[reg] = lanes_add_product(sum.at[reg], v, lanes_load(w + at));
        }
    real total = running_fold(sum);
    for (; c < n; c++) {
        real v = centred ? x[c] - mean : x[c];
        total = total + v * w[c];
    }
    return total;
}

void KERNEL(route)(const struct router *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    real share = share_of(o->width), none = 0.0f;
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const real *x = o->x + (ptrdiff_t)r * o->width;
        if (o->input == ROUTER_RAW) {
            o->score[r] = weighted_sum(x, o->weight, none, false, o->width);
        } else if (o->input == ROUTER_RMS) {
            real square = squares_of(x, o->width) * share;
            real scale = real_set(1.0f) / real_sqrt(square + o->epsilon);
            o->stats[r] = scale;
            o->score[r] = weighted_sum(x, o->weight, none, false, o->width) *
                          scale;
        } else {
            real mean = sum_of(x, o->width) * share;
            real variance = deviations_of(x, mean, o->width) * share;
            real scale = real_set(1.0f) / real_sqrt(variance + o->epsilon);
            o->stats[2 * r] = mean;
            o->stats[2 * r + 1] = scale;
            o->score[r] = weighted_sum(x, o->weight, mean, true, o->width) *
                          scale;
        }
    }
}

void KERNEL(router_input)(const struct router *o, real *out, int part,
                          int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    bool centred = o->input == ROUTER_LAYER_NORM;
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const real *x = o->x + (ptrdiff_t)r * o->width;
        real *to = out + (ptrdiff_t)r * o->width;
        real mean = centred ? o->stats[2 * r] : real_set(0.0f);
        real scale = centred ? o->stats[2 * r + 1] : o->stats[r];
        lanes m = lanes_set(mean), s = lanes_set(scale);
        int32_t c = 0;
        for (; c + REGISTER_LANES <= o->width; c += REGISTER_LANES) {
            lanes v = lanes_load(x + c);
            lanes_store(to + c, (centred ? v - m : v) * s);
        }
        for (; c < o->width; c++)
            to[c] = (centred ? x[c] - mean : x[c]) * scale;
    }
}

void KERNEL(predict)(const struct predictor *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    lanes none = lanes_set(0.0f);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const real *h = o->hidden + (ptrdiff_t)r * o->width;
        running sum = running_set(0.0f);
        int32_t c = 0;
        for (; c + 16 <= o->width; c += 16)
            REGISTERS(reg, at, c)
                sum.at[reg] = lanes_add_product(
                    sum.at[reg], lanes_max(lanes_load(h + at), none),
                    lanes_load(o->weight + at));
        real total = running_fold(sum);
        for (; c < o->width; c++)
            total = total + real_max(h[c], real_set(0.0f)) * o->weight[c];
        o->logit[r] = total + o->bias[0];
    }
}

/* Split over columns, each of which is a sum over rows; the bias goes with the
 * last. */
void KERNEL(predict_backward)(const struct predictor *o, int part, int parts)
{
    int32_t c0 = slice(o->width, 16, part, parts);
    int32_t c1 = slice(o->width, 16, part + 1, parts);
    bool last = c0 < c1 && c1 == o->width;

    for (int32_t c = c0; c < c1; c++)
        o->dweight[c] = real_set(0.0f);
    if (last)
        o->dbias[0] = real_set(0.0f);
    for (int32_t r = 0; r < o->n; r++) {
        real *h = o->hidden + (ptrdiff_t)r * o->width, d = o->dlogit[r];
        for (int32_t c = c0; c < c1; c++) {
            real v = h[c], dv = d * o->weight[c];
            o->dweight[c] = o->dweight[c] + d * real_max(v, real_set(0.0f));
            h[c] = real_float(v) > 0.0f ? dv : real_set(0.0f);
        }
        if (last)
            o->dbias[0] = o->dbias[0] + d;
    }
}

/* Return the sum of squares of x - left, and copy the row x over `left`. */
static real change_of(const real *x, real *left, int32_t n)
{
    running sum = running_set(0.0f);
    int32_t c = 0;
    for (; c + 16 <= n; c += 16)
        REGISTERS(reg, at, c) {
            lanes now = lanes_load(x + at), d = now - lanes_load(left + at);
            lanes_store(left + at, now);
            sum.at[reg] = lanes_add_product(sum.at[reg], d, d);
        }
    real total = running_fold(sum);
    for (; c < n; c++) {
        real d = x[c] - left[c];
        left[c] = x[c];
        total = total + d * d;
    }
    return total;
}

void KERNEL(stream_signal)(const struct stream_signal *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const real *x = o->x + (ptrdiff_t)r * o->width;
        if (!o->left) {
            o->score[r] = squares_of(x, o->width);
            continue;
        }
        real *left = o->left + (ptrdiff_t)r * o->width;
        if (o->first)
            memset((void *)left, 0, (size_t)o->width * sizeof *left);
        o->score[r] = change_of(x, left, o->width);
    }
}

/* Add dx of one row: the norm's backward with d = dscore * w. */
static void route_dx(const struct router *o, int32_t i, real share)
{
    int32_t r = o->token ? o->token[i] : i, c = 0;
    const real *x = o->x + (ptrdiff_t)(o->in_stream ? r : i) * o->width;
    const real *w = o->weight;
    real *dx = o->dx + (ptrdiff_t)r * o->width;
    real dscore = o->dscore[i];
    lanes ds = lanes_set(dscore);

    if (o->input == ROUTER_RAW) {
        for (; c + REGISTER_LANES <= o->width; c += REGISTER_LANES)
            lanes_store(dx + c,
                        lanes_load(dx + c) + ds * lanes_load(w + c));
        for (; c < o->width; c++)
            dx[c] = dx[c] + dscore * w[c];
        return;
    }
    bool centred = o->input == ROUTER_LAYER_NORM;
    real mean = centred ? o->stats[2 * r] : real_set(0.0f);
    real scale = centred ? o->stats[2 * r + 1] : o->stats[r];
    running sum_d = running_set(0.0f), sum_dh = running_set(0.0f);
    lanes m = lanes_set(mean), s = lanes_set(scale);
    for (; c + 16 <= o->width; c += 16)
        REGISTERS(reg, at, c) {
            lanes v = lanes_load(x + at), h = (centred ? v - m : v) * s;
            lanes d = ds * lanes_load(w + at);
            if (centred)
                sum_d.at[reg] = sum_d.at[reg] + d;
            sum_dh.at[reg] = lanes_add_product(sum_dh.at[reg], d, h);
        }
    real mean_d = centred ? running_fold(sum_d) : real_set(0.0f);
    real mean_dh = running_fold(sum_dh);
    for (; c < o->width; c++) {
        real h = (centred ? x[c] - mean : x[c]) * scale;
        real d = dscore * w[c];
        if (centred)
            mean_d = mean_d + d;
        mean_dh = mean_dh + d * h;
    }
    if (centred)
        mean_d = mean_d * share;
    mean_dh = mean_dh * share;

    lanes a = lanes_set(mean_d), b = lanes_set(mean_dh);
    for (c = 0; c + REGISTER_LANES <= o->width; c += REGISTER_LANES) {
        lanes v = lanes_load(x + c), h = (centred ? v - m : v) * s;
        lanes d = ds * lanes_load(w + c);
        if (centred)
            d = d - a;
        lanes_store(dx + c, lanes_load(dx + c) + s * (d - h * b));
    }
    for (; c < o->width; c++) {
        real h = (centred ? x[c] - mean : x[c]) * scale;
        real d = dscore * w[c];
        if (centred)
            d = d - mean_d;
        dx[c] = dx[c] + scale * (d - h * mean_dh);
    }
}

static void route_dweight(const struct router *o, int32_t c0, int32_t c1)
{
    for (int32_t c = c0; c < c1; c++)
        o->dweight[c] = real_set(0.0f);
    for (int32_t i = 0; i < o->n; i++) {
        int32_t r = o->token ? o->token[i] : i, c = c0;
        const real *x = o->x + (ptrdiff_t)(o->in_stream ? r : i) * o->width;
        real *dw = o->dweight, ds = o->dscore[i];
        bool centred = o->input == ROUTER_LAYER_NORM;
        real mean = centred ? o->stats[2 * r] : real_set(0.0f);
        real scale = centred                   ? o->stats[2 * r + 1]
                     : o->input == ROUTER_RMS ? o->stats[r]
                                               : real_set(1.0f);
        for (; c + REGISTER_LANES <= c1; c += REGISTER_LANES) {
            lanes h = lanes_load(x + c);
            if (centred)
                h = h - lanes_set(mean);
            if (o->input != ROUTER_RAW)
                h = h * lanes_set(scale);
            lanes_store(dw + c, lanes_load(dw + c) + lanes_set(ds) * h);
        }
        for (; c < c1; c++) {
            real h = x[c];
            if (centred)
                h = h - mean;
            if (o->input != ROUTER_RAW)
                h = h * scale;
            dw[c] = dw[c] + ds * h;
        }
    }
}

void KERNEL(route_backward)(const struct router *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    real share = share_of(o->width);
    for (int32_t i = slice(o->n, 1, part, parts); i < end; i++)
        route_dx(o, i, share);
    route_dweight(o, slice(o->width, 16, part, parts),
                  slice(o->width, 16, part + 1, parts));
}
