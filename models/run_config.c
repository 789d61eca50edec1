/* run_config.c - the rows of a run, after those of its model. */
#include "models/run_config.h"

#include <math.h>

#define RUN(name, type, member, min, max, ...)                                 \
    { name, CONFIG_##type, offsetof(struct run_config, member), min, max,      \
      __VA_ARGS__ }

/* clang-format off */
static const struct config_key keys[] = {
    MODEL_CONFIG_KEYS(offsetof(struct run_config, model))
    RUN("data.path", PATH, data_path, 0, 0, NULL, NULL, "",
        "a text file; its bytes are the tokens"),
    RUN("data.tokens", INT, tokens, 2, 1 << 20, "256", NULL, "token",
        "length of a sequence, at most model.max_tokens"),
    RUN("train.batch", INT, batch, 1, 1 << 16, "1", NULL, "",
        "sequences of a step"),
    RUN("train.steps", INT, steps, 0, 1e9, "0", NULL, "step",
        "0: as many as train.budget_flops pays for"),
    RUN("train.budget_flops", REAL, budget_flops, 0, 1e21, "0", NULL, "flop",
        "all flops of training: forward, backward, update; 0: train.steps"
        " decides"),
    RUN("train.learning_rate", REAL, learning_rate, 0, 10, "0", NULL, "",
        "at its peak; 0: 1.7e-3 sqrt(64 / model.channels)"),
    RUN("train.warmup", REAL, warmup, 0, 1, "0.03", NULL, "",
        "share of the steps in which the rate rises"),
    RUN("train.floor", REAL, floor, 0, 1, "0", NULL, "",
        "share of the peak rate at which the cosine ends"),
    RUN("train.beta1", REAL, beta1, 0, 0.99999, "0.9", NULL, "", "AdamW"),
    RUN("train.beta2", REAL, beta2, 0, 0.999999, "0.98", NULL, "", "AdamW"),
    RUN("train.epsilon", REAL, epsilon, 1e-15, 1, "1e-8", NULL, "", "AdamW"),
    RUN("train.weight_decay", REAL, weight_decay, 0, 10, "0.1", NULL, "",
        "decoupled; not on norms, biases and routers"),
    RUN("train.clip", REAL, clip, 0, 1e9, "1", NULL, "",
        "largest norm of all gradients together; 0: no limit"),
    RUN("train.seed", INT, seed, 0, 1e15, "1", NULL, "",
        "of first weights, batches and random policies"),
    RUN("train.judge_every", INT, judge_every, 0, 1e9, "0", NULL, "step",
        "held-out loss for the curve; 0: only at the end"),
    RUN("train.curve_windows", INT, curve_windows, 1, 1e9, "32", NULL, "",
        "validation windows for a point of the curve"),
    RUN("train.judge_windows", INT, judge_windows, 0, 1e9, "0", NULL, "",
        "validation windows for the final loss; 0: all"),
    RUN("train.save_every", INT, save_every, 0, 1e9, "0", NULL, "step",
        "checkpoint; 0: about every minute"),
    RUN("machine", PATH, machine, 0, 0, "", NULL, "",
        "machine profile that predicted seconds and joules are worked out"
        " with; empty: they stay unknown"),
    { NULL, CONFIG_BOOL, 0, 0, 0, NULL, NULL, NULL, NULL },
};
/* clang-format on */

_Static_assert(sizeof keys / sizeof *keys <= RUN_CONFIG_KEYS_MAX,
               "more keys than there is room for origins");

const struct config_schema run_config_schema = { "run", keys };

double run_config_default_rate(int64_t channels)
{
    return 1.7e-3 * sqrt(64.0 / (double)channels);
}
