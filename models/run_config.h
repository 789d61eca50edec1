/* run_config.h - the YAML of a training run: model, routing, data, training. */
#ifndef RUN_CONFIG_H
#define RUN_CONFIG_H

#include "sim/core/model_config.h"

struct run_config {
    struct model_config model;
    char    data_path[CONFIG_TEXT_SIZE];
    int64_t tokens, batch, steps;
    double  budget_flops;
    double  learning_rate, warmup, floor, beta1, beta2, epsilon, weight_decay,
            clip;
    int64_t seed, judge_every, curve_windows, judge_windows, save_every;
    char    machine[CONFIG_TEXT_SIZE];
};

/* Room for the origins of all keys. */
enum { RUN_CONFIG_KEYS_MAX = 64 };

extern const struct config_schema run_config_schema;      /* kind "run" */

/* The learning rate of a run that gives none: 1.7e-3 sqrt(64 / C), tuned on a
 * pilot at widths 24 to 96 with batches of 256 to 512 bytes for 1e12 and 3e12
 * flops, dense and MoD alike. */
double run_config_default_rate(int64_t channels);

#endif
