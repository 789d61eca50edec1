/* test_machine_serial.c - Times of a machine whose waiting is known lead back to
 * it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "hwprof/commands/machine_serial.h"
#include "sim/core/model/plan.h"
#include "sim/price/predict.h"

static struct machine machine;
static struct machine_far far;

/* Curves of near work; what it waits for is as the profile says, or not at all. */
static void set_machine(double caches, double memory, double reached)
{
    cr_assert(eq(int, machine_load(&machine, "epyc-milan-2core", NULL),
                 STATUS_OK));
    machine.efficiency[WORK_ROW] = machine.efficiency[WORK_FEW] = (struct config_real_list){ 2, { 1, 0.3 } };
    machine.efficiency[WORK_QUERY] = (struct config_real_list){ 2, { 1, 0.2 } };
    machine.serial_caches.value = caches;
    machine.serial_memory.value = memory;
    machine.dram_reached = (struct config_real_list){ 2, { 1, reached } };
}

/* Width 128, whose weights, 384 KB a layer, are in no first cache. */
static struct model_spec spec_of(int32_t layers)
{
    return (struct model_spec){
        .traits = family_traits[FAMILY_LLAMA], .n_layers = layers,
        .n_channels = 128, .n_heads = 4, .n_kv_heads = 4, .head_size = 32,
        .n_ffn = 256, .n_vocab = 100, .max_tokens = 64,
    };
}

/* The step of `layers` layers as the machine prices it. */
static void add_step(enum machine_lies lies, int32_t layers)
{
    struct machine_far_step *step = &far.step[far.n++];
    struct ledger *ledger;
    struct allocation all;

    *step = (struct machine_far_step){ .spec = spec_of(layers),
                                       .n_sequences = 2, .n_tokens = 64,
                                       .lies = lies };
    cr_assert(eq(int, allocation_open(&all, plan_n_choices(&step->spec), 2, 64,
                                      NULL), STATUS_OK));
    cr_assert(eq(int, ledger_open(&ledger,
                                  (struct ledger_shape){ .by_op = true },
                                  cost_zero(PROV_PREDICTED), NULL), STATUS_OK));
    const struct predict_job job = { .spec = &step->spec, .allocation = &all,
                                     .machine = &machine };
    cr_assert(eq(int, predict_decode(ledger, &job, NULL, NULL), STATUS_OK));
    for (int o = 0; o < OP_COUNT; o++) {
        struct cost cost = ledger_sum(ledger, PASS_FORWARD, LEDGER_ANY,
                                      LEDGER_ANY, o);
        if (flops_streams(flops_work((enum op)o, PASS_FORWARD, true, 2)))
            step->seconds[o] = cost_get(&cost, METRIC_SECONDS);
    }
    ledger_close(ledger);
    allocation_close(&all);
}

Test(machine_serial, what_a_machine_hides_and_holds_is_found_again)
{
    struct machine_shares found = { .n_curves = 0 };
    const double reached[] = { 0.2, 0.5, 0.9 };
    struct error err = { 0 };

    far.n = 0;
    set_machine(0.3, 0.6, 0.001);
    add_step(LIES_CACHED, 2);
    for (int i = 0; i < 3; i++) {
        set_machine(0.3, 0.6, reached[i]);
        add_step(LIES_BETWEEN, 4 + 2 * i);
    }
    set_machine(0.3, 0.6, 1);
    add_step(LIES_PAST, 24);
    set_machine(0, 0, 1);
    cr_assert(eq(int, machine_serial_fit(&found, &far, &machine, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(epsilon_eq(dbl, found.serial_caches.value, 0.3, 0.01));
    cr_expect(epsilon_eq(dbl, found.serial_memory.value, 0.6, 0.01));
    cr_expect(found.serial_memory.low <= found.serial_memory.value &&
              found.serial_memory.high >= found.serial_memory.value);
    cr_assert(eq(i32, found.reached.n, 8));
    for (int i = 0; i < 3; i++)
        cr_expect(epsilon_eq(dbl, found.reached.value[2 * i + 1], reached[i],
                             0.01), "%g", found.reached.value[2 * i + 1]);
    cr_expect(eq(dbl, found.reached.value[7], 1));
    cr_expect(lt(dbl, found.reached.value[0], found.reached.value[2]));
}

/* Without steps that tell, the profile says nothing. */
Test(machine_serial, what_no_step_tells_stays_unknown)
{
    struct machine_shares found = { .n_curves = 0 };
    struct error err = { 0 };

    far.n = 0;
    set_machine(0, 0, 1);
    cr_assert(eq(int, machine_serial_fit(&found, &far, &machine, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(isnan(found.serial_caches.value));
    cr_expect(isnan(found.serial_memory.value));
    cr_expect(eq(i32, found.reached.n, 0));
}
