/* figure_traffic.c - Draw what routing leaves of FLOPs, traffic, time and energy
 * against capacity, a panel a phase. */
#include "reports/figures/figures.h"

#include <math.h>
#include <stdlib.h>
#include "reports/read/traffic.h"

static const struct { enum metric metric; const char *name, *colour; } lines[] = {
    { METRIC_FLOPS,      "FLOPs",      "INK" },
    { METRIC_L2_BYTES,   "past L1",    "'#9ECAE9'" },
    { METRIC_L3_BYTES,   "past L2",    "'#4A8FC7'" },
    { METRIC_DRAM_BYTES, "past L3",    "'#003F66'" },
    { METRIC_SECONDS,    "time",       "'#D55E00'" },
    { METRIC_JOULES,     "energy",     "'#009E73'" },
};
enum { N_LINES = sizeof lines / sizeof *lines, MAX_PANELS = 3 };

/* The phases that are drawn, by name, and the lines that anything is known of. */
struct panels {
    const char *name[MAX_PANELS];
    int n, line[N_LINES], n_lines;
};

static void find_panels(struct panels *p, const struct traffic *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool seen = !all[i].policy;
        for (int k = 0; k < p->n; k++)
            seen |= strcmp(p->name[k], all[i].phase->name) == 0;
        if (!seen && p->n < MAX_PANELS)
            p->name[p->n++] = all[i].phase->name;
    }
    for (int l = 0; l < N_LINES; l++) {
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known |= amount_known(traffic_of_twin(&all[i], lines[l].metric));
        if (known)
            p->line[p->n_lines++] = l;
    }
}

/* A line goes through the points of one policy, in the order of the study. */
static void write_line(struct plot *p, const struct traffic *all, size_t n,
                       const char *phase, const char *policy, enum metric metric)
{
    for (size_t i = 0; i < n; i++) {
        const struct amount a = traffic_of_twin(&all[i], metric);
        if (!all[i].policy || strcmp(all[i].policy, policy) != 0 ||
            strcmp(all[i].phase->name, phase) != 0 || !(all[i].capacity > 0))
            continue;
        if (!amount_known(a))
            fprintf(p->data, "%.9g NaN \"unknown\" \"%s\"\n",
                    100 * all[i].capacity, policy);
        else
            fprintf(p->data, "%.9g %.9g \"%s\" \"%s\"\n", 100 * all[i].capacity,
                    100 * a.value, amount_word(a), policy);
    }
}

/* The first policy's line, then the points of the others. */
static void write_metric(struct plot *p, const struct traffic *all, size_t n,
                         const char *phase, enum metric metric)
{
    const char *first = NULL;

    for (size_t i = 0; i < n && !first; i++)
        first = all[i].policy;
    write_line(p, all, n, phase, first, metric);
    fputs("\n\n", p->data);
    for (size_t i = 0; i < n; i++) {
        bool before = !all[i].policy || strcmp(all[i].policy, first) == 0;
        for (size_t k = 0; k < i && !before; k++)
            before = all[k].policy && strcmp(all[k].policy, all[i].policy) == 0;
        if (!before)
            write_line(p, all, n, phase, all[i].policy, metric);
    }
    fputs("NaN NaN \"none\" \"none\"\n\n\n", p->data);
}

/* As high as the highest share; what is above twice the twin is cut. */
static double top_of(const struct traffic *all, size_t n)
{
    double top = 105;

    for (size_t i = 0; i < n; i++)
        for (int l = 0; l < N_LINES; l++) {
            const struct amount a = traffic_of_twin(&all[i], lines[l].metric);
            if (amount_known(a))
                top = fmax(top, 105 * a.value);
        }
    return fmin(top, 200);
}

/* Modelled in any point: such a line is dotted, and hollow. */
static bool is_modelled(const struct traffic *all, size_t n, enum metric metric)
{
    bool modelled = false;

    for (size_t i = 0; i < n; i++)
        modelled |= amount_known(traffic_of_twin(&all[i], metric)) &&
                    traffic_of_twin(&all[i], metric).modelled;
    return modelled;
}

static void describe(struct plot *p, const struct traffic *all, size_t n)
{
    bool of[PROV_COUNT] = { false }, modelled = false;
    const char *first = NULL;

    for (size_t i = 0; i < n; i++)
        for (int l = 0; l < N_LINES && all[i].policy; l++) {
            const struct amount a = traffic_of_twin(&all[i], lines[l].metric);
            first = first ? first : all[i].policy;
            if (amount_known(a) && a.modelled)
                modelled = true;
            else if (amount_known(a))
                of[a.from] = true;
        }
    TEXT_SET(p->head, "What routing leaves of the dense twin's FLOPs, traffic, "
             "time and energy");
    TEXT_SET(p->sub, "Share of the dense twin (%%) against capacity (%%, "
             "logarithmic), a panel a phase; lines: %.40s; small marks: the "
             "other policies", first ? first : "");
    TEXT_SET(p->foot, "FLOPs counted%s%s%s%s",
             of[PROV_MEASURED] ? "  |  time measured" : "",
             of[PROV_BUSY] ? "  |  time: busy, others ran" : "",
             of[PROV_SIMULATED] ? "  |  traffic simulated (callgrind)" : "",
             modelled ? "  |  dotted and hollow: modelled, nothing counts it"
                      : "");
    TEXT_SET(p->alt, "Share of the dense twin against capacity for FLOPs, bytes "
             "past each cache, time and energy, in a panel for each phase.");
}

extern const char figure_traffic_gp[];

static void write_script(struct plot *p, const struct panels *panels,
                         const struct traffic *all, size_t n)
{
    fprintf(p->script, "LINES = %d; TOP = %.9g\narray TITLE"
            "[PANELS_N]; array NAME[LINES]; array COLOUR[LINES]; array "
            "MODEL[LINES]\n", panels->n_lines, top_of(all, n));
    for (int k = 0; k < panels->n; k++) {
        fprintf(p->script, "TITLE[%d] = ", k + 1);
        plot_quote(p, panels->name[k]);
        fputc('\n', p->script);
    }
    for (int l = 0; l < panels->n_lines; l++) {
        const int line = panels->line[l];
        fprintf(p->script, "NAME[%d] = '%s'; COLOUR[%d] = %s; MODEL[%d] = %d\n",
                l + 1, lines[line].name, l + 1, lines[line].colour, l + 1,
                is_modelled(all, n, lines[line].metric));
    }
    fputs(figure_traffic_gp, p->script);
}

void figure_traffic(struct plot *p, const struct report *r)
{
    struct panels panels = { .n = 0 };
    size_t n;
    struct traffic *all = traffic_list(&n, r->run, r->n_runs);

    find_panels(&panels, all, n);
    for (int k = 0; k < panels.n; k++)
        for (int l = 0; l < panels.n_lines; l++) {
            const int line = panels.line[l];
            fprintf(p->data, "# %s, %s: capacity_percent  percent_of_twin  "
                    "\"source\"  \"policy\"\n", panels.name[k],
                    lines[line].name);
            write_metric(p, all, n, panels.name[k], lines[line].metric);
        }
    if (panels.n > 0 && panels.n_lines > 0) {
        p->ready = true;
        p->top += 40;                            /* for key and titles */
        plot_key(p, panels.n_lines, 8);
        plot_grid(p, (struct grid){ .n = panels.n, .wide = MAX_PANELS,
                  .narrow = 1, .gap = 40, .below = 74, .height = 272 });
        describe(p, all, n);
        write_script(p, &panels, all, n);
    }
    free(all);
}
