/* multiplier.c - Put the libraries and our kernel behind one call. */
#include "tests/bench/multiplier.h"

#include <stdio.h>

int multiplier_list(struct multiplier out[MULTIPLIERS],
                    const struct bench *bench)
{
    int n = 0;
    for (int i = 0; i < BLAS_COUNT; i++) {
        const struct blas *blas = &bench->blas[i];
        if (!blas->sgemm)
            continue;
        out[n] = (struct multiplier){ .blas = blas };
        snprintf(out[n].name, sizeof out[n].name, "%s %s", blas->name,
                 blas->core);
        n++;
    }
    out[n] = (struct multiplier){ .kernels = bench->kernels };
    snprintf(out[n].name, sizeof out[n].name, "our own %s",
             bench->kernels->name);
    return n + 1;
}

void multiplier_run(const struct multiplier *who, const struct gemm *g,
                    float *scratch)
{
    if (who->blas)
        blas_product(who->blas, g);
    else
        who->kernels->gemm(g, 0, 1, scratch);
}

void multiplier_fill(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 1.0f / (float)(i % 13 + 1);
}

void multiplier_note(const struct bench *bench, struct results *out)
{
    for (int i = 0; i < BLAS_COUNT; i++)
        if (!bench->blas[i].sgemm)
            results_note(out, "%s is absent: %s. ", bench->blas[i].name,
                         bench->blas[i].reason);
}
