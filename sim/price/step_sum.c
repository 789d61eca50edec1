/* step_sum.c - Add costs up in the order of a ledger's cells. */
#include "sim/price/step_sum.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((int)OP_COUNT <= 64, "a bit for each op");

enum { N_REAL = METRIC_COUNT - METRIC_FIRST_REAL };

void step_sum_clear(struct step_sum *t, int32_t n_layers)
{
    for (int p = 0; p < PASS_COUNT; p++)
        memset(t->ops[p], 0, ((size_t)n_layers + 1) * sizeof **t->ops);
    t->n = 0;
}

void step_sum_close(struct step_sum *t)
{
    free(t->cell);
    t->cell = NULL;
    t->n = t->size = 0;
}

static bool grow(struct step_sum *t)
{
    const int32_t size = t->size > 0 ? 2 * t->size : 64;
    struct cost *cell = realloc(t->cell, (size_t)size * sizeof *cell);

    if (!cell)
        return false;
    t->cell = cell;
    t->size = size;
    return true;
}

/* Work outside of layers comes after them, as in a ledger: here at 0. */
static int32_t place_of(int32_t layer)
{
    return layer == LEDGER_OUTSIDE ? 0 : layer + 1;
}

enum status step_sum_charge(struct step_sum *t, struct ledger_key key,
                            const struct cost *cost)
{
    const int32_t place = place_of(key.layer);
    const uint64_t bit = (uint64_t)1 << key.op;
    uint64_t *ops = &t->ops[key.pass][place];
    int32_t *at = &t->at[key.pass][place][key.op];

    if (*ops & bit)
        return cost_add(&t->cell[*at], cost);
    if (t->n == t->size && !grow(t))
        return STATUS_NO_MEMORY;
    *ops |= bit;
    *at = t->n;
    t->cell[t->n++] = *cost;
    return STATUS_OK;
}

/* Whole numbers come to the same in any order. */
static enum status add_counts(struct cost *sum, const struct cost *cell,
                              uint64_t times)
{
    uint64_t part;

    for (int m = 0; m < METRIC_FIRST_REAL; m++)
        if (__builtin_mul_overflow(cell->count[m], times, &part) ||
            __builtin_add_overflow(sum->count[m], part, &sum->count[m]))
            return STATUS_OVERFLOWED;
    for (int m = 0; m < METRIC_COUNT; m++)
        if (cell->from[m] < sum->from[m])
            sum->from[m] = cell->from[m];
    return STATUS_OK;
}

static void add_reals(struct cost *sum, const struct step_sum *t, int pass,
                      int32_t place)
{
    for (uint64_t left = t->ops[pass][place]; left; left &= left - 1) {
        const struct cost *cell =
            &t->cell[t->at[pass][place][__builtin_ctzll(left)]];
        for (int i = 0; i < N_REAL; i++)
            sum->real[i] += cell->real[i];
    }
}

/* Every cell once, so often as there are layers like its own. */
static enum status sum_counts(struct cost *sum, const struct step_sum *t,
                              const struct alike *alike, int32_t n_layers)
{
    for (int p = 0; p < PASS_COUNT; p++)
        for (int32_t l = LEDGER_OUTSIDE; l < n_layers; l++) {
            const int32_t place = place_of(l);
            const uint64_t times = l == LEDGER_OUTSIDE ? 1 : alike->n[l];
            for (uint64_t left = t->ops[p][place]; left; left &= left - 1) {
                const int op = __builtin_ctzll(left);
                if (add_counts(sum, &t->cell[t->at[p][place][op]], times) !=
                    STATUS_OK)
                    return STATUS_OVERFLOWED;
            }
        }
    return STATUS_OK;
}

enum status step_sum_finish(struct step_sum *t, const struct alike *alike,
                            int32_t n_layers)
{
    struct cost *out = &t->total;

    *out = t->n > 0 ? cost_zero(PROV_MEASURED) : (struct cost){ 0 };
    if (sum_counts(out, t, alike, n_layers) != STATUS_OK)
        return STATUS_OVERFLOWED;
    for (int p = 0; p < PASS_COUNT; p++) {
        for (int32_t l = 0; l < n_layers; l++)
            add_reals(out, t, p, place_of(alike->first[l]));
        add_reals(out, t, p, place_of(LEDGER_OUTSIDE));
    }
    return STATUS_OK;
}
