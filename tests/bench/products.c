/* products.c - matrix products: the machine's peak, and ours against libraries'. */
#include "tests/bench/bench.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/core/arena.h"
#include "sim/core/command.h"

/* Who multiplies: a library, or our own kernel. */
struct multiplier {
    const struct blas    *blas;
    const struct kernels *kernels;
    char name[BLAS_TEXT_SIZE * 2];
};

static int list_multipliers(struct multiplier *out, const struct bench *bench)
{
    int n = 0;
    for (int i = 0; i < BLAS_COUNT; i++) {
        const struct blas *blas = &bench->blas[i];
        if (!blas->sgemm)
            continue;
        out[n].blas = blas;
        snprintf(out[n++].name, sizeof out->name, "%s %s", blas->name,
                 blas->core);
    }
    out[n].kernels = bench->kernels;
    snprintf(out[n++].name, sizeof out->name, "our own %s",
             bench->kernels->name);
    return n;
}

static void multiply(const struct multiplier *who, const struct gemm *g,
                     float *scratch)
{
    if (who->blas)
        blas_product(who->blas, g);
    else
        who->kernels->gemm(g, 0, 1, scratch);
}

static void fill(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 1.0f / (float)(i % 13 + 1);
}

/* ---- the peak ---- */

enum { PEAK_SIZE = 1024, PEAK_THREADS = 2 };

struct peak {
    int n_threads, n_multipliers;
    struct multiplier multiplier[PEAK_CANDIDATES];
    struct peak_candidate {
        struct peak *peak;
        int          which;
    } candidate[PEAK_CANDIDATES];
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
        if (CPU_ISSET(cpu, &may) && i-- == 0)
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
        CPU_SET(hand->cpu, &only);
        (void)pthread_setaffinity_np(pthread_self(), sizeof only, &only);
    }
    for (int64_t i = 0; i < hand->times; i++)
        multiply(&peak->multiplier[hand->candidate->which],
                 &peak->g[hand->thread], peak->scratch[hand->thread]);
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
        fill(a, size);
        fill(b, size);
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
    p->n_multipliers = list_multipliers(p->multiplier, bench);
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
    return 2.0 * PEAK_SIZE * PEAK_SIZE * PEAK_SIZE * peak->n_threads;
}

static const struct results_column peak_columns[] = {
    { "speed", "flop/s", "GFLOP/s", 1e-9, 1, true, WISH_NONE },
    { "share of peak", "1", "%", 100.0, 1, true, WISH_NONE },
    { NULL, NULL, NULL, 0, 0, false, WISH_NONE },
};

static void note_absent(const struct bench *bench, struct results *out)
{
    for (int i = 0; i < BLAS_COUNT; i++)
        if (!bench->blas[i].sgemm)
            results_note(out, "%s is absent: %s. ", bench->blas[i].name,
                         bench->blas[i].reason);
}

static void add_peak(struct results *out, const struct rounds *r,
                     const struct candidate *candidate, double flops,
                     int n_threads, int best, int c)
{
    struct results_line *line =
        results_add(out, "%d thread%s, %s", n_threads, n_threads > 1 ? "s" : "",
                    candidate[c].name);
    line->rejected = r->rejected;
    if (!isfinite(rounds_seconds(r, c).median))
        return;
    /* A stock library always multiplies once, whatever the threads. */
    line->cell[0] = rounds_rate(r, c, flops);
    line->cell[1] = rounds_ratio(r, best, c, 1.0);
}

enum status bench_peak(struct bench *bench, struct results *out,
                       struct error *err)
{
    char stock[BLAS_TEXT_SIZE * 2];

    out->title = "sgemm, 1024 x 1024 x 1024, one product a thread";
    out->column = peak_columns;
    note_absent(bench, out);
    snprintf(stock, sizeof stock, "OpenBLAS as it comes, %s",
             bench->stock.core);
    for (int threads = 1; threads <= bench->n_threads; threads++) {
        struct candidate candidate[PEAK_CANDIDATES + 1];
        struct rounds_plan plan = bench_plan(bench, threads, 0.1, 12.0);
        struct rounds r;
        struct peak *peak;
        enum status status = peak_open(&peak, bench, threads, err);
        if (status != STATUS_OK)
            return status;
        int n = peak_candidates(peak, candidate), all = n;
        if (threads == 1 && bench->stock.pid > 0) {
            candidate[all++] = (struct candidate){ stock, blas_stock_run,
                                                   &bench->stock };
            plan.helper = bench->stock.pid;
        }
        status = rounds_take(&r, candidate, all, &plan, err);
        int best = status == STATUS_OK ? rounds_fastest(&r, 0, n - 1) : 0;
        for (int c = 0; c < all && status == STATUS_OK; c++)
            add_peak(out, &r, candidate, peak_flops(peak), threads, best, c);
        if (status == STATUS_OK)
            rounds_close(&r);
        peak_close(peak);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- shapes ---- */

/* Transposed operands as a step has them: the weight's gradient is x^T dout, a
 * key or an unembedding is read along its rows. */
enum layout { NN, NT, TN };
static const char *const layout_names[] = { "", " NT", " TN" };

static const struct shape {
    const char *what;
    int32_t     m, n, k;
    enum layout layout;
} shapes[] = {
    { "up 64",    4096,  256,   64, NN }, { "up 64",    4096,  256,   64, NT },
    { "down 64",  4096,   64,  256, NN }, { "dW 64",      64,  256, 4096, TN },
    { "up 128",   4096,  512,  128, NN }, { "dW 128",    128,  512, 4096, TN },
    { "up 256",   2048, 1024,  256, NN }, { "dW 256",    256, 1024, 2048, TN },
    { "up 512",   2048, 2048,  512, NN },
    { "scores",    256,  256,   32, NN }, { "scores",    256,  256,   32, NT },
    { "mix",       256,   32,  256, NN },
    { "scores",    256,  256,   64, NN }, { "scores",    256,  256,   64, NT },
    { "mix",       256,   64,  256, NN },
    { "MoD 64",     32,  256,   64, NN }, { "MoD 256",    32, 1024,  256, NN },
    { "MoD 256",   256, 1024,  256, NN }, { "MoD 512",    32, 2048,  512, NN },
    { "MoD 512",   256, 2048,  512, NN },
    { "up 32",     256,  128,   32, NN }, { "dW 32",      32,  128,  256, TN },
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes,
       OPERAND_FLOATS = 4096 * 512, RESULT_FLOATS = 2048 * 2048,
       WIDEST = 2048 };

struct product {
    const struct multiplier *who;
    struct gemm g;
    float      *scratch;
};

static double run_product(void *argument, int64_t times)
{
    const struct product *p = argument;
    double from = clock_seconds();
    for (int64_t i = 0; i < times; i++)
        multiply(p->who, &p->g, p->scratch);
    return clock_seconds() - from;
}

static struct gemm product_of(const struct shape *s, const float *a,
                              const float *b, float *c)
{
    return (struct gemm){
        .m = s->m, .n = s->n, .k = s->k, .a = a,
        .a_row = s->layout == TN ? 1 : s->k, .a_k = s->layout == TN ? s->m : 1,
        .b = b, .b_k = s->layout == NT ? 1 : s->n,
        .b_col = s->layout == NT ? s->k : 1, .c = c, .c_row = s->n,
    };
}

static const struct results_column gemm_columns[] = {
    { "ours", "flop/s", "GFLOP/s", 1e-9, 1, false, WISH_NONE },
    { "OpenBLAS", "flop/s", "GFLOP/s", 1e-9, 1, false, WISH_NONE },
    { "BLIS", "flop/s", "GFLOP/s", 1e-9, 1, false, WISH_NONE },
    { "ours over best library", "1", "", 1.0, 2, true, WISH_NONE },
    { NULL, NULL, NULL, 0, 0, false, WISH_NONE },
};

/* Of one shape the candidates stand side by side, libraries first. */
static void add_shape(const struct bench *bench, struct results *out,
                      const struct rounds *r, int shape, int n)
{
    const struct shape *s = &shapes[shape];
    double flops = 2.0 * s->m * s->n * s->k;
    int first = shape * n, own = first + n - 1, c = first;
    struct results_line *line =
        results_add(out, "%-8s %4d x %4d x %4d%s", s->what, s->m, s->n, s->k,
                    layout_names[s->layout]);

    line->rejected = r->rejected;
    line->cell[0] = rounds_rate(r, own, flops);
    for (int i = 0; i < BLAS_COUNT; i++)
        if (bench->blas[i].sgemm)
            line->cell[1 + i] = rounds_rate(r, c++, flops);
    if (own > first)
        line->cell[3] = rounds_ratio(r, rounds_fastest(r, first, own - 1), own,
                                     1.0);
}

static void lay_out_operands(struct arena *arena, float *operand[4],
                             size_t scratch)
{
    const size_t floats[4] = { OPERAND_FLOATS, OPERAND_FLOATS, RESULT_FLOATS,
                               scratch };
    for (int i = 0; i < 4; i++)
        operand[i] = arena_take(arena, floats[i], sizeof(float));
}

enum status bench_gemm(struct bench *bench, struct results *out,
                       struct error *err)
{
    struct multiplier who[PEAK_CANDIDATES];
    struct product product[N_SHAPES * PEAK_CANDIDATES];
    struct candidate candidate[N_SHAPES * PEAK_CANDIDATES];
    struct rounds_plan plan = bench_plan(bench, 1, 0.008, 20.0);
    size_t scratch = bench->kernels->gemm_scratch(WIDEST);
    struct arena arena = { 0 };
    float *operand[4];
    struct rounds r;
    int n = list_multipliers(who, bench);

    out->title = "products of one thread, rows x columns x inner";
    out->column = gemm_columns;
    note_absent(bench, out);
    lay_out_operands(&arena, operand, scratch);
    enum status status = arena_open(&arena, err);
    if (status != STATUS_OK)
        return status;
    lay_out_operands(&arena, operand, scratch);
    fill(operand[0], OPERAND_FLOATS);
    fill(operand[1], OPERAND_FLOATS);
    for (int i = 0; i < N_SHAPES * n; i++) {
        product[i] = (struct product){
            &who[i % n], product_of(&shapes[i / n], operand[0], operand[1],
                                    operand[2]), operand[3],
        };
        candidate[i] = (struct candidate){ who[i % n].name, run_product,
                                           &product[i] };
    }
    status = rounds_take(&r, candidate, N_SHAPES * n, &plan, err);
    for (int i = 0; i < N_SHAPES && status == STATUS_OK; i++)
        add_shape(bench, out, &r, i, n);
    if (status == STATUS_OK)
        rounds_close(&r);
    arena_close(&arena);
    return status;
}
