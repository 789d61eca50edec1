/* label.c - Place names beside points so that they cover nothing. */
#include "reports/draw/label.h"

#include <math.h>
#include <stdlib.h>
#include "sim/core/answer/escape.h"

/* Pixels of the small font: the mean advance of Arial at 11.5, and a line. */
static const double advance = 6.1, line = 13, mark = 7;

static double along(double v, double from, double to, bool log_scale)
{
    if (log_scale)
        return log(v / from) / log(to / from);
    return (v - from) / (to - from);
}

double frame_px(struct frame f, double x)
{
    return f.width * along(x, f.x0, f.x1, f.log_x);
}

double frame_py(struct frame f, double y)
{
    return f.height * along(y, f.y0, f.y1, f.log_y);
}

/* A side of the point: the offset of the label's box, in box sizes, and its
 * alignment in gnuplot. */
static const struct side {
    double dx, dy;             /* pixels from the point to the anchor */
    double box;                /* share of the width left of the anchor */
    const char *align;
    bool   beyond;             /* dy counts from the end of the error bar */
} sides[] = {
    {  10,   0, 0.0, "left",   false }, { -10,   0, 1.0, "right",  false },
    {   0,  14, 0.5, "center", false }, {   0, -14, 0.5, "center", false },
    {   9,  11, 0.0, "left",   false }, {   9, -11, 0.0, "left",   false },
    {  -9,  11, 1.0, "right",  false }, {  -9, -11, 1.0, "right",  false },
    {   0,   9, 0.5, "center", true },  {   0,  -9, 0.5, "center", true },
    /* Sides further off, for labels that must be placed. */
    {   0,  27, 0.5, "center", false }, {   0, -27, 0.5, "center", false },
};
static const double far_cost = 80;     /* in square pixels of overlap */
enum { N_SIDES = sizeof sides / sizeof *sides, N_NEAR = 10 };

static double rise_of(const struct label *l, const struct side *side)
{
    const double bar = fmax(mark, l->prise);
    return side->dy + (!side->beyond ? 0 : side->dy > 0 ? bar : -bar);
}

struct box {
    double x0, x1, y0, y1;
};

static struct box box_of(const struct label *l, const struct side *side)
{
    double width = advance * escape_width(l->text);
    double x0 = l->px + side->dx - side->box * width;
    double y = l->py + rise_of(l, side);
    return (struct box){ x0, x0 + width, y - line / 2, y + line / 2 };
}

static struct box box_of_mark(const struct label *l)
{
    double up = fmax(mark, l->prise);
    return (struct box){ l->px - mark, l->px + mark, l->py - up, l->py + up };
}

static double overlap(struct box a, struct box b)
{
    double w = fmin(a.x1, b.x1) - fmax(a.x0, b.x0);
    double h = fmin(a.y1, b.y1) - fmax(a.y0, b.y0);
    return w > 0 && h > 0 ? w * h : 0;
}

static double cost_of(const struct label *labels, int n, int i, int side,
                      struct frame frame)
{
    struct box box = box_of(&labels[i], &sides[side]);
    double area = (box.x1 - box.x0) * line;
    struct box inside = { -2, frame.width + 10, 2, frame.height + 10 };
    double y = isfinite(frame.rule) ? frame_py(frame, frame.rule) : -line;
    struct box rule = { 0, frame.width, y - 1, y + 1 };
    double cost = 3 * (area - overlap(box, inside)) + 2 * overlap(box, rule);

    for (int j = 0; j < n; j++) {
        cost += overlap(box, box_of_mark(&labels[j]));
        if (j != i && labels[j].place >= 0)
            cost += 2 * overlap(box, box_of(&labels[j],
                                            &sides[labels[j].place]));
    }
    return cost;
}

static int by_rank(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (x->px > y->px) - (x->px < y->px);
}

void label_place(struct label *labels, int n, struct frame frame)
{
    for (int i = 0; i < n; i++) {
        labels[i].px = frame_px(frame, labels[i].x);
        labels[i].py = frame_py(frame, labels[i].y);
        labels[i].prise = frame_py(frame, labels[i].y + labels[i].rise) -
                          labels[i].py;
        labels[i].place = -1;
    }
    qsort(labels, (size_t)n, sizeof *labels, by_rank);
    for (int i = 0; i < n; i++) {
        double least = HUGE_VAL;
        int best = -1;
        if (!*labels[i].text)
            continue;
        for (int s = 0; s < (labels[i].rank < 0 ? N_SIDES : N_NEAR); s++) {
            double cost = cost_of(labels, n, i, s, frame) +
                          (s < N_NEAR ? 0 : far_cost);
            if (cost < least - 1e-9) {
                least = cost;
                best = s;
            }
        }
        if (least < 8 || labels[i].rank <= 0)
            labels[i].place = best;
    }
}

void label_write(const struct label *labels, int n, int first,
                 struct plot *plot)
{
    for (int i = 0; i < n; i++) {
        const struct side *side;
        if (labels[i].place < 0)
            continue;
        side = &sides[labels[i].place];
        fprintf(plot->script, "set label %d ", first + i);
        plot_quote(plot, labels[i].text);
        fprintf(plot->script, " at first %.9g,%.9g %s offset screen %.5f,%.5f "
                "font SMALL tc rgb %s front boxed\n", labels[i].x, labels[i].y,
                side->align, side->dx / plot->width,
                rise_of(&labels[i], side) / plot->height, labels[i].colour);
    }
}
