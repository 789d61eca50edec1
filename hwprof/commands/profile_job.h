/* profile_job.h - Hold what isobath profile works on, and name its parts. */
#ifndef PROFILE_JOB_H
#define PROFILE_JOB_H

#include "hwprof/measure/measure.h"
#include "hwprof/measure/validate.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/rundir.h"
#include "sim/core/ledger/agreement.h"
#include "sim/core/model/spec.h"

struct data;
struct model;
struct source;
struct machine;
struct rival;

enum { PHASE_TRAIN, PHASE_PREFILL, PHASE_DECODE, PHASE_COUNT };

/* Beside the arms of every profile: the rival of --against. */
enum { ARM_RIVAL = ARM_COUNT, PROFILE_ARMS };

struct profile_job;
struct workload;

/* One arm of one phase: a model at work, and what is known of it. */
struct arm {
    struct profile_job    *job;
    const struct workload *phase;
    const char *name;
    const struct model_spec *spec;
    struct model   *model;
    struct measure *measure;
    struct ledger  *predicted, *counted, *measured;
    struct cost    *step;         /* [steps] counted, where the phase decodes */
    int32_t        *kept;         /* [steps,choices] sequences that kept it */
    char            record[3][FILE_PATH_SIZE];   /* a recorded run: counters,
                                   * sys, proc */
};

extern const char *const profile_counters[];    /* back ends; NULL ends */

struct workload {
    const char *name, *file;      /* "train step", "train" */
    bool        train, decode;
    /* The work that is measured, and what must come before it. */
    void      (*prepare)(struct arm *arm);
    void      (*work)(struct arm *arm, struct meter *meter);
    enum status (*predict)(struct arm *arm, struct error *err);
};
extern const struct workload profile_phases[PHASE_COUNT];

struct profile_arguments {
    struct command_options common;
    const char *model, *text, *machine, *sysfs_root, *record, *phases;
    const char *against;      /* NULL: the dense twin alone */
    int64_t     batch, tokens, steps, repeats, seed;
    int         weights;      /* enum weights of models/files/source.h */
    int         counters;     /* of profile_counters[]; -1: any that is right */
    bool        wanted[PHASE_COUNT], validate;
};

struct profile_job {
    struct profile_arguments arguments;
    struct source    *source;     /* borrowed */
    struct model_spec spec[PROFILE_ARMS];
    struct rival     *rival;      /* owned; NULL: none but the twin */
    struct machine   *machine;    /* borrowed; NULL: none was given */
    bool              has_thresholds;
    struct rundir     rundir;
    struct data      *data;
    int32_t          *ids, *targets;
    int32_t          *column;     /* [B] one step's tokens */
    struct load_prober prober;    /* of all phases and arms */
    struct measure   *listening;  /* told which step runs; NULL: nobody */
    json_t           *phases;
    struct validation validation; /* where it was asked for */
    /* The arm and phase in which counted and predicted differ, and the first
     * cell; NULL: nowhere so far. */
    const char       *differs, *differs_in;
    struct disagreement first;
};

/* One arm through a phase.  Open it and, once it was counted, measure it until
 * profile_arm_measure() returns false: a call is a repeat, accepted or
 * rejected, of whichever pass wants one next.  profile_arm_json() appends its
 * object to `arms` and masks in the measured ledger what is too small to stand
 * by itself: totals are taken before, ledgers written after.  Close it in any
 * case. */
enum status profile_arm_open(struct arm *arm, struct profile_job *s,
                             const struct workload *phase, int which,
                             struct error *err) MUST_CHECK;
void        profile_arm_close(struct arm *arm);
enum status profile_arm_count(struct arm *arm, struct error *err) MUST_CHECK;
bool        profile_arm_measure(struct arm *arm);
enum status profile_arm_json(struct arm *arm, json_t *arms,
                             struct error *err) MUST_CHECK;
enum status profile_arm_write(const struct arm *arm,
                              struct error *err) MUST_CHECK;

/* A phase with all its arms, from opening to s->phases. */
enum status profile_run(struct profile_job *s, const struct workload *phase,
                        struct error *err) MUST_CHECK;

bool profile_decodes(const struct workload *phase);

/* What the arm's phase measured in all: "prefill", "run of 64 decode steps". */
enum { PROFILE_WORDS_SIZE = 48 };
const char *profile_words(char out[PROFILE_WORDS_SIZE], const struct arm *arm);
/* Of the tokens that the choices of the work looked at, the share that they kept,
 * once it was counted; NAN: nothing is routed. */
double      profile_kept(const struct arm *arm);

/* The rule by which prefill and decoding route. */
const char *profile_serving(const struct profile_job *s);

/* Every decode step by itself: arm->step and arm->kept. */
enum status profile_count_steps(struct arm *arm, struct error *err) MUST_CHECK;

/* ---- profile_rival.c ---- */

/* The rival of --against and its spec; nothing where there is none.
 * STATUS_BAD_VALUE: one that profile cannot run. */
enum status profile_rival_open(struct profile_job *s,
                               struct error *err) MUST_CHECK;
/* The arm takes part in a phase: a part of the twin is trained as the twin. */
bool        profile_rival_runs(const struct profile_job *s,
                               const struct workload *phase);
/* Weights do not change what a dense model costs: they are drawn. */
void        profile_rival_fill(const struct profile_job *s,
                               struct model *model);
/* Where one was asked for and takes no part, file and print why. */
void        profile_rival_missing(json_t *json, const struct profile_job *s,
                                  const struct workload *phase);
/* Files under the phase's `against` the rival, its arm as profile_arm_json() has
 * it, and what the model's arm takes of it, which is printed too; and how far
 * FLOPs that were to be equal are from it. */
enum status profile_rival_json(json_t *phase, json_t *rival_arm,
                               const struct arm *rival,
                               const struct arm *model,
                               struct error *err) MUST_CHECK;

/* Print what MoD takes of the dense arm's cost, in a line and, unless quiet,
 * in a table of pairs; arm[] holds both, and repeats are paired in their
 * order. */
enum status profile_paired_print(const struct arm *arm, bool quiet,
                                 struct error *err) MUST_CHECK;
/* {"flops","bytes","joules": ratio, "seconds": {"median","low","high","n",
 * "busy": others disturbed every pair}, "paired": {METRIC: {"difference",
 * "ratio"}}}; joules that were measured are an object like seconds. */
json_t *profile_paired(const struct arm *arm);
json_t *profile_range(const double *x, int n);

/* Print what the phase drew with and without idling, and for each token, where
 * it is known. */
void    profile_energy_print(FILE *file, const struct arm *arm);
/* As from energy_totals_json(), and {"gross_joules_low",
 * "gross_joules_high": of single repeats, "times", "shared_by"}. */
json_t *profile_energy(const struct arm *arm);

/* tokens.csv of the decoding arms: of every metric a step's amount, its source,
 * how small a step may be and still be told, and the reason for none.  And what
 * a token costs by how many routed layers kept it, or parts where those are
 * routed apart, printed and as JSON. */
enum status profile_tokens_write(const struct profile_job *s,
                                 const struct arm *arm, int n_arms,
                                 struct error *err) MUST_CHECK;
json_t     *profile_tokens(const struct profile_job *s, const struct arm *arm,
                           int n_arms);

/* The rates of the machine profile in use: a profile may change after the
 * run. */
json_t     *profile_ceilings(const struct machine *machine);

#endif
