/* stack.c - Gather the ops of a ledger into a few kinds of work. */
#include "reports/read/stack.h"

const char *const stack_names[STACK_COUNT] = {
#define X(id, name) name,
    STACK_MAP(X)
#undef X
};

static const enum stack stack_of[OP_COUNT] = {
#define X(id, name, work, stack, writes, what) STACK_##stack,
    OP_MAP(X)
#undef X
};

static struct amount cell(const struct witnesses *w, enum metric metric,
                          int pass, int32_t layer, int op)
{
    struct amount counted = witness_sum(w, WITNESS_COUNTED, metric, pass, layer,
                                        op);

    return amount_known(counted) ? counted
                                 : witness_best(w, metric, pass, layer, op);
}

struct stacked stack_sum(const struct witnesses *w, enum metric metric,
                         int pass, int32_t layer)
{
    struct stacked s = { .from = PROV_MEASURED };

    for (int op = 0; op < OP_COUNT; op++) {
        struct amount a = cell(w, metric, pass, layer, op);
        if (!amount_known(a) || a.value == 0)
            continue;
        s.of[stack_of[op]] += a.value;
        s.whole += a.value;
        s.modelled |= a.modelled;
        if (a.from < s.from)
            s.from = a.from;
    }
    return s;
}

const char *stack_largest(const struct stacked *s, double *share)
{
    const double *of = s->of;
    const struct { const char *name; double sum; } parts[] = {
        { "feed-forward", of[STACK_UP] + of[STACK_DOWN] },
        { "attention", of[STACK_PROJECTION] + of[STACK_MIX] },
        { "routing", of[STACK_ROUTING] },
        { "norms and activations", of[STACK_NORM] },
        { "head, loss and update", of[STACK_OTHER] },
    };
    size_t most = 0;

    for (size_t i = 1; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].sum > parts[most].sum)
            most = i;
    *share = parts[most].sum / s->whole;
    return parts[most].name;
}
