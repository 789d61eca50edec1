/* decisions.c - Run a window under decisions of one's own. */
#include "models/scoring/decisions.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/model/plan.h"

/* Products of some thousand rows are as fast as they get (bench). */
enum { ROWS_AT_ONCE = 2048, MOST_AT_ONCE = 16 };

int32_t decisions_at_once(const struct model_spec *spec, int32_t n_tokens)
{
    const int32_t n = ROWS_AT_ONCE / n_tokens;

    return spec->router_drawn || n < 1 ? 1 : n < MOST_AT_ONCE ? n
                                                              : MOST_AT_ONCE;
}

enum status decisions_open(struct decisions *d, struct model *model,
                           int32_t n_versions, int32_t n_tokens,
                           struct error *err)
{
    const size_t rows = (size_t)n_versions * (size_t)n_tokens;

    d->model = model;
    d->n_versions = n_versions;
    d->room = n_tokens;
    d->n_choices = plan_n_choices(model_spec(model));
    d->ids = calloc(rows, sizeof *d->ids);
    d->targets = calloc(rows, sizeof *d->targets);
    d->nats = calloc((size_t)n_versions, sizeof *d->nats);
    d->flops = calloc((size_t)n_versions, sizeof *d->flops);
    if (!d->ids || !d->targets || !d->nats || !d->flops) {
        error_set(err, STATUS_NO_MEMORY, "no memory for %d versions of a"
                  " window", n_versions);
        return STATUS_NO_MEMORY;
    }
    return allocation_open(&d->kept, d->n_choices, n_versions, n_tokens, err);
}

void decisions_close(struct decisions *d)
{
    allocation_close(&d->kept);
    free(d->flops);
    free(d->nats);
    free(d->targets);
    free(d->ids);
}

void decisions_of(const struct model *model, unsigned char *kept)
{
    const struct allocation *a = model_allocation(model);
    const int32_t n_choices = plan_n_choices(model_spec(model));
    const int32_t n = allocation_length(a, 0);

    memset(kept, 0, (size_t)n_choices * (size_t)n);
    for (int32_t c = 0; c < n_choices; c++)
        for (int32_t i = 0; i < allocation_count(a, c, 0); i++)
            kept[c * n + allocation_kept(a, c, 0)[i]] = 1;
}

void decisions_begin(struct decisions *d, const struct score_window *w)
{
    const size_t n = (size_t)w->n_tokens;

    assert(w->n_tokens <= d->room);
    d->n_tokens = w->n_tokens;
    for (size_t i = 0; i < (size_t)d->n_versions; i++) {
        memcpy(d->ids + i * n, w->ids, n * sizeof *d->ids);
        memcpy(d->targets + i * n, w->targets, n * sizeof *d->targets);
        d->kept.length[i] = w->n_tokens;
    }
}

void decisions_set(struct decisions *d, int32_t i, const unsigned char *kept)
{
    for (int32_t c = 0; c < d->n_choices; c++, kept += d->n_tokens) {
        int32_t *positions = allocation_kept(&d->kept, c, i), n = 0;
        for (int32_t t = 0; t < d->n_tokens; t++)
            if (kept[t])
                positions[n++] = t;
        d->kept.count[c * d->kept.n_sequences + i] = n;
    }
}

void decisions_run(struct decisions *d, int32_t n, uint64_t seed)
{
    struct sequence_meter meter = sequence_meter(d->flops, n, d->n_tokens);
    const struct model_input input = {
        .ids = d->ids, .targets = d->targets, .n_sequences = n,
        .n_tokens = d->n_tokens, .policy = route_find("replay"),
        .replayed = &d->kept, .seed = seed,
    };
    double mean;

    model_forward(d->model, &input, &meter.meter, &mean);
    for (int32_t i = 0; i < n; i++) {
        const float *nats = model_nats(d->model) +
                            (size_t)i * (size_t)d->n_tokens;
        d->nats[i] = 0;
        for (int32_t t = 0; t < d->n_tokens; t++)
            d->nats[i] += (double)nats[t];
    }
}
