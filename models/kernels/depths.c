/* depths.c - Say how deep each row goes, and how likely. */
#include "models/kernels/kernel.h"

static void soften(const struct depths *o, int32_t r)
{
    real top = o->score[0][r], sum = real_set(0.0f);

    for (int32_t i = 1; i < o->n_depths; i++)
        if (o->score[i][r] > top)
            top = o->score[i][r];
    for (int32_t i = 0; i < o->n_depths; i++) {
        o->chance[i][r] = real_exp(o->score[i][r] - top);
        sum = i == 0 ? o->chance[0][r] : sum + o->chance[i][r];
    }
    for (int32_t i = 0; i < o->n_depths; i++)
        o->chance[i][r] = o->chance[i][r] / sum;
}

/* From the deepest on, so that those before a depth are still scores. */
static void take_margins(const struct depths *o, int32_t r)
{
    real deep = o->score[o->n_depths - 1][r];

    for (int32_t i = o->n_depths - 1; i > 0; i--) {
        real shallow = o->score[0][r];
        for (int32_t j = 1; j < i; j++)
            if (o->score[j][r] > shallow)
                shallow = o->score[j][r];
        o->score[i][r] = deep - shallow;
        if (o->score[i - 1][r] > deep)
            deep = o->score[i - 1][r];
    }
    o->score[0][r] = real_set(1.0f);
}

void KERNEL(depths)(const struct depths *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        soften(o, r);
        take_margins(o, r);
    }
}

/* Of a softmax: chance times what its gradient has above the chances' mean. */
void KERNEL(depths_backward)(const struct depths *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        real mean = real_set(0.0f);
        for (int32_t i = 0; i < o->n_depths; i++) {
            real *d = &o->score[i][r];
            if (o->slope)
                *d = *d + o->slope[i];
            mean = i == 0 ? o->chance[0][r] * *d
                          : mean + o->chance[i][r] * *d;
        }
        for (int32_t i = 0; i < o->n_depths; i++)
            o->score[i][r] = o->chance[i][r] * (o->score[i][r] - mean);
    }
}
