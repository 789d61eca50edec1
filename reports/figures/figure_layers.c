/* figure_layers.c - Draw one metric per layer, stacked by op, dense beside
 * MoD. */
#include "reports/figures/figures.h"

#include <ctype.h>
#include <math.h>
#include "reports/read/stack.h"
#include "sim/core/answer/table.h"

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

static void fill_arm(struct stacks *s, const struct report *r, int a)
{
    for (int y = 0; y <= s->n_layers; y++) {
        const struct stacked k = stack_sum(r->layers[a], s->metric, LEDGER_ANY,
            y < s->n_layers ? y : LEDGER_OUTSIDE);
        for (int f = 0; f < STACK_COUNT; f++) {
            s->of[a][y][f] = k.of[f] / r->layers_divide[a];
            s->used[f] |= k.of[f] > 0;
        }
        s->total[a][y] = k.whole / r->layers_divide[a];
        s->highest = fmax(s->highest, s->total[a][y]);
        s->modelled |= k.modelled;
        if (k.from < s->from)
            s->from = k.from;
    }
}

static void fill(struct stacks *s, const struct report *r)
{
    s->from = PROV_MEASURED;
    for (int a = 0; a < ARM_COUNT; a++)
        if (r->layers[a] && r->layers[a]->n_layers > s->n_layers)
            s->n_layers = r->layers[a]->n_layers;
    for (int a = 0; a < ARM_COUNT; a++)
        if (r->layers[a])
            fill_arm(s, r, a);
}

static void write_data(struct plot *p, const struct stacks *s,
                       const struct report *r, struct prefix prefix)
{
    for (int a = 0; a < ARM_COUNT; a++) {
        if (!r->layers[a]) {             /* the other arm keeps its index */
            fputs("NaN\n\n\n", p->data);
            continue;
        }
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

/* Layers in which the model does less than its dense twin. */
static int count_skipping(const struct stacks *s)
{
    int n = 0;

    for (int y = 0; y < s->n_layers; y++)
        n += s->total[ARM_MOD][y] < s->total[ARM_DENSE][y];
    return n;
}

/* Layers are counted by FLOPs, which are exact. */
static void say_spent(struct plot *p, const struct stacks *s, double spent)
{
    const int n = s->metric == METRIC_FLOPS ? count_skipping(s) : 0;

    TEXT_SET(p->head, "MoD spends %.1f %% of the dense %s", 100 * spent, s->name);
    if (spent < 1 && n == 1)
        TEXT_ADD(p->head, "; the rest is what its routed layer skips");
    else if (spent < 1 && n > 1)
        TEXT_ADD(p->head, "; the rest is what %d routed layers skip", n);
    else if (spent < 1)
        TEXT_ADD(p->head, "; the rest is what routed layers skip");
}

static void say(struct plot *p, const struct stacks *s, bool twins)
{
    double sum[ARM_COUNT] = { 0 };
    struct stacked all = { .whole = 0 };
    double share;

    for (int a = 0; a < ARM_COUNT; a++)
        for (int y = 0; y <= s->n_layers; y++) {
            sum[a] += s->total[a][y];
            for (int f = 0; f < STACK_COUNT; f++)
                all.of[f] += s->of[a][y][f];
        }
    all.whole = sum[ARM_DENSE] + sum[ARM_MOD];
    if (sum[ARM_DENSE] > 0 && sum[ARM_MOD] > 0 && !twins)
        TEXT_SET(p->head, "Where the %s of two runs go, which are no twins",
                 s->name);
    else if (sum[ARM_DENSE] > 0 && sum[ARM_MOD] > 0)
        say_spent(p, s, sum[ARM_MOD] / sum[ARM_DENSE]);
    else {
        const char *part = stack_largest(&all, &share);
        TEXT_SET(p->head, "%s takes %.0f %% of the %s", part, 100 * share,
                 s->name);
        p->head[0] = (char)toupper((unsigned char)p->head[0]);
    }
}

/* What the bars are, of both arms or of the one there is. */
static void describe(struct plot *p, const struct stacks *s,
                     const struct report *r)
{
    const char *modelled = s->modelled ? "Modelled " : "";

    TEXT_SET(p->sub, "%s%s per layer by op, %s", modelled, s->name,
             r->layers_what);
    if (r->layers[ARM_DENSE] && r->layers[ARM_MOD])
        TEXT_ADD(p->sub, "; in each pair the left bar is the %s%s%s, the right "
                 "bar %s%s%s", report_layers_title(r, ARM_DENSE),
                 *r->layers_label[ARM_DENSE] ? " " : "",
                 r->layers_label[ARM_DENSE], report_layers_title(r, ARM_MOD),
                 *r->layers_label[ARM_MOD] ? " " : "",
                 r->layers_label[ARM_MOD]);
    p->sub[0] = (char)toupper((unsigned char)p->sub[0]);
    TEXT_SET(p->foot, "%s %s%s  |  outside: what belongs to no layer", s->name,
             s->modelled ? "modelled (machine profile's coefficients)"
                         : provenance_names[s->from],
             s->modelled ? ", hatched" : "");
    TEXT_SET(p->alt, "Stacked bars of %s per layer by kind of op%s, %d layers. "
             "%s.", s->name, r->layers[ARM_DENSE] && r->layers[ARM_MOD]
             ? ", dense beside MoD" : "", s->n_layers, p->head);
}

extern const char figure_layers_gp[];

static void write_script(struct plot *p, const struct stacks *s,
                         const struct report *r, struct prefix prefix)
{
    const bool pair = r->layers[ARM_DENSE] && r->layers[ARM_MOD];

    fprintf(p->script, "PAIR = %d\n", pair);
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
        if (pair && s->total[a][0] > 0)
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
    plot_key(p, STACK_COUNT, strlen(stack_names[STACK_PROJECTION]));
    prefix = prefix_for(s.highest);
    say(p, &s, !*r->layers_apart);
    describe(p, &s, r);
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
