/* random.c - Run xoshiro256** and draw numbers from it. */
#include "sim/core/base/random.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct random random_seeded(uint64_t seed)
{
    struct random random;
    for (int i = 0; i < 4; i++)
        random.state[i] = splitmix(&seed);
    return random;
}

uint64_t random_mix(uint64_t seed, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t state = seed;
    state = splitmix(&state) ^ a;
    state = splitmix(&state) ^ b;
    state = splitmix(&state) ^ c;
    return splitmix(&state);
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t random_next(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double random_uniform(struct random *random)
{
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

double random_normal(struct random *random)
{
    /* Box and Muller 1958; 1 - u keeps the logarithm finite. */
    double u = random_uniform(random), v = random_uniform(random);
    return sqrt(-2.0 * log(1.0 - u)) * cos(6.283185307179586 * v);
}

uint32_t random_below(struct random *random, uint32_t limit)
{
    /* Lemire 2019: multiply and shift, rejecting the short first interval. */
    uint64_t m = (random_next(random) >> 32) * limit;
    if ((uint32_t)m < limit) {
        uint32_t floor = -limit % limit;
        while ((uint32_t)m < floor)
            m = (random_next(random) >> 32) * limit;
    }
    return (uint32_t)(m >> 32);
}
