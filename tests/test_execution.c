/* test_execution.c - Three ways to run routed blocks; several devices. */
#include <string.h>

#include "sim/price/hold.h"
#include "sim/price/predict_table.h"
#include "tests/priced.h"

static struct predict_question asks(enum memory_phase phase,
                                    struct regime regime)
{
    struct predict_question q = {
        .spec = llama(), .phase = phase, .regime = regime,
        .n_sequences = 8, .n_tokens = 64,
    };
    q.spec.routed[1] = true;
    q.spec.capacity[1] = 0.25;
    return q;
}

static struct prediction answered(const struct predict_question *q)
{
    struct prediction p;
    struct error err = { 0 };
    cr_assert(eq(int, prediction_open(&p, q, &q->spec, &err), STATUS_OK), "%s",
              err.text);
    return p;
}

/* Of layer 1: 2 of 8 rows in every step, and the weights with them; or 8 * 1/4
 * rows on average, and the weights with the chance that there is any. */
Test(execution, a_padded_step_runs_the_block_on_its_share_of_the_rows)
{
    const struct predict_question ideal = asks(MEMORY_DECODE,
                                               (struct regime){ 0 }),
        padded = asks(MEMORY_DECODE,
                      (struct regime){ .execution = EXECUTION_PADDED });
    struct prediction a = answered(&ideal), b = answered(&padded);
    const uint64_t C = (uint64_t)ideal.spec.n_channels,
        up = (uint64_t)spec_up(&ideal.spec), weight = 4 * C * up,
        row = 4 * C + 4 * up;
    const double chance = 1 - pow(0.75, 8);

    cr_expect(eq(u64, bytes(b.ledger, PASS_FORWARD, 1, OP_FFN_UP),
                 weight + 2 * row));
    cr_expect(epsilon_eq(dbl, (double)bytes(a.ledger, PASS_FORWARD, 1,
                                            OP_FFN_UP),
                         chance * (double)weight + 2 * (double)row, 2));
    cr_expect(eq(u64, flops(a.ledger, PASS_FORWARD, 1, OP_FFN_UP),
                 flops(b.ledger, PASS_FORWARD, 1, OP_FFN_UP)));
    prediction_close(&a);
    prediction_close(&b);
}

/* A shape that keeps an eighth of 4 rows keeps one. */
Test(execution, a_padded_step_rounds_rows_up)
{
    struct predict_question q = asks(MEMORY_DECODE,
        (struct regime){ .execution = EXECUTION_PADDED });
    q.n_sequences = 4;
    q.spec.capacity[1] = 0.125;
    struct prediction p = answered(&q);
    cr_expect(eq(u64, flops(p.ledger, PASS_FORWARD, 1, OP_FFN_UP),
                 (uint64_t)(2 * q.spec.n_channels * spec_up(&q.spec))));
    prediction_close(&p);
}

Test(execution, a_mask_saves_nothing)
{
    const int phases[] = { MEMORY_TRAIN, MEMORY_FORWARD, MEMORY_DECODE };

    for (int i = 0; i < 3; i++) {
        const struct predict_question q = asks((enum memory_phase)phases[i],
            (struct regime){ .execution = EXECUTION_MASKED });
        const struct model_spec dense = spec_dense(&q.spec);
        struct predict_question whole = q;
        struct prediction masked = answered(&q), twin;
        whole.spec = dense;
        twin = answered(&whole);
        const enum op same[] = { OP_QKV, OP_ATTEND, OP_PROJECT, OP_FFN_UP,
                                 OP_ACT, OP_FFN_DOWN };
        for (int o = 0; o < 6; o++)
            cr_expect(eq(u64, flops(masked.ledger, LEDGER_ALL, 1, same[o]),
                         flops(twin.ledger, LEDGER_ALL, 1, same[o])));
        cr_expect(gt(u64, flops(masked.ledger, LEDGER_ALL, 1, OP_ROUTE), 0));
        prediction_close(&masked);
        prediction_close(&twin);
    }
}

/* ---- devices ---- */

/* What is cut adds up; the small rest (norms) is on each. */
Test(execution, shards_add_up_to_the_model)
{
    const struct regime two = { .tensor = 2 };
    struct model_spec spec = llama(), shard = llama();
    uint64_t norms = 0, whole = 0, part = 0;

    cr_assert(eq(int, regime_shard(&shard, &two, NULL), STATUS_OK));
    for (int32_t l = LEDGER_OUTSIDE; l < L; l++) {
        struct flops_tensor t[FLOPS_TENSORS_MAX];
        int n = flops_tensors(t, &spec, l);
        for (int i = 0; i < n; i++) {
            whole += t[i].n;
            norms += strstr(t[i].name, "gamma") || strstr(t[i].name, "router")
                         ? t[i].n : 0;
        }
    }
    part = memory_parameters(&shard);
    cr_expect(eq(u64, 2 * part, whole + norms));
}

/* The last device's columns are fewer; what a device takes is the most. */
Test(execution, a_vocabulary_that_does_not_divide_is_rounded_up)
{
    const struct regime two = { .tensor = 2 };
    struct model_spec spec = llama();

    spec.n_vocab = 101;
    cr_assert(eq(int, regime_shard(&spec, &two, NULL), STATUS_OK));
    cr_expect(eq(i32, spec.n_vocab, 51));
}

Test(execution, heads_that_do_not_divide_are_refused)
{
    const struct regime regime = { .tensor = 7 };
    struct model_spec spec = llama();
    struct error err = { 0 };

    cr_expect(eq(int, regime_shard(&spec, &regime, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "divisors of the heads") != NULL, "%s",
              err.text);
}

/* On a machine on which all but the link is at once: of each layer, sums of B
 * rows of C after attention and the feed-forward part, 2 * 3/4 of their bytes. */
static struct machine only_the_link(void)
{
    struct machine m = machine();
    m.launch_seconds = (struct quantity){ 0, 0, 0, "", "" };
    m.link_bytes_per_second = (struct quantity){ 1e3, 1e3, 1e3, "", "" };
    for (int i = 0; i < LEVEL_COUNT; i++)
        m.level[i].bytes_per_second = (struct quantity){ 1e30, 1e30, 1e30, "",
                                                         "" };
    for (int p = 0; p < PRECISION_COUNT; p++)
        m.peak_flops_per_second[p] = (struct quantity){ 1e30, 1e30, 1e30, "",
                                                        "" };
    m.vector_flops_per_second = m.peak_flops_per_second[0];
    return m;
}

Test(execution, devices_exchange_sums_over_the_link)
{
    struct machine m = only_the_link();
    struct predict_question q = asks(MEMORY_DECODE,
                                     (struct regime){ .tensor = 2 });
    q.spec = spec_dense(&q.spec);
    q.machine = &m;
    struct prediction p = answered(&q);
    const double row = 4.0 * q.spec.n_channels;
    cr_expect(epsilon_eq(dbl, p.range.seconds.value,
                         L * 2 * 8 * row * 2 * 1 / 2 / 1e3, 1e-6));
    prediction_close(&p);

    /* Gradients of all parameters, once a step; 2 * 3/4 of them for four. */
    q = asks(MEMORY_TRAIN, (struct regime){ .data = 4, .accumulate = 3 });
    q.spec = spec_dense(&q.spec);
    q.machine = &m;
    p = answered(&q);
    cr_expect(epsilon_eq(dbl, p.range.seconds.value,
                         4.0 * (double)memory_parameters(&q.spec) * 2 * 3 / 4 /
                             1e3, 1e-6));
    prediction_close(&p);
}

/* Of parameters P, times 3/4, in 3 steps and an update: parts of the optimizer
 * take a sum where each is held, and P back; parts of gradients 3 such sums; parts
 * of weights also P for each forward pass, those of layers again for its backward
 * pass, and none back (Rajbhandari et al. 2020, section 7). */
Test(execution, parts_are_fetched_over_the_link)
{
    static const int passes[SHARDING_COUNT] = { 2, 2, 4, 9 };
    struct machine m = only_the_link();

    for (int s = 0; s < SHARDING_COUNT; s++)
        for (int again = 0; again < 2; again++) {
            struct predict_question q = asks(MEMORY_TRAIN, (struct regime){
                .data = 4, .accumulate = 3, .sharding = (enum sharding)s,
                .recompute = again });
            q.spec = spec_dense(&q.spec);
            q.machine = &m;
            struct prediction p = answered(&q);
            const uint64_t outside = s == SHARDING_WEIGHTS
                ? flops_parameters(&q.spec, LEDGER_OUTSIDE) : 0;
            const uint64_t sent = (uint64_t)passes[s] *
                                  memory_parameters(&q.spec) - 3 * outside;
            cr_expect(epsilon_eq(dbl, p.range.seconds.value,
                                 4.0 * (double)sent * 3 / 4 / 1e3, 1e-6), "%s",
                      sharding_names[s]);
            prediction_close(&p);
        }
}
