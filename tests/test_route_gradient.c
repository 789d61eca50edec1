/* test_route_gradient.c - The gradients of gates and routers, against central
 * differences: 4 of 7 tokens are kept. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/executor/ops.h"
#include "tests/op_trial.h"
#include "tests/reference.h"

enum { T_ALL = 7, T_KEPT = 4, T_WIDTH = 21, T_N = T_KEPT * T_WIDTH };
static const int32_t kept_token[T_KEPT] = { 1, 2, 4, 6 };

struct gate_context {
    enum gate gate;
    double scale;
    const float *dstream;        /* [T,C] */
};

/* x [K,C], y [K,C], score [K]. */
static double gate_value(const double *x, const void *context)
{
    const struct gate_context *c = context;
    const double *y = x + T_N, *score = y + T_N;
    double total = 0.0;
    for (int i = 0; i < T_KEPT; i++) {
        double g = reference_gate(c->gate, c->scale, score[i]);
        for (int j = 0; j < T_WIDTH; j++) {
            int at = i * T_WIDTH + j;
            total += (x[at] + g * (y[at] - x[at])) *
                     (double)c->dstream[kept_token[i] * T_WIDTH + j];
        }
    }
    return total;
}

static void check_gate(const struct kernels *k, enum gate gate,
                       enum gating_kind kind, double scale)
{
    enum { ALL = 2 * T_N + T_KEPT };
    float in[ALL], dstream[T_ALL * T_WIDTH], stream[T_ALL * T_WIDTH];
    float score[T_ALL] = { 0 }, value[T_KEPT], gradient[ALL] = { 0 };
    double x[ALL];
    draw(in, x, ALL, 12);
    draw(dstream, NULL, T_ALL * T_WIDTH, 13);
    for (int i = 0; i < T_KEPT; i++)
        score[kept_token[i]] = in[2 * T_N + i];
    struct gating o = {
        .gate = kind, .scale = (float)scale, .trained = true, .n = T_KEPT, .width = T_WIDTH,
        .token = kept_token, .score = score, .value = value, .y = in + T_N,
        .x = in, .stream = stream, .dstream = dstream, .dy = gradient + T_N,
        .dpass = gradient, .dscore = gradient + 2 * T_N,
    };
    k->gate(&o, 0, 1);
    k->gate_backward(&o, 0, 1);
    struct gate_context context = { gate, scale, dstream };
    struct trial trial = { gate_names[gate], ALL, x, gate_value, &context,
                           gradient };
    check(k, &trial);
}

/* x [K,C], score [K] of rows that are skipped. */
static double bypass_value(const double *x, const void *context)
{
    const struct gate_context *c = context;
    double total = 0.0;
    for (int i = 0; i < T_KEPT; i++) {
        double g = reference_gate(c->gate, c->scale, x[T_N + i]);
        for (int j = 0; j < T_WIDTH; j++)
            total += g * x[i * T_WIDTH + j] *
                     (double)c->dstream[kept_token[i] * T_WIDTH + j];
    }
    return total;
}

/* Each row's gradient is made in its place, and x put back. */
static void check_bypass(const struct kernels *k, enum gate gate,
                         enum gating_kind kind, double scale)
{
    enum { ALL = T_N + T_KEPT, WIDE = T_ALL * T_WIDTH };
    float in[ALL], dstream[WIDE], d[WIDE], stream[WIDE];
    float score[T_ALL] = { 0 }, value[T_KEPT], gradient[ALL];
    float dscore[T_ALL] = { 0 };
    double x[ALL];
    draw(in, x, ALL, 12);
    draw(dstream, NULL, WIDE, 13);
    memcpy(d, dstream, sizeof d);
    for (int i = 0; i < T_KEPT; i++) {
        score[kept_token[i]] = in[T_N + i];
        memcpy(stream + kept_token[i] * T_WIDTH, in + i * T_WIDTH,
               T_WIDTH * sizeof(float));
    }
    struct gating o = {
        .gate = kind, .scale = (float)scale, .trained = true, .spread = true,
        .restores = true, .n = T_KEPT, .width = T_WIDTH, .token = kept_token,
        .score = score, .value = value, .x = in, .stream = stream,
        .dstream = d, .dscore = dscore,
    };
    k->bypass(&o, 0, 1);
    k->bypass_backward(&o, 0, 1);
    for (int i = 0; i < T_KEPT; i++) {
        const int at = kept_token[i] * T_WIDTH;
        memcpy(gradient + i * T_WIDTH, d + at, T_WIDTH * sizeof(float));
        gradient[T_N + i] = dscore[kept_token[i]];
        cr_expect(memcmp(stream + at, in + i * T_WIDTH,
                         T_WIDTH * sizeof(float)) == 0);
    }
    struct gate_context context = { gate, scale, dstream };
    struct trial trial = { "bypass", ALL, x, bypass_value, &context,
                           gradient };
    check(k, &trial);
}

static const struct { enum gate gate; enum gating_kind kind; } gated[] = {
    { GATE_RAW, GATING_RAW }, { GATE_SIGMOID, GATING_SIGMOID },
    { GATE_TANH, GATING_TANH },
};
enum { N_GATED = sizeof gated / sizeof *gated };
static const double scales[] = { 1.0, 2.0, 0.3 };

Test(route_gradient, gates)
{
    EACH_KERNELS(k) {
        check_gate(k, GATE_ONE, GATING_ONE, 1.0);
        for (int g = 0; g < N_GATED; g++)
            for (int s = 0; s < 3; s++) {
                check_gate(k, gated[g].gate, gated[g].kind, scales[s]);
                check_bypass(k, gated[g].gate, gated[g].kind, scales[s]);
            }
    }
}

struct route_context {
    enum router_kind kind;
    const float *dscore;         /* [K] */
};

/* The stream x [T,C], then the router's weights [C]. */
static double route_value(const double *x, const void *context)
{
    const struct route_context *c = context;
    const double *w = x + T_ALL * T_WIDTH;
    double total = 0.0, normed[T_WIDTH];
    for (int i = 0; i < T_KEPT; i++) {
        const double *row = x + kept_token[i] * T_WIDTH;
        if (c->kind == ROUTER_RAW)
            memcpy(normed, row, sizeof normed);
        else if (c->kind == ROUTER_RMS)
            reference_rms_norm(row, T_WIDTH, 1e-5, NULL, normed);
        else
            reference_layer_norm(row, T_WIDTH, 1e-5, NULL, NULL, normed);
        for (int j = 0; j < T_WIDTH; j++)
            total += w[j] * normed[j] * (double)c->dscore[i];
    }
    return total;
}

static void check_route(const struct kernels *k, enum router_kind kind)
{
    static const char *const names[] = { "route, raw", "route, RMS",
                                         "route, layer norm" };
    enum { STREAM = T_ALL * T_WIDTH, ALL = STREAM + T_WIDTH };
    float in[ALL], x_kept[T_N], stats[2 * T_ALL], score[T_ALL], dscore[T_KEPT];
    float gradient[ALL] = { 0 };
    double x[ALL];
    draw(in, x, ALL, 14);
    draw(dscore, NULL, T_KEPT, 15);
    struct router o = { .input = kind, .n = T_ALL, .width = T_WIDTH,
                        .epsilon = 1e-5f, .x = in, .weight = in + STREAM,
                        .stats = stats, .score = score };
    k->route(&o, 0, 1);
    k->gather(in, kept_token, x_kept, T_KEPT, T_WIDTH, 0, 1);
    o.n = T_KEPT;
    o.x = x_kept;
    o.token = kept_token;
    o.dscore = dscore;
    o.dx = gradient;
    o.dweight = gradient + STREAM;
    k->route_backward(&o, 0, 1);
    struct route_context context = { kind, dscore };
    struct trial trial = { names[kind], ALL, x, route_value, &context,
                           gradient };
    check(k, &trial);
}

Test(route_gradient, routers)
{
    EACH_KERNELS(k) {
        check_route(k, ROUTER_RAW);
        check_route(k, ROUTER_RMS);
        check_route(k, ROUTER_LAYER_NORM);
    }
}
