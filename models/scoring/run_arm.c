/* run_arm.c - Run one model over the windows of a text. */
#include "models/scoring/run_arm.h"

#include "sim/core/base/clock.h"
#include "sim/core/base/random.h"

static enum status open_ledgers(struct run_arm *arm, struct error *err)
{
    const struct ledger_shape by_op = { .by_pass = true, .by_op = true,
                                        .n_layers = arm->spec.n_layers };
    enum status status = ledger_open(&arm->predicted, by_op,
                                     cost_zero(PROV_PREDICTED), err);
    if (status == STATUS_OK)
        status = ledger_open(&arm->counted, by_op, cost_zero(PROV_COUNTED),
                             err);
    if (status == STATUS_OK)
        arm->meter = ledger_meter(arm->counted);
    return status;
}

enum status run_arm_open(struct run_arm *arm, const struct source *source,
                         const struct model_options *options, uint64_t seed,
                         struct error *err)
{
    enum status status = model_open(&arm->model, &arm->spec, options, err);

    if (source)
        arm->name = source->path;
    if (status == STATUS_OK && source)
        status = source_fill(source, arm->model, seed, err);
    return status == STATUS_OK ? open_ledgers(arm, err) : status;
}

void run_arm_close(struct run_arm *arm)
{
    ledger_close(arm->counted);
    ledger_close(arm->predicted);
    model_close(arm->model);
}

enum status run_arm_check(const struct run_arm *arm, struct error *err)
{
    return model_check(arm->model, arm->name, err);
}

uint64_t run_pass_seed(uint64_t seed, int64_t window)
{
    return random_mix(seed, 3, (uint64_t)window, 0);
}

void run_arm_forward(struct run_arm *arm, const struct run_pass *pass,
                     const struct route_policy *policy, struct meter *meter)
{
    double mean;
    struct model_input input = {
        .ids = pass->window->ids, .targets = pass->window->targets,
        .n_sequences = 1, .n_tokens = pass->window->n_tokens,
        .policy = policy, .seed = pass->seed, .entropy = pass->entropy,
        .replayed = pass->replayed, .scores = pass->scores,
    };
    model_forward(arm->model, &input, meter, &mean);
}

double run_arm_time(struct run_arm *arm, const struct run_pass *pass)
{
    double started = clock_seconds();

    run_arm_forward(arm, pass, arm->score[0].policy, NULL);
    return clock_seconds() - started;
}

void run_arm_score(struct run_arm *arm, const struct run_pass *pass)
{
    double started = clock_seconds(), before = arm->score[0].nats;

    run_arm_forward(arm, pass, arm->score[0].policy, &arm->meter.meter);
    arm->window_seconds = clock_seconds() - started;
    arm->seconds += arm->window_seconds;
    score_add(&arm->score[0], arm->model, pass->window);
    arm->window_nats = arm->score[0].nats - before;
}

void run_arm_score_others(struct run_arm *arm, const struct run_pass *pass)
{
    for (int i = 1; i < arm->n_scores; i++) {
        struct forward_meter meter = forward_meter();
        run_arm_forward(arm, pass, arm->score[i].policy, &meter.meter);
        arm->score[i].flops += meter.flops;
        score_add(&arm->score[i], arm->model, pass->window);
    }
}
