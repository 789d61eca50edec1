/* step_price.h - Price one step of known routes after another: its totals, its
 * layers and its tokens. */
#ifndef STEP_PRICE_H
#define STEP_PRICE_H

#include "sim/price/predict_table.h"

/* One model that is priced again and again. */
struct step_model {
    struct model_spec spec;          /* what one device holds of it */
    struct ledger *by_layer, *by_token;          /* owned */
};

/* A step's totals, and those of each layer; NAN: unknown. */
struct step_price {
    double flops, bytes, seconds, joules;
    double layer_flops[SPEC_MAX_LAYERS], layer_seconds[SPEC_MAX_LAYERS];
    struct cost cost;
};

/* T of the longest window; in decode ledgers by token have one for each of the
 * question's B.  *out is {0}; release it with step_close(), also after a
 * failure. */
enum status step_open(struct step_model *out, const struct model_spec *spec,
                      const struct predict_question *question, int32_t T,
                      struct error *err) MUST_CHECK;
void        step_close(struct step_model *model);

/* The question says phase, regime and machine. */
enum status step_price(struct step_price *out, const struct step_model *model,
                       const struct predict_question *question,
                       const struct allocation *allocation,
                       struct error *err) MUST_CHECK;

/* What tokens take of flops and bytes, one device and float32 as ledgers by
 * token have it: read them by step_token(), of a single window t, of a decode
 * step b. */
enum status step_tokens(const struct step_model *model,
                        const struct predict_question *question,
                        const struct allocation *allocation,
                        struct error *err) MUST_CHECK;
struct cost step_token(const struct step_model *model, int32_t token);

double cost_or_nan(const struct cost *cost, enum metric metric);

#endif
