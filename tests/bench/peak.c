/* peak.c - Find the fastest sgemm that this machine is seen to do. */
#include "tests/bench/multiplier.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/open_arena.h"
#include "sim/core/base/clock.h"
#include "tests/bench/fma.h"

enum { PEAK_SIZE = 1024, PEAK_THREADS = 2 };
static const double product_flops = 2.0 * PEAK_SIZE * PEAK_SIZE * PEAK_SIZE;

/* Good libraries reach nine tenths of the multiply-adds that a core can do. */
static const double good_share = 0.8;

struct peak {
    int n_threads, n_multipliers;
    struct multiplier multiplier[PEAK_CANDIDATES];
    struct peak_candidate {
        struct peak *peak;
        int          which;      /* multiplier; past the last: the loop */
    } candidate[PEAK_CANDIDATES + 1];
    struct gemm  g[PEAK_THREADS];
    float       *scratch[PEAK_THREADS];
    struct arena arena;
};

struct hand {                    /* what one thread of a peak does */
    const struct peak_candidate *candidate;
    int     thread, cpu;         /* cpu < 0: where it likes */
    int64_t times;
};

/* The i-th CPU that this process may use. */
static int cpu_at(int i)
{
    cpu_set_t may;
    if (sched_getaffinity(0, sizeof may, &may) != 0)
        return -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, &may) && i-- == 0)
            return cpu;
    return -1;
}

static void *run_hand(void *argument)
{
    const struct hand *hand = argument;
    struct peak *peak = hand->candidate->peak;

    if (hand->cpu >= 0) {
        cpu_set_t only;
        CPU_ZERO(&only);
        CPU_SET((size_t)hand->cpu, &only);
        (void)pthread_setaffinity_np(pthread_self(), sizeof only, &only);
    }
    int which = hand->candidate->which;
    if (which == peak->n_multipliers)
        fma_run(product_flops * (double)hand->times);
    else
        for (int64_t i = 0; i < hand->times; i++)
            multiplier_run(&peak->multiplier[which], &peak->g[hand->thread],
                           peak->scratch[hand->thread]);
    return NULL;
}

/* One thread runs where it is; more are made for the sample, which costs some
 * 50 us of its tenth of a second. */
static double run_peak(void *argument, int64_t times)
{
    const struct peak_candidate *candidate = argument;
    int n = candidate->peak->n_threads, made = 0;
    struct hand hand[PEAK_THREADS];
    pthread_t thread[PEAK_THREADS];
    double from = clock_seconds();

    for (int i = 0; i < n; i++)
        hand[i] = (struct hand){ candidate, i, n > 1 ? cpu_at(i) : -1, times };
    if (n == 1) {
        run_hand(&hand[0]);
        return clock_seconds() - from;
    }
    while (made < n && pthread_create(&thread[made], NULL, run_hand,
                                      &hand[made]) == 0)
        made++;
    for (int i = 0; i < made; i++)
        pthread_join(thread[i], NULL);
    return made == n ? clock_seconds() - from : (double)INFINITY;
}

static void lay_out_peak(struct peak *p, size_t scratch)
{
    const int32_t n = PEAK_SIZE;
    const size_t size = (size_t)n * (size_t)n;

    for (int i = 0; i < p->n_threads; i++) {
        float *a = arena_take(&p->arena, size, sizeof *a);
        float *b = arena_take(&p->arena, size, sizeof *b);
        float *c = arena_take(&p->arena, size, sizeof *c);
        p->scratch[i] = arena_take(&p->arena, scratch, sizeof(float));
        if (!p->arena.base)
            continue;
        multiplier_fill(a, size);
        multiplier_fill(b, size);
        p->g[i] = (struct gemm){
            .m = n, .n = n, .k = n, .a = a, .a_row = n, .a_k = 1, .b = b,
            .b_k = n, .b_col = 1, .c = c, .c_row = n,
        };
    }
}

enum status peak_open(struct peak **out, const struct bench *bench,
                      int n_threads, struct error *err)
{
    size_t scratch = bench->kernels->gemm_scratch(PEAK_SIZE);
    struct peak *p = calloc(1, sizeof *p);

    if (!p)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a product");
    p->n_threads = n_threads;
    p->n_multipliers = multiplier_list(p->multiplier, bench);
    lay_out_peak(p, scratch);
    enum status status = arena_open(&p->arena, err);
    if (status != STATUS_OK) {
        free(p);
        return status;
    }
    lay_out_peak(p, scratch);
    *out = p;
    return STATUS_OK;
}

void peak_close(struct peak *peak)
{
    if (!peak)
        return;
    arena_close(&peak->arena);
    free(peak);
}

int peak_candidates(struct peak *p, struct candidate out[PEAK_CANDIDATES])
{
    for (int i = 0; i < p->n_multipliers; i++) {
        p->candidate[i] = (struct peak_candidate){ p, i };
        out[i] = (struct candidate){ p->multiplier[i].name, run_peak,
                                     &p->candidate[i] };
    }
    return p->n_multipliers;
}

double peak_flops(const struct peak *peak)
{
    return product_flops * peak->n_threads;
}

/* Multiply-adds alone, as many threads of them: no product is faster. */
static struct candidate ceiling(struct peak *p)
{
    p->candidate[p->n_multipliers] =
        (struct peak_candidate){ p, p->n_multipliers };
    return (struct candidate){ "multiply-adds alone", run_peak,
                               &p->candidate[p->n_multipliers] };
}

static const struct results_column peak_columns[] = {
    { "speed", "flop/s", "GFLOP/s", 1e-9, 1, true, WISH_NONE },
    { "share of peak", "1", "%", 100.0, 1, true, WISH_NONE },
    { NULL, NULL, NULL, 0, 0, false, WISH_NONE },
};

static void add_peak(struct results *out, const struct rounds *r,
                     const struct candidate *candidate, double flops,
                     int n_threads, int best, int c)
{
    struct results_line *line =
        results_add(out, "%d thread%s, %s", n_threads, n_threads > 1 ? "s" : "",
                    candidate[c].name);
    line->disturbed = r->disturbed;
    if (!isfinite(rounds_seconds(r, c).median))
        return;
    /* A stock library always multiplies once, whatever the threads. */
    line->cell[0] = rounds_rate(r, c, flops);
    line->cell[1] = rounds_ratio(r, best, c, 1.0);
}

/* A share of a poor peak flatters. */
static void warn_of_poor(struct results *out, const struct rounds *r,
                         const struct candidate *candidate, int n, int loop,
                         int n_threads)
{
    int best = rounds_fastest(r, 0, n - 1);
    struct samples share = rounds_ratio(r, loop, best, 1.0);
    if (share.n > 0 && share.median < good_share)
        results_note(out, "WARNING: on %d thread%s the best library, %s, reaches"
                     " %.0f %% of the multiply-adds alone: shares of the peak"
                     " flatter. ", n_threads, n_threads > 1 ? "s" : "",
                     candidate[best].name, 100.0 * share.median);
}

enum status bench_peak(struct bench *bench, struct results *out,
                       struct error *err)
{
    const bool has_loop = fma_run(0.0);
    char stock[BLAS_TEXT_SIZE * 2];

    out->title = "sgemm, 1024 x 1024 x 1024, one product a thread";
    out->column = peak_columns;
    multiplier_note(bench, out);
    for (int i = 0; i < BLAS_COUNT; i++)
        if (bench->blas[i].sgemm)
            results_note(out, "%s in trials, told %s GFLOP/s. ",
                         bench->blas[i].name, bench->blas[i].tried);
    snprintf(stock, sizeof stock, "OpenBLAS as it comes, %s",
             bench->stock.text);
    for (int threads = 1; threads <= bench->n_threads; threads++) {
        struct candidate candidate[PEAK_CANDIDATES + 2];
        struct rounds_plan plan = bench_plan(bench, threads, 0.1, 8.0);
        struct rounds r;
        struct peak *peak;
        enum status status = peak_open(&peak, bench, threads, err);
        if (status != STATUS_OK)
            return status;
        int n = peak_candidates(peak, candidate), all = n;
        if (has_loop)
            candidate[all++] = ceiling(peak);
        if (threads == 1 && bench->stock.pid > 0) {
            candidate[all++] = (struct candidate){ stock, helper_run,
                                                   &bench->stock };
            plan.helper = bench->stock.pid;
        }
        status = rounds_take(&r, candidate, all, &plan, err);
        int best = status == STATUS_OK ? rounds_fastest(&r, 0, n - 1) : 0;
        for (int c = 0; c < all && status == STATUS_OK; c++)
            add_peak(out, &r, candidate, peak_flops(peak), threads, best, c);
        if (status == STATUS_OK && has_loop && n > 1)
            warn_of_poor(out, &r, candidate, n - 1, n, threads);
        if (status == STATUS_OK)
            rounds_close(&r);
        peak_close(peak);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
