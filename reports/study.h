/* study.h - trained runs, gathered into settings: equal in all but the seed. */
#ifndef STUDY_H
#define STUDY_H

#include "reports/run.h"
#include "reports/stats.h"

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
    double capacity, flops_forward, flops_train, tokens, n_parameters;
    struct spread causal, topk, train, realised;    /* of the known runs */
    struct difference against_dense;  /* causal loss less the best dense's, over
                                         * seeds; NAN without a dense */
};

/* How far apart the training budgets are. */
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
    enum verdict verdict;               /* of the best MoD against the best
                                         * dense */
};

/* Points of sweeps and train runs alike.  The runs must outlive the study. */
enum status study_open(struct study *out, const struct run *runs, size_t n,
                       struct error *err) MUST_CHECK;
void        study_close(struct study *study);

/* Loss that a comparison uses: under the causal rule; NAN when unknown. */
double      study_loss(const struct run *run);

/* "capacity 12.5 % in 3 of 6 layers, 48 channels" or "6 layers of 48
 * channels". */
void study_words(char out[160], const struct setting *setting);

/* The run of the setting whose loss is in the middle. */
const struct run *study_typical(const struct setting *setting);

#endif
