/* test_step_sum.c - A sum without a ledger has the bits of the ledger's sum, for
 * every shape, phase and format, one question after another. */
#include <string.h>

#include "sim/core/model/spec_check.h"
#include "sim/price/contest.h"
#include "tests/priced.h"

static const enum memory_phase phases[] = { MEMORY_TRAIN, MEMORY_FORWARD,
                                            MEMORY_DECODE };
static const struct { int32_t B, T; enum precision format; } asked_of[] = {
    { 1, 16, PRECISION_FP32 }, { 7, 100, PRECISION_BF16 },
    { 64, 33, PRECISION_FP32 }, { 1, 16, PRECISION_FP32 } };
enum { N_PHASES = 3, N_ASKED = 4 };

static struct machine a_machine(void)
{
    struct machine machine;
    struct error err = { 0 };

    cr_assert(machine_load(&machine, "configs/machines/a100-80.yaml", &err) ==
              STATUS_OK, "%s", err.text);
    return machine;
}

static struct predict_question question(int phase, int i,
                                        const struct machine *machine)
{
    return (struct predict_question){
        .phase = phases[phase], .machine = machine,
        .n_sequences = asked_of[i].B, .n_tokens = asked_of[i].T,
        .regime = { .arithmetic = asked_of[i].format,
                    .weights = asked_of[i].format, .kv = asked_of[i].format,
                    .recompute = i == 1 && phase == 0 },
    };
}

static void expect_same(const struct cost *a, const struct cost *b)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        const double x = cost_get(a, (enum metric)m),
                     y = cost_get(b, (enum metric)m);
        cr_expect(memcmp(&x, &y, sizeof x) == 0, "%s: %.17g and %.17g",
                  metric_table[m].column, x, y);
        cr_expect(eq(int, a->from[m], b->from[m]));
    }
}

static void compare(const struct model_spec *spec,
                    const struct machine *machine)
{
    struct error err = { 0 };

    for (int p = 0; p < N_PHASES; p++) {
        struct prediction one, again;
        struct predict_question q = question(p, 0, machine);
        cr_assert(prediction_begin(&again, &q, spec, &err) == STATUS_OK, "%s",
                  err.text);
        for (int i = 0; i < N_ASKED; i++) {
            q = question(p, i, machine);
            cr_assert(prediction_price(&again, &q, &err) == STATUS_OK, "%s",
                      err.text);
            cr_assert(prediction_open(&one, &q, spec, &err) == STATUS_OK, "%s",
                      err.text);
            const struct cost a = prediction_total(&again),
                              b = prediction_total(&one);
            expect_same(&a, &b);
            cr_expect(eq(dbl, again.range.seconds.high, one.range.seconds.high));
            prediction_close(&one);
        }
        prediction_close(&again);
    }
}

Test(step_sum, is_the_ledgers_sum_for_every_family)
{
    const struct machine machine = a_machine();

    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct model_spec spec = small_of((enum family)f, 5);
        spec.n_kv_heads = spec.traits.grouped ? 2 : spec.n_heads;
        spec.routed[1] = true;
        spec.capacity[1] = 0.5;
        compare(&spec, &machine);
        compare(&spec, NULL);
    }
}

Test(step_sum, is_the_ledgers_sum_however_tokens_are_skipped)
{
    const struct machine machine = a_machine();

    for (int part = 0; part < PART_COUNT; part++)
        for (int keys = 0; keys < SKIPPED_KEYS_COUNT; keys++) {
            if (part == PART_FFN && keys != SKIPPED_KEYS_ABSENT)
                continue;              /* its attention skips none */
            const struct model_spec spec = without_router(
                worked_gpt2(4), (enum routed_part)part,
                (enum skipped_keys)keys, SIGNAL_NONE);
            compare(&spec, &machine);
        }
}

/* One step on two machines in turn: what is kept of it is priced as anew, as long as
 * it is the same step. */
static void on_both(const struct model_spec *spec, const struct machine *machine)
{
    struct error err = { 0 };

    for (int p = 0; p < N_PHASES; p++) {
        struct prediction one, again;
        struct predict_question q = question(p, 0, &machine[0]);
        if (p == 0 && spec_check_training(spec, NULL) != STATUS_OK)
            continue;
        cr_assert(prediction_begin(&again, &q, spec, &err) == STATUS_OK, "%s",
                  err.text);
        for (int i = 0; i < 2 * N_ASKED; i++) {
            q = question(p, i / 2, &machine[i % 2]);
            cr_assert(prediction_open(&one, &q, spec, &err) == STATUS_OK, "%s",
                      err.text);
            q.other_machine = i % 2;
            cr_assert(prediction_price(&again, &q, &err) == STATUS_OK, "%s",
                      err.text);
            const struct cost a = prediction_total(&again),
                              b = prediction_total(&one);
            expect_same(&a, &b);
            cr_expect(eq(dbl, again.range.joules.low, one.range.joules.low));
            prediction_close(&one);
        }
        prediction_close(&again);
    }
}

Test(step_sum, is_that_of_each_machine_in_turn)
{
    struct machine machine[2] = { a_machine() };
    struct model_spec spec = without_router(worked_gpt2(6), PART_APART,
                                            SKIPPED_KEYS_CARRIED, SIGNAL_NONE);

    cr_assert(machine_load(&machine[1], "configs/machines/epyc-9654.yaml",
                           NULL) == STATUS_OK);
    on_both(&spec, machine);
    spec = worked_gpt2(6);
    spec.stored[2][MATRIX_UP] = NUMBER_F16;
    spec.exit_weight[1] = 0.5;
    on_both(&spec, machine);
}

/* A step that was refused is not priced on the next machine as the one before. */
Test(step_sum, of_a_step_that_was_refused_is_none)
{
    const struct machine machine = a_machine();
    struct predict_question q = question(1, 0, &machine);
    struct prediction p;
    struct error err = { 0 };
    const struct model_spec spec = worked_gpt2(4);

    cr_assert(prediction_begin(&p, &q, &spec, &err) == STATUS_OK);
    cr_assert(prediction_price(&p, &q, &err) == STATUS_OK);
    q.n_tokens = spec.max_tokens + 1;
    cr_expect(eq(int, prediction_price(&p, &q, &err), STATUS_BAD_VALUE));
    q.other_machine = true;
    cr_expect(eq(int, prediction_price(&p, &q, &err), STATUS_BAD_VALUE));
    prediction_close(&p);
}

/* What lies between two depths, and their bounds. */
Test(step_sum, is_that_of_a_contest)
{
    const struct machine machine = a_machine();
    struct contest *one = calloc(1, sizeof *one), *again = calloc(1, sizeof *one);
    struct predict_question q = question(2, 1, &machine);
    struct error err = { 0 };
    struct rival rival;

    cr_assert(one && again);
    q.spec = worked_gpt2(5);
    cr_assert(rival_make(&rival, &(struct rival_asked){ .kind = RIVAL_FLOPS },
                         &q.spec, NULL, 64, &err) == STATUS_OK, "%s", err.text);
    cr_assert(eq(int, rival.n_ends, 2));
    cr_assert(contest_begin(again, &q, &rival, 1, &err) == STATUS_OK);
    cr_assert(contest_open(one, &q, &rival, 1, &err) == STATUS_OK);
    cr_assert(contest_price(again, &q, &err) == STATUS_OK);
    const struct cost a = contender_total(&again->rival[0]),
                      b = contender_sum(&one->rival[0], LEDGER_ANY, LEDGER_ANY,
                                        LEDGER_ANY);
    expect_same(&a, &b);
    const struct estimate x = contest_ratio(again, 0, METRIC_JOULES),
                          y = contest_ratio(one, 0, METRIC_JOULES);
    cr_expect(memcmp(&x, &y, sizeof x) == 0);
    q.n_draws = NO_DRAWS;
    again->model.range = (struct predict_range){ 0 };
    again->rival[0].range = (struct predict_range){ 0 };
    cr_assert(contest_price(again, &q, &err) == STATUS_OK);
    const struct estimate z = contest_ratio(again, 0, METRIC_JOULES);
    cr_expect(z.value == x.value && z.low == z.value && z.high == z.value);
    contest_close(one);
    contest_close(again);
    free(one);
    free(again);
}
