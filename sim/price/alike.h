/* alike.h - Find the layers that cost alike, so that one of them is walked. */
#ifndef ALIKE_H
#define ALIKE_H

#include "sim/core/model/plan.h"
#include "sim/core/model/route.h"

/* All borrowed. */
struct alike_job {
    const struct model_spec *spec;
    const int32_t *kin;                   /* of the spec */
    const struct allocation *allocation;
    int32_t first, end;      /* layers that are walked */
    int32_t stop;             /* backward's last layer, or LEDGER_OUTSIDE */
    bool    positions;        /* what a kept token costs, or that it is kept,
                               * depends on its own */
    bool    apart;            /* tokens cost each its own: no layer is alike */
};

struct alike {
    int32_t  first[SPEC_MAX_LAYERS];   /* of those that cost what the layer
                                        * does */
    uint64_t n[SPEC_MAX_LAYERS];       /* how many, at the first; else 0 */
};

/* Of each layer the first that the spec and its plan tell nothing apart from. */
void alike_kin(int32_t kin[SPEC_MAX_LAYERS], const struct model_spec *spec,
               const struct plan *plan);

/* *out is {0}. */
void alike_find(struct alike *out, const struct alike_job *job);

#endif
