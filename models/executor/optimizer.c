/* optimizer.c - Clip the gradients and update all tensors by AdamW, each filed
 * under its layer. */
#include "models/executor/model_state.h"

#include <math.h>

static double rate_of(const struct update *u, const struct tensor *t)
{
    const bool hidden = t->layer >= 0 && t->kind == TENSOR_MATRIX;
    double own = hidden                       ? u->hidden_rate
                 : t->kind == TENSOR_VECTOR   ? u->router_rate
                                              : 0.0;
    return own > 0.0 ? own : u->learning_rate;
}

static double decay_of(const struct update *u, const struct tensor *t)
{
    return t->kind == TENSOR_MATRIX   ? u->weight_decay
           : t->kind == TENSOR_VECTOR ? u->router_decay
                                      : 0.0;
}

double model_update(struct model *m, const struct update *u,
                    struct meter *meter)
{
    double squares = 0.0;

    m->ex.pass = PASS_UPDATE;
    m->ex.meter = meter;
    for (int32_t i = 0; i < m->tensors.n; i++) {
        const struct tensor *t = &m->tensors.tensor[i];
        if (t->trained && t->clipped)
            op_squares(&m->ex, place(OP_CLIP, t->layer, NULL),
                       m->gradients + t->learned_at, t->n, m->partial,
                       &squares);
    }
    double limit = u->clip > 0.0 ? u->clip : (double)INFINITY;
    double scale = op_clip_scale(&m->ex, place(OP_CLIP, LEDGER_OUTSIDE, NULL),
                                 squares, limit);
    struct adamw adamw = {
        .beta1 = (float)u->beta1, .beta2 = (float)u->beta2,
        .epsilon = (float)u->epsilon,
        .correction1 = (float)(1.0 / (1.0 - pow(u->beta1, (double)u->step))),
        .correction2 = (float)(1.0 / (1.0 - pow(u->beta2, (double)u->step))),
    };
    for (int32_t i = 0; i < m->tensors.n; i++) {
        const struct tensor *t = &m->tensors.tensor[i];
        if (!t->trained)
            continue;
        adamw.learning_rate = (float)rate_of(u, t);
        adamw.weight_decay = (float)decay_of(u, t);
        adamw.scale = t->clipped ? (float)scale : 1.0f;
        op_adamw(&m->ex, place(OP_ADAMW, t->layer, NULL), &adamw,
                 m->weights + t->offset, m->gradients + t->learned_at,
                 m->moment[0] + t->learned_at, m->moment[1] + t->learned_at,
                 t->n);
    }
    return sqrt(squares);
}
