/* predict_answer.h - Hold the question and the answer of isobath predict. */
#ifndef PREDICT_ANSWER_H
#define PREDICT_ANSWER_H

#include <jansson.h>
#include <stdio.h>

#include "sim/core/answer/command.h"
#include "sim/price/hold.h"
#include "sim/core/config/format_config.h"
#include "sim/price/predict_table.h"

enum logits { LOGITS_LAST, LOGITS_ALL };

struct predict_options {
    struct command_options common;
    const char *model, *convention;     /* the last may be NULL */
    struct config_paths machines;
    int     phase, by;                  /* enum memory_phase, predict_by */
    int     logits;                     /* enum logits */
    int64_t batch, tokens, context;     /* 0: not given */
    int     dtype, kv;                  /* enum precision, or -1 */
    bool    recompute;
    int64_t accumulate, tensor, data;
    double  measured;                   /* s; 0: not given */
    int     execution;                  /* enum execution */
    int     explain;                    /* enum op, or -1 */
    int64_t layer;                      /* the one that explain shows */
    int     weights;                    /* enum weights, then types, then
                                         * formats; -1: as the model file says */
};

/* All the data that are printed, in any format. */
struct predict_answer {
    struct predict_options *options;    /* a run config fills in what the flags
                                         * leave open */
    struct predict_question question;
    json_t *config;                     /* of the model, resolved */
    struct format_config formats;       /* that its file says */
    struct machine *machine;            /* NULL: none */
    struct prediction model, dense;
    struct predict_row rows[PREDICT_ROWS_MAX];
    int    n_rows;
    struct predict_row total;
};

/* ---- predict_run.c ---- */

/* True if the file is a config of isobath train or isobath run: it has a section
 * train:, data: or run:. */
bool        predict_is_run(const char *path);
/* The spec and the config of such a file, its batch, tokens and machine. */
enum status predict_load_run(struct predict_answer *answer,
                             struct error *err) MUST_CHECK;

/* ---- predict.c ---- */

/* Prices the question; the answer's model and dense are closed before. */
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

/* What is held for what, and on a machine whether it fits. */
void predict_memory_text(FILE *file, const struct predict_answer *answer);
/* The table of --by memory, for text or CSV. */
enum status predict_memory_table(FILE *file,
                                 const struct predict_answer *answer,
                                 struct error *err) MUST_CHECK;
/* Adds memory_bytes, process_bytes, memory, holds and fits. */
void predict_memory_json(json_t *summary, const struct predict_answer *answer);

/* ---- predict_measured.c: beside a measured time ---- */

void predict_measured_text(FILE *file, const struct predict_answer *answer);
json_t *predict_measured_json(const struct predict_answer *answer);

/* ---- predict_answer.c: the whole answer ---- */

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

#endif
