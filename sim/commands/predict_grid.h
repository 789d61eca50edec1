/* predict_grid.h - Hold what isobath predict --grid is asked: axes, and the points
 * that they make. */
#ifndef PREDICT_GRID_H
#define PREDICT_GRID_H

#include "sim/commands/predict_answer.h"

/* The axes, slowest first: the last changes from row to row.  What changes seldom
 * is worked out seldom. */
#define GRID_MAP(X)                                                            \
    X(GRID_MODEL, "model")     X(GRID_CAPACITY, "capacity")                    \
    X(GRID_CONTEXT, "context") X(GRID_PHASE, "phase")                          \
    X(GRID_DTYPE, "dtype")     X(GRID_KV, "kv")     X(GRID_BATCH, "batch")     \
    X(GRID_MACHINE, "machine") X(GRID_RIVAL, "rival")

enum grid_axis { GRID_MAP(NAMES_ID) GRID_AXES };
extern const char *const grid_names[];               /* NULL ends */

/* An axis of no values has one: what the model says, or no machine. */
struct grid_config {
    struct config_paths model, machine, dtype, kv, phase, rival;
    struct config_real_list capacity;
    struct config_int_list batch, context;
};
extern const struct config_schema grid_schema;

enum { GRID_SIDE_SIZE = 192 };    /* three whole numbers, two others and a word */

/* A machine, draws of it in the arithmetic of the point, where intervals are asked
 * for, and by arithmetic why it tells no seconds or joules; "": it does. */
struct grid_machine {
    struct machine machine;
    struct bill_draws draws;
    char why[PRECISION_COUNT][160];
    bool told[PRECISION_COUNT];
};

struct grid {
    const struct predict_options *options;
    struct grid_config config;
    size_t size[GRID_AXES];             /* of each axis, at least 1 */
    size_t n_points;
    struct grid_machine *machine;       /* [size[GRID_MACHINE]] owned; NULL: none */
    /* Of the point that is being priced: */
    int    at[GRID_AXES];               /* index along each axis; -1: not yet */
    struct predict_model model;         /* of that model and capacity */
    struct rival rival[CONTEST_RIVALS_MAX];      /* of that context too */
    struct contest contest;             /* of that phase too */
    struct predict_question question;
    bool   weighed;                     /* the holds are of that batch too: no
                                         * machine changes them */
    struct hold hold, rival_hold[CONTEST_RIVALS_MAX];
    char   side[GRID_SIDE_SIZE];        /* the model's part of its rows; "": not
                                         * written yet */
    char   reason[sizeof ((struct error *)0)->text];   /* why there is no price;
                                         * "": there is one */
    enum grid_axis blocked;             /* the fastest axis whose move can change
                                         * that, and the price */
};

/* ---- predict_grid_config.c ---- */

/* Reads the file, each model at each capacity, and the machines.  *out is {0};
 * released with grid_close(), also after a failure. */
enum status grid_open(struct grid *out, const struct predict_options *options,
                      struct error *err) MUST_CHECK;
void        grid_close(struct grid *grid);
/* Reads the model that the point is of, at its capacity. */
enum status grid_load_model(struct grid *grid, struct error *err) MUST_CHECK;

/* ---- predict_grid.c ---- */

/* Makes point i of n_points the grid's; what cannot be priced leaves a reason. */
enum status grid_price(struct grid *grid, size_t i, struct error *err) MUST_CHECK;
/* What the command is when --grid is given: its exit code. */
int         predict_grid_run(const struct predict_options *options);

/* ---- predict_grid_row.c ---- */

/* The first line, and that of the point. */
void grid_put_header(FILE *file, const struct grid *grid);
void grid_put_row(FILE *file, struct grid *grid);

/* ---- predict_grid_file.c ---- */

/* Rows on their way into a file: they lie in FILE.part until all are there, and
 * stay there if the work ends before.  FILE NULL: standard output. */
struct grid_file {
    struct file_writer out;
    size_t n_done;                      /* rows that stand there already */
};
/* Goes on with a FILE.part whose last row is what the grid says; else
 * STATUS_BAD_VALUE. */
enum status grid_file_open(struct grid_file *out, struct grid *grid,
                           struct error *err) MUST_CHECK;
/* `whole`: all rows are there. */
enum status grid_file_close(struct grid_file *file, bool whole,
                            struct error *err) MUST_CHECK;

#endif
