/* loss.c - Compute softmax cross-entropy, the entropy of the prediction, and
 * the losses of routers. */
#include "models/kernels/kernel.h"
#include "models/kernels/row_sums.h"

/* Of exp(x - m). */
static real sum_of_exponentials(const real *x, real m, int32_t n)
{
    running sums = running_set(0.0f);
    lanes top = lanes_set(m);
    int32_t i = 0;
    for (; i + 16 <= n; i += 16)
        REGISTERS(reg, at, i)
            sums.at[reg] = sums.at[reg] + lanes_exp(lanes_load(x + at) - top);
    real sum = running_fold(sums);
    for (; i < n; i++)
        sum = sum + real_exp(x[i] - m);
    return sum;
}

void KERNEL(loss)(const struct loss *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const real *x = o->logits + (ptrdiff_t)r * o->width;
        real m = largest_of(x, o->width);
        real sum = sum_of_exponentials(x, m, o->width);
        o->nats[r] = real_log(sum) - (x[o->target[r]] - m);
        o->stats[2 * r] = m;
        o->stats[2 * r + 1] = sum;
    }
}

void KERNEL(loss_backward)(const struct loss *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    real gradient = o->gradient;
    const real inverse = o->cap > 0.0f ? ONCE(1.0f / o->cap) : real_set(0.0f);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const real *x = o->logits + (ptrdiff_t)r * o->width;
        real *d = o->dlogits + (ptrdiff_t)r * o->width;
        real m = o->stats[2 * r], scale = gradient / o->stats[2 * r + 1];
        lanes top = lanes_set(m), s = lanes_set(scale);
        lanes slope = lanes_set(inverse);
        /* dlogits may lie where the logits do. */
        const real aimed = x[o->target[r]];
        int32_t i = 0;
        for (; i + REGISTER_LANES <= o->width; i += REGISTER_LANES) {
            lanes y = lanes_load(x + i), v = lanes_exp(y - top) * s;
            lanes_store(d + i, o->cap > 0.0f
                                    ? v * lanes_cap_slope(y, slope) : v);
        }
        for (; i < o->width; i++) {
            real y = x[i], v = real_exp(y - m) * scale;
            d[i] = o->cap > 0.0f ? v * real_cap_slope(y, inverse) : v;
        }
        real *to = &d[o->target[r]];
        *to = o->cap > 0.0f
                  ? real_add_product(*to, -gradient,
                                     real_cap_slope(aimed, inverse))
                  : *to - gradient;
    }
}

/* log(sum) - sum p (x - m). */
void KERNEL(entropy)(const struct loss *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const real *x = o->logits + (ptrdiff_t)r * o->width;
        real m = o->stats[2 * r], sum = o->stats[2 * r + 1];
        running sums = running_set(0.0f);
        lanes top = lanes_set(m);
        int32_t i = 0;
        for (; i + 16 <= o->width; i += 16)
            REGISTERS(reg, at, i) {
                lanes d = lanes_load(x + at) - top;
                sums.at[reg] = lanes_add_product(sums.at[reg], lanes_exp(d), d);
            }
        real weighted = running_fold(sums);
        for (; i < o->width; i++) {
            real d = x[i] - m;
            weighted = weighted + real_exp(d) * d;
        }
        o->entropy[r] = real_log(sum) - weighted / sum;
    }
}

void KERNEL(confidence)(const struct confidence *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const real *x = o->logits + (ptrdiff_t)r * o->width;
        real sum = sum_of_exponentials(x, largest_of(x, o->width), o->width);
        o->score[o->row ? o->row[r] : r] = real_set(1.0f) / sum;
    }
}

/* log(1 + exp(z)), z = -score where it should be high, without overflow. */
void KERNEL(route_loss)(const struct router_loss *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        real z = o->place[r] < 0 ? o->score[r] : -o->score[r];
        o->nats[r] = real_max(z, real_set(0.0f)) +
                     real_log(real_exp(-real_max(z, -z)) + 1.0f);
    }
}

void KERNEL(route_loss_backward)(const struct router_loss *o, int part,
                                 int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    real entropy = o->entropy, square = o->square, share = o->share;
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        real score = o->score[r], none = real_set(0.0f);
        real d[3] = { none, none, none };
        int n = 0;
        if (o->entropy > 0.0f || o->balanced) {
            real s = real_set(1.0f) / (real_exp(-score) + 1.0f);
            if (o->entropy > 0.0f)
                d[n++] = (s - real_set(o->place[r] < 0 ? 0.0f : 1.0f)) *
                         entropy;
            if (o->balanced)
                d[n++] = s * (real_set(1.0f) - s) * share;
        }
        if (o->square > 0.0f)
            d[n++] = score * square;
        while (--n > 0)
            d[n - 1] = d[n - 1] + d[n];
        o->dscore[r] = d[0];
    }
}
