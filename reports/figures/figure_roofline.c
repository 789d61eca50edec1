/* figure_roofline.c - Draw the speed of each op under the machine's ceilings:
 * FLOPs a second against FLOPs a byte (Williams, Waterman, Patterson,
 * Roofline, CACM 52(4), 2009), a panel for each phase. */
#include "reports/figures/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/ceilings.h"
#include "reports/read/jsonpath.h"
#include "reports/draw/label.h"
#include "sim/core/answer/table.h"

/* One op of one arm in one phase, summed over layers and passes. */
struct spot {
    bool   drawn;              /* FLOPs, bytes and seconds are known, none 0 */
    double flops, bytes, seconds;
    double share;              /* of the seconds of all ops of the arm */
};

struct panel {
    const struct phase *phase;
    struct spot spot[ARM_COUNT][OP_COUNT];
    bool idle[OP_COUNT];       /* took time for next to no FLOPs */
    int  n;                    /* spots drawn */
};

struct roofline {
    struct panel panel[RUN_MAX_PHASES];
    int    n_panels;
    struct ceilings ceilings;
    double threads;            /* used by the run; NAN */
    double x0, x1, y0, y1;     /* FLOPs a byte, FLOPs a second */
    struct prefix prefix;      /* of FLOPs a second */
    double width;              /* of a panel's frame, pixels */
};

static struct grid grid = { .wide = 3, .narrow = 1, .gap = 20, .below = 84,
                            .height = 316 };

/* FLOPs a byte below which an op moves data: on a logarithmic axis it has no
 * place, or one that leaves none to the others. */
static const double least_intensity = 0.02;

static double known(const struct witnesses *w, enum witness witness,
                    enum metric metric, int op)
{
    struct amount a = witness_sum(w, witness, metric, LEDGER_ANY, LEDGER_ANY,
                                  op);
    return amount_known(a) ? a.value : nan("");
}

static void collect(struct panel *panel, const struct phase *phase)
{
    *panel = (struct panel){ .phase = phase };
    for (int a = 0; a < ARM_COUNT; a++) {
        const struct witnesses *w = &phase->witnesses[a];
        double sum = 0;
        for (int op = 0; op < OP_COUNT; op++) {
            struct spot *s = &panel->spot[a][op];
            s->flops = known(w, WITNESS_COUNTED, METRIC_FLOPS, op);
            s->bytes = known(w, WITNESS_COUNTED, METRIC_BYTES, op);
            s->seconds = known(w, WITNESS_MEASURED, METRIC_SECONDS, op);
            s->drawn = s->bytes > 0 && s->seconds > 0 &&
                       s->flops >= least_intensity * s->bytes;
            panel->idle[op] |= s->seconds > 0 && s->bytes > 0 &&
                               s->flops < least_intensity * s->bytes;
            panel->n += s->drawn;
            sum += s->seconds > 0 ? s->seconds : 0;
        }
        for (int op = 0; op < OP_COUNT; op++)
            panel->spot[a][op].share = panel->spot[a][op].seconds / sum;
    }
}

static void find_range(struct roofline *r)
{
    const struct ceiling *peak = &r->ceilings.of[CEILING_PEAK];
    struct range x = RANGE_EMPTY, y = RANGE_EMPTY;

    for (int i = 0; i < r->n_panels; i++)
        for (int a = 0; a < ARM_COUNT; a++)
            for (int op = 0; op < OP_COUNT; op++) {
                const struct spot *s = &r->panel[i].spot[a][op];
                range_add(&x, s->drawn ? s->flops / s->bytes : nan(""));
                range_add(&y, s->drawn ? s->flops / s->seconds : nan(""));
            }
    for (int c = CEILING_L1; c < CEILING_COUNT; c++)
        if (ceiling_known(&r->ceilings.of[c]) && ceiling_known(peak))
            x.high = fmax(x.high, peak->value / r->ceilings.of[c].value);
    r->prefix = prefix_for(y.high);
    r->x0 = x.low / 2;
    r->x1 = 2.5 * x.high;
    r->y0 = y.low / 2;
    r->y1 = 2 * fmax(y.high, ceiling_known(peak) ? peak->high : 0);
}

/* ---- data: three blocks a panel, then three a ceiling ---- */

static void write_spot(struct plot *p, const struct roofline *r,
                       const struct spot *s, int op)
{
    fprintf(p->data, "%.9g %.9g %.6g %.9g %.0f %.0f \"%s\"\n",
            s->flops / s->bytes, s->flops / s->seconds / r->prefix.factor,
            s->share, s->seconds, s->flops, s->bytes, op_table[op].name);
}

static void write_panel(struct plot *p, const struct roofline *r,
                        const struct panel *panel)
{
    char title[96];
    int pairs = 0;

    phase_title(title, panel->phase);
    for (int a = 0; a < ARM_COUNT; a++) {
        int rows = 0;
        fprintf(p->data, "# %s, %s: flops_per_byte  %sflops_per_second  "
                "share_of_seconds  seconds  flops  bytes  \"op\"\n", title,
                arm_titles[a], r->prefix.letter);
        for (int op = 0; op < OP_COUNT; op++)
            if (panel->spot[a][op].drawn) {
                write_spot(p, r, &panel->spot[a][op], op);
                rows++;
            }
        fputs(rows ? "\n\n" : "NaN NaN NaN\n\n\n", p->data);
    }
    fprintf(p->data, "# %s, an op's two arms joined\n", title);
    for (int op = 0; op < OP_COUNT; op++)
        for (int a = 0; a < ARM_COUNT; a++) {
            const struct spot *s = &panel->spot[a][op];
            if (!panel->spot[ARM_DENSE][op].drawn ||
                !panel->spot[ARM_MOD][op].drawn)
                continue;
            fprintf(p->data, "%.9g %.9g\n%s", s->flops / s->bytes,
                    s->flops / s->seconds / r->prefix.factor,
                    a == ARM_MOD ? "\n" : "");
            pairs++;
        }
    fputs(pairs ? "\n" : "NaN NaN\n\n\n", p->data);
}

/* The intensity at which a roof of so many bytes a second enters the frame. */
static double enters(const struct roofline *r, double rate)
{
    return fmax(r->x0, r->y0 / rate);
}

/* The top of the frame stands in for a peak that is not stated. */
static double top_of(const struct roofline *r)
{
    const struct ceiling *peak = &r->ceilings.of[CEILING_PEAK];
    return ceiling_known(peak) ? peak->value : r->y1;
}

/* The least intensity at which the peak binds. */
static double ridge(const struct roofline *r)
{
    double x = r->x1;

    for (int c = CEILING_L1; c < CEILING_COUNT; c++)
        if (ceiling_known(&r->ceilings.of[c]))
            x = fmin(x, top_of(r) / r->ceilings.of[c].value);
    return x < r->x1 ? x : r->x0;
}

static void corner(struct plot *p, const struct roofline *r, double x,
                   double rate)
{
    fprintf(p->data, "%.9g %.9g\n", x, rate / r->prefix.factor);
}

/* The line of a ceiling, then its band from low to high. */
static void write_ceiling(struct plot *p, const struct roofline *r, int id)
{
    const struct ceiling *c = &r->ceilings.of[id];
    double top = top_of(r), from = ridge(r);

    fprintf(p->data, "# ceiling %s, %s: flops_per_byte  %sflops_per_second\n",
            ceiling_names[id], c->grade ? c->grade : "grade not stated",
            r->prefix.letter);
    if (id == CEILING_PEAK) {
        corner(p, r, from, c->value);
        corner(p, r, r->x1, c->value);
        fprintf(p->data, "\n\n# %s, low to high\n", ceiling_names[id]);
        corner(p, r, from, c->low);
        corner(p, r, r->x1, c->low);
        corner(p, r, r->x1, c->high);
        corner(p, r, from, c->high);
    } else {
        corner(p, r, enters(r, c->value), c->value * enters(r, c->value));
        corner(p, r, top / c->value, top);
        fprintf(p->data, "\n\n# %s, low to high\n", ceiling_names[id]);
        corner(p, r, enters(r, c->low), c->low * enters(r, c->low));
        corner(p, r, top / c->low, top);
        corner(p, r, top / c->high, top);
        corner(p, r, enters(r, c->high), c->high * enters(r, c->high));
    }
    fputs("\n\n", p->data);
}

/* ---- words ---- */

/* True if the run had all the cores that the peak is of. */
static bool compares_peak(const struct roofline *r)
{
    return ceiling_known(&r->ceilings.of[CEILING_PEAK]) &&
           r->ceilings.cores == r->threads;
}

/* Both models ran in each phase that is drawn, or one alone in all. */
static bool has_twin(const struct roofline *r)
{
    return phase_has_twin(r->panel[0].phase);
}

static void say(struct plot *p, const struct roofline *r)
{
    const double peak = r->ceilings.of[CEILING_PEAK].value;
    bool share = compares_peak(r);

    TEXT_SET(p->head, "%s reached%s", share ? "Share of the peak FLOP/s"
             : "FLOP/s", has_twin(r) ? ", dense and MoD" : "");
    for (int i = 0; i < r->n_panels; i++) {
        const struct phase *f = r->panel[i].phase;
        char rate[ARM_COUNT][TABLE_NUMBER_SIZE];
        for (int a = 0; a < ARM_COUNT; a++) {
            struct amount flops =
                f->totals[a].of[WITNESS_COUNTED][METRIC_FLOPS];
            double reached = flops.value / f->seconds[a].value;
            if (!amount_known(flops) || !amount_known(f->seconds[a]))
                snprintf(rate[a], sizeof rate[a], "unknown");
            else if (share)
                snprintf(rate[a], sizeof rate[a], "%.2g %%",
                         100 * reached / peak);
            else
                table_si(rate[a], reached, "");
        }
        TEXT_ADD(p->head, "%s %.20s %s", i ? "," : ":", f->name,
                 rate[has_twin(r) ? ARM_DENSE : phase_arm(f)]);
        if (has_twin(r))
            TEXT_ADD(p->head, " and %s", rate[ARM_MOD]);
    }
}

/* Name "select, gather": the ops that took time for next to no FLOPs in any
 * phase. */
static void name_idle(char *out, size_t size, const struct roofline *r)
{
    size_t used = 0;

    *out = 0;
    for (int op = 0; op < OP_COUNT; op++) {
        bool idle = false;
        for (int i = 0; i < r->n_panels; i++)
            idle |= r->panel[i].idle[op];
        if (idle && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s",
                                     used ? ", " : "", op_table[op].name);
    }
}

static void tell_ceilings(char *out, size_t size, const struct roofline *r)
{
    const struct ceilings *c = &r->ceilings;
    bool all = true;

    if (!c->machine) {
        snprintf(out, size, "no ceilings: the run states none (isobath profile "
                 "--machine)");
        return;
    }
    for (int i = 0; i < CEILING_COUNT; i++)
        all &= !ceiling_known(&c->of[i]) || ceiling_measured(&c->of[i]);
    snprintf(out, size, "ceilings %s (%.60s)%s", all ? "measured"
             : "measured where solid, else of other origin", c->machine,
             isfinite(c->cores) && isfinite(r->threads) &&
             c->cores != r->threads ? ", of all its cores, of which the run "
             "used fewer" : "");
}

static void describe(struct plot *p, const struct roofline *r)
{
    char idle[120], ceilings[200];

    name_idle(idle, sizeof idle, r);
    tell_ceilings(ceilings, sizeof ceilings, r);
    TEXT_SET(p->sub, "FLOPs a second of each op against its FLOPs a byte of "
             "operands; area of a mark: share of the phase's time%s%s",
             has_twin(r) ? "; a thin line joins an op's two models" : "",
             r->ceilings.machine ? "; slopes and level: what the machine "
             "allows, bands from low to high" : "");
    /* Of an imported trace they are predicted. */
    const struct phase *first = r->panel->phase;
    const struct amount *flops =
        &first->totals[phase_arm(first)].of[WITNESS_COUNTED][METRIC_FLOPS];
    TEXT_SET(p->foot, "FLOPs and operand bytes %s, each operand once an "
             "op: no memory traffic  |  time measured  |  %s%s%s",
             provenance_names[flops->from], ceilings, *idle ? "  |  not drawn, under 0.02 FLOP a byte: "
             : "", idle);
    TEXT_SET(p->alt, "Roofline: on two logarithmic axes, FLOPs a second of "
             "each op against its FLOPs a byte%s, in %d phases, under the "
             "machine's memory and arithmetic ceilings. %s.",
             has_twin(r) ? ", dense and MoD" : "", r->n_panels, p->head);
}

/* ---- script ---- */

static struct frame frame_of(const struct roofline *r)
{
    return (struct frame){ r->x0, r->x1, r->y0 / r->prefix.factor,
                           r->y1 / r->prefix.factor, true, true,
                           r->width, grid.height, nan("") };
}

enum { NAMED = 6, SURELY = 3 };    /* ops named where there is room; groups
                                     * named in any case */
static const double named_share = 0.02;

struct named {
    int op;
    double share;              /* the larger of the two arms' */
};

static int by_share(const void *a, const void *b)
{
    double x = ((const struct named *)a)->share;
    double y = ((const struct named *)b)->share;
    return (x < y) - (x > y);
}

/* The ops that take most of the time, longest first; returns how many. */
static int most_time(struct named out[OP_COUNT], const struct panel *panel)
{
    int n = 0;

    for (int op = 0; op < OP_COUNT; op++) {
        out[op] = (struct named){ op, 0 };
        for (int a = 0; a < ARM_COUNT; a++)
            if (panel->spot[a][op].drawn)
                out[op].share = fmax(out[op].share, panel->spot[a][op].share);
    }
    qsort(out, OP_COUNT, sizeof *out, by_share);
    while (n < NAMED && out[n].share >= named_share)
        n++;
    return n;
}

static struct label label_of(const struct roofline *r, const struct spot *s)
{
    return (struct label){ .x = s->flops / s->bytes,
                           .y = s->flops / s->seconds / r->prefix.factor,
                           .colour = "INK", .rank = 1 };
}

/* Ops whose marks touch share one name. */
static bool joins(struct label *group, const struct label *one,
                  struct frame frame)
{
    static const double near = 11;
    size_t used = strlen(group->text);

    if (hypot(frame_px(frame, group->x) - frame_px(frame, one->x),
              frame_py(frame, group->y) - frame_py(frame, one->y)) > near ||
        used + strlen(one->text) + 2 > 16)
        return false;
    snprintf(group->text + used, LABEL_TEXT_SIZE - used, ", %.20s", one->text);
    return true;
}

enum { GUARDS = 16 };          /* places kept free along a ceiling */

static int guard_ceilings(struct label *out, const struct roofline *r)
{
    int n = 0;

    for (int c = 0; c < CEILING_COUNT; c++) {
        double value = r->ceilings.of[c].value;
        bool peak = c == CEILING_PEAK;
        double from = peak ? ridge(r) : enters(r, value);
        double to = peak ? r->x1 : top_of(r) / value;
        for (int g = 0; g < GUARDS && to > from && value > 0; g++) {
            double x = from * pow(to / from, (double)g / (GUARDS - 1));
            out[n++] = (struct label){ .x = x, .y = (peak ? value : value * x) /
                                                    r->prefix.factor,
                                       .colour = "INK", .rank = 9 };
        }
    }
    return n;
}

/* Every mark is laid out, so that no name covers one. */
static void write_names(struct plot *p, const struct roofline *r,
                        const struct panel *panel)
{
    struct named named[OP_COUNT];
    struct label label[(ARM_COUNT + 1) * OP_COUNT + CEILING_COUNT * GUARDS];
    int n_named = most_time(named, panel), groups = 0, n;

    for (int i = 0; i < n_named; i++) {
        const struct spot *mod = &panel->spot[ARM_MOD][named[i].op];
        bool joined = false;
        label[groups] = label_of(r, mod->drawn ? mod
                                 : &panel->spot[ARM_DENSE][named[i].op]);
        label[groups].rank = groups < SURELY ? -1 : 1;
        snprintf(label[groups].text, LABEL_TEXT_SIZE, "%s",
                 op_table[named[i].op].name);
        for (int g = 0; g < groups && !joined; g++)
            joined = joins(&label[g], &label[groups], frame_of(r));
        groups += !joined;
    }
    n = groups;
    for (int a = 0; a < ARM_COUNT; a++)
        for (int op = 0; op < OP_COUNT; op++)
            if (panel->spot[a][op].drawn)
                label[n++] = label_of(r, &panel->spot[a][op]);
    n += guard_ceilings(label + n, r);
    label_place(label, n, frame_of(r));
    label_write(label, n, 200, p);
}

/* Slopes are too near each other for names along them: a list where an op
 * would do many FLOPs a byte slowly, which none does. */
static void name_roofs(struct plot *p, const struct roofline *r)
{
    const struct ceiling *peak = &r->ceilings.of[CEILING_PEAK];
    char text[TABLE_NUMBER_SIZE];
    int line = 0;

    for (int c = CEILING_COUNT - 1; c >= CEILING_L1; c--) {
        const struct ceiling *roof = &r->ceilings.of[c];
        if (!ceiling_known(roof))
            continue;
        table_si(text, roof->value, "B/s");
        fprintf(p->script, "set label %d '%s %s' at graph 1,0 right offset "
                "screen %.5f,%.5f font SMALL tc rgb MUTED\n", 160 + c,
                ceiling_names[c], text, -4.0 / p->width,
                (10 + 14 * line++) / p->height);
    }
    if (line)
        fprintf(p->script, "set label 165 'slopes, top down:' at graph 1,0 "
                "right offset screen %.5f,%.5f font SMALL tc rgb MUTED\n",
                -4.0 / p->width, (10 + 14 * line) / p->height);
    if (ceiling_known(peak)) {
        table_si(text, peak->value, "FLOP/s");
        fprintf(p->script, "set label 160 'peak %s' at first %.9g,%.9g right "
                "offset screen 0,%.5f font SMALL tc rgb MUTED\n", text, r->x1,
                peak->high / r->prefix.factor, 9 / p->height);
    }
}

/* Ticks a decade apart, every second one where there are many. */
static void write_tics(struct plot *p, char axis, double low, double high)
{
    int from = (int)ceil(log10(low) - 1e-9), to = (int)floor(log10(high));

    fprintf(p->script, "set %ctics 1e%d,%d,1e%d\n", axis, from,
            to - from > 6 ? 100 : 10, to);
}

extern const char figure_roofline_gp[], figure_roofline_panel_gp[];

/* Blocks of the ceilings come after those of all panels.  gnuplot reads the first
 * element of each array also where there are none. */
static void write_roofs(struct plot *p, const struct roofline *r)
{
    int n = 0;

    fprintf(p->script, "array ROOF[%d] = [0]; array WIDE[%d] = [1]; array "
            "DASH[%d] = [1]\n", CEILING_COUNT, CEILING_COUNT, CEILING_COUNT);
    for (int c = 0; c < CEILING_COUNT; c++) {
        const struct ceiling *ceiling = &r->ceilings.of[c];
        if (!ceiling_known(ceiling))
            continue;
        fprintf(p->script, "ROOF[%d] = %d; WIDE[%d] = %s; DASH[%d] = %s\n",
                n + 1, 3 * r->n_panels + 2 * n, n + 1,
                c == CEILING_PEAK || c == CEILING_DRAM ? "1.6" : "0.9", n + 1,
                ceiling_measured(ceiling) ? "1" : "DT_PRED");
        n++;
    }
    fprintf(p->script, "ROOFS = %d\n", n);
}

static void write_panel_script(struct plot *p, const struct roofline *r, int i)
{
    const bool first = plot_is_narrow(p) || i % grid.wide == 0;
    char title[96];

    phase_title(title, r->panel[i].phase);
    fprintf(p->script, "k = %d; BLOCK = %d\nYLABEL = '%s%s'; TITLE = ", i, 3 * i,
            first ? r->prefix.letter : "", first ? "FLOP/s (log)" : "");
    plot_quote(p, title);
    fputc('\n', p->script);
    if (i == 0)
        name_roofs(p, r);
    write_names(p, r, &r->panel[i]);
    fputs(figure_roofline_panel_gp, p->script);
}

static void write_script(struct plot *p, const struct roofline *r)
{
    fprintf(p->script, "DENSE = %d; MOD = %d\n%s",
            r->panel[0].phase->has[ARM_DENSE], r->panel[0].phase->has[ARM_MOD],
            figure_roofline_gp);
    plot_axes(p, frame_of(r));
    write_tics(p, 'x', r->x0, r->x1);
    write_tics(p, 'y', r->y0 / r->prefix.factor, r->y1 / r->prefix.factor);
    write_roofs(p, r);
    for (int i = 0; i < r->n_panels; i++)
        write_panel_script(p, r, i);
    fputs("unset multiplot\n", p->script);
}

void figure_roofline(struct plot *p, const struct report *report)
{
    const struct run *profile = report->profile;
    struct roofline *r = profile ? error_noted(calloc(1, sizeof *r)) : NULL;

    if (!r)
        return;
    r->ceilings = ceilings_read(profile);
    r->threads = jsonpath_number(profile->summary, "provenance.threads");
    for (size_t i = 0; i < profile->n_phases; i++) {
        collect(&r->panel[r->n_panels], &profile->phase[i]);
        r->n_panels += r->panel[r->n_panels].n > 0;
    }
    if (r->n_panels == 0) {
        TEXT_SET(p->reason, "%s has no op whose FLOPs and bytes were counted "
                 "and whose time was measured", profile->name);
        free(r);
        return;
    }
    p->ready = true;
    p->left = 84;
    find_range(r);
    plot_key(p, 2, 10);
    p->top += plot_is_narrow(p) ? 20 : 0;        /* for a title */
    grid.n = r->n_panels;
    r->width = plot_grid(p, grid);
    say(p, r);
    describe(p, r);
    for (int i = 0; i < r->n_panels; i++)
        write_panel(p, r, &r->panel[i]);
    for (int c = 0; c < CEILING_COUNT; c++)
        if (ceiling_known(&r->ceilings.of[c]))
            write_ceiling(p, r, c);
    write_script(p, r);
    free(r);
}
