/* flop_mix.c - Add up flops of every width. */
#include "hwprof/counters/flop_mix.h"

uint64_t flop_mix_sum(const struct flop_mix *mix)
{
    uint64_t sum = 0;

    for (int w = 0; w < FLOP_WIDTH_COUNT; w++)
        sum += mix->of[w];
    return sum;
}

void flop_mix_add(struct flop_mix *sum, const struct flop_mix *part)
{
    for (int w = 0; w < FLOP_WIDTH_COUNT; w++)
        sum->of[w] += part->of[w];
    sum->fused += part->fused;
}
