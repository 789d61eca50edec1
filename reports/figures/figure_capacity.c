/* figure_capacity.c - Draw loss under both rules, and forward FLOPs, against
 * capacity. */
#include "reports/figures/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/answer/table.h"

static bool is_drawn(const struct study *study, const struct setting *s)
{
    return s->kind == SETTING_MOD && isfinite(s->capacity) &&
           study_is_largest(study, s) && (s->causal.n || s->topk.n);
}

static int by_capacity(const void *a, const void *b)
{
    const struct setting *x = *(const struct setting *const *)a;
    const struct setting *y = *(const struct setting *const *)b;
    return (x->capacity > y->capacity) - (x->capacity < y->capacity);
}

static size_t collect(const struct setting **out, const struct study *study)
{
    size_t n = 0;

    for (size_t i = 0; i < study->n; i++)
        if (is_drawn(study, &study->setting[i]))
            out[n++] = &study->setting[i];
    qsort(out, n, sizeof *out, by_capacity);
    return n;
}

static double known_sd(struct spread s)
{
    return isfinite(s.sd) ? s.sd : 0;
}

/* Blocks: causal, top-k, then for each the best at every capacity. */
static void write_rule(struct plot *p, const struct setting **s, size_t n,
                       bool topk, bool best_only)
{
    fprintf(p->data, "# loss, %s%s: capacity  loss_nats_per_byte  sd  "
            "flops_forward_per_token\n", topk ? "top-k" : "causal rule",
            best_only ? ", lowest at each capacity" : "");
    for (size_t i = 0; i < n; i++) {
        struct spread loss = topk ? s[i]->topk : s[i]->causal;
        bool best = true;
        for (size_t j = 0; best_only && j < n; j++) {
            struct spread other = topk ? s[j]->topk : s[j]->causal;
            best &= s[j]->capacity != s[i]->capacity || !other.n ||
                    !(other.mean < loss.mean);
        }
        if (loss.n && best)
            fprintf(p->data, "%.9g %.9g %.9g %.9g\n", s[i]->capacity, loss.mean,
                    known_sd(loss), topk ? s[i]->flops_topk
                                         : s[i]->flops_forward);
    }
    fputs("NaN NaN NaN NaN\n\n\n", p->data);
}

/* The best dense setting, and the dense twins of what is drawn: others would
 * stretch the axis. */
static bool is_drawn_dense(const struct study *study, const struct setting *d,
                           const struct setting **s, size_t n)
{
    if (d->kind != SETTING_DENSE || !d->causal.n ||
        !study_is_largest(study, d))
        return false;
    for (size_t i = 0; i < n; i++)
        if (*d->shape && strcmp(d->shape, s[i]->shape) == 0)
            return true;
    return d == study->dense;
}

static void loss_range(const struct setting **s, size_t n,
                       const struct study *study, double *low, double *high)
{
    double room;

    *low = HUGE_VAL;
    *high = -HUGE_VAL;
    for (size_t i = 0; i < study->n; i++) {
        const struct setting *d = &study->setting[i];
        if (!is_drawn_dense(study, d, s, n))
            continue;
        *low = fmin(*low, d->causal.mean - known_sd(d->causal));
        *high = fmax(*high, d->causal.mean + known_sd(d->causal));
    }
    for (size_t i = 0; i < n; i++) {
        const struct spread both[] = { s[i]->causal, s[i]->topk };
        for (int k = 0; k < 2; k++) {
            if (!both[k].n)
                continue;
            *low = fmin(*low, both[k].mean - known_sd(both[k]));
            *high = fmax(*high, both[k].mean + known_sd(both[k]));
        }
    }
    room = fmax(0.1 * (*high - *low), 0.002);
    *low -= room;
    *high += room;
}

/* Ticks at the capacities that were run, where there is room for names. */
static void write_tics(struct plot *p, const struct setting **s, size_t n,
                       bool named)
{
    double last = 0;

    fputs("set xtics (", p->script);
    for (size_t i = 0; i < n; i++) {
        if (last > 0 && s[i]->capacity < 1.2 * last)
            continue;
        if (named)
            fprintf(p->script, "'%g%%%%' %.9g, ", 100 * s[i]->capacity,
                    s[i]->capacity);
        else
            fprintf(p->script, "'' %.9g, ", s[i]->capacity);
        last = s[i]->capacity;
    }
    fprintf(p->script, "'%s' 1)\n", named ? "dense" : "");
}

static void say(struct plot *p, const struct study *study, size_t n)
{
    double gap = 0;
    const char *at = "";

    for (size_t i = 0; i < study->n; i++) {
        const struct setting *s = &study->setting[i];
        if (is_drawn(study, s) && s->causal.n && s->topk.n &&
            fabs(s->causal.mean - s->topk.mean) >= fabs(gap)) {
            gap = s->causal.mean - s->topk.mean;
            at = s->label;
        }
    }
    if (*at)
        snprintf(p->head, sizeof p->head, "The causal rule differs from top-k "
                 "by at most %.4f nats per byte (%s)", fabs(gap), at);
    else
        snprintf(p->head, sizeof p->head, "Held-out loss and forward FLOPs "
                 "against capacity");
    snprintf(p->sub, sizeof p->sub, "Above: held-out loss (nats per byte); "
             "top-k looks ahead in the text, the causal rule does not; bars: "
             "± 1 sd over seeds. Below: forward FLOPs per token");
    snprintf(p->foot, sizeof p->foot, "loss measured on held-out text  |  "
             "FLOPs counted  |  lines join the lowest loss at each capacity%s",
             study->separate ? "  |  of the largest training budget alone"
                             : "");
    snprintf(p->alt, sizeof p->alt, "Two panels over capacity on a logarithmic "
             "axis, %zu MoD settings: held-out loss under the causal rule and "
             "under top-k, and forward FLOPs per token, with the best dense "
             "model as a line. %s.", n, p->head);
}

static void write_dense(struct plot *p, double y, bool named)
{
    fprintf(p->script, "set arrow 1 from graph 0, first %.9g to graph 1, first "
            "%.9g nohead lc rgb C_DENSE lw 1.2\n", y, y);
    if (named)
        fprintf(p->script, "set label 90 'best dense' at graph 1, first %.9g "
                "left offset screen %.5f,0 font SMALL tc rgb C_DENSE\n", y,
                6.0 / PLOT_WIDTH);
}

/* About three steps to the top: 1, 2 or 5 times a power of ten. */
static double nice_step(double top)
{
    double step = pow(10, floor(log10(top / 3)));
    double rest = top / 3 / step;
    return step * (rest < 1.5 ? 1 : rest < 3.5 ? 2 : rest < 7.5 ? 5 : 10);
}

static void write_panels(struct plot *p, const struct study *study,
                         const struct setting **s, size_t n)
{
    double low, high, most = 0;
    struct prefix prefix;
    const double split = p->bottom + 0.36 * plot_frame_height(p);

    loss_range(s, n, study, &low, &high);
    for (size_t i = 0; i < n; i++)
        most = fmax(most, s[i]->flops_forward);
    for (size_t i = 0; i < study->n; i++)
        if (is_drawn_dense(study, &study->setting[i], s, n))
            most = fmax(most, study->setting[i].flops_forward);
    prefix = prefix_for(most);
    fprintf(p->script, "set multiplot\nset logscale x 2\n"
            "set xrange [%.9g:1.12]\n", s[0]->capacity / 1.2);
    write_tics(p, s, n, false);
    fprintf(p->script, "set yrange [%.9g:%.9g]\nset format y '%%.2f'\n"
            "set bmargin at screen %.0f./H\n"
            "set ylabel 'loss, nats per byte' offset 0.6,0\n", low, high,
            split + 8);
    if (study->dense)
        write_dense(p, study->dense->causal.mean, true);
    fprintf(p->script,
            "plot D index 2 using 1:2 with lines ls 2 notitle, \\\n"
            "     D index 3 using ($1*1.03):2 with lines ls 4 lw 1.2 notitle, "
            "\\\n     D index 1 using ($1*1.03):2:3 with yerrorbars ls 4 "
            "lw 1.2 title 'MoD, top-k (looks ahead)', \\\n"
            "     D index 0 using 1:2:3 with yerrorbars ls 2 lw 1.2 title "
            "'MoD, causal rule', \\\n"
            "     D index 4 using 1:2:3 with yerrorbars ls 1 lw 1.2 title "
            "'dense: best, and twins'\n");
    fprintf(p->script,
            "unset key\nunset arrow 1\nunset label 90\n"
            "do for [i=901:930] { unset label i }\n"
            "set tmargin at screen %.0f./H\nset bmargin at screen MB/H\n"
            "set yrange [0:%.9g]\nset format y '%%g'\nset ytics %.9g\n"
            "set ylabel '%sFLOP per token' offset -0.2,0\n"
            "set xlabel 'capacity: share of tokens a routed block works on "
            "(log)' offset 0,0.3\n", split - 12, 1.15 * most / prefix.factor,
            nice_step(most / prefix.factor), prefix.letter);
    write_tics(p, s, n, true);
    if (study->dense && isfinite(study->dense->flops_forward))
        write_dense(p, study->dense->flops_forward / prefix.factor, false);
    fprintf(p->script, "plot D index 0 using 1:($4/%.9g) with points ls 2 "
            "notitle, \\\n     D index 4 using 1:($4/%.9g) with points ls 1 "
            "notitle\nunset multiplot\n", prefix.factor, prefix.factor);
}

void figure_capacity(struct plot *p, const struct report *r)
{
    const struct study *study = &r->study;
    const struct setting **s = calloc(study->n + 1, sizeof *s);
    size_t n = s ? collect(s, study) : 0;

    if (n > 0) {
        p->ready = true;
        p->height = 600;
        p->right = 90;
        say(p, study, n);
        write_rule(p, s, n, false, false);
        write_rule(p, s, n, true, false);
        write_rule(p, s, n, false, true);
        write_rule(p, s, n, true, true);
        fputs("# best dense, and twins: capacity 1  loss  sd  "
              "flops_forward_per_token\n", p->data);
        for (size_t i = 0; i < study->n; i++)
            if (is_drawn_dense(study, &study->setting[i], s, n))
                fprintf(p->data, "1 %.9g %.9g %.9g\n",
                        study->setting[i].causal.mean,
                        known_sd(study->setting[i].causal),
                        study->setting[i].flops_forward);
        fputs("NaN NaN NaN NaN\n", p->data);
        write_panels(p, study, s, n);
    }
    free(s);
}
