/* figure_layers.c - Draw one metric per layer, stacked by op, dense beside
 * MoD. */
#include "reports/figures/figures.h"

#include <ctype.h>
#include <math.h>
#include "sim/core/answer/table.h"

/* The parts of a stack, from the bottom, and the names of the key.  Dark and
 * light alternate, so that grey prints can be read. */
#define STACK_MAP(X)                                                           \
    X(PROJECTION, "attention projections")                                     \
    X(MIX,        "attention mix")                                             \
    X(UP,         "FFN up")                                                    \
    X(DOWN,       "FFN down")                                                  \
    X(ROUTING,    "router, gather")                                            \
    X(NORM,       "norm, activation")                                          \
    X(OTHER,      "head, loss, update")

enum stack {
#define X(id, name) STACK_##id,
    STACK_MAP(X)
#undef X
    STACK_COUNT
};

static const char *const stack_names[STACK_COUNT] = {
#define X(id, name) name,
    STACK_MAP(X)
#undef X
};

static const enum stack stack_of[OP_COUNT] = {
#define X(id, name, work, stack, writes, what) STACK_##stack,
    OP_MAP(X)
#undef X
};

/* Layers, then the ops outside any layer. */
struct stacks {
    enum metric metric;
    const char *name;          /* of the metric: "FLOPs", "energy" */
    int    n_layers;
    double of[ARM_COUNT][SPEC_MAX_LAYERS + 1][STACK_COUNT];
    double total[ARM_COUNT][SPEC_MAX_LAYERS + 1];
    double highest;
    bool   used[STACK_COUNT];
    enum provenance from;      /* the weakest that went in */
    bool   modelled;
};

/* The exact tally comes before what counters saw of the op. */
static struct amount cell(const struct witnesses *w, enum metric metric,
                          int layer, int op)
{
    struct amount counted = witness_sum(w, WITNESS_COUNTED, metric, LEDGER_ANY,
                                        layer, op);
    if (amount_known(counted))
        return counted;
    return witness_best(w, metric, LEDGER_ANY, layer, op);
}

static void fill(struct stacks *s, const struct report *r)
{
    s->from = PROV_MEASURED;
    for (int a = 0; a < ARM_COUNT; a++)
        if (r->layers[a] && r->layers[a]->n_layers > s->n_layers)
            s->n_layers = r->layers[a]->n_layers;
    for (int a = 0; a < ARM_COUNT; a++) {
        if (!r->layers[a])
            continue;
        for (int y = 0; y <= s->n_layers; y++)
            for (int op = 0; op < OP_COUNT; op++) {
                struct amount amount = cell(r->layers[a], s->metric,
                    y < s->n_layers ? y : LEDGER_OUTSIDE, op);
                if (!amount_known(amount) || amount.value == 0)
                    continue;
                amount.value /= r->layers_divide[a];
                s->of[a][y][stack_of[op]] += amount.value;
                s->total[a][y] += amount.value;
                s->used[stack_of[op]] = true;
                s->modelled |= amount.modelled;
                if (amount.from < s->from)
                    s->from = amount.from;
            }
        for (int y = 0; y <= s->n_layers; y++)
            s->highest = fmax(s->highest, s->total[a][y]);
    }
}

static void write_data(struct plot *p, const struct stacks *s,
                       const struct report *r, struct prefix prefix)
{
    for (int a = 0; a < ARM_COUNT; a++) {
        fprintf(p->data, "# %s: layer (the last: outside any layer)",
                report_layers_title(r, (enum side)a));
        for (int f = 0; f < STACK_COUNT; f++)
            fprintf(p->data, "  \"%s\"", stack_names[f]);
        fprintf(p->data, "  in %s%s\n", prefix.letter,
                metric_table[s->metric].unit);
        for (int y = 0; y <= s->n_layers; y++) {
            fprintf(p->data, "%d", y);
            for (int f = 0; f < STACK_COUNT; f++)
                fprintf(p->data, " %.9g", s->of[a][y][f] / prefix.factor);
            fputc('\n', p->data);
        }
        fputs("\n\n", p->data);
    }
}

static void say(struct plot *p, const struct stacks *s, bool twins)
{
    double dense = 0, mod = 0;

    for (int y = 0; y <= s->n_layers; y++) {
        dense += s->total[ARM_DENSE][y];
        mod += s->total[ARM_MOD][y];
    }
    if (dense > 0 && mod > 0 && !twins)
        TEXT_SET(p->head, "Where the %s of two runs go, which are no twins",
                 s->name);
    else if (dense > 0 && mod > 0)
        TEXT_SET(p->head, "MoD spends %.1f %% of the dense %s: what its "
                 "routed layers pass by", 100 * mod / dense, s->name);
    else
        TEXT_SET(p->head, "Where the %s go%s", s->name,
                 s->metric == METRIC_JOULES ? "es" : "");
}

extern const char figure_layers_gp[];

static void write_script(struct plot *p, const struct stacks *s,
                         const struct report *r, struct prefix prefix)
{
    fprintf(p->script, "N = %d; TOP = %.9g; MODELLED = %d; AMOUNT = '%s, %s%s'"
            "\narray KIND[%d]\n", s->n_layers,
            1.08 * s->highest / prefix.factor, s->modelled, s->name,
            prefix.letter, s->metric == METRIC_FLOPS ? "FLOP"
            : metric_table[s->metric].unit, STACK_COUNT);
    for (int k = 0; k < STACK_COUNT; k++)
        fprintf(p->script, "KIND[%d] = '%s'\n", k + 1, stack_names[k]);
    fputs("USED = '", p->script);
    for (int k = 0; k < STACK_COUNT; k++)
        if (s->used[k])
            fprintf(p->script, "%d ", k + 1);
    fputs("'; ARMS = '", p->script);
    for (int a = 0; a < ARM_COUNT; a++)
        if (r->layers[a])
            fprintf(p->script, "%d ", a);
    fputs("'; NAMED = '", p->script);
    for (int a = 0; a < ARM_COUNT; a++)
        if (r->layers[a] && s->total[a][0] > 0)
            fprintf(p->script, "%d ", a);
    fprintf(p->script, "'\n%s", figure_layers_gp);
}

static void draw(struct plot *p, const struct report *r, enum metric metric,
                 const char *name)
{
    struct stacks s = { .metric = metric, .name = name };
    struct prefix prefix;

    fill(&s, r);
    if (!(s.highest > 0))
        return;
    p->ready = true;
    p->top = 130;
    prefix = prefix_for(s.highest);
    say(p, &s, !*r->layers_apart);
    TEXT_SET(p->sub, "%s%s per layer by op, %s; in each pair the left bar is "
             "the %s%s%s, the right bar %s%s%s",
             s.modelled ? "Modelled " : "", name, r->layers_what,
             report_layers_title(r, ARM_DENSE),
             *r->layers_label[ARM_DENSE] ? " " : "", r->layers_label[ARM_DENSE],
             report_layers_title(r, ARM_MOD),
             *r->layers_label[ARM_MOD] ? " " : "", r->layers_label[ARM_MOD]);
    p->sub[0] = (char)toupper((unsigned char)p->sub[0]);
    TEXT_SET(p->foot, "%s %s%s  |  outside: what belongs to no layer",
             name, s.modelled
             ? "modelled (machine profile's coefficients)"
             : provenance_names[s.from], s.modelled ? ", hatched" : "");
    TEXT_SET(p->alt, "Stacked bars of %s per layer by kind of op, dense "
             "beside MoD, %d layers. %s.", name, s.n_layers,
             p->head);
    write_data(p, &s, r, prefix);
    write_script(p, &s, r, prefix);
}

void figure_layers(struct plot *p, const struct report *r)
{
    draw(p, r, METRIC_FLOPS, "FLOPs");
}

void figure_layers_energy(struct plot *p, const struct report *r)
{
    draw(p, r, METRIC_JOULES, "energy");
}
