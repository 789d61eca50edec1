/* figure_curves.c - Draw loss against cumulative training FLOPs. */
#include "reports/figures/figures.h"

#include <math.h>
#include "sim/core/answer/table.h"

enum { ENOUGH_HELDOUT = 3,     /* rows with a held-out loss that make a curve */
       SMOOTHING = 40 };       /* training losses are averaged over 1/40 of a
                                * run */

static bool uses_heldout(const struct curve *c)
{
    int n = 0;

    for (size_t r = 0; r < c->n; r++)
        n += isfinite(c->row[r].heldout_loss);
    return n >= ENOUGH_HELDOUT;
}

/* Mean of the training losses of the rows up to and including r. */
static double smoothed(const struct curve *c, size_t r)
{
    size_t window = c->n / SMOOTHING + 1, n = 0;
    double sum = 0;

    for (size_t i = r + 1 > window ? r + 1 - window : 0; i <= r; i++)
        if (isfinite(c->row[i].train_loss)) {
            sum += c->row[i].train_loss;
            n++;
        }
    return n ? sum / (double)n : nan("");
}


struct extent {
    double flops;
    size_t points;             /* that a curve keeps: more cannot be told apart */
    struct range loss;         /* of what is drawn */
    bool   heldout;            /* every run has a held-out curve */
};

static double loss_at(const struct curve *c, size_t r, bool heldout)
{
    return heldout ? c->row[r].heldout_loss : smoothed(c, r);
}

static size_t row_step(const struct curve *c, const struct extent *e)
{
    return e->heldout ? 1 : c->n / e->points + 1;
}

static double last_flops(const struct curve *c)
{
    for (size_t r = c->n; r > 0; r--)
        if (isfinite(c->row[r - 1].flops))
            return c->row[r - 1].flops;
    return 0;
}

/* The beginning falls from the entropy of the alphabet and would take the whole
 * axis. */
static const double first_share = 0.03;

static struct extent find_extent(const struct curve *curve, size_t n,
                                 const struct plot *p)
{
    struct extent e = { 0, (size_t)p->width / 2, RANGE_EMPTY, true };

    for (size_t i = 0; i < n; i++) {
        e.flops = fmax(e.flops, last_flops(&curve[i]));
        e.heldout &= curve[i].n == 0 || uses_heldout(&curve[i]);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < curve[i].n;
             r += row_step(&curve[i], &e))
            if (curve[i].row[r].flops >= first_share * e.flops)
                range_add(&e.loss, loss_at(&curve[i], r, e.heldout));
    range_widen(&e.loss, 0.05, 0);
    return e;
}

static void write_curve(struct plot *p, const struct curve *c,
                        const char *name, const struct extent *e)
{
    fprintf(p->data, "# \"%s\": train_flops  %s_loss_nats_per_byte\n", name,
            e->heldout ? "heldout" : "train");
    for (size_t r = 0; r < c->n; r += row_step(c, e)) {
        double loss = loss_at(c, r, e->heldout);
        if (isfinite(loss) && c->row[r].flops > 0)
            fprintf(p->data, "%.9g %.9g\n", c->row[r].flops, loss);
    }
    fputs("NaN NaN\n\n\n", p->data);
}

static void describe(struct plot *p, const struct extent *e, size_t n)
{
    TEXT_SET(p->head, "%s loss against the FLOPs spent so far",
             e->heldout ? "Held-out" : "Training");
    TEXT_SET(p->sub, "%s (nats per byte) against cumulative training FLOPs%s",
             e->heldout ? "Held-out loss"
             : "Training loss, averaged over 1/40 of a run", n > 1 ? "; thin: "
             "every run; thick: the best dense and the best MoD setting, middle "
             "seed" : "");
    TEXT_SET(p->foot, "loss measured%s  |  FLOPs counted  |  the first 3 %% "
             "of training is not drawn",
             e->heldout ? " on held-out text" : " on training batches, MoD "
             "under top-k");
    TEXT_SET(p->alt, "%zu training curves: loss in nats per byte against "
             "cumulative training FLOPs on a logarithmic axis, dense in grey "
             "and MoD in blue.", n);
}

static bool is_thick(const struct study *study, const struct setting *s,
                     const struct run *run)
{
    return (s == study->dense || s == study->mod) && study_typical(s) == run;
}

extern const char figure_curves_gp[];

void figure_curves(struct plot *p, const struct report *r)
{
    const struct study *study = &r->study;
    struct extent e = find_extent(r->curve, study->n_runs, p);
    struct prefix prefix = prefix_for(e.flops);
    struct frame frame = { .x0 = first_share * e.flops / prefix.factor,
                           .x1 = 1.03 * e.flops / prefix.factor,
                           .y0 = e.loss.low, .y1 = e.loss.high,
                           .log_x = true };
    int n = 0, n_thick = 0;

    if (!(e.flops > 0) || !(e.loss.high > e.loss.low))
        return;
    p->ready = true;
    describe(p, &e, study->n_runs);
    plot_axes(p, frame);
    plot_log_tics(p, 'x', frame.x0, frame.x1, false);
    plot_key(p, 2, SETTING_LABEL_SIZE / 2);
    fprintf(p->script, "UNIT = '%sFLOP'; FACTOR = %.9g\narray KIND[%zu]; array "
            "NAME[%zu]\n", prefix.letter, prefix.factor,
            2 * study->n_runs + 1, 2 * study->n_runs + 1);
    for (int thick = 0; thick < 2; thick++) {
        const struct curve *c = r->curve;
        for (size_t i = 0; i < study->n; i++) {
            const struct setting *s = &study->setting[i];
            for (size_t j = 0; j < s->n; j++, c++) {
                char name[SETTING_LABEL_SIZE + 16];
                if (!c->n || (thick && !is_thick(study, s, s->run[j])))
                    continue;
                write_curve(p, c, s->label, &e);
                snprintf(name, sizeof name, "%s%s",
                         setting_kind_before(s), s->label);
                fprintf(p->script, "KIND[%d] = %d; NAME[%d] = ", n + 1,
                        s->kind + 1, n + 1);
                plot_quote(p, name);
                fputc('\n', p->script);
                n_thick += thick;
                n++;
            }
        }
    }
    /* gnuplot reads the first of the thick also where there are none. */
    fprintf(p->script, "CURVES = %d; THICK = %d; KIND[CURVES+1] = 1\n%s", n,
            n_thick, figure_curves_gp);
}
