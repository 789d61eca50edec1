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
    int64_t     rounds;            /* of choosing anew, at most; 0: none */
};

/* A block, and what the table says of it. */
struct allocate_block {
    int32_t layer;
    int     n;
    double  capacity[SENSITIVITY_MAX + 1];     /* rising, but for the last of a
                                    * round: one that the table has not */
    struct budget_option option[SENSITIVITY_MAX + 1];   /* loss in nats a token,
                                    * and cost a token, more than as it is, or
                                    * than in the round before */
};

/* Who says how much each block works; all are run. */
#define ALLOCATE_ARM_MAP(X)                                                    \
    X(AS_IS,   "as it is")                                                     \
    X(CHOSEN,  "chosen")                                                       \
    X(FIRST,   "by the table alone")                                           \
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
    double nats;                   /* a token, more than as it is: by the table,
                                    * or, after rounds, run on its text; NAN: it
                                    * does not say */
    struct capacity_loss loss;     /* on the other text */
};

/* A whole block that is dropped behind those before it. */
struct allocate_drop {
    int    block;                  /* index; -1: none */
    double nats;                   /* as of struct allocate_run, with it and those
                                    * before it dropped */
};

/* What was run on the table's text, and found best so far. */
struct allocate_round {
    const char *by;                /* "exchanged": how it was found */
    double capacity[SPEC_MAX_LAYERS];
    double cost, nats;             /* a token */
    int64_t runs;                  /* of the text, up to here */
};

/* The text that the table was measured on, to choose anew by. */
struct allocate_tuning {
    struct run_config config;
    struct run_text   text;
    struct capacities capacities;
    double  as_is;                 /* nats a token */
    int64_t runs;
    struct allocate_round *round;  /* [n_rounds], from where they began on, each
                                    * better than the one before */
    int64_t n_rounds;
    bool    settled;               /* a round found nothing better */
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
    struct allocate_drop drop[SPEC_MAX_LAYERS];    /* [n_drops] in their order */
    int                n_drops;
    struct allocate_run run[ALLOCATE_ARMS];
    struct allocate_tuning tuning; /* of rounds */
    struct progress    progress;
    int                done;
};

/* Read the table, what a token costs, and what the budget is; choose by the
 * table.  STATUS_BAD_VALUE: the table is of another model, policy or
 * window, or the budget is too small. */
enum status allocate_choose(struct allocate_job *job, struct error *err)
    MUST_CHECK;

/* The capacities of blocks that lose least of their options within the budget, if
 * their losses and costs add up: costs are more than `before`, which is the cost
 * that options are counted from. */
enum status allocate_fit(struct allocate_run *out, struct allocate_job *job,
                         const struct allocate_block *block, double before,
                         struct error *err) MUST_CHECK;

/* What a token costs at capacity[l] of routed layer l. */
enum status allocate_cost(double *out, const struct allocate_job *job,
                          const double *capacity, struct error *err) MUST_CHECK;

/* The arms that cost no more than what was chosen: the same in all blocks, and
 * blocks dropped. */
enum status allocate_rivals(struct allocate_job *job,
                            struct error *err) MUST_CHECK;

/* ---- allocate_rounds.c ---- */

/* Which of the blocks that work loses least when it is dropped too, on the table's
 * text, and what that comes to. */
enum status allocate_measure_drops(struct allocate_drop *out,
                                   struct allocate_job *job,
                                   const double *capacity,
                                   struct error *err) MUST_CHECK;

/* The table's text, where rounds were asked for.  STATUS_BAD_VALUE: it is not
 * there any more, or another. */
enum status allocate_open_tuning(struct allocate_job *job,
                                 struct error *err) MUST_CHECK;
void        allocate_close_tuning(struct allocate_tuning *tuning);

/* Fill in the rivals of what was chosen.  Where rounds were asked for, run them and
 * it on the table's text first, measure around the best of them, and choose anew,
 * as long as something loses less: what was chosen becomes that, with rivals of its
 * own, and FIRST what it was. */
enum status allocate_rounds(struct allocate_job *job,
                            struct error *err) MUST_CHECK;

/* Write the tables into the directory, where one was asked for, and print
 * them. */
enum status allocate_deliver(struct allocate_job *job, struct error *err)
    MUST_CHECK;

#endif
