/* predict_answer.h - Hold the question and the answer of isobath predict. */
#ifndef PREDICT_ANSWER_H
#define PREDICT_ANSWER_H

#include <stdio.h>

#include "sim/commands/predict_model.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/table.h"
#include "sim/price/predict_table.h"

enum logits { LOGITS_LAST, LOGITS_ALL };

struct predict_options {
    struct command_options common;
    const char *model;
    const char *convention, *against;   /* NULL: not given */
    struct config_paths machines;
    int     phase, by;                  /* enum memory_phase, predict_by */
    int     logits;                     /* enum logits */
    int64_t batch, tokens, context;     /* 0: not given */
    int64_t draft_layers, drafts;       /* 0: nothing is drafted */
    double  accepted;
    int     dtype, kv;                  /* enum precision, or -1 */
    bool    recompute;
    int64_t accumulate, tensor, data, sharding;
    double  measured;                   /* s; 0: not given */
    int     execution;                  /* enum execution */
    int     explain;                    /* enum op, or -1 */
    int64_t layer;                      /* the one that explain shows */
    int     weights;                    /* enum weights, then types, then
                                         * formats; -1: as the model file says */
    bool    yaml;
    const char *trace;                  /* NULL: not given */
    bool    by_depth;
    int     synthetic;                  /* enum scores_kind, or -1 */
    int64_t windows, seed;
    double  persistence, exponent, correlation;
    const char *grid;                   /* NULL: not given */
    int64_t intervals;                  /* draws of a grid's; 0: none */
};

/* The dense twin, and what --against names. */
enum { PREDICT_TWIN, PREDICT_OTHER, PREDICT_RIVALS };

/* All the data that are printed, in any format. */
struct predict_answer {
    struct predict_options *options;    /* a run config fills in what the flags
                                         * leave open */
    struct predict_question question;
    struct predict_model file;
    struct machine *machine;            /* NULL: none */
    struct rival rival[PREDICT_RIVALS];
    int    n_rivals;                    /* the last is the one that is told */
    struct contest contest;
    struct predict_row rows[PREDICT_ROWS_MAX];
    int    n_rows;
    struct predict_row total;
    struct cost round;                  /* of speculation, where it is asked */
};

/* ---- predict.c ---- */

/* Reads what the options name and prices it, unless they ask for a list alone.
 * `out` is zeroed before; released by predict_answer_close(), also after a
 * failure. */
enum status predict_ask(struct predict_answer *out,
                        struct predict_options *options,
                        struct error *err) MUST_CHECK;
void        predict_answer_close(struct predict_answer *answer);

/* Prices the question; the answer's contest is closed before. */
enum status predict_work_out(struct predict_answer *answer,
                             struct error *err) MUST_CHECK;

/* ---- predict_machines.c: several machines ---- */

/* The names, peaks and memories of all profiles that come with the program. */
enum status predict_machines_list(FILE *file, enum format format,
                                  struct error *err) MUST_CHECK;
/* The question, priced on each of options->machines, side by side; the answer is
 * left with that of the last. */
enum status predict_machines_print(FILE *file, struct predict_answer *answer,
                                   struct error *err) MUST_CHECK;

/* ---- predict_memory.c ---- */

/* What the model holds at the peak. */
uint64_t predict_memory_bytes(const struct predict_answer *answer);
/* What is held for what, and on a machine whether it fits. */
void predict_memory_text(FILE *file, const struct predict_answer *answer);
/* The table of --by memory, for text or CSV. */
enum status predict_memory_table(FILE *file,
                                 const struct predict_answer *answer,
                                 struct error *err) MUST_CHECK;
/* Which matrices are packed, of a spec whose are, and in how many bits. */
void predict_print_packing(FILE *file, const struct model_spec *spec);
/* Adds memory_bytes, process_bytes, memory, holds and fits. */
void predict_memory_json(json_t *summary, const struct predict_answer *answer);

/* ---- predict_drafts.c: self-speculation ---- */

/* Prices a round, where one is asked for.  STATUS_BAD_VALUE: not of this model. */
enum status predict_drafts_work_out(struct predict_answer *answer,
                                    struct error *err) MUST_CHECK;
void predict_drafts_text(FILE *file, const struct predict_answer *answer);
json_t *predict_drafts_json(const struct predict_answer *answer);

/* ---- predict_measured.c: beside a measured time ---- */

void predict_measured_text(FILE *file, const struct predict_answer *answer);
json_t *predict_measured_json(const struct predict_answer *answer);

/* ---- predict_against.c: beside the rival that is told ---- */

/* The last of the rivals. */
int predict_told(const struct predict_answer *answer);
/* Of the models of a row, the first is the one asked about; rivals follow. */
const struct cost *predict_cost(const struct predict_row *row, int model);
const char *predict_model_name(const struct predict_answer *answer, int model);

struct predict_ratios {
    struct estimate seconds, joules;
};
struct predict_ratios predict_ratios(const struct contest *contest, int rival);

/* The rival, and the model's seconds and joules over its. */
void predict_against_text(FILE *file, const struct predict_answer *answer);
void predict_against_line(FILE *file, const struct predict_ratios *ratios);
json_t *predict_against_json(const struct predict_answer *answer);
json_t *predict_cost_json(const struct cost *cost);

/* What a row of CSV ends with where --against is given: the amounts of one model
 * over those of the rival; with `ratios`, of the whole, the model's bounds. */
enum { PREDICT_AGAINST_COLUMNS = 8 };
extern const struct column predict_against_columns[PREDICT_AGAINST_COLUMNS];
void predict_against_cells(struct table *table, const struct predict_row *row,
                           int model, int rival,
                           const struct predict_ratios *ratios);

/* ---- predict_trace.c: routes that are known, window by window ---- */

/* --trace or --synthetic is given. */
bool        predict_knows_routes(const struct predict_options *options);
/* STATUS_BAD_VALUE: a flag that has no sense with one of them. */
enum status predict_trace_check(const struct predict_options *options,
                                struct error *err) MUST_CHECK;
/* Prices all batches, and prints how their costs spread, in any format. */
enum status predict_trace_print(FILE *file, struct predict_answer *answer,
                                int argc, char **argv,
                                struct error *err) MUST_CHECK;

/* ---- predict_answer.c: the whole answer ---- */

/* How many tokens the priced work handles. */
double      predict_tokens(const struct predict_answer *answer);
/* What was asked, for a summary. */
json_t     *predict_question_json(struct predict_answer *answer);

/* The model, the question and how it is run, as lines. */
void        predict_print_question(FILE *file,
                                   const struct predict_answer *answer);

enum status predict_print_text(FILE *file, const struct predict_answer *answer,
                               struct error *err) MUST_CHECK;
enum status predict_print_csv(FILE *file, const struct predict_answer *answer,
                              struct error *err) MUST_CHECK;
enum status predict_print_json(FILE *file, struct predict_answer *answer,
                               int argc, char **argv,
                               struct error *err) MUST_CHECK;

/* ---- predict_yaml.c ---- */

/* STATUS_BAD_VALUE: no key says what the model has, by name. */
enum status predict_print_yaml(FILE *file, const struct predict_answer *answer,
                               struct error *err) MUST_CHECK;

#endif
