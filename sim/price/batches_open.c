/* batches_open.c - Open what a walk over batches stands on, and close it. */
#include "sim/price/batches_inside.h"

#include <stdlib.h>

#include "sim/core/model/plan.h"

static enum status open_samples(struct batches *out,
                                const struct model_spec *spec, int32_t B,
                                struct error *err)
{
    int32_t n = 0;

    out->n_sequences = B;
    out->n_layers = spec->n_layers;
    out->active = calloc((size_t)B + 1, sizeof *out->active);
    out->choice = calloc((size_t)plan_n_choices(spec), sizeof *out->choice);
    if (!out->active || !out->choice)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d choices",
                         plan_n_choices(spec));
    for (int32_t c = 0; c < plan_n_choices(spec); c++)
        if (plan_choice(spec, c).routed)
            out->choice[n++].choice = c;
    out->n_choices = n;
    return ledger_open(&out->total, (struct ledger_shape){ 0 },
                       (struct cost){ 0 }, err);
}

enum status walk_open(struct walk *w, int32_t B, int32_t T)
{
    const struct predict_question *q = w->question;
    const struct model_spec dense = rival_twin(&q->spec);
    const int32_t n = plan_n_choices(&q->spec);
    enum status status = open_samples(w->out, &q->spec, B, w->err);

    if (status == STATUS_OK)
        status = step_open(&w->model, &q->spec, q, T, w->err);
    if (status == STATUS_OK)
        status = step_open(&w->dense, &dense, q, T, w->err);
    for (int e = 0; w->rival && e < w->rival->n_ends && status == STATUS_OK;
         e++) {
        const struct model_spec *end = &w->rival->end[e];
        status = step_open(&w->end[e], end, q, T, w->err);
        if (status == STATUS_OK)
            status = allocation_open(&w->rest[e], plan_n_choices(end), B, T,
                                     w->err);
    }
    if (status == STATUS_OK)
        status = allocation_open(&w->batch, n, B, T, w->err);
    if (status == STATUS_OK)
        status = allocation_open(&w->all, plan_n_choices(&dense), B, T, w->err);
    if (status == STATUS_OK)
        status = allocation_open(&w->step, n, B, T, w->err);
    if (status == STATUS_OK)
        status = allocation_open(&w->one, n, 1, T, w->err);
    if (status != STATUS_OK)
        return status;
    w->flops = calloc(5 * (size_t)B, sizeof *w->flops);
    w->scratch = calloc((size_t)T + (size_t)(B > T ? B : T),
                        sizeof *w->scratch);
    if (!w->flops || !w->scratch)
        return error_set(w->err, STATUS_NO_MEMORY, "no memory for %d requests",
                         B);
    w->seconds = w->flops + (size_t)B;
    w->dense_flops = w->flops + 2 * (size_t)B;
    w->dense_seconds = w->flops + 3 * (size_t)B;
    w->own = w->flops + 4 * (size_t)B;
    return STATUS_OK;
}

void walk_close(struct walk *w)
{
    step_close(&w->model);
    step_close(&w->dense);
    for (int e = 0; e < 2; e++) {
        step_close(&w->end[e]);
        allocation_close(&w->rest[e]);
    }
    allocation_close(&w->batch);
    allocation_close(&w->all);
    allocation_close(&w->step);
    allocation_close(&w->one);
    free(w->scratch);
    free(w->flops);
}

void batches_close(struct batches *b)
{
    for (int i = 0; i < SPREAD_COUNT; i++)
        free(b->of[i].x);
    for (int32_t l = 0; l < b->n_layers; l++) {
        free(b->seconds[l].x);
        free(b->flops[l].x);
    }
    for (int32_t i = 0; b->choice && i < b->n_choices; i++)
        free(b->choice[i].kept.x);
    free(b->choice);
    free(b->active);
    ledger_close(b->total);
    *b = (struct batches){ .n_layers = 0 };
}
