/* ops_inside.h - Hand a kernel's parts to the pool; for the files of ops. */
#ifndef OPS_INSIDE_H
#define OPS_INSIDE_H

#include "models/executor/ops.h"

/* A kernel call with its operand, as the pool takes it. */
struct op_call {
    struct executor *ex;
    const void      *operand;
};

#define PARTS(name, type)                                                      \
    static void name##_part(void *argument, int part, int parts)               \
    {                                                                          \
        const struct op_call *call = argument;                                 \
        const struct type *o = call->operand;                                  \
        call->ex->kernels->name(o, part, parts);                               \
    }

#define PARTS_SCRATCH(name, type)                                              \
    static void name##_part(void *argument, int part, int parts)               \
    {                                                                          \
        const struct op_call *call = argument;                                 \
        const struct type *o = call->operand;                                  \
        call->ex->kernels->name(o, part, parts, call->ex->scratch +            \
                                (size_t)part * call->ex->scratch_floats);      \
    }

/* Run fn's parts on the pool; their argument is a struct op_call. */
void op_parts(struct executor *ex, pool_fn *fn, const void *operand);

static inline uint64_t u(int32_t n)
{
    return (uint64_t)n;
}

enum { FOLD = OP_FLOPS_FOLD, EXP = OP_FLOPS_EXP };

#endif
