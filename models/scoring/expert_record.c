/* expert_record.c - Record which experts the tokens of a text enter. */
#include "models/scoring/expert_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status expert_record_open(struct expert_record *r,
                               const struct model_spec *spec,
                               struct error *err)
{
    for (int32_t l = 0; l < spec->n_layers; l++)
        if (spec->has_experts[l])
            r->layer[r->n_layers++] = l;
    if (r->n_layers == 0)
        return STATUS_OK;
    r->n_experts = spec->experts.n;
    r->n_scores = spec_expert_scores(spec);
    r->most = spec->experts.active;
    const size_t n = (size_t)r->n_layers * (size_t)r->n_scores *
                     TOKEN_KIND_COUNT;
    r->entered = calloc(n, sizeof *r->entered);
    r->missed = calloc(n, sizeof *r->missed);
    return r->entered && r->missed
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "no memory for a record of %d"
                           " experts", r->n_scores);
}

void expert_record_close(struct expert_record *r)
{
    free(r->missed);
    free(r->entered);
}

static size_t place_of(const struct expert_record *r, int32_t i, int32_t expert)
{
    return ((size_t)i * (size_t)r->n_scores + (size_t)expert) *
           TOKEN_KIND_COUNT;
}

void expert_record_add(struct expert_record *r, const struct model *m,
                       const enum token_kind *kind)
{
    const struct dispatch *d = &model_allocation(m)->dispatch;

    for (int32_t i = 0; i < r->n_layers; i++)
        for (int32_t t = 0; t < d->n_tokens; t++) {
            const int32_t *id = dispatch_of(d, r->layer[i], 0, t);
            for (int32_t k = 0; k < d->n_active; k++)
                if (id[k] >= 0)
                    r->entered[place_of(r, i, id[k]) + kind[t]]++;
                else if (id[k] <= DISPATCH_MISSED)
                    r->missed[place_of(r, i, DISPATCH_MISSED - id[k]) +
                              kind[t]]++;
        }
}

static uint64_t sum_of(const uint64_t *of)
{
    uint64_t sum = 0;

    for (int k = 0; k < TOKEN_KIND_COUNT; k++)
        sum += of[k];
    return sum;
}

uint64_t expert_entered(const struct expert_record *r, int32_t i,
                        int32_t expert)
{
    return sum_of(r->entered + place_of(r, i, expert));
}

uint64_t expert_missed(const struct expert_record *r, int32_t i, int32_t expert)
{
    return sum_of(r->missed + place_of(r, i, expert));
}

static int heavier(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x < y) - (x > y);
}

struct expert_balance expert_balance_of(const struct expert_record *r, int32_t i)
{
    struct expert_balance b = { .largest = (double)NAN,
                                .effective = (double)NAN,
                                .heaviest = (double)NAN };
    uint64_t load[SPEC_MAX_EXPERTS], heaviest = 0;
    double entropy = 0.0;

    for (int32_t e = 0; e < r->n_scores; e++) {
        *(e < r->n_experts ? &b.dropped : &b.idle) += expert_missed(r, i, e);
        if (e < r->n_experts)
            b.entries += load[e] = expert_entered(r, i, e);
    }
    if (b.entries == 0)
        return b;
    qsort(load, (size_t)r->n_experts, sizeof *load, heavier);
    for (int32_t e = 0; e < r->n_experts && load[e] > 0; e++) {
        const double share = (double)load[e] / (double)b.entries;
        entropy -= share * log(share);
        heaviest += e < r->most ? load[e] : 0;
        b.used++;
    }
    b.largest = (double)load[0] * r->n_experts / (double)b.entries;
    b.effective = exp(entropy);
    b.heaviest = (double)heaviest / (double)b.entries;
    b.collapsed = r->n_experts > r->most && b.heaviest > EXPERT_NEARLY;
    return b;
}
