/* figure_shares.c - Draw which kinds of work a run's FLOPs, bytes, time and energy
 * went to: a group of stacked bars for each phase of a profile, or for each pass of
 * a training. */
#include "reports/figures/figures.h"

#include <ctype.h>
#include <math.h>
#include "reports/read/stack.h"

static const struct { enum metric metric; const char *name; } bars[] = {
    { METRIC_FLOPS, "FLOPs" }, { METRIC_BYTES, "bytes" },
    { METRIC_SECONDS, "time" }, { METRIC_JOULES, "energy" },
};
enum { N_BARS = sizeof bars / sizeof *bars, MAX_GROUPS = RUN_MAX_PHASES, BAR_PIXELS = 20 };
/* gnuplot stacks no more rows of a key than fit the frame: STACK_COUNT here. */
enum { LEAST_PIXELS = 160 };

struct group {
    const char *title;
    struct stacked bar[N_BARS];
};

struct drawing {
    struct group group[MAX_GROUPS];
    int  n;
    bool whole;                /* groups are parts of one whole */
    double sum[N_BARS];        /* over groups, where they are */
    int  n_bars, at[N_BARS];   /* bars that any group has, and their places */
};

static void add(struct drawing *d, const char *title, const struct witnesses *w,
                int pass)
{
    struct group *group = &d->group[d->n];
    bool known = false;

    group->title = title;
    for (int b = 0; b < N_BARS; b++) {
        group->bar[b] = stack_sum(w, bars[b].metric, pass, LEDGER_ANY);
        d->sum[b] += group->bar[b].whole;
        known |= group->bar[b].whole > 0;
    }
    d->n += known;
}

static void collect(struct drawing *d, const struct report *r)
{
    const struct witnesses *w = r->layers[ARM_MOD] ? r->layers[ARM_MOD]
                                                   : r->layers[ARM_DENSE];

    for (size_t i = 0; r->profile && i < r->profile->n_phases; i++) {
        const struct phase *f = &r->profile->phase[i];
        add(d, f->name, &f->witnesses[phase_arm(f)], LEDGER_ANY);
    }
    if (r->profile || r->study.n_runs != 1 || !w)
        return;
    d->whole = true;
    for (int pass = 0; pass < PASS_COUNT; pass++)
        add(d, pass_names[pass], w, pass);
}

static void lay_out(struct drawing *d)
{
    for (int b = 0; b < N_BARS; b++) {
        bool used = false;
        d->at[b] = d->n_bars;
        for (int i = 0; i < d->n; i++)
            used |= d->group[i].bar[b].whole > 0;
        d->n_bars += used;
    }
}

static double place(const struct drawing *d, int group, int bar)
{
    return group * (d->n_bars + 1.0) + d->at[bar];
}

/* Share, in percent, of the bar's own whole or of that of all groups. */
static double whole_of(const struct drawing *d, int group, int bar)
{
    return d->whole ? d->sum[bar] : d->group[group].bar[bar].whole;
}

static void write_data(struct plot *p, const struct drawing *d)
{
    fputs("# x  modelled", p->data);
    for (int k = 0; k < STACK_COUNT; k++)
        fprintf(p->data, "  \"%s\"", stack_names[k]);
    fputs("  in percent\n", p->data);
    for (int i = 0; i < d->n; i++)
        for (int b = 0; b < N_BARS; b++) {
            const struct stacked *s = &d->group[i].bar[b];
            if (!(s->whole > 0))
                continue;
            fprintf(p->data, "%g %d", place(d, i, b), s->modelled);
            for (int k = 0; k < STACK_COUNT; k++)
                fprintf(p->data, " %.6g", 100 * s->of[k] / whole_of(d, i, b));
            fputc('\n', p->data);
        }
}

static bool is_used(const struct drawing *d, int stack)
{
    for (int i = 0; i < d->n; i++)
        for (int b = 0; b < N_BARS; b++)
            if (d->group[i].bar[b].of[stack] > 0)
                return true;
    return false;
}

extern const char figure_shares_gp[];

static void write_script(struct plot *p, const struct drawing *d)
{
    fprintf(p->script, "X1 = %g\narray KIND[%d]\n", place(d, d->n, 0) - 1.2,
            STACK_COUNT);
    for (int k = 0; k < STACK_COUNT; k++)
        fprintf(p->script, "KIND[%d] = '%s'\n", k + 1, stack_names[k]);
    fputs("USED = '", p->script);
    for (int k = 0; k < STACK_COUNT; k++)
        if (is_used(d, k))
            fprintf(p->script, "%d ", k + 1);
    fprintf(p->script, "'\nset %ctics (", plot_is_narrow(p) ? 'y' : 'x');
    for (int i = 0, n = 0; i < d->n; i++)
        for (int b = 0; b < N_BARS; b++)
            if (d->group[i].bar[b].whole > 0)
                fprintf(p->script, "%s'%s' %g", n++ ? ", " : "", bars[b].name,
                        place(d, i, b));
    fputs(")\n", p->script);
    for (int i = 0; i < d->n; i++) {
        fprintf(p->script, "set label %d ", i + 1);
        plot_quote(p, d->group[i].title);
        if (plot_is_narrow(p))
            fprintf(p->script, " at graph 0,first %g left front boxed offset screen %.5f,0\n",
                    place(d, i, 0) - 0.9, (2 - p->left) / p->width);
        else
            fprintf(p->script, " at %g, graph 0 center offset screen 0,%.5f\n",
                    place(d, i, 0) + (d->n_bars - 1) / 2.0, -40 / p->height);
    }
    fputs(figure_shares_gp, p->script);
}

/* The kind of work that takes most, of FLOPs and of time. */
static void say(struct plot *p, const struct drawing *d)
{
    const struct group *last = &d->group[d->n - 1];
    double flops, seconds;
    const char *part = stack_largest(&last->bar[0], &flops);
    const char *long_part = stack_largest(&last->bar[2], &seconds);

    if (d->whole) {
        TEXT_SET(p->head, "Where the training's FLOPs went");
        for (int i = 0; i < d->n; i++)
            TEXT_ADD(p->head, "%s %s %.0f %%", i ? "," : ":", d->group[i].title,
                     100 * d->group[i].bar[0].whole / d->sum[0]);
    } else if (last->bar[2].whole > 0 && !strcmp(part, long_part)) {
        TEXT_SET(p->head, "%s: %s takes %.0f %% of the FLOPs and %.0f %% of the "
                 "time", last->title, part, 100 * flops, 100 * seconds);
    } else if (last->bar[2].whole > 0) {
        TEXT_SET(p->head, "%s: %s takes %.0f %% of the FLOPs, %s %.0f %% of the "
                 "time", last->title, part, 100 * flops, long_part,
                 100 * seconds);
    } else {
        TEXT_SET(p->head, "%s: %s takes %.0f %% of the FLOPs", last->title, part,
                 100 * flops);
    }
    p->head[0] = (char)toupper((unsigned char)p->head[0]);
}

/* The weakest that FLOPs and bytes are known by: of an imported trace they are
 * predicted. */
static enum provenance known_by(const struct drawing *d)
{
    enum provenance from = PROV_MEASURED;

    for (int i = 0; i < d->n; i++)
        for (int b = 0; b < 2; b++)
            if (d->group[i].bar[b].whole > 0 && d->group[i].bar[b].from < from)
                from = d->group[i].bar[b].from;
    return from;
}

void figure_shares(struct plot *p, const struct report *r)
{
    struct drawing d = { .n = 0 };
    bool modelled = false;

    collect(&d, r);
    if (d.n == 0)
        return;
    lay_out(&d);
    p->ready = true;
    plot_key(p, STACK_COUNT, strlen(stack_names[STACK_PROJECTION]));
    p->bottom = 100;
    if (plot_is_narrow(p)) {
        p->bottom = 84;
        p->height = p->top + p->bottom +
                    fmax(BAR_PIXELS * (place(&d, d.n, 0) + 0.4), LEAST_PIXELS);
    }
    for (int i = 0; i < d.n; i++)
        modelled |= d.group[i].bar[3].modelled;
    say(p, &d);
    TEXT_SET(p->sub, "Share of each kind of work in the %s: FLOPs and operand "
             "bytes%s", d.whole ? "whole training, by pass" : "whole of a phase",
             d.sum[2] > 0 ? ", time, energy" : "");
    TEXT_SET(p->foot, "FLOPs and bytes %s%s%s", provenance_names[known_by(&d)],
             d.sum[2] > 0
             ? "  |  time: sum of the ops" : "",
             modelled ? "  |  hatched: modelled, all or in part" : "");
    TEXT_SET(p->alt, "Stacked bars in percent, a group for each of %d %s: the "
             "kinds of work that FLOPs, bytes, time and energy went to. %s.", d.n,
             d.whole ? "passes" : "phases", p->head);
    write_data(p, &d);
    write_script(p, &d);
}
