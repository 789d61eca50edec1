/* answer_job.h - Hold what isobath answer is asked, and what comes out. */
#ifndef ANSWER_JOB_H
#define ANSWER_JOB_H

#include "sim/commands/predict_model.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/table.h"
#include "sim/price/contest.h"
#include "sim/price/doubt.h"
#include "sim/price/serving.h"

enum { ANSWER_PHASES = 3, ANSWER_MACHINES_MAX = CONFIG_PATHS_MAX,
       ANSWER_RIVALS_MAX = CONTEST_RIVALS_MAX, ANSWER_WORDS_SIZE = 1024 };

extern const enum memory_phase answer_phases[ANSWER_PHASES];

struct answer_options {
    struct command_options common;
    struct config_paths machines, against;
    struct config_int_list batches, contexts;
    int     weights, dtype, kv;         /* as struct predict_formats */
    int     execution;                  /* enum execution */
    int64_t n_prompt, n_new, concurrency;
    double  first_limit, next_limit;    /* s; 0: none */
    const char *study;                  /* of --against-loss; NULL: none */
    const char *trace;                  /* a file or directory; NULL: none */
    bool    by_depth;
};

/* A machine, and the arithmetic that models run in there. */
struct answer_machine {
    struct machine machine;
    enum precision arithmetic;
    struct bill_draws draws;            /* in it */
    char why[METRIC_COUNT][160];        /* a metric is unknown there; "": it is
                                         * not */
    char unpriced[160], unmetered[160]; /* likewise cost, and gCO2 */
};

/* What one model takes in a cell. */
struct answer_side {
    struct cost total;                  /* of a step */
    struct hold hold;
    double largest_batch;               /* NAN: unknown */
    enum fit fit;
};

/* The model over a rival, and in a cell what makes the intervals. */
struct answer_pair {
    struct estimate flops, seconds, joules;
    struct doubt    seconds_doubt, joules_doubt;
};

/* A phase on a machine, of B sequences of T tokens. */
struct answer_cell {
    int     machine, phase;             /* indices of the lists */
    int32_t n_sequences, n_tokens;
    struct answer_side model, rival[ANSWER_RIVALS_MAX];
    struct answer_pair pair[ANSWER_RIVALS_MAX];
};

/* How a machine serves the mix; models[0] is the model, rivals follow. */
struct answer_served {
    struct served by[1 + ANSWER_RIVALS_MAX];
};

/* What is left of the FLOPs that are nominally saved, as shares of a rival's: of a
 * decode step of the mix, of the mix from end to end, and of the batch that fits. */
#define ANSWER_STAGE_MAP(X)                                                    \
    X(STAGE_NOMINAL,  "nominal_flops", "nominal FLOPs") /* of each routed layer \
        * of the twin its capacity's share */                                  \
    X(STAGE_EXECUTED, "flops",         "executed FLOPs")                       \
    X(STAGE_BYTES,    "bytes",         "bytes")                                \
    X(STAGE_SECONDS,  "seconds",       "time of a step")                       \
    X(STAGE_JOULES,   "joules",        "energy of a step")                     \
    X(STAGE_SERVED_SECONDS, "served_seconds", "time, end to end")              \
    X(STAGE_SERVED_JOULES,  "served_joules",  "energy, end to end")            \
    X(STAGE_BATCH,    "largest_batch", "largest batch")

enum answer_stage { ANSWER_STAGE_MAP(NAMES_ID) ANSWER_STAGES };
struct answer_fall {
    struct estimate of_rival[ANSWER_STAGES];       /* NAN: unknown */
    double largest[2];                  /* batches, the model's and the rival's */
};

/* Cells of a phase in which the model stands so to a rival, by seconds or
 * joules. */
struct answer_tally {
    int n;                              /* that both fit in, and both known */
    int saves, costs;                   /* the whole interval below or above 1 */
    int alone, unfit, unknown;          /* the model alone fits; it does not; a
                                         * number is missing */
    const struct answer_cell *best, *worst;   /* lowest and highest value; NULL:
                                         * there is none */
};

struct answer_job {
    struct answer_options *options;
    struct predict_model file;
    struct answer_machine *machine;     /* [n_machines] owned */
    int    n_machines;
    struct rival *rival;                /* [n_rivals] owned; the first is the
                                         * dense twin */
    const char *asked[ANSWER_RIVALS_MAX];     /* as --against has them */
    int    n_rivals;
    char   untrained[160];              /* why training is no phase of it; "" */
    struct answer_cell *cell;           /* [n_cells] owned: machines, in each
                                         * phases, contexts, batches */
    size_t n_cells;
    struct answer_cell *plane;          /* [n_plane] owned: likewise, of all
                                         * batches and contexts of the plane */
    size_t n_plane;
    struct config_int_list plane_batches, plane_contexts;
    struct answer_fall (*fall)[ANSWER_RIVALS_MAX];  /* [n_machines] owned */
    struct serving mix;
    struct answer_served *served;       /* [n_machines] owned */
};

/* ---- answer_work.c ---- */

/* Fills in cells and served; what is needed before is there. */
enum status answer_work_out(struct answer_job *job,
                            struct error *err) MUST_CHECK;
/* What is asked of a phase on a machine. */
struct predict_question answer_question(const struct answer_job *job,
                                        const struct answer_machine *machine,
                                        enum memory_phase phase);
struct answer_tally answer_tally(const struct answer_job *job, int phase,
                                 int rival, enum metric metric);
const struct estimate *answer_ratio(const struct answer_cell *cell, int rival,
                                    enum metric metric);

/* How the model stands to a rival in a cell. */
#define ANSWER_STAND_MAP(X)                                                    \
    X(STAND_SAVES, "saves")      /* the whole interval below 1 */              \
    X(STAND_COSTS, "costs")      /* above it */                                \
    X(STAND_OPEN,  "not told")   /* it holds 1 */                              \
    X(STAND_UNFIT, "no room")    /* for one of the two */                      \
    X(STAND_UNKNOWN, "unknown")
enum answer_stand { ANSWER_STAND_MAP(NAMES_ID) STAND_COUNT };
extern const char *const answer_stands[];            /* NULL ends */
enum answer_stand answer_stand(const struct answer_cell *cell, int rival,
                               enum metric metric);

/* ---- answer_flips.c: the plane of batch and context ---- */

enum status answer_flips_table(struct table *out, const struct answer_job *job,
                               struct error *err) MUST_CHECK;
json_t     *answer_flips_json(const struct answer_job *job);

/* ---- answer_fall.c: what is left of the FLOPs saved ---- */

enum status answer_fall(struct answer_job *job, struct error *err) MUST_CHECK;
enum status answer_fall_table(struct table *out, const struct answer_job *job,
                              struct error *err) MUST_CHECK;
json_t     *answer_fall_json(const struct answer_job *job);
void        answer_fall_words(char out[ANSWER_WORDS_SIZE],
                              const struct answer_job *job, int rival);

/* ---- answer_doubts.c: what flips, by which number, and between machines ---- */

/* Cells whose interval holds 1, by the number that explains most of it. */
enum status answer_doubts_table(struct table *out, const struct answer_job *job,
                                struct error *err) MUST_CHECK;
/* A phase, batch and length that saves on one machine and costs on another. */
enum status answer_splits_table(struct table *out, const struct answer_job *job,
                                struct error *err) MUST_CHECK;
void        answer_doubts_words(char out[ANSWER_WORDS_SIZE],
                                const struct answer_job *job, int rival);

/* ---- answer_words.c ---- */

/* Append to a text of that size; what does not fit is cut. */
void answer_say(char out[ANSWER_WORDS_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What the numbers say, as sentences: of one phase, against one rival. */
void answer_words(char out[ANSWER_WORDS_SIZE], const struct answer_job *job,
                  int phase, int rival);
/* And of all phases, in a line. */
void answer_lead(char out[ANSWER_WORDS_SIZE], const struct answer_job *job,
                 int rival);
/* "yes", "in part", "no", "not told"
 * or "unknown", of seconds or joules. */
const char *answer_verdict(const struct answer_tally *tally);
/* What the model is: routed, or priced as if. */
void answer_about(char out[ANSWER_WORDS_SIZE], const struct answer_job *job);

/* ---- answer_mix.c ---- */

/* The request mix, a row a machine and model. */
enum status answer_mix_table(struct table *out, const struct answer_job *job,
                             struct error *err) MUST_CHECK;
json_t     *answer_mix_json(const struct answer_job *job);
void        answer_mix_words(char out[ANSWER_WORDS_SIZE],
                             const struct answer_job *job, int rival);

/* ---- answer_table.c ---- */

/* A row a cell and rival; caller closes it. */
enum status answer_cells_table(struct table *out, const struct answer_job *job,
                               struct error *err) MUST_CHECK;
/* A row a phase and rival: does it save? */
enum status answer_digest_table(struct table *out, const struct answer_job *job,
                                struct error *err) MUST_CHECK;

/* ---- answer_deliver.c ---- */

/* Prints it all, or leaves it in the directory that was asked for. */
enum status answer_deliver(const struct answer_job *job,
                           struct error *err) MUST_CHECK;

#endif
