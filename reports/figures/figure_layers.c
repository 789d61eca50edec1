/* figure_layers.c - one metric per layer, stacked by op, dense beside MoD. */
#include "reports/figures/figures.h"

#include <math.h>
#include <string.h>
#include "sim/core/answer/table.h"

const char *const op_family_names[FAMILY_COUNT_SHOWN] = {
    "attention projections", "attention mix", "FFN up", "FFN down",
    "router, gather", "norm, activation", "head, loss, update",
};

/* Dark and light alternate up the stack, so that grey prints can be read. */
int op_family(enum op op)
{
    static const unsigned char family[OP_COUNT] = {
        [OP_QKV] = 0,      [OP_PROJECT] = 0,
        [OP_ATTEND] = 1,   [OP_ROPE] = 1,
        [OP_FFN_UP] = 2,   [OP_FFN_DOWN] = 3,
        [OP_ROUTE] = 4,    [OP_SELECT] = 4, [OP_GATHER] = 4, [OP_GATE] = 4,
        [OP_NORM] = 5,     [OP_ACT] = 5,   [OP_QK_NORM] = 5,
        [OP_EMBED] = 6,    [OP_HEAD] = 6,   [OP_LOSS] = 6,   [OP_ENTROPY] = 6,
        [OP_CLIP] = 6,     [OP_ADAMW] = 6,
    };
    return family[op];
}

/* Layers, then what stands outside any. */
struct stacks {
    int    n_layers;
    double of[ARM_COUNT][SPEC_MAX_LAYERS + 1][FAMILY_COUNT_SHOWN];
    double total[ARM_COUNT][SPEC_MAX_LAYERS + 1];
    double highest;
    bool   used[FAMILY_COUNT_SHOWN];
    enum provenance from;      /* the weakest that went in */
    bool   modelled;
};

static struct amount cell(const struct layers_input *in, int arm, int layer,
                          int op)
{
    /* The exact tally before what counters saw of it. */
    struct amount counted = witness_sum(in->arm[arm], WITNESS_COUNTED,
                                        in->metric, LEDGER_ANY, layer, op);
    if (amount_known(counted))
        return counted;
    return witness_best(in->arm[arm], in->metric, LEDGER_ANY, layer, op);
}

static void fill(struct stacks *s, const struct layers_input *in)
{
    s->from = PROV_MEASURED;
    for (int a = 0; a < ARM_COUNT; a++)
        if (in->arm[a] && in->arm[a]->n_layers > s->n_layers)
            s->n_layers = in->arm[a]->n_layers;
    for (int a = 0; a < ARM_COUNT; a++) {
        if (!in->arm[a])
            continue;
        for (int y = 0; y <= s->n_layers; y++)
            for (int op = 0; op < OP_COUNT; op++) {
                struct amount amount = cell(in, a, y < s->n_layers
                                                   ? y : LEDGER_OUTSIDE, op);
                if (!amount_known(amount) || amount.value == 0)
                    continue;
                amount.value /= in->divide[a];
                s->of[a][y][op_family((enum op)op)] += amount.value;
                s->total[a][y] += amount.value;
                s->used[op_family((enum op)op)] = true;
                s->modelled |= amount.modelled;
                if (amount.from < s->from)
                    s->from = amount.from;
            }
        for (int y = 0; y <= s->n_layers; y++)
            s->highest = fmax(s->highest, s->total[a][y]);
    }
}

static void write_data(struct plot *p, const struct stacks *s,
                       const struct layers_input *in, struct prefix prefix)
{
    for (int a = 0; a < ARM_COUNT; a++) {
        fprintf(p->data, "# %s: layer (the last: outside any layer)",
                arm_titles[a]);
        for (int f = 0; f < FAMILY_COUNT_SHOWN; f++)
            fprintf(p->data, "  \"%s\"", op_family_names[f]);
        fprintf(p->data, "  in %s%s\n", prefix.letter,
                metric_table[in->metric].unit);
        for (int y = 0; y <= s->n_layers; y++) {
            fprintf(p->data, "%d", y);
            for (int f = 0; f < FAMILY_COUNT_SHOWN; f++)
                fprintf(p->data, " %.9g", s->of[a][y][f] / prefix.factor);
            fputc('\n', p->data);
        }
        fputs("\n\n", p->data);
    }
}

/* The layer where MoD saves the largest share. */
static void say(struct plot *p, const struct stacks *s,
                const struct layers_input *in, const char *metric)
{
    double dense = 0, mod = 0;

    for (int y = 0; y <= s->n_layers; y++) {
        dense += s->total[ARM_DENSE][y];
        mod += s->total[ARM_MOD][y];
    }
    if (dense > 0 && mod > 0)
        snprintf(p->head, sizeof p->head, "MoD spends %.1f %% of the dense %s: "
                 "what its routed layers pass by", 100 * mod / dense, metric);
    else
        snprintf(p->head, sizeof p->head, "Where the %s go%s", metric,
                 in->metric == METRIC_JOULES ? "es" : "");
}

static void write_script(struct plot *p, const struct stacks *s,
                         const struct layers_input *in, struct prefix prefix,
                         const char *metric)
{
    const char *fill = s->modelled ? "fs pattern 4 border rgb OPC[%d]"
                                   : "fs solid 1 border rgb '#FFFFFF'";
    int step = s->n_layers > 24 ? 4 : 1;

    fprintf(p->script, "set xrange [-0.7:%d.7]\nset yrange [0:%.9g]\n"
            "unset grid\nset grid ytics ls 90\nset xtics scale 0 (",
            s->n_layers, 1.08 * s->highest / prefix.factor);
    for (int y = 0; y < s->n_layers; y += step)
        fprintf(p->script, "'%d' %d, ", y, y);
    fprintf(p->script, "'outside' %d)\nset format y '%%g'\n"
            "set xlabel 'layer' offset 0,0.3\n"
            "set ylabel '%s, %s%s' offset 0.6,0\nset key maxrows 3 "
            "samplen 1.2\n"
            "BW = 0.36\nx0(m) = m == 0 ? -0.39 : 0.03\n"
            "below(k) = (k == 1) ? 0 : sum [i=2:k] column(i)\n",
            s->n_layers, metric, prefix.letter,
            in->metric == METRIC_FLOPS ? "FLOP"
                                       : metric_table[in->metric].unit);
    fputs("set style textbox opaque noborder fillcolor rgb '#FFFFFF' margins "
          "0.6,0.6\n", p->script);
    for (int a = 0; a < ARM_COUNT; a++)
        if (in->arm[a] && s->total[a][0] > 0)
            fprintf(p->script, "set label %d '%s' at %s+BW/2,graph 0.02 left "
                    "rotate by 90 front boxed font SMALL tc rgb INK\n", a + 1,
                    a == ARM_DENSE ? "dense" : "MoD",
                    a == ARM_DENSE ? "-0.39" : "0.03");
    fputs("plot ", p->script);
    for (int a = 0; a < ARM_COUNT; a++)
        for (int k = 1; in->arm[a] && k <= FAMILY_COUNT_SHOWN; k++) {
            fprintf(p->script, "D index %d using ($1+x0(%d)+BW/2):(0):"
                    "($1+x0(%d)):($1+x0(%d)+BW):(below(%d)):(below(%d)+"
                    "column(%d)) with boxxyerror lw 0.6 lc rgb OPC[%d] ", a, a,
                    a, a, k, k, k + 1, k);
            fprintf(p->script, fill, k);
            fputs(" notitle, \\\n     ", p->script);
        }
    for (int k = 1, first = 1; k <= FAMILY_COUNT_SHOWN; k++) {
        if (!s->used[k - 1])
            continue;
        fprintf(p->script, "%sNaN with boxes lc rgb OPC[%d] ",
                first ? "" : ", \\\n     ", k);
        fprintf(p->script, fill, k);
        fprintf(p->script, " title '%s'", op_family_names[k - 1]);
        first = 0;
    }
    fputc('\n', p->script);
}

void figure_layers(struct plot *p, const struct layers_input *in)
{
    const char *metric = in->metric == METRIC_FLOPS ? "FLOPs"
                       : in->metric == METRIC_JOULES ? "energy"
                       : metric_table[in->metric].column;
    struct stacks s = { .n_layers = 0 };
    struct prefix prefix;
    const char *word;

    fill(&s, in);
    if (!(s.highest > 0))
        return;
    p->ready = true;
    p->top = 130;
    prefix = prefix_for(s.highest);
    word = s.modelled ? "modelled (machine profile's coefficients)"
                      : provenance_names[s.from];
    say(p, &s, in, metric);
    snprintf(p->sub, sizeof p->sub, "%s%s per layer by op, %s; in each pair "
             "the left bar is the dense twin%s%s, the right bar MoD%s%s",
             s.modelled ? "Modelled " : "",
             in->metric == METRIC_FLOPS ? "FLOPs" : metric, in->what,
             *in->label[ARM_DENSE] ? " " : "", in->label[ARM_DENSE],
             *in->label[ARM_MOD] ? " " : "", in->label[ARM_MOD]);
    if (!s.modelled && p->sub[0] >= 'a' && p->sub[0] <= 'z')
        p->sub[0] = (char)(p->sub[0] - 'a' + 'A');
    snprintf(p->foot, sizeof p->foot, "%s %s%s  |  outside: what belongs to no "
             "layer", in->metric == METRIC_FLOPS ? "FLOPs" : metric, word,
             s.modelled ? ", hatched" : "");
    snprintf(p->alt, sizeof p->alt, "Stacked bars of %s per layer by kind of "
             "op, dense beside MoD, %d layers. %s.", metric, s.n_layers,
             p->head);
    write_data(p, &s, in, prefix);
    write_script(p, &s, in, prefix, metric);
}
