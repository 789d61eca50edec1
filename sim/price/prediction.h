/* prediction.h - Price a model by the question that `isobath predict` is asked. */
#ifndef PREDICTION_H
#define PREDICTION_H

#include "sim/price/hold.h"
#include "sim/price/predict.h"

/* What is asked of each model. */
struct predict_question {
    struct model_spec    spec;
    const struct machine *machine;    /* NULL: none; borrowed */
    enum memory_phase    phase;       /* but MEMORY_LAST */
    bool                 all_logits;  /* of a prefill: logits of every row, not
                                       * of each sequence's last alone */
    struct regime        regime;
    int32_t              n_sequences; /* B of each of the regime's steps */
    int32_t              n_tokens;    /* T; of decode, keys with the new one */
    const struct bill_draws *draws;   /* that intervals rest on, of the machine
                                       * in the regime's arithmetic; NULL: drawn
                                       * for each answer; borrowed */
    int                  n_draws;     /* the first so many, at most BILL_DRAWS; 0:
                                       * all; NO_DRAWS: there are no intervals */
    bool                 other_machine;   /* prediction_price(): that alone is
                                       * other than what was answered before */
};
enum { NO_DRAWS = -1 };

/* One model's answer. */
struct prediction {
    struct model_spec    spec;
    struct allocation    allocation;  /* counts; where they matter, positions
                                       * that are evenly spaced */
    struct ledger       *ledger;      /* by pass, layer, op; blank unknown; NULL:
                                       * totals alone */
    struct predict_range range;       /* of draws, if there are any */
    struct tariff       *tariff;      /* of totals alone */
    struct step_sum     *sum;
    struct step_charges *charges;
};

/* Caller releases with prediction_close(), also after a failure. */
enum status prediction_open(struct prediction *out,
                            const struct predict_question *question,
                            const struct model_spec *spec,
                            struct error *err) MUST_CHECK;
void        prediction_close(struct prediction *prediction);

/* The same model at one question after another, totals alone, in a twentieth of
 * the time: prediction_begin() works out what does not change, execution and
 * devices among it; prediction_price() answers a question, and takes the place of
 * what was answered before. */
enum status prediction_begin(struct prediction *out,
                             const struct predict_question *question,
                             const struct model_spec *spec,
                             struct error *err) MUST_CHECK;
enum status prediction_price(struct prediction *prediction,
                             const struct predict_question *question,
                             struct error *err) MUST_CHECK;

/* What is asked of memory, asked of this model; as long as the prediction. */
struct hold_question prediction_held(const struct prediction *prediction,
                                     const struct hold_question *question);

/* All that the step costs. */
struct cost prediction_total(const struct prediction *prediction);

#endif
