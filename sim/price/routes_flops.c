/* routes_flops.c - Sum the FLOPs of every window. */
#include "sim/price/routes_flops.h"

#include "sim/core/model/plan.h"
#include "sim/price/step_price.h"

static enum status sum_forward(double *out, const struct step_model *model,
                               const struct routes *routes,
                               const struct predict_question *q,
                               struct allocation *window, struct error *err)
{
    double flops = 0, tokens = 0;
    enum status status = STATUS_OK;

    for (int64_t w = 0; w < routes_windows(routes) && status == STATUS_OK; w++) {
        struct step_price price = { .flops = 0 };
        status = routes_fill(window, routes, w, err);
        if (status == STATUS_OK)
            status = step_price(&price, model, q, window, err);
        flops += price.flops;
        tokens += allocation_tokens(window);
    }
    *out = flops / tokens;
    return status;
}

enum status routes_forward_flops(double *out, const struct routes *routes,
                                 const struct model_spec *spec,
                                 struct error *err)
{
    const struct predict_question q = { .spec = *spec,
        .phase = MEMORY_FORWARD, .all_logits = true, .n_sequences = 1 };
    struct step_model model = { .by_layer = NULL };
    struct allocation window = { .n_tokens = 0 };
    enum status status = step_open(&model, &q.spec, &q, routes_longest(routes),
                                   err);

    if (status == STATUS_OK)
        status = allocation_open(&window, plan_n_choices(&q.spec), 1,
                                 routes_longest(routes), err);
    if (status == STATUS_OK)
        status = sum_forward(out, &model, routes, &q, &window, err);
    allocation_close(&window);
    step_close(&model);
    return status;
}
