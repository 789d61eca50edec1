/* regime.h - Say how the steps of a model are run, beyond its shape and routes.
 *
 * {0} is the executor: all sequences at once, and what backward needs is kept.
 * Any other is priced, never run. */
#ifndef REGIME_H
#define REGIME_H

#include <stdbool.h>
#include <stdint.h>

struct regime {
    /* Training keeps the input of each layer alone, and works out the rest of
     * its forward pass again before its backward pass: ops of forward that are
     * filed under backward (Chen et al. 2016, arXiv 1604.06174). */
    bool    recompute;
    /* Training takes so many steps of B sequences each, one after the other, and
     * updates once; 0: 1.  Adding to gradients costs what writing them does. */
    int32_t accumulate;
};

int32_t regime_steps(const struct regime *regime);    /* at least 1 */

#endif
