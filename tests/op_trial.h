/* op_trial.h - Compare the gradient that an op's kernel returns with central
 * differences of the formula in double, for every instruction set of this CPU. */
#ifndef OP_TRIAL_H
#define OP_TRIAL_H

#include <criterion/criterion.h>
#include <math.h>

#include "models/executor/ops.h"
#include "sim/core/base/random.h"

/* A scalar function of n numbers and the gradient a kernel gave for it. */
struct trial {
    const char *what;
    size_t      n;
    double     *x;
    double    (*value)(const double *x, const void *context);
    const void *context;
    const float *gradient;
};

static inline void check(const struct kernels *kernels, const struct trial *t)
{
    const double step = 1e-5;
    double squares = 0.0, off = 0.0;
    for (size_t i = 0; i < t->n; i++) {
        double was = t->x[i];
        t->x[i] = was + step;
        double above = t->value(t->x, t->context);
        t->x[i] = was - step;
        double below = t->value(t->x, t->context);
        t->x[i] = was;
        double slope = (above - below) / (2.0 * step);
        double error = (double)t->gradient[i] - slope;
        squares += slope * slope;
        off += error * error;
    }
    double error = sqrt(off) / sqrt(squares);
    cr_log_info("%-8s %-24s %.1e", kernels->name, t->what, error);
    cr_expect(squares > 0.0 && error <= 1e-4, "%s, %s: off by %g",
              kernels->name, t->what, error);
}

/* Random numbers, the same as float and double. */
static inline void draw(float *f, double *d, size_t n, uint64_t seed)
{
    struct random random = random_seeded(seed);
    for (size_t i = 0; i < n; i++) {
        f[i] = (float)random_normal(&random);
        if (d)
            d[i] = (double)f[i];
    }
}

static const char *const variants[] = { "generic", "avx2", "avx512" };

#define EACH_KERNELS(k)                                                        \
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)            \
        for (const struct kernels *k = kernels_find(variants[v]); k; k = NULL)

#endif
