/* train_config.h - Read the YAML of a training run: model, routing, data,
 * training. */
#ifndef TRAIN_CONFIG_H
#define TRAIN_CONFIG_H

#include "models/executor/model.h"
#include "models/training/schedule.h"
#include "sim/core/config/model_config.h"

struct train_config {
    struct model_config model;
    struct config_paths data_path;
    struct config_real_list data_weights;    /* n 0: by size */
    double  held_out;
    char    tokenizer[CONFIG_TEXT_SIZE];     /* "": the init's, or bytes */
    char    init[CONFIG_TEXT_SIZE];          /* "": weights are drawn */
    int     thresholds;                      /* enum thresholds */
    double  capacity_warmup, router_deviation;
    int     init_scheme;                     /* enum init_scheme */
    int     freeze;                          /* enum freeze */
    int64_t tokens, batch, steps;
    double  budget_flops;
    int     schedule;                        /* enum schedule_shape */
    int     rate_scaling;                    /* enum rate_scaling */
    double  learning_rate, warmup, cooldown, floor, router_rate, beta1, beta2,
            epsilon, weight_decay, router_decay, clip;
    int64_t seed, judge_every, curve_windows, judge_windows, save_every;
    int     judge_split;                     /* enum judge_split */
    char    machine[CONFIG_TEXT_SIZE];
};

enum freeze { FREEZE_NONE, FREEZE_BACKBONE };
enum thresholds { THRESHOLDS_EMA, THRESHOLDS_FITTED };
enum judge_split { JUDGE_VALIDATION, JUDGE_TEST };
enum rate_scaling { RATE_ONE, RATE_MUP };

/* The width at which a rate by width is that of all tensors. */
#define TRAIN_CONFIG_MUP_WIDTH 64.0

/* Room for the origins of all keys. */
enum { TRAIN_CONFIG_KEYS_MAX = 128 };

extern const struct config_schema train_config_schema;      /* kind "run" */

/* Run config_load() with that schema; keys of the model need not be there if
 * train.init is. */
enum status train_config_load(struct train_config *out, const char *path,
                            const struct config_setting *settings,
                            size_t n_settings, struct config_origin *origins,
                            struct error *err) MUST_CHECK;

/* Copy the shape in *spec, of the model at config->init, into config->model.
 * The routing of that model stands (`policy`); if it has none, the config's
 * routing does, in *spec too.  A key that was given another value is
 * STATUS_BAD_VALUE, blamed. */
enum status train_config_adopt(struct train_config *config, struct model_spec *spec,
                             const char *policy,
                             const struct config_origin *origins,
                             struct error *err) MUST_CHECK;

/* The learning rate of a run that gives none.  Weights drawn by fan-in: 3.4e-3
 * sqrt(64 / C), the best of its halves and doubles at width 40 for 1e12 flops
 * and at width 64 for 1e13, dense and MoD alike.  By gpt2: half of that, tuned on
 * a pilot at widths 24 to 96 with batches of 256 to 512 bytes.  Routers alone:
 * three times that, tuned on a Llama of width 64 that was trained before. */
double train_config_default_rate(const struct train_config *config);

#endif
