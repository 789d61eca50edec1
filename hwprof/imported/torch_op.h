/* torch_op.h - Know the ops of PyTorch: what they do, and what that comes to by
 * the shapes of their inputs.
 *
 * FLOPs by the convention of sim/core/ledger/op.h: a multiply-add is 2, exp
 * OP_FLOPS_EXP; of attention, the pairs that the mask leaves, and no tiles, since
 * nobody knows theirs.  Bytes are operands and results once, in the types of the
 * trace.  What a library really does may be more. */
#ifndef TORCH_OP_H
#define TORCH_OP_H

#include <stdbool.h>
#include "hwprof/imported/chrome_trace.h"

/* What an op is, whatever it is for. */
#define TORCH_FORM_MAP(X)                                                      \
    X(TORCH_PRODUCT,        "product")       /* of two matrices */             \
    X(TORCH_BATCH_PRODUCT,  "batch product") /* of two stacks of them */       \
    X(TORCH_ATTENTION,      "attention")     /* scores, softmax, mix */        \
    X(TORCH_ATTENTION_BACK, "attention backward")                              \
    X(TORCH_SOFTMAX,        "softmax")                                         \
    X(TORCH_NORM,           "norm")                                            \
    X(TORCH_NORM_BACK,      "norm backward")                                   \
    X(TORCH_ACT,            "activation")                                      \
    X(TORCH_ACT_BACK,       "activation backward")                             \
    X(TORCH_EMBED,          "embedding")                                       \
    X(TORCH_EMBED_BACK,     "embedding backward")                              \
    X(TORCH_LOSS,           "loss")                                            \
    X(TORCH_LOSS_BACK,      "loss backward")                                   \
    X(TORCH_SELECT,         "select")        /* top-k, sort */                 \
    X(TORCH_GATHER,         "gather")        /* rows by their numbers */       \
    X(TORCH_SCATTER,        "scatter")       /* and back */                    \
    X(TORCH_ELEMENTS,       "elements")      /* one by one, and copies */      \
    X(TORCH_UPDATE,         "update")        /* of parameters, in one op */

enum torch_form { TORCH_FORM_MAP(NAMES_ID) TORCH_FORM_COUNT };

struct torch_op {
    const char *name;        /* "aten::mm"; of one that ends in *, what begins
                              * so */
    enum torch_form form;
    int first;               /* its first operand among the inputs */
    int causal;              /* the input that says so; CHROME_NONE: none */
    double flops;            /* of a number: of elements, norms, losses */
};

/* NULL: not known. */
const struct torch_op *torch_op_find(const char *name);

/* What a call comes to. */
struct torch_work {
    double flops, bytes;     /* NAN: the trace does not say */
    double rows, in, out;    /* of a product: [rows,in] x [in,out]; else 0 */
    int    format;           /* enum precision of its operands, or
                              * CHROME_NONE */
    double sequences;        /* of attention: B; else 1 */
};

/* Amounts that the trace does not tell the shapes or types of are NAN. */
void torch_op_work(struct torch_work *out, const struct torch_op *op,
                   const struct chrome_trace *trace,
                   const struct chrome_event *event);

#endif
