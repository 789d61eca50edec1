/* energy.h - Turn flops, bytes and seconds into joules, with an interval. */
#ifndef ENERGY_H
#define ENERGY_H

#include "sim/price/roofline.h"

/* The parts, so that a token can be given its own flops and bytes. */
struct energy {
    struct estimate flops;            /* flops * joules_per_flop */
    struct estimate bytes;            /* over the levels, bytes * J/byte */
    struct estimate standing;         /* static_watts * seconds */
};

/* Joules by effective coefficients, a model and not a reading: each level is
 * charged for the bytes that cross from it to the one nearer the core. */
struct energy energy_of(const struct machine *machine, double flops,
                        const struct traffic *traffic, struct estimate seconds);
struct estimate energy_joules(const struct energy *energy);

#endif
