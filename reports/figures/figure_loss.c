/* figure_loss.c - Draw held-out loss against compute, dense and MoD. */
#include "reports/figures/figures.h"

#include <math.h>
#include <stdlib.h>
#include "reports/draw/label.h"
#include "sim/core/answer/table.h"

/* The horizontal axis. */
struct axis {
    bool   by_forward;        /* forward FLOPs per token, else training FLOPs */
    struct prefix prefix;
    double low, high;         /* in prefixed units, with room around the data */
};

static double compute_of(const struct setting *s, const struct axis *axis)
{
    return (axis->by_forward ? s->flops_forward : s->flops_train) /
           axis->prefix.factor;
}

/* Budgets within a quarter of each other are one slice: its runs differ in how
 * they spent the budget. */
static struct axis choose_axis(const struct study *study)
{
    struct axis axis = { .by_forward = study->flops_high <
                                       1.25 * study->flops_low,
                         .prefix = { "", 1 }, .low = HUGE_VAL };
    double largest = 0;

    for (size_t i = 0; i < study->n; i++)
        axis.by_forward &= isfinite(study->setting[i].flops_forward);
    for (size_t i = 0; i < study->n; i++)
        largest = fmax(largest, compute_of(&study->setting[i], &axis));
    axis.prefix = prefix_for(largest);
    for (size_t i = 0; i < study->n; i++) {
        double x = compute_of(&study->setting[i], &axis);
        axis.low = fmin(axis.low, isfinite(x) ? x : HUGE_VAL);
        axis.high = fmax(axis.high, x);
    }
    if (axis.by_forward) {
        double room = 0.06 * (axis.high - axis.low) + 0.02 * axis.high;
        axis.low = fmax(0, axis.low - room);
        axis.high += room;
    } else {
        axis.low /= 1.3;
        axis.high *= 1.3;
    }
    return axis;
}

static struct range loss_range(const struct study *study)
{
    struct range range = RANGE_EMPTY;

    for (size_t i = 0; i < study->n; i++)
        for (size_t j = 0; j < study->setting[i].n; j++)
            range_add(&range, study->setting[i].run[j]->facts.loss_causal);
    range_widen(&range, 0.09, 0.002);
    return range;
}

/* One block a kind: every run.  A block without rows would shift the rest. */
static void write_runs(struct plot *p, const struct study *study,
                       const struct axis *axis)
{
    for (int kind = 0; kind < SETTING_KIND_COUNT; kind++) {
        int rows = 0;
        fprintf(p->data, "# runs, %s: compute  loss_nats_per_byte  seed\n",
                setting_kind_names[kind]);
        for (size_t i = 0; i < study->n; i++) {
            const struct setting *s = &study->setting[i];
            for (size_t j = 0; (int)s->kind == kind && j < s->n; j++) {
                if (!isfinite(s->run[j]->facts.loss_causal) ||
                    !isfinite(compute_of(s, axis)))
                    continue;
                fprintf(p->data, "%.9g %.9g %.0f\n", compute_of(s, axis),
                        s->run[j]->facts.loss_causal, s->run[j]->facts.seed);
                rows++;
            }
        }
        fputs(rows ? "\n\n" : "NaN NaN NaN\n\n\n", p->data);
    }
}

/* The kinds that have means are named to the script. */
static void write_means(struct plot *p, const struct study *study,
                        const struct axis *axis)
{
    fputs("KINDS = '", p->script);
    for (int kind = 0; kind < SETTING_KIND_COUNT; kind++) {
        int rows = 0;
        fprintf(p->data, "# means, %s: compute  loss  sd_over_seeds  n  "
                "\"setting\"\n", setting_kind_names[kind]);
        for (size_t i = 0; i < study->n; i++) {
            const struct setting *s = &study->setting[i];
            if ((int)s->kind != kind || !s->causal.n ||
                !isfinite(compute_of(s, axis)))
                continue;
            fprintf(p->data, "%.9g %.9g %.9g %zu \"%s\"\n",
                    compute_of(s, axis), s->causal.mean,
                    isfinite(s->causal.sd) ? s->causal.sd : 0, s->causal.n,
                    s->label);
            rows++;
        }
        fputs(rows ? "\n\n" : "NaN NaN NaN 0 \"\"\n\n\n", p->data);
        if (rows)
            fprintf(p->script, "%d ", kind + 1);
    }
    fputs("'\n", p->script);
}

static void write_labels(struct plot *p, const struct study *study,
                         const struct axis *axis, struct frame frame)
{
    static const char *const colours[] = { "C_DENSE", "C_MOD", "C_CONTROL",
                                           "C_ALT" };
    struct label label[LABEL_MAX];
    int n = 0;

    for (size_t i = 0; i < study->n && n < LABEL_MAX; i++) {
        const struct setting *s = &study->setting[i];
        if (!s->causal.n || !isfinite(compute_of(s, axis)))
            continue;
        label[n] = (struct label){ .x = compute_of(s, axis),
                                   .y = s->causal.mean,
                                   .rise = isfinite(s->causal.sd)
                                           ? s->causal.sd : 0,
                                   .colour = colours[s->kind],
                                   .rank = s != study->dense && s != study->mod
        };
        snprintf(label[n++].text, LABEL_TEXT_SIZE, "%s", s->label);
    }
    label_place(label, n, frame);
    label_write(label, n, 100, p);
}

static bool has_others(const struct study *study)
{
    for (size_t i = 0; i < study->n; i++)
        if (study->setting[i].kind == SETTING_OTHER)
            return true;
    return false;
}

static void say(struct plot *p, const struct study *study)
{
    char said[96], apart[64];

    if (!study->dense || !study->mod) {
        TEXT_SET(p->head, "Held-out loss against compute: %s",
                 study->mod ? "MoD models alone, no dense one was trained"
                 : has_others(study) ? "dense and other modes, no MoD model was"
                                       " trained"
                            : "dense models alone, no MoD model was trained");
        return;
    }
    study_said(said, study->verdict, &study->best, study->dense->causal.mean, 1);
    study_apart(apart, study);
    TEXT_SET(p->head, "Best MoD against best dense%s%s: %s", *apart ? ", with "
             : "", apart, said);
}

static size_t fewest_seeds(const struct study *study, size_t *most)
{
    size_t least = SIZE_MAX;

    *most = 0;
    for (size_t i = 0; i < study->n; i++) {
        size_t n = study->setting[i].causal.n;
        least = n < least ? n : least;
        *most = n > *most ? n : *most;
    }
    return least;
}

static void describe(struct plot *p, const struct study *study,
                     const struct axis *axis)
{
    char budget[TABLE_NUMBER_SIZE], seeds[32];
    size_t most, least = fewest_seeds(study, &most);

    table_si(budget, study->flops_high, "FLOP");
    if (least == most)
        snprintf(seeds, sizeof seeds, "%zu", most);
    else
        snprintf(seeds, sizeof seeds, "%zu to %zu", least, most);
    TEXT_SET(p->sub, "Held-out loss (nats per byte) against %s%s%s; small "
             "marks: one seed; large: mean ± 1 sd of %s seed%s; labels: "
             "%slayers×channels%s",
             axis->by_forward ? "forward FLOPs per token, after "
                              : "training FLOPs",
             axis->by_forward ? budget : "",
             !axis->by_forward ? "" : study->equal_flops
             ? " of training each" : " of training at most", seeds,
             most == 1 ? "" : "s",
             study->mod ? "capacity in routed blocks, " : "",
             study->equal_flops ? "; at equal training FLOPs a cheaper token buys "
             "more tokens" : "");
    TEXT_SET(p->foot, "loss measured on held-out text, MoD under a causal "
             "rule  |  FLOPs %s%s", provenance_names[study->flops_from],
             study->equal_flops ? ", equal training FLOPs within 1 %"
             : axis->by_forward ? ", training FLOPs differ by more than 1 %"
                                : "");
    TEXT_SET(p->alt, "Scatter plot of held-out loss in nats per byte against "
             "%s for %zu settings of dense and MoD models. %s.",
             axis->by_forward ? "forward FLOPs per token" : "training FLOPs",
             study->n, p->head);
}

/* Others are named where there are any. */
static int names_in_key(const struct study *study)
{
    int n = SETTING_OTHER;

    for (size_t i = 0; i < study->n && n == SETTING_OTHER; i++)
        n += study->setting[i].kind == SETTING_OTHER;
    return n;
}

extern const char figure_loss_gp[];

void figure_loss(struct plot *p, const struct report *r)
{
    const struct study *study = &r->study;
    struct axis axis = choose_axis(study);
    struct range loss = loss_range(study);

    if (study->n_runs < 2 || !(loss.high > loss.low) ||
        !(axis.high > axis.low))
        return;
    p->ready = true;
    p->right = plot_is_narrow(p) ? p->right : 104;
    p->height = 520;
    plot_key(p, names_in_key(study) + plot_is_narrow(p), 24);
    say(p, study);
    describe(p, study, &axis);
    write_runs(p, study, &axis);
    write_means(p, study, &axis);
    struct frame frame = { axis.low, axis.high, loss.low, loss.high,
                           !axis.by_forward, false, plot_frame_width(p), plot_frame_height(p),
                           study->dense ? study->dense->causal.mean
                                        : nan("") };
    plot_axes(p, frame);
    if (!axis.by_forward)
        plot_log_tics(p, 'x', axis.low, axis.high, false);
    write_labels(p, study, &axis, frame);
    fprintf(p->script, axis.by_forward
            ? "XLABEL = 'forward cost, %sFLOP per token'\n"
            : "XLABEL = 'training compute, %sFLOP (log)'\n",
            axis.prefix.letter);
    if (study->dense)
        fprintf(p->script, "DENSE = %.9g; SD = %.9g\n",
                study->dense->causal.mean, isfinite(study->dense->causal.sd)
                ? study->dense->causal.sd : 0);
    fputs(figure_loss_gp, p->script);
}
