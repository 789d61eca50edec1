/* figure_traffic.c - Draw what routing leaves of FLOPs, traffic, time and energy
 * against capacity, a panel a phase and rival. */
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
enum { N_LINES = sizeof lines / sizeof *lines, MAX_PHASES = 3 };

/* Whom a row of panels sets the models beside. */
static const struct {
    const char *name;
    struct amount (*share)(const struct traffic *, enum metric);
} rivals[] = {
    { "the dense twin", traffic_of_twin },
    { "dense of equal FLOPs", traffic_of_rival },
};
enum { N_RIVALS = sizeof rivals / sizeof *rivals };

/* The phases that are drawn, by name, the rivals there are, and the lines that
 * anything is known of. */
struct panels {
    const char *name[MAX_PHASES];
    int n, n_rivals, line[N_LINES], n_lines;
};

static bool has_rival(const struct traffic *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].has_rival)
            return true;
    return false;
}

static void find_panels(struct panels *p, const struct traffic *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool seen = !all[i].policy;
        for (int k = 0; k < p->n; k++)
            seen |= strcmp(p->name[k], all[i].phase->name) == 0;
        if (!seen && p->n < MAX_PHASES)
            p->name[p->n++] = all[i].phase->name;
    }
    for (int l = 0; l < N_LINES; l++) {
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known |= amount_known(traffic_of_twin(&all[i], lines[l].metric));
        if (known)
            p->line[p->n_lines++] = l;
    }
    p->n_rivals = has_rival(all, n) ? N_RIVALS : 1;
}

/* A line goes through the points of one policy, in the order of the study. */
static void write_line(struct plot *p, const struct traffic *all, size_t n,
                       const char *phase, int rival, const char *policy,
                       enum metric metric)
{
    for (size_t i = 0; i < n; i++) {
        const struct amount a = rivals[rival].share(&all[i], metric);
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
                         const char *phase, int rival, enum metric metric)
{
    const char *first = NULL;

    for (size_t i = 0; i < n && !first; i++)
        first = all[i].policy;
    write_line(p, all, n, phase, rival, first, metric);
    fputs("\n\n", p->data);
    for (size_t i = 0; i < n; i++) {
        bool before = !all[i].policy || strcmp(all[i].policy, first) == 0;
        for (size_t k = 0; k < i && !before; k++)
            before = all[k].policy && strcmp(all[k].policy, all[i].policy) == 0;
        if (!before)
            write_line(p, all, n, phase, rival, all[i].policy, metric);
    }
    fputs("NaN NaN \"none\" \"none\"\n\n\n", p->data);
}

/* As high as the highest share; what is above twice the rival is cut. */
static double top_of(const struct traffic *all, size_t n, int rival)
{
    double top = 105;

    for (size_t i = 0; i < n; i++)
        for (int l = 0; l < N_LINES; l++) {
            const struct amount a = rivals[rival].share(&all[i], lines[l].metric);
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

static void describe(struct plot *p, const struct panels *panels,
                     const struct traffic *all, size_t n)
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
    const bool both = panels->n_rivals == N_RIVALS;
    TEXT_SET(p->head, "What routing leaves of a dense model's FLOPs, traffic, "
             "time and energy");
    TEXT_SET(p->sub, "Share of the dense twin (%%)%s against capacity (%%, "
             "logarithmic); lines: %.40s; small marks: other policies",
             both ? ", and of a dense model of equal FLOPs," : "",
             first ? first : "");
    TEXT_SET(p->foot, "FLOPs counted%s%s%s%s",
             of[PROV_MEASURED] ? "  |  time measured" : "",
             of[PROV_BUSY] ? "  |  time: busy, others ran" : "",
             of[PROV_SIMULATED] ? "  |  traffic simulated (callgrind)" : "",
             modelled ? "  |  dotted and hollow: modelled, nothing counts it"
                      : "");
    TEXT_SET(p->alt, "Share of the dense twin%s against capacity for FLOPs, bytes "
             "past each cache, time and energy, in a panel for each phase.",
             both ? " and of a dense model of equal FLOPs" : "");
}

extern const char figure_traffic_gp[];

static void write_script(struct plot *p, const struct panels *panels,
                         const struct traffic *all, size_t n)
{
    fprintf(p->script, "LINES = %d\narray TITLE[PANELS_N]; array TOP[PANELS_N]; "
            "array NAME[LINES]; array COLOUR[LINES]; array MODEL[LINES]\n",
            panels->n_lines);
    for (int k = 0; k < panels->n * panels->n_rivals; k++) {
        char title[96];
        const int rival = k / panels->n;
        snprintf(title, sizeof title, "%.40s: over %s",
                 panels->name[k % panels->n], rivals[rival].name);
        fprintf(p->script, "TOP[%d] = %.9g; TITLE[%d] = ", k + 1,
                top_of(all, n, rival), k + 1);
        plot_quote(p, title);
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
    for (int k = 0; k < panels.n * panels.n_rivals; k++)
        for (int l = 0; l < panels.n_lines; l++) {
            const int line = panels.line[l], rival = k / panels.n;
            const char *phase = panels.name[k % panels.n];
            fprintf(p->data, "# %s, %s: capacity_percent  percent_of(%s)  "
                    "\"source\"  \"policy\"\n", phase, lines[line].name,
                    rivals[rival].name);
            write_metric(p, all, n, phase, rival, lines[line].metric);
        }
    if (panels.n > 0 && panels.n_lines > 0) {
        p->ready = true;
        p->top += 40;                            /* for key and titles */
        plot_key(p, panels.n_lines, 8);
        plot_grid(p, (struct grid){ .n = panels.n * panels.n_rivals,
                  .wide = panels.n, .narrow = 1, .gap = 56, .below = 74,
                  .height = 272 });
        describe(p, &panels, all, n);
        write_script(p, &panels, all, n);
    }
    free(all);
}
