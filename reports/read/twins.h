/* twins.h - Tell a model and its dense twin from any two runs.
 *
 * Twins share the model, the format of its weights, the text and the windows it
 * was read in, and the machine; what is routed and how it was trained may
 * differ. */
#ifndef TWINS_H
#define TWINS_H

#include <stddef.h>
#include "reports/read/run.h"

/* Return how many of those things differ, and name them in out, "weights f32 and q4_1,
 * window 32 and 64", cut to size; "" when none does. */
size_t twins_differ(char *out, size_t size, const struct run *dense,
                    const struct run *mod);

/* The same of two profiles, whose configurations are another's: model, weights,
 * batch, tokens, threads, CPU. */
size_t twins_differ_as_profiles(char *out, size_t size, const struct run *first,
                                const struct run *other);

#endif
