/* validate.h - Judge three witnesses of the same work by the error budget of
 * each metric.
 *
 *   flops          predicted = counted, exactly; an op, all of it own kernels,
 *                  measured to the scalars that op.h leaves out; a whole phase
 *                  to 2 %.  Repeats that differ make a lower bound.  What a
 *                  simulator executed is exact for a phase too: it is what was
 *                  counted and what the last registers of rows do beyond their
 *                  columns (padding.h), and more by no more than scalars do
 *   bytes          predicted = counted, exactly; no counter sees operands
 *   l2, l3, dram   what came into L1, past L2, past L3, measured to the
 *                  analytic byte model (so l3 with dram's bytes): 5 % where an
 *                  op streams (norms, embedding, optimizer, keys in decoding),
 *                  15 % in products; other ops are shown and not judged
 *   instructions,  repeats of a phase within 0.5 % of their median
 *   cycles
 *
 * An amount that no qualified counter saw is not measured, for the reason
 * given, and does not pass.  Under a simulator (counter.h) amounts measured
 * here were simulated, and are called so. */
#ifndef VALIDATE_H
#define VALIDATE_H

#include <jansson.h>
#include <stdio.h>
#include "hwprof/measure/measure.h"
#include "sim/core/model/spec.h"

#define VALIDATE_PHASE  0.02
#define VALIDATE_STREAM 0.05
#define VALIDATE_GEMM   0.15
#define VALIDATE_REPEAT 0.005
/* A scalar worked out from a shape (1/C, a bias correction's power) is no op
 * and runs all the same, in every thread, once a region. */
enum { VALIDATE_SCALARS = 64 };

/*  id            word                  what it says */
#define VALIDATE_MAP(X)                                                        \
    X(WITHIN,       "within")           /* the budget */                       \
    X(OUTSIDE,      "OUTSIDE")          /* the check failed */                 \
    X(LOWER_BOUND,  "lower bound")      /* the counter loses some */           \
    X(BELOW,        "below resolution") /* too small for its error bar */      \
    X(NOT_MEASURED, "not measured")     /* see reason */                       \
    X(NOT_JUDGED,   "shown")            /* no budget for it */

enum validate_verdict {
#define X(id, word) VALIDATE_##id,
    VALIDATE_MAP(X)
#undef X
    VALIDATE_VERDICT_COUNT
};
extern const char *const validate_words[VALIDATE_VERDICT_COUNT];

/* All that is known of one op of a pass, or of a whole phase. */
struct validate_facts {
    int         op;              /* LEDGER_ANY: the phase */
    enum metric metric;
    bool        decode;
    double      predicted, counted;        /* NAN: unknown */
    bool        qualified;
    const char *why_not;         /* unless qualified; "" */
    const char *unlike;          /* why it cannot be compared; NULL: it can */
    struct measure_range measured;
    double      resolution;      /* of a region: measure_row */
    uint64_t    regions;         /* behind `measured` */
    int         n_threads;
    bool        has_mix;
    struct flop_mix mix;         /* of measured flops */
    double      padding;         /* flops beyond the columns of products
                                  * (padding.h) */
};

struct validate_row {
    const char *phase, *model;   /* borrowed */
    int         pass, op;        /* LEDGER_ANY in both: the phase */
    enum metric metric;
    double      predicted, counted, measured;
    enum provenance measured_from;
    bool        differs;         /* counted from predicted, where they may
                                  * not */
    double      off, allowed;    /* NAN: nothing to compare, no budget; allowed
                                  * 0: exact */
    enum validate_verdict verdict;
    char        reason[COUNTER_REASON_SIZE];
    bool        has_mix;         /* of flops, where the back end tells */
    struct flop_mix mix;
};

/* Judge one; pure.  phase, model and pass are left to the caller. */
struct validate_row validate_judge(const struct validate_facts *facts);

/* Rows of everything that was validated. */
struct validation {
    struct validate_row *row;
    size_t n, room;
    /* The simulator that counted in place of hardware, and its caches; "":
     * hardware counted. */
    char   simulator[MEASURE_SIMULATED_SIZE];
};
void   validation_close(struct validation *validation);
size_t validation_count(const struct validation *validation,
                        enum validate_verdict verdict);

/* One model's phase: a row for every op and pass that worked and every metric,
 * and one for the whole; ledgers as profile fills them, `measure` finished. */
struct validate_input {
    const char *phase, *model;   /* borrowed for as long as the validation */
    bool        decode;
    int         n_threads;
    const struct ledger  *predicted, *counted;
    const struct measure *measure;
    const struct model_spec *spec;
};
enum status validate_phase(struct validation *validation,
                           const struct validate_input *input,
                           struct error *err) MUST_CHECK;

/* The rows of one phase and model for a terminal.  Operand bytes that agree,
 * instructions, cycles, and what no counter saw have one line for all ops. */
enum status validate_print(FILE *file, const struct validation *validation,
                           const char *phase, const char *model,
                           struct error *err) MUST_CHECK;
/* Print how many rows came out how, and every one OUTSIDE. */
void validate_print_sum(FILE *file, const struct validation *validation);

/* Write validate.csv into the directory: phase,model,pass,op,metric,predicted,
 * counted,measured,measured_source,off,allowed,verdict,reason,simulator,
 * flops_scalar,flops_128_bit,flops_256_bit,flops_512_bit,flops_fused.
 * measured_source says `simulated` of what a simulator counted. */
enum status validate_write(const char *directory,
                           const struct validation *validation,
                           struct error *err) MUST_CHECK;

/* {"figures", a count for each verdict, "outside": [...], "not_measured":
 * {METRIC: reason}, "simulated": by what, or null}. */
json_t *validate_json(const struct validation *validation);

#endif
