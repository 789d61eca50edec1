/* test_kernels.c - Compare each kernel with the formula in double, for every
 * instruction set that this CPU runs; any number of parts gives the same bits;
 * nothing is written outside what a kernel was given. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/kernels/kernels.h"
#include "sim/core/ledger/op.h"
#include "sim/core/base/random.h"
#include "tests/reference.h"

static const char *const variants[] = { "generic", "avx2", "avx512" };

#define EACH_KERNELS(k)                                                        \
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)            \
        for (const struct kernels *k = kernels_find(variants[v]); k; k = NULL)

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { GUARD = 64 };
static const float untouched = -12345.0f;

/* n random numbers, and a guard behind them. */
static float *drawn(size_t n, uint64_t seed)
{
    struct random random = random_seeded(seed);
    float *x = malloc((n + GUARD) * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)random_normal(&random);
    for (size_t i = n; i < n + GUARD; i++)
        x[i] = untouched;
    return x;
}

static float *blank(size_t n)
{
    float *x = malloc((n + GUARD) * sizeof *x);
    for (size_t i = 0; i < n + GUARD; i++)
        x[i] = untouched;
    return x;
}

static bool guarded(const float *x, size_t n)
{
    for (size_t i = n; i < n + GUARD; i++)
        if (memcmp(&x[i], &untouched, sizeof untouched) != 0)
            return false;
    return true;
}

static void near_each(const float *got, const double *expected, size_t n,
                      double tolerance, const char *what, const char *isa)
{
    for (size_t i = 0; i < n; i++)
        cr_assert(fabs((double)got[i] - expected[i]) <=
                      tolerance * (1.0 + fabs(expected[i])),
                  "%s, %s [%zu]: %.9g, not %.9g", isa, what, i, (double)got[i],
                  expected[i]);
}

/* ---- products */

enum product_from { FROM_ZERO, FROM_BIAS, FROM_OTHER, FROM_BOTH, FROM_SELF,
                    FROM_COUNT };

struct product {
    int32_t m, n, k;
    bool    a_transposed, b_transposed;
    enum product_from from;
};

static void check_product(const struct kernels *kernels,
                          const struct product *p)
{
    const int32_t m = p->m, n = p->n, k = p->k, c_row = n + 3;
    const size_t size = (size_t)m * (size_t)c_row;
    const size_t scratch_size = kernels->gemm_scratch(n);
    float *a = drawn((size_t)(m * k), 1), *b = drawn((size_t)(k * n), 2);
    float *bias = drawn((size_t)n, 3), *other = drawn(size, 4);
    float *first = NULL, *scratch = blank(scratch_size);
    double *expected = calloc(size, sizeof *expected);

    for (int32_t i = 0; i < m; i++)
        for (int32_t j = 0; j < n; j++) {
            double sum = 0.0;
            if (p->from == FROM_BIAS || p->from == FROM_BOTH)
                sum += (double)bias[j];
            if (p->from >= FROM_OTHER)
                sum += (double)other[i * c_row + j];
            for (int32_t l = 0; l < k; l++)
                sum += (double)(p->a_transposed ? a[l * m + i] : a[i * k + l]) *
                       (double)(p->b_transposed ? b[j * k + l] : b[l * n + j]);
            expected[i * c_row + j] = sum;
        }
    for (int parts = 1; parts <= 3; parts++) {
        float *c = blank(size);
        if (p->from == FROM_SELF)
            memcpy(c, other, size * sizeof *c);
        struct gemm g = {
            .m = m, .n = n, .k = k, .a = a, .a_row = p->a_transposed ? 1 : k,
            .a_k = p->a_transposed ? m : 1, .b = b,
            .b_k = p->b_transposed ? 1 : n, .b_col = p->b_transposed ? k : 1,
            .c = c, .c_row = c_row,
            .bias = p->from == FROM_BIAS || p->from == FROM_BOTH ? bias : NULL,
            .from = p->from == FROM_SELF    ? c
                    : p->from >= FROM_OTHER ? other
                                            : NULL,
            .from_row = c_row,
        };
        for (int part = 0; part < parts; part++)
            kernels->gemm(&g, part, parts, scratch);
        cr_assert(guarded(c, size) && guarded(scratch, scratch_size),
                  "%s: a product %d x %d x %d wrote beyond its result",
                  kernels->name, m, n, k);
        for (int32_t i = 0; i < m; i++) {
            near_each(c + i * c_row, expected + i * c_row, (size_t)n,
                      1e-6 * (1.0 + sqrt(k)), "product", kernels->name);
            for (int32_t j = n; j < c_row && p->from != FROM_SELF; j++)
                cr_assert(memcmp(&c[i * c_row + j], &untouched,
                                 sizeof untouched) == 0,
                          "a product wrote between its rows");
        }
        if (!first) {
            first = c;
            continue;
        }
        cr_assert(memcmp(first, c, size * sizeof *c) == 0,
                  "%s: %d parts, other bits", kernels->name, parts);
        free(c);
    }
    free(expected); free(scratch); free(first); free(other); free(bias);
    free(b); free(a);
}

Test(kernels, products_of_any_shape_and_layout)
{
    static const struct { int32_t m, n, k; } sizes[] = {
        { 1, 1, 1 },     { 1, 16, 8 },    { 3, 5, 7 },     { 16, 16, 16 },
        { 17, 33, 9 },   { 8, 48, 256 },  { 9, 64, 257 },  { 40, 65, 24 },
        { 100, 7, 300 }, { 130, 130, 5 }, { 5, 100, 600 }, { 33, 23, 1 },
        { 600, 12, 20 }, { 64, 112, 64 }, { 270, 40, 36 }, { 2, 257, 31 },
        { 131, 250, 290 }, { 261, 237, 259 },     /* several groups of panels */
    };
    EACH_KERNELS(k)
        for (size_t i = 0; i < COUNT(sizes); i++)
            for (int layout = 0; layout < 4; layout++) {
                struct product p = {
                    sizes[i].m, sizes[i].n, sizes[i].k, layout % 2, layout / 2,
                    (enum product_from)((i + (size_t)layout) % FROM_COUNT),
                };
                check_product(k, &p);
            }
}

Test(kernels, products_start_from_all_that_they_may)
{
    EACH_KERNELS(k)
        for (int from = 0; from < FROM_COUNT; from++) {
            struct product p = { 21, 50, 300, false, false,
                                 (enum product_from)from };
            check_product(k, &p);
        }
}

/* The bits of a row do not depend on how many rows stand around it: batch and
 * capacity change the speed of a token, not its numbers. */
static void check_row(const struct kernels *k, int32_t n, bool b_transposed)
{
    enum { M = 40, K = 300 };
    float *a = drawn(M * K, 1), *b = drawn((size_t)(K * n), 2);
    float *all = blank((size_t)(M * n)), *some = blank((size_t)(M * n));
    float *scratch = blank(k->gemm_scratch(n));
    struct gemm g = { .m = M, .n = n, .k = K, .a = a, .a_row = K, .a_k = 1,
                      .b = b, .b_k = b_transposed ? 1 : n,
                      .b_col = b_transposed ? K : 1, .c = all, .c_row = n };
    k->gemm(&g, 0, 1, scratch);
    for (int32_t m = 1; m <= 17; m++) {
        int32_t first = M - m;
        g.m = m;
        g.a = a + first * K;
        g.c = some;
        k->gemm(&g, 0, 1, scratch);
        cr_expect(memcmp(some, all + first * n,
                         (size_t)(m * n) * sizeof *some) == 0,
                  "%s: %d rows of %d columns, %s", k->name, m, n,
                  b_transposed ? "transposed" : "as they are");
    }
    free(scratch); free(some); free(all); free(b); free(a);
}

Test(kernels, a_row_of_a_product_does_not_know_its_neighbours)
{
    static const int32_t widths[] = { 3, 16, 27, 50, 65 };
    EACH_KERNELS(k)
        for (size_t i = 0; i < COUNT(widths); i++) {
            check_row(k, widths[i], false);
            check_row(k, widths[i], true);
        }
}

/* Nor do those of a column depend on how many columns stand beside it: the last
 * ones, that fill no register, are worked out like the others. */
static void check_columns(const struct kernels *k, int32_t m, bool b_transposed)
{
    enum { N = 144, K = 37 };
    const size_t size = (size_t)m * N;
    float *a = drawn((size_t)m * K, 1), *b = drawn(K * N, 2);
    float *from = drawn(size, 3), *bias = drawn(N, 4);
    float *all = blank(size), *scratch = blank(k->gemm_scratch(N));
    struct gemm g = { .m = m, .n = N, .k = K, .a = a, .a_row = K, .a_k = 1,
                      .b = b, .b_k = b_transposed ? 1 : N,
                      .b_col = b_transposed ? K : 1, .c = all, .c_row = N,
                      .bias = bias, .from = from, .from_row = N };
    k->gemm(&g, 0, 1, scratch);
    for (int32_t n = 1; n < N; n++) {
        float *some = blank(size);
        const size_t wanted = k->gemm_scratch(n);
        float *own = blank(wanted);
        g.n = n;
        g.c = some;
        k->gemm(&g, 0, 1, own);
        cr_assert(guarded(own, wanted) && guarded(some, size));
        for (int32_t i = 0; i < m; i++) {
            cr_assert(memcmp(some + i * N, all + i * N,
                             (size_t)n * sizeof *some) == 0,
                      "%s: %d of %d columns, %d rows", k->name, n, N, m);
            cr_assert(memcmp(&some[i * N + n], &untouched,
                             sizeof untouched) == 0,
                      "%s: column %d was written", k->name, n);
        }
        free(own); free(some);
    }
    free(scratch); free(all); free(bias); free(from); free(b); free(a);
}

Test(kernels, a_column_of_a_product_does_not_know_its_neighbours)
{
    static const int32_t rows[] = { 1, 2, 3, 4, 15, 150 };
    EACH_KERNELS(k)
        for (size_t i = 0; i < COUNT(rows); i++) {
            check_columns(k, rows[i], false);
            check_columns(k, rows[i], true);
        }
}

Test(kernels, column_sums)
{
    enum { N = 37, WIDTH = 45 };
    EACH_KERNELS(k) {
        float *x = drawn(N * WIDTH, 5), *out = blank(WIDTH);
        double expected[WIDTH] = { 0 };
        for (int i = 0; i < N * WIDTH; i++)
            expected[i % WIDTH] += (double)x[i];
        for (int part = 0; part < 3; part++)
            k->sum_columns(x, WIDTH, N, WIDTH, false, out, part, 3);
        near_each(out, expected, WIDTH, 1e-5, "sum", k->name);
        cr_expect(guarded(out, WIDTH));
        free(out); free(x);
    }
}

/* ---- attention */

static void check_attention(const struct kernels *k, int32_t heads,
                            int32_t groups, int32_t d)
{
    /* Sequences of 1, 33, no and 16 rows. */
    static const int32_t first[] = { 0, 1, 34, 34, 50 };
    enum { B = 4, N = 50, LONGEST = 33 };
    const int32_t q = heads * d, e = groups * d, width = q + 2 * e;
    struct rows rows = { B, first, NULL, NULL };
    float *qkv = drawn((size_t)(N * width), 6), *once = NULL;
    float *stats = blank((size_t)(N * heads * 2));
    size_t scratch_size = k->attend_scratch(LONGEST, d);
    float *scratch = blank(scratch_size);
    double *x = calloc((size_t)(N * width), sizeof *x);
    double *expected = calloc((size_t)(N * q), sizeof *expected);

    for (int32_t i = 0; i < N * width; i++)
        x[i] = (double)qkv[i];
    for (int b = 0; b < B; b++)
        for (int32_t h = 0; h < heads; h++) {
            const double *row = x + first[b] * width;
            int32_t g = h / (heads / groups);
            reference_attend(row + h * d, row + q + g * d, row + q + e + g * d,
                             width, first[b + 1] - first[b], d, 0, 0.0,
                             expected + first[b] * q + h * d, q);
        }
    for (int parts = 1; parts <= 3; parts++) {
        float *out = blank((size_t)(N * q));
        struct attention o = { .rows = &rows, .n_heads = heads,
                               .n_kv_heads = groups, .head_size = d,
                               .qkv = qkv, .out = out, .stats = stats };
        for (int part = 0; part < parts; part++)
            k->attend(&o, part, parts, scratch);
        near_each(out, expected, (size_t)(N * q), 1e-5, "attention", k->name);
        cr_expect(guarded(out, (size_t)(N * q)) &&
                  guarded(scratch, scratch_size) &&
                  guarded(stats, (size_t)(N * heads * 2)));
        if (once)
            cr_expect(memcmp(once, out, (size_t)(N * q) * sizeof *out) == 0);
        free(once);
        once = out;
    }
    free(once); free(expected); free(x); free(scratch); free(stats); free(qkv);
}

Test(kernels, attention)
{
    EACH_KERNELS(k) {
        check_attention(k, 1, 1, 1);
        check_attention(k, 4, 2, 8);
        check_attention(k, 3, 1, 12);
        check_attention(k, 2, 2, 16);
        check_attention(k, 2, 1, 20);
        check_attention(k, 2, 1, 40);
        check_attention(k, 1, 1, 64);
        check_attention(k, 1, 1, 67);
    }
}

/* Gradients of one head of one sequence, by the definition: rows are `width`
 * apart in x, `q` in dout; those of keys and values are added to. */
static void define_gradients(const double *query, const double *key,
                             const double *value, int32_t width, int32_t n,
                             int32_t d, const float *dout, int32_t q,
                             double *dquery, double *dkey, double *dvalue)
{
    const double scale = 1.0 / sqrt(d);
    double p[256], dp[256];
    for (int32_t i = 0; i < n; i++) {
        double sum = 0.0, mean = 0.0;
        for (int32_t j = 0; j <= i; j++) {
            double score = 0.0;
            dp[j] = 0.0;
            for (int32_t c = 0; c < d; c++) {
                score += query[i * width + c] * key[j * width + c];
                dp[j] += (double)dout[i * q + c] * value[j * width + c];
            }
            p[j] = exp(score * scale);
            sum += p[j];
        }
        for (int32_t j = 0; j <= i; j++) {
            p[j] /= sum;
            mean += p[j] * dp[j];
        }
        for (int32_t j = 0; j <= i; j++)
            for (int32_t c = 0; c < d; c++) {
                const double slope = p[j] * (dp[j] - mean) * scale;
                dquery[i * width + c] += slope * key[j * width + c];
                dkey[j * width + c] += slope * query[i * width + c];
                dvalue[j * width + c] += p[j] * (double)dout[i * q + c];
            }
    }
}

/* Sequences that end within a strip, within a block of queries, and beyond a
 * block of keys. */
static void check_attention_backward(const struct kernels *k, int32_t d)
{
    static const int32_t first[] = { 0, 1, 209, 209, 286 };
    enum { B = 4, N = 286, LONGEST = 208, HEADS = 4, GROUPS = 2 };
    const int32_t q = HEADS * d, e = GROUPS * d, width = q + 2 * e;
    const size_t size = (size_t)(N * width);
    struct rows rows = { B, first, NULL, NULL };
    float *qkv = drawn(size, 11), *dout = drawn((size_t)(N * q), 12);
    float *out = blank((size_t)(N * q)), *once = NULL;
    float *stats = blank(N * HEADS * 2);
    size_t scratch_size = k->attend_scratch(LONGEST, d);
    float *scratch = blank(scratch_size);
    double *x = calloc(size, sizeof *x), *expected = calloc(size, sizeof *x);

    for (size_t i = 0; i < size; i++)
        x[i] = (double)qkv[i];
    for (int b = 0; b < B; b++)
        for (int32_t h = 0; h < HEADS; h++) {
            const ptrdiff_t at = first[b] * width, key = q + h / 2 * d;
            define_gradients(x + at + h * d, x + at + key, x + at + key + e,
                             width, first[b + 1] - first[b], d,
                             dout + first[b] * q + h * d, q,
                             expected + at + h * d, expected + at + key,
                             expected + at + key + e);
        }
    for (int parts = 1; parts <= 3; parts++) {
        float *gradient = blank(size);
        struct attention o = { .rows = &rows, .n_heads = HEADS,
                               .n_kv_heads = GROUPS, .head_size = d,
                               .qkv = qkv, .out = out, .stats = stats,
                               .dout = dout, .dqkv = gradient };
        for (int part = 0; part < parts; part++)
            k->attend(&o, part, parts, scratch);
        for (int part = 0; part < parts; part++)
            k->attend_backward(&o, part, parts, scratch);
        near_each(gradient, expected, size, 2e-5, "attention's gradient",
                  k->name);
        cr_expect(guarded(gradient, size) && guarded(scratch, scratch_size));
        if (once)
            cr_expect(memcmp(once, gradient, size * sizeof *gradient) == 0);
        free(once);
        once = gradient;
    }
    free(once); free(expected); free(x); free(scratch); free(stats); free(out);
    free(dout); free(qkv);
}

Test(kernels, the_gradients_of_attention_over_many_blocks_are_those_defined)
{
    EACH_KERNELS(k) {
        check_attention_backward(k, 5);
        check_attention_backward(k, 16);
    }
}

/* Scores as large as float allows neither overflow nor make NaN: the largest is
 * subtracted first. */
Test(kernels, attention_and_loss_survive_large_scores)
{
    static const int32_t first[] = { 0, 20 };
    struct rows rows = { 1, first, NULL, NULL };
    EACH_KERNELS(k) {
        enum { N = 20, D = 8 };
        float *qkv = drawn(N * 3 * D, 7), *out = blank(N * D);
        float *stats = blank(N * 2), *scratch = blank(k->attend_scratch(N, D));
        for (int i = 0; i < N * 3 * D; i++)
            if (i % (3 * D) < 2 * D)
                qkv[i] *= 1e4f;
        struct attention o = { .rows = &rows, .n_heads = 1, .n_kv_heads = 1,
                               .head_size = D, .qkv = qkv, .out = out,
                               .stats = stats };
        k->attend(&o, 0, 1, scratch);
        for (int i = 0; i < N * D; i++)
            cr_assert(fabsf(out[i]) < 10.0f, "%s: %g", k->name, (double)out[i]);

        float logits[] = { 1e30f, -1e30f, 0.0f }, nats[1], entropy[1];
        int32_t target[] = { 0 };
        struct loss loss = { .n = 1, .width = 3, .logits = logits,
                             .target = target, .nats = nats, .stats = stats,
                             .entropy = entropy };
        k->loss(&loss, 0, 1);
        k->entropy(&loss, 0, 1);
        cr_expect(nats[0] == 0.0f && isfinite(entropy[0]));
        free(scratch); free(stats); free(out); free(qkv);
    }
}

/* ---- elementary functions, over their range */

Test(kernels, activations_over_the_whole_range)
{
    enum { N = 4001 };
    EACH_KERNELS(k) {
        float *x = blank(2 * N), *out = blank(N);
        double expected[N];
        for (int i = 0; i < N; i++) {
            x[i] = (float)(i - N / 2) * 0.05f;            /* -100 to 100 */
            expected[i] = reference_gelu((double)x[i]);
        }
        for (int part = 0; part < 3; part++)
            k->gelu(x, out, N, part, 3);
        near_each(out, expected, N, 1e-6, "gelu", k->name);
        for (int i = 0; i < N; i++) {
            x[N + i] = 0.7f;
            expected[i] = reference_silu((double)x[i]) * (double)0.7f;
        }
        k->swiglu(x, out, 1, N, 0, 1);
        near_each(out, expected, N, 1e-6, "swiglu", k->name);
        for (int i = 0; i < N; i++)
            expected[i] = reference_gelu((double)x[i]) * (double)0.7f;
        k->geglu(x, out, 1, N, 0, 1);
        near_each(out, expected, N, 1e-6, "geglu", k->name);
        for (int i = 0; i < N; i++)
            expected[i] = reference_gelu_erf((double)x[i]);
        for (int part = 0; part < 3; part++)
            k->gelu_erf(x, out, N, part, 3);
        near_each(out, expected, N, 1e-6, "gelu by erf", k->name);
        for (int i = 0; i < N; i++)
            expected[i] = fmax((double)x[i], 0.0);
        for (int part = 0; part < 3; part++)
            k->relu(x, out, N, part, 3);
        near_each(out, expected, N, 0.0, "relu", k->name);
        for (int i = 0; i < N; i++)
            expected[i] = reference_cap((double)x[i], 30.0);
        memcpy(out, x, N * sizeof *out);
        for (int part = 0; part < 3; part++)
            k->cap(out, N, 30.0f, part, 3);
        near_each(out, expected, N, 1e-5, "cap", k->name);
        cr_expect(guarded(out, N));
        free(out); free(x);
    }
}

Test(kernels, losses_and_entropies)
{
    enum { N = 5 };
    static const int32_t widths[] = { 2, 11, 16, 65, 256 };
    EACH_KERNELS(k)
        for (size_t w = 0; w < COUNT(widths); w++) {
            int32_t v_size = widths[w];
            size_t n = (size_t)(N * v_size);
            float *logits = drawn(n, 8), nats[N], entropy[N], stats[2 * N];
            double x[N * 256], e_nats[N], e_entropy[N];
            int32_t target[N];
            for (size_t i = 0; i < n; i++) {
                logits[i] *= 4.0f;
                x[i] = (double)logits[i];
            }
            for (int r = 0; r < N; r++) {
                target[r] = (7 * r) % v_size;
                e_nats[r] = reference_nats(x + r * v_size, v_size, target[r],
                                           &e_entropy[r]);
            }
            struct loss o = { .n = N, .width = v_size, .logits = logits,
                              .target = target, .nats = nats, .stats = stats,
                              .entropy = entropy };
            for (int part = 0; part < 2; part++)
                k->loss(&o, part, 2);
            k->entropy(&o, 0, 1);
            near_each(nats, e_nats, N, 2e-6, "loss", k->name);
            near_each(entropy, e_entropy, N, 2e-6, "entropy", k->name);
            free(logits);
        }
}

/* ---- update */

Test(kernels, gradient_norm_and_clipping)
{
    enum { N = 2 * OP_CLIP_CHUNK + 77 };
    EACH_KERNELS(k) {
        float *x = drawn(N, 9), *partial = blank(3);
        double expected = 0.0;
        for (int i = 0; i < N; i++)
            expected += (double)x[i] * (double)x[i];
        for (int part = 0; part < 2; part++)
            k->squares(x, N, partial, part, 2);
        double squares = k->sum(0.0, partial, 3);
        cr_expect(guarded(partial, 3));
        cr_expect(fabs(squares - expected) <= 1e-5 * expected, "%s: %g", k->name,
                  squares);
        cr_expect(k->sum(10.0, partial, 3) > squares + 9.9);
        free(partial); free(x);

        /* A norm of 5 held to 2: two fifths; one of 1 is left alone. */
        cr_expect(fabs(k->clip_scale(25.0, 2.0) - 0.4) < 1e-7);
        cr_expect(k->clip_scale(1.0, 2.0) == 1.0);
        cr_expect(k->clip_scale(0.0, 2.0) == 1.0);
        cr_expect(k->clip_scale(1e30, (double)INFINITY) == 1.0);
    }
}

Test(kernels, adamw_is_algorithm_2_of_loshchilov_and_hutter)
{
    enum { N = 45, STEPS = 4 };
    const double rate = 0.01, beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8;
    const double decay = 0.1, scale = 0.5;
    EACH_KERNELS(k)
        for (int parts = 1; parts <= 3; parts++) {
            float *p = drawn(N, 10), *g = drawn(N, 11), *m = blank(N);
            float *v1 = blank(N);
            double theta[N], mean[N] = { 0 }, square[N] = { 0 };
            for (int i = 0; i < N; i++) {
                theta[i] = (double)p[i];
                m[i] = v1[i] = 0.0f;
            }
            for (int step = 1; step <= STEPS; step++) {
                struct adamw o = {
                    (float)rate, (float)beta1, (float)beta2, (float)epsilon,
                    (float)decay, (float)(1.0 / (1.0 - pow(beta1, step))),
                    (float)(1.0 / (1.0 - pow(beta2, step))), (float)scale,
                };
                for (int part = 0; part < parts; part++)
                    k->adamw(&o, p, g, m, v1, N, part, parts);
                for (int i = 0; i < N; i++) {
                    double d = scale * (double)g[i];
                    mean[i] = beta1 * mean[i] + (1.0 - beta1) * d;
                    square[i] = beta2 * square[i] + (1.0 - beta2) * d * d;
                    double m_hat = mean[i] / (1.0 - pow(beta1, step));
                    double v_hat = square[i] / (1.0 - pow(beta2, step));
                    theta[i] -= rate * (m_hat / (sqrt(v_hat) + epsilon) +
                                        decay * theta[i]);
                }
            }
            near_each(p, theta, N, 1e-6, "adamw", k->name);
            cr_expect(guarded(p, N) && guarded(m, N) && guarded(v1, N));
            free(v1); free(m); free(g); free(p);
        }
}

Test(kernels, a_threshold_moves_toward_the_mean_of_the_cuts)
{
    static const float cut[] = { 1.0f, 2.0f, 6.0f };        /* mean 3 */
    EACH_KERNELS(k) {
        cr_expect(fabsf(k->track(1.0f, cut, 3, 0.25f) - 1.5f) < 1e-6f);
        cr_expect(fabsf(k->track(1.0f, cut, 3, 1.0f) - 3.0f) < 1e-6f);
        cr_expect(k->track(2.0f, cut, 1, 0.0f) == 2.0f);
    }
}

/* ---- which one runs */

Test(kernels, are_found_by_name)
{
    const struct kernels *k = kernels_find("generic");
    cr_assert(k != NULL);
    cr_expect(strcmp(k->name, "generic") == 0);
    cr_expect(kernels_find("avx1024") == NULL);
}

Test(kernels, can_be_forced_by_the_environment)
{
    setenv("ISOBATH_KERNELS", "generic", 1);
    cr_expect(kernels_best() == kernels_find("generic"));
    unsetenv("ISOBATH_KERNELS");
    cr_assert(kernels_best() != NULL);
}
