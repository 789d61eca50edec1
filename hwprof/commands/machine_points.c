/* machine_points.c - Make curves of the rates that ops reached. */
#include "hwprof/commands/machine_points.h"

#include <math.h>

#include "sim/core/base/stats.h"
#include "sim/price/flops.h"

void machine_points_curve(struct config_real_list *out,
                          const struct machine_points *points, enum work work)
{
    enum { DECADES = 13, A_DECADE = 2, ROWS_A_DECADE = 24 };
    const bool by_rows = work == WORK_FEW || work == WORK_STORED8 ||
                         work == WORK_STORED4;
    const int fine = by_rows ? ROWS_A_DECADE : A_DECADE;
    const int first = by_rows ? 0 : 2 * fine;

    out->n = 0;
    for (int bin = first; bin <= DECADES * fine; bin++) {
        double share[MACHINE_POINTS_MAX], size = 0;
        size_t n = 0;
        for (int i = 0; i < points->n; i++)
            if (lround(fine * log10(points->size[i])) == bin) {
                share[n++] = points->share[i];
                size += log(points->size[i]);
            }
        if (n == 0)
            continue;
        out->value[out->n++] = exp(size / (double)n);
        out->value[out->n++] = stats_median(share, n);
    }
}

/* How far the rates of shapes that differ in their heads alone are from D / (D +
 * half), as the spread of the logarithms. */
static double misfit(const struct machine_points *points, double half)
{
    double sum = 0, squares = 0;
    int n = 0;

    for (int i = 0; i < points->n; i++) {
        if (!points->heads_vary[i])
            continue;
        const double x = log(points->share[i] * (points->head[i] + half) /
                             points->head[i]);
        sum += x;
        squares += x * x;
        n++;
    }
    return n ? squares - sum * sum / n : 0;
}

struct machine_range machine_points_half(const struct machine_points *points)
{
    static const double most = 64, step = 0.25;
    struct machine_range out = { 0, 0, 0, false };
    double least = misfit(points, 0);

    for (int i = 1; i * step <= most; i++) {
        const double half = i * step, here = misfit(points, half);
        if (here < least) {
            least = here;
            out = (struct machine_range){ half, half, half, false };
        }
    }
    while (out.low > 0 && misfit(points, out.low) < 2 * least)
        out.low -= step;
    while (out.high < most && misfit(points, out.high) < 2 * least)
        out.high += step;
    return out;
}

void machine_points_level(struct machine_points *points, double half)
{
    for (int i = 0; i < points->n; i++) {
        const double head = points->head[i];
        points->share[i] = fmin(1, points->share[i] * (head + half) / head);
    }
}

/* ---- queries ---- */

enum { HEAD, FLOP, SHORT, UNKNOWNS };
struct squares { double left[UNKNOWNS][UNKNOWNS], right[UNKNOWNS]; };

static double head_flops(const struct machine_points *p, int i)
{
    return p->size[i] / p->heads[i];
}

static double head_seconds(const struct machine_points *p, int i)
{
    return head_flops(p, i) / p->share[i];
}

/* Sums over the shapes that differ in heads and keys, but for one. */
static struct squares squares_of(const struct machine_points *p, int without)
{
    struct squares s = { { { 0 } }, { 0 } };

    for (int i = 0; i < p->n; i++) {
        if (!p->heads_vary[i] || p->shape[i] == without)
            continue;
        const double flops = head_flops(p, i), seconds = head_seconds(p, i);
        const double x[UNKNOWNS] = { 1 / seconds, flops / seconds,
                                     flops / p->head[i] / seconds };
        for (int a = 0; a < UNKNOWNS; a++) {
            for (int b = 0; b < UNKNOWNS; b++)
                s.left[a][b] += x[a] * x[b];
            s.right[a] += x[a];
        }
    }
    return s;
}

/* Gauss, Jordan; an unknown that `used` leaves out is 0, and so is one that the
 * sums do not tell from others. */
static void solve(double out[UNKNOWNS], struct squares s,
                  const bool used[UNKNOWNS])
{
    for (int a = 0; a < UNKNOWNS; a++) {
        const double pivot = s.left[a][a];
        if (!used[a] || !(pivot > 0)) {
            s.right[a] = 0;
            for (int b = 0; b < UNKNOWNS; b++)
                s.left[b][a] = 0;
            continue;
        }
        for (int b = 0; b < UNKNOWNS; b++)
            s.left[a][b] /= pivot;
        s.right[a] /= pivot;
        for (int b = 0; b < UNKNOWNS; b++) {
            const double factor = b == a ? 0 : s.left[b][a];
            for (int c = 0; c < UNKNOWNS; c++)
                s.left[b][c] -= factor * s.left[a][c];
            s.right[b] -= factor * s.right[a];
        }
    }
    for (int a = 0; a < UNKNOWNS; a++)
        out[a] = used[a] ? s.right[a] : 0;
}

/* What would be below 0 is left out. */
static void fit_query(double *half, double *seconds,
                      const struct machine_points *p, int without)
{
    const struct squares s = squares_of(p, without);
    bool used[UNKNOWNS] = { true, true, true };
    double x[UNKNOWNS];

    for (int times = 0; times < UNKNOWNS; times++) {
        solve(x, s, used);
        for (int a = 0; a < UNKNOWNS; a++)
            used[a] &= a == FLOP || x[a] > 0;
    }
    *half = x[FLOP] > 0 ? x[SHORT] / x[FLOP] : 0;
    *seconds = x[HEAD];
}

static void widen(struct machine_range *range, double value)
{
    range->low = fmin(range->low, value);
    range->high = fmax(range->high, value);
}

static void take_off(struct machine_points *p, double half, double seconds)
{
    static const double least_rest = 0.25;
    int n = 0;

    for (int i = 0; i < p->n; i++) {
        const double all = head_seconds(p, i), rest = all - seconds;
        if (rest < least_rest * all)
            continue;
        p->share[n] = p->share[i] * all / rest * (p->head[i] + half) / p->head[i];
        p->size[n] = p->size[i];
        p->seconds[n] = p->seconds[i];
        p->head[n] = p->head[i];
        p->heads[n] = p->heads[i];
        p->heads_vary[n] = p->heads_vary[i];
        p->shape[n++] = p->shape[i];
    }
    p->n = n;
}

struct machine_query machine_points_query(struct machine_points *points)
{
    enum { NONE = -1 };
    double half, seconds;

    fit_query(&half, &seconds, points, NONE);
    struct machine_query out = { { half, half, half, false },
                                 { seconds, seconds, seconds, false } };
    for (int i = 0; i < points->n; i++) {
        double less_half, less_seconds;
        if (!points->heads_vary[i])
            continue;
        fit_query(&less_half, &less_seconds, points, points->shape[i]);
        widen(&out.half, less_half);
        widen(&out.head_seconds, less_seconds);
    }
    take_off(points, half, seconds);
    return out;
}

struct machine_range machine_points_scatter(
    const struct machine_points of[WORK_COUNT], const struct machine *machine)
{
    double took[MACHINE_SHAPES_MAX] = { 0 }, priced[MACHINE_SHAPES_MAX] = { 0 };
    double ratio[MACHINE_SHAPES_MAX];
    size_t n = 0;

    for (int w = 0; w < WORK_COUNT; w++)
        for (int i = 0; i < of[w].n && w != WORK_VECTOR; i++) {
            const struct machine_points *p = &of[w];
            const struct flops_size size = { .flops = p->size[i],
                                             .rows = p->size[i],
                                             .sequences = 1 };
            took[p->shape[i]] += p->seconds[i];
            priced[p->shape[i]] += p->seconds[i] * p->share[i] /
                machine_efficiency(machine, (enum work)w, &size);
        }
    for (int s = 0; s < MACHINE_SHAPES_MAX; s++)
        if (took[s] > 0)
            ratio[n++] = priced[s] / took[s];
    if (n == 0)
        return (struct machine_range){ 1, 1, 1, false };
    /* A busy machine may have kept a step for longer than a profile can say. */
    double low = fmax(MACHINE_SCALE_LEAST, stats_quantile(ratio, n, 0.1));
    double high = fmin(MACHINE_SCALE_MOST, stats_quantile(ratio, n, 0.9));
    return (struct machine_range){ 1, fmin(1, low), fmax(1, high), false };
}
