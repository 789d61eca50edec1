/* train_job.h - Hold everything that isobath train works on. */
#ifndef TRAIN_JOB_H
#define TRAIN_JOB_H

#include "hwprof/machine/load_watch.h"
#include "models/training/train_config.h"
#include "models/files/source.h"
#include "models/tokens/tokenizer.h"
#include "models/files/tokenizer_copy.h"
#include "models/training/trainer.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/rundir.h"
#include "sim/core/config/later_keys.h"

struct machine;

struct train_arguments {
    struct command_options common;
    const char *config;
    int         resume;          /* enum resume; -1: not given */
    bool        dry_run;
};

/* The parts of a run, opened in this order. */
struct train_job {
    struct train_arguments arguments;
    struct train_config  config;
    struct config_origin origins[TRAIN_CONFIG_KEYS_MAX];
    struct source      source;        /* train.init, where there is one */
    struct model_spec  spec;
    struct machine    *machine;       /* NULL: none */
    struct rundir      rundir;
    struct tokenizer  *tokenizer;     /* NULL: bytes */
    struct tokenizer_copy copied;     /* of it, for readers of the checkpoint */
    struct corpus      corpus;
    struct text_trace *trace;         /* that is replayed; NULL: none */
    char table_hash[17], trace_hash[17];  /* of what routes; "": none */
    struct trainer    *trainer;
    struct ledger     *predicted;     /* of one step as planned; then of all, as
                                       * they were routed */
    struct allocation  allocation;    /* of one step as planned */
    struct trainer_options options;
    struct load_watch  watch;         /* of the steps of this process */
    struct load_seen   load;
    int64_t            first_step;    /* of them */
    json_t            *config_json;
    char               fingerprint[17];
    char               state_path[FILE_PATH_SIZE];
};

/* ---- train_plan.c, in this order ---- */

/* A job with nothing in it yet; NULL: no memory.  Release it, with all that it
 * holds by then, by train_close(). */
struct train_job *train_begin(struct error *err);
void train_close(struct train_job *s);

/* Read config and spec alone, for who only prices them. */
enum status train_read_model(struct train_job *s, struct error *err) MUST_CHECK;
/* Read config, spec, tokenizer and machine; check that memory suffices. */
enum status train_read_config(struct train_job *s,
                              struct error *err) MUST_CHECK;
/* Predict the cost of a step that keeps the nominal capacity, and the number of
 * such steps that the budget buys. */
enum status train_plan(struct train_job *s, struct error *err) MUST_CHECK;
/* The held-out text that the final loss is of. */
enum split train_judge_split(const struct train_config *config);
/* Open the text, and take the fingerprint of all that must not change. */
enum status train_open_data(struct train_job *s,
                            struct error *err) MUST_CHECK;
/* The fingerprints that this program and those before it, which knew fewer keys,
 * take of the run; the first is s->fingerprint. */
enum { TRAIN_FINGERPRINTS = 1 + LATER_KEYS_MAX * (LATER_KEYS_MAX + 1) / 2 };
enum status train_fingerprints(char out[TRAIN_FINGERPRINTS][17], int *n,
                               const struct train_job *s,
                               struct error *err) MUST_CHECK;
enum status train_open_trainer(struct train_job *s,
                               struct error *err) MUST_CHECK;

/* Where steps cost unlike, add the one just done to the prediction, by its
 * routes. */
enum status train_predict_step(struct train_job *s,
                               struct error *err) MUST_CHECK;
/* The prediction of all steps. */
enum status train_predict_run(struct train_job *s,
                              struct error *err) MUST_CHECK;

/* The run's own, or the one that lies beside the initial model; "": bytes. */
const char *train_tokenizer_path(const struct train_job *s);

/* The resident set of the whole process at its peak; where a tokenizer has not
 * read the text yet, without its ids. */
uint64_t train_predicted_bytes(const struct train_job *s);

/* ---- train_table.c: does nothing where no table routes ---- */

/* The table can be read and has the layers that are routed. */
enum status train_table_check(struct train_job *s,
                              struct error *err) MUST_CHECK;
/* XXH64 of its file. */
enum status train_table_hash(char out[17], const struct train_job *s,
                             struct error *err) MUST_CHECK;
/* Hands the table to the model. */
enum status train_table_give(struct train_job *s,
                             struct error *err) MUST_CHECK;
/* Writes it beside the weights. */
enum status train_table_write(const struct train_job *s,
                              struct error *err) MUST_CHECK;

/* ---- train_replay.c: does nothing where no trace routes ---- */

/* Read the trace, which must be of the text, as it is read and split. */
enum status train_replay_open(struct train_job *s,
                              struct error *err) MUST_CHECK;
/* XXH64 of what it says. */
void        train_replay_hash(char out[17], const struct train_job *s);

/* ---- train_foresee.c ---- */

/* Print what a planned run would spend: a step and in all. */
enum status train_foresee(const struct train_job *s,
                          struct error *err) MUST_CHECK;

/* ---- train_answer.c ---- */

/* The share of the run's work that its steps are, about; the rest is the
 * judging. */
double train_share_of_steps(const struct train_job *s);

/* Judge the model on the held-out text, write the results and print them.
 * summary.json is written last, so that it exists only if all other files do.
 * STATUS_FAILED: counted and predicted differ. */
enum status train_finish(struct train_job *s, int argc, char **argv,
                         struct error *err) MUST_CHECK;

#endif
