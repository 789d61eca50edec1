/* allocate_job.h - Hold everything that isobath allocate chooses and runs. */
#ifndef ALLOCATE_JOB_H
#define ALLOCATE_JOB_H

#include "models/commands/sensitivity_job.h"
#include "sim/core/base/budget.h"
#include "sim/price/machine.h"

struct allocate_flags {
    struct command_options common;
    const char *table;             /* directory of isobath sensitivity */
    const char *budget;            /* "flops=60%" */
};

/* A block, and what the table says of it. */
struct allocate_block {
    int32_t layer;
    int     n;
    double  capacity[SENSITIVITY_MAX];
    struct budget_option option[SENSITIVITY_MAX];   /* loss in nats a token, and
                                    * cost a token, more than as it is */
};

/* Who says how much each block works; all are run. */
#define ALLOCATE_ARM_MAP(X)                                                    \
    X(AS_IS,   "as it is")                                                     \
    X(CHOSEN,  "chosen")                                                       \
    X(UNIFORM, "the same in all blocks")                                       \
    X(LESS,    "blocks dropped, no dearer")                                    \
    X(MORE,    "blocks dropped, one fewer")

enum allocate_arm {
#define X(id, name) ALLOCATE_##id,
    ALLOCATE_ARM_MAP(X)
#undef X
    ALLOCATE_ARMS
};

struct allocate_run {
    bool   runs;                   /* false: it does not apply */
    double capacity[SPEC_MAX_LAYERS];
    double cost;                   /* a token, predicted, of the metric */
    double nats;                   /* a token, by the table, more than as it is;
                                    * NAN: it does not say */
    struct capacity_loss loss;     /* on the other text */
};

/* Opened in this order. */
struct allocate_job {
    struct allocate_flags flags;
    struct run_config  config;
    struct source      source;
    struct run_text    text;
    json_t            *table;      /* summary.json of isobath sensitivity */
    struct rundir      rundir;
    struct machine    *machine;    /* NULL: none */
    struct capacities  capacities;
    enum metric        metric;
    double             budget, all_kept;   /* a token; all_kept: of every block
                                    * at capacity 1 */
    struct allocate_block *block;  /* [n_blocks] */
    int                n_blocks;
    struct budget_choice choice;
    struct allocate_run run[ALLOCATE_ARMS];
    struct progress    progress;
    int                done;
};

/* Read the table, what a token costs, and what the budget is; fill in what each
 * arm is to run.  STATUS_BAD_VALUE: the table is of another model, policy or
 * window, or the budget is too small. */
enum status allocate_choose(struct allocate_job *job, struct error *err)
    MUST_CHECK;

/* Write the tables into the directory, where one was asked for, and print
 * them. */
enum status allocate_deliver(struct allocate_job *job, struct error *err)
    MUST_CHECK;

#endif
