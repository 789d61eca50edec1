/* tariff.c - Work a model's prices out. */
#include "sim/price/tariff.h"

#include <stdlib.h>

#include "sim/core/model/spec_check.h"

enum status tariff_open(struct tariff **out, const struct model_spec *spec,
                        struct error *err)
{
    struct tariff *tariff = malloc(sizeof *tariff);

    if (!tariff)
        return error_set(err, STATUS_NO_MEMORY, "no memory for prices");
    tariff->plan = plan_of(spec);
    alike_kin(tariff->kin, spec, &tariff->plan);
    tariff->list = flops_list(spec);
    tariff->fixed = memory_fixed_of(spec, &tariff->plan);
    tariff->stores = spec_stores(spec);
    tariff->runs = spec_check_runs(spec, NULL) == STATUS_OK;
    *out = tariff;
    return STATUS_OK;
}
