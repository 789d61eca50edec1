/* figure_scatter.c - Draw measured against predicted seconds, op by op. */
#include "reports/figures/figures.h"

#include <math.h>
#include <stdlib.h>
#include "reports/draw/label.h"
#include "sim/core/base/stats.h"
#include "sim/core/answer/table.h"

enum { MAX_POINTS = RUN_MAX_PHASES * OP_COUNT };

struct match {
    size_t phase;
    const char *op;
    double predicted, measured;
};

static int collect(struct match *out, const struct run *profile)
{
    int n = 0;

    for (size_t i = 0; i < profile->n_phases; i++)
        for (int op = 0; op < OP_COUNT; op++) {
            const struct phase *f = &profile->phase[i];
            const struct witnesses *w = &f->witnesses[phase_arm(f)];
            struct amount p = witness_sum(w, WITNESS_PREDICTED, METRIC_SECONDS,
                                          LEDGER_ANY, LEDGER_ANY, op);
            struct amount m = witness_sum(w, WITNESS_MEASURED, METRIC_SECONDS,
                                          LEDGER_ANY, LEDGER_ANY, op);
            if (amount_known(p) && amount_known(m) && p.value > 0 &&
                m.value > 0)
                out[n++] = (struct match){ i, op_table[op].name, p.value,
                                           m.value };
        }
    return n;
}

static void say(struct plot *p, const struct match *match, int n)
{
    double ratio[MAX_POINTS];
    int near = 0;

    for (int i = 0; i < n; i++) {
        ratio[i] = match[i].measured / match[i].predicted;
        near += fabs(ratio[i] - 1) <= 0.1;
    }
    TEXT_SET(p->head, "Predicted time: %d of %d ops within 10 %%; the median "
             "op takes %.2f times its prediction", near, n,
             stats_median(ratio, (size_t)n));
}

static void write_data(struct plot *p, const struct run *profile,
                       const struct match *match, int n)
{
    for (size_t i = 0; i < profile->n_phases; i++) {
        fprintf(p->data, "# %s: predicted_s  measured_s  \"op\"\n",
                profile->phase[i].name);
        for (int k = 0; k < n; k++)
            if (match[k].phase == i)
                fprintf(p->data, "%.9g %.9g \"%s\"\n", match[k].predicted,
                        match[k].measured, match[k].op);
        fputs("NaN NaN \"\"\n\n\n", p->data);
    }
}

enum { NAMED = 12 };           /* the worst misses; more would hide the marks */

static int by_miss(const void *a, const void *b)
{
    const struct match *x = a, *y = b;
    double p = fabs(log(x->measured / x->predicted));
    double q = fabs(log(y->measured / y->predicted));
    return (p < q) - (p > q);
}

/* Every mark is in the way of a name, so all are laid out; few are named. */
static void write_names(struct plot *p, struct match *match, int n,
                        struct frame frame)
{
    struct label label[MAX_POINTS];

    qsort(match, (size_t)n, sizeof *match, by_miss);
    for (int i = 0; i < n; i++) {
        double ratio = match[i].measured / match[i].predicted;
        bool named = i < NAMED && fabs(ratio - 1) > 0.1;
        label[i] = (struct label){ .x = match[i].predicted, .y = ratio,
                                   .colour = "INK", .rank = named ? 1 : 2 };
        snprintf(label[i].text, LABEL_TEXT_SIZE, "%s", named ? match[i].op
                                                             : "");
    }
    label_place(label, n, frame);
    label_write(label, n, 100, p);
}

/* A tick a decade, with a prefix, for both axes. */
static void write_tics(struct plot *p, double low, double high)
{
    char text[TABLE_NUMBER_SIZE];

    fputs("TICS = \"(", p->script);
    for (int e = (int)ceil(log10(low)), first = 1; e <= log10(high); e++) {
        struct prefix prefix = prefix_for(pow(10, e) * 1.0001);
        snprintf(text, sizeof text, "%.0f %ss", pow(10, e) / prefix.factor,
                 prefix.letter);
        fprintf(p->script, "%s'%s' 1e%d", first ? "" : ", ", text, e);
        first = 0;
    }
    fputs(")\"\n", p->script);
}

extern const char figure_scatter_gp[];

void figure_scatter(struct plot *p, const struct report *r)
{
    const struct run *profile = r->profile;
    struct match match[MAX_POINTS];
    int n = profile ? collect(match, profile) : 0;
    struct range range = RANGE_EMPTY;
    double off = 1.3;

    if (n == 0)
        return;
    p->ready = true;
    plot_key(p, (int)profile->n_phases, 16);
    const double width = plot_grid(p, (struct grid){ .n = 2, .wide = 2, .narrow = 1,
        .gap = 94, .below = 70, .height = 312 });
    for (int i = 0; i < n; i++) {
        range_add(&range, match[i].predicted);
        range_add(&range, match[i].measured);
        off = fmax(off, 1.15 * exp(fabs(log(match[i].measured /
                                            match[i].predicted))));
    }
    const double low = range.low / 1.6, high = 1.6 * range.high;
    say(p, match, n);
    TEXT_SET(p->sub, "Time per op of the profiled model (s, summed over layers): "
             "%s, measured against predicted; %s, their ratio; bands: ±2 "
             "%% and ±10 %%", plot_is_narrow(p) ? "above" : "left",
             plot_is_narrow(p) ? "below" : "right");
    TEXT_SET(p->foot, "x modelled (roofline of the machine profile)  |  y "
             "measured (median pass without counters)");
    TEXT_SET(p->alt, "Two scatter panels on logarithmic axes: measured "
             "against predicted seconds of %d ops, and their ratio. %s.",
             n, p->head);
    write_data(p, profile, match, n);
    fprintf(p->script, "LOW = %.9g; HIGH = %.9g; OFF = %.9g; PHASES = %zu\n"
            "array NAME[PHASES]\n", low, high, off, profile->n_phases);
    for (size_t i = 0; i < profile->n_phases; i++) {
        fprintf(p->script, "NAME[%zu] = ", i + 1);
        plot_quote(p, profile->phase[i].name);
        fputc('\n', p->script);
    }
    write_tics(p, low, high);
    fputs("$NAMES << EOD\n", p->script);
    write_names(p, match, n, (struct frame){ low, high, 1 / off, off, true,
                true, width, 312, 1 });
    fprintf(p->script, "EOD\n%s", figure_scatter_gp);
}
