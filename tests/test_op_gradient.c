/* test_op_gradient.c - Compare the gradients that each op's kernel returns for
 * a random cotangent with central differences of the formula in double, for
 * every instruction set that this CPU runs. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/executor/ops.h"
#include "tests/op_trial.h"
#include "tests/reference.h"

/* ---- products: [N,K] x [K,M] + bias, and with the weight transposed */

enum { P_N = 21, P_K = 19, P_M = 35, P_X = P_N * P_K, P_W = P_K * P_M };

struct product_context {
    const float *dout;
    bool transposed, bias;
};

/* x, W, bias one after the other. */
static double product_value(const double *x, const void *context)
{
    const struct product_context *p = context;
    const double *w = x + P_X, *bias = w + P_W;
    double total = 0.0;
    for (int i = 0; i < P_N; i++)
        for (int j = 0; j < P_M; j++) {
            double sum = p->bias ? bias[j] : 0.0;
            for (int k = 0; k < P_K; k++)
                sum += x[i * P_K + k] *
                       (p->transposed ? w[j * P_K + k] : w[k * P_M + j]);
            total += sum * (double)p->dout[i * P_M + j];
        }
    return total;
}

static void check_product(const struct kernels *kernels, bool transposed)
{
    enum { ALL = P_X + P_W + P_M };
    static float in[ALL], dout[P_N * P_M], gradient[ALL], scratch[1 << 20];
    static double x[ALL];
    draw(in, x, ALL, 1);
    draw(dout, NULL, P_N * P_M, 2);
    cr_assert(kernels->gemm_scratch(P_M) <= sizeof scratch / sizeof *scratch);

    struct pool *pool;
    cr_assert(pool_open(&pool, 1, NULL) == STATUS_OK);
    struct executor ex = { .kernels = kernels, .pool = pool,
                           .scratch = scratch, .pass = PASS_BACKWARD };
    struct gemm forward = {
        .m = P_N, .n = P_M, .k = P_K, .a = in, .a_row = P_K, .a_k = 1,
        .b = in + P_X, .b_k = transposed ? 1 : P_M,
        .b_col = transposed ? P_K : 1, .c_row = P_M,
    };
    struct product_backward d = {
        .dout = dout, .dx = gradient, .dw = gradient + P_X,
        .dbias = transposed ? NULL : gradient + P_X + P_W,
        .transposed = transposed,
    };
    op_product_backward(&ex, place(OP_QKV, 0, NULL), &forward, &d);
    struct product_context context = { dout, transposed, !transposed };
    struct trial trial = {
        transposed ? "product, transposed" : "product",
        transposed ? P_X + P_W : ALL, x, product_value, &context, gradient,
    };
    check(kernels, &trial);
    pool_close(pool);
}

Test(op_gradient, products)
{
    EACH_KERNELS(k)
        for (int transposed = 0; transposed < 2; transposed++)
            check_product(k, transposed);
}

/* ---- norms */

enum { N_ROWS = 5, N_MAX = 40 };

struct norm_context {
    bool   rms;
    int    width;
    const float *dout;
};

/* x [N,C], gamma, beta. */
static double norm_value(const double *x, const void *context)
{
    const struct norm_context *c = context;
    const double *gamma = x + N_ROWS * c->width, *beta = gamma + c->width;
    double out[N_MAX], total = 0.0;
    for (int r = 0; r < N_ROWS; r++) {
        if (c->rms)
            reference_rms_norm(x + r * c->width, c->width, 1e-5, gamma, out);
        else
            reference_layer_norm(x + r * c->width, c->width, 1e-5, gamma, beta,
                                 out);
        for (int i = 0; i < c->width; i++)
            total += out[i] * (double)c->dout[r * c->width + i];
    }
    return total;
}

static void check_norm(const struct kernels *k, bool rms, int width)
{
    enum { ALL = (N_ROWS + 2) * N_MAX };
    float in[ALL], out[ALL], dout[ALL], gradient[ALL] = { 0 }, stats[2 * N_ROWS];
    double x[ALL];
    size_t rows = (size_t)(N_ROWS * width);
    draw(in, x, rows + 2 * (size_t)width, 3);
    draw(dout, NULL, rows, 4);
    struct norm o = {
        .rms = rms, .n = N_ROWS, .width = width, .epsilon = 1e-5f, .x = in,
        .gamma = in + rows, .beta = in + rows + width, .out = out,
        .stats = stats, .dout = dout, .dx = gradient,
        .dgamma = gradient + rows, .dbeta = gradient + rows + width,
    };
    k->norm(&o, 0, 1);
    k->norm_backward(&o, 0, 1);
    struct norm_context context = { rms, width, dout };
    struct trial trial = { rms ? "RMS norm" : "layer norm",
                           rows + (size_t)(rms ? width : 2 * width), x,
                           norm_value, &context, gradient };
    check(k, &trial);
}

Test(op_gradient, norms)
{
    static const int widths[] = { 8, 19, 32, 40 };
    EACH_KERNELS(k)
        for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
            check_norm(k, false, widths[i]);
            check_norm(k, true, widths[i]);
        }
}

/* ---- norms of heads: two of queries, then one of keys, then values */

enum { QK_ROWS = 3, QK_HEADS = 3, QK_EXTRA = 5, QK_MAX = 40,
       QK_ALL = QK_ROWS * (QK_HEADS * QK_MAX + QK_EXTRA) };

/* x [N,3D], then the scales: of queries and of keys, or of each head. */
static double qk_norm_value(const double *x, const void *context)
{
    const struct norm_context *c = context;
    const int d = c->width;
    const double *gamma = x + QK_ROWS * QK_HEADS * d;
    double out[QK_MAX], total = 0.0;
    for (int i = 0; i < QK_ROWS * QK_HEADS; i++) {
        const int head = i % QK_HEADS;
        if (c->rms)
            reference_rms_norm(x + i * d, d, 1e-5, gamma + head / 2 * d, out);
        else
            reference_layer_norm(x + i * d, d, 1e-5, gamma + head * d, NULL,
                                 out);
        for (int j = 0; j < d; j++)
            total += out[j] * (double)c->dout[i * d + j];
    }
    return total;
}

/* Dense rows of heads into rows that values follow, or back. */
static void space_heads(float *dense, float *spaced, int d, bool back)
{
    const int width = QK_HEADS * d, stride = width + QK_EXTRA;
    for (int r = 0; r < QK_ROWS; r++)
        memcpy(back ? dense + r * width : spaced + r * stride,
               back ? spaced + r * stride : dense + r * width,
               (size_t)width * sizeof(float));
}

static void check_qk_norm(const struct kernels *k, bool rms, int d, int parts)
{
    const size_t n = (size_t)(QK_ROWS * QK_HEADS * d);
    const size_t queries = (size_t)(rms ? d : 2 * d);
    const size_t all = n + queries + (size_t)d;
    float in[QK_ALL + 3 * QK_MAX], dout[QK_ALL], spaced[QK_ALL];
    float scales[QK_ROWS * QK_HEADS], kept[QK_ALL];
    float gradient[QK_ALL + 3 * QK_MAX];
    double x[QK_ALL + 3 * QK_MAX];
    draw(in, x, all, 3);
    draw(dout, NULL, n, 4);
    struct qk_norm o = {
        .rows = QK_ROWS, .n_groups = { 2, 1 }, .size = { d, d },
        .stride = QK_HEADS * d + QK_EXTRA, .centred = !rms, .epsilon = 1e-5f,
        .gamma = { in + n, in + n + queries }, .x = spaced,
        .scales = scales, .unnormed = kept,
        .dgamma = { gradient + n, gradient + n + queries },
    };
    for (int i = 0; i < QK_ALL; i++)
        spaced[i] = 7.0f;
    space_heads(in, spaced, d, false);
    for (int p = 0; p < parts; p++)
        k->qk_norm(&o, p, parts);
    for (int i = 0; i < QK_EXTRA; i++)
        cr_expect(spaced[QK_HEADS * d + i] >= 7.0f, "a value was touched");
    space_heads(dout, spaced, d, false);
    for (int p = 0; p < parts; p++)
        k->qk_norm_dgamma(&o, p, parts);
    for (int p = 0; p < parts; p++)
        k->qk_norm_dx(&o, p, parts);
    space_heads(gradient, spaced, d, true);
    struct norm_context context = { rms, d, dout };
    struct trial trial = { "norms of heads", all, x, qk_norm_value, &context,
                           gradient };
    check(k, &trial);
}

Test(op_gradient, norms_of_heads)
{
    static const int sizes[] = { 6, 16, 24, 40 };
    EACH_KERNELS(k)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (int rms = 0; rms < 2; rms++)
                check_qk_norm(k, rms, sizes[i], 1 + (int)i);
}

/* ---- attention: two sequences, 4 heads on 2 key/value heads */

enum { A_FIRST = 19, A_SECOND = 6, A_N = A_FIRST + A_SECOND, A_H = 4, A_G = 2,
       A_D_MAX = 24 };

struct attend_context {
    int d, window;
    double cap;
    const float *dout;
};

static double attend_value(const double *x, const void *context)
{
    const struct attend_context *c = context;
    int d = c->d, q = A_H * d, e = A_G * d, width = q + 2 * e;
    const int first[] = { 0, A_FIRST, A_N };
    double out[A_N * A_H * A_D_MAX], total = 0.0;
    for (int b = 0; b < 2; b++)
        for (int h = 0; h < A_H; h++) {
            const double *row = x + first[b] * width;
            int g = h / (A_H / A_G);
            reference_attend(row + h * d, row + q + g * d, row + q + e + g * d,
                             width, first[b + 1] - first[b], d, c->window,
                             c->cap, out + first[b] * q + h * d, q);
        }
    for (int i = 0; i < A_N * q; i++)
        total += out[i] * (double)c->dout[i];
    return total;
}

static void check_attention(const struct kernels *k, int d, int window,
                            float cap)
{
    enum { WIDTH = (A_H + 2 * A_G) * A_D_MAX };
    static float qkv[A_N * WIDTH], out[A_N * WIDTH], dout[A_N * WIDTH];
    static float gradient[A_N * WIDTH], stats[A_N * A_H * 2], scratch[1 << 16];
    static double x[A_N * WIDTH];
    const int32_t first[] = { 0, A_FIRST, A_N };
    struct rows rows = { 2, first, NULL, NULL };
    size_t n = (size_t)(A_N * (A_H + 2 * A_G) * d);
    draw(qkv, x, n, 5);
    draw(dout, NULL, (size_t)(A_N * A_H * d), 6);
    cr_assert(k->attend_scratch(A_FIRST, d) <= sizeof scratch / sizeof *scratch);
    struct attention o = { .rows = &rows, .n_heads = A_H, .n_kv_heads = A_G,
                           .head_size = d, .qkv = qkv, .out = out,
                           .stats = stats, .dout = dout, .dqkv = gradient,
                           .window = window, .cap = cap };
    k->attend(&o, 0, 1, scratch);
    k->attend_backward(&o, 0, 1, scratch);
    struct attend_context context = { d, window, (double)cap, dout };
    struct trial trial = { "attention", n, x, attend_value, &context,
                           gradient };
    check(k, &trial);
}

Test(op_gradient, attention)
{
    EACH_KERNELS(k) {
        check_attention(k, 3, 0, 0.0f);
        check_attention(k, 8, 0, 0.0f);
        check_attention(k, A_D_MAX, 0, 0.0f);
        check_attention(k, 8, 0, 0.7f);
        for (int window = 1; window < A_FIRST; window++)
            check_attention(k, 8, window, window % 2 ? 0.7f : 0.0f);
    }
}

/* ---- activations and rotary positions */

enum { ACT_ROWS = 2, ACT_WIDTH = 21, ACT_N = ACT_ROWS * ACT_WIDTH };

static double plain_value(const double *x, const float *dout,
                          double (*function)(double))
{
    double total = 0.0;
    for (int i = 0; i < ACT_N; i++)
        total += function(x[i]) * (double)dout[i];
    return total;
}

static double gated_value(const double *x, const float *dout,
                          double (*function)(double))
{
    double total = 0.0;
    for (int r = 0; r < ACT_ROWS; r++)
        for (int i = 0; i < ACT_WIDTH; i++)
            total += function(x[2 * r * ACT_WIDTH + i]) *
                     x[(2 * r + 1) * ACT_WIDTH + i] *
                     (double)dout[r * ACT_WIDTH + i];
    return total;
}

static double gelu_value(const double *x, const void *dout)
{
    return plain_value(x, dout, reference_gelu);
}

static double gelu_erf_value(const double *x, const void *dout)
{
    return plain_value(x, dout, reference_gelu_erf);
}

static double relu(double x)
{
    return fmax(x, 0.0);
}

static double relu_value(const double *x, const void *dout)
{
    return plain_value(x, dout, relu);
}

static double swiglu_value(const double *x, const void *dout)
{
    return gated_value(x, dout, reference_silu);
}

static double geglu_value(const double *x, const void *dout)
{
    return gated_value(x, dout, reference_gelu);
}

Test(op_gradient, activations)
{
    EACH_KERNELS(k) {
        float in[2 * ACT_N], dout[ACT_N], gradient[2 * ACT_N];
        double x[2 * ACT_N];
        draw(in, x, 2 * ACT_N, 7);
        draw(dout, NULL, ACT_N, 8);
        k->gelu_backward(in, dout, gradient, ACT_N, 0, 1);
        struct trial gelu = { "gelu", ACT_N, x, gelu_value, dout, gradient };
        check(k, &gelu);
        k->swiglu_backward(in, dout, gradient, ACT_ROWS, ACT_WIDTH, 0, 1);
        struct trial swiglu = { "swiglu", 2 * ACT_N, x, swiglu_value, dout,
                                gradient };
        check(k, &swiglu);
        k->gelu_erf_backward(in, dout, gradient, ACT_N, 0, 1);
        struct trial erf = { "gelu, erf", ACT_N, x, gelu_erf_value, dout,
                             gradient };
        check(k, &erf);
        k->relu_backward(in, dout, gradient, ACT_N, 0, 1);
        struct trial plain = { "relu", ACT_N, x, relu_value, dout, gradient };
        check(k, &plain);
        k->geglu_backward(in, dout, gradient, ACT_ROWS, ACT_WIDTH, 0, 1);
        struct trial geglu = { "geglu", 2 * ACT_N, x, geglu_value, dout,
                               gradient };
        check(k, &geglu);
    }
}

enum { R_N = 3, R_HEADS = 2, R_EXTRA = 5, R_MAX = 40 };

struct rope_context {
    int d;
    const float *dout;
};
static const int32_t rope_position[R_N] = { 0, 3, 11 };

static double rope_value(const double *x, const void *context)
{
    const struct rope_context *c = context;
    int stride = R_HEADS * c->d + R_EXTRA;
    const struct model_spec spec = { .head_size = c->d,
                                     .rope_theta = 10000.0f };
    double total = 0.0, row[(R_HEADS * R_MAX + R_EXTRA)];
    for (int r = 0; r < R_N; r++) {
        memcpy(row, x + r * stride, (size_t)stride * sizeof *row);
        for (int h = 0; h < R_HEADS; h++)
            reference_rope(row + h * c->d, &spec, rope_position[r]);
        for (int i = 0; i < stride; i++)
            total += row[i] * (double)c->dout[r * stride + i];
    }
    return total;
}

/* Columns behind the heads (values) are not turned. */
Test(op_gradient, rope)
{
    static const int sizes[] = { 2, 6, 24, 40 };
    EACH_KERNELS(k)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            enum { ALL = R_N * (R_HEADS * R_MAX + R_EXTRA) };
            int d = sizes[s], stride = R_HEADS * d + R_EXTRA;
            float dout[ALL], gradient[ALL], in[ALL], table[12 * R_MAX];
            double x[ALL];
            for (int p = 0; p < 12; p++)
                for (int i = 0; i < d / 2; i++) {
                    double angle = p * pow(10000.0, -2.0 * i / d);
                    table[p * d + i] = (float)cos(angle);
                    table[p * d + d / 2 + i] = (float)sin(angle);
                }
            draw(in, x, (size_t)(R_N * stride), 9);
            draw(dout, NULL, (size_t)(R_N * stride), 10);
            memcpy(gradient, dout, sizeof gradient);
            struct rows rows = { 1, NULL, rope_position, NULL };
            k->rope(gradient, &rows, R_N, R_HEADS, d, d, stride, table, true, 0,
                    1);
            struct rope_context context = { d, dout };
            struct trial trial = { "rope", (size_t)(R_N * stride), x,
                                   rope_value, &context, gradient };
            check(k, &trial);
        }
}

/* ---- loss */

enum { L_N = 3, L_V = 37 };
static const int32_t loss_target[L_N] = { 0, 36, 17 };

static double loss_value(const double *x, const void *context)
{
    (void)context;
    double total = 0.0;
    for (int r = 0; r < L_N; r++)
        total += reference_nats(x + r * L_V, L_V, loss_target[r], NULL) / L_N;
    return total;
}

Test(op_gradient, loss)
{
    EACH_KERNELS(k) {
        float logits[L_N * L_V], gradient[L_N * L_V], nats[L_N];
        float stats[2 * L_N];
        double x[L_N * L_V];
        draw(logits, x, L_N * L_V, 16);
        struct loss o = { .n = L_N, .width = L_V, .logits = logits,
                          .target = loss_target, .nats = nats, .stats = stats,
                          .gradient = 1.0f / L_N, .dlogits = gradient };
        k->loss(&o, 0, 1);
        k->loss_backward(&o, 0, 1);
        struct trial trial = { "loss", L_N * L_V, x, loss_value, NULL,
                               gradient };
        check(k, &trial);
    }
}

/* ---- embedding: tokens that occur twice add up */

enum { E_N = 4, E_V = 3, E_P = 4, E_WIDTH = 18 };
static const int32_t embed_ids[E_N] = { 2, 0, 2, 2 };
static const int32_t embed_position[E_N] = { 0, 1, 2, 0 };

static double embed_value(const double *x, const void *dout)
{
    const double *wpe = x + E_V * E_WIDTH;
    double total = 0.0;
    for (int r = 0; r < E_N; r++)
        for (int i = 0; i < E_WIDTH; i++)
            total += (x[embed_ids[r] * E_WIDTH + i] +
                      wpe[embed_position[r] * E_WIDTH + i]) *
                     (double)((const float *)dout)[r * E_WIDTH + i];
    return total;
}

Test(op_gradient, embedding)
{
    EACH_KERNELS(k) {
        enum { ALL = (E_V + E_P) * E_WIDTH };
        float in[ALL], dout[E_N * E_WIDTH], gradient[ALL] = { 0 };
        double x[ALL];
        draw(in, x, ALL, 17);
        draw(dout, NULL, E_N * E_WIDTH, 18);
        k->embed_backward(embed_ids, embed_position, dout, gradient,
                          gradient + E_V * E_WIDTH, E_N, E_WIDTH, 0, 1);
        struct trial trial = { "embedding", ALL, x, embed_value, dout,
                               gradient };
        check(k, &trial);
    }
}
