/* figure_phases.c - Draw MoD's share of the dense twin's cost, by phase. */
#include "reports/figures/figures.h"

#include <math.h>
#include "sim/core/answer/table.h"

static const struct { enum metric metric; const char *name; } bars[] = {
    { METRIC_FLOPS, "FLOPs" }, { METRIC_BYTES, "bytes" },
    { METRIC_SECONDS, "time" }, { METRIC_JOULES, "energy" },
};
enum { N_BARS = sizeof bars / sizeof *bars };

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

extern const char figure_phases_gp[];

static void write_tics(struct plot *p, const struct run *profile)
{
    fputs("set xtics (", p->script);
    for (size_t i = 0; i < profile->n_phases; i++)
        for (size_t b = 0; b < N_BARS; b++)
            fprintf(p->script, "%s'%s' %.3f", i + b ? ", " : "", bars[b].name,
                    (double)i * (N_BARS + 1) + (double)b);
    fputs(")\n", p->script);
    for (size_t i = 0; i < profile->n_phases; i++) {
        const struct phase *f = &profile->phase[i];
        char name[96];
        phase_title(name, f);
        fprintf(p->script, "set label %zu ", i + 1);
        plot_quote(p, name);
        fprintf(p->script, " at %.3f, graph 0 center offset screen 0,%.5f\n",
                (double)i * (N_BARS + 1) + 1.5, -40 / p->height);
    }
}

void figure_phases(struct plot *p, const struct report *r)
{
    const struct run *profile = r->profile;
    double highest = 100;
    bool known = false, modelled = false, busy = false;

    if (!profile)
        return;
    fputs("# x  percent_of_dense  low  high  modelled  \"source\"\n", p->data);
    for (size_t i = 0; i < profile->n_phases; i++)
        for (size_t b = 0; b < N_BARS; b++) {
            struct amount a = profile->phase[i].ratio[bars[b].metric];
            write_bar(p, (double)i * (N_BARS + 1) + (double)b, a);
            if (!amount_known(a))
                continue;
            known = true;
            modelled |= a.modelled;
            busy |= a.from == PROV_BUSY;
            highest = fmax(highest, 100 * fmax(a.value, isfinite(a.high)
                                                        ? a.high : 0));
        }
    if (!known)
        return;
    p->ready = true;
    p->bottom = 100;
    say(p, profile);
    TEXT_SET(p->sub, "MoD as a share of its dense twin (dense = 100 %%): "
             "FLOPs, operand bytes, time and energy of each phase; intervals: "
             "95 %%, of paired repeats");
    TEXT_SET(p->foot, "filled: counted (FLOPs, bytes) or measured (time)%s%s",
             modelled ? "  |  hatched: modelled, no sensor was read" : "",
             busy ? "  |  time: busy, others ran" : "");
    TEXT_SET(p->alt, "Bars in percent of the dense twin for %zu phases: "
             "FLOPs, bytes, time, energy. %s.", profile->n_phases,
             p->head);
    fprintf(p->script, "X1 = %.1f; TOP = %.9g; MODELLED = %d\n",
            (double)profile->n_phases * (N_BARS + 1) - 1.2, 1.16 * highest,
            modelled);
    write_tics(p, profile);
    fputs(figure_phases_gp, p->script);
}
