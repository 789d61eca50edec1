/* test_trainer.c - Expect the same bits of a training run on any number of threads,
 * the cost that is predicted, and that it learns and says so. */
#include <math.h>

#include "sim/core/ledger/agreement.h"
#include "sim/price/predict.h"
#include "tests/training_run.h"

/* ---- thresholds ---- */

/* Drawn weights and a cut that is far off: after the fit the share of the
 * training text is the capacity, and nothing else has moved. */
static bool go_on_always(struct judge_watch *watch, int64_t done, int64_t of)
{
    return watch != NULL && done <= of;
}

Test(trainer, fitted_thresholds_keep_the_capacity)
{
    struct run run = open_run(FAMILY_LLAMA, usual(6)), plain;
    struct judge_watch watch = { go_on_always };
    struct error err = { STATUS_OK, "" };

    steps(&run, 6);
    model_thresholds(trainer_model(run.trainer))[1] = 1e9f;
    cr_assert(eq(int, trainer_fit_thresholds(run.trainer, &watch, &err),
                 STATUS_OK), "%s", err.text);
    struct verdict v = trainer_judge(run.trainer, SPLIT_TRAIN,
                                     case_policy("threshold"), 0, NULL);
    cr_expect(fabs(v.capacity / 0.25 - 1) < 0.02, "%g kept", v.capacity);
    plain = open_run(FAMILY_LLAMA, usual(6));
    steps(&plain, 6);
    model_thresholds(trainer_model(run.trainer))[1] =
        model_thresholds(trainer_model(plain.trainer))[1];
    expect_same_model(run.trainer, plain.trainer);
    close_run(&plain);
    close_run(&run);
}

/* One cut keeps nobody, the other all. */
Test(trainer, fitted_thresholds_keep_the_capacity_of_each_part)
{
    struct run run = open_apart();
    struct judge_watch watch = { go_on_always };
    struct error err = { STATUS_OK, "" };

    steps(&run, 6);
    model_thresholds(trainer_model(run.trainer))[2] = 1e9f;
    model_thresholds(trainer_model(run.trainer))[3] = -1e9f;
    cr_assert(eq(int, trainer_fit_thresholds(run.trainer, &watch, &err),
                 STATUS_OK), "%s", err.text);
    struct verdict v = trainer_judge(run.trainer, SPLIT_TRAIN,
                                     case_policy("threshold"), 0, NULL);
    cr_expect(fabs(v.capacity / 0.25 - 1) < 0.02, "%g kept", v.capacity);
    close_run(&run);
}

/* ---- what must not matter ---- */

static void threads_change_nothing(int n_threads)
{
    struct trainer_options options = usual(6);
    struct run one = open_run(FAMILY_LLAMA, options);
    options.n_threads = n_threads;
    struct run many = open_run(FAMILY_LLAMA, options);

    steps(&one, 6);
    steps(&many, 6);
    expect_same_model(one.trainer, many.trainer);
    expect_same_curve(one.trainer, many.trainer);
    close_run(&many);
    close_run(&one);
}

Test(trainer, two_threads_train_the_bits_of_one)
{
    threads_change_nothing(2);
}

Test(trainer, three_threads_train_the_bits_of_one)
{
    threads_change_nothing(3);
}

Test(trainer, judging_changes_no_weight)
{
    struct run plain = open_run(FAMILY_LLAMA, usual(6));
    struct run judged = open_run(FAMILY_LLAMA, usual(6));

    steps(&plain, 6);
    steps(&judged, 3);
    trainer_judge(judged.trainer, SPLIT_VALIDATION, case_policy("threshold"),
                  10, NULL);
    steps(&judged, 3);
    expect_same_model(plain.trainer, judged.trainer);
    close_run(&judged);
    close_run(&plain);
}

/* ---- what it says ---- */

Test(trainer, counts_what_the_formulas_say_step_by_step)
{
    struct run run = open_run(FAMILY_GPT2, usual(4));
    struct allocation routes;
    struct ledger *predicted = NULL;
    struct disagreement first;
    char text[DISAGREEMENT_SIZE] = "";
    const struct predict_job job = { .spec = &run.spec, .allocation = &routes };

    cr_assert(eq(int, allocation_open(&routes, 2, 3, 16, NULL), STATUS_OK));
    allocation_fill(&routes, &run.spec);
    cr_assert(eq(int, ledger_open(&predicted, (struct ledger_shape){
        .by_pass = true, .by_op = true, .n_layers = 2 },
        cost_zero(PROV_PREDICTED), NULL), STATUS_OK));
    cr_assert(eq(int, predict_train_step(predicted, &job, NULL, NULL),
                 STATUS_OK));
    cr_assert(eq(int, ledger_scale(predicted, 4), STATUS_OK));
    steps(&run, 4);
    bool equal = agreement(predicted, trainer_state(run.trainer)->counted,
                           &first);
    if (!equal)
        disagreement_text(text, &first);
    cr_expect(equal, "%s", text);
    ledger_close(predicted);
    allocation_close(&routes);
    close_run(&run);
}

Test(trainer, loss_falls_on_a_text_of_few_words)
{
    struct run run = open_run(FAMILY_LLAMA, usual(60));
    const struct route_policy *own = case_policy("expert_choice");

    steps(&run, 1);
    double before = trainer_judge(run.trainer, SPLIT_VALIDATION, own, 20,
                                  NULL).nats;
    steps(&run, 59);
    double after = trainer_judge(run.trainer, SPLIT_VALIDATION, own, 20,
                                 NULL).nats;
    /* Near ln 256 = 5.5 at first; letters alone are worth some 2.7. */
    cr_expect(before > 5.0);
    cr_expect(after < 3.5, "%g", after);
    close_run(&run);
}

struct stopwatch {
    struct judge_watch watch;
    int64_t stop_at, calls, of;
};

static bool stop(struct judge_watch *watch, int64_t done, int64_t of)
{
    struct stopwatch *s = (struct stopwatch *)watch;
    s->calls++;
    s->of = of;
    return done < s->stop_at;
}

Test(trainer, judging_ends_when_the_watch_says_so)
{
    struct run run = open_run(FAMILY_LLAMA, usual(1));
    struct stopwatch watch = { .watch = { stop }, .stop_at = 6 };

    struct verdict v = trainer_judge(run.trainer, SPLIT_VALIDATION,
                                     run.options.policy, 30, &watch.watch);
    /* 3 windows at a time: 0, 3, 6. */
    cr_expect(eq(i64, watch.calls, 3));
    cr_expect(eq(i64, watch.of, 30));
    cr_expect(eq(i64, v.windows, 6));
    cr_expect(eq(i64, v.tokens, 6 * 16));
    /* 4 of 16 */
    cr_expect(eq(dbl, v.capacity, 0.25));
    close_run(&run);
}

/* Of 40 windows of 16 tokens, 8 blocks have two windows and 24 have one. */
Test(trainer, blocks_of_the_text_make_up_its_loss)
{
    struct run run = open_run(FAMILY_LLAMA, usual(1));
    struct verdict v = trainer_judge(run.trainer, SPLIT_VALIDATION,
                                     run.options.policy, 40, NULL);
    double nats = 0;
    int64_t bytes = 0;

    cr_assert(eq(int, v.n_blocks, JUDGE_BLOCKS));
    for (int b = 0; b < v.n_blocks; b++) {
        cr_expect(v.block[b].bytes == 16 || v.block[b].bytes == 32);
        cr_expect(gt(dbl, v.block[b].nats, 0));
        nats += v.block[b].nats;
        bytes += v.block[b].bytes;
    }
    cr_expect(eq(i64, bytes, v.bytes));
    cr_expect(epsilon_eq(dbl, nats / (double)bytes, v.nats, 1e-6));
    v = trainer_judge(run.trainer, SPLIT_VALIDATION, run.options.policy, 5,
                      NULL);
    cr_expect(eq(int, v.n_blocks, 5));
    cr_expect(eq(i64, v.block[4].bytes, 16));
    close_run(&run);
}

Test(trainer, every_judged_step_stands_in_the_curve)
{
    struct trainer_options options = usual(450);
    options.judge_every = 1;
    options.curve_windows = 1;
    struct run run = open_run(FAMILY_LLAMA, options);

    steps(&run, 450);
    const struct training_state *state = trainer_state(run.trainer);
    cr_expect(eq(i64, state->n_curve, 450));
    const double *last = &state->curve[449 * TRAINING_CURVE_COLUMNS];
    cr_expect(eq(dbl, last[0], 450));
    cr_expect(isfinite(last[7]));
    close_run(&run);
}

Test(trainer, a_single_step_has_a_recent_loss)
{
    struct run run = open_run(FAMILY_LLAMA, usual(1));
    steps(&run, 1);
    cr_expect(eq(dbl, trainer_recent_loss(run.trainer),
                 trainer_last_loss(run.trainer)));
    close_run(&run);
}

Test(trainer, a_run_that_diverges_says_so)
{
    struct trainer_options options = usual(40);
    options.schedule.peak = 1e30;
    options.clip = 0.0;
    struct run run = open_run(FAMILY_LLAMA, options);
    struct error err = { STATUS_OK, "" };
    enum status status = STATUS_OK;

    for (int i = 0; i < 40 && status == STATUS_OK; i++)
        status = trainer_step(run.trainer, &err);
    cr_expect(eq(int, status, STATUS_FAILED));
    cr_expect(strstr(err.text, "diverged at step") != NULL, "%s", err.text);
    cr_expect(strstr(err.text, "op norm of layer 0 reads Inf") != NULL, "%s",
              err.text);
    close_run(&run);
}

Test(trainer, the_causal_rule_fits_the_training)
{
    struct trainer_options options = usual(1);
    struct run run = open_run(FAMILY_LLAMA, options);
    cr_expect(trainer_causal_policy(run.trainer) == case_policy("threshold"));
    trainer_close(run.trainer);
    run.options.policy = case_policy("random");
    open_trainer(&run);
    cr_expect(trainer_causal_policy(run.trainer) == case_policy("random"));
    trainer_close(run.trainer);
    run.options.policy = case_policy("expert_choice");
    run.spec.aux_loss = 0.1;
    open_trainer(&run);
    cr_expect(trainer_causal_policy(run.trainer) == case_policy("sigmoid"));
    trainer_close(run.trainer);
    run.spec.aux_loss = 0.0;
    run.spec.n_predictor = 4;
    open_trainer(&run);
    cr_expect(trainer_causal_policy(run.trainer) == case_policy("predictor"));
    trainer_close(run.trainer);
    run.spec.n_predictor = 0;
    run.options.policy = case_policy("last_k");
    run.spec.router_scores = false;
    run.spec.gate = GATE_ONE;
    open_trainer(&run);
    cr_expect(trainer_causal_policy(run.trainer) == NULL);
    close_run(&run);
}
