/* dispatch.c - Keep the experts that each token enters. */
#include "sim/core/model/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "sim/core/model/spec.h"

static size_t of_layer(const struct dispatch *d)
{
    return (size_t)d->n_sequences * (size_t)d->n_tokens * (size_t)d->n_active;
}

enum status dispatch_open(struct dispatch *out, int32_t n_layers,
                          int32_t n_sequences, int32_t n_tokens,
                          int32_t n_active, struct error *err)
{
    struct dispatch d = { n_layers, n_sequences, n_active, n_tokens, NULL };
    size_t tokens, numbers;

    if (__builtin_mul_overflow((size_t)n_layers * (size_t)n_sequences,
                               (size_t)n_tokens, &tokens) ||
        __builtin_mul_overflow(tokens, (size_t)n_active, &numbers))
        return error_set(err, STATUS_OVERFLOWED, "dispatch too large");
    d.expert = calloc(numbers, sizeof *d.expert);
    if (!d.expert)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the experts that"
                         " %d x %d x %d tokens enter", n_layers, n_sequences,
                         n_tokens);
    dispatch_begin(&d, n_sequences, n_tokens);
    *out = d;
    return STATUS_OK;
}

void dispatch_close(struct dispatch *d)
{
    free(d->expert);
    *d = (struct dispatch){ 0 };
}

/* Bytes of ones are -1. */
void dispatch_begin(struct dispatch *d, int32_t n_sequences, int32_t n_tokens)
{
    d->n_sequences = n_sequences;
    d->n_tokens = n_tokens;
    if (d->expert)
        memset(d->expert, 0xff,
               (size_t)d->n_layers * of_layer(d) * sizeof *d->expert);
}

void dispatch_copy(struct dispatch *to, int32_t sequence,
                   const struct dispatch *from, int32_t of)
{
    const size_t numbers = (size_t)to->n_tokens * (size_t)to->n_active;

    for (int32_t l = 0; l < to->n_layers; l++)
        memcpy(dispatch_of(to, l, sequence, 0), dispatch_of(from, l, of, 0),
               numbers * sizeof *to->expert);
}

int32_t *dispatch_of(const struct dispatch *d, int32_t layer, int32_t sequence,
                     int32_t token)
{
    const size_t at = (size_t)sequence * (size_t)d->n_tokens +
                      (size_t)(d->n_tokens > 1 ? token : 0);

    return d->expert + (size_t)layer * of_layer(d) + at * (size_t)d->n_active;
}

int32_t dispatch_entries(const struct dispatch *d, int32_t layer,
                         int32_t sequence, int32_t token)
{
    const int32_t *expert = dispatch_of(d, layer, sequence, token);
    int32_t n = 0;

    while (n < d->n_active && expert[n] >= 0)
        n++;
    return n;
}

struct dispatch_count dispatch_count(const struct dispatch *d, int32_t layer)
{
    struct dispatch_count sum = { 0, 0, 0 };
    bool entered[SPEC_MAX_EXPERTS] = { false };
    const int32_t *expert = dispatch_of(d, layer, 0, 0);

    for (size_t i = 0; i < of_layer(d); i++) {
        if (expert[i] < 0)
            continue;
        sum.entries++;
        sum.tokens += i % (size_t)d->n_active == 0;
        sum.experts += !entered[expert[i]];
        entered[expert[i]] = true;
    }
    return sum;
}

void dispatch_loads(const struct dispatch *d, int32_t layer, uint64_t *entered,
                    uint64_t *missed)
{
    const int32_t *expert = dispatch_of(d, layer, 0, 0);

    for (size_t i = 0; i < of_layer(d); i++)
        if (expert[i] >= 0)
            entered[expert[i]]++;
        else if (expert[i] <= DISPATCH_MISSED)
            missed[DISPATCH_MISSED - expert[i]]++;
}
