/* predict_job.h - Describe a prediction: model, routes, regime and machine. */
#ifndef PREDICT_JOB_H
#define PREDICT_JOB_H

#include "sim/core/model/route.h"
#include "sim/core/model/spec.h"
#include "sim/price/bill.h"
#include "sim/price/machine.h"
#include "sim/price/regime.h"
#include "sim/price/step_charges.h"
#include "sim/price/step_sum.h"
#include "sim/price/tariff.h"

/* All borrowed. */
struct predict_job {
    const struct model_spec *spec;
    const struct allocation *allocation;   /* choices as in plan.h; `kept` may
                                            * be NULL unless the ledger resolves
                                            * tokens, routes of a decode step
                                            * are given or tokens see the keys
                                            * of skipped ones */
    const struct machine    *machine;      /* NULL: flops and bytes only */
    bool predicted;                        /* predictors choose (route.h); in
                                            * training they run in any case */
    int32_t first_layer, end_layer;        /* layers [first,end) alone; end 0:
                                            * L.  Only from layer 0 on is the
                                            * token embedded */
    bool headless;                         /* nothing reads the stream then */
    struct regime regime;                  /* of more than one step the
                                            * allocation is of each, and the
                                            * ledger must not resolve tokens */
    const struct tariff *tariff;       /* of the spec; NULL: worked out for this
                                        * job alone */
    struct step_sum *sum;               /* gets the costs in place of a ledger,
                                        * which is NULL then; else NULL */
    struct step_charges *charges;      /* beside a sum: those of this step, if
                                        * they are whole, are priced again, on
                                        * this machine; else they become whole;
                                        * or NULL */
    const struct bill_draws *draws;    /* of the machine in the regime's
                                        * arithmetic, that the range rests on;
                                        * NULL: drawn for this job alone */
    int n_draws;                       /* the first so many, at most BILL_DRAWS;
                                        * 0: all */
};

#endif
