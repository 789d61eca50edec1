/* ops_experts.h - Run the ops of mixtures of experts: bracketed, split over the
 * threads and tallied, as ops.h. */
#ifndef OPS_EXPERTS_H
#define OPS_EXPERTS_H

#include "models/executor/ops.h"

/* The softmax of each row's scores, under the op that made them. */
void op_softmax(struct executor *ex, struct place at,
                const struct expert_choice *o);
/* The experts of each row; to be called between op_begin() and op_end(), which
 * takes what a row of it costs. */
struct tally op_choose_experts(struct executor *ex,
                               const struct expert_choice *o);
/* The gradients of scores, from those of weights. */
void op_choose_experts_backward(struct executor *ex, struct place at,
                                const struct expert_choice *o);
/* What scores are to learn besides; *mean_square of the squares, if asked for
 * them. */
void op_judge_experts(struct executor *ex, struct place at,
                      const struct expert_judging *o, double *mean_square);
/* Forward, and backward. */
void op_weigh(struct executor *ex, struct place at, const struct weighing *o);
void op_seed(struct executor *ex, struct place at, const struct entries *o);
void op_combine(struct executor *ex, struct place at,
                const struct entries *o);

/* A product of entries in the order of their experts: rows first[e].. of `all`
 * with b of expert e, which lies e * k * n numbers behind `all`'s.  Only the
 * weights of experts that any entry is in are read. */
struct expert_product {
    struct gemm    all;
    const int32_t *first;        /* [X+1] */
    int32_t        n_experts;
};
void op_expert_product(struct executor *ex, struct place at,
                       const struct expert_product *o);

/* dx = dout W^T and dW = x^T dout, expert by expert, from the forward product; dW
 * of an expert that nothing entered is zero, or what it was. */
struct expert_product_backward {
    const struct expert_product *of;
    const real *dout;            /* [entries,n] */
    real       *dx, *dw;         /* [entries,k], [X,k,n] */
    bool        sums;            /* dw is added to what is there */
};
void op_expert_product_backward(struct executor *ex, struct place at,
                                const struct expert_product_backward *o);

#endif
