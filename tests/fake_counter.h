/* fake_counter.h - Fake a back end that counts what it is told. */
#ifndef FAKE_COUNTER_H
#define FAKE_COUNTER_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "hwprof/counters/calibrate.h"
#include "hwprof/counters/counter.h"
#include "sim/core/ledger/meter.h"

enum { FAKE_EMPTY = 12 };        /* what a read itself adds */
#define SEEN (counter_bit(METRIC_FLOPS) | counter_bit(METRIC_L2_BYTES))

/* Callers read in an order that is known: a session is calibrated when it is
 * opened for the first time, checked when it is opened later; all other
 * readings are of ops. */
enum fake_mode { FAKE_CALIBRATE, FAKE_CHECK, FAKE_RUN };

struct fake {
    enum fake_mode mode;
    int    n_opened, n_read, n_reads_in_ops;
    double factor;               /* of the truth in the kernels */
    double check_factor;         /* of the truth in later checks */
    uint64_t pending[METRIC_FIRST_REAL];
    bool   broken;               /* reads fail */
    bool   simulates;            /* grades what it counts so */
};

struct fake_session {
    struct counter_session base;
    struct fake *fake;
    uint32_t metrics;
};

static const enum metric fake_metrics[] = { METRIC_FLOPS, METRIC_L2_BYTES };

static inline double truth(enum metric metric)
{
    const struct known_kernel *kernel = known_kernel_for(metric);
    struct known_input in = { .n = kernel->n, .n_bytes = 128 << 10 };
    return known_kernel_expected(kernel, &in);
}

static inline enum status fake_open(struct counter_session **out,
                                    const struct counter_options *options,
                                    struct error *err)
{
    struct fake_session *s = calloc(1, sizeof *s);

    (void)err;
    s->fake = options->busy_context;
    s->metrics = options->metrics & SEEN;
    counter_unseen(&s->base, "made-up hardware does not count it");
    for (int i = 0; i < 2; i++)
        if (s->metrics & counter_bit(fake_metrics[i])) {
            s->base.reason[fake_metrics[i]][0] = '\0';
            strcpy(s->base.source[fake_metrics[i]], "FAKE");
        }
    s->fake->mode = s->fake->n_opened++ ? FAKE_CHECK : FAKE_CALIBRATE;
    s->fake->n_read = 0;
    *out = &s->base;
    return STATUS_OK;
}

/* The metric whose kernel ran before this reading; -1: none. */
static inline int kernel_before(struct fake_session *s)
{
    struct fake *fake = s->fake;
    int k = fake->n_read++, each = 2, n = __builtin_popcount(s->metrics);

    if (fake->mode == FAKE_CALIBRATE) {
        k -= 1 + CALIBRATE_EMPTY;
        each = 2 * CALIBRATE_REPEATS;
    }
    if (fake->mode == FAKE_CHECK && k == 2 * n - 1)
        fake->mode = FAKE_RUN;   /* after this one */
    if (k < 0 || k % 2 == 0)
        return -1;
    return k / each + (s->metrics & counter_bit(METRIC_FLOPS) ? 0 : 1);
}

static inline enum status fake_read(struct counter_session *session,
                                    struct cost *cost, struct error *err)
{
    struct fake_session *s = (struct fake_session *)session;
    bool checking = s->fake->mode == FAKE_CHECK;
    bool running = s->fake->mode == FAKE_RUN;
    int kernel = running ? -1 : kernel_before(s);

    if (s->fake->broken && running)
        return error_set(err, STATUS_UNAVAILABLE, "multiplexed");
    *cost = (struct cost){ 0 };
    for (int i = 0; i < 2; i++) {
        enum metric m = fake_metrics[i];
        double factor = checking ? s->fake->check_factor : s->fake->factor;
        uint64_t count = FAKE_EMPTY;
        if (!(s->metrics & counter_bit(m)))
            continue;
        if (kernel == i)
            count += (uint64_t)(factor * truth(m));
        if (running)
            count += s->fake->pending[m];
        s->fake->pending[m] = running ? 0 : s->fake->pending[m];
        cost_set_count(cost, m, count, s->fake->simulates ? PROV_SIMULATED
                                                          : PROV_MEASURED);
    }
    s->fake->n_reads_in_ops += running;
    return STATUS_OK;
}

static inline enum status fake_nothing(struct counter_session *session,
                                       struct error *err)
{
    (void)session;
    (void)err;
    return STATUS_OK;
}

static inline void fake_close(struct counter_session *session)
{
    free(session);
}

static const struct counter_backend fake_backend = {
    .name = "fake", .what = "made-up hardware", .open = fake_open,
    .start = fake_nothing, .read = fake_read, .stop = fake_nothing,
    .close = fake_close,
};

/* One op that makes the hardware count `flops` and 64 bytes a flop. */
static inline void run_op(struct meter *meter, struct fake *fake, int32_t layer,
                          enum op op, uint64_t flops)
{
    struct op_run run = { .pass = PASS_FORWARD, .layer = layer, .op = op };

    meter_begin(meter, &run);
    fake->pending[METRIC_FLOPS] += flops;
    fake->pending[METRIC_L2_BYTES] += 64 * flops;
    meter_end(meter, &run);
}

static inline struct ledger *open_ledger(int32_t n_layers, int32_t n_tokens)
{
    struct ledger *ledger = NULL;
    struct ledger_shape shape = { true, true, n_layers, n_tokens };

    cr_assert(eq(int, ledger_open(&ledger, shape, (struct cost){ 0 }, NULL),
                 STATUS_OK));
    return ledger;
}

static inline uint64_t flops_at(const struct ledger *ledger, int32_t layer,
                                int32_t token, enum op op)
{
    return ledger_at(ledger, (struct ledger_key){ PASS_FORWARD, layer, token,
                                                  op })->count[METRIC_FLOPS];
}

#endif
