/* test_hold.c - Add up by hand what a step holds, and find what fits. */
#include "sim/price/flops.h"
#include "sim/price/hold.h"
#include "tests/priced.h"

static const struct regime plain = { 0 };

static struct hold_question asks(const struct model_spec *spec,
                                 const struct regime *regime,
                                 enum memory_phase phase, int32_t B, int32_t T)
{
    return (struct hold_question){ .spec = spec, .regime = regime,
                                   .phase = phase, .n_sequences = B,
                                   .n_tokens = T, .n_threads = 1 };
}

Test(hold, training_holds_a_gradient_and_two_moments_of_each_parameter)
{
    const struct model_spec spec = llama();
    const struct hold_question q = asks(&spec, &plain, MEMORY_TRAIN, 2, 16);
    const struct hold hold = hold_of(&q);
    const uint64_t parameters = memory_parameters(&spec);

    cr_expect(eq(u64, hold.bytes[MEMORY_WEIGHTS], 4 * parameters));
    cr_expect(eq(u64, hold.bytes[MEMORY_GRADIENTS], 4 * parameters));
    cr_expect(eq(u64, hold.bytes[MEMORY_OPTIMIZER], 8 * parameters));
    cr_expect(eq(u64, hold.bytes[MEMORY_KV], 0));
}

/* Of P parameters of 4 bytes, a quarter of what is held in parts, and one layer
 * whole, of weights beside what is outside any. */
Test(hold, four_devices_hold_a_part_each)
{
    const struct model_spec spec = llama();
    const uint64_t P = 4 * memory_parameters(&spec);
    struct regime regime = { .data = 4 };
    struct hold hold[SHARDING_COUNT];

    for (int s = 0; s < SHARDING_COUNT; s++) {
        regime.sharding = (enum sharding)s;
        const struct hold_question q = asks(&spec, &regime, MEMORY_TRAIN, 2,
                                            16);
        hold[s] = hold_buffers(&q);
        cr_expect(eq(u64, hold[s].bytes[MEMORY_ACTIVATIONS],
                     hold[0].bytes[MEMORY_ACTIVATIONS]));
        cr_expect(epsilon_eq(dbl, (double)hold[s].bytes[MEMORY_OPTIMIZER],
                             (double)(2 * P) / (s > 0 ? 4 : 1), 1e-3 * P));
        cr_expect(epsilon_eq(dbl, (double)hold[s].bytes[MEMORY_GRADIENTS],
                             (double)P / (s > 1 ? 4 : 1), 1e-3 * P));
        cr_expect(epsilon_eq(dbl, (double)hold[s].bytes[MEMORY_WEIGHTS],
                             (double)P / (s > 2 ? 4 : 1), 1e-3 * P));
    }
    const uint64_t plain_space = hold[0].bytes[MEMORY_WORKSPACE];
    const uint64_t at_hand = hold[2].bytes[MEMORY_WORKSPACE] - plain_space;
    cr_expect(eq(u64, hold[1].bytes[MEMORY_WORKSPACE], plain_space));
    uint64_t layer = 0, outside = P;
    for (int32_t l = 0; l < spec.n_layers; l++) {
        const uint64_t bytes = 4 * flops_parameters(&spec, l);
        layer = bytes > layer ? bytes : layer;
        outside -= bytes;
    }
    cr_expect(eq(u64, at_hand, layer > outside ? layer : outside));
    cr_expect(eq(u64, hold[3].bytes[MEMORY_WORKSPACE] - plain_space - at_hand,
                 layer + outside));
}

Test(hold, buffers_are_those_of_memory)
{
    const struct model_spec spec = llama();

    for (int phase = 0; phase <= MEMORY_LAST; phase++) {
        const struct hold_question q = asks(&spec, &plain,
                                            (enum memory_phase)phase, 3, 16);
        cr_expect(eq(u64, hold_buffers(&q).total,
                     memory_bytes(&spec, 3, 16, (enum memory_phase)phase)));
    }
}

/* 2*E numbers a token and layer; a routed layer has those of kept tokens. */
Test(hold, keys_and_values_by_hand)
{
    struct model_spec spec = llama();
    spec.routed[1] = true;
    spec.capacity[1] = 0.25;
    const uint64_t kv = (uint64_t)(4 * 2 * spec_e(&spec) * 3 * (16 + 4));

    for (int i = 0; i < 2; i++) {
        const struct hold_question q = asks(&spec, &plain,
                                            i ? MEMORY_LAST : MEMORY_DECODE, 3,
                                            16);
        cr_expect(eq(u64, hold_of(&q).bytes[MEMORY_KV], kv));
    }
}

/* Beside buffers that every layer shares, L layers hold L inputs of C numbers;
 * the rest of what they keep otherwise is one layer's. */
Test(hold, recomputed_layers_keep_their_inputs_alone)
{
    const struct regime again = { .recompute = true };
    struct model_spec spec = llama(), deep = llama();
    const uint64_t rows = 2 * 16, C = (uint64_t)spec.n_channels;
    deep.n_layers = spec.n_layers + 3;

    const struct hold_question q[] = { asks(&spec, &again, MEMORY_TRAIN, 2, 16),
                                       asks(&deep, &again, MEMORY_TRAIN, 2, 16) };
    const struct hold few = hold_of(&q[0]), more = hold_of(&q[1]);
    cr_expect(eq(u64, more.bytes[MEMORY_ACTIVATIONS] -
                      few.bytes[MEMORY_ACTIVATIONS], 4 * 3 * C * rows));
    const struct hold_question kept = asks(&deep, &plain, MEMORY_TRAIN, 2, 16);
    cr_expect(lt(u64, more.total, hold_of(&kept).total));
}

Test(hold, the_largest_batch_and_length_just_fit)
{
    const struct model_spec spec = llama();
    const int phases[] = { MEMORY_TRAIN, MEMORY_LAST, MEMORY_DECODE };

    for (int i = 0; i < 3; i++) {
        struct hold_question q = asks(&spec, &plain,
                                      (enum memory_phase)phases[i], 5, 9);
        const uint64_t bytes = hold_of(&q).total;
        cr_expect(eq(i32, hold_largest_batch(&q, bytes), 5));
        cr_expect(eq(i32, hold_largest_batch(&q, bytes - 1), 4));
        cr_expect(eq(i32, hold_largest_length(&q, bytes), 9));
        cr_expect(eq(i32, hold_largest_length(&q, bytes - 1), 8));
        cr_expect(eq(i32, hold_largest_batch(&q, 1), 0));
    }
}

/* ---- what the switches cost ---- */

/* But for the thresholds of routers, B + 4 flops. */
Test(hold, recomputing_is_forward_once_more_under_backward)
{
    const struct asked q = { .spec = llama(), .B = 2, .T = 16 };
    struct ledger *once = priced_in(q, plain),
        *twice = priced_in(q, (struct regime){ .recompute = true });

    for (int32_t l = 0; l < L; l++)
        cr_expect(eq(u64, flops(twice, PASS_BACKWARD, l, LEDGER_ALL),
                     flops(once, PASS_BACKWARD, l, LEDGER_ALL) +
                     flops(once, PASS_FORWARD, l, LEDGER_ALL) -
                     (q.spec.routed[l] ? 2 + 4 : 0)));
    cr_expect(eq(u64, flops(twice, PASS_FORWARD, LEDGER_ALL, LEDGER_ALL),
                 flops(once, PASS_FORWARD, LEDGER_ALL, LEDGER_ALL)));
    cr_expect(eq(u64, flops(twice, PASS_BACKWARD, LEDGER_OUTSIDE, LEDGER_ALL),
                 flops(once, PASS_BACKWARD, LEDGER_OUTSIDE, LEDGER_ALL)));
    ledger_close(once);
    ledger_close(twice);
}

Test(hold, summed_steps_cost_their_sum_and_one_update)
{
    const struct asked q = { .spec = llama(), .B = 2, .T = 16 };
    struct ledger *one = priced_in(q, plain),
        *three = priced_in(q, (struct regime){ .accumulate = 3 });

    for (int pass = 0; pass < PASS_COUNT; pass++) {
        const uint64_t steps = pass == PASS_UPDATE ? 1 : 3;
        cr_expect(eq(u64, flops(three, pass, LEDGER_ALL, LEDGER_ALL),
                     steps * flops(one, pass, LEDGER_ALL, LEDGER_ALL)));
        cr_expect(eq(u64, bytes(three, pass, LEDGER_ALL, LEDGER_ALL),
                     steps * bytes(one, pass, LEDGER_ALL, LEDGER_ALL)));
    }
    ledger_close(one);
    ledger_close(three);
}
