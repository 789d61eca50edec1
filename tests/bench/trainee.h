/* trainee.h - Hold a model in training, to be timed. */
#ifndef TRAINEE_H
#define TRAINEE_H

#include "models/executor/model.h"

struct trainee {
    struct model *model;         /* owned */
    int32_t *ids, *targets;      /* [B,T] owned; random bytes */
    struct model_input input;
    struct meter *meter;         /* borrowed; NULL: nobody listens */
    int64_t step;
};

struct trainee_plan {
    const char *config, *family;
    int32_t n_layers, n_channels, n_heads;   /* 0: those of the config */
    double  capacity;                /* 1: dense */
    int32_t n_experts;               /* 0: none; else a token enters two, each
                                      * half as wide as its feed-forward part */
    int32_t n_tokens, n_sequences;
    int     n_threads;
    const struct kernels *kernels;   /* NULL: the best */
};

/* A first step is trained, so that it is known which tokens the model
 * routes. */
enum status trainee_open(struct trainee *out, const struct trainee_plan *plan,
                         struct error *err) MUST_CHECK;
void trainee_close(struct trainee *trainee);    /* {0} is fine */

/* Forward, backward and update, so many times; returns the seconds they
 * took. */
double trainee_run(void *trainee, int64_t times);

/* Useful flops of a step, as routed last. */
double trainee_flops(const struct trainee *trainee);

#endif
