/* test_trainer.c - Expect the same bits on every way through a training run. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <unistd.h>

#include "sim/core/ledger/agreement.h"
#include "models/training/trainer.h"
#include "sim/core/base/file.h"
#include "sim/core/model/plan.h"
#include "sim/price/memory.h"
#include "sim/price/predict.h"
#include "tests/cases.h"
#include "tests/forged_state.h"
#include "tests/words.h"
#include "tests/memory_block.h"

static const struct shape tiny = { .n_channels = 16, .n_heads = 2,
    .n_kv_heads = 1, .head_size = 8, .n_ffn = 24, .n_vocab = 256, .n_layers = 2,
    .n_sequences = 3, .n_tokens = 16 };

/* A run, and what it stands on. */
struct run {
    char directory[64], state[FILE_PATH_SIZE];
    struct corpus corpus;
    struct trainer *trainer;
    struct model_spec spec;
    struct trainer_options options;
};

static struct trainer_options usual(int64_t steps)
{
    return (struct trainer_options){
        .n_sequences = 3, .n_tokens = 16, .steps = steps,
        .schedule = { .peak = 1e-2, .warmup = 0.1 },
        .beta1 = 0.9, .beta2 = 0.98,
        .epsilon = 1e-8, .weight_decay = 0.1, .clip = 1.0,
        .threshold_decay = 0.9, .judge_every = 5, .curve_windows = 3,
        .seed = 7, .n_threads = 1, .policy = case_policy("expert_choice"),
    };
}

static void open_trainer(struct run *run)
{
    struct error err = { STATUS_OK, "" };
    cr_assert(eq(int, trainer_open(&run->trainer, &run->spec, &run->options,
                                   &run->corpus, "0123456789abcdef", &err),
                 STATUS_OK), "%s", err.text);
}

static struct run open_as(enum family family, struct trainer_options options,
                          bool frozen)
{
    struct run run = { .options = options };
    struct config_paths text = { .n = 1 };

    make_directory(run.directory);
    snprintf(text.value[0], sizeof text.value[0], "%s/text", run.directory);
    snprintf(run.state, sizeof run.state, "%s/state", run.directory);
    write_words(text.value[0]);
    cr_assert(eq(int, corpus_open(&run.corpus, &text,
                                  &(struct config_real_list){ 0 },
                                  options.n_tokens, NULL, DATA_HELD_OUT, NULL),
                 STATUS_OK));
    run.spec = case_spec(&tiny, family, 0.25, PATTERN_ODD);
    run.spec.backbone_frozen = frozen;
    route_settle(&run.spec, options.policy, 0);
    open_trainer(&run);
    return run;
}

static struct run open_run(enum family family, struct trainer_options options)
{
    return open_as(family, options, false);
}

static void close_run(struct run *run)
{
    trainer_close(run->trainer);
    corpus_close(&run->corpus);
    remove_directory(run->directory);
}

static void steps(struct run *run, int64_t n)
{
    struct error err = { STATUS_OK, "" };
    for (int64_t i = 0; i < n; i++)
        cr_assert(eq(int, trainer_step(run->trainer, &err), STATUS_OK), "%s",
                  err.text);
}

static void expect_same_model(struct trainer *a, struct trainer *b)
{
    struct model *x = trainer_model(a), *y = trainer_model(b);
    const size_t bytes = model_tensors(x)->floats * sizeof(float);
    const size_t learned = model_tensors(x)->learned * sizeof(float);
    const size_t choices = (size_t)plan_n_choices(model_spec(x));

    cr_expect(memcmp(model_weights(x), model_weights(y), bytes) == 0);
    for (int i = 0; i < 2; i++)
        cr_expect(memcmp(model_moments(x, i), model_moments(y, i), learned) ==
                  0);
    cr_expect(memcmp(model_thresholds(x), model_thresholds(y),
                     choices * sizeof(float)) == 0);
}

/* The curve, but for the column of seconds. */
static void expect_same_curve(struct trainer *a, struct trainer *b)
{
    const struct training_state *x = trainer_state(a), *y = trainer_state(b);
    const size_t columns = TRAINING_CURVE_COLUMNS, seconds = 3;

    cr_assert(eq(i64, x->n_curve, y->n_curve));
    for (size_t i = 0; i < (size_t)x->n_curve * columns; i++)
        cr_expect(i % columns == seconds ||
                      memcmp(&x->curve[i], &y->curve[i], sizeof(double)) == 0,
                  "row %zu, column %zu: %g and %g", i / columns, i % columns,
                  x->curve[i], y->curve[i]);
}

/* ---- resuming ---- */

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

Test(trainer, a_resumed_llama_is_the_uninterrupted_one_bit_for_bit)
{
    resumed_is_uninterrupted(open_run(FAMILY_LLAMA, usual(12)),
                             open_run(FAMILY_LLAMA, usual(12)));
}

Test(trainer, a_resumed_gpt2_is_the_uninterrupted_one_bit_for_bit)
{
    resumed_is_uninterrupted(open_run(FAMILY_GPT2, usual(12)),
                             open_run(FAMILY_GPT2, usual(12)));
}

Test(trainer, resumed_routers_are_the_uninterrupted_ones_bit_for_bit)
{
    resumed_is_uninterrupted(open_as(FAMILY_LLAMA, usual(12), true),
                             open_as(FAMILY_LLAMA, usual(12), true));
    resumed_is_uninterrupted(open_as(FAMILY_QWEN3, usual(12), true),
                             open_as(FAMILY_QWEN3, usual(12), true));
}

/* Two routers a layer, and a threshold for each. */
static struct run open_apart(void)
{
    struct run run = open_run(FAMILY_LLAMA, usual(12));

    trainer_close(run.trainer);
    run.spec.part = PART_APART;
    run.spec.aux_loss = 0.2;
    open_trainer(&run);
    return run;
}

Test(trainer, resumed_parts_apart_are_the_uninterrupted_ones_bit_for_bit)
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

Test(trainer, a_budget_is_spent_to_the_nearest_step_whatever_is_kept)
{
    budget_is_spent(-1e9f, -1);
    budget_is_spent(1e9f, 1);
}

/* Steps of a rule that keeps another number of tokens each time cost unlike,
 * and the prediction of those before comes back with the state. */
Test(trainer, a_resumed_threshold_is_predicted_as_what_it_kept)
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

Test(trainer, a_state_beyond_the_last_step_is_refused)
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

Test(trainer, a_state_with_more_curve_than_its_steps_wrote_is_refused)
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

Test(trainer, a_state_whose_generator_stands_still_is_refused)
{
    expect_refused(&(struct forgery){ .random = "0 0 0 0" }, "do not parse");
    expect_refused(&(struct forgery){ .seconds = "nan" }, "do not parse");
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
    cr_expect(strstr(err.text, "nor is the weight model.") != NULL, "%s",
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

/* ---- predictors ---- */

/* Clipping too: the norm of all gradients is that of all others. */
static void expect_same_but_predictors(struct model *with,
                                       struct model *without)
{
    for (int32_t i = 0; i < model_tensors(without)->n; i++) {
        const struct tensor *a = &model_tensors(without)->tensor[i];
        const struct tensor *b = tensor_find(model_tensors(with), a->layer,
                                             a->id);
        cr_expect(memcmp(model_weights(without) + a->offset,
                         model_weights(with) + b->offset,
                         a->n * sizeof(float)) == 0, "tensor %d of layer %d",
                  (int)a->id, a->layer);
    }
}

Test(trainer, a_predictor_moves_no_other_weight_by_a_bit)
{
    struct run with = open_run(FAMILY_LLAMA, usual(30));
    struct run without = open_run(FAMILY_LLAMA, usual(30));
    double before, after;

    trainer_close(with.trainer);
    with.spec.n_predictor = 16;
    open_trainer(&with);
    steps(&with, 1);
    before = model_predictor_nats(trainer_model(with.trainer));
    steps(&with, 29);
    steps(&without, 30);
    expect_same_but_predictors(trainer_model(with.trainer),
                               trainer_model(without.trainer));
    after = model_predictor_nats(trainer_model(with.trainer));
    cr_expect(after < before, "%g, then %g nats", before, after);
    close_run(&with);
    close_run(&without);
}

/* Scores of the normalised stream have the deviation asked for, and no other
 * tensor starts otherwise for it. */
Test(trainer, routers_are_drawn_as_wide_as_asked)
{
    struct trainer_options options = usual(1);
    struct run plain = open_run(FAMILY_LLAMA, options);
    options.router_deviation = 3.0;
    struct run wide = open_run(FAMILY_LLAMA, options);
    const struct tensor_list *list = model_tensors(trainer_model(plain.trainer));
    const float *a = model_weights(trainer_model(plain.trainer));
    const float *b = model_weights(trainer_model(wide.trainer));

    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *t = &list->tensor[i];
        double square = 0.0;
        for (size_t j = t->offset; j < t->offset + t->n; j++)
            square += (double)b[j] * (double)b[j];
        if (t->id == TENSOR_ROUTER)
            cr_expect(sqrt(square) > 2.0 && sqrt(square) < 4.0, "%g",
                      sqrt(square));
        else
            cr_expect(memcmp(a + t->offset, b + t->offset,
                             t->n * sizeof *a) == 0, "tensor %d", t->id);
    }
    close_run(&wide);
    close_run(&plain);
}

/* ---- routers alone ---- */

static void save(struct run *run)
{
    struct error err = { STATUS_OK, "" };
    cr_assert(eq(int, trainer_save(run->trainer, run->state, &err), STATUS_OK),
              "%s", err.text);
}

Test(trainer, a_frozen_backbone_does_not_move_by_a_bit)
{
    struct run drawn = open_as(FAMILY_LLAMA, usual(20), true);
    struct run run = open_as(FAMILY_LLAMA, usual(20), true);
    const struct tensor_list *list = model_tensors(trainer_model(run.trainer));
    const float *before = model_weights(trainer_model(drawn.trainer));
    const float *after = model_weights(trainer_model(run.trainer));
    int moved = 0;

    /* One router of 16 numbers, in one of two layers. */
    cr_expect(eq(sz, list->learned, 16));
    steps(&run, 20);
    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *t = &list->tensor[i];
        bool same = memcmp(before + t->offset, after + t->offset,
                           t->n * sizeof(float)) == 0;
        cr_expect(same == (t->id != TENSOR_ROUTER), "tensor %d", i);
        moved += !same;
    }
    cr_expect(eq(int, moved, 1));
    close_run(&run);
    close_run(&drawn);
}

/* Weights and two moments of 16 numbers, two thresholds, the curve, and a ledger
 * of 3 passes, 3 places, OP_COUNT ops and 2 metrics; the header is some 1000. */
Test(trainer, a_state_of_routers_holds_no_backbone)
{
    struct run run = open_as(FAMILY_LLAMA, usual(4), true);
    const size_t numbers = 3 * 16 * 4 + 2 * 4 + 3 * 3 * OP_COUNT * 2 * 8;
    FILE *file;

    steps(&run, 4);
    save(&run);
    size_t curve = (size_t)trainer_state(run.trainer)->n_curve *
                   TRAINING_CURVE_COLUMNS * 8;
    file = fopen(run.state, "rb");
    cr_assert(file != NULL);
    fseek(file, 0, SEEK_END);
    long size = ftell(file) - (long)(numbers + curve);
    cr_expect(size > 0 && size < 2000, "%ld beside the numbers", size);
    fclose(file);
    close_run(&run);
}

Test(trainer, a_state_beside_other_frozen_weights_is_refused)
{
    struct run run = open_as(FAMILY_LLAMA, usual(4), true);
    struct error err = { STATUS_OK, "" };

    steps(&run, 2);
    save(&run);
    trainer_close(run.trainer);
    run.options.seed = 8;
    open_trainer(&run);
    cr_expect(eq(int, trainer_resume(run.trainer, run.state, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "other frozen weights") != NULL, "%s", err.text);
    close_run(&run);
}

static double judged(struct run *run, const char *policy)
{
    return trainer_judge(run->trainer, SPLIT_VALIDATION, case_policy(policy),
                         20, NULL).nats;
}

Test(trainer, says_what_routing_cost_a_frozen_backbone)
{
    struct run run = open_as(FAMILY_LLAMA, usual(30), true);
    struct run twin = open_run(FAMILY_LLAMA, usual(30));
    struct verdict dense = { .nats = 0 }, drawn = { .nats = 0 };

    trainer_close(twin.trainer);
    twin.spec = spec_dense(&run.spec);
    open_trainer(&twin);
    double at_first = judged(&run, "expert_choice");
    steps(&run, 30);
    double trained = judged(&run, "expert_choice");
    cr_expect(trained < at_first || trained > at_first);
    cr_expect(trainer_drew_routers(run.trainer));
    cr_expect(not(trainer_drew_routers(twin.trainer)));
    cr_assert(eq(int, trainer_judge_dense(run.trainer, SPLIT_VALIDATION, 20,
                                          NULL, &dense, NULL), STATUS_OK));
    cr_assert(eq(int, trainer_judge_drawn(run.trainer, SPLIT_VALIDATION,
                                          run.options.policy, 20, NULL, &drawn,
                                          NULL), STATUS_OK));
    /* One seed draws both models' backbones. */
    cr_expect(epsilon_eq(dbl, dense.nats, judged(&twin, "dense"), 1e-6));
    cr_expect(eq(dbl, dense.capacity, 1.0));
    cr_expect(eq(dbl, drawn.nats, at_first));
    cr_expect(eq(dbl, judged(&run, "expert_choice"), trained));
    close_run(&twin);
    close_run(&run);
}

/* Scores of deviation 0.02 on rows of unit size: so long is the router's vector;
 * of 16 numbers the length has a deviation of 1 in 5.6. */
Test(trainer, routers_for_a_trained_model_are_drawn_small)
{
    struct run run = open_run(FAMILY_LLAMA, usual(1));
    struct model *model = trainer_model(run.trainer);
    const struct tensor *t = tensor_find(model_tensors(model), 1,
                                         TENSOR_ROUTER);
    const struct tensor *up = tensor_find(model_tensors(model), 1, TENSOR_UP);
    const float *w = model_weights(model) + t->offset;
    float first = model_weights(model)[up->offset];
    double squares = 0.0;

    model_init_routers(model, 7, 0.02);
    for (size_t i = 0; i < t->n; i++)
        squares += (double)w[i] * (double)w[i];
    cr_expect(sqrt(squares) > 0.005 && sqrt(squares) < 0.04, "%g",
              sqrt(squares));
    cr_expect(eq(flt, model_weights(model)[up->offset], first));
    close_run(&run);
}

/* ---- memory ---- */

static void expect_block(const struct shape *shape, enum family family,
                         double capacity, enum pattern pattern, bool train,
                         bool frozen, int n_threads)
{
    struct model_spec spec = case_spec(shape, family, capacity, pattern);
    spec.backbone_frozen = frozen;
    spec.kept_varies = train && n_threads == 2;    /* now and then */
    if (capacity > 0.0 && !frozen && pattern == PATTERN_ODD && n_threads == 1)
        spec.part = family == FAMILY_GPT2 ? PART_ATTENTION : PART_FFN;
    spec.aux_loss = capacity > 0.2 && n_threads == 3 ? 0.1 : 0.0;
    spec.n_predictor = capacity > 0.0 && n_threads != 3 ? 16 : 0;
    struct model_options options = {
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .train = train, .n_threads = n_threads };
    struct model *model = case_model(&spec, &options, 1);
    double has = (double)model_bytes(model);
    double said = (double)memory_block_bytes(
        &spec, shape->n_sequences, shape->n_tokens,
        train ? MEMORY_TRAIN : MEMORY_FORWARD, n_threads);

    cr_expect(fabs(said - has) <= 0.01 * has, "C %d, B %d, T %d, %s, c %g, %s:"
              " %.0f predicted, %.0f taken", shape->n_channels,
              shape->n_sequences, shape->n_tokens, family_names[family],
              capacity, frozen ? "train routers" : train ? "train" : "forward",
              said, has);
    model_close(model);
}

/* The table of sim/price/memory.c against what the executor takes; the gap that is
 * left is padding to cache lines. */
Test(trainer, the_predicted_block_is_the_one_taken)
{
    static const struct shape block[] = {
        { .n_channels = 48, .n_heads = 3, .n_kv_heads = 3, .head_size = 16,
          .n_ffn = 128, .n_vocab = 256, .n_layers = 6, .n_sequences = 1,
          .n_tokens = 256 },
        { .n_channels = 64, .n_heads = 4, .n_kv_heads = 2, .head_size = 16,
          .n_ffn = 176, .n_vocab = 256, .n_layers = 4, .n_sequences = 8,
          .n_tokens = 100 },
        { .n_channels = 40, .n_heads = 5, .n_kv_heads = 1, .head_size = 8,
          .n_ffn = 100, .n_vocab = 300, .n_layers = 3, .n_sequences = 5,
          .n_tokens = 60 },
        { .n_channels = 24, .n_heads = 1, .n_kv_heads = 1, .head_size = 64,
          .n_ffn = 64, .n_vocab = 256, .n_layers = 2, .n_sequences = 2,
          .n_tokens = 512 },
    };
    static const double capacity[] = { 0.0, 0.125, 0.5, 1.0 };
    for (size_t i = 0; i < 4 * 4 * 2 * 2; i++)
        expect_block(&block[i / 16], contrasts[i & 1],
                     capacity[i / 4 % 4], PATTERN_ODD, i & 2, false,
                     1 + (int)(i / 16 % 3));
    for (size_t i = 0; i < 4 * 3 * 2 * PATTERN_COUNT; i++)
        expect_block(&block[i / 18], contrasts[i & 1],
                     capacity[1 + i / 6 % 3],
                     (enum pattern)(i / 2 % PATTERN_COUNT), true, true, 1);
}
