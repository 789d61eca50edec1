/* random.h - Generate seeded random numbers, the same on every machine. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

/* xoshiro256** 1.0 (Blackman and Vigna 2018).  Plain state: copy it, store it
 * in a checkpoint, and the sequence goes on. */
struct random {
    uint64_t state[4];
};

/* Seeded through splitmix64, as its authors advise. */
struct random random_seeded(uint64_t seed);

/* A seed for a sub-stream: mixes `seed` with up to three indices, so that no
 * two streams of a run are alike. */
uint64_t random_mix(uint64_t seed, uint64_t a, uint64_t b, uint64_t c);

uint64_t random_next(struct random *random);
double   random_uniform(struct random *random);                  /* [0, 1) */
double   random_normal(struct random *random);                   /* N(0, 1) */
uint32_t random_below(struct random *random, uint32_t limit);    /* [0, limit) */

#endif
