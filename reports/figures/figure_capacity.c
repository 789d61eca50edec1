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

static void add_spread(struct range *range, struct spread s)
{
    range_add(range, s.mean - known_sd(s));
    range_add(range, s.mean + known_sd(s));
}

static struct range loss_range(const struct setting **s, size_t n,
                               const struct study *study)
{
    struct range range = RANGE_EMPTY;

    for (size_t i = 0; i < study->n; i++)
        if (is_drawn_dense(study, &study->setting[i], s, n))
            add_spread(&range, study->setting[i].causal);
    for (size_t i = 0; i < n; i++) {
        add_spread(&range, s[i]->causal);
        add_spread(&range, s[i]->topk);
    }
    range_widen(&range, 0.1, 0.002);
    return range;
}

/* Ticks at the capacities that were run, where there is room for names. */
static void write_tics(struct plot *p, const struct setting **s, size_t n,
                       bool named)
{
    const double apart = plot_is_narrow(p) ? 1.9 : 1.2;
    double last = 0;

    fprintf(p->script, "%s = \"set xtics (", named ? "NAMED" : "UNNAMED");
    for (size_t i = 0; i < n; i++) {
        if (last > 0 && s[i]->capacity < apart * last)
            continue;
        if (named)
            fprintf(p->script, "'%g%%%%' %.9g, ", 100 * s[i]->capacity,
                    s[i]->capacity);
        else
            fprintf(p->script, "'' %.9g, ", s[i]->capacity);
        last = s[i]->capacity;
    }
    fprintf(p->script, "'%s' 1)\"\n", named ? "dense" : "");
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
        TEXT_SET(p->head, "The causal rule differs from top-k by at most %.4f "
                 "nats per byte (%s)", fabs(gap), at);
    else
        TEXT_SET(p->head, "Held-out loss and forward FLOPs against capacity");
    TEXT_SET(p->sub, "Above: held-out loss (nats per byte); top-k looks ahead "
             "in the text, the causal rule does not; bars: ± 1 sd over seeds. "
             "Below: forward FLOPs per token");
    TEXT_SET(p->foot, "loss measured on held-out text  |  FLOPs counted  |  "
             "lines join the lowest loss at each capacity%s",
             study->separate ? "  |  of the largest training budget alone"
                             : "");
    TEXT_SET(p->alt, "Two panels over capacity on a logarithmic axis, %zu MoD "
             "settings: held-out loss under the causal rule and under top-k, "
             "and forward FLOPs per token, with the best dense model as a "
             "line. %s.", n, p->head);
}

extern const char figure_capacity_gp[];

static void write_panels(struct plot *p, const struct study *study,
                         const struct setting **s, size_t n)
{
    const struct range loss = loss_range(s, n, study);
    double most = 0;
    struct prefix prefix;
    const double split = p->bottom + 0.36 * plot_frame_height(p);

    for (size_t i = 0; i < n; i++)
        most = fmax(most, s[i]->flops_forward);
    for (size_t i = 0; i < study->n; i++)
        if (is_drawn_dense(study, &study->setting[i], s, n))
            most = fmax(most, study->setting[i].flops_forward);
    prefix = prefix_for(most);
    fprintf(p->script, "X0 = %.9g; Y0 = %.9g; Y1 = %.9g; SPLIT = %.0f.\n"
            "TOP = %.9g; STEP = %.9g; FACTOR = %.9g; UNIT = '%sFLOP'\n"
            "YFORMAT = '%%.%df'\n",
            s[0]->capacity / 1.2, loss.low, loss.high, split,
            1.15 * most / prefix.factor, plot_step(most / prefix.factor),
            prefix.factor, prefix.letter,
            plot_decimals(loss.low, loss.high));
    write_tics(p, s, n, false);
    write_tics(p, s, n, true);
    if (study->dense)
        fprintf(p->script, "DENSE = %.9g\n", study->dense->causal.mean);
    if (study->dense && isfinite(study->dense->flops_forward))
        fprintf(p->script, "FLOPS = %.9g\n",
                study->dense->flops_forward / prefix.factor);
    fputs(figure_capacity_gp, p->script);
}

void figure_capacity(struct plot *p, const struct report *r)
{
    const struct study *study = &r->study;
    const struct setting **s = error_noted(calloc(study->n + 1, sizeof *s));
    size_t n = s ? collect(s, study) : 0;

    if (n > 0 && study->n_runs > 1) {
        p->ready = true;
        p->height = 600;
        p->left = 80;
        p->right = plot_is_narrow(p) ? p->right : 90;
        plot_key(p, 3 + plot_is_narrow(p), 23);
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
