/* counting.h - Declare the kernels compiled with counting arithmetic (vec.hpp),
 * once for each register width. */
#ifndef COUNTING_H
#define COUNTING_H

#include <stdint.h>
#include "models/kernels/kernels.h"

/* Flops executed since the program started. */
extern uint64_t counting_flops;

extern const struct kernels kernels_counting4;
extern const struct kernels kernels_counting8;
extern const struct kernels kernels_counting16;

#endif
