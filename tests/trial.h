/* trial.h - Try a small model: beside a decoder in double, and beside what is
 * predicted of it.  All but trial_open() expect, and go on. */
#ifndef TRIAL_H
#define TRIAL_H

#include "sim/price/predict.h"
#include "tests/cases.h"

enum { TRIAL_TOKENS = 128 };

struct trial {
    struct model_spec spec;
    const struct shape *shape;
    char what[CASE_NAME_SIZE];           /* for messages */
    struct model *model;
    int32_t ids[TRIAL_TOKENS], targets[TRIAL_TOKENS], n;   /* [B,T]; n: B T */
    struct model_input input;
};

/* Opens and fills the model of t->spec for a text of t->shape, which the top-k of
 * the scores would route; ends the test on failure.  Release it by
 * model_close(). */
void trial_open(struct trial *t, bool train, int n_threads);

/* One forward pass has the logits and the mean loss of the decoder in double. */
void trial_expect_logits(struct trial *t);

/* One forward and one backward pass: the gradient of each tensor that is trained
 * is, by norm, the slope in double, looked at in about `numbers` of its
 * numbers. */
void trial_expect_slopes(struct trial *t, size_t numbers);

typedef enum status trial_predict(struct ledger *ledger,
                                  const struct predict_job *job,
                                  struct error *err);
trial_predict trial_scoring, trial_step, trial_decoding;

/* What was counted, by `by` tokens (0: together), is predicted of this
 * allocation; more than `cells` cells were touched. */
void trial_expect_cost(const struct trial *t, const struct ledger *counted,
                       const struct allocation *allocation, int32_t by,
                       trial_predict *predict, uint64_t cells);

/* The tokens at `at` of all sequences as one decode step of `steps`, whose cost is
 * that of the routes that it kept; by how much any logit differs from that of
 * t->model, which has seen them in one pass. */
double trial_decode(const struct trial *t, struct model *steps, int32_t at,
                    int32_t by, uint64_t cells);

/* spec_check() refuses it in words that begin so. */
void trial_expect_refused(const struct model_spec *spec, const char *begins);

#endif
