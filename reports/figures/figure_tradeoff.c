/* figure_tradeoff.c - Draw loss against cost of a real model's routings: the
 * curve over FLOPs, and the four costs side by side. */
#include "reports/figures/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/draw/label.h"
#include "sim/core/answer/table.h"

/* Lines of routings, each a run of neighbours in `point`.  Those with a point on a
 * front have a colour of their own; the others are grey. */
struct lines {
    size_t n, *first;          /* [n + 1] */
    int   *colour;             /* [n] -1: grey */
};

static const char *const colours[] = { "C_MOD", "C_CONTROL", "C_ALT", "'#A0307A'",
                                       "'#6A4FB3'", "'#8A6D00'" };
enum { N_COLOURS = sizeof colours / sizeof *colours };
static const char grey[] = "'#9AA0A6'";

static const char *colour_of(const struct lines *lines, size_t line)
{
    return lines->colour[line] < 0 ? grey
                                   : colours[lines->colour[line] % N_COLOURS];
}

static bool is_on_front(const struct trade *t)
{
    for (int s = 0; s < SPEND_COUNT; s++)
        if (t->front[s])
            return true;
    return false;
}

static void lines_close(struct lines *lines)
{
    free(lines->first);
    free(lines->colour);
}

static bool lines_open(struct lines *out, const struct tradeoff *x)
{
    int n_coloured = 0;

    *out = (struct lines){
        .first = error_noted(calloc(x->n_lines + 2, sizeof *out->first)),
        .colour = error_noted(calloc(x->n_lines + 2, sizeof *out->colour)),
    };
    if (!out->first || !out->colour)
        return false;
    for (size_t i = 0; i < x->n; i++)
        if (x->point[i].kind != TRADE_DENSE &&
            (i == 0 || strcmp(x->point[i].line, x->point[i - 1].line) != 0))
            out->first[out->n++] = i;
    out->first[out->n] = x->n;
    for (size_t l = 0; l < out->n; l++) {
        out->colour[l] = -1;
        for (size_t i = out->first[l]; i < out->first[l + 1]; i++)
            if (out->colour[l] < 0 && is_on_front(&x->point[i]))
                out->colour[l] = n_coloured++;
    }
    return out->n > 0;
}

static double or_else(double value, double other)
{
    return isfinite(value) ? value : other;
}

/* Colour, shape and weight of each line: colour and shape are told apart together,
 * and grey lies under the others. */
static void write_lines(struct plot *p, const struct tradeoff *x,
                        const struct lines *lines)
{
    static const int shapes[] = { 5, 9, 13, 11 };

    fprintf(p->script, "LINES = %zu\narray LC[LINES]; array PT[LINES]; array "
            "AHEAD[LINES]\nORDER = '", lines->n);
    for (int coloured = 0; coloured < 2; coloured++)
        for (size_t l = 0; l < lines->n; l++)
            if ((lines->colour[l] >= 0) == coloured)
                fprintf(p->script, "%zu ", l + 1);
    fputs("'\n", p->script);
    for (size_t l = 0; l < lines->n; l++) {
        const int c = lines->colour[l];
        fprintf(p->script, "LC[%zu] = %s; PT[%zu] = %d; AHEAD[%zu] = %d\n",
                l + 1, colour_of(lines, l), l + 1,
                c < 0 ? 7 : shapes[(c + c / N_COLOURS) % 4], l + 1,
                x->point[lines->first[l]].kind == TRADE_AHEAD);
    }
}

/* Where a point stands in a frame; outside of it or NAN: it is not drawn. */
struct spot {
    double x, y;
};

static bool is_inside(struct spot at, const struct frame *f)
{
    return at.x >= f->x0 && at.x <= f->x1 && at.y >= f->y0 && at.y <= f->y1;
}

/* The drawn point of a line at its cheap end; SIZE_MAX: none. */
static size_t end_of(const struct lines *lines, size_t l, const struct spot *spot,
                     const struct frame *frame)
{
    size_t end = SIZE_MAX;

    for (size_t i = lines->first[l]; i < lines->first[l + 1]; i++)
        if (is_inside(spot[i], frame) &&
            (end == SIZE_MAX || spot[i].x < spot[end].x))
            end = i;
    return end;
}

/* `full`: the capacity too, of ends and of other points of the front; else only
 * names for which there is room. */
static void name_point(struct label *label, const struct trade *t,
                       const struct lines *lines, size_t l, bool is_end,
                       bool full)
{
    const bool coloured = lines->colour[l] >= 0;
    const char *ahead = t->kind == TRADE_AHEAD ? " (looks ahead)" : "";

    label->colour = coloured ? colour_of(lines, l) : "MUTED";
    label->rank = is_end && coloured && full ? 0 : is_end ? 1 : 2;
    if (is_end && coloured && full)
        snprintf(label->text, LABEL_TEXT_SIZE, "%.50s%s, %g%%", t->line, ahead,
                 100 * t->capacity);
    else if (is_end && (coloured || full))
        snprintf(label->text, LABEL_TEXT_SIZE, "%.50s%s", t->line, ahead);
    else if (full && t->front[SPEND_FLOPS])
        snprintf(label->text, LABEL_TEXT_SIZE, "%g%%", 100 * t->capacity);
}

/* A line's name stands at its cheap end, the capacity at other points of the front;
 * every mark is in their way. */
static void name_lines(struct plot *p, const struct tradeoff *x,
                       const struct lines *lines, const struct spot *spot,
                       bool full, struct frame frame)
{
    struct label *label = error_noted(calloc(x->n + 1, sizeof *label));
    int n = 0;

    for (size_t l = 0; label && l < lines->n; l++) {
        const size_t end = end_of(lines, l, spot, &frame);
        for (size_t i = lines->first[l]; i < lines->first[l + 1]; i++) {
            if (!is_inside(spot[i], &frame))
                continue;
            label[n] = (struct label){ .x = spot[i].x, .y = spot[i].y };
            name_point(&label[n++], &x->point[i], lines, l, i == end, full);
        }
    }
    label_place(label, n, frame);
    label_write(label, n, 100, p);
    free(label);
}

extern const char figure_tradeoff_gp[], figure_savings_gp[];

/* ---- loss against FLOPs ---- */

/* The twin's loss plus the interval of the paired difference: an interval of
 * the loss against that one line. */
static double loss_at(const struct trade *t, double increase)
{
    double dense = or_else(t->dense_loss.value, nan(""));
    return isfinite(increase) ? dense * (1 + increase) : t->loss.value;
}

static void write_curve(struct plot *p, const struct tradeoff *x,
                        const struct lines *lines, double factor)
{
    for (size_t l = 0; l < lines->n; l++) {
        fprintf(p->data, "# %s: flops_per_token/%g  loss_nats_per_token  low  "
                "high  capacity\n", x->point[lines->first[l]].line, factor);
        for (size_t i = lines->first[l]; i < lines->first[l + 1]; i++) {
            const struct trade *t = &x->point[i];
            fprintf(p->data, "%.9g %.9g %.9g %.9g %.9g\n",
                    t->spent[SPEND_FLOPS].value / factor, t->loss.value,
                    loss_at(t, t->increase.low), loss_at(t, t->increase.high),
                    t->capacity);
        }
        fputs("\n\n", p->data);
    }
    fputs("# dense: flops_per_token  loss_nats_per_token\n", p->data);
    for (size_t i = 0; i < x->n; i++)
        if (x->point[i].kind == TRADE_DENSE)
            fprintf(p->data, "%.9g %.9g\n",
                    x->point[i].spent[SPEND_FLOPS].value / factor,
                    x->point[i].loss.value);
    fputs("NaN NaN\n", p->data);
}

/* A few routings that ruin the model would squeeze the rest into a corner:
 * where most points lie within 30 % of dense, others are left out, and the sub
 * line says how many. */
static double highest_drawn(const struct tradeoff *x)
{
    const double most = 1.3 * x->dense_loss.value;
    size_t within = 0;

    for (size_t i = 0; i < x->n; i++)
        within += x->point[i].loss.value <= most;
    return 2 * within > x->n ? most : HUGE_VAL;
}

static size_t left_out(const struct tradeoff *x)
{
    size_t n = 0;

    for (size_t i = 0; i < x->n; i++)
        n += x->point[i].loss.value > highest_drawn(x);
    return n;
}

static void name_curve(struct plot *p, const struct tradeoff *x,
                       const struct lines *lines, struct frame frame,
                       double factor)
{
    struct spot *spot = error_noted(calloc(x->n + 1, sizeof *spot));

    for (size_t i = 0; spot && i < x->n; i++)
        spot[i] = (struct spot){ x->point[i].spent[SPEND_FLOPS].value / factor,
                                 x->point[i].loss.value };
    if (spot)
        name_lines(p, x, lines, spot, true, frame);
    free(spot);
}

static void say(struct plot *p, const struct tradeoff *x)
{
    static const double limit = 0.05;
    const struct trade *t = tradeoff_best(x, SPEND_FLOPS, limit);

    if (!t)
        TEXT_SET(p->head, "No routing tried that does not look ahead stays "
                 "within %g %% more loss", 100 * limit);
    else
        TEXT_SET(p->head, "At most %g %% more loss: %.60s at capacity %g %% "
                 "skips %.1f %% of the FLOPs", 100 * limit,
                 t->line, 100 * t->capacity,
                 100 * (1 - t->share[SPEND_FLOPS].value));
}

static double most_windows(const struct tradeoff *x)
{
    double most = 0;

    for (size_t i = 0; i < x->n; i++)
        most = fmax(most, or_else(x->point[i].windows, 0));
    return most;
}

static void curve_texts(struct plot *p, const struct tradeoff *x)
{
    double windows = most_windows(x);
    char out[80] = "";

    say(p, x);
    if (left_out(x))
        snprintf(out, sizeof out, "; %zu points with over 30 %% more loss are "
                 "left out", left_out(x));
    TEXT_SET(p->sub, "Loss (nats per token) against forward FLOPs per token; "
             "grey: not on the front; %%: capacity of routed blocks%s%s",
             windows > 0 ? "; bars: 95 % interval of the difference to dense, "
             "paired by window" : "", out);
    TEXT_SET(p->foot, "loss measured on %.0f tokens a point%s  |  FLOPs "
             "counted, head on every token",
             x->point[0].tokens, windows > 0 ? ", twin in turns" : "");
    TEXT_SET(p->alt, "Line plot of loss in nats per token against forward "
             "FLOPs per token: %zu points on %zu lines, one a routing policy, "
             "and the dense model. %s.", x->n, x->n_lines,
             p->head);
}

void figure_tradeoff(struct plot *p, const struct report *r)
{
    const struct tradeoff *x = &r->tradeoff;
    struct range at = RANGE_EMPTY, loss = RANGE_EMPTY;
    struct lines lines;
    struct prefix prefix;
    double dense = x->dense_loss.value;

    if (!lines_open(&lines, x)) {
        lines_close(&lines);
        return;
    }
    const double most = highest_drawn(x);
    for (size_t i = 0; i < x->n; i++) {
        const struct trade *t = &x->point[i];
        if (t->loss.value > most)
            continue;
        range_add(&at, t->spent[SPEND_FLOPS].value);
        if (amount_known(t->share[SPEND_FLOPS]))
            range_add(&at, t->spent[SPEND_FLOPS].value /
                           t->share[SPEND_FLOPS].value);
        range_add(&loss, t->loss.value);
        range_add(&loss, t->dense_loss.value);
    }
    if (!(at.high > 0) || !(loss.high > 0)) {
        lines_close(&lines);
        return;
    }
    prefix = prefix_for(at.high);
    range_widen(&at, 0.06, 0.01 * at.high);
    range_widen(&loss, 0.06, 0.01);
    p->ready = true;
    p->height = 560;
    p->right = plot_is_narrow(p) ? p->right : 64;
    p->top = plot_is_narrow(p) ? 92 : 72;
    curve_texts(p, x);
    write_lines(p, x, &lines);
    write_curve(p, x, &lines, prefix.factor);
    struct frame frame = { at.low / prefix.factor, at.high / prefix.factor,
                           loss.low, loss.high, false, false,
                           plot_frame_width(p), plot_frame_height(p), dense };
    plot_axes(p, frame);
    if (amount_known(x->dense_loss))
        fprintf(p->script, "DENSE = %.9g\n", dense);
    name_curve(p, x, &lines, frame, prefix.factor);
    fprintf(p->script, "UNIT = '%sFLOP'\n%s", prefix.letter,
            figure_tradeoff_gp);
    lines_close(&lines);
}

/* ---- four costs ---- */

enum {
    FLOOR_PERMILLE = 1,            /* 0.1 %: losses below are drawn there */
    MOST_PERCENT = 140,            /* of dense: what is dearer is left out */
    PANEL_HEIGHT = 302,
};

static double drawn(double increase)
{
    return fmax(100 * increase, FLOOR_PERMILLE / 10.0);
}

static void write_savings(struct plot *p, const struct tradeoff *x,
                          const struct lines *lines)
{
    for (int s = 0; s < SPEND_COUNT; s++)
        for (size_t l = 0; l < lines->n; l++) {
            fprintf(p->data, "# %s, %s: percent_of_dense  loss_increase_percent"
                    "  x_low  x_high  y_low  y_high  capacity\n",
                    spend_words[s], x->point[lines->first[l]].line);
            for (size_t i = lines->first[l]; i < lines->first[l + 1]; i++) {
                const struct trade *t = &x->point[i];
                const struct amount *a = &t->share[s], *y = &t->increase;
                if (amount_known(*a) && amount_known(*y))
                    fprintf(p->data, "%.9g %.9g %.9g %.9g %.9g %.9g %.9g\n",
                            100 * a->value, drawn(y->value),
                            100 * or_else(a->low, a->value),
                            100 * or_else(a->high, a->value),
                            drawn(or_else(y->low, y->value)),
                            drawn(or_else(y->high, y->value)), t->capacity);
            }
            fputs("NaN NaN NaN NaN NaN NaN NaN\n\n\n", p->data);
        }
}

/* The names of each panel, for it to put up and take down. */
static void name_savings(struct plot *p, const struct tradeoff *x,
                         const struct lines *lines, struct range share,
                         struct range loss, double width)
{
    struct spot *spot = error_noted(calloc(x->n + 1, sizeof *spot));
    struct frame frame = { share.low, share.high, loss.low, loss.high, false, true,
                           width, PANEL_HEIGHT, nan("") };

    for (int s = 0; spot && s < SPEND_COUNT; s++) {
        for (size_t i = 0; i < x->n; i++)
            spot[i] = (struct spot){ 100 * x->point[i].share[s].value,
                                     drawn(x->point[i].increase.value) };
        fprintf(p->script, "$NAMES%d << EOD\n", s);
        name_lines(p, x, lines, spot, false, frame);
        fputs("EOD\n", p->script);
    }
    free(spot);
}

/* The ranges that all panels share, so that they can be compared. */
static bool ranges(const struct tradeoff *x, struct range *share,
                   struct range *loss)
{
    for (size_t i = 0; i < x->n; i++) {
        const struct trade *t = &x->point[i];
        if (t->kind == TRADE_DENSE || !amount_known(t->increase))
            continue;
        range_add(loss, drawn(t->increase.value));
        range_add(loss, drawn(or_else(t->increase.low, t->increase.value)));
        range_add(loss, drawn(or_else(t->increase.high, t->increase.value)));
        for (int s = 0; s < SPEND_COUNT; s++)
            range_add(share, 100 * t->share[s].value);
    }
    range_add(share, 100);
    share->low = fmax(0, share->low - 5);
    share->high = fmin(share->high + 5, MOST_PERCENT);
    loss->low = fmin(loss->low / 1.5, 0.8);
    loss->high = fmax(loss->high * 1.5, 13);
    return loss->low > 0 && share->high > share->low;
}

static void savings_texts(struct plot *p, const struct tradeoff *x)
{
    const struct trade *t = tradeoff_best(x, SPEND_FLOPS, 0.1);

    const struct amount time = t ? t->share[SPEND_SECONDS]
                                 : amount_unknown(NULL);

    if (t && amount_known(time) && (time.high < 1 || time.low > 1))
        TEXT_SET(p->head, "At most 10 %% more loss: %.1f %% of the FLOPs "
                 "skipped became %.1f %% %s time",
                 100 * (1 - t->share[SPEND_FLOPS].value),
                 100 * fabs(1 - time.value), time.value < 1 ? "less" : "more");
    else if (t && amount_known(time) && isfinite(time.low))
        TEXT_SET(p->head, "At most 10 %% more loss: %.1f %% of the FLOPs "
                 "skipped, no measurable change in time",
                 100 * (1 - t->share[SPEND_FLOPS].value));
    else
        TEXT_SET(p->head, "What each routing saves, and what it adds to the "
                 "loss");
    TEXT_SET(p->sub, "Loss over that of the dense twin (%%, log; below 0.1 %% "
             "drawn there) against what is left of its FLOPs, bytes, time and "
             "energy; lines across: 1, 5 and 10 %%; grey: on no front; colours as "
             "in the figure of loss against FLOPs; what "
             "takes over %d %% is left out", MOST_PERCENT);
    TEXT_SET(p->foot, "loss and time measured in turns with the twin, bars: "
             "95 %% interval over windows  |  FLOPs and bytes counted  |  "
             "energy modelled (hollow, dotted), bars: low and high of the "
             "machine profile");
    TEXT_SET(p->alt, "Four panels of loss increase in percent, on a "
             "logarithmic axis, against the share of the dense twin's FLOPs, "
             "bytes, time and energy, for %zu points on %zu lines. %s.",
             x->n, x->n_lines, p->head);
}

void figure_savings(struct plot *p, const struct report *r)
{
    const struct tradeoff *x = &r->tradeoff;
    struct range share = RANGE_EMPTY, loss = RANGE_EMPTY;
    struct lines lines;

    if (!lines_open(&lines, x) || !ranges(x, &share, &loss)) {
        lines_close(&lines);
        return;
    }
    p->ready = true;
    p->bottom = 84;
    p->top = 72;
    const double width = plot_grid(p, (struct grid){ .n = SPEND_COUNT, .wide = 2,
        .narrow = 1, .gap = 56, .below = 60, .height = PANEL_HEIGHT });
    savings_texts(p, x);
    write_lines(p, x, &lines);
    name_savings(p, x, &lines, share, loss, width);
    write_savings(p, x, &lines);
    fprintf(p->script, "X0 = %.9g; X1 = %.9g; Y0 = %.9g; Y1 = %.9g\n"
            "array COST[%d]\n", share.low, share.high, loss.low, loss.high,
            SPEND_COUNT);
    for (int s = 0; s < SPEND_COUNT; s++)
        fprintf(p->script, "COST[%d] = '%s, %% of the dense twin (%s)'\n",
                s + 1, spend_words[s], spend_how[s]);
    fputs("LIMITS = '", p->script);
    for (int i = 0; i < TRADEOFF_LIMITS; i++)
        fprintf(p->script, "%g ", 100 * tradeoff_limits[i]);
    fprintf(p->script, "'\n%s", figure_savings_gp);
    lines_close(&lines);
}
