/* tariff.h - Keep what of a model's prices no step changes, to be worked out once
 * for many steps. */
#ifndef TARIFF_H
#define TARIFF_H

#include "sim/core/model/plan.h"
#include "sim/price/alike.h"
#include "sim/price/flops.h"
#include "sim/price/memory.h"

struct tariff {
    struct plan plan;
    int32_t kin[SPEC_MAX_LAYERS];   /* alike.h */
    struct flops_list list;
    struct memory_fixed fixed;
    bool stores;              /* the spec stores any weight in a type of its own */
    bool runs;                /* spec_check_runs() */
};

/* Caller releases *out with free(). */
enum status tariff_open(struct tariff **out, const struct model_spec *spec,
                        struct error *err) MUST_CHECK;

#endif
