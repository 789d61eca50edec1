/* run.h - Hold what a command left in its run directory.
 *
 * An amount that the directory lacks is unknown, with a reason. */
#ifndef RUN_H
#define RUN_H

#include <jansson.h>
#include "sim/core/answer/amount.h"
#include "sim/core/answer/summary.h"
#include "reports/read/csv.h"
#include "reports/read/witness.h"
#include "sim/core/base/file.h"

/*    id        "command" of summary.json                                     */
#define RUN_KIND_MAP(X)                                                        \
    X(TRAIN,    "train")                                                       \
    X(SCORE,    "run")                                                         \
    X(ROUTER,   "router")                                                      \
    X(REGRET,   "regret")                                                      \
    X(SENSITIVITY, "sensitivity")                                              \
    X(ALLOCATE, "allocate")                                                    \
    X(PROFILE,  "profile")                                                     \
    X(ASKED,    "answer")                                                      \
    X(SWEEP,    "sweep")

enum run_kind {
#define X(id, command) RUN_##id,
    RUN_KIND_MAP(X)
#undef X
    RUN_KIND_COUNT
};
extern const char *const run_commands[RUN_KIND_COUNT];

/* One of the three totals, or of a phase's arms. */
struct totals {
    struct amount of[WITNESS_COUNT][METRIC_COUNT];
};
struct amount totals_best(const struct totals *totals, enum metric metric);
/* totals.<witness>.<metric> with sources and reasons, from any object of that
 * form; NULL: all unknown. */
void        totals_read(struct totals *out, const json_t *totals);

/* A model, and the losses and costs of its run; NAN and NULL are unknown. */
struct facts {
    bool   dense;                  /* nothing is routed around any block */
    bool   control;                /* routed, but not by learned scores */
    const char *mode;              /* "MoE", "recursion": what else than blocks
                                    * that are routed around it is; NULL:
                                    * nothing */
    double n_layers, n_channels, n_parameters;
    double n_routed;               /* blocks that tokens are routed around */
    double capacity, realised;     /* share of tokens in routed blocks */
    double loss_train, loss_causal, loss_topk;    /* nats per byte */
    double flops_forward;          /* per token, under the causal rule */
    double flops_topk;             /* under that of training */
    double tokens, seed;
    const char *policy;            /* borrowed from the summary: by which it was
                                    * trained */
    const char *rule;              /* likewise: by which a text was scored */
};
/* A share realised that is more than 5 % off the nominal one is another model's
 * cost; false where either is unknown. */
bool        capacity_strays(double realised, double nominal);
/* From summary.json, to which policy and rule then point. */
void        facts_read(struct facts *out, const json_t *summary);

extern const char *const arm_titles[ARM_COUNT];       /* "dense twin", "MoD" */

/* A phase of a profile: the model and its dense twin, side by side. */
struct phase {
    const char *name;              /* borrowed: "train step" */
    bool   has[ARM_COUNT];         /* a model that routes nothing is dense, and
                                    * has that arm alone */
    double batch, tokens, steps;   /* steps: decode steps in the amounts */
    const char *policy;            /* borrowed; NULL: not stated */
    double capacity, realised;     /* of ARM_MOD: share of tokens in routed
                                    * blocks; NAN: not stated */
    struct totals totals[ARM_COUNT];
    struct amount seconds[ARM_COUNT];       /* median and interval */
    struct amount ratio[METRIC_COUNT];      /* MoD over dense, paired if it can
                                             * be; else of the totals */
    const char *rival;             /* borrowed: the model that ran in turns with
                                    * these (--against); NULL: none did */
    int    rival_layers;
    struct amount of_rival[METRIC_COUNT];   /* the model over it, likewise */
    struct witnesses witnesses[ARM_COUNT];
};

enum { RUN_NAME_SIZE = 96, RUN_MAX_PHASES = 8 };

struct run {
    char   path[FILE_PATH_SIZE];
    char   name[RUN_NAME_SIZE];    /* the path's last part */
    enum run_kind kind;
    json_t *summary;               /* owned; NULL: a sweep without */
    struct totals totals;
    struct facts  facts;
    struct phase *phase;           /* [n_phases], of a profile */
    size_t n_phases;
    struct run *point;             /* [n_points], of a sweep: finished ones, each
                                    * of a command that works */
    size_t n_points, n_unfinished;
    struct csv table;              /* points.csv, of a sweep; no rows: none */
    const char *title, *row, *study_phase; /* of a point, borrowed from there: its
                                    * name, its row of settings, its phase;
                                    * NULL: the study names none */
};

/* The last part of a path, without slashes at its end. */
void        run_path_name(char out[RUN_NAME_SIZE], const char *path);

/* "SmolLM2-135M-Instruct.Q4_1": the file or directory that held the model, by its
 * name alone; the run's own name where it says none. */
void        run_model(char out[RUN_NAME_SIZE], const struct run *run);

/* The model that was profiled, which is dense where nothing routes, or its
 * twin beside it. */
enum side   phase_arm(const struct phase *phase);
bool        phase_has_twin(const struct phase *phase);

/* Tokens that the phase processes in all: batch x tokens, or steps where it
 * decodes; NAN: not stated. */
double      phase_tokens(const struct phase *phase);

/* The whole of an arm: counted where that is exact, by its strongest witness
 * else; seconds are those of whole repeats. */
struct amount phase_total(const struct phase *phase, enum side arm,
                          enum metric metric);

/* The work whose amounts a phase has: "prefill", "run of 64 decode steps". */
enum { PHASE_WORDS_SIZE = 48 };
void        phase_words(char out[PHASE_WORDS_SIZE], const struct phase *phase);

/* "prefill, batch 8, 256 tokens", "run of 64 decode steps, batch 1" */
void        phase_title(char out[96], const struct phase *phase);

/* A file of the directory; false when there is none. */
bool        run_has(const struct run *run, const char *file,
                    char path[FILE_PATH_SIZE]);

/* ledger.csv; without one all three witnesses are silent. */
enum status run_ledgers(struct witnesses *out, const struct run *run,
                        struct error *err) MUST_CHECK;

#endif
