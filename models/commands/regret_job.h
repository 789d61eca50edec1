/* regret_job.h - Hold everything that isobath regret looks at a model with. */
#ifndef REGRET_JOB_H
#define REGRET_JOB_H

#include "models/scoring/regret.h"
#include "models/scoring/run_config.h"
#include "models/scoring/run_text.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/rundir.h"

struct regret_flags {
    struct command_options common;
    int64_t windows;               /* of the text, drawn; 0: all */
    int64_t positions;             /* of a window; 0: all */
};

/* Opened in this order. */
struct regret_job {
    struct regret_flags  flags;
    struct run_config    config;
    struct source        source;
    struct run_text      text;
    struct rundir        rundir;
    const struct route_policy *rule;
    struct run_arm       arm;
    struct score_window  window;
    int64_t              windows;
    int64_t             *which;    /* [windows] of the text, ascending */
    struct regret        regret;
    struct ledger       *counted;  /* of a window, by token */
    float               *scores;   /* [choices,T] */
    struct file_writer   tokens;   /* tokens.csv, where a directory is kept */
    struct progress      progress;
};

/* Write the tables into the directory, where one was asked for, and print
 * them. */
enum status regret_deliver(struct regret_job *job,
                           struct error *err) MUST_CHECK;

#endif
