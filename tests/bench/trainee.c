/* trainee.c - Train on random bytes: the arithmetic is that of any text. */
#include "tests/bench/trainee.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/core/base/clock.h"
#include "sim/core/config/model_config.h"
#include "sim/core/base/random.h"
#include "sim/price/predict.h"

enum { MOST_SETTINGS = 5, SETTING_SIZE = 64 };

static enum status load(struct model_spec *out, const struct trainee_plan *p,
                        struct error *err)
{
    char text[MOST_SETTINGS][SETTING_SIZE];
    struct config_setting setting[MOST_SETTINGS] = { { NULL } };
    size_t n = 0;

    snprintf(text[n++], SETTING_SIZE, "model.family=%s", p->family);
    snprintf(text[n++], SETTING_SIZE, "routing.capacity=%g", p->capacity);
    if (p->n_layers)
        snprintf(text[n++], SETTING_SIZE, "model.layers=%d", p->n_layers);
    if (p->n_channels)
        snprintf(text[n++], SETTING_SIZE, "model.channels=%d", p->n_channels);
    if (p->n_heads)
        snprintf(text[n++], SETTING_SIZE, "model.heads=%d", p->n_heads);
    if (p->n_experts)
        snprintf(text[n++], SETTING_SIZE, "model.experts=%d", p->n_experts);
    for (size_t i = 0; i < n; i++)
        setting[i] = (struct config_setting){ .text = text[i] };
    return model_config_load(out, NULL, p->config, setting, n, err);
}

static enum status fill_text(struct trainee *t, int32_t n_tokens,
                             int32_t n_sequences, struct error *err)
{
    size_t n = (size_t)n_tokens * (size_t)n_sequences;
    uint32_t vocab = (uint32_t)model_spec(t->model)->n_vocab;
    struct random random = random_seeded(1);

    t->ids = calloc(n, sizeof *t->ids);
    t->targets = calloc(n, sizeof *t->targets);
    if (!t->ids || !t->targets)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a batch");
    for (size_t i = 0; i < n; i++) {
        t->ids[i] = (int32_t)random_below(&random, vocab);
        t->targets[i] = (int32_t)random_below(&random, vocab);
    }
    return STATUS_OK;
}

enum status trainee_open(struct trainee *out, const struct trainee_plan *plan,
                         struct error *err)
{
    struct model_options options = {
        .n_sequences = plan->n_sequences, .n_tokens = plan->n_tokens,
        .train = true, .n_threads = plan->n_threads, .kernels = plan->kernels,
    };
    struct trainee t = { 0 };
    struct model_spec spec;

    enum status status = load(&spec, plan, err);
    if (status == STATUS_OK)
        status = model_open(&t.model, &spec, &options, err);
    if (status == STATUS_OK)
        status = fill_text(&t, plan->n_tokens, plan->n_sequences, err);
    if (status != STATUS_OK) {
        trainee_close(&t);
        return status;
    }
    model_init(t.model, INIT_GPT2, 1);
    t.input = (struct model_input){
        .ids = t.ids, .targets = t.targets, .n_sequences = plan->n_sequences,
        .n_tokens = plan->n_tokens, .policy = route_find("expert_choice"), .seed = 1,
        .train = true,
    };
    *out = t;
    (void)trainee_run(out, 1);
    return STATUS_OK;
}

void trainee_close(struct trainee *t)
{
    model_close(t->model);
    free(t->ids);
    free(t->targets);
    *t = (struct trainee){ 0 };
}

double trainee_run(void *argument, int64_t times)
{
    struct trainee *t = argument;
    struct update update = {
        .learning_rate = 1e-4, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8,
        .weight_decay = 0.1, .clip = 1.0,
    };
    double from = clock_seconds(), loss;

    for (int64_t i = 0; i < times; i++) {
        model_forward(t->model, &t->input, t->meter, &loss);
        model_backward(t->model, t->meter);
        update.step = ++t->step;
        (void)model_update(t->model, &update, t->meter);
    }
    return clock_seconds() - from;
}

double trainee_flops(const struct trainee *t)
{
    return predict_train_flops(predict_conventions, model_spec(t->model),
                               model_allocation(t->model));
}
