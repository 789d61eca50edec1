/* priced.h - Price two small models by the formulas. */
#ifndef PRICED_H
#define PRICED_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "sim/price/predict.h"
#include "tests/specs.h"

enum { L = 2, LEDGER_ALL = LEDGER_ANY };

static inline struct model_spec llama(void)
{
    return small_llama(L);
}

static inline struct model_spec gpt2(void)
{
    return worked_gpt2(L);
}

enum phase { TRAIN, FORWARD, DECODE, EXPECTED };

struct asked {
    struct model_spec     spec;
    int32_t               B, T;
    const struct machine *machine;
    bool                  by_token;
    enum phase            phase;
    unsigned              with;
    struct regime         regime;
};

static inline struct ledger *priced_for(const struct asked *q,
                                        const struct allocation *allocation,
                                        struct predict_range *range)
{
    struct predict_job job = { .spec = &q->spec, .allocation = allocation,
                               .machine = q->machine, .regime = q->regime };
    struct ledger_shape shape = {
        .by_pass = true, .by_op = true, .n_layers = q->spec.n_layers,
        .n_tokens = q->by_token ? q->phase == DECODE ? q->B : q->B * q->T : 0,
    };
    struct ledger *ledger;
    struct error err = { 0 };
    enum status status = ledger_open(&ledger, shape,
                                     cost_zero(PROV_PREDICTED), &err);
    cr_assert(eq(int, status, STATUS_OK));
    if (q->phase == TRAIN)
        status = predict_train_step(ledger, &job, range, &err);
    else if (q->phase == FORWARD)
        status = predict_forward(ledger, &job, q->with, range, &err);
    else if (q->phase == DECODE)
        status = predict_decode(ledger, &job, range, &err);
    else
        status = predict_decode_expected(ledger, &job, range, &err);
    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    return ledger;
}

static inline struct ledger *priced(struct asked q)
{
    struct allocation a;
    cr_assert(eq(int, allocation_open(&a, q.spec.n_layers, q.B, q.T, NULL),
                 STATUS_OK));
    allocation_fill(&a, &q.spec);
    struct ledger *ledger = priced_for(&q, &a, NULL);
    allocation_close(&a);
    return ledger;
}

static inline struct ledger *priced_in(struct asked q, struct regime regime)
{
    q.regime = regime;
    return priced(q);
}

static inline uint64_t flops(const struct ledger *l, int pass, int32_t layer,
                             int op)
{
    return ledger_sum(l, pass, layer, LEDGER_ANY, op).count[METRIC_FLOPS];
}

static inline uint64_t bytes(const struct ledger *l, int pass, int32_t layer,
                             int op)
{
    return ledger_sum(l, pass, layer, LEDGER_ANY, op).count[METRIC_BYTES];
}

/* Of a token of layer 1, forward; 0 where nothing was charged. */
static inline uint64_t of_token(const struct ledger *l, int32_t token,
                                enum op op, enum metric metric)
{
    struct ledger_key key = { PASS_FORWARD, 1, token, op };
    return ledger_touched(l, key) ? ledger_at(l, key)->count[metric] : 0;
}

static inline uint64_t all_flops(struct asked q)
{
    struct ledger *ledger = priced(q);
    uint64_t sum = flops(ledger, LEDGER_ALL, LEDGER_ALL, LEDGER_ALL);
    ledger_close(ledger);
    return sum;
}

static inline bool untouched(const struct ledger *ledger, struct ledger_key key)
{
    return !ledger_touched(ledger, key);
}

/* Both unknown, or no further apart than `slack`. */
static inline bool alike(double x, double y, double slack)
{
    return isnan(x) ? isnan(y) : fabs(x - y) <= slack;
}

/* A machine of round numbers, large enough to tell its parts apart. */
static inline struct machine machine(void)
{
#define Q(x) { .value = x, .low = x / 2, .high = x * 2 }
    struct machine m = {
        .name = "round", .cores = 1,
        .peak_flops_per_second = { Q(1e11) },
        .vector_flops_per_second = Q(1e11), .joules_per_flop = { Q(1e-11) },
        .watts.standing = Q(5.0), .launch_seconds = Q(1e-6),
        .efficiency_scale = { .value = 1, .low = 1, .high = 1 },
        .dram_share = { 2, { 1, 1 } },
        .dram_share_scale = { .value = 1, .low = 1, .high = 1 },
        .level = {
            { Q(3e4), Q(4e11), Q(1e-12) },  { Q(2e5), Q(2e11), Q(2e-12) },
            { Q(1e6), Q(5e10), Q(1e-11) },  { Q(0.0), Q(1e10), Q(1e-10) },
        },
    };
#undef Q
    for (int w = 0; w < WORK_COUNT; w++)
        m.efficiency[w] = (struct config_real_list){ 2, { 1, 0.5 } };
    return m;
}

#endif
