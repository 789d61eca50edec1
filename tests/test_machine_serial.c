/* test_machine_serial.c - Times of a machine whose waiting is known lead back to
 * it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "hwprof/commands/machine_serial.h"
#include "sim/core/model/plan.h"
#include "sim/price/hold.h"
#include "sim/price/predict.h"

static struct machine machine;
static struct machine_far far;

/* What a machine hides, and holds. */
struct waits {
    double caches[WAIT_COUNT], memory[WAIT_COUNT], rows, reached;
};

/* Curves of near work; what it waits for is as told. */
static void set_machine(const struct waits *w)
{
    cr_assert(eq(int, machine_load(&machine, "epyc-milan-2core", NULL),
                 STATUS_OK));
    machine.efficiency[WORK_ROW] = machine.efficiency[WORK_FEW] =
        machine.efficiency[WORK_STORED4] =
            (struct config_real_list){ 2, { 1, 0.3 } };
    machine.efficiency[WORK_QUERY] = (struct config_real_list){ 2, { 1, 0.2 } };
    for (int i = 0; i < WAIT_COUNT; i++) {
        machine.wait[i].caches.value = w->caches[i];
        machine.wait[i].memory.value = w->memory[i];
    }
    machine.serial_rows.value = w->rows;
    machine.dram_reached = (struct config_real_list){ 2, { 1, w->reached } };
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
static void add_step(enum machine_lies lies, int32_t layers, int32_t rows,
                     enum number stored)
{
    struct machine_far_step *step = &far.step[far.n++];
    struct ledger *ledger;
    struct allocation all;

    *step = (struct machine_far_step){ .id = 100 * layers + 10 * rows + (int)lies,
                                       .spec = spec_of(layers),
                                       .n_sequences = rows, .n_tokens = 64,
                                       .lies = lies };
    for (int l = 0; l < layers; l++)
        memset(step->spec.stored[l], stored, sizeof step->spec.stored[l]);
    cr_assert(eq(int, allocation_open(&all, plan_n_choices(&step->spec), rows, 64,
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
        if (flops_streams(flops_work((enum op)o, PASS_FORWARD, true,
                                     (uint64_t)rows)))
            step->seconds[o] = cost_get(&cost, METRIC_SECONDS);
    }
    ledger_close(ledger);
    allocation_close(&all);
}

static double found_number(const struct machine_shares *found, const char *key)
{
    for (int i = 0; i < found->n_serial; i++)
        if (strcmp(found->serial[i].key, key) == 0)
            return found->serial[i].range.value;
    return NAN;
}

/* Few rows wait for a part of it, many for none, queries for longer than a stream
 * of their keys takes. */
Test(machine_serial, what_a_machine_hides_and_holds_is_found_again)
{
    struct machine_shares found = { .n_curves = 0 };
    const double reached[] = { 0.2, 0.5, 0.9, 1 };
    struct waits waits = { { 0.3, 0, 0, 0.2 }, { 0.6, 0, 0.4, 1.7 }, 4, 0.001 };
    struct error err = { 0 };

    far.n = 0;
    set_machine(&waits);
    add_step(LIES_CACHED, 2, 2, NUMBER_F32);
    for (int i = 0; i < 4; i++) {
        waits.reached = reached[i];
        set_machine(&waits);
        add_step(LIES_BETWEEN, 4 + 2 * i, 2, NUMBER_F32);
    }
    add_step(LIES_PAST, 24, 2, NUMBER_F32);
    add_step(LIES_PAST, 24, 8, NUMBER_F32);
    add_step(LIES_PAST, 24, 4, NUMBER_F32);
    add_step(LIES_PAST, 24, 3, NUMBER_Q4_1);
    for (int i = 0; i < WAIT_COUNT; i++)
        waits.caches[i] = waits.memory[i] = NAN;
    waits.rows = NAN;
    set_machine(&waits);
    cr_assert(eq(int, machine_serial_fit(&found, &far, &machine, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(dbl, found_number(&found, "rows"), 4));
    cr_expect(epsilon_eq(dbl, found_number(&found, "caches"), 0.3, 0.01));
    cr_expect(epsilon_eq(dbl, found_number(&found, "memory"), 0.6, 0.01));
    cr_expect(epsilon_eq(dbl, found_number(&found, "many_memory"), 0, 0.01));
    cr_expect(epsilon_eq(dbl, found_number(&found, "stored_memory"), 0.4, 0.01));
    cr_expect(epsilon_eq(dbl, found_number(&found, "query_caches"), 0.2, 0.01));
    cr_expect(epsilon_eq(dbl, found_number(&found, "query_memory"), 1.7, 0.01));
    for (int i = 0; i < found.n_serial; i++) {
        const struct machine_range *range = &found.serial[i].range;
        cr_expect(range->low <= range->value && range->high >= range->value,
                  "%s", found.serial[i].key);
    }
    cr_assert(eq(i32, found.reached.n, 8));
    for (int i = 0; i < 4; i++)
        cr_expect(epsilon_eq(dbl, found.reached.value[2 * i + 1], reached[i],
                             0.01), "%g", found.reached.value[2 * i + 1]);
    cr_expect(lt(dbl, found.reached.value[0], found.reached.value[2]));
}

/* Of three times others took the last cache once beside the second step, and always
 * beside the third, which then tells as much as the next. */
Test(machine_serial, a_burst_of_others_is_not_what_a_cache_holds)
{
    const double reached[3][5] = { { 0.2, 0.4, 0.8, 0.6, 1 },
                                   { 0.2, 1.0, 0.8, 0.6, 1 },
                                   { 0.2, 0.4, 0.8, 0.6, 1 } };
    const double expected[] = { 0.2, 0.4, 0.7, 0.7, 1 };
    struct machine_shares found = { .n_curves = 0 };
    struct waits waits = { { 0.3, 0, 0, 0.2 }, { 0.6, 0, 0.4, 1.7 }, NAN, 0.001 };
    struct error err = { 0 };

    far.n = 0;
    set_machine(&waits);
    add_step(LIES_CACHED, 2, 2, NUMBER_F32);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 5; i++) {
            waits.reached = reached[round][i];
            set_machine(&waits);
            add_step(LIES_BETWEEN, 4 + 2 * i, 2, NUMBER_F32);
        }
    waits.reached = 1;
    set_machine(&waits);
    add_step(LIES_PAST, 24, 2, NUMBER_F32);
    cr_assert(eq(int, machine_serial_fit(&found, &far, &machine, &err),
                 STATUS_OK), "%s", err.text);
    cr_assert(eq(i32, found.reached.n, 10));
    for (int i = 0; i < 5; i++)
        cr_expect(epsilon_eq(dbl, found.reached.value[2 * i + 1], expected[i],
                             0.01), "%g", found.reached.value[2 * i + 1]);
}

/* Half of a model of four layers is entered in every step, in every third, in every
 * tenth; of what it left in the cache the rest is there. */
Test(machine_serial, what_others_take_while_layers_are_left_alone_is_found_again)
{
    static const int period[] = { 1, 3, 10 };
    struct machine_shares found = { .n_curves = 0 };
    struct waits waits = { { 0.3, 0, 0, 0.2 }, { 0.6, 0, 0.4, 1.7 }, NAN, 0.01 };
    struct error err = { 0 };
    const struct model_spec spec = spec_of(4);
    const struct regime regime = { .tensor = 1 };
    const double used = (double)hold_buffers(&(struct hold_question){
        .spec = &spec, .regime = &regime, .phase = MEMORY_DECODE,
        .n_sequences = 1, .n_tokens = 64 }).total -
        2 * 4 * (double)flops_parameters(&spec, 1);
    const double aging = 4 * used;

    far.n = 0;
    set_machine(&waits);
    add_step(LIES_CACHED, 2, 1, NUMBER_F32);
    for (int i = 0; i < 3; i++) {
        waits.reached = 1 - 0.99 * exp(-(period[i] - 1) * used / aging);
        set_machine(&waits);
        add_step(LIES_SELDOM, 4, 1, NUMBER_F32);
        far.step[far.n - 1].period = period[i];
        far.step[far.n - 1].id += 1000000 * period[i];
    }
    waits.reached = 1;
    set_machine(&waits);
    add_step(LIES_PAST, 24, 1, NUMBER_F32);
    set_machine(&waits);
    cr_assert(eq(int, machine_serial_fit(&found, &far, &machine, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(epsilon_eq(dbl, found.aging.value / aging, 1, 0.02), "%g of %g",
              found.aging.value, aging);
    cr_expect(found.aging.low <= found.aging.value &&
              found.aging.high >= found.aging.value);
    cr_expect(eq(i32, found.reached.n, 0));
}

/* Without steps that tell, the profile says nothing. */
Test(machine_serial, what_no_step_tells_stays_unknown)
{
    struct machine_shares found = { .n_curves = 0 };
    struct error err = { 0 };

    far.n = 0;
    set_machine(&(struct waits){ .rows = NAN, .reached = 1 });
    cr_assert(eq(int, machine_serial_fit(&found, &far, &machine, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(int, found.n_serial, 0));
    cr_expect(isnan(found.aging.value));
    cr_expect(eq(i32, found.reached.n, 0));
}
