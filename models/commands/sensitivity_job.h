/* sensitivity_job.h - Hold everything that isobath sensitivity measures. */
#ifndef SENSITIVITY_JOB_H
#define SENSITIVITY_JOB_H

#include "models/scoring/capacities.h"
#include "models/scoring/run_text.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/rundir.h"

enum { SENSITIVITY_MAX = 16 };     /* capacities, at most */

struct sensitivity_flags {
    struct command_options common;
    const char *capacities;        /* "0,0.25" */
};

/* A block, alone at a capacity. */
struct sensitivity_cell {
    int32_t layer;
    double  capacity, nats;        /* a token */
    struct difference more;        /* than with the block as it is */
    double  flops_per_token;       /* counted */
};

/* Opened in this order. */
struct sensitivity_job {
    struct sensitivity_flags flags;
    struct run_config  config;
    struct source      source;
    struct run_text    text;
    struct rundir      rundir;
    double             capacity[SENSITIVITY_MAX];
    int                n_capacities;
    struct capacities  capacities;
    struct capacity_loss base;     /* nothing changed */
    struct sensitivity_cell *cell; /* [n_cells] */
    int64_t            n_cells, most;
    struct progress    progress;
};

/* The cells that the directory has of the same question; once the base is
 * measured. */
enum status sensitivity_take_over(struct sensitivity_job *job,
                                  struct error *err) MUST_CHECK;

/* The summary with the table, marked interrupted where cells are missing; *out is
 * the caller's. */
enum status sensitivity_summary(json_t **out, const struct sensitivity_job *job,
                                struct error *err) MUST_CHECK;
/* Write the table into the directory, where one was asked for, and print it. */
enum status sensitivity_deliver(struct sensitivity_job *job,
                                struct error *err) MUST_CHECK;

#endif
