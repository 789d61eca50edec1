/* torch_trace.h - Take a PyTorch profiler trace apart: which of our ops its
 * calls are, in which pass, how long each took, and what was none of them.
 *
 * Time is that of kernels where the trace has any, else that of the CPU without
 * what its inner calls took.  It goes to the outermost call that is known around
 * it (torch_op.h); what stands in none is unmapped, by its name.
 *
 * Products are told apart by where they stand: before attention qkv, the first
 * after it project, then up to the one that comes back to the width C ffn.up, and
 * that ffn.down; as wide as the largest embedding's V, head.  C and V are those of
 * that embedding.  Ops on elements go with the op before them.  A call of
 * autograd is the op whose sequence number it has; what stands in Optimizer.step
 * is adamw. */
#ifndef TORCH_TRACE_H
#define TORCH_TRACE_H

#include "hwprof/imported/torch_op.h"
#include "sim/core/ledger/op.h"

struct torch_call {
    enum pass pass;
    enum op   op;
    enum torch_form form;
    struct torch_work work;
    double seconds;
};

struct torch_unmapped {
    const char *name;        /* borrowed from the trace */
    double seconds;
    int64_t n;
};

struct torch_trace {
    struct torch_call *call;             /* [n_calls] */
    struct torch_unmapped *unmapped;     /* [n_unmapped], most seconds first */
    size_t n_calls, n_unmapped;
    bool   device;           /* times are of kernels */
    double seconds, unmapped_seconds;    /* all; those of no op of ours */
    double busy_until;       /* from the first event to the last, s */
    int64_t passes;          /* embeddings of tokens: how often the model was
                              * called */
    double batch, tokens;    /* B and T of the first; 0: not seen */
    double channels, vocab;  /* C and V; 0: not seen */
    bool   trains, decodes;  /* there is a backward pass; attention is of one
                              * query a sequence */
    int64_t unshaped;        /* calls whose flops or bytes are not known */
};

/* `chrome` must outlive it.  STATUS_BAD_VALUE: no call is known.  Caller
 * releases with torch_trace_close(). */
enum status torch_trace_read(struct torch_trace *out,
                             const struct chrome_trace *chrome,
                             const char *name, struct error *err) MUST_CHECK;
void        torch_trace_close(struct torch_trace *trace);

#endif
