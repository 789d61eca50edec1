/* multiplier.h - Multiply by a library, or by our own kernel, on one thread. */
#ifndef MULTIPLIER_H
#define MULTIPLIER_H

#include "tests/bench/bench.h"

enum { MULTIPLIERS = BLAS_COUNT + 1 };

struct multiplier {
    const struct blas    *blas;      /* or */
    const struct kernels *kernels;
    char name[2 * BLAS_TEXT_SIZE];   /* "OpenBLAS SkylakeX" */
};

/* The libraries present, then our own; returns how many. */
int multiplier_list(struct multiplier out[MULTIPLIERS],
                    const struct bench *bench);

/* `scratch` is what our own kernel asks for. */
void multiplier_run(const struct multiplier *who, const struct gemm *g,
                    float *scratch);

/* Numbers to multiply: none is zero, none denormal. */
void multiplier_fill(float *x, size_t n);

/* Says under the table which libraries are absent. */
void multiplier_note(const struct bench *bench, struct results *out);

#endif
