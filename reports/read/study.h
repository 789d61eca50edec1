/* study.h - Gather trained runs into settings, whose runs are equal in all but
 * the seed. */
#ifndef STUDY_H
#define STUDY_H

#include "reports/read/run.h"
#include "sim/core/base/stats.h"

enum { SETTING_LABEL_SIZE = 80 };

/* Others are dense or routed, and something else besides: experts, layers that
 * share weights, exits. */
enum setting_kind { SETTING_DENSE, SETTING_MOD, SETTING_CONTROL, SETTING_OTHER,
                    SETTING_KIND_COUNT };
extern const char *const setting_kind_names[SETTING_KIND_COUNT];

/* A difference of losses; the rest is how it was found (comparison.h). */
struct compared {
    struct difference loss;
    size_t n_blocks;                    /* of text that vary in its interval;
                                         * 0: the text does not */
    bool   paired;                      /* seed by seed */
};

struct setting {
    enum setting_kind kind;
    char  label[SETTING_LABEL_SIZE];    /* "12.5 % of 3, 6x48" */
    char  shape[32];                    /* "6x48": layers x channels */
    char *key;                          /* owned: the config without seeds */
    const struct run **run;             /* owned [n]; the runs are borrowed */
    size_t n, n_seeds;                  /* runs of an unknown seed: one seed */
    const char *blocks;                 /* path of the losses of blocks of text in
                                         * a summary; never NULL */
    double *seed, *loss;                /* owned [n_seeds]: distinct ones, and
                                         * the causal loss of each */
    double capacity, flops_train, tokens, n_parameters;
    double flops_forward, flops_topk;   /* means, by rule as the losses */
    struct spread causal, topk, train, realised;    /* over seeds: of a
                                         * seed's repeats their mean */
    int    budget;                      /* index of study.budget; -1: its
                                         * training FLOPs are unknown */
    const struct setting *rival;        /* the best dense it is set against, of
                                         * its own budget where those are
                                         * separate; NULL: no dense */
    struct compared against_dense;      /* causal loss less the rival's; NAN
                                         * without one */
    double p, p_within;                 /* of a difference, and of one within
                                         * the margin, each corrected for all
                                         * settings that have a verdict; NAN:
                                         * untested */
    enum verdict verdict;               /* of that difference */
};

/* A difference of held-out loss below this share of the dense loss is none: a
 * third of the 1.5 % that MoD is said to gain at equal training FLOPs (Raposo
 * et al. 2024, section 1). */
enum { STUDY_MARGIN_PERMILLE = 5 };

/* Training budgets this close to each other are equal. */
enum { STUDY_EQUAL_PERMILLE = 10 };     /* equal: within 1 % */

struct study {
    struct setting *setting;         /* [n] dense first, then by forward cost */
    size_t n;
    const struct setting *dense, *mod;  /* the lowest mean causal loss of each
                                         * kind; NULL: none was trained */
    size_t n_runs, n_unfinished;
    size_t n_twice;                     /* left out: there before, with the
                                         * same config, data, seed, result */
    size_t n_repeats;                   /* of a seed that was there before,
                                         * with another result */
    double flops_low, flops_high;       /* training FLOPs over all runs */
    enum provenance flops_from;         /* the weakest that went in */
    bool   equal_flops;                 /* high / low - 1 <= 1 %; false if
                                         * unknown */
    double *budget;                     /* [n_budgets] owned, rising: the most
                                         * FLOPs of settings equal within 1 % */
    size_t n_budgets;
    bool   separate;                    /* several budgets, each a quarter or
                                         * more above the one before: meant */
    size_t n_dense, n_mod;              /* settings that the best are chosen
                                         * from */
    size_t n_depths;                    /* distinct depths of those dense */
    struct compared best;               /* loss of the best MoD less that of the
                                         * best dense, seed by seed, both chosen
                                         * on the other seeds */
    enum verdict verdict;               /* of that difference */
};

/* Points of sweeps and train runs alike.  The runs must outlive the study. */
enum status study_open(struct study *out, const struct run *runs, size_t n,
                       struct error *err) MUST_CHECK;
void        study_close(struct study *study);

/* The loss of a seed, the mean of its repeats; NAN: the setting lacks it. */
double      setting_loss(const struct setting *setting, double seed);

/* rivals.c: find the best of each kind, and what may be said of each setting
 * against dense.  x[2 * n_runs] is scratch. */
void        study_judge(struct study *study, double *x);

/* True for the budget that the best are chosen from: within 5 % of the
 * largest. */
bool        study_is_largest(const struct study *study,
                             const struct setting *setting);

/* "dense", "MoD"; of others "MoE", "recursion". */
const char *setting_kind_word(const struct setting *setting);
/* It routes tokens around no block. */
bool        setting_routes_none(const struct setting *setting);
/* "dense ", or "" where the label begins so itself, and for others. */
const char *setting_kind_before(const struct setting *setting);
/* The label, and the budget where there are several. */
void        study_label(char out[160], const struct study *study,
                        const struct setting *setting);

/* "capacity 12.5 % in 3 of 6 layers, 48 channels" or "6 layers of 48
 * channels", behind "NAME: " where a study names it. */
void study_words(char out[160], const struct setting *setting);

/* "cannot tell: 5 seeds see only differences above 1.2 %"; n_tested: how many
 * differences were tested together. */
void study_said(char out[96], enum verdict verdict,
                const struct compared *compared, double dense_loss,
                size_t n_tested);

/* "12.5 % more training FLOPs", what the best MoD model took beside the best dense
 * one; "" where they are equal within 1 %, or unknown. */
void study_apart(char out[64], const struct study *study);

/* The number of settings with a difference that was tested. */
size_t study_tested(const struct study *study);

/* The run of the setting whose loss is in the middle. */
const struct run *study_typical(const struct setting *setting);

#endif
