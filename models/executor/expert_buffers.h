/* expert_buffers.h - Take room for what the experts of a layer work on. */
#ifndef EXPERT_BUFFERS_H
#define EXPERT_BUFFERS_H

#include "models/kernels/kernels.h"
#include "sim/core/base/arena.h"
#include "sim/core/model/spec.h"

/* What a layer's experts make of its N rows, of which each enters A at most:
 * entries lie in the order of their experts, at most M.  The router scores R, X
 * experts and then the no-ops. */
struct expert_buffers {
    real    *chance;      /* [N,R] softmax of the router's scores */
    real    *stats;       /* [N,2] of that softmax */
    real    *slope, *sum; /* [R] of the objective in chances, and those summed */
    real    *column;      /* [X,N] chances as experts compare them, where they
                           * choose */
    int32_t *expert;      /* [N,A] that a row chose, ascending */
    real    *weight;      /* [N,A] their weights */
    int32_t *at;          /* [N,A] its entries; -1: it did not enter */
    int32_t *chosen;      /* [R] how often each was */
    int32_t *taken;       /* [X] of the sequence so far */
    int32_t *first;       /* [X+1] of each expert's entries */
    int32_t *row, *token; /* [M] */
    real    *by;          /* [M] their weights */
    real    *x;           /* [M,C] */
    real    *up;          /* [M,2F] F: an expert's width */
    real    *act;         /* [M,F] */
    real    *weighed;     /* [M,F] times its weight */
    /* Of what all rows enter besides, S wide. */
    real *shared_up, *shared_act, *shared_weighed;   /* [N,2S], [N,S] */
    real *shared_score, *shared_by;                  /* [N] */
};

/* Room for n rows of so many sequences in a layer of the spec, out of the
 * arena. */
void expert_buffers_take(struct expert_buffers *out, struct arena *arena,
                         const struct model_spec *spec, size_t sequences,
                         size_t n);

/* Columns of the widest product of the spec's experts; 0: it has none. */
int32_t expert_buffers_widest(const struct model_spec *spec);

#endif
