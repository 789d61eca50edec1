/* test_trainer_resume.c - Expect of a training run that was stopped and resumed the
 * bits of one that was not; a state that cannot be its own is refused. */
#include <math.h>

#include "sim/core/ledger/agreement.h"
#include "sim/price/predict.h"
#include "tests/forged_state.h"
#include "tests/training_run.h"

static void resumed_is_uninterrupted(struct run whole, struct run parts)
{
    struct disagreement first;
    struct error err = { STATUS_OK, "" };

    steps(&whole, 12);
    steps(&parts, 7);
    cr_assert(eq(int, trainer_save(parts.trainer, parts.state, &err),
                 STATUS_OK), "%s", err.text);
    trainer_close(parts.trainer);
    open_trainer(&parts);
    cr_assert(eq(int, trainer_resume(parts.trainer, parts.state, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(i64, trainer_state(parts.trainer)->step, 7));
    steps(&parts, 5);
    expect_same_model(whole.trainer, parts.trainer);
    expect_same_curve(whole.trainer, parts.trainer);
    cr_expect(agreement(trainer_state(whole.trainer)->counted,
                        trainer_state(parts.trainer)->counted, &first));
    close_run(&parts);
    close_run(&whole);
}

Test(trainer_resume, a_resumed_llama_is_the_uninterrupted_one_bit_for_bit)
{
    resumed_is_uninterrupted(open_run(FAMILY_LLAMA, usual(12)),
                             open_run(FAMILY_LLAMA, usual(12)));
}

Test(trainer_resume, a_resumed_gpt2_is_the_uninterrupted_one_bit_for_bit)
{
    resumed_is_uninterrupted(open_run(FAMILY_GPT2, usual(12)),
                             open_run(FAMILY_GPT2, usual(12)));
}

Test(trainer_resume, resumed_routers_are_the_uninterrupted_ones_bit_for_bit)
{
    resumed_is_uninterrupted(open_as(FAMILY_LLAMA, usual(12), true),
                             open_as(FAMILY_LLAMA, usual(12), true));
    resumed_is_uninterrupted(open_as(FAMILY_QWEN3, usual(12), true),
                             open_as(FAMILY_QWEN3, usual(12), true));
}

Test(trainer_resume, resumed_parts_apart_are_the_uninterrupted_ones_bit_for_bit)
{
    resumed_is_uninterrupted(open_apart(), open_apart());
}

/* One more step, and what its routes are predicted to cost. */
static void predicted_steps(struct run *run, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        steps(run, 1);
        const struct predict_job job = {
            .spec = &run->spec,
            .allocation = model_allocation(trainer_model(run->trainer)) };
        cr_assert(eq(int, predict_train_step(run->options.predicted, &job, NULL,
                                             NULL), STATUS_OK));
    }
}

static double flops_of(const struct run *run)
{
    return (double)ledger_sum(trainer_state(run->trainer)->counted, LEDGER_ANY,
                              LEDGER_ANY, LEDGER_ANY,
                              LEDGER_ANY).count[METRIC_FLOPS];
}

/* The rate of the last step that the curve notes; every step has a row here. */
static double last_rate(const struct run *run)
{
    const struct training_state *state = trainer_state(run->trainer);
    return state->curve[(state->n_curve - 1) * TRAINING_CURVE_COLUMNS + 5];
}

/* A rule that keeps all costs more than what a quarter would, and one that keeps
 * none less: there are fewer steps than 40 of those, or more, and the last of
 * them has the rate of a last step.  Stopped and resumed it is the same run. */
static void budget_is_spent(float threshold, int sign)
{
    struct trainer_options options = usual(40);
    struct error err;

    options.policy = case_policy("threshold");
    options.threshold_decay = 1.0;         /* it stays where it is put */
    options.judge_every = 0;
    struct run price = open_run(FAMILY_LLAMA, usual(1));
    steps(&price, 1);
    options.budget = 40.0 * flops_of(&price);
    close_run(&price);
    struct run run = open_run(FAMILY_LLAMA, options);
    struct run parts = open_run(FAMILY_LLAMA, options);
    for (int32_t l = 0; l < run.spec.n_layers; l++) {
        model_thresholds(trainer_model(run.trainer))[l] = threshold;
        model_thresholds(trainer_model(parts.trainer))[l] = threshold;
    }
    while (!trainer_done(run.trainer))
        steps(&run, 1);
    const int64_t n = trainer_state(run.trainer)->step;
    const double spent = flops_of(&run);
    cr_expect(fabs(spent - options.budget) <= 0.5 * spent / (double)n + 1.0,
              "%g of %g flops", spent, options.budget);
    cr_expect(sign * (n - 40) > 0, "%lld steps", (long long)n);
    cr_expect(fabs(last_rate(&run) - schedule_rate(&options.schedule, n, n)) <
              1e-9, "rate %g", last_rate(&run));
    steps(&parts, n / 2);
    cr_assert(eq(int, trainer_save(parts.trainer, parts.state, &err),
                 STATUS_OK));
    trainer_close(parts.trainer);
    open_trainer(&parts);
    cr_assert(eq(int, trainer_resume(parts.trainer, parts.state, &err),
                 STATUS_OK), "%s", err.text);
    while (!trainer_done(parts.trainer))
        steps(&parts, 1);
    expect_same_model(run.trainer, parts.trainer);
    expect_same_curve(run.trainer, parts.trainer);
    close_run(&parts);
    close_run(&run);
}

Test(trainer_resume, a_budget_is_spent_to_the_nearest_step_whatever_is_kept)
{
    budget_is_spent(-1e9f, -1);
    budget_is_spent(1e9f, 1);
}

/* Steps of a rule that keeps another number of tokens each time cost unlike,
 * and the prediction of those before comes back with the state. */
Test(trainer_resume, a_resumed_threshold_is_predicted_as_what_it_kept)
{
    struct trainer_options options = usual(12);
    struct disagreement first;
    struct error err = { STATUS_OK, "" };

    options.policy = case_policy("threshold");
    options.predicted = case_ledger(2, 0, PROV_PREDICTED);
    struct run run = open_as(FAMILY_LLAMA, options, false);
    predicted_steps(&run, 7);
    cr_assert(eq(int, trainer_save(run.trainer, run.state, &err), STATUS_OK),
              "%s", err.text);
    trainer_close(run.trainer);
    ledger_clear(run.options.predicted);
    open_trainer(&run);
    cr_assert(eq(int, trainer_resume(run.trainer, run.state, &err), STATUS_OK),
              "%s", err.text);
    predicted_steps(&run, 5);
    cr_expect(agreement(run.options.predicted,
                        trainer_state(run.trainer)->counted, &first));
    /* what a fixed k would have cost is another number */
    struct run fixed = open_as(FAMILY_LLAMA, usual(12), false);
    steps(&fixed, 12);
    cr_expect(not(agreement(trainer_state(fixed.trainer)->counted,
                            trainer_state(run.trainer)->counted, &first)));
    close_run(&fixed);
    ledger_close(run.options.predicted);
    close_run(&run);
}

Test(trainer_resume, a_state_beyond_the_last_step_is_refused)
{
    struct run run = open_run(FAMILY_LLAMA, usual(300));
    struct error err = { STATUS_OK, "" };

    steps(&run, 300);
    cr_assert(eq(int, trainer_save(run.trainer, run.state, NULL), STATUS_OK));
    trainer_close(run.trainer);
    run.options.steps = 250;
    open_trainer(&run);
    cr_expect(eq(int, trainer_resume(run.trainer, run.state, &err),
                 STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, "step 300 of 250") != NULL, "%s", err.text);
    close_run(&run);
}

static void expect_refused(const struct forgery *forgery, const char *why)
{
    struct run run = open_run(FAMILY_LLAMA, usual(12));
    struct error err = { STATUS_OK, "" };
    char forged[FILE_PATH_SIZE + 8];

    snprintf(forged, sizeof forged, "%s.forged", run.state);
    steps(&run, 7);
    cr_assert(eq(int, trainer_save(run.trainer, run.state, NULL), STATUS_OK));
    cr_assert(forge_state(run.state, forged, forgery));
    cr_expect(eq(int, trainer_resume(run.trainer, forged, &err),
                 STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, why) != NULL, "%s", err.text);
    close_run(&run);
}

Test(trainer_resume, a_state_with_more_curve_than_its_steps_wrote_is_refused)
{
    double curve[12 * TRAINING_CURVE_COLUMNS] = { 0 };

    for (int i = 0; i < 12; i++)
        curve[i * TRAINING_CURVE_COLUMNS] = i + 1;
    expect_refused(&(struct forgery){ .curve = curve, .n_rows = 12 },
                   "its curve has not the rows of 7 steps of 12");
    expect_refused(&(struct forgery){ .curve = curve, .n_rows = 6 }, "curve");
    curve[3 * TRAINING_CURVE_COLUMNS] = 3;
    expect_refused(&(struct forgery){ .curve = curve, .n_rows = 7 }, "curve");
}

Test(trainer_resume, a_state_whose_generator_stands_still_is_refused)
{
    expect_refused(&(struct forgery){ .random = "0 0 0 0" }, "do not parse");
    expect_refused(&(struct forgery){ .seconds = "nan" }, "do not parse");
}
