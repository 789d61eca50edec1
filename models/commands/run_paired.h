/* run_paired.h - Hold what a token cost a scored model, beside what it cost the
 * rival on the same windows. */
#ifndef RUN_PAIRED_H
#define RUN_PAIRED_H

#include "models/commands/run_scoring.h"

/* Of a token run through a model: loss and entropy left out of flops and bytes,
 * but not of seconds and joules. */
struct run_spent {
    double nats;                       /* per scored token; NAN: says nothing */
    double flops, flops_predicted, bytes;   /* counted but for the second */
    double seconds;                    /* measured, of a whole forward */
    struct estimate joules;            /* modelled; NAN without a machine */
};

/* In turns with the model. */
struct run_paired {
    struct run_spent spent;            /* the rival's */
    struct estimate difference;        /* of loss, nats per token */
    struct estimate increase;          /* the same over the rival's loss */
    double flops, bytes;               /* the model's over the rival's */
    struct estimate seconds;           /* median over pairs of that ratio */
    struct estimate joules;            /* of that ratio, over the profile's
                                        * coefficients, which err together */
};

/* Per row of a forward, loss and entropy left out. */
double run_per_row(const struct run_arm *arm, const struct ledger *ledger,
                   enum metric metric);
struct run_spent run_spent(const struct run_scoring *s, int arm);
json_t *run_spent_json(const struct run_spent *spent);

/* Compare the pairs; false: no memory for them. */
bool    run_paired(struct run_paired *out, const struct run_scoring *s);
json_t *run_paired_json(const struct run_scoring *s,
                        const struct run_paired *paired);  /* null: no rival */
void    run_paired_print(const struct run_scoring *s,
                         const struct run_paired *paired);

#endif
