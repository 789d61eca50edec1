/* machine_shares.h - Measure what share of its peak this machine's work reaches,
 * by running small models. */
#ifndef MACHINE_SHARES_H
#define MACHINE_SHARES_H

#include "hwprof/machine/peak.h"
#include "hwprof/measure/machine_profile.h"
#include "sim/core/ledger/op.h"
#include "sim/core/model/spec.h"

/* A decode step of a dense model whose operands are not in near caches: surely in
 * the last one, surely past it, or somewhere between; or in the last one if others
 * left them there while steps of half of the model's layers, every second one,
 * went by, `period` - 1 of them. */
struct machine_far_step {
    int     id;                  /* steps of one are the same, seconds apart */
    struct model_spec spec;
    int32_t n_sequences, n_tokens;
    enum machine_lies { LIES_CACHED, LIES_PAST, LIES_BETWEEN,
                        LIES_SELDOM } lies;
    int32_t period;
    double  seconds[OP_COUNT];   /* of all layers; 0: an op of another kind than
                                  * flops_streams() */
    bool    busy;                /* others ran beside it, or beside near work */
};
enum { MACHINE_FAR_MAX = 80 };
struct machine_far {
    int n;
    struct machine_far_step step[MACHINE_FAR_MAX];
};

/* How much is done: about 60 s, `quick` 4 s.  While others run it is done again, a
 * few times, but when `seconds` are over each model that is left runs a step and
 * no more. */
struct machine_effort {
    bool   quick, quiet;
    double seconds;
};

/* Trains and decodes models of several widths, each op's time being the median of
 * several steps.  `peak` is that of as many threads.  out->serial, reached and
 * aging stay empty: machine_serial_fit() finds them from *far. */
enum status machine_shares_measure(struct machine_shares *out,
                                   struct machine_far *far,
                                   const struct peak *peak,
                                   const struct machine_effort *effort,
                                   struct error *err) MUST_CHECK;

#endif
