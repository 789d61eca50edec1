/* rivals.c - Hold the settings of a study against the best dense one, and say
 * what the differences allow. */
#include "reports/read/comparison.h"

#include <math.h>
#include <stdio.h>

double setting_loss(const struct setting *s, double seed)
{
    for (size_t i = 0; i < s->n_seeds; i++)
        if (s->seed[i] == seed)
            return s->loss[i];
    return nan("");
}

/* The mean loss over all seeds but one; NAN: none is left. */
static double mean_without(const struct setting *s, double seed)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < s->n_seeds; i++)
        if (s->seed[i] != seed && isfinite(s->loss[i])) {
            sum += s->loss[i];
            n++;
        }
    return n ? sum / (double)n : nan("");
}

static bool competes(const struct setting *s, enum setting_kind kind,
                     double flops)
{
    return s->kind == kind && s->causal.n && !(s->flops_train < flops);
}

/* The lowest mean loss among settings that spent at least `flops` in training,
 * that seed left out. */
static const struct setting *best_without(const struct study *study,
                                          enum setting_kind kind, double flops,
                                          double seed)
{
    const struct setting *best = NULL;
    double least = HUGE_VAL;

    for (size_t i = 0; i < study->n; i++) {
        const struct setting *s = &study->setting[i];
        double loss = competes(s, kind, flops) ? mean_without(s, seed)
                                               : nan("");
        if (loss < least) {
            best = s;
            least = loss;
        }
    }
    return best;
}

static const struct setting *best_of(const struct study *study,
                                     enum setting_kind kind, double flops)
{
    return best_without(study, kind, flops, nan(""));
}

static const double largest_share = 0.95;

bool study_is_largest(const struct study *study, const struct setting *s)
{
    return !(s->flops_train < largest_share * study->flops_high);
}

static bool is_new_depth(const struct study *study, size_t i, double flops)
{
    const double depth = study->setting[i].run[0]->facts.n_layers;

    for (size_t j = 0; j < i; j++) {
        const double other = study->setting[j].run[0]->facts.n_layers;
        if (competes(&study->setting[j], SETTING_DENSE, flops) &&
            (other == depth || (isnan(other) && isnan(depth))))
            return false;
    }
    return true;
}

static void count_rivals(struct study *study, double flops)
{
    for (size_t i = 0; i < study->n; i++) {
        const struct setting *s = &study->setting[i];
        study->n_mod += competes(s, SETTING_MOD, flops);
        if (competes(s, SETTING_DENSE, flops)) {
            study->n_dense++;
            study->n_depths += is_new_depth(study, i, flops);
        }
    }
}

/* Find the best of each kind among the largest budget's runs, if both kinds
 * have some: compared settings should have cost the same.  Returns the FLOPs
 * that each spent at least. */
static double find_best(struct study *study)
{
    double flops = largest_share * study->flops_high;

    if (!best_of(study, SETTING_DENSE, flops) ||
        !best_of(study, SETTING_MOD, flops))
        flops = 0;
    study->dense = best_of(study, SETTING_DENSE, flops);
    study->mod = best_of(study, SETTING_MOD, flops);
    count_rivals(study, flops);
    return flops;
}

/* Each seed compares the two settings that the other seeds would choose, so
 * none judges a choice it took part in.  Settings that share fewer than two
 * seeds are compared as they are.  x[2 * n_runs] */
static struct compared compare_best(const struct study *study, double flops,
                                    double *x)
{
    struct comparison c = comparison_open(x, study->n_runs);

    for (size_t i = 0; i < study->dense->n_seeds; i++) {
        double seed = study->dense->seed[i];
        const struct setting *a = best_without(study, SETTING_MOD, flops, seed);
        const struct setting *b = best_without(study, SETTING_DENSE, flops,
                                               seed);
        if (a && b)
            comparison_add(&c, a, b, seed);
    }
    return c.n >= 2 ? comparison_paired(&c) : study->mod->against_dense;
}

/* The best dense setting of the same budget; of all budgets, if they are not
 * separate or this one has none. */
static const struct setting *rival_of(const struct study *study,
                                      const struct setting *s)
{
    const struct setting *rival = NULL;

    if (!study->separate || s == study->mod || s == study->dense)
        return study->dense;
    for (size_t i = 0; i < study->n; i++) {
        const struct setting *d = &study->setting[i];
        if (d->kind == SETTING_DENSE && d->causal.n && d->budget == s->budget &&
            (!rival || d->causal.mean < rival->causal.mean))
            rival = d;
    }
    return rival ? rival : study->dense;
}

static double margin_of(const struct setting *dense)
{
    return dense->causal.mean * STUDY_MARGIN_PERMILLE / 1000;
}

static bool is_tested(const struct setting *s)
{
    return s->against_dense.loss.n >= STATS_FEWEST_SEEDS &&
           !isnan(stats_p(s->against_dense.loss));
}

size_t study_tested(const struct study *study)
{
    size_t n = 0;

    for (size_t i = 0; i < study->n; i++)
        n += is_tested(&study->setting[i]);
    return n;
}

/* p[2 * study->n]: of a difference, then of none. */
static void judge(struct study *study, double *p)
{
    double *within = p + study->n;

    for (size_t i = 0; i < study->n; i++) {
        const struct setting *s = &study->setting[i];
        p[i] = is_tested(s) ? stats_p(s->against_dense.loss) : nan("");
        within[i] = is_tested(s) ? stats_p_within(s->against_dense.loss,
                                                  margin_of(s->rival))
                                 : nan("");
    }
    stats_holm(p, study->n);
    stats_holm(within, study->n);
    for (size_t i = 0; i < study->n; i++) {
        struct setting *s = &study->setting[i];
        s->p = p[i];
        s->p_within = within[i];
        s->verdict = stats_verdict(s->against_dense.loss, p[i], within[i]);
    }
}

void study_judge(struct study *study, double *x)
{
    const double flops = find_best(study);

    for (size_t i = 0; i < study->n; i++) {
        struct setting *s = &study->setting[i];
        s->against_dense.loss = (struct difference){ .mean = nan(""),
            .low = nan(""), .high = nan("") };
        s->rival = rival_of(study, s);
        if (s->rival && s != s->rival && s->causal.n)
            s->against_dense = compare_settings(s, s->rival, true, x,
                                                study->n_runs);
    }
    judge(study, x);
    if (!study->mod || !study->dense)
        return;
    study->best = compare_best(study, flops, x);
    study->verdict = stats_verdict(study->best.loss, stats_p(study->best.loss),
                                   stats_p_within(study->best.loss,
                                                  margin_of(study->dense)));
}

void study_said(char out[96], enum verdict verdict,
                const struct compared *compared, double dense_loss,
                size_t n_tested)
{
    const struct difference d = compared->loss;
    static const char *const said[] = {
        [VERDICT_LOWER]  = "lower, beyond the seed noise",
        [VERDICT_HIGHER] = "higher, beyond the seed noise",
    };
    double seen = stats_seen(d, 0.05 / (double)(n_tested ? n_tested : 1));

    if (verdict == VERDICT_UNKNOWN)
        snprintf(out, 96, "no verdict: %zu seed%s compared, %d are needed",
                 d.n, d.n == 1 ? "" : "s", STATS_FEWEST_SEEDS);
    else if (verdict == VERDICT_OPEN)
        snprintf(out, 96, "cannot tell: %zu seeds see only differences above "
                 "%.2g %%", d.n, 100 * seen / dense_loss);
    else if (verdict == VERDICT_SAME)
        snprintf(out, 96, "no difference: within ±%.2g %%",
                 STUDY_MARGIN_PERMILLE / 10.0);
    else
        snprintf(out, 96, "%s", said[verdict]);
}

void study_apart(char out[64], const struct study *study)
{
    const double ratio = study->mod && study->dense
                             ? study->mod->flops_train /
                                   study->dense->flops_train : 1;

    *out = '\0';
    if (isfinite(ratio) && fabs(ratio - 1) > STUDY_EQUAL_PERMILLE / 1000.0)
        snprintf(out, 64, "%.3g %% %s training FLOPs", 100 * fabs(ratio - 1),
                 ratio > 1 ? "more" : "fewer");
}
