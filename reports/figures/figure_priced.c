/* figure_priced.c - Draw what points that were priced take of their dense twin and
 * of another rival: a row a point, a mark for FLOPs, bytes, time and energy. */
#include "reports/figures/figures.h"

#include <math.h>

static const struct { const char *name, *colour; int mark; } marks[PRICED_METRICS] = {
    { "FLOPs",  "INK",       7 },
    { "bytes",  "'#4A8FC7'", 5 },
    { "time",   "'#D55E00'", 13 },
    { "energy", "'#009E73'", 9 },
};
enum { MOST_ROWS = 24, ROW_PIXELS = 22,
       NARROW_ROW = 42,        /* its name stands above its marks */
       MOST_LETTERS = 48 };

/* Where the i-th of the drawn stands among all: evenly, from first to last. */
static size_t pick(size_t i, size_t drawn, size_t n)
{
    return drawn > 1 ? i * (n - 1) / (drawn - 1) : 0;
}

static void write_mark(struct plot *p, double y, struct amount a,
                       struct range *range)
{
    const bool bounded = isfinite(a.low) && isfinite(a.high);

    if (!amount_known(a)) {
        fprintf(p->data, "NaN %.3f NaN NaN \"unknown\"\n", y);
        return;
    }
    range_add(range, a.value);
    fprintf(p->data, "%.9g %.3f %.9g %.9g \"%s\"\n", 100 * a.value, y,
            100 * (bounded ? a.low : a.value),
            100 * (bounded ? a.high : a.value), amount_word(a));
}

/* A block a metric, of one panel. */
static void write_panel(struct plot *p, const struct prices *priced,
                        size_t drawn, bool twin, struct range *range)
{
    for (int m = 0; m < PRICED_METRICS; m++) {
        for (size_t i = 0; i < drawn; i++) {
            const struct priced_point *point =
                &priced->point[pick(i, drawn, priced->n)];
            write_mark(p, (double)i + 0.16 * (m - 1.5),
                       twin ? point->of_twin[m] : point->of_rival[m], range);
        }
        fputs("\n\n", p->data);
    }
}

static size_t longest(const struct prices *priced, size_t drawn)
{
    size_t most = 0;

    for (size_t i = 0; i < drawn; i++) {
        const size_t n = strlen(priced->point[pick(i, drawn, priced->n)].name);
        most = n > most ? n : most;
    }
    return most < MOST_LETTERS ? most : MOST_LETTERS;
}

static void write_names(struct plot *p, const struct prices *priced,
                        size_t drawn)
{
    fputs("array ROW[ROWS]\n", p->script);
    for (size_t i = 0; i < drawn; i++) {
        fprintf(p->script, "ROW[%zu] = ", i + 1);
        plot_quote(p, priced->point[pick(i, drawn, priced->n)].name);
        fputc('\n', p->script);
    }
}

static void describe(struct plot *p, const struct prices *priced, size_t drawn)
{
    TEXT_SET(p->head, "What a token takes of its dense twin's cost, and of the "
             "rival's");
    TEXT_SET(p->sub, "Share of the dense twin (%s) and of the rival %.40s "
             "(%s), %%; whiskers: 80 %% of the draws of the machine's numbers",
             plot_is_narrow(p) ? "above" : "left", priced->rival,
             plot_is_narrow(p) ? "below" : "right");
    if (drawn < priced->n)
        TEXT_ADD(p->sub, "; %zu of %zu points, evenly: the table has all", drawn,
                 priced->n);
    TEXT_SET(p->foot, "predicted, nothing was run  |  energy modelled");
    TEXT_SET(p->alt, "For each point, FLOPs, bytes, time and energy a token as a "
             "share of the dense twin's and of the rival's.");
}

extern const char figure_priced_gp[];

void figure_priced(struct plot *p, const struct report *r)
{
    const struct prices *priced = &r->priced;
    const size_t drawn = priced->n < MOST_ROWS ? priced->n : MOST_ROWS;
    struct range range = { 0, 1.05 };

    if (priced->n == 0)
        return;
    fputs("# percent  row  low  high  \"source\"; a block for FLOPs, bytes, time "
          "and energy, of the twin and then of the rival\n", p->data);
    write_panel(p, priced, drawn, true, &range);
    write_panel(p, priced, drawn, false, &range);
    p->ready = true;
    if (!plot_is_narrow(p))
        p->left = 40 + 6.4 * (double)longest(priced, drawn);
    else
        p->left = 12;
    p->top += 40;                                /* for key and titles */
    plot_key(p, PRICED_METRICS, 6);
    plot_grid(p, (struct grid){ .n = 2, .wide = 2, .narrow = 1, .gap = 24,
        .below = 60, .height = (plot_is_narrow(p) ? NARROW_ROW : ROW_PIXELS) *
                               (double)(drawn + 1) });
    describe(p, priced, drawn);
    fprintf(p->script, "ROWS = %zu; TOP = %.9g; METRICS = %d\narray NAME"
            "[METRICS]; array COLOUR[METRICS]; array MARK[METRICS]\n", drawn,
            fmin(105 * range.high, 300), PRICED_METRICS);
    for (int m = 0; m < PRICED_METRICS; m++)
        fprintf(p->script, "NAME[%d] = '%s'; COLOUR[%d] = %s; MARK[%d] = %d\n",
                m + 1, marks[m].name, m + 1, marks[m].colour, m + 1,
                marks[m].mark);
    fputs("RIVAL = ", p->script);
    plot_quote(p, priced->rival);
    fputc('\n', p->script);
    write_names(p, priced, drawn);
    fputs(figure_priced_gp, p->script);
}
