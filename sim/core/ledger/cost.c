/* cost.c - Add up what work costs without losing track of what is known. */
#include "sim/core/ledger/cost.h"

#include <string.h>

#include <assert.h>
#include <math.h>

const struct metric_info metric_table[METRIC_COUNT] = {
#define X(id, column, unit, predicted, measured, budget)                       \
    [METRIC_##id] = { column, unit, PREDICTED_BY_##predicted,                  \
                      MEASURED_BY_##measured, BUDGET_##budget },
    METRIC_COUNT_MAP(X)
    METRIC_REAL_MAP(X)
#undef X
};

int metric_find(const char *column)
{
    for (int m = 0; m < METRIC_COUNT; m++)
        if (strcmp(metric_table[m].column, column) == 0)
            return m;
    return -1;
}

const char *const provenance_names[] = { PROVENANCE_MAP(NAMES_WORD) NULL };

struct cost cost_zero(enum provenance known)
{
    struct cost zero = { 0 };
    for (int m = 0; m < METRIC_COUNT; m++)
        zero.from[m] = (uint8_t)known;
    return zero;
}

void cost_set_count(struct cost *cost, enum metric metric, uint64_t value,
                    enum provenance from)
{
    assert((int)metric < (int)METRIC_FIRST_REAL);
    cost->count[metric] = value;
    cost->from[metric] = (uint8_t)from;
}

void cost_set_real(struct cost *cost, enum metric metric, double value,
                   enum provenance from)
{
    assert((int)metric >= (int)METRIC_FIRST_REAL && metric < METRIC_COUNT);
    cost->real[(int)metric - (int)METRIC_FIRST_REAL] = value;
    cost->from[metric] = (uint8_t)from;
}

enum status cost_add(struct cost *sum, const struct cost *part)
{
    struct cost next = *sum;

    for (int m = 0; m < METRIC_FIRST_REAL; m++)
        if (__builtin_add_overflow(next.count[m], part->count[m],
                                   &next.count[m]))
            return STATUS_OVERFLOWED;
    for (int m = 0; m < METRIC_COUNT - METRIC_FIRST_REAL; m++)
        next.real[m] += part->real[m];
    for (int m = 0; m < METRIC_COUNT; m++)
        if (part->from[m] < next.from[m])
            next.from[m] = part->from[m];

    *sum = next;
    return STATUS_OK;
}

bool cost_known(const struct cost *cost, enum metric metric)
{
    return cost->from[metric] > PROV_BELOW;
}

double cost_get(const struct cost *cost, enum metric metric)
{
    if (!cost_known(cost, metric))
        return (double)NAN;
    return (int)metric < (int)METRIC_FIRST_REAL
               ? (double)cost->count[metric]
               : cost->real[(int)metric - (int)METRIC_FIRST_REAL];
}
