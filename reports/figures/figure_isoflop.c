/* figure_isoflop.c - Draw loss against the size of a model, every curve at one
 * training budget, to show the size that spends a budget best. */
#include "reports/figures/figure_isoflop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/answer/escape.h"
#include "reports/draw/label.h"
#include "sim/core/answer/table.h"

static bool is_drawn(const struct setting *s)
{
    return (s->kind == SETTING_DENSE || s->kind == SETTING_MOD) &&
           s->causal.n && s->budget >= 0 &&
           s->n_parameters > 0 && isfinite(s->n_parameters);
}

static int compare(double x, double y)
{
    return (x > y) - (x < y);
}

static int by_curve(const void *a, const void *b)
{
    const struct dot *x = a, *y = b;
    int order = x->s->budget - y->s->budget;

    if (!order)
        order = (int)x->s->kind - (int)y->s->kind;
    if (!order)
        order = compare(x->s->capacity, y->s->capacity);
    if (!order)
        order = compare(x->size, y->size);
    return order ? order : compare(x->loss.mean, y->loss.mean);
}

static bool same_curve(const struct dot *a, const struct dot *b)
{
    return a->s->budget == b->s->budget && a->s->kind == b->s->kind &&
           a->s->capacity == b->s->capacity;
}

static void find_capacities(struct isoflop *iso)
{
    for (int i = 0; i < iso->n; i++) {
        bool seen = iso->dot[i].s->kind != SETTING_MOD;
        for (int k = 0; k < iso->n_capacities; k++)
            seen |= iso->capacity[k] == iso->dot[i].s->capacity;
        if (!seen)
            iso->capacity[iso->n_capacities++] = iso->dot[i].s->capacity;
    }
    stats_sort(iso->capacity, (size_t)iso->n_capacities);
}

static void collect(struct isoflop *iso, const struct study *study)
{
    for (size_t i = 0; i < study->n; i++)
        if (is_drawn(&study->setting[i])) {
            const struct setting *s = &study->setting[i];
            iso->dot[iso->n++] = (struct dot){ .s = s, .size = s->n_parameters,
                .x = s->n_parameters,
                .loss = stats_mean_interval(s->causal) };
        }
    qsort(iso->dot, (size_t)iso->n, sizeof *iso->dot, by_curve);
    for (int i = 0; i < iso->n; i++)
        iso->dot[i].last = i + 1 == iso->n ||
                           !same_curve(&iso->dot[i], &iso->dot[i + 1]);
    find_capacities(iso);
}

/* True if there are two sizes for one budget and kind: less is no curve. */
static bool has_curve(const struct isoflop *iso)
{
    for (int i = 1; i < iso->n; i++)
        if (same_curve(&iso->dot[i - 1], &iso->dot[i]) &&
            iso->dot[i - 1].size != iso->dot[i].size)
            return true;
    return false;
}

/* The name at the right end of a curve. */
static void name_end(char out[LABEL_TEXT_SIZE], const struct isoflop *iso,
                     const struct dot *d)
{
    char name[96];

    isoflop_name(name, iso, d);
    snprintf(out, LABEL_TEXT_SIZE, "%.40s (%.24s)", name, d->s->shape);
}

/* Pixels at the sides of the dots; the names of curves stand at the right. */
static const double left_room = 50, name_gap = 22, advance = 6.1;

static double right_room(const struct isoflop *iso)
{
    char name[LABEL_TEXT_SIZE];
    int most = 0;

    for (int i = 0; i < iso->n; i++)
        if (iso->dot[i].last) {
            name_end(name, iso, &iso->dot[i]);
            most = escape_width(name) > most ? escape_width(name) : most;
        }
    return name_gap + advance * most;
}

static void find_range(struct isoflop *iso, double width)
{
    struct range size = RANGE_EMPTY, loss = RANGE_EMPTY;
    double pixel;

    for (int i = 0; i < iso->n; i++) {
        const struct setting *s = iso->dot[i].s;
        range_add(&size, iso->dot[i].size);
        for (size_t j = 0; j < s->n; j++)
            range_add(&loss, s->run[j]->facts.loss_causal);
    }
    pixel = log(size.high / size.low) / (width - left_room - right_room(iso));
    iso->x0 = size.low * exp(-left_room * pixel);
    iso->end = size.high * exp(name_gap * pixel);
    iso->x1 = size.high * exp(right_room(iso) * pixel);
    /* The interval of two seeds can be as wide as the page. */
    range_widen(&loss, 0.15, 0.002);
    iso->y0 = loss.low;
    iso->y1 = loss.high;
    for (int i = 0; i < iso->n; i++)
        iso->cut += iso->dot[i].loss.low < iso->y0 ||
                    iso->dot[i].loss.high > iso->y1;
}

static int by_place(const void *a, const void *b)
{
    const struct dot *x = *(struct dot *const *)a, *y = *(struct dot *const *)b;
    int order = x->s->budget - y->s->budget;

    if (!order)
        order = compare(x->size, y->size);
    return order ? order : x < y ? -1 : x > y;
}

/* Put dots of one budget nearer than a mark's width side by side. */
static void part(struct isoflop *iso, struct frame frame)
{
    static const double near = 7, step = 11;
    const double pixel = log(iso->x1 / iso->x0) / frame.width;
    struct dot **at = error_noted(calloc((size_t)iso->n, sizeof(struct dot *)));
    int n;

    if (!at)
        return;
    for (int i = 0; i < iso->n; i++)
        at[i] = &iso->dot[i];
    qsort(at, (size_t)iso->n, sizeof(struct dot *), by_place);
    for (int i = 0; i < iso->n; i += n) {
        for (n = 1; i + n < iso->n && at[i + n]->s->budget == at[i]->s->budget &&
             log(at[i + n]->size / at[i]->size) < near * pixel; )
            n++;
        for (int k = 0; k < n; k++)
            at[i + k]->x = at[i]->size * exp(pixel * step * (k - (n - 1) / 2.));
    }
    free(at);
}

/* ---- words ---- */

static const struct dot *dot_of(const struct isoflop *iso,
                                const struct setting *s)
{
    for (int i = 0; i < iso->n; i++)
        if (iso->dot[i].s == s)
            return &iso->dot[i];
    return NULL;
}

/* The sides of the best dot on which nothing was tried, so that the minimum
 * may lie there: "no shallower"; empty where it has neighbours all round. */
static void tell_edge(char *out, size_t size, const struct isoflop *iso,
                      const struct dot *best)
{
    static const struct {
        double (*of)(const struct dot *), (*fixed)(const struct dot *);
        const char *below, *above;
    } ways[] = {
        { isoflop_layers, isoflop_channels, "shallower", "deeper" },
        { isoflop_channels, isoflop_layers, "narrower", "wider" },
    };
    bool alone = true;

    *out = 0;
    for (int w = 0; w < 2; w++) {
        bool below = false, above = false;
        for (int i = 0; i < iso->n; i++) {
            const struct dot *d = &iso->dot[i];
            if (!same_curve(d, best) ||
                ways[w].fixed(d) != ways[w].fixed(best))
                continue;
            below |= ways[w].of(d) < ways[w].of(best);
            above |= ways[w].of(d) > ways[w].of(best);
        }
        alone &= !below && !above;
        if (below != above)
            snprintf(out + strlen(out), size - strlen(out), "%sno %s",
                     *out ? ", " : "", below ? ways[w].above : ways[w].below);
    }
    if (alone)
        snprintf(out, size, "one size");
}

static void say(struct plot *p, const struct study *study)
{
    const struct setting *dense = study->dense, *mod = study->mod;
    char budget[TABLE_NUMBER_SIZE], said[96];

    if (!dense || !mod) {
        TEXT_SET(p->head, "Held-out loss against size at equal training "
                 "FLOPs: %s models alone", mod ? "MoD" : "dense");
        return;
    }
    table_si(budget, dense->flops_train, "FLOP");
    study_said(said, study->verdict, &study->best, dense->causal.mean, 1);
    TEXT_SET(p->head, "At %.20s, dense is lowest at %.40s, MoD at %.40s: "
             "%.80s", budget, dense->label, mod->label,
             said);
}

static void describe(struct plot *p, const struct isoflop *iso,
                     const struct study *study, int fits)
{
    const struct setting *best[] = { study->dense, study->mod };
    size_t used;
    int told = 0;

    TEXT_SET(p->sub, "Held-out loss (nats per byte) against parameters, each "
             "curve at one training budget (FLOPs equal within 1 %%); small "
             "marks: one seed; large: mean and 95 %% interval over seeds; "
             "labels: %slayers×channels",
             iso->n_capacities ? "capacity, " : "");
    TEXT_SET(p->foot, "loss measured on held-out text, MoD under a causal "
             "rule  |  budgets %s  |  lines join means of one width or one "
             "depth%s%s", provenance_names[study->flops_from], fits
             ? "; dotted: a parabola through all runs of a curve, modelled" : "",
             iso->cut ? "  |  long intervals are cut at the frame" : "");
    for (int k = 0; k < 2; k++) {
        const struct dot *d = best[k] ? dot_of(iso, best[k]) : NULL;
        char edge[64] = "";
        if (d)
            tell_edge(edge, sizeof edge, iso, d);
        used = strlen(p->foot);
        if (*edge)
            snprintf(p->foot + used, sizeof p->foot - used, "%s %s%.40s (%s)",
                     told++ ? "," : "  |  minimum not bracketed by what was "
                     "tried:", setting_kind_before(best[k]), best[k]->label,
                     edge);
    }
    TEXT_SET(p->alt, "Held-out loss in nats per byte against the number of "
             "parameters on a logarithmic axis, for %zu training budget%s, "
             "dense and %d MoD capacit%s, with seeds, means and intervals. "
             "%s.", study->n_budgets, study->n_budgets == 1 ? "" : "s",
             iso->n_capacities, iso->n_capacities == 1 ? "y" : "ies", p->head);
}

/* ---- script ---- */

/* MoD is blue, the darker the lower its capacity; page.css has the same blues for
 * the dark. */
static const char *colour_of(const struct isoflop *iso, const struct setting *s)
{
    static const char *const blues[] = { "'#003F66'", "'#00598C'", "C_MOD",
                                         "'#2B78B4'" };

    if (s->kind == SETTING_DENSE)
        return "C_DENSE";
    for (int k = 0; k < iso->n_capacities && iso->n_capacities > 1; k++)
        if (iso->capacity[k] == s->capacity)
            return blues[lround(3.0 * k / (iso->n_capacities - 1))];
    return "C_MOD";
}

enum { GUARDS = 24 };          /* places kept free along a line */

/* The next dot of the curve with which a line may join it; NULL: none. */
static const struct dot *next_of(const struct dot *d,
                                 double (*of)(const struct dot *))
{
    for (const struct dot *next = d; !next->last; ) {
        next++;
        if (of(next) == of(d) && next->size != d->size)
            return next;
    }
    return NULL;
}

/* Names keep off the lines. */
static int guard_lines(struct label *out, const struct isoflop *iso)
{
    static double (*const fixed[])(const struct dot *) = { isoflop_channels,
                                                           isoflop_layers };
    int n = 0;

    for (int i = 0; i < iso->n; i++)
        for (int f = 0; f < 2; f++) {
            const struct dot *a = &iso->dot[i], *b = next_of(a, fixed[f]);
            for (int g = 1; b && g < GUARDS; g++) {
                double at = (double)g / GUARDS;
                out[n++] = (struct label){ .x = a->x * pow(b->x / a->x, at),
                    .y = a->loss.mean + at * (b->loss.mean - a->loss.mean),
                    .colour = "INK", .rank = 9 };
            }
        }
    return n;
}

/* A curve that ends well left of the others is named where it ends. */
static bool named_aside(const struct isoflop *iso, const struct dot *d,
                        struct frame frame)
{
    static const double far = 80;
    return d->last && frame_px(frame, iso->end) - frame_px(frame, d->x) < far;
}

static int by_height(const void *a, const void *b)
{
    return compare(((const struct label *)a)->y, ((const struct label *)b)->y);
}

/* Names in one column, each as near its curve's end as those below allow. */
static void write_column(struct plot *p, struct label *label, int n,
                         struct frame frame)
{
    static const double line = 14;
    double floor = -line;

    qsort(label, (size_t)n, sizeof *label, by_height);
    for (int i = 0; i < n; i++) {
        double y = fmax(frame_py(frame, label[i].y), floor + line);
        floor = y;
        fprintf(p->script, "set label %d ", 100000 + i);
        plot_quote(p, label[i].text);
        fprintf(p->script, " at first %.9g,graph %.5f left font SMALL tc rgb "
                "%s front\n", label[i].x, y / frame.height, label[i].colour);
    }
}

static void write_labels(struct plot *p, const struct isoflop *iso,
                         const struct study *study, struct frame frame)
{
    struct label *label = error_noted(calloc((size_t)iso->n * 2 * GUARDS,
                                            sizeof *label));
    struct label *column = error_noted(calloc((size_t)iso->n, sizeof *column));
    const struct dot *best[] = { dot_of(iso, study->dense),
                                 dot_of(iso, study->mod) };
    int n = 0;

    for (int i = 0; label && column && i < iso->n; i++) {
        const struct dot *d = &iso->dot[i];
        label[i] = (struct label){ .x = d->x, .y = d->loss.mean,
            .rise = isfinite(d->loss.high) ? d->loss.high - d->loss.mean : 0,
            .colour = colour_of(iso, d->s),
            .rank = d == best[0] || d == best[1] || d->last ? 0 : 1 };
        if (named_aside(iso, d, frame)) {
            column[n] = label[i];
            column[n].x = iso->end;
            name_end(column[n++].text, iso, d);
        } else if (d->last) {
            name_end(label[i].text, iso, d);
        } else {
            snprintf(label[i].text, LABEL_TEXT_SIZE, "%.24s", d->s->shape);
        }
    }
    if (label && column) {
        int all = iso->n + guard_lines(label + iso->n, iso);
        label_place(label, all, frame);
        label_write(label, all, 100, p);
        write_column(p, column, n, frame);
    }
    free(label);
    free(column);
}

extern const char figure_isoflop_gp[];

static void write_plot(struct plot *p, const struct isoflop *iso, int fits)
{
    int curves = 0;

    fprintf(p->script, "array COLOUR[%d]; array SHAPE[%d]\n", iso->n, iso->n);
    for (int i = 0; i < iso->n; i += isoflop_length(iso, i)) {
        bool dense = iso->dot[i].s->kind == SETTING_DENSE;
        curves++;
        fprintf(p->script, "COLOUR[%d] = %s; SHAPE[%d] = PT_%s\n", curves,
                colour_of(iso, iso->dot[i].s), curves, dense ? "DENSE" : "MOD");
    }
    fprintf(p->script, "CURVES = %d; CAPACITIES = %d; FITS = %d\n%s", curves,
            iso->n_capacities, fits, figure_isoflop_gp);
}

static void draw(struct plot *p, struct isoflop *iso, const struct study *study,
                 const struct scaling *scaling)
{
    struct frame frame;

    find_range(iso, plot_frame_width(p));
    p->ready = true;
    p->height = 540;
    plot_key(p, 3, iso->n_capacities > 1 && !plot_is_narrow(p) ? 50 : 36);
    frame = (struct frame){ iso->x0, iso->x1, iso->y0, iso->y1, true, false,
                            plot_frame_width(p), plot_frame_height(p),
                            nan("") };
    part(iso, frame);
    say(p, study);
    const int fits = isoflop_data(p, iso, scaling);
    describe(p, iso, study, fits);
    plot_axes(p, frame);
    plot_log_tics(p, 'x', iso->x0, iso->x1, true);
    write_labels(p, iso, study, frame);
    write_plot(p, iso, fits);
}

void figure_isoflop(struct plot *p, const struct report *r)
{
    const struct study *study = &r->study;
    struct isoflop iso = {
        .dot = error_noted(calloc(study->n + 1, sizeof *iso.dot)),
        .capacity = error_noted(calloc(study->n + 1, sizeof *iso.capacity)),
        .study = study,
    };

    if (iso.dot && iso.capacity) {
        collect(&iso, study);
        if (has_curve(&iso))
            draw(p, &iso, study, &r->scaling);
        else if (iso.n)
            TEXT_SET(p->reason, "no two sizes of one kind and capacity were "
                     "trained for FLOPs equal within 1 %%");
    }
    free(iso.dot);
    free(iso.capacity);
}
