/* regime.h - Say how the steps of a model are run: number formats, and what of a
 * training step is kept or done over.
 *
 * {0} is the executor: float32 throughout, all sequences at once, and what
 * backward needs is kept.  Any other is priced, never run. */
#ifndef REGIME_H
#define REGIME_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/core/base/precision.h"

struct regime {
    /* What products and attention multiply in, and the format of all rows that
     * ops read and write.  Sums are taken in fp32 or the like, in registers:
     * profiles state peaks with such sums. */
    enum precision arithmetic;
    /* Of parameters; those that the spec stores otherwise are as stored.
     * Training keeps them so and reads them in the arithmetic's format. */
    enum precision weights;
    enum precision kv;               /* cached keys and values */
    enum precision gradients;        /* of parameters */
    enum precision moments;          /* the optimizer's two */
    /* Training keeps the input of each layer alone, and works out the rest of
     * its forward pass again before its backward pass: ops of forward that are
     * filed under backward (Chen et al. 2016, arXiv 1604.06174). */
    bool    recompute;
    /* Training takes so many steps of B sequences each, one after the other, and
     * updates once; 0: 1.  Adding to gradients costs what writing them does. */
    int32_t accumulate;
};

int32_t regime_steps(const struct regime *regime);    /* at least 1 */

/* All its formats are the executor's. */
bool regime_is_fp32(const struct regime *regime);

/* Bytes of numbers of which float32 takes `bytes`, rounded. */
uint64_t regime_bytes(uint64_t bytes, enum precision precision);

#endif
