/* budget.c - Choose options that lose least within a budget. */
#include "sim/core/base/budget.h"

#include <stdlib.h>

/* From one corner of a thing's hull to the next one up. */
struct step {
    int    thing, option;          /* that it leads to */
    double cost, saved;
};

static double rate(const struct step *s)
{
    return s->saved / s->cost;
}

/* The option that saves most for a unit, among those that cost more than the
 * corner and lose less; of equal ones the farthest.  -1: none does. */
static int next_corner(const struct budget_thing *t, int corner)
{
    const struct budget_option *at = &t->option[corner];
    double best = 0;
    int found = -1;

    for (int i = 0; i < t->n; i++) {
        const struct budget_option *o = &t->option[i];
        if (!(o->cost > at->cost) || !(o->loss < at->loss))
            continue;
        const double saves = (at->loss - o->loss) / (o->cost - at->cost);
        if (found < 0 || saves > best ||
            (saves >= best && o->cost > t->option[found].cost)) {
            best = saves;
            found = i;
        }
    }
    return found;
}

/* Of equal cost that which loses less. */
static int cheapest(const struct budget_thing *t)
{
    int found = 0;

    for (int i = 1; i < t->n; i++)
        if (t->option[i].cost < t->option[found].cost ||
            (t->option[i].cost <= t->option[found].cost &&
             t->option[i].loss < t->option[found].loss))
            found = i;
    return found;
}

static int best_first(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    const double p = rate(x), q = rate(y);

    if (p < q || p > q)
        return p < q ? 1 : -1;
    return x->thing != y->thing ? x->thing - y->thing : x->option - y->option;
}

static int list_steps(struct step *out, const struct budget_thing *t, int thing)
{
    int corner = t->chosen, n = 0;

    for (int next; (next = next_corner(t, corner)) >= 0; corner = next)
        out[n++] = (struct step){
            thing, next, t->option[next].cost - t->option[corner].cost,
            t->option[corner].loss - t->option[next].loss,
        };
    return n;
}

/* Spend what the steps left: the one change that saves most, and again. */
static void fill_up(struct budget_thing *thing, int n, double budget,
                    struct budget_choice *out)
{
    const struct budget_option *from, *to;

    do {
        struct budget_thing *best = NULL;
        int option = 0;
        double saves = 0;
        for (int i = 0; i < n; i++)
            for (int o = 0; o < thing[i].n; o++) {
                from = &thing[i].option[thing[i].chosen];
                to = &thing[i].option[o];
                if (from->loss - to->loss > saves &&
                    out->cost + to->cost - from->cost <= budget) {
                    saves = from->loss - to->loss;
                    best = &thing[i];
                    option = o;
                }
            }
        if (!best)
            return;
        from = &best->option[best->chosen];
        to = &best->option[option];
        out->cost += to->cost - from->cost;
        out->loss -= saves;
        best->chosen = option;
    } while (true);
}

enum status budget_choose(struct budget_thing *thing, int n, double budget,
                          struct budget_choice *out, struct error *err)
{
    struct step *step;
    bool *closed;
    int steps = 0, most = 1;

    for (int i = 0; i < n; i++)
        most += thing[i].n;
    step = calloc((size_t)most, sizeof *step);
    closed = calloc((size_t)n + 1, sizeof *closed);
    *out = (struct budget_choice){ .fits = false };
    for (int i = 0; i < n && step; i++) {
        thing[i].chosen = cheapest(&thing[i]);
        out->cost += thing[i].option[thing[i].chosen].cost;
        out->loss += thing[i].option[thing[i].chosen].loss;
        steps += list_steps(step + steps, &thing[i], i);
    }
    out->fits = out->cost <= budget;
    if (step)
        qsort(step, (size_t)steps, sizeof *step, best_first);
    /* A thing's own steps stand in their order, since a hull bends one way. */
    for (int i = 0; i < steps && closed; i++) {
        const struct step *s = &step[i];
        if (closed[s->thing])
            continue;
        if (out->cost + s->cost > budget) {
            closed[s->thing] = true;
            if (!(out->multiplier > 0))
                out->multiplier = rate(s);
            continue;
        }
        thing[s->thing].chosen = s->option;
        out->cost += s->cost;
        out->loss -= s->saved;
    }
    if (out->fits)
        fill_up(thing, n, budget, out);
    const bool had_memory = step && closed;
    free(closed);
    free(step);
    if (had_memory)
        return STATUS_OK;
    error_set(err, STATUS_NO_MEMORY, "no memory to choose within a budget");
    return STATUS_NO_MEMORY;
}
