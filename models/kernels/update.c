/* update.c - Clip gradients and run AdamW over flat tensors. */
#include "models/kernels/kernel.h"
#include "sim/core/ledger/op.h"

static inline size_t chunk_slice(size_t n, int part, int parts)
{
    size_t chunks = (n + OP_CLIP_CHUNK - 1) / OP_CLIP_CHUNK;
    return chunks * (size_t)part / (size_t)parts;
}

void KERNEL(squares)(const real *x, size_t n, real *partial, int part,
                     int parts)
{
    size_t end = chunk_slice(n, part + 1, parts);
    for (size_t chunk = chunk_slice(n, part, parts); chunk < end; chunk++) {
        size_t i = chunk * OP_CLIP_CHUNK;
        size_t stop = n - i < OP_CLIP_CHUNK ? n : i + OP_CLIP_CHUNK;
        running sum = running_set(0.0f);
        for (; i + 16 <= stop; i += 16)
            REGISTERS(reg, at, i)
                sum.at[reg] = lanes_add_product(
                    sum.at[reg], lanes_load(x + at), lanes_load(x + at));
        real total = running_fold(sum);
        for (; i < stop; i++)
            total = total + x[i] * x[i];
        partial[chunk] = total;
    }
}

double KERNEL(sum)(double start, const real *x, size_t n)
{
    wide sum = start;
    for (size_t i = 0; i < n; i++)
        sum = sum + wide_of(x[i]);
    return wide_double(sum);
}

double KERNEL(clip_scale)(double squares, double limit)
{
    wide s = squares, most = limit;
    double scale = wide_double(most / wide_sqrt(s));
    return scale < 1.0 ? scale : 1.0;   /* also for 0 / 0 */
}

/* Loshchilov and Hutter 2019, algorithm 2: decay beside the step, not in it. */
void KERNEL(adamw)(const struct adamw *o, real *p, const real *g, real *m,
                   real *v, size_t n, int part, int parts)
{
    size_t i = (n + 15) / 16 * (size_t)part / (size_t)parts * 16;
    size_t end = (n + 15) / 16 * (size_t)(part + 1) / (size_t)parts * 16;
    real rest1 = ONCE(1.0f - o->beta1), rest2 = ONCE(1.0f - o->beta2);
    if (end > n)
        end = n;

    for (; i + REGISTER_LANES <= end; i += REGISTER_LANES) {
        lanes d = lanes_load(g + i) * o->scale;
        lanes m1 = lanes_load(m + i) * o->beta1 + d * rest1;
        lanes v1 = lanes_load(v + i) * o->beta2 + d * d * rest2;
        lanes old = lanes_load(p + i);
        lanes step = m1 * o->correction1 /
                     (lanes_sqrt(v1 * o->correction2) + o->epsilon);
        lanes_store(m + i, m1);
        lanes_store(v + i, v1);
        lanes_store(p + i, old - (step + old * o->weight_decay) *
                                   o->learning_rate);
    }
    for (; i < end; i++) {
        real d = g[i] * o->scale;
        real m1 = m[i] * o->beta1 + d * rest1;
        real v1 = v[i] * o->beta2 + d * d * rest2;
        real step = m1 * o->correction1 /
                    (real_sqrt(v1 * o->correction2) + o->epsilon);
        m[i] = m1;
        v[i] = v1;
        p[i] = p[i] - (step + p[i] * o->weight_decay) * o->learning_rate;
    }
}
