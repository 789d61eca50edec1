/* figure_sensitivity.c - Draw what a text loses with each block alone at a few
 * capacities: a line a capacity, over the blocks. */
#include "reports/figures/figures.h"

#include <math.h>
#include "reports/draw/label.h"

enum { MAX_CAPACITIES = 16 };

/* The table's capacities, from the largest on, which loses least. */
struct lines {
    const struct table *t;
    const char *model;             /* of the first run */
    double capacity[MAX_CAPACITIES];
    int    n;
    double last;                   /* block */
    struct range layers, more;
};

static double value_of(const struct table *t, size_t row, const char *key)
{
    return findings_amount(t, row, key).value;
}

/* The first row is of no block. */
static bool is_drawn(const struct lines *x, size_t row)
{
    return strcmp(findings_cell(x->t, row, "run")->text, x->model) == 0 &&
           isfinite(value_of(x->t, row, "layer")) &&
           isfinite(value_of(x->t, row, "more"));
}

static void add_capacity(struct lines *x, double capacity)
{
    int i = 0;

    while (i < x->n && x->capacity[i] > capacity)
        i++;
    if ((i < x->n && x->capacity[i] >= capacity) || x->n == MAX_CAPACITIES)
        return;                              /* it is there */
    memmove(x->capacity + i + 1, x->capacity + i,
            (size_t)(x->n++ - i) * sizeof *x->capacity);
    x->capacity[i] = capacity;
}

static void collect(struct lines *x)
{
    range_add(&x->more, 0);
    for (size_t r = 0; r < x->t->n_rows; r++) {
        const struct amount more = findings_amount(x->t, r, "more");
        if (!is_drawn(x, r))
            continue;
        add_capacity(x, value_of(x->t, r, "capacity"));
        range_add(&x->layers, value_of(x->t, r, "layer"));
        range_add(&x->more, more.value);
        range_add(&x->more, isfinite(more.high) ? more.high : more.value);
        range_add(&x->more, isfinite(more.low) ? more.low : more.value);
    }
    x->last = x->layers.high;
    range_widen(&x->layers, 0.04, 0.4);
    x->layers.high += 0.12 * (x->layers.high - x->layers.low);   /* for names */
    range_widen(&x->more, 0.08, 0.001);
}

/* A block of rows a capacity; the label of each stands at its end. */
static void write_data(struct plot *p, const struct lines *x,
                       struct label *labels)
{
    for (int i = 0; i < x->n; i++) {
        fprintf(p->data, "# capacity %.9g: block  nats_more  low  high\n",
                x->capacity[i]);
        for (size_t r = 0; r < x->t->n_rows; r++) {
            const struct amount more = findings_amount(x->t, r, "more");
            const double at = is_drawn(x, r) ? value_of(x->t, r, "capacity")
                                             : (double)NAN;
            if (!(at >= x->capacity[i] && at <= x->capacity[i]))
                continue;
            fprintf(p->data, "%.0f %.9g %.9g %.9g\n",
                    value_of(x->t, r, "layer"), more.value,
                    isfinite(more.low) ? more.low : more.value,
                    isfinite(more.high) ? more.high : more.value);
            labels[i].x = x->last;
            if (value_of(x->t, r, "layer") >= x->last)
                labels[i].y = more.value;
        }
        fputs("\n\n", p->data);
        snprintf(labels[i].text, sizeof labels[i].text,
                 x->capacity[i] > 0 ? "%g %%" : "dropped",
                 100 * x->capacity[i]);
        labels[i].colour = "INK";
        labels[i].rank = x->n - i;
    }
}

/* Dropped alone, the block that loses most, and that which loses least. */
static void say(struct plot *p, const struct lines *x)
{
    double most = -HUGE_VAL, least = HUGE_VAL, at_most = 0, at_least = 0;

    for (size_t r = 0; r < x->t->n_rows; r++) {
        const double more = value_of(x->t, r, "more");
        if (!is_drawn(x, r) || value_of(x->t, r, "capacity") > 0)
            continue;
        at_most = more > most ? value_of(x->t, r, "layer") : at_most;
        at_least = more < least ? value_of(x->t, r, "layer") : at_least;
        most = fmax(most, more);
        least = fmin(least, more);
    }
    if (most > least)
        TEXT_SET(p->head, "Dropped alone, block %.0f costs %.3g nats a token,"
                 " block %.0f %.3g", at_most, most, at_least, least);
    else
        TEXT_SET(p->head, "What each block is worth, alone at a capacity");
}

extern const char figure_sensitivity_gp[];

void figure_sensitivity(struct plot *p, const struct report *r)
{
    struct lines x = { .t = report_find_table(r, "sensitivity"),
                       .layers = RANGE_EMPTY, .more = RANGE_EMPTY };
    struct label labels[MAX_CAPACITIES] = { { .x = 0 } };

    if (!x.t || x.t->n_rows < 2)
        return;
    x.model = findings_cell(x.t, 0, "run")->text;
    collect(&x);
    if (x.n == 0)
        return;
    p->ready = true;
    say(p, &x);
    TEXT_SET(p->sub, "Loss above that of the model as it is, nats a token, with"
             " one block at a share of the tokens and the others as they are;"
             " bars: 95 %% over windows");
    TEXT_SET(p->foot, "loss measured  |  a line a capacity, named at its end");
    TEXT_SET(p->alt, "For each block, the loss above that of the model as it is"
             " when the block alone works on a share of the tokens; a line a"
             " share. %s.", p->head);
    write_data(p, &x, labels);
    struct frame frame = { x.layers.low, x.layers.high, x.more.low, x.more.high,
                           false, false, plot_frame_width(p),
                           plot_frame_height(p), 0 };
    plot_axes(p, frame);
    label_place(labels, x.n, frame);
    label_write(labels, x.n, 1, p);
    fprintf(p->script, "N = %d\n%s%s", x.n, x.last < 20 ? "set xtics 1\n" : "",
            figure_sensitivity_gp);
}
