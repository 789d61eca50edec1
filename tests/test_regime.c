/* test_regime.c - Price number formats by hand. */
#include "sim/price/hold.h"
#include "tests/priced.h"

static const struct regime half = {
    .arithmetic = PRECISION_BF16, .weights = PRECISION_BF16,
    .kv = PRECISION_BF16, .gradients = PRECISION_BF16,
    .moments = PRECISION_BF16,
};

Test(regime, a_format_of_half_the_bits_takes_half_the_bytes)
{
    const enum phase phases[] = { TRAIN, FORWARD, EXPECTED };

    for (int i = 0; i < 3; i++) {
        struct asked q = { .spec = llama(), .B = 2, .T = 16,
                           .phase = phases[i] };
        struct ledger *full = priced_in(q, (struct regime){ 0 }),
            *less = priced_in(q, half);
        for (int op = 0; op < OP_COUNT; op++) {
            const uint64_t all = bytes(full, LEDGER_ALL, LEDGER_ALL, op);
            const uint64_t some = bytes(less, LEDGER_ALL, LEDGER_ALL, op);
            /* Each part of a charge is rounded by itself. */
            cr_expect(le(u64, all > 2 * some ? all - 2 * some
                                             : 2 * some - all, 4 * L),
                      "%s", op_table[op].name);
        }
        cr_expect(eq(u64, flops(full, LEDGER_ALL, LEDGER_ALL, LEDGER_ALL),
                     flops(less, LEDGER_ALL, LEDGER_ALL, LEDGER_ALL)));
        ledger_close(full);
        ledger_close(less);
    }
}

/* Of each parameter: read and write the weight, read the gradient, read and write
 * two moments. */
Test(regime, an_update_by_hand)
{
    const struct asked q = { .spec = llama(), .B = 1, .T = 8, .phase = TRAIN };
    const uint64_t n = memory_parameters(&q.spec);
    struct ledger *l = priced_in(q, (struct regime){
        .arithmetic = PRECISION_BF16, .weights = PRECISION_FP32,
        .gradients = PRECISION_BF16, .moments = PRECISION_INT8 });

    cr_expect(eq(u64, bytes(l, PASS_UPDATE, LEDGER_ALL, OP_ADAMW),
                 n * (2 * 4 + 2 + 4 * 1)));
    cr_expect(eq(u64, bytes(l, PASS_UPDATE, LEDGER_ALL, OP_CLIP), n * 2));
    ledger_close(l);
}

/* A row of qkv reads C and writes Q + 2E; backward shares the weight and its
 * gradient. */
Test(regime, mixed_training_reads_weights_in_the_formats_of_products)
{
    const struct asked q = { .spec = llama(), .B = 1, .T = 8, .phase = TRAIN };
    const uint64_t C = (uint64_t)q.spec.n_channels,
        out = (uint64_t)(spec_q(&q.spec) + 2 * spec_e(&q.spec));
    struct ledger *l = priced_in(q, (struct regime){
        .arithmetic = PRECISION_BF16, .kv = PRECISION_BF16 });

    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 0, OP_QKV),
                 8 * 2 * (C + out) + 2 * C * out));
    /* x, dx and d(out) a row; bf16 weights read, fp32 gradients written */
    struct ledger *whole = priced_in(q, (struct regime){ 0 });
    const uint64_t rows = bytes(whole, PASS_BACKWARD, 0, OP_QKV) - 8 * C * out;
    cr_expect(eq(u64, bytes(l, PASS_BACKWARD, 0, OP_QKV),
                 rows / 2 + 2 * C * out + 4 * C * out));
    ledger_close(whole);
    ledger_close(l);
}

/* Only the cached keys and values change with their format. */
Test(regime, keys_and_values_have_a_format_of_their_own)
{
    const struct asked q = { .spec = llama(), .B = 3, .T = 16,
                             .phase = EXPECTED };
    struct ledger *l[] = { priced_in(q, half), priced_in(q, half) };
    struct regime eighth = half;
    eighth.kv = PRECISION_INT4;
    ledger_close(l[1]);
    l[1] = priced_in(q, eighth);

    /* Layer 0 is dense: 2E numbers of 16 cached tokens, 3 sequences. */
    const uint64_t numbers = 3 * 16 * 2 * (uint64_t)spec_e(&q.spec);
    cr_expect(eq(u64, bytes(l[0], PASS_FORWARD, 0, OP_ATTEND) -
                      bytes(l[1], PASS_FORWARD, 0, OP_ATTEND),
                 numbers * 2 - numbers / 2));
    cr_expect(eq(u64, bytes(l[0], PASS_FORWARD, 0, OP_QKV),
                 bytes(l[1], PASS_FORWARD, 0, OP_QKV)));
    ledger_close(l[0]);
    ledger_close(l[1]);
}

/* The peak of bf16 is ten times that of fp32, which vectors keep to. */
Test(regime, products_run_at_the_peak_of_their_format)
{
    struct machine m = machine();
    for (int i = 0; i < LEVEL_COUNT; i++)
        m.level[i].bytes_per_second.value = 1e30;
    m.launch_seconds.value = 0;
    m.peak_flops_per_second[PRECISION_BF16] =
        m.peak_flops_per_second[PRECISION_FP32];
    m.peak_flops_per_second[PRECISION_BF16].value *= 10;
    struct asked q = { .spec = llama(), .B = 2, .T = 16, .machine = &m,
                       .phase = FORWARD };
    struct ledger *whole = priced_in(q, (struct regime){ 0 }),
        *l = priced_in(q, half);

    for (int op = 0; op < OP_COUNT; op++) {
        const struct cost slow = ledger_sum(whole, LEDGER_ANY, LEDGER_ANY,
                                            LEDGER_ANY, op),
            fast = ledger_sum(l, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY, op);
        const double ratio = op == OP_QKV || op == OP_ATTEND || op == OP_HEAD ||
                             op == OP_PROJECT || op == OP_FFN_UP ||
                             op == OP_FFN_DOWN ? 10 : 1;
        if (slow.count[METRIC_FLOPS] > 0)
            cr_expect(epsilon_eq(dbl, cost_get(&slow, METRIC_SECONDS),
                                 ratio * cost_get(&fast, METRIC_SECONDS),
                                 1e-9 * cost_get(&slow, METRIC_SECONDS)),
                      "%s", op_table[op].name);
    }
    ledger_close(whole);
    ledger_close(l);
}

Test(regime, memory_is_in_the_formats_of_its_uses)
{
    const struct model_spec spec = llama();
    const uint64_t n = memory_parameters(&spec);
    const struct regime regime = {
        .arithmetic = PRECISION_BF16, .kv = PRECISION_FP8,
        .gradients = PRECISION_BF16, .moments = PRECISION_INT8 };
    struct hold_question q = { .spec = &spec, .regime = &regime,
        .phase = MEMORY_TRAIN, .n_sequences = 2, .n_tokens = 16 };
    const struct hold hold = hold_of(&q);

    cr_expect(eq(u64, hold.bytes[MEMORY_WEIGHTS], 4 * n));
    cr_expect(eq(u64, hold.bytes[MEMORY_GRADIENTS], 2 * n));
    cr_expect(eq(u64, hold.bytes[MEMORY_OPTIMIZER], 2 * n));
    q.phase = MEMORY_DECODE;
    cr_expect(eq(u64, hold_of(&q).bytes[MEMORY_KV],
                 (uint64_t)(2 * spec_e(&spec) * 2 *
                            (16 + spec_kept(&spec, 1, 16)))));
}
