/* variant.h - Hold every case of a variant to what any model is held to: a decoder
 * in double, its prediction, and itself on other threads and step by step. */
#ifndef VARIANT_H
#define VARIANT_H

#include "tests/trial.h"

struct variant {
    struct model_spec (*make)(const struct shape **shape,
                              char what[CASE_NAME_SIZE], int i);
    int n;                               /* cases */
    const char *policy;                  /* that they are settled for and run
                                          * by; NULL: expert_choice, unsettled */
    const char *causal;                  /* and that one pass runs by beside
                                          * decode steps */
    float cut;                           /* thresholds then fall by it, twice in
                                          * three layers */
    bool (*in_double)(const struct trial *t);   /* the decoder in double knows
                                          * it; NULL: all */
    bool (*decodes)(const struct trial *t);     /* step by step; NULL: all */
    size_t numbers;                      /* of a tensor, whose slopes are looked
                                          * at */
    uint64_t cells;                      /* of a ledger, more than are touched */
};

/* An update that moves every weight. */
extern const struct update variant_update;

/* The i-th case; release it by model_close(). */
void variant_open(struct trial *t, const struct variant *v, int i, bool train,
                  int n_threads);

/* All expect, and go on; the third tries every step-th case. */
void variant_expect_logits(const struct variant *v);
void variant_expect_slopes(const struct variant *v);
void variant_expect_same_bits(const struct variant *v, int step);
void variant_expect_scoring_cost(const struct variant *v);
void variant_expect_training_cost(const struct variant *v);
void variant_expect_decoding(const struct variant *v);

#endif
