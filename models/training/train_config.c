/* train_config.c - List the keys of a training run, after those of its
 * model. */
#include "models/training/train_config.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/config/config_value.h"

#define RUN(name, type, member, min, max, ...)                                 \
    { name, CONFIG_##type, offsetof(struct train_config, member), min, max,      \
      __VA_ARGS__ }

static const char *const freezes[] = {
    [FREEZE_NONE] = "none", [FREEZE_BACKBONE] = "backbone", NULL
};
static const char *const init_schemes[] = {
    [INIT_FAN_IN] = "fan_in", [INIT_FAN_IN_DEPTH] = "fan_in_depth",
    [INIT_GPT2] = "gpt2", NULL
};
static const char *const schedules[] = {
    [SCHEDULE_COSINE] = "cosine", [SCHEDULE_LINEAR] = "linear",
    [SCHEDULE_WSD] = "wsd", [SCHEDULE_COSINE_TO_LAST] = "cosine_to_last", NULL
};
static const char *const rate_scalings[] = {
    [RATE_ONE] = "one", [RATE_MUP] = "mup", NULL
};

static const char *const thresholds[] = {
    [THRESHOLDS_EMA] = "ema", [THRESHOLDS_FITTED] = "fitted", NULL
};

static const char *const judge_splits[] = {
    [JUDGE_VALIDATION] = "validation", [JUDGE_TEST] = "test", NULL
};

/* clang-format off */
static const struct config_key keys[] = {
    MODEL_CONFIG_KEYS(offsetof(struct train_config, model))
    RUN("routing.capacity_warmup", REAL, capacity_warmup, 0, 1, "0", NULL, "",
        "share of the steps in which the capacity falls from 1 to its own, by"
        " half a cosine; train.budget_flops pays for it"),
    RUN("routing.router_deviation", REAL, router_deviation, 0, 100, "0", NULL,
        "", "of the scores that drawn routers give at first; 0: 0.02"
        " sqrt(model.channels), in a model of train.init 0.02"),
    RUN("data.path", PATHS, data_path, 0, 0, NULL, NULL, "",
        "text files; their bytes are the tokens, unless there is a tokenizer"),
    RUN("data.weights", REAL_LIST, data_weights, DBL_MIN, 1e12, "[]", NULL, "",
        "how often a training sequence is of each file, a number each; []: by"
        " its bytes; held-out losses are averaged by them too"),
    RUN("data.held_out", REAL, held_out, 0, 0.5, "0", NULL, "",
        "share of a text's blocks of 4096 bytes that validation and test take"
        " together, rounded to tenths, at least one; 0: the fewest tenths that"
        " come to 1 MB, which tells small differences, where three do, else"
        " one"),
    RUN("data.tokenizer", PATH, tokenizer, 0, 0, "", NULL, "",
        "tokenizer.json, GGUF, SentencePiece or llama2.c tokenizer; empty: the one that lies"
        " with train.init, else bytes"),
    RUN("data.tokens", INT, tokens, 2, 1 << 20, "256", NULL, "tokens",
        "length of a sequence, at most model.max_tokens"),
    RUN("train.init", PATH, init, 0, 0, "", NULL, "",
        "a model to start from: a directory of isobath train or Hugging Face,"
        " *.gguf, or *.bin of llama2.c; it brings its shape, so leave out the"
        " model keys; routers that it lacks are drawn so small that the gate"
        " 2*sigmoid is near 1; empty: all weights are drawn"),
    RUN("train.init_scheme", CHOICE, init_scheme, 0, 0, "fan_in_depth",
        init_schemes, "", "deviation of weights that are drawn; fan_in: 1/sqrt(inputs),"
        " embeddings 1/sqrt(channels); fan_in_depth: the same, but matrices that"
        " add to the stream divided by sqrt(2 layers); gpt2: 0.02, and those"
        " divided too"),
    RUN("train.freeze", CHOICE, freeze, 0, 0, "none", freezes, "",
        "backbone: the routers learn and nothing else"),
    RUN("train.batch", INT, batch, 1, 1 << 16, "1", NULL, "",
        "sequences in a step"),
    RUN("train.steps", INT, steps, 0, 1e9, "0", NULL, "steps",
        "0: as many as train.budget_flops pays for"),
    RUN("train.budget_flops", REAL, budget_flops, 0, 1e21, "0", NULL, "flops",
        "all flops of training: forward, backward, update; a rule that keeps"
        " more or fewer tokens than its capacity makes fewer or more steps, and"
        " the rate falls with what is spent; 0: train.steps decides"),
    RUN("train.learning_rate", REAL, learning_rate, 0, 10, "0", NULL, "",
        "at its peak; 0: 3.4e-3 sqrt(64 / model.channels), half of it with"
        " train.init_scheme gpt2, three times with train.freeze backbone"),
    RUN("train.rate_scaling", CHOICE, rate_scaling, 0, 0, "one", rate_scalings,
        "", "one: all weights learn at one rate; mup: matrices of layers at 64 /"
        " model.channels of it, and its default does not depend on the width"),
    RUN("train.router_rate", REAL, router_rate, 1e-6, 1e6, "1", NULL, "",
        "of routers, as a multiple of the learning rate"),
    RUN("train.schedule", CHOICE, schedule, 0, 0, "linear", schedules, "",
        "how the rate falls; it ends at the step after the last; wsd: constant"
        " until train.cooldown, then as 1 - sqrt; cosine_to_last: ends at the"
        " last step, whose rate is the floor.  Under linear the loss was lower"
        " than under cosine in all 20 pairs of reports/results/recipe-1e12, by"
        " 0.7 %; the studies that were before ran under cosine"),
    RUN("train.warmup", REAL, warmup, 0, 1, "0.03", NULL, "",
        "share of the steps in which the rate rises"),
    RUN("train.cooldown", REAL, cooldown, 1e-6, 1, "0.2", NULL, "",
        "share of the steps in which the rate of train.schedule wsd falls"),
    RUN("train.floor", REAL, floor, 0, 1, "0", NULL, "",
        "share of the peak rate at which it ends"),
    RUN("train.beta1", REAL, beta1, 0, 0.99999, "0.9", NULL, "", "AdamW"),
    RUN("train.beta2", REAL, beta2, 0, 0.999999, "0.98", NULL, "", "AdamW"),
    RUN("train.epsilon", REAL, epsilon, 1e-15, 1, "1e-8", NULL, "", "AdamW"),
    RUN("train.weight_decay", REAL, weight_decay, 0, 10, "0.1", NULL, "",
        "decoupled; not on norms, biases and routers"),
    RUN("train.router_decay", REAL, router_decay, 0, 10, "0", NULL, "",
        "weight decay of routers"),
    RUN("train.clip", REAL, clip, 0, 1e9, "1", NULL, "",
        "largest norm of all gradients together; 0: no limit"),
    RUN("train.seed", INT, seed, 0, 1e15, "1", NULL, "",
        "seed of the first weights, of batches and of random policies"),
    RUN("train.judge_every", INT, judge_every, 0, 1e9, "0", NULL, "steps",
        "how often the curve gets a held-out loss; 0: only at the end"),
    RUN("train.curve_windows", INT, curve_windows, 1, 1e9, "32", NULL, "",
        "validation windows for a point of the curve"),
    RUN("train.thresholds", CHOICE, thresholds, 0, 0, "fitted", thresholds, "",
        "the cuts that the rule threshold goes by after training; ema: the"
        " running means of top-k's; fitted: those that keep the capacity of"
        " 65,536 tokens of the training text, by passes with the final weights,"
        " which no budget pays for"),
    RUN("train.judge_windows", INT, judge_windows, 0, 1e9, "0", NULL, "",
        "held-out windows for the final loss; 0: all"),
    RUN("train.judge_split", CHOICE, judge_split, 0, 0, "validation",
        judge_splits, "", "the held-out text of the final loss;"
        " what is chosen by validation is confirmed on test"),
    RUN("train.save_every", INT, save_every, 0, 1e9, "0", NULL, "steps",
        "how often a checkpoint is written; 0: about every minute"),
    RUN("machine", PATH, machine, 0, 0, "", NULL, "",
        "machine profile to predict seconds and joules with; empty: they stay"
        " unknown"),
    { NULL, CONFIG_BOOL, 0, 0, 0, NULL, NULL, NULL, NULL },
};
/* clang-format on */

_Static_assert(sizeof keys / sizeof *keys <= TRAIN_CONFIG_KEYS_MAX,
               "more keys than there is room for origins");

const struct config_schema train_config_schema = { "run", keys };

double train_config_default_rate(const struct train_config *config)
{
    const bool by_width = config->rate_scaling == RATE_ONE;
    double half = 1.7e-3;
    if (by_width)
        half *= sqrt(64.0 / (double)config->model.channels);
    if (config->freeze == FREEZE_BACKBONE)
        return 6.0 * half;
    return config->init_scheme == INIT_GPT2 ? half : 2.0 * half;
}

static bool is_of(const char *section, const struct config_key *key)
{
    return strncmp(key->name, section, strlen(section)) == 0;
}

enum status train_config_load(struct train_config *out, const char *path,
                            const struct config_setting *settings,
                            size_t n_settings, struct config_origin *origins,
                            struct error *err)
{
    struct config_key open[sizeof keys / sizeof *keys];
    const struct config_schema schema = { train_config_schema.kind, open };

    memcpy(open, keys, sizeof keys);
    for (struct config_key *key = open; key->name; key++)
        if (is_of("model.", key) && !key->fallback)
            key->fallback = key->choices ? key->choices[0] : "1";
    enum status status = config_load(out, &schema, path, settings, n_settings,
                                     origins, err);
    return status == STATUS_OK && !*out->init
               ? config_load(out, &train_config_schema, path, settings,
                             n_settings, origins, err)
               : status;
}

/* A spec has floats where the file has doubles. */
static bool differ(double given, double model)
{
    return fabs(given - model) > 1e-6 * fabs(model);
}

static bool lists_differ(const struct config_real_list *given,
                         const struct config_real_list *model)
{
    bool other = given->n != model->n;

    for (int32_t i = 0; i < given->n && !other; i++)
        other = differ(given->value[i], model->value[i]);
    return other;
}

/* True if the config contradicts the model; 0 leaves a size open. */
static bool says_otherwise(const struct config_key *key,
                           const struct train_config *given,
                           const struct train_config *model)
{
    const void *a = (const char *)given + key->offset;
    const void *b = (const char *)model + key->offset;

    switch (key->type) {
    case CONFIG_BOOL:
        return *(const bool *)a != *(const bool *)b;
    case CONFIG_INT:
        return *(const int64_t *)a != 0 &&
               *(const int64_t *)a != *(const int64_t *)b;
    case CONFIG_REAL:
        return differ(*(const double *)a, *(const double *)b);
    case CONFIG_REAL_LIST:
        return lists_differ(a, b);
    case CONFIG_CHOICE:
        return *(const int *)a != *(const int *)b;
    default:
        return true;
    }
}

/* Copy a value of one of the types that a model's keys have. */
static void copy_value(const struct config_key *key, struct train_config *to,
                       const struct train_config *from)
{
    const size_t size = key->type == CONFIG_BOOL     ? sizeof(bool)
                        : key->type == CONFIG_CHOICE ? sizeof(int)
                        : key->type == CONFIG_INT    ? sizeof(int64_t)
                        : key->type == CONFIG_PATH   ? CONFIG_TEXT_SIZE
                                                     : sizeof(double);
    memcpy((char *)to + key->offset, (const char *)from + key->offset, size);
}

static enum status refuse(const struct config_key *key,
                          const struct train_config *given,
                          const struct train_config *model,
                          const struct config_origin *origins,
                          struct error *err)
{
    json_t *ours = config_value_json(given, key);
    json_t *theirs = config_value_json(model, key);
    char *a = ours ? json_dumps(ours, JSON_ENCODE_ANY) : NULL;
    char *b = theirs ? json_dumps(theirs, JSON_ENCODE_ANY) : NULL;

    error_set(err, STATUS_BAD_VALUE, "%s %.80s: train.init %.200s has %.80s;"
              " leave the key out", key->name, a ? a : "", given->init,
              b ? b : "another");
    free(a);
    free(b);
    json_decref(ours);
    json_decref(theirs);
    return config_blame(&train_config_schema, origins, key->name, err);
}

/* How routers are trained, whoever they belong to. */
static bool is_of_training(const struct config_key *key)
{
    static const char *const names[] = {
        "routing.threshold_decay", "routing.aux_loss", "routing.z_loss",
        "routing.balance_loss", "routing.replay",
        "model.expert_balance_loss", "model.expert_z_loss",
    };
    bool found = false;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        found |= strcmp(key->name, names[i]) == 0;
    return found;
}

enum status train_config_adopt(struct train_config *config, struct model_spec *spec,
                             const char *policy,
                             const struct config_origin *origins,
                             struct error *err)
{
    const bool routed = spec_n_routed(spec) > 0;
    struct train_config model = *config;

    model_config_of(&model.model, spec, policy);
    for (const struct config_key *key = keys; key->name; key++) {
        bool given = strcmp(origins[key - keys].path, "default") != 0;
        bool fixed = (is_of("model.", key) ||
                      (routed && is_of("routing.", key))) &&
                     !is_of_training(key);
        bool kept = strcmp(key->name, "routing.threshold_decay") == 0 || given;
        if (kept && is_of_training(key))
            copy_value(key, &model, config);
        if (given && fixed && says_otherwise(key, config, &model))
            return refuse(key, config, &model, origins, err);
    }
    if (spec->experts.n > 0) {
        spec->experts.balance_loss = model.model.experts.balance_loss;
        spec->experts.z_loss = model.model.experts.z_loss;
    }
    if (routed) {
        config->model = model.model;
        spec->aux_loss = model.model.aux_loss;
        spec->z_loss = model.model.z_loss;
        spec->balance_loss = model.model.balance_loss;
        return STATUS_OK;
    }
    for (const struct config_key *key = keys; key->name; key++)
        if (is_of("model.", key))
            copy_value(key, config, &model);
    return model_config_routing(spec, &config->model, err) == STATUS_OK
               ? STATUS_OK
               : model_config_blame(&train_config_schema, origins, err);
}
