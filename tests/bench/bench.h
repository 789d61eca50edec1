/* bench.h - Declare the sections of the bench, and what they share. */
#ifndef BENCH_H
#define BENCH_H

#include "models/kernels/kernels.h"
#include "tests/bench/blas.h"
#include "tests/bench/results.h"

struct bench {
    bool   quick;                    /* fewer rounds, small shapes only */
    bool   noisy;                    /* disturbed rounds count too */
    int    n_threads;                /* 2, or what this machine has */
    double ends;                     /* of clock_seconds(): no round later */
    const struct kernels *kernels;
    struct blas       blas[BLAS_COUNT];
    struct helper     stock;
};

/* Each fills in title, columns, lines and note of *out, which is blank but for
 * its section's name. */
typedef enum status bench_section(struct bench *bench, struct results *out,
                                  struct error *err);
bench_section bench_peak;        /* sgemm at 1024^3 */
bench_section bench_gemm;        /* our products beside the libraries' */
bench_section bench_train;       /* steps, dense and routed, of the peak */
bench_section bench_widths;      /* steps of widths that fill no register */
bench_section bench_routed;      /* MoD of small widths, of its flops */
bench_section bench_ops;         /* where a step's time goes */
bench_section bench_decode;      /* tokens one by one, weights as stored */
bench_section bench_predict;     /* what a prediction and a meter cost */
bench_section bench_open;        /* models and tokenizers, until they are read */

/* Beside widths that are listed, the worst of all from 8 to 130, of each kernels
 * that run here: a line each, its columns of seconds and of the ratio to its
 * padded neighbour, which is to be `most` at most. */
enum status bench_every_width(struct bench *bench, struct results *out,
                              int time, int ratio, double most,
                              struct error *err) MUST_CHECK;

/* Rounds of the usual number, at most so many seconds. */
struct rounds_plan bench_plan(const struct bench *bench, int n_threads,
                              double sample_seconds, double most_seconds);

/* The sgemm peak of n threads, each with its own product on its own CPU, by all
 * libraries present and by our own kernel: candidates to put beside others. */
enum { PEAK_CANDIDATES = BLAS_COUNT + 1 };
struct peak;                     /* opaque: peak.c */
enum status peak_open(struct peak **out, const struct bench *bench,
                      int n_threads, struct error *err) MUST_CHECK;
void        peak_close(struct peak *peak);
int         peak_candidates(struct peak *peak,
                            struct candidate out[PEAK_CANDIDATES]);
double      peak_flops(const struct peak *peak);   /* of one run */

#endif
