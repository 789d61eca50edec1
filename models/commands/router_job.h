/* router_job.h - Hold everything that isobath router looks at a model with. */
#ifndef ROUTER_JOB_H
#define ROUTER_JOB_H

#include "models/scoring/expert_record.h"
#include "models/scoring/router_leak.h"
#include "models/scoring/router_tables.h"
#include "models/scoring/run_config.h"
#include "models/scoring/run_text.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/rundir.h"
#include "sim/core/answer/table.h"

struct router_flags {
    struct command_options common;
    int64_t positions;             /* tried for a leak; 0: none */
};

/* Opened in this order. */
struct router_job {
    struct router_flags  flags;
    struct run_config    config;
    struct source        source;
    struct run_text      text;
    struct rundir        rundir;
    struct run_arm       arm;
    struct score_window  window;
    int64_t              windows;
    struct router_record record;
    struct router_view   view;
    struct expert_record experts;        /* under the causal rule */
    struct router_leak   leak[ROUTER_RULES];
    struct router_table  table[ROUTE_TABLE_ORDER + 1];   /* of 0, 1, 2, ...
                                         * tokens */
    int                  n_tables;
    bool                 interrupted;    /* something is missing */
    double               told;       /* windows that the pieces of the work
                                      * before ran, for progress_tell() */
};

/* The cells of ROUTER_CHOICE_COLUMNS, in a new row: the c-th choice. */
#define ROUTER_CHOICE_COLUMNS                                                  \
    { "layer", "layer", "", COLUMN_WHOLE, true },                              \
    { "part", "part", "", COLUMN_TEXT, true }
void router_put_choice(struct table *table, const struct router_job *job,
                       int32_t c);
/* The mean, with its interval. */
struct amount router_amount(struct difference difference,
                            enum provenance from);

/* Tables of shares kept, with intervals: bins of tokens by place in the window, by
 * kind and by score; and for people, a row a choice, quarters of the window, and
 * how the scores lie. */
void router_fill_places(struct table *out, const struct router_job *job);
void router_fill_kinds(struct table *out, const struct router_job *job);
void router_fill_heights(struct table *out, const struct router_job *job);
void router_fill_quarters(struct table *out, const struct router_job *job);
void router_fill_scores(struct table *out, const struct router_job *job);

/* Tables of the experts that are entered; and a line for each layer where nearly
 * all entries are those of a few. */
void router_fill_balance(struct table *out, const struct expert_record *record);
void router_fill_experts(struct table *out, const struct expert_record *record);
void router_fill_expert_kinds(struct table *out,
                              const struct expert_record *record);
void router_say_collapse(FILE *out, const struct expert_record *record);

/* Write the tables into the directory, where one was asked for, and print
 * them. */
enum status router_deliver(struct router_job *job, struct error *err)
    MUST_CHECK;

#endif
