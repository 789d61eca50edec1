/* study.h - Gather trained runs into settings, whose runs are equal in all but
 * the seed. */
#ifndef STUDY_H
#define STUDY_H

#include "reports/read/run.h"
#include "sim/core/base/stats.h"

enum { SETTING_LABEL_SIZE = 80 };

enum setting_kind { SETTING_DENSE, SETTING_MOD, SETTING_CONTROL,
                    SETTING_KIND_COUNT };
extern const char *const setting_kind_names[SETTING_KIND_COUNT];

struct setting {
    enum setting_kind kind;
    char  label[SETTING_LABEL_SIZE];    /* "12.5 % of 3, 6x48" */
    char  shape[32];                    /* "6x48": layers x channels */
    char *key;                          /* owned: the config without seeds */
    const struct run **run;             /* owned [n]; the runs are borrowed */
    size_t n;
    double capacity, flops_train, tokens, n_parameters;
    double flops_forward, flops_topk;   /* means, by rule as the losses */
    struct spread causal, topk, train, realised;    /* of the known runs */
    int    budget;                      /* index of study.budget; -1: its
                                         * training FLOPs are unknown */
    const struct setting *rival;        /* the best dense it is set against, of
                                         * its own budget where those are
                                         * separate; NULL: no dense */
    struct difference against_dense;    /* causal loss less the rival's, over
                                         * seeds; NAN without one */
};

/* Training budgets this close to each other are equal. */
enum { STUDY_EQUAL_PERMILLE = 10 };     /* equal: within 1 % */

struct study {
    struct setting *setting;         /* [n] dense first, then by forward cost */
    size_t n;
    const struct setting *dense, *mod;  /* the lowest mean causal loss of each
                                         * kind; NULL: none was trained */
    size_t n_runs, n_unfinished;
    double flops_low, flops_high;       /* training FLOPs over all runs */
    enum provenance flops_from;         /* the weakest that went in */
    bool   equal_flops;                 /* high / low - 1 <= 1 %; false if
                                         * unknown */
    double *budget;                     /* [n_budgets] owned, rising: the most
                                         * FLOPs of settings equal within 1 % */
    size_t n_budgets;
    bool   separate;                    /* several budgets, each a quarter or
                                         * more above the one before: meant */
    enum verdict verdict;               /* of the best MoD against the best
                                         * dense */
};

/* Points of sweeps and train runs alike.  The runs must outlive the study. */
enum status study_open(struct study *out, const struct run *runs, size_t n,
                       struct error *err) MUST_CHECK;
void        study_close(struct study *study);

/* The loss that a comparison uses: under the causal rule; NAN when unknown. */
double      study_loss(const struct run *run);

/* True for the budget that the best are chosen from: within 5 % of the
 * largest. */
bool        study_is_largest(const struct study *study,
                             const struct setting *setting);

/* The label, and the budget where there are several. */
void        study_label(char out[160], const struct study *study,
                        const struct setting *setting);

/* "capacity 12.5 % in 3 of 6 layers, 48 channels" or "6 layers of 48
 * channels". */
void study_words(char out[160], const struct setting *setting);

/* The run of the setting whose loss is in the middle. */
const struct run *study_typical(const struct setting *setting);

#endif
