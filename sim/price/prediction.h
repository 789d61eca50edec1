/* prediction.h - Price a model by the question that `isobath predict` is asked. */
#ifndef PREDICTION_H
#define PREDICTION_H

#include "sim/price/memory.h"
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
};

/* One model's answer. */
struct prediction {
    struct model_spec    spec;
    struct allocation    allocation;  /* counts; where they matter, positions
                                       * that are evenly spaced */
    struct ledger       *ledger;      /* by pass, layer, op; blank unknown */
    struct predict_range range;
};

/* Caller releases with prediction_close(), also after a failure. */
enum status prediction_open(struct prediction *out,
                            const struct predict_question *question,
                            const struct model_spec *spec,
                            struct error *err) MUST_CHECK;
void        prediction_close(struct prediction *prediction);

#endif
