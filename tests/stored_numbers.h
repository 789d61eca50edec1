/* stored_numbers.h - Draw random numbers in the formats that files store. */
#ifndef STORED_NUMBERS_H
#define STORED_NUMBERS_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/numbers.h"
#include "sim/core/base/random.h"

/* The offsets of a block's halves in bytes; -1: none. */
static const int halves[NUMBER_COUNT][2] = {
    [NUMBER_F32] = { -1, -1 }, [NUMBER_F16] = { 0, -1 },
    [NUMBER_BF16] = { -1, -1 }, [NUMBER_Q8_0] = { 0, -1 },
    [NUMBER_Q4_0] = { 0, -1 }, [NUMBER_Q4_1] = { 0, 2 },
    [NUMBER_Q5_0] = { 0, -1 }, [NUMBER_Q5_1] = { 0, 2 },
    [NUMBER_Q4_K] = { 0, 2 }, [NUMBER_Q5_K] = { 0, 2 },
    [NUMBER_Q6_K] = { 208, -1 }, [NUMBER_Q2_K] = { 80, 82 },
    [NUMBER_Q3_K] = { 108, -1 }, [NUMBER_IQ4_NL] = { 0, -1 },
    [NUMBER_IQ4_XS] = { 0, -1 }, [NUMBER_MXFP4] = { -1, -1 },
};

/* n numbers of a type: any bits, except that halves, float32 and bfloat16 are
 * small and of either sign. */
static inline uint8_t *draw(enum number type, size_t n, uint64_t seed)
{
    const size_t bytes = numbers_bytes(type, n);
    const size_t block = number_table[type].bytes;
    uint8_t *out = malloc(bytes + 1);
    struct random random = random_seeded(seed);

    cr_assert(out != NULL);
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)random_below(&random, 256);
    for (size_t b = 0; b < bytes; b += block) {
        if (type == NUMBER_F32 || type == NUMBER_BF16) {
            float x = (float)(0.05 * random_normal(&random));
            uint8_t *bits = (uint8_t *)&x;
            memcpy(out + b, bits + 4 - block, block);
        }
        if (type == NUMBER_MXFP4)    /* 2^-14 to 2^-8 */
            out[b] = (uint8_t)(114 + random_below(&random, 7));
        for (int i = 0; i < 2 && halves[type][i] >= 0; i++) {
            /* 2^-14 to 2^-7, for weights of at most order 1 */
            unsigned small = type == NUMBER_F16 ? 5 : 0;
            uint16_t half = (uint16_t)(
                random_below(&random, 2) << 15 |
                (1 + small + random_below(&random, 7)) << 10 |
                random_below(&random, 1024));
            memcpy(out + b + halves[type][i], &half, sizeof half);
        }
    }
    return out;
}

#endif
