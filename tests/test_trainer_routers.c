/* test_trainer_routers.c - Expect predictors to move no other weight, and routers to
 * be drawn as asked and trained alone beside a frozen backbone. */
#include <math.h>

#include "tests/training_run.h"

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

Test(trainer_routers, a_predictor_moves_no_other_weight_by_a_bit)
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
Test(trainer_routers, routers_are_drawn_as_wide_as_asked)
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

Test(trainer_routers, a_frozen_backbone_does_not_move_by_a_bit)
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
Test(trainer_routers, a_state_of_routers_holds_no_backbone)
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

Test(trainer_routers, a_state_beside_other_frozen_weights_is_refused)
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

Test(trainer_routers, says_what_routing_cost_a_frozen_backbone)
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
Test(trainer_routers, routers_for_a_trained_model_are_drawn_small)
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
