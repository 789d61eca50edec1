/* energy_fit.h - Fit coefficients to windows with known work and joules.
 *
 *     E = watts * seconds + sum(joules each * count)
 *
 * over windows in which kernels ran whose counts follow from their loops, by
 * least squares without negative coefficients, each window weighed by its
 * joules (relative errors count alike).  A pure function of its rows. */
#ifndef ENERGY_FIT_H
#define ENERGY_FIT_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/core/base/error.h"

/* The terms that cost energy.  Bytes are those that cross from that level to
 * the one nearer the core, as in sim/price/roofline.h: bytes from DRAM cross all
 * levels.
 *   id     name                    unit      of what                        */
#define ENERGY_TERM_MAP(X)                                                     \
    X(IDLE,  "idle_watts",           "W",      "s, whatever runs")             \
    X(AWAKE, "thread_watts",         "W",      "s of a thread awake")          \
    X(FLOP,  "joules_per_flop",      "J/flop", "flop")                         \
    X(L1,    "l1.joules_per_byte",   "J/B",    "B read from L1")               \
    X(L2,    "l2.joules_per_byte",   "J/B",    "B filled from L2")             \
    X(L3,    "l3.joules_per_byte",   "J/B",    "B filled from L3")             \
    X(DRAM,  "dram.joules_per_byte", "J/B",    "B past the last cache")

enum energy_term {
#define X(id, name, unit, what) ENERGY_##id,
    ENERGY_TERM_MAP(X)
#undef X
    ENERGY_TERM_COUNT
};
struct energy_term_info {
    const char *name, *unit, *what;
};
extern const struct energy_term_info energy_terms[ENERGY_TERM_COUNT];

enum { ENERGY_KERNEL_MAX = 32, ENERGY_REASON_SIZE = 200 };

/* One window. */
struct energy_row {
    int    kernel;               /* 0 .. n_kernels - 1: which mix ran */
    double amount[ENERGY_TERM_COUNT];
    double joules;
};

struct energy_fit_options {
    int      n_kernels;          /* at most ENERGY_KERNEL_MAX */
    int      n_threads;          /* awake when all of them work; see standing */
    int      n_resamples;        /* 0: 400 */
    uint64_t seed;               /* of the resampling */
};

/* `low` and `high`: the middle 95 % of fits to resampled windows (bootstrap
 * within each kernel: Efron and Tibshirani, An Introduction to the Bootstrap,
 * 1993, chapter 13), widened to what the fits without any one kernel give, so
 * that a model that does not suit one of them shows.  With one window a kernel
 * only those are left. */
struct energy_coefficient {
    double value, low, high;
    bool   resolved;             /* false: unknown, whatever `value` says */
    char   reason[ENERGY_REASON_SIZE];
};

/* A kernel, predicted by a fit that never saw it. */
struct energy_held_out {
    bool   known;                /* false: only this kernel shows some term */
    double error;                /* predicted / measured - 1 */
    int    n_rows;
};

struct energy_fit {
    struct energy_coefficient term[ENERGY_TERM_COUNT];
    /* Watts while every thread is awake: idle + n_threads * awake, what a
     * machine profile calls static. */
    struct energy_coefficient standing;
    int    n_rows, n_kernels;
    double condition;            /* of the matrix with columns of length 1 */
    double residual;             /* root mean square of fitted / measured - 1 */
    struct energy_held_out held_out[ENERGY_KERNEL_MAX];
    double worst_held_out;       /* largest |error| of those known */
    int    n_held_out;           /* how many those are; 0: no figure */
};

/* STATUS_BAD_VALUE: a row with joules not above 0, a negative or infinite
 * amount, an unknown kernel; STATUS_UNAVAILABLE: fewer rows than terms. */
enum status energy_fit(struct energy_fit *out, const struct energy_row *rows,
                       int n_rows, const struct energy_fit_options *options,
                       struct error *err) MUST_CHECK;

#endif
