/* energy_fit.c - Fit joules per FLOP and per byte to energy windows, with the
 * interval within which each is known. */
#include "hwprof/energy/energy_fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/base/nnls.h"
#include "sim/core/base/random.h"
#include "sim/core/base/stats.h"

#define X(id, name, unit, what) [ENERGY_##id] = { name, unit, what },
const struct energy_term_info energy_terms[ENERGY_TERM_COUNT] = {
    ENERGY_TERM_MAP(X)
};
#undef X

_Static_assert((int)ENERGY_TERM_COUNT <= (int)NNLS_MAX, "room in nnls()");

enum { DEFAULT_RESAMPLES = 400 };

/* Noise in the joules comes back divided by a column's own share: at 0.01, 1 %
 * of noise is the whole coefficient. */
static const double least_own = 0.01;

/* All windows, and how often each is in the fit. */
struct fitter {
    const struct energy_row *rows;
    int  n_rows, n_kernels, n_threads;
    int *times;                            /* [n_rows], and room for as many */
};

/* The terms that any row shows, their columns scaled to length 1, each row
 * divided by its joules, so that every right side is 1. */
struct problem {
    int     m, n;
    int     term[ENERGY_TERM_COUNT];       /* of column j */
    double  length[ENERGY_TERM_COUNT];     /* of column j before scaling */
    double *a;                             /* [m,n] */
    double *b;                             /* [m], ones */
};

/* 0 for terms that no row shows. */
struct solution {
    double value[ENERGY_TERM_COUNT], own[ENERGY_TERM_COUNT];
    double condition;
};

static double weighed(const struct energy_row *row, int term)
{
    return row->amount[term] / row->joules;
}

static enum status pose(struct problem *out, const struct fitter *f,
                        struct error *err)
{
    *out = (struct problem){ 0 };
    for (int t = 0; t < ENERGY_TERM_COUNT; t++) {
        double square = 0;
        for (int i = 0; i < f->n_rows; i++)
            square += f->times[i] * weighed(&f->rows[i], t) *
                      weighed(&f->rows[i], t);
        if (square > 0) {
            out->term[out->n] = t;
            out->length[out->n++] = sqrt(square);
        }
    }
    for (int i = 0; i < f->n_rows; i++)
        out->m += f->times[i];
    if (out->m == 0 || out->n == 0)
        return error_set(err, STATUS_UNAVAILABLE, "no windows to fit");

    out->a = calloc((size_t)out->m * (size_t)(out->n + 1), sizeof *out->a);
    if (!out->a)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a fit of %d "
                         "windows", out->m);
    out->b = out->a + (size_t)out->m * (size_t)out->n;
    int at = 0;
    for (int i = 0; i < f->n_rows; i++)
        for (int times = f->times[i]; times > 0; times--, at++) {
            out->b[at] = 1;
            for (int j = 0; j < out->n; j++)
                out->a[at * out->n + j] =
                    weighed(&f->rows[i], out->term[j]) / out->length[j];
        }
    return STATUS_OK;
}

/* Values, and where `judged` also what tells how far to trust them. */
static enum status solve(struct solution *out, const struct fitter *f,
                         bool judged, struct error *err)
{
    struct problem problem;
    double x[NNLS_MAX] = { 0 }, own[NNLS_MAX] = { 0 };
    enum status status = pose(&problem, f, err);

    *out = (struct solution){ .condition = 0 };
    if (status == STATUS_OK)
        status = nnls(x, problem.a, problem.b, problem.m, problem.n, err);
    if (status == STATUS_OK && judged) {
        status = nnls_own(own, problem.a, problem.m, problem.n, err);
        out->condition = nnls_condition(problem.a, problem.m, problem.n);
    }
    for (int j = 0; status == STATUS_OK && j < problem.n; j++) {
        out->value[problem.term[j]] = x[j] / problem.length[j];
        out->own[problem.term[j]] = own[j];
    }
    free(problem.a);
    return status;
}

static double joules_of(const double *value, const double *amount)
{
    double joules = 0;

    for (int t = 0; t < ENERGY_TERM_COUNT; t++)
        joules += value[t] * amount[t];
    return joules;
}

static double standing_of(const double *value, int n_threads)
{
    return value[ENERGY_IDLE] + n_threads * value[ENERGY_AWAKE];
}

static void widen(struct energy_coefficient *c, double value)
{
    c->low = fmin(c->low, value);
    c->high = fmax(c->high, value);
}

/* ---- all rows ---- */

static enum status check_rows(const struct energy_row *rows, int n_rows,
                              int n_kernels, struct error *err)
{
    for (int i = 0; i < n_rows; i++) {
        bool fine = rows[i].joules > 0 && isfinite(rows[i].joules) &&
                    rows[i].kernel >= 0 && rows[i].kernel < n_kernels;
        for (int t = 0; t < ENERGY_TERM_COUNT; t++)
            fine = fine && rows[i].amount[t] >= 0 &&
                   isfinite(rows[i].amount[t]);
        if (!fine)
            return error_set(err, STATUS_BAD_VALUE, "window %d of kernel %d, "
                             "%g J: allowed are joules above 0, amounts of at "
                             "least 0, and kernels below %d", i,
                             rows[i].kernel, rows[i].joules, n_kernels);
    }
    return STATUS_OK;
}

/* Terms that have too little of their own, named together. */
static void say_mixed(struct energy_fit *fit, const double *own)
{
    char names[ENERGY_REASON_SIZE / 2] = "";
    size_t used = 0;

    for (int t = 0; t < ENERGY_TERM_COUNT; t++)
        if (own[t] < least_own && !fit->term[t].reason[0] &&
            used < sizeof names) {
            int n = snprintf(names + used, sizeof names - used, "%s%s",
                             used ? ", " : "", energy_terms[t].name);
            used += n > 0 ? (size_t)n : 0;
        }
    for (int t = 0; t < ENERGY_TERM_COUNT; t++)
        if (own[t] < least_own && !fit->term[t].reason[0])
            snprintf(fit->term[t].reason, ENERGY_REASON_SIZE,
                     "cannot be told apart in these windows: %s", names);
}

static enum status fit_all(struct energy_fit *fit, const struct fitter *f,
                           struct error *err)
{
    struct solution s;
    double square = 0;
    bool shown[ENERGY_TERM_COUNT] = { false };
    int n_shown = 0;

    for (int i = 0; i < f->n_rows; i++) {
        f->times[i] = 1;
        for (int t = 0; t < ENERGY_TERM_COUNT; t++)
            shown[t] |= f->rows[i].amount[t] > 0;
    }
    for (int t = 0; t < ENERGY_TERM_COUNT; t++)
        n_shown += shown[t];
    if (f->n_rows < n_shown)
        return error_set(err, STATUS_UNAVAILABLE, "%d windows cannot tell "
                         "%d coefficients", f->n_rows, n_shown);
    enum status status = solve(&s, f, true, err);
    if (status != STATUS_OK)
        return status;
    fit->condition = s.condition;
    for (int t = 0; t < ENERGY_TERM_COUNT; t++) {
        fit->term[t].value = s.value[t];
        if (!shown[t])
            snprintf(fit->term[t].reason, ENERGY_REASON_SIZE,
                     "no window shows it: 0 %s in all", energy_terms[t].what);
    }
    fit->standing.value = standing_of(s.value, f->n_threads);
    say_mixed(fit, s.own);
    for (int i = 0; i < f->n_rows; i++) {
        double off = joules_of(s.value, f->rows[i].amount) /
                     f->rows[i].joules - 1;
        square += off * off / f->n_rows;
    }
    fit->residual = sqrt(square);
    return STATUS_OK;
}

/* ---- without one kernel ---- */

/* True: every term that a window left out shows stands on its own. */
static bool predictable(const struct fitter *f, const double *own)
{
    for (int i = 0; i < f->n_rows; i++)
        for (int t = 0; t < ENERGY_TERM_COUNT; t++)
            if (!f->times[i] && f->rows[i].amount[t] > 0 && own[t] < least_own)
                return false;
    return true;
}

static void predict(struct energy_held_out *held, const struct fitter *f,
                    const double *value)
{
    double predicted = 0, measured = 0;

    for (int i = 0; i < f->n_rows; i++)
        if (!f->times[i]) {
            predicted += joules_of(value, f->rows[i].amount);
            measured += f->rows[i].joules;
        }
    held->known = true;
    held->error = predicted / measured - 1;
}

static enum status fit_without(struct energy_fit *fit, const struct fitter *f,
                               int kernel, struct error *err)
{
    struct energy_held_out *held = &fit->held_out[kernel];
    struct solution s;

    for (int i = 0; i < f->n_rows; i++) {
        f->times[i] = f->rows[i].kernel != kernel;
        held->n_rows += !f->times[i];
    }
    if (held->n_rows == 0 || held->n_rows == f->n_rows)
        return STATUS_OK;
    enum status status = solve(&s, f, true, err);
    if (status != STATUS_OK)
        return status;
    for (int t = 0; t < ENERGY_TERM_COUNT; t++)
        if (s.own[t] >= least_own)
            widen(&fit->term[t], s.value[t]);
    if (s.own[ENERGY_IDLE] >= least_own && s.own[ENERGY_AWAKE] >= least_own)
        widen(&fit->standing, standing_of(s.value, f->n_threads));
    if (predictable(f, s.own))
        predict(held, f, s.value);
    return STATUS_OK;
}

/* ---- resampled ---- */

/* As many windows of each kernel as there are, drawn with replacement. */
static void draw(const struct fitter *f, int *of_kernel, struct random *random)
{
    memset(f->times, 0, (size_t)f->n_rows * sizeof *f->times);
    for (int k = 0; k < f->n_kernels; k++) {
        int n = 0;
        for (int i = 0; i < f->n_rows; i++)
            if (f->rows[i].kernel == k)
                of_kernel[n++] = i;
        for (int i = 0; i < n; i++)
            f->times[of_kernel[random_below(random, (uint32_t)n)]]++;
    }
}

/* Draws from n windows vary less than windows do, by sqrt((n - 1) / n); n: of
 * the kernel that has fewest. */
static double stretch_of(const struct fitter *f)
{
    int n[ENERGY_KERNEL_MAX] = { 0 }, least = 0;

    for (int i = 0; i < f->n_rows; i++)
        n[f->rows[i].kernel]++;
    for (int k = 0; k < f->n_kernels; k++)
        if (n[k] > 1 && (least == 0 || n[k] < least))
            least = n[k];
    return least ? sqrt(least / (least - 1.0)) : 1;
}

/* The middle 95 % of n values, which are sorted in place, stretched away from
 * the coefficient. */
static void middle(struct energy_coefficient *c, double *value, int n,
                   double stretch)
{
    double low, high;

    stats_middle(value, (size_t)n, &low, &high);
    c->low = fmax(c->value - stretch * (c->value - low), 0);
    c->high = c->value + stretch * (high - c->value);
    widen(c, c->value);
}

static enum status resample(struct energy_fit *fit, const struct fitter *f,
                            uint64_t seed, int n, struct error *err)
{
    /* sample[term][r], the standing watts after the terms */
    double *sample = calloc((size_t)n * (ENERGY_TERM_COUNT + 1),
                            sizeof *sample);
    struct random random = random_seeded(seed);
    double stretch = stretch_of(f);
    enum status status = STATUS_OK;
    struct solution s;

    if (!sample)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d fits", n);
    for (int r = 0; status == STATUS_OK && r < n; r++) {
        draw(f, f->times + f->n_rows, &random);
        status = solve(&s, f, false, err);
        for (int t = 0; t < ENERGY_TERM_COUNT; t++)
            sample[t * n + r] = s.value[t];
        sample[ENERGY_TERM_COUNT * n + r] = standing_of(s.value, f->n_threads);
    }
    for (int t = 0; status == STATUS_OK && t < ENERGY_TERM_COUNT; t++)
        middle(&fit->term[t], sample + t * n, n, stretch);
    if (status == STATUS_OK)
        middle(&fit->standing, sample + ENERGY_TERM_COUNT * n, n, stretch);
    free(sample);
    return status;
}

/* ---- what it is worth ---- */

static void judge(struct energy_coefficient *c)
{
    if (c->reason[0])
        return;
    if (!(c->value > 0))
        snprintf(c->reason, sizeof c->reason, "at its bound of 0: too small "
                 "to see beside the rest");
    else if (!(c->low > 0))
        snprintf(c->reason, sizeof c->reason, "its interval reaches 0: too "
                 "small to see beside the noise");
    c->resolved = !c->reason[0];
}

static void judge_all(struct energy_fit *fit)
{
    const char *idle = fit->term[ENERGY_IDLE].reason;
    const char *awake = fit->term[ENERGY_AWAKE].reason;

    /* Before the terms are judged: one that is merely small can be added, one
     * that was never seen cannot. */
    snprintf(fit->standing.reason, ENERGY_REASON_SIZE, "%s",
             idle[0] ? idle : awake);
    judge(&fit->standing);
    for (int t = 0; t < ENERGY_TERM_COUNT; t++)
        judge(&fit->term[t]);
    for (int k = 0; k < fit->n_kernels; k++)
        if (fit->held_out[k].known) {
            fit->n_held_out++;
            fit->worst_held_out = fmax(fit->worst_held_out,
                                       fabs(fit->held_out[k].error));
        }
}

enum status energy_fit(struct energy_fit *out, const struct energy_row *rows,
                       int n_rows, const struct energy_fit_options *o,
                       struct error *err)
{
    *out = (struct energy_fit){ .n_rows = n_rows, .n_kernels = o->n_kernels };
    if (o->n_kernels < 1 || o->n_kernels > ENERGY_KERNEL_MAX)
        return error_set(err, STATUS_BAD_VALUE, "%d kernels: allowed are 1 to "
                         "%d", o->n_kernels, ENERGY_KERNEL_MAX);
    struct fitter f = { rows, n_rows, o->n_kernels, o->n_threads,
                        calloc(2 * (size_t)n_rows + 1, sizeof *f.times) };
    if (!f.times)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d windows",
                         n_rows);
    enum status status = check_rows(rows, n_rows, o->n_kernels, err);
    if (status == STATUS_OK)
        status = fit_all(out, &f, err);
    if (status == STATUS_OK)
        status = resample(out, &f, o->seed, o->n_resamples > 0
                          ? o->n_resamples : DEFAULT_RESAMPLES, err);
    for (int k = 0; status == STATUS_OK && k < o->n_kernels; k++)
        status = fit_without(out, &f, k, err);
    if (status == STATUS_OK)
        judge_all(out);
    free(f.times);
    return status;
}
