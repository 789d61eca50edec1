/* traffic.c - Line up the profiles of a sweep. */
#include "reports/read/traffic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/jsonpath.h"

static enum side side_of(const struct traffic *t)
{
    return t->phase->has[ARM_MOD] ? ARM_MOD : ARM_DENSE;
}

const struct totals *traffic_totals(const struct traffic *t)
{
    return &t->phase->totals[side_of(t)];
}

struct amount traffic_of_twin(const struct traffic *t, enum metric metric)
{
    return side_of(t) == ARM_MOD ? t->phase->ratio[metric]
                                 : amount_unknown("a dense model has no twin");
}

struct amount traffic_of_rival(const struct traffic *t, enum metric metric)
{
    return t->has_rival
         ? t->phase->of_rival[metric]
         : amount_unknown("no dense model of as many FLOPs ran beside it");
}

/* The settings that a point was profiled with are its request's: a profile's own
 * config has sizes alone. */
static void read_routing(struct traffic *t)
{
    const json_t *arguments = jsonpath_at(t->run->summary,
                                          "provenance.arguments"), *argument;
    static const char policy[] = "routing.policy=", capacity[] =
        "routing.capacity=";
    size_t i;

    t->capacity = nan("");
    if (side_of(t) == ARM_DENSE)
        return;
    json_array_foreach(arguments, i, argument) {
        const char *text = json_string_value(argument);
        if (text && strncmp(text, policy, sizeof policy - 1) == 0)
            t->policy = text + sizeof policy - 1;
        else if (text && strncmp(text, capacity, sizeof capacity - 1) == 0)
            t->capacity = strtod(text + sizeof capacity - 1, NULL);
    }
}

/* A choice: less than one layer of eight, by whole ones of which rivals differ. */
static const double as_costly = 0.1;

static bool rival_is_as_costly(const struct phase *phase)
{
    const struct amount flops = phase->of_rival[METRIC_FLOPS];

    return amount_known(flops) && fabs(flops.value - 1) < as_costly;
}

struct traffic *traffic_list(size_t *n, const struct run *runs, size_t n_runs)
{
    struct traffic *all;
    size_t most = 0;

    *n = 0;
    for (size_t i = 0; i < n_runs; i++)
        for (size_t j = 0; j < runs[i].n_points; j++)
            most += runs[i].point[j].n_phases;
    all = most ? error_noted(calloc(most, sizeof *all)) : NULL;
    for (size_t i = 0; i < n_runs && all; i++)
        for (size_t j = 0; j < runs[i].n_points; j++) {
            const struct run *run = &runs[i].point[j];
            for (size_t k = 0; k < run->n_phases; k++) {
                all[*n] = (struct traffic){ .run = run, .phase = &run->phase[k] };
                all[*n].has_rival = rival_is_as_costly(all[*n].phase);
                read_routing(&all[(*n)++]);
            }
        }
    return all;
}
