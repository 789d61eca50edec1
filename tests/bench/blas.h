/* blas.h - Open the libraries to compare with, by name, at run time. */
#ifndef BLAS_H
#define BLAS_H

#include <stdint.h>
#include "models/kernels/kernels.h"
#include "tests/bench/helper.h"

enum { BLAS_TEXT_SIZE = HELPER_TEXT_SIZE };

typedef void blas_sgemm(int order, int trans_a, int trans_b, int m, int n,
                        int k, float alpha, const float *a, int lda,
                        const float *b, int ldb, float beta, float *c, int ldc);

struct blas {
    const char *name;                  /* "OpenBLAS" */
    blas_sgemm *sgemm;                 /* NULL: absent */
    char        core[BLAS_TEXT_SIZE];  /* kernels it chose: "SkylakeX" */
    char        reason[BLAS_TEXT_SIZE];   /* why it is absent */
    char        tried[BLAS_TEXT_SIZE];    /* "nothing 42, skx 231": GFLOP/s in
                                           * trials, by what it was told */
};
enum { BLAS_OPENBLAS, BLAS_BLIS, BLAS_COUNT };

/* Opens all; one thread a call.  Each is told the kernels that were fastest in a
 * trial: Debian's OpenBLAS 0.3.21 and BLIS 0.9 do not know CPUs younger than
 * themselves, and take SSE kernels there.  What the environment says of them is
 * not heard. */
void blas_open(struct blas out[BLAS_COUNT]);

/* g without bias and from. */
void blas_product(const struct blas *blas, const struct gemm *g);

/* OpenBLAS as it comes, n x n x n, in a process of its own, since a library
 * chooses its kernels when it is loaded; its text is the kernels.  Open it before
 * blas_open(). */
void blas_stock_open(struct helper *out, int32_t n);

#endif
