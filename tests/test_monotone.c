/* test_monotone.c - More of anything costs no less; totals are their sums. */
#include <string.h>

#include "sim/price/predict_table.h"
#include "tests/priced.h"

static struct machine priced_by;

static struct cost total_of(struct model_spec spec, enum memory_phase phase,
                            int32_t B, int32_t T)
{
    struct predict_question q = { .spec = spec, .machine = &priced_by,
                                  .phase = phase, .n_sequences = B,
                                  .n_tokens = T };
    struct prediction p;
    cr_assert(eq(int, prediction_open(&p, &q, &q.spec, NULL), STATUS_OK));
    const struct cost sum = ledger_sum(p.ledger, LEDGER_ANY, LEDGER_ANY,
                                       LEDGER_ANY, LEDGER_ANY);
    struct cost parts = cost_zero(PROV_PREDICTED);
    for (int32_t l = LEDGER_OUTSIDE; l < spec.n_layers; l++) {
        const struct cost part = ledger_sum(p.ledger, LEDGER_ANY, l, LEDGER_ANY,
                                            LEDGER_ANY);
        cr_assert(eq(int, cost_add(&parts, &part), STATUS_OK));
    }
    for (int m = 0; m < METRIC_FIRST_REAL; m++)
        if (cost_known(&sum, (enum metric)m))
            cr_expect(eq(u64, parts.count[m], sum.count[m]));
    const double seconds = cost_get(&sum, METRIC_SECONDS);
    cr_expect(alike(cost_get(&parts, METRIC_SECONDS), seconds, 1e-9 * seconds));
    cr_expect(alike(p.range.seconds.value, seconds, 1e-9 * seconds));
    prediction_close(&p);
    return sum;
}

static struct model_spec routed(double capacity)
{
    struct model_spec spec = llama();
    spec.max_tokens = 1 << 12;
    for (int32_t l = 0; l < spec.n_layers; l++) {
        spec.routed[l] = l % 2;
        spec.capacity[l] = l % 2 ? capacity : 1;
    }
    return spec;
}

static const enum metric watched[] = { METRIC_FLOPS, METRIC_BYTES,
                                       METRIC_SECONDS, METRIC_JOULES };

static void no_less(const struct cost *now, struct cost *before,
                    const char *what, double at)
{
    for (int i = 0; i < 4; i++)
        cr_expect(ge(dbl, cost_get(now, watched[i]) *
                              (1 + 1e-12), cost_get(before, watched[i])),
                  "%s %g: %s", what, at, metric_table[watched[i]].column);
    *before = *now;
}

static const enum memory_phase phases[] = { MEMORY_TRAIN, MEMORY_FORWARD,
                                            MEMORY_DECODE };

Test(monotone, in_capacity_and_at_1_a_router_is_all_that_is_left)
{
    priced_by = machine();
    for (int p = 0; p < 3; p++) {
        struct cost before = cost_zero(PROV_PREDICTED);
        for (int c = 1; c <= 16; c++) {
            const struct cost now = total_of(routed(c / 16.0), phases[p], 4,
                                             256);
            no_less(&now, &before, "capacity", c / 16.0);
        }
        /* A dense model has no router to score, choose, gather and gate by. */
        struct model_spec dense = routed(1);
        dense = spec_dense(&dense);
        const struct cost twin = total_of(dense, phases[p], 4, 256);
        cr_expect(lt(dbl, cost_get(&twin, METRIC_FLOPS),
                     cost_get(&before, METRIC_FLOPS)));
        cr_expect(lt(dbl, cost_get(&twin, METRIC_SECONDS),
                     cost_get(&before, METRIC_SECONDS)));
    }
}

/* Lengths of which a quarter is whole tokens: K rounded up is a larger share of
 * others, and a step is kept that much more often. */
Test(monotone, in_batch_and_in_length)
{
    priced_by = machine();
    for (int p = 0; p < 3; p++)
        for (int r = 0; r < 2; r++) {
            const struct model_spec spec = routed(r ? 0.25 : 1);
            struct cost before = cost_zero(PROV_PREDICTED);
            for (int32_t B = 1; B <= 64; B = B < 8 ? B + 1 : B * 2) {
                const struct cost now = total_of(spec, phases[p], B, 128);
                no_less(&now, &before, "batch", B);
            }
            before = cost_zero(PROV_PREDICTED);
            const int32_t step = r ? 4 : 1;
            for (int32_t T = step; T <= 2048; T += (T / 32 + 1) * step) {
                const struct cost now = total_of(spec, phases[p], 2, T);
                no_less(&now, &before, "length", T);
            }
        }
}
