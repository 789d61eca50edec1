/* allocation.c - Keep the tokens that each choice keeps. */
#include "sim/core/model/allocation.h"

#include <stdlib.h>

enum status allocation_open(struct allocation *out, int32_t n_choices,
                            int32_t n_sequences, int32_t n_tokens,
                            struct error *err)
{
    struct allocation a = { .n_choices = n_choices, .n_sequences = n_sequences,
                            .n_tokens = n_tokens };
    size_t rows, cells;

    if (__builtin_mul_overflow((size_t)n_choices, (size_t)n_sequences, &rows) ||
        __builtin_mul_overflow(rows, (size_t)n_tokens, &cells))
        return error_set(err, STATUS_OVERFLOWED, "allocation too large");
    a.length = calloc((size_t)n_sequences, sizeof *a.length);
    a.count = calloc(rows, sizeof *a.count);
    a.kept = calloc(cells, sizeof *a.kept);
    if (!a.length || !a.count || !a.kept) {
        allocation_close(&a);
        return error_set(err, STATUS_NO_MEMORY, "no memory for an allocation"
                         " of %d choices x %d x %d tokens", n_choices,
                         n_sequences, n_tokens);
    }
    *out = a;
    for (int32_t b = 0; b < n_sequences; b++)
        a.length[b] = n_tokens;
    for (int32_t c = 0; c < n_choices; c++)
        for (int32_t b = 0; b < n_sequences; b++) {
            a.count[c * n_sequences + b] = n_tokens;
            for (int32_t t = 0; t < n_tokens; t++)
                allocation_kept(&a, c, b)[t] = t;
        }
    return STATUS_OK;
}

void allocation_close(struct allocation *allocation)
{
    free(allocation->length);
    free(allocation->count);
    free(allocation->kept);
    dispatch_close(&allocation->dispatch);
    *allocation = (struct allocation){ 0 };
}

enum status allocation_open_dispatch(struct allocation *a,
                                     const struct model_spec *spec, bool step,
                                     struct error *err)
{
    if (spec->experts.n == 0)
        return STATUS_OK;
    return dispatch_open(&a->dispatch, spec->n_layers, a->n_sequences,
                         step ? 1 : a->n_tokens, spec_expert_slots(spec), err);
}

int32_t *allocation_kept(const struct allocation *a, int32_t choice,
                         int32_t sequence)
{
    return a->kept + ((size_t)choice * (size_t)a->n_sequences +
                      (size_t)sequence) * (size_t)a->n_tokens;
}

int32_t allocation_count(const struct allocation *a, int32_t choice,
                         int32_t sequence)
{
    return a->alike ? a->count[choice]
                    : a->count[choice * a->n_sequences + sequence];
}

int32_t allocation_rows(const struct allocation *a, int32_t choice)
{
    int32_t rows = 0;
    for (int32_t b = 0; b < a->n_sequences; b++)
        rows += allocation_count(a, choice, b);
    return rows;
}

int32_t allocation_length(const struct allocation *a, int32_t sequence)
{
    /* A pass over fewer tokens than there is room for may leave old lengths. */
    return a->length && a->length[sequence] < a->n_tokens ? a->length[sequence]
                                                          : a->n_tokens;
}

int32_t allocation_tokens(const struct allocation *a)
{
    int32_t tokens = 0;
    for (int32_t b = 0; b < a->n_sequences; b++)
        tokens += allocation_length(a, b);
    return tokens;
}
