/* training_run.h - Train a small model on a small text, and compare two such
 * runs bit by bit. */
#ifndef TRAINING_RUN_H
#define TRAINING_RUN_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "models/training/trainer.h"
#include "sim/core/base/file.h"
#include "sim/core/model/plan.h"
#include "tests/cases.h"
#include "tests/words.h"

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

static inline struct trainer_options usual(int64_t steps)
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

static inline void open_trainer(struct run *run)
{
    struct error err = { STATUS_OK, "" };
    cr_assert(eq(int, trainer_open(&run->trainer, &run->spec, &run->options,
                                   &run->corpus, "0123456789abcdef", &err),
                 STATUS_OK), "%s", err.text);
}

static inline struct run open_as(enum family family,
                                 struct trainer_options options, bool frozen)
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

static inline struct run open_run(enum family family,
                                  struct trainer_options options)
{
    return open_as(family, options, false);
}

static inline void close_run(struct run *run)
{
    trainer_close(run->trainer);
    corpus_close(&run->corpus);
    remove_directory(run->directory);
}

static inline void steps(struct run *run, int64_t n)
{
    struct error err = { STATUS_OK, "" };
    for (int64_t i = 0; i < n; i++)
        cr_assert(eq(int, trainer_step(run->trainer, &err), STATUS_OK), "%s",
                  err.text);
}

static inline void expect_same_model(struct trainer *a, struct trainer *b)
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
static inline void expect_same_curve(struct trainer *a, struct trainer *b)
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

/* Two routers a layer, and a threshold for each. */
static inline struct run open_apart(void)
{
    struct run run = open_run(FAMILY_LLAMA, usual(12));

    trainer_close(run.trainer);
    run.spec.part = PART_APART;
    run.spec.aux_loss = 0.2;
    open_trainer(&run);
    return run;
}

static inline void save(struct run *run)
{
    struct error err = { STATUS_OK, "" };
    cr_assert(eq(int, trainer_save(run->trainer, run->state, &err), STATUS_OK),
              "%s", err.text);
}

#endif
