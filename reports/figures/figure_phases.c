/* figure_phases.c - Draw what one model takes of another's cost, a group of bars
 * for each phase: MoD of its dense twin, or a profile of the first profile. */
#include "reports/figures/figures.h"

#include <math.h>
#include "reports/read/profiles.h"
#include "sim/core/answer/table.h"

static const struct { enum metric metric; const char *name; } bars[] = {
    { METRIC_FLOPS, "FLOPs" }, { METRIC_BYTES, "bytes" },
    { METRIC_SECONDS, "time" }, { METRIC_JOULES, "energy" },
};
enum { N_BARS = sizeof bars / sizeof *bars, MAX_GROUPS = 16, BAR_PIXELS = 20 };

/* What all groups are shares of, and their own name in the key. */
struct drawing {
    const char *of, *name, *colour;
    struct group {
        char title[96];
        struct amount ratio[N_BARS];
    } group[MAX_GROUPS];
    int n;
};

/* The phases whose time falls most and least, of those with an interval. */
static void say(struct plot *p, const struct run *profile)
{
    const struct phase *most = NULL, *least = NULL;

    for (size_t i = 0; i < profile->n_phases; i++) {
        const struct phase *f = &profile->phase[i];
        double time = f->ratio[METRIC_SECONDS].value;
        if (!amount_known(f->ratio[METRIC_SECONDS]) ||
            !isfinite(f->ratio[METRIC_SECONDS].low))
            continue;
        if (!most || time < most->ratio[METRIC_SECONDS].value)
            most = f;
        if (!least || time > least->ratio[METRIC_SECONDS].value)
            least = f;
    }
    if (most && most != least)
        TEXT_SET(p->head, "MoD takes %.0f %% of the dense time in a %s, %.0f "
                 "%% in a %s",
                 100 * most->ratio[METRIC_SECONDS].value, most->name,
                 100 * least->ratio[METRIC_SECONDS].value, least->name);
    else
        TEXT_SET(p->head, "What MoD spends of the dense twin's cost, by "
                 "phase");
}

static void write_bar(struct plot *p, double x, struct amount a)
{
    bool interval = isfinite(a.low) && isfinite(a.high);

    if (!amount_known(a))
        fprintf(p->data, "%.3f NaN NaN NaN NaN \"unknown\"\n", x);
    else
        fprintf(p->data, "%.3f %.9g %.9g %.9g %d \"%s\"\n", x, 100 * a.value,
                100 * (interval ? a.low : a.value),
                100 * (interval ? a.high : a.value), a.modelled,
                amount_word(a));
}

static double place(int group, size_t bar)
{
    return group * (N_BARS + 1.0) + (double)bar;
}

/* Bars that lie on their side take as much room as they are many. */
static void lay_out(struct plot *p, int n_groups)
{
    p->bottom = 100;
    if (!plot_is_narrow(p))
        return;
    p->bottom = 84;
    p->height = p->top + p->bottom + BAR_PIXELS * (place(n_groups, 0) + 0.4);
}

static void write_tics(struct plot *p, const struct drawing *d)
{
    const bool narrow = plot_is_narrow(p);

    fprintf(p->script, "set %ctics (", narrow ? 'y' : 'x');
    for (int i = 0; i < d->n; i++)
        for (size_t b = 0; b < N_BARS; b++)
            fprintf(p->script, "%s'%s' %.3f", i || b ? ", " : "", bars[b].name,
                    place(i, b));
    fputs(")\n", p->script);
    for (int i = 0; i < d->n; i++) {
        fprintf(p->script, "set label %d ", i + 1);
        plot_quote(p, d->group[i].title);
        if (narrow)
            fprintf(p->script, " at graph 0,first %.3f left front boxed"
                    " offset screen %.5f,0\n", place(i, 0) - 0.9, (2 - p->left) / p->width);
        else
            fprintf(p->script, " at %.3f, graph 0 center offset screen 0,%.5f\n",
                    place(i, 0) + 1.5, -40 / p->height);
    }
}

extern const char figure_phases_gp[];

/* Bars of all groups; the foot says how they are known. */
static void draw(struct plot *p, const struct drawing *d)
{
    double highest = 100;
    bool modelled = false, busy = false;

    fputs("# x  percent  low  high  modelled  \"source\"\n", p->data);
    for (int i = 0; i < d->n; i++)
        for (size_t b = 0; b < N_BARS; b++) {
            struct amount a = d->group[i].ratio[b];
            write_bar(p, place(i, b), a);
            if (!amount_known(a))
                continue;
            p->ready = true;
            modelled |= a.modelled;
            busy |= a.from == PROV_BUSY;
            highest = fmax(highest, 100 * fmax(a.value, isfinite(a.high)
                                                        ? a.high : 0));
        }
    plot_key(p, 2 + modelled, strlen(d->name) + 21);
    lay_out(p, d->n);
    TEXT_SET(p->foot, "filled: counted (FLOPs, bytes) or measured (time)%s%s",
             modelled ? "  |  hatched: modelled, no sensor was read" : "",
             busy ? "  |  time: busy, others ran" : "");
    fprintf(p->script, "X1 = %.1f; TOP = %.9g; MODELLED = %d; COLOUR = %s\n",
            place(d->n, 0) - 1.2, (plot_is_narrow(p) ? 1.25 : 1.16) * highest, modelled, d->colour);
    fputs("OF = ", p->script);
    plot_quote(p, d->of);
    fputs("; NAME = ", p->script);
    plot_quote(p, d->name);
    fputc('\n', p->script);
    write_tics(p, d);
    fputs(figure_phases_gp, p->script);
}

void figure_phases(struct plot *p, const struct report *r)
{
    struct drawing d = { .of = "the dense twin", .name = "MoD",
                         .colour = "C_MOD" };
    bool twins = false;

    for (size_t i = 0; r->profile && i < r->profile->n_phases &&
                       d.n < MAX_GROUPS; i++) {
        const struct phase *f = &r->profile->phase[i];
        struct group *group = &d.group[d.n++];
        phase_title(group->title, f);
        for (size_t b = 0; b < N_BARS; b++) {
            group->ratio[b] = f->ratio[bars[b].metric];
            twins |= amount_known(group->ratio[b]);
        }
    }
    if (!twins)
        return;
    say(p, r->profile);
    TEXT_SET(p->sub, "MoD as a share of its dense twin (dense = 100 %%): "
             "FLOPs, operand bytes, time and energy of each phase; intervals: "
             "95 %%, of paired repeats");
    TEXT_SET(p->alt, "Bars in percent of the dense twin for %d phases: FLOPs, "
             "bytes, time, energy. %s.", d.n, p->head);
    draw(p, &d);
}

/* ---- profiles against the first ---- */

static void add_profile(struct drawing *d, const struct run *first,
                        const struct run *other)
{
    for (size_t i = 0; i < other->n_phases && d->n < MAX_GROUPS; i++) {
        const struct phase *f = &other->phase[i];
        const struct phase *base = profiles_phase(first, f->name);
        struct group *group = &d->group[d->n];
        if (!base)
            continue;
        d->n++;
        snprintf(group->title, sizeof group->title, "%.40s, %.40s", other->name,
                 f->name);
        for (size_t b = 0; b < N_BARS; b++)
            group->ratio[b] = profiles_ratio(base, f, bars[b].metric);
    }
}

void figure_compare(struct plot *p, const struct report *r)
{
    struct drawing d = { .name = "others", .colour = "C_ALT" };
    size_t others = 0;

    for (size_t i = 0; r->profile && i < r->n_runs; i++)
        if (r->run[i].kind == RUN_PROFILE && &r->run[i] != r->profile) {
            add_profile(&d, r->profile, &r->run[i]);
            d.name = others++ ? "others" : r->run[i].name;
        }
    if (d.n == 0)
        return;
    d.of = r->profile->name;
    TEXT_SET(p->head, "What a token takes of %.60s's cost, by phase", d.of);
    TEXT_SET(p->sub, "FLOPs, operand bytes, time and energy of a token, "
             "%.60s = 100 %%; intervals: 95 %%, of repeats made apart", d.of);
    TEXT_SET(p->alt, "Bars in percent of %.60s for %d phases: FLOPs, bytes, "
             "time, energy of a token.", d.of, d.n);
    draw(p, &d);
}
